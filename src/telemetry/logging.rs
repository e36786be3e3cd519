//! The set-up of riposte's own log: to stderr, as text or JSON, one event a line whatever is in it.
//!
//! Stages log with `tracing` and structured fields. The writer here escapes what could forge a
//! line or move a cursor, so that no field, wherever it came from, can.

use std::fmt::Write as _;
use std::io::{self, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// The log can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter doesn't parse.
    #[error(
        "`{filter}` is not a log filter: {reason}\nhint: write a level, as in `info`, or `info,riposte::actions=debug`"
    )]
    Filter {
        /// What was written.
        filter: String,
        /// Why it doesn't parse.
        reason: String,
    },
    /// A log is set up already.
    #[error("the log is set up already")]
    Twice,
}

/// Sends the process's log to stderr. `filter` is a level or a list of `target=level`
/// (`info,riposte::actions=debug`).
pub fn init_logging(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let parsed = EnvFilter::builder().parse(filter).map_err(|error| LoggingError::Filter {
        filter: filter.to_owned(),
        reason: error.to_string(),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_ansi(false)
        .with_writer(EscapedStderr);
    let done = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|_| LoggingError::Twice)
}

/// Writes whole events to stderr, with everything escaped that isn't plain text.
#[derive(Debug, Clone, Copy)]
struct EscapedStderr;

impl Write for EscapedStderr {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&escaped_line(buffer))?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl MakeWriter<'_> for EscapedStderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// One event's bytes with control and bidirectional characters escaped; only a line break at the
/// very end stays.
fn escaped_line(buffer: &[u8]) -> Vec<u8> {
    let (body, end) = match buffer.split_last() {
        Some((b'\n', body)) => (body, "\n"),
        _ => (buffer, ""),
    };
    let text = String::from_utf8_lossy(body);
    let mut out = String::with_capacity(buffer.len() + 8);
    for character in text.chars() {
        let hidden = matches!(character,
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || hidden {
            // Writing to a String can't fail.
            write!(out, "\\u{{{:x}}}", u32::from(character)).ok();
        } else {
            out.push(character);
        }
    }
    out.push_str(end);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_one_line_whatever_is_in_it() {
        let line = escaped_line("INFO user=\"a\nERROR fake\u{1b}[2J\u{202e}\"\n".as_bytes());
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "INFO user=\"a\\u{a}ERROR fake\\u{1b}[2J\\u{202e}\"\n"
        );
    }

    #[test]
    fn a_filter_that_is_none_is_told_of() {
        let error = init_logging(LogFormat::Text, "riposte=loud").unwrap_err();
        assert!(error.to_string().contains("hint: write a level"), "{error}");
    }
}
