//! Short ways to make decisions and times, for the tests of this stage.

use super::allowlist::{Entry, Subject};
use super::config::GuardConfig;
use super::desk::{Desk, RuleFacts, Steps};
use super::ids;
use super::model::{Ask, Decision, DurationAsk, Hit, HitId, Mode, Remedy, Route, Target};
use super::proposer::Proposer;
use crate::clock::Timestamp;
use crate::event::net::parse_net;
use crate::event::{Event, Kind};
use ipnet::IpNet;
use std::sync::Arc;
use std::time::Duration;

pub fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

pub fn net(text: &str) -> IpNet {
    parse_net(text).unwrap()
}

/// A block by `test-rule` from second `from` on, for `duration` seconds or for ever.
pub fn block(target: &str, from: i64, duration: Option<u64>) -> Decision {
    let target = Target::parse(target).unwrap();
    let hit = ids::hit_id(
        "test-rule",
        &target.to_string(),
        ids::Place { stream: "test", offset: u64::try_from(from).unwrap(), ordinal: 0 },
    );
    Decision {
        id: ids::decision_id(hit, u32::try_from(duration.unwrap_or(0)).unwrap()),
        hit: Some(HitId(hit.0)),
        rule: "test-rule".into(),
        target,
        remedy: Remedy::Block,
        from: secs(from),
        until: duration.map(|duration| secs(from).plus(Duration::from_secs(duration))),
        reason: "a test".to_owned(),
        via: None,
        route: Route::Unknown,
    }
}

/// A decision that a person made.
pub fn manual(target: &str, remedy: Remedy, from: i64, duration: Option<u64>) -> Decision {
    let block = block(target, from, duration);
    Decision {
        id: ids::outside_decision_id("manual", &block.target, remedy, block.from),
        hit: None,
        rule: "manual".into(),
        remedy,
        ..block
    }
}

/// A firing of `test-rule` for an address at second `time`.
pub fn hit(address: &str, time: i64) -> Hit {
    let place = ids::Place { stream: "test", offset: u64::try_from(time).unwrap(), ordinal: 0 };
    Hit {
        id: ids::hit_id("test-rule", address, place),
        rule: "test-rule".into(),
        key: address.into(),
        ip: address.parse().ok(),
        count: 10,
        first: secs(time - 30),
        last: secs(time),
        time: secs(time),
        event: Arc::new(Event::new(Kind::Http, secs(time))),
        events: Vec::new(),
        route: Route::Unknown,
    }
}

/// What `block(hit.ip, …)` asks for.
pub fn ask(address: &str, duration: DurationAsk) -> Ask {
    Ask::Decide {
        target: Target::client(address.parse().unwrap()),
        remedy: Remedy::Block,
        duration,
        reason: None,
        via: None,
    }
}

/// An allowlist entry without a comment.
pub fn entry(subject: &str) -> Entry {
    Entry {
        subject: Subject::parse(subject).unwrap(),
        comment: String::new(),
        added: secs(0),
        by: "test".to_owned(),
        until: None,
    }
}

/// A desk with a proposer before it, as the pipeline joins them.
pub struct Office {
    pub desk: Desk,
    pub proposer: Proposer,
}

impl Office {
    pub fn new(config: GuardConfig) -> Self {
        Self { desk: Desk::new(config.clone()), proposer: Proposer::new(config) }
    }

    /// Carries a hit's ask as far as this stage goes.
    pub fn ask(
        &mut self,
        hit: &Hit,
        ordinal: u32,
        ask: &Ask,
        rule: RuleFacts,
        now: Timestamp,
    ) -> Steps {
        if let Ask::Lift { target } = ask {
            let acts = rule.mode == Mode::Enforce && !self.desk.guard.panic();
            let why = format!("rule `{}`", hit.rule);
            return if acts { self.desk.lift(target, &why) } else { Steps::default() };
        }
        let mut steps = Steps::default();
        for decision in self.proposer.propose(hit, ordinal, ask).decisions {
            let mut more = self.desk.judge(decision, rule, now);
            steps.lifted.append(&mut more.lifted);
            steps.superseded.append(&mut more.superseded);
            steps.judged.append(&mut more.judged);
            steps.alarms.append(&mut more.alarms);
        }
        steps
    }
}

impl std::ops::Deref for Office {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl std::ops::DerefMut for Office {
    fn deref_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
}
