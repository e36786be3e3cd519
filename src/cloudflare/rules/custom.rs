//! Custom rules.

use super::super::plans::Level;
use super::{expression, not_on, reference_fault, yes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a custom rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomAction {
    /// Refuse.
    Block,
    /// Cloudflare chooses a challenge.
    ManagedChallenge,
    /// A challenge without a person's help.
    JsChallenge,
    /// A challenge that a person answers.
    Challenge,
    /// Only note it (Enterprise).
    Log,
    /// Let it past what `skip` names.
    Skip,
}

/// What a blocked client is told instead of Cloudflare's page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// 400 to 499.
    pub status_code: u16,
    /// The body.
    pub content: String,
    /// `text/html`, `text/plain`, `application/json` or `text/xml`.
    pub content_type: String,
}

/// A custom rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustomRule {
    /// The name by which it is found again.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// When it applies.
    pub expression: String,
    /// What it does.
    pub action: CustomAction,
    /// What `skip` leaves out: `rules` (the custom rules after it), `rate_limits`, `managed`,
    /// `bots`, or a product (`bic`, `hot`, `rateLimit`, `securityLevel`, `uaBlock`, `waf`,
    /// `zoneLockdown`).
    #[serde(default)]
    pub skip: Vec<String>,
    /// What `block` answers.
    #[serde(default)]
    pub response: Option<Response>,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const PRODUCTS: [&str; 7] =
    ["bic", "hot", "rateLimit", "securityLevel", "uaBlock", "waf", "zoneLockdown"];

const PHASES: [(&str, &str); 3] = [
    ("rate_limits", "http_ratelimit"),
    ("managed", "http_request_firewall_managed"),
    ("bots", "http_request_sbfm"),
];

/// The word for all custom rules that come after.
const REST: &str = "rules";

impl CustomRule {
    /// What is wrong with it.
    pub fn faults(&self, level: Option<Level>) -> Vec<String> {
        let mut faults: Vec<String> = reference_fault(&self.reference).into_iter().collect();
        faults.extend(expression::faults(&self.expression, level));
        if self.action == CustomAction::Log {
            faults.extend(not_on(level, |level| level.limits().log, "action `log`"));
        }
        let skips = self.action == CustomAction::Skip;
        if skips == self.skip.is_empty() {
            faults.push("the action `skip` and the list `skip` go together".to_owned());
        }
        for word in &self.skip {
            let known = word == REST
                || PRODUCTS.contains(&word.as_str())
                || PHASES.iter().any(|(name, _)| name == word);
            if !known {
                faults.push(format!(
                    "`skip` knows no `{}`\nhint: `{REST}`, `rate_limits`, `managed`, `bots`, `{}`",
                    word.escape_debug(),
                    PRODUCTS.join("`, `")
                ));
            }
        }
        if let Some(response) = &self.response {
            faults.extend(response.faults(level));
            if self.action != CustomAction::Block {
                faults.push("only the action `block` has a `response`".to_owned());
            }
        }
        faults
    }

    /// What is sent.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "ref": self.reference, "description": self.description,
            "expression": self.expression, "action": self.action, "enabled": self.enabled,
        });
        let mut parameters = serde_json::Map::new();
        if self.skip.iter().any(|word| word == REST) {
            parameters.insert("ruleset".to_owned(), json!("current"));
        }
        let phases: Vec<&str> = PHASES
            .iter()
            .filter(|(name, _)| self.skip.iter().any(|word| word == name))
            .map(|(_, phase)| *phase)
            .collect();
        if !phases.is_empty() {
            parameters.insert("phases".to_owned(), json!(phases));
        }
        let products: Vec<&str> =
            PRODUCTS.into_iter().filter(|name| self.skip.iter().any(|word| word == name)).collect();
        if !products.is_empty() {
            parameters.insert("products".to_owned(), json!(products));
        }
        if let Some(response) = &self.response {
            parameters.insert("response".to_owned(), json!(response));
        }
        if let (false, Some(fields)) = (parameters.is_empty(), body.as_object_mut()) {
            fields.insert("action_parameters".to_owned(), Value::Object(parameters));
        }
        body
    }
}

impl Response {
    fn faults(&self, level: Option<Level>) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(not_on(level, |level| level > Level::Free, "own response to a block"));
        if !(400..500).contains(&self.status_code) {
            faults
                .push(format!("a block can't answer with {}\nhint: 400 to 499", self.status_code));
        }
        let types = ["text/html", "text/plain", "application/json", "text/xml"];
        if !types.contains(&self.content_type.as_str()) {
            faults.push(format!(
                "a block can't answer with `{}`\nhint: one of `{}`",
                self.content_type.escape_debug(),
                types.join("`, `")
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(value: Value) -> CustomRule {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_skipped_is_named_as_the_api_has_it() {
        let rule = rule(json!({
            "ref": "monitor", "expression": "ip.src eq 192.0.2.1", "action": "skip",
            "skip": ["rules", "managed", "uaBlock", "rate_limits"],
        }));
        assert_eq!(rule.faults(Some(Level::Free)), Vec::<String>::new());
        assert_eq!(
            rule.body()["action_parameters"],
            json!({
                "ruleset": "current",
                "phases": ["http_ratelimit", "http_request_firewall_managed"],
                "products": ["uaBlock"],
            })
        );
    }

    #[test]
    fn faults_are_told_all_at_once() {
        let rule = rule(json!({
            "ref": "a b", "expression": "(", "action": "log", "skip": ["everything"],
            "response": { "status_code": 200, "content": "", "content_type": "image/png" },
        }));
        assert_eq!(
            rule.faults(Some(Level::Free)).len(),
            9,
            "{:#?}",
            rule.faults(Some(Level::Free))
        );
    }
}
