//! Secrets from vaults: HashiCorp Vault (and OpenBao), AWS Secrets Manager, Azure Key Vault; and
//! the [`Keeper`] that holds what was read.
//!
//! In: a [`SecretRef`]. Out: a [`Document`] with its fields, and how long it is good for. One file
//! a kind; [`peer`] is the way of one exchange, [`keeper`] knows when to read again. What a secret
//! is used for is left to those who use it.

mod aws;
mod azure;
mod config;
mod container;
mod keeper;
mod peer;
mod sigv4;
mod vault;

pub use config::{AppRoleConfig, AwsConfig, AzureConfig, VaultConfig, VaultsConfig};
pub use keeper::{Keeper, Watch};

use crate::http_client;
use crate::limits::{VAULT_FIELDS_MAX, VAULT_LASTS_SECS_MAX, VAULT_WORDS_BYTES_MAX};
use crate::process::read_secret;
use crate::secret::{Secret, SecretError, SecretRef};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was read in one piece.
#[derive(Debug, Default, PartialEq, Eq)]
struct Document {
    /// The whole text, where it has one.
    whole: Option<Secret>,
    /// Its fields.
    fields: BTreeMap<String, Secret>,
    /// It is to be had anew before this has passed, where the vault says so.
    good_for: Option<Duration>,
    /// The lease that it comes with.
    lease: Option<Lease>,
}

/// A vault's word that a secret stays good for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lease {
    /// Its id; says nothing of the secret, but is not shown either.
    id: String,
    /// How long it lasts from when it was given or renewed.
    lasts: Duration,
    /// It can be renewed.
    renewable: bool,
}

impl Document {
    fn of(secret: Secret) -> Self {
        Self { whole: Some(secret), ..Self::default() }
    }

    /// Whether the secrets are the same; leases may differ.
    fn says_the_same(&self, other: &Self) -> bool {
        self.whole == other.whole && self.fields == other.fields
    }

    /// The secret of a reference.
    fn pick(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let Some(field) = reference.field() else {
            return self.whole.clone().ok_or_else(|| reference.unreadable("it has no text"));
        };
        if let Some(secret) = self.fields.get(field) {
            return reference.accept(secret.reveal().to_owned());
        }
        let names: Vec<String> =
            self.fields.keys().take(10).map(|name| format!("`{}`", name.escape_debug())).collect();
        let words = if names.is_empty() {
            "it has no fields".to_owned()
        } else {
            format!("it has no such field\nhint: it has {}", names.join(", "))
        };
        Err(reference.unreadable(&words))
    }
}

/// The fields of a JSON object: texts as they are, everything else as JSON.
fn fields(object: &serde_json::Map<String, Value>) -> BTreeMap<String, Secret> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    object
        .iter()
        .filter(|(_, value)| !value.is_null())
        .take(VAULT_FIELDS_MAX)
        .map(|(name, value)| (name.clone(), Secret::new(text(value))))
        .collect()
}

/// A member of an object; null where it has none.
fn at<'v>(value: &'v Value, key: &str) -> &'v Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// How long something lasts, in seconds that a vault wrote as a number or as a text. What is out of
/// all reason is cut: added to a moment it would be none.
fn lasting(value: &Value) -> Duration {
    let secs = match value {
        Value::String(text) => text.trim().parse().unwrap_or(0),
        other => other.as_u64().unwrap_or(0),
    };
    Duration::from_secs(secs.min(VAULT_LASTS_SECS_MAX))
}

/// A vault's own words, short, on one line, and without the secrets that it was sent.
fn words(text: &str, sent: &[&Secret]) -> String {
    let mut text = text.to_owned();
    for secret in sent.iter().filter(|secret| !secret.reveal().is_empty()) {
        text = text.replace(secret.reveal(), "[secret]");
    }
    let mut text: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    if text.len() > VAULT_WORDS_BYTES_MAX {
        let end = (0..=VAULT_WORDS_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text.trim().to_owned()
}

/// A text as a part of a path; with `keep_slash` as several of them.
fn encoded(text: &str, keep_slash: bool) -> String {
    if keep_slash { http_client::encoded_path(text) } else { http_client::encoded(text) }
}

/// The vaults of a config.
#[derive(Debug, Default)]
struct Vaults {
    vault: Option<vault::Vault>,
    aws: Option<aws::Aws>,
    azure: Option<azure::Azure>,
}

impl Vaults {
    fn new(config: &VaultsConfig) -> Self {
        Self {
            vault: config.vault.as_ref().map(vault::Vault::new),
            aws: config.aws.as_ref().map(aws::Aws::new),
            azure: config.azure.as_ref().map(azure::Azure::new),
        }
    }

    /// Reads the document of a reference, from wherever it is.
    fn read(&self, reference: &SecretRef) -> Result<Document, SecretError> {
        let told = |error: String| reference.unreadable(&error);
        let read = match (reference, &self.vault, &self.aws, &self.azure) {
            (SecretRef::Vault { path, .. }, Some(vault), ..) => vault.read(path).map_err(told),
            (SecretRef::AwsSm { name, .. }, _, Some(aws), _) => aws.read(name).map_err(told),
            (SecretRef::AzureKv { vault, name }, _, _, Some(azure)) => {
                azure.read(vault, name).map_err(told)
            }
            // What is on this machine, and vaults that aren't set up.
            _ => read_secret(reference).map(Document::of),
        }?;
        // A whole that is empty or too long is refused here, before it can replace a good one.
        match (&read.whole, reference.field()) {
            (Some(whole), None) => {
                let whole = Some(reference.accept(whole.reveal().to_owned())?);
                Ok(Document { whole, ..read })
            }
            _ => Ok(read),
        }
    }

    /// Makes a lease last longer; gives how long it lasts now.
    fn renew(&self, reference: &SecretRef, lease: &Lease) -> Result<Duration, SecretError> {
        let told = |error: String| reference.unreadable(&error);
        match &self.vault {
            Some(vault) => vault.renew(lease).map_err(told),
            None => Err(told("there is no vault that could renew it".to_owned())),
        }
    }

    /// Renews the session at a vault when it is time; when that has to be done next.
    fn tend(&self) -> Option<Instant> {
        self.vault.as_ref().and_then(vault::Vault::tend)
    }
}

#[cfg(test)]
mod tests;
