//! Members of an account and the roles that they can have.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::ApiError;
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Rows a page; the most that Cloudflare gives.
const PER_PAGE: usize = 50;

/// A role.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Role {
    /// Its id.
    pub id: String,
    /// Its name (`Administrator`).
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What it may read and write; sent back as it came where a member is changed.
    #[serde(default)]
    pub permissions: Map<String, Value>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Member {
    /// Its id in the account.
    pub id: String,
    /// `accepted` or `pending`.
    #[serde(default)]
    pub status: String,
    /// Who it is.
    #[serde(default)]
    pub user: User,
    /// The roles.
    #[serde(default)]
    pub roles: Vec<Role>,
}

/// Whoever a member is.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
pub struct User {
    /// The mail address.
    #[serde(default)]
    pub email: String,
    /// Whether a second factor is asked for; absent for those that have not accepted.
    #[serde(default)]
    pub two_factor_authentication_enabled: Option<bool>,
}

fn path(account: &str) -> String {
    format!("/accounts/{}/members", encoded(account))
}

/// All members, over all pages.
pub fn all(client: &Client, account: &str) -> Result<Vec<Member>, ApiError> {
    client.numbered(&Call::get(Area::Members, path(account)), PER_PAGE)
}

/// All roles, over all pages.
pub fn roles(client: &Client, account: &str) -> Result<Vec<Role>, ApiError> {
    let path = format!("/accounts/{}/roles", encoded(account));
    client.numbered(&Call::get(Area::Members, path), PER_PAGE)
}

/// Invites somebody; Cloudflare sends the mail.
pub fn invite(account: &str, email: &str, roles: &[&Role]) -> Call {
    let ids: Vec<&str> = roles.iter().map(|role| role.id.as_str()).collect();
    Call::new(Area::Members, Method::POST, path(account))
        .body(json!({ "email": email, "roles": ids }))
}

/// Gives a member these roles instead of its own. Here roles go whole, not by their ids.
pub fn change(account: &str, member: &str, roles: &[&Role]) -> Call {
    let path = format!("{}/{}", path(account), encoded(member));
    Call::new(Area::Members, Method::PUT, path).body(json!({ "roles": roles }))
}

/// Removes a member.
pub fn remove(account: &str, member: &str) -> Call {
    let path = format!("{}/{}", path(account), encoded(member));
    Call::new(Area::Members, Method::DELETE, path)
}
