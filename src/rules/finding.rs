//! What `check` says of rule files: one finding with its place, its source line and a hint, as JSON
//! for editors. How people read it is in [`super::render`].
//!
//! In: findings of load and check. Out: places, JSON. Whether a finding stops anything is for callers.

use super::parts::scan;
use super::settings::RuleFile;
use crate::event::text;
use serde::Serialize;
use std::ops::Range;
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

/// Something that `check` found in a rule file or in the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// A stable word for the kind of finding (`unknown-field`); docs/check.md tells of each.
    pub code: &'static str,
    /// The file as it was given.
    pub file: Arc<str>,
    /// The line, counted from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The column in characters, counted from 1; 0 when it is about the line as a whole.
    pub column: usize,
    /// The line in which it ends.
    pub end_line: usize,
    /// The column after its last character.
    pub end_column: usize,
    /// What is wrong: lowercase, values in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line of the file, cut where it is very long.
    pub source_line: String,
    /// Other places that belong to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
}

/// Another place that a finding speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Related {
    /// The file.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The line in which it ends.
    pub end_line: usize,
    /// The column after its last character.
    pub end_column: usize,
    /// What is there.
    pub message: String,
    /// The line of the file.
    pub source_line: String,
}

/// A place in a text, without its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Placed {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    source_line: String,
}

impl Placed {
    /// A range of bytes of a text.
    fn range(text: &str, range: &Range<usize>) -> Self {
        let (line, column) = scan::line_and_column(text, range.start);
        let (end_line, end_column) = scan::line_and_column(text, range.end.max(range.start));
        let source_line = line.checked_sub(1).and_then(|index| text.lines().nth(index));
        let source_line = cut_line(source_line.unwrap_or_default());
        Self { line, column, end_line, end_column, source_line }
    }

    /// What stands at a place of Rhai's: the word, sign or text that begins there.
    fn position(text: &str, position: rhai::Position) -> Self {
        let Some(line) = position.line() else { return Self::default() };
        let source_line = cut_line(text.lines().nth(line - 1).unwrap_or_default());
        let column = position.position().unwrap_or(0);
        match scan::offset(text, line, column) {
            Some(start) => Self::range(text, &(start..scan::token_end(text, start).max(start))),
            None => Self { line, column, end_line: line, end_column: column, source_line },
        }
    }
}

/// A finding without its file, as the parts of load and check make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub severity: Severity,
    pub code: &'static str,
    pub position: rhai::Position,
    /// The bytes of the text that it is about, where that is more or less than the word at
    /// `position`.
    pub span: Option<Range<usize>>,
    /// Which characters of the text literal at `position` it is about, counted from 0.
    pub within: Option<Range<usize>>,
    /// Which value of the call at `position` it is about, where it is about one.
    pub argument: Option<usize>,
    /// The text literal in the call or map at `position` that it is about, where it is about one.
    pub word: Option<String>,
    pub message: String,
    pub hint: Option<String>,
    /// Places in other files, or in this one.
    pub related: Vec<Related>,
}

impl Note {
    pub(super) fn error(code: &'static str, position: rhai::Position, message: String) -> Self {
        Self {
            severity: Severity::Error,
            code,
            position,
            span: None,
            within: None,
            argument: None,
            word: None,
            message,
            hint: None,
            related: Vec::new(),
        }
    }

    pub(super) fn warning(code: &'static str, position: rhai::Position, message: String) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, position, message) }
    }

    /// Worth knowing only.
    pub(super) fn remark(code: &'static str, position: rhai::Position, message: String) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, position, message) }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With "did you mean" where a known word is near.
    pub(super) fn did_you_mean<'w>(
        self,
        word: &str,
        known: impl IntoIterator<Item = &'w str>,
    ) -> Self {
        match did_you_mean(word, known) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// The last value of a call.
    pub(super) const LAST: usize = usize::MAX;

    /// About a value of the call at its position, counted from 0.
    pub(super) fn argument(mut self, place: usize) -> Self {
        self.argument = Some(place);
        self
    }

    /// About these characters of the text literal at its position.
    pub(super) fn within(mut self, characters: Range<usize>) -> Self {
        self.within = Some(characters);
        self
    }

    /// About this text literal in the call or map at its position.
    pub(super) fn word(mut self, word: &str) -> Self {
        self.word = Some(word.to_owned());
        self
    }

    /// About these bytes of the text.
    pub(super) fn span(mut self, span: Option<Range<usize>>) -> Self {
        self.span = span;
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
        let within =
            self.within.as_ref().and_then(|within| in_literal(text, self.position, within));
        let word = self.word.as_ref().and_then(|word| in_call(text, self.position, word));
        let placed = match within.as_ref().or(word.as_ref()).or(self.span.as_ref()) {
            Some(span) => Placed::range(text, span),
            None => Placed::position(text, self.position),
        };
        let Placed { line, column, end_line, end_column, source_line } = placed;
        Finding {
            severity: self.severity,
            code: self.code,
            file: Arc::clone(file),
            line,
            column,
            end_line,
            end_column,
            message: self.message,
            hint: self.hint,
            source_line,
            related: self.related,
        }
    }
}

impl Related {
    /// Bytes of a file.
    pub(super) fn of_text(file: &RuleFile, span: Range<usize>, message: &str) -> Self {
        let Placed { line, column, end_line, end_column, source_line } =
            Placed::range(&file.text, &span);
        let (file, message) = (Arc::from(file.path.as_str()), message.to_owned());
        Self { file, line, column, end_line, end_column, message, source_line }
    }

    /// What stands at a place of a file.
    pub(super) fn at(
        file: &Arc<str>,
        text: &str,
        position: rhai::Position,
        message: impl Into<String>,
    ) -> Self {
        let Placed { line, column, end_line, end_column, source_line } =
            Placed::position(text, position);
        let (file, message) = (Arc::clone(file), message.into());
        Self { file, line, column, end_line, end_column, message, source_line }
    }
}

impl Finding {
    /// A finding of a file that isn't Rhai, such as the config, about these bytes of its text; about
    /// the file as a whole where they aren't known.
    pub fn of_text(
        severity: Severity,
        code: &'static str,
        file: &Arc<str>,
        text: &str,
        span: Option<Range<usize>>,
        message: String,
    ) -> Self {
        let note = Note { severity, ..Note::error(code, rhai::Position::NONE, message) };
        note.span(span).split_hint().place(file, text)
    }
}

/// Where a text literal stands in the call or map that begins at a place.
fn in_call(text: &str, position: rhai::Position, word: &str) -> Option<Range<usize>> {
    let start = scan::offset(text, position.line()?, position.position()?)?;
    let mut depth = 0_usize;
    for token in scan::scan(text.get(start..)?) {
        match token.kind {
            scan::Kind::Open => depth += 1,
            scan::Kind::Close if depth <= 1 => return None,
            scan::Kind::Close => depth -= 1,
            scan::Kind::Literal if token.text.get(1..token.text.len() - 1) == Some(word) => {
                return Some(start + token.start..start + token.end());
            }
            _ => {}
        }
    }
    None
}

/// Where characters of a text literal stand in the file: escapes are longer there.
fn in_literal(text: &str, position: rhai::Position, wanted: &Range<usize>) -> Option<Range<usize>> {
    let start = scan::offset(text, position.line()?, position.position()?)?;
    let literal = text.get(start..scan::token_end(text, start))?;
    let quote = literal.chars().next()?;
    let mut places = Vec::new();
    let mut rest = literal.char_indices().skip(1).peekable();
    while let Some((at, character)) = rest.next() {
        if character == quote && rest.peek().is_none() {
            places.push(at);
            break;
        }
        places.push(at);
        if quote != '"' || character != '\\' {
            continue;
        }
        let digits = match rest.next().map(|(_, escaped)| escaped) {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        for _ in 0..digits {
            rest.next();
        }
    }
    let end = places.get(wanted.end).or(places.last())?;
    Some(start + places.get(wanted.start)?..start + end)
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

/// The findings as a JSON array, for editors.
pub fn to_json(findings: &[Finding]) -> serde_json::Value {
    serde_json::to_value(findings).unwrap_or_default()
}

/// The other known word that is nearest to a mistyped one.
pub(super) fn did_you_mean<'w>(
    word: &str,
    known: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    text::nearest(word, known.into_iter().filter(|candidate| *candidate != word))
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
        insta::assert_snapshot!(crate::rules::render(&[finding], false), @r"
        warning[unknown-field]: `http` events have no field `staus`
         --> rules/a.rhai:2:17
          |
        2 |     .when(|e| e.staus == 401)
          |                 ^^^^^
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
