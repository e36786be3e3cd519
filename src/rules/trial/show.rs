//! A test's result as people read it: what was expected against what was got, the differing part
//! marked, where it stands, and what happened.

use super::diff::Difference;
use super::{Failure, TestResult};
use std::fmt::Write as _;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Text in a style, where colours are wanted.
fn paint(colour: bool, style: &str, text: &str) -> String {
    if colour { format!("{style}{text}{RESET}") } else { text.to_owned() }
}

/// Results as people read them: a line for each test, below it what didn't hold.
pub fn render_results(results: &[TestResult], colour: bool) -> String {
    let place = |result: &TestResult| format!("{}:{}", result.file, result.line);
    results.iter().map(|result| render_result(result, &place(result), colour)).collect()
}

/// One result; `beside` stands beside its name.
pub fn render_result(result: &TestResult, beside: &str, colour: bool) -> String {
    let mut out = String::new();
    let name = crate::event::text::escape(&result.name);
    let beside = paint(colour, DIM, beside);
    let word =
        if result.passed() { paint(colour, GREEN, "pass") } else { paint(colour, RED, "FAIL") };
    // Writing to a String can't fail.
    writeln!(out, "{word} {name} {beside}").ok();
    for failure in &result.failures {
        render_failure(result, failure, colour, &mut out);
    }
    if result.failures_more > 0 {
        writeln!(out, "     … and {} more failures", result.failures_more).ok();
    }
    out
}

/// What didn't hold, without colours: for machines that show text.
pub fn render_failures(result: &TestResult) -> String {
    let mut out = String::new();
    for failure in &result.failures {
        render_failure(result, failure, false, &mut out);
    }
    out
}

fn render_failure(result: &TestResult, failure: &Failure, colour: bool, out: &mut String) {
    let line = if failure.line == 0 { result.line } else { failure.line };
    let column = if failure.column == 0 { String::new() } else { format!(":{}", failure.column) };
    let message = crate::event::text::escape(&failure.message);
    let message = paint(colour, BOLD, &message);
    writeln!(out, "     {}:{line}{column}: {message}", result.file).ok();
    if !failure.source.is_empty() {
        let source = paint(colour, DIM, &failure.source);
        writeln!(out, "       {line:>4} | {source}").ok();
    }
    for difference in &failure.diff {
        render_difference(difference, colour, out);
    }
    // The nearest is in the diff already.
    let shown = failure.diff.iter().filter(|line| line.sign == '+').count();
    for (place, got) in failure.got.iter().skip(shown).enumerate() {
        let word = if shown > 0 && place == 0 { "also got" } else { "got" };
        writeln!(out, "       {word}: {got}").ok();
    }
    if let Some(hint) = &failure.hint {
        writeln!(out, "       hint: {hint}").ok();
    }
    for line in &failure.trace {
        writeln!(out, "       {}", paint(colour, DIM, &format!("· {line}"))).ok();
    }
}

/// A line of a diff; below it marks under what differs, unless colours show it.
fn render_difference(difference: &Difference, colour: bool, out: &mut String) {
    let style = if difference.sign == '-' { RED } else { GREEN };
    let mut line = paint(colour, style, &format!("{}", difference.sign));
    let mut marks = " ".to_owned();
    for word in &difference.words {
        let text = if word.differs {
            paint(colour, &format!("{style}{BOLD}"), &word.text)
        } else {
            word.text.clone()
        };
        write!(line, " {text}").ok();
        let mark = if word.differs { "^" } else { " " };
        write!(marks, " {}", mark.repeat(word.text.chars().count())).ok();
    }
    writeln!(out, "       {line}").ok();
    let marks = marks.trim_end();
    if !colour && difference.sign == '+' && !marks.is_empty() {
        writeln!(out, "       {marks}").ok();
    }
}
