//! `riposte replay … --against` and `--report`: what would change, and whom it would hit.
//!
//! One reading feeds one core, or two; a second one looks at those who would be stopped; where
//! customers are among them, a third one tries higher thresholds. What comes of it is shown on a
//! terminal or as JSON lines, and written as a page.

mod gather;
mod mend;
mod words;
mod layout;
mod terminal;
mod changes;
mod json;
mod html;

use super::output::Output;
use super::replay::{Progress, ReplayArgs, inputs};
use super::{End, Usage, context};
use crate::config::{self, Config};
use crate::enrich::RealClient;
use crate::pipeline::compare::{Changes, RuleChange, RuleText, Texts, rule_changes};
use crate::pipeline::core::Core;
use crate::pipeline::live::real_client;
use crate::pipeline::replay::{self, Plan, ReplayEnd, Span, Totals};
use crate::pipeline::report::{Blocked, Frame, Mend, Profiles, Reading, Report, profiles};
use crate::pipeline::rule_set;
use crate::rules::{RuleFile, RuleSet};
use clap::{Args, ValueHint};
use gather::Gather;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What `riposte replay` is asked beside the decisions.
#[derive(Debug, Default, Args)]
pub struct ReportArgs {
    /// Say what would change if the rules of this folder or file took the place of the others, and
    /// whom that would hit
    #[arg(long, value_name = "RULES", value_hint = ValueHint::AnyPath)]
    pub against: Vec<PathBuf>,
    /// Say which of the clients that would be stopped look like customers, and why
    #[arg(long)]
    pub report: bool,
    /// Write the report to a file as well, as a page for a browser that needs nothing else
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Show everything, however long the lists
    #[arg(long)]
    pub all: bool,
}

impl ReportArgs {
    /// Whether something of this is asked.
    pub fn wanted(&self) -> bool {
        self.report || self.html.is_some() || !self.against.is_empty()
    }
}

/// Everything that is shown.
struct Findings {
    /// The files that were read, as they were named.
    files: Vec<String>,
    totals: Totals,
    seconds: f64,
    /// The rules that ran; of two sets the first.
    rules: Named,
    comparison: Option<Comparison>,
    /// Nobody was looked at, since this can't be read twice.
    unread: Option<String>,
    report: Report,
    /// Thresholds that would be better, by rule.
    mends: BTreeMap<Arc<str>, Mend>,
}

/// Two rule sets.
struct Comparison {
    before: Named,
    after: Named,
    rules: BTreeMap<Arc<str>, RuleChange>,
    changes: Changes,
}

/// A rule set with what it is called.
struct Named {
    name: String,
    count: usize,
}

/// Replays, compares, and shows what was found.
pub fn run(
    config: &Config,
    args: &ReplayArgs,
    span: Span,
    out: &mut Output,
) -> anyhow::Result<End> {
    let started = Instant::now();
    if let Some(path) = &args.report.html {
        html::file::can_write(path)?;
    }
    let unread = unreadable_twice(&args.files);
    if let Some(file) = unread.as_ref().filter(|_| args.report.against.is_empty()) {
        return Err(Usage::of(format!(
            "`{file}` can't be read twice, which the report needs\nhint: write it to a file first"
        )));
    }
    let first = load(config, &args.rules, out)?;
    let mut cores = vec![context::replay_core(config, Arc::clone(&first.set))];
    let mut second = None;
    if !args.report.against.is_empty() {
        let rules = load(config, &args.report.against, out)?;
        cores.push(context::replay_core(config, Arc::clone(&rules.set)));
        second = Some(rules);
    }
    let mut gather = Gather::new(context::StandingFacts::new(config), cores.len() > 1);
    let real_client = real_client(config);
    let went = first_reading(config, args, (&real_client, span), &mut cores, &mut gather, out)?;
    let oldest = went.files.iter().filter_map(|file| file.oldest).min().unwrap_or_default();
    let newest = went.files.iter().filter_map(|file| file.newest).max().unwrap_or_default();
    let frame = Frame { from: oldest, to: newest };
    let (blocked, comparison) = match (gather.pairing.take(), &second) {
        (Some(pairing), Some(second)) => {
            let changes = pairing.finish();
            let blocked = changes.stopped();
            (blocked, Some(compare(config, args, (&first.texts(), &second.texts()), changes)))
        }
        _ => (std::mem::take(&mut gather.blocked), None),
    };
    let looks = unread.is_none() && !blocked.is_empty();
    let profiles = if looks {
        second_reading(config, args, (&real_client, span), (frame, &blocked), out)?
    } else {
        Profiles::default()
    };
    let report = Report::of(blocked, profiles, frame);
    let tried = (second.as_ref().unwrap_or(&first), &gather);
    let mends = mend::mends(config, args, (&real_client, span), tried, &report, out)?;
    let findings = Findings {
        files: args.files.iter().map(|file| file.display().to_string()).collect(),
        totals: went.totals,
        seconds: started.elapsed().as_secs_f64(),
        rules: Named { name: name_of_rules(config, &args.rules), count: first.set.rules().len() },
        comparison,
        unread,
        report,
        mends,
    };
    if args.json {
        gather.seen.faults_as_json(&went, out)?;
        json::print(&findings, out)?;
    } else {
        gather.seen.faults(&went, out)?;
        terminal::print(&findings, args.report.all, out)?;
    }
    // Last, since what took long to find must not be lost where the page can't be written.
    if let Some(path) = &args.report.html {
        html::file::write(path, &html::render(&findings, args.report.all, crate::clock::now()))?;
        if !args.json {
            out.line(format!("The page is in `{}`; only you can read it.", path.display()))?;
        }
    }
    let whole = went.files.iter().all(|file| file.fault.is_none());
    Ok(if whole { End::Well } else { End::Finding })
}

/// Reads the logs through all cores.
fn first_reading(
    config: &Config,
    args: &ReplayArgs,
    (real_client, span): (&RealClient, Span),
    cores: &mut [Core],
    gather: &mut Gather,
    out: &mut Output,
) -> anyhow::Result<replay::Report> {
    let read = inputs(config, args, out)?;
    let meters = read.iter().map(|input| input.replay.meter().clone()).collect();
    let progress = RefCell::new(Progress::new(meters));
    let threads = args.threads.map(usize::from);
    let mut each: Vec<&mut Core> = cores.iter_mut().collect();
    let mut gone = None;
    let ended = replay::run(
        Plan { span, threads, ..Plan::new(read, real_client) },
        &mut each,
        |core, firing| {
            // What is printed must not come to stand on the line of the progress.
            progress.borrow_mut().clear();
            match gather.firing(core, &firing, args.json, out) {
                Ok(()) => true,
                Err(error) => {
                    gone = Some(error);
                    false
                }
            }
        },
        |totals| progress.borrow_mut().show(totals),
    );
    progress.borrow_mut().clear();
    match ended {
        Ok(went) => Ok(went),
        Err(ReplayEnd::Stopped) => Err(gone.unwrap_or_else(|| anyhow::anyhow!("stopped"))),
        Err(ReplayEnd::Read(error)) => Err(Usage::of(error)),
    }
}

/// The first of these that can't be read twice: standard input, a pipe.
fn unreadable_twice(files: &[PathBuf]) -> Option<String> {
    let twice = |file: &Path| file != Path::new("-") && file.is_file();
    let pipe = files.iter().find(|file| file.exists() && !twice(file) || *file == Path::new("-"));
    pipe.map(|file| crate::event::text::escape(&file.to_string_lossy()).into_owned())
}

/// Looks at those who would be stopped.
fn second_reading(
    config: &Config,
    args: &ReplayArgs,
    (real_client, span): (&RealClient, Span),
    (frame, blocked): (Frame, &Blocked),
    out: &mut Output,
) -> anyhow::Result<Profiles> {
    let inputs = reopened(config, args, out)?;
    let meters = inputs.iter().map(|input| input.replay.meter().clone()).collect();
    let mut progress = Progress::of("looking at clients", meters);
    let threads = args.threads.map(usize::from);
    let reading = Reading { inputs, real_client, span, frame, threads };
    let found = profiles(reading, blocked, |totals| progress.show(totals));
    progress.clear();
    Ok(found)
}

/// Rules with the files that they were read from, once.
struct Rules {
    set: Arc<RuleSet>,
    files: Vec<RuleFile>,
}

impl Rules {
    /// What they say.
    fn texts(&self) -> Texts {
        RuleText::all(self.set.rules(), &self.files)
    }
}

/// The rules of these paths, or of the config.
fn load(config: &Config, paths: &[PathBuf], out: &Output) -> anyhow::Result<Rules> {
    let read = if paths.is_empty() {
        config::read_rules(&config.rules)
    } else {
        config::read_rules_from(paths)
    };
    let files = read.files.clone();
    let loaded = rule_set::load_files(config, read, &BTreeMap::new(), 0);
    Ok(Rules { set: context::to_run(loaded, out)?, files })
}

/// The files once more; their formats were told already.
fn reopened(
    config: &Config,
    args: &ReplayArgs,
    out: &mut Output,
) -> anyhow::Result<Vec<replay::Input>> {
    let again = ReplayArgs {
        files: args.files.clone(),
        rules: Vec::new(),
        format: args.format.clone(),
        since: None,
        until: None,
        rule: Vec::new(),
        threads: None,
        json: true,
        report: ReportArgs::default(),
    };
    inputs(config, &again, out)
}

fn compare(
    config: &Config,
    args: &ReplayArgs,
    (before, after): (&Texts, &Texts),
    changes: Changes,
) -> Comparison {
    Comparison {
        before: Named { name: name_of_rules(config, &args.rules), count: before.len() },
        after: Named { name: names(&args.report.against), count: after.len() },
        rules: rule_changes(before, after),
        changes,
    }
}

/// What the rules of these paths, or of the config, are called.
fn name_of_rules(config: &Config, paths: &[PathBuf]) -> String {
    if !paths.is_empty() {
        return names(paths);
    }
    let pack = if config.rules.pack { "the shipped rules" } else { "" };
    let own = names(&config.rules.paths);
    let parts = [pack, own.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" and ")
}

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    crate::event::text::escape(&names.join(", ")).into_owned()
}
