//! Zones (domains) that the token can see.

use super::accounts::Account;
use super::call::{Area, Call};
use super::client::Client;
use super::error::ApiError;
use serde::{Deserialize, Serialize};

/// Zones a page; the most that Cloudflare gives.
const PER_PAGE: usize = 50;

/// A zone.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Zone {
    /// Its id.
    pub id: String,
    /// Its name (`example.com`).
    pub name: String,
    /// `active`, `pending`, …
    #[serde(default)]
    pub status: String,
    /// Whose it is.
    pub account: Account,
    /// What it may do.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// Cloudflare answers for it, but lets everything pass.
    #[serde(default)]
    pub paused: bool,
}

/// A zone's plan.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Plan {
    /// `free`, `pro`, `business`, `enterprise`.
    #[serde(default)]
    pub legacy_id: Option<String>,
    /// Its name, for people.
    #[serde(default)]
    pub name: Option<String>,
}

/// All of them, over all pages.
pub fn all(client: &Client) -> Result<Vec<Zone>, ApiError> {
    client.numbered(&Call::get(Area::Zones, "/zones"), PER_PAGE)
}

/// The zone of this name or id.
pub fn find(client: &Client, name: &str) -> Result<Option<Zone>, ApiError> {
    if is_id(name) {
        let path = format!("/zones/{name}");
        return client.send(&Call::get(Area::Zones, path))?.read().map(Some);
    }
    let call = Call::get(Area::Zones, "/zones").query("name", name);
    let found: Vec<Zone> = client.numbered(&call, PER_PAGE)?;
    Ok(found.into_iter().find(|zone| zone.name.eq_ignore_ascii_case(name)))
}

/// Whether a text is an id, as accounts and zones have them, and no name.
pub fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
