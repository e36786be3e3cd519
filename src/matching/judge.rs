//! Tests of single values, and values as predicates see them.

use super::value::{Comparison, Const, Val, compare};
use crate::event::net::parse_ip;
use crate::event::{ValueRef, text};
use crate::limits::SCRIPT_STRING_BYTES_MAX;
use std::borrow::Cow;
use std::net::IpAddr;

/// Whether the text has an ASCII letter in upper case.
pub(super) fn has_upper(text: &[u8]) -> bool {
    // Without an early end, so that many bytes are looked at at once.
    text.iter().fold(false, |found, byte| found | byte.is_ascii_uppercase())
}

pub(super) fn plain_value(value: ValueRef<'_>) -> Val<'_> {
    match value {
        ValueRef::Bytes(bytes) => Val::Text(Cow::Borrowed(bytes)),
        ValueRef::Int(number) => Val::Int(number),
        ValueRef::Float(number) => Val::Float(number),
        ValueRef::Bool(flag) => Val::Bool(flag),
        ValueRef::Ip(address) => Val::Ip(address),
    }
}

pub(super) fn script_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() <= SCRIPT_STRING_BYTES_MAX && bytes.is_ascii() {
        return Cow::Borrowed(bytes);
    }
    match text::for_script(bytes) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// A judgement of a part that tests a text; `()` passes no test.
pub(super) fn on_text(value: &Val<'_>, passes: impl FnOnce(&[u8]) -> bool) -> Option<Val<'static>> {
    match value {
        Val::Text(text) => Some(Val::Bool(passes(text))),
        Val::Unit => Some(Val::Bool(false)),
        _ => None,
    }
}

/// A judgement of a part that tests an address; `()` passes no test.
pub(super) fn on_address(
    value: &Val<'_>,
    read_text: bool,
    passes: impl FnOnce(IpAddr) -> bool,
) -> Option<Val<'static>> {
    let address = match value {
        Val::Ip(address) => Some(*address),
        Val::Text(text) if read_text => parse_ip(text),
        Val::Unit => None,
        _ => return None,
    };
    Some(Val::Bool(address.is_some_and(passes)))
}

pub(super) fn one_of(item: &Val<'_>, list: &[Const]) -> Option<Val<'static>> {
    for known in list {
        if compare(Comparison::Equal, &known.val(), item)? {
            return Some(Val::Bool(true));
        }
    }
    Some(Val::Bool(false))
}
