//! Zone settings, one call each (the call for all at once was to end in September 2026). Cloudflare's
//! published description takes any value for any of them, so what is legal stands here.

use super::call::{Area, Call, encoded};
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The setting that the under-attack mode is a value of.
const SECURITY_LEVEL: &str = "security_level";

/// A setting as it stands.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Setting {
    /// Its name.
    pub id: String,
    /// What it is set to.
    pub value: Value,
    /// `false` where the plan has it, but not to be changed; absent says nothing.
    #[serde(default)]
    pub editable: Option<bool>,
    /// When it was last changed; `null` for never.
    #[serde(default)]
    pub modified_on: Option<String>,
}

impl Setting {
    /// Whether it may be changed, as far as is said.
    pub fn is_editable(&self) -> bool {
        self.editable != Some(false)
    }
}

/// What a setting may be set to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Legal {
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these numbers.
    Numbers(&'static [u64]),
    /// A whole number from here to there.
    Range(u64, u64),
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// An object that holds these switches, and numbers, and nothing else.
    Object(&'static [&'static str]),
}

const SWITCH: Legal = Legal::Words(&["on", "off"]);
const TRI: Legal = Legal::Words(&["on", "off", "open"]);

/// All settings that can be set, by name (schema of July 2026).
pub const KNOWN: &[(&str, Legal)] = &[
    ("0rtt", SWITCH),
    ("always_online", SWITCH),
    ("always_use_https", SWITCH),
    ("automatic_https_rewrites", SWITCH),
    ("browser_cache_ttl", Legal::Range(0, 31_536_000)),
    ("browser_check", SWITCH),
    ("cache_level", Legal::Words(&["aggressive", "basic", "simplified"])),
    (
        "challenge_ttl",
        Legal::Numbers(&[
            300, 900, 1_800, 2_700, 3_600, 7_200, 10_800, 14_400, 28_800, 57_600, 86_400, 604_800,
            2_592_000, 31_536_000,
        ]),
    ),
    ("ciphers", Legal::Texts),
    ("development_mode", SWITCH),
    ("early_hints", SWITCH),
    (
        "edge_cache_ttl",
        Legal::Numbers(&[
            30, 60, 300, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000, 28_800, 43_200,
            57_600, 72_000, 86_400, 172_800, 259_200, 345_600, 432_000, 518_400, 604_800,
        ]),
    ),
    ("email_obfuscation", SWITCH),
    ("h2_prioritization", Legal::Words(&["on", "off", "custom"])),
    ("hotlink_protection", SWITCH),
    ("http2", SWITCH),
    ("http3", SWITCH),
    ("image_resizing", TRI),
    ("ip_geolocation", SWITCH),
    ("ipv6", SWITCH),
    (
        "max_upload",
        Legal::Numbers(&[
            100, 125, 150, 175, 200, 225, 250, 275, 300, 325, 350, 375, 400, 425, 450, 475, 500,
            1_000,
        ]),
    ),
    ("min_tls_version", Legal::Words(&["1.0", "1.1", "1.2", "1.3"])),
    ("nel", Legal::Object(&["enabled"])),
    ("opportunistic_encryption", SWITCH),
    ("opportunistic_onion", SWITCH),
    ("orange_to_orange", SWITCH),
    ("origin_error_page_pass_thru", SWITCH),
    ("origin_h2_max_streams", Legal::Range(1, 1_000)),
    ("origin_max_http_version", Legal::Words(&["2", "1"])),
    ("polish", Legal::Words(&["off", "lossless", "lossy"])),
    ("prefetch_preload", SWITCH),
    ("proxy_read_timeout", Legal::Range(1, 6_000)),
    ("pseudo_ipv4", Legal::Words(&["off", "add_header", "overwrite_header"])),
    ("replace_insecure_js", SWITCH),
    ("response_buffering", SWITCH),
    ("rocket_loader", SWITCH),
    ("security_header", Legal::Object(&["strict_transport_security"])),
    (
        SECURITY_LEVEL,
        Legal::Words(&["off", "essentially_off", "low", "medium", "high", "under_attack"]),
    ),
    ("sort_query_string_for_cache", SWITCH),
    ("ssl", Legal::Words(&["off", "flexible", "full", "strict"])),
    ("tls_1_3", Legal::Words(&["on", "off", "zrt"])),
    ("tls_client_auth", SWITCH),
    ("transformations", TRI),
    ("transformations_allowed_origins", Legal::Text),
    ("true_client_ip_header", SWITCH),
    ("webp", SWITCH),
    ("websockets", SWITCH),
];

/// Settings that Cloudflare has given up; they may still be shown, and setting them does nothing.
const GIVEN_UP: &[&str] = &[
    "brotli",
    "cname_flattening",
    "minify",
    "mirage",
    "mobile_redirect",
    "privacy_pass",
    "server_side_exclude",
];

/// What may be said to a setting: nothing, or why not, in words for a person.
pub fn check(id: &str, value: &Value) -> Result<(), String> {
    let Some((_, legal)) = KNOWN.iter().find(|(known, _)| *known == id) else {
        let shown = id.escape_debug();
        return Err(if GIVEN_UP.contains(&id) {
            format!("Cloudflare has given up the setting `{shown}`")
        } else {
            format!("there is no zone setting `{shown}`")
        });
    };
    if fits(*legal, value) {
        return Ok(());
    }
    Err(format!("`{id}` can't be {value}\nhint: {}", words_of(*legal)))
}

fn fits(legal: Legal, value: &Value) -> bool {
    match legal {
        Legal::Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Legal::Numbers(numbers) => value.as_u64().is_some_and(|number| numbers.contains(&number)),
        Legal::Range(least, most) => {
            value.as_u64().is_some_and(|number| (least..=most).contains(&number))
        }
        Legal::Text => value.is_string(),
        Legal::Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        Legal::Object(names) => value.as_object().is_some_and(|fields| {
            !fields.is_empty() && fields.keys().all(|name| names.contains(&name.as_str()))
        }),
    }
}

/// What is legal, for a person.
fn words_of(legal: Legal) -> String {
    let each = |all: Vec<String>| format!("one of {}", all.join(", "));
    match legal {
        Legal::Words(words) => each(words.iter().map(|word| format!("`{word}`")).collect()),
        Legal::Numbers(numbers) => each(numbers.iter().map(u64::to_string).collect()),
        Legal::Range(least, most) => format!("a whole number from {least} to {most}"),
        Legal::Text => "a text".to_owned(),
        Legal::Texts => "a list of texts".to_owned(),
        Legal::Object(names) => format!("a table with `{}`", names.join("`, `")),
    }
}

/// A value as a person writes it on a command line, as the setting has it: a number where it wants
/// one, JSON where it wants a list or an object, else the text itself.
pub fn from_text(id: &str, text: &str) -> Value {
    let legal = KNOWN.iter().find(|(known, _)| *known == id).map(|(_, legal)| *legal);
    match legal {
        Some(Legal::Words(_) | Legal::Text) | None => json!(text),
        Some(_) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

/// Whether what is there is what is wanted. Numbers may come as floats, and an object may hold more
/// than was asked for.
pub fn same(present: &Value, wanted: &Value) -> bool {
    match (present, wanted) {
        (Value::Number(left), Value::Number(right)) => {
            left == right
                || left.as_f64().zip(right.as_f64()).is_some_and(|(left, right)| {
                    // Both are whole numbers within 2^53, or differ by far more than this.
                    (left - right).abs() < 0.001
                })
        }
        (Value::Object(present), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| present.get(name).is_some_and(|present| same(present, wanted))),
        _ => present == wanted,
    }
}

fn path(zone: &str, id: &str) -> String {
    format!("/zones/{}/settings/{}", encoded(zone), encoded(id))
}

/// Asks for a setting.
pub fn one(zone: &str, id: &str) -> Call {
    Call::get(Area::Settings, path(zone, id))
}

/// Sets a setting. Setting it to what it is changes nothing.
pub fn change(zone: &str, id: &str, value: &Value) -> Call {
    Call::new(Area::Settings, Method::PATCH, path(zone, id)).body(json!({ "value": value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_legal_passes() {
        for (id, value) in [
            (SECURITY_LEVEL, json!("under_attack")),
            ("browser_cache_ttl", json!(0)),
            ("challenge_ttl", json!(1_800)),
            ("nel", json!({ "enabled": true })),
            ("ciphers", json!([])),
        ] {
            assert_eq!(check(id, &value), Ok(()), "{id}");
        }
        for (id, value) in [
            (SECURITY_LEVEL, json!("highest")),
            (SECURITY_LEVEL, json!(true)),
            ("browser_cache_ttl", json!(-1)),
            ("challenge_ttl", json!(1_801)),
            ("nel", json!({ "enable": true })),
            ("ssl", json!("ON")),
            ("brotli", json!("on")),
            ("../zones", json!("on")),
        ] {
            assert!(check(id, &value).is_err(), "{id} {value}");
        }
    }

    #[test]
    fn every_word_is_its_own_text() {
        for (id, legal) in KNOWN {
            if let Legal::Words(words) = legal {
                for word in *words {
                    assert_eq!(check(id, &from_text(id, word)), Ok(()), "{id} {word}");
                }
            }
        }
        assert_eq!(from_text("browser_cache_ttl", "60"), json!(60));
    }

    #[test]
    fn the_same_is_told_over_number_kinds_and_further_fields() {
        assert!(same(&json!(14_400.0), &json!(14_400)));
        assert!(!same(&json!(14_400.0), &json!(14_401)));
        assert!(same(&json!({ "a": { "b": 1, "c": 2 } }), &json!({ "a": { "b": 1 } })));
        assert!(!same(&json!({ "a": 1 }), &json!({ "b": 1 })));
        assert!(!same(&json!("on"), &json!("off")));
    }
}
