//! What changes from one rule set to the other, on a terminal: the rules themselves first, then
//! their decisions, by rule and target, with the lines that led to them.

use super::layout::{cut, wrap};
use super::terminal::{Page, more};
use super::{Comparison, words};
use crate::cli::output::{Gone, Output, Style};
use crate::event::text::escape;
use crate::pipeline::compare::{Change, ChangeKind};
use crate::pipeline::report::{count, thousands};
use std::collections::BTreeMap;

/// Changes of one rule that are shown, and lines of evidence of each.
const CHANGES_MAX: usize = 4;
const LINES_MAX: usize = 2;

/// Prints the comparison.
pub(super) fn print(comparison: &Comparison, page: &Page, out: &mut Output) -> Result<(), Gone> {
    let (before, after) = (&comparison.before, &comparison.after);
    for (word, named) in [("From", before), ("To", after)] {
        let line = format!("{word:<4}  {} ({})", named.name, count(named.count as u64, "rule"));
        out.line(cut(&line, page.width))?;
    }
    let lines = words::rule_lines(comparison);
    if lines.is_empty() {
        out.line("The rules are the same.")?;
    }
    for (mark, rule, what) in &lines {
        let style = style_of(mark);
        for (place, line) in
            wrap(&format!("{rule}: {}", escape(what)), page.width.saturating_sub(4), 2)
                .iter()
                .enumerate()
        {
            let mark = out.styled(style, if place == 0 { mark } else { " " });
            out.line(format!("  {mark} {line}"))?;
        }
    }
    page.head("Decisions that change", out)?;
    for line in wrap(&words::changes(comparison), page.width.saturating_sub(2), 0) {
        out.line(format!("  {line}"))?;
    }
    let changes = &comparison.changes;
    if changes.new_targets + changes.freed_targets > 0 {
        out.line(format!(
            "  {} not decided about before, {} no longer",
            count(changes.new_targets, "target"),
            thousands(changes.freed_targets)
        ))?;
    }
    table(comparison, page, out)?;
    by_rule(comparison, page, out)?;
    if changes.beyond > 0 {
        let told =
            format!("  {} beyond the limit were not compared", count(changes.beyond, "decision"));
        let told = out.styled(Style::Yellow, told);
        out.line(told)?;
    }
    Ok(())
}

fn style_of(mark: &str) -> Style {
    match mark {
        "+" => Style::Red,
        "-" => Style::Green,
        _ => Style::Yellow,
    }
}

fn table(comparison: &Comparison, page: &Page, out: &mut Output) -> Result<(), Gone> {
    let rules: Vec<_> =
        comparison.changes.rules.iter().filter(|(_, counts)| counts.differs()).collect();
    if rules.is_empty() {
        return Ok(());
    }
    let longest = rules.iter().map(|(rule, _)| rule.chars().count()).max().unwrap_or(4);
    let name = longest.clamp(4, page.width.saturating_sub(46));
    let head = format!(
        "\n  {:<name$}  {:>7} {:>8} {:>7} {:>8} {:>8}",
        "rule", "added", "dropped", "moved", "resized", "same"
    );
    let head = out.styled(Style::Dim, head);
    out.line(head)?;
    for (rule, counts) in rules {
        out.line(format!(
            "  {:<name$}  {:>7} {:>8} {:>7} {:>8} {:>8}",
            cut(rule, name),
            thousands(counts.added),
            thousands(counts.dropped),
            thousands(counts.moved),
            thousands(counts.resized),
            thousands(counts.same)
        ))?;
    }
    Ok(())
}

fn by_rule(comparison: &Comparison, page: &Page, out: &mut Output) -> Result<(), Gone> {
    let mut rules: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in &comparison.changes.changes {
        let Some(shown) = change.shown() else { continue };
        rules.entry(&shown.rule).or_default().push(change);
    }
    for (rule, mut changes) in rules {
        page.head(rule, out)?;
        // New targets first; each once, with how often.
        changes.sort_by_key(|change| (change.also, change.kind, &change.target));
        let same = |a: &&Change, b: &&Change| a.kind == b.kind && a.target == b.target;
        let groups: Vec<&[&Change]> = changes.chunk_by(same).collect();
        for group in groups.iter().take(page.most(CHANGES_MAX)) {
            if let Some(first) = group.first() {
                one(first, group.len() - 1, page, out)?;
            }
        }
        more(groups.len().saturating_sub(page.most(CHANGES_MAX)), out)?;
    }
    Ok(())
}

fn one(change: &Change, again: usize, page: &Page, out: &mut Output) -> Result<(), Gone> {
    let Some(would) = change.shown() else { return Ok(()) };
    let mark = words::mark(change.kind);
    let mark = out.styled(style_of(mark), mark);
    let target = escape(&change.target.to_string()).into_owned();
    let what = match change.kind {
        ChangeKind::Added | ChangeKind::Dropped => words::long(would),
        ChangeKind::Moved | ChangeKind::Resized => words::shift(change),
    };
    let also = words::also(change).map_or_else(String::new, |also| format!("; {also}"));
    let line =
        format!("{} {target}  {}  {what}{also}", would.remedy.name(), words::moment(would.from));
    out.line(format!("  {mark} {}", cut(&line, page.width.saturating_sub(4))))?;
    let key =
        if *would.key == *target { String::new() } else { format!(" for {}", escape(&would.key)) };
    let guard = if would.passes() { String::new() } else { format!(" ({})", escape(&would.guard)) };
    let again = match again {
        0 => String::new(),
        again => format!("; {} more", count(again as u64, "time")),
    };
    let why =
        format!("{}; count {}{key}{guard}{again}", escape(&would.reason), thousands(would.count));
    out.line(cut(&format!("    {why}"), page.width))?;
    let skipped = would.lines.len().saturating_sub(page.most(LINES_MAX));
    for line in would.lines.iter().skip(skipped) {
        page.line("", line, out)?;
    }
    Ok(())
}
