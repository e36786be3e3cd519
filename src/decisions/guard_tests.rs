//! The guard's verdicts, one by one.

use super::*;
use crate::decisions::testing::{block, manual, secs};
use std::time::Duration;

const ENFORCE: RuleFacts = RuleFacts { mode: Mode::Enforce, certain: false };

#[derive(Clone, Copy)]
struct RuleFacts {
    mode: Mode,
    certain: bool,
}

fn judge_as(guard: &mut Guard, decision: Decision, now: i64, rule: RuleFacts) -> Judgement {
    let standing = Standing::default();
    let context =
        Context { now: secs(now), mode: rule.mode, certain: rule.certain, standing: &standing };
    guard.judge(decision, &context)
}

fn verdict(guard: &mut Guard, decision: Decision, now: i64) -> Verdict {
    let judgement = judge_as(guard, decision, now, ENFORCE);
    assert_eq!(judgement.judged.len(), 1);
    judgement.judged[0].verdict.clone()
}

fn shadow_words(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Shadow(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn modes_panic_and_time_are_told_apart() {
    let mut guard = Guard::new(GuardConfig::default());
    let decision = block("203.0.113.9", 0, Some(60));
    assert_eq!(verdict(&mut guard, decision.clone(), 10), Verdict::Pass);
    assert_eq!(verdict(&mut guard, decision.clone(), 60), Verdict::AlreadyOver);
    for (mode, words) in [(Mode::Shadow, "mode `shadow`"), (Mode::Off, "mode `off`")] {
        let rule = RuleFacts { mode, certain: true };
        let judgement = judge_as(&mut guard, decision.clone(), 10, rule);
        assert_eq!(shadow_words(&judgement.judged[0].verdict), words);
    }
    guard.set_panic(true);
    assert_eq!(shadow_words(&verdict(&mut guard, decision.clone(), 10)), "panic");
    let by_hand = manual("203.0.113.9", Remedy::Block, 0, None);
    assert_eq!(shadow_words(&verdict(&mut guard, by_hand, 10)), "panic");
    guard.set_panic(false);
    assert_eq!(verdict(&mut guard, decision, 11), Verdict::Pass);
    let loopback = block("127.0.0.1", 0, Some(60));
    let shadow = RuleFacts { mode: Mode::Shadow, certain: true };
    let judgement = judge_as(&mut guard, loopback, 100, shadow);
    assert!(matches!(judgement.judged[0].verdict, Verdict::Refused(_)), "refusals come first");
}

#[test]
fn what_is_in_force_is_not_done_again_and_who_is_let_through_is_not_blocked() {
    let mut guard = Guard::new(GuardConfig::default());
    let mut standing = Standing::default();
    standing.insert(block("203.0.113.0/24", 0, Some(600)));
    standing.insert(manual("198.51.100.7", Remedy::Allow, 0, None));
    let mut judge = |decision| {
        let context =
            Context { now: secs(10), mode: Mode::Enforce, certain: false, standing: &standing };
        guard.judge(decision, &context).judged.remove(0).verdict
    };
    assert_eq!(judge(block("203.0.113.9", 10, Some(60))), Verdict::AlreadyInForce);
    assert_eq!(judge(block("203.0.113.9", 10, Some(6_000))), Verdict::Pass);
    let refused = "`198.51.100.7` is let through by a decision".to_owned();
    assert_eq!(judge(block("198.51.100.7", 10, Some(60))), Verdict::Refused(refused.clone()));
    assert_eq!(judge(block("198.51.100.0/24", 10, Some(60))), Verdict::Refused(refused));
}

#[test]
fn first_days_shorten_what_is_certain_and_watch_the_rest() {
    let mut guard = Guard::new(GuardConfig::default());
    guard.begin_first_days(secs(0));
    let long = block("203.0.113.9", 10, Some(86_400));
    let certain = RuleFacts { mode: Mode::Enforce, certain: true };
    let judged = judge_as(&mut guard, long.clone(), 10, certain).judged.remove(0);
    assert_eq!((judged.verdict, judged.decision.until), (Verdict::Pass, Some(secs(3_610))));
    let short = block("203.0.113.8", 10, Some(60));
    let judged = judge_as(&mut guard, short.clone(), 10, certain).judged.remove(0);
    assert_eq!(judged.decision.until, short.until);
    let for_ever = block("203.0.113.7", 10, None);
    let judged = judge_as(&mut guard, for_ever, 10, certain).judged.remove(0);
    assert_eq!(judged.decision.until, Some(secs(3_610)));
    let other = verdict(&mut guard, long.clone(), 10);
    assert!(shadow_words(&other).starts_with("first days, for 23h59m more"));
    let by_hand = manual("203.0.113.10", Remedy::Block, 0, None);
    assert_eq!(verdict(&mut guard, by_hand, 10), Verdict::Pass);
    assert_eq!(guard.first_days_report().rules.len(), 1);
    assert!(guard.arm().is_some());
    assert_eq!(verdict(&mut guard, long, 10), Verdict::Pass);
}

#[test]
fn past_the_ceiling_blocks_wait_but_people_s_do_not() {
    let mut guard = Guard::new(GuardConfig { blocks_per_minute: 3, ..GuardConfig::default() });
    for low in 1..=3 {
        let decision = block(&format!("203.0.113.{low}"), 0, Some(600));
        assert_eq!(verdict(&mut guard, decision, 0), Verdict::Pass);
    }
    let judgement = judge_as(&mut guard, block("203.0.113.4", 0, Some(600)), 0, ENFORCE);
    assert_eq!(judgement.judged[0].verdict, Verdict::Queued);
    assert_eq!(judgement.alarms[0].kind, AlarmKind::Ceiling);
    let by_hand = manual("203.0.113.5", Remedy::Block, 0, None);
    assert_eq!(verdict(&mut guard, by_hand, 0), Verdict::Pass);
    let allow = Decision { remedy: Remedy::Allow, ..block("203.0.113.6", 0, Some(60)) };
    assert_eq!(verdict(&mut guard, allow, 0), Verdict::Pass);
    let late = verdict(&mut guard, block("203.0.113.7", 70, Some(600)), 70);
    assert_eq!(late, Verdict::Queued, "those who wait come first");
    assert_eq!(guard.waiting(), 2);
}

#[test]
fn a_rule_that_hits_good_clients_holds_its_new_blocks_for_ten_minutes() {
    let mut guard = Guard::new(GuardConfig::default());
    let clients = ["198.51.100.1", "203.0.113.1", "2001:db8:5:5::1"];
    for client in clients {
        let why = GoodClient::Authenticated;
        guard.good_client(client.parse().unwrap(), why, secs(9_000));
    }
    let mut kinds = Vec::new();
    for (at, client) in (0..).zip(clients) {
        let judgement = judge_as(&mut guard, block(client, at, Some(60)), at, ENFORCE);
        kinds.extend(judgement.alarms.iter().map(|alarm| alarm.kind));
        let held = matches!(judgement.judged[0].verdict, Verdict::Shadow(_));
        assert_eq!(held, at == 2, "{client}");
    }
    assert_eq!(kinds, [AlarmKind::GoodClient, AlarmKind::GoodClient, AlarmKind::Asking]);
    let attacker = block("203.0.113.200", 300, Some(60));
    let held = verdict(&mut guard, attacker.clone(), 300);
    assert!(shadow_words(&held).ends_with("for 5m2s more"), "{held:?}");
    let other = Decision { rule: "other-rule".into(), ..attacker.clone() };
    assert_eq!(verdict(&mut guard, other, 300), Verdict::Pass);
    assert!(guard.asks_until("test-rule", secs(300)).is_some());
    assert_eq!(verdict(&mut guard, block("203.0.113.200", 602, Some(60)), 602), Verdict::Pass);
    assert!(!guard.arm_rule("other-rule"));
}

#[test]
fn facts_are_bounded_and_the_newest_stay() {
    let mut guard = Guard::new(GuardConfig::default());
    for number in 0..u32::try_from(GOOD_CLIENTS_MAX).unwrap() + 10 {
        let address = IpAddr::from((0x2000_0000 + number).to_be_bytes());
        let until = secs(i64::from(number));
        guard.good_client(address, GoodClient::Authenticated, until.plus(Duration::from_secs(1)));
    }
    assert!(guard.state.good.len() <= GOOD_CLIENTS_MAX);
    for number in 0..300_u32 {
        let address = IpAddr::from((0x2000_0000 + number).to_be_bytes());
        guard.admin_login(address, secs(i64::from(number)));
    }
    assert_eq!(guard.state.admins.len(), crate::limits::ADMIN_ADDRESSES_MAX);
    let newest = block("32.0.1.43", 0, None);
    assert!(guard.last_check().may_send(&newest).is_err());
}

use crate::limits::GOOD_CLIENTS_MAX;
use std::net::IpAddr;
