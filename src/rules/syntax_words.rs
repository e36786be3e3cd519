//! Rhai's faults of syntax in our words, with what was most likely meant: habits from other
//! languages have hints of their own.
//!
//! In: the parser's fault and the text. Out: a note.

use super::finding::Note;
use super::parts::scan;
use crate::limits;
use rhai::{LexError, ParseError, ParseErrorType, Position};

/// Words and signs of other languages, and what is written here.
const HABITS: &[(&str, &str)] = &[
    ("and", "write `&&` for and"),
    ("or", "write `||` for or"),
    ("not", "write `!` for not, as in `!e.path.contains(\"x\")`"),
    ("elif", "write `else if`"),
    ("elsif", "write `else if`"),
    ("elseif", "write `else if`"),
    ("then", "write `if condition { … } else { … }`"),
    ("function", "a function is `fn name(x) { … }`, a closure `|x| …`"),
    ("def", "a function is `fn name(x) { … }`, a closure `|x| …`"),
    ("lambda", "a closure is written `|x| …`"),
    ("var", "a variable is made with `let`"),
    ("=>", "a closure is written `|x| …`"),
    ("->", "a closure is written `|x| …`"),
    ("null", MISSING),
    ("nil", MISSING),
    ("None", MISSING),
    ("undefined", MISSING),
    ("~=", "a pattern is tried with `e.path.matches(\"pattern\")`"),
    ("=~", "a pattern is tried with `e.path.matches(\"pattern\")`"),
    ("<>", "write `!=`"),
    ("===", "write `==`"),
    ("!==", "write `!=`"),
    ("++", "write `x += 1`"),
    ("--", "write `x -= 1`"),
    ("?", "write `if condition { a } else { b }`"),
];

const MISSING: &str = "a field that is missing is `()`: whether it is there tells `e.has(\"user\")`, or `e.user != ()`";

/// What is said of a word or sign of another language.
pub(super) fn habit(word: &str) -> Option<&'static str> {
    HABITS.iter().find(|(known, _)| *known == word).map(|(_, hint)| *hint)
}

/// A syntax error, in our words where Rhai's don't help.
pub(super) fn parse_note(error: &ParseError, text: &str) -> Note {
    let position = error.position();
    let at = position
        .line()
        .and_then(|line| scan::offset(text, line, position.position().unwrap_or(1)))
        .unwrap_or(text.len());
    let token = text.get(at..scan::token_end(text, at)).unwrap_or_default();
    // The parser takes `not` for a variable, and stumbles at what follows.
    let before = text.get(..at).unwrap_or_default();
    let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let word = before.trim_end().rsplit(|c| !name(c)).next().unwrap_or_default();
    let habit = habit(token).or_else(|| habit(word).filter(|_| word == "not")).map(str::to_owned);
    let (message, hint) = match error.err_type() {
        ParseErrorType::Reserved(word) => reserved(word, habit),
        ParseErrorType::PropertyExpected if token == "in" => (
            "`in` stands between two values, it is no method".to_owned(),
            Some("write `x in [a, b]`; whether an address lies in a prefix tells `e.ip.within(\"10.0.0.0/8\")`".to_owned()),
        ),
        ParseErrorType::PropertyExpected => reserved(token, habit),
        ParseErrorType::ExprTooDeep => (
            "the expression is nested too deeply".to_owned(),
            Some("take it apart with `let`, or put a part of it into a function".to_owned()),
        ),
        ParseErrorType::TooManyFunctions => (
            format!(
                "the file has more than `{}` functions and closures",
                limits::SCRIPT_FUNCTIONS_MAX
            ),
            None,
        ),
        ParseErrorType::BadInput(LexError::MalformedChar(word)) => (
            format!("'{word}' is no text: single quotes hold one character"),
            Some(format!("texts stand in double quotes: `\"{word}\"`")),
        ),
        ParseErrorType::BadInput(LexError::UnterminatedString) => (
            "the text that begins here doesn't end".to_owned(),
            Some("a text in double quotes ends on its own line; longer ones stand in backquotes".to_owned()),
        ),
        ParseErrorType::BadInput(LexError::MalformedEscapeSequence(word)) => (
            format!("`{word}` means nothing in a text"),
            Some("a backslash is written twice in double quotes; in backquotes once, which is best for patterns".to_owned()),
        ),
        ParseErrorType::AssignmentToInvalidLHS(_) => (
            "`=` assigns, and nothing can be assigned here".to_owned(),
            Some("`==` compares".to_owned()),
        ),
        ParseErrorType::MissingToken(wanted, _) if wanted == ";" && habit.is_none() => {
            return Note::error("syntax", position, "a `;` is missing before this".to_owned());
        }
        ParseErrorType::MissingToken(wanted, what) if position_is_end(text, at) => {
            (format!("the file ends, but a `{wanted}` is missing {what}"), None)
        }
        other => (lower_first(&other.to_string()), habit),
    };
    let note = Note::error("syntax", position, message);
    match hint {
        Some(hint) => note.hint(hint),
        None => note,
    }
}

fn position_is_end(text: &str, at: usize) -> bool {
    text.get(at..).is_none_or(|rest| rest.trim().is_empty())
}

fn reserved(word: &str, habit: Option<String>) -> (String, Option<String>) {
    if let Some((_, instead)) = super::engine::REFUSED.iter().find(|(name, _)| *name == word) {
        return (format!("`{word}` is not available"), Some((*instead).to_owned()));
    }
    (
        format!("`{word}` is a word that Rhai keeps for itself"),
        habit.or_else(|| Some(format!("a field of that name is read as `e[\"{word}\"]`"))),
    )
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// What failed while the file ran named something that isn't there: hints for common habits.
pub(super) fn unknown_variable(name: &str, position: Position) -> Note {
    let note = Note::error("load", position, format!("there is no variable `{name}`"));
    match (habit(name), name) {
        (Some(hint), _) => note.hint(hint),
        (None, "hit") => note.hint("the hit is there in the closure of `.then(|hit| …)` only"),
        (None, "e" | "event") => {
            note.hint("the event is there in closures only, as in `.when(|e| …)`")
        }
        (None, "t") => note.hint("the bench is there in the closure of `test(\"…\", |t| …)` only"),
        (None, "True" | "False" | "TRUE" | "FALSE") => {
            note.hint(format!("write `{}`", name.to_lowercase()))
        }
        _ => note,
    }
}
