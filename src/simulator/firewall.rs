//! User agent rules and lockdowns of zones. Codes of refusals are guesses.

use super::http::Request;
use super::reply::Reply;
use super::world::{Plan, World, new_id, stamp};
use serde_json::{Value, json};

/// What a zone holds of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Firewall {
    agents: Vec<Value>,
    lockdowns: Vec<Value>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Agents,
    Lockdowns,
}

/// How many a zone may have (read in November 2026).
const fn most(kind: Kind, plan: Plan) -> usize {
    match (kind, plan) {
        (Kind::Agents, Plan::Free) | (Kind::Lockdowns, Plan::Business) => 10,
        (Kind::Agents, Plan::Pro) => 50,
        (Kind::Agents, Plan::Business) => 250,
        (Kind::Agents, Plan::Enterprise) => 1_000,
        (Kind::Lockdowns, Plan::Free) => 0,
        (Kind::Lockdowns, Plan::Pro) => 3,
        (Kind::Lockdowns, Plan::Enterprise) => 200,
    }
}

fn is_right(kind: Kind, body: &Value) -> bool {
    let list = |name: &str| body.get(name).and_then(Value::as_array);
    let modes = ["block", "challenge", "js_challenge", "managed_challenge"];
    match kind {
        Kind::Agents => {
            let mode = body.get("mode").and_then(Value::as_str);
            let agent = body.pointer("/configuration/value").and_then(Value::as_str);
            mode.is_some_and(|mode| modes.contains(&mode))
                && agent.is_some_and(|agent| !agent.is_empty())
                && body.pointer("/configuration/target") == Some(&json!("ua"))
        }
        Kind::Lockdowns => {
            list("urls").is_some_and(|all| !all.is_empty())
                && list("configurations").is_some_and(|all| {
                    !all.is_empty()
                        && all.iter().all(|one| {
                            matches!(
                                one.get("target").and_then(Value::as_str),
                                Some("ip" | "ip_range")
                            )
                        })
                })
        }
    }
}

/// `/zones/{zone}/firewall/ua_rules…` and `/zones/{zone}/firewall/lockdowns…`
pub(super) fn answer(
    world: &mut World,
    request: &Request,
    zone: &str,
    kind: Kind,
    rest: &[&str],
) -> Reply {
    let body: Value = request.json();
    let most = most(kind, world.options.plan);
    let Some(zone) = world.zone(zone) else {
        return Reply::no_zone();
    };
    let all = match kind {
        Kind::Agents => &mut zone.firewall.agents,
        Kind::Lockdowns => &mut zone.firewall.lockdowns,
    };
    let invalid = || Reply::refused(400, 10_400, "invalid rule");
    match (request.method.as_str(), rest) {
        ("GET", []) => super::simple::paged(request, all.clone(), 1_000, 20),
        ("POST", []) if !is_right(kind, &body) => invalid(),
        ("POST", []) if all.len() >= most => {
            Reply::refused(400, 10_401, "exceeded the maximum number of rules for this zone")
        }
        ("POST", []) => {
            let rule = completed(kind, body, &new_id(), &stamp());
            all.push(rule.clone());
            Reply::result(rule)
        }
        (method, [id]) => {
            let place = all.iter().position(|rule| rule.get("id") == Some(&json!(id)));
            let Some(rule) = place.and_then(|place| all.get_mut(place)) else {
                return Reply::refused(404, 10_002, "not found");
            };
            match method {
                "GET" => Reply::result(rule.clone()),
                "PUT" if !is_right(kind, &body) => invalid(),
                "PUT" => {
                    let created = rule.get("created_on").and_then(Value::as_str);
                    let created = created.map_or_else(stamp, str::to_owned);
                    *rule = completed(kind, body, id, &created);
                    Reply::result(rule.clone())
                }
                "DELETE" => {
                    let rule = rule.clone();
                    all.retain(|known| known.get("id") != rule.get("id"));
                    match kind {
                        Kind::Agents => Reply::result(rule),
                        Kind::Lockdowns => Reply::result(json!({ "id": id })),
                    }
                }
                _ => Reply::no_method(),
            }
        }
        _ => Reply::no_route(),
    }
}

fn completed(kind: Kind, mut body: Value, id: &str, created: &str) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.insert("id".to_owned(), json!(id));
        fields.entry("paused").or_insert(json!(false));
        fields.entry("description").or_insert(json!(""));
        if kind == Kind::Lockdowns {
            fields.insert("created_on".to_owned(), json!(created));
            fields.insert("modified_on".to_owned(), json!(stamp()));
        }
    }
    body
}
