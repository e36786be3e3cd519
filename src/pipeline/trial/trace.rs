//! What happened in a test, in a few lines: events, how near to firing the rules came, and which
//! part of a predicate said no.

use super::Trial;
use crate::event::text::{escape, escape_cut};
use crate::rules::{PartKind, Role, Rule, Truth};
use crate::windows::WindowSpec;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Keys and rules shown at most.
const SHOWN_MAX: usize = 4;

/// The newest candidates whose keys are looked at.
const CANDIDATES_LOOKED_AT_MAX: usize = 2_000;

/// How much a window needs to fire, where that is a number of something.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn needed(window: &WindowSpec) -> Option<f64> {
    match window {
        WindowSpec::Count { n, .. }
        | WindowSpec::Distinct { n, .. }
        | WindowSpec::Consecutive { n }
        | WindowSpec::Ratio { at_least: n, .. } => Some(*n as f64),
        WindowSpec::Sum { at_least, .. } => Some(*at_least),
        WindowSpec::Leaky { capacity, .. } => Some((*capacity + 1) as f64),
        WindowSpec::Sequence { steps, .. } => Some(f64::from(*steps)),
        WindowSpec::Each | WindowSpec::Absent { .. } => None,
    }
}

impl Trial {
    /// What happened, as far as it concerns these rules.
    pub(super) fn story(&self, concerns: &dyn Fn(&str) -> bool) -> Vec<String> {
        let mut lines = vec![self.fed_words()];
        let rules: Vec<(u32, &Rule)> =
            (0_u32..).zip(self.rules.rules()).filter(|(_, rule)| concerns(&rule.name)).collect();
        let mut near = self.levels(&rules);
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        let more = near.len().saturating_sub(SHOWN_MAX);
        lines.extend(near.into_iter().take(SHOWN_MAX).map(|(_, line)| line));
        if more > 0 {
            lines.push(format!("… and {more} more keys"));
        }
        let met: BTreeSet<u32> = self.met.iter().map(|(rule, _)| *rule).collect();
        let unmet = rules.iter().filter(|(place, _)| !met.contains(place));
        lines.extend(unmet.filter_map(|(place, rule)| self.unmet(*place, rule)).take(SHOWN_MAX));
        lines
    }

    fn fed_words(&self) -> String {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for event in &self.events {
            *kinds.entry(event.kind.name()).or_default() += 1;
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let mut words = match kinds.as_slice() {
            [] => "no events were fed".to_owned(),
            kinds => format!("events fed: {}", kinds.join(", ")),
        };
        if self.unparsed > 0 {
            write!(words, "; {} lines didn't parse", self.unparsed).ok();
        }
        write!(words, "; now {}", self.now).ok();
        words
    }

    /// How near each key came, as a share of what its rule needs.
    fn levels(&self, rules: &[(u32, &Rule)]) -> Vec<(f64, String)> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for (place, event) in self.met.iter().rev().take(CANDIDATES_LOOKED_AT_MAX) {
            let Some((_, rule)) = rules.iter().find(|(other, _)| other == place) else { continue };
            let Some(needed) = needed(&rule.window) else { continue };
            let Some((key, level)) = self.core.level_of(*place, event) else { continue };
            if !seen.insert((*place, key.as_bytes().to_vec())) {
                continue;
            }
            let key = key.to_string();
            let fired = self.hits.iter().filter(|hit| hit.rule == rule.name && *hit.key == *key);
            let mut line = format!(
                "`{}`: {} of {needed} ({}) for {}",
                rule.name,
                level.count,
                rule.window_words(),
                escape_cut(key.as_bytes(), 100)
            );
            match fired.count() {
                0 => {}
                1 => line.push_str(", after a firing"),
                n => write!(line, ", after {n} firings").unwrap_or_default(),
            }
            #[expect(clippy::cast_precision_loss, reason = "an order for people")]
            found.push((level.count as f64 / needed.max(1.0), line));
        }
        found
    }

    /// Why the newest event of a rule's kinds didn't meet its predicate.
    fn unmet(&self, place: u32, rule: &Rule) -> Option<String> {
        let listens = |kind| rule.kinds.is_empty() || rule.kinds.contains(kind);
        let event = self.events.iter().rev().find(|event| listens(&event.kind));
        let Some(event) = event else {
            let kinds: Vec<&str> = rule.kinds.iter().map(crate::event::Kind::name).collect();
            return Some(format!("`{}`: no event of kind {} came", rule.name, kinds.join(", ")));
        };
        let parts = self.rules.parts(place)?;
        let when = parts.predicates().iter().find(|predicate| predicate.role == Role::When)?;
        let judged = parts.judge(event);
        let (part, judged) = when
            .parts
            .clone()
            .filter_map(|place| Some((parts.parts().get(place)?, judged.get(place)?)))
            .find(|(part, judged)| {
                part.kind == PartKind::Test && matches!(judged.truth, Truth::False | Truth::Absent)
            })?;
        let mut line = format!(
            "`{}`: no event met its predicate; of the last, `{}` was false",
            rule.name,
            escape(&part.text)
        );
        if let Some(looked) = judged.values.first() {
            write!(line, " ({})", looked.to_text()).ok();
        }
        Some(line)
    }
}
