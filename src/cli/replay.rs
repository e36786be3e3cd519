//! `riposte replay`: what the rules would have done on past logs.
//!
//! The JSON shapes are a contract: scripts depend on them.

mod progress;
mod shapes;
mod summary;

use super::output::{Gone, Output, Style};
use super::{End, Usage, context, formats, parse, report};
use crate::clock::{self, Timestamp};
use crate::config::{Config, read_plugins};
use crate::decisions::{Decision, Effect};
use crate::event::text;
use crate::limits;
use crate::pipeline::core::Firing;
use crate::pipeline::live::real_client;
use crate::pipeline::plugins;
use crate::pipeline::replay::{Input, Plan, ReplayEnd, Report, Span, Totals, run};
use crate::rules::{FeedAsked, RuleSet};
use clap::{Args, ValueHint};
pub(super) use progress::Progress;
pub(super) use shapes::SummaryLine;
use shapes::{CloudflareLine, DecisionLine, FeedLine, HitLine};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;
pub(super) use summary::Seen;
use summary::feeds_asked;

/// `riposte replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Log files in any order, plain, gzip or zstd; `-` is standard input
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Take the rules from this folder or file
    #[arg(long, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// The format of the lines: a format's name or a source's (`source:NAME`); `auto` takes the
    /// source whose `paths` name the file, else what the first lines look like
    #[arg(long, value_name = "FORMAT", default_value = formats::AUTO)]
    pub format: String,
    /// Pass over events before this moment: a date, a time, or how long ago (`7d`)
    #[arg(long, value_name = "MOMENT")]
    pub since: Option<String>,
    /// Pass over events from this moment on
    #[arg(long, value_name = "MOMENT")]
    pub until: Option<String>,
    /// Show the hits of this rule only; may be given several times. All rules are evaluated
    #[arg(long, value_name = "NAME", conflicts_with_all = ["report", "against"])]
    pub rule: Vec<String>,
    /// Threads that parse and match; as many as there are cores when not given
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// What is asked beside the decisions
    #[command(flatten)]
    pub report: report::ReportArgs,
}

/// Replays files through the rules and prints what would have been decided.
pub fn replay(config: &Path, args: &ReplayArgs, out: &mut Output) -> anyhow::Result<End> {
    let span = span(args)?;
    let config = context::config_or_default(config)?;
    if args.report.wanted() {
        return report::run(&config, args, span, out);
    }
    let rules = context::rules_to_run(&config, &args.rules, out)?;
    let shown = shown(&args.rule, &rules)?;
    let facts = context::StandingFacts::new(&config);
    let inputs = inputs(&config, args, out)?;
    let meters = inputs.iter().map(|input| input.replay.meter().clone()).collect();
    let feeds = rules.lookups().feeds();
    let mut core = context::replay_core(&config, rules);
    let real_client = real_client(&config);
    let threads = args.threads.map(usize::from);
    let plan = Plan { span, threads, ..Plan::new(inputs, &real_client) };
    let mut gone = None;
    let mut view = View { facts, json: args.json, shown, seen: Seen::default(), out };
    let progress = RefCell::new(Progress::new(meters));
    let ended = run(
        plan,
        &mut [&mut core],
        |_, firing| match view.firing(&firing, &progress) {
            Ok(()) => true,
            Err(error) => {
                gone = Some(error);
                false
            }
        },
        |totals| progress.borrow_mut().show(totals),
    );
    progress.borrow_mut().clear();
    let report = match ended {
        Ok(report) => report,
        Err(ReplayEnd::Stopped) => {
            return Err(gone.map_or_else(|| Usage::of("stopped"), Into::into));
        }
        Err(ReplayEnd::Read(error)) => return Err(Usage::of(error)),
    };
    view.summary(&report, progress.borrow().elapsed(), &feeds)?;
    let whole = report.files.iter().all(|file| file.fault.is_none());
    Ok(if whole { End::Well } else { End::Finding })
}

/// The span of event time that is wanted.
fn span(args: &ReplayArgs) -> anyhow::Result<Span> {
    let now = clock::now();
    let moment = |name: &str, text: &Option<String>| -> anyhow::Result<Option<Timestamp>> {
        let Some(text) = text else { return Ok(None) };
        let moment = clock::parse_moment(text, now);
        moment.map(Some).map_err(|error| Usage::of(format!("`--{name}`: {error}")))
    };
    let (since, until) = (moment("since", &args.since)?, moment("until", &args.until)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Usage::of(format!(
            "nothing lies between `--since` {since} and `--until` {until}"
        )));
    }
    Ok(Span { since, until })
}

/// The names of the rules whose hits are shown; empty for all.
fn shown(names: &[String], rules: &RuleSet) -> anyhow::Result<BTreeSet<String>> {
    let known = || rules.rules().iter().map(|rule| &*rule.name);
    for name in names {
        if !known().any(|known| known == name) {
            let hint = match text::nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`riposte rules list` shows them".to_owned(),
            };
            return Err(Usage::of(format!(
                "no rule is named `{}`\nhint: {hint}",
                text::escape(name)
            )));
        }
    }
    Ok(names.iter().cloned().collect())
}

/// Opens the files, each with the parser of its format.
pub(super) fn inputs(
    config: &Config,
    args: &ReplayArgs,
    out: &mut Output,
) -> anyhow::Result<Vec<Input>> {
    let added = plugins::added_fields(&read_plugins(config).enabled);
    if !args.json && !added.is_empty() {
        out.line(format!(
            "fields of enrichers are missing: replay does not ask them ({})",
            added.join(", ")
        ))?;
    }
    let mut inputs = Vec::new();
    for file in &args.files {
        let name = file.to_string_lossy();
        let mut replay = parse::open(&name)?;
        replay.set_block_bytes(limits::REPLAY_LOOK_BYTES);
        let chosen = formats::of_file(config, &args.format, &name, &mut replay)?;
        if !args.json {
            formats::tell(&name, &args.format, &chosen, out)?;
        }
        // Its time will come; until then it need not be open.
        replay.park();
        inputs.push(Input { replay, parser: chosen.parser });
    }
    Ok(inputs)
}

/// A hit and its decisions as lines of JSON.
pub(super) fn firing_as_json(
    firing: &Firing,
    facts: &context::StandingFacts,
    out: &mut Output,
) -> Result<(), Gone> {
    out.json(&HitLine::of(firing))?;
    for decision in &firing.decisions {
        let guard = facts.verdict(decision);
        out.json(&DecisionLine::of(decision, &guard))?;
    }
    Ok(())
}

/// What is printed.
struct View<'o> {
    facts: context::StandingFacts,
    json: bool,
    /// The rules whose hits are shown; empty for all.
    shown: BTreeSet<String>,
    seen: Seen,
    out: &'o mut Output,
}

impl View<'_> {
    fn firing(&mut self, firing: &Firing, progress: &RefCell<Progress>) -> Result<(), Gone> {
        if !self.shown.is_empty() && !self.shown.contains(&*firing.hit.rule) {
            return Ok(());
        }
        self.seen.firing(firing);
        let shares_terminal = std::io::stdout().is_terminal();
        if shares_terminal {
            progress.borrow_mut().clear();
        }
        if self.json {
            self.out.json(&HitLine::of(firing))?;
        } else {
            self.hit(firing)?;
        }
        for decision in &firing.decisions {
            let verdict = self.facts.verdict(decision);
            self.seen.decision(decision, verdict == "pass");
            if self.json {
                self.out.json(&DecisionLine::of(decision, &verdict))?;
            } else {
                self.decision(decision, &verdict)?;
            }
        }
        self.asks(firing)?;
        if shares_terminal { self.out.flush() } else { Ok(()) }
    }

    /// What is asked of Cloudflare is told, and not sent.
    fn asks(&mut self, firing: &Firing) -> Result<(), Gone> {
        for effect in &firing.effects {
            let Effect::Cloudflare(ask) = effect else { continue };
            if self.json {
                self.out.json(&CloudflareLine::of(firing, ask))?;
            } else {
                self.out.line(format!("    Cloudflare: {}", text::escape(&ask.words())))?;
            }
        }
        Ok(())
    }

    fn hit(&mut self, firing: &Firing) -> Result<(), Gone> {
        let hit = &firing.hit;
        let rule = self.out.styled(Style::Bold, &*hit.rule);
        let key = text::escape(&hit.key);
        self.out.line(format!("{}  {rule}  {key}  count {}", hit.time, hit.count))
    }

    fn decision(&mut self, decision: &Decision, verdict: &str) -> Result<(), Gone> {
        let style = if verdict == "pass" { Style::Red } else { Style::Yellow };
        let words = format!("{} {}", decision.remedy.name(), decision.target);
        let words = self.out.styled(style, words);
        let length = decision.duration().map_or_else(
            || "for ever".to_owned(),
            |long| format!("for {}", clock::format_duration(long)),
        );
        let guard = if verdict == "pass" { String::new() } else { format!("  ({verdict})") };
        let reason = text::escape(&decision.reason);
        self.out.line(format!("    {words} {length}: {reason}{guard}"))
    }

    fn summary(
        &mut self,
        report: &Report,
        took: Duration,
        feeds: &[FeedAsked],
    ) -> Result<(), Gone> {
        if !self.json {
            self.seen.show(report, took, self.out)?;
            return feeds_asked(feeds, self.out);
        }
        for FeedAsked { name, version, entries } in feeds {
            let version = version.as_ref();
            self.out.json(&FeedLine { r#type: "feed", name, version, entries: *entries })?;
        }
        self.seen.faults_as_json(report, self.out)?;
        let Totals { lines, parsed, .. } = report.totals;
        let seconds = took.as_secs_f64();
        let rate = if seconds > 0.0 { lines as f64 / seconds } else { 0.0 };
        self.out.json(&SummaryLine {
            r#type: "summary",
            lines,
            parsed,
            unparsed: lines - parsed,
            hits: self.seen.hits,
            decisions: self.seen.decisions,
            seconds: (seconds * 1e6).round() / 1e6,
            lines_per_second: rate.round(),
        })
    }
}
