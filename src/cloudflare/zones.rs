//! Zones (domains) that the token can see.

use super::accounts::Account;
use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::ApiError;
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

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
    /// The name servers that the domain is to have.
    #[serde(default)]
    pub name_servers: Vec<String>,
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

fn path(id: &str) -> String {
    format!("/zones/{}", encoded(id))
}

/// Makes a zone for a domain, with its DNS at Cloudflare. It is `pending` until the domain's name
/// servers are set.
pub fn create(account: &str, name: &str) -> Call {
    Call::new(Area::Zones, Method::POST, "/zones")
        .body(json!({ "name": name, "account": { "id": account }, "type": "full" }))
}

/// Removes a zone with all that it holds.
pub fn delete(id: &str) -> Call {
    Call::new(Area::Zones, Method::DELETE, path(id))
}

/// Lets everything pass by Cloudflare, or no longer.
pub fn pause(id: &str, paused: bool) -> Call {
    Call::new(Area::Zones, Method::PATCH, path(id)).body(json!({ "paused": paused }))
}

/// Asks Cloudflare to look whether the name servers are set: every five minutes, on Free once an
/// hour.
pub fn check_activation(id: &str) -> Call {
    Call::new(Area::Zones, Method::PUT, format!("{}/activation_check", path(id)))
}

/// Asks what a zone costs (a [`super::billing::Subscription`]).
pub fn subscription(id: &str) -> Call {
    Call::get(Area::Billing, format!("{}/subscription", path(id)))
}
