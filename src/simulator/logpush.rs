//! Logpush jobs. Nothing is pushed.

use super::http::Request;
use super::reply::Reply;
use super::world::{Plan, World};
use serde_json::{Value, json};

/// `/{accounts or zones}/{id}/logpush/jobs…`
pub(super) fn answer(world: &mut World, request: &Request, scope: &str, rest: &[&str]) -> Reply {
    if world.options.plan != Plan::Enterprise {
        return Reply::refused(403, 1004, "not entitled to logpush");
    }
    let body: Value = request.json();
    let jobs = world.areas.jobs.entry(scope.to_owned()).or_default();
    let has_id = |job: &Value, id: &str| job.get("id").and_then(Value::as_u64) == id.parse().ok();
    match (request.method.as_str(), rest) {
        ("GET", []) => Reply::result(json!(jobs)),
        ("POST", []) => {
            let destination = body.get("destination_conf").and_then(Value::as_str);
            if !destination.is_some_and(|text| text.contains("://")) {
                return Reply::refused(400, 1002, "destination_conf is invalid");
            }
            let last = jobs.iter().filter_map(|job| job.get("id")?.as_u64()).max();
            let mut job = body;
            if let Some(fields) = job.as_object_mut() {
                fields.insert("id".to_owned(), json!(last.unwrap_or(0) + 1));
                fields.entry("enabled").or_insert(json!(false));
            }
            jobs.push(job.clone());
            Reply::result(job)
        }
        (method, [id]) => {
            let Some(place) = jobs.iter().position(|job| has_id(job, id)) else {
                return Reply::refused(404, 1003, "job not found");
            };
            if method == "DELETE" {
                let gone = jobs.remove(place);
                return Reply::result(json!({ "id": gone.get("id") }));
            }
            let Some(job) = jobs.get_mut(place) else {
                return Reply::refused(404, 1003, "job not found");
            };
            if let ("PUT", Some(new), Some(fields)) =
                (method, body.as_object(), job.as_object_mut())
            {
                fields.extend(new.clone());
            }
            Reply::result(job.clone())
        }
        _ => Reply::no_method(),
    }
}
