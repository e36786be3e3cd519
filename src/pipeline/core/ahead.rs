//! Candidates of a batch, looked at before their turn: keys and samples are made, and what their
//! windows will read is read, all of it together, so that waits for memory overlap.
//!
//! In: the next candidates. Out: what [`Core::event_ahead`] takes, in the same order. Pure: making a
//! key earlier changes nothing, for keys and samples depend on the event alone.

use super::{Cause, Core, Firing, VecDeque};
use crate::event::{Event, Key};
use crate::limits;
use crate::pipeline::stage::Candidate;
use crate::telemetry::{self, names};
use crate::windows::{Sample, Spot};
use std::sync::Arc;

/// What a rule's window is told of an event.
pub(super) struct Counted {
    pub key: Key,
    pub sample: Sample,
    pub spot: Spot,
}

/// The next candidates of a batch, with what their rules count of them.
#[derive(Default)]
pub struct Foreseen {
    /// For each rule of each candidate, in order, the rule's number and what it counts; nothing
    /// where the event lacks something.
    counted: VecDeque<(u32, Option<Counted>)>,
}

impl Core {
    /// Looks at the first [`limits::CANDIDATES_LOOK_AHEAD`] of these candidates. They have to have
    /// their turn, with [`Self::event_ahead`], before others are looked at and before the rules
    /// change.
    pub fn look_ahead(&self, candidates: &[Candidate], foreseen: &mut Foreseen) {
        foreseen.counted.clear();
        for candidate in candidates.iter().take(limits::CANDIDATES_LOOK_AHEAD) {
            let counted = |rule: &u32| (*rule, self.counted(*rule, &candidate.event));
            foreseen.counted.extend(candidate.rules.iter().map(counted));
        }
        let counted = foreseen.counted.iter_mut().filter_map(|(_, counted)| counted.as_mut());
        let mut spots = counted.map(|counted| &mut counted.spot);
        while self.windows.look_ahead(spots.by_ref().take(limits::WINDOW_LOOK_AHEAD_KEYS)) > 0 {}
    }

    /// One event, as [`Self::event`] takes it, that may have been looked at: what wasn't is looked
    /// up now.
    pub fn event_ahead(
        &mut self,
        event: &Arc<Event>,
        candidates: &[u32],
        foreseen: &mut Foreseen,
        out: &mut Vec<Firing>,
    ) {
        self.host.set_now(event.time);
        let mut waiting = VecDeque::new();
        let mut emitted = 0;
        let root = Cause::root(event);
        for rule in candidates {
            let counted = match foreseen.counted.pop_front() {
                Some((of, counted)) if of == *rule => counted,
                other => {
                    debug_assert!(other.is_none(), "another candidate's turn was expected");
                    foreseen.counted.clear();
                    self.counted(*rule, event)
                }
            };
            if let Some(counted) = counted {
                self.count(*rule, counted, root, (&mut waiting, &mut emitted), out);
            }
        }
        self.drain(waiting, emitted, out);
    }

    /// What a rule counts of an event, and where; nothing where the event lacks something, and where
    /// a script failed.
    pub(super) fn counted(&self, rule: u32, event: &Arc<Event>) -> Option<Counted> {
        let Ok(found) = self.rules.sample(rule, event) else {
            telemetry::counter(names::RULE_FAULTS).add(1);
            return None;
        };
        let (mut key, sample) = found?;
        if self.is_distrusted(&event.origin.source) {
            key = key.distrusted();
        }
        let spot = self.windows.spot(rule as usize, &key);
        Some(Counted { key, sample, spot })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::core_of;
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::{Field, Kind, Value};
    use std::net::IpAddr;

    /// One more than are looked at together meet the threshold.
    fn core() -> Core {
        core_of(&format!(
            "rule(\"addresses\").on(\"http\").by(\"ip\").count({}, \"1h\").then(|hit| block(hit.ip, \"1h\"));\nrule(\"users\").on(\"http\").by(\"user\").then(|hit| block(hit.key, \"1h\"));\n",
            limits::CANDIDATES_LOOK_AHEAD + 1
        ))
    }

    /// Requests of one client, which lack a user; both rules care.
    fn candidates() -> Vec<Candidate> {
        let candidate = |second: u32| {
            let time = Timestamp::from_micros(i64::from(second) * 1_000_000);
            let mut event = Event::new(Kind::Http, time);
            event.set(Field::Ip, Value::Ip(IpAddr::from([203, 0, 113, 9])));
            Candidate { event: Arc::new(event), rules: [0, 1].into_iter().collect(), reached: time }
        };
        (0..).map(candidate).take(limits::CANDIDATES_LOOK_AHEAD + 1).collect()
    }

    /// What fires when they have their turn, and how many events the hits counted.
    fn fired(core: &mut Core, candidates: &[Candidate], mut foreseen: Foreseen) -> Vec<u64> {
        let mut firings = Vec::new();
        for candidate in candidates {
            core.event_ahead(&candidate.event, &candidate.rules, &mut foreseen, &mut firings);
        }
        firings.iter().map(|firing| firing.hit.count).collect()
    }

    #[test]
    fn what_was_never_looked_at_is_counted_all_the_same() {
        let candidates = candidates();
        let all = candidates.len() as u64;
        assert_eq!(fired(&mut core(), &candidates, Foreseen::default()), [all]);
        // The last one is beyond those that are looked at together.
        let (mut core, mut foreseen) = (core(), Foreseen::default());
        core.look_ahead(&candidates, &mut foreseen);
        assert_eq!(fired(&mut core, &candidates, foreseen), [all]);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "another candidate's turn was expected")]
    fn a_turn_that_is_left_out_is_noticed() {
        let candidates = candidates();
        let (mut core, mut foreseen) = (core(), Foreseen::default());
        core.look_ahead(&candidates, &mut foreseen);
        core.event_ahead(&candidates[0].event, &[1], &mut foreseen, &mut Vec::new());
    }
}
