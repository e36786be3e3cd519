//! Workers KV: namespaces with keys and values. Unlike Cloudflare's, what is written is seen at
//! once.

use super::http::Request;
use super::reply::Reply;
use super::workers;
use super::world::{World, new_id};
use crate::limits::SIMULATOR_KV_VALUE_BYTES_MAX;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A namespace.
#[derive(Debug, Clone)]
pub(super) struct Namespace {
    pub(super) id: String,
    title: String,
    values: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    value: Vec<u8>,
    expiration: Option<i64>,
    metadata: Option<Value>,
}

fn shown(namespace: &Namespace) -> Value {
    json!({ "id": namespace.id, "title": namespace.title, "supports_url_encoding": true })
}

/// `/accounts/{account}/storage/kv/namespaces…`
pub(super) fn answer(world: &mut World, request: &Request, rest: &[&str]) -> Reply {
    let body: Value = request.json();
    let partial = world.partial;
    let method = request.method.as_str();
    match (method, rest) {
        ("GET", []) => {
            let rows = world.areas.namespaces.iter().map(shown).collect();
            return super::simple::paged(request, rows, 1_000, 20);
        }
        ("POST", []) => return create(world, &body),
        ("DELETE", [id]) if workers::bound(world, id) => {
            return Reply::refused(400, 10_052, "namespace has associated scripts");
        }
        _ => {}
    }
    let Some((id, tail)) = rest.split_first() else {
        return Reply::no_method();
    };
    let Some(place) = world.areas.namespaces.iter().position(|known| known.id == *id) else {
        return Reply::refused(404, 10_013, "namespace not found");
    };
    if method == "DELETE" && tail.is_empty() {
        world.areas.namespaces.remove(place);
        return Reply::result(json!({}));
    }
    let Some(namespace) = world.areas.namespaces.get_mut(place) else {
        return Reply::refused(404, 10_013, "namespace not found");
    };
    let now = crate::clock::now().as_secs();
    namespace.values.retain(|_, entry| entry.expiration.is_none_or(|end| end > now));
    match (method, tail) {
        ("GET", []) => Reply::result(shown(namespace)),
        ("PUT", []) => {
            let title = body.get("title").and_then(Value::as_str).unwrap_or_default();
            title.clone_into(&mut namespace.title);
            Reply::result(shown(namespace))
        }
        ("GET", ["keys"]) => keys(namespace, request),
        ("PUT", ["bulk"]) => put_many(namespace, &body, partial, now),
        ("POST", ["bulk", "delete"]) => delete_many(namespace, &body),
        (_, ["values", key @ ..]) => value(namespace, request, &key.join("/"), now),
        ("GET", ["metadata", key @ ..]) => match namespace.values.get(&key.join("/")) {
            Some(entry) => Reply::result(entry.metadata.clone().unwrap_or_default()),
            None => no_key(),
        },
        _ => Reply::no_route(),
    }
}

fn create(world: &mut World, body: &Value) -> Reply {
    let title = body.get("title").and_then(Value::as_str).unwrap_or_default();
    if title.is_empty() {
        return Reply::refused(400, 10_019, "a namespace needs a title");
    }
    if world.areas.namespaces.iter().any(|known| known.title == title) {
        return Reply::refused(
            400,
            10_014,
            "a namespace with this account ID and title already exists",
        );
    }
    let namespace = Namespace { id: new_id(), title: title.to_owned(), values: BTreeMap::new() };
    let reply = Reply::result(shown(&namespace));
    world.areas.namespaces.push(namespace);
    reply
}

fn no_key() -> Reply {
    Reply::refused(404, 10_009, "get: 'key not found'")
}

fn keys(namespace: &Namespace, request: &Request) -> Reply {
    let prefix = request.parameter("prefix").unwrap_or_default();
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").unwrap_or(1_000);
    if !(10..=1_000).contains(&limit) {
        return Reply::refused(400, 10_028, "limit must be between 10 and 1000");
    }
    let from = number("cursor").unwrap_or(0);
    let found: Vec<(&String, &Entry)> =
        namespace.values.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
    let rows: Vec<Value> = found
        .iter()
        .skip(from)
        .take(limit)
        .map(|(key, entry)| {
            let mut row = json!({ "name": key });
            if let Some(fields) = row.as_object_mut() {
                if let Some(end) = entry.expiration {
                    fields.insert("expiration".to_owned(), json!(end));
                }
                if let Some(metadata) = &entry.metadata {
                    fields.insert("metadata".to_owned(), metadata.clone());
                }
            }
            row
        })
        .collect();
    let cursor =
        if from + limit < found.len() { (from + limit).to_string() } else { String::new() };
    // Cloudflare's schema has the one, its own client reads the other.
    let info = json!({ "count": rows.len(), "cursor": cursor, "cursors": { "after": cursor } });
    Reply::page(Value::Array(rows), info)
}

/// When a value ends, of the seconds until then; `Err` where that is too soon.
fn end(secs: Option<i64>, now: i64) -> Result<Option<i64>, Reply> {
    match secs {
        Some(secs) if secs < 60 => {
            Err(Reply::refused(400, 10_033, "expiration_ttl must be at least 60"))
        }
        secs => Ok(secs.map(|secs| now + secs)),
    }
}

/// The value that a request brings, by itself or in a form, and what is noted with it.
fn sent(request: &Request) -> Option<(Vec<u8>, Option<Value>)> {
    let Some(boundary) = workers::boundary(request) else {
        return Some((request.body.clone(), None));
    };
    let mut parts = workers::parts(&request.body, &boundary);
    let metadata = parts.get("metadata").and_then(|bytes| serde_json::from_slice(bytes).ok());
    parts.remove("value").map(|value| (value, metadata))
}

fn value(namespace: &mut Namespace, request: &Request, key: &str, now: i64) -> Reply {
    if key.is_empty() || key.len() > 512 {
        return Reply::refused(414, 10_030, "a key has 1 to 512 bytes");
    }
    match request.method.as_str() {
        "GET" => match namespace.values.get(key) {
            Some(entry) => Reply::file("application/octet-stream", entry.value.clone()),
            None => no_key(),
        },
        "PUT" => {
            let secs = request.parameter("expiration_ttl").and_then(|text| text.parse().ok());
            let expiration = match end(secs, now) {
                Ok(end) => end,
                Err(refusal) => return refusal,
            };
            let Some((value, metadata)) = sent(request) else {
                return Reply::refused(400, 10_012, "the form has no part `value`");
            };
            if value.len() > SIMULATOR_KV_VALUE_BYTES_MAX {
                return too_large();
            }
            let entry = Entry { value, expiration, metadata };
            namespace.values.insert(key.to_owned(), entry);
            Reply::result(json!({}))
        }
        "DELETE" => {
            namespace.values.remove(key);
            Reply::result(json!({}))
        }
        _ => Reply::no_method(),
    }
}

fn too_large() -> Reply {
    Reply::refused(413, 10_047, "a value has at most 25 MiB")
}

/// What Base64 stands for; `None` where it is none.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0_u32);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held).to_le_bytes()[0]);
            bits &= (1 << held) - 1;
        }
    }
    // A single letter at the end stands for nothing.
    (held < 6).then_some(out)
}

/// Where only a part is to go well, every second pair is left out.
fn put_many(namespace: &mut Namespace, body: &Value, partial: bool, now: i64) -> Reply {
    let Some(rows) = body.as_array().filter(|rows| (1..=10_000).contains(&rows.len())) else {
        return Reply::refused(400, 10_031, "a bulk write has 1 to 10000 pairs");
    };
    let mut failed = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let (Some(key), Some(value)) = (text("key"), text("value")) else {
            return Reply::refused(400, 10_012, "a pair has a key and a value");
        };
        if key.is_empty() || key.len() > 512 {
            return Reply::refused(400, 10_030, "a key has 1 to 512 bytes");
        }
        let expiration = match end(row.get("expiration_ttl").and_then(Value::as_i64), now) {
            Ok(end) => end,
            Err(refusal) => return refusal,
        };
        if partial && place % 2 == 1 {
            failed.push(key);
            continue;
        }
        let value = match row.get("base64") {
            Some(Value::Bool(true)) => decoded(value),
            _ => Some(value.as_bytes().to_vec()),
        };
        let Some(value) = value else {
            return Reply::refused(400, 10_012, "a value is no Base64");
        };
        if value.len() > SIMULATOR_KV_VALUE_BYTES_MAX {
            return too_large();
        }
        let metadata = row.get("metadata").cloned();
        let entry = Entry { value, expiration, metadata };
        namespace.values.insert(key.to_owned(), entry);
    }
    Reply::result(json!({
        "successful_key_count": rows.len() - failed.len(), "unsuccessful_keys": failed,
    }))
}

fn delete_many(namespace: &mut Namespace, body: &Value) -> Reply {
    let keys = body.as_array().filter(|keys| (1..=10_000).contains(&keys.len()));
    let Some(keys) = keys else {
        return Reply::refused(400, 10_031, "a bulk delete has 1 to 10000 keys");
    };
    for key in keys.iter().filter_map(Value::as_str) {
        namespace.values.remove(key);
    }
    Reply::result(json!({ "successful_key_count": keys.len(), "unsuccessful_keys": [] }))
}
