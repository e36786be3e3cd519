//! Zone settings that may be changed for a while: which values they take, and which of two values
//! is the stronger one. Cloudflare takes any value in its description of the API, so the values
//! are ours to know (zone settings of the API v4, read in November 2026).

use serde_json::Value as Json;

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these numbers.
    NumberOf(&'static [i64]),
    /// A whole number of these bounds.
    Number(i64, i64),
}

/// A setting that may be changed for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneSetting {
    /// Its id.
    pub id: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Whether the values stand from the weakest to the strongest.
    pub ordered: bool,
}

const fn ordered(id: &'static str, values: &'static [&'static str]) -> ZoneSetting {
    ZoneSetting { id, takes: Takes::OneOf(values), ordered: true }
}

const fn one_of(id: &'static str, values: &'static [&'static str]) -> ZoneSetting {
    ZoneSetting { id, takes: Takes::OneOf(values), ordered: false }
}

const SWITCH: &[&str] = &["off", "on"];

/// All of them.
pub const ZONE_SETTINGS: &[ZoneSetting] = &[
    ordered("security_level", &["off", "essentially_off", "low", "medium", "high", "under_attack"]),
    ordered("browser_check", SWITCH),
    ordered("always_online", SWITCH),
    ordered("always_use_https", SWITCH),
    ordered("automatic_https_rewrites", SWITCH),
    ordered("email_obfuscation", SWITCH),
    ordered("hotlink_protection", SWITCH),
    ordered("opportunistic_encryption", SWITCH),
    ordered("replace_insecure_js", SWITCH),
    ordered("development_mode", SWITCH),
    ordered("ip_geolocation", SWITCH),
    one_of("ipv6", SWITCH),
    one_of("http3", SWITCH),
    one_of("0rtt", SWITCH),
    one_of("websockets", SWITCH),
    one_of("rocket_loader", SWITCH),
    one_of("sort_query_string_for_cache", SWITCH),
    one_of("cache_level", &["simplified", "basic", "aggressive"]),
    ordered("ssl", &["off", "flexible", "full", "strict"]),
    ordered("min_tls_version", &["1.0", "1.1", "1.2", "1.3"]),
    ZoneSetting { id: "browser_cache_ttl", takes: Takes::Number(0, 31_536_000), ordered: false },
    ZoneSetting {
        id: "challenge_ttl",
        takes: Takes::NumberOf(&[
            300, 900, 1_800, 2_700, 3_600, 7_200, 10_800, 14_400, 28_800, 57_600, 86_400, 604_800,
            2_592_000, 31_536_000,
        ]),
        ordered: false,
    },
];

/// The setting of this id.
pub fn zone_setting(id: &str) -> Option<&'static ZoneSetting> {
    ZONE_SETTINGS.iter().find(|setting| setting.id == id)
}

impl ZoneSetting {
    /// Why a value can't be; `Ok` when it can.
    pub fn judge(&self, value: &Json) -> Result<(), String> {
        let fits = match self.takes {
            Takes::OneOf(values) => value.as_str().is_some_and(|text| values.contains(&text)),
            Takes::NumberOf(numbers) => {
                value.as_i64().is_some_and(|number| numbers.contains(&number))
            }
            Takes::Number(least, most) => {
                value.as_i64().is_some_and(|number| (least..=most).contains(&number))
            }
        };
        if fits { Ok(()) } else { Err(self.takes_words()) }
    }

    /// What it takes, in words.
    pub fn takes_words(&self) -> String {
        match self.takes {
            Takes::OneOf(values) => {
                let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
                format!("`{}` takes {}", self.id, values.join(", "))
            }
            Takes::NumberOf(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
                format!("`{}` takes {}", self.id, numbers.join(", "))
            }
            Takes::Number(least, most) => {
                format!("`{}` takes a whole number from {least} to {most}", self.id)
            }
        }
    }
}

/// How strong a value is; 0 for all where there is no order.
pub(super) fn strength(id: &str, value: &Json) -> usize {
    match zone_setting(id) {
        Some(ZoneSetting { takes: Takes::OneOf(values), ordered: true, .. }) => {
            let place = values.iter().position(|known| value.as_str() == Some(known));
            place.map_or(0, |place| place + 1)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_page_names_all_of_them() {
        let page = include_str!("../../docs/cloudflare-changes.md");
        for setting in ZONE_SETTINGS {
            let row = format!("| `{}` |", setting.id);
            assert!(page.contains(&row), "{row} is missing");
        }
    }

    #[test]
    fn values_are_judged() {
        let judge = |id: &str, value: &Json| zone_setting(id).unwrap().judge(value).is_ok();
        assert!(judge("security_level", &json!("under_attack")));
        assert!(!judge("security_level", &json!("very_high")));
        assert!(!judge("security_level", &json!(1)));
        assert!(judge("browser_cache_ttl", &json!(0)) && !judge("browser_cache_ttl", &json!(-1)));
        assert_eq!(zone_setting("no_such"), None);
    }
}
