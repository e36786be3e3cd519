//! Clients on the page: the first of each list whole, more in a row each, the rest counted.

use super::super::words;
use super::text::{Told, told};
use super::{Most, charts};
use crate::pipeline::report::{Client, Line, Part, Report, Verdict, Would, count, thousands};
use maud::{Markup, html};

/// A list of so few is shown without a click.
const FEW: usize = 8;

/// Clients of one kind.
pub(super) struct List<'r> {
    pub id: &'static str,
    pub head: &'static str,
    /// What they have in common.
    pub told: &'static str,
    /// Shown without a click.
    pub open: bool,
    pub clients: Vec<&'r Client>,
}

/// What the drawings of clients mean, and a field to look for one, which a script fills with life.
pub(super) fn key() -> Markup {
    html! {
        p.legend.key {
            span { i.good {} "good answers" }
            span { i.bad {} "other answers" }
            span { i.stop {} "would be stopped here" }
            span { i.stopped {} "stopped for so long" }
        }
        p.find hidden {
            label for="find" { "Find " }
            input #find type="search" placeholder="address, rule, path …" autocomplete="off";
            " " span #found role="status" {}
        }
    }
}

/// A list with all that is shown of it.
pub(super) fn list(report: &Report, list: &List<'_>, most: Most) -> Markup {
    let all = list.clients.len();
    let rows: Vec<&&Client> = list.clients.iter().skip(most.whole).take(most.rows).collect();
    let left = all.saturating_sub(most.whole + rows.len());
    html! {
        details.list id=(list.id) open[list.open || all <= FEW] {
            summary { h3 { (list.head) " " span.count { (thousands(all as u64)) } } }
            p.quiet { (list.told) }
            @for client in list.clients.iter().take(most.whole) { (whole(report, client)) }
            @if !rows.is_empty() { (table(list, &rows)) }
            @if left > 0 {
                p.left { (count(left as u64, "more client")) (if left == 1 { " is" } else { " are" })
                    " left out of this page. " code { "--all" } " shows more, "
                    code { "--json" } " all of them." }
            }
        }
    }
}

fn class(client: &Client) -> &'static str {
    client.score.verdict.name()
}

fn whole(report: &Report, client: &Client) -> Markup {
    let decisions = report.decisions(client);
    html! {
        article class={ "client " (class(client)) } {
            header {
                (score(client))
                h4 { (Told(&client.name)) }
                p.stopped { (told(&words::stopped(client))) }
            }
            @if let Some(refused) = &client.refused { p.refused { "The guard: " (told(refused)) } }
            @if let Some(first) = decisions.first() { p.reason { "“" (Told(&first.reason)) "”" } }
            (charts::client(client, &decisions, &report.frame))
            p.lost { (capital(&words::lost(client))) "." }
            (why(client))
            (evidence(client, &decisions))
        }
    }
}

fn score(client: &Client) -> Markup {
    let verdict = client.score.verdict;
    html! {
        p.score {
            strong { (client.score.points) }
            span { (verdict.words()) }
        }
    }
}

fn why(client: &Client) -> Markup {
    html! {
        table.why {
            caption.hidden { "What makes the score" }
            thead.hidden { tr { th scope="col" { "Points" } th scope="col" { "Reason" } } }
            tbody { @for part in &client.score.parts { (reason(part)) } }
        }
    }
}

fn reason(part: &Part) -> Markup {
    let class = if part.points > 0 { "number plus" } else { "number minus" };
    html! { tr { td class=(class) { (format!("{:+}", part.points)) } td { (told(&part.words)) } } }
}

/// The lines that led to it, and good ones that would have been lost.
fn evidence(client: &Client, decisions: &[&Would]) -> Markup {
    let led = decisions.first().map(|would| would.lines.as_slice()).unwrap_or_default();
    let lost = client.profile.lost_lines.as_slice();
    // What is to be doubted is shown at once.
    let open = client.score.verdict == Verdict::Customer;
    html! {
        @if !led.is_empty() {
            details open[open] {
                summary { "The last " (count(led.len() as u64, "line")) " that led to it" }
                (lines(led))
            }
        }
        @if !lost.is_empty() {
            details {
                summary { "Good requests that would have been lost" }
                (lines(lost))
            }
        }
    }
}

/// Lines of logs.
pub(super) fn lines(lines: &[Line]) -> Markup {
    html! {
        ol.lines {
            @for line in lines {
                li {
                    span.place { (Told(&line.file)) ":" (line.number) }
                    " " code { (Told(&line.text)) }
                }
            }
        }
    }
}

fn table(list: &List<'_>, rows: &[&&Client]) -> Markup {
    html! {
        div.wide role="region" tabindex="0" aria-label={ "More: " (list.head) } {
            table.sortable.rows {
                caption { "Further ones" }
                thead { tr {
                    th.number scope="col" { "Score" } th scope="col" { "Client" }
                    th scope="col" { "Rules" } th.number scope="col" { "Good lost" }
                    th scope="col" { "Weightiest sign" }
                } }
                tbody { @for client in rows { (row(client)) } }
            }
        }
    }
}

fn row(client: &Client) -> Markup {
    let first = client.score.parts.first().map_or("", |part| part.words.as_str());
    let why = client.refused.as_deref().unwrap_or(first);
    let rules: Vec<&str> = client.rules.iter().map(|rule| &**rule).collect();
    html! {
        tr {
            td.number data-value=(client.score.points) { (client.score.points) }
            th scope="row" { (Told(&client.name)) }
            td { (Told(&rules.join(", "))) }
            td.number data-value=(client.profile.lost_good) { (thousands(client.profile.lost_good)) }
            td { (told(why)) }
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
