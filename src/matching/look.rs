//! One event, looked at by the predicates of all rules: each text is decoded and each shared part
//! is judged at most once.
//!
//! A judgement is true, false, or none: none where the script might fail or where its answer is
//! not certain, and then the script itself is asked. So a native predicate needs to know the
//! common cases only, and never disagrees.

use super::cache::Cache;
use super::judge::{has_upper, on_address, on_text, one_of, plain_value, script_text};
use super::program::{Id, Node, Program, View, ViewId};
use super::value::{Val, arithmetic, compare, number_in};
use crate::event::net::parse_ip;
use crate::event::{Event, Field, ValueRef};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};

/// Up to here a field's text is looked at anew each time, to see that it is ASCII.
const PLAIN_BYTES_MAX: usize = 256;

/// A view's text, worked out.
enum Seen {
    /// The field isn't there.
    Unit,
    /// The same as what it is made from.
    Same,
    Own(Vec<u8>),
    /// Something other than text.
    Other,
}

/// What a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Unit,
    Text(&'a [u8]),
    Other,
}

/// The place where one thread keeps what it has found out about the event before it; made once,
/// used for all events.
pub(super) struct Scratch {
    /// The matcher that it belongs to.
    pub(super) owner: u64,
    views: Vec<OnceCell<Seen>>,
    touched: RefCell<Vec<ViewId>>,
    /// For each node the number of the event that it was judged for, times four, plus one for
    /// none, two for false, three for true.
    kept: Vec<Cell<u64>>,
    saved: RefCell<Vec<(u64, Id, Option<Val<'static>>)>>,
    event: u64,
    /// For each column of texts, what was found for the texts seen last.
    pub(super) caches: Vec<RefCell<Cache>>,
}

impl Scratch {
    pub(super) fn new(program: &Program, owner: u64) -> Self {
        Self {
            owner,
            views: (0..program.view_count()).map(|_| OnceCell::new()).collect(),
            touched: RefCell::default(),
            kept: vec![Cell::new(0); program.node_count()],
            saved: RefCell::default(),
            event: 1,
            caches: Vec::new(),
        }
    }

    /// Forgets the event before.
    pub(super) fn next(&mut self) {
        self.event += 1;
        self.saved.get_mut().clear();
        for view in self.touched.get_mut().drain(..) {
            if let Some(cell) = self.views.get_mut(view) {
                cell.take();
            }
        }
    }
}

/// An event while it is judged.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    event: &'a Event,
    program: &'a Program,
    scratch: &'a Scratch,
}

impl<'a> Look<'a> {
    pub(super) fn new(event: &'a Event, program: &'a Program, scratch: &'a Scratch) -> Self {
        Self { event, program, scratch }
    }

    pub(super) fn event(&self) -> &'a Event {
        self.event
    }

    pub(super) fn scratch(&self) -> &'a Scratch {
        self.scratch
    }

    /// What a view shows: valid UTF-8, cut at the scripts' limit.
    pub(super) fn shown(&self, mut view: ViewId) -> Shown<'a> {
        loop {
            if let Some(View::Field(field)) = self.program.view(view)
                && let Some(text) = self.plain_field(*field)
            {
                return Shown::Text(text);
            }
            match self.seen(view) {
                None | Some(Seen::Other) => return Shown::Other,
                Some(Seen::Unit) => return Shown::Unit,
                Some(Seen::Own(text)) => return Shown::Text(text),
                Some(Seen::Same) => {}
            }
            let Some(same) = self.program.view(view) else {
                return Shown::Other;
            };
            match same.from() {
                Some(from) => view = from,
                None => match self.root(same) {
                    Some(Val::Text(Cow::Borrowed(text))) => return Shown::Text(text),
                    _ => return Shown::Other,
                },
            }
        }
    }

    /// A field that scripts see as it is: too many are to be kept, and looking costs no more.
    fn plain_field(&self, field: Field) -> Option<&'a [u8]> {
        match self.event.get(field)? {
            ValueRef::Bytes(text) if text.len() <= PLAIN_BYTES_MAX && text.is_ascii() => Some(text),
            _ => None,
        }
    }

    /// A well-known field as the event has it.
    pub(super) fn field(&self, field: Field) -> Shown<'a> {
        match self.event.get(field) {
            None => Shown::Unit,
            Some(ValueRef::Bytes(text)) => Shown::Text(text),
            Some(_) => Shown::Other,
        }
    }

    /// A field's text as the event has it.
    pub(super) fn raw(&self, root: ViewId) -> Shown<'a> {
        match self.program.view(root).and_then(|view| self.root(view)) {
            Some(Val::Unit) => Shown::Unit,
            Some(Val::Text(Cow::Borrowed(text))) => Shown::Text(text),
            _ => Shown::Other,
        }
    }

    fn seen(&self, view: ViewId) -> Option<&'a Seen> {
        let cell = self.scratch.views.get(view)?;
        if let Some(seen) = cell.get() {
            return Some(seen);
        }
        let seen = self.see(view)?;
        self.scratch.touched.borrow_mut().push(view);
        Some(cell.get_or_init(|| seen))
    }

    fn see(&self, view: ViewId) -> Option<Seen> {
        let view = self.program.view(view)?;
        let Some(from) = view.from() else {
            return Some(match self.root(view) {
                Some(Val::Unit) => Seen::Unit,
                Some(Val::Text(text)) => match script_text(&text) {
                    Cow::Borrowed(_) => Seen::Same,
                    Cow::Owned(text) => Seen::Own(text),
                },
                _ => Seen::Other,
            });
        };
        let text = match self.shown(from) {
            Shown::Unit => return Some(Seen::Unit),
            Shown::Other => return Some(Seen::Other),
            Shown::Text(text) => text,
        };
        match view {
            View::Change(_, change) if (change.leaves)(text) => Some(Seen::Same),
            View::Change(_, change) => {
                let changed = (change.apply)(std::str::from_utf8(text).ok()?);
                Some(Seen::Own(changed.into_bytes()))
            }
            View::Part(_, part) => Some(match (part.take)(std::str::from_utf8(text).ok()?) {
                Some(part) => Seen::Own(part.into_bytes()),
                None => Seen::Unit,
            }),
            _ if !text.is_ascii() => {
                Some(Seen::Own(std::str::from_utf8(text).ok()?.to_lowercase().into_bytes()))
            }
            _ if has_upper(text) => Some(Seen::Own(text.to_ascii_lowercase())),
            _ => Some(Seen::Same),
        }
    }

    /// A field as the event has it.
    fn root(&self, view: &View) -> Option<Val<'a>> {
        match view {
            View::Field(field) => Some(self.event.get(*field).map_or(Val::Unit, plain_value)),
            View::Named(name) => self.named(name),
            View::Lower(_) | View::Change(..) | View::Part(..) => None,
        }
    }

    fn named(&self, name: &str) -> Option<Val<'a>> {
        if let Some(value) = self.event.get_named(name) {
            return Some(plain_value(value));
        }
        match name {
            "source" => Some(Val::Text(Cow::Borrowed(self.event.origin.source.as_bytes()))),
            "kind" => Some(Val::Text(Cow::Borrowed(self.event.kind.name().as_bytes()))),
            "line" => Some(Val::Int(i64::try_from(self.event.line).unwrap_or(i64::MAX))),
            "time" | "record" => None,
            _ => Some(Val::Unit),
        }
    }

    fn view(&self, view: ViewId) -> Option<Val<'a>> {
        let found = self.program.view(view)?;
        if let View::Field(field) = found {
            match self.event.get(*field) {
                None => return Some(Val::Unit),
                Some(ValueRef::Bytes(text)) => {
                    if text.len() <= PLAIN_BYTES_MAX && text.is_ascii() {
                        return Some(Val::Text(Cow::Borrowed(text)));
                    }
                }
                Some(value) => return Some(plain_value(value)),
            }
        }
        match self.shown(view) {
            Shown::Unit => Some(Val::Unit),
            Shown::Text(text) => Some(Val::Text(Cow::Borrowed(text))),
            Shown::Other => self.root(found),
        }
    }

    /// What a node is, which has to be true or false.
    pub(super) fn truth(&self, id: Id) -> Option<bool> {
        let node = self.program.node(id)?;
        let kept = if node.is_kept() { self.scratch.kept.get(id) } else { None };
        let Some(kept) = kept else {
            return truth_of(&self.value(id)?);
        };
        let now = self.scratch.event << 2;
        match kept.get().checked_sub(now) {
            Some(1) => return None,
            Some(2) => return Some(false),
            Some(3) => return Some(true),
            _ => {}
        }
        let truth = self.work_out(node).and_then(|value| truth_of(&value));
        kept.set(now + truth.map_or(1, |truth| 2 + u64::from(truth)));
        truth
    }

    pub(super) fn value(&self, id: Id) -> Option<Val<'a>> {
        let node = self.program.node(id)?;
        if node.is_kept() { self.truth(id).map(Val::Bool) } else { self.work_out(node) }
    }

    fn work_out(&self, node: &'a Node) -> Option<Val<'a>> {
        match node {
            Node::Const(value) => Some(value.val()),
            Node::View(view) => self.view(*view),
            Node::Saved(id) => self.saved(*id),
            Node::Let(value, rest) => {
                self.value(*value)?;
                self.value(*rest)
            }
            Node::And(parts) => self.all(parts, true),
            Node::Or(parts) => self.all(parts, false),
            Node::If(condition, then, otherwise) => {
                self.value(if self.truth(*condition)? { *then } else { *otherwise })
            }
            Node::Not(part) => Some(Val::Bool(!self.truth(*part)?)),
            Node::Compare(comparison, left, right) => {
                compare(*comparison, &self.value(*left)?, &self.value(*right)?).map(Val::Bool)
            }
            Node::Arithmetic(operator, left, right) => {
                arithmetic(*operator, &self.value(*left)?, &self.value(*right)?)
            }
            Node::OneOf(item, list) => one_of(&self.value(*item)?, list),
            Node::InRange(item, first, last) => match self.value(*item)? {
                Val::Int(number) => Some(Val::Bool((*first..=*last).contains(&number))),
                _ => None,
            },
            Node::Has(name) => Some(Val::Bool(self.event.get_named(name).is_some())),
            _ => self.test(node),
        }
    }

    /// The parts that are about one text or address.
    fn test(&self, node: &'a Node) -> Option<Val<'a>> {
        match node {
            Node::Text(subject, list) => on_text(&self.value(*subject)?, |text| list.fits(text)),
            Node::Matches(subject, regex, _) => match self.value(*subject)? {
                Val::Text(text) => {
                    Some(Val::Bool(regex.is_match(std::str::from_utf8(&text).ok()?)))
                }
                Val::Unit => Some(Val::Bool(false)),
                _ => None,
            },
            Node::Within(subject, _, nets, read_text) => {
                on_address(&self.value(*subject)?, *read_text, |address| nets.holds(address))
            }
            Node::Address(subject, test, read_text) => {
                on_address(&self.value(*subject)?, *read_text, |address| test(address))
            }
            Node::Fact(subject, fact) => {
                let address = match self.value(*subject)? {
                    Val::Ip(address) => Some(address),
                    Val::Text(text) => parse_ip(&text),
                    _ => return None,
                };
                Some(Val::of((fact.find)(address)))
            }
            Node::Length(subject, of_unit) => match self.value(*subject)? {
                Val::Text(text) => {
                    let length = std::str::from_utf8(&text).ok()?.chars().count();
                    i64::try_from(length).ok().map(Val::Int)
                }
                Val::Unit if *of_unit => Some(Val::Unit),
                _ => None,
            },
            Node::Empty(subject) => on_text(&self.value(*subject)?, <[u8]>::is_empty),
            Node::Number(subject) => match self.value(*subject)? {
                Val::Text(text) => number_in(&text),
                Val::Unit => Some(Val::Unit),
                _ => None,
            },
            Node::Change(subject) => match self.value(*subject)? {
                Val::Unit => Some(Val::Unit),
                _ => None,
            },
            _ => None,
        }
    }

    fn saved(&self, id: Id) -> Option<Val<'a>> {
        let known = self.scratch.saved.borrow().iter().find_map(|(event, known, value)| {
            (*event == self.scratch.event && *known == id).then(|| value.clone())
        });
        if let Some(known) = known {
            return known;
        }
        let value = self.value(id);
        let kept = match &value {
            // A text is a view or a constant, which are at hand, or a fact.
            Some(Val::Text(_)) => return value,
            Some(other) => Some(other.without_text()),
            None => None,
        };
        self.scratch.saved.borrow_mut().push((self.scratch.event, id, kept));
        value
    }

    /// `&&` (`wanted` true) or `||` (false) over the parts, from left to right, no further than
    /// needed.
    fn all(&self, parts: &[Id], wanted: bool) -> Option<Val<'a>> {
        for part in parts {
            if self.truth(*part)? != wanted {
                return Some(Val::Bool(!wanted));
            }
        }
        Some(Val::Bool(wanted))
    }
}

fn truth_of(value: &Val<'_>) -> Option<bool> {
    match value {
        Val::Bool(truth) => Some(*truth),
        _ => None,
    }
}
