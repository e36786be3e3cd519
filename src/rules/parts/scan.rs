//! A rule file's text in pieces with their places: what a tree of Rhai's leaves out (parentheses,
//! where an expression ends) is still there. Only as fine as is needed to find closures, their
//! statements and the operators between their parts.
//!
//! In: a text that Rhai has parsed. Out: tokens. Nothing is judged.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum Kind {
    /// A name or a word of the language.
    Word,
    /// A number, a text, a character.
    Literal,
    /// `(`, `[`, `{` or `#{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// An operator or another sign.
    Sign,
}

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// Where it begins, in bytes.
    pub start: usize,
}

impl Token<'_> {
    /// Where it ends, in bytes.
    pub(in crate::rules) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this sign, bracket or word.
    pub(in crate::rules) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }

    /// Whether a value may end with it, so that a `|` after it is an operator.
    fn ends_value(&self) -> bool {
        match self.kind {
            Kind::Literal | Kind::Close => true,
            Kind::Word => !matches!(self.text, "return" | "in" | "else" | "throw"),
            Kind::Open | Kind::Sign => false,
        }
    }
}

/// Signs of more than one character, the longest first.
const SIGNS: &[&str] = &[
    "..=", "**=", "<<=", ">>=", "&&", "||", "==", "!=", "<=", ">=", "..", "=>", "::", "??", "?.",
    "**", "<<", ">>", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
];

/// The tokens of a text.
pub(in crate::rules) fn scan(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = next(rest);
        if let (Some(kind), Some(text)) = (kind, rest.get(..length)) {
            tokens.push(Token { kind, text, start: at });
        }
        at += length.max(1);
        while !text.is_char_boundary(at) {
            at += 1;
        }
    }
    tokens
}

/// A text in backquotes is followed to its end when no more code than this lies behind its start.
const NESTED_MAX: usize = 64;

/// Where the token that begins at a byte of the text ends; the byte itself where none does.
pub(in crate::rules) fn token_end(text: &str, start: usize) -> usize {
    let rest = text.get(start..).filter(|rest| !rest.is_empty());
    // Of a text that wasn't parsed nobody knows how deep one lies in the other.
    if rest
        .is_some_and(|rest| rest.starts_with('`') && rest.matches("${").nth(NESTED_MAX).is_some())
    {
        return start + 1;
    }
    match rest.map(next) {
        Some((Some(_), length)) => start + length,
        _ => start,
    }
}

/// What a text begins with, and how many bytes of it; no kind for blanks and comments.
fn next(rest: &str) -> (Option<Kind>, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        return (None, first.len_utf8());
    }
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, block_comment(rest));
    }
    match first {
        '"' | '\'' => (Some(Kind::Literal), quoted(rest, first)),
        '`' => (Some(Kind::Literal), interpolated(rest)),
        '#' if rest.starts_with("#{") => (Some(Kind::Open), 2),
        '#' => raw(rest).map_or((Some(Kind::Sign), 1), |length| (Some(Kind::Literal), length)),
        '(' | '[' | '{' => (Some(Kind::Open), 1),
        ')' | ']' | '}' => (Some(Kind::Close), 1),
        '0'..='9' => (Some(Kind::Literal), number(rest)),
        _ if first == '_' || first.is_alphabetic() => {
            let word = |c: char| c == '_' || c.is_alphanumeric();
            (Some(Kind::Word), rest.find(|c| !word(c)).unwrap_or(rest.len()))
        }
        _ => {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            (Some(Kind::Sign), sign.map_or(first.len_utf8(), |sign| sign.len()))
        }
    }
}

/// Comments of this kind may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A text in backquotes, with the code that it may hold.
fn interpolated(rest: &str) -> usize {
    let mut at = 1;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with('`') {
            return at + 1;
        }
        if here.starts_with("${") {
            at += 2;
            let mut depth = 1_usize;
            while let Some(code) = rest.get(at..).filter(|code| !code.is_empty() && depth > 0) {
                let (kind, length) = next(code);
                match kind {
                    Some(Kind::Open) => depth += 1,
                    Some(Kind::Close) => depth -= 1,
                    _ => {}
                }
                at += length.max(1);
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// `#"…"#`, with any number of `#`.
fn raw(rest: &str) -> Option<usize> {
    let hashes = rest.find(|c| c != '#')?;
    let body = rest.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&end).map_or(rest.len(), |at| hashes + 1 + at + end.len()))
}

fn number(rest: &str) -> usize {
    let word = |text: &str| text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    let mut length = word(rest).unwrap_or(rest.len());
    let tail = rest.get(length..).unwrap_or_default();
    if let Some(fraction) = tail.strip_prefix('.')
        && fraction.starts_with(|c: char| c.is_ascii_digit())
    {
        length += 1 + word(fraction).unwrap_or(fraction.len());
    }
    let (head, tail) = rest.split_at_checked(length).unwrap_or((rest, ""));
    if head.ends_with(['e', 'E']) && !head.starts_with("0x") && tail.starts_with(['-', '+']) {
        let digits = tail.get(1..).unwrap_or_default();
        length += 1 + word(digits).unwrap_or(digits.len());
    }
    length
}

/// Where the bracket at `open` closes: the place of the token.
pub(in crate::rules) fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// The body of the closure or function that holds the place `inside` (in bytes), as a range of
/// tokens; a function is looked for by its name. A block's braces belong to it.
pub(in crate::rules) fn body(
    tokens: &[Token<'_>],
    name: &str,
    inside: usize,
) -> Option<std::ops::Range<usize>> {
    let start = if name.starts_with("anon$") {
        closure_body(tokens, inside)?
    } else {
        let head = tokens.windows(2).position(|pair| match pair {
            [word, called] => word.is("fn") && called.is(name),
            _ => false,
        })?;
        closing(tokens, head + 2)? + 1
    };
    if tokens.get(start)?.is("{") {
        return Some(start..closing(tokens, start)? + 1);
    }
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(start) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close if depth == 0 => return Some(start..place),
            Kind::Close => depth -= 1,
            _ if depth == 0 && (token.is(",") || token.is(";")) => return Some(start..place),
            _ => {}
        }
    }
    Some(start..tokens.len())
}

/// Where the body begins of the last closure that begins before a place.
fn closure_body(tokens: &[Token<'_>], inside: usize) -> Option<usize> {
    let mut found = None;
    let mut place = 0;
    while let Some(token) = tokens.get(place).filter(|token| token.start <= inside) {
        let before = place.checked_sub(1).and_then(|before| tokens.get(before));
        let head = !before.is_some_and(Token::ends_value);
        if head && token.is("||") {
            found = Some(place + 1);
        } else if head && token.is("|") {
            let end = tokens.iter().skip(place + 1).position(|token| token.is("|"))?;
            place += end + 1;
            if tokens.get(place + 1).is_some_and(|body| body.start <= inside) {
                found = Some(place + 1);
            }
        }
        place += 1;
    }
    found
}

/// A range of tokens as one line of text: blanks and comments between them become one blank.
pub(super) fn one_line(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    let mut end = None;
    for token in tokens {
        if end.is_some_and(|end| end < token.start) {
            out.push(' ');
        }
        out.push_str(token.text);
        end = Some(token.end());
    }
    out
}

/// Line and column of a place, both counted from 1, the column in characters.
pub(in crate::rules) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// The place in bytes of a line and a column.
pub(in crate::rules) fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let (at, _) = text.get(start..)?.char_indices().nth(column.checked_sub(1)?)?;
    Some(start + at)
}
