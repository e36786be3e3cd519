//! `riposte why`: everything that is known about a target, and of a prefix what lies inside it.

use super::journal::show_row;
use super::{decisions, doubt, reader, tell_doubt};
use crate::cli::args::WhyArgs;
use crate::cli::output::{Output, Style, table};
use crate::cli::{End, context, remote};
use crate::clock;
use crate::decisions::{Decision, Target};
use crate::event::{net, text};
use crate::store::Why;
use serde_json::json;
use std::path::Path;

/// Everything that is known about a target, newest first.
pub fn why(path: &Path, args: &WhyArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    let reader = reader(&config)?;
    let target = match remote::target(&args.target)? {
        // A single IPv6 address is one client, and that is its /64.
        Target::Net(one) if one.prefix_len() == one.max_prefix_len() => {
            Target::Net(net::client_net(one.addr()))
        }
        other => other,
    };
    let why = reader.why(&target, clock::now())?;
    let inside: Vec<Decision> = reader
        .in_force(clock::now())?
        .into_iter()
        .filter(|known| is_inside(known, &target))
        .collect();
    if args.json {
        let mut said = serde_json::to_value(&why)?;
        if let Some(fields) = said.as_object_mut() {
            fields.insert("inside".to_owned(), json!(inside));
        }
        out.json(&said)?;
        return Ok(End::Well);
    }
    let shown = text::escape(&target.to_string()).into_owned();
    let doubt = doubt(&config);
    if why.in_force.is_empty() {
        let whole = if inside.is_empty() { "" } else { " as a whole" };
        out.line(format!("{shown} is not blocked{whole}: nothing is in force for it"))?;
    } else {
        tell_doubt(doubt, out)?;
    }
    let stands = if doubt.is_some() { "is recorded" } else { "is in force" };
    for decision in &why.in_force {
        let head = format!("{} of {}", decision.remedy.name(), decision.target);
        let head = out.styled(Style::Red, head);
        out.line(format!(
            "{head} {stands}, {}: {} (by {}, since {})",
            left(decision),
            text::escape(&decision.reason),
            by(decision),
            decision.from
        ))?;
    }
    if !inside.is_empty() {
        out.line(format!("inside it {}:", text::count(inside.len(), "decision")))?;
        let rows: Vec<Vec<String>> = inside.iter().map(decisions::row).collect();
        for line in table(&rows) {
            out.line(format!("  {line}"))?;
        }
    }
    rest(&why, out)?;
    if why.journal.is_empty() {
        out.line("the journal holds nothing about it")?;
    } else {
        out.line("\nwhat happened, the newest first:")?;
    }
    for row in &why.journal {
        show_row(row, out)?;
    }
    Ok(End::Well)
}

/// What speaks for a target, and what it did.
fn rest(why: &Why, out: &mut Output) -> anyhow::Result<()> {
    for entry in &why.allowed {
        let line = format!("on the allowlist as `{}`: {}", entry.entry, text::escape(&entry.note));
        let line = out.styled(Style::Green, line);
        out.line(line)?;
    }
    for offence in &why.offences {
        out.line(format!(
            "{} against `{}`, the last at {}",
            text::count(offence.count, "offence"),
            offence.rule,
            offence.last
        ))?;
    }
    Ok(())
}

/// Whether a decision is about something inside a network that was asked about.
fn is_inside(decision: &Decision, target: &Target) -> bool {
    match (target.net(), decision.target.net()) {
        (Some(wide), Some(net)) => wide != net && wide.contains(&net),
        _ => false,
    }
}

fn left(decision: &Decision) -> String {
    match decision.until {
        None => "for ever".to_owned(),
        until => format!("{} left", remote::remaining(until)),
    }
}

fn by(decision: &Decision) -> String {
    if decision.hit.is_some() { format!("rule `{}`", decision.rule) } else { "hand".to_owned() }
}
