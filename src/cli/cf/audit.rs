//! `riposte cf audit`: who changed what.

use super::account::{account, cell, table};
use super::{Session, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::clock::{self, Timestamp, parse_moment};
use crate::cloudflare::audit::{self, Entry, Query};
use clap::Args;

/// `riposte cf audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// From when on: how long ago (`7d`), a date or a time
    #[arg(long, default_value = "7d")]
    pub since: String,
    /// Up to when
    #[arg(long)]
    pub until: Option<String>,
    /// Only what this mail address did
    #[arg(long, value_name = "EMAIL")]
    pub actor: Option<String>,
    /// Only what came from this address
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    /// Only this kind: create, update, delete or view
    #[arg(long, value_name = "KIND", value_parser = ["create", "update", "delete", "view"])]
    pub action: Option<String>,
    /// Only in this zone
    #[arg(long, value_name = "NAME")]
    pub zone: Option<String>,
    /// At most this many entries, the newest first
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
}

/// Shows the log.
pub fn run(session: &Session, args: &AuditArgs, out: &mut Output) -> anyhow::Result<End> {
    let now = clock::now();
    let moment = |text: &str| parse_moment(text, now).map(whole).map_err(Usage::of);
    let query = Query {
        since: moment(&args.since)?,
        before: args.until.as_deref().map_or_else(|| Ok(whole(now)), moment)?,
        actor: args.actor.clone(),
        ip: args.ip.clone(),
        action: args.action.clone(),
        zone: args.zone.clone(),
    };
    let account = account(session)?;
    let (entries, old) = audit::newest(&session.client, &account, &query, args.limit)
        .map_err(|error| told(&error))?;
    if old && !session.json {
        out.line("from the first version of the log, since the second was refused\n")?;
    }
    table(session, out, &["time", "who", "from", "by", "what", "zone"], &entries, cells)
}

/// Cloudflare takes whole seconds; the one under way counts.
fn whole(moment: Timestamp) -> String {
    Timestamp::from_secs(moment.as_secs() + i64::from(moment.as_micros() % 1_000_000 != 0))
        .to_string()
}

fn cells(entry: &Entry) -> Vec<String> {
    let failed = if entry.succeeded == Some(false) { " (refused)" } else { "" };
    let what = if entry.description.is_empty() {
        format!("{} {}", entry.action, entry.resource)
    } else {
        entry.description.clone()
    };
    let by = if entry.token.is_empty() { &entry.context } else { &entry.token };
    vec![
        // Fractions of a second help nobody here.
        cell(entry.time.split('.').next().unwrap_or_default().trim_end_matches('Z')),
        cell(&entry.actor),
        cell(&entry.ip),
        cell(by),
        cell(&what) + failed,
        cell(&entry.zone),
    ]
}
