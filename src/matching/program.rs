//! All rules' predicates as one program: each part that several predicates share is there once.
//!
//! In: [`Expr`]s. Out: nodes that refer to each other, and views: the texts that predicates look
//! at, each a field or a change of another view.

use super::expr::{AddressFact, AddressTest, Expr, Literal, TextChange, TextPart, TextTest};
use super::pattern::{self, Wanted};
use super::texts::{NetList, TextList};
use super::value::{Comparison, Const, Operator};
use crate::event::Field;
use regex::Regex;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// A text that was changed more often than this is left to scripts.
const VIEW_DEPTH_MAX: usize = 8;

/// A node's place in the program.
pub(super) type Id = usize;

/// A view's place in the program.
pub(super) type ViewId = usize;

/// A part of a predicate; parts of it stand before it in the program.
pub(super) enum Node {
    Const(Const),
    /// A field, or a text made from one.
    View(ViewId),
    /// A value that is worked out once an event, however often it is named.
    Saved(Id),
    /// The second, if the first has an answer.
    Let(Id, Id),
    And(Box<[Id]>),
    Or(Box<[Id]>),
    Not(Id),
    /// The second where the first is true, else the third.
    If(Id, Id, Id),
    Compare(Comparison, Id, Id),
    Arithmetic(Operator, Id, Id),
    OneOf(Id, Box<[Const]>),
    InRange(Id, i64, i64),
    Text(Id, TextList),
    /// With what a text that matches must hold, and the view that must hold it.
    Matches(Id, Regex, Option<(ViewId, Wanted)>),
    /// The networks as written, and made ready.
    Within(Id, Box<[ipnet::IpNet]>, NetList, bool),
    Address(Id, AddressTest, bool),
    Fact(Id, AddressFact),
    Has(Box<str>),
    Length(Id, bool),
    Empty(Id),
    /// A change of something that is no view: text has none of these, all else fails.
    Change(Id),
    Number(Id),
}

impl Node {
    /// Whether its answer is true, false or none, and worth keeping for the rules that share it.
    pub(super) fn is_kept(&self) -> bool {
        matches!(
            self,
            Self::And(_)
                | Self::Or(_)
                | Self::OneOf(..)
                | Self::Text(..)
                | Self::Matches(..)
                | Self::Within(..)
                | Self::Address(..)
        )
    }
}

/// Where a view's text comes from.
pub(super) enum View {
    Field(Field),
    Named(Box<str>),
    Lower(ViewId),
    Change(ViewId, TextChange),
    Part(ViewId, TextPart),
}

impl View {
    /// The view that it is made from; none for a field.
    pub(super) fn from(&self) -> Option<ViewId> {
        match self {
            Self::Field(_) | Self::Named(_) => None,
            Self::Lower(from) | Self::Change(from, _) | Self::Part(from, _) => Some(*from),
        }
    }
}

/// The predicates of all rules.
#[derive(Default)]
pub(super) struct Program {
    nodes: Vec<Node>,
    views: Vec<View>,
    /// Each view's first one, which is a field.
    roots: Vec<ViewId>,
    known: HashMap<String, Id>,
    known_views: HashMap<String, ViewId>,
}

impl Program {
    pub(super) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id)
    }

    pub(super) fn view(&self, id: ViewId) -> Option<&View> {
        self.views.get(id)
    }

    /// The field that a view comes from, as a view.
    pub(super) fn root(&self, id: ViewId) -> Option<ViewId> {
        self.roots.get(id).copied()
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn view_count(&self) -> usize {
        self.views.len()
    }

    /// Forgets what is only needed while predicates are added.
    pub(super) fn close(&mut self) {
        self.known = HashMap::new();
        self.known_views = HashMap::new();
        self.nodes.shrink_to_fit();
    }

    /// Adds a predicate; its node.
    pub(super) fn add(&mut self, expr: &Expr) -> Id {
        self.lower(expr, &mut Vec::new())
    }

    fn put(&mut self, key: String, make: impl FnOnce() -> Node) -> Id {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        self.nodes.push(make());
        let id = self.nodes.len() - 1;
        self.known.insert(key, id);
        id
    }

    fn put_view(&mut self, key: String, root: Option<ViewId>, make: impl FnOnce() -> View) -> Id {
        let view = if let Some(known) = self.known_views.get(&key) {
            *known
        } else {
            self.views.push(make());
            let view = self.views.len() - 1;
            self.roots.push(root.unwrap_or(view));
            self.known_views.insert(key, view);
            view
        };
        self.put(format!("view {view}"), || Node::View(view))
    }

    fn list(&mut self, parts: &[Expr], locals: &mut Vec<Id>) -> Box<[Id]> {
        parts.iter().map(|part| self.lower(part, locals)).collect()
    }

    /// A change of a text, as a view where it changes one.
    fn changed(&mut self, subject: Id, name: &str, make: impl FnOnce(ViewId) -> View) -> Id {
        match self.nodes.get(subject) {
            Some(Node::View(view)) if self.depth(*view) < VIEW_DEPTH_MAX => {
                let (view, root) = (*view, self.root(*view));
                self.put_view(format!("{name} of {view}"), root, || make(view))
            }
            _ => self.put(format!("change {subject}"), || Node::Change(subject)),
        }
    }

    /// How many changes made a view.
    fn depth(&self, mut view: ViewId) -> usize {
        let mut depth = 0;
        while let Some(from) = self.views.get(view).and_then(View::from) {
            view = from;
            depth += 1;
        }
        depth
    }

    fn lower(&mut self, expr: &Expr, locals: &mut Vec<Id>) -> Id {
        match expr {
            Expr::Const(value) => {
                self.put(format!("const {value:?}"), || Node::Const(value.clone()))
            }
            Expr::Field(field) => {
                self.put_view(format!("field {field:?}"), None, || View::Field(*field))
            }
            Expr::Named(name) => {
                self.put_view(format!("named {name}"), None, || View::Named(name.clone()))
            }
            // A name without its `let` has no answer, like a part that isn't there.
            Expr::Local(place) => locals.get(*place).copied().unwrap_or(usize::MAX),
            Expr::Let(value, rest) => {
                let value = self.lower(value, locals);
                let value = match self.nodes.get(value) {
                    Some(Node::View(_) | Node::Const(_)) => value,
                    _ => self.put(format!("saved {value}"), || Node::Saved(value)),
                };
                locals.push(value);
                let rest = self.lower(rest, locals);
                locals.pop();
                self.put(format!("let {value} {rest}"), || Node::Let(value, rest))
            }
            Expr::And(parts) => {
                let parts = self.list(parts, locals);
                self.put(format!("and {parts:?}"), || Node::And(parts))
            }
            Expr::Or(parts) => {
                let parts = self.list(parts, locals);
                self.put(format!("or {parts:?}"), || Node::Or(parts))
            }
            Expr::Not(part) => {
                let part = self.lower(part, locals);
                self.put(format!("not {part}"), || Node::Not(part))
            }
            Expr::If(condition, then, otherwise) => {
                let condition = self.lower(condition, locals);
                let (then, otherwise) = (self.lower(then, locals), self.lower(otherwise, locals));
                let key = format!("if {condition} {then} {otherwise}");
                self.put(key, || Node::If(condition, then, otherwise))
            }
            Expr::Compare(comparison, left, right) => {
                let (left, right) = (self.lower(left, locals), self.lower(right, locals));
                let key = format!("{comparison:?} {left} {right}");
                self.put(key, || Node::Compare(*comparison, left, right))
            }
            Expr::Arithmetic(operator, left, right) => {
                let (left, right) = (self.lower(left, locals), self.lower(right, locals));
                let key = format!("{operator:?} {left} {right}");
                self.put(key, || Node::Arithmetic(*operator, left, right))
            }
            _ => self.lower_test(expr, locals),
        }
    }

    /// The parts that are about one value.
    fn lower_test(&mut self, expr: &Expr, locals: &mut Vec<Id>) -> Id {
        match expr {
            Expr::OneOf(item, list) => {
                let item = self.lower(item, locals);
                let key = format!("one of {item} {list:?}");
                self.put(key, || Node::OneOf(item, list.as_slice().into()))
            }
            Expr::InRange(item, first, last) => {
                let item = self.lower(item, locals);
                let key = format!("range {item} {first} {last}");
                self.put(key, || Node::InRange(item, *first, *last))
            }
            Expr::Text(subject, test, literals) => {
                let subject = self.lower(subject, locals);
                let key = key_of_texts(subject, *test, literals);
                self.put(key, || Node::Text(subject, TextList::new(*test, literals)))
            }
            Expr::Matches(subject, regex) => {
                let subject = self.lower(subject, locals);
                let wanted = self.wanted(subject, regex);
                let key = format!("matches {subject} {}", regex.as_str());
                self.put(key, || Node::Matches(subject, regex.clone(), wanted))
            }
            Expr::Within(subject, nets, read_text) => {
                let subject = self.lower(subject, locals);
                let key = format!("within {subject} {read_text} {nets:?}");
                self.put(key, || {
                    let list = NetList::new(nets);
                    Node::Within(subject, nets.as_slice().into(), list, *read_text)
                })
            }
            Expr::Address(subject, test, read_text) => {
                let subject = self.lower(subject, locals);
                // The program keeps the test, so no other can come to lie at its place.
                let key = format!("address {subject} {read_text} {:p}", Arc::as_ptr(test));
                self.put(key, || Node::Address(subject, Arc::clone(test), *read_text))
            }
            Expr::Fact(subject, fact) => {
                let subject = self.lower(subject, locals);
                let key = format!("fact {subject} {}", fact.name);
                self.put(key, || Node::Fact(subject, fact.clone()))
            }
            Expr::Has(name) => self.put(format!("has {name}"), || Node::Has(name.clone())),
            Expr::Lower(subject) => {
                let subject = self.lower(subject, locals);
                self.changed(subject, "lower", View::Lower)
            }
            Expr::Change(subject, change) => {
                let subject = self.lower(subject, locals);
                self.changed(subject, change.name, |view| View::Change(view, *change))
            }
            Expr::Part(subject, part) => {
                let subject = self.lower(subject, locals);
                self.changed(subject, &part.name, |view| View::Part(view, part.clone()))
            }
            Expr::Number(subject) => {
                let subject = self.lower(subject, locals);
                self.put(format!("number {subject}"), || Node::Number(subject))
            }
            Expr::Length(subject, of_unit) => {
                let subject = self.lower(subject, locals);
                let key = format!("length {subject} {of_unit}");
                self.put(key, || Node::Length(subject, *of_unit))
            }
            Expr::Empty(subject) => {
                let subject = self.lower(subject, locals);
                self.put(format!("empty {subject}"), || Node::Empty(subject))
            }
            _ => usize::MAX,
        }
    }
}

impl Program {
    /// What a text that matches a pattern must hold: in the text itself, or in its lower case
    /// where the pattern doesn't mind the case.
    fn wanted(&mut self, subject: Id, regex: &Regex) -> Option<(ViewId, Wanted)> {
        let view = |program: &Self, id: Id| match program.nodes.get(id) {
            Some(Node::View(view)) => Some(*view),
            _ => None,
        };
        let plain = view(self, subject)?;
        let wanted = pattern::wanted(regex.as_str())?;
        if !wanted.folded {
            return Some((plain, wanted));
        }
        let lower = self.changed(subject, "lower", View::Lower);
        Some((view(self, lower)?, wanted))
    }
}

fn key_of_texts(subject: Id, test: TextTest, literals: &[Literal]) -> String {
    let mut key = format!("text {subject} {test:?}");
    for literal in literals {
        // Writing to a String can't fail.
        write!(key, " {:?}", String::from_utf8_lossy(literal.bytes())).ok();
    }
    key
}
