//! What a replay came to, for people: how much was read, who would have been acted on, what could
//! not be read, what failed.

use super::shapes::FaultLine;
use crate::cli::output::{Gone, Output, Style, counted, number, rate, table};
use crate::clock;
use crate::decisions::Decision;
use crate::event::text;
use crate::limits;
use crate::pipeline::core::Firing;
use crate::pipeline::replay::{FaultOf, FileReport, Report};
use crate::rules::FeedAsked;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// What one rule came to.
#[derive(Default)]
struct OfRule {
    hits: u64,
    decisions: u64,
    targets: HashSet<String>,
}

/// A fault of a rule's body, as often as it was met.
struct BodyFault {
    count: u64,
    /// Where it was met first: log and line.
    source: Arc<str>,
    line: u64,
}

/// What was seen while it went.
#[derive(Default)]
pub(in crate::cli) struct Seen {
    pub hits: u64,
    pub decisions: u64,
    refused: u64,
    rules: BTreeMap<Arc<str>, OfRule>,
    targets: HashSet<String>,
    /// By rule and what went wrong.
    bodies: BTreeMap<(Arc<str>, String), BodyFault>,
    /// Faults beyond those that are told apart.
    more_faults: u64,
}

impl Seen {
    /// A hit.
    pub(in crate::cli) fn firing(&mut self, firing: &Firing) {
        let hit = &firing.hit;
        self.hits += 1;
        self.rules.entry(Arc::clone(&hit.rule)).or_default().hits += 1;
        let Some(fault) = &firing.fault else { return };
        let known = (Arc::clone(&hit.rule), fault.to_string());
        let full = self.bodies.len() >= limits::REPLAY_FAULTS_SHOWN_MAX;
        if full && !self.bodies.contains_key(&known) {
            self.more_faults += 1;
            return;
        }
        let (source, line) = (Arc::clone(&hit.event.origin.source), hit.event.line);
        let entry = self.bodies.entry(known).or_insert(BodyFault { count: 0, source, line });
        entry.count += 1;
    }

    /// A decision, and whether the guard would let it pass.
    pub(super) fn decision(&mut self, decision: &Decision, passes: bool) {
        self.decisions += 1;
        self.refused += u64::from(!passes);
        let target = decision.target.to_string();
        let rule = self.rules.entry(Arc::clone(&decision.rule)).or_default();
        rule.decisions += 1;
        for targets in [&mut rule.targets, &mut self.targets] {
            if targets.len() < limits::REPLAY_TARGETS_COUNTED_MAX {
                targets.insert(target.clone());
            }
        }
    }

    /// All faults, one JSON object each.
    pub(in crate::cli) fn faults_as_json(
        &self,
        report: &Report,
        out: &mut Output,
    ) -> Result<(), Gone> {
        for ((rule, message), fault) in &self.bodies {
            out.json(&FaultLine {
                r#type: "fault",
                part: "body",
                rule: Some(rule),
                message,
                count: fault.count,
                source: Some(&fault.source),
                line: Some(fault.line),
            })?;
        }
        for fault in &report.faults {
            out.json(&FaultLine {
                r#type: "fault",
                part: "predicate",
                rule: Some(&fault.rule),
                message: &fault.message,
                count: fault.count,
                source: None,
                line: None,
            })?;
        }
        for file in &report.files {
            let Some(fault) = &file.fault else { continue };
            out.json(&FaultLine {
                r#type: "fault",
                part: "file",
                rule: None,
                message: &fault.to_string(),
                count: 1,
                source: Some(&file.path),
                line: None,
            })?;
        }
        Ok(())
    }

    /// The summary for a person.
    pub(super) fn show(
        &self,
        report: &Report,
        took: Duration,
        out: &mut Output,
    ) -> Result<(), Gone> {
        let head = out.styled(Style::Bold, "\nsummary");
        out.line(head)?;
        read(report, took, out)?;
        let (hits, decisions) = (counted(self.hits, "hit"), counted(self.decisions, "decision"));
        let mut line = format!("  {hits}, {decisions}");
        if self.decisions > 0 {
            let targets = targets(&self.targets);
            line = format!("{line} about {targets}");
        }
        if self.refused > 0 {
            line = format!("{line}; the guard would refuse {}", number(self.refused));
        }
        out.line(line)?;
        self.rules(out)?;
        unparsed(report, out)?;
        self.faults(report, out)
    }

    /// The rules, those that decide most first.
    fn rules(&self, out: &mut Output) -> Result<(), Gone> {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(_, rule)| std::cmp::Reverse((rule.decisions, rule.hits)));
        let rows = rules.iter().map(|(name, rule)| {
            let mut row = vec![format!("    {name}"), counted(rule.hits, "hit")];
            row.push(counted(rule.decisions, "decision"));
            row.push(if rule.decisions > 0 { targets(&rule.targets) } else { String::new() });
            row
        });
        for line in table(&rows.collect::<Vec<_>>()) {
            out.line(line.trim_end())?;
        }
        Ok(())
    }

    pub(in crate::cli) fn faults(&self, report: &Report, out: &mut Output) -> Result<(), Gone> {
        let mut warn = |line: String| {
            let line = out.styled(Style::Yellow, line);
            out.line(line)
        };
        let bodies = self.bodies.values().map(|fault| fault.count).sum::<u64>() + self.more_faults;
        if bodies > 0 {
            let hits = counted(bodies, "hit");
            let were = if bodies == 1 { "was" } else { "were" };
            warn(format!("  {hits} {were} skipped because a rule's body failed:"))?;
        }
        for ((rule, message), fault) in &self.bodies {
            let place = format!("{}:{}", text::escape(&fault.source), fault.line);
            let times = counted(fault.count, "time");
            let message = text::escape(message);
            warn(format!("    rule `{rule}`: {message} ({times}, first at {place})"))?;
        }
        if self.more_faults > 0 {
            warn(format!("    and {} more of other kinds", number(self.more_faults)))?;
        }
        for FaultOf { rule, message, count, .. } in &report.faults {
            let times = counted(*count, "time");
            let message = text::escape(message);
            warn(format!("  the predicate of rule `{rule}` failed: {message} ({times})"))?;
        }
        for file in &report.files {
            let Some(fault) = &file.fault else { continue };
            let used = counted(file.lines, "line");
            warn(format!("  {}; {used} before that are used", text::escape(&fault.to_string())))?;
        }
        Ok(())
    }
}

/// The feeds that rules asked: as they are now, whatever they listed at the time of the lines.
pub(super) fn feeds_asked(feeds: &[FeedAsked], out: &mut Output) -> Result<(), Gone> {
    for feed in feeds {
        let name = text::escape(&feed.name);
        out.line(match feed.version {
            Some(version) => {
                format!("  feed `{name}`: {} as of {version}", text::count(feed.entries, "entry"))
            }
            None => format!("  feed `{name}`: no copy is at hand, so it lists nobody"),
        })?;
    }
    Ok(())
}

/// Files, lines, the time that they tell of, and how long it took.
fn read(report: &Report, took: Duration, out: &mut Output) -> Result<(), Gone> {
    let totals = &report.totals;
    let unparsed = totals.lines - totals.parsed;
    let mut line = format!("  {}, {}", counted(report.files.len() as u64, "file"), {
        counted(totals.lines, "line")
    });
    let oldest = report.files.iter().filter_map(|file| file.oldest).min();
    let newest = report.files.iter().filter_map(|file| file.newest).max();
    if let (Some(oldest), Some(newest)) = (oldest, newest) {
        let long = clock::format_duration(newest.since(oldest));
        line = format!("{line} from {oldest} to {newest} ({long})");
    }
    if totals.outside > 0 {
        line = format!("{line}; {} outside of the wanted time", number(totals.outside));
    }
    out.line(format!("{line}; {} parsed, {} not", number(totals.parsed), number(unparsed)))?;
    let rate = number(rate(totals.lines, took));
    let told = format!("  {:.2} s, {rate} lines/s", took.as_secs_f64());
    let told = out.styled(Style::Dim, told);
    out.line(told)
}

/// The first lines that did not parse, file by file.
fn unparsed(report: &Report, out: &mut Output) -> Result<(), Gone> {
    let mut left = limits::REPLAY_UNPARSED_SHOWN_MAX;
    let bad = |file: &&FileReport| !file.unparsed.is_empty();
    for file in report.files.iter().filter(bad) {
        let not = file.lines - file.parsed;
        let (path, all) = (text::escape(&file.path), counted(file.lines, "line"));
        if left == 0 {
            return out.line("  not parsed: lines of more files");
        }
        let told = format!("  not parsed: {} of {all} of {path}, as", number(not));
        let told = out.styled(Style::Yellow, told);
        out.line(told)?;
        for one in file.unparsed.iter().take(left) {
            out.line(format!("    line {}: {}: {}", one.line, one.why, one.text))?;
            left -= 1;
        }
    }
    Ok(())
}

/// How many targets; they are not counted without end.
fn targets(targets: &HashSet<String>) -> String {
    let more = if targets.len() >= limits::REPLAY_TARGETS_COUNTED_MAX { "at least " } else { "" };
    format!("{more}{}", counted(targets.len() as u64, "target"))
}
