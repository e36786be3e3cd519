//! Carries a plan out: one call a setting, one for bot management, one for each phase of rules.
//!
//! Before each call what is there is read once more: if a person changed it since the plan was
//! shown, nothing of it is written. After a reply that was lost it is read again, and the same
//! comparison that made the plan says whether the change was made.

use super::file::ZoneFile;
use super::plan::{self, PhasePlan, What};
use super::present::{self, ZonePlan};
use crate::cli::Usage;
use crate::cli::cf::told;
use crate::cloudflare::rulesets::{self, Ruleset};
use crate::cloudflare::settings::{self, Setting};
use crate::cloudflare::zones::Zone;
use crate::cloudflare::{Answer, ApiError, Call, Client, bots};

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The parts that were written, in words.
    pub written: Vec<String>,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

/// How a call that changes something ended.
enum Sent {
    /// It was made, and the reply says what is there now.
    Made(Answer),
    /// Whether it was made has to be read.
    Unknown(ApiError),
}

fn send(client: &Client, call: &Call) -> anyhow::Result<Sent> {
    match client.send(call) {
        Ok(answer) => Ok(Sent::Made(answer)),
        Err(error) if error.may_have_happened() => Ok(Sent::Unknown(error)),
        Err(error) => Err(told(&error)),
    }
}

fn meanwhile(what: &str) -> anyhow::Error {
    Usage::of(format!(
        "{what} was changed by somebody since the plan was made; nothing of it was written\nhint: run it again to see the new plan"
    ))
}

/// Carries out all of a plan; stops at the first thing that fails. What was done before stands in
/// `done`.
pub fn all(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    made: &ZonePlan,
    adopt: bool,
    done: &mut Done,
) -> anyhow::Result<()> {
    for change in made.changes.iter().filter(|change| change.part == "settings") {
        let read = || -> anyhow::Result<Setting> {
            let call = settings::one(&zone.id, &change.name);
            client.send(&call).and_then(Answer::read).map_err(|error| told(&error))
        };
        let what = format!("the setting `{}`", change.name);
        if !settings::same(&read()?.value, &change.from) {
            return Err(meanwhile(&what));
        }
        let call = settings::change(&zone.id, &change.name, &change.to);
        if let Sent::Unknown(error) = send(client, &call)?
            && !settings::same(&read()?.value, &change.to)
        {
            return Err(told(&error));
        }
        done.written.push(what);
    }
    write_bots(client, zone, file, made, done)?;
    write_records(client, zone, file, made, adopt, done)?;
    write_routes(client, zone, file, made, adopt, done)?;
    for phase in made.phases.iter().filter(|phase| phase.differs()) {
        write_phase(client, zone, file, phase, adopt, done)?;
    }
    Ok(())
}

fn write_bots(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    made: &ZonePlan,
    done: &mut Done,
) -> anyhow::Result<()> {
    if !made.changes.iter().any(|change| change.part == "bots") {
        return Ok(());
    }
    let read = || -> anyhow::Result<bots::Switches> {
        client.send(&bots::read(&zone.id)).and_then(Answer::read).map_err(|error| told(&error))
    };
    let present = read()?;
    if present != made.bots {
        return Err(meanwhile("bot management"));
    }
    if let Sent::Unknown(error) = send(client, &bots::change(&zone.id, &present, &file.bots))? {
        let now = read()?;
        if !file.bots.iter().all(|(name, wanted)| now.get(name) == Some(wanted)) {
            return Err(told(&error));
        }
    }
    done.written.push("bot management".to_owned());
    Ok(())
}

fn write_records(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    made: &ZonePlan,
    adopt: bool,
    done: &mut Done,
) -> anyhow::Result<()> {
    if made.dns.batch.is_empty() {
        return Ok(());
    }
    let read = || present::records(client, zone, file, adopt).map_err(|error| told(&error));
    let now = read()?;
    if now.seen != made.dns.seen || now.batch != made.dns.batch {
        return Err(meanwhile("one of the zone's records"));
    }
    let call = crate::cloudflare::dns::batch(&zone.id, &made.dns.batch);
    if let Sent::Unknown(error) = send(client, &call)?
        && !read()?.batch.is_empty()
    {
        return Err(told(&error));
    }
    done.written.push(crate::event::text::count(made.dns.batch.len(), "record"));
    Ok(())
}

fn write_routes(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    made: &ZonePlan,
    adopt: bool,
    done: &mut Done,
) -> anyhow::Result<()> {
    if made.routes.calls.is_empty() {
        return Ok(());
    }
    let read = || present::routes(client, zone, file, adopt).map_err(|error| told(&error));
    if read()? != made.routes {
        return Err(meanwhile("one of the zone's Worker routes"));
    }
    let mut written = 0;
    for call in &made.routes.calls {
        let sent = send(client, call);
        let open = match sent {
            Ok(Sent::Made(_)) => None,
            // What is still to be done was not done.
            Ok(Sent::Unknown(error)) => read()?.calls.contains(call).then(|| told(&error)),
            Err(error) => Some(error),
        };
        if let Some(error) = open {
            if written > 0 {
                done.written.push(crate::event::text::count(written, "route"));
            }
            return Err(error);
        }
        written += 1;
    }
    done.written.push(crate::event::text::count(written, "route"));
    Ok(())
}

fn write_phase(
    client: &Client,
    zone: &Zone,
    file: &ZoneFile,
    planned: &PhasePlan,
    adopt: bool,
    done: &mut Done,
) -> anyhow::Result<()> {
    let read = || rulesets::read(client, &zone.id, planned.phase).map_err(|error| told(&error));
    let present = read()?;
    let now = present.as_ref().map(|set| (set.id.clone(), set.version.clone()));
    let Some((_, part, wanted)) =
        file.sections().into_iter().find(|(phase, ..)| *phase == planned.phase)
    else {
        return Ok(());
    };
    if now != planned.before {
        return Err(meanwhile(&format!("`{part}`")));
    }
    let call = match &planned.before {
        Some((id, _)) => rulesets::replace(&zone.id, planned.phase, id, &planned.rules),
        None => rulesets::create(&zone.id, planned.phase, &planned.rules),
    };
    let after = match send(client, &call)? {
        Sent::Made(answer) => answer.read::<Ruleset>().ok(),
        Sent::Unknown(_) => None,
    };
    // A reply that was lost, or can't be read, says nothing of what is there now.
    let confirmed = after.is_some();
    let after = if confirmed { after } else { read()? };
    let again = plan::phase((planned.phase, part), after.as_ref(), &wanted, file.mark(), adopt);
    if again.differs() {
        return Err(Usage::of(format!(
            "could not confirm the change of `{part}`: Cloudflare shows other rules than were sent\nhint: run it again to see what differs"
        )));
    }
    if steps(planned, after.as_ref()).is_some_and(|steps| steps > 1) {
        done.warnings.push(format!(
            "`{part}` was changed by somebody in the moment it was written, and what they did may be lost; the ruleset's versions at Cloudflare show it"
        ));
    }
    let changes = planned.changes.iter().filter(|change| change.what != What::Foreign).count();
    done.written.push(format!("{} of `{part}`", crate::event::text::count(changes, "change")));
    Ok(())
}

/// How many changes there were between the plan and now, as far as versions tell.
fn steps(planned: &PhasePlan, after: Option<&Ruleset>) -> Option<u64> {
    let before: u64 = match &planned.before {
        Some((_, version)) => version.parse().ok()?,
        None => return None,
    };
    after?.version.parse::<u64>().ok()?.checked_sub(before)
}
