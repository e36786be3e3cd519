//! Records into events: one file a format, all pure and without I/O.
//!
//! In: a record's bytes, its arrival, and what the user said of the format ([`ParserConfig`]).
//! Out: an [`Event`] with kind, time and fields that point into the record, or [`Unparsed`].
//! Addresses are taken from positions that a client can't write; what the format doesn't say is
//! not set. A result depends on the record and its arrival alone, never on earlier records, so
//! reading again gives the same events.

//!
//! One exception, for safety: see [`nginx_error`].

mod config;
mod detect;

// Ground that the formats share.
mod scan;
mod stamp;
mod request;
mod json_text;
mod assign;

// The formats.
mod combined;
mod log_format;
mod nginx_error;
mod json;
mod haproxy;
mod logpush;
mod syslog;
mod sshd;
mod pattern;

// Records that come by programs.
mod framed;
mod foreign;

// What lies around lines of any format.
mod envelope;
mod wrapped;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod format_tests;

pub use combined::X_FORWARDED_FOR;
pub use config::{FORMATS, ParserConfig, ParserError};
pub use detect::{Detected, detect};
pub use envelope::Envelope;
pub use foreign::{Answer, Foreign, Line, Stopped};
pub use logpush::ADDED as LOGPUSH_FIELDS;
pub use wrapped::{Around, Fields};

use crate::clock::Timestamp;
use crate::event::{Batch, Event};
use detect::Looks;
use std::sync::Arc;

/// A record that is not of the parser's format; says what was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unparsed(pub(crate) &'static str);

/// Reads records of one format. Cheap to clone, except for `auto` and `pattern`.
#[derive(Debug, Clone)]
pub struct Parser {
    format: Format,
    zone: stamp::Zone,
    warnings: Vec<String>,
}

#[derive(Debug, Clone)]
enum Format {
    Auto(Box<Auto>),
    Combined(combined::Combined),
    Described(Box<log_format::LogFormat>),
    NginxError(nginx_error::NginxError),
    Caddy(Box<json::Caddy>),
    Traefik(Box<json::Traefik>, combined::Combined),
    Json(Box<json::Json>),
    HaProxy(haproxy::HaProxy),
    Logpush(Box<logpush::Logpush>),
    Syslog,
    Sshd,
    Pattern(Box<pattern::Pattern>),
    /// Lines with a syslog header around.
    Enveloped(Box<envelope::Enveloped>),
    /// Lines as a container's runtime keeps them.
    Wrapped(Box<wrapped::Wrapped>),
    /// Lines that somebody else reads.
    Foreign(Box<foreign::Asked>),
    /// Records of a program; lines among them are of this format.
    Framed(Box<Parser>),
}

/// All formats that `auto` tells apart.
#[derive(Debug, Clone)]
struct Auto {
    combined: combined::Combined,
    nginx_error: nginx_error::NginxError,
    caddy: json::Caddy,
    traefik: json::Traefik,
    json: json::Json,
    haproxy: haproxy::HaProxy,
}

impl Parser {
    /// The parser of a format by its name, with all settings at their defaults.
    pub fn for_format(name: &str) -> Result<Self, ParserError> {
        Self::build(&ParserConfig { format: name.to_owned(), ..ParserConfig::default() })
    }

    /// A parser whose lines somebody else reads.
    pub fn foreign(foreign: Arc<dyn Foreign>) -> Self {
        let format = Format::Foreign(Box::new(foreign::Asked::new(foreign)));
        Self { format, zone: stamp::Zone::system(), warnings: Vec::new() }
    }

    /// The same parser for records in the frames of a program's spool.
    #[must_use]
    pub fn framed(self) -> Self {
        let (zone, warnings) = (self.zone.clone(), self.warnings.clone());
        Self { format: Format::Framed(Box::new(self)), zone, warnings }
    }

    /// The same parser, with what its source knows of each stream; only containers' lines take it.
    #[must_use]
    pub fn around(mut self, around: Arc<dyn Around>) -> Self {
        if let Format::Wrapped(wrapped) = &mut self.format {
            wrapped.set_around(around);
        }
        self
    }

    /// The same parser, for stamps in another's zone.
    fn in_zone_of(mut self, other: &Self) -> Self {
        self.zone = other.zone.clone();
        self
    }

    /// Whether somebody else reads its lines.
    pub fn is_foreign(&self) -> bool {
        match &self.format {
            Format::Foreign(_) => true,
            Format::Framed(inner) => inner.is_foreign(),
            _ => false,
        }
    }

    /// To be called before the records of a batch are parsed: what somebody else reads is asked for
    /// here, all together. Formats that are read here need nothing.
    pub fn prepare(&mut self, batch: &Batch) -> Result<(), Stopped> {
        match &mut self.format {
            Format::Foreign(asked) => asked.prepare(batch, false),
            Format::Framed(inner) => match &mut inner.format {
                Format::Foreign(asked) => asked.prepare(batch, true),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// What may go wrong with the configured format, each with a hint on a line of its own: for
    /// `riposte check`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Fills `event` from `record`, which the caller has given it by [`Event::reset`] or
    /// [`Event::reset_within`].
    ///
    /// `arrival` is when the record was read: it decides the year of stamps that have none, and
    /// which of two hours is meant when a clock change repeats one. After an error the event is
    /// filled in part and must not be used.
    pub fn parse(
        &mut self,
        record: &[u8],
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let line = record.strip_suffix(b"\r").unwrap_or(record);
        let zone = &self.zone;
        match &mut self.format {
            Format::Combined(parser) => parser.parse(line, event),
            Format::Auto(auto) => auto.parse(line, zone, arrival, event),
            Format::Described(parser) => parser.parse(line, zone, arrival, event),
            Format::NginxError(parser) => parser.parse(line, zone, arrival, event),
            Format::Caddy(parser) => parser.parse(line, zone, arrival, event),
            Format::Traefik(json, _) if line.starts_with(b"{") => {
                json.parse(line, zone, arrival, event)
            }
            Format::Traefik(_, common) => common.parse(line, event),
            Format::Json(parser) => parser.parse(line, zone, arrival, event),
            Format::HaProxy(parser) => parser.parse(line, zone, arrival, event),
            Format::Logpush(parser) => parser.parse(line, zone, arrival, event),
            Format::Syslog => syslog::parse(line, zone, arrival, event),
            Format::Sshd => sshd::parse(line, zone, arrival, event),
            Format::Pattern(parser) => parser.parse(line, zone, arrival, event),
            Format::Enveloped(inner) => inner.parse(line, zone, arrival, event),
            Format::Wrapped(inner) => inner.parse(line, arrival, event),
            Format::Foreign(asked) => asked.parse(record, arrival, event),
            Format::Framed(inner) => framed::parse(inner, record, arrival, event),
        }
    }
}

impl Auto {
    fn parse(
        &mut self,
        line: &[u8],
        zone: &stamp::Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        match detect::looks(line).ok_or(Unparsed("the line is of no known format"))? {
            Looks::Combined => self.combined.parse(line, event),
            Looks::NginxError => self.nginx_error.parse(line, zone, arrival, event),
            Looks::Caddy => self.caddy.parse(line, zone, arrival, event),
            Looks::Traefik => self.traefik.parse(line, zone, arrival, event),
            Looks::Json => self.json.parse(line, zone, arrival, event),
            Looks::HaProxy => self.haproxy.parse(line, zone, arrival, event),
            Looks::Sshd => sshd::parse(line, zone, arrival, event),
            Looks::Syslog => syslog::parse(line, zone, arrival, event),
        }
    }
}
