//! Accounts that the token can see.

use super::call::{Area, Call};
use super::client::Client;
use super::error::ApiError;
use serde::{Deserialize, Serialize};

/// Accounts a page; the most that Cloudflare gives.
const PER_PAGE: usize = 50;

/// An account.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// All of them.
pub fn all(client: &Client) -> Result<Vec<Account>, ApiError> {
    client.numbered(&Call::get(Area::Accounts, "/accounts"), PER_PAGE)
}
