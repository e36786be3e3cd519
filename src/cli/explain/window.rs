//! A rule's window in words: what it holds before and after the event, and what it still takes.

use crate::clock::{Timestamp, format_duration};
use crate::rules::Rule;
use crate::windows::{EACH_COOLDOWN, Level, WindowSpec};
use serde_json::{Value as Json, json};

/// The window before and after, and what it still takes; one sentence each.
pub(super) fn words(rule: &Rule, before: Level, after: Level, fired: Option<u64>) -> Vec<String> {
    let mut out = Vec::new();
    if let (Some(until), None) = (before.resting_until, fired) {
        out.push(format!("it fired for this key before and rests until {until}: not counted"));
        return out;
    }
    if rule.window == WindowSpec::Each {
        let rest = rule.cooldown.unwrap_or(EACH_COOLDOWN);
        out.push(format!("each match fires; then its key rests for {}", format_duration(rest)));
    }
    match (held(rule, before), held(rule, after), fired) {
        (Some(before), _, Some(count)) => {
            out.push(format!("{before} → {count}: fires, which empties it"));
        }
        (Some(before), Some(after), None) => out.push(format!("{before} → {after}")),
        _ => {}
    }
    out.extend(lacks(rule, before, after).filter(|_| fired.is_none()));
    out
}

/// What a window holds, in words; none for a kind that holds nothing.
fn held(rule: &Rule, level: Level) -> Option<String> {
    let count = level.count;
    Some(match rule.window {
        WindowSpec::Each => return None,
        WindowSpec::Count { n, .. } => format!("{count} of {n}"),
        WindowSpec::Distinct { n, .. } => format!("{count} different of {n}"),
        WindowSpec::Sum { at_least, .. } => format!("a sum of {count} of {at_least}"),
        WindowSpec::Leaky { capacity, .. } => format!("{count} in a bucket of {capacity}"),
        WindowSpec::Consecutive { n } => format!("{count} in a row of {n}"),
        WindowSpec::Sequence { steps, .. } => format!("{count} of {steps} steps"),
        WindowSpec::Absent { .. } => format!("seen {count} times"),
        WindowSpec::Ratio { .. } => {
            let all = level.of.unwrap_or(0);
            let share = if all > 0 { count as f64 * 100.0 / all as f64 } else { 0.0 };
            format!("{count} of {all} ({share:.0} %)")
        }
    })
}

/// What it takes until it fires.
fn lacks(rule: &Rule, before: Level, after: Level) -> Option<String> {
    let more = |n: u64| n.saturating_sub(after.count);
    let until = |within: std::time::Duration| match after.first {
        Some(first) => format!("; the oldest counts until {}", first.plus(within)),
        None => String::new(),
    };
    Some(match rule.window {
        WindowSpec::Each => return None,
        WindowSpec::Count { n, within } if after.count == before.count && after.count < n => {
            format!("it came too late to count, more than {} after others", format_duration(within))
        }
        WindowSpec::Count { n, within } => {
            format!(
                "fires with {} more within {}{}",
                more(n),
                format_duration(within),
                until(within)
            )
        }
        WindowSpec::Distinct { n, within } => format!(
            "fires with {} more different ones within {}{}",
            more(n),
            format_duration(within),
            until(within)
        ),
        WindowSpec::Sum { at_least, within } => format!(
            "fires with {} more within {}",
            (at_least - after.count as f64).max(0.0),
            format_duration(within)
        ),
        WindowSpec::Leaky { capacity, leak_every } => format!(
            "fires with {} more before one leaks; one leaks every {}",
            more(capacity) + 1,
            format_duration(leak_every)
        ),
        WindowSpec::Consecutive { n } if after.count == 0 => {
            format!("the row was broken; fires with {n} in a row")
        }
        WindowSpec::Consecutive { n } => format!("fires with {} more in a row", more(n)),
        WindowSpec::Sequence { steps, within } => format!(
            "fires with {} in order within {}{}",
            match more(u64::from(steps)) {
                1 => "the last step".to_owned(),
                steps => format!("{steps} more steps"),
            },
            format_duration(within),
            until(within)
        ),
        WindowSpec::Absent { after } => {
            format!("fires when this key is silent for {}", format_duration(after))
        }
        WindowSpec::Ratio { share, at_least, within } => format!(
            "fires from a share of {:.0} % of at least {at_least} within {}",
            share * 100.0,
            format_duration(within)
        ),
    })
}

/// What a window holds as JSON.
pub(super) fn level_json(level: Level) -> Json {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "count": level.count,
        "of": level.of,
        "first": time(level.first),
        "resting_until": time(level.resting_until),
    })
}
