//! Lists and their items. A change of items is taken on and done later; one at a time.

use super::gate;
use super::http::Request;
use super::reply::Reply;
use super::world::{World, names_list, new_id, stamp};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Instant;

/// A list.
#[derive(Debug, Clone)]
pub(super) struct List {
    id: String,
    pub(super) name: String,
    kind: String,
    description: String,
    created: String,
    modified: String,
    pub(super) items: Vec<Item>,
}

/// An item.
#[derive(Debug, Clone)]
pub(super) struct Item {
    id: String,
    pub(super) ip: String,
    pub(super) comment: String,
    created: String,
    modified: String,
}

/// A change of items.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    id: String,
    list: String,
    ready: Instant,
    change: Option<Change>,
    completed: Option<String>,
    fails: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Add(Vec<(String, String)>),
    Replace(Vec<(String, String)>),
    Remove(Vec<String>),
}

/// Does what is due.
pub(super) fn settle(world: &mut World, now: Instant) {
    for operation in &mut world.operations {
        if operation.ready > now {
            continue;
        }
        let Some(change) = operation.change.take() else { continue };
        operation.completed = Some(stamp());
        if operation.fails {
            continue;
        }
        let Some(list) = world.lists.iter_mut().find(|list| list.id == operation.list) else {
            continue;
        };
        list.modified = stamp();
        match change {
            Change::Remove(ids) => {
                let ids: HashSet<String> = ids.into_iter().collect();
                list.items.retain(|item| !ids.contains(&item.id));
            }
            Change::Replace(items) => {
                list.items.clear();
                put(list, items);
            }
            Change::Add(items) => put(list, items),
        }
    }
}

/// Lets the change that was taken on last come to nothing.
pub(super) fn let_fail(world: &mut World) {
    if let Some(operation) = world.operations.last_mut().filter(|last| last.change.is_some()) {
        operation.fails = true;
    }
}

fn put(list: &mut List, items: Vec<(String, String)>) {
    let mut places: std::collections::HashMap<String, usize> =
        list.items.iter().enumerate().map(|(place, item)| (item.ip.clone(), place)).collect();
    for (ip, comment) in items {
        if let Some(item) = places.get(&ip).and_then(|place| list.items.get_mut(*place)) {
            item.comment = comment;
            item.modified = stamp();
        } else {
            places.insert(ip.clone(), list.items.len());
            let (created, modified) = (stamp(), stamp());
            list.items.push(Item { id: new_id(), ip, comment, created, modified });
        }
    }
}

fn shown(world: &World, list: &List) -> Value {
    let rules =
        world.zones.iter().flat_map(|zone| zone.rulesets.values()).flat_map(|set| &set.rules);
    let references = rules
        .filter_map(|rule| rule.get("expression")?.as_str())
        .filter(|expression| names_list(expression, &list.name))
        .count();
    json!({
        "id": list.id, "name": list.name, "kind": list.kind, "description": list.description,
        "num_items": list.items.len(), "num_referencing_filters": references,
        "created_on": list.created, "modified_on": list.modified,
    })
}

/// `/accounts/{account}/rules/lists/…`
pub(super) fn answer(world: &mut World, request: &Request, rest: &[&str]) -> Reply {
    let body: Value = request.json();
    match (request.method.as_str(), rest) {
        ("GET", []) => Reply::result(world.lists.iter().map(|list| shown(world, list)).collect()),
        ("POST", []) => create(world, &body),
        ("GET", ["bulk_operations", id]) => operation(world, id),
        ("GET" | "PUT" | "DELETE", [id]) => one(world, &request.method, id, &body),
        ("GET", [id, "items"]) => items(world, request, id),
        ("GET", [id, "items", item]) => item_of(world, id, item),
        ("POST" | "PUT" | "DELETE", [id, "items"]) => change(world, &request.method, id, &body),
        _ => Reply::no_route(),
    }
}

fn create(world: &mut World, body: &Value) -> Reply {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text("name");
    let right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 50 || !name.bytes().all(right) {
        return Reply::refused_at(400, 10_019, "invalid list name", Some("/name"));
    }
    if world.lists.iter().any(|list| list.name == name) {
        return Reply::refused_at(
            400,
            10_020,
            "a list with this name already exists",
            Some("/name"),
        );
    }
    if world.lists.len() >= world.lists_max() {
        return Reply::refused(
            400,
            10_021,
            "exceeded the maximum number of lists for this account",
        );
    }
    let list = List {
        id: new_id(),
        name,
        kind: text("kind"),
        description: text("description"),
        created: stamp(),
        modified: stamp(),
        items: Vec::new(),
    };
    let reply = Reply::result(shown(world, &list));
    world.lists.push(list);
    reply
}

fn not_found() -> Reply {
    Reply::refused(404, 10_001, "could not find list")
}

fn one(world: &mut World, method: &str, id: &str, body: &Value) -> Reply {
    let Some(place) = world.lists.iter().position(|list| list.id == id) else {
        return not_found();
    };
    if method == "PUT"
        && let (Some(text), Some(list)) =
            (body.get("description").and_then(Value::as_str), world.lists.get_mut(place))
    {
        text.clone_into(&mut list.description);
    }
    let Some(list) = world.lists.get(place) else { return not_found() };
    let value = shown(world, list);
    if method != "DELETE" {
        return Reply::result(value);
    }
    if value.get("num_referencing_filters").and_then(Value::as_u64) != Some(0) {
        return Reply::refused(
            400,
            10_022,
            "the list is referenced by a rule and can't be deleted",
        );
    }
    world.lists.remove(place);
    Reply::result(json!({ "id": id }))
}

fn operation(world: &World, id: &str) -> Reply {
    let Some(operation) = world.operations.iter().find(|known| known.id == id) else {
        return Reply::refused(404, 10_006, "could not find operation");
    };
    Reply::result(match &operation.completed {
        Some(at) if operation.fails => json!({
            "id": id, "status": "failed", "completed": at, "error": "an item could not be changed",
        }),
        Some(at) => json!({ "id": id, "status": "completed", "completed": at }),
        None => json!({ "id": id, "status": "running" }),
    })
}

fn item_shown(item: &Item) -> Value {
    json!({
        "id": item.id, "ip": item.ip, "comment": item.comment,
        "created_on": item.created, "modified_on": item.modified,
    })
}

fn item_of(world: &World, list: &str, id: &str) -> Reply {
    let Some(list) = world.lists.iter().find(|known| known.id == list) else { return not_found() };
    let item = list.items.iter().find(|item| item.id == id);
    item.map_or_else(
        || Reply::refused(404, 10_034, "could not find item"),
        |item| Reply::result(item_shown(item)),
    )
}

fn items(world: &World, request: &Request, id: &str) -> Reply {
    let Some(list) = world.lists.iter().find(|list| list.id == id) else { return not_found() };
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let per_page = number("per_page").unwrap_or(25).clamp(1, 500);
    let from = number("cursor").unwrap_or(0);
    let search = request.parameter("search").unwrap_or_default();
    let found: Vec<&Item> = list.items.iter().filter(|item| item.ip.starts_with(search)).collect();
    let page: Vec<Value> =
        found.iter().skip(from).take(per_page).copied().map(item_shown).collect();
    let cursors = if from + per_page < found.len() {
        json!({ "after": (from + per_page).to_string() })
    } else {
        json!({})
    };
    Reply::page(Value::Array(page), json!({ "cursors": cursors }))
}

/// What is wrong with a list of new items, or what they are.
fn read(body: &Value) -> Result<Vec<(String, String)>, Reply> {
    let Some(rows) = body.as_array() else {
        return Err(Reply::refused(400, 10_030, "the body must be an array of items"));
    };
    let mut items = Vec::with_capacity(rows.len());
    for (place, row) in rows.iter().enumerate() {
        let ip = row.get("ip").and_then(Value::as_str).and_then(normal);
        let Some(ip) = ip else {
            let pointer = format!("/{place}/ip");
            return Err(Reply::refused_at(
                400,
                10_031,
                "invalid IP address or CIDR",
                Some(&pointer),
            ));
        };
        let comment = row.get("comment").and_then(Value::as_str).unwrap_or_default();
        if comment.chars().count() > 500 {
            let pointer = format!("/{place}/comment");
            return Err(Reply::refused_at(400, 10_032, "comment is too long", Some(&pointer)));
        }
        items.push((ip, comment.to_owned()));
    }
    Ok(items)
}

/// An address or network as Cloudflare keeps it; networks of IPv6 between /12 and /64.
fn normal(text: &str) -> Option<String> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = bits.map_or(Some(width), |bits| bits.parse().ok())?;
    let net = ipnet::IpNet::new(address, bits).ok()?;
    let right =
        if address.is_ipv4() { bits >= 8 } else { (12..=64).contains(&bits) || bits == 128 };
    if !right || net.network() != address {
        return None;
    }
    Some(if bits == width { address.to_string() } else { net.to_string() })
}

/// How many items a body is about.
fn changed(body: &Value) -> usize {
    let rows = body.as_array().or_else(|| body.get("items")?.as_array());
    rows.map_or(0, Vec::len)
}

fn change(world: &mut World, method: &str, id: &str, body: &Value) -> Reply {
    if world.operations.iter().any(|operation| operation.change.is_some()) {
        let words = "there is a pending bulk operation for this account, try again later";
        return Reply::refused(429, 10_040, words);
    }
    let now = Instant::now();
    if !gate::takes_items(world, changed(body), now) {
        return Reply::refused(429, 10_040, "you have been ratelimited please wait and try again");
    }
    let Some(list) = world.lists.iter().find(|list| list.id == id) else { return not_found() };
    let change = if method == "DELETE" {
        let rows = body.get("items").and_then(Value::as_array);
        let ids = rows.into_iter().flatten().filter_map(|row| row.get("id")?.as_str());
        let ids: Vec<String> = ids.map(str::to_owned).collect();
        if ids.is_empty() {
            return Reply::refused_at(400, 10_033, "no items were given", Some("/items"));
        }
        let known: HashSet<&str> = list.items.iter().map(|item| item.id.as_str()).collect();
        if let Some(place) = ids.iter().position(|id| !known.contains(id.as_str())) {
            let pointer = format!("/items/{place}/id");
            return Reply::refused_at(400, 10_034, "could not find item", Some(&pointer));
        }
        Change::Remove(ids)
    } else {
        match read(body) {
            Ok(items) if method == "PUT" => Change::Replace(items),
            Ok(items) => Change::Add(items),
            Err(refusal) => return refusal,
        }
    };
    let others: usize =
        world.lists.iter().filter(|known| known.id != id).map(|known| known.items.len()).sum();
    let kept: HashSet<&str> = list.items.iter().map(|item| item.ip.as_str()).collect();
    let after = match &change {
        Change::Remove(_) => 0,
        Change::Replace(items) => items.len(),
        Change::Add(items) => {
            let new: HashSet<&str> = items.iter().map(|(ip, _)| ip.as_str()).collect();
            kept.union(&new).count()
        }
    };
    if others + after > world.items_max() {
        return Reply::refused(
            400,
            10_035,
            "exceeded the maximum number of list items for this account",
        );
    }
    let operation = Operation {
        id: new_id(),
        list: id.to_owned(),
        ready: now + world.options.bulk_takes,
        change: Some(change),
        completed: None,
        fails: false,
    };
    let reply = Reply::result(json!({ "operation_id": operation.id }));
    world.operations.push(operation);
    reply
}
