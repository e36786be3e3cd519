//! What two rule sets differ in: the rules themselves, their decisions by rule, and each change with
//! the lines that led to it.

use super::super::{Comparison, words};
use super::Most;
use super::clients::lines;
use super::text::{Told, told};
use crate::limits;
use crate::pipeline::compare::{Change, ChangeKind};
use crate::pipeline::report::{Would, count, thousands};
use maud::{Markup, html};

/// The section.
pub(super) fn changes(comparison: &Comparison, most: Most) -> Markup {
    let changes = &comparison.changes;
    html! {
        section aria-labelledby="changes" {
            h2 #changes { "What changes" }
            (rules(comparison))
            h3 { "Decisions" }
            p { (words::changes(comparison)) ". "
                (count(changes.new_targets, "target")) " not decided about before, "
                (thousands(changes.freed_targets)) " no longer." }
            (table(comparison))
            @if changes.beyond > 0 {
                p.left { (count(changes.beyond, "decision")) " beyond the limit were not compared." }
            }
            (list(comparison, most))
        }
    }
}

fn rules(comparison: &Comparison) -> Markup {
    let found = words::rule_lines(comparison);
    if found.is_empty() {
        return html! { p { "The rules are the same." } };
    }
    let left = found.len().saturating_sub(limits::PAGE_RULES_MAX);
    html! {
        h3 { "Rules" }
        ul.differences {
            @for (mark, rule, what) in found.iter().take(limits::PAGE_RULES_MAX) {
                li class=(class(mark)) {
                    (badge(mark)) code { (Told(rule)) } " " (told(what))
                }
            }
        }
        @if left > 0 { p.left { (thousands(left as u64)) " more rules are left out." } }
    }
}

fn class(mark: &str) -> &'static str {
    match mark {
        "+" => "added",
        "-" => "dropped",
        _ => "moved",
    }
}

/// The sign in words too: a colour and a dash are soon overlooked.
fn badge(mark: &str) -> Markup {
    let word = match mark {
        "+" => "new",
        "-" => "gone",
        _ => "changed",
    };
    html! { span.badge { (word) } " " }
}

const HEADS: [&str; 5] = ["Added", "Dropped", "Moved", "Resized", "Same"];

fn table(comparison: &Comparison) -> Markup {
    let differing: Vec<_> =
        comparison.changes.rules.iter().filter(|(_, counts)| counts.differs()).collect();
    if differing.is_empty() {
        return html! {};
    }
    html! {
        div.wide role="region" tabindex="0" aria-label="Decisions by rule" {
            table.sortable.folds {
                thead { tr {
                    th scope="col" { "Rule" }
                    @for head in HEADS { th.number scope="col" { (head) } }
                } }
                tbody {
                    @for (rule, counts) in differing.iter().take(limits::PAGE_RULES_MAX) {
                        tr {
                            th scope="row" { code { (Told(rule)) } }
                            @let numbers = [counts.added, counts.dropped, counts.moved, counts.resized, counts.same];
                            @for (head, number) in HEADS.iter().zip(numbers) {
                                td.number data-label=(head) data-value=(number) { (thousands(number)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn list(comparison: &Comparison, most: Most) -> Markup {
    let mut changes: Vec<&Change> = comparison.changes.changes.iter().collect();
    // New targets first: they are what a reader has to decide about.
    changes.sort_by_key(|change| (change.also, change.kind));
    let left = changes.len().saturating_sub(most.changes);
    html! {
        @if !changes.is_empty() {
            details.list open[changes.len() <= 12] {
                summary { h3 { "Each change " span.count { (thousands(changes.len() as u64)) } } }
                @for change in changes.iter().take(most.changes) { (one(change)) }
                @if left > 0 {
                    p.left { (count(left as u64, "more change")) " left out of this page. "
                        code { "--all" } " shows more, " code { "--json" } " all of them." }
                }
            }
        }
    }
}

fn one(change: &Change) -> Markup {
    let Some(would) = change.shown() else { return html! {} };
    let mark = words::mark(change.kind);
    let what = match change.kind {
        ChangeKind::Added | ChangeKind::Dropped => words::long(would),
        ChangeKind::Moved | ChangeKind::Resized => words::shift(change),
    };
    html! {
        article class=(class(mark)) {
            h4 {
                span.badge { (change.kind.name()) } " "
                (would.remedy.name()) " " (Told(&change.target.to_string()))
            }
            p {
                code { (Told(&would.rule)) } ", " (words::moment(would.from)) ", " (what)
                @if let Some(also) = words::also(change) { "; " (also) }
            }
            p.reason { "“" (Told(&would.reason)) "”, count " (thousands(would.count)) (key(change, would))
                @if !would.passes() { "; the guard: " (told(&would.guard)) } }
            @if !would.lines.is_empty() {
                details {
                    summary { "The last " (count(would.lines.len() as u64, "line")) " that led to it" }
                    (lines(&would.lines))
                }
            }
        }
    }
}

fn key(change: &Change, would: &Would) -> Markup {
    html! { @if *would.key != *change.target.to_string() { " for " (Told(&would.key)) } }
}
