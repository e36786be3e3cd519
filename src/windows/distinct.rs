//! `distinct`: how many different values a key has shown, by their hashes.

use super::slots::Stored;
use super::spec::{Firing, Sample};
use super::state::{Held, Poured, State, gap, is_far, micros};
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::time::Duration;

pub(super) struct DistinctPlan {
    n: usize,
    within: u64,
}

impl DistinctPlan {
    pub(super) fn new(n: u64, within: Duration) -> Self {
        Self {
            n: usize::try_from(n).unwrap_or(usize::MAX).max(1),
            within: micros(within).unsigned_abs(),
        }
    }
}

/// `Distinct`: each value's hash with the time it was last seen, sorted by hash.
#[derive(Serialize, Deserialize)]
pub(super) struct Distinct {
    newest: i64,
    seen: SmallVec<[(u64, i64); 1]>,
}

impl Stored for Distinct {
    type Aligned = u64;
}

impl State for Distinct {
    type Plan = DistinctPlan;

    fn start(_plan: &DistinctPlan, sample: &Sample) -> Self {
        Self { newest: sample.time.as_micros(), seen: SmallVec::new() }
    }

    fn pour(&mut self, plan: &DistinctPlan, sample: &Sample) -> Poured {
        let now = sample.time.as_micros();
        let Some(hash) = sample.distinct else {
            return if self.seen.is_empty() { Poured::Emptied } else { Poured::Kept };
        };
        if gap(self.newest, now) >= plan.within {
            return Poured::Late;
        }
        self.newest = self.newest.max(now);
        match self.seen.binary_search_by_key(&hash, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, time)) = self.seen.get_mut(place) {
                    *time = (*time).max(now);
                }
            }
            Err(place) => self.seen.insert(place, (hash, now)),
        }
        if self.seen.len() < plan.n {
            return Poured::Kept;
        }
        let newest = self.newest;
        self.seen.retain(|(_, time)| gap(newest, *time) < plan.within);
        if self.seen.len() < plan.n {
            return Poured::Kept;
        }
        let first = self.seen.iter().map(|(_, time)| *time).min();
        Poured::Fired(Firing {
            count: self.seen.len() as u64,
            first: Timestamp::from_micros(first.unwrap_or(now)),
            last: Timestamp::from_micros(newest),
        })
    }

    fn heap_bytes(&self) -> usize {
        match self.seen.len() {
            0 | 1 => 0,
            more => more.next_power_of_two() * 16 + 16,
        }
    }

    fn newest(&self, _plan: &DistinctPlan) -> Timestamp {
        Timestamp::from_micros(self.newest)
    }

    fn over_at(&self, plan: &DistinctPlan) -> Timestamp {
        Timestamp::from_micros(self.newest).plus(Duration::from_micros(plan.within))
    }

    fn is_far(&self, plan: &DistinctPlan) -> bool {
        is_far(self.level(plan), plan.n as u64)
    }

    fn level(&self, _plan: &DistinctPlan) -> u64 {
        self.seen.len() as u64
    }

    fn held_at(&self, plan: &DistinctPlan, at: Timestamp) -> Held {
        let now = at.as_micros().max(self.newest);
        let counting = self.seen.iter().map(|(_, time)| *time);
        let counting = counting.filter(|time| gap(now, *time) < plan.within);
        let first = counting.clone().min().map(Timestamp::from_micros);
        Held { count: counting.count() as u64, of: None, first }
    }
}
