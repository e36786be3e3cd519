//! Sentences that terminal and page share.

use super::{Comparison, Findings};
use crate::clock::{Timestamp, format_duration};
use crate::pipeline::compare::{Change, ChangeKind, RuleChange};
use crate::pipeline::report::{Client, Mend, Report, RuleLine, Verdict, Would, count, thousands};
use std::time::Duration;

/// A moment, in UTC, without a zone.
pub(super) fn moment(time: Timestamp) -> String {
    time.to_jiff().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The span of the logs.
pub(super) fn span(report: &Report) -> String {
    let (from, to) = (report.frame.from, report.frame.to);
    if from == Timestamp::EPOCH && to == Timestamp::EPOCH {
        return "no event".to_owned();
    }
    format!("{} to {} UTC ({})", moment(from), moment(to), format_duration(to.since(from)))
}

/// `for 1h`, `for ever`.
pub(super) fn long(would: &Would) -> String {
    would.until.map_or_else(
        || "for ever".to_owned(),
        |until| format!("for {}", format_duration(until.since(would.from))),
    )
}

/// What changes about a decision that both rule sets make.
pub(super) fn shift(change: &Change) -> String {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return String::new();
    };
    let mut parts = Vec::new();
    let micros = change.moved_micros();
    if micros != 0 {
        let by = format_duration(Duration::from_micros(micros.unsigned_abs()));
        let way = if micros < 0 { "earlier" } else { "later" };
        parts.push(format!("{by} {way}"));
    }
    let length = |would: &Would| would.until.map(|until| until.since(would.from));
    let (old, new) = (length(before), length(after));
    if old != new {
        // For ever is longer than anything.
        let longer = new.is_none() || old.is_some_and(|old| new.is_some_and(|new| new > old));
        let way = if longer { "longer" } else { "shorter" };
        parts.push(format!("{way}: {}, was {}", long(after), long(before)));
    }
    parts.join(", ")
}

/// The sign before a change.
pub(super) const fn mark(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "+",
        ChangeKind::Dropped => "-",
        ChangeKind::Moved | ChangeKind::Resized => "~",
    }
}

/// How the rules themselves differ, one line each: mark, rule, words.
pub(super) fn rule_lines(comparison: &Comparison) -> Vec<(&'static str, String, String)> {
    let line = |(rule, change): (&std::sync::Arc<str>, &RuleChange)| match change {
        RuleChange::Added => ("+", rule.to_string(), "new".to_owned()),
        RuleChange::Removed => ("-", rule.to_string(), "gone".to_owned()),
        RuleChange::Changed(what) => ("~", rule.to_string(), what.join("; ")),
    };
    comparison.rules.iter().map(line).collect()
}

/// What becomes of the decisions, in one sentence.
pub(super) fn changes(comparison: &Comparison) -> String {
    let totals = &comparison.changes.totals;
    format!(
        "{} added, {} dropped, {} moved in time, {} longer or shorter; {} as before",
        thousands(totals.added),
        thousands(totals.dropped),
        thousands(totals.moved),
        thousands(totals.resized),
        thousands(totals.same)
    )
}

/// What a client would have lost.
pub(super) fn lost(client: &Client) -> String {
    let (all, good) = (client.profile.lost, client.profile.lost_good);
    match (all, good) {
        (0, _) => "nothing came after it would have been stopped".to_owned(),
        (1, 1) => "would have lost 1 request, which was answered well".to_owned(),
        (1, 0) => "would have lost 1 request, which was not answered well".to_owned(),
        (all, 0) => {
            format!("would have lost {}, none of them answered well", count(all, "request"))
        }
        (all, good) if all == good => {
            format!("would have lost {}, all of them answered well", count(all, "request"))
        }
        (all, good) => format!(
            "would have lost {}, {} of them answered well",
            count(all, "request"),
            thousands(good)
        ),
    }
}

/// The rules of a client and when it would have been stopped.
pub(super) fn stopped(client: &Client) -> String {
    let rules: Vec<&str> = client.rules.iter().map(|rule| &**rule).collect();
    format!("{} by {}, {}", client.remedy.name(), rules.join(", "), moment(client.stopped))
}

/// The conclusion, in plain words.
pub(super) fn conclusion(findings: &Findings) -> String {
    let report = &findings.report;
    if let Some(file) = &findings.unread {
        return format!(
            "Nobody was looked at: `{file}` can't be read twice. Write it to a file first to see whom this would hit."
        );
    }
    let totals = &report.totals;
    let compares = findings.comparison.is_some();
    let whom = if compares { "newly stopped client" } else { "stopped client" };
    let mut said = vec![match (totals.clients, totals.customers) {
        (0, _) if compares => "No client is newly stopped.".to_owned(),
        (0, _) => "No client would be stopped.".to_owned(),
        (all, 0) => format!("None of {} looks like a customer.", count(all, whom)),
        (1, _) => format!("The one {whom} looks like a customer."),
        (all, some) => {
            let look = if some == 1 { "looks like a customer" } else { "look like customers" };
            format!("{} of {} {look}.", thousands(some), count(all, whom))
        }
    }];
    if let Some(rule) = worst(report) {
        said.push(format!(
            "Look at rule `{}` first: it hits {} of them, and {} of theirs would be lost.",
            rule.rule,
            thousands(rule.customers),
            count(rule.lost_good, "good request")
        ));
    } else if totals.unclear > 0 {
        let are = if totals.unclear == 1 { "is" } else { "are" };
        said.push(format!("{} {are} unclear.", thousands(totals.unclear)));
    }
    let freed = report.let_in.len() as u64;
    if freed > 0 {
        let is_attacker = |client: &&Client| client.score.verdict == Verdict::Attacker;
        let attackers = report.let_in.iter().filter(is_attacker).count() as u64;
        let are = match attackers {
            0 => "none looks like an attacker".to_owned(),
            1 => "1 looks like an attacker".to_owned(),
            many => format!("{} look like attackers", thousands(many)),
        };
        said.push(format!("Of {} no longer stopped, {are}.", count(freed, "client")));
    }
    said.join(" ")
}

/// The rule that hits most customers.
pub(super) fn worst(report: &Report) -> Option<&RuleLine> {
    report.rules.first().filter(|rule| rule.customers > 0)
}

/// Whether the other rule set decides about the target as well.
pub(super) const fn also(change: &Change) -> Option<&'static str> {
    match (change.kind, change.also) {
        (ChangeKind::Added, true) => Some("decided about before as well"),
        (ChangeKind::Dropped, true) => Some("still decided about otherwise"),
        _ => None,
    }
}

/// What was left out of the look at clients.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.without_client > 0 {
        let targets = count(report.without_client, "target");
        notes.push(format!("{targets} without a client that could be looked at"));
    }
    if report.passed_over > 0 {
        let events = count(report.passed_over, "event or decision");
        let events = events.replace("decisions", "decisions of clients beyond the limit");
        notes.push(format!("{events} not looked at"));
    }
    notes
}

/// A threshold that would be better, in one sentence.
pub(super) fn mend(mend: &Mend) -> String {
    let (what, place) = match &mend.param {
        Some((table, name)) => (format!("`{name}`"), format!(" (`[rules.params.{table}]`)")),
        None => ("a threshold".to_owned(), String::new()),
    };
    let whom = |part: u64, all: u64, what: &str| match (part, all) {
        (_, 0) => "nobody else".to_owned(),
        (1, 1) => format!("the one {what}"),
        (part, all) if part == all => format!("all {} {what}s", thousands(all)),
        (0, 1) => format!("not the one {what}"),
        (0, all) => format!("none of {} {what}s", thousands(all)),
        (part, all) => format!("{} of {} {what}s", thousands(part), thousands(all)),
    };
    format!(
        "{what} of {} instead of {}{place} would spare {} and let go {}",
        thousands(mend.to),
        thousands(mend.from),
        whom(mend.spared, mend.customers, "likely customer"),
        whom(mend.let_go, mend.others, "other")
    )
}
