//! The report on a terminal: what matters most first, lists that end, and a last sentence that says
//! what to do.

use super::layout::{bar, cut, time_line, width, wrap};
use super::{Findings, changes, words};
use crate::cli::output::{Gone, Output, Style};
use crate::event::text::escape;
use crate::pipeline::report::{Client, Line, Report, RuleLine, Verdict, count, percent, thousands};

/// Clients that look good are shown whole up to this many, others in a line each.
const WHOLE_MAX: usize = 8;
const SHORT_MAX: usize = 5;
const RULES_MAX: usize = 10;

/// Prints everything; `all`: however long.
pub(super) fn print(findings: &Findings, all: bool, out: &mut Output) -> Result<(), Gone> {
    let page = Page { width: width(), all };
    if let Some(comparison) = &findings.comparison {
        changes::print(comparison, &page, out)?;
    }
    if findings.unread.is_none() {
        page.report(findings, out)?;
    }
    out.line("")?;
    let totals = &findings.totals;
    let read = format!(
        "{} in {:.1} s, {}",
        count(totals.lines, "line"),
        findings.seconds,
        words::span(&findings.report)
    );
    for line in wrap(&read, page.width, 0) {
        let line = out.styled(Style::Dim, line);
        out.line(line)?;
    }
    for line in wrap(&words::conclusion(findings), page.width, 0) {
        let line = out.styled(Style::Bold, line);
        out.line(line)?;
    }
    Ok(())
}

/// How it is laid out.
pub(super) struct Page {
    pub width: usize,
    pub all: bool,
}

impl Page {
    /// How many of a list are shown.
    pub(super) const fn most(&self, usual: usize) -> usize {
        if self.all { usize::MAX } else { usual }
    }

    /// A heading with a line of air above.
    pub(super) fn head(&self, text: &str, out: &mut Output) -> Result<(), Gone> {
        out.line("")?;
        let head = out.styled(Style::Bold, cut(text, self.width));
        out.line(head)
    }

    fn report(&self, findings: &Findings, out: &mut Output) -> Result<(), Gone> {
        let report = &findings.report;
        let compares = findings.comparison.is_some();
        let whom = if compares { "newly stopped" } else { "stopped" };
        let totals = &report.totals;
        let head = format!("Whom it hits: {} {whom}", count(totals.clients, "client"));
        self.head(&head, out)?;
        self.verdicts(report, out)?;
        self.rules(findings, out)?;
        self.whole(report, Verdict::Customer, "Look like customers", out)?;
        self.short(report.of_verdict(Verdict::Unclear), "Unclear", out)?;
        self.short(report.of_verdict(Verdict::Attacker), "Look like attackers", out)?;
        self.short(report.let_in.iter(), "No longer stopped", out)?;
        self.short(report.spared.iter(), "Spared by the guard, whatever the rules say", out)?;
        self.notes(report, out)
    }

    fn verdicts(&self, report: &Report, out: &mut Output) -> Result<(), Gone> {
        let totals = &report.totals;
        let attackers = totals.clients - totals.customers - totals.unclear;
        let rows = [
            (Verdict::Customer, totals.customers, Style::Yellow),
            (Verdict::Unclear, totals.unclear, Style::Plain),
            (Verdict::Attacker, attackers, Style::Green),
        ];
        let room = self.width.saturating_sub(30).min(60);
        for (verdict, number, style) in rows {
            let bar = out.styled(style, bar(number, totals.clients, room));
            let shown = thousands(number);
            out.line(format!("  {:<16}{shown:>8}  {bar}", verdict.words()).trim_end())?;
        }
        Ok(())
    }

    fn rules(&self, findings: &Findings, out: &mut Output) -> Result<(), Gone> {
        let report = &findings.report;
        if report.rules.is_empty() {
            return Ok(());
        }
        self.head("By rule, those that hit customers first", out)?;
        let longest = report.rules.iter().map(|line| line.rule.chars().count()).max();
        let name = longest.unwrap_or(4).clamp(4, self.width.saturating_sub(52));
        let head = format!(
            "  {:<name$}  {:>8} {:>10} {:>8} {:>9} {:>10}",
            "rule", "clients", "customers", "unclear", "precision", "lost"
        );
        let head = out.styled(Style::Dim, head);
        out.line(head)?;
        for line in report.rules.iter().take(self.most(RULES_MAX)) {
            let row = rule(line, name);
            let style = if line.customers > 0 { Style::Yellow } else { Style::Plain };
            let row = out.styled(style, row);
            out.line(row)?;
            if let Some(mend) = findings.mends.get(&line.rule) {
                for line in wrap(&words::mend(mend), self.width.saturating_sub(6), 0) {
                    out.line(format!("      {line}"))?;
                }
            }
        }
        more(report.rules.len().saturating_sub(self.most(RULES_MAX)), out)?;
        let told = "precision: the share of clients that don't look like customers; lost: good requests of those that do";
        for line in wrap(told, self.width.saturating_sub(2), 0) {
            let line = out.styled(Style::Dim, format!("  {line}"));
            out.line(line)?;
        }
        Ok(())
    }

    /// Clients with all their reasons.
    fn whole(
        &self,
        report: &Report,
        verdict: Verdict,
        head: &str,
        out: &mut Output,
    ) -> Result<(), Gone> {
        let clients: Vec<&Client> = report.of_verdict(verdict).collect();
        if clients.is_empty() {
            return Ok(());
        }
        self.head(&format!("{head} ({})", thousands(clients.len() as u64)), out)?;
        for (place, client) in clients.iter().take(self.most(WHOLE_MAX)).enumerate() {
            if place > 0 {
                out.line("")?;
            }
            self.client(report, client, out)?;
        }
        more(clients.len().saturating_sub(self.most(WHOLE_MAX)), out)
    }

    fn client(&self, report: &Report, client: &Client, out: &mut Output) -> Result<(), Gone> {
        let (before, after) = time_line(&client.profile.lane, &report.frame, client.stopped);
        let room = self.width.saturating_sub(6 + 30);
        let name = cut(&escape(&client.name), room);
        let pad = " ".repeat(room - name.chars().count());
        let name = out.styled(Style::Bold, name);
        let before = out.styled(Style::Green, before);
        let stop = out.styled(Style::Red, "│");
        let after = out.styled(Style::Red, after);
        out.line(
            format!("  {:>3} {name}{pad}{before}{stop}{after}", client.score.points).trim_end(),
        )?;
        self.indented(&words::stopped(client), Style::Plain, out)?;
        if let Some(first) = report.decisions(client).first() {
            self.indented(&escape(&first.reason), Style::Dim, out)?;
        }
        self.indented(&words::lost(client), Style::Yellow, out)?;
        for part in &client.score.parts {
            let lines = wrap(&part.words, self.width.saturating_sub(12), 0);
            for (place, line) in lines.iter().enumerate() {
                let points = if place == 0 { format!("{:+}", part.points) } else { String::new() };
                out.line(format!("      {points:>4}  {line}"))?;
            }
        }
        self.lines(report, client, out)
    }

    fn indented(&self, text: &str, style: Style, out: &mut Output) -> Result<(), Gone> {
        for line in wrap(text, self.width.saturating_sub(6), 0) {
            let line = out.styled(style, line);
            out.line(format!("      {line}"))?;
        }
        Ok(())
    }

    /// The line that tipped the scale, and one that would have been lost.
    fn lines(&self, report: &Report, client: &Client, out: &mut Output) -> Result<(), Gone> {
        let decisions = report.decisions(client);
        let tipped = decisions.first().and_then(|would| would.lines.last());
        let lost = client.profile.lost_lines.first();
        for (what, line) in [("tipped", tipped), ("lost", lost)] {
            let Some(line) = line else { continue };
            self.line(what, line, out)?;
        }
        Ok(())
    }

    /// A line of a log, in two lines at most.
    pub(super) fn line(&self, what: &str, line: &Line, out: &mut Output) -> Result<(), Gone> {
        let indent = if what.is_empty() { 6 } else { 14 };
        let said = format!("{}:{}: {}", escape(&line.file), line.number, line.text);
        let room = self.width.saturating_sub(indent);
        let said = cut(&said, room * 2);
        let (first, rest) = match said.char_indices().nth(room) {
            None => (said.as_str(), ""),
            Some((end, _)) => said.split_at(end),
        };
        for (head, part) in [(what, first), ("", rest)] {
            if !part.is_empty() {
                let head = if indent == 6 { String::new() } else { format!("{head:<8}") };
                let shown = out.styled(Style::Dim, format!("      {head}{part}"));
                out.line(shown)?;
            }
        }
        Ok(())
    }

    /// Clients, a line each.
    fn short<'c>(
        &self,
        clients: impl Iterator<Item = &'c Client>,
        head: &str,
        out: &mut Output,
    ) -> Result<(), Gone> {
        let clients: Vec<&Client> = clients.collect();
        if clients.is_empty() {
            return Ok(());
        }
        self.head(&format!("{head} ({})", thousands(clients.len() as u64)), out)?;
        let shown = clients.iter().take(self.most(SHORT_MAX));
        let longest = shown.clone().map(|client| client.name.chars().count()).max();
        let name = longest.unwrap_or(0).min(40);
        for client in shown {
            let first = client.score.parts.first().map_or("", |part| part.words.as_str());
            let why = client.refused.as_deref().unwrap_or(first);
            let rules: Vec<&str> = client.rules.iter().map(|rule| &**rule).collect();
            let line = format!(
                "  {:>3} {:<name$}  {}: {}",
                client.score.points,
                cut(&escape(&client.name), name),
                rules.join(", "),
                escape(why)
            );
            out.line(cut(&line, self.width))?;
        }
        more(clients.len().saturating_sub(self.most(SHORT_MAX)), out)
    }

    fn notes(&self, report: &Report, out: &mut Output) -> Result<(), Gone> {
        for note in words::notes(report) {
            let note = out.styled(Style::Dim, cut(&format!("  {note}"), self.width));
            out.line(note)?;
        }
        Ok(())
    }
}

/// What a list does not show.
pub(super) fn more(left: usize, out: &mut Output) -> Result<(), Gone> {
    if left == 0 {
        return Ok(());
    }
    let told = out.styled(Style::Dim, format!("  and {} more (--all)", thousands(left as u64)));
    out.line(told)
}

fn rule(line: &RuleLine, name: usize) -> String {
    format!(
        "  {:<name$}  {:>8} {:>10} {:>8} {:>9} {:>10}",
        cut(&line.rule, name),
        thousands(line.clients),
        thousands(line.customers),
        thousands(line.unclear),
        percent(line.precision()),
        thousands(line.lost_good)
    )
}
