//! When a destination that fails is tried again: growing pauses with jitter, and a circuit that
//! opens after failures in a row. Pure: the time is a value.

use crate::limits::{BACKOFF_SECS_MAX, BREAKER_FAILURES_MAX};
use std::time::{Duration, Instant};

/// The pause before attempt number `attempt` (the second is 1): doubling from `base`, at most the
/// limit, and of that a random part between half and all, so that many don't come back together.
pub(super) fn backoff(attempt: u32, base: Duration) -> Duration {
    let doubled = base.saturating_mul(1_u32 << attempt.saturating_sub(1).min(16));
    let longest = doubled.min(Duration::from_secs(BACKOFF_SECS_MAX));
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// A destination's circuit: closed, or open until a moment, after which one call may try.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// How long no call may be made; `None` when one may.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.open_until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|left| !left.is_zero())
    }

    /// A call went well: all is forgotten.
    pub(super) fn success(&mut self) {
        *self = Self::default();
    }

    /// A call failed: after several in a row the circuit opens, for longer each time.
    pub(super) fn failure(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if let Some(over) = self.failures.checked_sub(BREAKER_FAILURES_MAX) {
            self.open_until = Some(now + backoff(over + 1, Duration::from_secs(5)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let base = Duration::from_secs(1);
        for (attempt, longest) in
            [(1, 1), (2, 2), (5, 16), (7, BACKOFF_SECS_MAX), (99, BACKOFF_SECS_MAX)]
        {
            let pause = backoff(attempt, base);
            let longest = Duration::from_secs(longest);
            assert!(pause <= longest && pause * 2 >= longest, "{attempt}: {pause:?}");
        }
    }

    #[test]
    fn the_circuit_opens_after_failures_in_a_row_and_closes_after_one_success() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 1..BREAKER_FAILURES_MAX {
            breaker.failure(now);
            assert_eq!(breaker.wait(now), None);
        }
        breaker.failure(now);
        assert!(breaker.wait(now).is_some());
        assert_eq!(breaker.wait(now + Duration::from_secs(61)), None, "one may try");
        breaker.success();
        assert_eq!(breaker.wait(now), None);
    }
}
