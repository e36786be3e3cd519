//! `riposte replay`: what the rules would have done on past logs.
//!
//! The JSON shapes are a contract: scripts depend on them.

use super::output::{Output, Style};
use super::{End, Usage, context, formats, parse};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::decisions::Decision;
use crate::event::text;
use crate::pipeline::core::Firing;
use crate::pipeline::live::real_client;
use crate::pipeline::replay::{Input, ReplayEnd, Totals, replay as run};
use clap::{Args, ValueHint};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `riposte replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Log files, plain or gzip; `-` is standard input
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Take the rules from this folder or file
    #[arg(long, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// The format of the lines: a format's name or a source's (`source:NAME`); `auto` takes the
    /// source whose `paths` name the file, else what the first lines look like
    #[arg(long, value_name = "FORMAT", default_value = formats::AUTO)]
    pub format: String,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Replays files through the rules and prints what would have been decided.
pub fn replay(config: &Path, args: &ReplayArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config_or_default(config)?;
    let rules = context::rules_to_run(&config, &args.rules, out)?;
    let facts = context::StandingFacts::new(&config);
    let inputs = inputs(&config, args, out)?;
    let mut core = context::replay_core(&config, rules);
    let mut report = Report { facts, json: args.json, faults: 0, rules: BTreeMap::new() };
    let mut gone = None;
    let started = Instant::now();
    let mut progress = Progress::new(started);
    let ended = run(
        inputs,
        &mut core,
        &real_client(&config),
        |firing| match report.firing(&firing, out) {
            Ok(()) => true,
            Err(error) => {
                gone = Some(error);
                false
            }
        },
        |totals| progress.show(totals),
    );
    progress.clear();
    let totals = match ended {
        Ok(totals) => totals,
        Err(ReplayEnd::Stopped) => return Err(gone.unwrap_or_else(|| anyhow::anyhow!("stopped"))),
        Err(ReplayEnd::Read(error)) => return Err(Usage::of(error)),
    };
    report.summary(&totals, started.elapsed().as_secs_f64(), out)?;
    Ok(End::Well)
}

/// Opens the files, each with the parser of its format.
fn inputs(config: &Config, args: &ReplayArgs, out: &mut Output) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for file in &args.files {
        let name = file.to_string_lossy();
        let mut replay = parse::open(&name)?;
        let chosen = formats::of_file(config, &args.format, &name, &mut replay)?;
        if !args.json {
            formats::tell(&name, &args.format, &chosen, out)?;
        }
        inputs.push(Input { replay, parser: chosen.parser });
    }
    Ok(inputs)
}

/// What is printed.
struct Report {
    facts: context::StandingFacts,
    json: bool,
    faults: u64,
    /// Hits and decisions of each rule.
    rules: BTreeMap<String, (u64, u64)>,
}

impl Report {
    fn firing(&mut self, firing: &Firing, out: &mut Output) -> anyhow::Result<()> {
        let counts = self.rules.entry(firing.hit.rule.to_string()).or_default();
        counts.0 += 1;
        counts.1 += firing.decisions.len() as u64;
        if let Some(fault) = &firing.fault {
            self.faults += 1;
            tracing::warn!(rule = &*firing.hit.rule, %fault, "the rule's body failed");
        }
        if self.json {
            out.json(&HitLine::of(firing))?;
            for decision in &firing.decisions {
                let guard = self.facts.verdict(decision);
                out.json(&DecisionLine::of(decision, &guard))?;
            }
            return Ok(());
        }
        let hit = &firing.hit;
        let rule = out.styled(Style::Bold, &*hit.rule);
        out.line(format!("{}  {rule}  {}  count {}", hit.time, text::escape(&hit.key), hit.count))?;
        for decision in &firing.decisions {
            let verdict = self.facts.verdict(decision);
            let style = if verdict == "pass" { Style::Red } else { Style::Yellow };
            let words = format!("{} {}", decision.remedy.name(), decision.target);
            let words = out.styled(style, words);
            let length = decision.duration().map_or_else(
                || "for ever".to_owned(),
                |long| format!("for {}", crate::clock::format_duration(long)),
            );
            let guard = if verdict == "pass" { String::new() } else { format!("  ({verdict})") };
            out.line(format!("    {words} {length}: {}{guard}", text::escape(&decision.reason)))?;
        }
        Ok(())
    }

    fn summary(&self, totals: &Totals, seconds: f64, out: &mut Output) -> anyhow::Result<()> {
        let rate = if seconds > 0.0 { totals.lines as f64 / seconds } else { 0.0 };
        let unparsed = totals.lines - totals.parsed;
        if self.json {
            out.json(&SummaryLine {
                r#type: "summary",
                lines: totals.lines,
                parsed: totals.parsed,
                unparsed,
                hits: totals.hits,
                decisions: totals.decisions,
                seconds: (seconds * 1e6).round() / 1e6,
                lines_per_second: rate.round(),
            })?;
            return Ok(());
        }
        let head = out.styled(Style::Bold, "\nsummary");
        out.line(head)?;
        out.line(format!(
            "  {} lines, {} parsed, {unparsed} not; {} hits, {} decisions; {seconds:.2} s, {rate:.0} lines/s",
            totals.lines, totals.parsed, totals.hits, totals.decisions
        ))?;
        for (rule, (hits, decisions)) in &self.rules {
            out.line(format!("  {rule}: {hits} hits, {decisions} decisions"))?;
        }
        if self.faults > 0 {
            let told = format!("  {} hits were skipped because a rule's body failed", self.faults);
            let told = out.styled(Style::Yellow, told);
            out.line(told)?;
        }
        Ok(())
    }
}

/// A hit as a line of JSON.
#[derive(Serialize)]
struct HitLine<'f> {
    r#type: &'static str,
    time: Timestamp,
    rule: &'f str,
    key: &'f str,
    count: u64,
    source: &'f str,
    line: u64,
}

impl<'f> HitLine<'f> {
    fn of(firing: &'f Firing) -> Self {
        let hit = &firing.hit;
        Self {
            r#type: "hit",
            time: hit.time,
            rule: &hit.rule,
            key: &hit.key,
            count: hit.count,
            source: &hit.event.origin.source,
            line: hit.event.line,
        }
    }
}

/// A decision as a line of JSON.
#[derive(Serialize)]
struct DecisionLine<'f> {
    r#type: &'static str,
    time: Timestamp,
    rule: &'f str,
    target: String,
    remedy: &'static str,
    duration_s: Option<u64>,
    until: Option<Timestamp>,
    reason: &'f str,
    guard: &'f str,
}

impl<'f> DecisionLine<'f> {
    fn of(decision: &'f Decision, guard: &'f str) -> Self {
        Self {
            r#type: "decision",
            time: decision.from,
            rule: &decision.rule,
            target: decision.target.to_string(),
            remedy: decision.remedy.name(),
            duration_s: decision.duration().map(|duration| duration.as_secs()),
            until: decision.until,
            reason: &decision.reason,
            guard,
        }
    }
}

/// The end of a replay as a line of JSON.
#[derive(Serialize)]
struct SummaryLine {
    r#type: &'static str,
    lines: u64,
    parsed: u64,
    unparsed: u64,
    hits: u64,
    decisions: u64,
    seconds: f64,
    lines_per_second: f64,
}

/// Progress on a terminal, on standard error.
struct Progress {
    started: Instant,
    shown: Option<Instant>,
    wanted: bool,
}

impl Progress {
    fn new(started: Instant) -> Self {
        Self { started, shown: None, wanted: std::io::stderr().is_terminal() }
    }

    #[expect(clippy::print_stderr, reason = "progress is for a person at the terminal")]
    fn show(&mut self, totals: &Totals) {
        let due = self.shown.is_none_or(|shown| shown.elapsed().as_millis() >= 250);
        let seconds = self.started.elapsed().as_secs_f64();
        if !self.wanted || !due || seconds < 0.5 {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = totals.lines as f64 / seconds;
        eprint!("\r{} lines, {rate:.0} lines/s, {} hits\x1b[K", totals.lines, totals.hits);
    }

    #[expect(clippy::print_stderr, reason = "progress is for a person at the terminal")]
    fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
