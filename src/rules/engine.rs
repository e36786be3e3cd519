//! The Rhai engines: one for loading, one for predicates, one for bodies, one for tests. They
//! differ in what they can call; limits and refusals are the same.
//!
//! Every limit is set by name (Rhai's defaults are open, and differ between debug and release).
//! Optimisation stays at `Simple`: `Full` would run native functions at compile time.

use super::book::{Api, Entry};
use super::context::{Tag, value_error};
use super::{body_api, event, helpers, hit, lookups, missing, trial, values};
use crate::limits;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, BitFieldPackage, LanguageCorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, Module, NativeCallContext, OptimizationLevel, Shared};
use std::sync::LazyLock;

/// What an engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Running a rule file once; the rule builder is added by `load`.
    Load,
    /// Predicates and keys.
    Pure,
    /// Bodies and timers.
    Body,
    /// `test(…)` blocks.
    Test,
}

/// Functions of Rhai that rules can't call, and what to do instead.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("eval", "write the code where it is to run"),
    ("timestamp", "use `e.time`, or `hit.time` in a body: rules live in event time"),
    ("sleep", "a rule never waits; use a window, or `every(…)`"),
    ("print", "use `log(…)` in a body"),
    ("debug", "use `log(…)` in a body"),
    ("exit", "use `return`"),
    ("import", "plugins are called as `NAME::function()` without an import"),
    ("export", "a plugin's functions are visible without it"),
    ("parse_json", "let the source's parser read JSON into fields"),
];

/// Words that Rhai 1.27 keeps for itself: no names for fields, methods or variables.
pub(super) const RESERVED: &[&str] = &[
    "until", "in", "as", "private", "do", "default", "match", "new", "with", "is", "module",
    "package", "static", "public", "shared", "thread", "case", "sync", "use", "go",
];

/// The parts of Rhai's standard library that rules may use, as one module for all engines. A call
/// in a body is looked for in each module of its engine anew, several times where a parameter may
/// be anything: with a module for each part that was a third of a firing.
static STANDARD: LazyLock<Shared<Module>> = LazyLock::new(|| {
    let mut module = Module::new();
    LanguageCorePackage::init(&mut module);
    ArithmeticPackage::init(&mut module);
    BasicStringPackage::init(&mut module);
    BasicIteratorPackage::init(&mut module);
    BasicFnPackage::init(&mut module);
    BitFieldPackage::init(&mut module);
    LogicPackage::init(&mut module);
    BasicMathPackage::init(&mut module);
    BasicArrayPackage::init(&mut module);
    BasicMapPackage::init(&mut module);
    MoreStringPackage::init(&mut module);
    module.register_lazy_functions();
    module.build_index();
    module.into()
});

/// An engine for a purpose, and the part of the book that it knows.
pub(super) fn build(purpose: Purpose) -> (Engine, Vec<Entry>) {
    let mut engine = Engine::new_raw();
    engine.register_global_module(Shared::clone(&STANDARD));
    set_limits(&mut engine, purpose);
    refuse(&mut engine);
    show_constants(&mut engine);
    let mut book = Vec::new();
    let mut api = Api { engine: &mut engine, book: &mut book };
    values::register(&mut api);
    event::register(&mut api);
    helpers::register(&mut api);
    lookups::register(&mut api);
    lookups::register_agents(&mut api);
    missing::register(api.engine);
    match purpose {
        Purpose::Load | Purpose::Pure => {}
        Purpose::Body => {
            hit::register(&mut api);
            body_api::register(&mut api);
        }
        Purpose::Test => trial::register(&mut api),
    }
    (engine, book)
}

fn set_limits(engine: &mut Engine, purpose: Purpose) {
    let (operations, array_items) = match purpose {
        Purpose::Load => (limits::SCRIPT_LOAD_OPERATIONS_MAX, limits::SCRIPT_ARRAY_ITEMS_MAX),
        Purpose::Pure | Purpose::Body => {
            (limits::SCRIPT_OPERATIONS_MAX, limits::SCRIPT_ARRAY_ITEMS_MAX)
        }
        Purpose::Test => (limits::SCRIPT_TEST_OPERATIONS_MAX, limits::TEST_LINES_MAX),
    };
    let levels = match purpose {
        // Bodies are called by a way that counts as two levels of its own.
        Purpose::Body => limits::SCRIPT_CALL_LEVELS_MAX + 2,
        _ => limits::SCRIPT_CALL_LEVELS_MAX,
    };
    let string_bytes = match purpose {
        Purpose::Test => limits::RULE_FILE_BYTES_MAX * 4,
        _ => limits::SCRIPT_BUILT_STRING_BYTES_MAX,
    };
    engine
        .set_optimization_level(OptimizationLevel::Simple)
        .set_max_operations(operations)
        .set_max_call_levels(levels)
        .set_max_expr_depths(
            limits::SCRIPT_EXPRESSION_DEPTH_MAX,
            limits::SCRIPT_FUNCTION_EXPRESSION_DEPTH_MAX,
        )
        .set_max_string_size(string_bytes)
        .set_max_array_size(array_items)
        .set_max_map_size(limits::SCRIPT_MAP_ENTRIES_MAX)
        .set_max_variables(limits::SCRIPT_VARIABLES_MAX)
        .set_max_functions(limits::SCRIPT_FUNCTIONS_MAX)
        .set_max_modules(0)
        .set_fail_on_invalid_map_property(false)
        .set_allow_shadowing(true)
        .disable_symbol("eval")
        .disable_symbol("import")
        .disable_symbol("export")
        .on_print(|_| {})
        .on_debug(|_, _, _| {});
}

/// Puts an error in the place of what must not run: the registered function wins over the package's.
fn refuse(engine: &mut Engine) {
    fn refused(context: &NativeCallContext) -> Result<(), Box<EvalAltResult>> {
        Err(value_error(context, format!("`{}` is not available", context.fn_name())))
    }
    // Rhai looks for the exact type first, so each type needs its own refusal.
    for name in ["sleep", "exit", "print", "debug", "timestamp"] {
        engine
            .register_fn(name, |context: NativeCallContext| refused(&context))
            .register_fn(name, |context: NativeCallContext, _: Dynamic| refused(&context))
            .register_fn(name, |context: NativeCallContext, _: &str| refused(&context))
            .register_fn(name, |context: NativeCallContext, _: i64| refused(&context))
            .register_fn(name, |context: NativeCallContext, _: f64| refused(&context))
            .register_fn(name, |context: NativeCallContext, _: bool| refused(&context))
            .register_fn(name, |context: NativeCallContext, _: char| refused(&context))
            .register_fn(name, |context: NativeCallContext, (): ()| refused(&context));
    }
    engine.register_fn("parse_json", |context: NativeCallContext, _: &str| refused(&context));
}

/// Lets functions and closures see their file's constants.
fn show_constants(engine: &mut Engine) {
    #[expect(deprecated, reason = "rhai marks the hook as volatile, not as going away")]
    engine.on_var(|name, index, context| {
        // An index means that the parser found the variable near by.
        if index != 0 {
            return Ok(None);
        }
        let Some(tag) = context.tag().read_lock::<Tag>() else {
            return Ok(None);
        };
        if tag.0.unit.constants.is_empty() || context.scope().contains(name) {
            return Ok(None);
        }
        Ok(tag.0.unit.constants.get(name).cloned())
    });
}

/// Whether an entry of the book is a function that a script could shadow.
pub(super) fn is_api_name(book: &[Entry], name: &str) -> bool {
    book.iter().any(|entry| entry.name == name && entry.place.namespace().is_none())
        || REFUSED.iter().any(|(refused, _)| *refused == name)
}
