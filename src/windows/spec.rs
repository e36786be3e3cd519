//! What a window is told and what it says: its kind, a sample, a firing. Plain data.

use crate::clock::Timestamp;
use crate::limits::{WINDOW_DISTINCT_VALUES_MAX, WINDOW_SEQUENCE_STEPS_MAX};
use std::sync::Arc;
use std::time::Duration;

/// When a key fires. A span of `within` is half open: two events lie within five minutes when
/// less than five minutes part them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WindowSpec {
    /// Each sample, but a key at most once in its cooldown (a minute unless set).
    Each,
    /// `n` samples within any span. Exact up to `limits::WINDOW_COUNT_EXACT_MAX`; above it in
    /// buckets of an eighth of the span, so it may fire late by a bucket, never early.
    Count {
        /// How many.
        n: u64,
        /// In how long.
        within: Duration,
    },
    /// `n` different values of `Sample::distinct` within the span that ends at the newest sample.
    Distinct {
        /// How many different ones.
        n: u64,
        /// In how long.
        within: Duration,
    },
    /// Amounts that add up to `at_least`, in buckets of an eighth of the span: late by at most a
    /// bucket, never early. Amounts below zero and not-a-number count as nothing.
    Sum {
        /// How much.
        at_least: f64,
        /// In how long.
        within: Duration,
    },
    /// A leaky bucket: each sample pours one in, one leaks out every `leak_every`, and it fires
    /// when more than `capacity` are in it.
    Leaky {
        /// How many it holds.
        capacity: u64,
        /// How long one takes to leak out.
        leak_every: Duration,
    },
    /// Predicate 0 true `n` times in a row, in the order of arrival; a false one starts anew.
    Consecutive {
        /// How many times.
        n: u64,
    },
    /// Predicates 0, 1, … true one after the other, each at another sample, all within the span.
    Sequence {
        /// How many predicates.
        steps: u8,
        /// In how long.
        within: Duration,
    },
    /// A key that was seen stays silent this long; then once, until it is seen again.
    Absent {
        /// How long.
        after: Duration,
    },
    /// Predicate 0 true for `share` of at least `at_least` samples, over the newest bucket and
    /// the seven before it, each an eighth of the span.
    Ratio {
        /// The share, 0 to 1.
        share: f64,
        /// Among at least so many samples.
        at_least: u64,
        /// In how long.
        within: Duration,
    },
}

impl WindowSpec {
    /// How much it takes to fire, where that is one whole number.
    pub fn threshold(&self) -> Option<u64> {
        match *self {
            Self::Count { n, .. } | Self::Distinct { n, .. } | Self::Consecutive { n } => Some(n),
            Self::Leaky { capacity, .. } => Some(capacity),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            Self::Sum { at_least, .. } if at_least.fract() == 0.0 && at_least < 1e15 => {
                Some(at_least as u64)
            }
            Self::Sum { .. }
            | Self::Each
            | Self::Sequence { .. }
            | Self::Absent { .. }
            | Self::Ratio { .. } => None,
        }
    }

    /// The same window with another threshold; `None` where it has none, or where that is beyond
    /// what a window counts to.
    pub fn with_threshold(&self, threshold: u64) -> Option<Self> {
        self.threshold()?;
        let mut spec = *self;
        match &mut spec {
            Self::Count { n, .. } | Self::Distinct { n, .. } | Self::Consecutive { n } => {
                *n = threshold;
            }
            Self::Leaky { capacity, .. } => *capacity = threshold,
            Self::Sum { at_least, .. } => *at_least = threshold as f64,
            Self::Each | Self::Sequence { .. } | Self::Absent { .. } | Self::Ratio { .. } => {}
        }
        spec.check().is_ok().then_some(spec)
    }

    /// Whether this window can fire at all and stays within its bounds; the text says what is
    /// wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let within = match *self {
            Self::Each | Self::Consecutive { .. } => Duration::MAX,
            Self::Count { within, .. }
            | Self::Distinct { within, .. }
            | Self::Sum { within, .. }
            | Self::Sequence { within, .. }
            | Self::Ratio { within, .. } => within,
            Self::Leaky { leak_every, .. } => leak_every,
            Self::Absent { after } => after,
        };
        if within.as_micros() == 0 {
            return Err("a window needs a span longer than zero".to_owned());
        }
        match *self {
            Self::Count { n: 0, .. } | Self::Distinct { n: 0, .. } | Self::Consecutive { n: 0 } => {
                Err("a window needs to count at least to 1".to_owned())
            }
            Self::Count { n, .. } if n > u64::from(u32::MAX) => {
                Err(format!("`{n}` is more than a window counts to\nhint: at most {}", u32::MAX))
            }
            Self::Distinct { n, .. } if n > WINDOW_DISTINCT_VALUES_MAX => Err(format!(
                "`{n}` different values are more than a key may hold\nhint: at most {WINDOW_DISTINCT_VALUES_MAX}"
            )),
            Self::Sum { at_least, .. } if !(at_least.is_finite() && at_least > 0.0) => {
                Err(format!("`{at_least}` is no sum to reach\nhint: a number above zero"))
            }
            Self::Sequence { steps, .. } if !(2..=WINDOW_SEQUENCE_STEPS_MAX).contains(&steps) => {
                Err(format!(
                    "a sequence of `{steps}` steps is not possible\nhint: 2 to {WINDOW_SEQUENCE_STEPS_MAX} steps"
                ))
            }
            Self::Ratio { share, .. } if !(share > 0.0 && share <= 1.0) => {
                Err(format!("`{share}` is no share\nhint: above 0 and at most 1, as in `0.5`"))
            }
            _ => Ok(()),
        }
    }
}

/// One event as its window sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it happened.
    pub time: Timestamp,
    /// How many times it counts (a repeat count); 0 counts as nothing.
    pub weight: u64,
    /// For `distinct`: a 64-bit hash of the value, seeded so that nobody outside can make two
    /// values collide, and with a seed that stays the same while state is kept.
    pub distinct: Option<u64>,
    /// For `sum`: how much.
    pub amount: f64,
    /// Bit i: window predicate i was true.
    pub flags: u64,
}

impl Sample {
    /// A sample that counts once and carries nothing else.
    pub const fn at(time: Timestamp) -> Self {
        Self { time, weight: 1, distinct: None, amount: 0.0, flags: 0 }
    }
}

/// What came of a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The key fires, which empties its window.
    pub firing: Option<Firing>,
    /// At least `limits::EVIDENCE_EVENTS_MAX` further events have to come before it can fire: this
    /// one will be no part of what that shows. (An event that counts several times may be nearer.)
    pub is_far: bool,
}

/// A window has fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firing {
    /// How many (or how much, rounded down) the window saw; of `ratio` the true ones, of
    /// `sequence` its steps, of `absent` how often the key had been seen.
    pub count: u64,
    /// The time of the first sample in the window; where samples are counted in buckets, the
    /// start of the first bucket.
    pub first: Timestamp,
    /// The time of the last sample.
    pub last: Timestamp,
}

/// A rule's window.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleWindow {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Of key and window: state is kept across a reload while it stays the same.
    pub fingerprint: u64,
    /// When a key fires.
    pub spec: WindowSpec,
    /// A key that fired rests this long: its samples are not counted. `None`: a minute for
    /// `Each`, not at all for the others.
    pub cooldown: Option<Duration>,
}

/// One shard of one rule's table, as it is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardImage {
    /// The rule's name; empty for what belongs to no rule.
    pub table: String,
    /// The rule's fingerprint.
    pub fingerprint: u64,
    /// Which shard.
    pub shard: u16,
    /// Its content; empty when nothing is in it, so that an older image can go.
    pub bytes: Vec<u8>,
}

/// What the windows hold and what they had to drop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Keys held, resting ones included.
    pub keys: u64,
    /// Bytes that they take, as counted against the ceiling.
    pub bytes: u64,
    /// The ceiling, bytes.
    pub bytes_max: u64,
    /// Keys dropped since the start because memory was short.
    pub evicted: u64,
    /// Samples since the start that came too late for their window.
    pub late: u64,
    /// By rule, in the order given: keys and bytes.
    pub rules: Vec<(Arc<str>, u64, u64)>,
}
