//! `riposte cf workers`: deploying a module with what it is bound to, listing, removing.

use super::account::{Plan, account, agreed, ask, carry_out, cell, finished, table};
use super::confirm::Consent;
use super::worker_parts::{self, SecretsCommand};
use super::{Session, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::workers::{self, Binding, Module, Route, Script};
use crate::cloudflare::{kv, zones};
use crate::event::text;
use crate::limits::CLOUDFLARE_WORKER_BYTES_MAX;
use crate::process::resolve_secret;
use crate::secret::SecretRef;
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The day whose behaviour a Worker gets when none is named.
const COMPATIBILITY: &str = "2026-04-01";

/// `riposte cf workers`
#[derive(Debug, Subcommand)]
pub enum WorkersCommand {
    /// Show the account's Workers, and the routes that lead to them
    List,
    /// Upload a module; it is in use at once
    Deploy(Deploy),
    /// Remove a Worker, and before it the routes that lead to it
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Show the names of a Worker's secrets; set or remove one
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Show when a Worker runs by itself, or set it
    Schedules {
        /// Its name
        name: String,
        /// When it is to run (cron, UTC), and at no other times; may be given several times
        #[arg(long = "cron", value_name = "CRON")]
        crons: Vec<String>,
        /// It is never to run by itself
        #[arg(long, conflicts_with = "crons")]
        never: bool,
        #[command(flatten)]
        consent: Consent,
    },
}

/// `riposte cf workers deploy`
#[derive(Debug, Args)]
pub struct Deploy {
    /// Its name
    name: String,
    /// The module (`worker.mjs`, with `export default { fetch(…) … }`)
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// A KV namespace, by its title or id, as this name in `env`; may be given several times
    #[arg(long = "kv", value_name = "NAME=NAMESPACE")]
    namespaces: Vec<String>,
    /// A text in `env`; may be given several times
    #[arg(long = "var", value_name = "NAME=TEXT")]
    texts: Vec<String>,
    /// A secret in `env`, by reference (`KEY=file:/path`, `KEY=env:NAME`); may be given several
    /// times. Secrets that were there before stay
    #[arg(long = "secret", value_name = "NAME=REFERENCE")]
    secrets: Vec<String>,
    /// Requests that it answers (`example.com/api/*`); the zone is the longest that fits; may be
    /// given several times
    #[arg(long = "route", value_name = "PATTERN")]
    routes: Vec<String>,
    /// When it runs by itself (cron, UTC); may be given several times
    #[arg(long = "cron", value_name = "CRON")]
    crons: Vec<String>,
    /// The day whose behaviour is wanted
    #[arg(long, value_name = "DATE", default_value = COMPATIBILITY)]
    compatibility_date: String,
    #[command(flatten)]
    consent: Consent,
}

/// Runs one of them.
pub fn run(session: &Session, command: &WorkersCommand, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    match command {
        WorkersCommand::List => list(session, &account, out),
        WorkersCommand::Deploy(args) => deploy(session, &account, args, out),
        WorkersCommand::Delete { name, consent } => delete(session, &account, name, *consent, out),
        WorkersCommand::Secrets(command) => worker_parts::secrets(session, &account, command, out),
        WorkersCommand::Schedules { name, crons, never, consent } => {
            worker_parts::schedules(session, &account, (name, crons, *never), *consent, out)
        }
    }
}

/// All routes, with their zones' ids.
fn routes(session: &Session) -> anyhow::Result<Vec<(String, Route)>> {
    let mut all = Vec::new();
    for zone in zones::all(&session.client).map_err(|error| told(&error))? {
        let routes: Vec<Route> = ask(session, &workers::routes(&zone.id))?;
        all.extend(routes.into_iter().map(|route| (zone.id.clone(), route)));
    }
    Ok(all)
}

fn list(session: &Session, account: &str, out: &mut Output) -> anyhow::Result<End> {
    let scripts: Vec<Script> = ask(session, &workers::all(account))?;
    let routes = routes(session)?;
    let patterns = |script: &Script| {
        let ours = routes.iter().filter(|(_, route)| route.script.as_ref() == Some(&script.id));
        ours.map(|(_, route)| route.pattern.as_str()).collect::<Vec<_>>()
    };
    if session.json {
        for script in &scripts {
            out.json(&json!({ "worker": script, "routes": patterns(script) }))?;
        }
        return Ok(End::Well);
    }
    table(session, out, &["worker", "uploaded", "answers to", "routes"], &scripts, |script| {
        vec![
            cell(&script.id),
            cell(whole(script.modified_on.as_deref().unwrap_or("?"))),
            cell(&script.handlers.clone().unwrap_or_default().join(", ")),
            cell(&patterns(script).join(", ")),
        ]
    })
}

/// A time without the parts of its second.
pub(super) fn whole(time: &str) -> &str {
    time.split('.').next().unwrap_or_default().trim_end_matches('Z')
}

/// `NAME=VALUE` in its two parts.
fn pair(text: &str) -> anyhow::Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        // What was typed may be a secret.
        _ => Err(Usage::of("an option isn't `NAME=VALUE`\nhint: `--var MODE=strict`")),
    }
}

fn bindings(session: &Session, account: &str, args: &Deploy) -> anyhow::Result<Vec<Binding>> {
    let mut bindings = Vec::new();
    if !args.namespaces.is_empty() {
        let all = kv::namespaces(&session.client, account).map_err(|error| told(&error))?;
        for text in &args.namespaces {
            let (name, wanted) = pair(text)?;
            let id = super::kv::namespace(&all, &wanted)?.id.clone();
            bindings.push(Binding::Namespace { name, id });
        }
    }
    for text in &args.texts {
        let (name, text) = pair(text)?;
        bindings.push(Binding::Text { name, text });
    }
    for text in &args.secrets {
        let (name, reference) = pair(text)?;
        let reference = SecretRef::parse(&reference).map_err(Usage::of)?;
        let value = resolve_secret(&reference).map_err(Usage::of)?;
        bindings.push(Binding::Secret { name, value });
    }
    Ok(bindings)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let fail = |reason: String| Usage::of(format!("failed to read `{}`: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    if bytes.len() > CLOUDFLARE_WORKER_BYTES_MAX {
        return Err(fail(format!("it is larger than {CLOUDFLARE_WORKER_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// The zone that a route's pattern belongs to: the longest whose name its host ends with.
fn zone_of<'z>(zones: &'z [zones::Zone], pattern: &str) -> Option<&'z zones::Zone> {
    let host = pattern.split("://").last()?.split('/').next()?.trim_start_matches("*.");
    let host = host.trim_start_matches('*').to_lowercase();
    zones
        .iter()
        .filter(|zone| host == zone.name || host.ends_with(&format!(".{}", zone.name)))
        .max_by_key(|zone| zone.name.len())
}

fn deploy(
    session: &Session,
    account: &str,
    args: &Deploy,
    out: &mut Output,
) -> anyhow::Result<End> {
    let file = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let module = Module {
        file: file.unwrap_or_else(|| "worker.mjs".to_owned()),
        text: read(&args.file)?,
        compatibility_date: args.compatibility_date.clone(),
        bindings: bindings(session, account, args)?,
    };
    let scripts: Vec<Script> = ask(session, &workers::all(account))?;
    let there = scripts.iter().any(|script| script.id == args.name);
    let name = text::escape(&args.name).into_owned();
    let what = if there { "replace" } else { "make" };
    let size = module.text.len();
    let mut plan = Plan {
        lines: vec![format!(
            "{what} the Worker `{name}` ({size} bytes, {})",
            text::count(module.bindings.len(), "binding")
        )],
        calls: vec![workers::upload(account, &args.name, &module)],
    };
    if !args.crons.is_empty() {
        plan.lines.push(format!("run it at {}", text::escape(&args.crons.join(", "))));
        plan.calls.push(workers::set_schedules(account, &args.name, &args.crons));
    }
    let zones = zones::all(&session.client).map_err(|error| told(&error))?;
    let present = if args.routes.is_empty() { Vec::new() } else { routes(session)? };
    for pattern in &args.routes {
        let shown = text::escape(pattern).into_owned();
        let Some(zone) = zone_of(&zones, pattern) else {
            return Err(Usage::of(format!("no zone of the token fits the route `{shown}`")));
        };
        match present.iter().find(|(_, route)| route.pattern == *pattern) {
            Some((_, route)) if route.script.as_ref() == Some(&args.name) => {}
            Some((_, route)) => {
                let other = text::escape(route.script.as_deref().unwrap_or("nobody")).into_owned();
                return Err(Usage::of(format!("the route `{shown}` leads to `{other}` already")));
            }
            None => {
                plan.lines.push(format!("let it answer `{shown}`"));
                plan.calls.push(workers::create_route(&zone.id, pattern, &args.name));
            }
        }
    }
    carry_out(session, args.consent, &plan, &format!("the Worker `{name}` is deployed"), out)
}

fn delete(
    session: &Session,
    account: &str,
    name: &str,
    consent: Consent,
    out: &mut Output,
) -> anyhow::Result<End> {
    let shown = text::escape(name).into_owned();
    let mut plan = Plan { lines: Vec::new(), calls: Vec::new() };
    for (zone, route) in routes(session)? {
        if route.script.as_deref() == Some(name) {
            plan.lines.push(format!("remove the route `{}`", text::escape(&route.pattern)));
            plan.calls.push(workers::delete_route(&zone, &route.id));
        }
    }
    plan.lines.push(format!("remove the Worker `{shown}`"));
    plan.calls.push(workers::delete(account, name));
    if !agreed(session, consent, &plan, out)? {
        return Ok(consent.left());
    }
    for call in &plan.calls {
        session.client.send(call).map_err(|error| told(&error))?;
    }
    finished(session, &format!("the Worker `{shown}` is removed"), out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_finds_its_zone() {
        let zone = |name: &str| {
            serde_json::from_value::<zones::Zone>(json!({
                "id": name, "name": name, "account": { "id": "a" },
            }))
            .unwrap()
        };
        let zones = [zone("example.com"), zone("sub.example.com"), zone("example.org")];
        let find = |pattern| zone_of(&zones, pattern).map(|zone| zone.name.as_str());
        assert_eq!(find("example.com/*"), Some("example.com"));
        assert_eq!(find("https://a.sub.example.com/x"), Some("sub.example.com"));
        assert_eq!(find("*.example.org/*"), Some("example.org"));
        assert_eq!(find("*example.org/*"), Some("example.org"));
        assert_eq!(find("notexample.com/*"), None);
    }
}
