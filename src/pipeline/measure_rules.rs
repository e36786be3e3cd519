//! What the number of rules costs: 10, 100 and 1,000 of the same shapes with literals of their own,
//! and the same rules as scripts on every event.

use super::measure::{Measurement, batches, figure, matching};
use super::rule_set;
use super::sample::SampleLogs;
use crate::clock::Timestamp;
use crate::config::{Config, RuleFiles};
use crate::event::{Event, Kind};
use crate::parsers::Parser;
use crate::rules::{RuleFile, RuleSet};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// How many rules, and on which share of the lines scripts are tried.
const SIZES: [(u32, u64); 3] = [(10, 30), (100, 300), (1_000, 3_000)];

/// Rules in one file: a file has a bounded number of closures.
const RULES_A_FILE: u32 = 50;

/// Measures loading, matching and the same by scripts, for each number of rules.
pub(super) fn measure(
    lines: u64,
    tell: &mut impl FnMut(&Measurement) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let config = Config::default();
    let start = Timestamp::from_secs(1_790_000_000);
    let log = SampleLogs::new(42).access_log(lines, 2, 500, start);
    let log: Arc<[u8]> = Arc::from(log.into_bytes());
    for (count, share) in SIZES {
        let files = RuleFiles { files: files(count), ..RuleFiles::default() };
        let started = Instant::now();
        let loaded = rule_set::load_files(&config, files, &BTreeMap::new(), 0).loaded;
        let took = started.elapsed();
        let rules = Arc::new(loaded.set);
        let found = rules.rules().len() as u64;
        tell(&figure("load", &format!("{found} rules"), (found, 0), took, found))?;
        tell(&matching("2 % attacks", &log, &config, &rules)?)?;
        tell(&by_scripts(&log, &rules, lines / share)?)?;
    }
    Ok(())
}

/// Rules of four common shapes.
fn files(count: u32) -> Vec<RuleFile> {
    let mut files: Vec<RuleFile> = Vec::new();
    for number in 0..count {
        if number % RULES_A_FILE == 0 {
            let path = format!("rules/bench-{number}.rhai");
            files.push(RuleFile { path, text: String::new() });
        }
        let predicate = match number % 4 {
            0 => format!(
                r#"e.status in [403, 404] && e.path.to_lower().contains_any(["/a{number}.php", "/b{number}/"])"#
            ),
            1 => format!(
                r#"e.method == "POST" && e.path.ends_with("/login-{number}") && e.status in [200, 401, 403]"#
            ),
            2 => format!(r#"e.user_agent.to_lower().contains("tool{number}")"#),
            _ => format!(r#"e.query.url_decode().to_lower().contains("attack{number}=")"#),
        };
        if let Some(file) = files.last_mut() {
            // Writing to a String can't fail.
            writeln!(
                file.text,
                "rule(\"bench-{number}\").on(\"http\").when(|e| {predicate}).by(\"ip\").count(10, \"5m\").then(|hit| block(hit.ip, \"1h\"));"
            )
            .ok();
        }
    }
    files
}

/// Parsing, and each rule as a script on each event.
fn by_scripts(log: &Arc<[u8]>, rules: &RuleSet, lines: u64) -> anyhow::Result<Measurement> {
    let mut parser = Parser::for_format("nginx")?;
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    let mut replay = batches(log)?;
    let (mut count, mut bytes, mut found) = (0, 0, 0);
    let mut out = Vec::new();
    let started = Instant::now();
    'all: while let Some(batch) = replay.next_batch()? {
        for index in 0..batch.records.len() {
            let Some(record) = batch.record(index) else {
                continue;
            };
            event.reset(record.clone());
            if parser.parse(&record, batch.arrival, &mut event).is_ok() {
                rules.candidates_by_script(&Arc::new(event.clone()), &mut out);
                found += u64::from(!out.is_empty());
            }
            count += 1;
            bytes += record.len() as u64 + 1;
            if count >= lines.max(1) {
                break 'all;
            }
        }
    }
    let took = started.elapsed();
    let input = format!("2 % attacks, {} rules as scripts", rules.rules().len());
    Ok(figure("by script", &input, (count, bytes), took, found))
}
