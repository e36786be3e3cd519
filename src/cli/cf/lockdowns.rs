//! `riposte cf lockdowns`: URLs of a zone that only some addresses may ask for.

use super::account::{Plan, carry_out, cell, choose, table};
use super::confirm::Consent;
use super::{Session, show, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::lockdowns::{self, Allowed, Lockdown};
use crate::cloudflare::plans::Level;
use crate::cloudflare::zones::Zone;
use crate::event::text;
use clap::{Args, Subcommand};
use ipnet::IpNet;
use std::net::IpAddr;

/// `riposte cf lockdowns`
#[derive(Debug, Subcommand)]
pub enum LockdownsCommand {
    /// Show a zone's lockdowns
    List {
        /// The zone's name, or its id
        zone: String,
    },
    /// Let only these addresses ask for these URLs
    Add {
        /// The zone's name, or its id
        zone: String,
        /// A URL (`example.com/admin/*`; `*` stands for anything); may be given several times
        #[arg(long = "url", value_name = "URL", required = true)]
        urls: Vec<String>,
        /// An address or network that may ask; may be given several times
        #[arg(long = "allow", value_name = "ADDRESS", required = true)]
        allow: Vec<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Switch a lockdown on
    On(Named),
    /// Keep a lockdown, switched off: anybody may ask
    Off(Named),
    /// Remove a lockdown: anybody may ask
    Remove(Named),
}

/// A lockdown that is there.
#[derive(Debug, Args)]
pub struct Named {
    /// The zone's name, or its id
    zone: String,
    /// The lockdown's first URL, its beginning, or its id
    lockdown: String,
    #[command(flatten)]
    consent: Consent,
}

fn all(session: &Session, zone: &Zone) -> anyhow::Result<Vec<Lockdown>> {
    lockdowns::all(&session.client, &zone.id).map_err(|error| told(&error))
}

fn one<'r>(rows: &'r [Lockdown], wanted: &str) -> anyhow::Result<&'r Lockdown> {
    choose("lockdown", wanted, rows, |row| (&row.id, row.urls.first().map_or("", String::as_str)))
}

fn joined<'t>(texts: impl Iterator<Item = &'t String>) -> String {
    let texts: Vec<String> = texts.map(|one| format!("`{}`", text::escape(one))).collect();
    texts.join(", ")
}

/// Runs one of them.
pub fn run(session: &Session, command: &LockdownsCommand, out: &mut Output) -> anyhow::Result<End> {
    match command {
        LockdownsCommand::List { zone } => {
            let rows = all(session, &show::zone(session, zone)?)?;
            table(session, out, &["urls", "for", "state", "what for", "id"], &rows, |row| {
                let nets: Vec<&str> =
                    row.configurations.iter().map(|one| one.value.as_str()).collect();
                vec![
                    cell(&row.urls.join(", ")),
                    cell(&nets.join(", ")),
                    if row.paused { "off" } else { "on" }.to_owned(),
                    cell(&row.description),
                    cell(&row.id),
                ]
            })
        }
        LockdownsCommand::Add { zone, urls, allow, description, consent } => {
            let allowed = allowed(allow)?;
            let zone = show::zone(session, zone)?;
            if let Some(level) = Level::of(&zone) {
                let (there, most) = (all(session, &zone)?.len(), level.limits().lockdowns);
                if there >= most {
                    return Err(Usage::of(format!(
                        "the zone's plan ({}) has room for {}\nhint: a custom rule does the same: `riposte cf waf set` with `--action block`",
                        level.name(),
                        text::count(most, "lockdown")
                    )));
                }
            }
            let line = format!(
                "{}: only {} may ask for {}",
                text::escape(&zone.name),
                joined(allow.iter()),
                joined(urls.iter())
            );
            let call = lockdowns::create(&zone.id, urls, &allowed, description);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, "the lockdown is made", out)
        }
        LockdownsCommand::On(named) => switch(session, named, false, out),
        LockdownsCommand::Off(named) => switch(session, named, true, out),
        LockdownsCommand::Remove(Named { zone, lockdown, consent }) => {
            let zone = show::zone(session, zone)?;
            let rows = all(session, &zone)?;
            let row = one(&rows, lockdown)?;
            let (urls, name) = (joined(row.urls.iter()), text::escape(&zone.name));
            let line = format!("{name}: anybody may ask for {urls}");
            let plan =
                Plan { lines: vec![line], calls: vec![lockdowns::delete(&zone.id, &row.id)] };
            carry_out(session, *consent, &plan, "the lockdown is removed", out)
        }
    }
}

fn switch(session: &Session, named: &Named, paused: bool, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &named.zone)?;
    let rows = all(session, &zone)?;
    let row = one(&rows, &named.lockdown)?;
    let urls = joined(row.urls.iter());
    let state = if paused { "off" } else { "on" };
    if row.paused == paused {
        return Err(Usage::of(format!("the lockdown of {urls} is {state} already")));
    }
    let line = format!("{}: the lockdown of {urls} is {state}", text::escape(&zone.name));
    let call = lockdowns::change(&zone.id, &Lockdown { paused, ..row.clone() });
    let plan = Plan { lines: vec![line], calls: vec![call] };
    carry_out(session, named.consent, &plan, &format!("the lockdown is {state}"), out)
}

/// Addresses and networks as the API takes them.
fn allowed(texts: &[String]) -> anyhow::Result<Vec<Allowed>> {
    let one = |text: &String| {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Allowed::of(&ip.to_string()));
        }
        match text.parse::<IpNet>() {
            Ok(net) => Ok(Allowed::of(&net.trunc().to_string())),
            Err(_) => Err(Usage::of(format!(
                "`{}` is no address or network\nhint: `--allow 192.0.2.0/24`",
                text::escape(text)
            ))),
        }
    };
    texts.iter().map(one).collect()
}
