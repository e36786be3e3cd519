//! Zone lockdowns: URLs that only some addresses may ask for. Not on Free.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::ApiError;
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Lockdowns a page.
const PER_PAGE: usize = 100;

/// Who may ask.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Allowed {
    /// `ip` or `ip_range`.
    #[serde(default)]
    pub target: String,
    /// The address or network.
    #[serde(default)]
    pub value: String,
}

impl Allowed {
    /// An address, or a network with its length.
    pub fn of(net: &str) -> Self {
        let target = if net.contains('/') { "ip_range" } else { "ip" };
        Self { target: target.to_owned(), value: net.to_owned() }
    }
}

/// A lockdown.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Lockdown {
    /// Its id.
    pub id: String,
    /// The URLs; `*` stands for anything.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Who may ask for them.
    #[serde(default)]
    pub configurations: Vec<Allowed>,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether it is off.
    #[serde(default)]
    pub paused: bool,
}

fn path(zone: &str) -> String {
    format!("/zones/{}/firewall/lockdowns", encoded(zone))
}

fn one(zone: &str, id: &str) -> String {
    format!("{}/{}", path(zone), encoded(id))
}

fn body(urls: &[String], allowed: &[Allowed], description: &str, paused: bool) -> Value {
    json!({
        "urls": urls, "configurations": allowed, "description": description, "paused": paused,
    })
}

/// All lockdowns of a zone, over all pages.
pub fn all(client: &Client, zone: &str) -> Result<Vec<Lockdown>, ApiError> {
    client.numbered(&Call::get(Area::Lockdowns, path(zone)), PER_PAGE)
}

/// Makes a lockdown.
pub fn create(zone: &str, urls: &[String], allowed: &[Allowed], description: &str) -> Call {
    let body = body(urls, allowed, description, false);
    Call::new(Area::Lockdowns, Method::POST, path(zone)).body(body)
}

/// Makes a lockdown again as it is to be, whole.
pub fn change(zone: &str, wanted: &Lockdown) -> Call {
    let Lockdown { id, urls, configurations, description, paused } = wanted;
    let body = body(urls, configurations, description, *paused);
    Call::new(Area::Lockdowns, Method::PUT, one(zone, id)).body(body)
}

/// Removes a lockdown.
pub fn delete(zone: &str, id: &str) -> Call {
    Call::new(Area::Lockdowns, Method::DELETE, one(zone, id))
}
