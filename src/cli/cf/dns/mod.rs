//! `riposte cf dns …`: a zone's records. What changes something shows its plan and asks first.

mod file;
mod import;
mod plan;
mod zone_text;

use super::account::cell;
use super::confirm::{Consent, confirmed, rehearse};
use super::{Session, show, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::dns::{self, Filter, NewRecord, Record};
use crate::cloudflare::plans::Level;
use crate::cloudflare::zones::Zone;
use crate::cloudflare::{ApiError, Call};
use crate::event::text;
use clap::{Args, Subcommand, ValueHint};
use plan::{Change, Wanted};
use serde_json::json;
use std::cell::OnceCell;
use std::path::PathBuf;

/// `riposte cf dns`
#[derive(Debug, Subcommand)]
pub enum DnsCommand {
    /// Show a zone's records
    List(ListArgs),
    /// Let a name lead somewhere: change its record, or make one
    Set(SetArgs),
    /// Remove records
    Delete(DeleteArgs),
    /// Carry out a file of changes, all of them or none
    Batch(BatchArgs),
    /// Add what a BIND zone file has and the zone hasn't
    Import(import::ImportArgs),
    /// Print the zone as a BIND file
    Export {
        /// The zone's name, or its id
        zone: String,
    },
    /// Show how many records the zone has and may have
    Usage {
        /// The zone's name, or its id
        zone: String,
    },
}

/// `riposte cf dns list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The zone's name, or its id
    zone: String,
    /// Only this name (`www`, `www.example.com`, `@` for the zone itself)
    #[arg(long)]
    name: Option<String>,
    /// Only this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only this content
    #[arg(long)]
    content: Option<String>,
    /// Only what has these words in its comment
    #[arg(long)]
    comment: Option<String>,
}

/// `riposte cf dns set`
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The zone's name, or its id
    zone: String,
    /// The record's name (`www`, `www.example.com`, `@` for the zone itself)
    name: String,
    /// A, AAAA, CNAME, TXT, …
    kind: String,
    /// Where it leads; `10 mail.example.com` for MX, `10 5 443 www.example.com` for SRV, `0 issue
    /// "ca.example"` for CAA
    content: String,
    /// Of an MX record: the lower goes first; 10 for a new one
    #[arg(long, value_name = "NUMBER")]
    priority: Option<u16>,
    /// Seconds, or `auto`
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<String>,
    /// Whether clients go through Cloudflare; as it was when not given
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    proxied: Option<bool>,
    /// What to note with it
    #[arg(long)]
    comment: Option<String>,
    /// Leave other records of the name and type as they are
    #[arg(long)]
    add: bool,
    /// Remove other records of the name that are of this type, or can't stand beside it
    #[arg(long, conflicts_with = "add")]
    replace: bool,
    #[command(flatten)]
    consent: Consent,
}

/// `riposte cf dns delete`
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// The zone's name, or its id
    zone: String,
    /// The records' name
    name: String,
    /// Only this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only this content
    #[arg(long)]
    content: Option<String>,
    #[command(flatten)]
    consent: Consent,
}

/// `riposte cf dns batch`
#[derive(Debug, Args)]
pub struct BatchArgs {
    /// The zone's name, or its id
    zone: String,
    /// JSON as the API takes it: `{"deletes":[{"id":…}],"patches":[{"id":…,…}],"posts":[{…}]}`
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    consent: Consent,
}

/// Runs one of them.
pub fn dns(session: &Session, command: &DnsCommand, out: &mut Output) -> anyhow::Result<End> {
    match command {
        DnsCommand::List(args) => list(session, args, out),
        DnsCommand::Set(args) => set(session, args, out),
        DnsCommand::Delete(args) => delete(session, args, out),
        DnsCommand::Batch(args) => batch(session, args, out),
        DnsCommand::Import(args) => import::run(session, args, out),
        DnsCommand::Export { zone } => export(session, zone, out),
        DnsCommand::Usage { zone } => usage(session, zone, out),
    }
}

fn list(session: &Session, args: &ListArgs, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let filter = Filter {
        name: args.name.as_ref().map(|name| dns::whole_name(name, &zone.name)),
        kind: args.kind.as_ref().map(|kind| kind.to_ascii_uppercase()),
        content: args.content.clone(),
        comment: args.comment.clone(),
        proxied: None,
    };
    let records = dns::list(&session.client, &zone.id, &filter).map_err(|error| failed(&error))?;
    if session.json {
        for record in &records {
            out.json(record)?;
        }
        return Ok(End::Well);
    }
    let head =
        ["type", "name", "ttl", "proxied", "content"].map(|word| out.styled(Style::Bold, word));
    let mut rows = vec![head.to_vec()];
    for record in &records {
        let proxied = if record.proxied == Some(true) { "yes" } else { "no" };
        rows.push(vec![
            cell(&record.kind),
            cell(&record.name),
            plan::ttl_text(record.ttl),
            proxied.to_owned(),
            cell(&record.content),
        ]);
    }
    for line in output::table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}

fn set(session: &Session, args: &SetArgs, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let ttl = args.ttl.as_deref().map(plan::parse_ttl).transpose().map_err(Usage::of)?;
    let kind = args.kind.to_ascii_uppercase();
    let mut content = dns::read_content(&kind, &args.content).map_err(Usage::of)?;
    if args.priority.is_some() && kind != "MX" {
        return Err(Usage::of("`--priority` goes with MX records"));
    }
    content.priority = args.priority.or(content.priority);
    let wanted = Wanted {
        name: dns::whole_name(&args.name, &zone.name),
        kind,
        content,
        ttl,
        proxied: args.proxied,
        comment: args.comment.clone(),
        beside: args.add,
        replaces: args.replace,
    };
    let filter = Filter::name(&wanted.name);
    let planned = || {
        let present = dns::list(&session.client, &zone.id, &filter).map_err(|e| failed(&e))?;
        wanted.plan(&present).map_err(Usage::of)
    };
    carry_out(session, &zone, args.consent, &planned, out)
}

fn delete(session: &Session, args: &DeleteArgs, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let filter = Filter {
        name: Some(dns::whole_name(&args.name, &zone.name)),
        kind: args.kind.as_ref().map(|kind| kind.to_ascii_uppercase()),
        content: args.content.clone(),
        ..Filter::default()
    };
    let planned = || {
        let present = dns::list(&session.client, &zone.id, &filter).map_err(|e| failed(&e))?;
        Ok(present.into_iter().map(Change::Remove).collect())
    };
    carry_out(session, &zone, args.consent, &planned, out)
}

fn batch(session: &Session, args: &BatchArgs, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let shown = text::escape(&args.file.display().to_string()).into_owned();
    let file = std::fs::read_to_string(&args.file)
        .map_err(|error| Usage::of(format!("failed to read `{shown}`: {error}")))?;
    let file: file::File = serde_json::from_str(&file)
        .map_err(|error| Usage::of(format!("`{shown}` is no file of changes: {error}")))?;
    let before: OnceCell<Vec<Record>> = OnceCell::new();
    let planned = || {
        let present = dns::all(&session.client, &zone.id).map_err(|error| failed(&error))?;
        let changes = match before.get() {
            None => file.plan(&present, &zone.name),
            Some(before) => file.left(before, &present, &zone.name),
        };
        before.get_or_init(|| present);
        changes.map_err(Usage::of)
    };
    carry_out(session, &zone, args.consent, &planned, out)
}

/// Shows a plan, asks, sends it. A reply that was lost is made up for by planning again: if nothing
/// is left to do, it was done.
fn carry_out(
    session: &Session,
    zone: &Zone,
    consent: Consent,
    planned: &dyn Fn() -> anyhow::Result<Vec<Change>>,
    out: &mut Output,
) -> anyhow::Result<End> {
    let changes = planned()?;
    let Some(call) = plan::call(&zone.id, &changes) else {
        if session.json {
            out.json(&json!({ "zone": zone.name, "changes": [], "applied": false }))?;
        } else {
            out.line("nothing to do")?;
        }
        return Ok(End::Well);
    };
    let most = dns::batch_max(Level::of(zone));
    if changes.len() > most {
        return Err(Usage::of(format!(
            "{} would change, more than the {most} that go together; nothing was sent\nhint: do a part of it first",
            output::counted(u64::try_from(changes.len()).unwrap_or(u64::MAX), "record")
        )));
    }
    if consent.dry_run {
        rehearse(&[call], session.json, out)?;
        return Ok(End::Well);
    }
    let shown: Vec<_> = changes.iter().map(Change::shown).collect();
    if !session.json {
        for (change, line) in changes.iter().zip(&shown) {
            out.line(out.styled(change.style(), text::escape(line)))?;
        }
    }
    if !session.json {
        for name in plan::unproxied(&changes) {
            let words = format!(
                "! {} went through Cloudflare and leads past it then (`--proxied` keeps it)",
                text::escape(name)
            );
            out.line(out.styled(Style::Yellow, &words))?;
        }
    }
    if !confirmed(consent, out)? {
        return Ok(End::Finding);
    }
    if let Err(error) = send(session, &call) {
        let left = if error.may_have_happened() { planned()? } else { return Err(failed(&error)) };
        if plan::call(&zone.id, &left).is_some() {
            return Err(failed(&error));
        }
    }
    if session.json {
        out.json(&json!({ "zone": zone.name, "changes": shown, "applied": true }))?;
    } else {
        let done = out.styled(Style::Green, "done");
        let count = text::count(changes.len(), "change");
        out.line(format!("{done} {} ({count})", text::escape(&zone.name)))?;
    }
    Ok(End::Well)
}

fn send(session: &Session, call: &Call) -> Result<(), ApiError> {
    session.client.send(call).map(drop)
}

fn export(session: &Session, zone: &str, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, zone)?;
    let answer = session.client.send(&dns::export(&zone.id)).map_err(|error| failed(&error))?;
    for line in String::from_utf8_lossy(&answer.raw).lines() {
        // Tabs are part of the format.
        let cells: Vec<_> = line.split('\t').map(text::escape).collect();
        out.line(cells.join("\t"))?;
    }
    Ok(End::Well)
}

fn usage(session: &Session, zone: &str, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, zone)?;
    let answer = session.client.send(&dns::usage(&zone.id)).map_err(|error| failed(&error))?;
    let usage: dns::Usage = answer.read().map_err(|error| failed(&error))?;
    if session.json {
        out.json(&usage)?;
        return Ok(End::Well);
    }
    let has = output::counted(usage.record_usage, "record");
    let most = usage.record_quota.map_or_else(String::new, |most| format!(" of {most}"));
    out.line(format!("{}: {has}{most}", text::escape(&zone.name)))?;
    Ok(End::Well)
}

/// What went wrong, with what this area's code says of it.
fn failed(error: &ApiError) -> anyhow::Error {
    match dns::trouble(error) {
        Some(trouble) => {
            let said = told(error);
            Usage::of(format!("{said}\nhint: {}", trouble.hint()))
        }
        None => told(error),
    }
}

/// A record on one line, for people.
fn line(record: &Record) -> String {
    made_line(&record.to_new())
}

/// The same of one that is to be made.
fn made_line(record: &NewRecord) -> String {
    let priority = record.priority.filter(|_| record.data.is_none());
    let priority = priority.map_or_else(String::new, |priority| format!("{priority} "));
    let content = match &record.data {
        Some(data) if record.content.is_empty() => data.to_string(),
        _ => record.content.clone(),
    };
    format!("{} {} {priority}{content}", record.kind, record.name)
}
