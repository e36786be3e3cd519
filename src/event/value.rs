//! What a field holds, owned in the event ([`Value`]) and borrowed from it ([`ValueRef`]).

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// A field's value as the event keeps it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Value {
    /// Text that is part of the record: a first byte and a length.
    Span {
        /// First byte in the record.
        start: u32,
        /// Length in bytes.
        len: u32,
    },
    /// Text that is not in the record as such (an unescaped JSON string, an emitted field).
    Text(Arc<str>),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// An address; IPv4-mapped IPv6 addresses have become IPv4.
    Ip(IpAddr),
}

impl Value {
    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// An address value; an IPv4-mapped IPv6 address becomes IPv4.
    pub fn ip(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }

    /// The value as read, with the record that spans point into.
    pub(super) fn resolve<'e>(&'e self, record: &'e [u8]) -> ValueRef<'e> {
        match self {
            Self::Span { start, len } => ValueRef::Bytes(part(record, *start, *len)),
            Self::Text(text) => ValueRef::Bytes(text.as_bytes()),
            Self::Int(number) => ValueRef::Int(*number),
            Self::Float(number) => ValueRef::Float(*number),
            Self::Bool(flag) => ValueRef::Bool(*flag),
            Self::Ip(address) => ValueRef::Ip(*address),
        }
    }
}

/// A part of a record; empty where the record has no such part.
#[inline]
pub(super) fn part(record: &[u8], start: u32, len: u32) -> &[u8] {
    let start = start as usize;
    record.get(start..start.saturating_add(len as usize)).unwrap_or_default()
}

/// A field's value as read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'e> {
    /// Text; not always UTF-8.
    Bytes(&'e [u8]),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
}

impl<'e> ValueRef<'e> {
    /// The value as text: text as it is, everything else as it would be printed.
    pub fn to_text(self) -> Cow<'e, str> {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(number.to_string()),
            Self::Bool(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Self::Ip(address) => Cow::Owned(address.to_string()),
        }
    }

    /// The value in JSON.
    pub fn to_json(self) -> serde_json::Value {
        match self {
            Self::Int(number) => number.into(),
            Self::Float(number) => number.into(),
            Self::Bool(flag) => flag.into(),
            Self::Bytes(_) | Self::Ip(_) => self.to_text().into(),
        }
    }
}
