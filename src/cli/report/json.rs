//! The report as JSON lines, beside the hits and decisions: `rule_change`, `change`, `client`,
//! `report`, and last `summary`. A contract: scripts depend on them.

use super::{Findings, words};
use crate::cli::output::{Gone, Output};
use crate::clock::Timestamp;
use crate::pipeline::compare::{Change, RuleChange};
use crate::pipeline::report::{Client, Line, Mend, Part, Report, RuleLine, Would};
use serde::Serialize;

/// Prints everything that was found.
pub(super) fn print(findings: &Findings, out: &mut Output) -> Result<(), Gone> {
    if let Some(comparison) = &findings.comparison {
        for (rule, change) in &comparison.rules {
            let (change, differences) = match change {
                RuleChange::Added => ("added", &[][..]),
                RuleChange::Removed => ("removed", &[][..]),
                RuleChange::Changed(differences) => ("changed", differences.as_slice()),
            };
            out.json(&RuleChangeLine { r#type: "rule_change", rule, change, differences })?;
        }
        for change in &comparison.changes.changes {
            if let Some(line) = ChangeLine::of(change) {
                out.json(&line)?;
            }
        }
    }
    let report = &findings.report;
    let groups =
        [("stopped", &report.clients), ("let_in", &report.let_in), ("spared", &report.spared)];
    for (would_be, clients) in groups {
        for client in clients {
            out.json(&ClientLine::of(report, client, would_be))?;
        }
    }
    out.json(&ReportLine::of(findings))?;
    let totals = &findings.totals;
    let rate = if findings.seconds > 0.0 { totals.lines as f64 / findings.seconds } else { 0.0 };
    out.json(&super::super::replay::SummaryLine {
        r#type: "summary",
        lines: totals.lines,
        parsed: totals.parsed,
        unparsed: totals.lines - totals.parsed,
        hits: totals.hits,
        decisions: totals.decisions,
        seconds: (findings.seconds * 1e6).round() / 1e6,
        lines_per_second: rate.round(),
    })
}

/// A rule that differs.
#[derive(Serialize)]
struct RuleChangeLine<'f> {
    r#type: &'static str,
    rule: &'f str,
    change: &'static str,
    differences: &'f [String],
}

/// A decision that only one rule set makes, or at another time.
#[derive(Serialize)]
struct ChangeLine<'f> {
    r#type: &'static str,
    change: &'static str,
    rule: &'f str,
    target: String,
    remedy: &'static str,
    moved_s: f64,
    /// The other rule set decides about the target as well.
    also: bool,
    before: Option<WouldLine<'f>>,
    after: Option<WouldLine<'f>>,
}

impl<'f> ChangeLine<'f> {
    fn of(change: &'f Change) -> Option<Self> {
        let shown = change.shown()?;
        Some(Self {
            r#type: "change",
            change: change.kind.name(),
            rule: &shown.rule,
            target: change.target.to_string(),
            remedy: shown.remedy.name(),
            moved_s: change.moved_micros() as f64 / 1e6,
            also: change.also,
            before: change.before.as_ref().map(WouldLine::of),
            after: change.after.as_ref().map(WouldLine::of),
        })
    }
}

/// A decision with its evidence.
#[derive(Serialize)]
struct WouldLine<'f> {
    time: Timestamp,
    until: Option<Timestamp>,
    key: &'f str,
    count: u64,
    reason: &'f str,
    guard: &'f str,
    evidence: Vec<EvidenceLine<'f>>,
}

impl<'f> WouldLine<'f> {
    fn of(would: &'f Would) -> Self {
        Self {
            time: would.from,
            until: would.until,
            key: &would.key,
            count: would.count,
            reason: &would.reason,
            guard: &would.guard,
            evidence: evidence(&would.lines),
        }
    }
}

/// A line of a log.
#[derive(Serialize)]
struct EvidenceLine<'f> {
    time: Timestamp,
    source: &'f str,
    line: u64,
    text: &'f str,
}

fn evidence(lines: &[Line]) -> Vec<EvidenceLine<'_>> {
    let line = |line: &'_ Line| -> (Timestamp, u64) { (line.time, line.number) };
    lines
        .iter()
        .map(|found| {
            let (time, number) = line(found);
            EvidenceLine { time, source: &found.file, line: number, text: &found.text }
        })
        .collect()
}

/// A client and how good it looks.
#[derive(Serialize)]
struct ClientLine<'f> {
    r#type: &'static str,
    client: &'f str,
    /// `stopped`, `let_in` (only the first rule set stops it) or `spared` (the guard refuses).
    would_be: &'static str,
    score: i32,
    verdict: &'static str,
    rules: Vec<&'f str>,
    remedy: &'static str,
    stopped: Timestamp,
    guard: &'f str,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    good_before: u64,
    lost: u64,
    lost_good: u64,
    parts: Vec<PartLine<'f>>,
    evidence: Vec<EvidenceLine<'f>>,
    lost_lines: Vec<EvidenceLine<'f>>,
}

impl<'f> ClientLine<'f> {
    fn of(report: &'f Report, client: &'f Client, would_be: &'static str) -> Self {
        let decisions = report.decisions(client);
        Self {
            r#type: "client",
            client: &client.name,
            would_be,
            score: client.score.points,
            verdict: client.score.verdict.name(),
            rules: client.rules.iter().map(|rule| &**rule).collect(),
            remedy: client.remedy.name(),
            stopped: client.stopped,
            guard: client.refused.as_deref().unwrap_or("pass"),
            first_seen: client.profile.first,
            last_seen: client.profile.last,
            good_before: client.profile.good_before,
            lost: client.profile.lost,
            lost_good: client.profile.lost_good,
            parts: client.score.parts.iter().map(PartLine::of).collect(),
            evidence: decisions.first().map_or_else(Vec::new, |would| evidence(&would.lines)),
            lost_lines: evidence(&client.profile.lost_lines),
        }
    }
}

/// A part of a score.
#[derive(Serialize)]
struct PartLine<'f> {
    sign: &'static str,
    points: i32,
    why: &'f str,
}

impl<'f> PartLine<'f> {
    fn of(part: &'f Part) -> Self {
        Self { sign: part.sign.weight().name, points: part.points, why: &part.words }
    }
}

/// All together.
#[derive(Serialize)]
struct ReportLine<'f> {
    r#type: &'static str,
    clients: u64,
    customers: u64,
    unclear: u64,
    attackers: u64,
    let_in: u64,
    spared: u64,
    /// Of clients that look like customers.
    lost: u64,
    lost_good: u64,
    rules: Vec<RuleReport<'f>>,
    changes: Option<ChangesLine>,
    conclusion: String,
}

#[derive(Serialize)]
struct RuleReport<'f> {
    rule: &'f str,
    clients: u64,
    customers: u64,
    unclear: u64,
    precision: f64,
    lost: u64,
    lost_good: u64,
    /// A threshold that would be better; `null` where none is known.
    mend: Option<MendLine<'f>>,
}

#[derive(Serialize)]
struct MendLine<'f> {
    /// The table of the config and the parameter in it that sets the threshold.
    table: Option<&'f str>,
    param: Option<&'f str>,
    from: u64,
    to: u64,
    customers: u64,
    spared: u64,
    others: u64,
    let_go: u64,
    words: String,
}

impl<'f> MendLine<'f> {
    fn of(mend: &'f Mend) -> Self {
        let param = mend.param.as_ref();
        Self {
            table: param.map(|(table, _)| table.as_str()),
            param: param.map(|(_, name)| name.as_str()),
            from: mend.from,
            to: mend.to,
            customers: mend.customers,
            spared: mend.spared,
            others: mend.others,
            let_go: mend.let_go,
            words: words::mend(mend),
        }
    }
}

#[derive(Serialize)]
struct ChangesLine {
    added: u64,
    dropped: u64,
    moved: u64,
    resized: u64,
    same: u64,
    new_targets: u64,
    freed_targets: u64,
}

impl<'f> ReportLine<'f> {
    fn of(findings: &'f Findings) -> Self {
        let report = &findings.report;
        let totals = &report.totals;
        let rule = |line: &'f RuleLine| RuleReport {
            rule: &line.rule,
            clients: line.clients,
            customers: line.customers,
            unclear: line.unclear,
            precision: (line.precision() * 1e4).round() / 1e4,
            lost: line.lost,
            lost_good: line.lost_good,
            mend: findings.mends.get(&line.rule).map(MendLine::of),
        };
        Self {
            r#type: "report",
            clients: totals.clients,
            customers: totals.customers,
            unclear: totals.unclear,
            attackers: totals.clients - totals.customers - totals.unclear,
            let_in: report.let_in.len() as u64,
            spared: report.spared.len() as u64,
            lost: totals.lost,
            lost_good: totals.lost_good,
            rules: report.rules.iter().map(rule).collect(),
            changes: findings.comparison.as_ref().map(|comparison| {
                let (changes, totals) = (&comparison.changes, &comparison.changes.totals);
                ChangesLine {
                    added: totals.added,
                    dropped: totals.dropped,
                    moved: totals.moved,
                    resized: totals.resized,
                    same: totals.same,
                    new_targets: changes.new_targets,
                    freed_targets: changes.freed_targets,
                }
            }),
            conclusion: words::conclusion(findings),
        }
    }
}
