//! A rule file's text in pieces, also where it is broken: while somebody types, it mostly is.
//!
//! In: any text. Out: tokens with their places. A text without its end runs to the end of its line,
//! one in backquotes to the end of the file; what stands between `${` and `}` is code again.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or a word of the language.
    Word,
    /// A number.
    Number,
    /// A text or a part of one, with its quotes.
    Text,
    /// `(`, `[`, `{`, `#{` or `${`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// Any other sign.
    Sign,
    /// A comment, with its `//`.
    Comment,
}

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'t> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'t str,
    /// Where it begins, in bytes.
    pub start: usize,
}

impl<'t> Token<'t> {
    /// Where it ends, in bytes.
    pub const fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Its bytes.
    pub const fn bytes(&self) -> Range<usize> {
        self.start..self.end()
    }

    /// Whether it is this word, sign or bracket.
    pub fn is(&self, text: &str) -> bool {
        !matches!(self.kind, Kind::Text | Kind::Comment) && self.text == text
    }

    /// What stands between a text's quotes, as written, and its bytes.
    pub fn inside(&self) -> (&'t str, Range<usize>) {
        let quote = |c: char| c == '"' || c == '`';
        let start = usize::from(self.text.starts_with(quote));
        let closed = self.text.len() > 1 && self.text.ends_with(quote);
        let end = (self.text.len() - usize::from(closed)).max(start);
        (self.text.get(start..end).unwrap_or_default(), self.start + start..self.start + end)
    }

    /// Whether a value may end with it, so that a `|` after it is no closure's.
    fn ends_value(&self) -> bool {
        match self.kind {
            Kind::Number | Kind::Text | Kind::Close => true,
            Kind::Word => !matches!(self.text, "return" | "in" | "else" | "throw"),
            _ => false,
        }
    }

    /// Whether a closure's parameters begin with this `|`, after that token.
    pub fn opens_closure(&self, before: Option<&Token<'_>>) -> bool {
        (self.is("|") || self.is("||")) && !before.is_some_and(Token::ends_value)
    }
}

/// Signs of two characters that matter to us.
const SIGNS: &[&str] = &["||", "&&", "==", "!=", "<=", ">=", "=>", "::", "..", "?.", "??"];

/// The tokens of a text.
pub fn scan(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    // The depth of braces at which each text in backquotes goes on.
    let mut inside: Vec<usize> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let goes_on = rest.starts_with('}') && inside.last() == Some(&depth);
        if goes_on {
            tokens.push(token(Kind::Close, rest, 1, at));
            depth = depth.saturating_sub(1);
            inside.pop();
            at += 1;
        }
        if goes_on || rest.starts_with('`') {
            let rest = text.get(at..).unwrap_or_default();
            let (length, opens) = backquoted(rest, usize::from(!goes_on));
            if length > 0 {
                tokens.push(token(Kind::Text, rest, length, at));
                at += length;
            }
            if opens {
                tokens.push(token(Kind::Open, text.get(at..).unwrap_or_default(), 2, at));
                at += 2;
                depth += 1;
                inside.push(depth);
            }
            continue;
        }
        let (kind, length) = next(rest);
        if let Some(kind) = kind {
            tokens.push(token(kind, rest, length, at));
        }
        match rest.get(..length) {
            Some("{" | "#{") => depth += 1,
            Some("}") => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += length;
    }
    tokens
}

fn token(kind: Kind, rest: &str, length: usize, start: usize) -> Token<'_> {
    Token { kind, text: rest.get(..length).unwrap_or_default(), start }
}

/// The kind and length of what begins a text that is not empty; blanks have no kind.
fn next(rest: &str) -> (Option<Kind>, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    let while_ = |holds: fn(char) -> bool| rest.find(|c| !holds(c)).unwrap_or(rest.len());
    if first.is_whitespace() {
        return (None, while_(char::is_whitespace));
    }
    if rest.starts_with("//") {
        return (Some(Kind::Comment), rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Some(Kind::Comment), rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    if first.is_alphabetic() || first == '_' {
        return (Some(Kind::Word), while_(|c| c.is_alphanumeric() || c == '_'));
    }
    if first.is_ascii_digit() {
        return (Some(Kind::Number), number(rest));
    }
    match first {
        '"' => (Some(Kind::Text), quoted(rest)),
        '(' | '[' | '{' => (Some(Kind::Open), 1),
        ')' | ']' | '}' => (Some(Kind::Close), 1),
        '#' if rest.starts_with("#{") => (Some(Kind::Open), 2),
        _ => {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            (Some(Kind::Sign), sign.map_or(first.len_utf8(), |sign| sign.len()))
        }
    }
}

/// A number's length; `1..2` and `1.max(…)` end before the point.
fn number(rest: &str) -> usize {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
    };
    let whole = digits(rest);
    let after = rest.get(whole..).unwrap_or_default();
    match after.strip_prefix('.') {
        Some(more) if more.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + digits(more),
        _ => whole,
    }
}

/// The length of a text in quotes; without an end it runs to the end of its line.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a text in backquotes from its first character (of `skip` bytes of quote) to its end,
/// or to a `${`; and whether it is that.
fn backquoted(rest: &str, skip: usize) -> (usize, bool) {
    let body = rest.get(skip..).unwrap_or_default();
    let end = body.find('`').map(|at| skip + at + 1);
    let code = body.find("${").map(|at| skip + at);
    match (end, code) {
        (Some(end), Some(code)) if code < end => (code, true),
        (Some(end), _) => (end, false),
        (None, Some(code)) => (code, true),
        (None, None) => (rest.len(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<&str> {
        scan(text).iter().map(|token| token.text).collect()
    }

    #[test]
    fn texts_comments_and_code_in_texts_are_told_apart() {
        assert_eq!(
            shown("a.b(\"x\\\"y\", `é${c + #{d: 1}.d}z`) // \"e"),
            [
                "a",
                ".",
                "b",
                "(",
                "\"x\\\"y\"",
                ",",
                "`é",
                "${",
                "c",
                "+",
                "#{",
                "d",
                ":",
                "1",
                "}",
                ".",
                "d",
                "}",
                "z`",
                ")",
                "// \"e"
            ]
        );
        assert_eq!(shown("f(\"open\ng"), ["f", "(", "\"open", "g"]);
        assert_eq!(shown("1.5 1..2 0x1f"), ["1.5", "1", "..", "2", "0x1f"]);
        assert_eq!(shown("`${`"), ["`", "${", "`"]);
    }

    #[test]
    fn the_inside_of_a_text_is_without_quotes() {
        let inside = |text| scan(text).first().unwrap().inside();
        assert_eq!(inside("\"ab\""), ("ab", 1..3));
        assert_eq!(inside("\"ab"), ("ab", 1..3));
        assert_eq!(inside("\""), ("", 1..1));
        assert_eq!(inside("\"\""), ("", 1..1));
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_in_order_and_without_overlap(text in "[a\"`$\\{}()|/*é😀.:\n 1#]{0,80}") {
            let mut at = 0;
            for token in scan(&text) {
                prop_assert!(token.start >= at && !token.text.is_empty());
                prop_assert_eq!(text.get(token.bytes()), Some(token.text));
                at = token.end();
            }
        }
    }
}
