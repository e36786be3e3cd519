//! What bodies may ask for: each call adds an [`Ask`] to the run and returns at once with an id.
//! Nothing here reaches outside; the guard judges what was asked.

use super::book::{Api, Place};
use super::context::{BodyRunState, Run, limit_error, lock, value_error};
use super::hit::ScriptHit;
use super::host::StateValue;
use super::values::{
    Address, Escalation, cut, to_duration_ask, to_field, to_json, to_text,
};
use crate::clock::parse_duration;
use crate::decisions::{Ask, DurationAsk, Effect, Remedy, Target};
use crate::event::net;
use crate::limits;
use ipnet::IpNet;
use rhai::{Array, Dynamic, EvalAltResult, Map, Module, NativeCallContext};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// How long a tag stays when nothing is said.
const TAG_DEFAULT: Duration = Duration::from_secs(24 * 3_600);

/// Registers the body API.
pub(super) fn register(api: &mut Api<'_>) {
    register_decisions(api);
    register_lift(api);
    register_effects(api);
    register_marks(api);
    register_past(api);
    register_state(api);
}

/// Runs `make` with the body's run; elsewhere the call is an error.
fn with_body<T>(
    context: &NativeCallContext,
    make: impl FnOnce(&BodyRunState) -> Answer<T>,
) -> Answer<T> {
    let run = Run::of(context);
    match run.as_ref().and_then(|run| run.body.as_ref()) {
        Some(body) => make(body),
        None => Err(value_error(context, format!("`{}` can be called in bodies only", context.fn_name()))),
    }
}

/// Adds an ask, and gives its id.
fn ask(context: &NativeCallContext, ask: Ask) -> Answer<String> {
    with_body(context, |body| {
        let mut asks = lock(&body.asks);
        if asks.len() >= limits::BODY_ASKS_MAX {
            return Err(limit_error(
                context,
                format!("it asks for more than `{}` actions", limits::BODY_ASKS_MAX),
            ));
        }
        asks.push(ask);
        Ok(format!("{}-{}", body.id, asks.len()))
    })
}

/// Whom a value means: an address, a hit, or text. One IPv6 address stands for its /64.
fn target(context: &NativeCallContext, value: &Dynamic) -> Answer<Target> {
    if let Some(address) = value.read_lock::<Address>() {
        return Ok(Target::client(address.0));
    }
    if let Some(hit) = value.read_lock::<ScriptHit>()
        && let Some(address) = hit.0.ip
    {
        return Ok(Target::client(address));
    }
    let Ok(text) = value.as_immutable_string_ref() else {
        return Err(value_error(
            context,
            format!("a target is an address or text, not `{}`", context.engine().map_type_name(value.type_name())),
        ));
    };
    let target = net::parse_ip(text.trim().as_bytes()).map(Target::client).or_else(|| Target::parse(&text));
    target.ok_or_else(|| {
        let shown = cut(&text, limits::SCRIPT_NAME_BYTES_MAX);
        value_error(context, format!("`{shown}` is no target: it is neither an address, a prefix, `AS64500`, `country:NL`, `user:NAME` nor `host:NAME`"))
    })
}

/// The key that a value means, as text: as hits write it.
fn key(context: &NativeCallContext, value: &Dynamic) -> Answer<String> {
    if let Some(address) = value.read_lock::<Address>() {
        let network: IpNet = net::client_net(address.0);
        return Ok(net::display_net(&network));
    }
    if let Some(hit) = value.read_lock::<ScriptHit>() {
        return Ok(hit.0.key.to_string());
    }
    let text = to_text(value).ok_or_else(|| {
        value_error(context, format!("a key is an address or text, not `{}`", context.engine().map_type_name(value.type_name())))
    })?;
    // An address as text means the same client as the address itself.
    let text = net::parse_ip(text.as_bytes()).map_or(text, |address| net::display_net(&net::client_net(address)));
    Ok(cut(&text, limits::SCRIPT_NAME_BYTES_MAX).into_owned())
}

fn duration(context: &NativeCallContext, text: &str) -> Answer<Duration> {
    parse_duration(text).map_err(|error| value_error(context, error.to_string()))
}

fn message(text: &Dynamic) -> String {
    let text = to_text(text).unwrap_or_else(|| text.to_string());
    cut(&text, limits::MESSAGE_BYTES_MAX).into_owned()
}

fn decide(
    context: &NativeCallContext,
    remedy: Remedy,
    whom: &Dynamic,
    how_long: &Dynamic,
    options: &Map,
) -> Answer<String> {
    let target = target(context, whom)?;
    let duration = to_duration_ask(how_long).map_err(|text| value_error(context, text))?;
    let mut reason = None;
    let mut via = None;
    for (name, value) in options {
        match name.as_str() {
            "reason" => reason = Some(message(value)),
            "via" => via = to_text(value).map(|name| Arc::from(&*cut(&name, limits::SCRIPT_NAME_BYTES_MAX))),
            other => {
                return Err(value_error(context, format!("`{}` has no option `{other}`: there are `reason` and `via`", remedy.name())));
            }
        }
    }
    ask(context, Ask::Decide { target, remedy, duration, reason, via })
}

fn register_decisions(api: &mut Api<'_>) {
    let remedies = [
        (Remedy::Block, "block(target, duration[, #{reason, via}])", "Refuse a target for a while: an address, a prefix, `AS64500`, `country:NL`, `user:NAME`, `host:NAME`, `hit` or `hit.ip`. A single IPv6 address stands for its /64. The duration is text, `\"forever\"`, or `escalate(…)`.", r#"block(hit.ip, "1h", #{ reason: "guessed passwords" })"#),
        (Remedy::Challenge, "challenge(target, duration[, #{reason, via}])", "Make a target's browser prove itself, where an enforcer can.", r#"challenge(hit.ip, "30m")"#),
        (Remedy::Captcha, "captcha(target, duration[, #{reason, via}])", "Ask a person to prove themselves, where an enforcer can.", r#"captcha(hit.ip, "30m")"#),
        (Remedy::Throttle, "throttle(target, duration[, #{reason, via}])", "Slow a target down, where an enforcer can.", r#"throttle(hit.ip, "10m")"#),
        (Remedy::Allow, "allow(target, duration[, #{reason, via}])", "Let a target through for a while, whatever other rules say.", r#"allow(hit.ip, "1d")"#),
    ];
    for (remedy, signature, doc, example) in remedies {
        api.doc(Place::Body, remedy.name(), signature, doc, example)
            .register_fn(remedy.name(), move |context: NativeCallContext, whom: Dynamic, how_long: Dynamic| {
                decide(&context, remedy, &whom, &how_long, &Map::new())
            })
            .register_fn(
                remedy.name(),
                move |context: NativeCallContext, whom: Dynamic, how_long: Dynamic, options: Map| {
                    decide(&context, remedy, &whom, &how_long, &options)
                },
            );
    }
    api.doc(
        Place::Body,
        "escalate",
        "escalate(base, max)",
        "A duration that grows with a target's past offences: `base` for the first, twice as long for each further one, at most `max`.",
        r#"block(hit.ip, escalate("1h", "30d"))"#,
    )
    .register_fn("escalate", |context: NativeCallContext, base: &str, max: &str| -> Answer<Escalation> {
        let (base, max) = (duration(&context, base)?, duration(&context, max)?);
        if base.is_zero() || base > max {
            return Err(value_error(&context, "`escalate` takes a base above zero and a maximum that is not below it"));
        }
        Ok(Escalation(DurationAsk::Escalate { base, max }))
    });
}

fn register_lift(api: &mut Api<'_>) {
    api.doc(
        Place::Body,
        "unblock",
        "unblock(target)",
        "End what is in force for a target.",
        "unblock(hit.ip)",
    )
    .register_fn("unblock", |context: NativeCallContext, whom: Dynamic| {
        let target = target(&context, &whom)?;
        ask(&context, Ask::Lift { target })
    });
}

fn register_effects(api: &mut Api<'_>) {
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
        r#"log(`${hit.key}: ${hit.count} in a row`)"#,
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
        Json::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (key, cut_json(value))).collect()),
        other => other,
    }
}

fn run_program(context: &NativeCallContext, program: &str, args: &Array) -> Answer<String> {
    let program = name(context, program)?;
    let args = args
        .iter()
        .map(|value| to_text(value).map(|text| cut(&text, limits::MESSAGE_BYTES_MAX).into_owned()).ok_or_else(|| value_error(context, "the arguments of a program are text, numbers or addresses")))
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
            value_error(context, format!("the field `{field}` of an event is text, a number, a truth or an address"))
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

/// A name that a body chose: not empty, not too long.
fn name(context: &NativeCallContext, text: &str) -> Answer<String> {
    if text.is_empty() || text.len() > limits::SCRIPT_NAME_BYTES_MAX {
        return Err(value_error(
            context,
            format!("a name in `{}` has between 1 and {} bytes", context.fn_name(), limits::SCRIPT_NAME_BYTES_MAX),
        ));
    }
    Ok(text.to_owned())
}

fn register_marks(api: &mut Api<'_>) {
    api.doc(
        Place::Body,
        "tag",
        "tag(key, name[, duration])",
        "Mark a key for people and for later rules, for a day unless said otherwise.",
        r#"tag(hit.key, "scanner", "7d")"#,
    )
    .register_fn("tag", |context: NativeCallContext, whom: Dynamic, mark: &str| {
        let (key, name) = (key(&context, &whom)?, name(&context, mark)?);
        ask(&context, Ask::Tag { key, name, duration: TAG_DEFAULT })
    })
    .register_fn("tag", |context: NativeCallContext, whom: Dynamic, mark: &str, how_long: &str| {
        let (key, name) = (key(&context, &whom)?, name(&context, mark)?);
        let duration = duration(&context, how_long)?;
        ask(&context, Ask::Tag { key, name, duration })
    });
    api.doc(
        Place::Body,
        "score",
        "score(key, points)",
        "Add to a key's score; points may be negative.",
        "score(hit.key, 5)",
    )
    .register_fn("score", |context: NativeCallContext, whom: Dynamic, points: Dynamic| {
        let key = key(&context, &whom)?;
        // Points are small numbers; a float holds them exactly.
        let points = number(&points).filter(|points| points.is_finite());
        let points = points.ok_or_else(|| value_error(&context, "points are a number"))?;
        ask(&context, Ask::Score { key, points })
    });
}

/// A number of either kind as a float.
pub(super) fn number(value: &Dynamic) -> Option<f64> {
    if let Ok(number) = value.as_float() {
        return Some(number);
    }
    // Counts and amounts: exact up to 2^53.
    value.as_int().ok().map(|number| number as f64)
}

fn register_past(api: &mut Api<'_>) {
    api.doc(
        Place::Body,
        "past_hits",
        "past_hits(key, duration)",
        "How many hits a key had within that time before now, in all rules.",
        r#"if past_hits(hit.key, "30d") > 3 { block(hit.ip, "7d") }"#,
    )
    .register_fn("past_hits", |context: NativeCallContext, whom: Dynamic, within: &str| {
        let (key, within) = (key(&context, &whom)?, duration(&context, within)?);
        with_body(&context, |body| Ok(i64::try_from(body.host.past_hits(&key, within)).unwrap_or(i64::MAX)))
    });
}

fn state_key(context: &NativeCallContext, value: &Dynamic) -> Answer<String> {
    let text = key(context, value)?;
    name(context, &text)
}

fn state_ttl(context: &NativeCallContext, ttl: &str) -> Answer<Duration> {
    let ttl = duration(context, ttl)?;
    if ttl.is_zero() || ttl.as_secs() > limits::STATE_TTL_SECS_MAX {
        return Err(value_error(context, "an entry of `state` stays longer than `0s` and at most `90d`"));
    }
    Ok(ttl)
}

fn state_value(context: &NativeCallContext, value: &Dynamic) -> Answer<StateValue> {
    if let Ok(number) = value.as_int() {
        return Ok(StateValue::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return Ok(StateValue::Float(number));
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(StateValue::Bool(flag));
    }
    let text = to_text(value).ok_or_else(|| value_error(context, "`state` keeps text, numbers, truths and addresses"))?;
    Ok(StateValue::Text(cut(&text, limits::STATE_TEXT_BYTES_MAX - '…'.len_utf8()).into_owned()))
}

fn register_state(api: &mut Api<'_>) {
    let mut state = Module::new();
    state.set_native_fn("get", |context: NativeCallContext, whom: Dynamic| {
        let key = state_key(&context, &whom)?;
        with_body(&context, |body| {
            Ok(match body.host.state_get(&key) {
                None => Dynamic::UNIT,
                Some(StateValue::Int(number)) => number.into(),
                Some(StateValue::Float(number)) => number.into(),
                Some(StateValue::Bool(flag)) => flag.into(),
                Some(StateValue::Text(text)) => text.into(),
            })
        })
    });
    state.set_native_fn("set", |context: NativeCallContext, whom: Dynamic, value: Dynamic, ttl: &str| {
        let (key, ttl) = (state_key(&context, &whom)?, state_ttl(&context, ttl)?);
        let value = state_value(&context, &value)?;
        with_body(&context, |body| {
            body.host.state_set(&key, value, ttl);
            Ok(())
        })
    });
    state.set_native_fn("add", |context: NativeCallContext, whom: Dynamic, amount: Dynamic, ttl: &str| {
        let (key, ttl) = (state_key(&context, &whom)?, state_ttl(&context, ttl)?);
        let amount = number(&amount).filter(|amount| amount.is_finite());
        let amount = amount.ok_or_else(|| value_error(&context, "`state::add` adds a number"))?;
        with_body(&context, |body| Ok(body.host.state_add(&key, amount, ttl)))
    });
    api.doc(Place::State, "get", "state::get(key)", "The value of a key, or `()`.", r#"state::get("deploying") == true"#);
    api.doc(Place::State, "set", "state::set(key, value, duration)", "Keep text, a number or a truth under a key, for a while of event time. All rules share the keys.", r#"state::set("deploying", true, "10m")"#);
    api.doc(Place::State, "add", "state::add(key, amount, duration)", "Add to a number under a key (from 0), and give the sum as a number with a fraction.", r#"if state::add(`seen:${hit.key}`, 1, "1d") >= 3.0 { block(hit.ip, "1d") }"#)
        .register_static_module("state", state.into());
}
