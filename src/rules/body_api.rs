//! What bodies may ask for: each call adds an [`Ask`] to the run and returns at once with an id.
//! Nothing here reaches outside; the guard judges what was asked.

use super::book::{Api, Place};
use super::context::{BodyRunState, Run, limit_error, lock, value_error};
use super::hit::ScriptHit;
use super::values::{Address, Escalation, cut, to_duration_ask, to_text};
use super::{body_cloudflare, body_effects, body_marks};
use crate::clock::parse_duration;
use crate::decisions::{Ask, DurationAsk, Remedy, Target};
use crate::event::net;
use crate::limits;
use ipnet::IpNet;
use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext};
use std::sync::Arc;
use std::time::Duration;

/// What a native call gives.
pub(super) type Answer<T> = Result<T, Box<EvalAltResult>>;

/// Registers the body API.
pub(super) fn register(api: &mut Api<'_>) {
    register_decisions(api);
    register_lift(api);
    body_effects::register_effects(api);
    body_marks::register(api);
    body_cloudflare::register(api);
}

/// Runs `make` with the body's run; elsewhere the call is an error.
pub(super) fn with_body<T>(
    context: &NativeCallContext,
    make: impl FnOnce(&BodyRunState) -> Answer<T>,
) -> Answer<T> {
    let run = Run::of(context);
    match run.as_ref().and_then(|run| run.body.as_ref()) {
        Some(body) => make(body),
        None => Err(value_error(
            context,
            format!("`{}` can be called in bodies only", context.fn_name()),
        )),
    }
}

/// Adds an ask, and gives its id.
pub(super) fn ask(context: &NativeCallContext, ask: Ask) -> Answer<String> {
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
            format!(
                "a target is an address or text, not `{}`",
                context.engine().map_type_name(value.type_name())
            ),
        ));
    };
    let target =
        net::parse_ip(text.trim().as_bytes()).map(Target::client).or_else(|| Target::parse(&text));
    target.ok_or_else(|| {
        let shown = cut(&text, limits::SCRIPT_NAME_BYTES_MAX);
        value_error(context, format!("`{shown}` is no target: it is neither an address, a prefix, `AS64500`, `country:NL`, `user:NAME` nor `host:NAME`"))
    })
}

/// The key that a value means, as text: as hits write it.
pub(super) fn key(context: &NativeCallContext, value: &Dynamic) -> Answer<String> {
    if let Some(address) = value.read_lock::<Address>() {
        let network: IpNet = net::client_net(address.0);
        return Ok(net::display_net(&network));
    }
    if let Some(hit) = value.read_lock::<ScriptHit>() {
        return Ok(hit.0.key.to_string());
    }
    let text = to_text(value).ok_or_else(|| {
        value_error(
            context,
            format!(
                "a key is an address or text, not `{}`",
                context.engine().map_type_name(value.type_name())
            ),
        )
    })?;
    // An address as text means the same client as the address itself.
    let text = net::parse_ip(text.as_bytes())
        .map_or(text, |address| net::display_net(&net::client_net(address)));
    Ok(cut(&text, limits::SCRIPT_NAME_BYTES_MAX).into_owned())
}

pub(super) fn duration(context: &NativeCallContext, text: &str) -> Answer<Duration> {
    parse_duration(text).map_err(|error| value_error(context, error.to_string()))
}

pub(super) fn message(text: &Dynamic) -> String {
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
            "via" => {
                via = to_text(value)
                    .map(|name| Arc::from(&*cut(&name, limits::SCRIPT_NAME_BYTES_MAX)));
            }
            other => {
                return Err(value_error(
                    context,
                    format!(
                        "`{}` has no option `{other}`: there are `reason` and `via`",
                        remedy.name()
                    ),
                ));
            }
        }
    }
    ask(context, Ask::Decide { target, remedy, duration, reason, via })
}

fn register_decisions(api: &mut Api<'_>) {
    let remedies = [
        (
            Remedy::Block,
            "block(target, duration[, #{reason, via}])",
            "Refuse a target for a while: an address, a prefix, `AS64500`, `country:NL`, `user:NAME`, `host:NAME`, `hit` or `hit.ip`. A single IPv6 address stands for its /64. The duration is text, `\"forever\"`, or `escalate(…)`.",
            r#"block(hit.ip, "1h", #{ reason: "guessed passwords" })"#,
        ),
        (
            Remedy::Challenge,
            "challenge(target, duration[, #{reason, via}])",
            "Make a target's browser prove itself, where an enforcer can.",
            r#"challenge(hit.ip, "30m")"#,
        ),
        (
            Remedy::Captcha,
            "captcha(target, duration[, #{reason, via}])",
            "Ask a person to prove themselves, where an enforcer can.",
            r#"captcha(hit.ip, "30m")"#,
        ),
        (
            Remedy::Throttle,
            "throttle(target, duration[, #{reason, via}])",
            "Slow a target down, where an enforcer can.",
            r#"throttle(hit.ip, "10m")"#,
        ),
        (
            Remedy::Allow,
            "allow(target, duration[, #{reason, via}])",
            "Let a target through for a while, whatever other rules say.",
            r#"allow(hit.ip, "1d")"#,
        ),
    ];
    for (remedy, signature, doc, example) in remedies {
        api.doc(Place::Body, remedy.name(), signature, doc, example)
            .register_fn(
                remedy.name(),
                move |context: NativeCallContext, whom: Dynamic, how_long: Dynamic| {
                    decide(&context, remedy, &whom, &how_long, &Map::new())
                },
            )
            .register_fn(
                remedy.name(),
                move |context: NativeCallContext,
                      whom: Dynamic,
                      how_long: Dynamic,
                      options: Map| {
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

/// A name that a body chose: not empty, not too long.
pub(super) fn name(context: &NativeCallContext, text: &str) -> Answer<String> {
    if text.is_empty() || text.len() > limits::SCRIPT_NAME_BYTES_MAX {
        return Err(value_error(
            context,
            format!(
                "a name in `{}` has between 1 and {} bytes",
                context.fn_name(),
                limits::SCRIPT_NAME_BYTES_MAX
            ),
        ));
    }
    Ok(text.to_owned())
}
