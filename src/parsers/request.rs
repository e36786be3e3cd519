//! The request line (`GET /path?query HTTP/1.1`) into method, path, query, protocol, and, where
//! the target is absolute, scheme and host (RFC 9112 §3).
//!
//! Bytes that are no request (a TLS handshake on a plain port, nothing at all) become the field
//! `request` and set neither method nor path.

use super::scan;
use crate::event::{Event, Field};

/// Longest method that counts as one; the longest in the registry of methods has 17 characters.
const METHOD_BYTES_MAX: usize = 32;

/// Sets the fields that the request line says.
#[inline]
pub fn set_request(event: &mut Event, line: &[u8]) {
    let Some((method, target, protocol)) = split(line) else {
        event.set_bytes(Field::Request, line);
        return;
    };
    event.set_bytes(Field::Method, method);
    if !protocol.is_empty() {
        event.set_bytes(Field::Protocol, protocol);
    }
    if method == b"CONNECT" && !target.starts_with(b"/") {
        set_host(event, target);
        return;
    }
    set_target(event, target);
}

/// Method, target and protocol; the protocol is empty in an HTTP/0.9 request.
#[inline]
fn split(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    let length = line.iter().take(METHOD_BYTES_MAX + 1).position(|byte| !is_letter(byte))?;
    let (method, rest) = line.split_at_checked(length)?;
    let rest = rest.strip_prefix(b" ")?;
    if method.is_empty() || rest.is_empty() {
        return None;
    }
    // The target may hold spaces where a lax server took them: the protocol is the last word.
    if let Some((target, protocol)) = usual_protocol(rest) {
        return (!target.is_empty()).then_some((method, target, protocol));
    }
    if let Some(at) = memchr::memrchr(b' ', rest) {
        let (target, protocol) = rest.split_at_checked(at)?;
        let protocol = protocol.get(1..)?;
        if protocol.starts_with(b"HTTP/") {
            return (!target.is_empty()).then_some((method, target, protocol));
        }
    }
    rest.starts_with(b"/").then_some((method, rest, &b""[..]))
}

/// Target and protocol, where the line ends in a protocol as long as `HTTP/1.1`.
#[inline]
fn usual_protocol(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (target, last) = rest.split_last_chunk::<9>()?;
    let version = last.strip_prefix(b" HTTP/")?;
    (!version.contains(&b' ')).then(|| (target, last.get(1..).unwrap_or_default()))
}

/// Sets path and query from a request target; from an absolute one scheme and host too.
#[inline]
pub fn set_target(event: &mut Event, target: &[u8]) {
    if target.first() == Some(&b'/') {
        set_path(event, target);
        return;
    }
    match absolute(target) {
        Some((scheme, authority, path)) => {
            event.set_bytes(Field::Scheme, scheme);
            set_host(event, authority);
            set_path(event, if path.is_empty() { b"/" } else { path });
        }
        None => set_path(event, target),
    }
}

/// Sets the host without its port, unless it is absent or known already.
pub fn set_host(event: &mut Event, host: &[u8]) {
    if let Some(host) = scan::present(host)
        && event.get(Field::Host).is_none()
    {
        event.set_bytes(Field::Host, scan::without_port(host));
    }
}

#[inline]
fn set_path(event: &mut Event, target: &[u8]) {
    match scan::split_at_byte(target, b'?') {
        Some((path, query)) => {
            event.set_bytes(Field::Path, path);
            event.set_bytes(Field::Query, query);
        }
        None => event.set_bytes(Field::Path, target),
    }
}

/// Scheme, authority without user part, and the rest of `http://host/path`.
fn absolute(target: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (scheme, rest) = scan::split_at(target, b"://")?;
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = scan::rsplit_at(authority, b"@").map_or(authority, |(_, host)| host);
    Some((scheme, host, path))
}
