//! Records into events: one file a format, all pure and without I/O.
//!
//! In: a record's bytes, its arrival, and what the user said of the format ([`ParserConfig`]).
//! Out: an [`Event`] with kind, time and fields that point into the record, or [`Unparsed`].
//! Addresses are taken from positions that a client can't write; what the format doesn't say is
//! not set. A result depends on the record and its arrival alone, never on earlier records, so
//! reading again gives the same events.

mod scan;
mod stamp;
mod request;
mod combined;
mod syslog;
mod sshd;
mod config;

pub use config::{FORMATS, ParserConfig, ParserError};

use crate::clock::Timestamp;
use crate::event::Event;
use bytes::Bytes;

/// A record that is not of the parser's format; says what was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unparsed(pub(crate) &'static str);

/// Reads records of one format.
#[derive(Debug, Clone)]
pub struct Parser {
    format: Format,
    zone: stamp::Zone,
}

#[derive(Debug, Clone)]
enum Format {
    Combined(combined::Combined),
    Syslog,
    Sshd,
}

impl Parser {
    /// The parser of a format by its name, with all settings at their defaults.
    pub fn for_format(name: &str) -> Result<Self, ParserError> {
        Self::build(&ParserConfig { format: name.to_owned(), ..ParserConfig::default() })
    }

    /// Fills `event` from `record`, which the caller has given it by [`Event::reset`].
    ///
    /// `arrival` is when the record was read: it decides the year of stamps that have none, and
    /// which of two hours is meant when a clock change repeats one.
    pub fn parse(
        &mut self,
        record: &Bytes,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let line = record.strip_suffix(b"\r").unwrap_or(record);
        match &mut self.format {
            Format::Combined(combined) => combined.parse(line, event),
            Format::Syslog => syslog::parse(line, &self.zone, arrival, event),
            Format::Sshd => sshd::parse(line, &self.zone, arrival, event),
        }
    }
}
