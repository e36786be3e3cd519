//! Candidates of a batch, looked at before their turn: keys and samples are made, and what their
//! windows will read is read, all of it together, so that waits for memory overlap.
//!
//! In: the next candidates. Out: what [`Core::event_ahead`] takes, in the same order. Pure: making a
//! key earlier changes nothing, for keys and samples depend on the event alone.

use super::{Core, Firing, Pending, VecDeque};
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
    /// For each rule of each candidate, in order; nothing where the event lacks something.
    counted: VecDeque<Option<Counted>>,
}

impl Core {
    /// Looks at the first [`limits::CANDIDATES_LOOK_AHEAD`] of these candidates. They have to have their turn, with [`Self::event_ahead`], before others are looked at,
    /// and before the rules change.
    pub fn look_ahead(&self, candidates: &[Candidate], foreseen: &mut Foreseen) {
        foreseen.counted.clear();
        for candidate in candidates.iter().take(limits::CANDIDATES_LOOK_AHEAD) {
            let event = &candidate.event;
            foreseen.counted.extend(candidate.rules.iter().map(|rule| self.counted(*rule, event)));
        }
        let mut spots = foreseen.counted.iter_mut().flatten().map(|counted| &mut counted.spot);
        while self.windows.look_ahead(spots.by_ref().take(limits::WINDOW_LOOK_AHEAD_KEYS)) > 0 {}
    }

    /// One event, as [`Self::event`] takes it, that was looked at.
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
        let root = Pending::root(Arc::clone(event));
        for rule in candidates {
            if let Some(counted) = foreseen.counted.pop_front().flatten() {
                self.count(*rule, counted, &root, (&mut waiting, &mut emitted), out);
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
        let (key, sample) = found?;
        let spot = self.windows.spot(rule as usize, &key);
        Some(Counted { key, sample, spot })
    }
}
