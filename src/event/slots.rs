//! The values of an event's well-known fields, small enough that a whole event is copied by
//! copying its bytes.
//!
//! Numbers, IPv4 addresses, parts of the record and short texts lie in a slot of 16 bytes; other texts
//! from elsewhere and IPv6 addresses lie beside them.

use super::Field;
use super::value::{Value, ValueRef, part};
use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// As many fields as a line of an access log has with a query and a user.
const FIELDS_USUAL: usize = 10;

/// A text of this length fits into a slot, beside its length and what kind of slot it is.
const SHORT_BYTES: usize = 14;

/// A value, or where it lies.
#[derive(Debug, Clone, Copy)]
enum Slot {
    /// A part of the record: first byte and length.
    Span(u32, u32),
    Int(i64),
    Float(f64),
    Bool(bool),
    V4(Ipv4Addr),
    /// A text: its length, its bytes, and zeros.
    Short(u8, [u8; SHORT_BYTES]),
    /// Its place among the large ones.
    Large(u32),
}

/// What fits into no slot.
#[derive(Debug, Clone)]
enum Large {
    Text(Arc<str>),
    V6(Ipv6Addr),
}

/// Values by field.
#[derive(Debug)]
pub(super) struct Slots {
    /// For each field, 0 when absent, else its place in `held` plus one.
    index: [u8; Field::COUNT],
    held: SmallVec<[Slot; FIELDS_USUAL]>,
    large: Vec<Large>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { index: [0; Field::COUNT], held: SmallVec::new(), large: Vec::new() }
    }
}

impl Clone for Slots {
    fn clone(&self) -> Self {
        Self {
            index: self.index,
            held: SmallVec::from_slice(&self.held),
            large: self.large.clone(),
        }
    }
}

impl Slots {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.index = [0; Field::COUNT];
        self.held.clear();
        if !self.large.is_empty() {
            self.large.clear();
        }
    }

    /// Lets go what lies elsewhere; to be cleared before it is used again.
    #[inline]
    pub(super) fn let_go(&mut self) {
        if !self.large.is_empty() {
            self.large.clear();
        }
    }

    /// Sets a field; a later value replaces an earlier one.
    #[expect(clippy::inline_always, reason = "most callers know which kind of value it is")]
    #[inline(always)]
    pub(super) fn set(&mut self, field: Field, value: Value) {
        match value {
            Value::Span { start, len } => self.put(field, Slot::Span(start, len)),
            Value::Int(number) => self.put(field, Slot::Int(number)),
            Value::Float(number) => self.put(field, Slot::Float(number)),
            Value::Bool(flag) => self.put(field, Slot::Bool(flag)),
            Value::Ip(IpAddr::V4(address)) => self.put(field, Slot::V4(address)),
            Value::Ip(IpAddr::V6(address)) => self.put_large(field, Large::V6(address)),
            Value::Text(text) => self.put_large(field, Large::Text(text)),
        }
    }

    /// Sets a field to a text that is copied: without asking for memory where it is short.
    pub(super) fn set_text(&mut self, field: Field, text: &str) {
        let mut bytes = [0; SHORT_BYTES];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(text.as_bytes());
                self.put(field, Slot::Short(len, bytes));
            }
            _ => self.put_large(field, Large::Text(Arc::from(text))),
        }
    }

    #[inline]
    fn put(&mut self, field: Field, slot: Slot) {
        let Some(place) = self.index.get_mut(field as usize) else { return };
        if let Some(old) =
            usize::from(*place).checked_sub(1).and_then(|place| self.held.get_mut(place))
        {
            *old = slot;
        } else {
            self.held.push(slot);
            // There are fewer fields than a byte can count.
            *place = u8::try_from(self.held.len()).unwrap_or(0);
        }
    }

    fn put_large(&mut self, field: Field, value: Large) {
        if let Some(&Slot::Large(place)) = self.slot(field)
            && let Some(old) = self.large.get_mut(place as usize)
        {
            *old = value;
            return;
        }
        let place = u32::try_from(self.large.len()).unwrap_or(u32::MAX);
        self.large.push(value);
        self.put(field, Slot::Large(place));
    }

    #[inline]
    fn slot(&self, field: Field) -> Option<&Slot> {
        let place = usize::from(*self.index.get(field as usize)?).checked_sub(1)?;
        self.held.get(place)
    }

    /// A field's value, with the record that spans point into.
    #[inline]
    pub(super) fn get<'e>(&'e self, field: Field, record: &'e [u8]) -> Option<ValueRef<'e>> {
        Some(match *self.slot(field)? {
            Slot::Span(start, len) => ValueRef::Bytes(part(record, start, len)),
            Slot::Int(number) => ValueRef::Int(number),
            Slot::Float(number) => ValueRef::Float(number),
            Slot::Bool(flag) => ValueRef::Bool(flag),
            Slot::V4(address) => ValueRef::Ip(IpAddr::V4(address)),
            Slot::Short(len, ref bytes) => ValueRef::Bytes(short(len, bytes)),
            Slot::Large(place) => match self.large.get(place as usize)? {
                Large::Text(text) => ValueRef::Bytes(text.as_bytes()),
                Large::V6(address) => ValueRef::Ip(IpAddr::V6(*address)),
            },
        })
    }

    /// A field's value as it was set.
    pub(super) fn value(&self, field: Field) -> Option<Value> {
        Some(match *self.slot(field)? {
            Slot::Span(start, len) => Value::Span { start, len },
            Slot::Int(number) => Value::Int(number),
            Slot::Float(number) => Value::Float(number),
            Slot::Bool(flag) => Value::Bool(flag),
            Slot::V4(address) => Value::Ip(IpAddr::V4(address)),
            Slot::Short(len, ref bytes) => {
                Value::Text(String::from_utf8_lossy(short(len, bytes)).into())
            }
            Slot::Large(place) => match self.large.get(place as usize)? {
                Large::Text(text) => Value::Text(Arc::clone(text)),
                Large::V6(address) => Value::Ip(IpAddr::V6(*address)),
            },
        })
    }
}

/// The text in a slot.
#[inline]
fn short(len: u8, bytes: &[u8; SHORT_BYTES]) -> &[u8] {
    bytes.get(..usize::from(len)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_whole_whatever_its_length() {
        assert_eq!(size_of::<Slot>(), 16);
        let mut slots = Slots::default();
        for text in
            ["", "NL", "fourteen bytes", "fifteen bytes a", "Cura\u{e7}ao", &"x".repeat(300)]
        {
            slots.set_text(Field::Country, text);
            slots.set(Field::Status, Value::Int(1));
            assert_eq!(slots.get(Field::Country, b""), Some(ValueRef::Bytes(text.as_bytes())));
            assert_eq!(slots.clone().value(Field::Country), Some(Value::text(text)));
        }
    }

    #[test]
    fn every_type_comes_back_as_it_was_set_and_replaces_any_other() {
        let values = [
            Value::Span { start: 1, len: 2 },
            Value::text("elsewhere"),
            Value::Int(-1),
            Value::Ip("2001:db8::1".parse().unwrap()),
            Value::Float(0.5),
            Value::Bool(true),
            Value::text("again"),
            Value::Ip("192.0.2.1".parse().unwrap()),
        ];
        let mut slots = Slots::default();
        for field in [Field::Ip, Field::Path, Field::Country] {
            for value in &values {
                slots.set(field, value.clone());
                slots.set(Field::Status, Value::Int(200));
                assert_eq!(slots.clone().value(field).as_ref(), Some(value));
                assert_eq!(slots.get(field, b"abc"), Some(value.resolve(b"abc")));
            }
        }
        assert_eq!(slots.value(Field::Status), Some(Value::Int(200)));
        assert_eq!(slots.value(Field::Host), None);
        slots.clear();
        assert_eq!(slots.value(Field::Ip), None);
    }
}
