//! The values that scripts handle: addresses, moments and durations as types of their own, and the
//! way between Rhai's values, events' fields and JSON.

use super::book::{Api, Place};
use crate::clock::{Timestamp, parse_duration};
use crate::decisions::DurationAsk;
use crate::event::{Value, ValueRef, net};
use crate::limits;
use rhai::{Dynamic, EvalAltResult, ImmutableString};
use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

/// An address in a script; compares with strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(pub IpAddr);

/// A point in event time in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) struct Moment(pub Timestamp);

/// Properties of a time, for the reference and for editors.
pub(super) const TIME_PROPERTIES: &[(&str, &str)] = &[
    ("unix", "Seconds since 1970-01-01T00:00:00Z, a whole number."),
    ("hour", "The hour in UTC, 0 to 23."),
    ("minute", "The minute, 0 to 59."),
    ("day", "The day of the month, 1 to 31."),
    ("month", "The month, 1 to 12."),
    ("year", "The year, as in 2026."),
    ("weekday", "The day of the week, 1 (Monday) to 7."),
];

/// What `escalate` gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escalation(pub DurationAsk);

impl Address {
    pub(super) fn matches_text(self, text: &str) -> bool {
        net::parse_ip(text.as_bytes()) == Some(self.0)
    }

    fn within(self, text: &str) -> Result<bool, Box<EvalAltResult>> {
        let network =
            net::parse_net(text).ok_or_else(|| format!("`{text}` is no address or prefix"))?;
        Ok(network.contains(&self.0))
    }
}

/// The text of a value, cut for scripts with a mark; borrowed where nothing is to be cut.
pub(super) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max);
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

/// A field's value as a script sees it.
pub(super) fn field_value(value: ValueRef<'_>) -> Dynamic {
    match value {
        ValueRef::Bytes(bytes) => {
            // Cut first: replacing invalid bytes makes text longer, so it is cut again after.
            let head = bytes.get(..limits::SCRIPT_STRING_BYTES_MAX + 4).unwrap_or(bytes);
            let text = String::from_utf8_lossy(head);
            ImmutableString::from(&*cut(&text, limits::SCRIPT_STRING_BYTES_MAX)).into()
        }
        ValueRef::Int(number) => number.into(),
        ValueRef::Float(number) => number.into(),
        ValueRef::Bool(flag) => flag.into(),
        ValueRef::Ip(address) => Dynamic::from(Address(address)),
    }
}

/// A script's value as a field; `None` for what no field can hold.
pub(super) fn to_field(value: &Dynamic) -> Option<Value> {
    if let Some(address) = value.read_lock::<Address>() {
        return Some(Value::ip(address.0));
    }
    if let Ok(number) = value.as_int() {
        return Some(Value::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return Some(Value::Float(number));
    }
    if let Ok(flag) = value.as_bool() {
        return Some(Value::Bool(flag));
    }
    to_text(value).map(Value::text)
}

/// A simple value as text; `None` for arrays, maps, functions and `()`.
pub(super) fn to_text(value: &Dynamic) -> Option<String> {
    if value.is_unit() || value.is_array() || value.is_map() || value.is_fnptr() || value.is_blob()
    {
        return None;
    }
    if let Some(address) = value.read_lock::<Address>() {
        return Some(address.0.to_string());
    }
    if let Some(moment) = value.read_lock::<Moment>() {
        return Some(moment.0.to_string());
    }
    if value.is_string() || value.is_char() || value.is_int() || value.is_float() || value.is_bool()
    {
        return Some(value.to_string());
    }
    None
}

/// A script's value as JSON; what JSON can't hold becomes `null`.
pub(super) fn to_json(value: &Dynamic) -> serde_json::Value {
    if let Some(array) = value.read_lock::<rhai::Array>() {
        return array.iter().map(to_json).collect();
    }
    if let Some(map) = value.read_lock::<rhai::Map>() {
        let entries = map.iter().map(|(key, value)| (key.to_string(), to_json(value)));
        return serde_json::Value::Object(entries.collect());
    }
    if let Ok(number) = value.as_int() {
        return number.into();
    }
    if let Ok(number) = value.as_float() {
        return number.into();
    }
    if let Ok(flag) = value.as_bool() {
        return flag.into();
    }
    to_text(value).map_or(serde_json::Value::Null, Into::into)
}

/// A value of the config as a script sees it.
pub(super) fn from_json(value: &serde_json::Value) -> Dynamic {
    use serde_json::Value as Json;
    match value {
        Json::Null => Dynamic::UNIT,
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| number.as_f64().unwrap_or(f64::NAN).into(), Dynamic::from),
        Json::String(text) => text.clone().into(),
        Json::Array(items) => items.iter().map(from_json).collect::<rhai::Array>().into(),
        Json::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.as_str().into(), from_json(value)))
            .collect::<rhai::Map>()
            .into(),
    }
}

/// A duration from a script: text (`"5m"`).
pub(super) fn to_duration(value: &Dynamic) -> Result<Duration, String> {
    match value.as_immutable_string_ref() {
        Ok(text) => parse_duration(&text).map_err(|error| error.to_string()),
        Err(kind) => Err(format!("a duration is text such as `\"5m\"`, not `{kind}`")),
    }
}

/// How long a decision is to stand: text, `"forever"`, or what `escalate` gave.
pub(super) fn to_duration_ask(value: &Dynamic) -> Result<DurationAsk, String> {
    if let Some(escalation) = value.read_lock::<Escalation>() {
        return Ok(escalation.0);
    }
    if value.as_immutable_string_ref().is_ok_and(|text| text.as_str() == "forever") {
        return Ok(DurationAsk::Forever);
    }
    let duration = to_duration(value)?;
    if duration.is_zero() {
        return Err("a decision can't stand for no time".to_owned());
    }
    Ok(DurationAsk::Fixed(duration))
}

/// Registers addresses and moments with their operators.
pub(super) fn register(api: &mut Api<'_>) {
    register_address(api);
    register_moment(api);
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
fn register_address(api: &mut Api<'_>) {
    let engine = &mut *api.engine;
    engine
        .register_type_with_name::<Address>("address")
        .register_fn("to_string", |a: &mut Address| a.0.to_string())
        .register_fn("to_debug", |a: &mut Address| a.0.to_string())
        .register_fn("==", |a: Address, b: Address| a == b)
        .register_fn("!=", |a: Address, b: Address| a != b)
        .register_fn("==", |a: Address, b: &str| a.matches_text(b))
        .register_fn("!=", |a: Address, b: &str| !a.matches_text(b))
        .register_fn("==", |a: &str, b: Address| b.matches_text(a))
        .register_fn("!=", |a: &str, b: Address| !b.matches_text(a))
        .register_fn("+", |a: &str, b: Address| format!("{a}{}", b.0))
        .register_fn("+", |a: Address, b: &str| format!("{}{b}", a.0))
        .register_fn("contains", |text: &str, a: Address| text.contains(&a.0.to_string()));
    api.doc(
        Place::Pure,
        "within",
        "address.within(prefix)",
        "Whether the address lies in a prefix, or in one of a list of prefixes.",
        r#"e.ip.within("10.0.0.0/8") || e.ip.within(["192.0.2.0/24", "2001:db8::/32"])"#,
    )
    .register_fn("within", |a: Address, text: &str| a.within(text))
    .register_fn("within", |a: Address, list: rhai::Array| -> Result<bool, Box<EvalAltResult>> {
        for item in &list {
            let text = item
                .as_immutable_string_ref()
                .map_err(|kind| format!("a prefix is text, not `{kind}`"))?;
            if a.within(&text)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
    .register_fn("within", |text: &str, prefix: &str| -> Result<bool, Box<EvalAltResult>> {
        net::parse_ip(text.as_bytes()).map_or(Ok(false), |address| Address(address).within(prefix))
    });
    api.doc(
        Place::Pure,
        "is_v6",
        "address.is_v6()",
        "Whether it is an IPv6 address (an IPv4-mapped one is IPv4).",
        "e.ip.is_v6()",
    )
    .register_fn("is_v6", |a: Address| a.0.is_ipv6());
    api.doc(
        Place::Pure,
        "is_private",
        "address.is_private()",
        "Whether it is loopback, link-local or private (RFC 1918, RFC 4193).",
        "!e.ip.is_private()",
    )
    .register_fn("is_private", |a: Address| is_private(a.0));
    api.doc(
        Place::Pure,
        "network",
        "address.network(v4_bits, v6_bits)",
        "The network around the address, as text.",
        r#"e.ip.network(24, 48) == "203.0.113.0/24""#,
    )
    .register_fn("network", |a: Address, v4: i64, v6: i64| {
        let bits = |bits: i64| u8::try_from(bits.clamp(0, 128)).unwrap_or(128);
        net::display_net(&net::prefix(a.0, bits(v4), bits(v6)))
    });
    api.doc(
        Place::Pure,
        "address",
        "address(text)",
        "The address that a text holds, or `()` when it holds none.",
        r#"address("203.0.113.9").within("203.0.113.0/24")"#,
    )
    .register_fn("address", |text: &str| {
        net::parse_ip(text.trim().as_bytes()).map_or(Dynamic::UNIT, |a| Dynamic::from(Address(a)))
    })
    .register_fn("address", |a: Address| a);
}

pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}

fn register_moment(api: &mut Api<'_>) {
    let engine = &mut *api.engine;
    engine
        .register_type_with_name::<Moment>("time")
        .register_fn("to_string", |m: &mut Moment| m.0.to_string())
        .register_fn("to_debug", |m: &mut Moment| m.0.to_string())
        .register_fn("==", |a: Moment, b: Moment| a == b)
        .register_fn("!=", |a: Moment, b: Moment| a != b)
        .register_fn("<", |a: Moment, b: Moment| a < b)
        .register_fn("<=", |a: Moment, b: Moment| a <= b)
        .register_fn(">", |a: Moment, b: Moment| a > b)
        .register_fn(">=", |a: Moment, b: Moment| a >= b)
        // Seconds between two moments, negative when the first is earlier.
        .register_fn("-", |a: Moment, b: Moment| {
            a.0.since(b.0).as_secs_f64() - b.0.since(a.0).as_secs_f64()
        })
        .register_fn("+", |a: &str, b: Moment| format!("{a}{}", b.0))
        .register_get("unix", |m: &mut Moment| m.0.as_secs())
        .register_get("hour", |m: &mut Moment| i64::from(civil(*m).hour()))
        .register_get("minute", |m: &mut Moment| i64::from(civil(*m).minute()))
        .register_get("day", |m: &mut Moment| i64::from(civil(*m).day()))
        .register_get("month", |m: &mut Moment| i64::from(civil(*m).month()))
        .register_get("year", |m: &mut Moment| i64::from(civil(*m).year()))
        .register_get("weekday", |m: &mut Moment| {
            i64::from(civil(*m).weekday().to_monday_one_offset())
        });
}

fn civil(moment: Moment) -> jiff::civil::DateTime {
    jiff::tz::Offset::UTC.to_datetime(moment.0.to_jiff())
}
