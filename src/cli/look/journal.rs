//! `riposte journal`: what happened, and a journal entry in words.

use super::reader;
use crate::cli::args::JournalArgs;
use crate::cli::output::{Output, Style};
use crate::cli::{End, Usage, context, remote};
use crate::clock::{self, format_duration, parse_duration};
use crate::decisions::{Action, Effect, Outcome, Verdict};
use crate::event::text;
use crate::store::{DecisionRow, Entry, JournalQuery, JournalRow};
use std::path::Path;

/// What happened.
pub fn journal(path: &Path, args: &JournalArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    let reader = reader(&config)?;
    let since = parse_duration(&args.since).map_err(Usage::of)?;
    let target = args.target.as_deref().map(remote::target).transpose()?;
    let query = JournalQuery {
        rule: args.rule.clone(),
        target,
        since: Some(clock::now().minus(since)),
        limit: args.limit,
        ..JournalQuery::default()
    };
    let mut rows = reader.journal(&query)?;
    if rows.is_empty()
        && let Some(rule) = &args.rule
    {
        // What was never a rule has no rows either.
        known_rule(&config, rule)?;
    }
    // The query gives the newest first; a journal is read downwards.
    rows.reverse();
    for row in &rows {
        if args.json {
            out.json(row)?;
        } else {
            show_row(row, out)?;
        }
    }
    Ok(End::Well)
}

/// A row with its evidence.
pub(super) fn show_row(row: &JournalRow, out: &mut Output) -> anyhow::Result<()> {
    let (word, what) = words(&row.entry);
    let time = out.styled(Style::Dim, row.recorded.to_string());
    let word = out.styled(Style::Bold, word);
    out.line(format!("{time}  {word}  {}", text::escape(&what)))?;
    if let Entry::Hit { hit, .. } = &row.entry {
        for evidence in &hit.evidence {
            let place = if evidence.line > 0 {
                format!("{}:{}", evidence.source, evidence.line)
            } else {
                format!("{}@{}", evidence.source, evidence.offset)
            };
            let line =
                format!("    {place}  {}", text::escape_cut(evidence.record.as_bytes(), 200));
            let line = out.styled(Style::Dim, line);
            out.line(line)?;
        }
    }
    Ok(())
}

fn known_rule(config: &crate::config::Config, name: &str) -> anyhow::Result<()> {
    let loaded = context::rules(config, &[]);
    let mut names = loaded.loaded.set.rules().iter().map(|rule| &*rule.name);
    if names.clone().any(|known| known == name) {
        return Ok(());
    }
    Err(Usage::of(context::no_rule(name, &mut names)))
}

/// A journal entry in a word and a sentence.
fn words(entry: &Entry) -> (&'static str, String) {
    match entry {
        Entry::Hit { hit, repeats, .. } => {
            let again = if *repeats > 0 {
                format!(", and {} more", text::count(*repeats, "time"))
            } else {
                String::new()
            };
            (
                "hit",
                format!("rule `{}` fired for {} (count {}){again}", hit.rule, hit.key, hit.count),
            )
        }
        Entry::Decision { row: DecisionRow { decision, verdict }, .. } => {
            let length = decision.duration().map_or_else(
                || "for ever".to_owned(),
                |long| format!("for {}", format_duration(long)),
            );
            (
                "decision",
                format!(
                    "{} {} {length}: {} (guard: {})",
                    decision.remedy.name(),
                    decision.target,
                    decision.reason,
                    verdict.words()
                ),
            )
        }
        Entry::Action { action, state, guard, .. } => {
            let state = match guard {
                Verdict::Pass => state.clone(),
                other => other.words(),
            };
            ("action", format!("{}: {state}", action_words(action)))
        }
        Entry::Outcome { destination, outcome, target, .. } => {
            let whom = target.as_ref().map_or(String::new(), |target| format!(" for {target}"));
            ("outcome", format!("{}{whom} at {destination}", outcome_words(outcome)))
        }
        Entry::Lift { lift, ended } => (
            "lift",
            format!(
                "{}: {} ({} ended, by {})",
                lift.target,
                lift.reason,
                text::count(*ended, "decision"),
                lift.by
            ),
        ),
        Entry::Note { note } => ("note", format!("{}: {}", note.topic, note.text)),
    }
}

fn action_words(action: &Action) -> String {
    match action {
        Action::Enforce { decision } => {
            format!("put {} of {} in force", decision.remedy.name(), decision.target)
        }
        Action::Lift { target, .. } => format!("lift {target}"),
        Action::Perform { effect, .. } => effect_words(effect),
    }
}

/// What an effect does.
pub fn effect_words(effect: &Effect) -> String {
    match effect {
        Effect::Notify { channel, message } => format!("notify `{channel}`: {message}"),
        Effect::Webhook { name, .. } => format!("webhook `{name}`"),
        Effect::Exec { name, args } => format!("run `{name}` {}", args.join(" ")),
        Effect::Log { message } => format!("log: {message}"),
        Effect::Cloudflare(ask) => format!("Cloudflare: {}", ask.words()),
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    let value = serde_json::to_value(outcome).unwrap_or_default();
    let word = value.get("outcome").and_then(serde_json::Value::as_str).unwrap_or("?");
    match value.get("detail").and_then(serde_json::Value::as_str) {
        Some(detail) => format!("{word} ({detail})"),
        None => word.to_owned(),
    }
}
