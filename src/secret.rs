//! Secrets as references and as values: what a config may say (`env:NAME`, `file:PATH`,
//! `credential:NAME`, `exec:PROGRAM ARG…`, `vault:PATH#FIELD`, `aws-sm:NAME#FIELD`,
//! `azure-kv:VAULT/NAME`), and the value that can't be shown.
//!
//! In: a reference from the config. Out: a [`Secret`], read afresh at each call, so a rotated one
//! is seen. Whoever uses a secret asks `process::resolve_secret`: it runs `exec:` programs, and
//! asks the process's keeper where there is one ([`keeping`]). Fetching from vaults is the keeper's,
//! in `vaults`.

mod keeping;
mod reference;

pub use keeping::{Keeping, SecretReport, SecretState, install, keeper};

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use std::fmt;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::limits::SECRET_BYTES_MAX;

/// A secret's value. No way of printing it shows it; its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

/// Whether two values are the same; for seeing that a secret was rotated, not for judging what
/// somebody else sent.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for Secret {}

impl Secret {
    /// Takes a value over.
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }

    /// The value itself. Call it where the value is used, and keep no copy.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[secret]")
    }
}

/// Where a secret is to be had. Shown as it was written: it holds no secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of riposte's own process.
    Env(String),
    /// A file; refused when others can read it or change it.
    File(PathBuf),
    /// A systemd credential (`LoadCredential=NAME:…`), from `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// What a program prints: program and arguments, split at spaces, never through a shell.
    Exec(Vec<String>),
    /// A field of a secret in HashiCorp Vault or OpenBao.
    Vault {
        /// The path, with its mount (`secret/riposte`).
        path: String,
        /// The field.
        field: String,
    },
    /// A secret in AWS Secrets Manager.
    AwsSm {
        /// Its name or ARN.
        name: String,
        /// The field, where the secret is a JSON object; without one the whole text is the secret.
        field: Option<String>,
    },
    /// A secret in Azure Key Vault.
    AzureKv {
        /// The vault's name, the first part of its address.
        vault: String,
        /// The secret's name.
        name: String,
    },
}

/// A secret can't be had. No variant's text holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The config holds something that is no reference.
    #[error(
        "a secret must be a reference, not the secret itself\nhint: write `env:NAME`, `file:/path`, `credential:NAME`, `exec:/path/program ARG`, `vault:PATH#FIELD`, `aws-sm:NAME#FIELD` or `azure-kv:VAULT/NAME`"
    )]
    Literal,
    /// A reference without what it refers to, or with something impossible.
    #[error("`{reference}` is no secret reference: {reason}")]
    Malformed {
        /// What was written.
        reference: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The config doesn't say how that vault is reached.
    #[error(
        "the config does not say how the vault of `{reference}` is reached\nhint: add a table `[{table}]`, see docs/secrets.md"
    )]
    NotSetUp {
        /// The reference.
        reference: String,
        /// The table of the config that is missing.
        table: &'static str,
    },
    /// The place is there to be read but has nothing.
    #[error("failed to read secret `{reference}`: {reason}")]
    Unreadable {
        /// The reference.
        reference: String,
        /// Why.
        reason: String,
    },
    /// Others can read it or change it.
    #[error(
        "secret file `{path}` can be read or changed by others (mode {mode:o})\nhint: chmod 600 {path}"
    )]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else owns it.
    #[error(
        "secret file `{path}` belongs to neither root nor the user that riposte runs as\nhint: chown root {path}"
    )]
    ForeignOwner {
        /// The file.
        path: String,
    },
}

impl SecretRef {
    /// Reads the secret. A line break at its end is not part of it. Programs and vaults are not
    /// asked here: use `process::resolve_secret`, which hands everything else to this.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => self.resolve_env(name),
            Self::File(path) => self.resolve_file(path),
            Self::Credential(name) => {
                let directory = environment("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    self.unreadable("`$CREDENTIALS_DIRECTORY` is not set\nhint: add `LoadCredential=` to the service's unit")
                })?;
                self.resolve_file(&Path::new(&directory).join(name))
            }
            Self::Exec(_) => Err(self.unreadable("no program may be run here")),
            Self::Vault { .. } | Self::AwsSm { .. } | Self::AzureKv { .. } => {
                Err(SecretError::NotSetUp {
                    reference: self.to_string(),
                    table: self.table().unwrap_or("vaults"),
                })
            }
        }
    }

    fn resolve_env(&self, name: &str) -> Result<Secret, SecretError> {
        let value = environment(name).ok_or_else(|| self.unreadable("the variable is not set"))?;
        self.accept(value)
    }

    fn resolve_file(&self, path: &Path) -> Result<Secret, SecretError> {
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            // A FIFO must not hold riposte up; a regular file does not care.
            .custom_flags(nonblocking())
            .open(path)
            .map_err(|error| self.unreadable(&error.to_string()))?;
        let facts = file.metadata().map_err(|error| self.unreadable(&error.to_string()))?;
        if !facts.is_file() {
            return Err(self.unreadable("it is not a regular file"));
        }
        let mode = facts.mode() & 0o7777;
        let shown = path.display().to_string();
        // The group may read (a service's own group is a usual way), but not write.
        if mode & 0o027 != 0 {
            return Err(SecretError::Exposed { path: shown, mode });
        }
        let owner = facts.uid();
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            return Err(SecretError::ForeignOwner { path: shown });
        }
        let mut value = String::new();
        let limit = u64::try_from(SECRET_BYTES_MAX).unwrap_or(u64::MAX);
        file.by_ref()
            .take(limit.saturating_add(1))
            .read_to_string(&mut value)
            .map_err(|error| self.unreadable(&error.to_string()))?;
        self.accept(value)
    }

    /// Takes a value that was read: without its line break, neither empty nor too long.
    pub(crate) fn accept(&self, mut value: String) -> Result<Secret, SecretError> {
        let kept = value.trim_end_matches(['\n', '\r']).len();
        value.truncate(kept);
        let secret = Secret::new(value);
        if secret.reveal().is_empty() {
            return Err(self.unreadable("it is empty"));
        }
        if secret.reveal().len() > SECRET_BYTES_MAX {
            return Err(self.unreadable("it is too long for a secret"));
        }
        Ok(secret)
    }

    /// The error for a secret that can't be read.
    pub(crate) fn unreadable(&self, reason: &str) -> SecretError {
        SecretError::Unreadable { reference: self.to_string(), reason: reason.to_owned() }
    }
}

fn nonblocking() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "secrets may come from the environment, and this is their door"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
