//! What `check` says of rule files: one finding with its place, its source line and a hint, as text
//! with a caret for people and as JSON for editors.
//!
//! In: findings of load and check. Out: text, JSON. Whether a finding stops anything is for callers.

use crate::event::text::escape;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// The file is loaded, but it may not do what was meant.
    Warning,
    /// The file contributes no rules.
    Error,
}

/// Something that `check` found in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// A stable word for the kind of finding (`unknown-field`).
    pub code: &'static str,
    /// The rule file as it was given.
    pub file: Arc<str>,
    /// The line, counted from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The column in characters, counted from 1; 0 when it is about the line as a whole.
    pub column: usize,
    /// What is wrong: lowercase, values in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line of the file.
    pub source_line: String,
}

/// A finding without its file, as the parts of load and check make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub severity: Severity,
    pub code: &'static str,
    pub position: rhai::Position,
    pub message: String,
    pub hint: Option<String>,
}

impl Note {
    pub(super) fn error(code: &'static str, position: rhai::Position, message: String) -> Self {
        Self { severity: Severity::Error, code, position, message, hint: None }
    }

    pub(super) fn warning(code: &'static str, position: rhai::Position, message: String) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, position, message) }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A message of the form "fact\nhint: …" is taken apart.
    pub(super) fn split_hint(mut self) -> Self {
        if let Some((fact, hint)) = self.message.split_once("\nhint: ") {
            self.hint = Some(hint.to_owned());
            self.message = fact.to_owned();
        }
        self
    }

    /// The finding in `file` with that text.
    pub(super) fn place(self, file: &Arc<str>, text: &str) -> Finding {
        let line = self.position.line().unwrap_or(0);
        let source_line =
            line.checked_sub(1).and_then(|index| text.lines().nth(index)).unwrap_or_default();
        Finding {
            severity: self.severity,
            code: self.code,
            file: Arc::clone(file),
            line,
            column: self.position.position().unwrap_or(0),
            message: self.message,
            hint: self.hint,
            source_line: cut_line(source_line),
        }
    }
}

/// A source line is shown up to this many characters.
const SHOWN_CHARACTERS_MAX: usize = 240;

fn cut_line(line: &str) -> String {
    line.chars().take(SHOWN_CHARACTERS_MAX).collect()
}

/// Puts findings in the order in which people read them: by file, line and column; the same
/// finding once.
pub fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        (&a.file, a.line, a.column, a.code, &a.message)
            .cmp(&(&b.file, b.line, b.column, b.code, &b.message))
    });
    findings.dedup();
}

struct Paint {
    bold: &'static str,
    blue: &'static str,
    severity: &'static str,
    reset: &'static str,
}

impl Paint {
    const fn of(severity: Severity, color: bool) -> Self {
        if !color {
            return Self { bold: "", blue: "", severity: "", reset: "" };
        }
        let severity = match severity {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[1;33m",
            Severity::Note => "\x1b[1;36m",
        };
        Self { bold: "\x1b[1m", blue: "\x1b[34m", severity, reset: "\x1b[0m" }
    }
}

/// The findings as people read them, each with its source line and a caret, an empty line between.
pub fn render(findings: &[Finding], color: bool) -> String {
    let mut out = String::new();
    for finding in findings {
        if !out.is_empty() {
            out.push('\n');
        }
        render_one(&mut out, finding, color);
    }
    out
}

fn render_one(out: &mut String, finding: &Finding, color: bool) {
    let paint = Paint::of(finding.severity, color);
    let Paint { bold, blue, severity, reset } = paint;
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    // Writing to a String can't fail.
    writeln!(
        out,
        "{severity}{word}[{}]{reset}{bold}: {}{reset}",
        finding.code,
        escape_lines(&finding.message)
    )
    .ok();
    let gutter = finding.line.to_string().len();
    let place = match (finding.line, finding.column) {
        (0, _) => finding.file.to_string(),
        (line, 0) => format!("{}:{line}", finding.file),
        (line, column) => format!("{}:{line}:{column}", finding.file),
    };
    writeln!(out, "{:gutter$}{blue}-->{reset} {place}", "").ok();
    if finding.line > 0 && !finding.source_line.is_empty() {
        // A tab is shown as one space, so that the caret stands right.
        let shown: String =
            finding.source_line.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
        writeln!(out, "{:gutter$} {blue}|{reset}", "").ok();
        writeln!(out, "{blue}{} |{reset} {}", finding.line, escape(&shown)).ok();
        if finding.column > 0 && finding.column <= shown.chars().count() + 1 {
            let before: String = shown.chars().take(finding.column - 1).collect();
            let indent = escape(&before).chars().count();
            writeln!(out, "{:gutter$} {blue}|{reset} {:indent$}{severity}^{reset}", "", "").ok();
        }
    }
    if let Some(hint) = &finding.hint {
        writeln!(out, "{:gutter$} {blue}={reset} hint: {}", "", escape_lines(hint)).ok();
    }
}

/// Escapes each line, keeping the line breaks that are ours.
fn escape_lines(text: &str) -> String {
    text.lines().map(|line| escape(line).into_owned()).collect::<Vec<_>>().join("\n    ")
}

/// The findings as a JSON array, for editors.
pub fn to_json(findings: &[Finding]) -> serde_json::Value {
    serde_json::to_value(findings).unwrap_or_default()
}

/// The known word that is nearest to a mistyped one: at most a third of its letters wrong.
pub(super) fn did_you_mean<'w>(
    word: &str,
    known: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(far, _)| *far <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let width = b.len() + 1;
    let mut rows: Vec<usize> = vec![0; (a.len() + 1) * width];
    let at = |rows: &[usize], i: usize, j: usize| {
        rows.get(i * width + j).copied().unwrap_or(usize::MAX / 2)
    };
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let value = if i == 0 || j == 0 {
                i.max(j)
            } else {
                let same = a.get(i - 1) == b.get(j - 1);
                let mut best = (at(&rows, i - 1, j) + 1)
                    .min(at(&rows, i, j - 1) + 1)
                    .min(at(&rows, i - 1, j - 1) + usize::from(!same));
                if i > 1 && j > 1 && a.get(i - 1) == b.get(j - 2) && a.get(i - 2) == b.get(j - 1) {
                    best = best.min(at(&rows, i - 2, j - 2) + 1);
                }
                best
            };
            if let Some(cell) = rows.get_mut(i * width + j) {
                *cell = value;
            }
        }
    }
    at(&rows, a.len(), b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_shown_with_its_line_and_a_caret() {
        let file: Arc<str> = Arc::from("rules/a.rhai");
        let text = "let a = 1;\n    .when(|e| e.staus == 401)\n";
        let finding = Note::warning(
            "unknown-field",
            rhai::Position::new(2, 17),
            "`http` events have no field `staus`".to_owned(),
        )
        .hint("did you mean `status`?")
        .place(&file, text);
        insta::assert_snapshot!(render(&[finding], false), @r"
        warning[unknown-field]: `http` events have no field `staus`
         --> rules/a.rhai:2:17
          |
        2 |     .when(|e| e.staus == 401)
          |                 ^
          = hint: did you mean `status`?
        ");
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(did_you_mean("staus", ["path", "status", "host"]), Some("status"));
        assert_eq!(did_you_mean("pth", ["path", "port"]), Some("path"));
        assert_eq!(did_you_mean("usre", ["user", "host"]), Some("user"));
        assert_eq!(did_you_mean("tenant", ["path", "status"]), None);
    }
}
