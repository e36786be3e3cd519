//! Measures the stages one by one, and the whole, on generated logs: the product's own code, the
//! shipped rules, nothing left out. `riposte bench` and `benches/stages.rs` print it.

use super::core::{Core, CoreConfig, Modes};
use super::live::{real_client, route_of};
use super::replay::{Input, replay};
use super::rule_set;
use super::sample::SampleLogs;
use super::stage::{Clamp, Stage};
use super::{machine, measure_rules, measure_windows};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::event::{Event, Key, Kind};
use crate::parsers::Parser;
use crate::rules::RuleSet;
use crate::sources::Replay;
use crate::windows::{RuleWindow, Sample, WindowSpec, Windows};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The figures of one stage.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// What was measured (`parse`, `match`, `window`, `whole`).
    pub stage: &'static str,
    /// On what.
    pub input: String,
    /// Lines (or updates) that went through.
    pub count: u64,
    /// Nanoseconds each.
    pub nanos_each: f64,
    /// Lines (or updates) a second.
    pub per_second: f64,
    /// Bytes a second; 0 where bytes mean nothing.
    pub bytes_per_second: f64,
    /// The most memory that the process had in use up to then, bytes.
    pub peak_bytes: u64,
    /// What came out (events, candidates, hits), so that nobody measures nothing.
    pub results: u64,
}

/// A rate of attacks and its name.
const MIXES: [(&str, u8); 2] = [("2 % attacks", 2), ("78 % attacks", 78)];

/// Measures everything on `lines` lines, telling each figure as it comes.
pub fn measure(
    lines: u64,
    mut tell: impl FnMut(&Measurement) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let config = Config::default();
    let rules = Arc::new(rule_set::load(&config, &BTreeMap::new(), 0).loaded.set);
    for (name, percent) in MIXES {
        let start = Timestamp::from_secs(1_790_000_000);
        let log = SampleLogs::new(42).access_log(lines, percent, 500, start);
        let log: Arc<[u8]> = Arc::from(log.into_bytes());
        tell(&parse(name, &log)?)?;
        tell(&matching(name, &log, &config, &rules)?)?;
        tell(&whole(name, &log, &config, &rules)?)?;
        if percent < 50 {
            let log = without_repeats(&log);
            let name = format!("{name}, no path or agent twice");
            tell(&matching(&name, &log, &config, &rules)?)?;
        }
    }
    measure_rules::measure(lines, &mut tell)?;
    tell(&window())?;
    measure_windows::measure(tell)
}

/// The same lines, each with a path and a user agent of its own: nothing that was found before
/// is of use.
fn without_repeats(log: &[u8]) -> Arc<[u8]> {
    let mut out = Vec::with_capacity(log.len() + log.len() / 8);
    for (number, line) in log.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let text = String::from_utf8_lossy(line);
        let text = text.replacen(" /", &format!(" /{number}/"), 1);
        match text.trim_end().strip_suffix('"') {
            Some(text) => out.extend_from_slice(format!("{text} {number}\"\n").as_bytes()),
            None => out.extend_from_slice(text.as_bytes()),
        }
    }
    out.into()
}

pub(super) fn batches(log: &Arc<[u8]>) -> anyhow::Result<Replay> {
    Ok(Replay::from_reader("bench", Box::new(Cursor::new(Arc::clone(log))))?)
}

pub(super) fn figure(
    stage: &'static str,
    input: &str,
    (count, bytes): (u64, u64),
    took: Duration,
    results: u64,
) -> Measurement {
    let seconds = took.as_secs_f64().max(1e-9);
    Measurement {
        stage,
        input: input.to_owned(),
        count,
        nanos_each: seconds * 1e9 / count.max(1) as f64,
        per_second: count as f64 / seconds,
        bytes_per_second: bytes as f64 / seconds,
        peak_bytes: machine::peak_bytes(),
        results,
    }
}

/// Splitting and parsing alone.
fn parse(name: &str, log: &Arc<[u8]>) -> anyhow::Result<Measurement> {
    let mut parser = Parser::for_format("nginx")?;
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    let mut replay = batches(log)?;
    let (mut count, mut parsed) = (0, 0);
    let started = Instant::now();
    while let Some(batch) = replay.next_batch()? {
        for index in 0..batch.records.len() {
            let Some(record) = batch.record(index) else {
                continue;
            };
            event.reset(record.clone());
            parsed += u64::from(parser.parse(&record, batch.arrival, &mut event).is_ok());
            count += 1;
        }
    }
    Ok(figure("parse", name, (count, log.len() as u64), started.elapsed(), parsed))
}

/// The stateless stage: parse, enrich, match.
pub(super) fn matching(
    name: &str,
    log: &Arc<[u8]>,
    config: &Config,
    rules: &Arc<RuleSet>,
) -> anyhow::Result<Measurement> {
    let parser = Parser::for_format("nginx")?;
    let mut stage = Stage::new(parser, real_client(config), Arc::clone(rules), Clamp::Never);
    let mut replay = batches(log)?;
    let (mut count, mut found) = (0, 0);
    let started = Instant::now();
    while let Some(batch) = replay.next_batch()? {
        let matched = stage.run(&batch);
        count += matched.records;
        found += matched.candidates.len() as u64;
    }
    let input = format!("{name}, {} rules", rules.rules().len());
    Ok(figure("parse+match", &input, (count, log.len() as u64), started.elapsed(), found))
}

/// All of it, as `riposte replay` does it.
fn whole(
    name: &str,
    log: &Arc<[u8]>,
    config: &Config,
    rules: &Arc<RuleSet>,
) -> anyhow::Result<Measurement> {
    let mut core = Core::new(
        Arc::clone(rules),
        CoreConfig {
            window_bytes_max: config.memory.windows_bytes(machine::memory_bytes()),
            seed: 0,
            guard: config.guard.clone(),
            route_of: route_of(config),
            modes: Modes::AllEnforce,
        },
    );
    let input = Input { replay: batches(log)?, parser: Parser::for_format("nginx")? };
    let started = Instant::now();
    let totals = replay(vec![input], &mut core, &real_client(config), |_| true, |_| {})?;
    let took = started.elapsed();
    let input = format!("{name}, {} rules", rules.rules().len());
    Ok(figure("whole", &input, (totals.lines, totals.bytes), took, totals.hits))
}

/// Updates of a million keys of `count`.
fn window() -> Measurement {
    const KEYS: u32 = 1_000_000;
    let mut windows = Windows::new(256 * 1024 * 1024);
    windows.set_rules(&[RuleWindow {
        rule: Arc::from("bench"),
        fingerprint: 1,
        spec: WindowSpec::Count { n: 10, within: Duration::from_mins(5) },
        cooldown: None,
    }]);
    let key = |number: u32| Key::net(IpAddr::V4(Ipv4Addr::from(number)).into());
    let mut sample = Sample::at(Timestamp::from_secs(1_790_000_000));
    for number in 0..KEYS {
        windows.update(0, &key(number), &sample);
    }
    let mut random = fastrand::Rng::with_seed(1);
    let order: Vec<u32> = (0..KEYS).map(|_| random.u32(..KEYS)).collect();
    sample.time = sample.time.plus(Duration::from_secs(1));
    let mut fired = 0;
    let started = Instant::now();
    for number in order {
        fired += u64::from(windows.update(0, &key(number), &sample).is_some());
    }
    let took = started.elapsed();
    let stats = windows.stats();
    let bytes = stats.bytes as f64 / 1e6;
    let input = format!("{} live keys of count(10, \"5m\") in {bytes:.0} MB", stats.keys);
    figure("window", &input, (u64::from(KEYS), 0), took, stats.keys + fired)
}
