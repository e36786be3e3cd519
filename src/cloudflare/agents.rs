//! User agent rules of a zone: one user agent each, word for word.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::ApiError;
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Rules a page.
const PER_PAGE: usize = 100;

/// What is done with a user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuse.
    Block,
    /// A challenge that a person answers.
    Challenge,
    /// A challenge without a person's help.
    JsChallenge,
    /// Cloudflare chooses a challenge.
    ManagedChallenge,
}

/// A user agent, as the API has it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Agent {
    /// Always `ua`.
    #[serde(default)]
    pub target: String,
    /// The user agent.
    #[serde(default)]
    pub value: String,
}

/// A user agent rule.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct AgentRule {
    /// Its id.
    pub id: String,
    /// What it does; a word, since others may come.
    #[serde(default)]
    pub mode: String,
    /// What it is about.
    pub configuration: Agent,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether it is off.
    #[serde(default)]
    pub paused: bool,
}

fn path(zone: &str) -> String {
    format!("/zones/{}/firewall/ua_rules", encoded(zone))
}

fn one(zone: &str, id: &str) -> String {
    format!("{}/{}", path(zone), encoded(id))
}

/// All rules of a zone, over all pages.
pub fn all(client: &Client, zone: &str) -> Result<Vec<AgentRule>, ApiError> {
    client.numbered(&Call::get(Area::AgentRules, path(zone)), PER_PAGE)
}

/// Makes a rule.
pub fn create(zone: &str, mode: Mode, agent: &str, description: &str) -> Call {
    Call::new(Area::AgentRules, Method::POST, path(zone)).body(json!({
        "mode": mode, "configuration": { "target": "ua", "value": agent },
        "description": description, "paused": false,
    }))
}

/// Switches a rule on or off; it goes whole.
pub fn switch(zone: &str, rule: &AgentRule, paused: bool) -> Call {
    Call::new(Area::AgentRules, Method::PUT, one(zone, &rule.id)).body(json!({
        "id": rule.id, "mode": rule.mode, "configuration": rule.configuration,
        "description": rule.description, "paused": paused,
    }))
}

/// Removes a rule.
pub fn delete(zone: &str, id: &str) -> Call {
    Call::new(Area::AgentRules, Method::DELETE, one(zone, id))
}
