//! Waiting blocks: they come out in order, gathered where many are of one network, never lost.

use super::*;
use crate::decisions::testing::{block, entry, manual, net, secs};
use crate::decisions::{GoodClient, GuardConfig, Judged};

fn config(per_minute: u32) -> GuardConfig {
    GuardConfig { blocks_per_minute: per_minute, ..GuardConfig::default() }
}

fn enforce(_: &str) -> Mode {
    Mode::Enforce
}

fn judge(guard: &mut Guard, decision: Decision, now: i64) -> Judgement {
    let standing = Standing::default();
    let context =
        Context { now: secs(now), mode: Mode::Enforce, certain: false, standing: &standing };
    guard.judge(decision, &context)
}

fn tick(guard: &mut Guard, now: i64) -> Judgement {
    tick_with(guard, now, &Standing::default(), &enforce)
}

fn tick_with(
    guard: &mut Guard,
    now: i64,
    standing: &Standing,
    mode_of: &dyn Fn(&str) -> Mode,
) -> Judgement {
    guard.tick(&TickContext { now: secs(now), standing, mode_of })
}

fn passed(judged: &[Judged]) -> Vec<String> {
    judged
        .iter()
        .filter(|judged| judged.verdict == Verdict::Pass)
        .map(|judged| judged.decision.target.to_string())
        .collect()
}

/// A guard with one block passed at 0, and these waiting.
fn waiting(config: GuardConfig, targets: &[&str]) -> Guard {
    let mut guard = Guard::new(GuardConfig { blocks_per_minute: 1, ..config.clone() });
    judge(&mut guard, block("192.0.2.99", 0, Some(600)), 0);
    for target in targets {
        judge(&mut guard, block(target, 0, Some(600)), 0);
    }
    assert_eq!(guard.waiting(), targets.len());
    guard.set_config(config);
    guard
}

#[test]
fn they_come_out_in_order_and_stand_as_long_as_was_asked() {
    let mut guard = waiting(config(2), &["198.51.100.1", "203.0.113.2", "192.0.2.3"]);
    assert_eq!(guard.next_tick(), Some(secs(60)));
    assert_eq!(passed(&tick(&mut guard, 30).judged), ["198.51.100.1"]);
    assert_eq!(passed(&tick(&mut guard, 31).judged), [""; 0]);
    let later = tick(&mut guard, 90);
    assert_eq!(passed(&later.judged), ["203.0.113.2", "192.0.2.3"]);
    assert_eq!(later.judged[0].decision.until, Some(secs(690)));
    assert_eq!(later.judged[0].decision.from, secs(0));
    assert_eq!(later.alarms[0].kind, AlarmKind::QueueEmpty);
    assert_eq!(guard.waiting(), 0);
    assert_eq!(guard.next_tick(), None);
}

#[test]
fn a_block_whose_time_ran_out_while_it_waited_is_made_all_the_same() {
    let mut guard = waiting(config(2), &["198.51.100.1"]);
    let released = tick(&mut guard, 5_000);
    assert_eq!(passed(&released.judged), ["198.51.100.1"]);
    assert_eq!(released.judged[0].decision.until, Some(secs(5_600)));
}

#[test]
fn many_of_one_network_become_one_block() {
    let targets: Vec<String> = (1..=6).map(|low| format!("203.0.113.{low}")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let mut guard = waiting(config(1), &targets);
    let out = tick(&mut guard, 60);
    assert_eq!(passed(&out.judged), ["203.0.113.0/24"]);
    let whole = &out.judged[0].decision;
    assert_eq!(whole.until, Some(secs(660)));
    assert_eq!(
        whole.reason,
        "6 blocks in 203.0.113.0/24 waited for the ceiling of blocks a minute (203.0.113.1, 203.0.113.2, 203.0.113.3, 203.0.113.4, …)"
    );
    let absorbed = out.judged.iter().filter(|judged| judged.verdict == Verdict::AlreadyInForce);
    assert_eq!(absorbed.count(), 6);
    assert_eq!(guard.waiting(), 0);
}

#[test]
fn a_part_that_is_to_stand_longer_than_the_prefix_waits_on() {
    let mut guard = waiting(config(1), &["203.0.113.1", "203.0.113.2", "203.0.113.3"]);
    judge(&mut guard, block("203.0.113.4", 0, None), 0);
    let out = tick(&mut guard, 60);
    assert_eq!(passed(&out.judged), ["203.0.113.0/24"]);
    assert_eq!(out.judged[0].decision.until, Some(secs(3_660)), "`aggregate_for` at most");
    assert_eq!(guard.waiting(), 1);
    let out = tick(&mut guard, 120);
    assert_eq!(passed(&out.judged), ["203.0.113.4"]);
    assert_eq!(out.judged[0].decision.until, None);
}

#[test]
fn a_prefix_that_holds_somebody_protected_is_not_gathered() {
    let targets = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5"];
    let protect: [&dyn Fn(&mut Guard); 4] = [
        &|guard| {
            guard.edit_allowlist(|list| list.add(entry("203.0.113.200"))).unwrap();
        },
        &|guard| {
            guard.admin_login("203.0.113.200".parse().unwrap(), secs(0));
        },
        &|guard| guard.set_own(&["203.0.113.200".parse().unwrap()]),
        &|guard| {
            let client = "203.0.113.200".parse().unwrap();
            guard.good_client(client, GoodClient::Authenticated, secs(9_999));
        },
    ];
    for protect in protect {
        let mut guard = waiting(config(1), &targets);
        protect(&mut guard);
        assert_eq!(passed(&tick(&mut guard, 60).judged), ["203.0.113.1"]);
    }
    let mut standing = Standing::default();
    standing.insert(manual("203.0.113.200", Remedy::Allow, 0, None));
    let mut guard = waiting(config(1), &targets);
    let out = tick_with(&mut guard, 60, &standing, &enforce);
    assert_eq!(passed(&out.judged), ["203.0.113.1"]);
}

#[test]
fn who_waits_is_judged_again() {
    let mut guard =
        waiting(config(9), &["203.0.113.1", "203.0.113.2", "198.51.100.3", "198.51.100.4"]);
    guard.edit_allowlist(|list| list.add(entry("203.0.113.1"))).unwrap();
    let mut standing = Standing::default();
    standing.insert(block("198.51.100.3", 0, Some(9_999)));
    let out = tick_with(&mut guard, 1, &standing, &enforce);
    let words: Vec<String> = out
        .judged
        .iter()
        .map(|judged| format!("{} {}", judged.decision.target, judged.verdict.words()))
        .collect();
    assert_eq!(
        words,
        [
            "203.0.113.1 refused: allowlist entry `203.0.113.1`",
            "198.51.100.3 already in force",
            "203.0.113.2 pass",
            "198.51.100.4 pass"
        ]
    );
    let mut guard = waiting(config(9), &["203.0.113.1"]);
    let shadow = |_: &str| Mode::Shadow;
    let out = tick_with(&mut guard, 1, &Standing::default(), &shadow);
    assert_eq!(out.judged[0].verdict.words(), "shadow: mode `shadow`");
    let mut guard = waiting(config(9), &["203.0.113.1", "203.0.113.2"]);
    let target = Target::Net(net("203.0.113.2"));
    assert_eq!(guard.withdraw(&target, "lifted").judged.len(), 1);
    let out = guard.set_panic(true);
    assert_eq!(out.judged[0].verdict.words(), "shadow: panic");
    assert_eq!(guard.waiting(), 0);
}

#[test]
fn a_rule_that_asks_keeps_its_waiting_blocks() {
    let mut guard = waiting(config(9), &["203.0.113.1"]);
    for client in ["198.51.100.1", "198.51.101.1", "198.51.102.1"] {
        guard.good_client(client.parse().unwrap(), GoodClient::Authenticated, secs(9_999));
        judge(&mut guard, block(client, 0, Some(60)), 0);
    }
    assert_eq!(passed(&tick(&mut guard, 100).judged), [""; 0]);
    let out = tick(&mut guard, 600);
    assert_eq!(out.alarms[0].text, "rule `test-rule` is armed again");
    assert_eq!(passed(&out.judged), ["203.0.113.1", "198.51.100.1", "198.51.101.1"]);
}

#[test]
fn a_full_queue_lets_through_over_the_ceiling_and_says_so() {
    let mut guard = Guard::new(config(1));
    let mut seen = 0;
    let mut alarms = Vec::new();
    let count = u32::try_from(BLOCKS_QUEUED_MAX).unwrap() + 3_000;
    for number in 0..count {
        // One address of each /20, so that only the widest prefixes gather them.
        let target = std::net::Ipv4Addr::from(0x2000_0000 + (number << 12)).to_string();
        let out = judge(&mut guard, block(&target, 0, Some(600)), 0);
        assert!(guard.waiting() < BLOCKS_QUEUED_MAX);
        seen += passed(&out.judged).len();
        alarms.extend(out.alarms.into_iter().map(|alarm| alarm.kind));
    }
    assert!(seen > 1);
    assert!(alarms.contains(&AlarmKind::QueueFull));
    let told = alarms.iter().filter(|kind| **kind == AlarmKind::Ceiling).count();
    assert!(told < 40, "told when it doubles, not each time: {told}");
}
