//! Areas with little to them: accounts, zones, purges, ranges.

use super::http::Request;
use super::reply::Reply;
use super::world::{World, Zone};
use serde_json::{Value, json};

/// Cloudflare's ranges, as published.
const RANGES: ([&str; 15], [&str; 7]) = (
    [
        "173.245.48.0/20",
        "103.21.244.0/22",
        "103.22.200.0/22",
        "103.31.4.0/22",
        "141.101.64.0/18",
        "108.162.192.0/18",
        "190.93.240.0/20",
        "188.114.96.0/20",
        "197.234.240.0/22",
        "198.41.128.0/17",
        "162.158.0.0/15",
        "104.16.0.0/13",
        "104.24.0.0/14",
        "172.64.0.0/13",
        "131.0.72.0/22",
    ],
    [
        "2400:cb00::/32",
        "2606:4700::/32",
        "2803:f800::/32",
        "2405:b500::/32",
        "2405:8100::/32",
        "2a06:98c0::/29",
        "2c0f:f248::/32",
    ],
);

/// `/accounts`
pub(super) fn accounts(world: &World, request: &Request) -> Reply {
    paged(request, vec![account(world)], 50, 20)
}

/// `/accounts/{account}`
pub(super) fn account(world: &World) -> Value {
    json!({
        "id": world.account, "name": "Simulated account", "type": "standard",
        "settings": { "enforce_twofactor": false }, "created_on": world.started,
    })
}

fn info(page: usize, per_page: usize, count: usize, total: usize) -> Value {
    json!({
        "page": page, "per_page": per_page, "count": count, "total_count": total,
        "total_pages": total.div_ceil(per_page),
    })
}

pub(super) fn paged(request: &Request, rows: Vec<Value>, most: usize, usual: usize) -> Reply {
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let per_page = number("per_page").unwrap_or(usual).clamp(1, most);
    let page = number("page").unwrap_or(1).max(1);
    let total = rows.len();
    let rows: Vec<Value> = rows.into_iter().skip((page - 1) * per_page).take(per_page).collect();
    let info = info(page, per_page, rows.len(), total);
    Reply::page(Value::Array(rows), info)
}

pub(super) fn zone(world: &World, zone: &Zone) -> Value {
    let plan = world.options.plan.name();
    json!({
        "id": zone.id, "name": zone.name, "status": zone.state.status(),
        "paused": zone.state.paused, "type": zone.state.kind,
        "development_mode": 0,
        "name_servers": ["ada.ns.example.com", "bob.ns.example.com"],
        "original_name_servers": [], "original_registrar": null, "original_dnshost": null,
        "created_on": world.started, "modified_on": world.started, "activated_on": world.started,
        "meta": {
            "cdn_only": false, "custom_certificate_quota": 0, "dns_only": false,
            "foundation_dns": false, "page_rule_quota": 3, "phishing_detected": false, "step": 2,
        },
        "owner": { "id": world.account, "name": "Simulated account", "type": "organization" },
        "account": { "id": world.account, "name": "Simulated account" },
        "plan": {
            "id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": format!("{plan} website"),
            "legacy_id": plan, "price": 0, "currency": "USD", "frequency": "",
            "can_subscribe": false, "is_subscribed": false, "legacy_discount": false,
            "externally_managed": false,
        },
        "permissions": ["#zone:read"],
    })
}

/// `/zones…`: zones themselves and their purges.
pub(super) fn zones(world: &mut World, request: &Request, rest: &[&str]) -> Reply {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let name = request.parameter("name");
            let fits = |known: &&Zone| name.is_none_or(|name| name == known.name);
            let rows = world.zones.iter().filter(fits).map(|known| zone(world, known)).collect();
            paged(request, rows, 50, 20)
        }
        ("POST", []) => super::zones::create(world, request),
        (method, [id, tail @ ..]) => {
            let Some(known) = world.zones.iter().find(|zone| zone.id == *id) else {
                return Reply::no_zone();
            };
            match (method, tail) {
                ("GET", []) => Reply::result(zone(world, known)),
                ("DELETE", []) => super::zones::delete(world, id),
                ("PATCH", []) => super::zones::change(world, request, id),
                ("PUT", ["activation_check"]) => super::zones::check(world, id),
                ("GET", ["subscription"]) => super::zones::subscription(world, id),
                ("POST", ["purge_cache"]) => purge(world, request, id),
                _ => Reply::no_route(),
            }
        }
        _ => Reply::no_route(),
    }
}

fn purge(world: &mut World, request: &Request, id: &str) -> Reply {
    let body: Value = request.json();
    let kinds = ["purge_everything", "files", "tags", "hosts", "prefixes"];
    let named = kinds.iter().filter(|kind| body.get(**kind).is_some()).count();
    let longest = kinds.iter().filter_map(|kind| body.get(*kind)?.as_array()).map(Vec::len).max();
    if named != 1 || longest == Some(0) {
        return Reply::refused(
            400,
            1094,
            "exactly one of purge_everything, files, tags, hosts, prefixes",
        );
    }
    if longest.is_some_and(|count| count > 100) {
        return Reply::refused(400, 1094, "too many items in one purge");
    }
    if let Some(zone) = world.zone(id) {
        zone.purges.push(body);
    }
    Reply::result(json!({ "id": id }))
}

/// `/api/v2/summary.json` of the status page.
pub(super) fn status_page(world: &World) -> Reply {
    let incidents: Vec<Value> = world
        .incident
        .iter()
        .map(|name| {
            json!({
                "id": "simulated", "name": name, "status": "investigating", "impact": "major",
                "created_at": world.started, "updated_at": world.started, "components": [{ "id": "api", "name": "API" }],
            })
        })
        .collect();
    let indicator = if incidents.is_empty() { "none" } else { "major" };
    Reply::json(
        200,
        &json!({
            "page": { "id": "simulated", "name": "Cloudflare", "url": "https://www.cloudflarestatus.com" },
            "status": { "indicator": indicator, "description": "simulated" },
            "components": [{ "id": "api", "name": "API", "status": "operational" }],
            "incidents": incidents, "scheduled_maintenances": [],
        }),
    )
}

/// `/ips`
pub(super) fn ranges() -> Reply {
    Reply::result(json!({
        "etag": "38f79d050aa027e3be3865e495dcc9bc",
        "ipv4_cidrs": RANGES.0, "ipv6_cidrs": RANGES.1,
    }))
}
