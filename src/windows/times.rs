//! `count` up to `limits::WINDOW_COUNT_EXACT_MAX`: the times themselves, at most one fewer than
//! the threshold, so the answer is exact. 64 bytes a key with nine or fewer of them.

use super::slots::{CacheLine, Stored};
use super::spec::{Firing, Sample};
use super::state::{Held, Poured, State, gap, is_far, micros};
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::time::Duration;

/// Times of the latest samples, counted in units that let twice the span fit 32 bits: a
/// microsecond up to spans of 35 minutes, else a millisecond or a second. A span that is no
/// whole number of units is cut down to one, so a coarser unit fires late by one, never early.
#[derive(Serialize, Deserialize)]
pub(super) struct Times {
    newest: i64,
    /// How long before `newest` the others were: the oldest first.
    earlier: SmallVec<[u32; 8]>,
}

pub(super) struct TimesPlan {
    n: usize,
    unit: i64,
    within: u32,
    /// Times further back than this are dropped: twice the span, so that late samples still find
    /// their neighbours.
    horizon: u32,
}

impl TimesPlan {
    pub(super) fn new(n: u64, within: Duration) -> Self {
        let span = micros(within);
        let fits = |unit: &i64| u32::try_from((span / *unit).saturating_mul(2)).is_ok();
        let unit = [1, 1_000].into_iter().find(fits).unwrap_or(1_000_000);
        let within = u32::try_from(span / unit).unwrap_or(u32::MAX).max(1);
        Self {
            n: usize::try_from(n).unwrap_or(usize::MAX).max(1),
            unit,
            within,
            horizon: within.saturating_mul(2).min(u32::MAX - 1),
        }
    }

    /// A time in units. What lies before the year -140,000 is taken as that.
    fn units(&self, time: Timestamp) -> i64 {
        time.as_micros().max(i64::MIN / 2).div_euclid(self.unit)
    }

    fn time(&self, units: i64) -> Timestamp {
        Timestamp::from_micros(units.saturating_mul(self.unit))
    }
}

impl Stored for Times {
    type Aligned = CacheLine;
}

impl State for Times {
    type Plan = TimesPlan;

    fn start(plan: &TimesPlan, sample: &Sample) -> Self {
        Self {
            // Before any sample: the first one replaces it, for it is further back than the horizon.
            newest: plan.units(sample.time) - i64::from(plan.horizon) - 1,
            earlier: SmallVec::new(),
        }
    }

    fn pour(&mut self, plan: &TimesPlan, sample: &Sample) -> Poured {
        let now = plan.units(sample.time);
        let copies = usize::try_from(sample.weight).unwrap_or(usize::MAX).min(plan.n);
        if now >= self.newest {
            let moved = u32::try_from(gap(now, self.newest)).unwrap_or(u32::MAX);
            if moved > plan.horizon {
                *self = Self { newest: now, earlier: SmallVec::new() };
            } else {
                if copies == 1 && self.earlier.len().saturating_add(2) == plan.n {
                    return self.pour_last(plan, sample, now, moved);
                }
                self.move_on(plan, now, moved);
            }
            if copies > 1 {
                self.earlier.extend(std::iter::repeat_n(0, copies - 1));
            }
        } else {
            let back = u32::try_from(gap(self.newest, now)).unwrap_or(u32::MAX);
            if back > plan.horizon {
                return Poured::Late;
            }
            let place = self.earlier.partition_point(|other| *other >= back);
            self.earlier.insert_many(place, std::iter::repeat_n(back, copies));
        }
        self.fire_or_trim(plan, sample)
    }

    fn heap_bytes(&self) -> usize {
        match self.earlier.len() {
            0..=8 => 0,
            more => more.next_power_of_two() * 4 + 16,
        }
    }

    fn newest(&self, plan: &TimesPlan) -> Timestamp {
        plan.time(self.newest)
    }

    fn over_at(&self, plan: &TimesPlan) -> Timestamp {
        plan.time(self.newest.saturating_add(i64::from(plan.within) + 1))
    }

    fn is_far(&self, plan: &TimesPlan) -> bool {
        is_far(self.level(plan), plan.n as u64)
    }

    fn level(&self, _plan: &TimesPlan) -> u64 {
        self.earlier.len() as u64 + 1
    }

    fn held_at(&self, plan: &TimesPlan, at: Timestamp) -> Held {
        // How far the newest lies back; the others lie further.
        let back = gap(plan.units(at), self.newest);
        let counts = |other: u64| back.saturating_add(other) < u64::from(plan.within);
        let mut all = self.earlier.iter().map(|other| u64::from(*other)).chain([0]);
        let Some(oldest) = all.clone().find(|other| counts(*other)) else {
            return Held::default();
        };
        let first = self.newest.saturating_sub(i64::try_from(oldest).unwrap_or(0));
        let count = all.by_ref().filter(|other| counts(*other)).count() as u64;
        Held { count, of: None, first: Some(plan.time(first)) }
    }
}

impl Times {
    /// The common case at its most frequent: one sample, in order, that would be the `n`th.
    fn pour_last(&mut self, plan: &TimesPlan, sample: &Sample, now: i64, moved: u32) -> Poured {
        let span = self.earlier.first().copied().unwrap_or(0);
        let span = span.saturating_add(moved);
        if span < plan.within {
            return Poured::Fired(Firing {
                count: plan.n as u64,
                first: plan.time(now.saturating_sub(i64::from(span))),
                last: sample.time,
            });
        }
        if self.earlier.is_empty() {
            self.newest = now;
        } else {
            self.earlier.remove(0);
            self.move_on(plan, now, moved);
        }
        Poured::Kept
    }

    /// Makes `now` the newest; the one that was joins the earlier ones.
    fn move_on(&mut self, plan: &TimesPlan, now: i64, moved: u32) {
        for back in &mut self.earlier {
            *back = back.saturating_add(moved);
        }
        if self.earlier.first().is_some_and(|oldest| *oldest > plan.horizon) {
            let gone = self.earlier.partition_point(|back| *back > plan.horizon);
            self.earlier.drain(..gone);
        }
        self.earlier.push(moved);
        self.newest = now;
    }

    /// Looks for `n` within the span; if there are none, keeps one fewer than `n`.
    fn fire_or_trim(&mut self, plan: &TimesPlan, sample: &Sample) -> Poured {
        let total = self.earlier.len() + 1;
        if total < plan.n {
            return Poured::Kept;
        }
        let back_at = |place: usize| self.earlier.get(place).copied().unwrap_or(0);
        let runs = (total + 1).saturating_sub(plan.n);
        let run = (0..runs).find(|start| {
            back_at(*start).saturating_sub(back_at(start + plan.n - 1)) < plan.within
        });
        if let Some(start) = run {
            let oldest = back_at(start);
            let inside =
                (start..total).filter(|place| oldest.saturating_sub(back_at(*place)) < plan.within);
            let (count, last) =
                inside.fold((0, oldest), |(count, _), place| (count + 1, back_at(place)));
            let uncounted = sample.weight.saturating_sub(plan.n as u64);
            let time = |back: u32| plan.time(self.newest.saturating_sub(i64::from(back)));
            return Poured::Fired(Firing {
                count: uncounted.saturating_add(count),
                first: time(oldest).min(sample.time),
                last: if last == 0 { time(0).max(sample.time) } else { time(last) },
            });
        }
        let surplus = (total + 1).saturating_sub(plan.n).min(self.earlier.len());
        self.earlier.drain(..surplus);
        Poured::Kept
    }
}
