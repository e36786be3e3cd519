//! `riposte cf …`: Cloudflare from the command line. One file a thing that is shown or done.

mod apply;
pub mod changes;
mod account;
mod agents;
mod alerts;
mod analytics;
mod audit;
mod balancers;
mod billing;
mod blocks;
mod confirm;
mod dns;
mod events;
mod kv;
mod lists;
mod lockdowns;
mod logpush;
mod members;
mod new_tokens;
mod permissions;
mod pools;
mod purge;
mod rules;
mod settings;
mod rotate;
mod show;
mod status;
mod tokens;
mod warm;
mod zones;
mod workers;
mod worker_parts;

use super::output::{Output, Style};
use super::{End, Usage, context};
use crate::actions::CloudflareConfig;
use crate::actions::GLOBAL_KEY;
use crate::actions::cloudflare::verify::verify;
use crate::cloudflare::{Client, Trace, check_base};
use crate::event::text;
use crate::process::resolve_secret;
use apply::ApplyArgs;
use clap::{Args, Subcommand};
use dns::DnsCommand;
use ipnet::IpNet;
use purge::PurgeArgs;
use rules::{RateLimitCommand, WafCommand};
use settings::SettingsArgs;
use std::cell::OnceCell;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use warm::WarmArgs;
use zones::ZonesArgs;

/// A person waits this long for the budget within one call.
const PATIENCE: Duration = Duration::from_mins(1);

/// `riposte cf`
#[derive(Debug, Args)]
pub struct CfArgs {
    /// The `[[actions.cloudflare]]` of the config whose token is used, by its name; without one in
    /// the config, the token is taken from `CLOUDFLARE_API_TOKEN`
    #[arg(long, global = true, value_name = "NAME")]
    pub enforcer: Option<String>,
    /// The API's address, where it isn't the config's (`riposte sim` says its own)
    #[arg(long, global = true, value_name = "URL")]
    pub api: Option<String>,
    /// The token is the global API key of the user with this mail address; a token is better
    #[arg(long = "email", global = true, value_name = "EMAIL")]
    pub key_email: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Show every request and reply on standard error, without secrets
    #[arg(long, global = true)]
    pub trace: bool,
    /// What to do
    #[command(subcommand)]
    pub command: CfCommand,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum CfCommand {
    /// Is the token good, and may it see what the config asks for?
    Verify,
    /// Show the zones that the token sees; make, check or remove one
    Zones(ZonesArgs),
    /// Show or change a zone's settings
    Settings(SettingsArgs),
    /// Show, make, change or remove custom rules
    #[command(subcommand)]
    Waf(WafCommand),
    /// Show, make, change or remove rate limits
    #[command(subcommand)]
    Ratelimit(RateLimitCommand),
    /// Make a zone what a file says
    Apply(ApplyArgs),
    /// Show the temporary changes that rules made, with what was there before
    Changes {
        /// What to do with one
        #[command(subcommand)]
        command: Option<ChangesCommand>,
    },
    /// Show and change DNS records
    #[command(subcommand)]
    Dns(DnsCommand),
    /// Remove from a zone's cache
    Purge(PurgeArgs),
    /// Fetch pages of a zone, so that they are in its cache
    Warm(WarmArgs),
    /// Show the account's lists, or the items of one
    Lists {
        /// A list's name
        list: Option<String>,
    },
    /// Show who is kept out or challenged there by riposte, of this and other machines
    Blocks,
    /// Can the API be reached, is there an incident, and how many calls are left?
    Status,
    /// Show API tokens and what is wrong with them; make, rotate or remove one
    Tokens(tokens::TokensArgs),
    /// Show the account's members; invite, change and remove them
    Members(members::MembersArgs),
    /// Show who changed what
    Audit(audit::AuditArgs),
    /// Show a zone's traffic and what its rules did
    Analytics(analytics::AnalyticsArgs),
    /// Show what a zone's rules did, one event a line
    Events(events::EventsArgs),
    /// Show, make or remove a zone's user agent rules
    #[command(subcommand)]
    Agents(agents::AgentsCommand),
    /// Show, make or remove a zone's lockdowns: URLs that only some addresses may ask for
    #[command(subcommand)]
    Lockdowns(lockdowns::LockdownsCommand),
    /// Show pools of origins and how these are; make, change or remove one
    Pools(pools::PoolsArgs),
    /// Show, make, change or remove a zone's load balancers
    #[command(subcommand)]
    Balancers(balancers::BalancersCommand),
    /// Show the jobs that push logs somewhere; make, switch or remove one
    Logpush(logpush::LogpushArgs),
    /// Show the webhooks of notifications, and of what they tell; make or remove one
    Alerts(alerts::AlertsArgs),
    /// Show subscriptions and what was used
    Billing,
    /// Deploy, list and remove Workers
    #[command(subcommand)]
    Workers(workers::WorkersCommand),
    /// Read and write Workers KV
    #[command(subcommand)]
    Kv(kv::KvCommand),
}

/// `riposte cf changes`
#[derive(Debug, Subcommand)]
pub enum ChangesCommand {
    /// End one before its time: what was there before comes back
    End {
        /// Its number
        number: u64,
    },
}

/// What a command works with.
struct Session {
    client: Client,
    config: CloudflareConfig,
    /// Proxies that the config trusts.
    proxies: Vec<IpNet>,
    json: bool,
    /// The account, once it was asked for.
    account: OnceCell<String>,
}

/// Runs one of them.
pub fn cf(path: &Path, args: &CfArgs, out: &mut Output) -> anyhow::Result<End> {
    if let CfCommand::Warm(warming) = &args.command {
        return warm::warm(warming, args.json, out);
    }
    if let CfCommand::Changes { command } = &args.command {
        return changes::changes(path, command.as_ref(), args.json, out);
    }
    let session = session(path, args)?;
    match &args.command {
        CfCommand::Verify => show_checks(path, &session, out),
        CfCommand::Zones(args) => zones::zones(&session, args, out),
        CfCommand::Settings(args) => settings::settings(&session, args, out),
        CfCommand::Waf(command) => rules::waf(&session, command, out),
        CfCommand::Ratelimit(command) => rules::rate_limits(&session, command, out),
        CfCommand::Apply(args) => apply::apply(&session, args, out),
        // They need no token.
        CfCommand::Changes { .. } => Ok(End::Well),
        CfCommand::Dns(command) => dns::dns(&session, command, out),
        // Needs no token, and was done above.
        CfCommand::Warm(args) => warm::warm(args, session.json, out),
        CfCommand::Purge(args) => purge::purge(&session, args, out),
        CfCommand::Lists { list } => lists::lists(&session, list.as_deref(), out),
        CfCommand::Blocks => blocks::run(&session, out),
        CfCommand::Status => status::run(&session, out),
        CfCommand::Tokens(args) => tokens::run(&session, args, out),
        CfCommand::Members(args) => members::run(&session, args, out),
        CfCommand::Audit(args) => audit::run(&session, args, out),
        CfCommand::Analytics(args) => analytics::run(&session, args, out),
        CfCommand::Events(args) => events::run(&session, args, out),
        CfCommand::Agents(command) => agents::run(&session, command, out),
        CfCommand::Lockdowns(command) => lockdowns::run(&session, command, out),
        CfCommand::Pools(args) => pools::run(&session, args, out),
        CfCommand::Balancers(command) => balancers::run(&session, command, out),
        CfCommand::Logpush(args) => logpush::run(&session, args, out),
        CfCommand::Alerts(args) => alerts::run(&session, args, out),
        CfCommand::Billing => billing::run(&session, out),
        CfCommand::Workers(command) => workers::run(&session, command, out),
        CfCommand::Kv(command) => kv::run(&session, command, out),
    }
}

fn session(path: &Path, args: &CfArgs) -> anyhow::Result<Session> {
    let whole = context::config_or_default(path)?;
    crate::cloudflare::keep_stops_in(&whole.state_dir);
    let proxies = whole.guard.proxy_nets();
    let all = whole.actions.cloudflare;
    let chosen = match &args.enforcer {
        None => all.into_iter().next(),
        Some(name) => {
            let found = all.into_iter().find(|account| account.name == *name);
            Some(found.ok_or_else(|| {
                let name = text::escape(name);
                Usage::of(format!("the config has no `[[actions.cloudflare]]` named `{name}`"))
            })?)
        }
    };
    let mut config = match chosen {
        Some(config) => config,
        None => toml::from_str("token = \"env:CLOUDFLARE_API_TOKEN\"")?,
    };
    if let Some(api) = &args.api {
        check_base(api).map_err(Usage::of)?;
        config.api.clone_from(api);
    }
    let token = resolve_secret(&config.token).map_err(Usage::of)?;
    let trace = args.trace.then(|| {
        Trace::new(|text| {
            // Nobody is helped by an end because standard error is closed.
            drop(writeln!(std::io::stderr(), "{}", text::escape(text)));
        })
    });
    if args.key_email.is_some() {
        config.email.clone_from(&args.key_email);
    }
    if config.email.is_some() {
        let (message, hint) = GLOBAL_KEY;
        // Nobody is helped by an end because standard error is closed.
        drop(writeln!(std::io::stderr(), "warning: {message}\nhint: {hint}"));
    }
    let client = config.client(token, PATIENCE).with_trace(trace);
    Ok(Session { client, config, proxies, json: args.json, account: OnceCell::new() })
}

fn show_checks(path: &Path, session: &Session, out: &mut Output) -> anyhow::Result<End> {
    let whole = context::config_or_default(path)?;
    let asked = context::rules(&whole, &[]).loaded.set.cloudflare_calls();
    let checks = verify(&session.client, &session.config, &session.proxies, &asked);
    let well = checks.iter().all(|check| check.well);
    for check in &checks {
        if session.json {
            out.json(check)?;
            continue;
        }
        let (word, style) = if check.well { ("well", Style::Green) } else { ("ill", Style::Red) };
        let word = out.styled(style, format!("{word:<5}"));
        out.line(format!("{word} {}: {}", check.what, text::escape(&check.found)))?;
        if let Some(hint) = &check.hint {
            out.line(format!("      hint: {}", text::escape(hint)))?;
        }
    }
    Ok(if well { End::Well } else { End::Finding })
}

/// Whatever Cloudflare said, escaped for a terminal, line by line.
fn told(error: &crate::cloudflare::ApiError) -> anyhow::Error {
    let lines: Vec<String> =
        error.to_string().lines().map(|line| text::escape(line).into_owned()).collect();
    Usage::of(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use crate::actions::cloudflare::needs;
    use crate::rules::{self, Place};

    #[test]
    fn every_function_of_rules_has_its_permission() {
        for entry in rules::book().iter().filter(|entry| entry.place == Place::Cloudflare) {
            assert!(needs::knows(entry.name), "cf::{}", entry.name);
        }
    }
}
