//! Rulesets: the rules of a zone, by phase (custom rules, rate limits, managed rules, cache rules).
//!
//! There is no way to say "only if nobody changed it meanwhile": whoever replaces a ruleset whole
//! compares `version` before and after, and sends back every rule of others as it was read.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::{ApiError, ErrorKind};
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The phase of custom rules.
pub const CUSTOM: &str = "http_request_firewall_custom";

/// The phase of rate limits.
pub const RATE_LIMIT: &str = "http_ratelimit";

/// The phase in which Cloudflare's managed rulesets are run.
pub const MANAGED: &str = "http_request_firewall_managed";

/// The phase of cache rules.
pub const CACHE: &str = "http_request_cache_settings";

/// The code by which an entry point that isn't there is told from other things that aren't.
const NO_ENTRY_POINT: i64 = 10_003;

/// A ruleset.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Ruleset {
    /// Its id.
    pub id: String,
    /// Counts its changes.
    #[serde(default)]
    pub version: String,
    /// Its rules, in the order in which they are asked; absent when there are none.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

impl Ruleset {
    /// The rule with this reference.
    pub fn rule(&self, reference: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.reference == reference)
    }
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
    /// Everything else that the API says of it: `action_parameters`, `ratelimit`, `logging`, …
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What only the server sets in a rule.
const OF_SERVER: [&str; 4] = ["version", "last_updated", "categories", "position"];

impl Rule {
    /// The rule as it is sent back to stay as it is.
    pub fn kept(&self) -> Value {
        let mut value = json!(self);
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|name, value| {
                !OF_SERVER.contains(&name.as_str())
                    && !value.is_null()
                    && (!matches!(name.as_str(), "ref" | "id") || *value != json!(""))
            });
        }
        value
    }

    /// Whether it does what a rule to be made would do. What the API adds by itself is no
    /// difference; what the wanted rule doesn't say is, where it would matter.
    pub fn does(&self, wanted: &Value) -> bool {
        let on = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(true);
        let text = |name: &str| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
        self.action == text("action")
            && self.expression == text("expression")
            && self.description == text("description")
            && self.enabled.unwrap_or(true) == on(wanted.get("enabled"))
            && ["action_parameters", "ratelimit"]
                .iter()
                .all(|name| holds(name, self.rest.get(*name), wanted.get(*name)))
            // Some actions are logged unless a rule says otherwise, and the API then says so.
            && wanted.get("logging").is_none_or(|logging| {
                holds("logging", self.rest.get("logging"), Some(logging))
            })
    }
}

/// Whether what is there holds what is wanted, no more and no less; what is empty is no difference.
/// `false` is one (`cache: false` bypasses the cache), but where it is the API's own default.
fn holds(name: &str, present: Option<&Value>, wanted: Option<&Value>) -> bool {
    match (present, wanted) {
        (Some(Value::Object(present)), Some(Value::Object(wanted))) => {
            let mut names = present.keys().chain(wanted.keys());
            names.all(|name| holds(name, present.get(name), wanted.get(name)))
        }
        (Some(present), Some(wanted)) => super::settings::same(present, wanted),
        (Some(value), None) | (None, Some(value)) => {
            is_empty_value(value) || (name == "requests_to_origin" && *value == json!(false))
        }
        (None, None) => true,
    }
}

fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty_value),
        Value::Bool(_) | Value::Number(_) => false,
    }
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

/// The area of a phase: cache rules have a permission of their own.
pub fn area_of(phase: &str) -> Area {
    if phase == CACHE { Area::CacheRules } else { Area::Rulesets }
}

/// The call, where it is about a phase other than custom rules: so that a refusal names the right
/// permission. (A ruleset's id alone doesn't tell.)
#[must_use]
pub fn in_phase(mut call: Call, phase: &str) -> Call {
    call.area = area_of(phase);
    call
}

/// The entry point of a phase in a zone. That there is none is `NotFound`; see [`is_empty`].
pub fn entry_point(zone: &str, phase: &str) -> Call {
    let zone = encoded(zone);
    let path = format!("/zones/{zone}/rulesets/phases/{}/entrypoint", encoded(phase));
    Call::get(area_of(phase), path)
}

/// Whether a failure to read an entry point says that there is none yet. Anything else must stop
/// whoever means to replace it, since that would remove rules that couldn't be read.
pub fn is_empty(error: &ApiError) -> bool {
    error.kind == ErrorKind::NotFound && error.code == Some(NO_ENTRY_POINT)
}

/// Reads the entry point of a phase; `None` where there is none yet.
pub fn read(client: &Client, zone: &str, phase: &str) -> Result<Option<Ruleset>, ApiError> {
    match client.send(&entry_point(zone, phase)) {
        Ok(answer) => answer.read().map(Some),
        Err(error) if is_empty(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the entry point of a phase, with one rule; refused where there is one.
pub fn create_entry_point(zone: &str, phase: &str, rule: &Value) -> Call {
    create(zone, phase, std::slice::from_ref(rule))
}

/// Makes the entry point of a phase; refused where there is one.
pub fn create(zone: &str, phase: &str, rules: &[Value]) -> Call {
    Call::new(area_of(phase), Method::POST, format!("/zones/{}/rulesets", encoded(zone)))
        .body(json!({ "name": "riposte", "kind": "zone", "phase": phase, "rules": rules }))
}

/// Replaces all rules of a ruleset, others' too: what isn't named is removed. Rules that stay as they
/// are go as [`Rule::kept`].
pub fn replace(zone: &str, phase: &str, ruleset: &str, rules: &[Value]) -> Call {
    let path = format!("/zones/{}/rulesets/{}", encoded(zone), encoded(ruleset));
    Call::new(area_of(phase), Method::PUT, path).body(json!({ "rules": rules }))
}

/// Adds a rule before all others.
pub fn add_rule(zone: &str, ruleset: &str, rule: &Value) -> Call {
    let mut body = rule.clone();
    if let Some(fields) = body.as_object_mut() {
        // Before whatever might let the client through or skip the rest.
        fields.insert("position".to_owned(), json!({ "index": 1 }));
    }
    append_rule(zone, ruleset, &body)
}

/// Adds a rule after all others.
pub fn append_rule(zone: &str, ruleset: &str, rule: &Value) -> Call {
    Call::new(
        Area::Rulesets,
        Method::POST,
        format!("/zones/{}/rulesets/{}/rules", encoded(zone), encoded(ruleset)),
    )
    .body(rule.clone())
}

/// Makes a rule again as it is to be. The whole rule goes: what isn't named may be put back.
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

/// The call that puts a rule, found by its reference, into a phase as it was last read: makes it,
/// changes it, or is none where it is there and does the same.
pub fn put(zone: &str, phase: &str, present: Option<&Ruleset>, rule: &Value) -> Option<Call> {
    let reference = rule.get("ref").and_then(Value::as_str).unwrap_or_default();
    let call = match present {
        None => create_entry_point(zone, phase, rule),
        Some(ruleset) => match ruleset.rule(reference) {
            Some(known) if known.does(rule) => return None,
            Some(known) => change_rule(zone, &ruleset.id, &known.id, rule),
            None => append_rule(zone, &ruleset.id, rule),
        },
    };
    Some(in_phase(call, phase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_rule(value: Value) -> Rule {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_rule_of_others_goes_back_as_it_came() {
        let theirs = read_rule(json!({
            "id": "i", "version": "3", "ref": "i", "action": "execute", "expression": "true",
            "description": "", "enabled": false, "last_updated": "2026-11-01T00:00:00Z",
            "action_parameters": { "id": "efb7", "overrides": { "enabled": false } },
            "logging": { "enabled": true }, "something_new": [1],
        }));
        assert_eq!(
            theirs.kept(),
            json!({
                "id": "i", "ref": "i", "action": "execute", "expression": "true",
                "description": "", "enabled": false,
                "action_parameters": { "id": "efb7", "overrides": { "enabled": false } },
                "logging": { "enabled": true }, "something_new": [1],
            })
        );
        let bare = read_rule(json!({ "id": "i", "action": "block", "expression": "true" }));
        assert_eq!(bare.kept().get("ref"), None);
    }

    #[test]
    fn a_rule_that_does_the_same_is_left() {
        let limit = json!({
            "ref": "r", "action": "block", "expression": "e", "description": "d",
            "ratelimit": { "characteristics": ["cf.colo.id", "ip.src"], "period": 10 },
        });
        let mut there = limit.clone();
        there["enabled"] = json!(true);
        there["ratelimit"]["requests_to_origin"] = json!(false);
        assert!(read_rule(there.clone()).does(&limit));
        for (name, value) in [
            ("enabled", json!(false)),
            ("action", json!("log")),
            ("ratelimit", json!({ "characteristics": ["cf.colo.id"], "period": 10 })),
            ("action_parameters", json!({ "response": { "status_code": 403 } })),
        ] {
            let mut other = there.clone();
            other[name] = value;
            assert!(!read_rule(other).does(&limit), "{name}");
        }
    }

    #[test]
    fn one_call_at_most_puts_a_rule() {
        let wanted = rule("ours", "block", "e", "d");
        let call = put("z", CACHE, None, &wanted).unwrap();
        assert_eq!((call.method, call.area), (Method::POST, Area::CacheRules));
        let mut set = Ruleset { id: "s".into(), version: "1".into(), rules: Vec::new() };
        assert_eq!(put("z", CUSTOM, Some(&set), &wanted).unwrap().method, Method::POST);
        set.rules.push(read_rule(wanted.clone()));
        assert_eq!(put("z", CUSTOM, Some(&set), &wanted), None);
        let changed = rule("ours", "block", "e2", "d");
        assert_eq!(put("z", CUSTOM, Some(&set), &changed).unwrap().method, Method::PATCH);
    }
}
