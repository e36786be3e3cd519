//! Runs closures: predicates and keys purely, bodies with a host. Here faults are told apart, and a
//! field that isn't there makes a predicate false instead of faulty.

use super::book::Entry;
use super::context::{BodyRunState, CallError, Run, RunId, ScriptFn, lock};
use super::engine::{self, Purpose};
use super::event::{ScriptEvent, Watch};
use super::fault::{Fault, FaultKind};
use super::host::{Host, Lookups};
use super::names;
use super::rule::PureFn;
use crate::decisions::Ask;
use crate::event::Event;
use crate::matching::{Predicate, Verdict};
use crate::telemetry;
use rhai::{Dynamic, Engine};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::Mutex;

/// What a body asked for, and how it ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BodyRun {
    /// What it asked for, in order. A body that broke a limit asks for nothing; one that met a
    /// value it can't work with keeps what it had asked for before, so that nobody can take back a
    /// block by what they write into a log.
    pub asks: Vec<Ask>,
    /// Why it ended early.
    pub fault: Option<Fault>,
}

/// The engines and what they share.
pub(super) struct Evaluator {
    pub pure: Engine,
    pub body: Engine,
    pub test: Engine,
    pub book: Vec<Entry>,
    pub seed: u64,
    pub lookups: Arc<dyn Lookups>,
}

impl Evaluator {
    pub(super) fn new(seed: u64, lookups: Arc<dyn Lookups>) -> Self {
        let (pure, mut book) = engine::build(Purpose::Pure);
        let (body, body_book) = engine::build(Purpose::Body);
        let (test, test_book) = engine::build(Purpose::Test);
        for entry in body_book.into_iter().chain(test_book) {
            if !book.contains(&entry) {
                book.push(entry);
            }
        }
        Self { pure, body, test, book, seed, lookups }
    }

    /// Whether any function of that name exists.
    pub(super) fn knows(&self, name: &str) -> bool {
        names::is_standard(name) || self.book.iter().any(|entry| entry.name == name)
    }

    /// A pure closure's value; `()` when it failed after a field was read that isn't there.
    pub(super) fn pure(&self, closure: &PureFn, event: &Arc<Event>) -> Result<Dynamic, Fault> {
        let argument = Dynamic::from(ScriptEvent::new(Arc::clone(event)));
        match closure.function.call(&self.pure, &closure.run, Some(argument)) {
            Ok(value) => Ok(value),
            Err(error) => self.judge(closure, event, &error),
        }
    }

    /// Runs a failed closure again (it is pure) to see whether a missing field was read before.
    fn judge(
        &self,
        closure: &PureFn,
        event: &Arc<Event>,
        error: &CallError,
    ) -> Result<Dynamic, Fault> {
        let fault = closure.function.fault(error, &|name| self.knows(name));
        if fault.kind == FaultKind::Value {
            let watch = Watch::of_missing();
            let watched = ScriptEvent::watched(Arc::clone(event), Arc::clone(&watch));
            let again =
                closure.function.call(&self.pure, &closure.run, Some(Dynamic::from(watched)));
            if again.is_err() && watch.missed() {
                return Ok(Dynamic::UNIT);
            }
        }
        telemetry::counter(telemetry::names::RULE_FAULTS).add(1);
        Err(fault)
    }

    /// Whether a predicate holds.
    pub(super) fn test(&self, closure: &PureFn, event: &Arc<Event>) -> Result<bool, Fault> {
        let value = self.pure(closure, event)?;
        match value.as_bool() {
            Ok(verdict) => Ok(verdict),
            Err(_) if value.is_unit() => Ok(false),
            Err(kind) => Err(self.fault_at(
                closure,
                format!("a predicate gives true or false, this one gave `{kind}`"),
            )),
        }
    }

    /// A fault of ours at a closure.
    #[expect(clippy::unused_self, reason = "reads as the evaluator's verdict where it is used")]
    pub(super) fn fault_at(&self, closure: &PureFn, message: String) -> Fault {
        telemetry::counter(telemetry::names::RULE_FAULTS).add(1);
        Fault::value(message, &closure.function.unit, closure.function.position)
    }

    /// Runs a body or a timer.
    pub(super) fn body(
        &self,
        function: &ScriptFn,
        argument: Option<Dynamic>,
        id: RunId,
        host: &Arc<dyn Host>,
    ) -> BodyRun {
        let run = Arc::new(Run {
            unit: Arc::clone(&function.unit),
            lookups: Arc::clone(&self.lookups),
            body: Some(BodyRunState { host: Arc::clone(host), id, asks: Mutex::default() }),
        });
        let outcome = function.call_body(&self.body, &run, argument);
        let mut asks = run
            .body
            .as_ref()
            .map(|body| std::mem::take(&mut *lock(&body.asks)))
            .unwrap_or_default();
        let fault = outcome.err().map(|error| function.fault(&error, &|name| self.knows(name)));
        if let Some(fault) = &fault {
            telemetry::counter(telemetry::names::RULE_FAULTS).add(1);
            if fault.kind == FaultKind::Limit {
                asks.clear();
            }
        }
        BodyRun { asks, fault }
    }
}

thread_local! {
    /// The event that this thread's matcher is looking at, shared with the scripts that ask.
    static CURRENT: RefCell<Option<Arc<Event>>> = const { RefCell::new(None) };
}

/// Begins and ends the look at one event: while it lives, all predicates share one copy.
pub(super) struct Looking;

impl Looking {
    /// With a copy that is there already; else the first script that asks makes one.
    pub(super) fn at(event: Arc<Event>) -> Self {
        CURRENT.with_borrow_mut(|current| *current = Some(event));
        Self
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| *current = None);
    }
}

/// A predicate that runs in Rhai.
pub(super) struct ScriptPredicate {
    pub closure: PureFn,
    pub evaluator: Arc<Evaluator>,
}

impl Predicate for ScriptPredicate {
    fn matches(&self, event: &Event) -> Verdict {
        let shared = CURRENT.with_borrow_mut(|current| {
            Arc::clone(current.get_or_insert_with(|| Arc::new(event.clone())))
        });
        match self.evaluator.test(&self.closure, &shared) {
            Ok(true) => Verdict::True,
            Ok(false) => Verdict::False,
            Err(fault) => Verdict::Fault(fault.to_string()),
        }
    }
}

/// The predicate of a rule that is off.
pub(super) struct Never;

impl Predicate for Never {
    fn matches(&self, _event: &Event) -> Verdict {
        Verdict::False
    }
}
