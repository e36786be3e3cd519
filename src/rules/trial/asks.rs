//! Expectations of a test on what bodies asked for beside decisions: messages, webhooks, programs,
//! events, marks, scores, lifts.

use super::diff::{Item, Pattern, Want};
use super::handle::{Answer, Handle, List, Scope, Times};
use super::{Asked, TestBench, changes, decisions, hits, options};
use crate::clock::format_duration;
use crate::decisions::{Ask, Effect};
use crate::event::Value;
use crate::rules::book::{Api, Place};
use rhai::{Array, Dynamic, Map, NativeCallContext};
use std::sync::Arc;

/// What was asked for, without decisions, which are a list of their own.
pub(super) fn asks(bench: &dyn TestBench, scope: &Scope) -> List {
    let items = bench.asks().iter().filter_map(|Asked { rule, ask }| {
        Some((Arc::clone(rule), item(ask)?.with("rule", &**rule)))
    });
    List::of("asks", scope, items)
}

fn of(what: &'static str, name: &str) -> Item {
    Item::default().with("what", what).with("name", name)
}

fn item(ask: &Ask) -> Option<Item> {
    Some(match ask {
        Ask::Decide { .. } => return None,
        Ask::Lift { target } => {
            Item::default().with("what", "unblock").with("target", target.to_string())
        }
        Ask::Effect(Effect::Notify { channel, message }) => {
            of("notify", channel).with("says", message.as_str())
        }
        Ask::Effect(Effect::Webhook { name, fields }) => {
            fields.iter().fold(of("webhook", name), |item, (field, value)| {
                item.with(field.clone(), options::json_text(value))
            })
        }
        Ask::Effect(Effect::Exec { name, args }) => of("exec", name).with("says", args.join(" ")),
        Ask::Effect(Effect::Log { message }) => {
            Item::default().with("what", "log").with("says", message.as_str())
        }
        Ask::Effect(Effect::Cloudflare(ask)) => changes::item(ask),
        Ask::Emit { kind, fields } => {
            fields.iter().fold(of("emit", kind), |item, (field, value)| {
                item.with(field.clone(), field_text(value))
            })
        }
        Ask::Tag { key, name, duration } => {
            of("tag", name).with("key", key.as_str()).with("lasts", format_duration(*duration))
        }
        Ask::Score { key, points } => Item::default()
            .with("what", "score")
            .with("key", key.as_str())
            .with("points", points.to_string()),
    })
}

/// A field's value as text.
fn field_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Ip(address) => address.to_string(),
        // Spans point into records; what a body emits has none.
        Value::Span { .. } => String::new(),
    }
}

fn wanted(what: &'static str, name: &str) -> Pattern {
    Pattern::default().is("what", what).is("name", name)
}

/// Things that are asked for by a name, and what they are called in a failure.
const NAMED: &[(&str, &str)] = &[
    ("notify", "a message to"),
    ("webhook", "the webhook"),
    ("exec", "the program"),
    ("emit", "an event of kind"),
];

pub(super) fn register(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "expect_notify",
        "t.expect_notify(channel[, part])",
        "A message to the channel was asked for; with a part: one that holds it.",
        r#"t.expect_notify("ops", "passwords")"#,
    );
    api.doc(
        Place::Test,
        "expect_webhook",
        "t.expect_webhook(name[, #{ field: value }])",
        "The webhook was asked for; with fields: with these among its own.",
        r#"t.expect_webhook("siem", #{ severity: "high" })"#,
    );
    api.doc(
        Place::Test,
        "expect_exec",
        "t.expect_exec(name[, [arguments]])",
        "The program was asked for; with a list: with just these arguments.",
        r#"t.expect_exec("snapshot", ["203.0.113.9"])"#,
    );
    api.doc(
        Place::Test,
        "expect_emit",
        "t.expect_emit(kind[, #{ field: value }])",
        "An event of the kind was emitted; with fields: with these among its own.",
        r#"t.expect_emit("shop.suspect", #{ ip: "203.0.113.9" })"#,
    );
    api.doc(
        Place::Test,
        "expect_no_notify",
        "t.expect_no_notify(channel)",
        "No message to the channel was asked for.",
        r#"t.expect_no_notify("ops")"#,
    );
    for (what, words) in NAMED {
        let positive = format!("expect_{what}");
        api.engine
            .register_fn(
                positive.as_str(),
                move |context: NativeCallContext, t: &mut Handle, name: &str| {
                    let said = format!("{words} `{name}`");
                    t.expect(&context, asks, &wanted(what, name), Times::Some, &said);
                },
            )
            .register_fn(
                positive.as_str(),
                move |context: NativeCallContext, t: &mut Handle, name: &str, rest: Dynamic| {
                    let (pattern, said) = content(wanted(what, name), &rest);
                    let said = format!("{words} `{name}`{said}");
                    t.expect(&context, asks, &pattern, Times::Some, &said);
                },
            );
    }
    api.engine.register_fn(
        "expect_no_notify",
        |context: NativeCallContext, t: &mut Handle, name: &str| {
            let said = format!("no message to `{name}`");
            t.expect(&context, asks, &wanted("notify", name), Times::None, &said);
        },
    );
    register_logs_and_lifts(api);
    register_marks(api);
}

/// What it should say: a part of a text, a list of arguments, or fields.
fn content(pattern: Pattern, rest: &Dynamic) -> (Pattern, String) {
    if let Some(map) = rest.read_lock::<Map>() {
        return (options::fields(pattern, &map), " with these fields".to_owned());
    }
    if let Some(list) = rest.read_lock::<Array>() {
        let list: Vec<String> = list.iter().map(options::value).map(|want| want.text()).collect();
        return (pattern.is("says", list.join(" ")), " with these arguments".to_owned());
    }
    let part = options::value(rest).text();
    let said = format!(" that holds `{part}`");
    (pattern.with("says", Want::Holds(part)), said)
}

fn register_logs_and_lifts(api: &mut Api<'_>) {
    let logged = |part: &str| {
        Pattern::default().is("what", "log").with("says", Want::Holds(part.to_owned()))
    };
    api.doc(
        Place::Test,
        "expect_log",
        "t.expect_log(part)",
        "A line that holds this was written with `log`.",
        r#"t.expect_log("tried")"#,
    )
    .register_fn(
        "expect_log",
        move |context: NativeCallContext, t: &mut Handle, part: &str| {
            let said = format!("a logged line that holds `{part}`");
            t.expect(&context, asks, &logged(part), Times::Some, &said);
        },
    );
    api.doc(
        Place::Test,
        "expect_no_log",
        "t.expect_no_log(part)",
        "No line that holds this was written with `log`.",
        r#"t.expect_no_log("password=")"#,
    )
    .register_fn(
        "expect_no_log",
        move |context: NativeCallContext, t: &mut Handle, part: &str| {
            let said = format!("no logged line that holds `{part}`");
            t.expect(&context, asks, &logged(part), Times::None, &said);
        },
    );
    api.doc(
        Place::Test,
        "expect_unblock",
        "t.expect_unblock(target)",
        "A rule asked to lift what is in force for the target.",
        r#"t.expect_unblock("203.0.113.9")"#,
    )
    .register_fn(
        "expect_unblock",
        |context: NativeCallContext, t: &mut Handle, whom: Dynamic| -> Answer<()> {
            let target = decisions::target(&context, &whom)?;
            let said = format!("a lift for `{target}`");
            let pattern =
                Pattern::default().is("what", "unblock").with("target", Want::Covers(target));
            t.expect(&context, asks, &pattern, Times::Some, &said);
            Ok(())
        },
    );
}

fn register_marks(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "expect_tag",
        "t.expect_tag(key, name)",
        "The key was marked with `tag`.",
        r#"t.expect_tag("203.0.113.9", "scanner")"#,
    )
    .register_fn(
        "expect_tag",
        |context: NativeCallContext, t: &mut Handle, key: Dynamic, name: &str| -> Answer<()> {
            let pattern = wanted("tag", name).with("key", hits::key(&context, &key)?);
            t.expect(
                &context,
                asks,
                &pattern,
                Times::Some,
                &format!("the tag `{name}` of `{key}`"),
            );
            Ok(())
        },
    );
    api.doc(
        Place::Test,
        "expect_score",
        "t.expect_score(key, points)",
        "So many points were added to the key's score, in one call.",
        r#"t.expect_score("203.0.113.9", 5)"#,
    )
    .register_fn(
        "expect_score",
        |context: NativeCallContext, t: &mut Handle, key: Dynamic, points: Dynamic| -> Answer<()> {
            let pattern = Pattern::default()
                .is("what", "score")
                .with("key", hits::key(&context, &key)?)
                .with("points", options::value(&points));
            t.expect(
                &context,
                asks,
                &pattern,
                Times::Some,
                &format!("a score of {points} for `{key}`"),
            );
            Ok(())
        },
    );
}
