//! The event and what it is made from: records that come in batches, typed fields that point into
//! the record's bytes, and the place in its source that names an event for ever.
//!
//! In: a record's bytes. Out: an [`Event`] that rules read by field name. No I/O; parsers fill it.

pub mod field;
pub mod key;
pub mod kind;
pub mod net;
pub mod text;
pub mod frame;
mod value;
mod json;
mod codec;
mod schema;
mod brought;

pub use brought::{Brought, Refused, Said, What};
pub use field::Field;
pub use key::{Key, KeyPart};
pub use kind::Kind;
pub use schema::{FieldKind, Schema};
pub use value::{Value, ValueRef};

use crate::clock::Timestamp;
use bytes::Bytes;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Which source and which continuous run of bytes in it a batch or an event came from.
///
/// `stream` names one incarnation of one file (or one connection, one spool): it stays the same
/// when the file is renamed or compressed, and changes when another file takes its name, so
/// (`stream`, offset) names a record for ever. The file source makes it from the content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// The source's name in the config (`nginx`), or the file's path in a replay.
    pub source: Arc<str>,
    /// The identity of the byte stream; opaque to all but the source.
    pub stream: Arc<str>,
}

/// One record within a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    /// First byte in the batch's block.
    pub start: u32,
    /// Length in bytes, without the line break.
    pub len: u32,
    /// Where the record begins in its stream, in bytes.
    pub offset: u64,
    /// The record was longer than `limits::RECORD_BYTES_MAX` and was cut.
    pub truncated: bool,
}

/// Records read together, with the part of the stream that they cover.
///
/// A batch is done when its effects are committed; until then the source may be asked to read the
/// range `from..to` again.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// When it was read, by the wall clock.
    pub arrival: Timestamp,
    /// The bytes that `records` point into.
    pub block: Bytes,
    /// The records, in order.
    pub records: Vec<RecordSpan>,
    /// The stream offset at which the batch begins.
    pub from: u64,
    /// The stream offset just after its last record and line break.
    pub to: u64,
    /// The line number of the first record, counted from 1; 0 where lines are not counted.
    pub first_line: u64,
}

impl Batch {
    /// The bytes of record `index`; `None` past the end.
    pub fn record(&self, index: usize) -> Option<Bytes> {
        let span = self.records.get(index)?;
        let start = span.start as usize;
        let end = start.checked_add(span.len as usize)?;
        (end <= self.block.len()).then(|| self.block.slice(start..end))
    }
}

/// Something that happened, with its time and typed fields.
///
/// Made to be reused: a parser fills the same event again and again ([`Event::reset`]), and only
/// what a rule may care about is cloned out. Text fields are spans into `record`, so filling one
/// copies nothing.
#[derive(Debug, Clone)]
pub struct Event {
    /// What it is (`http`, `ssh.auth`, …).
    pub kind: Kind,
    /// When it happened, by its own time stamp.
    pub time: Timestamp,
    /// Where it came from; empty for events that rules emit.
    pub origin: Arc<Origin>,
    /// Where the record begins in its stream, in bytes.
    pub offset: u64,
    /// The record's line number, counted from 1; 0 where lines are not counted.
    pub line: u64,
    record: Bytes,
    /// For each field, 0 when absent, else its place in `values` plus one.
    index: [u8; Field::COUNT],
    values: Vec<Value>,
    extra: Vec<(Arc<str>, Value)>,
}

impl Event {
    /// An event without a record, as rules and timers emit them.
    pub fn new(kind: Kind, time: Timestamp) -> Self {
        Self {
            kind,
            time,
            origin: Arc::default(),
            offset: 0,
            line: 0,
            record: Bytes::new(),
            index: [0; Field::COUNT],
            values: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Empties the event and gives it the record that the next spans point into.
    pub fn reset(&mut self, record: Bytes) {
        self.kind = Kind::Log;
        self.time = Timestamp::EPOCH;
        self.offset = 0;
        self.line = 0;
        self.record = record;
        self.index = [0; Field::COUNT];
        self.values.clear();
        self.extra.clear();
    }

    /// The record's bytes as they came; empty for events that rules emit.
    pub fn record(&self) -> &Bytes {
        &self.record
    }

    /// Gives the event a copy of its record, so that it no longer keeps the block alive that the
    /// record is a part of.
    pub fn own_record(&mut self) {
        self.record = Bytes::copy_from_slice(&self.record);
    }

    /// Sets a field; a later value replaces an earlier one.
    pub fn set(&mut self, field: Field, value: Value) {
        let Some(slot) = self.index.get_mut(field as usize) else {
            return;
        };
        if let Some(place) = usize::from(*slot).checked_sub(1) {
            if let Some(old) = self.values.get_mut(place) {
                *old = value;
            }
        } else {
            self.values.push(value);
            *slot = u8::try_from(self.values.len()).unwrap_or(0);
        }
    }

    /// Sets a text field to a part of the record, without copying it; bytes from elsewhere are
    /// copied.
    pub fn set_bytes(&mut self, field: Field, bytes: &[u8]) {
        let value = self.value_of_bytes(bytes);
        self.set(field, value);
    }

    /// Sets a field that only this source knows (a JSON key, a named group of a pattern).
    pub fn set_extra(&mut self, name: &Arc<str>, value: Value) {
        if let Some((_, old)) = self.extra.iter_mut().find(|(known, _)| known == name) {
            *old = value;
        } else {
            self.extra.push((Arc::clone(name), value));
        }
    }

    /// Whether any field beside the well-known ones is set.
    pub fn has_extra(&self) -> bool {
        !self.extra.is_empty()
    }

    /// A value for `bytes`: a span where they lie in the record, else a copy.
    pub fn value_of_bytes(&self, bytes: &[u8]) -> Value {
        let base = self.record.as_ptr() as usize;
        let start = (bytes.as_ptr() as usize).wrapping_sub(base);
        let inside = start <= self.record.len() && bytes.len() <= self.record.len() - start;
        match (inside, u32::try_from(start), u32::try_from(bytes.len())) {
            (true, Ok(start), Ok(len)) => Value::Span { start, len },
            _ => Value::Text(String::from_utf8_lossy(bytes).into()),
        }
    }

    /// The value of a well-known field.
    pub fn get(&self, field: Field) -> Option<ValueRef<'_>> {
        let place = usize::from(*self.index.get(field as usize)?).checked_sub(1)?;
        Some(self.resolve(self.values.get(place)?))
    }

    /// The value of any field by its short name, well-known or not.
    pub fn get_named(&self, name: &str) -> Option<ValueRef<'_>> {
        if let Some(field) = Field::from_name(name) {
            return self.get(field);
        }
        let (_, value) = self.extra.iter().find(|(known, _)| &**known == name)?;
        Some(self.resolve(value))
    }

    /// A text field's bytes; `None` when absent or not text.
    pub fn bytes(&self, field: Field) -> Option<&[u8]> {
        match self.get(field)? {
            ValueRef::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A text field as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        self.bytes(field).map(String::from_utf8_lossy)
    }

    /// An integer field.
    pub fn int(&self, field: Field) -> Option<i64> {
        match self.get(field)? {
            ValueRef::Int(number) => Some(number),
            _ => None,
        }
    }

    /// An address field.
    pub fn ip(&self, field: Field) -> Option<IpAddr> {
        match self.get(field)? {
            ValueRef::Ip(address) => Some(address),
            _ => None,
        }
    }

    /// How many times this happened (syslog's `message repeated N times`); at least 1.
    pub fn repeat(&self) -> u64 {
        self.int(Field::Repeat).and_then(|count| u64::try_from(count).ok()).unwrap_or(1).max(1)
    }

    /// Every field that is set, by its short name: the well-known ones in their fixed order, then
    /// the others as they were set.
    pub fn fields(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        let known = Field::ALL
            .iter()
            .filter_map(|field| self.get(*field).map(|value| (field.name(), value)));
        let extra = self.extra.iter().map(|(name, value)| (&**name, self.resolve(value)));
        known.chain(extra)
    }

    fn resolve<'e>(&'e self, value: &'e Value) -> ValueRef<'e> {
        match value {
            Value::Span { start, len } => {
                let start = *start as usize;
                let bytes = self.record.get(start..start + *len as usize).unwrap_or_default();
                ValueRef::Bytes(bytes)
            }
            Value::Text(text) => ValueRef::Bytes(text.as_bytes()),
            Value::Int(number) => ValueRef::Int(*number),
            Value::Float(number) => ValueRef::Float(*number),
            Value::Bool(flag) => ValueRef::Bool(*flag),
            Value::Ip(address) => ValueRef::Ip(*address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_point_into_the_record_and_survive_reuse() {
        let record = Bytes::from_static(b"GET /a 200");
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        event.reset(record.clone());
        event.set_bytes(Field::Path, &record[4..6]);
        event.set(Field::Status, Value::Int(200));
        event.set_bytes(Field::Host, b"elsewhere.example");
        assert_eq!(event.bytes(Field::Path), Some(&b"/a"[..]));
        assert_eq!(event.get_named("status"), Some(ValueRef::Int(200)));
        assert_eq!(event.text(Field::Host).unwrap(), "elsewhere.example");
        let kept = event.clone();
        event.reset(Bytes::from_static(b"other"));
        assert_eq!(event.get(Field::Path), None);
        assert_eq!(kept.bytes(Field::Path), Some(&b"/a"[..]));
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one() {
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        let name: Arc<str> = Arc::from("tenant");
        for number in 0..300 {
            event.set(Field::Status, Value::Int(number));
            event.set_extra(&name, Value::Int(number));
        }
        assert_eq!(event.int(Field::Status), Some(299));
        assert_eq!(event.get_named("tenant"), Some(ValueRef::Int(299)));
        assert_eq!(event.fields().count(), 2);
    }
}
