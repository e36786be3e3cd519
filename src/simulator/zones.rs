//! Making, removing and changing zones; whether they are active; what they cost. A zone that is made
//! here is `pending` until it has been checked twice. Codes of refusals are guesses.

use super::http::Request;
use super::reply::Reply;
use super::simple;
use super::world::{World, Zone, new_id};
use serde_json::{Value, json};

/// What is known of a zone beside what it holds.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) paused: bool,
    pub(super) kind: String,
    /// Checks until it is active.
    pub(super) checks_left: u32,
}

impl Default for State {
    fn default() -> Self {
        Self { paused: false, kind: "full".to_owned(), checks_left: 0 }
    }
}

impl State {
    pub(super) const fn status(&self) -> &'static str {
        if self.checks_left == 0 { "active" } else { "pending" }
    }
}

/// `POST /zones`
pub(super) fn create(world: &mut World, request: &Request) -> Reply {
    let body: Value = request.json();
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if !name.contains('.') || !name.bytes().all(right) {
        return Reply::refused(400, 1001, "Invalid zone name");
    }
    if body.pointer("/account/id").and_then(Value::as_str) != Some(&world.account) {
        return Reply::refused(403, 1068, "Permission denied for this account");
    }
    if world.zones.iter().any(|zone| zone.name == name) {
        return Reply::refused(400, 1061, &format!("{name} already exists"));
    }
    let kind = body.get("type").and_then(Value::as_str).unwrap_or("full").to_owned();
    let mut zone = Zone::new(new_id(), name);
    zone.records = Vec::new();
    zone.state = State { kind, checks_left: 2, ..State::default() };
    world.zones.push(zone);
    let shown = world.zones.last().map(|zone| simple::zone(world, zone));
    Reply::result(shown.unwrap_or_default())
}

/// `DELETE /zones/{zone}`
pub(super) fn delete(world: &mut World, id: &str) -> Reply {
    world.zones.retain(|zone| zone.id != id);
    Reply::result(json!({ "id": id }))
}

/// `PATCH /zones/{zone}`: one property at a time.
pub(super) fn change(world: &mut World, request: &Request, id: &str) -> Reply {
    let body: Value = request.json();
    let fields = body.as_object().cloned().unwrap_or_default();
    if fields.len() != 1 {
        return Reply::refused(400, 1015, "exactly one property can be changed at a time");
    }
    let Some(zone) = world.zone(id) else { return Reply::no_zone() };
    match fields.iter().next() {
        Some((name, Value::Bool(paused))) if name == "paused" => zone.state.paused = *paused,
        Some((name, Value::String(kind))) if name == "type" => zone.state.kind.clone_from(kind),
        _ => return Reply::refused(400, 1016, "unknown property"),
    }
    let shown = world.zones.iter().find(|zone| zone.id == id).map(|zone| simple::zone(world, zone));
    Reply::result(shown.unwrap_or_default())
}

/// `PUT /zones/{zone}/activation_check`
pub(super) fn check(world: &mut World, id: &str) -> Reply {
    let Some(zone) = world.zone(id) else { return Reply::no_zone() };
    if zone.state.checks_left == 0 {
        let words = "this zone can not be checked: it is active already";
        return Reply::refused(400, 1224, words);
    }
    zone.state.checks_left -= 1;
    Reply::result(json!({ "id": id }))
}

/// `GET /zones/{zone}/subscription`
pub(super) fn subscription(world: &World, id: &str) -> Reply {
    let plan = world.options.plan.name();
    Reply::result(json!({
        "id": id, "currency": "USD", "price": 0, "frequency": "monthly", "state": "Paid",
        "rate_plan": {
            "id": plan, "public_name": format!("{plan} plan"), "currency": "USD", "scope": "zone",
            "sets": [], "is_contract": false, "externally_managed": false,
        },
        "current_period_start": world.started, "current_period_end": world.started,
    }))
}
