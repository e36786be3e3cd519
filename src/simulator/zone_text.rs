//! A zone as text in BIND's manner, and back: what export gives and import takes, as far as a
//! look-alike needs it (one record a line, no `$INCLUDE`, no brackets).

use super::dns::{Draft, Refusal, whole_name};
use super::http::Request;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Records that are proxied or not, as export marks them behind the record.
const MARK: &str = "; cf_tags=cf-proxied:";

/// A zone's records as text.
pub(super) fn written(zone: &str, records: &[Value]) -> String {
    let mut out = format!(";;\n;; Domain:     {zone}.\n;;\n");
    for record in records {
        let text = |field: &str| record.get(field).and_then(Value::as_str).unwrap_or_default();
        let ttl = record.get("ttl").and_then(Value::as_f64).unwrap_or(1.0);
        let proxied = record.get("proxied").and_then(Value::as_bool).unwrap_or(false);
        let content = match text("type") {
            "TXT" => format!("\"{}\"", text("content").trim_matches('"')),
            "CNAME" | "NS" | "PTR" => format!("{}.", text("content")),
            "MX" => {
                let priority = record.get("priority").and_then(Value::as_f64).unwrap_or(0.0);
                format!("{priority} {}.", text("content"))
            }
            _ => text("content").to_owned(),
        };
        // Writing into a text can't fail.
        writeln!(out, "{}.\t{ttl}\tIN\t{}\t{content} {MARK}{proxied}", text("name"), text("type"))
            .ok();
    }
    out
}

/// Reads an upload (a form's part `file`) and makes its records.
pub(super) fn import(request: &Request, draft: &mut Draft<'_>) -> Result<Value, Refusal> {
    let body = String::from_utf8_lossy(&request.body);
    let Some(text) = part(&body, "file") else {
        return Err((400, 1_004, "the form has no part `file`".to_owned()));
    };
    let proxied = part(&body, "proxied").is_some_and(|word| word.trim() == "true");
    let (mut parsed, mut added, mut origin) = (0, 0, String::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("$ORIGIN") {
            name.trim().trim_end_matches('.').clone_into(&mut origin);
        }
        let Some(record) = record(line, &origin, proxied) else { continue };
        parsed += 1;
        match draft.create(&record) {
            Ok(_) => added += 1,
            // What is there already is passed over, as at Cloudflare.
            Err((_, 81_057 | 81_058, _)) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(json!({ "recs_added": added, "total_records_parsed": parsed }))
}

/// A part of a multipart form.
fn part<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let boundary = body.lines().next()?.trim_end();
    let wanted = format!("name=\"{name}\"");
    let part = body
        .split(boundary)
        .find(|part| part.split("\r\n\r\n").next().is_some_and(|head| head.contains(&wanted)))?;
    let (_, content) = part.split_once("\r\n\r\n")?;
    Some(content.strip_suffix("\r\n").unwrap_or(content))
}

/// A line's record, if it is one.
fn record(line: &str, origin: &str, proxied: bool) -> Option<Value> {
    let marked = line.split_once(MARK).map(|(_, word)| word.trim() == "true");
    let line = if line.contains('"') { line } else { line.split(';').next()? };
    let line = line.split_once(MARK).map_or(line, |(before, _)| before);
    let mut words = line.split_whitespace();
    let name = words.next().filter(|name| !name.starts_with(['$', ';']))?;
    let mut rest: Vec<&str> = words.collect();
    let ttl: u64 = rest.first().and_then(|word| word.parse().ok()).unwrap_or(1);
    if rest.first().is_some_and(|word| word.parse::<u64>().is_ok()) {
        rest.remove(0);
    }
    if rest.first().is_some_and(|word| word.eq_ignore_ascii_case("IN")) {
        rest.remove(0);
    }
    let (kind, content) = rest.split_first()?;
    if kind.eq_ignore_ascii_case("SOA") {
        return None;
    }
    let name = if name.ends_with('.') { name.to_owned() } else { whole_name(name, origin) };
    let proxied = marked.unwrap_or(proxied) && matches!(*kind, "A" | "AAAA" | "CNAME");
    let (priority, content) = match (*kind, content) {
        ("MX", [priority, content @ ..]) => (priority.parse::<u16>().ok(), content),
        _ => (None, content),
    };
    let content = content.join(" ");
    let content = content.trim_matches('"');
    let mut record = json!({
        "type": kind, "name": name, "content": content, "ttl": ttl, "proxied": proxied,
    });
    if let (Some(priority), Some(fields)) = (priority, record.as_object_mut()) {
        fields.insert("content".to_owned(), json!(content.trim_end_matches('.')));
        fields.insert("priority".to_owned(), json!(priority));
    }
    Some(record)
}
