//! `HAProxy`'s HTTP and TCP logs, with or without the syslog header before them (configuration
//! manual of `HAProxy` 3.0, sections 8.2.2 to 8.2.5, read in November 2026).
//!
//! In: `10.0.1.2:33317 [06/Feb/2026:12:14:14.655] front back/srv 10/0/30/69/109 200 2750 - - ----
//! 1/1/1/1/0 0/0 {a|b} "GET /index.html HTTP/1.1"`.
//! Out: an `http` event, or one of kind `tcp` for connections. `HAProxy` writes quotes, braces and
//! other specials in captured headers as `#XX`, so a client can't move the fields.

use super::stamp::{self, Zone};
use super::{Unparsed, request, scan, syslog};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind, Value};
use std::sync::Arc;

/// Reads `HAProxy`'s lines.
#[derive(Debug, Clone)]
pub struct HaProxy {
    tcp: Kind,
}

impl HaProxy {
    /// A parser for both formats.
    pub fn new() -> Self {
        Self { tcp: Kind::Custom(Arc::from("tcp")) }
    }

    /// Fills the event from its record.
    pub fn parse(
        &self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        match syslog::header(line, zone, arrival) {
            // What `HAProxy` says of itself and its servers.
            Ok(header) if !is_bare(header.message) => {
                event.kind = Kind::Syslog;
                syslog::set_header(event, &header);
                Ok(())
            }
            Ok(header) => self.fill(header.message, zone, arrival, event),
            Err(_) => self.fill(line, zone, arrival, event),
        }
    }

    /// Fills the event from a line without its syslog header.
    pub fn fill(
        &self,
        message: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let (client, rest) = scan::word(message);
        let (address, port) =
            scan::ip_colon_port(client).ok_or(Unparsed("no client address and port"))?;
        let (time, rest) = rest
            .strip_prefix(b"[")
            .and_then(|rest| scan::split_at(rest, b"] "))
            .ok_or(Unparsed("no time stamp after the client"))?;
        let time =
            stamp::access_in(time, zone, arrival).ok_or(Unparsed("the time stamp is no date"))?;
        let (front, rest) = scan::word(rest);
        let (back, rest) = scan::word(rest);
        let (timers, rest) = scan::word(rest);
        let server = scan::split_at_byte(back, b'/').ok_or(Unparsed("no backend and server"))?.1;
        event.time = time;
        event.set(Field::Ip, Value::Ip(address));
        event.set(Field::Port, Value::Int(port));
        // `<NOSRV>` and `<STATS>` are no servers.
        if !server.starts_with(b"<") && !server.is_empty() {
            event.set_bytes(Field::Upstream, server);
        }
        match memchr::memchr_iter(b'/', timers).count() {
            4 => http(event, front, timers, rest),
            2 => {
                event.kind = self.tcp.clone();
                set_total(event, timers, 2);
                set_bytes_read(event, scan::word(rest).0);
                Ok(())
            }
            _ => Err(Unparsed("neither HTTP nor TCP timers")),
        }
    }
}

fn http(event: &mut Event, front: &[u8], timers: &[u8], rest: &[u8]) -> Result<(), Unparsed> {
    event.kind = Kind::Http;
    // `front~` is a frontend that terminated TLS.
    if front.ends_with(b"~") {
        event.set_bytes(Field::Scheme, b"https");
    }
    set_total(event, timers, 4);
    if let Some(response) = timers.split(|byte| *byte == b'/').nth(3).and_then(scan::int) {
        event.set(Field::UpstreamDuration, Value::Float(millis(response)));
    }
    let (status, rest) = scan::word(rest);
    if let Some(status) = scan::int(status) {
        event.set(Field::Status, Value::Int(status));
    } else if status != b"-1" {
        return Err(Unparsed("the status is no number"));
    }
    let (bytes, rest) = scan::word(rest);
    set_bytes_read(event, bytes);
    let (_, line) = scan::split_at(rest, b" \"").ok_or(Unparsed("no quoted request"))?;
    // A long request is cut, and its closing quote with it.
    let line = scan::quoted(line).map_or(line, |(line, _)| line);
    request::set_request(event, line);
    Ok(())
}

/// The total time is the timer at `place`, in milliseconds; a `+` before it says that the log
/// was written before the end.
fn set_total(event: &mut Event, timers: &[u8], place: usize) {
    let total = timers.split(|byte| *byte == b'/').nth(place).unwrap_or_default();
    if let Some(total) = scan::int(total.strip_prefix(b"+").unwrap_or(total)) {
        event.set(Field::Duration, Value::Float(millis(total)));
    }
}

fn set_bytes_read(event: &mut Event, bytes: &[u8]) {
    if let Some(bytes) = scan::int(bytes.strip_prefix(b"+").unwrap_or(bytes)) {
        event.set(Field::Bytes, Value::Int(bytes));
    }
}

fn millis(number: i64) -> f64 {
    number as f64 / 1_000.0
}

/// Whether a line is `HAProxy`'s without a syslog header: `ADDRESS:PORT [`.
pub fn is_bare(line: &[u8]) -> bool {
    let (client, rest) = scan::word(line);
    scan::ip(client).is_none() && scan::ip_colon_port(client).is_some() && rest.starts_with(b"[")
}
