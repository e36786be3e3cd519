//! Findings as the editor shows them, and what mends them.
//!
//! In: what `check` found in a text. Out: diagnostics with ranges and codes, the hint in their words
//! (not every editor shows what is related), and edits where the hint names the word that was meant.

use super::checker::Found;
use super::document::Document;
use super::files;
use super::scan::{Kind, scan};
use crate::config::load::Fault;
use crate::rules::{Finding, Severity};
use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString,
    Position, Range,
};
use std::ops::Range as Bytes;

/// A diagnostic with what mends it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// As the editor has it.
    pub diagnostic: Diagnostic,
    /// What is to stand where, and what stands there now.
    pub fix: Option<Fix>,
}

/// An edit that mends a finding.
#[derive(Debug, Clone)]
pub struct Fix {
    /// The word that is wrong.
    pub wrong: String,
    /// The word that was meant.
    pub right: String,
    /// Where the wrong one stands, in bytes.
    pub at: Bytes<usize>,
}

/// Everything that was found in a document.
pub fn shown(document: &Document, found: &Found) -> Vec<Shown> {
    match found {
        Found::Rules(findings) => {
            findings.iter().map(|finding| of_finding(document, finding)).collect()
        }
        Found::Config(faults) => faults.iter().map(|fault| of_fault(document, fault)).collect(),
    }
}

fn of_finding(document: &Document, finding: &Finding) -> Shown {
    let bytes = if finding.line == 0 {
        0..document.line(0).len()
    } else {
        let start = document.offset_of_place(finding.line, finding.column);
        let end = document.offset_of_place(finding.end_line, finding.end_column);
        if end > start { start..end } else { start..token_end(document, start) }
    };
    let related = finding.related.iter().filter_map(|related| {
        let uri = files::uri_of_name(&related.file)?;
        let place = |line: usize, column: usize| {
            let line = super::document::number(line.saturating_sub(1));
            Position::new(line, super::document::number(column.saturating_sub(1)))
        };
        let range = Range::new(
            place(related.line, related.column),
            place(related.end_line, related.end_column),
        );
        let message = related.message.clone();
        Some(DiagnosticRelatedInformation { location: Location { uri, range }, message })
    });
    let related: Vec<_> = related.collect();
    let hint = finding.hint.as_deref().unwrap_or("");
    Shown {
        fix: fix(document, &bytes, &finding.message, hint),
        diagnostic: Diagnostic {
            range: document.range(&bytes),
            severity: Some(match finding.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
                Severity::Note => DiagnosticSeverity::INFORMATION,
            }),
            code: Some(NumberOrString::String(finding.code.to_owned())),
            source: Some("riposte".to_owned()),
            message: with_hint(&finding.message, hint),
            related_information: (!related.is_empty()).then_some(related),
            ..Diagnostic::default()
        },
    }
}

fn of_fault(document: &Document, fault: &Fault) -> Shown {
    let bytes = if fault.line == 0 {
        0..document.line(0).len()
    } else {
        let start = document.offset_of_place(fault.line, fault.column);
        start..toml_end(document, start)
    };
    Shown {
        fix: fix(document, &bytes, &fault.message, &fault.hint),
        diagnostic: Diagnostic {
            range: document.range(&bytes),
            severity: Some(DiagnosticSeverity::ERROR),
            code: Some(NumberOrString::String("config".to_owned())),
            source: Some("riposte".to_owned()),
            message: with_hint(&fault.message, &fault.hint),
            ..Diagnostic::default()
        },
    }
}

fn with_hint(message: &str, hint: &str) -> String {
    if hint.is_empty() { message.to_owned() } else { format!("{message}\nhint: {hint}") }
}

/// Where the token that begins at a byte ends; one byte further where none does.
fn token_end(document: &Document, start: usize) -> usize {
    let line = document.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let end = scan(line)
        .first()
        .filter(|token| token.kind != Kind::Comment)
        .map_or(1, super::scan::Token::end);
    (start + end).min(document.text.len())
}

/// Where a key or value of TOML ends.
fn toml_end(document: &Document, start: usize) -> usize {
    let rest = document.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            rest.get(1..).and_then(|body| body.find(quote)).map_or(rest.len(), |end| end + 2)
        }
        Some('[') => rest.trim_end().len(),
        _ => rest
            .find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c))
            .unwrap_or(rest.len())
            .max(1),
    };
    (start + length).min(document.text.len())
}

/// What mends a finding whose hint is "did you mean `…`?".
fn fix(document: &Document, bytes: &Bytes<usize>, message: &str, hint: &str) -> Option<Fix> {
    let right = hint.split_once("did you mean `")?.1.split_once('`')?.0;
    let text = document.text.get(bytes.clone())?;
    // The words of the message in backquotes: the wrong one is that which stands at the place.
    let mut named = message.split('`').skip(1).step_by(2);
    let wrong = named.find(|word| !word.is_empty() && *word != right && text.contains(word))?;
    let start = bytes.start + text.find(wrong)?;
    let (wrong, right) = (wrong.to_owned(), right.to_owned());
    let at = start..start + wrong.len();
    Some(Fix { wrong, right, at })
}

#[cfg(test)]
mod tests {
    use super::super::document::Language;
    use super::*;

    #[test]
    fn a_fix_is_of_the_wrong_word_alone() {
        let text = "rule(\"é😀\").on(\"http\").when(|e| e.staus == 401);";
        let document = Document::new(None, Language::Rules, 1, text.to_owned());
        let bytes = text.find("e.staus").unwrap()..text.find(" ==").unwrap();
        let message = "`http` events have no field `staus`";
        let found = fix(&document, &bytes, message, "did you mean `status`?").unwrap();
        assert_eq!(text.get(found.at.clone()), Some("staus"));
        assert_eq!(found.right, "status");
        assert!(fix(&document, &bytes, message, "add a key").is_none());
        assert!(fix(&document, &(0..4), message, "did you mean `status`?").is_none());
    }
}
