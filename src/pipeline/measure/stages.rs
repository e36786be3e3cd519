//! Each stage on one scene: the same functions as live and in a replay.

use super::scene::Scene;
use super::{Measurement, figure};
use crate::clock::Timestamp;
use crate::event::{Event, Kind};
use crate::parsers::Parser;
use crate::pipeline::core::{Core, CoreConfig, Modes};
use crate::pipeline::engine::evaluate;
use crate::pipeline::live::{real_client, route_of};
use crate::pipeline::machine;
use crate::pipeline::replay::{Input, replay};
use crate::pipeline::stage::{Clamp, Stage};
use crate::pipeline::watermark::Watermarks;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long scripts are tried: they would take minutes for all lines.
const SCRIPTS_TRIED: Duration = Duration::from_millis(400);

/// Splitting and parsing alone.
pub(super) fn parse(scene: &Scene<'_>) -> anyhow::Result<Measurement> {
    let mut parser = Parser::for_format("nginx")?;
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    let mut replay = scene.log.open()?;
    let (mut count, mut parsed) = (0, 0);
    let started = Instant::now();
    while let Some(batch) = replay.next_batch()? {
        for index in 0..batch.records.len() {
            let Some((span, record)) = batch.line(index) else {
                continue;
            };
            event.reset_within(&batch.block, span);
            parsed += u64::from(parser.parse(record, batch.arrival, &mut event).is_ok());
            count += 1;
        }
    }
    Ok(done("parse", scene, count, started.elapsed(), parsed))
}

/// The stateless stage: parse, enrich, match.
pub(super) fn matching(scene: &Scene<'_>) -> anyhow::Result<Measurement> {
    let mut stage = stage(scene)?;
    let mut replay = scene.log.open()?;
    let (mut count, mut found) = (0, 0);
    let started = Instant::now();
    while let Some(batch) = replay.next_batch()? {
        let matched = stage.run(&batch);
        count += matched.records;
        found += matched.candidates.len() as u64;
    }
    Ok(done("match", scene, count, started.elapsed(), found))
}

/// Both stages on one thread, batch by batch: what the daemon does with a batch.
pub(super) fn one_core(scene: &Scene<'_>) -> anyhow::Result<Measurement> {
    let mut stage = stage(scene)?;
    let mut core = core(scene);
    let mut marks = Watermarks::default();
    let mut replay = scene.log.open()?;
    let (mut count, mut hits) = (0, 0);
    let mut firings = Vec::new();
    let started = Instant::now();
    while let Some(batch) = replay.next_batch()? {
        let matched = stage.run(&batch);
        evaluate(&mut core, &mut marks, &matched, &mut firings);
        count += matched.records;
        hits += firings.drain(..).count() as u64;
    }
    Ok(done("one core", scene, count, started.elapsed(), hits))
}

/// Both stages on all cores, as `riposte replay` does it.
pub(super) fn all_cores(scene: &Scene<'_>) -> anyhow::Result<Measurement> {
    let mut core = core(scene);
    let input = Input { replay: scene.log.open()?, parser: Parser::for_format("nginx")? };
    let started = Instant::now();
    let totals = replay(vec![input], &mut core, &real_client(scene.config), |_| true, |_| {})?;
    Ok(done("all cores", scene, totals.lines, started.elapsed(), totals.hits))
}

/// Parsing, and each rule as a script on each event.
pub(super) fn by_script(scene: &Scene<'_>) -> anyhow::Result<Measurement> {
    let mut parser = Parser::for_format("nginx")?;
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    let mut replay = scene.log.open()?;
    let (mut count, mut found) = (0, 0);
    let mut out = Vec::new();
    let started = Instant::now();
    'all: while let Some(batch) = replay.next_batch()? {
        for index in 0..batch.records.len() {
            let Some(record) = batch.record(index) else {
                continue;
            };
            event.reset(record.clone());
            if parser.parse(&record, batch.arrival, &mut event).is_ok() {
                scene.rules.candidates_by_script(&Arc::new(event.clone()), &mut out);
                found += u64::from(!out.is_empty());
            }
            count += 1;
            if started.elapsed() > SCRIPTS_TRIED {
                break 'all;
            }
        }
    }
    Ok(done("by script", scene, count, started.elapsed(), found))
}

fn stage(scene: &Scene<'_>) -> anyhow::Result<Stage> {
    let parser = Parser::for_format("nginx")?;
    Ok(Stage::new(parser, real_client(scene.config), Arc::clone(scene.rules), Clamp::Never))
}

fn core(scene: &Scene<'_>) -> Core {
    let config = scene.config;
    let settings = CoreConfig {
        window_bytes_max: config.memory.windows_bytes(machine::memory_bytes()),
        seed: 0,
        guard: config.guard.clone(),
        route_of: route_of(config),
        modes: Modes::AllEnforce,
    };
    Core::new(Arc::clone(scene.rules), settings)
}

/// The figure of so many of the scene's lines.
fn done(
    stage: &'static str,
    scene: &Scene<'_>,
    count: u64,
    took: Duration,
    results: u64,
) -> Measurement {
    let share = count as f64 / scene.log.lines().max(1) as f64;
    let rules = scene.rules.rules().len() as u64;
    let figure = figure(stage, scene.input.clone(), (count, 0), took, results).with_rules(rules);
    let bytes = scene.log.bytes() as f64 * share;
    Measurement { bytes_per_second: bytes / took.as_secs_f64().max(1e-9), ..figure }
}
