//! The first days of a new install: rules that only attackers trip enforce, briefly; the others
//! watch, and then it is told what they would have done.
//!
//! In: when it was installed, and what rules propose. Out: whether and how a proposal is held, and
//! the report. It ends by its time or by `riposte arm`, and does not begin again.

use super::config::GuardConfig;
use super::model::{Decision, Target};
use crate::clock::{Timestamp, format_duration};
use crate::limits::FIRST_DAYS_TARGETS_MAX;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The first days, and what was seen in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstDays {
    /// Until when they last; `None` where they are over or never were (a test, a replay).
    until: Option<Timestamp>,
    rules: BTreeMap<String, Seen>,
}

/// What a rule proposed meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    decisions: u64,
    /// The first `limits::FIRST_DAYS_TARGETS_MAX`.
    targets: BTreeSet<Target>,
}

/// What the first days make of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Nothing: they are over, or do not apply.
    Not,
    /// It may be enforced, but no longer than until then.
    AtMost(Timestamp),
    /// It is only noted, for this reason.
    Shadow(String),
}

/// What the rules in shadow would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// A line for each rule, by name.
    pub rules: Vec<RuleReport>,
}

/// What one rule would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// Its name.
    pub rule: String,
    /// How many decisions it proposed.
    pub decisions: u64,
    /// Against how many targets; counted up to `limits::FIRST_DAYS_TARGETS_MAX`.
    pub targets: usize,
    /// The first few of them.
    pub examples: Vec<Target>,
}

impl FirstDays {
    /// The first days of an install at `installed`.
    pub fn begin(installed: Timestamp, config: &GuardConfig) -> Self {
        Self {
            until: (!config.first_days.is_zero()).then(|| installed.plus(config.first_days)),
            rules: BTreeMap::new(),
        }
    }

    /// Until when they last; `None` when they are over.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// What becomes of a rule's proposal at `now`; `certain` where only attackers trip the rule.
    pub fn hold(
        &mut self,
        decision: &Decision,
        certain: bool,
        now: Timestamp,
        config: &GuardConfig,
    ) -> Held {
        let Some(until) = self.until.filter(|until| *until > now) else {
            return Held::Not;
        };
        if certain {
            return Held::AtMost(decision.from.plus(config.first_days_block));
        }
        let seen = self.rules.entry(decision.rule.to_string()).or_default();
        seen.decisions += 1;
        if seen.targets.len() < FIRST_DAYS_TARGETS_MAX {
            seen.targets.insert(decision.target.clone());
        }
        Held::Shadow(format!(
            "first days, for {} more; `riposte arm` ends them",
            format_duration(until.since(now))
        ))
    }

    /// Ends them when their time is up, and returns the report; `None` at any other time.
    pub fn tick(&mut self, now: Timestamp) -> Option<Report> {
        if self.until.is_some_and(|until| until <= now) {
            return Some(self.end());
        }
        None
    }

    /// Ends them now (`riposte arm`), and returns the report; `None` where they were over.
    pub fn arm(&mut self) -> Option<Report> {
        self.until.is_some().then(|| self.end())
    }

    /// What the rules in shadow would have done so far.
    pub fn report(&self) -> Report {
        let rules = self.rules.iter().map(|(rule, seen)| RuleReport {
            rule: rule.clone(),
            decisions: seen.decisions,
            targets: seen.targets.len(),
            examples: seen.targets.iter().take(5).cloned().collect(),
        });
        Report { rules: rules.collect() }
    }

    fn end(&mut self) -> Report {
        let report = self.report();
        *self = Self::default();
        report
    }
}

impl Report {
    /// The report in words.
    pub fn words(&self) -> String {
        if self.rules.is_empty() {
            return "the first days are over: all rules enforce; none that was watched would have blocked anybody".to_owned();
        }
        let lines: Vec<String> = self
            .rules
            .iter()
            .map(|rule| {
                let examples: Vec<String> = rule.examples.iter().map(Target::to_string).collect();
                format!(
                    "`{}` would have made {} decisions against {} targets ({})",
                    rule.rule,
                    rule.decisions,
                    rule.targets,
                    examples.join(", ")
                )
            })
            .collect();
        format!("the first days are over: all rules enforce; meanwhile {}", lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::testing::{block, secs};
    use std::time::Duration;

    #[test]
    fn they_watch_then_report_once_and_never_begin_again() {
        let config = GuardConfig::default();
        let mut days = FirstDays::begin(secs(0), &config);
        let one = block("203.0.113.9", 10, Some(100));
        let hour = Held::AtMost(secs(10 + 3_600));
        assert_eq!(days.hold(&one, true, secs(10), &config), hour);
        let held = days.hold(&one, false, secs(10), &config);
        assert!(matches!(&held, Held::Shadow(why) if why.contains("23h59m")), "{held:?}");
        days.hold(&block("203.0.113.10", 11, None), false, secs(11), &config);
        assert_eq!(days.tick(secs(86_399)), None);
        let report = days.tick(secs(86_400)).unwrap();
        assert_eq!(report.rules.len(), 1);
        assert_eq!((report.rules[0].decisions, report.rules[0].targets), (2, 2));
        assert!(report.words().contains("`test-rule` would have made 2 decisions"));
        assert_eq!(days.tick(secs(86_401)), None);
        assert_eq!(days.hold(&one, false, secs(5), &config), Held::Not);
        assert_eq!(days.arm(), None);
    }

    #[test]
    fn arming_ends_them_early_and_zero_never_begins() {
        let mut config = GuardConfig::default();
        let mut days = FirstDays::begin(secs(0), &config);
        assert_eq!(days.until(), Some(secs(86_400)));
        assert!(days.arm().unwrap().words().contains("would have blocked"));
        assert_eq!(days.until(), None);
        config.first_days = Duration::ZERO;
        assert_eq!(FirstDays::begin(secs(0), &config).until(), None);
    }
}
