//! Event time as a whole: how far the sources together have come.
//!
//! Timers and `absent` run by it. A source that lags (catch-up after a pause) holds time back
//! while it delivers; an idle one holds nobody up. Pure, and the same for the same inputs: arrival
//! times and ticks are recorded with the input order.

use crate::clock::Timestamp;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How far one source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The newest event time seen.
    newest: Timestamp,
    /// When its last batch arrived.
    arrival: Timestamp,
}

/// How far all sources are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermarks {
    sources: BTreeMap<Arc<str>, Mark>,
    low: Timestamp,
}

/// A source's turn.
pub struct Delivery<'w> {
    newest: &'w mut Timestamp,
    /// How far the others that deliver are.
    others: Option<Timestamp>,
    low: &'w mut Timestamp,
}

impl Delivery<'_> {
    /// An event at `time`; gives what [`Watermarks::event`] gives.
    #[inline]
    pub fn event(&mut self, time: Timestamp) -> Timestamp {
        *self.newest = time.max(*self.newest);
        let low = self.others.map_or(*self.newest, |others| others.min(*self.newest));
        *self.low = low.max(*self.low);
        *self.low
    }
}

impl Watermarks {
    /// An event of `source` at `time`, in a batch that arrived at `arrival`; gives the moment up
    /// to which all sources that deliver have come. Never goes back.
    pub fn event(&mut self, source: &Arc<str>, time: Timestamp, arrival: Timestamp) -> Timestamp {
        self.delivery(source, arrival).event(time)
    }

    /// Events of `source`, in a batch that arrived at `arrival`: the other sources stand still while
    /// it has its turn.
    pub fn delivery(&mut self, source: &Arc<str>, arrival: Timestamp) -> Delivery<'_> {
        let idle_before = arrival.minus(Duration::from_secs(limits::SOURCE_IDLE_SECS));
        let others = self
            .sources
            .iter()
            .filter(|(name, mark)| *name != source && mark.arrival >= idle_before);
        let others = others.map(|(_, mark)| mark.newest).min();
        let mark = self.sources.entry(Arc::clone(source));
        let mark = mark.or_insert(Mark { newest: Timestamp::EPOCH, arrival });
        mark.arrival = mark.arrival.max(arrival);
        Delivery { newest: &mut mark.newest, others, low: &mut self.low }
    }

    /// After a restart: what was saved under a clock that ran ahead must not stand still until
    /// the right one has caught up.
    pub fn not_after(&mut self, now: Timestamp) {
        self.low = self.low.min(now);
        for mark in self.sources.values_mut() {
            mark.newest = mark.newest.min(now);
            mark.arrival = mark.arrival.min(now);
        }
    }

    /// After a restart: what came while nobody looked is about to be delivered, by any source.
    pub fn resume(&mut self, now: Timestamp) {
        for mark in self.sources.values_mut() {
            mark.arrival = mark.arrival.max(now);
        }
    }

    /// The moment before which no event is to be expected any more: what all sources have passed
    /// that delivered within [`limits::SOURCE_GONE_SECS`]. The wall clock moves it not: a web
    /// server that writes its log in pieces, or a machine too busy to read it, is silent for
    /// minutes, and its next event belongs into the windows of its last ones.
    pub fn settled(&self) -> Timestamp {
        let last = self.sources.values().map(|mark| mark.arrival).max();
        let last = last.unwrap_or(Timestamp::EPOCH);
        let gone_before = last.minus(Duration::from_secs(limits::SOURCE_GONE_SECS));
        let there = self.sources.values().filter(|mark| mark.arrival >= gone_before);
        there.map(|mark| mark.newest).min().unwrap_or(Timestamp::EPOCH)
    }

    /// The wall clock has come to `now` without a record; time follows it, a little behind, unless
    /// a source is catching up.
    pub fn tick(&mut self, now: Timestamp) -> Timestamp {
        let idle_before = now.minus(Duration::from_secs(limits::SOURCE_IDLE_SECS));
        let late = Duration::from_secs(limits::CATCH_UP_SECS);
        let catching_up = self
            .sources
            .values()
            .filter(|mark| mark.arrival >= idle_before && mark.arrival.since(mark.newest) > late)
            .map(|mark| mark.newest)
            .min();
        let clock = now.minus(Duration::from_secs(limits::TICK_BEHIND_SECS));
        self.low = self.low.max(catching_up.unwrap_or(clock).min(clock));
        self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_lagging_source_holds_time_back_and_an_idle_one_does_not() {
        let (a, b): (Arc<str>, Arc<str>) = (Arc::from("a"), Arc::from("b"));
        let mut marks = Watermarks::default();
        assert_eq!(marks.event(&a, at(1_000), at(1_000)), at(1_000));
        assert_eq!(marks.event(&b, at(400), at(1_001)), at(1_000), "never back");
        assert_eq!(marks.event(&a, at(1_002), at(1_002)), at(1_000), "b is catching up");
        assert_eq!(marks.tick(at(1_005)), at(1_000), "the clock waits for b too");
        assert_eq!(marks.event(&a, at(1_020), at(1_020)), at(1_020), "b has gone idle");
        assert_eq!(marks.tick(at(1_100)), at(1_098));
    }

    #[test]
    fn windows_wait_for_all_that_may_still_deliver() {
        let (a, b): (Arc<str>, Arc<str>) = (Arc::from("a"), Arc::from("b"));
        let mut marks = Watermarks::default();
        assert_eq!(marks.tick(at(1_000)), at(998));
        assert_eq!(marks.settled(), Timestamp::EPOCH, "the clock says nothing of events");
        marks.event(&a, at(400), at(1_001));
        marks.event(&b, at(900), at(1_002));
        assert_eq!(marks.settled(), at(400));
        // `a` writes in pieces; for long it says nothing.
        let gone = i64::try_from(limits::SOURCE_GONE_SECS).unwrap();
        marks.event(&b, at(1_000 + gone), at(1_001 + gone));
        assert_eq!(marks.settled(), at(400));
        marks.event(&b, at(1_002 + gone), at(1_002 + gone));
        assert_eq!(marks.settled(), at(1_002 + gone));
        // After a restart it may have something to say again.
        marks.resume(at(2_000 + gone));
        marks.event(&b, at(2_001 + gone), at(2_001 + gone));
        assert_eq!(marks.settled(), at(400));
    }
}
