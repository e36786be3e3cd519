//! `riposte cf zones create|show|check|delete`: a zone is made, made what a file says, and its
//! activation asked for; or shown, or removed.

use super::apply::{self, ApplyArgs};
use super::confirm::agreed;
use super::{Session, lists, show, told};
use crate::cli::output::{Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::billing::Subscription;
use crate::cloudflare::zones::{self, Zone};
use crate::cloudflare::{Answer, ApiError, ErrorKind};
use crate::event::text;
use crate::limits::{CLOUDFLARE_NEW_ZONE_PAUSE_SECS, CLOUDFLARE_NEW_ZONE_TRIES};
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// `riposte cf zones`
#[derive(Debug, Args)]
pub struct ZonesArgs {
    /// What to do with a zone; all of them are shown without
    #[command(subcommand)]
    pub command: Option<ZonesCommand>,
}

/// What can be done with a zone.
#[derive(Debug, Subcommand)]
pub enum ZonesCommand {
    /// Show a zone: status, name servers, plan, subscription
    Show {
        /// The zone's name, or its id
        zone: String,
    },
    /// Make a zone, make it what a file says, and ask for its activation
    Create(CreateArgs),
    /// Ask Cloudflare to look whether the name servers are set
    Check {
        /// The zone's name, or its id
        zone: String,
    },
    /// Remove a zone with all that it holds
    Delete {
        /// The zone's name, or its id
        zone: String,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
}

/// `riposte cf zones create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The domain
    pub name: String,
    /// A file for `riposte cf apply`, applied to the new zone
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub template: Option<PathBuf>,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// Runs one of them.
pub fn zones(session: &Session, args: &ZonesArgs, out: &mut Output) -> anyhow::Result<End> {
    match &args.command {
        None => show::zones(session, out),
        Some(ZonesCommand::Show { zone }) => details(session, zone, out),
        Some(ZonesCommand::Create(args)) => create(session, args, out),
        Some(ZonesCommand::Check { zone }) => {
            let zone = show::zone(session, zone)?;
            check(session, &zone, out)
        }
        Some(ZonesCommand::Delete { zone, yes }) => delete(session, zone, *yes, out),
    }
}

fn details(session: &Session, name: &str, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, name)?;
    let call = zones::subscription(&zone.id);
    let subscription: Option<Subscription> = match session.client.send(&call).and_then(Answer::read)
    {
        Ok(subscription) => Some(subscription),
        // What it costs is only for those who may see it.
        Err(error) if error.kind == ErrorKind::Forbidden => None,
        Err(error) => return Err(told(&error)),
    };
    if session.json {
        out.json(&json!({ "zone": zone, "subscription": subscription }))?;
        return Ok(End::Well);
    }
    let shown = |text: &str| text::escape(text).into_owned();
    out.line(out.styled(Style::Bold, shown(&zone.name)))?;
    out.line(format!("id            {}", shown(&zone.id)))?;
    out.line(format!("status        {}", shown(&zone.status)))?;
    out.line(format!("name servers  {}", shown(&zone.name_servers.join(", "))))?;
    let plan = zone.plan.as_ref().and_then(|plan| plan.legacy_id.as_deref()).unwrap_or("?");
    out.line(format!("plan          {}", shown(plan)))?;
    if let Some(Subscription { price, currency, frequency, state, .. }) = subscription {
        let frequency = frequency.as_deref().unwrap_or("once");
        let line = format!("{price} {currency} {frequency}, {state}");
        out.line(format!("costs         {}", shown(&line)))?;
    }
    Ok(End::Well)
}

/// Calls something that may be refused for no reason right after a zone was made, since Cloudflare's
/// parts don't all know it at once.
fn patiently<T>(what: impl Fn() -> Result<T, ApiError>) -> Result<T, ApiError> {
    let mut tries = 1;
    loop {
        match what() {
            Err(error)
                if tries < CLOUDFLARE_NEW_ZONE_TRIES
                    && matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound) =>
            {
                tries += 1;
                std::thread::sleep(Duration::from_secs(CLOUDFLARE_NEW_ZONE_PAUSE_SECS));
            }
            other => return other,
        }
    }
}

fn create(session: &Session, args: &CreateArgs, out: &mut Output) -> anyhow::Result<End> {
    // A file with faults is told of before there is a zone.
    let file = args.template.as_deref().map(apply::read).transpose()?;
    let account = lists::account(session)?;
    let name = text::escape(&args.name).into_owned();
    let known = zones::find(&session.client, &args.name).map_err(|error| told(&error))?;
    if known.is_some() {
        return Err(Usage::of(format!(
            "the zone `{name}` is there already\nhint: `riposte cf apply` makes it what a file says"
        )));
    }
    if !session.json {
        out.line(format!("{name} would be made a zone of account {}", text::escape(&account)))?;
    }
    if !agreed(args.yes, out)? {
        return Ok(End::Finding);
    }
    let call = zones::create(&account, &args.name);
    let zone: Zone = match session.client.send(&call).and_then(Answer::read) {
        Ok(zone) => zone,
        Err(error) if error.may_have_happened() => {
            let found = zones::find(&session.client, &args.name).map_err(|error| told(&error))?;
            found.ok_or_else(|| told(&error))?
        }
        Err(error) => return Err(told(&error)),
    };
    if session.json {
        out.json(&json!({ "type": "zone", "zone": zone }))?;
    } else {
        let made = out.styled(Style::Green, "made");
        out.line(format!("{made} {name} ({})", text::escape(&zone.id)))?;
        let servers = text::escape(&zone.name_servers.join(", ")).into_owned();
        out.line(format!("at the registrar, set the name servers {servers}"))?;
    }
    if let Some(file) = &file {
        patiently(|| zones::find(&session.client, &zone.id)).map_err(|error| told(&error))?;
        let args = ApplyArgs {
            file: PathBuf::new(),
            zone: None,
            check: false,
            adopt: false,
            yes: args.yes,
        };
        if apply::to_zone(session, &zone, file, &args, out)? == End::Finding {
            return Ok(End::Finding);
        }
    }
    check(session, &zone, out)
}

/// Asks for the activation; that it was asked for a short time ago is no fault.
fn check(session: &Session, zone: &Zone, out: &mut Output) -> anyhow::Result<End> {
    let asked = session.client.send(&zones::check_activation(&zone.id));
    let refusal = match asked {
        Ok(_) => None,
        Err(error) if error.kind == ErrorKind::Refused => Some(error.message),
        Err(error) => return Err(told(&error)),
    };
    let now = zones::find(&session.client, &zone.id).map_err(|error| told(&error))?;
    let status = now.map(|zone| zone.status).unwrap_or_default();
    if session.json {
        out.json(&json!({
            "type": "activation", "zone": zone.name, "status": status, "refusal": refusal,
        }))?;
    } else {
        let words = format!("{} is {status}", zone.name);
        out.line(text::escape(&words))?;
        if let Some(refusal) = refusal {
            out.line(text::escape(&format!("Cloudflare does not look again now: {refusal}")))?;
        }
    }
    Ok(End::Well)
}

fn delete(session: &Session, name: &str, yes: bool, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, name)?;
    let shown = text::escape(&zone.name).into_owned();
    if !session.json {
        out.line(format!("{shown} would be removed, with all its records, rules and settings"))?;
    }
    if !agreed(yes, out)? {
        return Ok(End::Finding);
    }
    if let Err(error) = session.client.send(&zones::delete(&zone.id)) {
        let gone = error.may_have_happened()
            && zones::find(&session.client, &zone.name).map_err(|error| told(&error))?.is_none();
        if !gone {
            return Err(told(&error));
        }
    }
    if session.json {
        out.json(&json!({ "zone": zone.name, "outcome": "removed" }))?;
    } else {
        out.line(format!("{} {shown}", out.styled(Style::Green, "removed")))?;
    }
    Ok(End::Well)
}
