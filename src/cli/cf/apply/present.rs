//! Reads what is there, as far as the file is about it, and makes the plan of it.

use super::dns::{self, DnsPlan};
use super::file::{self, ZoneFile};
use super::plan::{self, Change, PhasePlan, What};
use super::routes::{self, RoutesPlan};
use crate::cli::cf::told;
use crate::cloudflare::plans::Level;
use crate::cloudflare::rulesets::{self, Ruleset};
use crate::cloudflare::settings::{self, Setting};
use crate::cloudflare::zones::Zone;
use crate::cloudflare::{Answer, ApiError, Client, ErrorKind, bots, workers};
use serde_json::Value;

/// All that would change in a zone.
#[derive(Debug, Clone, Default)]
pub struct ZonePlan {
    /// Settings and switches of bot management.
    pub changes: Vec<Change>,
    /// The switches as they are, where the file names some.
    pub bots: bots::Switches,
    /// DNS records.
    pub dns: DnsPlan,
    /// Worker routes.
    pub routes: RoutesPlan,
    /// The phases of rules.
    pub phases: Vec<PhasePlan>,
    /// What stands in the way of all of it.
    pub faults: Vec<String>,
    /// What was not looked at, and why.
    pub notes: Vec<String>,
}

impl ZonePlan {
    /// All lines, in the order of the file's reference.
    pub fn all(&self) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .chain(&self.dns.changes)
            .chain(&self.routes.changes)
            .chain(self.phases.iter().flat_map(|phase| &phase.changes))
    }

    /// Whether the zone is not as the file has it.
    pub fn differs(&self) -> bool {
        self.all().next().is_some()
    }

    /// Whether something of others is in the way.
    pub fn is_blocked(&self) -> bool {
        self.all().any(|change| change.what == What::Foreign)
    }
}

/// Compares a zone with the file.
pub fn plan(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    adopt: bool,
) -> anyhow::Result<ZonePlan> {
    let level = Level::of(zone);
    let mut made = ZonePlan { faults: file.faults(level), ..ZonePlan::default() };
    if !made.faults.is_empty() {
        return Ok(made);
    }
    plan_settings(client, zone, file, &mut made)?;
    plan_bots(client, zone, file, &mut made)?;
    plan_records(client, zone, file, adopt, &mut made)?;
    // Nothing of routes is ours unless it is named, so a file without any needs no permission.
    if !file.worker_routes.is_empty() {
        made.routes = routes(client, zone, file, adopt).map_err(|error| told(&error))?;
    }
    for (phase, part, wanted) in file.sections() {
        let present = match rulesets::read(client, &zone.id, phase) {
            Ok(present) => present,
            // Whoever never had such rules needs no permission for them.
            Err(error) if error.kind == ErrorKind::Forbidden && wanted.is_empty() => {
                let needs = error.permission.unwrap_or("a permission");
                made.notes.push(format!("`{part}` was not looked at: the token lacks `{needs}`"));
                continue;
            }
            Err(error) => return Err(told(&error)),
        };
        let planned = plan::phase((phase, part), present.as_ref(), &wanted, file.mark(), adopt);
        made.faults.extend(no_room(&planned, part, level, present.as_ref()));
        made.phases.push(planned);
    }
    Ok(made)
}

fn no_room(
    planned: &PhasePlan,
    part: &str,
    level: Option<Level>,
    present: Option<&Ruleset>,
) -> Option<String> {
    let (level, most) = (level?, file::room(planned.phase, level)?);
    let (then, now) = (planned.rules.len(), present.map_or(0, |present| present.rules.len()));
    // A zone that holds more than we know of may keep them.
    (then > most && then > now).then(|| {
        format!(
            "`{part}` would hold {then} rules, more than the {most} of the plan `{}`\nhint: {now} are there now",
            level.name()
        )
    })
}

/// Compares a zone's records with the file's.
pub fn records(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    adopt: bool,
) -> Result<DnsPlan, ApiError> {
    let present = crate::cloudflare::dns::all(client, &zone.id)?;
    Ok(dns::plan(&zone.name, &present, &file.dns, file.mark(), adopt, Level::of(zone)))
}

/// Compares a zone's Worker routes with the file's.
pub fn routes(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    adopt: bool,
) -> Result<RoutesPlan, ApiError> {
    let present: Vec<workers::Route> = client.send(&workers::routes(&zone.id))?.read()?;
    Ok(routes::plan(&zone.id, &present, &file.worker_routes, adopt))
}

fn plan_records(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    adopt: bool,
    made: &mut ZonePlan,
) -> anyhow::Result<()> {
    match records(client, zone, file, adopt) {
        Ok(planned) => made.dns = planned,
        Err(error) if error.kind == ErrorKind::Forbidden && file.dns.is_empty() => {
            made.notes.push("`dns` was not looked at: the token lacks `DNS Read`".to_owned());
        }
        Err(error) => return Err(told(&error)),
    }
    made.faults.append(&mut made.dns.faults);
    Ok(())
}

fn plan_settings(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    made: &mut ZonePlan,
) -> anyhow::Result<()> {
    for (id, wanted) in &file.settings {
        let call = settings::one(&zone.id, id);
        let present: Setting =
            client.send(&call).and_then(Answer::read).map_err(|error| told(&error))?;
        if settings::same(&present.value, wanted) {
            continue;
        }
        if !present.is_editable() {
            made.faults.push(format!("the zone's plan doesn't let `{id}` be changed"));
        }
        made.changes.push(Change {
            part: "settings",
            what: What::Change,
            name: id.clone(),
            from: present.value,
            to: wanted.clone(),
        });
    }
    Ok(())
}

fn plan_bots(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    made: &mut ZonePlan,
) -> anyhow::Result<()> {
    if file.bots.is_empty() {
        return Ok(());
    }
    let call = bots::read(&zone.id);
    made.bots = client.send(&call).and_then(Answer::read).map_err(|error| told(&error))?;
    for (name, wanted) in &file.bots {
        let from = made.bots.get(name).cloned().unwrap_or(Value::Null);
        if from != *wanted {
            made.changes.push(Change {
                part: "bots",
                what: What::Change,
                name: name.clone(),
                from,
                to: wanted.clone(),
            });
        }
    }
    Ok(())
}
