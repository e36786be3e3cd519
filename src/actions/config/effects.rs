//! The config of effects: webhooks and programs.

use crate::clock::duration_text;
use crate::secret::SecretRef;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a webhook goes: an address, or a reference to a secret that holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The address as written.
    Url(String),
    /// The address is itself a secret (chat services' incoming webhooks are).
    Secret(SecretRef),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Secret(reference) => reference.fmt(f),
        }
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if ["https://", "http://", "smtps://", "smtp://"].iter().any(|one| text.starts_with(one)) {
            return Ok(Self::Url(text));
        }
        SecretRef::parse(&text).map(Self::Secret).map_err(|_| {
            serde::de::Error::custom(
                "this `url` is neither an address nor a secret reference\nhint: write `https://…`, or `file:/path` of a file that holds the address",
            )
        })
    }
}

/// An address that is told by HTTP POST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name, for `webhook(…)` in rules.
    pub name: String,
    /// The address (`https://…`; plain `http://` only to this machine), or a secret reference that
    /// holds it.
    pub url: Destination,
    /// The key that requests are signed with; without it they are not signed.
    #[serde(default)]
    pub secret: Option<SecretRef>,
    /// The value of the `Authorization` header, as a secret reference.
    #[serde(default)]
    pub authorization: Option<SecretRef>,
    /// How long one attempt may take.
    #[serde(default = "ten_seconds", with = "duration_text")]
    pub timeout: Duration,
    /// Attempts before it is given up.
    #[serde(default = "five")]
    pub attempts: u32,
    /// Requests a minute; a fifth of them is kept for urgent ones.
    #[serde(default = "sixty")]
    pub per_minute: u32,
}

/// A program that rules may run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramConfig {
    /// Its name, for `exec(…)` in rules.
    pub name: String,
    /// Program and arguments, never a shell. A whole argument may be a placeholder: `{1}`, `{2}`, …
    /// (the values that the rule gives), `{rule}`, `{key}`, `{time}`, `{id}`, `{message}`. A value
    /// that begins with `-` is refused unless a `--` stands before it.
    pub argv: Vec<String>,
    /// It is ended after this long.
    #[serde(default = "ten_seconds", with = "duration_text")]
    pub timeout: Duration,
    /// The folder it runs in.
    #[serde(default = "root_folder")]
    pub directory: PathBuf,
    /// Runs a minute; a fifth of them is kept for urgent ones.
    #[serde(default = "sixty")]
    pub per_minute: u32,
    /// Attempts before it is given up; more than one only for a program that may be run twice.
    #[serde(default = "one")]
    pub attempts: u32,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn root_folder() -> PathBuf {
    PathBuf::from("/")
}

const fn one() -> u32 {
    1
}

const fn five() -> u32 {
    5
}

const fn sixty() -> u32 {
    60
}
