//! What is wrong with a rule, by its phase and the plan. Codes are guesses but for the words
//! "not entitled" and "exceeded", which Cloudflare uses for limits of plans.

use super::super::reply::Reply;
use super::super::world::Plan;
use serde_json::Value;

/// What a zone's plan has room for (read in November 2026).
struct Room {
    custom: usize,
    rate: usize,
    cache: usize,
    period_max: u64,
    timeout_max: u64,
    edge_ttl_min: u64,
    regex: bool,
}

const fn room(plan: Plan) -> Room {
    match plan {
        Plan::Free => Room {
            custom: 5,
            rate: 1,
            cache: 10,
            period_max: 10,
            timeout_max: 10,
            edge_ttl_min: 7_200,
            regex: false,
        },
        Plan::Pro => Room {
            custom: 20,
            rate: 2,
            cache: 25,
            period_max: 60,
            timeout_max: 3_600,
            edge_ttl_min: 3_600,
            regex: false,
        },
        Plan::Business => Room {
            custom: 100,
            rate: 5,
            cache: 50,
            period_max: 600,
            timeout_max: 86_400,
            edge_ttl_min: 1,
            regex: true,
        },
        Plan::Enterprise => Room {
            custom: 1_000,
            rate: 100,
            cache: 300,
            period_max: 65_535,
            timeout_max: 86_400,
            edge_ttl_min: 1,
            regex: true,
        },
    }
}

/// Lengths in seconds that rate limits may have.
const LENGTHS: [u64; 21] = [
    10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300, 480, 600, 900, 1_200, 1_800, 2_400, 3_600,
    65_535, 86_400,
];

/// How many rules a phase may hold.
pub(super) const fn most(phase: Phase, plan: Plan) -> usize {
    match phase {
        Phase::Custom => room(plan).custom,
        Phase::RateLimit => room(plan).rate,
        Phase::Cache => room(plan).cache,
        Phase::Managed => 1_000,
    }
}

/// A phase that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Custom,
    RateLimit,
    Managed,
    Cache,
}

impl Phase {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "http_request_firewall_custom" => Self::Custom,
            "http_ratelimit" => Self::RateLimit,
            "http_request_firewall_managed" => Self::Managed,
            "http_request_cache_settings" => Self::Cache,
            _ => return None,
        })
    }

    /// The permissions to read and to write.
    pub(super) const fn permission(self, writes: bool) -> &'static str {
        match (self, writes) {
            (Self::Cache, false) => "Cache Settings Read",
            (Self::Cache, true) => "Cache Settings Write",
            (_, false) => "Zone WAF Read",
            (_, true) => "Zone WAF Write",
        }
    }

    const fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Custom => {
                &["block", "challenge", "js_challenge", "managed_challenge", "log", "skip"]
            }
            Self::RateLimit => &["block", "challenge", "js_challenge", "managed_challenge", "log"],
            Self::Managed => &["execute", "skip"],
            Self::Cache => &["set_cache_settings"],
        }
    }
}

fn refused(words: &str, pointer: &str) -> Result<(), Reply> {
    Err(Reply::refused_at(400, 20_200, words, Some(pointer)))
}

/// What is wrong with a rule.
pub(super) fn check(rule: &Value, phase: Phase, plan: Plan, lists: &[String]) -> Result<(), Reply> {
    let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
    let (action, words) = (text("action"), text("expression"));
    if action.is_empty() {
        return refused("a rule needs an action", "/action");
    }
    if !phase.actions().contains(&action) {
        return refused(&format!("action {action} is not valid in this phase"), "/action");
    }
    if action == "log" && plan != Plan::Enterprise {
        return refused("not entitled: the use of action log is not allowed", "/action");
    }
    expression(words, plan, lists)?;
    match phase {
        Phase::RateLimit => rate_limit(rule, plan),
        Phase::Cache => cache(rule, plan),
        Phase::Managed if action == "execute" => {
            match rule.pointer("/action_parameters/id").and_then(Value::as_str) {
                Some(_) => Ok(()),
                None => refused("execute needs the id of a ruleset", "/action_parameters/id"),
            }
        }
        Phase::Managed | Phase::Custom => Ok(()),
    }
}

fn expression(words: &str, plan: Plan, lists: &[String]) -> Result<(), Reply> {
    if words.is_empty() {
        return refused("a rule needs an expression", "/expression");
    }
    for (at, _) in words.match_indices('$') {
        let rest = words.get(at + 1..).unwrap_or_default();
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        if !name.is_some_and(|name| lists.iter().any(|list| list == name)) {
            return refused("the expression refers to a list that does not exist", "/expression");
        }
    }
    if words.contains(" matches ") && !room(plan).regex {
        return refused("not entitled: the use of operator Matches is not allowed", "/expression");
    }
    Ok(())
}

fn rate_limit(rule: &Value, plan: Plan) -> Result<(), Reply> {
    let room = room(plan);
    let number = |name: &str| rule.pointer(&format!("/ratelimit/{name}")).and_then(Value::as_u64);
    let by = rule.pointer("/ratelimit/characteristics").and_then(Value::as_array);
    let by: Vec<&str> = by.into_iter().flatten().filter_map(Value::as_str).collect();
    if !by.contains(&"cf.colo.id") {
        return refused("characteristics must contain cf.colo.id", "/ratelimit/characteristics");
    }
    let other = by.iter().any(|name| {
        !matches!(*name, "cf.colo.id" | "ip.src")
            && (*name != "cf.unique_visitor_id" || plan == Plan::Pro || plan == Plan::Free)
    });
    if other && plan != Plan::Enterprise {
        return refused("not entitled: characteristics", "/ratelimit/characteristics");
    }
    if !number("period").is_some_and(|n| LENGTHS.contains(&n) && n <= room.period_max) {
        return refused("not entitled: the period is not allowed", "/ratelimit/period");
    }
    if number("requests_per_period").is_none_or(|n| n == 0) {
        return refused("requests_per_period is needed", "/ratelimit/requests_per_period");
    }
    let timeout = number("mitigation_timeout").unwrap_or(0);
    let blocks = rule.get("action").and_then(Value::as_str) == Some("block");
    let legal = if timeout == 0 {
        !blocks || plan == Plan::Enterprise
    } else {
        blocks && LENGTHS.contains(&timeout) && timeout <= room.timeout_max
    };
    if !legal {
        let words = "not entitled: the mitigation timeout is not allowed";
        return refused(words, "/ratelimit/mitigation_timeout");
    }
    Ok(())
}

fn cache(rule: &Value, plan: Plan) -> Result<(), Reply> {
    let secs = rule.pointer("/action_parameters/edge_ttl/default").and_then(Value::as_u64);
    if secs.is_some_and(|secs| secs < room(plan).edge_ttl_min) {
        let pointer = "/action_parameters/edge_ttl/default";
        return refused("not entitled: the edge TTL is too low", pointer);
    }
    Ok(())
}
