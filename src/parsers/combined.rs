//! The access log format that nginx and Apache call `combined`, its shorter form `common`, both
//! also with a leading virtual host and with the fields that people append.
//!
//! In: `198.51.100.7 - bob [10/Oct/2026:13:55:36 +0000] "GET /a?b HTTP/1.1" 200 512 "-" "curl/8"`.
//! Out: an `http` event. The address comes from the front of the line, the time from the last
//! brackets before the request's quote: a user name, which the client writes, stands between
//! them and may hold spaces and brackets, but both servers escape quotes in it. Escapes (`\x22`,
//! `\"`) stay as they are written.

use super::{Unparsed, request, scan, stamp};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind, Value};
use crate::limits;
use memchr::{memchr, memrchr};
use std::net::IpAddr;
use std::sync::Arc;

/// The extra field that the real client's address is looked for in, by `enrich`.
pub const X_FORWARDED_FOR: &str = "x_forwarded_for";

const STAMP_BYTES: usize = 26;

/// Reads combined and common lines.
#[derive(Debug, Clone)]
pub struct Combined {
    /// The last stamp read, and its moment: lines of one second are read once.
    last: Option<([u8; STAMP_BYTES], Timestamp)>,
    forwarded: Arc<str>,
}

impl Combined {
    /// A parser for combined, common and their extended forms.
    pub fn new() -> Self {
        Self { last: None, forwarded: Arc::from(X_FORWARDED_FOR) }
    }

    /// Fills the event from its record.
    #[inline]
    pub fn parse(&mut self, line: &[u8], event: &mut Event) -> Result<(), Unparsed> {
        let rest = match self.usual_head(line, event) {
            Some(rest) => rest,
            None => self.head(line, event)?,
        };
        match scan::quoted(rest) {
            Some((line, rest)) => {
                request::set_request(event, line);
                self.set_result(event, rest)
            }
            // A record cut at its limit still says who asked, and for what.
            None if line.len() >= limits::RECORD_BYTES_MAX => {
                request::set_request(event, rest);
                Ok(())
            }
            None => Err(Unparsed("the quoted request does not end")),
        }
    }

    /// The head that nearly all lines have, `ADDRESS - - [TIME] "`, in one go; gives what follows.
    /// No quote and no bracket can stand in it, so [`Self::head`] would say the same.
    #[inline]
    fn usual_head<'l>(&mut self, line: &'l [u8], event: &mut Event) -> Option<&'l [u8]> {
        let (address, rest) = if let Some((address, rest)) = scan::leading_ipv4(line) {
            (IpAddr::V4(address), rest.strip_prefix(b" ")?)
        } else {
            let (first, rest) = scan::word(line);
            // The zone of an IPv6 address may hold anything.
            (scan::ip(first).filter(|_| memchr(b'"', first).is_none())?, rest)
        };
        let (time, rest) = rest.strip_prefix(b"- - [")?.split_first_chunk::<STAMP_BYTES>()?;
        let rest = rest.strip_prefix(b"] \"")?;
        let time = self.time(time).ok()?;
        event.kind = Kind::Http;
        event.time = time;
        event.set(Field::Ip, Value::Ip(address));
        Some(rest)
    }

    /// Any head: address, perhaps a host and a user, and the time. Gives what follows its quote.
    fn head<'l>(&mut self, line: &'l [u8], event: &mut Event) -> Result<&'l [u8], Unparsed> {
        let quote = opening_quote(line).ok_or(Unparsed("no quoted request"))?;
        let (head, rest) = line.split_at_checked(quote).ok_or(Unparsed("no quoted request"))?;
        let head = head.strip_suffix(b"] ").ok_or(Unparsed("no time stamp before the request"))?;
        let bracket = memrchr(b'[', head).ok_or(Unparsed("no time stamp before the request"))?;
        let (who, time) =
            head.split_at_checked(bracket).ok_or(Unparsed("no time stamp before the request"))?;
        event.kind = Kind::Http;
        event.time = self.time(time.get(1..).unwrap_or_default())?;
        set_client(event, who)?;
        Ok(rest.get(1..).unwrap_or_default())
    }

    #[inline]
    fn time(&mut self, text: &[u8]) -> Result<Timestamp, Unparsed> {
        if let Some((last, moment)) = &self.last
            && text == last
        {
            return Ok(*moment);
        }
        let moment = stamp::access(text).ok_or(Unparsed("the time stamp is no date"))?;
        if let Ok(key) = <[u8; STAMP_BYTES]>::try_from(text) {
            self.last = Some((key, moment));
        }
        Ok(moment)
    }

    /// Status, size, referer, user agent, then whatever was appended.
    #[inline]
    fn set_result(&mut self, event: &mut Event, rest: &[u8]) -> Result<(), Unparsed> {
        let rest = rest.strip_prefix(b" ").ok_or(Unparsed("no status after the request"))?;
        let (status, after) = scan::int_word(rest);
        match status {
            Some(status) => event.set(Field::Status, Value::Int(status)),
            None if scan::word(rest).0 == b"-" => {}
            None => return Err(Unparsed("the status is no number")),
        }
        let (bytes, mut rest) = scan::int_word(after);
        if let Some(bytes) = bytes {
            event.set(Field::Bytes, Value::Int(bytes));
        }
        let mut seen_quoted = 0_u8;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix(b"\"") {
                let (text, after) = scan::quoted(inner).unwrap_or((inner, b""));
                seen_quoted = seen_quoted.saturating_add(1);
                match (seen_quoted, scan::present(text)) {
                    (1, Some(text)) => event.set_bytes(Field::Referer, text),
                    (2, Some(text)) => event.set_bytes(Field::UserAgent, text),
                    (3, Some(text)) => self.set_appended(event, text, true),
                    (4.., Some(text)) => self.set_appended(event, text, false),
                    _ => {}
                }
                rest = after.strip_prefix(b" ").unwrap_or(after);
            } else {
                let (text, after) = split_word(rest);
                self.set_appended(event, text, false);
                rest = after;
            }
        }
        Ok(())
    }

    /// A field after the known ones: times, a host, the forwarded addresses, or `name=value`.
    ///
    /// Only the first field after the user agent may be the forwarded addresses (`forwarded`): a
    /// later one that looks like them may be a header of the client's, such as `Host`.
    fn set_appended(&self, event: &mut Event, text: &[u8], forwarded: bool) {
        let (name, value) = scan::split_at_byte(text, b'=').unwrap_or((b"", text));
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        let Some(value) = scan::present(value) else {
            return;
        };
        match name {
            b"" => {}
            b"rt" | b"request_time" => return set_seconds(event, Field::Duration, value),
            b"urt" | b"upstream_response_time" => {
                return set_seconds(event, Field::UpstreamDuration, value);
            }
            b"host" => return request::set_host(event, value),
            _ => return,
        }
        if let Some(duration) = value.strip_suffix(b"ms").and_then(scan::decimal) {
            event.set(Field::Duration, Value::Float(duration / 1_000.0));
        } else if memchr(b'.', value).is_some() && scan::seconds(value).is_some() {
            let taken = event.get(Field::Duration).is_some();
            let field = if taken { Field::UpstreamDuration } else { Field::Duration };
            set_seconds(event, field, value);
        } else if ends_in_address(value) {
            if !forwarded {
                return;
            }
            let value = event.value_of_bytes(value);
            event.set_extra(&self.forwarded, value);
        } else if is_host(value) {
            request::set_host(event, value);
        }
    }
}

fn set_seconds(event: &mut Event, field: Field, text: &[u8]) {
    if let Some(seconds) = scan::seconds(text) {
        event.set(field, Value::Float(seconds));
    }
}

/// The next unquoted word; a `name="…"` goes on to its closing quote, and a list (`0.1, 0.2`)
/// over its commas.
fn split_word(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut end = memchr(b' ', rest).unwrap_or(rest.len());
    let word = rest.get(..end).unwrap_or_default();
    if let Some(at) = memchr::memmem::find(word, b"=\"") {
        let inner = rest.get(at + 2..).unwrap_or_default();
        let after = scan::quoted(inner).map_or(&b""[..], |(_, after)| after);
        end = rest.len() - after.len();
    }
    while rest.get(..end).is_some_and(|word| word.ends_with(b",")) {
        let next = rest.get(end + 1..).unwrap_or_default();
        end += 1 + memchr(b' ', next).unwrap_or(next.len());
    }
    let end = end.min(rest.len());
    let (word, after) = rest.split_at_checked(end).unwrap_or((rest, b""));
    (word, after.strip_prefix(b" ").unwrap_or(after))
}

/// The first `"` that is not escaped.
#[inline]
fn opening_quote(line: &[u8]) -> Option<usize> {
    let (before, _) = scan::quoted(line)?;
    Some(before.len())
}

/// Address, virtual host and user from what stands before the time stamp.
#[inline]
fn set_client(event: &mut Event, who: &[u8]) -> Result<(), Unparsed> {
    let mut who = who.strip_suffix(b" ").ok_or(Unparsed("no user before the time stamp"))?;
    // Traefik writes a trusted proxy's whole list: `192.0.2.1, 192.0.2.9 - bob`. The last is what
    // the nearest proxy saw.
    while let Some((one, rest)) = scan::split_at(who, b", ")
        && scan::ip(one).is_some()
    {
        who = rest;
    }
    let (first, rest) =
        scan::split_at_byte(who, b' ').ok_or(Unparsed("no client before the time stamp"))?;
    let (second, after_second) = scan::word(rest);
    let user = if let Some(address) = address_after_host(first, second) {
        event.set(Field::Ip, Value::Ip(address));
        request::set_host(event, first);
        scan::word(after_second).1
    } else {
        if let Some(address) = scan::ip(first) {
            event.set(Field::Ip, Value::Ip(address));
        }
        after_second
    };
    if let Some(user) = scan::present(user) {
        event.set_bytes(Field::User, user);
    }
    Ok(())
}

/// The client's address where a virtual host stands before it. The second word of a plain line
/// is `-`, so an address there means that the first is a host, also when it looks like an
/// address: a client may send `Host: 192.0.2.1`.
#[inline]
fn address_after_host(first: &[u8], second: &[u8]) -> Option<IpAddr> {
    if second == b"-" || first == b"-" {
        return None;
    }
    scan::ip(second)
}

/// A list of forwarded addresses ends in the one that the nearest proxy saw; before it may stand
/// anything that the client wrote.
fn ends_in_address(text: &[u8]) -> bool {
    let last = text.rsplit(|byte| *byte == b',').next().unwrap_or_default();
    scan::ip(last.trim_ascii()).is_some()
}

/// A host name as logs append it: letters, digits, `-`, `.`, at least one dot and one letter,
/// perhaps a port.
fn is_host(text: &[u8]) -> bool {
    let name = scan::without_port(text);
    name.len() <= 253
        && memchr(b'.', name).is_some()
        && name.iter().any(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// Whether a line has the shape of an access log line: a date in brackets, then a quote.
pub fn is_combined(line: &[u8]) -> bool {
    let head = opening_quote(line).and_then(|quote| line.get(..quote)?.strip_suffix(b"] "));
    head.and_then(|head| head.get(memrchr(b'[', head)? + 1..))
        .is_some_and(|time| stamp::access(time).is_some())
}
