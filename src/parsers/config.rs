//! What the user says of a format, and the parser built from it.

use super::{Format, Parser, combined, stamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The formats by name, as in `format = "nginx"` and `riposte parse --format nginx`.
pub const FORMATS: &[&str] = &[
    "auto",
    "nginx",
    "apache",
    "combined",
    "common",
    "nginx-error",
    "caddy",
    "traefik",
    "haproxy",
    "sshd",
    "syslog",
    "json",
    "pattern",
];

/// How records are read, as written in `riposte.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParserConfig {
    /// The format's name; `auto` looks at each line.
    pub format: String,
    /// For `nginx`: the `log_format` as written in nginx.conf, quotes and `escape=` included.
    pub log_format: Option<String>,
    /// For `pattern`: a regular expression whose named groups are the fields.
    pub pattern: Option<String>,
    /// For `json`: our field names and the keys that hold them (`ip = "client.address"`); a dot
    /// goes one object deeper. For `pattern`: our field names and groups that are named otherwise.
    pub fields: BTreeMap<String, String>,
    /// The kind of the events, where the format leaves it open (`json`, `pattern`).
    pub kind: Option<String>,
    /// How the time is written, for `json` and `pattern`; tried one after the other when absent.
    pub time_format: Option<String>,
    /// The IANA zone of stamps without an offset (`Europe/Berlin`); the machine's when absent.
    pub timezone: Option<String>,
}

impl Default for ParserConfig {
    fn default() -> Self {
        Self {
            format: "auto".to_owned(),
            log_format: None,
            pattern: None,
            fields: BTreeMap::new(),
            kind: None,
            time_format: None,
            timezone: None,
        }
    }
}

/// A format that can't be built; the text says what is wrong, then a hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParserError(pub(super) String);

impl Parser {
    /// Builds the parser that the config describes.
    pub fn build(config: &ParserConfig) -> Result<Self, ParserError> {
        let zone = match &config.timezone {
            None => stamp::Zone::system(),
            Some(name) => stamp::Zone::named(name).ok_or_else(|| {
                ParserError(format!(
                    "`{name}` is not a known time zone\nhint: use an IANA name, as in `Europe/Berlin` or `UTC`"
                ))
            })?,
        };
        let format = match config.format.as_str() {
            "nginx" | "apache" | "combined" | "common" | "auto" => {
                Format::Combined(combined::Combined::new())
            }
            "sshd" => Format::Sshd,
            "syslog" => Format::Syslog,
            other => return Err(unknown_format(other)),
        };
        Ok(Self { format, zone })
    }
}

fn unknown_format(name: &str) -> ParserError {
    let hint = match nearest(name) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("formats are {}", FORMATS.join(", ")),
    };
    ParserError(format!("`{name}` is not a log format\nhint: {hint}"))
}

/// The known format that is at most two edits away.
fn nearest(name: &str) -> Option<&'static str> {
    FORMATS
        .iter()
        .map(|known| (edits(name, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| known)
}

/// Levenshtein distance of two short names.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (line, from) in a.chars().take(64).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (place, to) in b.chars().enumerate() {
            let Some(cell) = row.get_mut(place + 1) else { break };
            let best = (diagonal + usize::from(from != to)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
