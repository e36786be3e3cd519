//! Rules of a zone that bodies ask for: rate limits, custom rules, cache rules, managed rulesets.
//!
//! What a client wrote is data here too: `path`, `host` and the like are quoted, so that no text
//! can become a part of an expression.

use super::{change, of_place, shown};
use crate::clock::parse_duration;
use crate::decisions::ChangeKind;
use crate::event::net::{display_net, parse_net};
use crate::limits;
use crate::rules::body_api::Answer;
use crate::rules::book::{Api, Place};
use crate::rules::context::value_error;
use crate::rules::values::{to_json, to_text};
use rhai::{Dynamic, Map, Module, NativeCallContext};
use serde_json::{Map as Fields, Value as Json, json};

/// What may be said of whom a rule is about, and how that reads as an expression.
const ABOUT: &[(&str, &str, &str)] = &[
    ("path", "http.request.uri.path eq ", ""),
    ("path_starts", "starts_with(http.request.uri.path, ", ")"),
    ("host", "http.host eq ", ""),
    ("user_agent", "http.user_agent eq ", ""),
    ("country", "ip.src.country eq ", ""),
];

/// A kind of rule: what its fields may be.
struct Shape {
    kind: ChangeKind,
    /// Whether it says whom it is about.
    about: bool,
    fields: &'static [&'static str],
}

const RATE_LIMIT: Shape = Shape {
    kind: ChangeKind::RateLimit,
    about: true,
    fields: &["requests", "period", "timeout", "action", "by"],
};
const TIGHTEN: Shape = Shape {
    kind: ChangeKind::Tightened,
    about: false,
    fields: &["requests", "period", "timeout", "action"],
};
const WAF_RULE: Shape = Shape { kind: ChangeKind::WafRule, about: true, fields: &["action"] };
const CACHE_TTL: Shape =
    Shape { kind: ChangeKind::CacheTtl, about: true, fields: &["edge", "browser"] };
const MANAGED: Shape = Shape {
    kind: ChangeKind::Managed,
    about: false,
    fields: &["action", "sensitivity", "enabled"],
};

/// A text as a string of Cloudflare's expressions.
fn quoted(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Whom a rule is about, as an expression: `expression` as it stands, and all else quoted.
fn expression(context: &NativeCallContext, fields: &Map) -> Answer<String> {
    let mut parts = Vec::new();
    if let Some(text) = fields.get("expression") {
        let text = to_text(text).filter(|text| !text.trim().is_empty());
        let text =
            text.ok_or_else(|| value_error(context, "`expression` is a text that says something"))?;
        parts.push(if fields.len() > 1 { format!("({text})") } else { text });
    }
    for (name, before, after) in ABOUT {
        let Some(value) = fields.get(*name) else { continue };
        // Every path starts with an empty text: such a rule would be about everybody.
        let given = to_text(value).filter(|text| !text.trim().is_empty());
        let text = given.and_then(|text| quoted(&text)).ok_or_else(|| {
            let text = format!("`{name}` is a text, not an empty one, without control characters");
            value_error(context, text)
        })?;
        parts.push(format!("{before}{text}{after}"));
    }
    if let Some(net) = client(context, fields)? {
        parts.push(format!("ip.src in {{{net}}}"));
    }
    if parts.is_empty() {
        let text = "it says nothing of whom it is about: `expression`, `path`, `path_starts`, `host`, `user_agent`, `country` or `ip`";
        return Err(value_error(context, text));
    }
    Ok(parts.join(" and "))
}

/// The client that a rule is about, in its one way of writing.
fn client(context: &NativeCallContext, fields: &Map) -> Answer<Option<String>> {
    let Some(value) = fields.get("ip") else { return Ok(None) };
    let net = to_text(value).and_then(|text| parse_net(&text));
    let net = net.ok_or_else(|| value_error(context, "`ip` is an address or prefix"))?;
    Ok(Some(display_net(&net)))
}

fn secs(context: &NativeCallContext, name: &str, value: &Dynamic) -> Answer<u64> {
    let text = to_text(value).unwrap_or_default();
    let duration = parse_duration(&text)
        .map_err(|error| value_error(context, format!("`{name}`: {error}")))?;
    Ok(duration.as_secs())
}

/// The fields as the account's side reads them.
fn value(context: &NativeCallContext, shape: &Shape, given: &Map) -> Answer<Json> {
    let is_about = |name: &str| {
        matches!(name, "expression" | "ip") || ABOUT.iter().any(|(known, ..)| *known == name)
    };
    let mut fields = Fields::new();
    for (name, value) in given {
        let name = name.as_str();
        if name == "via" || (shape.about && is_about(name)) {
            continue;
        }
        if !shape.fields.contains(&name) {
            let known = shape.fields.join("`, `");
            let name = shown(name);
            let text =
                format!("`cf::{}` has no option `{name}`: there are `{known}`", context.fn_name());
            return Err(value_error(context, text));
        }
        let (name, value) = match name {
            "period" => ("period_secs", json!(secs(context, name, value)?)),
            "timeout" => ("timeout_secs", json!(secs(context, name, value)?)),
            "edge" | "browser" => {
                let secs = secs(context, name, value)?;
                let ttl = json!({ "mode": "override_origin", "secs": secs });
                (if name == "edge" { "edge_ttl" } else { "browser_ttl" }, ttl)
            }
            "sensitivity" => ("sensitivity_level", to_json(value)),
            "enabled" => ("rules_enabled", to_json(value)),
            name => (name, to_json(value)),
        };
        fields.insert(name.to_owned(), value);
    }
    if shape.about {
        let about: Map = given
            .iter()
            .filter(|(name, _)| is_about(name.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        fields.insert("expression".to_owned(), json!(expression(context, &about)?));
        // The guard judges it; it is no part of the rule that is sent.
        if let Some(net) = client(context, &about)? {
            fields.insert("ip".to_owned(), json!(net));
        }
    }
    if json!(fields).to_string().len() > limits::MESSAGE_BYTES_MAX * 2 {
        return Err(value_error(context, "the rule is too long"));
    }
    Ok(Json::Object(fields))
}

fn ask_for(
    context: &NativeCallContext,
    shape: &Shape,
    (zone, name): (&str, &str),
    given: &Map,
    how_long: &str,
) -> Answer<String> {
    if !of_place(name) {
        let name = shown(name);
        let text = format!("`{name}` is no name: letters, digits, `_` and `-`, up to 40");
        return Err(value_error(context, text));
    }
    let mut fields = given.clone();
    if matches!(shape.kind, ChangeKind::RateLimit | ChangeKind::WafRule) {
        fields.entry("action".into()).or_insert_with(|| "managed_challenge".into());
    }
    let value = value(context, shape, &fields)?;
    let options: Map = given
        .iter()
        .filter(|(key, _)| *key == "via")
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    change(context, (zone, &options), (shape.kind, name), value, how_long)
}

/// Name, shape, and what the book says.
const FUNCTIONS: &[(&str, &Shape, &str, &str, &str)] = &[
    (
        "rate_limit",
        &RATE_LIMIT,
        "cf::rate_limit(zone, name, #{path, requests, period, timeout, action, …}, duration)",
        "Limit how often an address may ask for something, for a while: a rate limit that riposte makes and removes again. Its action is `managed_challenge` unless said otherwise.",
        r#"cf::rate_limit("example.com", "login", #{ path: "/login", requests: 5, period: "10s" }, "1h")"#,
    ),
    (
        "tighten",
        &TIGHTEN,
        "cf::tighten(zone, rule, #{requests, period, timeout, action}, duration)",
        "Make a rate limit that is there stricter for a while. The whole rule from before comes back.",
        r#"cf::tighten("example.com", "api", #{ requests: 20 }, "1h")"#,
    ),
    (
        "waf_rule",
        &WAF_RULE,
        "cf::waf_rule(zone, name, #{expression, action, …}, duration)",
        "Add a custom rule before all others, for a while. Its action is `managed_challenge` unless said otherwise.",
        r#"cf::waf_rule("example.com", "xmlrpc", #{ path: "/xmlrpc.php", action: "block" }, "6h")"#,
    ),
    (
        "cache_ttl",
        &CACHE_TTL,
        "cf::cache_ttl(zone, name, #{path, edge, browser, …}, duration)",
        "Keep something in the cache for another time, for a while: a cache rule that riposte makes and removes again.",
        r#"cf::cache_ttl("example.com", "front", #{ path: "/", edge: "2h" }, "1h")"#,
    ),
    (
        "managed",
        &MANAGED,
        "cf::managed(zone, ruleset, #{action, sensitivity, enabled}, duration)",
        "Override what all rules of a managed ruleset (`cloudflare`, `owasp`, `exposed_credentials`, `free`, or an id) do, for a while. Where it isn't run at all, it is for that time.",
        r#"cf::managed("example.com", "cloudflare", #{ action: "block" }, "1h")"#,
    ),
];

/// Registers them.
pub(super) fn register(cf: &mut Module, api: &mut Api<'_>) {
    for (name, shape, signature, doc, example) in FUNCTIONS {
        cf.set_native_fn(
            *name,
            move |context: NativeCallContext,
                  zone: &str,
                  name: &str,
                  fields: Map,
                  how_long: &str| {
                ask_for(&context, shape, (zone, name), &fields, how_long)
            },
        );
        api.doc(Place::Cloudflare, name, signature, doc, example);
    }
}
