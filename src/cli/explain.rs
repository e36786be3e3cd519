//! `riposte explain`: what one line becomes, and what each rule makes of it.

use super::output::{Output, Style, table};
use super::{End, context, formats};
use crate::clock::{self, Timestamp};
use crate::decisions::Mode;
use crate::event::{Event, Kind, text};
use crate::pipeline::live::real_client;
use crate::rules::{Rule, RuleSet};
use bytes::Bytes;
use clap::{Args, ValueHint};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `riposte explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The line, as it stands in the log
    pub line: String,
    /// The format of the line: a format's name or a source's (`source:NAME`); `auto` takes what the
    /// line looks like, or the source that finds the most in it
    #[arg(long, value_name = "FORMAT", default_value = formats::AUTO)]
    pub format: String,
    /// Take the rules from this folder or file
    #[arg(long, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a rule makes of an event.
struct Opinion<'r> {
    rule: &'r Rule,
    /// Why it looks no further, or that it counts the event.
    what: String,
    matched: bool,
    key: Option<String>,
    fault: Option<String>,
}

/// Explains one line.
pub fn explain(config: &Path, args: &ExplainArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config_or_default(config)?;
    let rules = context::rules_to_run(&config, &args.rules, out)?;
    let record = Bytes::copy_from_slice(args.line.trim_end().as_bytes());
    let chosen = formats::of_line(&config, &args.format, &record)?;
    let (words, format, source) = (chosen.words(), chosen.format, chosen.source);
    let mut parser = chosen.parser;
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    event.reset(record.clone());
    if let Err(why) = parser.parse(&record, clock::now(), &mut event) {
        if args.json {
            out.json(&json!({ "format": format, "source": source, "error": why.to_string() }))?;
        } else {
            let line = format!("not a line of format {words}: {why}");
            let line = out.styled(Style::Red, line);
            out.line(line)?;
        }
        return Ok(End::Finding);
    }
    real_client(&config).apply(&mut event);
    let event = Arc::new(event);
    let opinions = opinions(&rules, &event);
    if args.json {
        let rules: Vec<_> = opinions
            .iter()
            .map(|opinion| {
                json!({
                    "rule": &*opinion.rule.name,
                    "matched": opinion.matched,
                    "what": opinion.what,
                    "key": opinion.key,
                    "fault": opinion.fault,
                })
            })
            .collect();
        out.json(&json!({
            "format": format,
            "source": source,
            "event": event.to_json(),
            "rules": rules,
        }))?;
        return Ok(End::Well);
    }
    show(&words, &event, &opinions, out)
}

fn opinions<'r>(rules: &'r RuleSet, event: &Arc<Event>) -> Vec<Opinion<'r>> {
    let mut found = Vec::new();
    let mut faults = Vec::new();
    rules.candidates_shared(event, &mut found, &mut faults);
    let opinion = |(number, rule): (u32, &'r Rule)| {
        let fault = faults.iter().find(|(at, _)| *at == number).map(|(_, text)| text.clone());
        let matched = found.contains(&number);
        let sample = matched.then(|| rules.sample(number, event));
        let (key, key_fault) = match sample {
            Some(Ok(Some((key, _)))) => (Some(key.to_string()), None),
            Some(Err(fault)) => (None, Some(fault.to_string())),
            _ => (None, None),
        };
        let listens = rule.kinds.is_empty() || rule.kinds.contains(&event.kind);
        let what = if rule.mode == Mode::Off {
            "is off".to_owned()
        } else if !listens {
            let kinds: Vec<&str> = rule.kinds.iter().map(Kind::name).collect();
            format!("listens to {}, not to {}", kinds.join(", "), event.kind)
        } else if fault.is_some() {
            "its predicate failed".to_owned()
        } else if !matched {
            "its predicate is false".to_owned()
        } else if key.is_none() {
            "matches, but the event lacks what the key or the window needs".to_owned()
        } else {
            format!("matches; fires at: {}", rule.window_words())
        };
        Opinion { rule, what, matched, key, fault: fault.or(key_fault) }
    };
    (0_u32..).zip(rules.rules()).map(opinion).collect()
}

fn show(
    format: &str,
    event: &Event,
    opinions: &[Opinion<'_>],
    out: &mut Output,
) -> anyhow::Result<End> {
    let head =
        out.styled(Style::Bold, format!("parsed as {format}: {} at {}", event.kind, event.time));
    out.line(head)?;
    for (name, value) in event.fields() {
        out.line(format!("  {name} = {}", text::escape(&value.to_text())))?;
    }
    let head = out.styled(Style::Bold, "\nrules");
    out.line(head)?;
    let mut rows = Vec::new();
    for opinion in opinions {
        let style = match (&opinion.fault, opinion.matched) {
            (Some(_), _) => Style::Red,
            (None, true) => Style::Green,
            (None, false) => Style::Dim,
        };
        let mut what = opinion.what.clone();
        if let Some(key) = &opinion.key {
            write!(what, "; key {}", text::escape(key)).ok();
        }
        if let Some(fault) = &opinion.fault {
            write!(what, " ({})", text::escape(fault)).ok();
        }
        rows.push(vec![format!("  {}", out.styled(style, &*opinion.rule.name)), what]);
    }
    for line in table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}
