//! Lines that syslog daemons write: RFC 3164 (`Nov 24 10:00:00 host sshd[7]: …`), the ISO stamps
//! of rsyslog and journalctl, and RFC 5424; with or without the leading `<priority>`.
//!
//! In: a line. Out: its [`Header`] for the parsers of what is inside (sshd, HAProxy), or a
//! `syslog` event.

use super::stamp::{self, Zone};
use super::{Unparsed, scan};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind, Value};

/// What stands before a syslog message, and the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'r> {
    /// When it was logged.
    pub time: Timestamp,
    /// The machine that logged it.
    pub hostname: Option<&'r [u8]>,
    /// The program that logged it, without its process id.
    pub program: Option<&'r [u8]>,
    /// Its process id.
    pub pid: Option<i64>,
    /// The facility number.
    pub facility: Option<i64>,
    /// The level's name (`err`).
    pub level: Option<&'r [u8]>,
    /// The message.
    pub message: &'r [u8],
    /// How many times it was logged (`message repeated 3 times: [ … ]`).
    pub repeat: Option<i64>,
}

/// The severities of RFC 5424 §6.2.1 under the names that syslog.conf uses.
const LEVELS: [&[u8]; 8] =
    [b"emerg", b"alert", b"crit", b"err", b"warning", b"notice", b"info", b"debug"];

/// Reads the header of a line.
pub fn header<'r>(line: &'r [u8], zone: &Zone, arrival: Timestamp) -> Result<Header<'r>, Unparsed> {
    let (priority, rest) = priority(line);
    let mut header = match rest.strip_prefix(b"1 ").filter(|_| priority.is_some()) {
        Some(rest) => rfc5424(rest, zone, arrival)?,
        None => classic(rest, zone, arrival)?,
    };
    if let Some(priority) = priority {
        header.facility = Some(priority / 8);
        header.level = usize::try_from(priority % 8).ok().and_then(|at| LEVELS.get(at).copied());
    }
    if let Some((count, inner)) = repeated(header.message) {
        header.repeat = Some(count);
        header.message = inner;
    }
    Ok(header)
}

/// The number in `<38>`, and what follows.
pub(super) fn priority(line: &[u8]) -> (Option<i64>, &[u8]) {
    let inner = line.strip_prefix(b"<").and_then(|rest| scan::split_at_byte(rest, b'>'));
    match inner.and_then(|(number, rest)| Some((scan::int(number)?, rest))) {
        // 23 facilities of 8 levels (RFC 5424 §6.2.1).
        Some((number, rest)) if number <= 191 => (Some(number), rest),
        _ => (None, line),
    }
}

fn rfc5424<'r>(line: &'r [u8], zone: &Zone, arrival: Timestamp) -> Result<Header<'r>, Unparsed> {
    let (time, rest) = scan::word(line);
    let time = match scan::present(time) {
        Some(time) => {
            stamp::iso(time, zone, arrival)
                .filter(|(_, rest)| rest.is_empty())
                .ok_or(Unparsed("the syslog time stamp is no date"))?
                .0
        }
        None => arrival,
    };
    let (hostname, rest) = scan::word(rest);
    let (program, rest) = scan::word(rest);
    let (pid, rest) = scan::word(rest);
    let (_message_id, rest) = scan::word(rest);
    let message = after_structured_data(rest).ok_or(Unparsed("bad structured data"))?;
    Ok(Header {
        time,
        hostname: scan::present(hostname),
        program: scan::present(program),
        pid: scan::int(pid),
        facility: None,
        level: None,
        // A byte order mark may say that the text is UTF-8 (RFC 5424 §6.4); rsyslog leaves the space
        // that stood after the tag before the message.
        message: message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message).trim_ascii_start(),
        repeat: None,
    })
}

/// The message after `-` or `[id name="value"]…`, where `\"` and `\]` are escapes.
fn after_structured_data(bytes: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = bytes.strip_prefix(b"-") {
        return Some(rest.strip_prefix(b" ").unwrap_or(rest));
    }
    let mut rest = bytes;
    while let Some(mut inside) = rest.strip_prefix(b"[") {
        loop {
            let at = memchr::memchr2(b'"', b']', inside)?;
            let closes = inside.get(at) == Some(&b']');
            inside = inside.get(at + 1..)?;
            if closes {
                break;
            }
            inside = scan::quoted(inside)?.1;
        }
        rest = inside;
    }
    (rest.len() < bytes.len()).then(|| rest.strip_prefix(b" ").unwrap_or(rest))
}

fn classic<'r>(line: &'r [u8], zone: &Zone, arrival: Timestamp) -> Result<Header<'r>, Unparsed> {
    let (time, rest) = stamp::iso(line, zone, arrival)
        .or_else(|| stamp::syslog(line, zone, arrival))
        .ok_or(Unparsed("no syslog time stamp"))?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let rest = rest.strip_prefix(b" ").ok_or(Unparsed("nothing after the syslog time stamp"))?;
    let mut header = Header {
        time,
        hostname: None,
        program: None,
        pid: None,
        facility: None,
        level: None,
        message: rest,
        repeat: None,
    };
    // The host is the first word, unless that is the program already.
    let (first, mut after) = scan::word(rest);
    if is_tag(first) {
        after = rest;
    } else {
        header.hostname = scan::present(first);
        header.message = after;
    }
    // BusyBox writes `authpriv.info` before the program.
    let (second, after_second) = scan::word(after);
    if let Some((_, level)) = scan::split_at_byte(second, b'.')
        && is_tag(scan::word(after_second).0)
        && LEVELS.contains(&level)
    {
        header.level = Some(level);
        after = after_second;
    }
    if let Some((program, pid, message)) = tag(after) {
        header.program = Some(program);
        header.pid = pid;
        header.message = message;
    }
    Ok(header)
}

/// Whether a word is `program:` or `program[7]:`.
fn is_tag(word: &[u8]) -> bool {
    word.ends_with(b":") && word.len() > 1
}

/// Program, process id and message of `program[7]: message`.
fn tag(bytes: &[u8]) -> Option<(&[u8], Option<i64>, &[u8])> {
    let (word, message) = scan::word(bytes);
    let name = word.strip_suffix(b":").filter(|name| !name.is_empty())?;
    let with_pid = name.strip_suffix(b"]").and_then(|inner| scan::split_at_byte(inner, b'['));
    match with_pid {
        Some((program, pid)) if !program.is_empty() => Some((program, scan::int(pid), message)),
        _ => Some((name, None, message)),
    }
}

/// Count and text of `message repeated 3 times: [ text]`, as rsyslog shortens repeats.
fn repeated(message: &[u8]) -> Option<(i64, &[u8])> {
    let rest = message.strip_prefix(b"message repeated ")?;
    let (count, rest) = scan::leading_int(rest)?;
    let inner = rest.strip_prefix(b" times: [")?.strip_suffix(b"]")?;
    Some((count.max(1), inner.strip_prefix(b" ").unwrap_or(inner)))
}

/// Sets what a header says; the kind is left to the caller.
pub fn set_header(event: &mut Event, header: &Header<'_>) {
    event.time = header.time;
    let texts = [
        (Field::Hostname, header.hostname),
        (Field::Program, header.program),
        (Field::Level, header.level),
        (Field::Message, Some(header.message)),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            event.set_bytes(field, text);
        }
    }
    let numbers = [
        (Field::Pid, header.pid),
        (Field::Facility, header.facility),
        (Field::Repeat, header.repeat),
    ];
    for (field, number) in numbers {
        if let Some(number) = number {
            event.set(field, Value::Int(number));
        }
    }
}

/// Fills a `syslog` event from its record.
pub fn parse(
    line: &[u8],
    zone: &Zone,
    arrival: Timestamp,
    event: &mut Event,
) -> Result<(), Unparsed> {
    let header = header(line, zone, arrival)?;
    event.kind = Kind::Syslog;
    set_header(event, &header);
    Ok(())
}
