//! The report as one HTML page that needs nothing else: no script to be read, no picture, font or
//! style from anywhere.
//!
//! In: findings. Out: the page's text ([`render`]); `file` writes it. Everything that records, rules
//! and arguments say goes through [`text::told`]; the page's policy lets no other style or script
//! in than its own two.

mod text;
mod policy;
mod charts;
mod summary;
mod rules;
mod clients;
mod changes;
pub(super) mod file;

use super::{Findings, words};
use crate::clock::{self, Timestamp};
use crate::limits;
use crate::pipeline::report::{CUSTOMER_FROM, Verdict, count, thousands};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use text::{Told, told};

/// How the page looks, and what a browser with scripts can do beside.
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// By this a page of ours is known again, so that it may be replaced.
pub(super) const MARK: &str = "riposte report";

/// How much of each list is shown.
#[derive(Clone, Copy)]
struct Most {
    whole: usize,
    rows: usize,
    changes: usize,
}

impl Most {
    const fn of(all: bool) -> Self {
        let factor = if all { limits::PAGE_ALL_FACTOR } else { 1 };
        Self {
            whole: limits::PAGE_WHOLE_MAX * factor,
            rows: limits::PAGE_ROWS_MAX * factor,
            changes: limits::PAGE_CHANGES_MAX * factor,
        }
    }
}

/// The page; `all`: longer lists.
pub(super) fn render(findings: &Findings, all: bool, now: Timestamp) -> String {
    let page = page(findings, Most::of(all), now).into_string();
    // Each text was escaped where it stands; that nothing was forgotten is made sure of here.
    let mut out = String::with_capacity(page.len());
    for line in page.lines() {
        out.push_str(&crate::event::text::escape(line));
        out.push('\n');
    }
    out
}

fn page(findings: &Findings, most: Most, now: Timestamp) -> Markup {
    let title = if findings.comparison.is_some() { "What would change" } else { "Whom it hits" };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(MARK);
                meta http-equiv="Content-Security-Policy" content=(policy::policy(STYLE, SCRIPT));
                meta name="referrer" content="no-referrer";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · riposte" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "To the report" }
                (header(findings, title, now))
                main #content {
                    (summary::summary(findings))
                    @if let Some(comparison) = &findings.comparison {
                        (changes::changes(comparison, most))
                    }
                    @if findings.unread.is_none() {
                        (rules::rules(findings))
                        (lists(findings, most))
                    }
                    (reading(findings))
                }
                (footer(findings, now))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn header(findings: &Findings, title: &str, now: Timestamp) -> Markup {
    let totals = &findings.totals;
    html! {
        header.top {
            p.kicker { "riposte replay" }
            h1 { (title) }
            p.lead { (told(&words::conclusion(findings))) }
            dl.facts {
                div { dt { "Logs" } dd { (told(&words::span(&findings.report))) } }
                div { dt { "Read" } dd {
                    (count(totals.lines, "line")) ", " (thousands(totals.lines - totals.parsed))
                    " not understood, in " (count(findings.files.len() as u64, "file")) ": "
                    (files(&findings.files))
                } }
                @if let Some(comparison) = &findings.comparison {
                    @for (word, named) in [("From", &comparison.before), ("To", &comparison.after)] {
                        div { dt { (word) } dd {
                            (Told(&named.name)) " (" (count(named.count as u64, "rule")) ")"
                        } }
                    }
                } @else {
                    div { dt { "Rules" } dd {
                        (Told(&findings.rules.name)) " (" (count(findings.rules.count as u64, "rule")) ")"
                    } }
                }
                div { dt { "Made" } dd { (words::moment(now)) " UTC" } }
            }
        }
    }
}

/// The names of the first files.
fn files(names: &[String]) -> Markup {
    let shown = names.iter().take(6).map(|name| told(name).into_string());
    let shown = shown.collect::<Vec<_>>().join(", ");
    html! {
        (PreEscaped(shown))
        @if names.len() > 6 { ", …" }
    }
}

/// The clients: those that matter most first.
fn lists(findings: &Findings, most: Most) -> Markup {
    let report = &findings.report;
    let of = |verdict: Verdict| report.of_verdict(verdict).collect::<Vec<_>>();
    let stopped = if findings.comparison.is_some() { "newly stopped" } else { "stopped" };
    let lists = [
        clients::List {
            id: "customers",
            head: "Likely customers",
            told: "They would be hit, and look as if they shouldn't be.",
            open: true,
            clients: of(Verdict::Customer),
        },
        clients::List {
            id: "unclear",
            head: "Unclear",
            told: "What they did speaks for neither.",
            open: false,
            clients: of(Verdict::Unclear),
        },
        clients::List {
            id: "let-in",
            head: "No longer stopped",
            told: "Only the first rule set stops them.",
            open: false,
            clients: report.let_in.iter().collect(),
        },
        clients::List {
            id: "attackers",
            head: "Likely attackers",
            told: "They would be stopped, and look as if they should be.",
            open: false,
            clients: of(Verdict::Attacker),
        },
        clients::List {
            id: "spared",
            head: "Spared by the guard",
            told: "Rules decide about them, and nothing would happen to them.",
            open: false,
            clients: report.spared.iter().collect(),
        },
    ];
    html! {
        section aria-labelledby="clients" {
            h2 #clients { "Clients that would be " (stopped) }
            (clients::key())
            @for list in lists.iter().filter(|list| !list.clients.is_empty()) {
                (clients::list(report, list, most))
            }
            @if lists.iter().all(|list| list.clients.is_empty()) {
                p.quiet { "There are none in these logs." }
            }
            @for note in words::notes(report) { p.quiet { (note) "." } }
        }
    }
}

fn reading(findings: &Findings) -> Markup {
    html! {
        section aria-labelledby="reading" {
            h2 #reading { "How to read this" }
            ul.reading {
                li {
                    strong { "The score " } "begins with 50 and goes from 0 to 100: from "
                    (CUSTOMER_FROM) " on a likely customer. Every sign that adds or takes stands \
                    with its reason, so that you can disagree. It is an estimate, and nothing in \
                    riposte decides by it."
                }
                li {
                    strong { "Precision " } "is the share of a rule's clients that don't look like \
                    customers: an estimate from above, since what is unclear counts as hit rightly."
                }
                li {
                    strong { "Lost " } "are requests after a decision and before its end; good ones \
                    were answered with 2xx or 3xx."
                }
                li {
                    "Every rule that isn't off counts as enforced, and what is in force now is left \
                    out: this is what the rules propose."
                }
                @if findings.totals.lines > findings.totals.parsed {
                    li { "Lines that were not understood are in no figure here; `riposte parse` shows them." }
                }
            }
        }
    }
}

fn footer(findings: &Findings, now: Timestamp) -> Markup {
    let took = std::time::Duration::from_secs_f64(findings.seconds.max(0.0));
    html! {
        footer {
            "riposte " (env!("CARGO_PKG_VERSION")) ", " (words::moment(now)) " UTC, "
            (clock::format_duration(took)) ". This page holds addresses and lines of logs: \
            personal data. It loads nothing and sends nothing."
        }
    }
}
