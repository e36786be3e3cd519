//! Which spans of time are asked for next. Pure.
//!
//! In: how far everything was read, the time, and how far back and how wide a question may be. Out:
//! spans, oldest first, without a gap between them; and what can't be had any more.

use crate::clock::Timestamp;
use crate::limits::CLOUDFLARE_SOURCE_OVERLAP_SECS;
use std::time::Duration;

/// From a moment up to, but without, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    /// Two halves, at a whole second; nothing where it is a second long.
    pub fn halves(self) -> Option<(Self, Self)> {
        let middle = self.from.as_secs().midpoint(self.to.as_secs());
        let middle = Timestamp::from_secs(middle);
        (middle > self.from && middle < self.to)
            .then_some((Self { to: middle, ..self }, Self { from: middle, ..self }))
    }
}

/// What may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// How far back.
    pub back: Duration,
    /// How wide one question may be.
    pub wide: Duration,
    /// How many rows an answer has at most.
    pub rows: usize,
}

/// How far everything was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// All before it.
    done: Timestamp,
    /// Rows may come so much later than they are stamped.
    lag: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub spans: Vec<Span>,
    /// Rows from here on may come again.
    pub seen_from: Timestamp,
    /// What can't be had any more.
    pub lost: Option<(Timestamp, Timestamp)>,
}

fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_secs(time.as_secs())
}

impl Progress {
    /// Goes on where the last row was that is kept; without one, begins now.
    pub fn new(last: Option<Timestamp>, now: Timestamp, lag: Duration) -> Self {
        Self { done: whole(last.unwrap_or_else(|| now.minus(lag)).min(now)), lag }
    }

    /// What is to be asked for now.
    pub fn plan(&mut self, now: Timestamp, reach: Reach) -> Plan {
        let overlap = Duration::from_secs(CLOUDFLARE_SOURCE_OVERLAP_SECS);
        let to = whole(now.minus(self.lag));
        // A little less than may be: clocks differ.
        let oldest = whole(now.minus(reach.back.saturating_sub(overlap)));
        let lost = (self.done < oldest).then_some((self.done, oldest));
        self.done = self.done.max(oldest);
        let mut from = self.done.minus(overlap).max(oldest);
        let seen_from = from;
        let wide = reach.wide.max(Duration::from_secs(2));
        let mut spans = Vec::new();
        while from < to {
            let end = from.plus(wide).min(to);
            spans.push(Span { from, to: end });
            from = end;
        }
        Plan { spans, seen_from, lost }
    }

    /// A span was read whole.
    pub fn done(&mut self, span: Span) {
        self.done = self.done.max(span.to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_790_000_000 + secs)
    }

    const REACH: Reach =
        Reach { back: Duration::from_hours(24), wide: Duration::from_hours(1), rows: 100 };

    #[test]
    fn spans_follow_each_other_and_overlap_what_was_read() {
        let overlap = i64::try_from(CLOUDFLARE_SOURCE_OVERLAP_SECS).unwrap();
        let mut progress = Progress::new(None, at(0), Duration::from_secs(30));
        let plan = progress.plan(at(60), REACH);
        assert_eq!(plan.spans, [Span { from: at(-30 - overlap), to: at(30) }]);
        progress.done(plan.spans[0]);
        let plan = progress.plan(at(120), REACH);
        assert_eq!(plan.spans, [Span { from: at(30 - overlap), to: at(90) }]);
        // It fails, and hours go by: nothing is left out.
        let plan = progress.plan(at(3 * 3_600), REACH);
        assert_eq!((plan.spans.len(), plan.lost), (4, None));
        assert_eq!(plan.spans[0].from, at(30 - overlap));
        assert!(plan.spans.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!(plan.spans[3].to, at(3 * 3_600 - 30));
    }

    #[test]
    fn what_is_kept_no_longer_is_told_once() {
        let mut progress = Progress::new(Some(at(0)), at(60), Duration::from_secs(30));
        let now = at(30 * 3_600);
        let plan = progress.plan(now, REACH);
        let (from, to) = plan.lost.unwrap();
        assert_eq!(from, at(0));
        assert_eq!(plan.spans[0].from, to);
        assert_eq!(progress.plan(now, REACH).lost, None);
        // A clock that was set back asks for nothing.
        assert!(progress.plan(at(0), REACH).spans.is_empty());
    }

    #[test]
    fn a_span_is_halved_down_to_a_second() {
        let mut spans = vec![Span { from: at(0), to: at(7) }];
        let mut ends = Vec::new();
        while let Some(span) = spans.pop() {
            match span.halves() {
                Some((first, second)) => spans.extend([second, first]),
                None => ends.push((span.from, span.to)),
            }
        }
        assert_eq!(ends.len(), 7);
        assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0));
    }
}
