//! From the tokens of a closure's body to its parts: `let`s first, then `||`, `&&`, `!` down to
//! what has to be asked of the event.
//!
//! Rhai binds `||`, `|` and `^` alike, and `&&` like `&`: where one of those stands beside ours, and
//! wherever else the shape isn't plain (`if`, more statements), the whole is one part.

use super::PartKind;
use super::scan::{Kind, Token, closing};
use std::ops::Range;

/// A name for a value, at the head of a body.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub name: String,
    /// The whole statement, in tokens.
    pub statement: Range<usize>,
}

/// A part and those in it; the range is in tokens.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub kind: PartKind,
    /// Without the parentheses around it.
    pub range: Range<usize>,
    pub children: Vec<Node>,
}

/// A body, taken apart.
pub(super) struct Body {
    pub names: Vec<Named>,
    pub root: Node,
}

/// Takes a body apart.
pub(super) fn body(tokens: &[Token<'_>], range: Range<usize>) -> Body {
    block(tokens, range.clone())
        .unwrap_or_else(|| Body { names: Vec::new(), root: node(tokens, range) })
}

fn block(tokens: &[Token<'_>], range: Range<usize>) -> Option<Body> {
    if !tokens.get(range.start)?.is("{") || closing(tokens, range.start)? + 1 != range.end {
        return None;
    }
    let end = range.end - 1;
    let mut start = range.start + 1;
    let mut names = Vec::new();
    while let Some([word, name, equal]) = tokens.get(start..start + 3)
        && (word.is("let") || word.is("const"))
        && name.kind == Kind::Word
        && equal.is("=")
    {
        let stop = outermost(tokens, start..end).find(|place| is(tokens, *place, ";"))?;
        names.push(Named { name: name.text.to_owned(), statement: start..stop + 1 });
        start = stop + 1;
    }
    let mut rest = start..end;
    if is(tokens, rest.start, "return") {
        rest.start += 1;
        if rest.end > rest.start && is(tokens, rest.end - 1, ";") {
            rest.end -= 1;
        }
    }
    let several = outermost(tokens, rest.clone()).any(|place| is(tokens, place, ";"));
    if rest.is_empty() || several {
        return None;
    }
    Some(Body { names, root: node(tokens, rest) })
}

fn is(tokens: &[Token<'_>], place: usize, text: &str) -> bool {
    tokens.get(place).is_some_and(|token| token.is(text))
}

/// The places in a range that are in no bracket; brackets themselves are left out.
pub(super) fn outermost<'t>(
    tokens: &'t [Token<'_>],
    range: Range<usize>,
) -> impl Iterator<Item = usize> + 't {
    let mut depth = 0_usize;
    range.filter(move |place| {
        match tokens.get(*place).map(|token| token.kind) {
            Some(Kind::Open) => depth += 1,
            Some(Kind::Close) => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    })
}

/// Words that begin something else than an expression of operators.
const STATEMENTS: &[&str] = &[
    "if", "switch", "while", "loop", "for", "do", "return", "throw", "let", "const", "try", "fn",
    "break", "continue",
];

fn node(tokens: &[Token<'_>], range: Range<usize>) -> Node {
    let range = without_parentheses(tokens, range);
    let outer: Vec<usize> = outermost(tokens, range.clone()).collect();
    let any = |texts: &[&str]| {
        outer.iter().any(|place| texts.iter().any(|text| is(tokens, *place, text)))
    };
    let leaf = Node { kind: PartKind::Test, range: range.clone(), children: Vec::new() };
    if any(&["|", "^", "&", ";", "="]) || any(STATEMENTS) || is(tokens, range.start, "{") {
        return leaf;
    }
    for (sign, kind) in [("||", PartKind::Any), ("&&", PartKind::All)] {
        if any(&[sign]) {
            let signs = outer.iter().copied().filter(|place| is(tokens, *place, sign));
            let children = split(range.clone(), signs).map(|part| node(tokens, part)).collect();
            return Node { kind, range, children };
        }
    }
    let rest = range.start + 1..range.end;
    if is(tokens, range.start, "!") && !rest.is_empty() && is_operand(tokens, &outer) {
        let children = vec![node(tokens, rest)];
        return Node { kind: PartKind::Not, range, children };
    }
    leaf
}

/// Whether nothing after the first sign is an operator between two values.
fn is_operand(tokens: &[Token<'_>], outer: &[usize]) -> bool {
    outer.iter().skip(1).filter_map(|place| tokens.get(*place)).all(|token| match token.kind {
        Kind::Sign => matches!(token.text, "." | "?." | "::" | "!"),
        _ => token.text != "in",
    })
}

fn split(
    range: Range<usize>,
    signs: impl Iterator<Item = usize>,
) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    let ends = signs.chain(std::iter::once(range.end)).collect::<Vec<_>>();
    ends.into_iter().map(move |end| std::mem::replace(&mut start, end + 1)..end)
}

fn without_parentheses(tokens: &[Token<'_>], mut range: Range<usize>) -> Range<usize> {
    while range.len() > 2
        && is(tokens, range.start, "(")
        && closing(tokens, range.start) == Some(range.end - 1)
    {
        range = range.start + 1..range.end - 1;
    }
    range
}

const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">=", "in"];

/// The values that a leaf compares or tests, where they are more than a literal or a field that is
/// read: what they come to is worth showing.
pub(super) fn operands(tokens: &[Token<'_>], leaf: Range<usize>) -> Vec<Range<usize>> {
    let outer: Vec<usize> = outermost(tokens, leaf.clone()).collect();
    if outer.iter().any(|place| STATEMENTS.iter().any(|word| is(tokens, *place, word))) {
        return Vec::new();
    }
    let comparing = |place: &&usize| COMPARISONS.iter().any(|text| is(tokens, **place, text));
    let mut signs = outer.iter().filter(comparing);
    let found = match (signs.next(), signs.next()) {
        (Some(sign), None) => {
            let negated = *sign > leaf.start && is(tokens, *sign - 1, "!");
            vec![leaf.start..*sign - usize::from(negated), *sign + 1..leaf.end]
        }
        // `subject.test(…)`: the subject.
        (None, _) if is(tokens, leaf.end - 1, ")") => outer
            .iter()
            .rfind(|place| is(tokens, **place, "."))
            .map(|dot| leaf.start..*dot)
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    let found = found.into_iter().map(|range| without_parentheses(tokens, range));
    found.filter(|range| tokens.get(range.clone()).is_some_and(is_worked_out)).collect()
}

/// Whether an operand is more than literals or the read of a field.
fn is_worked_out(operand: &[Token<'_>]) -> bool {
    let plain = match operand {
        [_, dot, field] => dot.is(".") && field.kind == Kind::Word,
        [_, open, name, _] => open.is("[") && name.kind == Kind::Literal,
        _ => operand.len() < 2,
    };
    let literal = operand
        .iter()
        .all(|token| token.kind != Kind::Word || matches!(token.text, "true" | "false"));
    !plain && !literal
}
