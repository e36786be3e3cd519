//! The books: what is lifted when, and what must hold whatever happens.

use super::*;
use crate::decisions::change::{ChangeKind, CloudflareWhat};
use crate::decisions::model::{Ask, DurationAsk};
use crate::decisions::testing::{Office, ask, block, entry, hit, manual, net, secs};
use std::time::Duration;

const ENFORCE: RuleFacts = RuleFacts { mode: Mode::Enforce, certain: false };

fn enforce(_: &str) -> Mode {
    Mode::Enforce
}

fn ask_block(desk: &mut Office, address: &str, at: i64) -> Steps {
    let ask = ask(address, DurationAsk::Fixed(Duration::from_hours(1)));
    desk.ask(&hit(address, at), 0, &ask, ENFORCE, secs(at))
}

fn lifted(steps: &Steps) -> Vec<String> {
    let words = |lifted: &Lifted| format!("{}: {}", lifted.decision.target, lifted.why);
    steps.lifted.iter().map(words).collect()
}

#[test]
fn a_block_stands_until_its_time_and_is_lifted_once() {
    let mut desk = Office::new(GuardConfig::default());
    let steps = ask_block(&mut desk, "203.0.113.9", 0);
    assert_eq!(steps.judged[0].verdict, Verdict::Pass);
    assert_eq!(desk.next_tick(), Some(secs(3_600)));
    let again = ask_block(&mut desk, "203.0.113.9", 0);
    assert_eq!(again.judged[0].verdict, Verdict::AlreadyInForce);
    assert!(lifted(&desk.tick(secs(3_599), &enforce)).is_empty());
    let steps = desk.tick(secs(3_600), &enforce);
    assert_eq!(lifted(&steps), ["203.0.113.9: its time is up"]);
    assert!(desk.tick(secs(3_601), &enforce) == Steps::default());
}

#[test]
fn allowing_and_logging_in_lift_at_once_and_keep_it_so() {
    let mut desk = Office::new(GuardConfig::default());
    for address in ["203.0.113.9", "198.51.100.7", "2001:db8:1:2::3"] {
        ask_block(&mut desk, address, 0);
    }
    let steps = desk.allow(entry("203.0.113.0/24")).unwrap();
    assert_eq!(lifted(&steps), ["203.0.113.9: allowlist entry `203.0.113.0/24`"]);
    let steps = desk.admin_login("198.51.100.7".parse().unwrap(), secs(1));
    assert_eq!(lifted(&steps), ["198.51.100.7: an administrator logged in (`198.51.100.7`)"]);
    let steps = desk.set_own(&["2001:db8:1:2::99".parse().unwrap()]);
    assert_eq!(lifted(&steps), ["2001:db8:1:2::/64: this machine's address (`2001:db8:1:2::99`)"]);
    assert!(desk.standing.is_empty());
    for address in ["203.0.113.9", "198.51.100.7", "2001:db8:1:2::3"] {
        let steps = ask_block(&mut desk, address, 2);
        assert!(matches!(steps.judged[0].verdict, Verdict::Refused(_)), "{address}");
    }
    assert!(desk.disallow(&Subject::Net(net("203.0.113.0/24"))).is_some());
    assert_eq!(ask_block(&mut desk, "203.0.113.9", 3).judged[0].verdict, Verdict::Pass);
}

#[test]
fn a_name_lifts_with_its_addresses() {
    let mut desk = Office::new(GuardConfig::default());
    ask_block(&mut desk, "203.0.113.3", 0);
    desk.allow(entry("office.example.com")).unwrap();
    let addresses: Vec<IpAddr> = (1..=9).map(|low| IpAddr::from([203, 0, 113, low])).collect();
    let steps = desk.resolved("office.example.com", &addresses, secs(1));
    assert_eq!(lifted(&steps), ["203.0.113.3: allowlist entry `office.example.com`"]);
    assert_eq!(steps.alarms[0].kind, AlarmKind::NameTooWide);
    assert_eq!(desk.resolved("office.example.com", &addresses, secs(2)), Steps::default());
}

#[test]
fn panic_lifts_everything_and_resume_begins_anew() {
    let mut desk = Office::new(GuardConfig::default());
    ask_block(&mut desk, "203.0.113.9", 0);
    desk.decide(manual("198.51.100.7", Remedy::Block, 0, None), secs(0));
    let steps = desk.set_panic(true, secs(1));
    let mut all = lifted(&steps);
    all.sort();
    assert_eq!(all, ["198.51.100.7: panic", "203.0.113.9: panic"]);
    let held = ask_block(&mut desk, "203.0.113.9", 2);
    assert_eq!(held.judged[0].verdict, Verdict::Shadow("panic".to_owned()));
    assert!(desk.standing.is_empty());
    desk.set_panic(false, secs(3));
    assert_eq!(ask_block(&mut desk, "203.0.113.9", 4).judged[0].verdict, Verdict::Pass);
}

#[test]
fn rules_and_people_can_lift_and_an_allow_lifts_what_overlaps() {
    let mut desk = Office::new(GuardConfig::default());
    for address in ["203.0.113.9", "203.0.113.10", "198.51.100.7"] {
        ask_block(&mut desk, address, 0);
    }
    let lift = Ask::Lift { target: Target::parse("203.0.113.9").unwrap() };
    let shadow = RuleFacts { mode: Mode::Shadow, certain: false };
    let one = hit("203.0.113.9", 5);
    assert_eq!(desk.ask(&one, 0, &lift, shadow, secs(5)), Steps::default());
    let steps = desk.ask(&one, 0, &lift, ENFORCE, secs(5));
    assert_eq!(lifted(&steps), ["203.0.113.9: rule `test-rule`"]);
    let steps = desk.lift(&Target::parse("203.0.113.0/24").unwrap(), "by hand");
    assert_eq!(lifted(&steps), ["203.0.113.10: by hand"]);
    let steps = desk.decide(manual("198.51.100.0/24", Remedy::Allow, 6, Some(60)), secs(6));
    assert_eq!(lifted(&steps), ["198.51.100.7: let through by a decision (`198.51.100.0/24`)"]);
    let id = desk.standing.iter().next().unwrap().id;
    assert_eq!(desk.lift_id(id, "by hand").lifted.len(), 1);
    assert_eq!(desk.lift_id(id, "by hand").lifted.len(), 0);
    assert!(desk.proposer.forget(&Target::parse("198.51.100.7").unwrap()));
}

#[test]
fn hopping_is_proposed_apart_and_guarded_like_any_other() {
    let mut desk = Office::new(GuardConfig::default());
    desk.allow(entry("2001:db8:1:ff::1")).unwrap();
    for low in 1..=2 {
        ask_block(&mut desk, &format!("2001:db8:1:{low}::1"), 0);
        ask_block(&mut desk, &format!("2001:db8:2:{low}::1"), 0);
    }
    let steps = ask_block(&mut desk, "2001:db8:1:3::1", 0);
    assert_eq!(steps.judged.len(), 2);
    assert_eq!(
        steps.judged[1].verdict.words(),
        "refused: it holds allowlist entry `2001:db8:1:ff::1`"
    );
    let steps = ask_block(&mut desk, "2001:db8:2:3::1", 0);
    assert_eq!(steps.judged[1].verdict, Verdict::Pass);
    assert_eq!(desk.standing.covering("2001:db8:2:44::1".parse().unwrap()).len(), 1);
}

#[test]
fn proposals_depend_on_events_alone() {
    let mut live = Office::new(GuardConfig { blocks_per_minute: 1, ..GuardConfig::default() });
    live.guard.begin_first_days(secs(0));
    live.allow(entry("203.0.113.9")).unwrap();
    let mut replay = Office::new(GuardConfig::default());
    let duration =
        DurationAsk::Escalate { base: Duration::from_mins(1), max: Duration::from_hours(9) };
    for (at, address) in
        [(0, "203.0.113.9"), (100, "203.0.113.9"), (700, "203.0.113.9"), (701, "198.51.100.1")]
    {
        let ask = ask(address, duration);
        let shadow = RuleFacts { mode: Mode::Shadow, certain: true };
        let hit = hit(address, at);
        let steps = live.ask(&hit, 0, &ask, shadow, secs(at + 5_000));
        assert!(!steps.judged.is_empty());
        let proposed = replay.proposer.propose(&hit, 0, &ask).decisions;
        let ids = steps.judged.iter().map(|judged| (judged.decision.id, judged.decision.until));
        assert!(proposed.iter().map(|decision| (decision.id, decision.until)).eq(ids));
    }
}

#[test]
fn what_is_shed_at_the_bound_is_lifted_and_told() {
    let mut desk = Office::new(GuardConfig::default());
    for number in 0..u32::try_from(crate::limits::STANDING_DECISIONS_MAX).unwrap() {
        let target = std::net::Ipv4Addr::from(0x2000_0000 + number).to_string();
        desk.standing.insert(block(&target, 0, Some(3_600)));
    }
    let steps = ask_block(&mut desk, "203.0.113.9", 0);
    assert_eq!(steps.judged[0].verdict, Verdict::Pass);
    assert_eq!(steps.lifted.len(), 1);
    assert_eq!(steps.alarms[0].kind, AlarmKind::StandingFull);
}

#[test]
fn a_rule_at_cloudflare_is_judged_like_a_block_of_its_client() {
    let change = |kind: ChangeKind, ip: &str| CloudflareAsk {
        zone: "example.com".to_owned(),
        via: None,
        what: CloudflareWhat::Change {
            kind,
            name: "wall".to_owned(),
            value: serde_json::json!({ "expression": "e", "action": "block", "ip": ip }),
            seconds: 600,
        },
    };
    let mut desk = Desk::new(GuardConfig::default());
    desk.allow(entry("203.0.113.0/24")).unwrap();
    desk.set_own(&["198.51.100.7".parse().unwrap()]);
    for (ip, why) in [
        ("203.0.113.9", "allowlist entry"),
        ("198.51.100.7", "this machine's address"),
        ("0.0.0.0/0", "wider than"),
    ] {
        for kind in [ChangeKind::WafRule, ChangeKind::RateLimit] {
            let refused = desk.change_refusal(&change(kind, ip)).unwrap_or_default();
            assert!(refused.contains(why), "{ip}: {refused}");
        }
        assert_eq!(desk.change_refusal(&change(ChangeKind::CacheTtl, ip)), None);
    }
    assert_eq!(desk.change_refusal(&change(ChangeKind::WafRule, "192.0.2.1")), None);
}
