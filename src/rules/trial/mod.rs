//! Runs the `test(…)` blocks of rule files on a bench that has the real engine behind it.
//!
//! In: a test and a bench. Out: whether its expectations held, what was got instead, and what
//! happened. The bench (parsing, windows, decisions, the guard) is the pipeline's.

mod asks;
mod changes;
mod decisions;
mod diff;
mod feeding;
mod handle;
mod hits;
mod options;
mod others;
mod show;
mod values;

pub use diff::{Difference, Word};
pub use show::{render_failures, render_result, render_results};

use super::book::Api;
use super::context::{CallError, Run, lock};
use super::evaluate::Evaluator;
use super::fault::Fault;
use super::host::StateValue;
use super::set::Test;
use crate::clock::Timestamp;
use crate::decisions::{Ask, Decision, Hit, RuleName};
use crate::enrich::Geo;
use crate::event::{Event, Value};
use handle::Handle;
pub(super) use handle::Scope;
use ipnet::IpNet;
use rhai::Dynamic;
use std::sync::Arc;
use std::time::Duration;

/// A proposed decision, and what the guard said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// The guard's verdict in words: `pass`, `refused: …`, `already in force` …
    pub guard: String,
}

/// Something that a body or a timer asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The rule or the timer.
    pub rule: RuleName,
    /// What.
    pub ask: Ask,
}

/// A predicate or a body that ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faulted {
    /// The rule or the timer.
    pub rule: RuleName,
    /// What went wrong, with its place.
    pub words: String,
}

impl Faulted {
    /// In words, with the rule.
    pub fn text(&self) -> String {
        format!("rule `{}`: {}", self.rule, self.words)
    }
}

/// A small engine for one test: the real stages on lines and events of the test's own.
///
/// - Nothing leaves it: asks and decisions are only kept.
/// - Its time is event time; it only moves on, and timers, `absent` and ends run with it.
/// - Decisions are proposals, whatever a rule's mode; the guard's verdict stands beside each.
/// - Errors are in words for people, and end the test.
/// - What one test feeds is bounded, so that a test that loops ends.
pub trait TestBench: Send {
    /// Feeds lines in a format (`nginx`, `sshd`, `auto` …); the error says what didn't parse.
    fn lines(&mut self, format: &str, text: &str) -> Result<(), String>;
    /// Feeds the lines of a file below the folder of the test's own file, `test_file`.
    fn file(&mut self, format: &str, test_file: &str, path: &str) -> Result<(), String>;
    /// Feeds an event made by hand, at the bench's time; the error says what is wrong with it.
    fn event(&mut self, kind: &str, fields: Vec<(String, Value)>) -> Result<(), String>;
    /// Reads one line without feeding it; `None` where it does not parse.
    fn parse(&mut self, format: &str, line: &str) -> Result<Option<Event>, String>;
    /// Moves the time on to a moment.
    fn at(&mut self, time: Timestamp) -> Result<(), String>;
    /// The bench's time.
    fn now(&self) -> Timestamp;
    /// Lets a feed list these prefixes.
    fn feed(&mut self, name: &str, nets: Vec<IpNet>) -> Result<(), String>;
    /// Lets a prefix be somewhere.
    fn geo(&mut self, net: IpNet, place: Geo) -> Result<(), String>;
    /// Puts a prefix on the allowlist.
    fn allow(&mut self, net: IpNet) -> Result<(), String>;
    /// Lets a key have had hits just before now.
    fn past_hits(&mut self, key: &str, count: u64) -> Result<(), String>;
    /// Loads the rules anew with a parameter of these files set; before anything is fed.
    fn param(
        &mut self,
        files: &[Arc<str>],
        name: &str,
        value: serde_json::Value,
    ) -> Result<(), String>;
    /// The hits so far, in order.
    fn hits(&self) -> &[Arc<Hit>];
    /// The decisions proposed so far, in order.
    fn decisions(&self) -> &[Decided];
    /// The decisions that passed the guard and are neither over nor lifted.
    fn in_force(&self) -> Vec<Decision>;
    /// What bodies and timers asked for so far, in order.
    fn asks(&self) -> &[Asked];
    /// Faults of predicates and bodies so far.
    fn faults(&self) -> &[Faulted];
    /// The newest events of what was fed, in order.
    fn events(&self) -> &[Arc<Event>];
    /// What `state::get` would give for a key.
    fn state(&self, key: &str) -> Option<StateValue>;
    /// The test is over.
    fn finish(&mut self) {}
    /// What happened so far, in a few lines, as far as it concerns these rules.
    fn trace(&self, concerns: &dyn Fn(&str) -> bool) -> Vec<String>;
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
    /// Expectations that were judged.
    pub expectations: usize,
    /// What didn't hold, in order; empty when it passed.
    pub failures: Vec<Failure>,
    /// Failures beyond those.
    pub failures_more: usize,
    /// How long it took.
    #[serde(skip)]
    pub took: Duration,
}

/// An expectation that didn't hold, or a mistake in the test.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// The line in the file, 0 where it is not known.
    pub line: usize,
    /// The column in characters, 0 where it is not known.
    pub column: usize,
    /// The line's text.
    pub source: String,
    /// What was wanted, or what went wrong.
    pub message: String,
    /// What could be done about it.
    pub hint: Option<String>,
    /// What was expected, where it can be compared.
    pub expected: Option<String>,
    /// What was got instead, a line each, the nearest first; empty where there is nothing to
    /// compare.
    pub got: Vec<String>,
    /// The expectation against the nearest thing that was got.
    pub diff: Vec<Difference>,
    /// What happened up to then.
    pub trace: Vec<String>,
}

impl TestResult {
    /// Whether every expectation held.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Registers the `t`.
pub(super) fn register(api: &mut Api<'_>) {
    api.engine.register_type_with_name::<Handle>("test bench");
    feeding::register(api);
    hits::register(api);
    decisions::register(api);
    asks::register(api);
    values::register(api);
    changes::register(api);
    others::register(api);
}

/// Runs one test.
pub(super) fn run(
    evaluator: &Evaluator,
    test: &Test,
    scope: Scope,
    bench: Box<dyn TestBench>,
) -> TestResult {
    let started = std::time::Instant::now();
    let handle = Handle::new(bench, Arc::new(scope));
    let run = Arc::new(Run {
        unit: Arc::clone(&test.body.unit),
        lookups: Arc::clone(&evaluator.lookups),
        body: None,
    });
    let outcome = test.body.call(&evaluator.test, &run, Some(Dynamic::from(handle.clone())));
    let mut inner = lock(&handle.0);
    if let Err(error) = &outcome {
        let fault = fault(evaluator, test, error);
        let source = handle::source_line(&test.body.unit.text, fault.line).unwrap_or_default();
        let (message, hint) = match fault.message.split_once("\nhint: ") {
            Some((fact, hint)) => (fact.to_owned(), Some(hint.to_owned())),
            None => (fault.message, None),
        };
        inner.failures.push(Failure {
            line: fault.line,
            column: fault.column,
            source,
            message,
            hint,
            ..Failure::default()
        });
    }
    let scope = Arc::clone(&inner.scope);
    let own = inner.bench.faults().iter().filter(|fault| scope.has(&fault.rule));
    let faults: Vec<String> = own.take(10).map(Faulted::text).collect();
    if !faults.is_empty() && !inner.faults_expected {
        inner.failures.push(Failure {
            line: test.line,
            message: "rules ran without a fault".to_owned(),
            got: faults,
            ..Failure::default()
        });
    }
    inner.bench.finish();
    TestResult {
        name: test.name.clone(),
        file: Arc::clone(&test.file),
        line: test.line,
        expectations: inner.expectations,
        failures: std::mem::take(&mut inner.failures),
        failures_more: inner.failures_more,
        took: started.elapsed(),
    }
}

fn fault(evaluator: &Evaluator, test: &Test, error: &CallError) -> Fault {
    test.body.fault(error, &|name| evaluator.knows(name))
}
