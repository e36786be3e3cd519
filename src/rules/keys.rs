//! From an event to the key it counts for and the sample its window gets.

use super::draft::KeyPartDraft;
use super::evaluate::Evaluator;
use super::fault::Fault;
use super::rule::{PureFn, QuantitySpec, Rule};
use super::values::{Address, to_text};
use crate::event::key::{Key, KeyPart};
use crate::event::{Event, Field, ValueRef, net};
use crate::matching::Drawn;
use crate::windows::Sample;
use rhai::Dynamic;
use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

/// A field, looked up by name once.
#[derive(Clone)]
pub(super) enum FieldName {
    Known(Field),
    Other(Arc<str>),
}

impl FieldName {
    pub(super) fn new(name: &str) -> Self {
        Field::from_name(name).map_or_else(|| Self::Other(Arc::from(name)), Self::Known)
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Known(field) => field.name(),
            Self::Other(name) => name,
        }
    }

    fn of<'e>(&self, event: &'e Event) -> Option<ValueRef<'e>> {
        match self {
            Self::Known(field) => event.get(*field),
            Self::Other(name) => event.get_named(name),
        }
    }
}

/// A part of a key.
#[derive(Clone)]
pub(super) enum KeyPartSpec {
    Field(FieldName),
    Prefix { field: FieldName, v4: u8, v6: u8 },
    Closure(PureFn),
}

/// What is counted apart; no parts: everything together.
#[derive(Clone, Default)]
pub(super) struct KeySpec(pub Vec<KeyPartSpec>);

/// The key of rules without one.
const EVERYTHING: &str = "*";

/// A part's value, before it is put into a key.
enum Part<'e> {
    Net(ipnet::IpNet),
    Int(i64),
    Bool(bool),
    Text(Cow<'e, str>),
}

impl Part<'_> {
    fn client(address: IpAddr) -> Self {
        Self::Net(net::client_net(address))
    }

    fn as_key_part(&self) -> KeyPart<'_> {
        match self {
            Self::Net(net) => KeyPart::Net(*net),
            Self::Int(number) => KeyPart::Int(*number),
            Self::Bool(flag) => KeyPart::Bool(*flag),
            Self::Text(text) => KeyPart::Text(text),
        }
    }
}

impl KeySpec {
    /// In words: `ip, user`, `ip/24,48`, `(closure)`.
    pub(super) fn words(parts: &[KeyPartDraft]) -> String {
        let part = |part: &KeyPartDraft| match part {
            KeyPartDraft::Field(field) => field.clone(),
            KeyPartDraft::Prefix { field, v4, v6 } => {
                format!("{field}/{},{}", v4.unwrap_or(32), v6.unwrap_or(64))
            }
            KeyPartDraft::Closure(_) => "(closure)".to_owned(),
        };
        parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }

    /// The event's key; `None` when a part of it is missing.
    fn of(&self, event: &Arc<Event>, evaluator: &Evaluator) -> Result<Option<Key>, Fault> {
        if let [KeyPartSpec::Field(field)] = self.0.as_slice() {
            let value = field.of(event);
            if let Some(ValueRef::Ip(IpAddr::V4(address))) = value {
                return Ok(Some(Key::v4(address)));
            }
            let part = value.map(field_part);
            return Ok(part.map(|part| Key::parts(&[part.as_key_part()])));
        }
        if self.0.is_empty() {
            return Ok(Some(Key::text(EVERYTHING)));
        }
        let mut parts: Vec<Part<'_>> = Vec::with_capacity(self.0.len());
        for spec in &self.0 {
            match spec {
                KeyPartSpec::Field(field) => match field.of(event) {
                    Some(value) => parts.push(field_part(value)),
                    None => return Ok(None),
                },
                KeyPartSpec::Prefix { field, v4, v6 } => {
                    let Some(address) = field.of(event).and_then(address_of) else {
                        return Ok(None);
                    };
                    parts.push(Part::Net(net::prefix(address, *v4, *v6)));
                }
                KeyPartSpec::Closure(closure) => {
                    match native_parts(closure, event, &mut parts) {
                        Some(true) => continue,
                        Some(false) => return Ok(None),
                        None => {}
                    }
                    let value = evaluator.pure(closure, event)?;
                    if !script_parts(&value, &mut parts)
                        .map_err(|text| evaluator.fault_at(closure, text))?
                    {
                        return Ok(None);
                    }
                }
            }
        }
        let parts: Vec<KeyPart<'_>> = parts.iter().map(Part::as_key_part).collect();
        Ok(Some(Key::parts(&parts)))
    }
}

fn address_of(value: ValueRef<'_>) -> Option<IpAddr> {
    match value {
        ValueRef::Ip(address) => Some(address),
        ValueRef::Bytes(bytes) => net::parse_ip(bytes),
        _ => None,
    }
}

fn field_part(value: ValueRef<'_>) -> Part<'_> {
    match value {
        ValueRef::Ip(address) => Part::client(address),
        ValueRef::Int(number) => Part::Int(number),
        ValueRef::Bool(flag) => Part::Bool(flag),
        ValueRef::Bytes(_) | ValueRef::Float(_) => Part::Text(value.to_text()),
    }
}

/// The parts that a closure gave: a value or a list of values; false when one is `()`.
fn script_parts(value: &Dynamic, parts: &mut Vec<Part<'_>>) -> Result<bool, String> {
    if let Some(list) = value.read_lock::<rhai::Array>() {
        if list.is_empty() || list.len() > 8 {
            return Err("a key has between 1 and 8 parts".to_owned());
        }
        for item in list.iter() {
            if item.is_array() {
                return Err("a key holds no list within a list".to_owned());
            }
            if !script_parts(item, parts)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if value.is_unit() {
        return Ok(false);
    }
    let part = if let Some(address) = value.read_lock::<Address>() {
        Part::client(address.0)
    } else if let Ok(number) = value.as_int() {
        Part::Int(number)
    } else if let Ok(flag) = value.as_bool() {
        Part::Bool(flag)
    } else {
        text_part(to_text(value).ok_or("a key is text, a number, a truth or an address")?)
    };
    parts.push(part);
    Ok(true)
}

/// What a text means as a part of a key.
fn text_part(text: String) -> Part<'static> {
    match net::parse_net(&text) {
        Some(network) if text.contains('/') => Part::Net(network),
        Some(network) => Part::client(network.addr()),
        None => Part::Text(Cow::Owned(text)),
    }
}

/// The parts that a closure gives, without running it: as [`script_parts`]; none when it has to
/// run.
fn native_parts(closure: &PureFn, event: &Event, parts: &mut Vec<Part<'_>>) -> Option<bool> {
    let before = parts.len();
    let mut whole = true;
    for drawer in closure.native.as_deref()? {
        parts.push(match drawer.draw(event) {
            Some(Drawn::Ip(address)) => Part::client(address),
            Some(Drawn::Int(number)) => Part::Int(number),
            Some(Drawn::Bool(flag)) => Part::Bool(flag),
            Some(Drawn::Text(text)) => text_part(text),
            // The script works the other parts out too, and may fail.
            Some(Drawn::Nothing) => {
                whole = false;
                continue;
            }
            Some(Drawn::Float(_)) | None => {
                parts.truncate(before);
                return None;
            }
        });
    }
    Some(whole)
}

/// The one value that a closure gives, without running it; none when it has to run.
fn native_value(closure: &PureFn, event: &Event) -> Option<Drawn> {
    match closure.native.as_deref()? {
        [drawer] => drawer.draw(event),
        _ => None,
    }
}

/// Key and sample of an event for a rule; `None` when the key, or what the window looks at, is
/// missing.
pub(super) fn sample(
    rule: &Rule,
    event: &Arc<Event>,
    evaluator: &Evaluator,
) -> Result<Option<(Key, Sample)>, Fault> {
    let Some(key) = rule.key_spec.of(event, evaluator)? else {
        return Ok(None);
    };
    let mut sample = Sample { weight: event.repeat(), ..Sample::at(event.time) };
    for (bit, test) in rule.tests.iter().enumerate() {
        let native = match native_value(test, event) {
            Some(Drawn::Bool(truth)) => Some(truth),
            _ => None,
        };
        if native.map_or_else(|| evaluator.test(test, event), Ok)? {
            sample.flags |= 1 << bit.min(63);
        }
    }
    let distinct = matches!(rule.window, crate::windows::WindowSpec::Distinct { .. });
    match &rule.quantity {
        None => {}
        Some(QuantitySpec::Field(field)) => {
            let Some(value) = field.of(event) else {
                return Ok(None);
            };
            if distinct {
                sample.distinct = Some(hash(&value.to_text(), evaluator.seed));
            } else {
                let Some(amount) = amount(value) else {
                    return Ok(None);
                };
                sample.amount = amount;
            }
        }
        Some(QuantitySpec::Closure(closure)) => {
            match (native_value(closure, event), distinct) {
                (Some(Drawn::Nothing), _) => return Ok(None),
                (Some(Drawn::Text(text)), true) => {
                    sample.distinct = Some(hash(&text, evaluator.seed));
                    return Ok(Some((key, sample)));
                }
                _ => {}
            }
            let value = evaluator.pure(closure, event)?;
            if value.is_unit() {
                return Ok(None);
            }
            if distinct {
                let text = to_text(&value).ok_or_else(|| {
                    evaluator.fault_at(
                        closure,
                        "`distinct` compares text, numbers or addresses".to_owned(),
                    )
                })?;
                sample.distinct = Some(hash(&text, evaluator.seed));
            } else {
                sample.amount = super::body_marks::number(&value)
                    .ok_or_else(|| evaluator.fault_at(closure, "`sum` adds numbers".to_owned()))?;
            }
        }
    }
    Ok(Some((key, sample)))
}

fn amount(value: ValueRef<'_>) -> Option<f64> {
    match value {
        // Amounts are added up as floats; one event's is exact up to 2^53.
        ValueRef::Int(number) => Some(number as f64),
        ValueRef::Float(number) => Some(number),
        ValueRef::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
        _ => None,
    }
}

/// A hash that is the same for the life of an installation, and that outsiders can't aim at.
fn hash(text: &str, seed: u64) -> u64 {
    let state = foldhash::quality::SeedableRandomState::with_seed(
        seed,
        foldhash::SharedSeed::global_fixed(),
    );
    let mut hasher = state.build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}
