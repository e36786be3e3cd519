//! From a request to the area that answers it, past faults, tokens and limits.

use super::faults::{Fault, FaultKind};
use super::http::Request;
use super::reply::Reply;
use super::world::World;
use super::{
    Shared, access_rules, account, audit, dns, firewall, gate, lists, pools, rulesets, settings,
    simple, tokens,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Where the API begins.
pub(super) const BASE: &str = "/client/v4";

/// The reply to a request, and what is to go wrong with it on its way.
pub(super) fn answer(request: &Request, shared: &Shared) -> (Reply, Option<FaultKind>) {
    let mut world = shared.world();
    // A page that somebody looks at with a browser must not reach the look-alike by another name.
    let local = [format!("127.0.0.1:{}", shared.port), format!("localhost:{}", shared.port)];
    if !request.header("host").is_some_and(|host| local.iter().any(|known| known == host)) {
        return (Reply::refused(421, 1, "unknown host"), None);
    }
    let Some(path) = request.path.strip_prefix(BASE) else {
        return (desk(&mut world, request), None);
    };
    world.calls += 1;
    let now = Instant::now();
    lists::settle(&mut world, now);
    let fault = world.faults.take(request);
    world.partial = fault == Some(FaultKind::Partial);
    let reply = match fault {
        Some(FaultKind::TooMany) => gate::too_many(Duration::from_secs(1)),
        Some(FaultKind::ShutOut) => gate::too_many(world.options.shut_for),
        Some(FaultKind::Html) => Reply::html(503),
        Some(FaultKind::Server) => Reply::refused(500, 10_500, "internal server error"),
        Some(FaultKind::Refused) => Reply::refused(400, 10_050, "refused on demand"),
        Some(FaultKind::Drop) => Reply::nothing(),
        _ => match gate::count(&mut world, now) {
            Some(refusal) => refusal,
            None => route(&mut world, request, path),
        },
    };
    if fault == Some(FaultKind::Fails) {
        lists::let_fail(&mut world);
    }
    let reply = if fault == Some(FaultKind::NoResult) {
        Reply { body: json!({ "success": true }).to_string().into_bytes(), ..reply }
    } else {
        reply
    };
    let reply = gate::with_figures(&world, reply, now);
    drop(world);
    if let Some(transcript) = shared.transcript.as_ref().filter(|_| fault.is_none()) {
        transcript.keep(request, &reply);
    }
    (reply, fault)
}

/// What the look-alike itself can be asked for: `POST /simulator/faults`, `DELETE
/// /simulator/faults`, `POST /simulator/incident` (its name, or nothing to end it), `GET /simulator`;
/// and the status page.
fn desk(world: &mut World, request: &Request) -> Reply {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/v2/summary.json") => simple::status_page(world),
        ("POST", "/simulator/incident") => {
            let name = String::from_utf8_lossy(&request.body).into_owned();
            world.incident = Some(name).filter(|name| !name.is_empty());
            Reply::nothing()
        }
        ("POST", "/simulator/faults") => match serde_json::from_slice::<Fault>(&request.body) {
            Ok(fault) => {
                world.faults.add(fault);
                Reply::nothing()
            }
            Err(error) => Reply::refused(400, 1, &error.to_string()),
        },
        ("DELETE", "/simulator/faults") => {
            world.faults.clear();
            Reply::nothing()
        }
        ("GET", "/simulator") => {
            let blocked: serde_json::Map<String, serde_json::Value> = world
                .zones
                .iter()
                .map(|zone| (zone.name.clone(), json!(world.met(&zone.name, "block"))))
                .collect();
            Reply::result(json!({ "calls": world.calls, "blocked": blocked }))
        }
        _ => Reply::refused(404, 7000, "No route for that URI"),
    }
}

/// The permission that a path needs.
fn permission(parts: &[&str], writes: bool) -> Option<&'static str> {
    let choose = |read, write| Some(if writes { write } else { read });
    match parts {
        ["accounts", _, "rules", "lists", ..] => {
            choose("Account Filter Lists Read", "Account Filter Lists Edit")
        }
        ["accounts", _, "firewall", "access_rules", ..] => {
            choose("Account Firewall Access Rules Read", "Account Firewall Access Rules Write")
        }
        ["zones", _, "firewall", "access_rules" | "ua_rules" | "lockdowns", ..] => {
            choose("Firewall Services Read", "Firewall Services Write")
        }
        ["accounts", _, "load_balancers", ..] => choose(
            "Load Balancing: Monitors and Pools Read",
            "Load Balancing: Monitors and Pools Write",
        ),
        ["zones", _, "load_balancers", ..] => choose("Load Balancers Read", "Load Balancers Write"),
        ["zones", _, "subscription"] => choose("Billing Read", "Billing Write"),
        ["zones", _, "settings", ..] => choose("Zone Settings Read", "Zone Settings Write"),
        ["zones", _, "bot_management"] => choose("Bot Management Read", "Bot Management Write"),
        ["zones", _, "dns_records", ..] => choose("DNS Read", "DNS Write"),
        ["zones", _, "purge_cache"] => Some("Cache Purge"),
        ["zones", ..] => choose("Zone Read", "Zone Write"),
        _ => None,
    }
}

fn route(world: &mut World, request: &Request, path: &str) -> Reply {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.as_slice() == ["ips"] {
        return simple::ranges();
    }
    let grant = match gate::token(world, request) {
        Ok(grant) => grant.clone(),
        Err(refusal) => return refusal,
    };
    let writes = request.method != "GET";
    let needed = match parts.as_slice() {
        ["zones", zone, "rulesets", rest @ ..] => {
            Some(rulesets::permission(world, request, zone, rest))
        }
        parts => account::permission(parts, writes).or_else(|| permission(parts, writes)),
    };
    if needed.is_some_and(|name| !gate::allowed(&grant, name)) {
        return gate::forbidden();
    }
    if let ["accounts", account, ..] = parts.as_slice()
        && *account != world.account
    {
        return Reply::refused(403, 9109, "Unauthorized to access requested resource");
    }
    tokens::used(world, &grant.token);
    let reply = match account::answer(world, request, &grant, &parts) {
        Some(reply) => reply,
        None => area(world, request, &parts),
    };
    audit::note(world, request, &parts, &grant, reply.status);
    reply
}

fn area(world: &mut World, request: &Request, parts: &[&str]) -> Reply {
    let writes = request.method != "GET";
    match parts {
        ["accounts"] if !writes => simple::accounts(world, request),
        ["accounts", _] if !writes => Reply::result(simple::account(world)),
        ["accounts", _, "rules", "lists", rest @ ..] => lists::answer(world, request, rest),
        ["accounts", _, "firewall", "access_rules", "rules", rest @ ..] => {
            access_rules::answer(world, request, None, rest)
        }
        ["zones", zone, "firewall", "access_rules", "rules", rest @ ..] => {
            access_rules::answer(world, request, Some(zone), rest)
        }
        ["accounts", _, "load_balancers", rest @ ..] => pools::of_account(world, request, rest),
        ["zones", zone, "load_balancers", rest @ ..] => pools::of_zone(world, request, zone, rest),
        ["zones", zone, "firewall", "ua_rules", rest @ ..] => {
            firewall::answer(world, request, zone, firewall::Kind::Agents, rest)
        }
        ["zones", zone, "firewall", "lockdowns", rest @ ..] => {
            firewall::answer(world, request, zone, firewall::Kind::Lockdowns, rest)
        }
        ["zones", zone, "settings", id] => settings::answer(world, request, zone, id),
        ["zones", zone, "bot_management"] => settings::bots(world, request, zone),
        ["zones", zone, "rulesets", rest @ ..] => rulesets::answer(world, request, zone, rest),
        ["zones", zone, "dns_records", rest @ ..] => dns::answer(world, request, zone, rest),
        ["zones", rest @ ..] => simple::zones(world, request, rest),
        _ => Reply::refused(404, 7000, "No route for that URI"),
    }
}
