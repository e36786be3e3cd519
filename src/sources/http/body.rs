//! A body into records: one JSON line each.
//!
//! In: the bytes as they came, and the plan. Out: [`Records`] with their count, or why there are none.
//! Logpush's lines stay packed until each is wanted, so that a body takes the memory that it came with.

use super::config::Plan;
use super::preset::Preset;
use crate::limits;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::io::{BufRead as _, BufReader, Cursor, Read};

/// Why a body holds no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It isn't what it should be.
    Malformed(&'static str),
    /// It, or what it inflates to, is longer than the source allows.
    TooLong,
}

/// The records of a body.
#[derive(Debug)]
pub(super) enum Records {
    /// Those of a JSON text.
    Made(std::vec::IntoIter<Vec<u8>>),
    /// The lines of a body that is read as they are wanted.
    Lines(Lines),
}

impl Records {
    /// The next record, without a line break.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Made(records) => records.next(),
            Self::Lines(lines) => lines.next(),
        }
    }
}

/// A body that was read: its records, how many, and the hash of what it says.
#[derive(Debug)]
pub(super) struct Body {
    pub records: Records,
    pub count: u32,
    pub hash: Sha256,
}

/// Reads a body; `packed` says that its sender packs it with gzip.
pub(super) fn read(plan: &Plan, body: &Bytes, packed: bool) -> Result<Body, Refusal> {
    let packed = packed || body.starts_with(&[0x1f, 0x8b]);
    if plan.preset == Preset::Logpush {
        return lines(plan, body, packed);
    }
    let inflated;
    let text: &[u8] = if packed {
        inflated = inflate(body)?;
        &inflated
    } else if body.len() > limits::HTTP_JSON_BYTES_MAX {
        return Err(Refusal::TooLong);
    } else {
        body
    };
    let mut hash = Sha256::new();
    hash.update(text);
    let records = records(plan, text)?;
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    Ok(Body { records: Records::Made(records.into_iter()), count, hash })
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let most = limits::HTTP_JSON_BYTES_MAX as u64;
    let mut text = Vec::new();
    let mut packed = MultiGzDecoder::new(body).take(most + 1);
    packed.read_to_end(&mut text).map_err(|_| Refusal::Malformed("no sound gzip"))?;
    if text.len() as u64 > most { Err(Refusal::TooLong) } else { Ok(text) }
}

/// The records of a JSON text: the object itself, the objects of a list, or those of the list that
/// `each` names, within the rest of the body.
fn records(plan: &Plan, text: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    if text.starts_with(b"payload=") {
        return Err(Refusal::Malformed("a form: let the sender use `application/json`"));
    }
    // Its depth is bounded by serde_json's own limit of 128.
    if memchr::memchr_iter(b'{', text).count() > limits::HTTP_JSON_OBJECTS_MAX
        || memchr::memchr2_iter(b',', b'[', text).count() > limits::HTTP_JSON_VALUES_MAX
    {
        return Err(Refusal::TooLong);
    }
    let value: Value =
        serde_json::from_slice(text).map_err(|_| Refusal::Malformed("no well-formed JSON"))?;
    let all = match (value, &plan.each) {
        (Value::Array(list), None) => {
            if list.len() > limits::HTTP_RECORDS_MAX {
                return Err(Refusal::TooLong);
            }
            list.iter().map(|one| record(plan, one)).collect::<Result<_, _>>()?
        }
        (mut whole, Some(path)) => {
            let list = path.iter().try_fold(&mut whole, |at, key| at.get_mut(key.as_str()));
            let Some(Value::Array(list)) = list.map(Value::take) else {
                return Err(Refusal::Malformed("no list where `each` says"));
            };
            if list.len() > limits::HTTP_RECORDS_MAX {
                return Err(Refusal::TooLong);
            }
            // What stands around the list is in each record, so it must be short.
            if text_of(&whole)?.len() > limits::HTTP_AROUND_BYTES_MAX {
                whole = kept(plan, &whole);
            }
            let mut records = Vec::new();
            for one in list {
                put(&mut whole, path, one);
                records.push(record(plan, &whole)?);
            }
            records
        }
        (one, None) => vec![record(plan, &one)?],
    };
    Ok(all)
}

/// Puts an entry of the list where the list was.
fn put(whole: &mut Value, path: &[String], one: Value) {
    let Some((key, rest)) = path.split_first() else {
        *whole = one;
        return;
    };
    if let Some(object) = whole.as_object_mut() {
        put(object.entry(key.clone()).or_insert_with(|| Map::new().into()), rest, one);
    }
}

fn text_of(value: &Value) -> Result<Vec<u8>, Refusal> {
    // Quotes and controls are escaped, so that it has no line break.
    serde_json::to_vec(value).map_err(|_| Refusal::Malformed("no well-formed JSON"))
}

/// What fields are made from.
fn kept(plan: &Plan, value: &Value) -> Value {
    let mut kept = Value::Object(Map::new());
    for path in &plan.wanted {
        keep(value, path, &mut kept);
    }
    kept
}

/// A record of one line; of a long one only what fields are made from.
fn record(plan: &Plan, value: &Value) -> Result<Vec<u8>, Refusal> {
    if !value.is_object() {
        return Err(Refusal::Malformed("no JSON object"));
    }
    let whole = text_of(value)?;
    if whole.len() <= limits::HTTP_RECORD_WHOLE_BYTES_MAX {
        return Ok(whole);
    }
    let kept = text_of(&kept(plan, value))?;
    if kept.len() > limits::HTTP_RECORD_BYTES_MAX { Err(Refusal::TooLong) } else { Ok(kept) }
}

/// Copies the scalar at `path`, or the first one of a list there.
fn keep(from: &Value, path: &[String], into: &mut Value) {
    let Some((key, rest)) = path.split_first() else { return };
    let from = match from {
        Value::Array(list) => list.first().unwrap_or(&Value::Null),
        other => other,
    };
    let (Some(found), Some(into)) = (from.get(key), into.as_object_mut()) else { return };
    if rest.is_empty() {
        let found = match found {
            Value::Array(list) => list.first().unwrap_or(&Value::Null),
            other => other,
        };
        match found {
            Value::Object(_) | Value::Array(_) => {}
            Value::String(text) => {
                let end = text.floor_char_boundary(limits::HTTP_TEXT_BYTES_MAX);
                into.insert(key.clone(), text.get(..end).unwrap_or_default().into());
            }
            scalar => drop(into.insert(key.clone(), scalar.clone())),
        }
    } else {
        keep(found, rest, into.entry(key.clone()).or_insert_with(|| Map::new().into()));
    }
}

/// What Cloudflare sends when a job is made, to see whether somebody listens.
const TEST: &[u8] = br#"{"content":"tests"}"#;

/// Looks at all lines once: how many they are, and that they are lines of JSON.
fn lines(plan: &Plan, body: &Bytes, packed: bool) -> Result<Body, Refusal> {
    let most = plan.inflated_bytes_max;
    let mut lines = Lines::new(body.clone(), packed, most);
    let mut hash = Sha256::new();
    let mut count = 0_u32;
    let mut is_test = true;
    while let Some(line) = lines.next() {
        if !line.starts_with(b"{") {
            return Err(Refusal::Malformed("no JSON lines"));
        }
        is_test &= line == TEST;
        hash.update(&line);
        hash.update(b"\n");
        count = count.saturating_add(1);
    }
    if lines.broken {
        return Err(Refusal::Malformed("no sound gzip"));
    }
    if lines.read > most {
        return Err(Refusal::TooLong);
    }
    if is_test {
        count = 0;
    }
    Ok(Body { records: Records::Lines(Lines::new(body.clone(), packed, most)), count, hash })
}

/// The lines of a body, inflated as they are wanted. Empty ones are left out; one that is longer than a
/// record may be is cut.
#[derive(Debug)]
pub(super) struct Lines {
    from: BufReader<Inflated>,
    /// Bytes of what was inflated so far.
    read: u64,
    /// Nothing is read beyond so many.
    most: u64,
    broken: bool,
}

#[derive(Debug)]
enum Inflated {
    Packed(Box<MultiGzDecoder<Cursor<Bytes>>>),
    Plain(Cursor<Bytes>),
}

impl Read for Inflated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Packed(packed) => packed.read(buffer),
            Self::Plain(plain) => plain.read(buffer),
        }
    }
}

impl Lines {
    fn new(body: Bytes, packed: bool, most: u64) -> Self {
        let body = Cursor::new(body);
        let from = if packed {
            Inflated::Packed(Box::new(MultiGzDecoder::new(body)))
        } else {
            Inflated::Plain(body)
        };
        Self { from: BufReader::new(from), read: 0, most, broken: false }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut line = Vec::new();
            let ended = loop {
                let Ok(more) = self.from.fill_buf() else {
                    self.broken = true;
                    return None;
                };
                if more.is_empty() {
                    break true;
                }
                let end = memchr::memchr(b'\n', more);
                let part = more.get(..end.unwrap_or(more.len())).unwrap_or_default();
                let room = limits::RECORD_BYTES_MAX.saturating_sub(line.len());
                line.extend_from_slice(part.get(..part.len().min(room)).unwrap_or_default());
                let used = end.map_or(more.len(), |end| end + 1);
                self.from.consume(used);
                self.read += used as u64;
                if self.read > self.most {
                    return None;
                }
                if end.is_some() {
                    break false;
                }
            };
            let trimmed = line.trim_ascii();
            if !trimmed.is_empty() {
                return Some(trimmed.to_vec());
            }
            if ended {
                return None;
            }
        }
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
