//! How many blocks a minute: who has passed, and who waits.
//!
//! In: blocks that the guard would let pass. Out: whether there is room, and the queue of those for
//! whom there was none. What leaves the queue, and as what, `release` decides; nothing is dropped
//! here.

use super::model::{Decision, Remedy, Route, Target};
use super::standing::ends_by;
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// A block that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The block as it was proposed.
    pub decision: Decision,
    /// Since when it waits (wall clock).
    pub since: Timestamp,
}

type Slot = (Target, Remedy, Option<Arc<str>>, Route);

/// The blocks of the last minute, and the queue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ceiling {
    passed: VecDeque<Timestamp>,
    queue: BTreeMap<u64, Waiting>,
    next: u64,
    #[serde(skip)]
    places: BTreeMap<Slot, u64>,
}

impl Ceiling {
    /// Makes the index again after loading.
    pub fn reindex(&mut self) {
        self.places =
            self.queue.iter().map(|(place, waiting)| (slot(&waiting.decision), *place)).collect();
    }

    /// How many more blocks may pass at `now`. A clock that was set back counts what passed as of
    /// now: it delays by a minute at most.
    pub fn room(&mut self, now: Timestamp, per_minute: u32) -> usize {
        for at in &mut self.passed {
            *at = (*at).min(now);
        }
        let oldest = now.minus(MINUTE);
        while self.passed.front().is_some_and(|at| *at <= oldest) {
            self.passed.pop_front();
        }
        let most = usize::try_from(per_minute).unwrap_or(usize::MAX);
        most.saturating_sub(self.passed.len())
    }

    /// When there will be room again; `None` where nothing passed lately.
    pub fn room_at(&self) -> Option<Timestamp> {
        self.passed.front().map(|at| at.plus(MINUTE))
    }

    /// Counts a block that passes; never more than `per_minute` are kept, so that letting some pass
    /// over the ceiling doesn't put off the others.
    pub fn pass(&mut self, now: Timestamp, per_minute: u32) {
        self.passed.push_back(now);
        while self.passed.len() > usize::try_from(per_minute).unwrap_or(usize::MAX) {
            self.passed.pop_front();
        }
    }

    /// Counts blocks of the last minute that are known from elsewhere, where fewer are known here.
    pub fn were_made(&mut self, times: &[Timestamp], now: Timestamp, per_minute: u32) {
        let oldest = now.minus(MINUTE);
        let mut recent: Vec<Timestamp> =
            times.iter().copied().filter(|at| *at > oldest && *at <= now).collect();
        self.room(now, per_minute);
        if recent.len() <= self.passed.len() {
            return;
        }
        recent.sort_unstable();
        self.passed.clear();
        for at in recent {
            self.pass(at, per_minute);
        }
    }

    /// Lets a block wait. One for the same target and of the same kind keeps its place: the longer
    /// of both waits on.
    pub fn wait(&mut self, decision: Decision, now: Timestamp) {
        let slot = slot(&decision);
        if let Some(waiting) = self.places.get(&slot).and_then(|place| self.queue.get_mut(place)) {
            if ends_by(waiting.decision.until, decision.until) {
                waiting.decision = decision;
            }
            return;
        }
        let place = self.next;
        self.next += 1;
        self.places.insert(slot, place);
        let since = now;
        self.queue.insert(place, Waiting { decision, since });
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Those who wait, with their places, longest wait first.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, &Waiting)> {
        self.queue.iter().map(|(place, waiting)| (*place, waiting))
    }

    /// The one at a place.
    pub fn get(&self, place: u64) -> Option<&Waiting> {
        self.queue.get(&place)
    }

    /// Takes one out of the queue.
    pub fn take(&mut self, place: u64) -> Option<Waiting> {
        let waiting = self.queue.remove(&place)?;
        self.places.remove(&slot(&waiting.decision));
        Some(waiting)
    }

    /// Since when the longest waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.queue.first_key_value().map(|(_, waiting)| waiting.since)
    }
}

fn slot(decision: &Decision) -> Slot {
    (decision.target.clone(), decision.remedy, decision.via.clone(), decision.route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::testing::{block, secs};

    #[test]
    fn room_comes_back_after_a_minute_also_when_the_clock_is_set_back() {
        let mut ceiling = Ceiling::default();
        assert_eq!(ceiling.room(secs(100), 2), 2);
        ceiling.pass(secs(100), 2);
        ceiling.pass(secs(110), 2);
        assert_eq!(ceiling.room(secs(159), 2), 0);
        assert_eq!(ceiling.room_at(), Some(secs(160)));
        assert_eq!(ceiling.room(secs(160), 2), 1);
        assert_eq!(ceiling.room(secs(5), 2), 1);
        assert_eq!(ceiling.room(secs(65), 2), 2);
    }

    #[test]
    fn the_longer_of_two_for_one_target_waits_and_keeps_its_place() {
        let mut ceiling = Ceiling::default();
        ceiling.wait(block("203.0.113.1", 0, Some(60)), secs(0));
        ceiling.wait(block("203.0.113.2", 0, Some(60)), secs(0));
        ceiling.wait(block("203.0.113.1", 5, Some(600)), secs(5));
        ceiling.wait(block("203.0.113.1", 6, Some(10)), secs(6));
        let bytes = postcard::to_stdvec(&ceiling).unwrap();
        let mut again: Ceiling = postcard::from_bytes(&bytes).unwrap();
        again.reindex();
        again.wait(block("203.0.113.2", 7, Some(10)), secs(7));
        assert_eq!(again.len(), 2);
        let ends: Vec<_> = again.waiting().map(|(_, waiting)| waiting.decision.until).collect();
        assert_eq!(ends, [Some(secs(605)), Some(secs(60))]);
        assert_eq!(again.oldest(), Some(secs(0)));
        let first = again.waiting().next().map(|(place, _)| place).unwrap();
        assert!(again.take(first).is_some());
        assert!(again.take(first).is_none());
    }
}
