//! What bodies remember and look up: tags, scores, past hits, and `state::`.

use super::body_api::{Answer, ask, duration, key, name, with_body};
use super::book::{Api, Place};
use super::context::value_error;
use super::host::StateValue;
use super::values::{cut, to_text};
use crate::decisions::Ask;
use crate::limits;
use rhai::{Dynamic, Module, NativeCallContext};
use std::time::Duration;

/// Registers tags, scores, past hits and state.
pub(super) fn register(api: &mut Api<'_>) {
    register_marks(api);
    register_past(api);
    register_state(api);
}

/// How long a tag stays when nothing is said.
const TAG_DEFAULT: Duration = Duration::from_hours(24);

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
    .register_fn(
        "tag",
        |context: NativeCallContext, whom: Dynamic, mark: &str, how_long: &str| {
            let (key, name) = (key(&context, &whom)?, name(&context, mark)?);
            let duration = duration(&context, how_long)?;
            ask(&context, Ask::Tag { key, name, duration })
        },
    );
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
        with_body(&context, |body| {
            Ok(i64::try_from(body.host.past_hits(&key, within)).unwrap_or(i64::MAX))
        })
    });
}

fn state_key(context: &NativeCallContext, value: &Dynamic) -> Answer<String> {
    let text = key(context, value)?;
    name(context, &text)
}

fn state_ttl(context: &NativeCallContext, ttl: &str) -> Answer<Duration> {
    let ttl = duration(context, ttl)?;
    if ttl.is_zero() || ttl.as_secs() > limits::STATE_TTL_SECS_MAX {
        return Err(value_error(
            context,
            "an entry of `state` stays longer than `0s` and at most `90d`",
        ));
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
    let text = to_text(value)
        .ok_or_else(|| value_error(context, "`state` keeps text, numbers, truths and addresses"))?;
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
    state.set_native_fn(
        "set",
        |context: NativeCallContext, whom: Dynamic, value: Dynamic, ttl: &str| {
            let (key, ttl) = (state_key(&context, &whom)?, state_ttl(&context, ttl)?);
            let value = state_value(&context, &value)?;
            with_body(&context, |body| {
                body.host.state_set(&key, value, ttl);
                Ok(())
            })
        },
    );
    state.set_native_fn(
        "add",
        |context: NativeCallContext, whom: Dynamic, amount: Dynamic, ttl: &str| {
            let (key, ttl) = (state_key(&context, &whom)?, state_ttl(&context, ttl)?);
            let amount = number(&amount).filter(|amount| amount.is_finite());
            let amount =
                amount.ok_or_else(|| value_error(&context, "`state::add` adds a number"))?;
            with_body(&context, |body| Ok(body.host.state_add(&key, amount, ttl)))
        },
    );
    api.doc(
        Place::State,
        "get",
        "state::get(key)",
        "The value of a key, or `()`.",
        r#"state::get("deploying") == true"#,
    );
    api.doc(Place::State, "set", "state::set(key, value, duration)", "Keep text, a number or a truth under a key, for a while of event time. All rules share the keys.", r#"state::set("deploying", true, "10m")"#);
    api.doc(
        Place::State,
        "add",
        "state::add(key, amount, duration)",
        "Add to a number under a key (from 0), and give the sum as a number with a fraction.",
        r#"if state::add(`seen:${hit.key}`, 1, "1d") >= 3.0 { block(hit.ip, "1d") }"#,
    )
    .register_static_module("state", state.into());
}
