//! Workers: scripts with what they are bound to, secrets, schedules, and routes of zones. Nothing
//! runs here.

use super::http::Request;
use super::reply::Reply;
use super::world::{World, new_id, stamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A script.
#[derive(Debug, Clone)]
pub(super) struct Script {
    created: String,
    modified: String,
    module: String,
    content: Vec<u8>,
    compatibility_date: Option<String>,
    bindings: Vec<Value>,
    /// Names only; the values are thrown away.
    secrets: Vec<String>,
    schedules: Vec<Value>,
}

fn shown(name: &str, script: &Script) -> Value {
    let text = String::from_utf8_lossy(&script.content);
    let handlers: Vec<&str> = ["fetch", "scheduled", "queue"]
        .into_iter()
        .filter(|word| text.contains(&format!("{word}(")))
        .collect();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in &script.content {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut value = json!({
        "id": name, "created_on": script.created, "modified_on": script.modified,
        "etag": format!("{sum:016x}"), "handlers": handlers, "has_modules": true,
        "has_assets": false, "logpush": false, "usage_model": "standard",
        "last_deployed_from": "api", "tag": "5e1f", "tags": [],
    });
    if let (Some(date), Some(fields)) = (&script.compatibility_date, value.as_object_mut()) {
        fields.insert("compatibility_date".to_owned(), json!(date));
    }
    value
}

fn not_found() -> Reply {
    Reply::refused(404, 10_007, "This Worker does not exist on your account.")
}

/// `/accounts/{account}/workers/scripts…`
pub(super) fn answer(world: &mut World, request: &Request, rest: &[&str]) -> Reply {
    let body: Value = request.json();
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let scripts = &world.areas.scripts;
            Reply::result(scripts.iter().map(|(name, script)| shown(name, script)).collect())
        }
        ("PUT", [name]) => upload(world, request, name),
        ("DELETE", [name]) => match world.areas.scripts.remove(*name) {
            Some(_) => Reply::result(Value::Null),
            None => not_found(),
        },
        (method, [name, tail @ ..]) => {
            let Some(script) = world.areas.scripts.get_mut(*name) else { return not_found() };
            part(method, tail, script, &body)
        }
        _ => Reply::no_method(),
    }
}

fn part(method: &str, tail: &[&str], script: &mut Script, body: &Value) -> Reply {
    let secret = |name: &String| json!({ "name": name, "type": "secret_text", "text": "" });
    match (method, tail) {
        ("GET", [] | ["content", "v2"]) => {
            Reply::file("application/javascript", script.content.clone())
        }
        ("GET", ["settings"]) => Reply::result(json!({
            "bindings": script.bindings, "compatibility_flags": [], "logpush": false,
            "compatibility_date": script.compatibility_date, "usage_model": "standard", "tags": [],
        })),
        ("GET", ["secrets"]) => Reply::result(script.secrets.iter().map(secret).collect()),
        ("PUT", ["secrets"]) => {
            let Some(name) = body.get("name").and_then(Value::as_str).map(str::to_owned) else {
                return Reply::refused(400, 10_021, "a secret needs a name");
            };
            if !script.secrets.contains(&name) {
                script.secrets.push(name.clone());
            }
            Reply::result(secret(&name))
        }
        ("DELETE", ["secrets", name]) => {
            let before = script.secrets.len();
            script.secrets.retain(|known| known != name);
            if script.secrets.len() == before {
                return Reply::refused(404, 10_056, "the secret does not exist");
            }
            Reply::result(Value::Null)
        }
        ("GET", ["schedules"]) => Reply::result(json!({ "schedules": script.schedules })),
        ("PUT", ["schedules"]) => {
            let rows = body.as_array().cloned().unwrap_or_default();
            let crons = rows.iter().filter_map(|row| row.get("cron")?.as_str());
            let crons: Vec<&str> = crons.collect();
            if crons.len() != rows.len() || crons.iter().any(|cron| cron.split(' ').count() != 5) {
                return Reply::refused(400, 10_100, "invalid cron string");
            }
            let times = |cron: &&str| json!({ "cron": cron, "created_on": stamp(), "modified_on": stamp() });
            script.schedules = crons.iter().map(times).collect();
            Reply::result(json!({ "schedules": script.schedules }))
        }
        _ => Reply::no_route(),
    }
}

fn upload(world: &mut World, request: &Request, name: &str) -> Reply {
    let Some(boundary) = boundary(request) else {
        return Reply::refused(415, 10_002, "an upload is multipart/form-data");
    };
    let parts = parts(&request.body, &boundary);
    let metadata =
        parts.get("metadata").and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let Some(metadata) = metadata else {
        return Reply::refused(400, 10_021, "the part `metadata` is missing or no JSON");
    };
    let module = metadata.get("main_module").and_then(Value::as_str).unwrap_or_default();
    let Some(content) = parts.get(module) else {
        return Reply::refused(400, 10_021, "main_module names no part of the upload");
    };
    let bindings = metadata.get("bindings").and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut kept, mut secrets) = (Vec::new(), Vec::new());
    for binding in bindings {
        let text = |name: &str| binding.get(name).and_then(Value::as_str).unwrap_or_default();
        let known = |id: &str| world.areas.namespaces.iter().any(|space| space.id == id);
        match text("type") {
            "plain_text" if text("text").is_empty() => {
                return Reply::refused(400, 10_021, "a plain_text binding must not be empty");
            }
            "kv_namespace" if !known(text("namespace_id")) => {
                return Reply::refused(400, 10_041, "KV namespace was not found");
            }
            "secret_text" => secrets.push(text("name").to_owned()),
            _ => kept.push(binding),
        }
    }
    let old = world.areas.scripts.get(name);
    let keep = metadata.get("keep_bindings").and_then(Value::as_array);
    if keep.is_some_and(|kinds| kinds.contains(&json!("secret_text"))) {
        let others = old.into_iter().flat_map(|old| &old.secrets);
        secrets.extend(others.filter(|name| !secrets.contains(name)).cloned().collect::<Vec<_>>());
    }
    let script = Script {
        created: old.map_or_else(stamp, |old| old.created.clone()),
        modified: stamp(),
        module: module.to_owned(),
        content: content.clone(),
        compatibility_date: metadata
            .get("compatibility_date")
            .and_then(Value::as_str)
            .map(str::to_owned),
        bindings: kept,
        secrets,
        schedules: old.map(|old| old.schedules.clone()).unwrap_or_default(),
    };
    let mut value = shown(name, &script);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("startup_time_ms".to_owned(), json!(2));
        fields.insert("entry_point".to_owned(), json!(script.module));
    }
    world.areas.scripts.insert(name.to_owned(), script);
    Reply::result(value)
}

/// What parts the parts of a form; `None` where the body is no form.
pub(super) fn boundary(request: &Request) -> Option<String> {
    let kind = request.header("content-type")?;
    let form = kind.starts_with("multipart/form-data").then_some(kind)?;
    form.split("boundary=").nth(1).map(|boundary| boundary.trim_matches('"').to_owned())
}

/// The parts of a form, by their names, and by the names of their files.
pub(super) fn parts(body: &[u8], boundary: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let line = format!("--{boundary}");
    let mut rest = body;
    while let Some(at) = memchr::memmem::find(rest, line.as_bytes()) {
        rest = rest.get(at + line.len()..).unwrap_or_default();
        let end = memchr::memmem::find(rest, format!("\r\n{line}").as_bytes());
        let part = rest.get(..end.unwrap_or(0)).unwrap_or_default();
        let Some(head) = memchr::memmem::find(part, b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(part.get(..head).unwrap_or_default()).into_owned();
        let content = part.get(head + 4..).unwrap_or_default().to_vec();
        for key in [" name=\"", "filename=\""] {
            if let Some(name) = text.split(key).nth(1).and_then(|rest| rest.split('"').next()) {
                found.insert(name.to_owned(), content.clone());
            }
        }
    }
    found
}

/// Whether a Worker is bound to a KV namespace.
pub(super) fn bound(world: &World, namespace: &str) -> bool {
    let bindings = world.areas.scripts.values().flat_map(|script| &script.bindings);
    bindings.filter_map(|binding| binding.get("namespace_id")?.as_str()).any(|id| id == namespace)
}

/// `/zones/{zone}/workers/routes…`
pub(super) fn routes(world: &mut World, request: &Request, zone: &str, rest: &[&str]) -> Reply {
    if !world.zones.iter().any(|known| known.id == zone) {
        return Reply::no_zone();
    }
    let body: Value = request.json();
    let script = body.get("script").and_then(Value::as_str);
    let known = script.is_none_or(|name| world.areas.scripts.contains_key(name));
    let routes = world.areas.routes.entry(zone.to_owned()).or_default();
    let has_id = |row: &Value, id: &str| row.get("id").and_then(Value::as_str) == Some(id);
    match (request.method.as_str(), rest) {
        ("GET", []) => Reply::result(json!(routes)),
        ("POST", []) => {
            let Some(pattern) = body.get("pattern").and_then(Value::as_str) else {
                return Reply::refused(400, 10_022, "a route needs a pattern");
            };
            if !known {
                return Reply::refused(400, 10_019, "workers.api.error.script_not_found");
            }
            if routes.iter().any(|row| row.get("pattern").and_then(Value::as_str) == Some(pattern))
            {
                return Reply::refused(409, 10_020, "workers.api.error.duplicate_route");
            }
            let mut route = json!({ "id": new_id(), "pattern": pattern });
            if let (Some(script), Some(fields)) = (script, route.as_object_mut()) {
                fields.insert("script".to_owned(), json!(script));
            }
            routes.push(route.clone());
            Reply::result(route)
        }
        ("GET", [id]) => match routes.iter().find(|row| has_id(row, id)) {
            Some(route) => Reply::result(route.clone()),
            None => Reply::refused(404, 10_005, "workers.api.error.route_not_found"),
        },
        ("PUT", [id]) => {
            let Some(pattern) = body.get("pattern").and_then(Value::as_str) else {
                return Reply::refused(400, 10_022, "a route needs a pattern");
            };
            if !known {
                return Reply::refused(400, 10_019, "workers.api.error.script_not_found");
            }
            let Some(row) = routes.iter_mut().find(|row| has_id(row, id)) else {
                return Reply::refused(404, 10_005, "workers.api.error.route_not_found");
            };
            let mut route = json!({ "id": id, "pattern": pattern });
            if let (Some(script), Some(fields)) = (script, route.as_object_mut()) {
                fields.insert("script".to_owned(), json!(script));
            }
            *row = route.clone();
            Reply::result(route)
        }
        ("DELETE", [id]) => {
            let before = routes.len();
            routes.retain(|row| !has_id(row, id));
            if routes.len() == before {
                return Reply::refused(404, 10_005, "workers.api.error.route_not_found");
            }
            Reply::result(json!({ "id": id }))
        }
        _ => Reply::no_method(),
    }
}
