//! Runs the `test(…)` blocks of rule files on a bench that has the real engine behind it.
//!
//! In: a test and a bench. Out: whether its expectations held, and what was got instead. The bench
//! (parsing, windows, decisions) is the pipeline's.

use super::context::{CallError, Run, lock};
use super::evaluate::Evaluator;
use super::fault::Fault;
use super::set::Test;
use super::trial_api::Handle;
use crate::decisions::{Ask, Decision, Hit};
use crate::event::Value;
use rhai::Dynamic;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// A small engine for one test: the real stages on lines and events of the test's own.
///
/// - Nothing leaves it: asks and decisions are only kept.
/// - Its time is event time; `advance` moves the watermark, so `absent` and timers run.
/// - Decisions are proposals, whatever a rule's mode or the guard would make of them.
pub trait TestBench: Send {
    /// Feeds lines in a format (`nginx`, `sshd`, `auto` …); the error says what didn't parse.
    fn lines(&mut self, format: &str, text: &str) -> Result<(), String>;
    /// Feeds an event made by hand, at the bench's time; the error says what is wrong with it.
    fn event(&mut self, kind: &str, fields: Vec<(String, Value)>) -> Result<(), String>;
    /// Moves the time on.
    fn advance(&mut self, by: Duration);
    /// The hits so far, in order.
    fn hits(&self) -> &[Arc<Hit>];
    /// The decisions proposed so far, in order.
    fn decisions(&self) -> &[Decision];
    /// What bodies and timers asked for so far, in order.
    fn asks(&self) -> &[Ask];
    /// Faults of predicates and bodies so far, in words.
    fn faults(&self) -> &[String];
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// The file.
    pub file: Arc<str>,
    /// The line of its declaration.
    pub line: usize,
    /// What didn't hold, in order; empty when it passed.
    pub failures: Vec<Failure>,
}

/// An expectation that didn't hold, or a mistake in the test.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// The line in the file, 0 where it is not known.
    pub line: usize,
    /// What was wanted, or what went wrong.
    pub message: String,
    /// What was got instead, a line each; empty where there is nothing to compare.
    pub got: Vec<String>,
}

impl TestResult {
    /// Whether every expectation held.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Results as people read them: a line for each test, below it what didn't hold.
pub fn render_results(results: &[TestResult]) -> String {
    let mut out = String::new();
    for result in results {
        let word = if result.passed() { "ok    " } else { "FAILED" };
        writeln!(out, "{word} {}:{} {}", result.file, result.line, result.name).ok();
        for failure in &result.failures {
            writeln!(out, "       {}:{}: {}", result.file, failure.line, failure.message).ok();
            for line in &failure.got {
                writeln!(out, "         got: {line}").ok();
            }
        }
    }
    out
}

/// Runs one test.
pub(super) fn run(evaluator: &Evaluator, test: &Test, bench: Box<dyn TestBench>) -> TestResult {
    let handle = Handle::new(bench);
    let run = Arc::new(Run {
        unit: Arc::clone(&test.body.unit),
        lookups: Arc::clone(&evaluator.lookups),
        body: None,
    });
    let outcome = test.body.call(&evaluator.test, &run, Some(Dynamic::from(handle.clone())));
    let mut inner = lock(&handle.0);
    if let Err(error) = &outcome {
        let fault = fault(evaluator, test, error);
        inner.failures.push(Failure { line: fault.line, message: fault.message, got: Vec::new() });
    }
    let faults = inner.bench.faults().to_vec();
    if !faults.is_empty() && !inner.faults_expected {
        inner.failures.push(Failure {
            line: test.line,
            message: "rules ran without a fault".to_owned(),
            got: faults.into_iter().take(10).collect(),
        });
    }
    TestResult {
        name: test.name.clone(),
        file: Arc::clone(&test.file),
        line: test.line,
        failures: std::mem::take(&mut inner.failures),
    }
}

fn fault(evaluator: &Evaluator, test: &Test, error: &CallError) -> Fault {
    test.body.fault(error, &|name| evaluator.knows(name))
}
