//! How many calls a destination gets: a quota, of which a part is kept for urgent ones.

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::time::Duration;

/// A quota with a reserve.
#[derive(Debug)]
pub(super) struct Pace {
    all: DefaultDirectRateLimiter,
    ordinary: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl Pace {
    /// `count` calls a minute, in any distribution over it; a fifth is for urgent ones only.
    pub(super) fn per_minute(count: u32) -> Self {
        Self::new(count, Quota::per_minute)
    }

    /// `count` calls a second; a fifth is for urgent ones only.
    pub(super) fn per_second(count: u32) -> Self {
        Self::new(count, Quota::per_second)
    }

    fn new(count: u32, quota: fn(NonZeroU32) -> Quota) -> Self {
        let all = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let ordinary = NonZeroU32::new(count - count / 5).unwrap_or(NonZeroU32::MIN);
        Self {
            all: RateLimiter::direct(quota(all)),
            ordinary: RateLimiter::direct(quota(ordinary)),
            clock: DefaultClock::default(),
        }
    }

    /// Takes a call's place; `Err` says how long to wait before asking again.
    pub(super) fn take(&self, urgent: bool) -> Result<(), Duration> {
        let now = || self.clock.now();
        if !urgent && let Err(later) = self.ordinary.check() {
            return Err(later.wait_time_from(now()));
        }
        self.all.check().map_err(|later| later.wait_time_from(now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_calls_have_a_reserve() {
        let pace = Pace::per_minute(10);
        let ordinary = (0..20).filter(|_| pace.take(false).is_ok()).count();
        let urgent = (0..20).filter(|_| pace.take(true).is_ok()).count();
        assert_eq!((ordinary, urgent), (8, 2));
        assert!(pace.take(true).unwrap_err() <= Duration::from_mins(1));
        assert_eq!((0..5).filter(|_| Pace::per_second(1).take(false).is_ok()).count(), 5);
    }
}
