//! What the user says of a format, and the parser built from it.

use super::assign::TimeFormat;
use super::combined::Combined;
use super::envelope::{Envelope, Enveloped};
use super::haproxy::HaProxy;
use super::log_format::LogFormat;
use super::nginx_error::NginxError;
use super::pattern::Pattern;
use super::wrapped::Wrapped;
use super::{Auto, Format, Parser, json, stamp};
use crate::event::Kind;
use crate::event::text;
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
    "logpush",
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
    /// What lies around each line; set by the source.
    #[serde(skip)]
    pub envelope: Envelope,
    /// In an envelope: programs or containers whose lines have another format, and which.
    #[serde(skip)]
    pub tags: BTreeMap<String, String>,
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
            envelope: Envelope::None,
            tags: BTreeMap::new(),
        }
    }
}

/// A format that can't be built; the text says what is wrong, then a hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParserError(pub(super) String);

impl ParserError {
    /// What is wrong with a parser that is built elsewhere, with a hint on a line of its own.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

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
        let (format, warnings) = build_format(config)?;
        let inner = Self { format, zone: zone.clone(), warnings: warnings.clone() };
        let format = match config.envelope {
            Envelope::None => return Ok(inner),
            envelope => {
                let tags = config.tags.iter().map(|(program, format)| {
                    let timezone = config.timezone.clone();
                    let config = ParserConfig {
                        format: format.clone(),
                        timezone,
                        ..ParserConfig::default()
                    };
                    Ok((program.clone(), format.clone(), Self::build(&config)?))
                });
                let tags: Vec<(String, String, Self)> = tags.collect::<Result<_, ParserError>>()?;
                if envelope == Envelope::Syslog {
                    Format::Enveloped(Box::new(Enveloped::new(&config.format, inner, tags)))
                } else {
                    let tags = tags.into_iter().map(|(name, _, parser)| (name, parser));
                    Format::Wrapped(Box::new(Wrapped::new(envelope, inner, tags.collect())))
                }
            }
        };
        Ok(Self { format, zone, warnings })
    }
}

fn build_format(config: &ParserConfig) -> Result<(Format, Vec<String>), ParserError> {
    let mut warnings = Vec::new();
    refuse_unused(config)?;
    let kind = config.kind.as_deref().map(Kind::from_name);
    let time_format = match &config.time_format {
        None => TimeFormat::Any,
        Some(text) => TimeFormat::named(text).ok_or_else(|| {
            ParserError(format!(
                "`{text}` is not a time format\nhint: write `rfc3339`, `epoch`, `epoch_ms`, or a pattern such as `%d.%m.%Y %H:%M:%S`"
            ))
        })?,
    };
    let format = match config.format.as_str() {
        "auto" => Format::Auto(Box::new(Auto {
            combined: Combined::new(),
            nginx_error: NginxError::default(),
            caddy: json::Caddy::new(),
            traefik: json::Traefik::new(),
            json: json::Json::new(&BTreeMap::new(), None, TimeFormat::Any),
            haproxy: HaProxy::new(),
        })),
        "nginx" | "apache" | "combined" | "common" => match &config.log_format {
            None => Format::Combined(Combined::new()),
            Some(text) => {
                let compiled = LogFormat::compile(text)?;
                warnings.extend_from_slice(compiled.warnings());
                Format::Described(Box::new(compiled))
            }
        },
        "nginx-error" => Format::NginxError(NginxError::default()),
        "caddy" => Format::Caddy(Box::new(json::Caddy::new())),
        "traefik" => Format::Traefik(Box::new(json::Traefik::new()), Combined::new()),
        "haproxy" => Format::HaProxy(HaProxy::new()),
        "logpush" => Format::Logpush(Box::default()),
        "json" => Format::Json(Box::new(json::Json::new(&config.fields, kind, time_format))),
        "sshd" => Format::Sshd,
        "syslog" => Format::Syslog,
        "pattern" => {
            let pattern = config.pattern.as_deref().ok_or_else(|| {
                ParserError(
                    "`pattern` is required with `format = \"pattern\"`\nhint: pattern = '^(?<ip>\\S+) (?<message>.*)'"
                        .to_owned(),
                )
            })?;
            let pattern = Pattern::new(pattern, &config.fields, kind, time_format)?;
            warnings.extend(pattern.warnings());
            Format::Pattern(Box::new(pattern))
        }
        other => return Err(unknown_format(other)),
    };
    Ok((format, warnings))
}

/// A setting that the format makes no use of is a mistake, not a wish.
fn refuse_unused(config: &ParserConfig) -> Result<(), ParserError> {
    let open = matches!(config.format.as_str(), "json" | "pattern");
    let rules = [
        (config.log_format.is_some(), "log_format", config.format == "nginx", "nginx"),
        (config.pattern.is_some(), "pattern", config.format == "pattern", "pattern"),
        (!config.fields.is_empty(), "fields", open, "json` or `pattern"),
        (config.kind.is_some(), "kind", open, "json` or `pattern"),
        (config.time_format.is_some(), "time_format", open, "json` or `pattern"),
    ];
    let unused = rules.iter().find(|(set, _, used, _)| *set && !used);
    let known = FORMATS.contains(&config.format.as_str());
    match unused.filter(|_| known) {
        None => Ok(()),
        Some((_, setting, _, formats)) => Err(ParserError(format!(
            "`{setting}` has no use with format `{}`\nhint: it is for the format `{formats}`",
            config.format
        ))),
    }
}

fn unknown_format(name: &str) -> ParserError {
    let hint = match text::nearest(name, FORMATS.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("formats are {}", FORMATS.join(", ")),
    };
    ParserError(format!("`{name}` is not a log format\nhint: {hint}"))
}
