//! Hits of events that anybody may have sent (syslog over UDP): they count apart, and what their rules
//! ask for is only noted.
//!
//! In: such a hit and what its rule's body asked for. Out: a firing that must not act. Nothing that a
//! trusted hit looks at is changed by it: no past, no state, no tags, no scores, no hopping. So whoever
//! forges lines gets nobody blocked, blocked longer, or more widely.

use super::events::{Cause, Pending, emitted_event, push};
use super::host::CoreHost;
use super::{Core, Firing};
use crate::clock::Timestamp;
use crate::decisions::{Ask, Hit, Mode, Proposer};
use crate::enrich::Geo;
use crate::rules::{Host, StateValue};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What bodies of such hits reach: they read what is there and change nothing.
struct ReadOnly(Arc<CoreHost>);

impl Host for ReadOnly {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn past_hits(&self, key: &str, within: Duration) -> u64 {
        self.0.past_hits(key, within)
    }

    fn in_feed(&self, address: IpAddr, feed: &str) -> bool {
        self.0.in_feed(address, feed)
    }

    fn geo(&self, address: IpAddr) -> Option<Arc<Geo>> {
        self.0.geo(address)
    }

    fn state_get(&self, key: &str) -> Option<StateValue> {
        self.0.state_get(key)
    }

    fn state_set(&self, _key: &str, _value: StateValue, _ttl: Duration) {}

    fn state_add(&self, key: &str, amount: f64, _ttl: Duration) -> f64 {
        match self.0.state_get(key) {
            Some(StateValue::Int(number)) => number as f64 + amount,
            Some(StateValue::Float(number)) => number + amount,
            _ => amount,
        }
    }
}

impl Core {
    /// Events of these sources count apart from all others, and what they lead to must not act, nor
    /// leave anything in the past, the state or the tags that other hits look at.
    pub fn distrust(&mut self, sources: BTreeSet<Arc<str>>) {
        self.distrusted = sources;
    }

    /// Whether anybody may have sent a source's events.
    pub fn is_distrusted(&self, source: &str) -> bool {
        !self.distrusted.is_empty() && self.distrusted.contains(source)
    }

    /// Where in time a source is whose newest event happened at `newest`. Forged stamps must neither
    /// hold timers back nor move them on: such a source is where its records arrive.
    pub fn reached(&self, source: &str, newest: Timestamp, arrival: Timestamp) -> Timestamp {
        if self.is_distrusted(source) { arrival } else { newest }
    }

    /// What a body asked for, noted. Events that it emits are of the same source, so they count apart
    /// too.
    pub(super) fn follow_distrusted(
        &mut self,
        rule: u32,
        hit: &Arc<Hit>,
        cause: Cause<'_>,
        (waiting, emitted): (&mut VecDeque<Pending>, &mut usize),
        out: &mut Vec<Firing>,
    ) {
        let host: Arc<dyn Host> = Arc::new(ReadOnly(Arc::clone(&self.host)));
        let run = self.rules.run_body(rule, hit, &host);
        let mut firing = Firing {
            hit: Arc::clone(hit),
            mode: Mode::Shadow,
            distrusted: true,
            rule,
            decisions: Vec::new(),
            lifts: Vec::new(),
            effects: Vec::new(),
            asks: Vec::new(),
            fault: run.fault,
        };
        // Without a past: nobody offended before, and no network hops.
        let mut proposer = Proposer::new(self.host.proposer().config().clone());
        for (ordinal, ask) in (0_u32..).zip(&run.asks) {
            match ask {
                Ask::Decide { .. } => {
                    firing.decisions.extend(proposer.propose(hit, ordinal, ask).decisions);
                }
                Ask::Lift { target } => firing.lifts.push(target.clone()),
                Ask::Effect(effect) => firing.effects.push(effect.clone()),
                Ask::Emit { kind, fields } => {
                    let event = || Some(emitted_event(kind, fields.clone(), hit));
                    push(waiting, emitted, event, cause.depth, cause.from_decision);
                }
                Ask::Tag { .. } | Ask::Score { .. } => {}
            }
        }
        firing.asks = run.asks;
        out.push(firing);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::core_of;
    use super::*;
    use crate::event::{Event, Field, Kind, Origin, Value};

    const RULES: &str = r#"
rule("three").on("ssh.auth").by("ip").count(3, "1h").then(|hit| {
    state::set("seen", 1, "1h");
    tag(hit.key, "bad", "1h");
    score(hit.key, 5);
    block(hit.ip, escalate("1h", "30d"));
    emit("further", #{ ip: hit.ip });
});
rule("further").on("further").by("ip").then(|hit| block(hit.ip, "1h"));
rule("decided").on("decision").by("ip").then(|hit| notify("ops", "x"));
"#;

    fn pass(core: &mut Core, source: &str, seconds: std::ops::Range<i64>) -> Vec<Firing> {
        let mut firings = Vec::new();
        for second in seconds {
            let mut event = Event::new(Kind::SshAuth, Timestamp::from_secs(second));
            event.set(Field::Ip, Value::ip([203, 0, 113, 9].into()));
            event.origin = Arc::new(Origin { source: source.into(), stream: source.into() });
            let event = Arc::new(event);
            let (mut rules, mut faults) = (Vec::new(), Vec::new());
            core.rules().candidates(&event, &mut rules, &mut faults);
            core.event(&event, &rules, &mut firings);
        }
        firings
    }

    #[test]
    fn forged_events_count_apart_do_not_act_and_leave_nothing() {
        let mut core = core_of(RULES);
        core.distrust(["udp".into()].into());
        assert!(pass(&mut core, "udp", 0..2).is_empty());
        // One true event does not make three of two forged ones.
        assert!(pass(&mut core, "log", 2..3).is_empty());
        let forged = pass(&mut core, "udp", 3..4);
        let names: Vec<&str> = forged.iter().map(|firing| &*firing.hit.rule).collect();
        assert_eq!(names, ["three", "further"]);
        assert!(forged.iter().all(|firing| firing.distrusted && firing.mode == Mode::Shadow));
        assert_eq!(&*forged[0].hit.key, "203.0.113.9");
        assert_eq!(forged[0].hit.ip, Some([203, 0, 113, 9].into()));
        assert_eq!(forged[0].decisions.len(), 1);
        for name in ["seen", "tag:203.0.113.9:bad", "score:203.0.113.9"] {
            assert_eq!(core.host.state_get(name), None, "{name}");
        }
        assert_eq!(core.host.past_hits("203.0.113.9", Duration::from_hours(1)), 0);
        let (old, now) = (Timestamp::from_secs(1), Timestamp::from_secs(9));
        assert_eq!([core.reached("udp", old, now), core.reached("log", old, now)], [now, old]);
        // The true ones go on where they were, and the block is the first.
        let acting = pass(&mut core, "log", 4..6);
        assert_eq!(acting[0].decisions[0].duration(), Some(Duration::from_hours(1)));
        assert!(acting.iter().all(|firing| !firing.distrusted));
        assert!(acting.iter().any(|firing| &*firing.hit.rule == "decided"));
        assert!(core.host.state_get("seen").is_some());
    }
}
