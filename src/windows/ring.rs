//! `sum`, `ratio` and large `count`: eight buckets a key, each an eighth of the span, so a key
//! costs the same however much it does. What lies in the buckets always lies within one span:
//! it may fire late by at most a bucket, never early.

use super::slots::Stored;
use super::spec::{Firing, Sample};
use super::state::{Held, Poured, State, gap, is_far, micros, whole};
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const BUCKETS: usize = 8;
const BUCKETS_I64: i64 = 8;

/// The buckets' common clock: where time falls, and what has to be emptied as it moves on.
fn move_on(newest: &mut i64, bucket: i64, mut empty: impl FnMut(usize)) -> Option<usize> {
    if gap(*newest, bucket) >= BUCKETS as u64 {
        return None;
    }
    let ahead = gap(bucket, *newest).min(BUCKETS as u64);
    for step in 0..ahead {
        empty(place(bucket.saturating_sub(i64::try_from(step).unwrap_or(0))));
    }
    *newest = bucket.max(*newest);
    Some(place(bucket))
}

fn place(bucket: i64) -> usize {
    usize::try_from(bucket.rem_euclid(BUCKETS_I64)).unwrap_or(0)
}

fn add(slot: Option<&mut u32>, amount: u64) {
    if let Some(slot) = slot {
        *slot = slot.saturating_add(u32::try_from(amount).unwrap_or(u32::MAX));
    }
}

/// What is left in the buckets at a time, and when the first of them begins.
fn left_at(
    buckets: &[u32; BUCKETS],
    newest: i64,
    width: i64,
    at: Timestamp,
) -> ([u32; BUCKETS], Option<Timestamp>) {
    let (mut left, mut newest) = (*buckets, newest);
    let empty = |place: usize| {
        if let Some(slot) = left.get_mut(place) {
            *slot = 0;
        }
    };
    // A time before what is held empties nothing.
    move_on(&mut newest, at.as_micros().div_euclid(width), empty);
    let first = (total(&left) > 0).then(|| first_time(&left, newest, width));
    (left, first)
}

fn total(buckets: &[u32; BUCKETS]) -> u64 {
    buckets.iter().map(|count| u64::from(*count)).sum()
}

/// The start of the first bucket that holds something.
fn first_time(buckets: &[u32; BUCKETS], newest: i64, width: i64) -> Timestamp {
    let back = (0..BUCKETS_I64).rev().find(|back| {
        buckets.get(place(newest.saturating_sub(*back))).is_some_and(|held| *held > 0)
    });
    Timestamp::from_micros(newest.saturating_sub(back.unwrap_or(0)).saturating_mul(width))
}

fn bucket_end(newest: i64, width: i64) -> Timestamp {
    Timestamp::from_micros(newest.saturating_add(1).saturating_mul(width))
}

/// What a ring counts.
enum Measure {
    /// Samples.
    Weight,
    /// Amounts, in units of this size: a power of two, between 2^-30 and 2^-31 of the threshold,
    /// so that whole numbers add up exactly under any threshold below 2^31.
    Amount(f64),
}

pub(super) struct RingPlan {
    width: i64,
    threshold: u64,
    measure: Measure,
}

impl RingPlan {
    pub(super) fn count(n: u64, within: Duration) -> Self {
        Self { width: bucket_width(within), threshold: n.max(1), measure: Measure::Weight }
    }

    pub(super) fn sum(at_least: f64, within: Duration) -> Self {
        let exponent = (at_least.to_bits() >> 52) & 0x7ff;
        let exponent = i32::try_from(exponent).unwrap_or(0) - 1_023;
        let unit = 2.0_f64.powi(exponent - 30);
        let threshold = if at_least.is_finite() && at_least > 0.0 {
            whole((at_least / unit).ceil()).max(1)
        } else {
            // `WindowSpec::check` refuses these: a sum that can't be reached.
            u64::MAX
        };
        Self { width: bucket_width(within), threshold, measure: Measure::Amount(unit) }
    }
}

fn bucket_width(within: Duration) -> i64 {
    (micros(within) / BUCKETS_I64).max(1)
}

/// How much came in, by bucket.
#[derive(Serialize, Deserialize)]
pub(super) struct Ring {
    newest: i64,
    held: [u32; BUCKETS],
}

impl Stored for Ring {
    type Aligned = u64;
}

impl State for Ring {
    type Plan = RingPlan;

    fn start(plan: &RingPlan, sample: &Sample) -> Self {
        Self { newest: sample.time.as_micros().div_euclid(plan.width), held: [0; BUCKETS] }
    }

    fn pour(&mut self, plan: &RingPlan, sample: &Sample) -> Poured {
        let (amount, exact) = match plan.measure {
            Measure::Weight => (sample.weight, 0.0),
            Measure::Amount(unit) => {
                let exact = sample.amount.max(0.0) * (sample.weight as f64);
                (whole(exact / unit), exact)
            }
        };
        if amount == 0 {
            return if total(&self.held) == 0 { Poured::Emptied } else { Poured::Kept };
        }
        let bucket = sample.time.as_micros().div_euclid(plan.width);
        let held = &mut self.held;
        let empty = |place: usize| {
            if let Some(slot) = held.get_mut(place) {
                *slot = 0;
            }
        };
        let Some(place) = move_on(&mut self.newest, bucket, empty) else {
            return Poured::Late;
        };
        let before = total(&self.held);
        add(self.held.get_mut(place), amount);
        if before.saturating_add(amount) < plan.threshold {
            return Poured::Kept;
        }
        let count = match plan.measure {
            Measure::Weight => before.saturating_add(amount),
            Measure::Amount(unit) => whole((before as f64).mul_add(unit, exact)),
        };
        Poured::Fired(Firing {
            count,
            first: first_time(&self.held, self.newest, plan.width).min(sample.time),
            last: sample.time,
        })
    }

    fn newest(&self, plan: &RingPlan) -> Timestamp {
        bucket_end(self.newest, plan.width)
    }

    fn over_at(&self, plan: &RingPlan) -> Timestamp {
        bucket_end(self.newest.saturating_add(BUCKETS_I64), plan.width)
    }

    fn is_far(&self, plan: &RingPlan) -> bool {
        // Of amounts nobody knows how much the next ones are.
        matches!(plan.measure, Measure::Weight) && is_far(total(&self.held), plan.threshold)
    }

    fn level(&self, plan: &RingPlan) -> u64 {
        match plan.measure {
            Measure::Weight => total(&self.held),
            Measure::Amount(unit) => whole(total(&self.held) as f64 * unit),
        }
    }

    fn held_at(&self, plan: &RingPlan, at: Timestamp) -> Held {
        let (held, first) = left_at(&self.held, self.newest, plan.width, at);
        let left = Self { newest: self.newest, held };
        Held { count: left.level(plan), of: None, first }
    }
}

pub(super) struct RatioPlan {
    width: i64,
    share: f64,
    at_least: u64,
}

impl RatioPlan {
    pub(super) fn new(share: f64, at_least: u64, within: Duration) -> Self {
        Self { width: bucket_width(within), share, at_least: at_least.max(1) }
    }
}

/// How many there were, and how many of them were true, by bucket.
#[derive(Serialize, Deserialize)]
pub(super) struct Ratio {
    newest: i64,
    all: [u32; BUCKETS],
    hits: [u32; BUCKETS],
}

impl Stored for Ratio {
    type Aligned = u64;
}

impl State for Ratio {
    type Plan = RatioPlan;

    fn start(plan: &RatioPlan, sample: &Sample) -> Self {
        Self {
            newest: sample.time.as_micros().div_euclid(plan.width),
            all: [0; BUCKETS],
            hits: [0; BUCKETS],
        }
    }

    fn pour(&mut self, plan: &RatioPlan, sample: &Sample) -> Poured {
        let bucket = sample.time.as_micros().div_euclid(plan.width);
        let (all, hits) = (&mut self.all, &mut self.hits);
        let empty = |place: usize| {
            for ring in [&mut *all, &mut *hits] {
                if let Some(slot) = ring.get_mut(place) {
                    *slot = 0;
                }
            }
        };
        let Some(place) = move_on(&mut self.newest, bucket, empty) else {
            return Poured::Late;
        };
        add(self.all.get_mut(place), sample.weight);
        if sample.flags & 1 == 1 {
            add(self.hits.get_mut(place), sample.weight);
        }
        let (all, hits) = (total(&self.all), total(&self.hits));
        if all < plan.at_least || (hits as f64) < plan.share * (all as f64) {
            return Poured::Kept;
        }
        Poured::Fired(Firing {
            count: hits,
            first: first_time(&self.all, self.newest, plan.width).min(sample.time),
            last: sample.time,
        })
    }

    fn newest(&self, plan: &RatioPlan) -> Timestamp {
        bucket_end(self.newest, plan.width)
    }

    fn over_at(&self, plan: &RatioPlan) -> Timestamp {
        bucket_end(self.newest.saturating_add(BUCKETS_I64), plan.width)
    }

    fn level(&self, _plan: &RatioPlan) -> u64 {
        total(&self.hits)
    }

    fn held_at(&self, plan: &RatioPlan, at: Timestamp) -> Held {
        let (all, first) = left_at(&self.all, self.newest, plan.width, at);
        let (hits, _) = left_at(&self.hits, self.newest, plan.width, at);
        Held { count: total(&hits), of: Some(total(&all)), first }
    }
}
