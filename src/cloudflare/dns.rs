//! DNS records of a zone.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::ApiError;
use serde::{Deserialize, Serialize};

/// Records a page.
const PER_PAGE: usize = 100;

/// A record.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// `A`, `AAAA`, `CNAME`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The whole name.
    pub name: String,
    /// Where it leads; absent for some types.
    #[serde(default)]
    pub content: String,
    /// Whether clients go through Cloudflare.
    #[serde(default)]
    pub proxied: Option<bool>,
    /// Seconds; 1 for automatic.
    #[serde(default)]
    pub ttl: f64,
    /// What was noted with it.
    #[serde(default)]
    pub comment: Option<String>,
}

/// All records of a zone, over all pages.
pub fn all(client: &Client, zone: &str) -> Result<Vec<Record>, ApiError> {
    let path = format!("/zones/{}/dns_records", encoded(zone));
    client.numbered(&Call::get(Area::Dns, path), PER_PAGE)
}
