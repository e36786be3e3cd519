//! What is heard over HTTP, and from whom, as the user writes it, and what it means.
//!
//! In: `[intake]`, where riposte listens, and `[sources.http]`, what comes to `/intake/NAME`. Out: faults
//! in words, and a [`Plan`], in which the preset's settings stand where the user has given none.

use super::preset::Preset;
use crate::clock::parse_duration;
use crate::event::text::escape;
use crate::limits;
use crate::secret::SecretRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where riposte listens for what others push, for all sources of `type = "http"` together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeConfig {
    /// An address and a port, or `unix:/path` for a proxy on the same machine. Nothing is listened at
    /// without a source of `type = "http"`.
    pub listen: String,
    /// For HTTPS: a file with the certificate and those above it, as PEM. It is read again when it
    /// changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// For HTTPS: a file with the private key, as PEM, that nobody else can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Connections at once; further ones are closed.
    pub connections_max: usize,
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".to_owned(),
            certificate: None,
            key: None,
            connections_max: limits::HTTP_CONNECTIONS_MAX,
        }
    }
}

/// Where it is listened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl IntakeConfig {
    pub(super) fn place(&self) -> Option<Listen> {
        match self.listen.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Some(Listen::Unix(PathBuf::from(path))),
            Some(_) => None,
            None => self.listen.parse().ok().map(Listen::Tcp),
        }
    }

    /// What is wrong with it, each in words with its hint.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match self.place() {
            None => faults.push(format!(
                "`intake.listen`: `{}` is no place to listen at\nhint: an address and a port, as in `127.0.0.1:8787`, or `unix:/run/riposte/intake.sock`",
                escape(&self.listen)
            )),
            Some(Listen::Unix(_)) if self.certificate.is_some() => {
                faults.push("`intake.certificate` has no use with `unix:`".to_owned());
            }
            Some(_) => {}
        }
        if self.certificate.is_some() != self.key.is_some() {
            faults
                .push("`intake.certificate` and `intake.key` are required with each other".into());
        }
        for (name, path) in [("certificate", &self.certificate), ("key", &self.key)] {
            if path.as_ref().is_some_and(|path| path.is_relative()) {
                faults.push(format!("`intake.{name}` must be an absolute path"));
            }
        }
        if self.connections_max == 0 {
            faults.push("`intake.connections_max` is 0\nhint: at least 1".to_owned());
        }
        faults
    }
}

/// What comes to `/intake/NAME`, and how its sender proves who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Who sends.
    pub preset: Preset,
    /// The secret that the sender knows too: the key of its signature, or what `secret_header` must
    /// hold. Without one, anybody can send, and rules only note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// Where there is no signature: the header that holds the secret, alone or after `Bearer `;
    /// `Authorization` when absent, for `cloudflare` `cf-webhook-auth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_header: Option<String>,
    /// How the sender signs; known for `github` and `wordpress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureConfig>,
    /// The header that names a delivery, so that a second attempt is known. Where it isn't signed and a
    /// signature is checked, or there is none, the body itself is what is known again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_header: Option<String>,
    /// The list within the body whose entries are events of their own (`alerts`, `data.items`); an
    /// entry stands in its place for `fields` (`alerts.labels.severity`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// Our field names and the headers that hold them (`event = "X-GitHub-Event"`).
    pub headers: BTreeMap<String, String>,
    /// How long a delivery is remembered, so that it comes once; `7d` when absent, for `alertmanager`
    /// and `grafana`, which repeat themselves on purpose, `5m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember: Option<String>,
    /// The longest body as it comes, in KiB; `1024` when absent, for `logpush` `8192`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_kib_max: Option<u64>,
    /// For `logpush`: the longest body once inflated, in MiB; `32` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inflated_mib_max: Option<u64>,
}

/// How a sender signs what it sends: an HMAC in a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureConfig {
    /// The header that holds it; several signatures in it are divided by spaces.
    pub header: String,
    /// What stands before it (`sha256=`, `v1,`).
    #[serde(default)]
    pub prefix: String,
    /// The hash.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How it is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// What is signed: `{body}`, with `{time}` and `{id}` where the sender signs those too
    /// (`{id}.{time}.{body}`).
    #[serde(default = "signed")]
    pub signed: String,
    /// The header with the signed time, seconds since 1970: a request that is more than five minutes
    /// off is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_header: Option<String>,
}

fn signed() -> String {
    "{body}".to_owned()
}

/// The hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    Sha256,
    /// HMAC with SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal digits, of either case.
    #[default]
    Hex,
    /// Base64 with the usual alphabet and its padding.
    Base64,
}

/// What the config comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub preset: Preset,
    pub secret: Option<SecretRef>,
    pub secret_header: String,
    pub signature: Option<SignatureConfig>,
    pub delivery_header: Option<String>,
    pub each: Option<Vec<String>>,
    /// Paths of the values that fields are made from.
    pub wanted: Vec<Vec<String>>,
    pub headers: Vec<(String, String)>,
    pub remember: Duration,
    pub body_bytes_max: usize,
    pub inflated_bytes_max: u64,
}

fn parts(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

impl HttpConfig {
    /// Where fields are found in a record: the preset's places, and the user's in their stead.
    pub fn fields(&self, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let known = self.preset.fields().iter();
        let mut all: BTreeMap<String, String> =
            known.map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
        all.extend(own.iter().map(|(name, path)| (name.clone(), path.clone())));
        all
    }

    /// Names of the fields that its events have beside those of their bodies.
    pub fn added(&self) -> Vec<String> {
        let own = self.headers.keys().cloned();
        let known = self.preset.headers().iter().map(|(name, _)| (*name).to_owned());
        known.chain(own).chain(["sender".to_owned()]).collect()
    }

    /// Whether only senders that prove who they are can be heard.
    pub fn is_authenticated(&self) -> bool {
        self.secret.is_some()
    }

    fn signature(&self) -> Option<SignatureConfig> {
        let shipped = || self.secret.as_ref().and_then(|_| self.preset.signature());
        self.signature.clone().or_else(shipped)
    }

    fn remember(&self) -> Option<Duration> {
        match &self.remember {
            Some(text) => parse_duration(text).ok(),
            None => Some(Duration::from_secs(self.preset.remember_secs())),
        }
    }

    pub(super) fn plan(&self, fields: &BTreeMap<String, String>) -> Plan {
        let usual = self.preset.headers().iter();
        let usual = usual.filter(|(name, _)| !self.headers.contains_key(*name));
        let usual = usual.map(|(name, header)| ((*name).to_owned(), (*header).to_owned()));
        let own = self.headers.iter().map(|(name, header)| (name.clone(), header.clone()));
        let shipped = |text: Option<&str>| text.map(str::to_owned);
        let kib = self.body_kib_max.unwrap_or(self.preset.body_kib());
        let mib = self.inflated_mib_max.unwrap_or(limits::HTTP_INFLATED_MIB);
        let header = self.secret_header.clone();
        Plan {
            preset: self.preset,
            secret: self.secret.clone(),
            secret_header: header.unwrap_or_else(|| self.preset.secret_header().to_owned()),
            signature: self.signature(),
            delivery_header: self
                .delivery_header
                .clone()
                .or_else(|| shipped(self.preset.delivery_header())),
            each: self.each.as_deref().or(self.preset.each()).map(parts),
            wanted: self.fields(fields).values().map(|path| parts(path)).collect(),
            headers: usual.chain(own).collect(),
            remember: self.remember().unwrap_or_default(),
            body_bytes_max: usize::try_from(kib.saturating_mul(1024)).unwrap_or(usize::MAX),
            inflated_bytes_max: mib.saturating_mul(1024 * 1024),
        }
    }

    /// What is wrong with it, each in words with its hint.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let headers = [&self.secret_header, &self.delivery_header].into_iter().flatten();
        let of_signature = self.signature.iter().flat_map(|signature| {
            [Some(&signature.header), signature.time_header.as_ref()].into_iter().flatten()
        });
        for header in headers.chain(of_signature).chain(self.headers.values()) {
            if !is_header(header) {
                let header = escape(header);
                faults.push(format!("`{header}` can't be the name of a header"));
            }
        }
        if self.secret.is_none() && self.signature.is_some() {
            faults.push("`secret` is required with `signature`\nhint: `secret = \"file:/etc/riposte/hook.secret\"`".to_owned());
        }
        if self.secret_header.is_some() && (self.secret.is_none() || self.signature().is_some()) {
            faults.push(
                "`secret_header` has no use without `secret`, or with a signature".to_owned(),
            );
        }
        if let Some(signature) = self.signature() {
            faults.extend(self.faults_of(&signature));
        }
        if self.each.as_deref().is_some_and(|each| each.split('.').any(str::is_empty)) {
            faults.push("`each` is no path\nhint: as in `alerts` or `data.items`".to_owned());
        }
        let whole = self.preset == Preset::Logpush;
        if whole && self.each.is_some() {
            faults.push("`each` has no use with `logpush`: each line is an event".to_owned());
        }
        if !whole && self.inflated_mib_max.is_some() {
            faults.push("`inflated_mib_max` has no use without `preset = \"logpush\"`".to_owned());
        }
        if self.headers.len() > limits::HTTP_FIELDS_MAX {
            faults.push(format!("`headers` names more than {}", limits::HTTP_FIELDS_MAX));
        }
        let most = Duration::from_secs(limits::HTTP_REMEMBER_SECS_MAX);
        match (&self.remember, self.remember()) {
            (Some(text), None) => {
                faults.push(format!("`remember`: `{}` is no duration", escape(text)));
            }
            (_, Some(time)) if time < Duration::from_mins(1) || time > most => {
                faults.push("`remember` is not between `1m` and `30d`".to_owned());
            }
            _ => {}
        }
        for (name, given, most) in [
            ("body_kib_max", self.body_kib_max, limits::HTTP_BODY_KIB_MAX),
            ("inflated_mib_max", self.inflated_mib_max, limits::HTTP_INFLATED_MIB_MAX),
        ] {
            if given.is_some_and(|given| given == 0 || given > most) {
                faults.push(format!("`{name}` is not between 1 and {most}"));
            }
        }
        faults
    }

    fn faults_of(&self, signature: &SignatureConfig) -> Vec<String> {
        let mut faults = Vec::new();
        let names = |what: &str| signature.signed.matches(what).count();
        if names("{body}") != 1 || names("{time}") > 1 || names("{id}") > 1 {
            faults.push(
                "`signed` must hold `{body}` once, `{time}` and `{id}` at most once\nhint: `signed = \"{time}.{body}\"`".to_owned(),
            );
        }
        if (names("{time}") == 1) != signature.time_header.is_some() {
            faults.push("`time_header` and `{time}` in `signed` are required with each other\nhint: a time that isn't signed proves nothing".to_owned());
        }
        let delivery = self.delivery_header.as_deref().or(self.preset.delivery_header());
        if names("{id}") == 1 && delivery.is_none() {
            faults.push("`delivery_header` is required with `{id}` in `signed`".to_owned());
        }
        faults
    }
}

/// Whether it can be a header's name (RFC 9110, 5.1).
fn is_header(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= limits::HTTP_FIELD_BYTES_MAX && name.bytes().all(plain)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
