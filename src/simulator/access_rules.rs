//! IP access rules of the account and of zones.

use super::http::Request;
use super::reply::Reply;
use super::world::{World, new_id, stamp};
use serde_json::{Value, json};

/// A rule.
#[derive(Debug, Clone)]
pub(super) struct AccessRule {
    id: String,
    pub(super) mode: String,
    target: String,
    pub(super) value: String,
    notes: String,
    created: String,
}

const MODES: [&str; 5] = ["block", "challenge", "whitelist", "js_challenge", "managed_challenge"];

fn shown(rule: &AccessRule, scope: &str) -> Value {
    json!({
        "id": rule.id, "mode": rule.mode, "notes": rule.notes, "allowed_modes": MODES,
        "configuration": { "target": rule.target, "value": rule.value },
        "created_on": rule.created, "modified_on": rule.created,
        "scope": { "id": scope, "email": "simulated@example.com", "type": "organization" },
    })
}

/// `…/firewall/access_rules/rules…` of a zone, or of the account.
pub(super) fn answer(
    world: &mut World,
    request: &Request,
    zone: Option<&str>,
    rest: &[&str],
) -> Reply {
    let account = world.account.clone();
    let (scope, rules) = match zone {
        None => (account, &mut world.access_rules),
        Some(id) => match world.zone(id) {
            Some(zone) => (zone.id.clone(), &mut zone.access_rules),
            None => return Reply::no_zone(),
        },
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => list(request, rules, &scope),
        ("POST", []) => {
            let body: Value = request.json();
            create(&body, rules, &scope)
        }
        ("GET", [id]) => match rules.iter().find(|rule| rule.id == *id) {
            Some(rule) => Reply::result(shown(rule, &scope)),
            None => not_found(),
        },
        ("PATCH", [id]) => {
            let body: Value = request.json();
            change(&body, rules, (id, &scope))
        }
        ("DELETE", [id]) => {
            let before = rules.len();
            rules.retain(|rule| rule.id != *id);
            if rules.len() == before {
                return not_found();
            }
            Reply::result(json!({ "id": id }))
        }
        _ => Reply::no_route(),
    }
}

fn not_found() -> Reply {
    Reply::refused(404, 10_001, "firewallaccessrules.api.not_found")
}

fn invalid_mode() -> Reply {
    Reply::refused(400, 10_010, "firewallaccessrules.api.invalid_mode")
}

fn list(request: &Request, rules: &[AccessRule], scope: &str) -> Reply {
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let per_page = number("per_page").unwrap_or(20).clamp(1, 1_000);
    let page = number("page").unwrap_or(1).max(1);
    let fits = |rule: &&AccessRule| {
        let is =
            |name: &str, value: &str| request.parameter(name).is_none_or(|asked| asked == value);
        is("mode", &rule.mode)
            && is("configuration.target", &rule.target)
            && is("configuration.value", &rule.value)
            && request.parameter("notes").is_none_or(|notes| rule.notes.contains(notes))
    };
    let found: Vec<&AccessRule> = rules.iter().filter(fits).collect();
    let rows: Vec<Value> = found
        .iter()
        .skip((page - 1) * per_page)
        .take(per_page)
        .map(|rule| shown(rule, scope))
        .collect();
    let info = json!({
        "page": page, "per_page": per_page, "count": rows.len(), "total_count": found.len(),
        "total_pages": found.len().div_ceil(per_page),
    });
    Reply::page(Value::Array(rows), info)
}

fn create(body: &Value, rules: &mut Vec<AccessRule>, scope: &str) -> Reply {
    let text =
        |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mode, target) = (text("/mode"), text("/configuration/target"));
    let value = text("/configuration/value");
    if !MODES.contains(&mode.as_str()) {
        return invalid_mode();
    }
    if !is_right(&target, &value) {
        return Reply::refused(400, 10_011, "firewallaccessrules.api.invalid_configuration");
    }
    if rules.iter().any(|rule| rule.target == target && rule.value == value) {
        return Reply::refused(400, 10_009, "firewallaccessrules.api.duplicate_of_existing");
    }
    let rule =
        AccessRule { id: new_id(), mode, target, value, notes: text("/notes"), created: stamp() };
    let reply = Reply::result(shown(&rule, scope));
    rules.push(rule);
    reply
}

fn change(body: &Value, rules: &mut [AccessRule], (id, scope): (&str, &str)) -> Reply {
    let Some(rule) = rules.iter_mut().find(|rule| rule.id == id) else {
        return Reply::refused(404, 10_001, "firewallaccessrules.api.not_found");
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(mode) = text("mode") {
        if !MODES.contains(&mode.as_str()) {
            return Reply::refused(400, 10_010, "firewallaccessrules.api.invalid_mode");
        }
        rule.mode = mode;
    }
    if let Some(notes) = text("notes") {
        rule.notes = notes;
    }
    Reply::result(shown(rule, scope))
}

/// What a rule may be about: single addresses, /16 and /24 of IPv4, /32, /48 and /64 of IPv6.
fn is_right(target: &str, value: &str) -> bool {
    match target {
        "ip" => value.parse::<std::net::Ipv4Addr>().is_ok(),
        "ip6" => value.parse::<std::net::Ipv6Addr>().is_ok(),
        "ip_range" => value.parse::<ipnet::IpNet>().is_ok_and(|net| {
            let bits: &[u8] = if net.addr().is_ipv4() { &[16, 24] } else { &[32, 48, 64] };
            bits.contains(&net.prefix_len()) && net.trunc() == net
        }),
        "asn" => value.trim_start_matches("AS").parse::<u32>().is_ok(),
        "country" => value.len() == 2,
        _ => false,
    }
}
