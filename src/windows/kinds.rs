//! The other kinds of windows, each a small state: every match, leaky bucket, in a
//! row, one after the other, and silence.

use super::slots::Stored;
use super::spec::{Firing, Sample};
use super::state::{Held, Poured, State, gap, is_far, micros};
use crate::clock::Timestamp;
use crate::limits::{EVIDENCE_EVENTS_MAX, WINDOW_IDLE_SECS_MAX};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::time::Duration;

/// `Each`: fires at once; what is remembered is only that the key rests.
#[derive(Serialize, Deserialize)]
pub(super) struct Each;

impl Stored for Each {
    type Aligned = u64;
}

impl State for Each {
    type Plan = ();

    fn start(_plan: &(), _sample: &Sample) -> Self {
        Self
    }

    fn pour(&mut self, _plan: &(), sample: &Sample) -> Poured {
        Poured::Fired(Firing { count: sample.weight, first: sample.time, last: sample.time })
    }

    fn newest(&self, _plan: &()) -> Timestamp {
        Timestamp::EPOCH
    }

    fn over_at(&self, _plan: &()) -> Timestamp {
        Timestamp::EPOCH
    }

    fn level(&self, _plan: &()) -> u64 {
        0
    }
}

pub(super) struct LeakyPlan {
    leak: u64,
    /// Level above which it overflows, microseconds of leaking.
    capacity: u64,
    /// What as many samples add as a firing shows.
    evidence: u64,
}

impl LeakyPlan {
    pub(super) fn new(capacity: u64, leak_every: Duration) -> Self {
        let leak = micros(leak_every).unsigned_abs();
        let evidence = leak.saturating_mul(EVIDENCE_EVENTS_MAX as u64);
        Self { leak, capacity: capacity.saturating_mul(leak), evidence }
    }
}

/// `Leaky`: the level as the time it takes to leak out; a late sample is poured in at the newest
/// one's time, so it can't overflow early.
#[derive(Serialize, Deserialize)]
pub(super) struct Leaky {
    newest: i64,
    level: u64,
    first: i64,
}

impl Stored for Leaky {
    type Aligned = u64;
}

impl State for Leaky {
    type Plan = LeakyPlan;

    fn start(_plan: &LeakyPlan, sample: &Sample) -> Self {
        Self { newest: sample.time.as_micros(), level: 0, first: sample.time.as_micros() }
    }

    fn pour(&mut self, plan: &LeakyPlan, sample: &Sample) -> Poured {
        let now = sample.time.as_micros();
        self.level = self.level.saturating_sub(gap(now, self.newest));
        self.newest = self.newest.max(now);
        if self.level == 0 {
            self.first = now;
        }
        self.level = self.level.saturating_add(sample.weight.saturating_mul(plan.leak));
        if self.level <= plan.capacity {
            return Poured::Kept;
        }
        Poured::Fired(Firing {
            count: self.level(plan),
            first: Timestamp::from_micros(self.first.min(now)),
            last: sample.time,
        })
    }

    fn newest(&self, _plan: &LeakyPlan) -> Timestamp {
        Timestamp::from_micros(self.newest)
    }

    fn over_at(&self, _plan: &LeakyPlan) -> Timestamp {
        Timestamp::from_micros(self.newest).plus(Duration::from_micros(self.level))
    }

    fn is_far(&self, plan: &LeakyPlan) -> bool {
        self.level.saturating_add(plan.evidence) <= plan.capacity
    }

    fn level(&self, plan: &LeakyPlan) -> u64 {
        self.level.div_ceil(plan.leak.max(1))
    }

    fn held_at(&self, plan: &LeakyPlan, at: Timestamp) -> Held {
        let level = self.level.saturating_sub(gap(at.as_micros(), self.newest));
        let first = (level > 0).then(|| Timestamp::from_micros(self.first));
        Held { count: level.div_ceil(plan.leak.max(1)), of: None, first }
    }
}

/// `Consecutive`: how many in a row.
#[derive(Serialize, Deserialize)]
pub(super) struct Consecutive {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Stored for Consecutive {
    type Aligned = u64;
}

impl State for Consecutive {
    type Plan = u64;

    fn start(_plan: &u64, sample: &Sample) -> Self {
        Self { count: 0, first: sample.time, last: sample.time }
    }

    fn pour(&mut self, plan: &u64, sample: &Sample) -> Poured {
        if sample.flags & 1 == 0 {
            return Poured::Emptied;
        }
        self.count = self.count.saturating_add(sample.weight);
        self.first = self.first.min(sample.time);
        self.last = self.last.max(sample.time);
        if self.count < *plan {
            return Poured::Kept;
        }
        Poured::Fired(Firing { count: self.count, first: self.first, last: self.last })
    }

    fn newest(&self, _plan: &u64) -> Timestamp {
        self.last
    }

    fn over_at(&self, _plan: &u64) -> Timestamp {
        self.last.plus(Duration::from_secs(WINDOW_IDLE_SECS_MAX))
    }

    fn is_far(&self, plan: &u64) -> bool {
        is_far(self.count, *plan)
    }

    fn level(&self, _plan: &u64) -> u64 {
        self.count
    }

    fn held_at(&self, plan: &u64, at: Timestamp) -> Held {
        if self.over_at(plan) <= at {
            return Held::default();
        }
        Held { count: self.count, of: None, first: Some(self.first) }
    }
}

pub(super) struct SequencePlan {
    pub(super) steps: usize,
    pub(super) within: u64,
}

impl SequencePlan {
    pub(super) fn new(steps: u8, within: Duration) -> Self {
        Self { steps: usize::from(steps).clamp(1, 64), within: micros(within).unsigned_abs() }
    }
}

/// `Sequence`: for each number of steps done, the latest time at which such a beginning began;
/// a later beginning has all the chances of an earlier one and more.
#[derive(Serialize, Deserialize)]
pub(super) struct Sequence {
    /// `begun[i]`: of beginnings with i + 1 steps; `i64::MIN` where there is none.
    begun: SmallVec<[i64; 2]>,
}

impl Stored for Sequence {
    type Aligned = u64;
}

impl State for Sequence {
    type Plan = SequencePlan;

    fn start(plan: &SequencePlan, _sample: &Sample) -> Self {
        Self { begun: SmallVec::from_elem(i64::MIN, plan.steps - 1) }
    }

    fn pour(&mut self, plan: &SequencePlan, sample: &Sample) -> Poured {
        let now = sample.time.as_micros();
        // The same event n times over can be n steps.
        for _ in 0..sample.weight.min(plan.steps as u64) {
            if let Some(first) = self.step(plan, sample.flags, now) {
                return Poured::Fired(Firing {
                    count: plan.steps as u64,
                    first: Timestamp::from_micros(first),
                    last: sample.time,
                });
            }
        }
        if self.begun.iter().all(|begun| *begun == i64::MIN) {
            Poured::Emptied
        } else {
            Poured::Kept
        }
    }

    fn heap_bytes(&self) -> usize {
        match self.begun.len() {
            0..=2 => 0,
            more => more * 8 + 16,
        }
    }

    fn newest(&self, _plan: &SequencePlan) -> Timestamp {
        Timestamp::from_micros(self.begun.iter().copied().max().unwrap_or(i64::MIN))
    }

    fn over_at(&self, plan: &SequencePlan) -> Timestamp {
        self.newest(plan).plus(Duration::from_micros(plan.within))
    }

    fn level(&self, _plan: &SequencePlan) -> u64 {
        let done = self.begun.iter().rposition(|begun| *begun != i64::MIN);
        done.map_or(0, |place| place as u64 + 1)
    }

    fn held_at(&self, plan: &SequencePlan, at: Timestamp) -> Held {
        let now = at.as_micros();
        let lives = |begun: &i64| *begun != i64::MIN && gap(now, *begun) < plan.within;
        let Some(place) = self.begun.iter().rposition(lives) else {
            return Held::default();
        };
        let first = self.begun.get(place).copied().map(Timestamp::from_micros);
        Held { count: place as u64 + 1, of: None, first }
    }
}

impl Sequence {
    /// Takes one event in; the time of the beginning when it completes the sequence. From the
    /// last step to the first, so that one event is one step only.
    fn step(&mut self, plan: &SequencePlan, flags: u64, now: i64) -> Option<i64> {
        for step in (0..plan.steps).rev() {
            if flags >> step & 1 == 0 {
                continue;
            }
            let begun = match step.checked_sub(1) {
                None => now,
                Some(before) => match self.begun.get(before) {
                    Some(&begun) if begun != i64::MIN && begun <= now => begun,
                    _ => continue,
                },
            };
            if gap(now, begun) >= plan.within {
                continue;
            }
            match self.begun.get_mut(step) {
                Some(slot) => *slot = (*slot).max(begun),
                None => return Some(begun),
            }
        }
        None
    }
}

/// `Absent`: when the key was seen.
#[derive(Serialize, Deserialize)]
pub(super) struct Absent {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    /// Its entry in the queue of due times, which may lag behind.
    queued: Timestamp,
}

impl Stored for Absent {
    type Aligned = u64;
}

impl State for Absent {
    type Plan = Duration;
    /// The entry in the queue: a time and a key, in tree nodes that are two thirds full.
    const QUEUE_BYTES: usize = 64;

    fn start(plan: &Duration, sample: &Sample) -> Self {
        Self { count: 0, first: sample.time, last: sample.time, queued: sample.time.plus(*plan) }
    }

    fn pour(&mut self, _plan: &Duration, sample: &Sample) -> Poured {
        self.count = self.count.saturating_add(sample.weight);
        self.first = self.first.min(sample.time);
        self.last = self.last.max(sample.time);
        Poured::Kept
    }

    fn newest(&self, _plan: &Duration) -> Timestamp {
        self.last
    }

    fn over_at(&self, _plan: &Duration) -> Timestamp {
        Timestamp::MAX
    }

    fn level(&self, _plan: &Duration) -> u64 {
        self.count
    }

    fn due(&self, plan: &Duration) -> Option<(Timestamp, Firing)> {
        let firing = Firing { count: self.count, first: self.first, last: self.last };
        Some((self.last.plus(*plan), firing))
    }

    fn queued(&mut self) -> Option<&mut Timestamp> {
        Some(&mut self.queued)
    }
}
