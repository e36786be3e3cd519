//! Is the token good, and does it see what the config asks for? For `riposte doctor` and
//! `riposte cf verify`. Reads only.

use super::measure::Measure;
use super::needs;
use super::site::{self, SiteError};
use crate::actions::config::CloudflareConfig;
use crate::cloudflare::ranges::{self, Ranges};
use crate::cloudflare::tokens::{self, TokenKind, TokenStatus};
use crate::cloudflare::zones::Zone;
use crate::cloudflare::{ApiError, Area, Client, ErrorKind, access_rules, rulesets, zones};
use crate::decisions::CloudflareCall;
use crate::decisions::proxies::{CLOUDFLARE_RANGES, CLOUDFLARE_RANGES_DATE};
use ipnet::IpNet;
use serde::Serialize;
use std::collections::BTreeSet;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What (`token`, `zones`, `lists`, …).
    pub what: String,
    /// It is as it should be.
    pub well: bool,
    /// What was found.
    pub found: String,
    /// What would mend it.
    pub hint: Option<String>,
}

impl Check {
    pub(super) fn well(what: &str, found: impl Into<String>) -> Self {
        Self { what: what.to_owned(), well: true, found: found.into(), hint: None }
    }

    pub(super) fn ill(what: &str, text: &str) -> Self {
        let (found, hint) = text.split_once("\nhint: ").unwrap_or((text, ""));
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        Self { what: what.to_owned(), well: false, found: found.to_owned(), hint }
    }

    pub(super) fn of(what: &str, error: &ApiError) -> Self {
        Self::ill(what, &error.to_string())
    }
}

/// Looks at everything that an enforcer needs, and what rules ask for; `proxies` are those that the
/// config trusts beside Cloudflare's own.
pub fn verify(
    client: &Client,
    config: &CloudflareConfig,
    proxies: &[IpNet],
    asked: &BTreeSet<CloudflareCall>,
) -> Vec<Check> {
    let mut checks = vec![published(client, proxies)];
    checks.extend(of_entry(client, config, asked));
    checks
}

/// Whether all ranges that Cloudflare's edge has are known: of others clients' addresses would not be
/// believed, and they might be blocked.
fn published(client: &Client, proxies: &[IpNet]) -> Check {
    let published = client.send(&ranges::all()).and_then(crate::cloudflare::Answer::read::<Ranges>);
    let Ranges { ipv4_cidrs, ipv6_cidrs } = match published {
        Ok(published) => published,
        Err(error) => return Check::of("ranges", &error),
    };
    let texts = ipv4_cidrs.iter().chain(&ipv6_cidrs);
    let nets: Vec<IpNet> = texts.filter_map(|text| text.parse().ok()).collect();
    let shipped = CLOUDFLARE_RANGES.iter().filter_map(|text| text.parse().ok());
    let known: Vec<IpNet> = shipped.chain(proxies.iter().copied()).collect();
    if nets.len() < CLOUDFLARE_RANGES.len() / 2 {
        let count = nets.len();
        return Check::ill(
            "ranges",
            &format!("Cloudflare names {count} ranges, too few to be all"),
        );
    }
    let is_new = |net: &&IpNet| !known.iter().any(|wide| wide.contains(*net));
    let new: Vec<String> = nets.iter().filter(is_new).map(ToString::to_string).collect();
    if new.is_empty() {
        return Check::well("ranges", format!("{} of Cloudflare's, all known", nets.len()));
    }
    let found = format!(
        "Cloudflare has ranges that are not known here: {}\nhint: add them to `trusted_proxies` of `[guard]`; this version's list is of {CLOUDFLARE_RANGES_DATE}",
        new.join(", ")
    );
    Check::ill("ranges", &found)
}

fn of_entry(
    client: &Client,
    config: &CloudflareConfig,
    asked: &BTreeSet<CloudflareCall>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let seen = zones::all(client);
    let first = seen.as_ref().ok().and_then(|zones| zones.first());
    let account = config.account.clone().or_else(|| first.map(|zone| zone.account.id.clone()));
    let mut verified = None;
    if client.has_global_key() {
        checks.push(Check::well("token", "none, but a global API key, which may do everything"));
    } else {
        let answer = tokens::verify(client, account.as_deref());
        verified = answer.as_ref().ok().cloned();
        checks.push(token(answer, seen.is_ok()));
    }
    match &seen {
        Ok(zones) => checks.push(Check::well("zones", names(zones))),
        Err(error) => {
            checks.push(Check::of("zones", error));
            return checks;
        }
    }
    let site = match site::find(client, config) {
        Ok(site) => site,
        Err(SiteError::Config(text)) => {
            checks.push(Check::ill("place", &text));
            return checks;
        }
        Err(SiteError::Api(error)) => {
            let what = if error.area == Area::Lists { "lists" } else { "place" };
            checks.push(Check::of(what, &error));
            return checks;
        }
    };
    checks.push(Check::well(
        "lists",
        match &site.lists[Measure::Block] {
            Some(_) => format!("the list `{}` is there", config.list),
            None => format!("may be read; the list `{}` is made with the first block", config.list),
        },
    ));
    for (name, zone) in &site.zones {
        let what = format!("custom rules of {name}");
        match client.send(&rulesets::entry_point(zone, rulesets::CUSTOM)) {
            Ok(_) => checks.push(Check::well(&what, "may be read")),
            Err(error) if rulesets::is_empty(&error) => {
                checks.push(Check::well(&what, "may be read; there are none yet"));
            }
            Err(error) => checks.push(Check::of(&what, &error)),
        }
    }
    if config.access_rules_max > 0 {
        for scope in &site.scopes {
            match client.send(&access_rules::noted(scope, "riposte/").query("per_page", "5")) {
                Ok(_) => checks.push(Check::well("access rules", "may be read")),
                Err(error) => {
                    let mut check = Check::of("access rules", &error);
                    check.hint = Some(format!(
                        "they are the way out when the list is full: give the token `{}`, or set `access_rules_max = 0`",
                        Area::AccessRules
                            .permission(true, matches!(scope, access_rules::Scope::Account(_)))
                            .unwrap_or_default()
                    ));
                    checks.push(check);
                }
            }
        }
    }
    if !client.has_global_key() {
        let granted = needs::granted(client, account.as_deref(), verified.as_ref());
        checks.extend(needs::look(client, config, (&site, asked), granted.as_ref()));
    }
    checks
}

fn names(zones: &[Zone]) -> String {
    let mut names: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).take(10).collect();
    if zones.len() > names.len() {
        names.push("…");
    }
    format!("{} seen: {}", zones.len(), names.join(", "))
}

/// What verifying says; that a token works all the same counts more.
fn token(verified: Result<(TokenKind, TokenStatus), ApiError>, works: bool) -> Check {
    match verified {
        Ok((kind, status)) => {
            let kind = if kind == TokenKind::User { "a user's" } else { "an account's" };
            let ends = status.expires_on.map_or("no end".to_owned(), |at| format!("ends {at}"));
            let found = format!("{kind}, {}, {ends}", status.status);
            if status.status == "active" {
                Check::well("token", found)
            } else {
                Check::ill(
                    "token",
                    &format!(
                        "{found}\nhint: make another at https://dash.cloudflare.com/profile/api-tokens"
                    ),
                )
            }
        }
        Err(error) if works => {
            Check::well("token", format!("works, though it can't be verified ({})", error.message))
        }
        Err(error) => {
            let mut check = Check::of("token", &error);
            if error.kind == ErrorKind::Forbidden {
                check.hint = Some(
                    "is it whole, and not deleted? https://dash.cloudflare.com/profile/api-tokens"
                        .to_owned(),
                );
            }
            check
        }
    }
}
