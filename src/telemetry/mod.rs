//! Counting and telling: the counters and gauges of the whole process, and the set-up of the log.
//!
//! In: increments from every stage, by the constants in [`names`]. Out: [`snapshot`], which status
//! and the metrics page show. Serving the numbers is left to others; nothing here does I/O but the
//! log's writer.

mod logging;
pub mod names;

pub use logging::{LogFormat, LoggingError, init_logging};

use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a metric only grows or follows a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from zero at the start of the process.
    Counter,
    /// Follows a level, up and down.
    Gauge,
}

/// One metric: its name and help as Prometheus shows them, and its value.
///
/// Made by the list in [`names`] alone, so that two can't share a name.
#[derive(Debug)]
pub struct Metric {
    /// The name (`riposte_records_truncated_total`).
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: MetricKind,
    value: AtomicU64,
}

impl Metric {
    const fn new(kind: MetricKind, name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind, value: AtomicU64::new(0) }
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

/// A counter to add to.
#[derive(Debug, Clone, Copy)]
pub struct Counter(&'static Metric);

impl Counter {
    /// Adds `amount`; wraps at 2^64, as Prometheus expects of a counter.
    pub fn add(self, amount: u64) {
        self.0.value.fetch_add(amount, Ordering::Relaxed);
    }

    /// The value now.
    pub fn value(self) -> u64 {
        self.0.value()
    }
}

/// A gauge to set.
#[derive(Debug, Clone, Copy)]
pub struct Gauge(&'static Metric);

impl Gauge {
    /// Sets the level.
    pub fn set(self, level: u64) {
        self.0.value.store(level, Ordering::Relaxed);
    }

    /// Raises the level.
    pub fn raise(self, amount: u64) {
        self.0.value.fetch_add(amount, Ordering::Relaxed);
    }

    /// Lowers the level, at most to zero.
    pub fn lower(self, amount: u64) {
        let lowered = |level: u64| Some(level.saturating_sub(amount));
        // The closure always gives a value, so the update always succeeds.
        if let Err(unreachable) =
            self.0.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lowered)
        {
            debug_assert_eq!(unreachable, 0, "the update has no way to fail");
        }
    }

    /// The level now.
    pub fn value(self) -> u64 {
        self.0.value()
    }
}

/// The counter behind a name of [`names`].
pub fn counter(metric: &'static Metric) -> Counter {
    debug_assert_eq!(metric.kind, MetricKind::Counter, "{}", metric.name);
    Counter(metric)
}

/// The gauge behind a name of [`names`].
pub fn gauge(metric: &'static Metric) -> Gauge {
    debug_assert_eq!(metric.kind, MetricKind::Gauge, "{}", metric.name);
    Gauge(metric)
}

/// Name, help and value of every metric, in the order of [`names`].
pub fn snapshot() -> Vec<(&'static str, &'static str, u64)> {
    metrics().iter().map(|metric| (metric.name, metric.help, metric.value())).collect()
}

/// Every metric, in the order of [`names`].
pub fn metrics() -> &'static [&'static Metric] {
    &names::ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_shaped_as_prometheus_wants_them() {
        let mut seen = BTreeSet::new();
        for metric in metrics() {
            assert!(seen.insert(metric.name), "{} is there twice", metric.name);
            assert!(metric.name.starts_with("riposte_"), "{}", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{}",
                metric.name
            );
            assert!(!metric.help.is_empty());
        }
    }

    #[test]
    fn counters_grow_and_gauges_follow() {
        let before = counter(names::ACTIONS_SUBMITTED).value();
        counter(names::ACTIONS_SUBMITTED).add(3);
        assert!(counter(names::ACTIONS_SUBMITTED).value() >= before + 3);
        let level = gauge(names::SELF_TEST_LEVEL);
        level.set(2);
        level.raise(1);
        level.lower(10);
        assert_eq!(level.value(), 0);
        assert!(snapshot().iter().any(|(name, _, _)| *name == "riposte_actions_submitted_total"));
    }
}
