//! IP access rules: one call a rule, but all plans have them, in an account or a zone. They don't
//! end by themselves.

use super::call::{Area, Call, encoded};
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;

/// Where access rules apply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All zones of an account, by its id.
    Account(String),
    /// One zone, by its id.
    Zone(String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "/accounts/{}", encoded(id)),
            Self::Zone(id) => write!(f, "/zones/{}", encoded(id)),
        }
    }
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Configuration {
    /// `ip`, `ip6`, `ip_range`, `asn` or `country`.
    #[serde(default)]
    pub target: String,
    /// The address, network, …
    #[serde(default)]
    pub value: String,
}

/// An access rule.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct AccessRule {
    /// Its id.
    pub id: String,
    /// `block`, `challenge`, `whitelist`, …
    #[serde(default)]
    pub mode: String,
    /// What it is about.
    pub configuration: Configuration,
    /// What was noted with it.
    #[serde(default)]
    pub notes: Option<String>,
}

fn path(scope: &Scope) -> String {
    format!("{scope}/firewall/access_rules/rules")
}

/// Access rules whose notes contain a text, by pages with numbers. The filter is Cloudflare's: what
/// comes back has to be looked at again.
pub fn noted(scope: &Scope, notes: &str) -> Call {
    Call::get(Area::AccessRules, path(scope)).query("notes", notes)
}

/// Makes a rule for a target (its kind and value).
pub fn make(scope: &Scope, mode: &str, (target, value): (&str, &str), notes: &str) -> Call {
    Call::new(Area::AccessRules, Method::POST, path(scope)).body(json!({
        "mode": mode,
        "configuration": { "target": target, "value": value },
        "notes": notes,
    }))
}

/// Lets a rule do something else.
pub fn change(scope: &Scope, id: &str, mode: &str, notes: &str) -> Call {
    let path = format!("{}/{}", path(scope), encoded(id));
    Call::new(Area::AccessRules, Method::PATCH, path).body(json!({ "mode": mode, "notes": notes }))
}

/// Removes a rule.
pub fn delete(scope: &Scope, id: &str) -> Call {
    Call::new(Area::AccessRules, Method::DELETE, format!("{}/{}", path(scope), encoded(id)))
}
