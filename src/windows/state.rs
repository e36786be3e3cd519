//! What every kind of window offers its table, and the small arithmetic that they share.

use super::slots::Stored;
use super::spec::{Firing, Sample};
use crate::clock::Timestamp;
use crate::limits::EVIDENCE_EVENTS_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poured {
    /// It was taken.
    Kept,
    /// Nothing is left to remember of the key.
    Emptied,
    /// It came too late to matter.
    Late,
    /// The key fires; its state is to be forgotten.
    Fired(Firing),
}

/// What a window holds at a time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// How many, or how much.
    pub count: u64,
    /// Of how many, where a share counts.
    pub of: Option<u64>,
    /// The oldest that still counts, where that is known.
    pub first: Option<Timestamp>,
}

/// The state of one key in one kind of window.
///
/// - Pure: state and sample alone decide, so that a replay agrees.
/// - Saturating throughout: no time stamp, weight or amount may overflow or panic.
/// - What is saved is everything: a loaded state goes on as if it had never been away.
pub(super) trait State: Stored + Sized + Serialize + DeserializeOwned + Send {
    /// What the rule's window comes down to, worked out once.
    type Plan: Send;
    /// What a key's entry in the queue of due times costs, bytes; 0 for kinds that need none.
    const QUEUE_BYTES: usize = 0;

    /// The state of a key that is seen for the first time, before its sample is poured in.
    fn start(plan: &Self::Plan, sample: &Sample) -> Self;
    /// Takes a sample in.
    fn pour(&mut self, plan: &Self::Plan, sample: &Sample) -> Poured;
    /// Heap bytes, by what is held (not by capacity, which a restart changes).
    fn heap_bytes(&self) -> usize {
        0
    }
    /// When the key was last active: the oldest goes first when memory is short.
    fn newest(&self, plan: &Self::Plan) -> Timestamp;
    /// From when on nothing here can matter any more.
    fn over_at(&self, plan: &Self::Plan) -> Timestamp;
    /// Whether at least `limits::EVIDENCE_EVENTS_MAX` further samples have to come before it can fire,
    /// each counting once: what came so far is then no part of what a firing shows.
    fn is_far(&self, _plan: &Self::Plan) -> bool {
        false
    }
    /// How many (or how much) it holds, for people.
    fn level(&self, plan: &Self::Plan) -> u64;
    /// What of it still counts at a time, for people.
    fn held_at(&self, plan: &Self::Plan, _at: Timestamp) -> Held {
        Held { count: self.level(plan), ..Held::default() }
    }
    /// For `absent`: when it fires unless the key is seen again.
    fn due(&self, _plan: &Self::Plan) -> Option<(Timestamp, Firing)> {
        None
    }
    /// For `absent`: the entry in the queue of due times that stands for this key.
    fn queued(&mut self) -> Option<&mut Timestamp> {
        None
    }
}

/// Whole microseconds, at least one.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).max(1)
}

/// `later - earlier` in microseconds or whatever unit both are in; zero when it is the other way.
#[inline]
pub(super) fn gap(later: i64, earlier: i64) -> u64 {
    u64::try_from(later.saturating_sub(earlier)).unwrap_or(0)
}

/// See [`State::is_far`], for a window that holds `level` and fires with `threshold`.
#[inline]
pub(super) fn is_far(level: u64, threshold: u64) -> bool {
    level.saturating_add(EVIDENCE_EVENTS_MAX as u64) <= threshold
}

/// A float as a whole number, rounded down and saturating; not-a-number is zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}
