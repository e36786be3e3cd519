//! Bot management of a zone. Which switches a zone has depends on its plan. Whether a PUT puts back
//! what it doesn't name was nowhere to be read, so a change always names all that is there and may
//! be set: then both answers come to the same.

use super::call::{Area, Call, encoded};
use super::plans::Level;
use crate::http_client::Method;
use serde_json::{Map, Value};

/// The switches as they stand, by name.
pub type Switches = Map<String, Value>;

/// What a switch may be set to.
#[derive(Debug, Clone, Copy)]
enum Legal {
    YesNo,
    Words(&'static [&'static str]),
}

/// Which plans have a switch.
#[derive(Debug, Clone, Copy)]
enum Has {
    All,
    Only(&'static [Level]),
}

const VERDICT: Legal = Legal::Words(&["allow", "block", "managed_challenge"]);
const FREE: Has = Has::Only(&[Level::Free]);
const SUPER: Has = Has::Only(&[Level::Pro, Level::Business]);

/// All that can be set (schema of July 2026, plans by the documentation of November 2026).
const KNOWN: &[(&str, Legal, Has)] = &[
    ("ai_bots_protection", Legal::Words(&["block", "disabled", "only_on_ad_pages"]), Has::All),
    ("auto_update_model", Legal::YesNo, Has::Only(&[Level::Enterprise])),
    ("bm_cookie_enabled", Legal::YesNo, Has::Only(&[Level::Enterprise])),
    ("cf_robots_variant", Legal::Words(&["off", "policy_only"]), Has::All),
    ("content_bots_protection", Legal::Words(&["block", "disabled"]), Has::All),
    ("crawler_protection", Legal::Words(&["enabled", "disabled"]), Has::All),
    ("enable_js", Legal::YesNo, Has::All),
    ("fight_mode", Legal::YesNo, FREE),
    ("is_robots_txt_managed", Legal::YesNo, Has::All),
    ("optimize_wordpress", Legal::YesNo, SUPER),
    ("sbfm_definitely_automated", VERDICT, SUPER),
    ("sbfm_likely_automated", VERDICT, Has::Only(&[Level::Business])),
    ("sbfm_static_resource_protection", Legal::YesNo, SUPER),
    ("sbfm_verified_bots", Legal::Words(&["allow", "block"]), SUPER),
    ("suppress_session_score", Legal::YesNo, Has::Only(&[Level::Enterprise])),
];

/// Whether a switch may be set so: nothing, or why not.
pub fn check(level: Option<Level>, name: &str, value: &Value) -> Result<(), String> {
    let Some((_, legal, has)) = KNOWN.iter().find(|(known, ..)| *known == name) else {
        return Err(format!("bot management has no `{}`", name.escape_debug()));
    };
    let fits = match legal {
        Legal::YesNo => value.is_boolean(),
        Legal::Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
    };
    if !fits {
        let hint = match legal {
            Legal::YesNo => "`true` or `false`".to_owned(),
            Legal::Words(words) => format!("one of `{}`", words.join("`, `")),
        };
        return Err(format!("`{name}` can't be {value}\nhint: {hint}"));
    }
    match (has, level) {
        (Has::Only(levels), Some(level)) if !levels.contains(&level) => {
            Err(format!("the plan `{}` has no `{name}`", level.name()))
        }
        _ => Ok(()),
    }
}

/// The names of all switches.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, ..)| *name)
}

fn path(zone: &str) -> String {
    format!("/zones/{}/bot_management", encoded(zone))
}

/// Asks for the switches.
pub fn read(zone: &str) -> Call {
    Call::get(Area::Bots, path(zone))
}

/// Sets some switches, given all that are there.
pub fn change(zone: &str, present: &Switches, wanted: &Switches) -> Call {
    let mut body: Switches = present
        .iter()
        .filter(|(name, value)| check(None, name, value).is_ok())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    body.extend(wanted.iter().map(|(name, value)| (name.clone(), value.clone())));
    Call::new(Area::Bots, Method::PUT, path(zone)).body(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_names_all_that_may_be_set() {
        let present = json!({
            "enable_js": true, "fight_mode": false, "using_latest_model": true,
            "stale_zone_configuration": { "sbfm_verified_bots": "allow" },
        });
        let wanted = json!({ "fight_mode": true });
        let call = change("z", present.as_object().unwrap(), wanted.as_object().unwrap());
        assert_eq!(call.body, Some(json!({ "enable_js": true, "fight_mode": true })));
    }

    #[test]
    fn plans_have_what_they_have() {
        assert!(check(Some(Level::Free), "fight_mode", &json!(true)).is_ok());
        assert!(check(Some(Level::Pro), "fight_mode", &json!(true)).is_err());
        assert!(check(Some(Level::Pro), "sbfm_likely_automated", &json!("block")).is_err());
        assert!(check(None, "sbfm_likely_automated", &json!("block")).is_ok());
        assert!(check(None, "sbfm_verified_bots", &json!("managed_challenge")).is_err());
        assert!(check(None, "fight_mode", &json!("on")).is_err());
    }
}
