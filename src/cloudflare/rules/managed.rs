//! Managed rulesets: running one of Cloudflare's, with some of it overridden.

use super::super::plans::Level;
use super::{expression, not_on, reference_fault, yes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How sensitive a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Cloudflare's own choice.
    Default,
    /// Less.
    Medium,
    /// Still less.
    Low,
    /// As good as off.
    Eoff,
}

/// What becomes of a category of rules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryOverride {
    /// The category's name (`wordpress`, `paranoia-level-3`, …).
    pub category: String,
    /// What its rules do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Whether they are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How sensitive they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_level: Option<Sensitivity>,
}

/// What becomes of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleOverride {
    /// The rule's id.
    pub id: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Whether it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How sensitive it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_level: Option<Sensitivity>,
    /// The score from which OWASP's rule acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_threshold: Option<u32>,
}

/// A managed ruleset that is run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedRule {
    /// The name by which it is found again.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// When it applies.
    #[serde(default = "always")]
    pub expression: String,
    /// `cloudflare`, `owasp`, `exposed_credentials`, `free`, or an id.
    pub ruleset: String,
    /// What all its rules do.
    #[serde(default)]
    pub action: Option<String>,
    /// Whether all its rules are on.
    #[serde(default)]
    pub rules_enabled: Option<bool>,
    /// How sensitive all its rules are.
    #[serde(default)]
    pub sensitivity_level: Option<Sensitivity>,
    /// Categories that differ; they go before what is said of all rules.
    #[serde(default)]
    pub categories: Vec<CategoryOverride>,
    /// Rules that differ; they go before their categories.
    #[serde(default)]
    pub rules: Vec<RuleOverride>,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Cloudflare's own rulesets, by name (documentation of November 2026).
const RULESETS: [(&str, &str); 4] = [
    ("cloudflare", "efb7b8c949ac4650a09736fc376e9aee"),
    ("owasp", "4814384a9e5d4991b9815dcfc25d2f1f"),
    ("exposed_credentials", "c2e184081120413c86c3ab7e14069605"),
    ("free", "77454fe2d30c4220b5701f6fdfb893ba"),
];

const ACTIONS: [&str; 6] =
    ["block", "challenge", "js_challenge", "managed_challenge", "log", "score"];

fn always() -> String {
    "true".to_owned()
}

impl ManagedRule {
    fn ruleset_id(&self) -> Option<&str> {
        let named = RULESETS.iter().find(|(name, _)| *name == self.ruleset).map(|(_, id)| *id);
        named.or_else(|| super::super::zones::is_id(&self.ruleset).then_some(&*self.ruleset))
    }

    /// What is wrong with it.
    pub fn faults(&self, level: Option<Level>) -> Vec<String> {
        let mut faults: Vec<String> = reference_fault(&self.reference).into_iter().collect();
        faults.extend(expression::faults(&self.expression, level));
        match self.ruleset_id() {
            None => faults.push(format!(
                "there is no managed ruleset `{}`\nhint: `cloudflare`, `owasp`, `exposed_credentials`, `free`, or an id of 32 digits",
                self.ruleset.escape_debug()
            )),
            Some(id) if RULESETS.iter().any(|(name, known)| *known == id && *name != "free") => {
                let what = format!("managed ruleset `{}`", self.ruleset.escape_debug());
                faults.extend(not_on(level, |level| level > Level::Free, &what));
            }
            Some(_) => {}
        }
        let actions = self.action.iter();
        let actions = actions
            .chain(self.categories.iter().filter_map(|known| known.action.as_ref()))
            .chain(self.rules.iter().filter_map(|known| known.action.as_ref()));
        for action in actions.filter(|action| !ACTIONS.contains(&action.as_str())) {
            faults.push(format!(
                "a managed rule can't do `{}`\nhint: one of `{}`",
                action.escape_debug(),
                ACTIONS.join("`, `")
            ));
        }
        faults
    }

    /// What is sent.
    pub fn body(&self) -> Value {
        let mut overrides = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() && value != json!([]) {
                overrides.insert(name.to_owned(), value);
            }
        };
        set("action", json!(self.action));
        set("enabled", json!(self.rules_enabled));
        set("sensitivity_level", json!(self.sensitivity_level));
        set("categories", json!(self.categories));
        set("rules", json!(self.rules));
        let mut parameters = json!({ "id": self.ruleset_id().unwrap_or(&self.ruleset) });
        if let (false, Some(fields)) = (overrides.is_empty(), parameters.as_object_mut()) {
            fields.insert("overrides".to_owned(), Value::Object(overrides));
        }
        json!({
            "ref": self.reference, "description": self.description,
            "expression": self.expression, "action": "execute", "enabled": self.enabled,
            "action_parameters": parameters,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(value: Value) -> ManagedRule {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn overrides_hold_only_what_was_said() {
        let rule = rule(json!({
            "ref": "managed", "ruleset": "cloudflare",
            "categories": [{ "category": "wordpress", "enabled": false }],
            "rules": [{ "id": "5de7edfa648c4d6891dc3e7f84534ffa", "action": "log" }],
        }));
        assert_eq!(rule.faults(Some(Level::Pro)), Vec::<String>::new());
        assert_eq!(rule.faults(Some(Level::Free)).len(), 1);
        assert_eq!(
            rule.body()["action_parameters"],
            json!({
                "id": "efb7b8c949ac4650a09736fc376e9aee",
                "overrides": {
                    "categories": [{ "category": "wordpress", "enabled": false }],
                    "rules": [{ "id": "5de7edfa648c4d6891dc3e7f84534ffa", "action": "log" }],
                },
            })
        );
    }

    #[test]
    fn a_ruleset_is_named_or_an_id() {
        let with = |name: &str| rule(json!({ "ref": "m", "ruleset": name })).faults(None).len();
        assert_eq!(with("owasp"), 0);
        assert_eq!(with("efb7b8c949ac4650a09736fc376e9aee"), 0);
        assert_eq!(with("everything"), 1);
    }
}
