//! A clock that doesn't believe a jump at once: for what ends when its time is up.
//!
//! When the wall clock leaps forward (a wrong clock at boot, a machine that slept), everything in
//! force would end at that moment, and event time would run ahead for ever. Here a leap counts
//! only once it has lasted; until then time goes on as it went. Pure: both clocks are values.

use crate::clock::Timestamp;
use crate::limits;
use std::time::Duration;

/// The clock.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    /// A wall-clock time, and the steady time that belongs to it.
    base: (Timestamp, Duration),
    /// Since when (steady time) the wall clock has been ahead.
    ahead_since: Option<Duration>,
}

/// What a look at the clock gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The time to go by.
    pub now: Timestamp,
    /// The wall clock has just leapt forward by this much.
    pub leapt: Option<Duration>,
}

impl SteadyClock {
    /// From a first look: the wall clock, and a clock that only ever goes on.
    pub const fn new(wall: Timestamp, steady: Duration) -> Self {
        Self { base: (wall, steady), ahead_since: None }
    }

    /// The time now. A leap back counts at once: nothing ends too early by it.
    pub fn look(&mut self, wall: Timestamp, steady: Duration) -> Look {
        let expected = self.base.0.plus(steady.saturating_sub(self.base.1));
        let ahead = wall.since(expected);
        if ahead <= Duration::from_secs(limits::CLOCK_LEAP_SECS) {
            self.base = (wall, steady);
            self.ahead_since = None;
            return Look { now: wall, leapt: None };
        }
        let first = self.ahead_since.is_none();
        let since = *self.ahead_since.get_or_insert(steady);
        if steady.saturating_sub(since) >= Duration::from_secs(limits::CLOCK_LEAP_HELD_SECS) {
            self.base = (wall, steady);
            self.ahead_since = None;
            return Look { now: wall, leapt: None };
        }
        Look { now: expected, leapt: first.then_some(ahead) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_counts_once_it_has_lasted() {
        let secs = Duration::from_secs;
        let at = Timestamp::from_secs;
        let mut clock = SteadyClock::new(at(1_000), secs(0));
        assert_eq!(clock.look(at(1_001), secs(1)).now, at(1_001));
        let look = clock.look(at(9_000), secs(2));
        assert_eq!((look.now, look.leapt), (at(1_002), Some(secs(7_998))));
        let look = clock.look(at(9_010), secs(12));
        assert_eq!((look.now, look.leapt), (at(1_012), None), "told once");
        assert_eq!(clock.look(at(1_020), secs(20)).now, at(1_020), "mended: all is as it was");
        clock.look(at(9_000), secs(30));
        let held = limits::CLOCK_LEAP_HELD_SECS;
        let later = clock.look(at(9_000).plus(secs(held)), secs(30 + held));
        assert_eq!(later.now, at(9_000).plus(secs(held)), "it has lasted");
        assert_eq!(clock.look(at(500), secs(31 + held)).now, at(500), "back counts at once");
    }
}
