//! Records of a zone: checked as Cloudflare checks them, with a plan's limits, and batches that
//! happen whole or not at all. Codes: those of docs/cloudflare-dns.md.

use super::http::Request;
use super::reply::Reply;
use super::world::{Plan, World, new_id, stamp};
use super::zone_text;
use serde_json::{Map, Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A refusal: status, code, message.
pub(super) type Refusal = (u16, i64, String);

/// Fields of a record that a request may name.
const FIELDS: [&str; 9] =
    ["type", "name", "content", "ttl", "proxied", "comment", "tags", "settings", "priority"];

/// Types whose records clients may reach through Cloudflare.
const PROXIABLE: [&str; 3] = ["A", "AAAA", "CNAME"];

/// What a plan allows (read in November 2026): records of a zone, changes of a batch, tags.
const fn limits(plan: Plan) -> (usize, usize, usize) {
    match plan {
        Plan::Free => (200, 200, 0),
        Plan::Pro | Plan::Business | Plan::Enterprise => (3_500, 3_500, 20),
    }
}

/// A zone's records while they are changed: a copy, which becomes the zone's if all goes well.
pub(super) struct Draft<'z> {
    zone: &'z str,
    plan: Plan,
    pub(super) records: Vec<Value>,
}

/// `…/dns_records…`
pub(super) fn answer(world: &mut World, request: &Request, zone: &str, rest: &[&str]) -> Reply {
    let plan = world.options.plan;
    let Some(zone) = world.zone(zone) else {
        return Reply::no_zone();
    };
    let name = zone.name.clone();
    let mut draft = Draft { zone: &name, plan, records: zone.records.clone() };
    let body: Value = request.json();
    let done = match (request.method.as_str(), rest) {
        ("GET", []) => {
            return super::simple::paged(request, filtered(request, draft.records), 5_000, 100);
        }
        ("GET", ["usage"]) => {
            let quota = limits(plan).0;
            Ok(json!({ "record_quota": quota, "record_usage": draft.records.len() }))
        }
        ("GET", ["export"]) => return Reply::text(&zone_text::written(&name, &draft.records)),
        ("POST", ["import"]) => zone_text::import(request, &mut draft),
        ("POST", ["batch"]) => draft.batch(&body),
        ("POST", []) => draft.create(&body),
        ("GET", [id]) => draft.find(id).cloned(),
        ("PATCH", [id]) => draft.change(id, &body, true),
        ("PUT", [id]) => draft.change(id, &body, false),
        ("DELETE", [id]) => draft.delete(id).map(|_| json!({ "id": id })),
        _ => Err((404, 7003, "Could not route to the requested path".to_owned())),
    };
    match done {
        Ok(result) => {
            zone.records = draft.records;
            Reply::result(result)
        }
        Err((status, code, message)) => Reply::refused(status, code, &message),
    }
}

fn text<'v>(record: &'v Value, field: &str) -> &'v str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn refuse<T>(code: i64, message: impl Into<String>) -> Result<T, Refusal> {
    Err((400, code, message.into()))
}

impl Draft<'_> {
    fn find(&self, id: &str) -> Result<&Value, Refusal> {
        let found = self.records.iter().find(|record| text(record, "id") == id);
        found.ok_or_else(|| (404, 81_044, "Record does not exist.".to_owned()))
    }

    fn delete(&mut self, id: &str) -> Result<Value, Refusal> {
        let gone = self.find(id)?.clone();
        self.records.retain(|record| text(record, "id") != id);
        Ok(gone)
    }

    pub(super) fn create(&mut self, body: &Value) -> Result<Value, Refusal> {
        if self.records.len() >= limits(self.plan).0 {
            return refuse(81_045, "The record quota has been exceeded.");
        }
        let mut record = json!({
            "id": new_id(), "ttl": 1, "proxied": false, "settings": {}, "meta": {}, "comment": null,
            "tags": [], "created_on": stamp(), "modified_on": stamp(),
        });
        take(&mut record, body);
        let record = self.checked(record, None)?;
        self.records.push(record.clone());
        Ok(record)
    }

    /// `PATCH` keeps what it doesn't name; `PUT` resets it.
    fn change(&mut self, id: &str, body: &Value, keeps: bool) -> Result<Value, Refusal> {
        let mut record = self.find(id)?.clone();
        let asked = body.get("type").and_then(Value::as_str);
        if asked.is_some_and(|asked| asked != text(&record, "type")) {
            return refuse(1_004, "DNS Validation Error: a record's type can't be changed");
        }
        if let Some(fields) = record.as_object_mut().filter(|_| !keeps) {
            for (field, value) in [
                ("ttl", json!(1)),
                ("proxied", json!(false)),
                ("comment", Value::Null),
                ("tags", json!([])),
                ("settings", json!({})),
            ] {
                fields.insert(field.to_owned(), value);
            }
        }
        take(&mut record, body);
        set(&mut record, "modified_on", json!(stamp()));
        let record = self.checked(record, Some(id))?;
        for known in self.records.iter_mut().filter(|known| text(known, "id") == id) {
            known.clone_from(&record);
        }
        Ok(record)
    }

    fn batch(&mut self, body: &Value) -> Result<Value, Refusal> {
        let part =
            |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let kinds = ["deletes", "patches", "puts", "posts"];
        let count: usize = kinds.iter().map(|kind| part(kind).len()).sum();
        let most = limits(self.plan).1;
        if count == 0 || count > most {
            return refuse(1_004, format!("a batch has 1 to {most} changes, not {count}"));
        }
        let mut result = Map::new();
        for kind in kinds {
            let mut rows = Vec::new();
            for change in part(kind) {
                let id = text(&change, "id").to_owned();
                rows.push(match kind {
                    "deletes" => self.delete(&id)?,
                    "patches" => self.change(&id, &change, true)?,
                    "puts" => self.change(&id, &change, false)?,
                    _ => self.create(&change)?,
                });
            }
            if !rows.is_empty() {
                result.insert(kind.to_owned(), Value::Array(rows));
            }
        }
        Ok(Value::Object(result))
    }

    /// The record as it would be kept, or why not. `own` is its id where it is there already.
    fn checked(&self, mut record: Value, own: Option<&str>) -> Result<Value, Refusal> {
        let kind = text(&record, "type").to_owned();
        if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return refuse(1_004, "DNS Validation Error: the type is not known");
        }
        let name = whole_name(text(&record, "name"), self.zone);
        set(&mut record, "name", json!(name));
        let content = text(&record, "content").trim_end_matches('.').to_owned();
        check_content(&kind, &content)?;
        if PROXIABLE.contains(&kind.as_str()) {
            set(&mut record, "content", json!(content));
        }
        self.check_fields(&mut record, &kind)?;
        let others = self.records.iter().filter(|known| {
            own != Some(text(known, "id")) && text(known, "name").eq_ignore_ascii_case(&name)
        });
        for other in others {
            let other_kind = text(other, "type");
            if other_kind == kind && text(other, "content") == content {
                return refuse(81_058, "An identical record already exists.");
            }
            let both = PROXIABLE.contains(&kind.as_str()) && PROXIABLE.contains(&other_kind);
            if both && (kind == "CNAME" || other_kind == "CNAME") {
                return refuse(
                    81_053,
                    "An A, AAAA, or CNAME record with that host already exists.",
                );
            }
        }
        Ok(record)
    }

    fn check_fields(&self, record: &mut Value, kind: &str) -> Result<(), Refusal> {
        let least = if self.plan == Plan::Enterprise { 30.0 } else { 60.0 };
        let ttl = record.get("ttl").and_then(Value::as_f64).unwrap_or(0.0);
        if (ttl - 1.0).abs() > 0.5 && !(least..=86_400.0).contains(&ttl) {
            let words = format!(
                "Invalid TTL. Must be between {least} and 86,400 seconds, or 1 for Automatic."
            );
            return refuse(9_021, words);
        }
        let proxied = record.get("proxied").and_then(Value::as_bool).unwrap_or(false);
        let proxiable = PROXIABLE.contains(&kind);
        if proxied && !proxiable {
            return refuse(9_004, "This record type cannot be proxied.");
        }
        if proxied {
            set(record, "ttl", json!(1));
        }
        set(record, "proxied", json!(proxied));
        set(record, "proxiable", json!(proxiable));
        let tags = record.get("tags").and_then(Value::as_array).map_or(0, Vec::len);
        let most = limits(self.plan).2;
        if tags > most {
            let words = format!("DNS record has {tags} tags, exceeding the quota of {most}.");
            return refuse(9_300, words);
        }
        Ok(())
    }
}

fn check_content(kind: &str, content: &str) -> Result<(), Refusal> {
    match kind {
        "A" if content.parse::<Ipv4Addr>().is_err() => {
            refuse(9_005, "Content for A record must be a valid IPv4 address.")
        }
        "AAAA" if content.parse::<Ipv6Addr>().is_err() => {
            refuse(9_006, "Content for AAAA record must be a valid IPv6 address.")
        }
        "CNAME" if !is_host(content) => refuse(9_007, "Content for CNAME record is invalid."),
        _ => Ok(()),
    }
}

fn is_host(text: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let address = text.parse::<std::net::IpAddr>().is_ok();
    !text.is_empty() && text.len() <= 253 && text.bytes().all(right) && !address
}

/// A name with its zone.
pub(super) fn whole_name(name: &str, zone: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match name.as_str() {
        "" | "@" => zone.to_owned(),
        known if known == zone || known.ends_with(&format!(".{zone}")) => name,
        _ => format!("{name}.{zone}"),
    }
}

fn set(record: &mut Value, field: &str, value: Value) {
    if let Some(fields) = record.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

/// Takes over what a request names.
fn take(record: &mut Value, body: &Value) {
    for field in FIELDS {
        if let Some(value) = body.get(field) {
            set(record, field, value.clone());
        }
    }
    if let Some(data) = body.get("data") {
        set(record, "data", data.clone());
        if body.get("content").is_none() {
            set(record, "content", json!(content_of(text(record, "type"), data)));
        }
    }
}

/// The content of a record that was given by its parts.
fn content_of(kind: &str, data: &Value) -> String {
    let part = |name: &str| match data.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    match kind {
        "CAA" => format!("{} {} \"{}\"", part("flags"), part("tag"), part("value")),
        // The priority is a field of its own.
        "SRV" => format!("{} {} {}", part("weight"), part("port"), part("target")),
        _ => {
            let names = data.as_object().into_iter().flat_map(Map::keys);
            names.map(|name| part(name)).collect::<Vec<_>>().join(" ")
        }
    }
}

/// The filters of a listing; those that Cloudflare no longer has are ignored, as there.
fn filtered(request: &Request, records: Vec<Value>) -> Vec<Value> {
    let any = request.parameter("match") == Some("any");
    let mut filters: Vec<(&str, &str, String)> = Vec::new();
    for (name, value) in &request.query {
        let (field, how) = name.split_once('.').unwrap_or((name, "exact"));
        if matches!(field, "name" | "type" | "content" | "comment" | "proxied") {
            filters.push((field, how, value.to_ascii_lowercase()));
        }
    }
    let fits = |record: &Value, (field, how, wanted): &(&str, &str, String)| {
        let present = match *field {
            "proxied" => record.get("proxied").map(Value::to_string).unwrap_or_default(),
            field => text(record, field).to_ascii_lowercase(),
        };
        match *how {
            "exact" => present == *wanted,
            "contains" => present.contains(wanted),
            "startswith" => present.starts_with(wanted),
            "endswith" => present.ends_with(wanted),
            "present" => !present.is_empty(),
            "absent" => present.is_empty(),
            _ => true,
        }
    };
    let keep = |record: &Value| {
        let mut verdicts = filters.iter().map(|filter| fits(record, filter));
        if any && !filters.is_empty() { verdicts.any(|fit| fit) } else { verdicts.all(|fit| fit) }
    };
    records.into_iter().filter(keep).collect()
}

/// The records that a zone begins with.
pub(super) fn first_records(zone: &str) -> Vec<Value> {
    let record = |kind: &str, name: &str, content: &str, proxied: bool| {
        json!({
            "id": new_id(), "type": kind, "name": name, "content": content,
            "proxiable": proxied, "proxied": proxied, "ttl": 1, "settings": {}, "meta": {},
            "comment": "made by the look-alike", "tags": [], "created_on": stamp(), "modified_on": stamp(),
        })
    };
    vec![
        record("A", zone, "192.0.2.80", true),
        record("A", &format!("www.{zone}"), "192.0.2.80", true),
        record("TXT", zone, "v=spf1 -all", false),
    ]
}
