//! Areas of the account: what they hold together, and which file answers a path.

use super::http::Request;
use super::reply::Reply;
use super::world::{Options, TokenGrant, World};
use super::{alerts, audit, billing, graphql, kv, logpush, members, tokens, workers};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the areas hold.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) tokens: Vec<tokens::Token>,
    pub(super) members: Vec<Value>,
    pub(super) audit: Vec<Value>,
    pub(super) webhooks: Vec<Value>,
    pub(super) policies: Vec<Value>,
    /// Logpush jobs, by the account's or zone's id.
    pub(super) jobs: BTreeMap<String, Vec<Value>>,
    pub(super) scripts: BTreeMap<String, workers::Script>,
    /// Routes, by the zone's id.
    pub(super) routes: BTreeMap<String, Vec<Value>>,
    pub(super) namespaces: Vec<kv::Namespace>,
}

impl Account {
    /// What is there at the start.
    pub(super) fn new(options: &Options, account: &str) -> Self {
        Self {
            tokens: tokens::first(options, account),
            members: members::first(),
            ..Self::default()
        }
    }
}

/// The permission that a path of these areas needs; `None` where the path is of none of them.
pub(super) fn permission(parts: &[&str], writes: bool) -> Option<&'static str> {
    let choose = |read, write| Some(if writes { write } else { read });
    match parts {
        [.., "tokens", "verify"] => None,
        ["user", "tokens", ..] => choose("API Tokens Read", "API Tokens Write"),
        ["accounts", _, "tokens", ..] => {
            choose("Account API Tokens Read", "Account API Tokens Write")
        }
        ["accounts", _, "members" | "roles" | "logs" | "audit_logs", ..] => {
            choose("Account Settings Read", "Account Settings Write")
        }
        ["accounts", _, "subscriptions" | "billing", ..] => Some("Billing Read"),
        ["accounts", _, "alerting", ..] => choose("Notifications Read", "Notifications Write"),
        ["accounts", _, "workers", ..] => choose("Workers Scripts Read", "Workers Scripts Write"),
        ["zones", _, "workers", "routes", ..] => {
            choose("Workers Routes Read", "Workers Routes Write")
        }
        ["accounts", _, "storage", "kv", ..] => {
            choose("Workers KV Storage Read", "Workers KV Storage Write")
        }
        ["accounts" | "zones", _, "logpush", ..] => choose("Logs Read", "Logs Write"),
        ["graphql"] => Some("Analytics Read"),
        _ => None,
    }
}

/// The reply to a path of these areas; `None` where the path is of none of them.
pub(super) fn answer(
    world: &mut World,
    request: &Request,
    grant: &TokenGrant,
    parts: &[&str],
) -> Option<Reply> {
    Some(match parts {
        [.., "tokens", "verify"] => {
            tokens::verify(world, grant, parts.first() == Some(&"accounts"))
        }
        ["user", "tokens", rest @ ..] => tokens::answer(world, request, false, rest),
        ["accounts", _, "tokens", rest @ ..] => tokens::answer(world, request, true, rest),
        ["accounts", _, "roles", rest @ ..] => members::roles(request, rest),
        ["accounts", _, "members", rest @ ..] => members::answer(world, request, rest),
        ["accounts", _, "logs", "audit"] => audit::second(world, request),
        ["accounts", _, "audit_logs"] => audit::first(world, request),
        ["accounts", _, "subscriptions"] => billing::subscriptions(world),
        ["accounts", _, "billing", "usage"] => billing::usage(),
        ["accounts", _, "alerting", "v3", rest @ ..] => alerts::answer(world, request, rest),
        ["accounts", _, "workers", "scripts", rest @ ..] => workers::answer(world, request, rest),
        ["zones", zone, "workers", "routes", rest @ ..] => {
            workers::routes(world, request, zone, rest)
        }
        ["accounts", _, "storage", "kv", "namespaces", rest @ ..] => {
            kv::answer(world, request, rest)
        }
        ["accounts" | "zones", scope, "logpush", "jobs", rest @ ..] => {
            logpush::answer(world, request, scope, rest)
        }
        ["graphql"] => graphql::answer(world, request),
        _ => return None,
    })
}
