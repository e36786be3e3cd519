//! Effects that bodies ask for: messages, webhooks, programs, log lines, events of their own.

use super::body_api::{Answer, ask, message, name};
use super::book::{Api, Place};
use super::context::{limit_error, value_error};
use super::values::{cut, to_field, to_json, to_text};
use crate::decisions::{Ask, Effect};
use crate::limits;
use rhai::{Array, Dynamic, Map, NativeCallContext};
use std::collections::BTreeMap;

/// Registers the effects.
pub(super) fn register_effects(api: &mut Api<'_>) {
    api.doc(
        Place::Body,
        "notify",
        "notify(channel, message)",
        "Tell people, by a channel of the config. A long message is cut with a mark.",
        r#"notify("ops", `${hit.ip} tried ${hit.count} passwords`)"#,
    )
    .register_fn("notify", |context: NativeCallContext, channel: &str, text: Dynamic| {
        let channel = name(&context, channel)?;
        ask(&context, Ask::Effect(Effect::Notify { channel, message: message(&text) }))
    });
    api.doc(
        Place::Body,
        "webhook",
        "webhook(name[, fields])",
        "Send a webhook of the config; rule, key and time are sent beside the fields.",
        r#"webhook("siem", #{ severity: "high", count: hit.count })"#,
    )
    .register_fn("webhook", |context: NativeCallContext, webhook: &str| {
        send_webhook(&context, webhook, &Map::new())
    })
    .register_fn("webhook", |context: NativeCallContext, webhook: &str, fields: Map| {
        send_webhook(&context, webhook, &fields)
    });
    api.doc(
        Place::Body,
        "exec",
        "exec(name[, args])",
        "Run a program of the config; the values fill the placeholders of its argv, and can't become options.",
        r#"exec("snapshot", [hit.key])"#,
    )
    .register_fn("exec", |context: NativeCallContext, program: &str| {
        run_program(&context, program, &Array::new())
    })
    .register_fn("exec", |context: NativeCallContext, program: &str, args: Array| {
        run_program(&context, program, &args)
    });
    api.doc(
        Place::Body,
        "log",
        "log(message)",
        "Write a line to riposte's own log. A long message is cut with a mark.",
        r"log(`${hit.key}: ${hit.count} in a row`)",
    )
    .register_fn("log", |context: NativeCallContext, text: &str| {
        ask(&context, Ask::Effect(Effect::Log { message: message(&text.into()) }))
    })
    .register_fn("log", |context: NativeCallContext, value: Dynamic| {
        ask(&context, Ask::Effect(Effect::Log { message: message(&value) }))
    });
    api.doc(
        Place::Body,
        "emit",
        "emit(kind, fields)",
        "Make an event that other rules see, at the time of the hit.",
        r#"emit("shop.suspect", #{ ip: hit.ip, reason: "scanner" })"#,
    )
    .register_fn("emit", |context: NativeCallContext, kind: &str, fields: Map| {
        emit(&context, kind, &fields)
    });
}

fn send_webhook(context: &NativeCallContext, webhook: &str, fields: &Map) -> Answer<String> {
    let webhook = name(context, webhook)?;
    let fields: BTreeMap<String, serde_json::Value> =
        fields.iter().map(|(key, value)| (key.to_string(), cut_json(to_json(value)))).collect();
    let bytes: usize = fields.iter().map(|(key, value)| key.len() + value.to_string().len()).sum();
    check_size(context, fields.len(), bytes)?;
    ask(context, Ask::Effect(Effect::Webhook { name: webhook, fields }))
}

/// Cuts the texts in a value.
fn cut_json(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => Json::String(cut(&text, limits::MESSAGE_BYTES_MAX).into_owned()),
        Json::Array(items) => items.into_iter().map(cut_json).collect(),
        Json::Object(entries) => {
            Json::Object(entries.into_iter().map(|(key, value)| (key, cut_json(value))).collect())
        }
        other => other,
    }
}

fn run_program(context: &NativeCallContext, program: &str, args: &Array) -> Answer<String> {
    let program = name(context, program)?;
    let args = args
        .iter()
        .map(|value| {
            to_text(value)
                .map(|text| cut(&text, limits::MESSAGE_BYTES_MAX).into_owned())
                .ok_or_else(|| {
                    value_error(
                        context,
                        "the arguments of a program are text, numbers or addresses",
                    )
                })
        })
        .collect::<Answer<Vec<String>>>()?;
    check_size(context, args.len(), args.iter().map(String::len).sum())?;
    ask(context, Ask::Effect(Effect::Exec { name: program, args }))
}

fn emit(context: &NativeCallContext, kind: &str, fields: &Map) -> Answer<String> {
    let kind = name(context, kind)?;
    let mut set = Vec::with_capacity(fields.len());
    let mut bytes = 0;
    for (field, value) in fields {
        if value.is_unit() {
            continue;
        }
        let mut value = to_field(value).ok_or_else(|| {
            value_error(
                context,
                format!("the field `{field}` of an event is text, a number, a truth or an address"),
            )
        })?;
        bytes += field.len();
        if let crate::event::Value::Text(text) = &value {
            let text = cut(text, limits::MESSAGE_BYTES_MAX);
            bytes += text.len();
            value = crate::event::Value::text(text);
        }
        set.push((field.to_string(), value));
    }
    check_size(context, set.len(), bytes)?;
    ask(context, Ask::Emit { kind, fields: set })
}

fn check_size(context: &NativeCallContext, fields: usize, bytes: usize) -> Answer<()> {
    if fields > limits::EMIT_FIELDS_MAX || bytes > limits::EMIT_BYTES_MAX {
        return Err(limit_error(
            context,
            format!(
                "`{}` takes at most `{}` values of `{}` bytes together",
                context.fn_name(),
                limits::EMIT_FIELDS_MAX,
                limits::EMIT_BYTES_MAX
            ),
        ));
    }
    Ok(())
}
