//! So much in any stretch of time, counted exactly: what was taken is remembered until it is past.
//! Pure: the time is a value.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What was taken lately.
#[derive(Debug)]
pub(super) struct Window {
    span: Duration,
    /// When, and how much; the oldest first.
    log: VecDeque<(Instant, usize)>,
    held: usize,
}

impl Window {
    /// Nothing was taken yet.
    pub(super) const fn new(span: Duration) -> Self {
        Self { span, log: VecDeque::new(), held: 0 }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, amount)) = self.log.front().copied()
            && now.saturating_duration_since(at) >= self.span
        {
            self.log.pop_front();
            self.held -= amount;
        }
    }

    /// What could be taken now, where `most` may be taken in the stretch.
    pub(super) fn left(&self, most: usize, now: Instant) -> usize {
        let past = |(at, _): &&(Instant, usize)| now.saturating_duration_since(*at) >= self.span;
        let over: usize = self.log.iter().take_while(past).map(|(_, amount)| amount).sum();
        most.saturating_sub(self.held - over)
    }

    /// How long until `amount` can be taken. More than may be taken at all waits for an empty
    /// stretch.
    pub(super) fn wait(&mut self, amount: usize, most: usize, now: Instant) -> Option<Duration> {
        self.forget(now);
        let mut over = (self.held + amount).saturating_sub(most.max(amount));
        let mut wait = None;
        for (at, taken) in &self.log {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(*taken);
            wait = Some(self.span.saturating_sub(now.saturating_duration_since(*at)));
        }
        wait
    }

    /// Takes.
    pub(super) fn take(&mut self, amount: usize, now: Instant) {
        self.held += amount;
        match self.log.back_mut() {
            Some((at, taken)) if *at == now => *taken += amount,
            _ => self.log.push_back((now, amount)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whoever waits as told never takes more than there is in any stretch, and could not have
        /// gone sooner.
        #[test]
        fn no_stretch_holds_more(asked in proptest::collection::vec((1_usize..60, 0_u64..9), 1..60)) {
            let (most, span) = (100, Duration::from_secs(30));
            let start = Instant::now();
            let mut window = Window::new(span);
            let (mut now, mut taken) = (start, Vec::new());
            for (amount, pause) in asked {
                now += Duration::from_secs(pause);
                if let Some(wait) = window.wait(amount, most, now) {
                    prop_assert!(window.left(most, now) < amount);
                    let sooner = now + wait.saturating_sub(Duration::from_millis(1));
                    prop_assert!(window.wait(amount, most, sooner).is_some());
                    now += wait;
                    prop_assert_eq!(window.wait(amount, most, now), None);
                }
                window.take(amount, now);
                taken.push((now, amount));
                let within = taken.iter().filter(|(at, _)| now - *at < span);
                prop_assert!(within.map(|(_, amount)| amount).sum::<usize>() <= most);
            }
        }
    }
}
