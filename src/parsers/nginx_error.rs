//! nginx's error log: limits that were reached, failed basic authentication, missing files.
//!
//! In: `2026/11/24 10:00:00 [error] 7#7: *5 limiting requests, excess: 10.5 by zone "one",
//! client: 192.0.2.1, server: a.example, request: "GET / HTTP/1.1", host: "a.example"`.
//! Out: an `http.error` event.
//!
//! nginx writes user names, paths, requests and headers raw into this log (`ngx_log.c`,
//! `ngx_http_request.c`, read in November 2026), quotes and line breaks included, so a client can
//! write `, client: 192.0.2.8` itself. The address counts only where nothing of the client's
//! stands before it, or where it is the only one; else the event has none. A message that was
//! broken by a line break in a path taints what follows, up to the longest message there is.

#[cfg(test)]
mod tests;

use super::stamp::{self, Zone};
use super::{Unparsed, request, scan};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind, Value};
use memchr::memmem;
use std::net::IpAddr;

/// The longest message nginx writes (`NGX_MAX_ERROR_STR` in `ngx_log.h`).
const MESSAGE_BYTES_MAX: usize = 2_048;

const CLIENT: &[u8] = b", client: ";

/// Reads lines of nginx's error log.
#[derive(Debug, Clone, Default)]
pub struct NginxError {
    /// How many of the next bytes may belong to a message that a client broke in two.
    tainted_bytes: usize,
}

impl NginxError {
    /// Fills the event from its record.
    pub fn parse(
        &mut self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let tainted = self.tainted_bytes > 0;
        self.tainted_bytes = self.tainted_bytes.saturating_sub(line.len() + 1);
        let entry = Entry::read(line, zone, arrival)?;
        if entry.of_connection && memmem::find(entry.message, CLIENT).is_none() {
            let left = MESSAGE_BYTES_MAX.saturating_sub(line.len());
            self.tainted_bytes = self.tainted_bytes.max(left);
        }
        event.kind = Kind::HttpError;
        event.time = entry.time;
        event.set_bytes(Field::Level, entry.level);
        event.set(Field::Pid, Value::Int(entry.pid));
        let (said, trailer) = split_client(entry.message);
        event.set_bytes(Field::Message, said);
        let meaning = Meaning::of(said);
        if let Some(reason) = meaning.reason {
            event.set_bytes(Field::Reason, reason.as_bytes());
        }
        if meaning.failed_login {
            event.set_bytes(Field::Outcome, b"failure");
        }
        if let Some(user) = meaning.user {
            event.set_bytes(Field::User, user);
        }
        if let Some(zone) = meaning.zone {
            event.set_bytes(Field::Zone, zone);
        }
        let Some((address, rest)) = trailer else {
            return Ok(());
        };
        let only_one = clients(entry.message) == 1;
        if !tainted && (only_one || meaning.of_server) {
            event.set(Field::Ip, Value::Ip(address));
        }
        set_trailer(event, rest);
        Ok(())
    }
}

/// The parts of a line.
struct Entry<'r> {
    time: Timestamp,
    level: &'r [u8],
    pid: i64,
    /// It is about a connection (`*5`), so a client's address follows the message.
    of_connection: bool,
    message: &'r [u8],
}

impl<'r> Entry<'r> {
    fn read(line: &'r [u8], zone: &Zone, arrival: Timestamp) -> Result<Self, Unparsed> {
        let (time, rest) =
            stamp::iso(line, zone, arrival).ok_or(Unparsed("no nginx error log time stamp"))?;
        let rest = rest.strip_prefix(b" [").ok_or(Unparsed("no level after the time stamp"))?;
        let (level, rest) = scan::split_at(rest, b"] ").ok_or(Unparsed("the level has no end"))?;
        let (ids, rest) = scan::split_at(rest, b": ").ok_or(Unparsed("no process id"))?;
        let (pid, _) = scan::split_at_byte(ids, b'#')
            .and_then(|(pid, thread)| Some((scan::int(pid)?, scan::int(thread)?)))
            .ok_or(Unparsed("no process id"))?;
        let after_connection = rest
            .strip_prefix(b"*")
            .and_then(scan::leading_int)
            .and_then(|(_, rest)| rest.strip_prefix(b" "));
        Ok(Self {
            time,
            level,
            pid,
            of_connection: after_connection.is_some(),
            message: after_connection.unwrap_or(rest),
        })
    }
}

/// The message before the first `, client: ADDRESS`, the address, and what follows it.
fn split_client(message: &[u8]) -> (&[u8], Option<(IpAddr, &[u8])>) {
    for at in memmem::find_iter(message, CLIENT) {
        let (said, rest) = message.split_at_checked(at).unwrap_or_default();
        if let Some(found) = client_at(rest) {
            return (said, Some(found));
        }
    }
    (message, None)
}

fn client_at(rest: &[u8]) -> Option<(IpAddr, &[u8])> {
    let rest = rest.strip_prefix(CLIENT)?;
    let (address, rest) = match memchr::memchr(b',', rest) {
        Some(end) => rest.split_at_checked(end)?,
        None => (rest, &b""[..]),
    };
    Some((scan::ip(address)?, rest))
}

/// How often `, client: ADDRESS` occurs.
fn clients(message: &[u8]) -> usize {
    memmem::find_iter(message, CLIENT)
        .filter(|at| message.get(*at..).and_then(client_at).is_some())
        .count()
}

/// What a message means.
#[derive(Default)]
struct Meaning<'m> {
    reason: Option<&'static str>,
    user: Option<&'m [u8]>,
    zone: Option<&'m [u8]>,
    failed_login: bool,
    /// No text of the client's is in the message.
    of_server: bool,
}

impl<'m> Meaning<'m> {
    fn of(said: &'m [u8]) -> Self {
        Self::of_limit(said).or_else(|| Self::of_login(said)).unwrap_or_else(|| Self {
            reason: reason(said),
            of_server: said == b"access forbidden by rule",
            ..Self::default()
        })
    }

    /// `limiting requests, excess: 10.500 by zone "one"` (`ngx_http_limit_req_module.c`), also
    /// `limiting connections by zone "one"`, `delaying request, …` and their dry runs.
    fn of_limit(said: &'m [u8]) -> Option<Self> {
        let forms = [
            (&b"limiting requests"[..], "limit_req", "limit_req_dry_run"),
            (b"delaying request", "limit_req_delay", "limit_req_delay_dry_run"),
            (b"limiting connections", "limit_conn", "limit_conn_dry_run"),
        ];
        let (rest, real, dry) = forms
            .iter()
            .find_map(|(start, real, dry)| Some((said.strip_prefix(*start)?, *real, *dry)))?;
        let (dry_run, rest) = match rest.strip_prefix(b", dry run") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = match rest.strip_prefix(b", excess: ") {
            Some(rest) => {
                let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.'))?;
                rest.get(end..)?
            }
            None => rest,
        };
        let rest = rest.strip_prefix(b",").unwrap_or(rest).strip_prefix(b" by zone \"")?;
        let (zone, rest) = scan::split_at_byte(rest, b'"')?;
        let of_server = rest.is_empty() || rest.starts_with(b" while ");
        let reason = Some(if dry_run { dry } else { real });
        Some(Self { reason, zone: Some(zone), of_server, ..Self::default() })
    }

    /// `user "x": password mismatch`, `user "x" was not found in "FILE"`, and a missing
    /// `Authorization` (`ngx_http_auth_basic_module.c`).
    fn of_login(said: &'m [u8]) -> Option<Self> {
        if said.starts_with(b"no user/password was provided for basic authentication") {
            let reason = Some("no_credentials");
            return Some(Self { reason, failed_login: true, of_server: true, ..Self::default() });
        }
        let rest = said.strip_prefix(b"user \"")?;
        let (user, reason) = match scan::rsplit_at(rest, b"\": password mismatch") {
            Some((user, _)) => (user, "bad_password"),
            None => (scan::rsplit_at(rest, b"\" was not found in \"")?.0, "invalid_user"),
        };
        let user = Some(user);
        Some(Self { reason: Some(reason), user, failed_login: true, ..Self::default() })
    }
}

/// The reason of other messages in one word.
fn reason(said: &[u8]) -> Option<&'static str> {
    let has = |part: &[u8]| memmem::find(said, part).is_some();
    if said.starts_with(b"access forbidden by rule") || has(b"\" is forbidden") {
        Some("forbidden")
    } else if has(b"(2: No such file or directory)") || has(b"\" is not found") {
        Some("not_found")
    } else if has(b"(13: Permission denied)") {
        Some("forbidden")
    } else if said.starts_with(b"client intended to send too large body") {
        Some("too_large")
    } else if said.starts_with(b"client sent ") {
        Some("bad_request")
    } else if has(b"SSL_do_handshake() failed") {
        Some("tls")
    } else if said.starts_with(b"ModSecurity: ") || has(b"[client ") && has(b"ModSecurity") {
        Some("modsecurity")
    } else if said.starts_with(b"upstream ") || has(b"while connecting to upstream") {
        Some("upstream")
    } else {
        None
    }
}

/// Sets what follows the address: `, server: S, request: "R", upstream: "U", host: "H",
/// referrer: "X"`. All of it is the client's word already, so the first reading will do.
fn set_trailer(event: &mut Event, trailer: &[u8]) {
    let Some((_, mut rest)) = scan::split_at(trailer, b", request: \"") else {
        return;
    };
    let mut name: &[u8] = b"request";
    loop {
        let next =
            [&b"\", subrequest: \""[..], b"\", upstream: \"", b"\", host: \"", b"\", referrer: \""]
                .iter()
                .filter_map(|mark| Some((memmem::find(rest, mark)?, *mark)))
                .min();
        let (value, after) = match next {
            Some((at, mark)) => rest.split_at_checked(at).map_or((rest, None), |(value, after)| {
                (value, Some((mark, after.get(mark.len()..).unwrap_or_default())))
            }),
            None => (rest.strip_suffix(b"\"").unwrap_or(rest), None),
        };
        set_part(event, name, value);
        let Some((mark, after)) = after else { return };
        name = mark.get(3..).and_then(|mark| mark.strip_suffix(b": \"")).unwrap_or_default();
        rest = after;
    }
}

fn set_part(event: &mut Event, name: &[u8], value: &[u8]) {
    match name {
        b"request" => request::set_request(event, value),
        b"upstream" => event.set_bytes(Field::Upstream, value),
        b"host" => request::set_host(event, value),
        b"referrer" => event.set_bytes(Field::Referer, value),
        _ => {}
    }
}
