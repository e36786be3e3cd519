//! Where we block and challenge: the account, its lists, and in each zone the custom rules that refer
//! to them. Found, and made where they aren't there.

use super::mark::OURS;
use super::measure::{Each, Measure};
use super::plan::text;
use crate::actions::config::CloudflareConfig;
use crate::cloudflare::access_rules::Scope;
use crate::cloudflare::lists::{self, List};
use crate::cloudflare::rulesets::{self, Rule};
use crate::cloudflare::zones::{self, Zone};
use crate::cloudflare::{ApiError, Client, ErrorKind, Priority};
use crate::limits::CLOUDFLARE_ZONES_MAX;
use ipnet::IpNet;

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

/// Where we block and challenge.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) account: String,
    /// Names and ids.
    pub(super) zones: Vec<(String, String)>,
    /// The lists, where there are any.
    pub(super) lists: Each<Option<ListThere>>,
    /// Lists and rules were looked after.
    pub(super) made: Each<bool>,
    /// Why there can be no list or rule; all then goes to access rules.
    pub(super) missing: Each<Option<String>>,
    /// Items of other lists of the account, which share its limit.
    pub(super) elsewhere: usize,
    /// Where access rules are made.
    pub(super) scopes: Vec<Scope>,
}

/// A list that is there.
#[derive(Debug, Clone)]
pub(super) struct ListThere {
    pub(super) id: String,
    /// It was made by riposte.
    is_ours: bool,
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
    let mut site = Site {
        account,
        zones: zones.into_iter().map(|Zone { name, id, .. }| (name, id)).collect(),
        lists: Each::default(),
        made: Each::default(),
        missing: Each::default(),
        elsewhere: 0,
        scopes,
    };
    find_lists(client, config, &mut site)?;
    Ok(site)
}

/// Finds our lists, and what the account's others hold.
pub(super) fn find_lists(
    client: &Client,
    config: &CloudflareConfig,
    site: &mut Site,
) -> Result<(), SiteError> {
    let all = lists_of(client, &site.account)?;
    site.elsewhere = 0;
    site.lists = Each::default();
    for list in all {
        let named = |measure: &Measure| list.name == measure.list(config);
        let Some(measure) = Measure::ALL.into_iter().find(named) else {
            site.elsewhere += count(list.num_items);
            continue;
        };
        if list.kind != "ip" {
            return Err(SiteError::Config(format!(
                "the list `{}` is one of another kind (`{}`)\nhint: choose another `list`",
                list.name, list.kind
            )));
        }
        let is_ours = list.description.starts_with(OURS);
        site.lists[measure] = Some(ListThere { id: list.id, is_ours });
    }
    for measure in Measure::ALL {
        // Somebody removed it: it is made again.
        let there = site.lists[measure].is_some() || site.missing[measure].is_some();
        site.made[measure] &= there;
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, which the API gives as a number with a point"
)]
fn count(number: f64) -> usize {
    number.clamp(0.0, 1e9) as usize
}

/// A token that may not read lists says so here already.
fn lists_of(client: &Client, account: &str) -> Result<Vec<List>, ApiError> {
    client.send(&lists::all(account).priority(Priority::Ordinary))?.read()
}

/// Makes a list and its rules where they aren't there, and puts right rules of ours that somebody
/// changed. That the plan has none, or no room, is told in the site.
pub(super) fn make(
    client: &Client,
    config: &CloudflareConfig,
    site: &mut Site,
    measure: Measure,
) -> Result<(), ApiError> {
    site.made[measure] = true;
    if site.lists[measure].is_none() {
        let name = measure.list(config);
        let does = if measure == Measure::Block { "blocks" } else { "challenges" };
        let description = format!("{OURS}{name} addresses that riposte {does}");
        let call = lists::create(&site.account, &name, &description);
        let made = client.send(&call.priority(Priority::Urgent));
        match made.and_then(crate::cloudflare::Answer::read) {
            Ok(List { id, .. }) => {
                site.lists[measure] = Some(ListThere { id, is_ours: true });
            }
            Err(error) if error.kind == ErrorKind::NotOnThisPlan => {
                site.missing[measure] = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    for (name, zone) in site.zones.clone() {
        match make_rule(client, config, &zone, measure) {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::NotOnThisPlan => {
                site.missing[measure] = Some(format!("zone `{name}`: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn make_rule(
    client: &Client,
    config: &CloudflareConfig,
    zone: &str,
    measure: Measure,
) -> Result<(), ApiError> {
    let (reference, expression) = (measure.reference(config), measure.expression(config));
    let description = match measure {
        Measure::Block => "riposte: addresses that it blocks",
        Measure::Challenge => "riposte: addresses that it challenges",
    };
    let wanted = rulesets::rule(&reference, measure.action(), &expression, description);
    let Some(ruleset) = rulesets::read(client, zone, rulesets::CUSTOM)? else {
        let call = rulesets::create_entry_point(zone, rulesets::CUSTOM, &wanted);
        client.send(&call.priority(Priority::Urgent))?;
        return Ok(());
    };
    let is_right = |rule: &Rule| {
        rule.action == measure.action()
            && rule.expression == expression
            && rule.enabled != Some(false)
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

/// Removes the rule of a measure from every zone: at once nobody is met by its list any more.
pub(super) fn remove_rules(
    client: &Client,
    config: &CloudflareConfig,
    site: &Site,
    measure: Measure,
) -> Result<(), ApiError> {
    let reference = measure.reference(config);
    for (_, zone) in &site.zones {
        let Some(ruleset) = rulesets::read(client, zone, rulesets::CUSTOM)? else { continue };
        for rule in ruleset.rules.iter().filter(|rule| rule.reference == reference) {
            let call = rulesets::delete_rule(zone, &ruleset.id, &rule.id);
            client.send(&call.priority(Priority::Urgent))?;
        }
    }
    Ok(())
}

/// Removes a list, when riposte made it and nothing is left in it.
pub(super) fn remove_list(client: &Client, site: &Site, measure: Measure) -> Result<(), ApiError> {
    match &site.lists[measure] {
        Some(list) if list.is_ours => {
            let call = lists::delete(&site.account, &list.id);
            client.send(&call.priority(Priority::Urgent)).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// An item to be added.
pub(super) fn item(net: &IpNet, comment: String) -> lists::NewItem {
    lists::NewItem { ip: text(net), comment }
}
