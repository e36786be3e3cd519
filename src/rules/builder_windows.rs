//! The windows that a rule may have, as methods of the builder.

use super::book::{Api, Place};
use super::builder::{Builder, closure};
use super::draft::{Closure, Quantity, WindowDraft};
use crate::limits;
use crate::windows::WindowSpec;
use rhai::{Array, Dynamic, FnPtr, NativeCallContext};

/// Registers the windows.
pub(super) fn register_windows(api: &mut Api<'_>) {
    let each = |spec: WindowSpec| WindowDraft { spec, tests: Vec::new(), quantity: None };
    api.doc(Place::Rule, "count", ".count(n, duration)", "Fire at the n-th event within any such time. Exact up to 64, above it late by at most an eighth of the time, never early.", r#"rule("guessing").on("ssh.auth").by("ip").count(10, "5m")"#)
    .register_fn("count", move |context: NativeCallContext, b: &mut Builder, n: i64, within: &str| {
        match (b.count(&context, n), b.duration(&context, within)) {
            (Some(n), Some(within)) => b.window(&context, each(WindowSpec::Count { n, within })),
            _ => b.clone(),
        }
    });
    api.doc(Place::Rule, "distinct", ".distinct(field | closure, n, duration)", "Fire at the n-th different value of a field within such a time.", r#"rule("scanner").on("http").when(|e| e.status == 404).by("ip").distinct("path", 25, "5m")"#)
    .register_fn("distinct", |context: NativeCallContext, b: &mut Builder, field: Dynamic, n: i64, within: &str| {
        match (b.count(&context, n), b.duration(&context, within), quantity(b, &context, &field)) {
            (Some(n), Some(within), quantity @ Some(_)) => {
                b.window(&context, WindowDraft { spec: WindowSpec::Distinct { n, within }, tests: Vec::new(), quantity })
            }
            _ => b.clone(),
        }
    });
    api.doc(Place::Rule, "sum", ".sum(field | closure, amount, duration)", "Fire when the amounts of a field within such a time reach the amount; late by at most an eighth of the time, never early.", r#"rule("hoarder").on("http").by("ip").sum("bytes", 1_000_000_000, "1h")"#)
    .register_fn("sum", |context: NativeCallContext, b: &mut Builder, field: Dynamic, amount: Dynamic, within: &str| {
        let at_least = super::body_marks::number(&amount);
        if at_least.is_none() {
            b.error("bad-window", context.call_position(), "the amount of `sum` is a number");
        }
        match (at_least, b.duration(&context, within), quantity(b, &context, &field)) {
            (Some(at_least), Some(within), quantity @ Some(_)) => {
                b.window(&context, WindowDraft { spec: WindowSpec::Sum { at_least, within }, tests: Vec::new(), quantity })
            }
            _ => b.clone(),
        }
    });
    api.doc(Place::Rule, "leaky", ".leaky(capacity, duration)", "A leaky bucket: each event pours one in, one leaks out every such time; fire when more than the capacity are in it.", r#"rule("steady").on("http").by("ip").leaky(100, "1s")"#)
    .register_fn("leaky", move |context: NativeCallContext, b: &mut Builder, capacity: i64, leak: &str| {
        match (b.count(&context, capacity), b.duration(&context, leak)) {
            (Some(capacity), Some(leak_every)) => b.window(&context, each(WindowSpec::Leaky { capacity, leak_every })),
            _ => b.clone(),
        }
    });
    register_test_windows(api);
}

fn register_test_windows(api: &mut Api<'_>) {
    api.doc(
        Place::Rule,
        "consecutive",
        ".consecutive(closure, n)",
        "Fire when the closure was true n times in a row; once false, it starts anew.",
        r#"rule("down").on("probe").by("probe").consecutive(|e| e.ok == false, 3)"#,
    )
    .register_fn(
        "consecutive",
        |context: NativeCallContext, b: &mut Builder, test: FnPtr, n: i64| match b
            .count(&context, n)
        {
            Some(n) => {
                let tests = vec![closure(&context, &test)];
                b.window(
                    &context,
                    WindowDraft { spec: WindowSpec::Consecutive { n }, tests, quantity: None },
                )
            }
            None => b.clone(),
        },
    );
    api.doc(Place::Rule, "sequence", ".sequence([closure, …], duration)", "Fire when the closures were true one after the other, each at another event, within such a time.", r#"rule("guess-then-in").on("ssh.auth").by("ip").sequence([|e| e.outcome == "failure", |e| e.outcome == "success"], "10m")"#)
    .register_fn("sequence", |context: NativeCallContext, b: &mut Builder, list: Array, within: &str| {
        let Some(within) = b.duration(&context, within) else { return b.clone() };
        let tests: Vec<Closure> = list
            .iter()
            .filter_map(|item| item.read_lock::<FnPtr>().map(|pointer| closure(&context, &pointer)))
            .collect();
        if tests.len() != list.len() || tests.len() > limits::WINDOW_PREDICATES_MAX {
            b.error("bad-window", context.call_position(), format!("`sequence` takes a list of at most {} closures", limits::WINDOW_PREDICATES_MAX));
            return b.clone();
        }
        let steps = u8::try_from(tests.len()).unwrap_or(u8::MAX);
        b.window(&context, WindowDraft { spec: WindowSpec::Sequence { steps, within }, tests, quantity: None })
    });
    api.doc(Place::Rule, "absent", ".absent(duration)", "Fire when a key that was seen stays silent for such a time; then once, until it is seen again.", r#"rule("backup-missing").on("backup.done").by("host").absent("25h")"#)
    .register_fn("absent", |context: NativeCallContext, b: &mut Builder, after: &str| {
        match b.duration(&context, after) {
            Some(after) => b.window(&context, WindowDraft { spec: WindowSpec::Absent { after }, tests: Vec::new(), quantity: None }),
            None => b.clone(),
        }
    });
    api.doc(Place::Rule, "ratio", ".ratio(closure, share, at_least, duration)", "Fire when the closure was true for such a share (0 to 1) of at least so many events within such a time.", r#"rule("errors").on("http").by("host").ratio(|e| e.status >= 500, 0.2, 100, "5m")"#)
    .register_fn("ratio", |context: NativeCallContext, b: &mut Builder, test: FnPtr, share: Dynamic, at_least: i64, within: &str| {
        let share = super::body_marks::number(&share).unwrap_or(f64::NAN);
        match (b.count(&context, at_least), b.duration(&context, within)) {
            (Some(at_least), Some(within)) => {
                let tests = vec![closure(&context, &test)];
                b.window(&context, WindowDraft { spec: WindowSpec::Ratio { share, at_least, within }, tests, quantity: None })
            }
            _ => b.clone(),
        }
    });
}

/// The field or closure that `distinct` and `sum` look at.
fn quantity(builder: &Builder, context: &NativeCallContext, value: &Dynamic) -> Option<Quantity> {
    if let Some(pointer) = value.read_lock::<FnPtr>() {
        return Some(Quantity::Closure(closure(context, &pointer)));
    }
    if let Ok(field) = value.as_immutable_string_ref() {
        return Some(Quantity::Field(field.to_string()));
    }
    builder.error(
        "bad-window",
        context.call_position(),
        "the first value is a field's name or a closure",
    );
    None
}
