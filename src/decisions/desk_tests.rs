//! The books: what is lifted when, and what must hold whatever happens.

use super::*;
use crate::decisions::model::DurationAsk;
use crate::decisions::testing::{ask, block, entry, hit, manual, net, secs};
use proptest::prelude::*;
use std::time::Duration;

const ENFORCE: RuleFacts = RuleFacts {
    mode: Mode::Enforce,
    certain: false,
};

fn enforce(_: &str) -> Mode {
    Mode::Enforce
}

fn ask_block(desk: &mut Desk, address: &str, at: i64) -> Steps {
    let ask = ask(address, DurationAsk::Fixed(Duration::from_hours(1)));
    desk.ask(&hit(address, at), 0, &ask, ENFORCE, secs(at))
}

fn lifted(steps: &Steps) -> Vec<String> {
    let words = |lifted: &Lifted| format!("{}: {}", lifted.decision.target, lifted.why);
    steps.lifted.iter().map(words).collect()
}

#[test]
fn a_block_stands_until_its_time_and_is_lifted_once() {
    let mut desk = Desk::new(GuardConfig::default());
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
    let mut desk = Desk::new(GuardConfig::default());
    for address in ["203.0.113.9", "198.51.100.7", "2001:db8:1:2::3"] {
        ask_block(&mut desk, address, 0);
    }
    let steps = desk.allow(entry("203.0.113.0/24")).unwrap();
    assert_eq!(
        lifted(&steps),
        ["203.0.113.9: allowlist entry `203.0.113.0/24`"]
    );
    let steps = desk.admin_login("198.51.100.7".parse().unwrap(), secs(1));
    assert_eq!(
        lifted(&steps),
        ["198.51.100.7: an administrator logged in (`198.51.100.7`)"]
    );
    let steps = desk.set_own(&["2001:db8:1:2::99".parse().unwrap()]);
    assert_eq!(
        lifted(&steps),
        ["2001:db8:1:2::/64: this machine's address (`2001:db8:1:2::99`)"]
    );
    assert!(desk.standing.is_empty());
    for address in ["203.0.113.9", "198.51.100.7", "2001:db8:1:2::3"] {
        let steps = ask_block(&mut desk, address, 2);
        assert!(
            matches!(steps.judged[0].verdict, Verdict::Refused(_)),
            "{address}"
        );
    }
    assert!(
        desk.disallow(&Subject::Net(net("203.0.113.0/24")))
            .is_some()
    );
    assert_eq!(
        ask_block(&mut desk, "203.0.113.9", 3).judged[0].verdict,
        Verdict::Pass
    );
}

#[test]
fn a_name_lifts_with_its_addresses() {
    let mut desk = Desk::new(GuardConfig::default());
    ask_block(&mut desk, "203.0.113.3", 0);
    desk.allow(entry("office.example.com")).unwrap();
    let addresses: Vec<IpAddr> = (1..=9)
        .map(|low| IpAddr::from([203, 0, 113, low]))
        .collect();
    let steps = desk.resolved("office.example.com", &addresses, secs(1));
    assert_eq!(
        lifted(&steps),
        ["203.0.113.3: allowlist entry `office.example.com`"]
    );
    assert_eq!(steps.alarms[0].kind, AlarmKind::NameTooWide);
    assert_eq!(
        desk.resolved("office.example.com", &addresses, secs(2)),
        Steps::default()
    );
}

#[test]
fn panic_lifts_everything_and_resume_begins_anew() {
    let mut desk = Desk::new(GuardConfig::default());
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
    assert_eq!(
        ask_block(&mut desk, "203.0.113.9", 4).judged[0].verdict,
        Verdict::Pass
    );
}

#[test]
fn rules_and_people_can_lift_and_an_allow_lifts_what_overlaps() {
    let mut desk = Desk::new(GuardConfig::default());
    for address in ["203.0.113.9", "203.0.113.10", "198.51.100.7"] {
        ask_block(&mut desk, address, 0);
    }
    let lift = Ask::Lift {
        target: Target::parse("203.0.113.9").unwrap(),
    };
    let shadow = RuleFacts {
        mode: Mode::Shadow,
        certain: false,
    };
    let one = hit("203.0.113.9", 5);
    assert_eq!(desk.ask(&one, 0, &lift, shadow, secs(5)), Steps::default());
    let steps = desk.ask(&one, 0, &lift, ENFORCE, secs(5));
    assert_eq!(lifted(&steps), ["203.0.113.9: rule `test-rule`"]);
    let steps = desk.lift(&Target::parse("203.0.113.0/24").unwrap(), "by hand");
    assert_eq!(lifted(&steps), ["203.0.113.10: by hand"]);
    let steps = desk.decide(
        manual("198.51.100.0/24", Remedy::Allow, 6, Some(60)),
        secs(6),
    );
    assert_eq!(
        lifted(&steps),
        ["198.51.100.7: let through by a decision (`198.51.100.0/24`)"]
    );
    let id = desk.standing.iter().next().unwrap().id;
    assert_eq!(desk.lift_id(id, "by hand").lifted.len(), 1);
    assert_eq!(desk.lift_id(id, "by hand").lifted.len(), 0);
    assert!(desk.forget(&Target::parse("198.51.100.7").unwrap()));
}

#[test]
fn hopping_is_proposed_apart_and_guarded_like_any_other() {
    let mut desk = Desk::new(GuardConfig::default());
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
    assert_eq!(
        desk.standing
            .covering("2001:db8:2:44::1".parse().unwrap())
            .len(),
        1
    );
}

#[test]
fn proposals_depend_on_events_alone() {
    let mut live = Desk::new(GuardConfig {
        blocks_per_minute: 1,
        ..GuardConfig::default()
    });
    live.guard.begin_first_days(secs(0));
    live.allow(entry("203.0.113.9")).unwrap();
    let mut replay = Desk::new(GuardConfig::default());
    let duration = DurationAsk::Escalate {
        base: Duration::from_mins(1),
        max: Duration::from_hours(9),
    };
    for (at, address) in [
        (0, "203.0.113.9"),
        (100, "203.0.113.9"),
        (700, "203.0.113.9"),
        (701, "198.51.100.1"),
    ] {
        let ask = ask(address, duration);
        let shadow = RuleFacts {
            mode: Mode::Shadow,
            certain: true,
        };
        let hit = hit(address, at);
        let steps = live.ask(&hit, 0, &ask, shadow, secs(at + 5_000));
        assert!(!steps.judged.is_empty());
        let proposed = replay.propose(&hit, 0, &ask);
        let ids = steps
            .judged
            .iter()
            .map(|judged| (judged.decision.id, judged.decision.until));
        assert!(
            proposed
                .iter()
                .map(|decision| (decision.id, decision.until))
                .eq(ids)
        );
    }
}

#[derive(Debug, Clone)]
enum Op {
    Hit {
        address: IpAddr,
        secs: u64,
        certain: bool,
        shadow: bool,
    },
    /// Many addresses of one network at once, as a flood is.
    Burst {
        third: u8,
        count: u8,
    },
    Manual {
        net: IpNet,
        allow: bool,
    },
    Allow(IpNet),
    Disallow(IpNet),
    Admin(IpAddr),
    Own(IpAddr),
    Good(IpAddr, bool),
    Lift(IpNet),
    Panic(bool),
    Wait(i64),
    Save,
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u8..3, 0_u8..12).prop_map(|(third, low)| IpAddr::from([203, 0, 113 + third, low])),
        (0_u16..2, 0_u16..6)
            .prop_map(|(site, low)| { IpAddr::from([0x2001, 0xdb8, site, low, 0, 0, 0, low]) }),
        prop::sample::select(vec!["127.0.0.1", "10.0.0.1", "104.16.0.1", "::1"])
            .prop_map(|text| text.parse().unwrap()),
    ]
}

fn any_net() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        3 => address().prop_map(IpNet::from),
        1 => (address(), 20_u8..=32, 44_u8..=128).prop_map(|(address, v4, v6)| {
            crate::event::net::prefix(address, v4, v6)
        }),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => (address(), 1_u64..5_000, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(address, secs, certain, shadow)| Op::Hit { address, secs, certain, shadow }),
        3 => (0_u8..3, 4_u8..9).prop_map(|(third, count)| Op::Burst { third, count }),
        1 => (any_net(), any::<bool>()).prop_map(|(net, allow)| Op::Manual { net, allow }),
        2 => any_net().prop_map(Op::Allow),
        1 => any_net().prop_map(Op::Disallow),
        1 => address().prop_map(Op::Admin),
        1 => address().prop_map(Op::Own),
        2 => (address(), any::<bool>()).prop_map(|(address, bot)| Op::Good(address, bot)),
        1 => any_net().prop_map(Op::Lift),
        1 => prop::bool::weighted(0.3).prop_map(Op::Panic),
        6 => (-50_i64..400).prop_map(Op::Wait),
        1 => Just(Op::Save),
    ]
}

/// A desk with a clock, and all that it said.
struct Run {
    desk: Desk,
    now: i64,
    count: i64,
    said: Vec<Judged>,
    save: bool,
}

impl Run {
    fn new(save: bool, first_days: bool) -> Self {
        let config = GuardConfig {
            blocks_per_minute: 3,
            widen_v4_parts: if first_days { 4 } else { 0 },
            first_days: Duration::from_secs(500),
            ..GuardConfig::default()
        };
        let mut desk = Desk::new(config);
        if first_days {
            desk.guard.begin_first_days(secs(10_000));
        }
        Self {
            desk,
            now: 10_000,
            count: 0,
            said: Vec::new(),
            save,
        }
    }

    fn apply(&mut self, op: &Op) -> Steps {
        let (desk, now) = (&mut self.desk, secs(self.now));
        self.count += 1;
        match op {
            Op::Hit {
                address,
                secs,
                certain,
                shadow,
            } => {
                let text = address.to_string();
                let duration = Duration::from_secs(*secs);
                let duration = if *certain {
                    DurationAsk::Escalate {
                        base: duration,
                        max: Duration::from_hours(4),
                    }
                } else {
                    DurationAsk::Fixed(duration)
                };
                let mode = if *shadow { Mode::Shadow } else { Mode::Enforce };
                let mut hit = hit(&text, self.now);
                hit.id.0 ^= u128::try_from(self.count).unwrap();
                let rule = RuleFacts {
                    mode,
                    certain: *certain,
                };
                desk.ask(&hit, 0, &ask(&text, duration), rule, now)
            }
            Op::Burst { third, count } => {
                let mut steps = Steps::default();
                for low in 0..*count {
                    let address = IpAddr::from([203, 0, 113 + third, 100 + low]);
                    let one = Op::Hit {
                        address,
                        secs: 300,
                        certain: true,
                        shadow: false,
                    };
                    let mut more = self.apply(&one);
                    steps.lifted.append(&mut more.lifted);
                    steps.judged.append(&mut more.judged);
                    steps.alarms.append(&mut more.alarms);
                }
                steps
            }
            Op::Manual { net, allow } => {
                let remedy = if *allow { Remedy::Allow } else { Remedy::Block };
                desk.decide(manual(&net.to_string(), remedy, self.now, Some(900)), now)
            }
            Op::Allow(net) => desk.allow(entry(&net.to_string())).unwrap(),
            Op::Disallow(net) => {
                desk.disallow(&Subject::Net(*net));
                Steps::default()
            }
            Op::Admin(address) => desk.admin_login(*address, now),
            Op::Own(address) => desk.set_own(&[*address]),
            Op::Good(address, bot) => {
                let why = if *bot {
                    GoodClient::VerifiedBot
                } else {
                    GoodClient::Authenticated
                };
                desk.good_client(*address, why, now.plus(Duration::from_mins(5)))
            }
            Op::Lift(net) => desk.lift(&Target::Net(*net), "by hand"),
            Op::Panic(on) => desk.set_panic(*on, now),
            Op::Wait(by) => {
                self.now += by;
                desk.tick(secs(self.now), &enforce)
            }
            Op::Save if self.save => {
                let mut again = Desk::new(desk.config.clone());
                again.load(&desk.save()).unwrap();
                let standing = postcard::to_stdvec(&desk.standing).unwrap();
                again.standing = postcard::from_bytes(&standing).unwrap();
                again.offences = desk.offences.clone();
                *desk = again;
                Steps::default()
            }
            Op::Save => Steps::default(),
        }
    }

    fn check(&mut self, op: &Op, steps: &Steps) -> Result<(), TestCaseError> {
        let now = secs(self.now);
        let facts = self.desk.guard.facts();
        for judged in &steps.judged {
            let decision = &judged.decision;
            if judged.verdict != Verdict::Pass {
                continue;
            }
            prop_assert!(
                decision.stands_at(now),
                "{op:?} passed what is over: {decision:?}"
            );
            prop_assert!(
                !self.desk.guard.panic(),
                "{op:?} passed in panic: {decision:?}"
            );
            if decision.remedy != Remedy::Allow {
                let net = decision.target.net().unwrap();
                prop_assert_eq!(facts.protected(net), None, "{:?} passed {}", op, net);
            }
            prop_assert!(facts.may_send(decision).is_ok());
        }
        for known in self.desk.standing.iter() {
            let net = known.target.net().unwrap();
            let refused = known.remedy != Remedy::Allow && facts.protected(net).is_some();
            prop_assert!(!refused, "{op:?}: {net} stands and is protected");
            if matches!(op, Op::Wait(_)) {
                prop_assert!(known.stands_at(now), "{net} outlived its end");
            }
        }
        self.said.extend(steps.judged.iter().cloned());
        Ok(())
    }
}

/// That `judged`, said at `place`, found an end later: itself, or a prefix around it.
fn found_an_end(said: &[Judged], place: usize, target: &Target) -> bool {
    said.iter().skip(place + 1).any(|later| {
        later.verdict != Verdict::Queued
            && match (later.decision.target.net(), target.net()) {
                (Some(wide), Some(net)) => wide.contains(&net),
                _ => false,
            }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn whatever_happens_nobody_protected_is_blocked_and_nobody_waits_for_ever(
        ops in prop::collection::vec(any_op(), 1..150), first_days in any::<bool>()
    ) {
        let mut run = Run::new(false, first_days);
        for op in &ops {
            let steps = run.apply(op);
            run.check(op, &steps)?;
        }
        // No more input: the queue drains, also of a rule that was held meanwhile.
        for _ in 0..120 {
            let op = Op::Wait(60);
            let steps = run.apply(&op);
            run.check(&op, &steps)?;
        }
        prop_assert_eq!(run.desk.guard.waiting(), 0);
        for (place, judged) in run.said.iter().enumerate() {
            if judged.verdict == Verdict::Queued {
                let target = &judged.decision.target;
                prop_assert!(found_an_end(&run.said, place, target), "{target} was dropped");
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_answers_also_across_a_save(
        ops in prop::collection::vec(any_op(), 1..80)
    ) {
        let mut one = Run::new(false, true);
        let mut other = Run::new(true, true);
        for op in &ops {
            prop_assert_eq!(one.apply(op), other.apply(op), "{:?}", op);
        }
    }
}

#[test]
fn what_is_shed_at_the_bound_is_lifted_and_told() {
    let mut desk = Desk::new(GuardConfig::default());
    for number in 0..u32::try_from(crate::limits::STANDING_DECISIONS_MAX).unwrap() {
        let target = std::net::Ipv4Addr::from(0x2000_0000 + number).to_string();
        desk.standing.insert(block(&target, 0, Some(3_600)));
    }
    let steps = ask_block(&mut desk, "203.0.113.9", 0);
    assert_eq!(steps.judged[0].verdict, Verdict::Pass);
    assert_eq!(steps.lifted.len(), 1);
    assert_eq!(steps.alarms[0].kind, AlarmKind::StandingFull);
}
