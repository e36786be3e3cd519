//! `riposte cf alerts`: webhooks that Cloudflare's notifications go to, and of what they tell.

use super::Session;
use super::account::{Plan, account, ask, carry_out, cell, choose, table};
use super::confirm::Consent;
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::alerts::{self, Policy, Webhook};
use crate::cloudflare::masked;
use crate::event::text;
use crate::process::resolve_secret;
use crate::secret::{Secret, SecretRef};
use clap::{Args, Subcommand};

/// `riposte cf alerts`
#[derive(Debug, Args)]
pub struct AlertsArgs {
    #[command(subcommand)]
    command: Option<AlertsCommand>,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Show the webhooks (as without a command)
    List,
    /// Make a webhook; not on Free
    Add {
        /// Its name
        name: String,
        /// Where it goes (`https://…`), or where that is told when it is itself a secret
        /// (`file:/path`, `env:NAME`, …)
        url: String,
        /// Where the secret is told that is sent along in `cf-webhook-auth`
        #[arg(long, value_name = "REFERENCE")]
        secret: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a webhook
    Delete {
        /// Its name, its beginning, or its id
        webhook: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Show of what notifications tell, and whom; make or remove one
    #[command(subcommand)]
    Policies(PoliciesCommand),
}

#[derive(Debug, Subcommand)]
enum PoliciesCommand {
    /// Show them
    List,
    /// Tell webhooks of something
    Add {
        /// Its name
        name: String,
        /// Of what (`dos_attack_l7`, `http_alert_origin_error`, `incident_alert`, …)
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
        /// A webhook that is told, by its name or id; may be given several times
        #[arg(long = "webhook", value_name = "WEBHOOK", required = true)]
        webhooks: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Tell of it no longer
    Delete {
        /// Its name, its beginning, or its id
        policy: String,
        #[command(flatten)]
        consent: Consent,
    },
}

fn webhook<'w>(all: &'w [Webhook], wanted: &str) -> anyhow::Result<&'w Webhook> {
    choose("webhook", wanted, all, |row| (&row.id, &row.name))
}

fn secret(reference: &str) -> anyhow::Result<Secret> {
    resolve_secret(&SecretRef::parse(reference).map_err(Usage::of)?).map_err(Usage::of)
}

/// Runs one of them.
pub fn run(session: &Session, args: &AlertsArgs, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    let all = || ask::<Vec<Webhook>>(session, &alerts::webhooks(&account));
    match &args.command {
        None | Some(AlertsCommand::List) => {
            let rows = all()?;
            let head = ["webhook", "to", "last well", "last failed", "id"];
            let time = |time: &Option<String>| {
                cell(super::workers::whole(time.as_deref().unwrap_or("never")))
            };
            table(session, out, &head, &rows, |row| {
                vec![
                    cell(&row.name),
                    cell(row.url.as_deref().unwrap_or("?")),
                    time(&row.last_success),
                    time(&row.last_failure),
                    cell(&row.id),
                ]
            })
        }
        Some(AlertsCommand::Add { name, url, secret: reference, consent }) => {
            let is_plain = url.starts_with("https://");
            let url = if is_plain { Secret::new(url.clone()) } else { secret(url)? };
            if !url.reveal().starts_with("https://") {
                return Err(Usage::of(
                    "a webhook's address begins with `https://`\nhint: write it, or where it is told (`file:/path`)",
                ));
            }
            let auth = reference.as_deref().map(secret).transpose()?;
            let shown = text::escape(name).into_owned();
            let to = text::escape(&masked(url.reveal())).into_owned();
            let with = if auth.is_some() { ", with a secret" } else { "" };
            let call = alerts::create_webhook(&account, name, url.reveal(), auth.as_ref());
            let plan = Plan {
                lines: vec![format!("make the webhook `{shown}` to {to}{with}")],
                calls: vec![call],
            };
            carry_out(session, *consent, &plan, &format!("the webhook `{shown}` is made"), out)
        }
        Some(AlertsCommand::Delete { webhook: wanted, consent }) => {
            let rows = all()?;
            let row = webhook(&rows, wanted)?;
            let shown = text::escape(&row.name).into_owned();
            let to = text::escape(row.url.as_deref().unwrap_or("?")).into_owned();
            let plan = Plan {
                lines: vec![format!("remove the webhook `{shown}` to {to}")],
                calls: vec![alerts::delete_webhook(&account, &row.id)],
            };
            carry_out(session, *consent, &plan, &format!("the webhook `{shown}` is removed"), out)
        }
        Some(AlertsCommand::Policies(command)) => policies(session, &account, command, out),
    }
}

fn policies(
    session: &Session,
    account: &str,
    command: &PoliciesCommand,
    out: &mut Output,
) -> anyhow::Result<End> {
    let hooks: Vec<Webhook> = ask(session, &alerts::webhooks(account))?;
    let all = || ask::<Vec<Policy>>(session, &alerts::policies(account));
    match command {
        PoliciesCommand::List => {
            table(session, out, &["policy", "of", "tells", "state", "id"], &all()?, |row| {
                let state = if row.enabled { "on" } else { "off" };
                vec![
                    cell(&row.name),
                    cell(&row.alert_type),
                    cell(&told_of(row, &hooks)),
                    state.to_owned(),
                    cell(&row.id),
                ]
            })
        }
        PoliciesCommand::Add { name, kind, webhooks, consent } => {
            let mut chosen = Vec::new();
            for wanted in webhooks {
                chosen.push(webhook(&hooks, wanted)?);
            }
            let ids: Vec<&str> = chosen.iter().map(|row| row.id.as_str()).collect();
            let names: Vec<String> =
                chosen.iter().map(|row| format!("`{}`", text::escape(&row.name))).collect();
            let shown = text::escape(name).into_owned();
            let line = format!("tell {} of `{}`", names.join(", "), text::escape(kind));
            let call = alerts::create_policy(account, name, kind, &ids);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("the policy `{shown}` is made"), out)
        }
        PoliciesCommand::Delete { policy, consent } => {
            let rows = all()?;
            let row = choose("policy", policy, &rows, |row| (&row.id, &row.name))?;
            let shown = text::escape(&row.name).into_owned();
            let line = format!("tell {} of `{}` no longer", told_of(row, &hooks), row.alert_type);
            let plan = Plan {
                lines: vec![text::escape(&line).into_owned()],
                calls: vec![alerts::delete_policy(account, &row.id)],
            };
            carry_out(session, *consent, &plan, &format!("the policy `{shown}` is removed"), out)
        }
    }
}

/// Whom a policy tells: webhooks by their names, others by their kind and how many.
fn told_of(policy: &Policy, hooks: &[Webhook]) -> String {
    let mut words = Vec::new();
    for (kind, all) in &policy.mechanisms {
        let ids: Vec<&str> = all
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("id").and_then(serde_json::Value::as_str))
            .collect();
        if kind == "webhooks" {
            let name = |id: &&str| {
                let known = hooks.iter().find(|hook| hook.id == *id);
                known.map_or_else(|| (*id).to_owned(), |hook| hook.name.clone())
            };
            words.extend(ids.iter().map(name));
        } else if !ids.is_empty() {
            words.push(format!("{} by {kind}", ids.len()));
        }
    }
    words.join(", ")
}
