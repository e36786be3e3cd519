//! Rulesets: the custom rules of a zone. There is no way to say "only if nobody changed it
//! meanwhile", so single rules are added, changed and removed, never a whole ruleset.

use super::call::{Area, Call, encoded};
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The phase of custom rules.
pub const CUSTOM: &str = "http_request_firewall_custom";

/// A ruleset.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Ruleset {
    /// Its id.
    pub id: String,
    /// Its rules, in the order in which they are asked; absent when there are none.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Rule {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// The name by which whoever made it finds it again.
    #[serde(default, rename = "ref")]
    pub reference: String,
    /// `block`, `managed_challenge`, …
    #[serde(default)]
    pub action: String,
    /// When it applies.
    #[serde(default)]
    pub expression: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether it is on; absent means that it is.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// A rule to be made, or made again.
pub fn rule(reference: &str, action: &str, expression: &str, description: &str) -> Value {
    json!({
        "ref": reference,
        "action": action,
        "expression": expression,
        "description": description,
        "enabled": true,
    })
}

/// The entry point of a phase in a zone. That there is none is `NotFound`.
pub fn entry_point(zone: &str, phase: &str) -> Call {
    let zone = encoded(zone);
    Call::get(Area::Rulesets, format!("/zones/{zone}/rulesets/phases/{phase}/entrypoint"))
}

/// Makes the entry point of a phase, with one rule; refused where there is one.
pub fn create_entry_point(zone: &str, phase: &str, rule: &Value) -> Call {
    Call::new(Area::Rulesets, Method::POST, format!("/zones/{}/rulesets", encoded(zone)))
        .body(json!({ "name": "riposte", "kind": "zone", "phase": phase, "rules": [rule] }))
}

/// Adds a rule before all others.
pub fn add_rule(zone: &str, ruleset: &str, rule: &Value) -> Call {
    let mut body = rule.clone();
    if let Some(fields) = body.as_object_mut() {
        // Before whatever might let the client through or skip the rest.
        fields.insert("position".to_owned(), json!({ "index": 1 }));
    }
    Call::new(
        Area::Rulesets,
        Method::POST,
        format!("/zones/{}/rulesets/{}/rules", encoded(zone), encoded(ruleset)),
    )
    .body(body)
}

/// Makes a rule again as it is to be.
pub fn change_rule(zone: &str, ruleset: &str, id: &str, rule: &Value) -> Call {
    Call::new(Area::Rulesets, Method::PATCH, rule_path(zone, ruleset, id)).body(rule.clone())
}

/// Removes a rule.
pub fn delete_rule(zone: &str, ruleset: &str, id: &str) -> Call {
    Call::new(Area::Rulesets, Method::DELETE, rule_path(zone, ruleset, id))
}

fn rule_path(zone: &str, ruleset: &str, id: &str) -> String {
    format!("/zones/{}/rulesets/{}/rules/{}", encoded(zone), encoded(ruleset), encoded(id))
}
