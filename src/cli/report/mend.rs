//! Tries higher thresholds for the rules that hit customers, on the same logs.
//!
//! A third reading, through one core a step, each with only these rules on. That what it says is
//! well founded is checked: the rules as they are run along, and must decide about the same targets
//! as in the first reading, where all rules ran; a rule that leans on others is left alone.

use super::{Gather, Rules, reopened};
use crate::cli::context;
use crate::cli::output::Output;
use crate::cli::replay::{Progress, ReplayArgs};
use crate::config::{Config, RuleFiles};
use crate::decisions::{Mode, Target};
use crate::enrich::RealClient;
use crate::limits;
use crate::pipeline::core::Core;
use crate::pipeline::replay::{self, Plan, Span};
use crate::pipeline::report::{Mend, Report, Tried, best, thresholds};
use crate::pipeline::rule_set;
use crate::rules::{RuleFile, RuleSet};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// A rule whose threshold is tried, with what it is at each step; the first is as it is.
struct Trial {
    rule: Arc<str>,
    steps: Vec<u64>,
}

/// Whom a rule stops in one core.
type Stopped = HashMap<(usize, Arc<str>), HashSet<Target>>;

/// What would be better, by rule; empty where nothing is known.
pub(super) fn mends(
    config: &Config,
    args: &ReplayArgs,
    (real_client, span): (&RealClient, Span),
    (rules, gather): (&Rules, &Gather),
    report: &Report,
    out: &mut Output,
) -> anyhow::Result<BTreeMap<Arc<str>, Mend>> {
    let mut found = BTreeMap::new();
    let trials = trials(rules, report);
    let Some(by_rule) = gather.by_rule.as_ref().filter(|_| !trials.is_empty()) else {
        return Ok(found);
    };
    let steps = trials.iter().map(|trial| trial.steps.len()).max().unwrap_or(0);
    let mut cores: Vec<Core> = (0..steps).map(|step| core(config, rules, &trials, step)).collect();
    let stopped = read(config, args, (real_client, span), &mut cores, gather, out)?;
    for trial in &trials {
        let tried = |step: usize| {
            let threshold = trial.steps.get(step).copied()?;
            let targets = stopped.get(&(step, Arc::clone(&trial.rule))).cloned();
            Some(Tried { threshold, targets: targets.unwrap_or_default() })
        };
        let Some(now) = tried(0) else { continue };
        if by_rule.get(&trial.rule) != Some(&now.targets) {
            continue;
        }
        let higher: Vec<Tried> = (1..trial.steps.len()).filter_map(tried).collect();
        if let Some(mut mend) = best(report, &trial.rule, &now, &higher) {
            mend.param = param(config, rules, &trial.rule);
            found.insert(Arc::clone(&trial.rule), mend);
        }
    }
    Ok(found)
}

/// The rules that hit most customers and have a threshold.
fn trials(rules: &Rules, report: &Report) -> Vec<Trial> {
    let hits = report.rules.iter().filter(|line| line.customers > 0);
    let trial = |line: &crate::pipeline::report::RuleLine| {
        let rule = rules.set.rules().iter().find(|rule| *rule.name == *line.rule)?;
        let now = rule.window.threshold()?;
        let can = |to: &u64| rule.window.with_threshold(*to).is_some();
        let steps = std::iter::once(now).chain(thresholds(now).into_iter().filter(can)).collect();
        Some(Trial { rule: Arc::clone(&line.rule), steps })
    };
    hits.filter_map(trial).take(limits::REPORT_MENDS_MAX).collect()
}

/// A core with only the rules that are tried, each at this step.
fn core(config: &Config, rules: &Rules, trials: &[Trial], step: usize) -> Core {
    let tried = |name: &str| trials.iter().find(|trial| *trial.rule == *name);
    let others = rules.set.rules().iter().filter(|rule| tried(&rule.name).is_none());
    let modes = others.map(|rule| (rule.name.to_string(), Mode::Off)).collect();
    let mut set = load(config, &rules.files, &modes);
    for trial in trials {
        let threshold = trial.steps.get(step).or(trial.steps.last());
        if let Some(threshold) = threshold {
            set.set_threshold(&trial.rule, *threshold);
        }
    }
    context::replay_core(config, Arc::new(set))
}

fn load(config: &Config, files: &[RuleFile], modes: &BTreeMap<String, Mode>) -> RuleSet {
    let files = RuleFiles { files: files.to_vec(), ..RuleFiles::default() };
    rule_set::load_files(config, files, modes, 0).loaded.set
}

fn read(
    config: &Config,
    args: &ReplayArgs,
    (real_client, span): (&RealClient, Span),
    cores: &mut [Core],
    gather: &Gather,
    out: &mut Output,
) -> anyhow::Result<Stopped> {
    let inputs = reopened(config, args, out)?;
    let meters = inputs.iter().map(|input| input.replay.meter().clone()).collect();
    let progress = RefCell::new(Progress::of("trying higher thresholds", meters));
    let mut stopped = Stopped::new();
    let mut each: Vec<&mut Core> = cores.iter_mut().collect();
    let threads = args.threads.map(usize::from);
    let ended = replay::run(
        Plan { span, threads, ..Plan::new(inputs, real_client) },
        &mut each,
        |core, firing| {
            for decision in firing.decisions.iter().filter(|one| gather.counts(one)) {
                let targets = stopped.entry((core, Arc::clone(&decision.rule))).or_default();
                targets.insert(decision.target.clone());
            }
            true
        },
        |totals| progress.borrow_mut().show(totals),
    );
    progress.borrow_mut().clear();
    // What can't be read any more can't be known; the report itself stands.
    Ok(if ended.is_ok() { stopped } else { Stopped::new() })
}

/// The parameter that is the rule's threshold: raised by one, it raises that by one. With the table
/// of the config that sets it.
fn param(config: &Config, rules: &Rules, name: &str) -> Option<(String, String)> {
    let of = |set: &RuleSet| {
        let rule = set.rules().iter().find(|rule| *rule.name == *name)?;
        rule.window.threshold()
    };
    let now = of(&rules.set)?;
    let rule = rules.set.rules().iter().find(|rule| *rule.name == *name)?;
    let table = Path::new(&*rule.file).file_stem()?.to_str()?.to_owned();
    let raised = |param: &&crate::rules::Param| {
        let Some(value) = param.value.as_i64().filter(|value| u64::try_from(*value) == Ok(now))
        else {
            return false;
        };
        let mut config = config.clone();
        let own = config.rules.params.entry(table.clone()).or_default();
        own.insert(param.name.clone(), toml::Value::Integer(value + 1));
        of(&load(&config, &rules.files, &BTreeMap::new())) == Some(now + 1)
    };
    rule.params.iter().find(raised).map(|param| (table.clone(), param.name.clone()))
}
