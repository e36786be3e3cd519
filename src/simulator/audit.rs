//! The audit log: each change that went well or was refused, in both versions of the API.

use super::http::Request;
use super::reply::Reply;
use super::world::{TokenGrant, World, new_id, stamp};
use crate::limits::SIMULATOR_AUDIT_ENTRIES_MAX;
use serde_json::{Value, json};

/// Notes a change.
pub(super) fn note(
    world: &mut World,
    request: &Request,
    parts: &[&str],
    grant: &TokenGrant,
    status: u16,
) {
    let kind = match request.method.as_str() {
        "POST" => "create",
        "PUT" | "PATCH" => "update",
        "DELETE" => "delete",
        _ => return,
    };
    if parts.first() == Some(&"graphql") {
        return;
    }
    let zone = match parts {
        ["zones", id, ..] => world.zones.iter().find(|zone| zone.id == *id),
        _ => None,
    };
    let zone = zone.map(|zone| json!({ "id": zone.id, "name": zone.name }));
    // The words of the path that are no ids say what it is about.
    let words: Vec<&str> = parts.iter().skip(2).filter(|part| part.len() != 32).copied().collect();
    let product = words.first().copied().unwrap_or("account");
    let mut entry = json!({
        "id": new_id(),
        "account": { "id": world.account, "name": "Simulated account" },
        "action": {
            "type": kind, "time": stamp(), "description": format!("{kind} {}", words.join(" ")),
            "result": if status < 400 { "success" } else { "failure" },
        },
        "actor": {
            "id": "5e1f0000000000000000000000000001", "type": if grant.of_account { "account" } else { "user" },
            "email": "simulated@example.com", "ip_address": "127.0.0.1", "context": "api_token",
        },
        "resource": { "id": parts.last(), "product": product, "type": words.last() },
        "raw": {
            "cf_ray_id": new_id().get(..16), "method": request.method, "status_code": status,
            "uri": request.path, "user_agent": request.header("user-agent"),
        },
    });
    if let (Some(zone), Some(fields)) = (zone, entry.as_object_mut()) {
        fields.insert("zone".to_owned(), zone);
    }
    let log = &mut world.areas.audit;
    if log.len() >= SIMULATOR_AUDIT_ENTRIES_MAX {
        log.remove(0);
    }
    log.push(entry);
}

fn text<'e>(entry: &'e Value, path: &str) -> &'e str {
    entry.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// A parameter that is a day or a time; an empty one is none.
fn moment<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.parameter(name).filter(|text| !text.is_empty())
}

/// Entries that pass a request's filters, the newest first.
fn found<'w>(world: &'w World, request: &Request, filters: &[(&str, &str)]) -> Vec<&'w Value> {
    let (since, before) = (moment(request, "since"), moment(request, "before"));
    let mut rows: Vec<&Value> = world
        .areas
        .audit
        .iter()
        .filter(|entry| {
            let time = text(entry, "/action/time");
            // Days and times compare as text, since all are in UTC.
            since.is_none_or(|since| time >= since)
                && before.is_none_or(|before| time < before || time.starts_with(before))
                && filters.iter().all(|(name, path)| {
                    request.parameter(name).is_none_or(|wanted| wanted == text(entry, path))
                })
        })
        .collect();
    rows.reverse();
    rows
}

/// `/accounts/{account}/logs/audit`
pub(super) fn second(world: &World, request: &Request) -> Reply {
    if moment(request, "since").is_none() || moment(request, "before").is_none() {
        return Reply::refused(400, 1001, "since and before are required");
    }
    let filters = [
        ("actor_email", "/actor/email"),
        ("actor_ip_address", "/actor/ip_address"),
        ("action_type", "/action/type"),
        ("zone_name", "/zone/name"),
    ];
    let rows = found(world, request, &filters);
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").unwrap_or(100).clamp(1, 1_000);
    let from = number("cursor").unwrap_or(0);
    let page: Vec<Value> = rows.iter().skip(from).take(limit).map(|row| (*row).clone()).collect();
    let mut info = json!({ "count": page.len().to_string() });
    if let (true, Some(fields)) = (from + limit < rows.len(), info.as_object_mut()) {
        let cursor = (from + limit).to_string();
        // Cloudflare's schema has the one, its own client reads the other.
        fields.insert("cursors".to_owned(), json!({ "after": cursor }));
        fields.insert("cursor".to_owned(), json!(cursor));
    }
    Reply::page(Value::Array(page), info)
}

/// `/accounts/{account}/audit_logs`
pub(super) fn first(world: &World, request: &Request) -> Reply {
    let filters = [
        ("actor.email", "/actor/email"),
        ("actor.ip", "/actor/ip_address"),
        ("action.type", "/action/type"),
        ("zone.name", "/zone/name"),
    ];
    let rows = found(world, request, &filters).into_iter().map(|entry| {
        json!({
            "id": entry.get("id"), "when": text(entry, "/action/time"), "interface": "API",
            "action": {
                "type": text(entry, "/action/type"), "result": text(entry, "/action/result") == "success",
            },
            "actor": {
                "id": text(entry, "/actor/id"), "email": text(entry, "/actor/email"),
                "ip": text(entry, "/actor/ip_address"), "type": "user",
            },
            "owner": { "id": world.account },
            "resource": { "id": text(entry, "/resource/id"), "type": text(entry, "/resource/product") },
            "metadata": { "zone_name": text(entry, "/zone/name") },
            "newValue": "", "oldValue": "",
        })
    });
    super::simple::paged(request, rows.collect(), 1_000, 100)
}
