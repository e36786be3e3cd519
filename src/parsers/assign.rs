//! A value by a field's name: what JSON keys, named groups and `log_format` variables share.
//!
//! In: the name that a value goes by, and its text. Out: the field, converted to the field's type;
//! a text that does not convert is left out, since a wrong guess is worse than none.

use super::json_text::{Scalar, unescape};
use super::stamp::{self, Zone};
use super::{request, scan};
use crate::clock::Timestamp;
use crate::event::field::FieldType;
use crate::event::{Event, Field, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// What a value becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A well-known field, converted to its type.
    Field(Field),
    /// A request line, split into method, target and protocol.
    RequestLine,
    /// A request target, split into path and query.
    Uri,
    /// The event's time.
    Time,
    /// A duration in thousandths, millionths or billionths of a second: the field, and how many
    /// of the unit make a second.
    Duration(Field, f64),
    /// A field that only this source knows.
    Extra(Arc<str>),
}

impl Target {
    /// The target that users mean by a name: `time`, `request`, `uri`, a field, or their own.
    pub fn named(name: &str) -> Self {
        match name {
            "time" => Self::Time,
            "request" => Self::RequestLine,
            "path" | "uri" => Self::Uri,
            _ => Field::from_name(name).map_or_else(|| Self::Extra(Arc::from(name)), Self::Field),
        }
    }

    /// Sets a text value.
    pub fn set(&self, event: &mut Event, text: &[u8], times: &Times<'_>) {
        match self {
            Self::Field(Field::Host) => request::set_host(event, text),
            Self::Field(field) => set_field(event, *field, text),
            Self::RequestLine => request::set_request(event, text),
            Self::Uri => request::set_target(event, text),
            Self::Time => {
                if let Some(time) = times.read(text) {
                    event.time = time;
                }
            }
            Self::Duration(field, per_second) => {
                if let Some(number) = scan::decimal(text) {
                    event.set(*field, Value::Float(number / per_second));
                }
            }
            Self::Extra(name) => {
                let value = event.value_of_bytes(text);
                event.set_extra(name, value);
            }
        }
    }

    /// Sets a JSON scalar; null, and text that is empty or `-`, are absent.
    pub fn set_scalar(&self, event: &mut Event, scalar: Scalar<'_>, times: &Times<'_>) {
        match scalar {
            Scalar::Text(raw) => match unescape(raw) {
                Cow::Borrowed(text) => {
                    if let Some(text) = scan::present(text) {
                        self.set(event, text, times);
                    }
                }
                Cow::Owned(text) => self.set(event, &text, times),
            },
            Scalar::Number(text) => match self {
                Self::Extra(name) => event.set_extra(name, number(text)),
                _ => self.set(event, text, times),
            },
            Scalar::Bool(flag) => match self {
                Self::Extra(name) => event.set_extra(name, Value::Bool(flag)),
                _ => self.set(event, if flag { b"true" } else { b"false" }, times),
            },
            Scalar::Null => {}
        }
    }
}

/// A JSON number: whole where it is written so, else with its fraction.
fn number(text: &[u8]) -> Value {
    let whole = match text.strip_prefix(b"-") {
        Some(digits) => scan::int(digits).map(|number| -number),
        None => scan::int(text),
    };
    if let Some(whole) = whole {
        return Value::Int(whole);
    }
    let float = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    match float.filter(|float| float.is_finite()) {
        Some(float) => Value::Float(float),
        None => Value::Text(String::from_utf8_lossy(text).into()),
    }
}

/// Sets a field from text, by the field's type.
pub fn set_field(event: &mut Event, field: Field, text: &[u8]) {
    match field.kind() {
        FieldType::Text => event.set_bytes(field, text),
        FieldType::Int => {
            // A whole number may be written with a fraction (`200.0`).
            let digits = scan::split_at_byte(text, b'.').map_or(text, |(whole, _)| whole);
            if let Some(number) = scan::int(digits) {
                event.set(field, Value::Int(number));
            }
        }
        FieldType::Float => {
            if let Some(number) = float(text) {
                event.set(field, Value::Float(number));
            }
        }
        FieldType::Address => {
            if let Some((address, port)) = scan::ip_port(text) {
                event.set(field, Value::Ip(address));
                if let Some(port) = port.filter(|_| field == Field::Ip) {
                    event.set(Field::Port, Value::Int(port));
                }
            }
        }
    }
}

/// Seconds: a number (also with an exponent, as JSON may write it), or several as nginx does.
fn float(text: &[u8]) -> Option<f64> {
    if let Some(seconds) = scan::seconds(text) {
        return Some(seconds);
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// How the times of a format are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TimeFormat {
    /// Any of the known ways.
    #[default]
    Any,
    /// Seconds since 1970.
    Epoch,
    /// Milliseconds since 1970.
    EpochMillis,
    /// A pattern of strptime (`%d.%m.%Y %H:%M:%S`).
    Strptime(String),
}

impl TimeFormat {
    /// The format that the config names.
    pub fn named(text: &str) -> Option<Self> {
        Some(match text {
            "auto" | "rfc3339" | "iso8601" | "access" | "syslog" => Self::Any,
            "epoch" => Self::Epoch,
            "epoch_ms" => Self::EpochMillis,
            pattern if pattern.contains('%') => Self::Strptime(pattern.to_owned()),
            _ => return None,
        })
    }
}

/// What is needed to read a time: its format, the zone, and the record's arrival.
#[derive(Debug, Clone, Copy)]
pub struct Times<'p> {
    /// How it is written.
    pub format: &'p TimeFormat,
    /// The zone of stamps without an offset.
    pub zone: &'p Zone,
    /// When the record was read.
    pub arrival: Timestamp,
}

impl Times<'_> {
    /// The moment that the text says.
    pub fn read(&self, text: &[u8]) -> Option<Timestamp> {
        match self.format {
            TimeFormat::Any => self.read_any(text),
            TimeFormat::Epoch => stamp::epoch(text),
            TimeFormat::EpochMillis => {
                Some(Timestamp::from_micros(scan::int(text)?.checked_mul(1_000)?))
            }
            TimeFormat::Strptime(pattern) => self.read_by(pattern, text),
        }
    }

    fn read_any(&self, text: &[u8]) -> Option<Timestamp> {
        if let Some(number) = scan::int(text) {
            // Seconds, milliseconds, microseconds or nanoseconds, by their size: each reading
            // covers the years 1973 to 5138.
            return Some(Timestamp::from_micros(match number {
                ..100_000_000_000 => number.checked_mul(1_000_000)?,
                100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000)?,
                100_000_000_000_000..100_000_000_000_000_000 => number,
                _ => return None,
            }));
        }
        if let Some(moment) = nanoseconds(text).or_else(|| stamp::epoch(text)) {
            return Some(moment);
        }
        let whole = |found: Option<(Timestamp, &[u8])>| {
            found.filter(|(_, rest)| rest.trim_ascii().is_empty()).map(|(moment, _)| moment)
        };
        whole(stamp::iso(text, self.zone, self.arrival))
            .or_else(|| stamp::access_in(text, self.zone, self.arrival))
            .or_else(|| whole(stamp::syslog(text, self.zone, self.arrival)))
    }

    fn read_by(&self, pattern: &str, text: &[u8]) -> Option<Timestamp> {
        let parsed = jiff::fmt::strtime::parse(pattern, text).ok()?;
        if let Ok(moment) = parsed.to_timestamp() {
            return Some(Timestamp::from_micros(moment.as_microsecond()));
        }
        let date = parsed.to_datetime().ok()?;
        let civil = stamp::Civil {
            year: date.year(),
            month: date.month(),
            day: date.day(),
            hour: date.hour(),
            minute: date.minute(),
            second: date.second(),
            micros: date.subsec_nanosecond() / 1_000,
        };
        self.zone.resolve(civil, self.arrival)
    }
}

/// 19 digits: nanoseconds since 1970, in the years 2001 to 2262.
fn nanoseconds(text: &[u8]) -> Option<Timestamp> {
    let (micros, nanos) = text.split_at_checked(16)?;
    (nanos.len() == 3 && scan::int(nanos).is_some())
        .then(|| scan::int(micros).map(Timestamp::from_micros))?
}
