//! What is read of Cloudflare, and with which token.

use crate::cloudflare::status_page::STATUS_PAGE;
use crate::cloudflare::{BASE, check_base};
use crate::secret::SecretRef;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// What rules of Cloudflare's did to requests: `cloudflare.firewall`.
    Firewall,
    /// The audit log: who changed what in the account: `cloudflare.audit`.
    Audit,
    /// Incidents on the status page: `cloudflare.status`.
    Status,
}

impl Of {
    /// How often is looked when the config doesn't say.
    pub const fn every(self) -> Duration {
        match self {
            Self::Firewall => Duration::from_mins(1),
            Self::Audit => Duration::from_mins(2),
            Self::Status => Duration::from_mins(5),
        }
    }
}

/// For sources of the type `cloudflare`: what is read there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudflareSourceConfig {
    /// `firewall` (what rules did to a zone's requests), `audit` (the account's audit log) or `status`
    /// (incidents on the status page).
    pub of: Of,
    /// For `firewall`: the zone's name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// For `audit`: the account's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// For `firewall` and `audit`: a token that only reads (*Analytics Read*; *Account Settings Read*), as a
    /// secret reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// The API's address.
    #[serde(default = "base")]
    pub api: String,
    /// The status page's summary.
    #[serde(default = "status_page")]
    pub page: String,
}

fn base() -> String {
    BASE.to_owned()
}

fn status_page() -> String {
    STATUS_PAGE.to_owned()
}

impl CloudflareSourceConfig {
    /// What is wrong with it, each in words with its hint.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let zone = (self.zone.is_some(), "zone", &[Of::Firewall][..]);
        let account = (self.account.is_some(), "account", &[Of::Audit][..]);
        let token = (self.token.is_some(), "token", &[Of::Firewall, Of::Audit][..]);
        for (is_set, key, of) in [zone, account, token] {
            match (is_set, of.contains(&self.of)) {
                (false, true) => faults.push(format!(
                    "`{key}` is required in `[sources.cloudflare]`\nhint: {}",
                    match key {
                        "zone" => "`zone = \"example.com\"`",
                        "account" => "the account's id, as `riposte cf verify` shows it",
                        _ => "`token = \"file:/etc/riposte/cloudflare-read.token\"`, one that only reads",
                    }
                )),
                (true, false) => {
                    faults.push(format!("`{key}` has no use in this `[sources.cloudflare]`"));
                }
                _ => {}
            }
        }
        faults.extend(check_base(&self.api).err());
        faults
    }
}
