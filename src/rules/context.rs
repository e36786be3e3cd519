//! What a running piece of script carries along: its file, and for bodies the host and the asks so
//! far. It travels as the evaluation's tag, so that native functions find it.

use super::fault::Fault;
use super::host::{Host, Lookups};
use crate::decisions::{Ask, HitId};
use crate::limits;
use rhai::{
    AST, Caches, CallFnOptions, Dynamic, Engine, EvalAltResult, EvalContext, ImmutableString,
    NativeCallContext, Position, Scope,
};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A rule file after load: its functions and what they may see.
#[derive(Debug)]
pub(super) struct Unit {
    /// The file's path.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// The functions and closures; no statements, so nothing runs twice.
    pub ast: AST,
    /// The file's top-level constants, visible in functions and closures.
    pub constants: BTreeMap<ImmutableString, Dynamic>,
    /// What is kept from one body of the file to the next.
    pub found: Found,
    /// It may call functions of modules. Rhai looks up by name alone what a module's function calls,
    /// in the same cache: kept, it would be taken for the file's own function of that name.
    pub calls_modules: bool,
}

impl Unit {
    /// A file that was loaded.
    pub(super) fn new(
        file: &Arc<str>,
        text: &str,
        ast: AST,
        constants: BTreeMap<ImmutableString, Dynamic>,
        calls_modules: bool,
    ) -> Self {
        let (file, text) = (Arc::clone(file), Arc::from(text));
        Self { file, text, ast, constants, found: Found::default(), calls_modules }
    }
}

/// Which functions calls in bodies of a file mean: Rhai looks each one up anew in every run, in all
/// modules, and once more for each way in which its parameters may be of any type. They are the same
/// for the life of an engine, so they are kept.
#[derive(Debug, Default)]
pub(super) struct Found(Mutex<Option<Box<Caches>>>);

impl Found {
    /// What is known so far, for one run. While somebody has it, others begin with nothing.
    fn take(&self) -> Box<Caches> {
        lock(&self.0).take().unwrap_or_else(|| {
            let mut caches = Caches::new();
            // A run takes away what it put on top; this one stays.
            caches.push_fn_resolution_cache();
            Box::new(caches)
        })
    }

    /// Keeps it for the next run.
    fn put(&self, mut caches: Box<Caches>) {
        if caches.fn_resolution_cache_mut().dict.len() <= limits::SCRIPT_CALLS_KEPT_MAX {
            *lock(&self.0) = Some(caches);
        }
    }
}

/// What travels with an evaluation.
pub(super) struct Run {
    pub unit: Arc<Unit>,
    pub lookups: Arc<dyn Lookups>,
    /// Only bodies and timers have it: predicates are pure.
    pub body: Option<BodyRunState>,
}

/// The surroundings of a body.
pub(super) struct BodyRunState {
    pub host: Arc<dyn Host>,
    /// What the ids that calls return begin with.
    pub id: RunId,
    pub asks: Mutex<Vec<Ask>>,
}

/// What a body runs for.
pub(super) enum RunId {
    Hit(HitId),
    /// The timer's name and time.
    Timer(String),
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit(id) => id.fmt(f),
            Self::Timer(name) => f.write_str(name),
        }
    }
}

/// The tag's type.
#[derive(Clone)]
pub(super) struct Tag(pub Arc<Run>);

impl Run {
    /// The run that a native call belongs to.
    pub(super) fn of(context: &NativeCallContext) -> Option<Arc<Self>> {
        let tag = context.tag()?.read_lock::<Tag>()?;
        Some(Arc::clone(&tag.0))
    }
}

/// Locks, also after a panic elsewhere: what these locks hold is valid at every moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error that a script can't catch: a limit was reached.
#[expect(clippy::unnecessary_box_returns, reason = "rhai takes its errors boxed")]
pub(super) fn limit_error(context: &NativeCallContext, text: String) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(text.into(), context.call_position()).into()
}

/// An error of a value, which a script may catch.
#[expect(clippy::unnecessary_box_returns, reason = "rhai takes its errors boxed")]
pub(super) fn value_error(
    context: &NativeCallContext,
    text: impl Into<String>,
) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(text.into().into(), context.call_position()).into()
}

thread_local! {
    /// Native work of the call that this thread is in, in operations.
    static WORK: Cell<u64> = const { Cell::new(0) };
}

/// Counts native work against a limit of its own, so that a loop over costly calls ends early.
pub(super) fn charge(
    context: &NativeCallContext,
    operations: usize,
) -> Result<(), Box<EvalAltResult>> {
    let operations = u64::try_from(operations).unwrap_or(u64::MAX);
    let work = WORK.get().saturating_add(operations);
    WORK.set(work);
    if work > limits::SCRIPT_NATIVE_WORK_MAX {
        let name = context.fn_name();
        return Err(limit_error(
            context,
            format!("calls like `{name}` take more work than the limit allows"),
        ));
    }
    Ok(())
}

/// Begins to count anew.
pub(super) fn begin_work() {
    WORK.set(0);
}

/// A closure or function of a rule file, with what it captured, frozen at load.
#[derive(Debug, Clone)]
pub(super) struct ScriptFn {
    pub unit: Arc<Unit>,
    pub name: ImmutableString,
    pub captured: Vec<Dynamic>,
    /// False for a closure that doesn't care for what it is called with.
    pub takes_argument: bool,
    /// Where it was handed over; errors without a place are told at this one.
    pub position: Position,
}

impl ScriptFn {
    /// Calls it. A panic below becomes a fault.
    pub(super) fn call(
        &self,
        engine: &Engine,
        run: &Arc<Run>,
        argument: Option<Dynamic>,
    ) -> Result<Dynamic, CallError> {
        let options = CallFnOptions::new().eval_ast(false).with_tag(Tag(Arc::clone(run)));
        let mut arguments = self.captured.clone();
        arguments.extend(argument.filter(|_| self.takes_argument));
        begin_work();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            engine.call_fn_with_options::<Dynamic>(
                options,
                &mut Scope::new(),
                &self.unit.ast,
                &*self.name,
                arguments,
            )
        }));
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(CallError::Script(error)),
            Err(_) => Err(CallError::Panic),
        }
    }

    /// Calls a body: as [`Self::call`], with the functions that were found in the runs before.
    /// `engine` has to be the same each time.
    pub(super) fn call_body(
        &self,
        engine: &Engine,
        run: &Arc<Run>,
        argument: Option<Dynamic>,
    ) -> Result<Dynamic, CallError> {
        let mut arguments = self.captured.clone();
        arguments.extend(argument.filter(|_| self.takes_argument));
        begin_work();
        let keeps = !self.unit.calls_modules;
        let mut caches = if keeps { self.unit.found.take() } else { Found::default().take() };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut global = engine.new_global_runtime_state();
            global.lib.push(Arc::clone(self.unit.ast.shared_lib()));
            global.tag = Dynamic::from(Tag(Arc::clone(run)));
            let mut scope = Scope::new();
            let mut context = EvalContext::new(engine, &mut global, &mut caches, &mut scope, None);
            context.call_fn::<Dynamic>(&*self.name, arguments)
        }));
        let Ok(outcome) = outcome else {
            // Nobody knows what state a panic left the caches in.
            return Err(CallError::Panic);
        };
        if keeps {
            self.unit.found.put(caches);
        }
        outcome.map_err(CallError::Script)
    }

    /// A call's error as a fault, with a place.
    pub(super) fn fault(&self, error: &CallError, known: &dyn Fn(&str) -> bool) -> Fault {
        let mut fault = match error {
            CallError::Script(error) => Fault::new(error, &self.unit, known),
            CallError::Panic => Fault::panicked(&self.unit),
        };
        if fault.line == 0 {
            fault.line = self.position.line().unwrap_or(0);
            fault.column = self.position.position().unwrap_or(0);
        }
        fault
    }
}

/// How a call of script code failed.
#[derive(Debug)]
pub(super) enum CallError {
    Script(Box<EvalAltResult>),
    Panic,
}

/// A value without links to variables: what a closure captured or a script handed over can't
/// change any more.
pub(super) fn freeze(value: &Dynamic) -> Dynamic {
    let flat = value.flatten_clone();
    if let Some(array) = flat.read_lock::<rhai::Array>() {
        return array.iter().map(freeze).collect::<rhai::Array>().into();
    }
    if let Some(map) = flat.read_lock::<rhai::Map>() {
        let frozen: rhai::Map =
            map.iter().map(|(key, value)| (key.clone(), freeze(value))).collect();
        return frozen.into();
    }
    if let Some(pointer) = flat.read_lock::<rhai::FnPtr>() {
        let mut copy = pointer.clone();
        let curry: Vec<Dynamic> = pointer.curry().iter().map(freeze).collect();
        copy.set_curry(curry);
        return copy.into();
    }
    flat
}
