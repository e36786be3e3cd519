//! Tries higher thresholds for the rules that hit customers, on the same logs.
//!
//! A third reading, through one core for each threshold of each rule, with that rule alone on. That
//! what it says is well founded is checked: each rule runs along as it is, and must decide about the
//! same targets as in the first reading, where all rules ran; a rule that leans on others is left
//! alone.

use super::{Gather, Rules, reopened};
use crate::cli::context;
use crate::cli::output::Output;
use crate::cli::replay::{Progress, ReplayArgs};
use crate::config::{Config, RuleFiles};
use crate::decisions::Mode;
use crate::enrich::RealClient;
use crate::limits;
use crate::pipeline::core::Core;
use crate::pipeline::replay::{self, Plan, Span};
use crate::pipeline::report::{Mend, Report, Tried, best, thresholds};
use crate::pipeline::rule_set;
use crate::rules::{Rule, RuleFile, RuleSet};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// A rule at one threshold, in a core of its own.
struct Trial {
    rule: Arc<str>,
    tried: Tried,
}

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
    let mut trials = trials(rules, report);
    let Some(by_rule) = gather.by_rule.as_ref().filter(|_| !trials.is_empty()) else {
        return Ok(found);
    };
    if !read(config, args, (real_client, span), (rules, &mut trials), gather, out)? {
        return Ok(found);
    }
    for of_rule in trials.chunk_by(|one, next| one.rule == next.rule) {
        let [now, higher @ ..] = of_rule else { continue };
        if by_rule.get(&now.rule) != Some(&now.tried.targets) {
            continue;
        }
        let higher = higher.iter().map(|trial| &trial.tried);
        if let Some(mut mend) = best(report, &now.rule, &now.tried, higher) {
            mend.param = param(config, rules, &now.rule);
            found.insert(Arc::clone(&now.rule), mend);
        }
    }
    Ok(found)
}

/// The rules that hit most customers and have a threshold, each as it is and then with every higher
/// one that is worth trying.
fn trials(rules: &Rules, report: &Report) -> Vec<Trial> {
    let hits = report.rules.iter().filter(|line| line.customers > 0);
    let with_threshold = hits.filter_map(|line| {
        let rule = rules.set.rules().iter().find(|rule| *rule.name == *line.rule)?;
        Some((rule, rule.window.threshold()?))
    });
    let steps = |(rule, now): (&Rule, u64)| -> Vec<Trial> {
        let can = |to: &u64| rule.window.with_threshold(*to).is_some();
        let all = std::iter::once(now).chain(thresholds(now).into_iter().filter(can));
        let tried = |threshold| Tried { threshold, targets: HashSet::new() };
        all.map(|step| Trial { rule: Arc::clone(&rule.name), tried: tried(step) }).collect()
    };
    with_threshold.take(limits::REPORT_MENDS_MAX).flat_map(steps).collect()
}

/// A core in which nothing but this rule runs, at this threshold: no other one, tried or not, has a
/// part in what it does.
fn core(config: &Config, rules: &Rules, trial: &Trial) -> Core {
    let others = rules.set.rules().iter().filter(|rule| rule.name != trial.rule);
    let modes = others.map(|rule| (rule.name.to_string(), Mode::Off)).collect();
    let mut set = load(config, &rules.files, &modes);
    set.set_threshold(&trial.rule, trial.tried.threshold);
    context::replay_core(config, Arc::new(set))
}

fn load(config: &Config, files: &[RuleFile], modes: &BTreeMap<String, Mode>) -> RuleSet {
    let files = RuleFiles { files: files.to_vec(), ..RuleFiles::default() };
    rule_set::load_files(config, files, modes, 0).loaded.set
}

/// Fills in whom each trial stops; false where that can't be known.
fn read(
    config: &Config,
    args: &ReplayArgs,
    (real_client, span): (&RealClient, Span),
    (rules, trials): (&Rules, &mut [Trial]),
    gather: &Gather,
    out: &mut Output,
) -> anyhow::Result<bool> {
    let mut cores: Vec<Core> = trials.iter().map(|trial| core(config, rules, trial)).collect();
    let inputs = reopened(config, args, out)?;
    let meters = inputs.iter().map(|input| input.replay.meter().clone()).collect();
    let progress = RefCell::new(Progress::of("trying higher thresholds", meters));
    let mut each: Vec<&mut Core> = cores.iter_mut().collect();
    let threads = args.threads.map(usize::from);
    let ended = replay::run(
        Plan { span, threads, ..Plan::new(inputs, real_client) },
        &mut each,
        |core, firing| {
            let Some(trial) = trials.get_mut(core) else { return true };
            for decision in firing.decisions.iter().filter(|one| gather.counts(one)) {
                // A timer decides too, under its own name.
                if decision.rule == trial.rule {
                    trial.tried.targets.insert(decision.target.clone());
                }
            }
            true
        },
        |totals| progress.borrow_mut().show(totals),
    );
    progress.borrow_mut().clear();
    // What can't be read any more can't be known; the report itself stands.
    Ok(ended.is_ok())
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
