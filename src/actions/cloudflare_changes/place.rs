//! How each kind of place is read and written. A place's value is JSON that can be compared, and
//! written back as it was read; nothing is `null`.

mod bots;
mod pools;
mod routes;
mod rules;
mod tightened;

use super::records;
use crate::cloudflare::bots::Switches;
use crate::cloudflare::plans::Level;
use crate::cloudflare::pools::Pool;
use crate::cloudflare::rulesets::Ruleset;
use crate::cloudflare::settings::{self, Setting};
use crate::cloudflare::workers::Route;
use crate::cloudflare::{ApiError, Call, Client, Priority};
use crate::decisions::{ChangeKind, ChangePlace};
use serde_json::Value as Json;

/// Where a place is.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// The zone's id.
    pub(super) zone: String,
    /// The id of the account that has it.
    pub(super) account: String,
    /// Its plan, where it is known.
    pub(super) level: Option<Level>,
    /// Stands in the references of what we make there.
    pub(super) mark: String,
}

/// What is there, and what has to be known to write over it.
#[derive(Debug, Clone)]
pub(super) struct Present {
    /// Its value.
    pub(super) value: Json,
    around: Around,
}

#[derive(Debug, Clone)]
enum Around {
    Nothing,
    /// The phase that a rule stands in.
    Phase(Option<Ruleset>),
    /// All switches.
    Switches(Switches),
    /// The route of a pattern.
    Route(Option<Route>),
    /// The pool, or the one that an origin is in.
    Pool(Pool),
}

impl Present {
    /// Of a place that nobody has looked at, for a dry run.
    pub(super) fn unknown() -> Self {
        Self { value: Json::Null, around: Around::Nothing }
    }
}

/// What is there.
pub(super) fn read(client: &Client, site: &Site, place: &ChangePlace) -> Result<Present, ApiError> {
    match place.kind {
        ChangeKind::Setting => {
            let call = settings::one(&site.zone, &place.name).priority(Priority::Urgent);
            let setting: Setting = client.send(&call)?.read()?;
            Ok(Present { value: setting.value, around: Around::Nothing })
        }
        ChangeKind::Bots => bots::read(client, site, place),
        ChangeKind::Records => {
            let value = records::read(client, &site.zone, &place.name)?;
            Ok(Present { value, around: Around::Nothing })
        }
        ChangeKind::WorkerRoute => routes::read(client, site, place),
        ChangeKind::Pool => pools::read(client, site, place),
        _ => rules::read(client, site, place),
    }
}

/// What a claim's value comes to, from what was there before; `Err` says why it can't be.
pub(super) fn target(
    site: &Site,
    place: &ChangePlace,
    before: &Json,
    value: &Json,
) -> Result<Json, String> {
    match place.kind {
        ChangeKind::Setting | ChangeKind::Bots | ChangeKind::WorkerRoute => Ok(value.clone()),
        ChangeKind::Pool => pools::target(place, before, value),
        ChangeKind::Records if before.as_array().is_some_and(Vec::is_empty) => Err(format!(
            "`{}` has no A, AAAA or CNAME record that could lead elsewhere",
            place.name
        )),
        ChangeKind::Records => Ok(records::target(before, value)),
        _ => rules::target(site, place, before, value),
    }
}

/// Whether two values do the same: what the server adds by itself is no difference.
pub(super) fn same(place: &ChangePlace, one: &Json, other: &Json) -> bool {
    match place.kind {
        ChangeKind::Setting | ChangeKind::Bots => settings::same(one, other),
        ChangeKind::Records | ChangeKind::WorkerRoute | ChangeKind::Pool => one == other,
        _ => rules::same(one, other),
    }
}

/// Whether whatever is found at such a place is what we made: where nothing was before, the rule
/// that runs a managed ruleset is ours too.
pub(super) fn is_ours(kind: ChangeKind, before: &Json) -> bool {
    match kind {
        ChangeKind::RateLimit | ChangeKind::WafRule | ChangeKind::CacheTtl => true,
        ChangeKind::Managed => before.is_null(),
        _ => false,
    }
}

/// Whether two places of a zone are one thing under two names, as far as what is there tells.
pub(super) fn is_one(place: &ChangePlace, present: &Present, other: &ChangePlace) -> bool {
    if place.kind == ChangeKind::Pool {
        // Pools are the account's, whichever of its zones a rule names.
        return other.kind == place.kind && other.name == place.name && other.zone != place.zone;
    }
    let differ = place.zone == other.zone && place.kind == other.kind && place.name != other.name;
    differ && rules::is_one(place, present, &other.name)
}

/// Writes a value over what is there; gives what is there then, as far as the reply tells.
pub(super) fn write(
    client: &Client,
    site: &Site,
    place: &ChangePlace,
    present: &Present,
    value: &Json,
) -> Result<Option<Json>, ApiError> {
    if place.kind == ChangeKind::Records {
        return records::write(client, &site.zone, &place.name, (&present.value, value));
    }
    let Some(call) = call(site, place, present, value) else { return Ok(None) };
    let answer = client.send(&call)?;
    match place.kind {
        ChangeKind::Setting => Ok(answer.read::<Setting>().ok().map(|setting| setting.value)),
        ChangeKind::Bots => Ok(bots::reply(place, answer.read().ok())),
        ChangeKind::WorkerRoute => Ok(routes::reply(value, answer.read().ok().as_ref())),
        ChangeKind::Pool => Ok(pools::reply(place, answer.read().ok())),
        _ => Ok(rules::reply(site, place, answer.read().ok())),
    }
}

/// The call that writes a value over what is there; `None` where there is nothing to be done.
pub(super) fn call(
    site: &Site,
    place: &ChangePlace,
    present: &Present,
    value: &Json,
) -> Option<Call> {
    let call = match place.kind {
        ChangeKind::Setting => Some(settings::change(&site.zone, &place.name, value)),
        ChangeKind::Bots => Some(bots::call(site, place, present, value)),
        ChangeKind::Records => Some(records::call(&site.zone, &place.name, &present.value, value)),
        ChangeKind::WorkerRoute => routes::call(site, place, present, value),
        ChangeKind::Pool => pools::call(site, place, present, value),
        _ => rules::call(site, place, present, value),
    };
    call.map(|call| call.priority(Priority::Urgent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::zone_settings::{Takes, ZONE_SETTINGS};
    use serde_json::json;

    #[test]
    fn what_may_be_set_for_a_while_is_what_the_client_knows() {
        for setting in ZONE_SETTINGS {
            let values: Vec<Json> = match setting.takes {
                Takes::OneOf(values) => values.iter().map(|value| json!(value)).collect(),
                Takes::NumberOf(values) => values.iter().map(|value| json!(value)).collect(),
                Takes::Number(least, most) => vec![json!(least), json!(most)],
            };
            for value in values {
                assert_eq!(settings::check(setting.id, &value), Ok(()), "{}", setting.id);
            }
        }
    }
}
