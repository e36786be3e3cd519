//! TOML that a person wrote: what it means, or everything that is wrong with it, each fault with its
//! line, the source line and a hint.
//!
//! In: a text and the type it should be. Out: the value or its faults. Reading files and what the
//! values mean is left to the callers (`config`, `plugins`).
//!
//! The TOML parser stops at the first fault. To tell all of them, a fault is taken out of a draft and
//! that is read again; this is only to find further faults, never to run on.

mod draft;
mod hide;
mod locate;

pub use locate::locate;

use crate::event::text::escape;
use draft::Draft;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1; 0 where the fault is not of one line.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// The column after the last character of what is meant.
    pub end_column: usize,
    /// The source line; `"…"` stands for a value that may be a secret.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it; may be empty.
    pub hint: String,
}

impl Fault {
    /// A fault that is not of one line.
    pub fn whole(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            line: 0,
            column: 0,
            end_column: 0,
            source_line: String::new(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The fault as it is told: file, line and column, the source line with a caret, the hint.
    pub fn render(&self, path: &Path) -> String {
        let place = match self.line {
            0 => path.display().to_string(),
            line => format!("{}:{line}:{}", path.display(), self.column),
        };
        let mut text = format!("{place}: {}", self.message);
        if self.line > 0 && !self.source_line.is_empty() {
            let caret = " ".repeat(self.column.saturating_sub(1));
            let under = "^".repeat(self.end_column.saturating_sub(self.column).max(1));
            // Writing to a String can't fail.
            write!(text, "\n  | {}\n  | {caret}{under}", escape(&self.source_line)).ok();
        }
        if !self.hint.is_empty() {
            write!(text, "\nhint: {}", self.hint).ok();
        }
        text
    }
}

/// Reads a text as `T`; `check` finds what is wrong with the values, each in words with its hint on a
/// line of its own. All faults are told at once: those of keys, of types and of values.
pub fn read<T: DeserializeOwned>(
    text: &str,
    check: impl Fn(&T) -> Vec<String>,
) -> Result<T, Vec<Fault>> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut draft = Draft::of(text);
    // Each round takes a fault out, so that this ends.
    for _ in 0..crate::limits::CONFIG_FAULTS_MAX {
        match toml::from_str::<T>(&draft.text) {
            Ok(read) => {
                let words = check(&read).into_iter().filter(|words| !draft.may_cause(words));
                faults.extend(words.map(|words| of_draft(text, &draft, &words)));
                if faults.is_empty() {
                    return Ok(read);
                }
                break;
            }
            Err(error) => {
                if !take_out(&mut draft, text, &error, &mut faults) {
                    break;
                }
            }
        }
    }
    // In the order of the file; what is of no line comes last.
    faults.sort_by_key(|fault| if fault.line == 0 { usize::MAX } else { fault.line });
    Err(faults)
}

/// Tells a fault of the TOML parser and takes it out of the draft; false where what is behind it
/// can't be looked at.
fn take_out(
    draft: &mut Draft,
    text: &str,
    error: &toml::de::Error,
    faults: &mut Vec<Fault>,
) -> bool {
    let span = error.span().unwrap_or(0..0);
    if error.message().starts_with("missing field") {
        // A key that is blanked for its value is no missing one.
        if draft.is_whole() || !draft.misses_a_line(text, span.start) {
            faults.push(of_toml(text, draft, error, &span).0);
        }
        return draft.blank_table(span.start);
    }
    let syntax = toml::from_str::<toml::Table>(&draft.text).is_err();
    let (fault, near) = of_toml(text, draft, error, &span);
    if faults.contains(&fault) {
        return false;
    }
    faults.push(fault);
    if syntax {
        // What is behind a fault of syntax may come of it, unless one line was all of it.
        return draft.blank(span.start) && toml::from_str::<toml::Table>(&draft.text).is_ok();
    }
    near.is_some_and(|word| draft.replace(span.clone(), &word)) || draft.blank(span.start)
}

/// A fault of a value, in words with its hint on a line of its own, with the place of that value
/// where it can be found.
pub fn of_words(text: &str, words: &str) -> Fault {
    let (message, hint) = words.split_once("\nhint: ").unwrap_or((words, ""));
    let fault = Fault::whole(message, hint);
    match locate(text, message) {
        None => fault,
        Some(at) => Fault { message: fault.message, hint: fault.hint, ..at_byte(text, at) },
    }
}

/// The same of a text from which faults were taken out: what was put right stands there rightly.
fn of_draft(text: &str, draft: &Draft, words: &str) -> Fault {
    let fault = of_words(&draft.text, words);
    if fault.line == 0 {
        return fault;
    }
    let length = fault.end_column - fault.column;
    let (line, column) = draft.shifted(fault.line, fault.column);
    Fault { message: fault.message, hint: fault.hint, ..at_place(text, line, column, length) }
}

/// A fault at a word of the text that begins at a byte, without words.
fn at_byte(text: &str, at: usize) -> Fault {
    let (line, column) = draft::place(text, at);
    let rest = text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            rest.chars().skip(1).position(|c| c == quote).map_or(1, |close| close + 2)
        }
        Some('[') => rest.split('#').next().unwrap_or_default().trim_end().chars().count(),
        _ => rest.chars().take_while(|c| !c.is_whitespace() && *c != '=').count(),
    };
    at_place(text, line, column, length)
}

/// A fault at so many characters of a line, without words.
fn at_place(text: &str, line: usize, column: usize, length: usize) -> Fault {
    let source_line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_owned();
    let left = source_line.trim_end().chars().count().saturating_sub(column.saturating_sub(1));
    let end_column = column + length.min(left).max(1);
    // Of a value that is hidden not even the length is shown.
    let (source_line, end_column) = match hide::line(text, line) {
        Some(hidden) => {
            let end = hidden.chars().count() + 1;
            (hidden, end_column.min(end).max(column + 1))
        }
        None => (source_line, end_column),
    };
    Fault { line, column, end_column, source_line, message: String::new(), hint: String::new() }
}

/// What the TOML parser found, and the word that was most likely meant.
fn of_toml(
    text: &str,
    draft: &Draft,
    error: &toml::de::Error,
    span: &Range<usize>,
) -> (Fault, Option<String>) {
    let words = error.message().trim();
    let (message, hint) = words.split_once("\nhint: ").unwrap_or((words, ""));
    let (line, column) = draft.place(span.start);
    let message =
        if hide::line(text, line).is_some() { hide::words(message) } else { message.to_owned() };
    let length = draft
        .text
        .get(span.clone())
        .map_or(0, |meant| meant.lines().next().unwrap_or_default().chars().count());
    let mut fault = Fault {
        message: message.replace('\n', " "),
        hint: hint.to_owned(),
        ..at_place(text, line, column, length)
    };
    let near = in_words(&mut fault);
    (fault, near)
}

/// Keys that people try, by the one that is meant: nearness of letters would lead elsewhere.
const MEANT: &[(&str, &str)] =
    &[("allowlist", "allow"), ("whitelist", "allow"), ("allow_list", "allow"), ("ignore", "allow")];

/// Turns serde's words into ours: what is wrong, and the word that was most likely meant.
fn in_words(fault: &mut Fault) -> Option<String> {
    for (theirs, ours) in [
        ("expected a sequence", "expected a list (`[…]`)"),
        ("expected a map", "expected a table"),
        ("expected u8", "expected a number"),
        ("expected u32", "expected a number"),
        ("expected u64", "expected a number"),
        ("expected usize", "expected a number"),
        ("expected i32", "expected a number"),
        ("expected a boolean", "expected `true` or `false`"),
        ("expected a string", "expected a text"),
        ("invalid type: string", "this is the text"),
        ("invalid type: integer", "this is the number"),
        ("invalid type: boolean", "this is"),
    ] {
        fault.message = fault.message.replace(theirs, ours);
    }
    let (head, list) = fault.message.split_once(", expected ")?;
    let (is_key, rest) =
        match (head.strip_prefix("unknown field `"), head.strip_prefix("unknown variant `")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
    let wrong = rest.trim_end_matches('`').to_owned();
    let known: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let meant = MEANT.iter().find(|(tried, meant)| *tried == wrong && known.contains(meant));
    let nearest = meant.map(|(_, meant)| *meant);
    let nearest = nearest.or_else(|| crate::event::text::nearest(&wrong, known.iter().copied()));
    let near = nearest.map(str::to_owned);
    fault.hint = match nearest {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    fault.message = if is_key {
        format!("`{wrong}` is not a key of this table")
    } else {
        format!("`{wrong}` can't stand here")
    };
    near
}

#[cfg(test)]
#[path = "toml_text_tests.rs"]
mod tests;
