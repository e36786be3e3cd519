//! Small readers that all parsers share: numbers, addresses, quoted text, `-` for "absent".
//!
//! In: bytes of a record. Out: parts of them, never copies. No format is known here.

use crate::event::net;
use memchr::memchr;
use std::net::{IpAddr, Ipv4Addr};

/// What stands before and after the first `byte`; neither holds it.
#[inline]
pub fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = bytes.split_at_checked(memchr(byte, bytes)?)?;
    Some((before, rest.get(1..)?))
}

/// What stands before and after the first `needle`; neither holds it.
pub fn split_at<'b>(bytes: &'b [u8], needle: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let (before, rest) = bytes.split_at_checked(memchr::memmem::find(bytes, needle)?)?;
    Some((before, rest.get(needle.len()..)?))
}

/// What stands before and after the last `needle`; neither holds it.
pub fn rsplit_at<'b>(bytes: &'b [u8], needle: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let (before, rest) = bytes.split_at_checked(memchr::memmem::rfind(bytes, needle)?)?;
    Some((before, rest.get(needle.len()..)?))
}

/// The first word and what follows its space; the whole when there is no space.
#[inline]
pub fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    split_at_byte(bytes, b' ').unwrap_or((bytes, b""))
}

/// A whole number of 1 to 18 digits, nothing else.
#[inline]
pub fn int(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    let mut number = 0_i64;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
    }
    Some(number)
}

/// The first word as a number, where it is one of 1 to 18 digits, and what follows its space.
#[inline]
pub fn int_word(bytes: &[u8]) -> (Option<i64>, &[u8]) {
    let mut number = 0_i64;
    for (digits, byte) in bytes.iter().take(19).enumerate() {
        match byte {
            b'0'..=b'9' if digits < 18 => number = number * 10 + i64::from(byte - b'0'),
            b' ' if digits > 0 => {
                return (Some(number), bytes.get(digits + 1..).unwrap_or_default());
            }
            _ => break,
        }
    }
    let (word, rest) = word(bytes);
    (int(word), rest)
}

/// The digits at the front as a number, and what follows them.
pub fn leading_int(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    Some((int(number)?, rest))
}

/// A number with or without a fraction (`0.123`, `12`), nothing else; no sign, no exponent.
pub fn decimal(bytes: &[u8]) -> Option<f64> {
    let plain = bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if !plain || bytes.len() > 24 || !bytes.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Seconds as nginx writes upstream times: one number, or several with `, ` or ` : ` between
/// them (one for each server that was tried), which are added up; `-` counts as nothing.
pub fn seconds(bytes: &[u8]) -> Option<f64> {
    let mut total = None;
    for part in bytes.split(|byte| matches!(byte, b',' | b':' | b' ')) {
        if let Some(number) = decimal(part) {
            // Sums are rounded to microseconds, so that 0.1 and 0.02 are 0.12.
            total = Some(total.map_or(number, |sum: f64| ((sum + number) * 1e6).round() / 1e6));
        } else if !part.is_empty() && part != b"-" {
            return None;
        }
    }
    total
}

/// The bytes, unless they are empty or `-`, which is how logs write "absent".
#[inline]
pub fn present(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty() && bytes != b"-").then_some(bytes)
}

/// An address without a port: `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`.
#[inline]
pub fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(bytes) {
        return Some(IpAddr::V4(address));
    }
    let bare = bytes.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(bytes);
    // A link-local address may carry its interface (`fe80::1%eth0`), which is no part of it.
    let bare = split_at_byte(bare, b'%').map_or(bare, |(address, _)| address);
    net::parse_ip(bare)
}

/// Four numbers up to 255 without leading zeros.
#[inline]
fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    match leading_ipv4(bytes)? {
        (address, []) => Some(address),
        _ => None,
    }
}

/// The same at the front, and what follows it, which does not begin with a digit.
#[inline]
pub fn leading_ipv4(bytes: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let (first, rest) = octet(bytes)?;
    let (second, rest) = octet(rest.strip_prefix(b".")?)?;
    let (third, rest) = octet(rest.strip_prefix(b".")?)?;
    let (fourth, rest) = octet(rest.strip_prefix(b".")?)?;
    Some((Ipv4Addr::new(first, second, third, fourth), rest))
}

/// A number up to 255 without leading zeros at the front, no digit after it.
#[inline]
fn octet(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |place: usize| {
        let value = bytes.get(place)?.wrapping_sub(b'0');
        (value <= 9).then_some(u16::from(value))
    };
    let first = digit(0)?;
    let (number, length) = match (digit(1), digit(2), digit(3)) {
        (None, ..) => (first, 1),
        (Some(_), ..) if first == 0 => return None,
        (Some(second), None, _) => (first * 10 + second, 2),
        (Some(second), Some(third), None) => (first * 100 + second * 10 + third, 3),
        _ => return None,
    };
    Some((u8::try_from(number).ok()?, bytes.get(length..)?))
}

/// An address with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
///
/// `HAProxy` writes IPv6 addresses with a port and without brackets; see [`ip_colon_port`].
pub fn ip_port(bytes: &[u8]) -> Option<(IpAddr, Option<i64>)> {
    if let Some(address) = ip(bytes) {
        return Some((address, None));
    }
    let (address, port) = rsplit_at(bytes, b":")?;
    if !address.starts_with(b"[") && memchr(b':', address).is_some() {
        return None;
    }
    Some((ip(address)?, Some(port_number(port)?)))
}

/// An address and a port after the last colon, the address without brackets also in IPv6.
pub fn ip_colon_port(bytes: &[u8]) -> Option<(IpAddr, i64)> {
    let (address, port) = rsplit_at(bytes, b":")?;
    Some((ip(address)?, port_number(port)?))
}

/// A port: 0 to 65535.
pub fn port_number(bytes: &[u8]) -> Option<i64> {
    int(bytes).filter(|port| *port <= 65_535)
}

/// The text up to the closing `"` and what follows it; `bytes` begins after the opening one.
///
/// A quote after an odd number of backslashes is part of the text (Apache writes `\"`; nginx
/// writes `\x22` and never a bare quote).
#[inline]
pub fn quoted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let at = from + memchr(b'"', bytes.get(from..)?)?;
        let (text, rest) = bytes.split_at_checked(at)?;
        if !ends_escaped(text) {
            return Some((text, rest.get(1..)?));
        }
        from = at + 1;
    }
}

/// Whether the text ends in an odd number of backslashes, so that what follows is escaped.
#[inline]
fn ends_escaped(text: &[u8]) -> bool {
    text.last() == Some(&b'\\')
        && text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// A host without its port; brackets of an IPv6 address stay.
pub fn without_port(host: &[u8]) -> &[u8] {
    match rsplit_at(host, b":") {
        Some((name, port)) if port.iter().all(u8::is_ascii_digit) => {
            let bare_v6 = memchr(b':', name).is_some() && !name.ends_with(b"]");
            if bare_v6 { host } else { name }
        }
        _ => host,
    }
}
