//! `riposte cf pools`: pools of origins that load balancers use, their health, and the monitors that
//! watch them.

use super::account::{Plan, account, ask, carry_out, cell, choose, table};
use super::confirm::Consent;
use super::{Session, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::pools::{self, Health, Monitor, Origin, Pool};
use crate::event::text;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// `riposte cf pools`
#[derive(Debug, Args)]
pub struct PoolsArgs {
    #[command(subcommand)]
    command: Option<PoolsCommand>,
}

#[derive(Debug, Subcommand)]
enum PoolsCommand {
    /// Show the pools with their origins, and how these are (as without a command)
    List,
    /// Make a pool
    Create {
        /// Its name
        name: String,
        /// An origin (`web-1=192.0.2.1`); may be given several times
        #[arg(long = "origin", value_name = "NAME=ADDRESS", required = true)]
        origins: Vec<String>,
        /// The monitor that watches it, by what it is for, or by its id
        #[arg(long)]
        monitor: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Change an origin of a pool: use it or not, give it another share
    Origin(OriginArgs),
    /// Use a pool
    Enable(Named),
    /// Use a pool no longer
    Disable(Named),
    /// Remove a pool; refused while a load balancer uses it
    Delete(Named),
    /// Show the monitors; make or remove one
    #[command(subcommand)]
    Monitors(MonitorsCommand),
}

/// A pool that is there.
#[derive(Debug, Args)]
struct Named {
    /// The pool's name, its beginning, or its id
    pool: String,
    #[command(flatten)]
    consent: Consent,
}

/// `riposte cf pools origin`
#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = ["enable", "disable", "weight"])]
struct OriginArgs {
    /// The pool's name, its beginning, or its id
    pool: String,
    /// The origin's name, its beginning, or its address
    origin: String,
    /// Use it
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Use it no longer
    #[arg(long)]
    disable: bool,
    /// Its share, 0 to 1
    #[arg(long, value_name = "SHARE")]
    weight: Option<f64>,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, Subcommand)]
enum MonitorsCommand {
    /// Show the monitors
    List,
    /// Make a monitor
    Create {
        /// What it is for
        name: String,
        /// How it looks: `http`, `https`, `tcp`, `udp_icmp`, `icmp_ping` or `smtp`
        #[arg(long = "type", default_value = "https", value_parser = ["http", "https", "tcp", "udp_icmp", "icmp_ping", "smtp"])]
        kind: String,
        /// What it asks for; of `http` and `https`
        #[arg(long, default_value = "/")]
        path: String,
        /// Statuses that are well (`200`, `2xx`); of `http` and `https`
        #[arg(long, default_value = "2xx")]
        expect: String,
        /// The port; the protocol's own when absent
        #[arg(long)]
        port: Option<u16>,
        /// Seconds between two looks
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        interval: u32,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a monitor; refused while a pool uses it
    Delete {
        /// What it is for, its beginning, or its id
        monitor: String,
        #[command(flatten)]
        consent: Consent,
    },
}

fn one<'p>(all: &'p [Pool], wanted: &str) -> anyhow::Result<&'p Pool> {
    choose("pool", wanted, all, |pool| (&pool.id, &pool.name))
}

fn monitor<'m>(all: &'m [Monitor], wanted: &str) -> anyhow::Result<&'m Monitor> {
    choose("monitor", wanted, all, |monitor| (&monitor.id, &monitor.description))
}

/// Runs one of them.
pub fn run(session: &Session, args: &PoolsArgs, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    let pools = || pools::all(&session.client, &account).map_err(|error| told(&error));
    match &args.command {
        None | Some(PoolsCommand::List) => list(session, &account, &pools()?, out),
        Some(PoolsCommand::Create { name, origins, monitor: wanted, consent }) => {
            let origins: Vec<Origin> =
                origins.iter().map(|text| origin(text)).collect::<anyhow::Result<_>>()?;
            let all = pools::monitors(&session.client, &account).map_err(|error| told(&error))?;
            let watch = wanted.as_deref().map(|wanted| monitor(&all, wanted)).transpose()?;
            let shown = text::escape(name).into_owned();
            let mut lines = vec![format!("make the pool `{shown}`")];
            let line = |one: &Origin| {
                format!("  `{}` at `{}`", text::escape(&one.name), text::escape(&one.address))
            };
            lines.extend(origins.iter().map(line));
            lines.push(match watch {
                Some(watch) => format!("  watched by `{}`", text::escape(&watch.description)),
                None => "  watched by nobody: an origin that is ill goes on being used".to_owned(),
            });
            let watch = watch.map(|monitor| monitor.id.as_str());
            let calls = vec![pools::create(&account, name, &origins, watch)];
            carry_out(
                session,
                *consent,
                &Plan { lines, calls },
                &format!("the pool `{shown}` is made"),
                out,
            )
        }
        Some(PoolsCommand::Origin(args)) => change(session, &account, &pools()?, args, out),
        Some(PoolsCommand::Enable(named)) => {
            switch(session, &account, &pools()?, (named, true), out)
        }
        Some(PoolsCommand::Disable(named)) => {
            switch(session, &account, &pools()?, (named, false), out)
        }
        Some(PoolsCommand::Delete(named)) => {
            let all = pools()?;
            let pool = one(&all, &named.pool)?;
            let shown = text::escape(&pool.name).into_owned();
            let origins = text::count(pool.origins.len(), "origin");
            let plan = Plan {
                lines: vec![format!("remove the pool `{shown}` ({origins})")],
                calls: vec![pools::delete(&account, &pool.id)],
            };
            carry_out(session, named.consent, &plan, &format!("the pool `{shown}` is removed"), out)
        }
        Some(PoolsCommand::Monitors(command)) => monitors(session, &account, command, out),
    }
}

/// How an origin is, from all places that looked; `None` where none did.
fn state(found: &[Health], address: &str) -> Option<(bool, String)> {
    let mut looks = found.iter().filter(|look| look.origin == address).peekable();
    looks.peek()?;
    let ill: Vec<&Health> = looks.filter(|look| !look.healthy).collect();
    Some((ill.is_empty(), ill.first().map(|look| look.reason.clone()).unwrap_or_default()))
}

fn list(session: &Session, account: &str, all: &[Pool], out: &mut Output) -> anyhow::Result<End> {
    let head = ["pool", "origin", "address", "share", "state", "health"];
    let mut rows = vec![head.map(|word| out.styled(Style::Bold, word)).to_vec()];
    let mut well = true;
    for pool in all {
        // How they are is asked for pools that somebody watches.
        let found = match &pool.monitor {
            Some(_) => {
                pools::read_health(&ask::<Value>(session, &pools::health(account, &pool.id))?)
            }
            None => Vec::new(),
        };
        let ill = |origin: &&Origin| {
            let used = pool.enabled && origin.enabled;
            used && state(&found, &origin.address).is_some_and(|(well, _)| !well)
        };
        well &= pool.origins.iter().filter(ill).count() == 0;
        if session.json {
            out.json(&json!({ "pool": pool, "health": found }))?;
            continue;
        }
        for (place, origin) in pool.origins.iter().enumerate() {
            let used = match (pool.enabled, origin.enabled) {
                (true, true) => "on",
                (false, _) => "pool off",
                (true, false) => "off",
            };
            let health = match state(&found, &origin.address) {
                None => "not watched".to_owned(),
                Some((true, _)) => "well".to_owned(),
                Some((false, reason)) => format!("ill: {reason}"),
            };
            rows.push(vec![
                if place == 0 { cell(&pool.name) } else { String::new() },
                cell(&origin.name),
                cell(&origin.address),
                origin.weight.to_string(),
                used.to_owned(),
                cell(&health),
            ]);
        }
    }
    if !session.json {
        for line in output::table(&rows) {
            out.line(line.trim_end())?;
        }
    }
    Ok(if well { End::Well } else { End::Finding })
}

/// Reads `NAME=ADDRESS`.
fn origin(text: &str) -> anyhow::Result<Origin> {
    match text.split_once('=') {
        Some((name, address)) if !name.is_empty() && !address.is_empty() => Ok(Origin {
            name: name.to_owned(),
            address: address.to_owned(),
            enabled: true,
            weight: 1.0,
            rest: Map::new(),
        }),
        _ => Err(Usage::of(format!(
            "`{}` isn't `NAME=ADDRESS`\nhint: `--origin web-1=192.0.2.1`",
            text::escape(text)
        ))),
    }
}

fn change(
    session: &Session,
    account: &str,
    all: &[Pool],
    args: &OriginArgs,
    out: &mut Output,
) -> anyhow::Result<End> {
    if let Some(weight) = args.weight
        && !(0.0..=1.0).contains(&weight)
    {
        return Err(Usage::of("a share is a number from 0 to 1\nhint: `--weight 0.5`"));
    }
    let pool = one(all, &args.pool)?;
    let found =
        choose("origin", &args.origin, &pool.origins, |origin| (&origin.address, &origin.name))?;
    let mut wanted = found.clone();
    wanted.enabled = (found.enabled || args.enable) && !args.disable;
    wanted.weight = args.weight.unwrap_or(found.weight);
    let shown = format!("`{}` of `{}`", text::escape(&found.name), text::escape(&pool.name));
    let mut lines = Vec::new();
    if wanted.enabled != found.enabled {
        lines
            .push(format!("{shown} is {}", if wanted.enabled { "used" } else { "used no longer" }));
    }
    if (wanted.weight - found.weight).abs() > f64::EPSILON {
        lines.push(format!("{shown} has the share {} and had {}", wanted.weight, found.weight));
    }
    if lines.is_empty() {
        return Err(Usage::of(format!("{shown} is so already")));
    }
    // Origins go whole: those that aren't named would be removed.
    let origins: Vec<Origin> = pool
        .origins
        .iter()
        .map(|known| if std::ptr::eq(known, found) { wanted.clone() } else { known.clone() })
        .collect();
    if pool.enabled && !origins.iter().any(|origin| origin.enabled && origin.weight > 0.0) {
        lines.push("warning: then no origin of the pool is used".to_owned());
    }
    let calls = vec![pools::set_origins(account, &pool.id, &origins)];
    carry_out(session, args.consent, &Plan { lines, calls }, &format!("{shown} is changed"), out)
}

fn switch(
    session: &Session,
    account: &str,
    all: &[Pool],
    (named, enabled): (&Named, bool),
    out: &mut Output,
) -> anyhow::Result<End> {
    let pool = one(all, &named.pool)?;
    let shown = text::escape(&pool.name).into_owned();
    let state = if enabled { "used" } else { "not used" };
    if pool.enabled == enabled {
        return Err(Usage::of(format!("the pool `{shown}` is {state} already")));
    }
    let plan = Plan {
        lines: vec![format!("the pool `{shown}` is {state} from now on")],
        calls: vec![pools::enable(account, &pool.id, enabled)],
    };
    carry_out(session, named.consent, &plan, &format!("the pool `{shown}` is {state}"), out)
}

fn monitors(
    session: &Session,
    account: &str,
    command: &MonitorsCommand,
    out: &mut Output,
) -> anyhow::Result<End> {
    let all = || pools::monitors(&session.client, account).map_err(|error| told(&error));
    match command {
        MonitorsCommand::List => table(
            session,
            out,
            &["monitor", "looks by", "asks for", "expects", "every", "id"],
            &all()?,
            |row| {
                vec![
                    cell(&row.description),
                    cell(&row.kind),
                    cell(row.path.as_deref().unwrap_or_default()),
                    cell(row.expected_codes.as_deref().unwrap_or_default()),
                    row.interval.map_or_else(String::new, |secs| format!("{secs} s")),
                    cell(&row.id),
                ]
            },
        ),
        MonitorsCommand::Create { name, kind, path, expect, port, interval, consent } => {
            let asks = kind.starts_with("http");
            let mut rest = Map::new();
            if let Some(port) = port {
                rest.insert("port".to_owned(), json!(port));
            }
            let monitor = Monitor {
                id: String::new(),
                kind: kind.clone(),
                description: name.clone(),
                interval: Some(*interval),
                path: asks.then(|| path.clone()),
                expected_codes: asks.then(|| expect.clone()),
                rest,
            };
            let shown = text::escape(name).into_owned();
            let line = format!("make the monitor `{shown}`: {kind}, every {interval} s");
            let call = pools::create_monitor(account, &monitor);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("the monitor `{shown}` is made"), out)
        }
        MonitorsCommand::Delete { monitor: wanted, consent } => {
            let all = all()?;
            let found = monitor(&all, wanted)?;
            let shown = text::escape(&found.description).into_owned();
            let line = format!("remove the monitor `{shown}` ({})", text::escape(&found.id));
            let call = pools::delete_monitor(account, &found.id);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("the monitor `{shown}` is removed"), out)
        }
    }
}
