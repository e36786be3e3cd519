//! Secrets as references and as values: what a config may say (`env:NAME`, `file:PATH`,
//! `credential:NAME`, `exec:PROGRAM ARG…`), and the value that can't be shown.
//!
//! In: a reference from the config. Out: a [`Secret`], read afresh at each call, so a rotated one
//! is seen. `exec:` runs a program and is left to `process::resolve_secret`; vaults are left to
//! `vaults`.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::limits::SECRET_BYTES_MAX;

/// A secret's value. No way of printing it shows it; its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

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
}

/// A secret can't be had. No variant's text holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The config holds something that is no reference.
    #[error(
        "a secret must be a reference, not the secret itself\nhint: write `env:NAME`, `file:/path`, `credential:NAME` or `exec:/path/program ARG`"
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
    /// A scheme that is known but not built in.
    #[error(
        "secret references of the scheme `{scheme}` are not available in this version\nhint: use `exec:/path/program ARG` with that vault's own command line"
    )]
    NotAvailable {
        /// The scheme.
        scheme: String,
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
    /// Reads a reference; anything else is refused, and its text is not repeated, because it may
    /// be the secret itself.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(SecretError::Literal);
        };
        let malformed =
            |reason| SecretError::Malformed { reference: format!("{scheme}:…"), reason };
        match scheme {
            "env" | "credential" | "file" | "exec" if rest.trim().is_empty() => {
                Err(malformed("nothing follows the colon"))
            }
            "env" => Ok(Self::Env(rest.to_owned())),
            "credential" if rest.contains('/') || rest.starts_with('.') => {
                Err(malformed("a credential is a name, not a path"))
            }
            "credential" => Ok(Self::Credential(rest.to_owned())),
            "file" if rest.starts_with('/') => Ok(Self::File(PathBuf::from(rest))),
            "file" => Err(malformed("the path must be absolute")),
            "exec" if rest.starts_with('/') => {
                Ok(Self::Exec(rest.split_whitespace().map(str::to_owned).collect()))
            }
            "exec" => Err(malformed("the program's path must be absolute")),
            "vault" | "aws-sm" | "azure-kv" => {
                Err(SecretError::NotAvailable { scheme: scheme.to_owned() })
            }
            _ => Err(SecretError::Literal),
        }
    }

    /// Reads the secret. A line break at its end is not part of it. `Exec` is not resolved here:
    /// use `process::resolve_secret`, which hands everything else to this.
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

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential(name) => write!(f, "credential:{name}"),
            Self::Exec(argv) => write!(f, "exec:{}", argv.join(" ")),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
