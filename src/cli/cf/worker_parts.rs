//! `riposte cf workers secrets` and `schedules`: what a Worker has beside its module.

use super::Session;
use super::account::{Plan, ask, carry_out, cell, table};
use super::confirm::Consent;
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::workers::{self, Schedule, Schedules, SecretName};
use crate::event::text;
use crate::limits::CLOUDFLARE_WORKER_SECRET_BYTES_MAX;
use crate::process::resolve_secret;
use crate::secret::{Secret, SecretRef};
use clap::Subcommand;
use std::io::Read as _;

/// `riposte cf workers secrets`
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// Show the names of a Worker's secrets
    List {
        /// The Worker's name
        worker: String,
    },
    /// Give a Worker a secret, or another value; it is in use at once
    Put {
        /// The Worker's name
        worker: String,
        /// The secret's name in `env`
        name: String,
        /// Where the value is (`file:/path`, `env:NAME`, `exec:…`); standard input when absent, as
        /// values on a command line are seen by others
        #[arg(long = "from", value_name = "REFERENCE")]
        from: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Take a secret from a Worker
    Delete {
        /// The Worker's name
        worker: String,
        /// The secret's name
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Runs one of them.
pub fn secrets(
    session: &Session,
    account: &str,
    command: &SecretsCommand,
    out: &mut Output,
) -> anyhow::Result<End> {
    match command {
        SecretsCommand::List { worker } => {
            let all: Vec<SecretName> = ask(session, &workers::secrets(account, worker))?;
            table(session, out, &["secret", "kind"], &all, |secret| {
                vec![cell(&secret.name), cell(&secret.kind)]
            })
        }
        SecretsCommand::Put { worker, name, from, consent } => {
            let value = match from {
                Some(reference) => {
                    let reference = SecretRef::parse(reference).map_err(Usage::of)?;
                    resolve_secret(&reference).map_err(Usage::of)?
                }
                None => from_stdin()?,
            };
            let all: Vec<SecretName> = ask(session, &workers::secrets(account, worker))?;
            let there = all.iter().any(|secret| secret.name == *name);
            let what = if there { "replace" } else { "make" };
            let shown = text::escape(name).into_owned();
            let line = format!("{what} the secret `{shown}` of `{}`", text::escape(worker));
            let call = workers::put_secret(account, worker, name, &value);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("the secret `{shown}` is set"), out)
        }
        SecretsCommand::Delete { worker, name, consent } => {
            let shown = text::escape(name).into_owned();
            let line = format!("remove the secret `{shown}` of `{}`", text::escape(worker));
            let call = workers::delete_secret(account, worker, name);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("the secret `{shown}` is removed"), out)
        }
    }
}

/// A secret from standard input, without the end of its line.
fn from_stdin() -> anyhow::Result<Secret> {
    let mut value = String::new();
    let most = CLOUDFLARE_WORKER_SECRET_BYTES_MAX as u64;
    let read = std::io::stdin().lock().take(most + 1).read_to_string(&mut value);
    read.map_err(|error| Usage::of(format!("failed to read the secret: {error}")))?;
    let value = value.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        return Err(Usage::of("standard input holds no secret\nhint: `--from file:/path`"));
    }
    if value.len() > CLOUDFLARE_WORKER_SECRET_BYTES_MAX {
        return Err(Usage::of("the secret is too large\nhint: Cloudflare takes 5 kB"));
    }
    Ok(Secret::new(value.to_owned()))
}

/// Shows when a Worker runs by itself, or sets it.
pub fn schedules(
    session: &Session,
    account: &str,
    (worker, crons, none): (&str, &[String], bool),
    consent: Consent,
    out: &mut Output,
) -> anyhow::Result<End> {
    let present: Schedules = ask(session, &workers::schedules(account, worker))?;
    let present: Vec<Schedule> = present.schedules;
    if crons.is_empty() && !none {
        return table(session, out, &["runs at (UTC)", "since"], &present, |schedule| {
            let since = schedule.created_on.as_deref().unwrap_or("?");
            vec![cell(&schedule.cron), cell(super::workers::whole(since))]
        });
    }
    let shown = text::escape(worker).into_owned();
    let of = |crons: &mut dyn Iterator<Item = &str>| {
        let crons: Vec<String> = crons.map(|cron| format!("`{}`", text::escape(cron))).collect();
        if crons.is_empty() { "never".to_owned() } else { format!("at {}", crons.join(", ")) }
    };
    let before = of(&mut present.iter().map(|schedule| schedule.cron.as_str()));
    let after = of(&mut crons.iter().map(String::as_str));
    let line = format!("`{shown}` runs by itself {after}; until now: {before}");
    let call = workers::set_schedules(account, worker, crons);
    let plan = Plan { lines: vec![line], calls: vec![call] };
    carry_out(session, consent, &plan, &format!("`{shown}` runs by itself {after}"), out)
}
