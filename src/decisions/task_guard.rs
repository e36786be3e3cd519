//! The guard of what rules do once at Cloudflare: how often within a day a rule may empty a cache, or
//! set and remove the same record.
//!
//! In: tasks, and the time. Out: why not. Pure: what it remembers is made again from the outbox at
//! start. Two rules that set a record against each other are seen, as what was set last is
//! remembered by record.

use super::cloudflare_task::CloudflareTask;
use super::model::RuleName;
use crate::clock::Timestamp;
use crate::limits::CHANGE_GUARD_PLACES_MAX;
use std::collections::BTreeMap;

/// What a task is about, and what becomes of that.
type About = (String, Option<String>);

/// What is remembered of a record or a cache.
#[derive(Debug, Clone, Default)]
struct Known {
    /// What a record was set to last.
    value: Option<String>,
    /// Who changed it, and when, within the last day.
    starts: Vec<(RuleName, Timestamp)>,
}

/// Remembers who did what once, and how often.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskGuard {
    known: BTreeMap<String, Known>,
}

/// `None` for what only the share of an hour bounds.
fn about(zone: &str, task: &CloudflareTask) -> Option<About> {
    match task {
        CloudflareTask::DnsSet { name, kind, content, create, .. } => {
            // Making a record is more than setting one that is there.
            let how = if *create { "make" } else { "set" };
            Some((format!("{kind} `{name}`"), Some(format!("{how} {content}"))))
        }
        CloudflareTask::DnsDelete { name, kind, content } => {
            let content = content.as_deref().unwrap_or_default();
            Some((format!("{kind} `{name}`"), Some(format!("remove {content}"))))
        }
        CloudflareTask::Purge(what) if what.everything => {
            Some((format!("the whole cache of `{zone}`"), None))
        }
        CloudflareTask::Purge(_)
        | CloudflareTask::Warm { .. }
        | CloudflareTask::KvPut { .. }
        | CloudflareTask::KvDelete { .. } => None,
    }
}

impl TaskGuard {
    /// Whether rules set the record to the same last: a look and no change, unless somebody else
    /// changed it meanwhile.
    pub(super) fn repeats(&self, zone: &str, task: &CloudflareTask) -> bool {
        about(zone, task).is_some_and(|(place, value)| {
            value.is_some() && self.known.get(&place).is_some_and(|known| known.value == value)
        })
    }

    /// Why a rule can't do it, when it may do so `most` times within a day.
    pub(super) fn refusal(
        &self,
        rule: &RuleName,
        (zone, task): (&str, &CloudflareTask),
        most: u32,
    ) -> Option<String> {
        let (place, _) = about(zone, task)?;
        let Some(known) = self.known.get(&place) else {
            return (self.known.len() >= CHANGE_GUARD_PLACES_MAX).then(|| {
                format!(
                    "more than {CHANGE_GUARD_PLACES_MAX} records were set by rules within a day"
                )
            });
        };
        let times = known.starts.iter().filter(|(by, _)| by == rule).count();
        (times >= usize::try_from(most).unwrap_or(usize::MAX)).then(|| {
            format!(
                "it changed {place} {times} times within a day; a person has to decide (`guard.tasks_per_day`)"
            )
        })
    }

    /// Remembers what passed.
    pub(super) fn book(
        &mut self,
        rule: &RuleName,
        (zone, task): (&str, &CloudflareTask),
        now: Timestamp,
    ) {
        if let Some((place, value)) = about(zone, task) {
            let known = self.known.entry(place).or_default();
            known.value = value;
            known.starts.push((RuleName::clone(rule), now));
        }
    }

    /// Forgets what was before `day`.
    pub(super) fn forget_before(&mut self, day: Timestamp) {
        self.known.retain(|_, known| {
            known.starts.retain(|(_, start)| *start > day);
            !known.starts.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Timestamp;
    use crate::decisions::config::GuardConfig;
    use crate::decisions::{
        ChangeGuard, CloudflareAsk, CloudflareTask, CloudflareWhat, PurgeWhat, Verdict,
    };

    struct Bench(ChangeGuard, GuardConfig);

    impl Bench {
        fn new() -> Self {
            Self(ChangeGuard::default(), GuardConfig::default())
        }

        fn at(&mut self, secs: i64, rule: &str, task: CloudflareTask) -> Verdict {
            let (zone, now) = ("example.com".to_owned(), Timestamp::from_secs(secs));
            let ask = CloudflareAsk { zone, via: None, what: CloudflareWhat::Once { task } };
            self.0.judge(&rule.into(), ask, now, now, &self.1).verdict
        }
    }

    fn set(content: &str) -> CloudflareTask {
        CloudflareTask::DnsSet {
            name: "home.example.com".to_owned(),
            kind: "A".to_owned(),
            content: content.to_owned(),
            create: false,
            ttl: None,
            proxied: false,
        }
    }

    fn purge(everything: bool) -> CloudflareTask {
        let files = vec!["https://example.com/".to_owned()];
        CloudflareTask::Purge(PurgeWhat { everything, files, ..PurgeWhat::default() })
    }

    fn is_refused(verdict: &Verdict, word: &str) -> bool {
        matches!(verdict, Verdict::Refused(why) if why.contains(word))
    }

    #[test]
    fn everything_is_purged_so_often_a_day() {
        let mut bench = Bench::new();
        bench.1.tasks_per_day = 2;
        assert_eq!(bench.at(0, "r", purge(true)), Verdict::Pass);
        assert_eq!(bench.at(10_000, "r", purge(true)), Verdict::Pass);
        assert!(is_refused(&bench.at(20_000, "r", purge(true)), "tasks_per_day"));
        assert_eq!(bench.at(20_000, "r", purge(false)), Verdict::Pass, "a page is less");
        assert_eq!(bench.at(90_000, "r", purge(true)), Verdict::Pass, "a day later");
    }

    #[test]
    fn what_is_done_once_has_its_share_of_the_hour() {
        let mut bench = Bench::new();
        bench.1.changes_per_hour = 1;
        bench.1.tasks_per_hour = 2;
        assert_eq!(bench.at(0, "r", purge(false)), Verdict::Pass);
        assert_eq!(bench.at(0, "r", set("192.0.2.1")), Verdict::Pass);
        assert_eq!(bench.at(0, "r", purge(false)), Verdict::Pass, "a share of its own");
        assert!(is_refused(&bench.at(1, "r", set("192.0.2.2")), "changes_per_hour"));
        assert!(is_refused(&bench.at(1, "r", purge(false)), "share"));
        assert_eq!(bench.at(1, "other", purge(false)), Verdict::Pass);
        assert_eq!(bench.at(3_700, "r", purge(false)), Verdict::Pass);
    }

    #[test]
    fn the_same_address_all_day_is_no_change_and_rules_against_each_other_are() {
        let mut bench = Bench::new();
        for look in 0..288 {
            assert_eq!(bench.at(look * 300, "home", set("192.0.2.1")), Verdict::Pass);
        }
        bench.1.tasks_per_day = 3;
        let (mut bench, config) = (Bench::new(), bench.1);
        bench.1 = config;
        for turn in 0..3 {
            assert_eq!(bench.at(turn * 600, "a", set("192.0.2.1")), Verdict::Pass);
            assert_eq!(bench.at(turn * 600, "b", set("192.0.2.2")), Verdict::Pass);
        }
        assert!(is_refused(
            &bench.at(6_000, "a", set("192.0.2.1")),
            "A `home.example.com` 3 times"
        ));
    }

    #[test]
    fn what_was_done_in_an_earlier_run_counts() {
        let mut bench = Bench::new();
        bench.1.tasks_per_day = 1;
        let what = CloudflareWhat::Once { task: purge(true) };
        let ask = CloudflareAsk { zone: "example.com".to_owned(), via: None, what };
        let at = Timestamp::from_secs(0);
        bench.0.remember(&"r".into(), &ask, at, at);
        assert!(is_refused(&bench.at(60, "r", purge(true)), "tasks_per_day"));
    }
}
