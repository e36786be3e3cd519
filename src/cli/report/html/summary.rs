//! The page's first view: how many, of what kind, and when.

use super::super::Findings;
use super::charts;
use crate::pipeline::report::{Verdict, percent, thousands};
use maud::{Markup, html};

/// Figures and time line.
pub(super) fn summary(findings: &Findings) -> Markup {
    let report = &findings.report;
    let stopped = if findings.comparison.is_some() { "newly stopped" } else { "stopped" };
    html! {
        section aria-labelledby="glance" {
            h2 #glance { "At a glance" }
            @if findings.unread.is_none() {
                (figures(findings, stopped))
            }
            @let decided = charts::decisions(report);
            @if let Some(comparison) = &findings.comparison {
                @let series = charts::differences(&comparison.changes, &report.frame);
                @if series.is_empty() { p.quiet { "No decision differs." } }
                @else {
                    h3 { "Decisions that differ" }
                    (charts::overview(&series, &report.frame, "Decisions that differ"))
                }
            } @else if !decided.is_empty() {
                h3 { "Decisions over time" }
                (charts::overview(&decided, &report.frame, "Decisions"))
            }
        }
    }
}

fn figures(findings: &Findings, stopped: &str) -> Markup {
    let totals = &findings.report.totals;
    let attackers = totals.clients - totals.customers - totals.unclear;
    let parts = [
        (Verdict::Customer, "customer", totals.customers),
        (Verdict::Unclear, "unclear", totals.unclear),
        (Verdict::Attacker, "attacker", attackers),
    ];
    html! {
        dl.figures {
            div { dt { "clients " (stopped) } dd { (thousands(totals.clients)) } }
            @for (verdict, class, number) in parts {
                div class=(class) {
                    dt { (verdict.words()) @if number != 1 && verdict != Verdict::Unclear { "s" } }
                    dd { (thousands(number)) }
                }
            }
            div { dt { "good requests of likely customers lost" } dd { (thousands(totals.lost_good)) } }
        }
        @if totals.clients > 0 {
            svg.share viewBox="0 0 1000 12" preserveAspectRatio="none" role="img"
                aria-label={ (share(totals.customers, totals.clients)) " look like customers" } {
                @let widths = widths(&parts, totals.clients);
                @for ((_, class, _), (from, wide)) in parts.iter().zip(widths) {
                    @if wide > 0 { rect class=(class) x=(from) y="0" width=(wide) height="12" {} }
                }
            }
        }
    }
}

fn share(part: u64, all: u64) -> String {
    percent(part as f64 / all.max(1) as f64)
}

/// Where each part begins and how wide it is, of a thousand; the last one ends at the end.
fn widths(parts: &[(Verdict, &str, u64)], all: u64) -> Vec<(u64, u64)> {
    let mut sum = 0;
    parts
        .iter()
        .map(|(_, _, number)| {
            let from = sum * 1000 / all.max(1);
            sum += number;
            (from, sum * 1000 / all.max(1) - from)
        })
        .collect()
}
