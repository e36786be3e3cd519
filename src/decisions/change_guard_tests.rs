//! How often a rule may start a change, and what is left of its share.

use super::*;
use crate::decisions::ChangeKind;
use serde_json::json;

fn ask(value: &str, seconds: u64) -> CloudflareAsk {
    CloudflareAsk {
        zone: "example.com".to_owned(),
        via: None,
        what: CloudflareWhat::Change {
            kind: ChangeKind::Setting,
            name: "security_level".to_owned(),
            value: json!(value),
            seconds,
        },
    }
}

fn seconds(ask: &CloudflareAsk) -> u64 {
    match ask.what {
        CloudflareWhat::Change { seconds, .. } => seconds,
        CloudflareWhat::Once { .. } | CloudflareWhat::End { .. } => 0,
    }
}

struct Bench(ChangeGuard, GuardConfig);

impl Bench {
    fn new() -> Self {
        Self(ChangeGuard::default(), GuardConfig::default())
    }

    fn at(&mut self, secs: i64, value: &str, lasts: u64) -> ChangeVerdict {
        let now = Timestamp::from_secs(secs);
        self.0.judge(&"r".into(), ask(value, lasts), now, now, &self.1)
    }
}

#[test]
fn a_change_lasts_the_least_time_and_what_is_over_is_not_begun() {
    let mut bench = Bench::new();
    let least = bench.1.change_at_least.as_secs();
    let said = bench.at(1_000, "under_attack", 1);
    assert_eq!((said.verdict, seconds(&said.ask)), (Verdict::Pass, least));
    let late = Timestamp::from_secs(9_000);
    let old = Timestamp::from_secs(2_000);
    let said = bench.0.judge(&"s".into(), ask("high", 60), old, late, &bench.1);
    assert_eq!(said.verdict, Verdict::AlreadyOver);
}

#[test]
fn what_a_panic_ended_begins_anew_also_after_a_restart() {
    let at = Timestamp::from_secs;
    let mut guard = ChangeGuard::default();
    guard.remember(&"r".into(), &ask("under_attack", 3_600), at(0), at(0));
    let what = CloudflareWhat::End { number: None, why: "panic".to_owned() };
    let panic = CloudflareAsk { zone: String::new(), via: None, what };
    guard.remember(&"manual".into(), &panic, at(300), at(300));
    let said = guard.judge(
        &"r".into(),
        ask("under_attack", 1_800),
        at(1_200),
        at(1_200),
        &GuardConfig::default(),
    );
    assert_eq!(said.verdict, Verdict::Pass);
}

#[test]
fn going_on_is_no_start_and_the_fourth_start_of_a_day_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(bench.at(0, "under_attack", 3_600).verdict, Verdict::Pass);
    assert_eq!(bench.at(0, "under_attack", 3_600).verdict, Verdict::AlreadyInForce);
    for minute in 1..50 {
        assert_eq!(bench.at(minute * 60, "under_attack", 3_600).verdict, Verdict::Pass);
    }
    assert_eq!(bench.at(20_000, "under_attack", 600).verdict, Verdict::Pass);
    assert_eq!(bench.at(40_000, "under_attack", 600).verdict, Verdict::Pass);
    let Verdict::Refused(why) = bench.at(60_000, "under_attack", 600).verdict else {
        panic!("the fourth start passed");
    };
    assert!(why.contains("a person has to decide"), "{why}");
    assert_eq!(bench.at(90_000, "under_attack", 600).verdict, Verdict::Pass, "a day later");
}

#[test]
fn what_passed_in_an_earlier_run_counts() {
    let mut bench = Bench::new();
    for start in [0, 10_000, 20_000] {
        let at = Timestamp::from_secs(start);
        bench.0.remember(&"r".into(), &ask("under_attack", 600), at, at);
    }
    assert!(matches!(bench.at(30_000, "under_attack", 600).verdict, Verdict::Refused(_)));
    assert_eq!(bench.at(20_100, "under_attack", 100).verdict, Verdict::AlreadyInForce);
}

#[test]
fn a_name_that_was_turned_may_leave_what_has_gone_down_since() {
    let mut bench = Bench::new();
    let mut turn = |secs: i64, target: &str| {
        let what = CloudflareWhat::Change {
            kind: ChangeKind::Records,
            name: "www.example.com".to_owned(),
            value: json!({ "target": target }),
            seconds: 3_600,
        };
        let (now, zone) = (Timestamp::from_secs(secs), "example.com".to_owned());
        let ask = CloudflareAsk { zone, via: None, what };
        bench.0.judge(&"r".into(), ask, now, now, &bench.1).verdict
    };
    for start in [0, 10_000, 20_000] {
        assert_eq!(turn(start, "192.0.2.7"), Verdict::Pass);
    }
    assert_eq!(turn(20_100, "192.0.2.8"), Verdict::Pass, "no start: it is turned already");
    assert!(matches!(turn(30_000, "192.0.2.7"), Verdict::Refused(_)), "the fourth start");
}

#[test]
fn a_rule_has_its_share_of_the_budget() {
    let mut bench = Bench::new();
    bench.1.changes_per_hour = 2;
    let mut zone = |name: &str| {
        let mut ask = ask("high", 600);
        ask.zone = name.to_owned();
        let now = Timestamp::from_secs(1_000);
        bench.0.judge(&"r".into(), ask, now, now, &bench.1).verdict
    };
    assert_eq!(zone("a.example"), Verdict::Pass);
    assert_eq!(zone("b.example"), Verdict::Pass);
    assert!(matches!(zone("c.example"), Verdict::Refused(why) if why.contains("share")));
}
