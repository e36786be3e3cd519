//! Rulesets of zones: the entry point of a phase, its rules, and its versions.

mod rules;

use super::http::Request;
use super::reply::Reply;
use super::world::{Plan, World, Zone, new_id, stamp};
use rules::Phase;
use serde_json::{Value, json};

/// The phase of custom rules.
pub(super) const CUSTOM: &str = "http_request_firewall_custom";

/// Versions that are kept.
const VERSIONS_MAX: usize = 50;

/// An entry point.
#[derive(Debug, Clone)]
pub(super) struct Ruleset {
    id: String,
    name: String,
    phase: String,
    version: u64,
    updated: String,
    pub(super) rules: Vec<Value>,
    /// As it was before each change, the oldest first.
    earlier: Vec<Value>,
}

/// What rules are held against.
struct Measure {
    phase: Phase,
    plan: Plan,
    lists: Vec<String>,
}

impl Measure {
    fn check(&self, rules: &[Value]) -> Result<(), Reply> {
        if rules.len() > rules::most(self.phase, self.plan) {
            let words = "exceeded the maximum number of rules in the phase";
            return Err(Reply::refused(400, 20_217, words));
        }
        for (place, rule) in rules.iter().enumerate() {
            rules::check(rule, self.phase, self.plan, &self.lists)?;
            let reference = rule.get("ref").filter(|reference| !reference.is_null());
            let mut earlier = rules.iter().take(place);
            if reference.is_some() && earlier.any(|known| known.get("ref") == reference) {
                let words = "a rule with this ref already exists";
                return Err(Reply::refused_at(400, 20_203, words, Some("/ref")));
            }
        }
        Ok(())
    }
}

fn shown(ruleset: &Ruleset) -> Value {
    json!({
        "id": ruleset.id, "name": ruleset.name, "description": "", "kind": "zone",
        "phase": ruleset.phase, "version": ruleset.version.to_string(),
        "last_updated": ruleset.updated, "rules": ruleset.rules,
    })
}

fn without_rules(mut set: Value) -> Value {
    if let Some(fields) = set.as_object_mut() {
        fields.remove("rules");
    }
    set
}

/// The permission that a request to `/zones/{zone}/rulesets/…` needs: by the phase that it is about.
pub(super) fn permission(
    world: &World,
    request: &Request,
    zone: &str,
    rest: &[&str],
) -> &'static str {
    let writes = request.method != "GET";
    let body = || serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    let phase = match rest {
        ["phases", phase, ..] => Phase::parse(phase),
        [] if writes => body().get("phase").and_then(Value::as_str).and_then(Phase::parse),
        [id, ..] => {
            let zone = world.zones.iter().find(|known| known.id == *zone);
            let set = zone.and_then(|zone| zone.rulesets.values().find(|set| set.id == *id));
            set.and_then(|set| Phase::parse(&set.phase))
        }
        [] => None,
    };
    phase.unwrap_or(Phase::Custom).permission(writes)
}

/// `/zones/{zone}/rulesets/…`
pub(super) fn answer(world: &mut World, request: &Request, zone: &str, rest: &[&str]) -> Reply {
    let body: Value = request.json();
    let lists: Vec<String> = world.lists.iter().map(|list| list.name.clone()).collect();
    let plan = world.options.plan;
    let Some(zone) = world.zone(zone) else {
        return Reply::no_zone();
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            Reply::result(zone.rulesets.values().map(|set| without_rules(shown(set))).collect())
        }
        ("POST", []) => create(zone, &body, plan, lists),
        (method, ["phases", name, "entrypoint", tail @ ..]) => {
            let Some(phase) = Phase::parse(name) else { return no_phase() };
            if let ("PUT", []) = (method, tail) {
                let measure = Measure { phase, plan, lists };
                if let Err(refusal) = measure.check(&rules_of(&body)) {
                    return refusal;
                }
                let set = zone
                    .rulesets
                    .entry((*name).to_owned())
                    .or_insert_with(|| empty(name, "default"));
                return replace(set, &body, &measure);
            }
            match (zone.rulesets.get_mut(*name), method, tail) {
                (None, ..) => {
                    let words = format!("could not find entrypoint ruleset in the {name} phase");
                    Reply::refused(404, 10_003, &words)
                }
                (Some(set), "GET", []) => Reply::result(shown(set)),
                (Some(set), "GET", ["versions", tail @ ..]) => versions(set, tail),
                _ => Reply::no_method(),
            }
        }
        (method, [id, tail @ ..]) => {
            let Some(set) = zone.rulesets.values_mut().find(|set| set.id == *id) else {
                return Reply::refused(404, 10_003, "could not find ruleset");
            };
            if let ("DELETE", []) = (method, tail) {
                let phase = set.phase.clone();
                zone.rulesets.remove(&phase);
                return Reply::nothing();
            }
            let Some(phase) = Phase::parse(&set.phase) else { return no_phase() };
            one(set, request, tail, &body, &Measure { phase, plan, lists })
        }
        _ => Reply::no_route(),
    }
}

/// `/zones/{zone}/rulesets/{ruleset}…`
fn one(
    set: &mut Ruleset,
    request: &Request,
    tail: &[&str],
    body: &Value,
    measure: &Measure,
) -> Reply {
    match (request.method.as_str(), tail) {
        ("GET", []) => Reply::result(shown(set)),
        ("GET", ["versions", tail @ ..]) => versions(set, tail),
        ("PUT", []) => replace(set, body, measure),
        ("POST", ["rules"]) => {
            let mut rules = set.rules.clone();
            let index = body.pointer("/position/index").and_then(Value::as_u64);
            let place = usize::try_from(index.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
            let place = place.saturating_sub(1).min(rules.len());
            rules.insert(place, body.clone());
            changed(set, rules, measure)
        }
        ("PATCH", ["rules", rule]) => {
            let mut rules = set.rules.clone();
            let Some(known) = rules.iter_mut().find(|known| is(known, rule)) else {
                return no_rule();
            };
            *known = body.clone();
            if let Some(fields) = known.as_object_mut() {
                fields.insert("id".to_owned(), json!(rule));
            }
            changed(set, rules, measure)
        }
        ("DELETE", ["rules", rule]) => {
            let mut rules = set.rules.clone();
            rules.retain(|known| !is(known, rule));
            if rules.len() == set.rules.len() {
                return no_rule();
            }
            changed(set, rules, measure)
        }
        _ => Reply::no_method(),
    }
}

fn is(rule: &Value, id: &str) -> bool {
    rule.get("id").and_then(Value::as_str) == Some(id)
}

fn no_rule() -> Reply {
    Reply::refused(404, 10_002, "could not find rule")
}

fn no_phase() -> Reply {
    Reply::refused_at(400, 20_201, "unknown phase", Some("/phase"))
}

fn rules_of(body: &Value) -> Vec<Value> {
    body.get("rules").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn empty(phase: &str, name: &str) -> Ruleset {
    Ruleset {
        id: new_id(),
        name: name.to_owned(),
        phase: phase.to_owned(),
        version: 0,
        updated: stamp(),
        rules: Vec::new(),
        earlier: Vec::new(),
    }
}

fn versions(set: &Ruleset, tail: &[&str]) -> Reply {
    let all = || set.earlier.iter().cloned().chain([shown(set)]);
    match tail {
        [] => Reply::result(all().map(without_rules).collect()),
        [version] => {
            let found =
                all().find(|set| set.get("version").and_then(Value::as_str) == Some(*version));
            found.map_or_else(
                || Reply::refused(404, 10_003, "could not find ruleset version"),
                Reply::result,
            )
        }
        _ => Reply::no_route(),
    }
}

fn create(zone: &mut Zone, body: &Value, plan: Plan, lists: Vec<String>) -> Reply {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text("phase");
    let Some(phase) = Phase::parse(&name) else { return no_phase() };
    if zone.rulesets.contains_key(&name) {
        return Reply::refused(409, 20_202, "the entrypoint ruleset of this phase already exists");
    }
    let mut set = empty(&name, &text("name"));
    let reply = changed(&mut set, rules_of(body), &Measure { phase, plan, lists });
    if set.version > 0 {
        zone.rulesets.insert(name, set);
    }
    reply
}

/// Replaces all rules; those that are named by an id or a reference that is there keep their id.
fn replace(set: &mut Ruleset, body: &Value, measure: &Measure) -> Reply {
    let mut rules = rules_of(body);
    for rule in &mut rules {
        let known = set.rules.iter().find(|known| {
            let same = |name: &str| rule.get(name).is_some() && rule.get(name) == known.get(name);
            same("id") || same("ref")
        });
        let id = known.and_then(|known| known.get("id")).cloned();
        if let Some(fields) = rule.as_object_mut() {
            match id {
                Some(id) => fields.insert("id".to_owned(), id),
                None => fields.remove("id"),
            };
        }
    }
    changed(set, rules, measure)
}

/// Puts new rules in the place of the old ones, if they are right.
fn changed(set: &mut Ruleset, rules: Vec<Value>, measure: &Measure) -> Reply {
    if let Err(refusal) = measure.check(&rules) {
        return refusal;
    }
    if set.version > 0 {
        set.earlier.push(shown(set));
        let surplus = set.earlier.len().saturating_sub(VERSIONS_MAX);
        set.earlier.drain(..surplus);
    }
    set.rules = rules.into_iter().map(completed).collect();
    set.version += 1;
    set.updated = stamp();
    Reply::result(shown(set))
}

/// A rule with what the server adds.
fn completed(mut rule: Value) -> Value {
    if let Some(fields) = rule.as_object_mut() {
        fields.remove("position");
        let id = fields.get("id").and_then(Value::as_str).map_or_else(new_id, str::to_owned);
        fields.entry("ref").or_insert_with(|| json!(id));
        fields.entry("enabled").or_insert(json!(true));
        fields.insert("id".to_owned(), json!(id));
        fields.entry("version").or_insert(json!("1"));
        fields.entry("last_updated").or_insert(json!(stamp()));
    }
    rule
}
