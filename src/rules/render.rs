//! Findings as people read them: what, where, the source line with what is meant underlined, a
//! hint, and the other places that belong to it.
//!
//! In: findings. Out: text, with colours where they are wanted. Columns stand right under wide
//! characters, combining marks and tabs, and nothing of a file moves a cursor: what isn't plain is
//! shown escaped.

use super::finding::{Finding, Severity};
use crate::event::text::escape;
use std::fmt::Write as _;

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

/// The findings as people read them, an empty line between.
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

/// A place with its source line, as it is shown.
struct Shown<'s> {
    line: usize,
    column: usize,
    /// The column after the last character that is underlined in this line.
    end: usize,
    source_line: &'s str,
    sign: char,
}

fn render_one(out: &mut String, finding: &Finding, color: bool) {
    let paint = Paint::of(finding.severity, color);
    let Paint { bold, blue, severity, reset } = paint;
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let message = escape_lines(&finding.message);
    // Writing to a String can't fail.
    writeln!(out, "{severity}{word}[{}]{reset}{bold}: {message}{reset}", finding.code).ok();
    let lines = finding.related.iter().map(|related| related.line).chain([finding.line]);
    let gutter = lines.max().unwrap_or(0).to_string().len();
    let place = place(&finding.file, finding.line, finding.column);
    writeln!(out, "{:gutter$}{blue}-->{reset} {place}", "").ok();
    let end = end_in_line(finding.line, finding.end_line, finding.end_column);
    let (line, column, source_line) = (finding.line, finding.column, &*finding.source_line);
    source(out, &Shown { line, column, end, source_line, sign: '^' }, gutter, &paint);
    if let Some(hint) = &finding.hint {
        writeln!(out, "{:gutter$} {blue}={reset} hint: {}", "", escape_lines(hint)).ok();
    }
    for related in &finding.related {
        let at = self::place(&related.file, related.line, related.column);
        let message = escape_lines(&related.message);
        writeln!(out, "{:gutter$}{blue}:::{reset} {at}: {message}", "").ok();
        let end = end_in_line(related.line, related.end_line, related.end_column);
        let (line, column, source_line) = (related.line, related.column, &*related.source_line);
        let blue = Paint { severity: paint.blue, ..paint };
        source(out, &Shown { line, column, end, source_line, sign: '-' }, gutter, &blue);
    }
}

fn place(file: &str, line: usize, column: usize) -> String {
    let file = escape(file);
    match (line, column) {
        (0, _) => file.into_owned(),
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}

/// What goes on in further lines is underlined to the end of its first.
fn end_in_line(line: usize, end_line: usize, end_column: usize) -> usize {
    if end_line > line { usize::MAX } else { end_column }
}

/// The source line, and what is meant underlined.
fn source(out: &mut String, shown: &Shown<'_>, gutter: usize, paint: &Paint) {
    let Paint { blue, severity, reset, .. } = paint;
    let Shown { line, column, source_line, sign, .. } = *shown;
    if line == 0 || source_line.is_empty() {
        return;
    }
    // A tab is shown as one space, so that the caret stands right.
    let plain: String = source_line.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    let plain = plain.trim_end();
    writeln!(out, "{:gutter$} {blue}|{reset}", "").ok();
    writeln!(out, "{blue}{line:>gutter$} |{reset} {}", escape(plain)).ok();
    let length = plain.chars().count();
    if column == 0 || column > length + 1 {
        return;
    }
    let before: String = plain.chars().take(column - 1).collect();
    let meant = shown.end.min(length + 1).saturating_sub(column);
    let meant: String = plain.chars().skip(column - 1).take(meant).collect();
    let indent = width(&escape(&before));
    let under = sign.to_string().repeat(width(&escape(&meant)).max(1));
    writeln!(out, "{:gutter$} {blue}|{reset} {:indent$}{severity}{under}{reset}", "", "").ok();
}

/// How many columns a text takes on a terminal.
fn width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

/// Combining marks take none, East Asian wide characters and emoji two (Unicode 16, UAX #11; only
/// the blocks that matter for a caret).
fn character_width(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Escapes each line, keeping the line breaks that are ours.
fn escape_lines(text: &str) -> String {
    text.lines().map(|line| escape(line).into_owned()).collect::<Vec<_>>().join("\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::finding::{Note, Related};
    use std::sync::Arc;

    #[test]
    fn wide_characters_tabs_and_escapes_keep_the_caret_in_place() {
        let file: Arc<str> = Arc::from("a\u{1b}[2J.rhai");
        let text = "\tlet 名 = e.\u{301}x\u{202e} + staus;\n";
        let mut note = Note::error("code", rhai::Position::new(1, 18), "`a\u{7}`".to_owned());
        note.related.push(Related::at(&file, text, rhai::Position::new(1, 6), "here"));
        insta::assert_snapshot!(render(&[note.place(&file, text)], false), @r"
        error[code]: `a\u{7}`
         --> a\u{1b}[2J.rhai:1:18
          |
        1 |  let 名 = e.́x\u{202e} + staus;
          |                         ^^^^^
         ::: a\u{1b}[2J.rhai:1:6: here
          |
        1 |  let 名 = e.́x\u{202e} + staus;
          |      --
        ");
    }
}
