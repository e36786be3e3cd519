//! `riposte cf waf` and `riposte cf ratelimit`: the rules of a zone, one made or changed by its
//! reference, one removed.

use super::confirm::agreed;
use super::{Session, show, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::Call;
use crate::cloudflare::plans::Level;
use crate::cloudflare::rules::{CustomRule, RateLimit};
use crate::cloudflare::rulesets::{self, CUSTOM, RATE_LIMIT, Rule, Ruleset};
use crate::cloudflare::zones::Zone;
use crate::event::text;
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// `riposte cf waf`
#[derive(Debug, Subcommand)]
pub enum WafCommand {
    /// Show a zone's custom rules
    List {
        /// The zone's name, or its id
        zone: String,
    },
    /// Make a rule, or change the one with this reference
    Set(WafArgs),
    /// Remove the rule with this reference
    Remove(RemoveArgs),
}

/// `riposte cf waf set`
#[derive(Debug, Args)]
pub struct WafArgs {
    /// The zone's name, or its id
    pub zone: String,
    /// The name by which the rule is found again
    pub reference: String,
    /// `block`, `managed_challenge`, `js_challenge`, `challenge`, `log` or `skip`
    #[arg(long)]
    pub action: String,
    /// When it applies, in Cloudflare's words (`http.request.uri.path eq "/login"`)
    #[arg(long)]
    pub expression: String,
    /// What it is for
    #[arg(long, default_value = "")]
    pub description: String,
    /// What `skip` leaves out (`rules`, `rate_limits`, `managed`, `bots` or a product); may be given
    /// several times
    #[arg(long, value_name = "WHAT")]
    pub skip: Vec<String>,
    /// Keep it, switched off
    #[arg(long)]
    pub off: bool,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// `riposte cf ratelimit`
#[derive(Debug, Subcommand)]
pub enum RateLimitCommand {
    /// Show a zone's rate limits
    List {
        /// The zone's name, or its id
        zone: String,
    },
    /// Make a rate limit, or change the one with this reference
    Set(RateLimitArgs),
    /// Remove the rate limit with this reference
    Remove(RemoveArgs),
}

/// `riposte cf ratelimit set`
#[derive(Debug, Args)]
pub struct RateLimitArgs {
    /// The zone's name, or its id
    pub zone: String,
    /// The name by which the limit is found again
    pub reference: String,
    /// Which requests it is about, in Cloudflare's words
    #[arg(long)]
    pub expression: String,
    /// So many requests are let through in a period
    #[arg(long)]
    pub requests: u32,
    /// The period, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub period: u32,
    /// For how long it acts beyond the limit, in seconds; none with a challenge
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u32>,
    /// `block`, `managed_challenge`, `js_challenge`, `challenge` or `log`
    #[arg(long, default_value = "block")]
    pub action: String,
    /// What is counted apart, an address without; may be given several times
    #[arg(long, value_name = "CHARACTERISTIC")]
    pub by: Vec<String>,
    /// What it is for
    #[arg(long, default_value = "")]
    pub description: String,
    /// Keep it, switched off
    #[arg(long)]
    pub off: bool,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// What is removed.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The zone's name, or its id
    pub zone: String,
    /// The rule's reference, or its id
    pub reference: String,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// Custom rules.
pub fn waf(session: &Session, command: &WafCommand, out: &mut Output) -> anyhow::Result<End> {
    match command {
        WafCommand::List { zone } => list(session, zone, CUSTOM, out),
        WafCommand::Remove(args) => remove(session, args, CUSTOM, out),
        WafCommand::Set(args) => {
            let rule: CustomRule = typed(json!({
                "ref": args.reference, "action": args.action, "expression": args.expression,
                "description": args.description, "skip": args.skip, "enabled": !args.off,
            }))?;
            let zone = show::zone(session, &args.zone)?;
            right(&rule.faults(Level::of(&zone)))?;
            put(session, &zone, CUSTOM, &rule.body(), args.yes, out)
        }
    }
}

/// Rate limits.
pub fn rate_limits(
    session: &Session,
    command: &RateLimitCommand,
    out: &mut Output,
) -> anyhow::Result<End> {
    match command {
        RateLimitCommand::List { zone } => list(session, zone, RATE_LIMIT, out),
        RateLimitCommand::Remove(args) => remove(session, args, RATE_LIMIT, out),
        RateLimitCommand::Set(args) => {
            let acts = matches!(args.action.as_str(), "block" | "log");
            let timeout = args.timeout.unwrap_or(if acts { 10 } else { 0 });
            let mut fields = json!({
                "ref": args.reference, "action": args.action, "expression": args.expression,
                "description": args.description, "requests": args.requests,
                "period_secs": args.period, "timeout_secs": timeout, "enabled": !args.off,
            });
            if let (false, Some(fields)) = (args.by.is_empty(), fields.as_object_mut()) {
                fields.insert("by".to_owned(), json!(args.by));
            }
            let rule: RateLimit = typed(fields)?;
            let zone = show::zone(session, &args.zone)?;
            right(&rule.faults(Level::of(&zone)))?;
            put(session, &zone, RATE_LIMIT, &rule.body(), args.yes, out)
        }
    }
}

fn typed<T: DeserializeOwned>(fields: Value) -> anyhow::Result<T> {
    serde_json::from_value(fields).map_err(|error| Usage::of(text::escape(&error.to_string())))
}

/// That nothing is wrong, or all that is.
pub fn right(faults: &[String]) -> anyhow::Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let lines = faults.iter().flat_map(|fault| fault.lines());
    let told: Vec<String> = lines.map(|line| text::escape(line).into_owned()).collect();
    Err(Usage::of(told.join("\n")))
}

fn present(session: &Session, zone: &Zone, phase: &str) -> anyhow::Result<Option<Ruleset>> {
    rulesets::read(&session.client, &zone.id, phase).map_err(|error| told(&error))
}

fn list(session: &Session, zone: &str, phase: &str, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, zone)?;
    let rules = present(session, &zone, phase)?.map(|set| set.rules).unwrap_or_default();
    if session.json {
        for rule in &rules {
            out.json(rule)?;
        }
        return Ok(End::Well);
    }
    let head: &[&str] = if phase == RATE_LIMIT {
        &["ref", "on", "action", "limit", "expression"]
    } else {
        &["ref", "on", "action", "expression"]
    };
    let mut rows = vec![head.iter().map(|word| out.styled(Style::Bold, word)).collect::<Vec<_>>()];
    for rule in &rules {
        let on = if rule.enabled == Some(false) { "no" } else { "yes" };
        let mut row = vec![rule.reference.clone(), on.to_owned(), rule.action.clone()];
        if phase == RATE_LIMIT {
            row.push(limit(rule));
        }
        row.push(rule.expression.clone());
        rows.push(row.iter().map(|cell| text::escape(cell).into_owned()).collect());
    }
    for line in output::table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}

/// A rate limit in short: `10 in 10 s, then 60 s`.
fn limit(rule: &Rule) -> String {
    let number = |name: &str| {
        let value = rule.rest.get("ratelimit").and_then(|limit| limit.get(name));
        value.and_then(Value::as_f64).unwrap_or(0.0)
    };
    format!(
        "{} in {} s, then {} s",
        number("requests_per_period"),
        number("period"),
        number("mitigation_timeout")
    )
}

fn put(
    session: &Session,
    zone: &Zone,
    phase: &str,
    wanted: &Value,
    yes: bool,
    out: &mut Output,
) -> anyhow::Result<End> {
    let before = present(session, zone, phase)?;
    let reference = wanted.get("ref").and_then(Value::as_str).unwrap_or_default();
    let Some(call) = rulesets::put(&zone.id, phase, before.as_ref(), wanted) else {
        return tell(session, reference, "unchanged", out);
    };
    let known = before.as_ref().and_then(|set| set.rule(reference));
    if !session.json {
        if let Some(known) = known {
            out.line(out.styled(Style::Red, format!("- {}", shown(&known.kept()))))?;
        }
        out.line(out.styled(Style::Green, format!("+ {}", shown(wanted))))?;
    }
    let made = |now: Option<&Ruleset>| {
        now.and_then(|set| set.rule(reference)).is_some_and(|rule| rule.does(wanted))
    };
    let word = if known.is_some() { "changed" } else { "made" };
    if !carry_out(session, (zone, phase), &call, yes, made, out)? {
        return Ok(End::Finding);
    }
    tell(session, reference, word, out)
}

fn remove(
    session: &Session,
    args: &RemoveArgs,
    phase: &str,
    out: &mut Output,
) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let before = present(session, &zone, phase)?;
    let found = before.as_ref().and_then(|set| {
        let rule = set
            .rules
            .iter()
            .find(|rule| rule.reference == args.reference || rule.id == args.reference)?;
        Some((set, rule))
    });
    let Some((set, rule)) = found else {
        return Err(Usage::of(format!(
            "the zone has no such rule `{}`\nhint: `list` shows their references",
            text::escape(&args.reference)
        )));
    };
    if !session.json {
        out.line(out.styled(Style::Red, format!("- {}", shown(&rule.kept()))))?;
    }
    let call = rulesets::in_phase(rulesets::delete_rule(&zone.id, &set.id, &rule.id), phase);
    let gone = |now: Option<&Ruleset>| {
        now.is_none_or(|set| set.rules.iter().all(|known| known.id != rule.id))
    };
    if !carry_out(session, (&zone, phase), &call, args.yes, gone, out)? {
        return Ok(End::Finding);
    }
    tell(session, &args.reference, "removed", out)
}

/// Asks, sends, and reads back where no whole reply came.
fn carry_out(
    session: &Session,
    (zone, phase): (&Zone, &str),
    call: &Call,
    yes: bool,
    is_made: impl Fn(Option<&Ruleset>) -> bool,
    out: &mut Output,
) -> anyhow::Result<bool> {
    if !agreed(yes, out)? {
        return Ok(false);
    }
    if let Err(error) = session.client.send(call) {
        let made = error.may_have_happened() && is_made(present(session, zone, phase)?.as_ref());
        if !made {
            return Err(told(&error));
        }
    }
    Ok(true)
}

/// A rule in one line.
fn shown(rule: &Value) -> String {
    let part = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{}: {} {}", part("ref"), part("action"), part("expression"));
    for name in ["ratelimit", "action_parameters"] {
        if let Some(value) = rule.get(name) {
            line = format!("{line} {value}");
        }
    }
    if rule.get("enabled").and_then(Value::as_bool) == Some(false) {
        line.push_str(" (off)");
    }
    text::escape(&line).into_owned()
}

fn tell(session: &Session, reference: &str, word: &str, out: &mut Output) -> anyhow::Result<End> {
    if session.json {
        out.json(&json!({ "ref": reference, "outcome": word }))?;
    } else {
        let done = out.styled(Style::Green, word);
        out.line(format!("{done} {}", text::escape(reference)))?;
    }
    Ok(End::Well)
}
