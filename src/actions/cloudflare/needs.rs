//! Which permissions a token needs for what the config and the rules ask of Cloudflare, and whether
//! it has them. Reads only.
//!
//! Two ways to see it. What the token may do stands in its policies, which only few tokens may read;
//! that it may read a thing is tried with each zone. Whether it may change what it may read can't be
//! tried without a change, so that is said.

use super::site::Site;
use super::verify::Check;
use crate::actions::config::CloudflareConfig;
use crate::cloudflare::access_rules::Scope;
use crate::cloudflare::tokens::{self, Holder, Token, TokenKind, TokenStatus};
use crate::cloudflare::{
    Answer, Area, Call, Client, ErrorKind, bots, dns, rulesets, settings, workers,
};
use crate::decisions::CloudflareCall;
use std::collections::{BTreeMap, BTreeSet};

/// In so many zones reading is tried.
const ZONES_TRIED_MAX: usize = 20;

/// Functions of rules, what they change, and whether it is put back (`changes = false` in the
/// config forbids that).
const FUNCTIONS: &[(&str, Area, bool)] = &[
    ("under_attack", Area::Settings, true),
    ("security_level", Area::Settings, true),
    ("setting", Area::Settings, true),
    ("bot_fight_mode", Area::Bots, true),
    ("rate_limit", Area::Rulesets, true),
    ("tighten", Area::Rulesets, true),
    ("waf_rule", Area::Rulesets, true),
    ("managed", Area::Rulesets, true),
    ("cache_ttl", Area::CacheRules, true),
    ("dns_failover", Area::Dns, true),
    ("dns_ttl", Area::Dns, true),
    ("dns_set", Area::Dns, false),
    ("dns_delete", Area::Dns, false),
    ("ddns", Area::Dns, false),
    ("purge", Area::Purge, false),
    ("worker_route", Area::Workers, true),
    ("pool", Area::Pools, true),
    ("kv_put", Area::KeyValue, false),
    ("kv_delete", Area::KeyValue, false),
];

/// Functions that need no permission: they ask nothing of the API.
const FREE: &[&str] = &["warm", "target_down", "target_up"];

/// Whether a function of the module `cf` is known here.
pub fn knows(function: &str) -> bool {
    FREE.contains(&function) || FUNCTIONS.iter().any(|(name, ..)| *name == function)
}

/// A permission, and what for.
#[derive(Debug)]
struct Need {
    area: Area,
    /// Functions of rules, or words about the config.
    by: BTreeSet<String>,
    /// Zones' names and ids that it is for.
    zones: BTreeSet<(String, String)>,
}

/// What the token may do, where it may be asked.
pub(super) fn granted(
    client: &Client,
    account: Option<&str>,
    verified: Option<&(TokenKind, TokenStatus)>,
) -> Option<BTreeSet<String>> {
    let (kind, status) = verified?;
    let holder = match kind {
        TokenKind::User => Holder::User,
        TokenKind::Account => Holder::Account(account?.to_owned()),
    };
    let token: Token =
        client.send(&tokens::one(&holder, &status.id)).and_then(Answer::read).ok()?;
    Some(token.permissions().map(plain).collect())
}

/// Cloudflare's pages say `Edit` where the API says `Write`, and the other way round.
fn plain(permission: &str) -> String {
    permission
        .strip_suffix(" Edit")
        .map_or_else(|| permission.to_owned(), |name| format!("{name} Write"))
}

/// Looks at each permission that is needed.
pub(super) fn look(
    client: &Client,
    config: &CloudflareConfig,
    (site, asked): (&Site, &BTreeSet<CloudflareCall>),
    granted: Option<&BTreeSet<String>>,
) -> Vec<Check> {
    let needs = needs(config, site, asked);
    needs.iter().map(|(permission, need)| judge(client, (permission, need), granted)).collect()
}

/// What is needed, by the permission's name.
fn needs(
    config: &CloudflareConfig,
    site: &Site,
    asked: &BTreeSet<CloudflareCall>,
) -> BTreeMap<&'static str, Need> {
    let mut needs: BTreeMap<&'static str, Need> = BTreeMap::new();
    let mut add = |area: Area, of_account: bool, by: String, zones: &[(String, String)]| {
        let Some(permission) = area.permission(true, of_account) else { return };
        let none = || Need { area, by: BTreeSet::new(), zones: BTreeSet::new() };
        let need = needs.entry(permission).or_insert_with(none);
        need.by.insert(by);
        need.zones.extend(zones.iter().cloned());
    };
    // That these may be read is looked at with the lists and the rules themselves.
    add(Area::Lists, true, "blocks go into a list".to_owned(), &[]);
    add(Area::Rulesets, false, "a custom rule of each zone blocks the list".to_owned(), &[]);
    if config.access_rules_max > 0 {
        for scope in &site.scopes {
            let of_account = matches!(scope, Scope::Account(_));
            add(Area::AccessRules, of_account, "`access_rules_max` is above 0".to_owned(), &[]);
        }
    }
    for call in asked {
        let known = FUNCTIONS.iter().find(|(name, ..)| *name == call.function);
        let Some((_, area, is_change)) = known else { continue };
        let zones: Vec<(String, String)> =
            site.zones.iter().filter(|(zone, _)| is_about(call, zone)).cloned().collect();
        // Another entry of the config has the zone, or changes it.
        if zones.is_empty() || (*is_change && !config.changes) {
            continue;
        }
        add(*area, false, format!("rules call `cf::{}`", call.function), &zones);
    }
    needs
}

/// Whether a call may be about this zone.
fn is_about(call: &CloudflareCall, zone: &str) -> bool {
    call.about.as_deref().is_none_or(|about| {
        let about = about.trim_end_matches('.').to_ascii_lowercase();
        about.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// A call that reads of what the permission is about; `None` where nothing can be read.
fn reading(area: Area, zone: &str) -> Option<Call> {
    Some(match area {
        Area::Settings => settings::one(zone, "security_level"),
        Area::Bots => bots::read(zone),
        Area::Rulesets => rulesets::entry_point(zone, rulesets::RATE_LIMIT),
        Area::CacheRules => rulesets::entry_point(zone, rulesets::CACHE),
        Area::Dns => dns::some(zone),
        Area::Workers => workers::routes(zone),
        _ => return None,
    })
}

fn judge(
    client: &Client,
    (permission, need): (&str, &Need),
    granted: Option<&BTreeSet<String>>,
) -> Check {
    let what = format!("permission `{permission}`");
    let by = need.by.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let lacking = |found: &str| {
        Check::ill(
            &what,
            &format!(
                "{found}: {by}\nhint: add `{permission}` to the token at https://dash.cloudflare.com/profile/api-tokens, for all zones that it is to work in; it takes effect at once"
            ),
        )
    };
    if granted.is_some_and(|granted| !granted.contains(&plain(permission))) {
        return lacking("the token lacks it");
    }
    let mut is_tried = false;
    for (name, id) in need.zones.iter().take(ZONES_TRIED_MAX) {
        let Some(call) = reading(need.area, id) else { break };
        is_tried = true;
        match client.send(&call) {
            Ok(_) => {}
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::NotOnThisPlan) => {}
            Err(error) if error.kind == ErrorKind::Forbidden => {
                return lacking(&format!("the token lacks it for `{name}`"));
            }
            Err(error) => return Check::of(&what, &error),
        }
    }
    Check::well(
        &what,
        match (granted, is_tried) {
            (Some(_), _) => format!("the token has it: {by}"),
            (None, true) => {
                format!(
                    "reading works, and a token that may change it can't be told from one that may only read, unless it has `API Tokens Read`: {by}"
                )
            }
            (None, false) => {
                format!(
                    "needed, and can't be looked at unless the token has `API Tokens Read`: {by}"
                )
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: &str, about: Option<&str>) -> CloudflareCall {
        CloudflareCall { function: function.to_owned(), about: about.map(str::to_owned) }
    }

    #[test]
    fn a_call_is_about_the_zone_that_its_name_lies_in() {
        let about = |name, zone| is_about(&call("dns_set", Some(name)), zone);
        assert!(about("www.Example.com.", "example.com") && about("example.com", "example.com"));
        assert!(!about("www.badexample.com", "example.com"));
        assert!(is_about(&call("purge", None), "example.com"), "who knows");
    }

    #[test]
    fn every_permission_is_on_the_page() {
        let page = include_str!("../../../docs/cloudflare.md");
        let areas = FUNCTIONS.iter().map(|(_, area, _)| area.permission(true, false));
        let own = [Area::Lists.permission(true, true), Area::AccessRules.permission(true, true)];
        for permission in areas.chain(own).flatten() {
            assert!(page.contains(&format!("| `{permission}` |")), "{permission}");
        }
        for (function, ..) in FUNCTIONS {
            assert!(page.contains(&format!("`cf::{function}`")), "{function}");
        }
    }
}
