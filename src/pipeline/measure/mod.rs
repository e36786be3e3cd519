//! Measures what the way of a line costs, on generated logs: the product's own code, nothing left
//! out, beside what others do with the same lines. `riposte bench` and `benches/stages.rs` print it.
//!
//! Each scene is a log and a rule set. Its lines are counted by `wc`, searched by `rg` for the
//! rules' literals, judged by the rules as scripts, and then go the product's way: parsed, matched,
//! and all of it, on one thread and on all cores. Ratios are of one run, so they hold on a machine
//! that does other things too.

mod outside;
mod scene;
mod stages;
mod windows;

use super::{machine, rule_set};
use crate::config::{Config, RuleFiles};
use scene::{Log, Scene};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The figures of one stage.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// What was measured (`parse`, `one core`, `rg -c`, `window`).
    pub stage: &'static str,
    /// On what.
    pub input: String,
    /// How many rules were in force; 0 where rules mean nothing.
    pub rules: u64,
    /// Lines (or updates, or rules) that went through; 0 where nothing could be measured.
    pub count: u64,
    /// Nanoseconds each.
    pub nanos_each: f64,
    /// Lines (or updates) a second.
    pub per_second: f64,
    /// Bytes a second; 0 where bytes mean nothing.
    pub bytes_per_second: f64,
    /// The most memory that the process had in use meanwhile, bytes; 0 for other programs.
    pub peak_bytes: u64,
    /// What came out (events, candidates, hits), so that nobody measures nothing.
    pub results: u64,
    /// How many times as fast as others on the same lines in the same run.
    pub against: Against,
}

/// Lines a second as a multiple of what others did; absent where there is nothing to compare with.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Against {
    /// The rules as scripts on each event.
    pub script: Option<f64>,
    /// `rg -c` with the literals of all rules.
    pub rg: Option<f64>,
    /// `wc -l`.
    pub wc: Option<f64>,
}

/// Rules of each generated set, and the percentage of lines that hit them.
const SCENES: [(u32, u8); 5] = [(10, 2), (100, 2), (1_000, 2), (100, 78), (1_000, 78)];

/// What is to be measured, and on how much.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Lines of each log.
    pub lines: u64,
    /// Only figures with all of these words in `STAGE, N rules, INPUT`; all figures when empty.
    pub only: Vec<String>,
}

impl Choice {
    /// Everything, on so many lines.
    pub const fn all(lines: u64) -> Self {
        Self { lines, only: Vec::new() }
    }

    fn wants(&self, stage: &str, rules: u64, input: &str) -> bool {
        let label = format!("{stage}, {rules} rules, {input}");
        self.only.iter().all(|words| label.contains(words.as_str()))
    }

    /// Whether any figure of a scene is wanted: then its log has to be made.
    fn wants_scene(&self, rules: u64, input: &str) -> bool {
        STAGES.iter().any(|stage| self.wants(stage, rules, input))
    }
}

/// What is measured on each scene.
const STAGES: [&str; 8] =
    ["load", "wc -l", "rg -c", "by script", "parse", "match", "one core", "all cores"];

/// Measures what is wanted, telling each figure as it comes.
pub fn measure(
    choice: &Choice,
    mut tell: impl FnMut(&Measurement) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let config = Config::default();
    let lines = choice.lines;
    for (count, percent) in SCENES {
        let input = format!("{percent} % of lines hit");
        if !choice.wants_scene(u64::from(count), &input) {
            continue;
        }
        let log = Log::for_rules(lines, count, percent)?;
        let files = RuleFiles { files: scene::rule_files(count), ..RuleFiles::default() };
        let started = Instant::now();
        let loaded = rule_set::load_files(&config, files, &BTreeMap::new(), 0).loaded;
        let took = started.elapsed();
        let rules = Arc::new(loaded.set);
        let found = rules.rules().len() as u64;
        if choice.wants("load", found, &input) {
            let text = format!("{found} rules");
            tell(&figure("load", text, (found, 0), took, found).with_rules(found))?;
        }
        let literals = scene::literals(count);
        let scene = Scene { input, log: &log, config: &config, rules: &rules, literals };
        measure_scene(&scene, choice, &mut tell)?;
    }
    let rules = Arc::new(rule_set::load(&config, &BTreeMap::new(), 0).loaded.set);
    let count = rules.rules().len() as u64;
    for percent in [2, 78] {
        let input = format!("{percent} % attacks, the shipped rules");
        if !choice.wants_scene(count, &input) {
            continue;
        }
        let log = Log::of_samples(lines, percent, false)?;
        let literals = Vec::new();
        let scene = Scene { input, log: &log, config: &config, rules: &rules, literals };
        measure_scene(&scene, choice, &mut tell)?;
    }
    let input = "2 % attacks, the shipped rules, no path or agent twice".to_owned();
    if choice.wants("match", count, &input) {
        let log = Log::of_samples(lines, 2, true)?;
        let (config, rules) = (&config, &rules);
        let scene = Scene { input, log: &log, config, rules, literals: Vec::new() };
        tell(&stages::matching(&scene)?)?;
    }
    windows::measure(choice, tell)
}

/// Measures one stage on a scene.
type StageOf = fn(&Scene<'_>) -> anyhow::Result<Measurement>;

/// What others do, then each stage.
fn measure_scene(
    scene: &Scene<'_>,
    choice: &Choice,
    tell: &mut impl FnMut(&Measurement) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let count = scene.rules.rules().len() as u64;
    let wants = |stage: &str| choice.wants(stage, count, &scene.input);
    let wc = wants("wc -l").then(|| outside::count_lines(scene));
    let has_literals = !scene.literals.is_empty();
    let rg = (wants("rg -c") && has_literals).then(|| outside::count_hits(scene));
    let script = wants("by script").then(|| stages::by_script(scene)).transpose()?;
    for figure in [&wc, &rg, &script].into_iter().flatten() {
        tell(figure)?;
    }
    let speed = |figure: &Option<Measurement>| figure.as_ref().and_then(Measurement::known_speed);
    let against = Against { script: speed(&script), rg: speed(&rg), wc: speed(&wc) };
    let stages: [(&str, StageOf); 4] = [
        ("parse", stages::parse),
        ("match", stages::matching),
        ("one core", stages::one_core),
        ("all cores", stages::all_cores),
    ];
    for (_, stage) in stages.into_iter().filter(|(name, _)| wants(name)) {
        machine::forget_peak();
        let mut figure = stage(scene)?;
        let ratio = |other: Option<f64>| other.map(|other| figure.per_second / other);
        figure.against =
            Against { script: ratio(against.script), rg: ratio(against.rg), wc: ratio(against.wc) };
        tell(&figure)?;
    }
    Ok(())
}

/// Makes a figure of what was counted, in bytes too, and how long it took.
fn figure(
    stage: &'static str,
    input: String,
    (count, bytes): (u64, u64),
    took: Duration,
    results: u64,
) -> Measurement {
    let seconds = took.as_secs_f64().max(1e-9);
    Measurement {
        stage,
        input,
        rules: 0,
        count,
        nanos_each: seconds * 1e9 / count.max(1) as f64,
        per_second: count as f64 / seconds,
        bytes_per_second: bytes as f64 / seconds,
        peak_bytes: machine::peak_bytes(),
        results,
        against: Against::default(),
    }
}

impl Measurement {
    fn with_rules(self, rules: u64) -> Self {
        Self { rules, ..self }
    }

    /// Lines a second, where it could be measured.
    fn known_speed(&self) -> Option<f64> {
        (self.count > 0).then_some(self.per_second)
    }
}

#[cfg(test)]
mod tests;
