//! Expectations of a test on everything else: that nothing happened, script state, faults, and the
//! events that were made of what was fed.

use super::diff::{Item, Pattern};
use super::handle::{Answer, Handle, List, Scope, Times};
use super::{Failure, Faulted, TestBench, asks, decisions, hits, options};
use crate::event::text;
use crate::rules::book::{Api, Place};
use crate::rules::context::{lock, value_error};
use crate::rules::host::StateValue;
use rhai::{Dynamic, Map, NativeCallContext};
use std::sync::Arc;

/// Hits, decisions and asks, all in one.
fn everything(bench: &dyn TestBench, scope: &Scope) -> List {
    let mut all = hits::hits(bench, scope);
    all.own.extend(decisions::proposed(bench, scope).own);
    all.own.extend(asks::asks(bench, scope).own);
    all
}

/// The events that were made of what was fed; they are nobody's.
fn events(bench: &dyn TestBench, _scope: &Scope) -> List {
    let item = |event: &Arc<crate::event::Event>| {
        let item =
            Item::default().with("what", event.kind.name()).with("time", event.time.to_string());
        event.fields().fold(item, |item, (name, value)| item.with(name.to_owned(), value.to_text()))
    };
    List { word: "events", own: bench.events().iter().map(item).collect(), others: Vec::new() }
}

pub(super) fn register(api: &mut Api<'_>) {
    api.doc(Place::Test, "expect_nothing", "t.expect_nothing()", "The rules that the test is about did nothing at all: no hit, no decision, nothing asked for.", "t.expect_nothing()")
        .register_fn("expect_nothing", |context: NativeCallContext, t: &mut Handle| {
            t.expect(&context, everything, &Pattern::default(), Times::None, "nothing to happen");
        });
    register_events(api);
    register_state(api);
    register_faults(api);
}

fn register_events(api: &mut Api<'_>) {
    let of = |kind: &str| Pattern::default().is("what", kind);
    api.doc(
        Place::Test,
        "expect_event",
        "t.expect_event(kind[, #{ field: value }])",
        "What was fed held an event of the kind; with fields: with these among its own.",
        r#"t.expect_event("http", #{ path: "/.env", status: 404 })"#,
    )
    .register_fn("expect_event", move |context: NativeCallContext, t: &mut Handle, kind: &str| {
        t.expect(&context, events, &of(kind), Times::Some, &format!("an event of kind `{kind}`"));
    })
    .register_fn(
        "expect_event",
        move |context: NativeCallContext, t: &mut Handle, kind: &str, fields: Map| {
            let pattern = options::fields(of(kind), &fields);
            let said = format!("an event of kind `{kind}` with these fields");
            t.expect(&context, events, &pattern, Times::Some, &said);
        },
    );
    api.doc(
        Place::Test,
        "expect_unparsed",
        "t.expect_unparsed(format, line)",
        "The line is no line of that format (or of that source's).",
        r#"t.expect_unparsed("nginx", "garbage")"#,
    )
    .register_fn(
        "expect_unparsed",
        |context: NativeCallContext, t: &mut Handle, format: &str, line: &str| -> Answer<()> {
            let read = lock(&t.0)
                .bench
                .parse(format, line)
                .map_err(|error| value_error(&context, error))?;
            t.expect_that(&context, |_| match read {
                None => Ok(()),
                Some(event) => Err(Box::new(Failure {
                    message: format!("wanted a line that is no `{}` line", text::escape(format)),
                    got: vec![text::escape_cut(event.to_json().to_string().as_bytes(), 400)],
                    ..Failure::default()
                })),
            });
            Ok(())
        },
    );
}

fn state_text(value: &StateValue) -> String {
    match value {
        StateValue::Int(number) => number.to_string(),
        StateValue::Float(number) => number.to_string(),
        StateValue::Bool(flag) => flag.to_string(),
        StateValue::Text(text) => text.clone(),
    }
}

fn register_state(api: &mut Api<'_>) {
    api.doc(Place::Test, "expect_state", "t.expect_state(key, value)", "What `state::get` would give for the key now. Tags are `tag:KEY:NAME`, scores `score:KEY`.", r#"t.expect_state("seen:203.0.113.9", 3)"#)
        .register_fn("expect_state", |context: NativeCallContext, t: &mut Handle, key: &str, value: Dynamic| {
            t.expect_that(&context, |inner| {
                let got = inner.bench.state(key);
                let item = got.as_ref().map(|value| Item::default().with(key.to_owned(), state_text(value)));
                let pattern = Pattern::default().with(key.to_owned(), options::value(&value));
                if item.as_ref().is_some_and(|item| pattern.matches(item)) {
                    return Ok(());
                }
                Err(Box::new(Failure {
                    message: format!("wanted the state `{}` to be `{}`", text::escape(key), text::escape(&options::value(&value).text())),
                    expected: Some(pattern.text()),
                    diff: pattern.difference(item.as_ref()),
                    got: vec![item.map_or_else(|| "no state of that key".to_owned(), |item| item.text())],
                    ..Failure::default()
                }))
            });
        });
    api.doc(
        Place::Test,
        "expect_no_state",
        "t.expect_no_state(key)",
        "There is no state of that key now: it was never set, or its time is over.",
        r#"t.expect_no_state("seen:203.0.113.9")"#,
    )
    .register_fn("expect_no_state", |context: NativeCallContext, t: &mut Handle, key: &str| {
        t.expect_that(&context, |inner| match inner.bench.state(key) {
            None => Ok(()),
            Some(value) => Err(Box::new(Failure {
                message: format!("wanted no state `{}`", text::escape(key)),
                got: vec![text::escape(&state_text(&value)).into_owned()],
                ..Failure::default()
            })),
        });
    });
}

fn register_faults(api: &mut Api<'_>) {
    api.doc(Place::Test, "expect_fault", "t.expect_fault([part])", "A rule that the test is about ended in a fault; with a part: in one whose words hold it. Without this, a fault fails the test.", r#"t.expect_fault("operations")"#)
        .register_fn("expect_fault", |context: NativeCallContext, t: &mut Handle| {
            fault(&context, t, "");
        })
        .register_fn("expect_fault", |context: NativeCallContext, t: &mut Handle, part: &str| {
            fault(&context, t, part);
        });
}

fn fault(context: &NativeCallContext, t: &Handle, part: &str) {
    t.expect_that(context, |inner| {
        inner.faults_expected = true;
        let scope = Arc::clone(&inner.scope);
        let own: Vec<&Faulted> =
            inner.bench.faults().iter().filter(|fault| scope.has(&fault.rule)).collect();
        if own.iter().any(|fault| fault.words.contains(part)) {
            return Ok(());
        }
        let message = match part {
            "" => "wanted a fault".to_owned(),
            part => format!("wanted a fault that holds `{}`", text::escape(part)),
        };
        let mut got: Vec<String> = own.iter().take(10).map(|fault| fault.text()).collect();
        if got.is_empty() {
            got.push("no faults".to_owned());
        }
        Err(Box::new(Failure { message, got, ..Failure::default() }))
    });
}
