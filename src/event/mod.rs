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
pub mod added;
mod value;
mod slots;
mod spare;
mod json;
mod codec;
mod schema;
mod brought;

pub use brought::{Brought, Refused, Said, What};
pub use field::Field;
pub use key::{Key, KeyPart};
pub use kind::Kind;
pub use schema::{FieldKind, Schema};
pub use spare::Spares;
pub use value::{Value, ValueRef};

use crate::clock::Timestamp;
use bytes::Bytes;
use slots::Slots;
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

    /// The same, borrowed: nothing is counted for it.
    #[inline]
    pub fn line(&self, index: usize) -> Option<(&RecordSpan, &[u8])> {
        let span = self.records.get(index)?;
        let start = span.start as usize;
        Some((span, self.block.get(start..start.checked_add(span.len as usize)?)?))
    }
}

/// Something that happened, with its time and typed fields.
///
/// Made to be reused: a parser fills the same event again and again ([`Event::reset`]), and only
/// what a rule may care about is cloned out. Text fields are spans into the record, and the record
/// is a span of its batch's block, so that filling an event copies and counts nothing.
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
    block: Bytes,
    /// The record's first byte in the block, and its length.
    start: usize,
    len: usize,
    slots: Slots,
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
            block: Bytes::new(),
            start: 0,
            len: 0,
            slots: Slots::default(),
            extra: Vec::new(),
        }
    }

    /// Empties the event and gives it the record that the next spans point into.
    pub fn reset(&mut self, record: Bytes) {
        self.start = 0;
        self.len = record.len();
        self.block = record;
        self.clear();
    }

    /// The same for a record that is a part of a block: `len` bytes from `start` on. The block's
    /// references are counted once for all records of it that follow each other.
    #[inline]
    pub fn reset_within(&mut self, block: &Bytes, span: &RecordSpan) {
        // What the event holds can't have gone, so the same place means the same bytes.
        if self.block.as_ptr() != block.as_ptr() || self.block.len() != block.len() {
            self.block = block.clone();
        }
        self.start = span.start as usize;
        let after = block.len().checked_sub(self.start);
        self.len = after.map_or(0, |after| after.min(span.len as usize));
        self.clear();
    }

    #[inline]
    fn clear(&mut self) {
        self.kind = Kind::Log;
        self.time = Timestamp::EPOCH;
        self.offset = 0;
        self.line = 0;
        self.slots.clear();
        self.extra.clear();
    }

    /// The record's bytes as they came; empty for events that rules emit.
    #[inline]
    pub fn record(&self) -> &[u8] {
        self.block.get(self.start..self.start.saturating_add(self.len)).unwrap_or_default()
    }

    /// The same as a part of its block, for who keeps it.
    pub fn record_bytes(&self) -> Bytes {
        self.block.slice_ref(self.record())
    }

    /// Gives the event a copy of its record, so that it no longer keeps the block alive that the
    /// record is a part of.
    pub fn own_record(&mut self) {
        self.block = Bytes::copy_from_slice(self.record());
        self.start = 0;
    }

    /// Lets go what it holds of others: record, texts, names. What else it says means nothing until
    /// it is reset.
    fn let_go(&mut self) {
        self.block = Bytes::new();
        self.start = 0;
        self.len = 0;
        self.kind = Kind::Log;
        self.slots.let_go();
        self.extra.clear();
    }

    /// Sets a field; a later value replaces an earlier one.
    #[expect(clippy::inline_always, reason = "most callers know which kind of value it is")]
    #[inline(always)]
    pub fn set(&mut self, field: Field, value: Value) {
        self.slots.set(field, value);
    }

    /// Sets a text field to a copy of a text from elsewhere.
    #[inline]
    pub fn set_text(&mut self, field: Field, text: &str) {
        self.slots.set_text(field, text);
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
    #[inline]
    pub fn value_of_bytes(&self, bytes: &[u8]) -> Value {
        // The record lies in the block, always: there is no need to look at it.
        let record = (self.block.as_ptr() as usize).wrapping_add(self.start);
        let start = (bytes.as_ptr() as usize).wrapping_sub(record);
        let inside = start <= self.len && bytes.len() <= self.len - start;
        match (inside, u32::try_from(start), u32::try_from(bytes.len())) {
            (true, Ok(start), Ok(len)) => Value::Span { start, len },
            _ => copied(bytes),
        }
    }

    /// The value of a well-known field.
    #[inline]
    pub fn get(&self, field: Field) -> Option<ValueRef<'_>> {
        self.slots.get(field, self.record())
    }

    /// The value of any field by its short name, well-known or not.
    pub fn get_named(&self, name: &str) -> Option<ValueRef<'_>> {
        if let Some(field) = Field::from_name(name) {
            return self.get(field);
        }
        let (_, value) = self.extra.iter().find(|(known, _)| &**known == name)?;
        Some(value.resolve(self.record()))
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
        let extra = self.extra.iter().map(|(name, value)| (&**name, value.resolve(self.record())));
        known.chain(extra)
    }
}

#[cold]
fn copied(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into())
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
