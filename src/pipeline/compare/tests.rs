//! Pairing of decisions, and what rules say.

use super::*;
use crate::clock::Timestamp;
use crate::decisions::{Decision, DecisionId, Hit, HitId, Remedy, Route, Target};
use crate::event::{Event, Kind};
use crate::rules::{RuleFile, RuleSet, Settings};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn hit(rule: &str, target: &str, second: i64) -> Hit {
    let time = Timestamp::from_secs(second);
    Hit {
        id: HitId(u128::from(second.unsigned_abs())),
        rule: rule.into(),
        key: target.into(),
        ip: None,
        count: 1,
        first: time,
        last: time,
        time,
        event: Arc::new(Event::new(Kind::Http, time)),
        events: Vec::new(),
        route: Route::Unknown,
    }
}

fn note(pairing: &mut Pairing, side: Side, rule: &str, target: &str, second: i64, secs: u64) {
    let hit = hit(rule, target, second);
    let decision = Decision {
        id: DecisionId(1),
        hit: Some(hit.id),
        rule: Arc::clone(&hit.rule),
        target: Target::parse(target).unwrap(),
        remedy: Remedy::Block,
        from: hit.time,
        until: Some(hit.time.plus(Duration::from_secs(secs))),
        reason: "because".into(),
        via: None,
        route: Route::Unknown,
    };
    pairing.note(side, &decision, &hit, "pass");
}

#[test]
fn what_is_added_dropped_moved_and_resized_is_told_apart() {
    let mut pairing = Pairing::default();
    for side in [Side::Before, Side::After] {
        note(&mut pairing, side, "same", "192.0.2.1", 100, 60);
    }
    note(&mut pairing, Side::Before, "moved", "192.0.2.2", 300, 60);
    note(&mut pairing, Side::After, "moved", "192.0.2.2", 200, 60);
    note(&mut pairing, Side::Before, "longer", "192.0.2.3", 400, 60);
    note(&mut pairing, Side::After, "longer", "192.0.2.3", 400, 90);
    note(&mut pairing, Side::Before, "dropped", "192.0.2.4", 500, 60);
    note(&mut pairing, Side::After, "added", "192.0.2.4", 500, 60);
    note(&mut pairing, Side::After, "added", "192.0.2.5", 600, 60);
    // Too far apart to be the same one.
    note(&mut pairing, Side::Before, "far", "192.0.2.6", 1_000, 60);
    note(&mut pairing, Side::After, "far", "192.0.2.6", 1_000_000, 60);
    let changes = pairing.finish();
    let wanted = RuleChanges { added: 3, dropped: 2, moved: 1, resized: 1, same: 1 };
    assert_eq!(changes.totals, wanted);
    assert_eq!((changes.new_targets, changes.freed_targets), (1, 0));
    let moved = changes.changes.iter().find(|change| change.kind == ChangeKind::Moved).unwrap();
    assert_eq!(moved.moved_micros(), -100_000_000);
    let also: Vec<bool> = changes.changes.iter().map(|change| change.also).collect();
    assert_eq!(also, [true, true, true, true, false, true, true]);
    assert_eq!(changes.stopped().targets().len(), 1);
}

proptest! {
    #[test]
    fn equal_sets_never_differ_and_swapping_them_swaps_the_changes(
        before in proptest::collection::vec((0..3_u8, 0..4_u8, 0..400_000_i64), 0..40),
        after in proptest::collection::vec((0..3_u8, 0..4_u8, 0..400_000_i64), 0..40),
    ) {
        let run = |first: &[(u8, u8, i64)], second: &[(u8, u8, i64)]| {
            let mut pairing = Pairing::default();
            for (side, list) in [(Side::Before, first), (Side::After, second)] {
                for (rule, target, second) in list {
                    let target = format!("192.0.2.{target}");
                    note(&mut pairing, side, &format!("rule{rule}"), &target, *second, 60);
                }
            }
            pairing.finish().totals
        };
        let same = run(&before, &before);
        prop_assert_eq!(same, RuleChanges { same: before.len() as u64, ..RuleChanges::default() });
        let (one, other) = (run(&before, &after), run(&after, &before));
        prop_assert_eq!((one.added, one.dropped, one.moved), (other.dropped, other.added, other.moved));
        let paired = one.same + one.moved + one.resized;
        prop_assert_eq!(paired + one.dropped, before.len() as u64);
        prop_assert_eq!(paired + one.added, after.len() as u64);
    }
}

const FILE: &str = r#"//! A file.

const LONG = "1h";

rule("one")
    .on("http")
    .when(|e| e.status == 404)
    .by("ip")
    .count(param("missing", 10), "5m")
    .then(|hit| block(hit.ip, LONG));

rule("two")
    .on("http")
    .when(|e| e.path == "/x") // a comment
    .by("ip")
    .then(|hit| block(hit.ip, LONG));
"#;

fn differences(after: &str) -> Vec<(String, RuleChange)> {
    let texts = |text: &str| {
        let file = RuleFile { path: "file.rhai".into(), text: text.into() };
        let loaded = RuleSet::load(std::slice::from_ref(&file), &[], &Settings::default());
        assert_eq!(
            loaded.findings.iter().filter(|f| f.severity == crate::rules::Severity::Error).count(),
            0
        );
        RuleText::all(loaded.set.rules(), &[file])
    };
    let changes = rule_changes(&texts(FILE), &texts(after));
    changes.into_iter().map(|(rule, change)| (rule.to_string(), change)).collect()
}

#[test]
fn rules_that_say_something_else_are_named_with_what_differs() {
    let changed = |what: &str| RuleChange::Changed(vec![what.to_owned()]);
    assert_eq!(differences(FILE), []);
    let laid_out =
        FILE.replace(" // a comment", "").replace("    .by", "\n      // other\n      .by");
    assert_eq!(differences(&laid_out), []);
    let threshold = differences(&FILE.replace("10)", "5)"));
    let words = vec![
        "window `10 within 5m`, now `5 within 5m`".to_owned(),
        "parameter `missing` `10`, now `5`".to_owned(),
    ];
    assert_eq!(threshold[0], ("one".to_owned(), RuleChange::Changed(words)));
    let path = differences(&FILE.replace("\"/x\"", "\"/y\""));
    assert_eq!(path, [("two".to_owned(), changed("its text"))]);
    let shared = changed("constants or functions of its file");
    let constant = differences(&FILE.replace("\"1h\"", "\"2h\""));
    assert_eq!(constant, [("one".to_owned(), shared.clone()), ("two".to_owned(), shared)]);
    let renamed = differences(&FILE.replace("rule(\"two\")", "rule(\"three\")"));
    let wanted = [("three".to_owned(), RuleChange::Added), ("two".to_owned(), RuleChange::Removed)];
    assert_eq!(renamed, wanted);
}
