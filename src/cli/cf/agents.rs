//! `riposte cf agents`: user agent rules of a zone, one user agent each, word for word.

use super::account::{Plan, carry_out, cell, choose, table};
use super::confirm::Consent;
use super::{Session, show, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::agents::{self, AgentRule, Mode};
use crate::cloudflare::plans::Level;
use crate::cloudflare::zones::Zone;
use crate::event::text;
use clap::{Args, Subcommand, ValueEnum};

/// `riposte cf agents`
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// Show a zone's user agent rules
    List {
        /// The zone's name, or its id
        zone: String,
    },
    /// Make a rule for a user agent
    Add {
        /// The zone's name, or its id
        zone: String,
        /// The user agent, word for word
        agent: String,
        /// What is done with it
        #[arg(long, value_enum, default_value_t = Does::Block)]
        mode: Does,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Switch a rule on
    On(Named),
    /// Keep a rule, switched off
    Off(Named),
    /// Remove a rule
    Remove(Named),
}

/// A rule that is there.
#[derive(Debug, Args)]
pub struct Named {
    /// The zone's name, or its id
    zone: String,
    /// The rule's user agent, its beginning, or its id
    rule: String,
    #[command(flatten)]
    consent: Consent,
}

/// What is done with a user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Does {
    /// Refuse
    Block,
    /// Cloudflare chooses a challenge
    ManagedChallenge,
    /// A challenge without a person's help
    JsChallenge,
    /// A challenge that a person answers
    Challenge,
}

impl Does {
    const fn mode(self) -> Mode {
        match self {
            Self::Block => Mode::Block,
            Self::ManagedChallenge => Mode::ManagedChallenge,
            Self::JsChallenge => Mode::JsChallenge,
            Self::Challenge => Mode::Challenge,
        }
    }
}

fn all(session: &Session, zone: &Zone) -> anyhow::Result<Vec<AgentRule>> {
    agents::all(&session.client, &zone.id).map_err(|error| told(&error))
}

fn one<'r>(rules: &'r [AgentRule], wanted: &str) -> anyhow::Result<&'r AgentRule> {
    choose("user agent rule", wanted, rules, |rule| (&rule.id, &rule.configuration.value))
}

/// Runs one of them.
pub fn run(session: &Session, command: &AgentsCommand, out: &mut Output) -> anyhow::Result<End> {
    match command {
        AgentsCommand::List { zone } => {
            let rules = all(session, &show::zone(session, zone)?)?;
            table(session, out, &["user agent", "done", "state", "for", "id"], &rules, |rule| {
                vec![
                    cell(&rule.configuration.value),
                    cell(&rule.mode),
                    if rule.paused { "off" } else { "on" }.to_owned(),
                    cell(&rule.description),
                    cell(&rule.id),
                ]
            })
        }
        AgentsCommand::Add { zone, agent, mode, description, consent } => {
            let zone = show::zone(session, zone)?;
            let rules = all(session, &zone)?;
            let shown = text::escape(agent).into_owned();
            if let Some(rule) = rules.iter().find(|rule| rule.configuration.value == *agent) {
                return Err(Usage::of(format!(
                    "there is a rule for `{shown}` already ({})\nhint: remove it first",
                    text::escape(&rule.id)
                )));
            }
            if let Some(level) = Level::of(&zone)
                && rules.len() >= level.limits().agent_rules
            {
                return Err(Usage::of(format!(
                    "the zone has {}, and its plan ({}) has room for no more\nhint: a custom rule can look at several user agents: `riposte cf waf set`",
                    text::count(rules.len(), "user agent rule"),
                    level.name()
                )));
            }
            let done = mode.to_possible_value().map(|value| value.get_name().to_owned());
            let done = done.unwrap_or_default();
            let line = format!("{}: `{done}` for `{shown}`", text::escape(&zone.name));
            let call = agents::create(&zone.id, mode.mode(), agent, description);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("the rule for `{shown}` is made"), out)
        }
        AgentsCommand::On(named) => switch(session, named, false, out),
        AgentsCommand::Off(named) => switch(session, named, true, out),
        AgentsCommand::Remove(Named { zone, rule, consent }) => {
            let zone = show::zone(session, zone)?;
            let rules = all(session, &zone)?;
            let rule = one(&rules, rule)?;
            let shown = text::escape(&rule.configuration.value).into_owned();
            let (mode, name) = (text::escape(&rule.mode), text::escape(&zone.name));
            let line = format!("{name}: no more `{mode}` for `{shown}`");
            let call = agents::delete(&zone.id, &rule.id);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("the rule for `{shown}` is removed"), out)
        }
    }
}

fn switch(session: &Session, named: &Named, paused: bool, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &named.zone)?;
    let rules = all(session, &zone)?;
    let rule = one(&rules, &named.rule)?;
    let shown = text::escape(&rule.configuration.value).into_owned();
    let state = if paused { "off" } else { "on" };
    if rule.paused == paused {
        return Err(Usage::of(format!("the rule for `{shown}` is {state} already")));
    }
    let line = format!("{}: the rule for `{shown}` is {state}", text::escape(&zone.name));
    let call = agents::switch(&zone.id, rule, paused);
    let plan = Plan { lines: vec![line], calls: vec![call] };
    carry_out(session, named.consent, &plan, &format!("the rule for `{shown}` is {state}"), out)
}
