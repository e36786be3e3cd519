//! TOML that a person wrote: what it means, or everything that is wrong with it, each fault with its
//! line, the source line and a hint.
//!
//! In: a text and the type it should be. Out: the value or its faults. Reading files and what the
//! values mean is left to the callers (`config`, `plugins`).
//!
//! The TOML parser stops at the first fault. To tell all of them, the line of a fault is blanked
//! and the text read again; that is only to find further faults, never to run on.

mod locate;

pub use locate::locate;

use crate::event::text::escape;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::path::Path;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1; 0 where the fault is not of one line.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// The source line.
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
            // Writing to a String can't fail.
            write!(text, "\n  | {}\n  | {caret}^", escape(&self.source_line)).ok();
        }
        if !self.hint.is_empty() {
            write!(text, "\nhint: {}", self.hint).ok();
        }
        text
    }
}

/// Reads a text as `T`; `check` finds what is wrong with the values, each in words with its hint on a
/// line of its own.
pub fn read<T: DeserializeOwned>(
    text: &str,
    check: impl Fn(&T) -> Vec<String>,
) -> Result<T, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut rest = text.to_owned();
    // Each round blanks a line, so that this ends.
    for _ in 0..crate::limits::CONFIG_FAULTS_MAX {
        match toml::from_str::<T>(&rest) {
            Ok(read) => {
                faults.extend(check(&read).iter().map(|words| of_words(text, words)));
                if faults.is_empty() {
                    return Ok(read);
                }
                break;
            }
            Err(error) => {
                // A key that is blanked for its value is no missing one.
                if !faults.is_empty() && error.message().starts_with("missing field") {
                    break;
                }
                let span = error.span().unwrap_or(0..0);
                let fault = of_toml(text, &error, span.start);
                let syntax = !fault.message.contains("unknown field")
                    && toml::from_str::<toml::Table>(&rest).is_err();
                let seen = faults.contains(&fault);
                if !seen {
                    faults.push(fault);
                }
                if syntax || seen || !blank(&mut rest, span.start) {
                    break;
                }
            }
        }
    }
    faults.iter_mut().for_each(in_words);
    // In the order of the file; what is of no line comes last.
    faults.sort_by_key(|fault| if fault.line == 0 { usize::MAX } else { fault.line });
    Err(faults)
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

/// A fault at a byte of the text, without words.
fn at_byte(text: &str, at: usize) -> Fault {
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let source_line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    Fault {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).map_or(0, |part| part.chars().count()) + 1,
        source_line: source_line.to_owned(),
        message: String::new(),
        hint: String::new(),
    }
}

fn of_toml(text: &str, error: &toml::de::Error, at: usize) -> Fault {
    let words = error.message().trim();
    let (message, hint) = words.split_once("\nhint: ").unwrap_or((words, ""));
    Fault { message: message.replace('\n', " "), hint: hint.to_owned(), ..at_byte(text, at) }
}

/// Blanks the line that holds byte `at`, with all of its table where it is the head of one; false
/// where it is blank already.
fn blank(text: &mut String, at: usize) -> bool {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |place| place + 1);
    let Some(from_here) = text.get(start..) else { return false };
    let is_head = |line: &str| line.trim_start().starts_with('[');
    let mut end = start;
    for (number, line) in from_here.split_inclusive('\n').enumerate() {
        let goes_on = number == 0 || (is_head(from_here) && !is_head(line));
        if !goes_on {
            break;
        }
        end += line.len();
    }
    let Some(part) = text.get(start..end) else { return false };
    if part.trim().is_empty() {
        return false;
    }
    let blank: String = part
        .chars()
        .flat_map(|c| {
            let with = if c == '\n' { '\n' } else { ' ' };
            std::iter::repeat_n(with, c.len_utf8())
        })
        .collect();
    text.replace_range(start..end, &blank);
    true
}

/// Turns serde's words into ours: what is wrong, and the word that was most likely meant.
fn in_words(fault: &mut Fault) {
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
    let Some((head, list)) = fault.message.split_once(", expected ") else { return };
    let (is_key, rest) =
        match (head.strip_prefix("unknown field `"), head.strip_prefix("unknown variant `")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return,
        };
    let wrong = rest.trim_end_matches('`').to_owned();
    let known: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let nearest = crate::event::text::nearest(&wrong, known.iter().copied());
    fault.hint = match nearest {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    fault.message = if is_key {
        format!("`{wrong}` is not a key of this table")
    } else {
        format!("`{wrong}` can't stand here")
    };
}
