//! References as text: how each kind is written, what is refused, and how it is shown.
//!
//! In: what the config says. Out: a [`SecretRef`], or why it is none. Nothing is read here.

use super::{SecretError, SecretRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

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
            "env" | "credential" | "file" | "exec" | "vault" | "aws-sm" | "azure-kv"
                if rest.trim().is_empty() =>
            {
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
            "vault" => in_vault(rest).map_err(malformed),
            "aws-sm" => in_aws(rest).map_err(malformed),
            "azure-kv" => in_azure(rest).map_err(malformed),
            _ => Err(SecretError::Literal),
        }
    }

    /// What is fetched for it in one piece: the reference without its field. Fields of one secret
    /// belong together (a user and its password), so they come from one reading.
    pub fn document(&self) -> String {
        match self {
            Self::Vault { path, .. } => format!("vault:{path}"),
            Self::AwsSm { name, .. } => format!("aws-sm:{name}"),
            other => other.to_string(),
        }
    }

    /// The field of the document that is the secret; `None` where the whole is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Vault { field, .. } => Some(field),
            Self::AwsSm { field, .. } => field.as_deref(),
            _ => None,
        }
    }

    /// The table of the config that says how its vault is reached; `None` where no vault is asked.
    pub const fn table(&self) -> Option<&'static str> {
        match self {
            Self::Vault { .. } => Some("vaults.vault"),
            Self::AwsSm { .. } => Some("vaults.aws"),
            Self::AzureKv { .. } => Some("vaults.azure"),
            Self::Env(_) | Self::File(_) | Self::Credential(_) | Self::Exec(_) => None,
        }
    }

    /// Whether reading it costs next to nothing, so that it is read at each use.
    pub const fn is_at_hand(&self) -> bool {
        matches!(self, Self::Env(_) | Self::File(_) | Self::Credential(_))
    }
}

fn in_vault(text: &str) -> Result<SecretRef, &'static str> {
    let (path, field) = text.rsplit_once('#').unwrap_or((text, ""));
    if field.is_empty() {
        return Err("a field must follow the path: `vault:PATH#FIELD`");
    }
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.split('/').any(odd) || path.chars().any(|c| c.is_control() || c == '?') {
        return Err("the path is written as `secret/riposte`, with its mount first");
    }
    if !path.contains('/') {
        return Err("the path needs its mount: `secret/riposte`");
    }
    Ok(SecretRef::Vault { path: path.to_owned(), field: field.to_owned() })
}

fn in_aws(text: &str) -> Result<SecretRef, &'static str> {
    let (name, field) = match text.rsplit_once('#') {
        Some((_, "")) => return Err("nothing follows the `#`"),
        Some((name, field)) => (name, Some(field.to_owned())),
        None => (text, None),
    };
    let right = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-:".contains(c);
    if name.is_empty() || !name.chars().all(right) {
        return Err("a secret's name has letters, digits and `/_+=.@-`, an ARN `:` too");
    }
    Ok(SecretRef::AwsSm { name: name.to_owned(), field })
}

fn in_azure(text: &str) -> Result<SecretRef, &'static str> {
    let Some((vault, name)) = text.split_once('/') else {
        return Err("a name must follow the vault: `azure-kv:VAULT/NAME`");
    };
    let right = |part: &str, longest: usize| {
        (1..=longest).contains(&part.len())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    // The vault's name becomes a part of the address that the token goes to.
    if !right(vault, 24) || !right(name, 127) {
        return Err("vault and name have letters, digits and `-` alone");
    }
    Ok(SecretRef::AzureKv { vault: vault.to_owned(), name: name.to_owned() })
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential(name) => write!(f, "credential:{name}"),
            Self::Exec(argv) => write!(f, "exec:{}", argv.join(" ")),
            Self::Vault { path, field } => write!(f, "vault:{path}#{field}"),
            Self::AwsSm { name, field: Some(field) } => write!(f, "aws-sm:{name}#{field}"),
            Self::AwsSm { name, field: None } => write!(f, "aws-sm:{name}"),
            Self::AzureKv { vault, name } => write!(f, "azure-kv:{vault}/{name}"),
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
