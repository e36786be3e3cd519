//! The rules and whom each would stop.

use super::super::{Findings, words};
use super::text::{Told, told};
use crate::limits;
use crate::pipeline::report::{Mend, RuleLine, percent, thousands};
use maud::{Markup, html};

const HEADS: [&str; 5] =
    ["Clients", "Likely customers", "Unclear", "Precision", "Good requests lost"];

/// The table, those that hit customers first.
pub(super) fn rules(findings: &Findings) -> Markup {
    let report = &findings.report;
    if report.rules.is_empty() {
        return html! {};
    }
    let left = report.rules.len().saturating_sub(limits::PAGE_RULES_MAX);
    html! {
        section aria-labelledby="rules" {
            h2 #rules { "By rule" }
            div.wide role="region" aria-labelledby="rules" tabindex="0" {
                table.sortable.folds {
                    thead { tr {
                        th scope="col" { "Rule" }
                        @for head in HEADS { th.number scope="col" { (head) } }
                    } }
                    tbody {
                        @for line in report.rules.iter().take(limits::PAGE_RULES_MAX) {
                            (row(line, findings.mends.get(&line.rule)))
                        }
                    }
                }
            }
            @if left > 0 { p.quiet { (thousands(left as u64)) " more rules are left out." } }
        }
    }
}

fn row(line: &RuleLine, mend: Option<&Mend>) -> Markup {
    let precision = line.precision();
    html! {
        tr class=[(line.customers > 0).then_some("warns")] {
            th scope="row" {
                code { (Told(&line.rule)) }
                @if let Some(mend) = mend { p.mend { (told(&words::mend(mend))) } }
            }
            @for (head, number) in HEADS.iter().zip([line.clients, line.customers, line.unclear]) {
                td.number data-label=(head) data-value=(number) { (thousands(number)) }
            }
            td.number data-label=(HEADS[3]) data-value=(format!("{precision:.4}")) {
                (percent(precision)) " "
                meter min="0" max="1" low="0.9" high="0.99" optimum="1" value=(format!("{precision:.4}")) {}
            }
            td.number data-label=(HEADS[4]) data-value=(line.lost_good) { (thousands(line.lost_good)) }
        }
    }
}
