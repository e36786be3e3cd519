//! Values that a predicate names, known at load: what lowering takes from Rhai's values.

use super::values::Address;
use crate::matching::Const;
use rhai::Dynamic;
use std::ops::{Range, RangeInclusive};

/// A simple value that a predicate names.
pub(super) fn constant(value: &Dynamic) -> Result<Const, String> {
    if value.read_lock::<Address>().is_some() {
        return Err("it compares with an address".to_owned());
    }
    if value.is_unit() {
        return Ok(Const::Unit);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Const::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Const::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return Ok(Const::Float(number));
    }
    if let Ok(character) = value.as_char() {
        return Ok(Const::Char(character));
    }
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(Const::Text(text.as_str().into())),
        Err(kind) => Err(format!("it compares with a `{kind}`")),
    }
}

/// A range of whole numbers: its first and its last.
pub(super) fn range_of(value: &Dynamic) -> Option<(i64, i64)> {
    if let Some(range) = value.read_lock::<Range<i64>>() {
        return Some((range.start, range.end.checked_sub(1)?));
    }
    let range = value.read_lock::<RangeInclusive<i64>>()?;
    Some((*range.start(), *range.end()))
}

/// A text, or a character, which does for one in tests of texts.
pub(super) fn text_of(value: &Dynamic) -> Option<String> {
    if let Ok(character) = value.as_char() {
        return Some(character.to_string());
    }
    Some(value.as_immutable_string_ref().ok()?.to_string())
}

/// A list of nothing but texts.
pub(super) fn texts_of(value: &Dynamic) -> Option<Vec<String>> {
    let list = value.read_lock::<rhai::Array>()?;
    let texts = list.iter().map(|item| Some(item.as_immutable_string_ref().ok()?.to_string()));
    texts.collect()
}
