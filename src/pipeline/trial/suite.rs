//! Runs many tests on all cores, and gives their results in the order of the files, whoever was
//! ready first.
//!
//! In: rules and which of their tests. Out: a result each, as soon as those before it are there. A
//! test that panics is a failed test; one that loops is ended by its limits.

use super::cover::{Coverage, TestCover};
use super::{Reload, Trial};
use crate::config::Config;
use crate::limits;
use crate::rules::{Failure, RuleSet, Test, TestResult};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Scripts may nest deeply; the limits on depth fit into this, also in debug builds.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Tests to run.
pub struct Suite {
    /// The rules, loaded with their tests.
    pub rules: Arc<RuleSet>,
    /// The config, for its formats and sources.
    pub config: Arc<Config>,
    /// Loads the rules with other parameters, for tests that ask for it.
    pub reload: Reload,
    /// Gathers what the tests reach, where that is wanted.
    pub coverage: Option<Arc<Mutex<Coverage>>>,
}

impl Suite {
    /// Runs these tests; each result is handed over in their order. An error of `each` ends it.
    pub fn run<E>(
        &self,
        tests: &[&Test],
        mut each: impl FnMut(TestResult) -> Result<(), E>,
    ) -> Result<(), E> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(limits::TEST_THREADS_MAX).min(tests.len()).max(1);
        let next = AtomicUsize::new(0);
        // All results fit in, so that nobody waits for whoever is in front.
        let (sender, receiver) = bounded(tests.len().max(1));
        std::thread::scope(|scope| {
            let mut started = 0;
            for number in 0..threads {
                let sender = sender.clone();
                let next = &next;
                let thread = std::thread::Builder::new()
                    .name(format!("test-{number}"))
                    .stack_size(STACK_BYTES)
                    .spawn_scoped(scope, move || self.work(tests, next, &sender));
                started += usize::from(thread.is_ok());
            }
            if started == 0 {
                self.work(tests, &next, &sender);
            }
            drop(sender);
            let ended = in_order(&receiver, &mut each);
            if ended.is_err() {
                // What has not begun need not begin.
                next.store(tests.len(), Ordering::Relaxed);
            }
            ended
        })
    }

    fn work(&self, tests: &[&Test], next: &AtomicUsize, out: &Sender<(usize, TestResult)>) {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(test) = tests.get(place) else { return };
            if out.send((place, self.one(test))).is_err() {
                return;
            }
        }
    }

    fn one(&self, test: &Test) -> TestResult {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut trial = Trial::new(Arc::clone(&self.rules), Arc::clone(&self.config))
                .reloading(Arc::clone(&self.reload));
            if let Some(coverage) = &self.coverage {
                trial = trial.covering(TestCover::new(Arc::clone(coverage), &test.scope));
            }
            self.rules.run_test(test, Box::new(trial))
        }));
        ran.unwrap_or_else(|_| TestResult {
            name: test.name.clone(),
            file: Arc::clone(&test.file),
            line: test.line,
            expectations: 0,
            failures: vec![Failure {
                message: "an internal error ended it; please report this".to_owned(),
                ..Failure::default()
            }],
            failures_more: 0,
            took: std::time::Duration::ZERO,
        })
    }
}

/// Hands results over in their order.
fn in_order<E>(
    results: &Receiver<(usize, TestResult)>,
    each: &mut impl FnMut(TestResult) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (place, result) in results {
        waiting.insert(place, result);
        while let Some(result) = waiting.remove(&next) {
            next += 1;
            each(result)?;
        }
    }
    Ok(())
}
