//! Pure functions on text for predicates, keys and bodies: patterns, decoding, lists.
//!
//! Native work is charged as operations, so that a loop over costly calls meets the limit early.

use super::book::{Api, Place};
use super::context::{charge, limit_error, value_error};
use super::patterns;
use super::values::cut;
use crate::limits;
use crate::matching::{self, Const};
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, NativeCallContext};

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// A byte of native work costs this fraction of an operation.
const BYTES_PER_OPERATION: usize = 32;

/// Registers the text functions.
pub(super) fn register(api: &mut Api<'_>) {
    register_patterns(api);
    register_lists(api);
    register_decoding(api);
    register_numbers(api);
}

fn register_patterns(api: &mut Api<'_>) {
    api.doc(
        Place::Pure,
        "matches",
        "text.matches(pattern)",
        "Whether a regular expression matches anywhere in the text (syntax of Rust's regex crate: linear time, no look-around).",
        r#"e.path.matches("^/wp-(login|signup)[.]php$")"#,
    )
    .register_fn("matches", |context: NativeCallContext, text: &str, pattern: &str| -> Answer<bool> {
        let regex = compiled(&context, pattern)?;
        charge(&context, 1 + text.len() / (BYTES_PER_OPERATION / 4))?;
        Ok(regex.is_match(text))
    });
    api.doc(
        Place::Pure,
        "capture",
        "text.capture(pattern)",
        "What the first group of a regular expression matched (the whole match where it has no group), or `()`.",
        r#"e.path.capture("^/shop/([a-z]+)/") == "admin""#,
    )
    .register_fn("capture", |context: NativeCallContext, text: &str, pattern: &str| -> Answer<Dynamic> {
        let regex = compiled(&context, pattern)?;
        charge(&context, 1 + text.len() / (BYTES_PER_OPERATION / 8))?;
        Ok(capture(&regex, text).map_or(Dynamic::UNIT, Dynamic::from))
    });
}

fn compiled(context: &NativeCallContext, pattern: &str) -> Answer<std::sync::Arc<regex::Regex>> {
    match patterns::get(pattern) {
        Ok((regex, fresh)) => {
            if fresh {
                charge(context, patterns::COMPILE_OPERATIONS)?;
            }
            Ok(regex)
        }
        Err(text) if pattern.len() > limits::RULE_PATTERN_BYTES_MAX => {
            Err(limit_error(context, text))
        }
        Err(text) => Err(value_error(context, text)),
    }
}

/// Whether `holds` is true for any text of a list.
fn any(
    context: &NativeCallContext,
    text: &str,
    list: &Array,
    holds: impl Fn(&str, &str) -> bool,
) -> Answer<bool> {
    charge(context, list.len() * (1 + text.len() / BYTES_PER_OPERATION))?;
    for item in list {
        let part = item.as_immutable_string_ref().map_err(|kind| {
            value_error(context, format!("the list holds a `{kind}`, not only text"))
        })?;
        if holds(text, &part) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn register_lists(api: &mut Api<'_>) {
    api.doc(
        Place::Pure,
        "contains_any",
        "text.contains_any(list)",
        "Whether the text contains any text of a list.",
        r#"e.path.contains_any(["/.git/", "/.env"])"#,
    )
    .register_fn("contains_any", |context: NativeCallContext, text: &str, list: Array| {
        any(&context, text, &list, |text, part| text.contains(part))
    });
    api.doc(
        Place::Pure,
        "starts_with_any",
        "text.starts_with_any(list)",
        "Whether the text begins with any text of a list.",
        r#"e.path.starts_with_any(["/wp-admin/", "/administrator/"])"#,
    )
    .register_fn("starts_with_any", |context: NativeCallContext, text: &str, list: Array| {
        any(&context, text, &list, |text, part| text.starts_with(part))
    });
    api.doc(
        Place::Pure,
        "ends_with_any",
        "text.ends_with_any(list)",
        "Whether the text ends with any text of a list.",
        r#"e.path.ends_with_any([".php", ".asp", ".jsp"])"#,
    )
    .register_fn("ends_with_any", |context: NativeCallContext, text: &str, list: Array| {
        any(&context, text, &list, |text, part| text.ends_with(part))
    });
}

fn register_decoding(api: &mut Api<'_>) {
    api.doc(
        Place::Pure,
        "url_decode",
        "text.url_decode()",
        "The text with `%XX` and `+` decoded once; bytes that are not UTF-8 become U+FFFD.",
        r#"e.query.url_decode().url_decode().to_lower().contains("<script")"#,
    )
    .register_fn("url_decode", |context: NativeCallContext, text: &str| -> Answer<String> {
        charge(&context, 1 + text.len() / BYTES_PER_OPERATION)?;
        Ok(url_decode(text))
    });
    api.doc(
        Place::Pure,
        "query_value",
        "query.query_value(name)",
        "The first value of a query parameter, decoded once, or `()`.",
        r#"e.query.query_value("author") == "1""#,
    )
    .register_fn(
        "query_value",
        |context: NativeCallContext, query: &str, name: &str| -> Answer<Dynamic> {
            charge(&context, 1 + query.len() / BYTES_PER_OPERATION)?;
            Ok(query_value(query, name).map_or(Dynamic::UNIT, Dynamic::from))
        },
    );
}

fn register_numbers(api: &mut Api<'_>) {
    api.doc(
        Place::Pure,
        "to_number",
        "text.to_number()",
        "The number that a text holds, or `()`.",
        r#"e.query.query_value("page").to_number() > 1000"#,
    )
    .register_fn("to_number", |text: &str| match matching::number(text) {
        Const::Int(number) => Dynamic::from(number),
        Const::Float(number) => number.into(),
        _ => Dynamic::UNIT,
    });
    api.doc(
        Place::Pure,
        "shorten",
        "text.shorten(characters)",
        "The text cut to a number of characters, with a mark.",
        r#"e.user_agent.shorten(40) == "curl/8""#,
    )
    .register_fn("shorten", |text: &str, characters: i64| -> ImmutableString {
        let characters = usize::try_from(characters).unwrap_or(0);
        match text.char_indices().nth(characters) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
            None => text.into(),
        }
    });
}

/// What the first group of a pattern matched; the whole match where it has no group, or where the
/// group took no part in it.
pub(super) fn capture(regex: &regex::Regex, text: &str) -> Option<String> {
    let found = if regex.captures_len() == 1 {
        regex.find(text)
    } else {
        regex.captures(text).and_then(|groups| groups.get(1).or_else(|| groups.get(0)))
    };
    Some(found?.as_str().to_owned())
}

/// The first value of a query parameter, decoded once.
pub(super) fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (url_decode(key) == name).then(|| url_decode(value))
    })
}

/// Percent-decoding, `+` as space, once.
pub(super) fn url_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = (bytes.get(at + 1), bytes.get(at + 2));
        match (byte, digits) {
            (b'%', (Some(&high), Some(&low)))
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(hex(high) * 16 + hex(low));
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    let decoded = String::from_utf8_lossy(&out);
    cut(&decoded, limits::SCRIPT_STRING_BYTES_MAX * 2).into_owned()
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}
