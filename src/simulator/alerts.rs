//! Notifications: webhooks and policies.

use super::http::Request;
use super::reply::Reply;
use super::world::{Plan, World, new_id, stamp};
use serde_json::{Value, json};

/// `/accounts/{account}/alerting/v3…`
pub(super) fn answer(world: &mut World, request: &Request, rest: &[&str]) -> Reply {
    let body: Value = request.json();
    let plan = world.options.plan;
    let areas = &mut world.areas;
    match (request.method.as_str(), rest) {
        ("GET", ["destinations", "webhooks"]) => Reply::result(json!(areas.webhooks)),
        ("POST", ["destinations", "webhooks"]) => {
            if plan == Plan::Free {
                return Reply::refused(403, 17_001, "not entitled to webhooks");
            }
            let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("name").is_empty() || !text("url").starts_with("https://") {
                return Reply::refused(400, 17_002, "a webhook needs a name and an https url");
            }
            let id = new_id();
            areas.webhooks.push(json!({
                "id": id, "name": text("name"), "url": text("url"), "type": "generic",
                "created_at": stamp(),
            }));
            Reply::result(json!({ "id": id })).status(201)
        }
        ("DELETE", ["destinations", "webhooks", id]) => removed(&mut areas.webhooks, id),
        ("GET", ["policies"]) => Reply::result(json!(areas.policies)),
        ("POST", ["policies"]) => {
            let hooks = body.pointer("/mechanisms/webhooks").and_then(Value::as_array);
            let known =
                |hook: &Value| areas.webhooks.iter().any(|row| row.get("id") == hook.get("id"));
            if body.get("alert_type").and_then(Value::as_str).is_none_or(str::is_empty) {
                return Reply::refused(400, 17_003, "a policy needs an alert_type");
            }
            if hooks.is_some_and(|hooks| !hooks.iter().all(known)) {
                return Reply::refused(400, 17_004, "the policy names a webhook that is not there");
            }
            let (id, mut policy) = (new_id(), body);
            if let Some(fields) = policy.as_object_mut() {
                fields.insert("id".to_owned(), json!(id));
                fields.insert("created".to_owned(), json!(stamp()));
                fields.insert("modified".to_owned(), json!(stamp()));
            }
            areas.policies.push(policy);
            Reply::result(json!({ "id": id }))
        }
        ("DELETE", ["policies", id]) => removed(&mut areas.policies, id),
        _ => Reply::no_route(),
    }
}

fn removed(rows: &mut Vec<Value>, id: &str) -> Reply {
    let before = rows.len();
    rows.retain(|row| row.get("id").and_then(Value::as_str) != Some(id));
    if rows.len() == before {
        return Reply::refused(404, 17_005, "not found");
    }
    Reply::result(Value::Null)
}
