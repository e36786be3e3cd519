//! Where we block: the account, its list, and in each zone the custom rule that refers to the list.
//! Found, and made where it isn't there.

use super::mark::{self, OURS};
use super::plan::{Held, Present, text};
use crate::actions::config::CloudflareConfig;
use crate::clock::Timestamp;
use crate::cloudflare::access_rules::{self, AccessRule, Scope};
use crate::cloudflare::lists::{self, Item, List};
use crate::cloudflare::rulesets::{self, Rule, Ruleset};
use crate::cloudflare::zones::{self, Zone};
use crate::cloudflare::{ApiError, Client, ErrorKind, Priority};
use crate::event::net::parse_net;
use crate::limits::{CLOUDFLARE_ITEMS_PER_PAGE, CLOUDFLARE_ZONES_MAX};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Access rules a page.
const RULES_PER_PAGE: usize = 100;

/// Why there is no site.
#[derive(Debug)]
pub(super) enum SiteError {
    /// The API said no, or nothing.
    Api(ApiError),
    /// The config and what is there don't fit together; the text has the mend.
    Config(String),
}

impl From<ApiError> for SiteError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// Where we block.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) account: String,
    /// Names and ids.
    pub(super) zones: Vec<(String, String)>,
    /// The list, where there is one.
    pub(super) list: Option<String>,
    /// It was made by riposte.
    list_is_ours: bool,
    /// Why there can be no list or rule; blocks then go to access rules.
    pub(super) no_list: Option<String>,
    /// Where access rules are made.
    pub(super) scopes: Vec<Scope>,
}

/// Finds account and zones; changes nothing.
pub(super) fn find(client: &Client, config: &CloudflareConfig) -> Result<Site, SiteError> {
    let mut zones = Vec::new();
    for name in &config.zones {
        let Some(zone) = zones::find(client, name)? else {
            return Err(SiteError::Config(format!(
                "the token sees no zone `{name}`\nhint: `riposte cf zones` lists those that it sees; it needs `Zone Read` for this one"
            )));
        };
        zones.push(zone);
    }
    if config.zones.is_empty() {
        zones = zones::all(client)?;
        zones.retain(|zone| {
            zone.status == "active"
                && config.account.as_ref().is_none_or(|account| *account == zone.account.id)
        });
    }
    let account = match (&config.account, zones.first()) {
        (Some(account), _) => account.clone(),
        (None, Some(zone)) => zone.account.id.clone(),
        (None, None) => {
            return Err(SiteError::Config(
                "the token sees no active zone\nhint: it needs `Zone Read`; or name `account` and `zones`"
                    .to_owned(),
            ));
        }
    };
    if let Some(other) = zones.iter().find(|zone| zone.account.id != account) {
        return Err(SiteError::Config(format!(
            "the zone `{}` belongs to another account than the first\nhint: one `[[actions.cloudflare]]` an account, each with its `account`",
            other.name
        )));
    }
    if zones.len() > CLOUDFLARE_ZONES_MAX {
        return Err(SiteError::Config(format!(
            "the token sees {} zones, more than the {CLOUDFLARE_ZONES_MAX} that one enforcer blocks in\nhint: name those that this machine serves in `zones`",
            zones.len()
        )));
    }
    let scopes = if config.zones.is_empty() {
        vec![Scope::Account(account.clone())]
    } else {
        zones.iter().map(|zone| Scope::Zone(zone.id.clone())).collect()
    };
    let list = lists_of(client, &account)?.into_iter().find(|list| list.name == config.list);
    let list = match list {
        Some(list) if list.kind != "ip" => {
            return Err(SiteError::Config(format!(
                "the list `{}` is one of another kind (`{}`)\nhint: choose another `list`",
                config.list, list.kind
            )));
        }
        list => list,
    };
    Ok(Site {
        account,
        zones: zones.into_iter().map(|Zone { name, id, .. }| (name, id)).collect(),
        list_is_ours: list.as_ref().is_some_and(|list| list.description.starts_with(OURS)),
        list: list.map(|list| list.id),
        no_list: None,
        scopes,
    })
}

/// A token that may not read lists says so here already.
fn lists_of(client: &Client, account: &str) -> Result<Vec<List>, ApiError> {
    client.send(&lists::all(account).priority(Priority::Ordinary))?.read()
}

/// The reference of our rule: by it we find it again.
fn reference(config: &CloudflareConfig) -> String {
    format!("riposte_block_{}", config.list)
}

/// What the rule matches.
fn expression(config: &CloudflareConfig) -> String {
    format!("(ip.src in ${})", config.list)
}

/// Makes the list and the rules where they aren't there, and puts right rules of ours that somebody
/// changed. That the plan has none, or no room, is told in the site.
pub(super) fn make(
    client: &Client,
    config: &CloudflareConfig,
    site: &mut Site,
) -> Result<(), ApiError> {
    if site.list.is_none() {
        let description = format!("{OURS}{} addresses that riposte blocks", config.list);
        let call = lists::create(&site.account, &config.list, &description);
        match client
            .send(&call.priority(Priority::Urgent))
            .and_then(crate::cloudflare::Answer::read)
        {
            Ok(List { id, .. }) => (site.list, site.list_is_ours) = (Some(id), true),
            Err(error) if error.kind == ErrorKind::NotOnThisPlan => {
                site.no_list = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    for (name, zone) in site.zones.clone() {
        match make_rule(client, config, &zone) {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::NotOnThisPlan => {
                site.no_list = Some(format!("zone `{name}`: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn make_rule(client: &Client, config: &CloudflareConfig, zone: &str) -> Result<(), ApiError> {
    let (reference, expression) = (reference(config), expression(config));
    let description = "riposte: addresses that it blocks";
    let wanted = rulesets::rule(&reference, "block", &expression, description);
    let Some(ruleset) = entry_point(client, zone)? else {
        let call = rulesets::create_entry_point(zone, rulesets::CUSTOM, &wanted);
        client.send(&call.priority(Priority::Urgent))?;
        return Ok(());
    };
    let is_right = |rule: &Rule| {
        rule.action == "block" && rule.expression == expression && rule.enabled != Some(false)
    };
    let call = match ruleset.rules.iter().find(|rule| rule.reference == reference) {
        Some(rule) if is_right(rule) => return Ok(()),
        Some(rule) => {
            tracing::warn!(zone, "our custom rule was changed, and is put right");
            rulesets::change_rule(zone, &ruleset.id, &rule.id, &wanted)
        }
        None => rulesets::add_rule(zone, &ruleset.id, &wanted),
    };
    client.send(&call.priority(Priority::Urgent)).map(|_| ())
}

fn entry_point(client: &Client, zone: &str) -> Result<Option<Ruleset>, ApiError> {
    match client.send(&rulesets::entry_point(zone, rulesets::CUSTOM)) {
        Ok(answer) => answer.read().map(Some),
        // Only this means that there are no rules; anything else must stop us.
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes our rule from every zone: at once nobody is blocked by the list any more.
pub(super) fn remove_rules(
    client: &Client,
    config: &CloudflareConfig,
    site: &Site,
) -> Result<(), ApiError> {
    for (_, zone) in &site.zones {
        let Some(ruleset) = entry_point(client, zone)? else { continue };
        let reference = reference(config);
        for rule in ruleset.rules.iter().filter(|rule| rule.reference == reference) {
            let call = rulesets::delete_rule(zone, &ruleset.id, &rule.id);
            client.send(&call.priority(Priority::Urgent))?;
        }
    }
    Ok(())
}

/// Removes the list, when riposte made it and nothing is left in it.
pub(super) fn remove_list(client: &Client, site: &Site) -> Result<(), ApiError> {
    match &site.list {
        Some(list) if site.list_is_ours => {
            client.send(&lists::delete(&site.account, list).priority(Priority::Urgent)).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// The access rules that carry our mark, with scope and id of each.
pub(super) type RuleIds = BTreeMap<IpNet, Vec<(Scope, String)>>;

/// Reads back what we hold there, and what others do.
pub(super) fn read(
    client: &Client,
    site: &Site,
    owner: &str,
    now: Timestamp,
) -> Result<(Present, RuleIds), ApiError> {
    let mut present = Present::default();
    if let Some(list) = &site.list {
        let call = lists::items(&site.account, list);
        let items: Vec<Item> = client.by_cursor(&call, CLOUDFLARE_ITEMS_PER_PAGE)?;
        for Item { id, ip, comment } in items {
            let Some(net) = parse_net(&ip) else { continue };
            match comment.as_deref().and_then(mark::read) {
                Some(note) if note.owner == owner => {
                    present.items.insert(net, Held { id: Some(id), note });
                }
                Some(note) if note.is_orphan(now) => present.orphans.push(id),
                _ => {
                    present.foreign.insert(net);
                }
            }
        }
    }
    let rules = read_rules(client, site, owner)?;
    present.rules = rules.keys().copied().collect();
    Ok((present, rules))
}

fn read_rules(client: &Client, site: &Site, owner: &str) -> Result<RuleIds, ApiError> {
    let mut rules = RuleIds::new();
    for scope in &site.scopes {
        let call = access_rules::noted(scope, &format!("{OURS}{owner}"));
        let found: Vec<AccessRule> = match client.numbered(&call, RULES_PER_PAGE) {
            Ok(found) => found,
            // They are a way out only; without the permission there is none, and nothing of ours.
            Err(error) if error.kind == ErrorKind::Forbidden => {
                tracing::debug!(%error, "access rules can't be read");
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        for rule in found {
            // The filter is Cloudflare's word; ours is the mark.
            let ours = rule.notes.as_deref().and_then(mark::read);
            let net = parse_net(&rule.configuration.value);
            if let (true, Some(net)) = (ours.is_some_and(|note| note.owner == owner), net) {
                rules.entry(net).or_default().push((scope.clone(), rule.id));
            }
        }
    }
    Ok(rules)
}

/// The items of other lists of the account, which share its limit.
pub(super) fn items_elsewhere(client: &Client, site: &Site) -> Result<usize, ApiError> {
    let lists = lists_of(client, &site.account)?;
    let others = lists.iter().filter(|list| Some(&list.id) != site.list.as_ref());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count, which the API gives as a number with a point"
    )]
    let counts = others.map(|list| list.num_items.clamp(0.0, 1e9) as usize);
    Ok(counts.sum())
}

/// An item to be added.
pub(super) fn item(net: &IpNet, comment: String) -> lists::NewItem {
    lists::NewItem { ip: text(net), comment }
}
