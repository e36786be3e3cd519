//! Predicates in native form, as they are described: what a rule's predicate comes down to where
//! it can be. [`super::program`] makes them ready, [`super::look`] judges events by them.

use super::look::{Look, Scratch};
use super::program::Program;
use super::value::{Comparison, Const, Operator};
use crate::event::{Event, Field};
use ipnet::IpNet;
use regex::Regex;
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
    /// `if a { b } else { c }`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
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
    /// What is known of an address; text is read as one, and `()` where nothing is known.
    Fact(Box<Expr>, AddressFact),
    /// `e.has("field")`
    Has(Box<str>),
    /// `a.to_lower()`
    Lower(Box<Expr>),
    /// `a.len()`, or `a.len`, which fails on `()`.
    Length(Box<Expr>, bool),
    /// `a.is_empty()`
    Empty(Box<Expr>),
    /// A function from text to text; `()` stays `()`.
    Change(Box<Expr>, TextChange),
    /// A part of a text, or `()` where the text has none; `()` stays `()`.
    Part(Box<Expr>, TextPart),
    /// `a.to_number()`: the number that a text holds, or `()`.
    Number(Box<Expr>),
}

/// What is asked of an address.
pub type AddressTest = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// What is known of an address, the same for all events of a batch.
#[derive(Clone)]
pub struct AddressFact {
    /// What it is, with all that it depends on: facts of the same name are the same.
    pub name: Arc<str>,
    /// Finds it.
    pub find: Arc<dyn Fn(Option<IpAddr>) -> Const + Send + Sync>,
}

/// A pure function from text to text.
#[derive(Debug, Clone, Copy)]
pub struct TextChange {
    /// Its name: functions of the same name are the same function.
    pub name: &'static str,
    /// What it makes of a text.
    pub apply: fn(&str) -> String,
    /// Says quickly that it leaves a text as it is; it may say no where it does.
    pub leaves: fn(&[u8]) -> bool,
}

/// Takes a part out of a text.
pub type Take = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What to take out of a text.
#[derive(Clone)]
pub struct TextPart {
    /// What it is, with all that it depends on: parts of the same name are the same part.
    pub name: Arc<str>,
    /// Takes it; none where the text has no such part. Pure.
    pub take: Take,
}

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

/// A text to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal(Box<[u8]>);

impl Literal {
    /// The text as a literal.
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Expr {
    /// Judges an event; none when the script has to. Makes itself ready each time: [`super::Matcher`]
    /// does that once for all rules.
    pub fn judge(&self, event: &Event) -> Option<bool> {
        let mut program = Program::default();
        let root = program.add(self);
        let scratch = Scratch::new(&program, 0);
        Look::new(event, &program, &scratch).truth(root)
    }
}
