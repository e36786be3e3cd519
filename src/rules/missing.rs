//! What a missing field answers: tests on `()` are false, what would transform it stays `()`, so a
//! predicate on a field that isn't there is false instead of faulty.

use rhai::{Array, Dynamic, Engine};

/// Tests with one argument.
pub(super) const TESTS: &[&str] = &[
    "starts_with",
    "ends_with",
    "contains",
    "matches",
    "within",
    "contains_any",
    "starts_with_any",
    "ends_with_any",
    "has",
    "in_feed",
];

/// Tests without arguments.
const PLAIN_TESTS: &[&str] = &["is_v6", "is_private", "is_empty"];

/// Transformations without arguments.
const PLAIN_CHANGES: &[&str] = &[
    "to_lower",
    "to_upper",
    "url_decode",
    "to_number",
    "len",
    "address",
    "chars",
    "bytes",
    "parse_int",
    "parse_float",
    "geo",
];

/// Transformations with one argument.
const CHANGES: &[&str] = &["capture", "query_value", "sub_string", "split", "shorten", "index_of"];

/// Registers the answers of `()`.
pub(super) fn register(engine: &mut Engine) {
    for &name in TESTS {
        engine.register_fn(name, |(): (), _: Dynamic| false);
    }
    for &name in PLAIN_TESTS {
        engine.register_fn(name, |(): ()| false);
    }
    for &name in PLAIN_CHANGES {
        engine.register_fn(name, |(): ()| ());
    }
    for &name in CHANGES {
        engine.register_fn(name, |(): (), _: Dynamic| ());
    }
    engine
        .register_fn("sub_string", |(): (), _: i64, _: i64| ())
        .register_fn("network", |(): (), _: i64, _: i64| ())
        .register_fn("replace", |(): (), _: Dynamic, _: Dynamic| ())
        .register_fn("trim", |(): &mut ()| ())
        .register_fn("split", |(): ()| Array::new())
        // A text or a list never contains what isn't there.
        .register_fn("contains", |_: &str, (): ()| false)
        .register_fn("starts_with", |_: &str, (): ()| false)
        .register_fn("ends_with", |_: &str, (): ()| false);
}
