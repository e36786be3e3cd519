//! What must hold whatever happens: generated hits, floods, edits, logins, panics, clocks that jump
//! and restarts, and after each step the promises of the guard.

use super::desk::{RuleFacts, Steps};
use super::model::{DurationAsk, Mode, Remedy, Target, Verdict};
use super::testing::{Office, ask, entry, hit, manual, secs};
use super::{GoodClient, GuardConfig, Judged, Subject};
use crate::clock::Timestamp;
use ipnet::IpNet;
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;

fn enforce(_: &str) -> Mode {
    Mode::Enforce
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
    config: GuardConfig,
    desk: Office,
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
        let mut desk = Office::new(config.clone());
        if first_days {
            desk.guard.begin_first_days(secs(10_000));
        }
        Self { config, desk, now: 10_000, count: 0, said: Vec::new(), save }
    }

    /// Carries out a hit or a burst of them.
    fn ask(&mut self, op: &Op) -> Steps {
        match op {
            Op::Hit { address, secs, certain, shadow } => {
                let text = address.to_string();
                let base = Duration::from_secs(*secs);
                let max = Duration::from_hours(4);
                let duration = if *certain {
                    DurationAsk::Escalate { base, max }
                } else {
                    DurationAsk::Fixed(base)
                };
                let mode = if *shadow { Mode::Shadow } else { Mode::Enforce };
                let certain = *certain;
                self.count += 1;
                let mut hit = hit(&text, self.now);
                hit.id.0 ^= u128::try_from(self.count).unwrap();
                let rule = RuleFacts { mode, certain };
                let now = Timestamp::from_secs(self.now);
                self.desk.ask(&hit, 0, &ask(&text, duration), rule, now)
            }
            Op::Burst { third, count } => {
                let mut steps = Steps::default();
                for low in 0..*count {
                    let mut more = self.ask(&Op::Hit {
                        address: IpAddr::from([203, 0, 113 + third, 100 + low]),
                        secs: 300,
                        certain: true,
                        shadow: false,
                    });
                    steps.lifted.append(&mut more.lifted);
                    steps.judged.append(&mut more.judged);
                    steps.alarms.append(&mut more.alarms);
                }
                steps
            }
            _ => Steps::default(),
        }
    }

    fn apply(&mut self, op: &Op) -> Steps {
        let (desk, now) = (&mut self.desk, secs(self.now));
        match op {
            Op::Hit { .. } | Op::Burst { .. } => self.ask(op),
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
                let why = if *bot { GoodClient::VerifiedBot } else { GoodClient::Authenticated };
                desk.good_client(*address, why, now.plus(Duration::from_mins(5)))
            }
            Op::Lift(net) => desk.lift(&Target::Net(*net), "by hand"),
            Op::Panic(on) => desk.set_panic(*on, now),
            Op::Wait(by) => {
                self.now += by;
                desk.tick(secs(self.now), &enforce)
            }
            Op::Save if self.save => {
                let mut again = Office::new(self.config.clone());
                again.load(&desk.save()).unwrap();
                let standing = postcard::to_stdvec(&desk.standing).unwrap();
                again.standing = postcard::from_bytes(&standing).unwrap();
                again.proposer = desk.proposer.clone();
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
            prop_assert!(decision.stands_at(now), "{op:?} passed what is over: {decision:?}");
            prop_assert!(!self.desk.guard.panic(), "{op:?} passed in panic: {decision:?}");
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
