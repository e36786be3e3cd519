//! Zone settings and bot management. The codes of refusals are guesses; that a plan has a setting
//! but may not change it is told by `editable`, as Cloudflare does.

use super::http::Request;
use super::reply::Reply;
use super::world::{Plan, World, stamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a zone's settings were changed to, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    changed: BTreeMap<String, (Value, String)>,
    bots: Map<String, Value>,
}

const ON_OFF: &str = "on off";

/// Id, value at the start, legal words (or `least..most`, or nothing for anything of the same type),
/// and the least plan that may change it.
const KNOWN: &[(&str, &str, &str, Plan)] = &[
    ("0rtt", r#""off""#, ON_OFF, Plan::Free),
    ("advanced_ddos", r#""on""#, ON_OFF, Plan::Enterprise),
    ("always_online", r#""off""#, ON_OFF, Plan::Free),
    ("always_use_https", r#""off""#, ON_OFF, Plan::Free),
    ("automatic_https_rewrites", r#""on""#, ON_OFF, Plan::Free),
    ("brotli", r#""on""#, ON_OFF, Plan::Free),
    ("browser_cache_ttl", "14400", "0..31536000", Plan::Free),
    ("browser_check", r#""on""#, ON_OFF, Plan::Free),
    ("cache_level", r#""aggressive""#, "aggressive basic simplified", Plan::Free),
    ("challenge_ttl", "1800", "300..31536000", Plan::Free),
    ("ciphers", "[]", "", Plan::Free),
    ("development_mode", r#""off""#, ON_OFF, Plan::Free),
    ("early_hints", r#""off""#, ON_OFF, Plan::Free),
    ("email_obfuscation", r#""on""#, ON_OFF, Plan::Free),
    ("h2_prioritization", r#""off""#, "on off custom", Plan::Pro),
    ("hotlink_protection", r#""off""#, ON_OFF, Plan::Free),
    ("http2", r#""on""#, ON_OFF, Plan::Pro),
    ("http3", r#""on""#, ON_OFF, Plan::Free),
    ("image_resizing", r#""off""#, "on off open", Plan::Pro),
    ("ip_geolocation", r#""on""#, ON_OFF, Plan::Free),
    ("ipv6", r#""on""#, ON_OFF, Plan::Free),
    ("max_upload", "100", "100..1000", Plan::Business),
    ("min_tls_version", r#""1.0""#, "1.0 1.1 1.2 1.3", Plan::Free),
    ("nel", r#"{"enabled":false}"#, "", Plan::Free),
    ("opportunistic_encryption", r#""on""#, ON_OFF, Plan::Free),
    ("opportunistic_onion", r#""on""#, ON_OFF, Plan::Free),
    ("origin_error_page_pass_thru", r#""off""#, ON_OFF, Plan::Enterprise),
    ("polish", r#""off""#, "off lossless lossy", Plan::Pro),
    ("prefetch_preload", r#""off""#, ON_OFF, Plan::Enterprise),
    ("pseudo_ipv4", r#""off""#, "off add_header overwrite_header", Plan::Free),
    ("response_buffering", r#""off""#, ON_OFF, Plan::Enterprise),
    ("rocket_loader", r#""off""#, ON_OFF, Plan::Free),
    (
        "security_header",
        r#"{"strict_transport_security":{"enabled":false,"max_age":0,"include_subdomains":false,"preload":false,"nosniff":false}}"#,
        "",
        Plan::Free,
    ),
    (
        "security_level",
        r#""medium""#,
        "off essentially_off low medium high under_attack",
        Plan::Free,
    ),
    ("sort_query_string_for_cache", r#""off""#, ON_OFF, Plan::Enterprise),
    ("ssl", r#""full""#, "off flexible full strict", Plan::Free),
    ("tls_1_3", r#""on""#, "on off zrt", Plan::Free),
    ("tls_client_auth", r#""off""#, ON_OFF, Plan::Free),
    ("true_client_ip_header", r#""off""#, ON_OFF, Plan::Enterprise),
    ("webp", r#""off""#, ON_OFF, Plan::Pro),
    ("websockets", r#""on""#, ON_OFF, Plan::Free),
];

fn rank(plan: Plan) -> u8 {
    match plan {
        Plan::Free => 0,
        Plan::Pro => 1,
        Plan::Business => 2,
        Plan::Enterprise => 3,
    }
}

impl Settings {
    /// A setting's value, for tests and the desk.
    pub(super) fn value(&self, id: &str) -> Option<Value> {
        let (_, first, ..) = KNOWN.iter().find(|(known, ..)| *known == id)?;
        let changed = self.changed.get(id).map(|(value, _)| value.clone());
        changed.or_else(|| serde_json::from_str(first).ok())
    }
}

fn shown(settings: &Settings, plan: Plan, id: &str) -> Option<Value> {
    let (.., least) = KNOWN.iter().find(|(known, ..)| *known == id)?;
    let mut shown = json!({
        "id": id, "value": settings.value(id), "editable": rank(plan) >= rank(*least),
        "modified_on": settings.changed.get(id).map(|(_, when)| when),
    });
    if let ("development_mode", Some(fields)) = (id, shown.as_object_mut()) {
        fields.insert("time_remaining".to_owned(), json!(0));
    }
    Some(shown)
}

fn is_legal(first: &Value, legal: &str, value: &Value) -> bool {
    if let Some((least, most)) = legal.split_once("..") {
        let (least, most) = (least.parse::<u64>(), most.parse::<u64>());
        return matches!((least, most, value.as_u64()), (Ok(least), Ok(most), Some(number))
            if (least..=most).contains(&number));
    }
    if legal.is_empty() {
        return (first.is_object() && value.is_object()) || (first.is_array() && value.is_array());
    }
    value.as_str().is_some_and(|word| legal.split(' ').any(|known| known == word))
}

/// `/zones/{zone}/settings/{id}`. (The call for all at once ended in September 2026.)
pub(super) fn answer(world: &mut World, request: &Request, zone: &str, id: &str) -> Reply {
    let plan = world.options.plan;
    let Some(zone) = world.zone(zone) else {
        return Reply::no_zone();
    };
    let Some((_, first, legal, least)) = KNOWN.iter().find(|(known, ..)| *known == id) else {
        return Reply::refused(400, 1003, &format!("Undefined zone setting: {id}"));
    };
    match request.method.as_str() {
        "GET" => {}
        "PATCH" => {
            let body: Value = request.json();
            let value = body.get("value").cloned().unwrap_or_default();
            if rank(plan) < rank(*least) {
                return Reply::refused(400, 1015, &format!("Not allowed to edit setting for {id}"));
            }
            let first: Value = serde_json::from_str(first).unwrap_or_default();
            if !is_legal(&first, legal, &value) {
                return Reply::refused(400, 1007, &format!("Invalid value for zone setting {id}"));
            }
            zone.settings.changed.insert(id.to_owned(), (value, stamp()));
        }
        _ => return Reply::no_method(),
    }
    Reply::result(shown(&zone.settings, plan, id).unwrap_or_default())
}

/// The switches that a plan has, as they are at the start.
fn first_bots(plan: Plan) -> Map<String, Value> {
    let mut bots = json!({
        "enable_js": false, "ai_bots_protection": "disabled", "crawler_protection": "disabled",
        "is_robots_txt_managed": false,
    });
    let mut more = match plan {
        Plan::Free => json!({ "fight_mode": false }),
        Plan::Pro => json!({
            "sbfm_definitely_automated": "allow", "sbfm_verified_bots": "allow",
            "sbfm_static_resource_protection": false, "optimize_wordpress": false,
        }),
        Plan::Business => json!({
            "sbfm_definitely_automated": "allow", "sbfm_likely_automated": "allow",
            "sbfm_verified_bots": "allow", "sbfm_static_resource_protection": false,
            "optimize_wordpress": false,
        }),
        Plan::Enterprise => json!({ "auto_update_model": true, "suppress_session_score": false }),
    };
    let mut all = Map::new();
    for fields in [bots.as_object_mut(), more.as_object_mut()].into_iter().flatten() {
        all.append(fields);
    }
    all
}

/// `/zones/{zone}/bot_management`. What a PUT doesn't name is put back to the start: the harder of
/// the two answers that nobody could verify.
pub(super) fn bots(world: &mut World, request: &Request, zone: &str) -> Reply {
    let first = first_bots(world.options.plan);
    let Some(zone) = world.zone(zone) else {
        return Reply::no_zone();
    };
    match request.method.as_str() {
        "GET" => {}
        "PUT" => {
            let body: Value = request.json();
            let sent = body.as_object().cloned().unwrap_or_default();
            for (name, value) in &sent {
                let Some(known) = first.get(name) else {
                    return Reply::refused(
                        400,
                        10_050,
                        &format!("zone is not entitled to configure {name}"),
                    );
                };
                if known.is_boolean() != value.is_boolean() {
                    return Reply::refused(400, 10_051, &format!("invalid value for {name}"));
                }
            }
            zone.settings.bots = sent;
        }
        _ => return Reply::no_method(),
    }
    let mut now = first;
    now.extend(zone.settings.bots.clone());
    now.insert("using_latest_model".to_owned(), json!(true));
    Reply::result(Value::Object(now))
}
