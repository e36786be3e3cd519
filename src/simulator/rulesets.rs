//! Rulesets of zones: the entry point of a phase and its rules.

use super::http::Request;
use super::reply::Reply;
use super::world::{World, Zone, new_id, stamp};
use serde_json::{Value, json};

/// The phase of custom rules.
pub(super) const CUSTOM: &str = "http_request_firewall_custom";

/// The phases that are known here.
const PHASES: [&str; 4] =
    [CUSTOM, "http_ratelimit", "http_request_firewall_managed", "http_request_cache_settings"];

/// An entry point.
#[derive(Debug, Clone)]
pub(super) struct Ruleset {
    id: String,
    name: String,
    phase: String,
    version: u64,
    updated: String,
    pub(super) rules: Vec<Value>,
}

fn shown(ruleset: &Ruleset) -> Value {
    json!({
        "id": ruleset.id, "name": ruleset.name, "description": "", "kind": "zone",
        "phase": ruleset.phase, "version": ruleset.version.to_string(),
        "last_updated": ruleset.updated, "rules": ruleset.rules,
    })
}

/// `/zones/{zone}/rulesets/…`
pub(super) fn answer(world: &mut World, request: &Request, zone: &str, rest: &[&str]) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let lists: Vec<String> = world.lists.iter().map(|list| list.name.clone()).collect();
    let most = world.custom_rules_max();
    let Some(zone) = world.zone(zone) else {
        return Reply::refused(404, 7003, "Could not route to the requested zone");
    };
    let check = |rule: &Value| check(rule, &lists);
    match (request.method.as_str(), rest) {
        ("GET", []) => Reply::result(
            zone.rulesets
                .values()
                .map(|set| {
                    let mut set = shown(set);
                    if let Some(fields) = set.as_object_mut() {
                        fields.remove("rules");
                    }
                    set
                })
                .collect(),
        ),
        ("POST", []) => create(zone, &body, most, check),
        ("GET", ["phases", phase, "entrypoint"]) => zone.rulesets.get(*phase).map_or_else(
            || {
                let words = format!("could not find entrypoint ruleset in the {phase} phase");
                Reply::refused(404, 10_003, &words)
            },
            |set| Reply::result(shown(set)),
        ),
        (method, [id, tail @ ..]) => {
            let Some(set) = zone.rulesets.values_mut().find(|set| set.id == *id) else {
                return Reply::refused(404, 10_003, "could not find ruleset");
            };
            match (method, tail) {
                ("GET", []) => Reply::result(shown(set)),
                ("POST", ["rules"]) => add(set, body, most, check),
                ("PATCH", ["rules", rule]) => patch(set, rule, body, check),
                ("DELETE", ["rules", rule]) => {
                    let before = set.rules.len();
                    set.rules.retain(|known| known.get("id").and_then(Value::as_str) != Some(rule));
                    if set.rules.len() == before {
                        return no_rule();
                    }
                    touched(set)
                }
                _ => Reply::refused(405, 10_405, "Method not allowed"),
            }
        }
        _ => Reply::refused(404, 7003, "Could not route to the requested path"),
    }
}

fn no_rule() -> Reply {
    Reply::refused(404, 10_002, "could not find rule")
}

fn touched(set: &mut Ruleset) -> Reply {
    set.version += 1;
    set.updated = stamp();
    Reply::result(shown(set))
}

/// What is wrong with a rule.
fn check(rule: &Value, lists: &[String]) -> Result<(), Reply> {
    let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
    let refused =
        |words: &str, pointer: &str| Err(Reply::refused_at(400, 20_200, words, Some(pointer)));
    if text("action").is_empty() {
        return refused("a rule needs an action", "/action");
    }
    let expression = text("expression");
    if expression.is_empty() {
        return refused("a rule needs an expression", "/expression");
    }
    for (at, _) in expression.match_indices('$') {
        let rest = expression.get(at + 1..).unwrap_or_default();
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        if !name.is_some_and(|name| lists.iter().any(|list| list == name)) {
            return refused("the expression refers to a list that does not exist", "/expression");
        }
    }
    Ok(())
}

/// A rule with what the server adds.
fn completed(mut rule: Value, id: Option<&str>) -> Value {
    if let Some(fields) = rule.as_object_mut() {
        fields.remove("position");
        let id = id.map_or_else(new_id, str::to_owned);
        fields.entry("ref").or_insert_with(|| json!(id));
        fields.entry("enabled").or_insert(json!(true));
        fields.insert("id".to_owned(), json!(id));
        fields.insert("version".to_owned(), json!("1"));
        fields.insert("last_updated".to_owned(), json!(stamp()));
    }
    rule
}

fn too_many() -> Reply {
    Reply::refused(400, 20_217, "exceeded the maximum number of rules in the phase")
}

fn create(
    zone: &mut Zone,
    body: &Value,
    most: usize,
    check: impl Fn(&Value) -> Result<(), Reply>,
) -> Reply {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let phase = text("phase");
    if !PHASES.contains(&phase.as_str()) {
        return Reply::refused_at(400, 20_201, "unknown phase", Some("/phase"));
    }
    if zone.rulesets.contains_key(&phase) {
        return Reply::refused(409, 20_202, "the entrypoint ruleset of this phase already exists");
    }
    let rules = body.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    if rules.len() > most {
        return too_many();
    }
    if let Some(refusal) = rules.iter().find_map(|rule| check(rule).err()) {
        return refusal;
    }
    let set = Ruleset {
        id: new_id(),
        name: text("name"),
        phase: phase.clone(),
        version: 1,
        updated: stamp(),
        rules: rules.into_iter().map(|rule| completed(rule, None)).collect(),
    };
    let reply = Reply::result(shown(&set));
    zone.rulesets.insert(phase, set);
    reply
}

fn add(
    set: &mut Ruleset,
    rule: Value,
    most: usize,
    check: impl Fn(&Value) -> Result<(), Reply>,
) -> Reply {
    if let Err(refusal) = check(&rule) {
        return refusal;
    }
    if set.rules.len() >= most {
        return too_many();
    }
    let reference = rule.get("ref").cloned();
    if reference.is_some() && set.rules.iter().any(|known| known.get("ref") == reference.as_ref()) {
        return Reply::refused_at(400, 20_203, "a rule with this ref already exists", Some("/ref"));
    }
    let index = rule.pointer("/position/index").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let place = usize::try_from(index).unwrap_or(usize::MAX).saturating_sub(1);
    set.rules.insert(place.min(set.rules.len()), completed(rule, None));
    touched(set)
}

fn patch(
    set: &mut Ruleset,
    id: &str,
    rule: Value,
    check: impl Fn(&Value) -> Result<(), Reply>,
) -> Reply {
    if let Err(refusal) = check(&rule) {
        return refusal;
    }
    let known =
        set.rules.iter_mut().find(|known| known.get("id").and_then(Value::as_str) == Some(id));
    let Some(known) = known else { return no_rule() };
    *known = completed(rule, Some(id));
    touched(set)
}
