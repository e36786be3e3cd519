//! Results of tests as `JUnit` XML, as build servers read it.

use crate::rules::{TestResult, render_failures};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// Writes the results of a run.
pub fn write(path: &Path, results: &[TestResult]) -> std::io::Result<()> {
    std::fs::write(path, render(results))
}

/// Text that is safe in an attribute and in an element: what XML 1.0 doesn't allow at all stands
/// there escaped, as on a terminal.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(character),
            _ => out.push_str(&crate::event::text::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

/// Attributes lose line breaks when they are read.
fn attribute(text: &str) -> String {
    escape(&text.replace(['\n', '\t'], " "))
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

fn render(results: &[TestResult]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let suites = results.chunk_by(|one, other| one.file == other.file);
    writeln!(out, "<testsuites name=\"riposte\" {}>", counts(results)).ok();
    for suite in suites {
        let Some(first) = suite.first() else { continue };
        writeln!(out, "  <testsuite name=\"{}\" {}>", attribute(&first.file), counts(suite)).ok();
        for result in suite {
            case(result, &mut out);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts(results: &[TestResult]) -> String {
    let failures = results.iter().filter(|result| !result.passed()).count();
    let time: Duration = results.iter().map(|result| result.took).sum();
    format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{}\"",
        results.len(),
        seconds(time)
    )
}

fn case(result: &TestResult, out: &mut String) {
    let (name, file) = (attribute(&result.name), attribute(&result.file));
    write!(
        out,
        "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{}\" time=\"{}\"",
        result.line,
        seconds(result.took)
    )
    .ok();
    let Some(first) = result.failures.first() else {
        out.push_str("/>\n");
        return;
    };
    out.push_str(">\n");
    let (message, text) = (attribute(&first.message), escape(&render_failures(result)));
    writeln!(out, "      <failure type=\"expectation\" message=\"{message}\">{text}</failure>")
        .ok();
    out.push_str("    </testcase>\n");
}
