//! A reader of JSON that looks only at wanted keys and copies nothing: keys are given as a tree,
//! everything else is skipped by its brackets and quotes.
//!
//! In: one JSON object and a [`Wanted`] tree. Out: a call for each wanted scalar. Depth is bounded
//! by the tree, so no record can exhaust the stack.

use super::{Unparsed, scan};
use std::borrow::Cow;

/// A scalar as it stands in the record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'r> {
    /// The inside of a string, escapes and all; see [`unescape`].
    Text(&'r [u8]),
    /// A number as written.
    Number(&'r [u8]),
    /// True or false.
    Bool(bool),
    /// Null.
    Null,
}

/// Which keys are wanted: an object's keys, and what each stands for.
#[derive(Debug, Clone)]
pub struct Wanted<T> {
    target: Option<T>,
    children: Vec<(Box<[u8]>, Wanted<T>)>,
}

impl<T> Default for Wanted<T> {
    fn default() -> Self {
        Self { target: None, children: Vec::new() }
    }
}

/// Deeper paths are not reached; logs have three or four levels.
const DEPTH_MAX: usize = 16;

impl<T> Wanted<T> {
    /// Wants the key at `path`, whose parts are divided by dots.
    pub fn add(&mut self, path: &str, target: T) {
        let mut node = self;
        for part in path.split('.').take(DEPTH_MAX) {
            let known = node.children.iter().position(|(key, _)| **key == *part.as_bytes());
            let place = known.unwrap_or_else(|| {
                node.children.push((part.as_bytes().into(), Self::default()));
                node.children.len() - 1
            });
            let Some((_, child)) = node.children.get_mut(place) else {
                return;
            };
            node = child;
        }
        node.target = Some(target);
    }

    /// The node of a key; a key with dots in it (`source.ip`) is also looked for part by part.
    fn child(&self, key: &[u8]) -> Option<&Self> {
        let direct = self.children.iter().find(|(known, _)| **known == *key);
        if let Some((_, child)) = direct {
            return Some(child);
        }
        let (first, rest) = scan::split_at_byte(key, b'.')?;
        let (_, child) = self.children.iter().find(|(known, _)| **known == *first)?;
        child.child(rest)
    }
}

const BROKEN: Unparsed = Unparsed("no well-formed JSON object");

/// Calls `found` for each wanted scalar of the object, and `other` for each further scalar of its
/// top level (`other` gets the key as it stands).
pub fn walk<'r, 'w, T>(
    text: &'r [u8],
    wanted: &'w Wanted<T>,
    found: &mut dyn FnMut(&'w T, Scalar<'r>),
    other: &mut dyn FnMut(&'r [u8], Scalar<'r>),
) -> Result<(), Unparsed> {
    let rest = text.trim_ascii().strip_prefix(b"{").ok_or(Unparsed("no JSON object"))?;
    let rest = object(rest, wanted, found, Some(other)).ok_or(BROKEN)?;
    if rest.trim_ascii().is_empty() { Ok(()) } else { Err(BROKEN) }
}

/// Reads an object after its `{`; gives what follows its `}`.
fn object<'r, 'w, T>(
    text: &'r [u8],
    wanted: &'w Wanted<T>,
    found: &mut dyn FnMut(&'w T, Scalar<'r>),
    mut other: Option<&mut dyn FnMut(&'r [u8], Scalar<'r>)>,
) -> Option<&'r [u8]> {
    let mut rest = text.trim_ascii_start();
    if let Some(rest) = rest.strip_prefix(b"}") {
        return Some(rest);
    }
    loop {
        let (key, after) = scan::quoted(rest.strip_prefix(b"\"")?)?;
        let value = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        rest = match (wanted.child(key), &mut other) {
            (Some(node), _) => member(value, node, found)?,
            (None, Some(other)) if !matches!(value.first()?, b'{' | b'[') => {
                let (scalar, rest) = scalar(value)?;
                other(key, scalar);
                rest
            }
            _ => skip(value)?,
        };
        rest = rest.trim_ascii_start();
        if let Some(rest) = rest.strip_prefix(b"}") {
            return Some(rest);
        }
        rest = rest.strip_prefix(b",")?.trim_ascii_start();
    }
}

/// Reads the value of a wanted key: deeper, a scalar, or the first scalar of a list.
fn member<'r, 'w, T>(
    value: &'r [u8],
    node: &'w Wanted<T>,
    found: &mut dyn FnMut(&'w T, Scalar<'r>),
) -> Option<&'r [u8]> {
    match value.first()? {
        b'{' if node.children.is_empty() => skip(value),
        b'{' => object(value.get(1..)?, node, found, None),
        b'[' => {
            let first = value.get(1..)?.trim_ascii_start();
            if let Some(target) = &node.target
                && !matches!(first.first()?, b']' | b'{' | b'[')
            {
                found(target, scalar(first)?.0);
            }
            skip(value)
        }
        _ => {
            let (scalar, rest) = scalar(value)?;
            if let Some(target) = &node.target {
                found(target, scalar);
            }
            Some(rest)
        }
    }
}

fn scalar(value: &[u8]) -> Option<(Scalar<'_>, &[u8])> {
    if let Some(inner) = value.strip_prefix(b"\"") {
        let (text, rest) = scan::quoted(inner)?;
        return Some((Scalar::Text(text), rest));
    }
    let end = value
        .iter()
        .position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace())
        .unwrap_or(value.len());
    let (word, rest) = value.split_at_checked(end)?;
    let scalar = match word {
        b"true" => Scalar::Bool(true),
        b"false" => Scalar::Bool(false),
        b"null" => Scalar::Null,
        _ if matches!(word.first()?, b'-' | b'0'..=b'9') => Scalar::Number(word),
        _ => return None,
    };
    Some((scalar, rest))
}

/// Passes over any value.
fn skip(value: &[u8]) -> Option<&[u8]> {
    if !matches!(value.first()?, b'{' | b'[') {
        return Some(scalar(value)?.1);
    }
    let mut depth = 0_usize;
    let mut rest = value;
    loop {
        let at = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'))?;
        let byte = rest.get(at)?;
        let after = rest.get(at + 1..)?;
        rest = match byte {
            b'"' => scan::quoted(after)?.1,
            b'{' | b'[' => {
                depth += 1;
                after
            }
            _ => {
                depth = depth.saturating_sub(1);
                after
            }
        };
        if depth == 0 {
            return Some(rest);
        }
    }
}

/// The text of a string's inside; copied only where it holds escapes (RFC 8259 §7). Escapes that
/// are none stay as they are; half surrogates become U+FFFD.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = scan::split_at_byte(rest, b'\\') {
        out.extend_from_slice(plain);
        let Some((code, after)) = escaped.split_first() else {
            out.push(b'\\');
            return Cow::Owned(out);
        };
        rest = after;
        match code {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'"' | b'\\' | b'/' => out.push(*code),
            b'u' => rest = unicode(after, &mut out),
            other => out.extend_from_slice(&[b'\\', *other]),
        }
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// Appends the character of `XXXX` (or of a pair `XXXX\uXXXX`) and gives what follows.
fn unicode<'t>(text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    let Some((unit, mut rest)) = hex4(text) else {
        out.extend_from_slice(b"\\u");
        return text;
    };
    let mut character = char::from_u32(unit);
    if (0xd800..0xdc00).contains(&unit)
        && let Some((low, after)) = rest.strip_prefix(b"\\u").and_then(hex4)
        && (0xdc00..0xe000).contains(&low)
    {
        character = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        rest = after;
    }
    let mut buffer = [0; 4];
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    rest
}

fn hex4(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((u32::from_str_radix(digits, 16).ok().filter(|_| plain)?, rest))
}
