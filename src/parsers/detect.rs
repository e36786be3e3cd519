//! Which format a line has, seen from the front of it, where no client can write; and which one
//! a file has, from its first lines.
//!
//! In: lines. Out: a format's name and why. Each line is judged alone, so `auto` reads a file the
//! same way wherever it starts.

use super::stamp::{self, Zone};
use super::{combined, haproxy, scan, sshd, syslog};
use crate::clock::Timestamp;
use memchr::memmem;

/// The format found in the first lines of a file, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The format's name, as in `format = "…"`; `auto` when none was found.
    pub format: &'static str,
    /// What was seen, for people: `8 of 10 lines are combined access log lines`.
    pub why: String,
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// An access log line of nginx or Apache.
    Combined,
    /// A line of nginx's error log.
    NginxError,
    /// Caddy's JSON.
    Caddy,
    /// Traefik's JSON.
    Traefik,
    /// Other JSON.
    Json,
    /// `HAProxy`, with or without a syslog header.
    HaProxy,
    /// A syslog line of sshd.
    Sshd,
    /// Another syslog line.
    Syslog,
}

impl Looks {
    /// All of them, in the order in which a tie is settled: what knows more comes first.
    const ALL: [Self; 8] = [
        Self::Sshd,
        Self::HaProxy,
        Self::Caddy,
        Self::Traefik,
        Self::NginxError,
        Self::Combined,
        Self::Syslog,
        Self::Json,
    ];

    /// Whether its lines begin with a syslog header.
    pub(super) fn has_header(self) -> bool {
        matches!(self, Self::Sshd | Self::Syslog | Self::HaProxy)
    }

    fn format(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::NginxError => "nginx-error",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Json => "json",
            Self::HaProxy => "haproxy",
            Self::Sshd => "sshd",
            Self::Syslog => "syslog",
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Combined => "access log lines as nginx and Apache write them",
            Self::NginxError => "nginx error log lines",
            Self::Caddy => "Caddy access log lines (JSON with `request`)",
            Self::Traefik => "Traefik access log lines (JSON with `DownstreamStatus`)",
            Self::Json => "JSON objects",
            Self::HaProxy => "HAProxy log lines",
            Self::Sshd => "syslog lines of `sshd`",
            Self::Syslog => "syslog lines",
        }
    }
}

/// What a line looks like; `None` when it is of no known format.
pub fn looks(line: &[u8]) -> Option<Looks> {
    if line.first() == Some(&b'{') {
        return Some(json(line));
    }
    let zone = &Zone::UTC;
    if let Ok(header) = syslog::header(line, zone, Timestamp::EPOCH) {
        if is_nginx_error(line) {
            return Some(Looks::NginxError);
        }
        return Some(match header.program {
            Some(program) if sshd::is_sshd(program) => Looks::Sshd,
            Some(b"haproxy") => Looks::HaProxy,
            _ => Looks::Syslog,
        });
    }
    if haproxy::is_bare(line) {
        return Some(Looks::HaProxy);
    }
    combined::is_combined(line).then_some(Looks::Combined)
}

/// A quote in a JSON string is escaped, so `"DownstreamStatus":` can only be a key.
fn json(line: &[u8]) -> Looks {
    let has = |key: &[u8]| memmem::find(line, key).is_some();
    if has(b"\"DownstreamStatus\":") {
        Looks::Traefik
    } else if has(b"\"request\":{") && (has(b"\"remote_ip\":") || has(b"\"remote_addr\":")) {
        Looks::Caddy
    } else {
        Looks::Json
    }
}

fn is_nginx_error(line: &[u8]) -> bool {
    line.get(4) == Some(&b'/')
        && stamp::iso(line, &Zone::UTC, Timestamp::EPOCH).is_some_and(|(_, rest)| {
            rest.starts_with(b" [") && scan::split_at(rest, b"] ").is_some()
        })
}

/// At most so many lines are looked at.
const LINES_MAX: usize = 100;

/// The format of most of the lines.
pub fn detect<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Detected {
    let mut counts = [0_usize; Looks::ALL.len()];
    let mut total = 0_usize;
    for line in lines.into_iter().filter(|line| !line.trim_ascii().is_empty()).take(LINES_MAX) {
        total += 1;
        if let Some(found) = looks(line)
            && let Some(place) = Looks::ALL.iter().position(|known| *known == found)
            && let Some(count) = counts.get_mut(place)
        {
            *count += 1;
        }
    }
    let places = || counts.iter().zip(Looks::ALL);
    let count_of = |wanted| places().find(|(_, looks)| *looks == wanted).map_or(0, |(n, _)| *n);
    // The log of a machine's logins holds other programs' lines too, perhaps far more.
    let best = if count_of(Looks::Sshd) > 0 {
        places().find(|(_, looks)| *looks == Looks::Sshd)
    } else {
        places()
            .filter(|(count, _)| **count > 0)
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
    };
    match best {
        Some((count, found)) => Detected {
            format: found.format(),
            why: format!("{count} of {total} lines are {}", found.described()),
        },
        None if total == 0 => Detected { format: "auto", why: "there are no lines yet".to_owned() },
        None => {
            Detected { format: "auto", why: format!("none of {total} lines is of a known format") }
        }
    }
}
