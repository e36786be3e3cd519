//! From what a rule's body asked for to a proposed decision: its name, its end, its reason.
//!
//! In: a hit, one of its asks, and the past. Out: a decision. Depends on events alone, so that live
//! and replay propose the same; the guard judges it afterwards.

use super::ids;
use super::model::{Ask, Decision, DurationAsk, Hit, Remedy, Target};
use super::offences::{Offences, escalate};
use super::prefix_set::canonical;
use crate::clock::format_duration;
use crate::limits::DECISION_REASON_BYTES_MAX;

/// The decision that ask number `ordinal` (from 0) of a hit comes to, and whether an earlier one
/// still stands against its target; `None` where it asks for something else. Counts the offence.
pub fn resolve(
    hit: &Hit,
    ordinal: u32,
    ask: &Ask,
    offences: &mut Offences,
) -> Option<(Decision, bool)> {
    let Ask::Decide { target, remedy, duration, reason, via } = ask else {
        return None;
    };
    let target = match target {
        Target::Net(net) => Target::Net(canonical(*net)),
        other => other.clone(),
    };
    let name = target.to_string();
    let until = |before: u32| match duration {
        DurationAsk::Fixed(duration) => Some(hit.time.plus(*duration)),
        DurationAsk::Escalate { base, max } => Some(hit.time.plus(escalate(*base, *max, before))),
        DurationAsk::Forever => None,
    };
    let (until, stands) = if *remedy == Remedy::Allow {
        (until(offences.before(&name, hit.time)), offences.stands(&name, hit.time))
    } else {
        offences.offend(&name, hit.time, until)
    };
    let decision = Decision {
        id: ids::decision_id(hit.id, ordinal),
        hit: Some(hit.id),
        rule: hit.rule.clone(),
        target,
        remedy: *remedy,
        from: hit.time,
        until,
        reason: cut(reason.clone().unwrap_or_else(|| words(hit))),
        via: via.clone(),
        route: hit.route,
    };
    Some((decision, stands))
}

/// A hit in words, where the rule gives no reason: `wp-login-guessing: 10 in 4m30s`.
fn words(hit: &Hit) -> String {
    let span = hit.last.since(hit.first);
    if span.is_zero() {
        format!("{}: {}", hit.rule, hit.count)
    } else {
        format!("{}: {} in {}", hit.rule, hit.count, format_duration(span))
    }
}

/// The text cut at `limits::DECISION_REASON_BYTES_MAX`, with a mark.
pub(super) fn cut(mut text: String) -> String {
    const MARK: char = '…';
    if text.len() > DECISION_REASON_BYTES_MAX {
        let mut end = DECISION_REASON_BYTES_MAX - MARK.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push(MARK);
    }
    text
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
