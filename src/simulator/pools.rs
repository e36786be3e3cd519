//! Load balancing: pools and monitors of the account, load balancers of zones. Codes of refusals are
//! guesses. An origin at 192.0.2.66 is ill, all others are well.

use super::http::Request;
use super::reply::Reply;
use super::world::{World, new_id, stamp};
use serde_json::{Map, Value, json};

/// The address of an origin that is ill.
const ILL: &str = "192.0.2.66";

/// Origins in a pool at most (read in November 2026).
const ORIGINS_MAX: usize = 20;

/// What an account holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Balancing {
    pools: Vec<Value>,
    monitors: Vec<Value>,
    /// With the zone of each.
    balancers: Vec<(String, Value)>,
}

fn id_of(value: &Value) -> &str {
    value.get("id").and_then(Value::as_str).unwrap_or_default()
}

fn not_found() -> Reply {
    Reply::refused(404, 1001, "not found")
}

fn invalid(words: &str) -> Reply {
    Reply::refused(400, 1002, words)
}

fn made(mut fields: Map<String, Value>) -> Value {
    fields.insert("id".to_owned(), json!(new_id()));
    fields.insert("created_on".to_owned(), json!(stamp()));
    fields.insert("modified_on".to_owned(), json!(stamp()));
    Value::Object(fields)
}

/// Puts the fields that were sent into what is there; the others stay.
fn merge(known: &mut Value, fields: Map<String, Value>) -> Value {
    if let Some(known) = known.as_object_mut() {
        known.extend(fields.into_iter().filter(|(name, _)| name != "id"));
        known.insert("modified_on".to_owned(), json!(stamp()));
    }
    known.clone()
}

/// `/accounts/{account}/load_balancers/…`
pub(super) fn of_account(world: &mut World, request: &Request, rest: &[&str]) -> Reply {
    let balancing = &mut world.balancing;
    match rest {
        ["pools", rest @ ..] => pools(balancing, request, rest),
        ["monitors", rest @ ..] => monitors(balancing, request, rest),
        _ => Reply::no_route(),
    }
}

fn pools(balancing: &mut Balancing, request: &Request, rest: &[&str]) -> Reply {
    let body: Map<String, Value> = request.json();
    let origins = |body: &Map<String, Value>| body.get("origins")?.as_array().map(Vec::len);
    match (request.method.as_str(), rest) {
        ("GET", []) => Reply::result(json!(balancing.pools)),
        ("POST", []) => {
            if body.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
                return invalid("a pool needs a name");
            }
            if origins(&body).is_none_or(|count| count == 0 || count > ORIGINS_MAX) {
                return invalid("a pool needs one to twenty origins");
            }
            let mut pool = json!({ "enabled": true, "minimum_origins": 1, "description": "" });
            if let Some(fields) = pool.as_object_mut() {
                fields.extend(body);
            }
            let pool = made(pool.as_object().cloned().unwrap_or_default());
            balancing.pools.push(pool.clone());
            Reply::result(pool)
        }
        (method, [id, tail @ ..]) => {
            let is_used = balancing.balancers.iter().any(|(_, known)| {
                let pools = known.get("default_pools").and_then(Value::as_array);
                pools.is_some_and(|pools| pools.contains(&json!(id)))
                    || known.get("fallback_pool") == Some(&json!(id))
            });
            let Some(pool) = balancing.pools.iter_mut().find(|pool| id_of(pool) == *id) else {
                return not_found();
            };
            match (method, tail) {
                ("GET", []) => Reply::result(pool.clone()),
                ("PATCH", []) if origins(&body).is_some_and(|n| n == 0 || n > ORIGINS_MAX) => {
                    invalid("a pool needs one to twenty origins")
                }
                ("PATCH", []) => Reply::result(merge(pool, body)),
                ("GET", ["health"]) => Reply::result(health(pool)),
                ("DELETE", []) if is_used => {
                    Reply::refused(412, 1005, "pool is referenced by a load balancer")
                }
                ("DELETE", []) => {
                    balancing.pools.retain(|pool| id_of(pool) != *id);
                    Reply::result(json!({ "id": id }))
                }
                _ => Reply::no_route(),
            }
        }
        _ => Reply::no_route(),
    }
}

fn health(pool: &Value) -> Value {
    let origins: Vec<Value> = pool
        .get("origins")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|origin| origin.get("address")?.as_str())
        .map(|address| {
            let well = address != ILL;
            let reason = if well { "No failures" } else { "TCP connection failed" };
            let code = if well { 200 } else { 0 };
            json!({ address: {
                "healthy": well, "rtt": "12.1ms", "failure_reason": reason, "response_code": code,
            } })
        })
        .collect();
    let well = !origins.iter().any(|origin| origin.get(ILL).is_some());
    json!({ "pool_id": id_of(pool), "pop_health": { "healthy": well, "origins": origins } })
}

fn monitors(balancing: &mut Balancing, request: &Request, rest: &[&str]) -> Reply {
    let body: Map<String, Value> = request.json();
    match (request.method.as_str(), rest) {
        ("GET", []) => Reply::result(json!(balancing.monitors)),
        ("POST", []) => {
            let monitor = made(body);
            balancing.monitors.push(monitor.clone());
            Reply::result(monitor)
        }
        (method, [id]) => {
            let is_used =
                balancing.pools.iter().any(|pool| pool.get("monitor") == Some(&json!(id)));
            let found = balancing.monitors.iter_mut().find(|monitor| id_of(monitor) == *id);
            let Some(monitor) = found else { return not_found() };
            match method {
                "GET" => Reply::result(monitor.clone()),
                "PATCH" => Reply::result(merge(monitor, body)),
                "DELETE" if is_used => Reply::refused(412, 1005, "monitor is referenced by a pool"),
                "DELETE" => {
                    balancing.monitors.retain(|monitor| id_of(monitor) != *id);
                    Reply::result(json!({ "id": id }))
                }
                _ => Reply::no_route(),
            }
        }
        _ => Reply::no_route(),
    }
}

/// `/zones/{zone}/load_balancers…`
pub(super) fn of_zone(world: &mut World, request: &Request, zone: &str, rest: &[&str]) -> Reply {
    let body: Map<String, Value> = request.json();
    let pools: Vec<String> =
        world.balancing.pools.iter().map(|pool| id_of(pool).to_owned()).collect();
    let named = body.get("default_pools").and_then(Value::as_array).into_iter().flatten();
    let mut named = named.chain(body.get("fallback_pool")).filter_map(Value::as_str);
    if named.any(|name| !pools.iter().any(|pool| pool == name)) {
        return invalid("a pool does not exist");
    }
    let all = &mut world.balancing.balancers;
    match (request.method.as_str(), rest) {
        ("GET", []) => Reply::result(
            all.iter().filter(|(of, _)| of == zone).map(|(_, one)| one.clone()).collect(),
        ),
        ("POST", []) => {
            let balancer = made(body);
            all.push((zone.to_owned(), balancer.clone()));
            Reply::result(balancer)
        }
        (method, [id]) => {
            let found = all.iter_mut().find(|(of, known)| of == zone && id_of(known) == *id);
            let Some((_, balancer)) = found else { return not_found() };
            match method {
                "GET" => Reply::result(balancer.clone()),
                "PATCH" => Reply::result(merge(balancer, body)),
                "DELETE" => {
                    all.retain(|(_, known)| id_of(known) != *id);
                    Reply::result(json!({ "id": id }))
                }
                _ => Reply::no_route(),
            }
        }
        _ => Reply::no_route(),
    }
}
