//! Predicates in native form: what a rule's predicate comes down to where it can be, judged over
//! an event without running a script.
//!
//! A judgement is true, false, or none: none where the script might fail or where its answer is
//! not certain, and then the script itself is asked. So a native predicate needs to know the
//! common cases only, and never disagrees.

use super::value::{Comparison, Const, Operator, Val, arithmetic, compare};
use crate::event::net::parse_ip;
use crate::event::{Event, Field, ValueRef, text};
use ipnet::IpNet;
use memchr::memmem;
use regex::Regex;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::sync::Arc;

/// A predicate, or a part of one.
#[derive(Clone)]
pub enum Expr {
    /// A value.
    Const(Const),
    /// A well-known field; `()` when the event lacks it.
    Field(Field),
    /// Any other field, or a property of the event.
    Named(Box<str>),
    /// A value that a `Let` around it made: how many there are outside that one.
    Local(usize),
    /// `let x = value; rest`
    Let(Box<Expr>, Box<Expr>),
    /// `a && b && …`
    And(Vec<Expr>),
    /// `a || b || …`
    Or(Vec<Expr>),
    /// `!a`
    Not(Box<Expr>),
    /// `a == b` and its kin.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `a + b` and its kin.
    Arithmetic(Operator, Box<Expr>, Box<Expr>),
    /// `a in [b, c]`
    OneOf(Box<Expr>, Vec<Const>),
    /// `a in 400..=499`; first and last.
    InRange(Box<Expr>, i64, i64),
    /// `a.contains("b")`, `a.contains_any([…])` and their kin.
    Text(Box<Expr>, TextTest, Vec<Literal>),
    /// `a.matches("pattern")`
    Matches(Box<Expr>, Regex),
    /// `a.within("10.0.0.0/8")`, or of a list; text is read as an address only for the first.
    Within(Box<Expr>, Vec<IpNet>, bool),
    /// A test of an address, which may read text as one.
    Address(Box<Expr>, AddressTest, bool),
    /// `e.has("field")`
    Has(Box<str>),
    /// `a.to_lower()`
    Lower(Box<Expr>),
    /// `a.len()`, or `a.len`, which fails on `()`.
    Length(Box<Expr>, bool),
    /// `a.is_empty()`
    Empty(Box<Expr>),
    /// A function from text to text; `()` stays `()`.
    Change(Box<Expr>, fn(&str) -> String),
}

/// What is asked of an address.
pub type AddressTest = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Where a literal has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    /// At the beginning.
    Starts,
    /// At the end.
    Ends,
    /// Anywhere.
    Contains,
}

/// A text to look for, made ready.
#[derive(Clone)]
pub struct Literal(Box<memmem::Finder<'static>>);

impl Literal {
    /// Makes a text ready.
    pub fn new(text: &str) -> Self {
        Self(Box::new(memmem::Finder::new(text).into_owned()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.needle()
    }

    fn fits(&self, text: &[u8], place: TextTest) -> bool {
        match place {
            TextTest::Starts => text.starts_with(self.bytes()),
            TextTest::Ends => text.ends_with(self.bytes()),
            TextTest::Contains => self.0.find(text).is_some(),
        }
    }
}

/// An event while it is judged: which of its texts have been found to be plain, and the values of
/// `let`.
pub(super) struct Look<'a> {
    event: &'a Event,
    plain: Cell<u64>,
    locals: RefCell<Vec<Val<'a>>>,
}

impl<'a> Look<'a> {
    pub(super) fn new(event: &'a Event) -> Self {
        Self {
            event,
            plain: Cell::new(0),
            locals: RefCell::default(),
        }
    }

    pub(super) fn event(&self) -> &'a Event {
        self.event
    }

    /// A field's text as scripts see it: valid UTF-8, cut at their limit.
    pub(super) fn text(&self, field: Field, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let bit = 1_u64.checked_shl(field as u32).unwrap_or(0);
        if self.plain.get() & bit != 0 {
            return Cow::Borrowed(bytes);
        }
        let text = script_text(bytes);
        if matches!(text, Cow::Borrowed(_)) {
            self.plain.set(self.plain.get() | bit);
        }
        text
    }

    fn field(&self, field: Field) -> Val<'a> {
        match self.event.get(field) {
            None => Val::Unit,
            Some(ValueRef::Bytes(bytes)) => Val::Text(self.text(field, bytes)),
            Some(other) => plain_value(other),
        }
    }

    fn named(&self, name: &str) -> Option<Val<'a>> {
        if let Some(value) = self.event.get_named(name) {
            return Some(match value {
                ValueRef::Bytes(bytes) => Val::Text(script_text(bytes)),
                other => plain_value(other),
            });
        }
        match name {
            "source" => Some(Val::Text(Cow::Borrowed(
                self.event.origin.source.as_bytes(),
            ))),
            "kind" => Some(Val::Text(Cow::Borrowed(self.event.kind.name().as_bytes()))),
            "line" => Some(Val::Int(i64::try_from(self.event.line).unwrap_or(i64::MAX))),
            "time" | "record" => None,
            _ => Some(Val::Unit),
        }
    }
}

fn plain_value(value: ValueRef<'_>) -> Val<'_> {
    match value {
        ValueRef::Bytes(bytes) => Val::Text(Cow::Borrowed(bytes)),
        ValueRef::Int(number) => Val::Int(number),
        ValueRef::Float(number) => Val::Float(number),
        ValueRef::Bool(flag) => Val::Bool(flag),
        ValueRef::Ip(address) => Val::Ip(address),
    }
}

fn script_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    match text::for_script(bytes) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// A judgement of a part that tests a text; `()` passes no test.
fn on_text(value: Val<'_>, passes: impl FnOnce(&[u8]) -> bool) -> Option<Val<'static>> {
    match value {
        Val::Text(text) => Some(Val::Bool(passes(&text))),
        Val::Unit => Some(Val::Bool(false)),
        _ => None,
    }
}

/// A change of text to text; `()` stays.
fn change(value: Val<'_>, change: impl FnOnce(&str) -> String) -> Option<Val<'_>> {
    match value {
        Val::Text(text) => {
            let changed = change(std::str::from_utf8(&text).ok()?);
            Some(Val::Text(Cow::Owned(changed.into_bytes())))
        }
        Val::Unit => Some(Val::Unit),
        _ => None,
    }
}

/// A judgement of a part that tests an address; `()` passes no test.
fn on_address(
    value: &Val<'_>,
    read_text: bool,
    passes: impl FnOnce(IpAddr) -> bool,
) -> Option<Val<'static>> {
    let address = match value {
        Val::Ip(address) => Some(*address),
        Val::Text(text) if read_text => parse_ip(text),
        Val::Unit => None,
        _ => return None,
    };
    Some(Val::Bool(address.is_some_and(passes)))
}

impl Expr {
    /// Judges an event; none when the script has to.
    pub fn judge(&self, event: &Event) -> Option<bool> {
        self.truth(&Look::new(event))
    }

    /// What the expression is, which has to be true or false.
    pub(super) fn truth<'a>(&'a self, look: &Look<'a>) -> Option<bool> {
        match self.value(look)? {
            Val::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    fn value<'a>(&'a self, look: &Look<'a>) -> Option<Val<'a>> {
        match self {
            Self::Const(value) => Some(value.val()),
            Self::Field(field) => Some(look.field(*field)),
            Self::Named(name) => look.named(name),
            Self::Local(place) => look.locals.borrow().get(*place).cloned(),
            Self::Let(value, rest) => {
                let value = value.value(look)?;
                look.locals.borrow_mut().push(value);
                let result = rest.value(look);
                look.locals.borrow_mut().pop();
                result
            }
            Self::And(parts) => all(parts, look, true),
            Self::Or(parts) => all(parts, look, false),
            Self::Not(part) => Some(Val::Bool(!part.truth(look)?)),
            Self::Compare(comparison, left, right) => {
                let (left, right) = (left.value(look)?, right.value(look)?);
                compare(*comparison, &left, &right).map(Val::Bool)
            }
            Self::Arithmetic(operator, left, right) => {
                arithmetic(*operator, &left.value(look)?, &right.value(look)?)
            }
            Self::OneOf(item, list) => one_of(&item.value(look)?, list),
            Self::InRange(item, first, last) => match item.value(look)? {
                Val::Int(number) => Some(Val::Bool((*first..=*last).contains(&number))),
                _ => None,
            },
            Self::Text(subject, test, literals) => on_text(subject.value(look)?, |text| {
                literals.iter().any(|literal| literal.fits(text, *test))
            }),
            _ => self.function(look),
        }
    }

    /// The parts that are functions of one value.
    fn function<'a>(&'a self, look: &Look<'a>) -> Option<Val<'a>> {
        match self {
            Self::Matches(subject, regex) => match subject.value(look)? {
                Val::Text(text) => {
                    let text = std::str::from_utf8(&text).ok()?;
                    Some(Val::Bool(regex.is_match(text)))
                }
                Val::Unit => Some(Val::Bool(false)),
                _ => None,
            },
            Self::Within(subject, nets, read_text) => {
                on_address(&subject.value(look)?, *read_text, |address| {
                    nets.iter().any(|net| net.contains(&address))
                })
            }
            Self::Address(subject, test, read_text) => {
                on_address(&subject.value(look)?, *read_text, |address| test(address))
            }
            Self::Has(name) => Some(Val::Bool(look.event.get_named(name).is_some())),
            Self::Lower(subject) => match subject.value(look)? {
                Val::Text(text) if is_lower(&text) => Some(Val::Text(text)),
                other => change(other, str::to_lowercase),
            },
            Self::Length(subject, of_unit) => match subject.value(look)? {
                Val::Text(text) => {
                    let length = std::str::from_utf8(&text).ok()?.chars().count();
                    i64::try_from(length).ok().map(Val::Int)
                }
                Val::Unit if *of_unit => Some(Val::Unit),
                _ => None,
            },
            Self::Empty(subject) => on_text(subject.value(look)?, <[u8]>::is_empty),
            Self::Change(subject, function) => change(subject.value(look)?, function),
            _ => None,
        }
    }
}

fn is_lower(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// `&&` (`wanted` true) or `||` (false) over the parts, from left to right, no further than needed.
fn all<'a>(parts: &'a [Expr], look: &Look<'a>, wanted: bool) -> Option<Val<'a>> {
    for part in parts {
        if part.truth(look)? != wanted {
            return Some(Val::Bool(!wanted));
        }
    }
    Some(Val::Bool(wanted))
}

fn one_of(item: &Val<'_>, list: &[Const]) -> Option<Val<'static>> {
    for known in list {
        if compare(Comparison::Equal, &known.val(), item)? {
            return Some(Val::Bool(true));
        }
    }
    Some(Val::Bool(false))
}
