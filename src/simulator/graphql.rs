//! GraphQL, as much of it as questions about a zone's traffic use: fields with arguments and
//! variables, groups by their dimensions, and errors with HTTP 200.

mod question;
mod traffic;

use super::http::Request;
use super::reply::Reply;
use super::world::{Plan, World};
use crate::clock::Timestamp;
use question::Field;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows that one node gives at most.
const ROWS_MAX: usize = 10_000;

/// Something is wrong with a question: what, and where in it.
struct Fault(String);

/// `POST /graphql`
pub(super) fn answer(world: &World, request: &Request) -> Reply {
    let body: Value = request.json();
    let text = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let none = Map::new();
    let variables = body.get("variables").and_then(Value::as_object).unwrap_or(&none);
    let result =
        question::parse(text, variables).map_err(Fault).and_then(|fields| viewer(world, &fields));
    Reply::bare(match result {
        Ok(data) => json!({ "data": data, "errors": null }),
        Err(Fault(message)) => json!({
            "data": null,
            "errors": [{ "message": message, "path": null, "extensions": { "timestamp": super::world::stamp() } }],
        }),
    })
}

fn viewer(world: &World, fields: &[Field]) -> Result<Value, Fault> {
    let mut out = Map::new();
    for viewer in fields {
        if viewer.name != "viewer" {
            return Err(unknown(viewer, "Query"));
        }
        let mut inner = Map::new();
        for zones in &viewer.fields {
            if zones.name != "zones" {
                return Err(unknown(zones, "viewer"));
            }
            let wanted = zones.arguments.get("filter").and_then(|filter| filter.get("zoneTag"));
            let known = world.zones.iter().find(|zone| wanted == Some(&json!(zone.id)));
            let Some(zone) = known else {
                return Err(Fault("not authorized for that zone".to_owned()));
            };
            let rows = nodes(world, &zone.name, &zones.fields)?;
            inner.insert(zones.alias.clone(), json!([rows]));
        }
        out.insert(viewer.alias.clone(), Value::Object(inner));
    }
    Ok(Value::Object(out))
}

fn unknown(field: &Field, place: &str) -> Fault {
    Fault(format!("unknown field \"{}\" on type \"{place}\"", field.name))
}

/// How far back a plan looks, and how wide a question may be.
fn reach(plan: Plan) -> (Duration, Duration) {
    let days = |days: u64| Duration::from_hours(24 * days);
    match plan {
        Plan::Free | Plan::Pro => (days(8), days(1)),
        Plan::Business => (days(31), days(3)),
        Plan::Enterprise => (days(31), days(30)),
    }
}

fn nodes(world: &World, zone: &str, fields: &[Field]) -> Result<Value, Fault> {
    let mut out = Map::new();
    for node in fields {
        let (rows, grouped) = match node.name.as_str() {
            "httpRequestsAdaptiveGroups" => (traffic::requests(zone), true),
            "firewallEventsAdaptiveGroups" => (traffic::events(zone), true),
            "firewallEventsAdaptive" => (events(world, zone), false),
            "settings" => {
                out.insert(node.alias.clone(), settings(world, node));
                continue;
            }
            _ => return Err(unknown(node, "zone")),
        };
        let rows = filtered(world, node, rows)?;
        let limit = node.arguments.get("limit").and_then(Value::as_u64).unwrap_or(10);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if limit > ROWS_MAX {
            return Err(Fault(format!("limit must be less than or equal to {ROWS_MAX}")));
        }
        let mut rows = if grouped { groups(node, &rows)? } else { rows };
        order(node, &mut rows);
        rows.truncate(limit);
        let shown: Result<Vec<Value>, Fault> = rows.iter().map(|row| chosen(node, row)).collect();
        out.insert(node.alias.clone(), Value::Array(shown?));
    }
    Ok(Value::Object(out))
}

fn events(world: &World, zone: &str) -> Vec<Value> {
    let met = world.met.iter().filter(|(of, _)| of == zone).map(|(_, row)| row.clone());
    let met: Vec<Value> = met.collect();
    if met.is_empty() { traffic::events(zone) } else { met }
}

fn settings(world: &World, node: &Field) -> Value {
    let (back, wide) = reach(world.options.plan);
    let one = json!({
        "enabled": true, "maxDuration": wide.as_secs(), "maxPageSize": ROWS_MAX,
        "notOlderThan": back.as_secs(),
    });
    node.fields.iter().map(|field| (field.alias.clone(), one.clone())).collect::<Map<_, _>>().into()
}

/// Rows of the time that is asked for, within what the plan has.
fn filtered(world: &World, node: &Field, rows: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let filter =
        node.arguments.get("filter").and_then(Value::as_object).cloned().unwrap_or_default();
    let time = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| filter.get(*name));
        found.and_then(Value::as_str).and_then(Timestamp::parse_rfc3339)
    };
    let (since, until) =
        (time(["datetime_geq", "datetime_gt"]), time(["datetime_leq", "datetime_lt"]));
    let now = crate::clock::now();
    let Some(since) = since else {
        return Err(Fault("a filter by datetime is required".to_owned()));
    };
    let until = until.unwrap_or(now);
    let (back, wide) = reach(world.options.plan);
    // A little more than asked for is let pass: clocks differ.
    let slack = Duration::from_mins(2);
    if until.since(since) > wide + slack {
        let words = format!(
            "query time range is too large. Time range can't be wider than {}s",
            wide.as_secs()
        );
        return Err(Fault(words));
    }
    if now.since(since) > back + slack {
        let words = format!("cannot request data older than {}s", back.as_secs());
        return Err(Fault(words));
    }
    let fits = |row: &Value| {
        let at = row.get("datetime").and_then(Value::as_str).and_then(Timestamp::parse_rfc3339);
        at.is_some_and(|at| at >= since && at <= until)
            && filter
                .iter()
                .filter(|(name, _)| !name.starts_with("datetime"))
                .all(|(name, value)| row.get(name) == Some(value))
    };
    Ok(rows.into_iter().filter(fits).collect())
}

/// One row for each combination of the dimensions that are asked for.
fn groups(node: &Field, rows: &[Value]) -> Result<Vec<Value>, Fault> {
    let dimensions = node.fields.iter().find(|field| field.name == "dimensions");
    let names: Vec<&str> = dimensions
        .into_iter()
        .flat_map(|field| &field.fields)
        .map(|field| field.name.as_str())
        .collect();
    let mut found: BTreeMap<String, (Map<String, Value>, u64, u64)> = BTreeMap::new();
    for row in rows {
        let mut key = Map::new();
        for name in &names {
            let value = row.get(*name).ok_or_else(|| {
                Fault(format!("unknown field \"{name}\" on type \"{}Dimensions\"", node.name))
            })?;
            key.insert((*name).to_owned(), value.clone());
        }
        let number = |name: &str| row.get(name).and_then(Value::as_u64).unwrap_or(0);
        let group = found.entry(Value::Object(key.clone()).to_string()).or_insert((key, 0, 0));
        group.1 += number("count").max(1);
        group.2 += number("edgeResponseBytes");
    }
    let shown = found.into_values().map(|(dimensions, count, bytes)| {
        json!({
            "count": count, "sum": { "edgeResponseBytes": bytes, "visits": count / 3 },
            "avg": { "sampleInterval": 1.0 }, "dimensions": dimensions,
        })
    });
    Ok(shown.collect())
}

/// Orders as asked for (`count_DESC`, `datetime_ASC`).
fn order(node: &Field, rows: &mut [Value]) {
    let words = match node.arguments.get("orderBy") {
        Some(Value::Array(words)) => words.clone(),
        Some(word) => vec![word.clone()],
        None => return,
    };
    for word in words.iter().rev().filter_map(Value::as_str) {
        let Some((name, way)) = word.rsplit_once('_') else { continue };
        let of = |row: &Value| {
            let value = row.get(name).or_else(|| row.pointer(&format!("/dimensions/{name}")));
            let number = value.and_then(Value::as_u64).unwrap_or(0);
            (number, value.and_then(Value::as_str).unwrap_or_default().to_owned())
        };
        rows.sort_by_key(of);
        if way == "DESC" {
            rows.reverse();
        }
    }
}

/// The fields that are asked for.
fn chosen(node: &Field, row: &Value) -> Result<Value, Fault> {
    let mut out = Map::new();
    for field in &node.fields {
        let value = row.get(&field.name).ok_or_else(|| unknown(field, &node.name))?;
        let value = if field.fields.is_empty() { value.clone() } else { chosen(field, value)? };
        out.insert(field.alias.clone(), value);
    }
    Ok(Value::Object(out))
}
