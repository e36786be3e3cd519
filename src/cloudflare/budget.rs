//! How many calls may be made, to keep within what Cloudflare allows to a user: a bucket for all
//! calls with a reserve for urgent ones, another for purges, an exact count of changed list items, a
//! full stop when Cloudflare says so, and a circuit that opens while it fails. Pure: the time is a
//! value.

use super::call::{Call, Lane, Priority};
use super::error::{ApiError, ErrorKind};
use super::window::Window;
use crate::http_client::{Method, Reply};
use crate::limits::{
    CLOUDFLARE_BACKOFF_SECS_MAX, CLOUDFLARE_CALLS_AT_ONCE, CLOUDFLARE_CALLS_PER_SECOND,
    CLOUDFLARE_FAILURES_MAX, CLOUDFLARE_ITEM_CHANGES_FOR_LIFTS,
    CLOUDFLARE_ITEM_CHANGES_IN_FIVE_MINUTES, CLOUDFLARE_PURGES_AT_ONCE,
    CLOUDFLARE_PURGES_PER_SECOND, CLOUDFLARE_RESERVE_OTHERS, CLOUDFLARE_RESERVE_URGENT,
    CLOUDFLARE_STOP_SECS, CLOUDFLARE_STOP_SECS_MAX,
};
use std::time::{Duration, Instant};

/// What a budget looks like, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BudgetFigures {
    /// Calls made.
    pub calls: u64,
    /// Calls that could be made at once.
    pub left: u64,
    /// List items that could be changed at once; none while that is stopped.
    pub items_left: usize,
    /// Nothing is sent for this long, because Cloudflare said so or fails.
    pub stopped_for: Option<Duration>,
}

/// So many at once, and so many a second lastingly.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    capacity: f64,
    per_second: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    const fn new(capacity: f64, per_second: f64, now: Instant) -> Self {
        Self { capacity, per_second, level: capacity, filled: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = passed.mul_add(self.per_second, self.level).min(self.capacity);
        self.filled = now;
    }

    /// How long until `amount` can be taken with `reserve` left.
    fn wait(&self, amount: f64, reserve: f64) -> Option<Duration> {
        // What is more than the bucket ever holds goes when the bucket is full.
        let needed = (amount + reserve).min(self.capacity);
        let lacking = needed - self.level;
        // A rounding error must not make anybody wait.
        (lacking > 1e-6).then(|| Duration::from_secs_f64((lacking / self.per_second).min(86_400.0)))
    }
}

/// The budget of one user.
#[derive(Debug)]
pub struct Budget {
    calls: Bucket,
    items: Window,
    /// Item changes wait until then, because Cloudflare said so.
    items_stopped_until: Option<Instant>,
    purges: Bucket,
    stopped_until: Option<Instant>,
    failures: u32,
    made: u64,
}

impl Budget {
    /// A full one.
    pub const fn new(now: Instant) -> Self {
        Self {
            calls: Bucket::new(CLOUDFLARE_CALLS_AT_ONCE, CLOUDFLARE_CALLS_PER_SECOND, now),
            items: Window::new(Duration::from_mins(5)),
            items_stopped_until: None,
            purges: Bucket::new(CLOUDFLARE_PURGES_AT_ONCE, CLOUDFLARE_PURGES_PER_SECOND, now),
            stopped_until: None,
            failures: 0,
            made: 0,
        }
    }

    /// Takes a call's place; `Err` says how long to wait before asking again.
    pub fn take(&mut self, call: &Call, now: Instant) -> Result<(), Duration> {
        if let Some(left) = self.stopped(now) {
            return Err(left);
        }
        self.calls.fill(now);
        self.purges.fill(now);
        let reserve = match call.priority {
            Priority::Urgent => 0.0,
            Priority::Ordinary => CLOUDFLARE_RESERVE_URGENT,
            Priority::Housekeeping => CLOUDFLARE_RESERVE_OTHERS,
        };
        let general = self.calls.wait(1.0, reserve * self.calls.capacity);
        let special = match call.lane {
            Lane::General => None,
            Lane::Items(count) => {
                let window = self.items.wait(count, items_max(call), now);
                self.items_stopped(now).max(window)
            }
            Lane::Purge => self.purges.wait(1.0, 0.0),
        };
        if let Some(wait) = general.max(special) {
            return Err(wait);
        }
        self.calls.level -= 1.0;
        match call.lane {
            Lane::General => {}
            Lane::Items(count) => self.items.take(count, now),
            Lane::Purge => self.purges.level -= 1.0,
        }
        self.made += 1;
        Ok(())
    }

    /// How long nothing may be sent.
    fn stopped(&self, now: Instant) -> Option<Duration> {
        left_until(self.stopped_until, now)
    }

    /// How long no item may be changed, because Cloudflare said so.
    fn items_stopped(&self, now: Instant) -> Option<Duration> {
        left_until(self.items_stopped_until, now)
    }

    /// Lets nothing be sent for so long.
    pub(super) fn stop(&mut self, pause: Duration, now: Instant) {
        let pause = pause.min(Duration::from_secs(CLOUDFLARE_STOP_SECS_MAX));
        let until = now + pause;
        self.stopped_until = Some(self.stopped_until.map_or(until, |known| known.max(until)));
    }

    /// Learns from a reply's headers: what is left, and how much there is.
    pub fn learn(&mut self, reply: &Reply, now: Instant) {
        self.calls.fill(now);
        let policies = reply.header("ratelimit-policy").map(limits_of).unwrap_or_default();
        for (_, policy) in policies {
            if let (Some(quota), Some(window)) = (policy.quota, policy.window)
                && window >= 1.0
                && quota >= 1.0
            {
                // The narrowest policy counts; a generous one doesn't widen what is ours.
                self.calls.per_second = self.calls.per_second.min(quota / window).max(0.1);
                self.calls.capacity = self.calls.capacity.min(quota).max(1.0);
            }
        }
        let named = reply.header("ratelimit").map(limits_of).unwrap_or_default();
        let old = (|| {
            let remaining = reply.header("x-ratelimit-remaining")?.trim().parse().ok()?;
            let reset = reply.header("x-ratelimit-reset").and_then(|text| text.trim().parse().ok());
            // Some write the moment instead of the seconds until then.
            let reset = reset.filter(|seconds: &f64| *seconds < 86_400.0);
            Some((String::new(), Limit { left: Some(remaining), reset, ..Limit::default() }))
        })();
        for (_, limit) in named.into_iter().chain(old) {
            if let Some(left) = limit.left {
                self.calls.level = self.calls.level.min(left);
                if left < 1.0
                    && let Some(reset) = limit.reset
                {
                    self.stop(Duration::from_secs_f64(reset.clamp(0.0, 3_600.0)), now);
                }
            }
        }
        self.calls.level = self.calls.level.min(self.calls.capacity);
    }

    /// A call went well: the circuit closes.
    pub fn success(&mut self) {
        self.failures = 0;
    }

    /// A call failed: too many calls stop everything, failures in a row open the circuit.
    pub fn failure(&mut self, error: &ApiError, now: Instant) {
        match error.kind {
            ErrorKind::TooManyItems => {
                self.failures = 0;
                let pause = error.wait.unwrap_or(Duration::from_secs(CLOUDFLARE_STOP_SECS));
                let until = now + pause.min(Duration::from_secs(CLOUDFLARE_STOP_SECS_MAX));
                self.items_stopped_until = self.items_stopped_until.max(Some(until));
            }
            ErrorKind::TooMany => {
                self.failures = 0;
                let pause = error.wait.unwrap_or(Duration::from_secs(CLOUDFLARE_STOP_SECS));
                self.stop(pause, now);
            }
            ErrorKind::NotSent | ErrorKind::NoReply | ErrorKind::Server | ErrorKind::Unreadable => {
                self.failures = self.failures.saturating_add(1);
                if let Some(over) = self.failures.checked_sub(CLOUDFLARE_FAILURES_MAX) {
                    self.stop(backoff(over + 2), now);
                }
                if let Some(wait) = error.wait {
                    self.stop(wait, now);
                }
            }
            // Cloudflare answered sensibly.
            _ => self.failures = 0,
        }
    }

    /// How it stands.
    pub fn figures(&self, now: Instant) -> BudgetFigures {
        let mut calls = self.calls;
        calls.fill(now);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between zero and some dozens"
        )]
        let left = calls.level.max(0.0) as u64;
        let stopped_for = self.stopped(now);
        let items_left = if stopped_for.is_some() || self.items_stopped(now).is_some() {
            0
        } else {
            self.items.left(CLOUDFLARE_ITEM_CHANGES_IN_FIVE_MINUTES, now)
        };
        BudgetFigures { calls: self.made, left, items_left, stopped_for }
    }
}

fn left_until(moment: Option<Instant>, now: Instant) -> Option<Duration> {
    let left = moment?.saturating_duration_since(now);
    (!left.is_zero()).then_some(left)
}

/// The item changes in five minutes that a call may count on: who is to be let in again does not
/// wait for the end of an attack.
fn items_max(call: &Call) -> usize {
    let lifts = call.method == Method::DELETE && call.priority == Priority::Urgent;
    CLOUDFLARE_ITEM_CHANGES_IN_FIVE_MINUTES
        + if lifts { CLOUDFLARE_ITEM_CHANGES_FOR_LIFTS } else { 0 }
}

/// The pause before try number `attempt` (the second is 1): doubling from a second, with jitter, so
/// that many don't come back together.
pub(super) fn backoff(attempt: u32) -> Duration {
    let doubled = 1_u64 << attempt.saturating_sub(1).min(16);
    let longest = Duration::from_secs(doubled.min(CLOUDFLARE_BACKOFF_SECS_MAX));
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// One member of a `Ratelimit` or `Ratelimit-Policy` header.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Limit {
    /// `r`: calls left.
    left: Option<f64>,
    /// `t`: seconds until there are more.
    reset: Option<f64>,
    /// `q`: calls in a window.
    quota: Option<f64>,
    /// `w`: the window's seconds.
    window: Option<f64>,
}

/// `"default";r=50;t=30, "burst";q=100;w=60`.
fn limits_of(header: &str) -> Vec<(String, Limit)> {
    let member = |text: &str| {
        let mut parts = text.split(';');
        let name = parts.next()?.trim().trim_matches('"').to_owned();
        let mut limit = Limit::default();
        for part in parts {
            let Some((key, value)) = part.split_once('=') else { continue };
            let value = value.trim().parse().ok().filter(|value: &f64| value.is_finite());
            match key.trim() {
                "r" => limit.left = value,
                "t" => limit.reset = value,
                "q" => limit.quota = value,
                "w" => limit.window = value,
                _ => {}
            }
        }
        Some((name, limit))
    };
    header.split(',').take(16).filter_map(member).collect()
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
