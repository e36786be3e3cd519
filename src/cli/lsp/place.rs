//! What stands at a place of a rule file: inside which calls and closures, after which point, in
//! which text; and what type the value before a point has.
//!
//! In: tokens, outline, a byte. Out: the place. Everything is a guess by names where the file says
//! no more.

use super::outline::{Outline, What};
use super::scan::{Kind, Token};
use crate::event::field::FieldType;
use crate::event::{Field, Kind as EventKind};
use crate::rules::{self, Entry, Place as Where};
use std::ops::Range;

/// The type of a value, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// An event of one of these kinds; none means any.
    Event(Vec<String>),
    /// A hit.
    Hit(Vec<String>),
    /// The `t` of a test.
    Bench,
    /// What `rule(…)` gives.
    Rule,
    /// Text.
    Text,
    /// An address.
    Address,
    /// A moment.
    Time,
    /// Something else, or nobody knows.
    Other,
}

/// A call that a place lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The function's name; empty for brackets that belong to none.
    pub callee: String,
    /// Which argument, from 0.
    pub argument: usize,
    /// Where its bracket stands among the tokens.
    open: usize,
    /// Whether it is a map.
    pub is_map: bool,
}

/// A closure that a place lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The function that it is handed to.
    pub callee: String,
    /// Its parameters.
    pub params: Vec<String>,
    /// How deep it lies.
    depth: usize,
}

/// What stands at a place.
#[derive(Debug, Clone)]
pub struct Place {
    /// The calls around it, the outermost first.
    pub frames: Vec<Frame>,
    /// The closures around it, the outermost first.
    pub closures: Vec<Closure>,
    /// The bytes of the word at it, or of the part of a text before it.
    pub word: Range<usize>,
    /// Whether it is inside of a text.
    pub in_text: bool,
    /// Whether it is inside of a comment.
    pub in_comment: bool,
    /// The type of the value before the point that stands before the word.
    pub after_point: Option<Type>,
    /// The module before `::`.
    pub module: Option<String>,
}

impl Place {
    /// The nearest call around it that has a name.
    pub fn call(&self) -> Option<&Frame> {
        self.frames.iter().rev().find(|frame| !frame.callee.is_empty())
    }

    /// What it is called as: `then`, `every` and `cron` are bodies, `test` is a test.
    pub fn closure(&self) -> Option<&str> {
        self.closures.first().map(|closure| closure.callee.as_str())
    }
}

/// Looks at a place.
pub fn look(tokens: &[Token<'_>], outline: &Outline, offset: usize) -> Place {
    let end = tokens.partition_point(|token| token.start < offset);
    let before = tokens.get(..end).unwrap_or_default();
    let at = before.last().filter(|token| token.end() >= offset);
    let mut place = Place {
        frames: Vec::new(),
        closures: Vec::new(),
        word: offset..offset,
        in_text: false,
        in_comment: false,
        after_point: None,
        module: None,
    };
    let mut passed = before;
    if let Some(token) = at {
        let inside = token.inside().1;
        match token.kind {
            Kind::Comment => {
                place.in_comment = !token.text.starts_with("/*") || token.end() > offset;
            }
            Kind::Text if inside.start <= offset && offset <= inside.end => {
                place.in_text = true;
                place.word = inside;
            }
            Kind::Word => place.word = token.bytes(),
            _ => {}
        }
        if place.in_text || token.kind == Kind::Word {
            passed = before.get(..end - 1).unwrap_or_default();
        }
    }
    // The word that begins here is the one that is meant, where none ends here.
    let next = tokens.get(end).filter(|next| next.kind == Kind::Word && next.start == offset);
    if let Some(next) = next.filter(|_| place.word.is_empty() && !place.in_text) {
        place.word = next.bytes();
    }
    if place.in_comment {
        return place;
    }
    let code: Vec<Token<'_>> =
        passed.iter().filter(|token| token.kind != Kind::Comment).copied().collect();
    frames(&code, outline, &mut place);
    if !place.in_text {
        match code.last() {
            Some(token) if token.is(".") || token.is("?.") => {
                let chain = code.get(..code.len() - 1).unwrap_or_default();
                place.after_point = Some(type_of(chain, &place, outline, offset));
            }
            Some(token) if token.is("::") => {
                let module = code.len().checked_sub(2).and_then(|at| code.get(at));
                place.module = module.map(|token| token.text.to_owned());
            }
            _ => {}
        }
    }
    place
}

/// Follows brackets and closures from the beginning of the declaration that the place lies in.
fn frames(code: &[Token<'_>], outline: &Outline, place: &mut Place) {
    let begin = outline.around(place.word.start).map_or(0, |one| one.whole.start);
    let first = code.partition_point(|token| token.start < begin);
    let mut index = first;
    while let Some(token) = code.get(index) {
        let before = index.checked_sub(1).and_then(|at| code.get(at));
        if token.kind == Kind::Open {
            let callee = before.filter(|word| word.kind == Kind::Word && token.is("("));
            place.frames.push(Frame {
                callee: callee.map_or_else(String::new, |word| word.text.to_owned()),
                argument: 0,
                open: index,
                is_map: token.is("#{"),
            });
        } else if token.kind == Kind::Close {
            place.frames.pop();
            let depth = place.frames.len();
            place.closures.retain(|closure| closure.depth <= depth);
        } else if token.is(",") {
            if let Some(frame) = place.frames.last_mut() {
                frame.argument += 1;
            }
            let depth = place.frames.len();
            place.closures.retain(|closure| closure.depth < depth);
        } else if token.opens_closure(before) {
            let mut params = Vec::new();
            if token.is("|") {
                index += 1;
                while let Some(token) = code.get(index).filter(|token| !token.is("|")) {
                    if token.kind == Kind::Word {
                        params.push(token.text.to_owned());
                    }
                    index += 1;
                }
            }
            let callee = place.call().map_or_else(String::new, |frame| frame.callee.clone());
            place.closures.push(Closure { callee, params, depth: place.frames.len() });
        }
        index += 1;
    }
}

/// The type of the expression that some tokens end with.
fn type_of(code: &[Token<'_>], place: &Place, outline: &Outline, offset: usize) -> Type {
    // The chain backwards: names, with whether they are called.
    let mut steps: Vec<(&str, bool)> = Vec::new();
    let mut end = code.len();
    while let Some(last) = end.checked_sub(1).and_then(|at| code.get(at)) {
        let mut called = false;
        if last.is(")") {
            let Some(open) = matching(code, end - 1) else { break };
            called = true;
            end = open;
        }
        let Some(word) = end.checked_sub(1).and_then(|at| code.get(at)) else { break };
        if word.kind == Kind::Text && !called {
            steps.push(("\"", false));
            break;
        }
        if word.kind != Kind::Word {
            break;
        }
        steps.push((word.text, called));
        end -= 1;
        match end.checked_sub(1).and_then(|at| code.get(at)) {
            Some(point) if point.is(".") || point.is("?.") => end -= 1,
            _ => break,
        }
    }
    steps.reverse();
    let mut steps = steps.into_iter();
    let Some((first, called)) = steps.next() else { return Type::Other };
    let start =
        if called { given_by(first, None) } else { variable(first, place, outline, offset) };
    steps.fold(
        start,
        |of, (name, called)| {
            if called { given_by(name, Some(&of)) } else { property(&of, name) }
        },
    )
}

/// The place of the bracket that one closes.
fn matching(code: &[Token<'_>], close: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for index in (0..=close).rev() {
        match code.get(index)?.kind {
            Kind::Close => depth += 1,
            Kind::Open => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

/// What a name holds: by the closure whose parameter it is, else by its word.
fn variable(name: &str, place: &Place, outline: &Outline, offset: usize) -> Type {
    if name == "\"" {
        return Type::Text;
    }
    let kinds =
        || outline.around(offset).filter(|one| one.what == What::Rule).map(|one| one.words.clone());
    let closure = place
        .closures
        .iter()
        .rev()
        .find(|closure| closure.params.iter().any(|param| param == name));
    match closure.map(|closure| closure.callee.as_str()) {
        Some("when" | "by" | "distinct" | "sum" | "consecutive" | "ratio" | "sequence") => {
            Type::Event(kinds().unwrap_or_default())
        }
        Some("then") => Type::Hit(kinds().unwrap_or_default()),
        Some("test") => Type::Bench,
        // Parameters of functions are called what they hold.
        _ => match name {
            "e" | "event" => Type::Event(kinds().unwrap_or_default()),
            "hit" => Type::Hit(kinds().unwrap_or_default()),
            "t" => Type::Bench,
            _ => Type::Other,
        },
    }
}

/// The type of a property.
pub fn property(of: &Type, name: &str) -> Type {
    match (of, name) {
        (Type::Event(_), "time") | (Type::Hit(_), "first" | "last" | "time") => Type::Time,
        (Type::Event(_), "kind" | "source" | "record")
        | (Type::Hit(_), "rule" | "key" | "host") => Type::Text,
        (Type::Hit(_), "ip") => Type::Address,
        (Type::Hit(kinds), "event") => Type::Event(kinds.clone()),
        (Type::Event(_), name) => match Field::from_name(name).map(Field::kind) {
            Some(FieldType::Text) | None => Type::Text,
            Some(FieldType::Address) => Type::Address,
            Some(FieldType::Int | FieldType::Float) => Type::Other,
        },
        _ => Type::Other,
    }
}

/// The type of what a function gives.
fn given_by(name: &str, of: Option<&Type>) -> Type {
    let Some(entry) = entry(name, of, None) else {
        return match name {
            "to_lower" | "to_upper" | "sub_string" | "to_string" => Type::Text,
            _ => Type::Other,
        };
    };
    let gives = entry.page().calls.first().map_or("", |call| call.gives);
    match gives.split(" | ").next().unwrap_or("") {
        "rule" => Type::Rule,
        "text" => Type::Text,
        "address" => Type::Address,
        _ => Type::Other,
    }
}

/// The book's entry for a name, called on a value of that type, or plainly.
pub fn entry(name: &str, of: Option<&Type>, module: Option<&str>) -> Option<Entry> {
    let holds = |place: Where| match (of, module) {
        (_, Some(module)) => place.namespace() == Some(module),
        (Some(Type::Rule), _) => place == Where::Rule,
        (Some(Type::Bench), _) => place == Where::Test,
        (Some(_), _) => place == Where::Pure,
        (None, None) => matches!(place, Where::File | Where::Pure | Where::Body),
    };
    rules::book().into_iter().find(|entry| entry.name == name && holds(entry.place))
}

/// The fields that events of these kinds can have; all where the kinds say nothing.
pub fn fields_of(kinds: &[String]) -> Vec<Field> {
    let mut found = Vec::new();
    for kind in kinds {
        match EventKind::from_name(kind).fields() {
            Some(fields) => found.extend_from_slice(fields),
            None => return Field::ALL.to_vec(),
        }
    }
    if kinds.is_empty() {
        return Field::ALL.to_vec();
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::super::{outline::outline, scan::scan};
    use super::*;

    /// The place of `¦` in a text.
    fn at(text: &str) -> Place {
        let offset = text.find('¦').unwrap();
        let text = text.replace('¦', "");
        let tokens = scan(&text);
        look(&tokens, &outline(&text, &tokens), offset)
    }

    fn after(text: &str) -> Type {
        at(text).after_point.unwrap()
    }

    #[test]
    fn the_type_before_a_point_is_known_while_typing() {
        let http = || vec!["http".to_owned()];
        let rule = |rest: &str| {
            format!("rule(\"é😀\")\n  .on(\"http\")\n{rest}\nrule(\"next\").on(\"syslog\");")
        };
        assert_eq!(after(&rule("  .¦")), Type::Rule);
        assert_eq!(after(&rule("  .when(|e| e.¦")), Type::Event(http()));
        assert_eq!(after(&rule("  .when(|e| e.status == 200 && e.pa¦th")), Type::Event(http()));
        assert_eq!(after(&rule("  .when(|e| e.path.¦)")), Type::Text);
        assert_eq!(after(&rule("  .when(|e| e.ip.¦)")), Type::Address);
        assert_eq!(after(&rule("  .then(|hit| { block(hit.¦ })")), Type::Hit(http()));
        assert_eq!(after(&rule("  .then(|h| log(`${h.event.¦}`))")), Type::Event(http()));
        assert_eq!(after(&rule("  .when(|e| e.path.url_decode().¦")), Type::Text);
        assert_eq!(after("test(\"t\", |x| { x.¦ });"), Type::Bench);
        assert_eq!(after("fn f(e) { e.¦ }"), Type::Event(Vec::new()));
        assert_eq!(after("fn f(e) { e.status.¦ }"), Type::Other);
    }

    #[test]
    fn texts_know_which_argument_they_are() {
        let place = at("rule(\"a\").on(\"ht¦tp\")");
        assert!(place.in_text);
        assert_eq!(
            place.call().map(|frame| (frame.callee.as_str(), frame.argument)),
            Some(("on", 0))
        );
        let place = at("test(\"a\", |t| t.expect_hit(\"x\", \"¦");
        assert_eq!(
            place.call().map(|frame| (frame.callee.as_str(), frame.argument)),
            Some(("expect_hit", 1))
        );
        assert_eq!(place.closure(), Some("test"));
        assert!(at("// e.¦").in_comment);
        assert!(!at("/* a */ x¦").in_comment);
        assert_eq!(at("rule(\"r\").then(|hit| state::¦)").module.as_deref(), Some("state"));
    }

    #[test]
    fn a_closure_ends_with_its_argument() {
        assert_eq!(at("rule(\"r\").ratio(|e| e.ok, ¦").closure(), None);
        assert_eq!(at("rule(\"r\").then(|hit| block(hit.ip, ¦").closure(), Some("then"));
        assert_eq!(at("rule(\"r\").when(|e| 1 | ¦2)").closures.len(), 1);
    }
}
