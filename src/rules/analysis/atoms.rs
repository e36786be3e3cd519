//! What must hold for a predicate to be true, as alternatives of simple conditions on what it
//! reads. Where a condition isn't understood it is left out: then the alternatives hold for more
//! events than the predicate, never for fewer.
//!
//! In: a predicate in native form. Out: [`Alternatives`].

use crate::limits;
use crate::matching::{Comparison, Const, Expr, TextTest};
use ipnet::IpNet;

/// A simple condition on one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Atom {
    /// It is one of these.
    OneOf(Vec<Const>),
    /// It is not this.
    Not(Const),
    /// It is a number above (or at) one and below (or at) another: value, and whether itself counts.
    Range { low: (f64, bool), high: (f64, bool) },
    /// It has one of these texts in that place.
    Text(TextTest, Vec<Vec<u8>>),
    /// It is an address in one of these networks.
    Within(Vec<IpNet>),
    /// Something else, told by its words.
    Opaque(String),
}

/// Conditions that hold together, each with what it is about (`path`, `lower path`).
pub(super) type Together = Vec<(String, Atom)>;

/// One of these holds where the predicate is true.
#[derive(Debug, Clone, Default)]
pub(super) struct Alternatives {
    pub any: Vec<Together>,
    /// Whether the predicate is true where one of these holds.
    pub exact: bool,
}

impl Alternatives {
    /// True for every event that has no fault.
    fn anything(exact: bool) -> Self {
        Self { any: vec![Vec::new()], exact }
    }

    fn one(subject: String, atom: Atom, exact: bool) -> Self {
        Self { any: vec![vec![(subject, atom)]], exact }
    }

    /// What holds where both do.
    pub(super) fn and(self, other: &Self) -> Self {
        if self.any.len() * other.any.len() > limits::CHECK_ALTERNATIVES_MAX {
            return Self { exact: false, ..self };
        }
        let joined = |one: &Together| -> Vec<Together> {
            other.any.iter().map(|more| one.iter().chain(more).cloned().collect()).collect()
        };
        let any = self.any.iter().flat_map(joined).collect();
        Self { any, exact: self.exact && other.exact }
    }

    fn or(mut self, other: Self) -> Self {
        self.any.extend(other.any);
        self.exact &= other.exact;
        if self.any.len() > limits::CHECK_ALTERNATIVES_MAX { Self::anything(false) } else { self }
    }
}

/// What must hold for a predicate to be true.
pub(super) fn alternatives(expr: &Expr) -> Alternatives {
    match expr {
        Expr::Const(Const::Bool(true)) => Alternatives::anything(true),
        Expr::Const(Const::Bool(false)) => Alternatives { any: Vec::new(), exact: true },
        Expr::And(parts) => parts
            .iter()
            .fold(Alternatives::anything(true), |all, part| all.and(&alternatives(part))),
        Expr::Or(parts) => parts
            .iter()
            .map(alternatives)
            .reduce(Alternatives::or)
            .unwrap_or_else(|| Alternatives::anything(false)),
        Expr::Not(inner) => not(inner),
        Expr::If(condition, then, otherwise) => {
            let then = alternatives(condition).and(&alternatives(then));
            let otherwise = Alternatives { exact: false, ..alternatives(otherwise) };
            then.or(otherwise)
        }
        Expr::Let(_, rest) => Alternatives { exact: false, ..alternatives(rest) },
        other => match atom(other) {
            Some((subject, atom)) => Alternatives::one(subject, atom, true),
            None => match words(other) {
                Some(words) => Alternatives::one(words.clone(), Atom::Opaque(words), true),
                None => Alternatives::anything(false),
            },
        },
    }
}

fn not(inner: &Expr) -> Alternatives {
    match inner {
        Expr::Not(inner) => alternatives(inner),
        Expr::Const(Const::Bool(flag)) => alternatives(&Expr::Const(Const::Bool(!flag))),
        Expr::Compare(Comparison::Equal, left, right) => {
            alternatives(&Expr::Compare(Comparison::NotEqual, left.clone(), right.clone()))
        }
        Expr::Or(parts) => {
            parts.iter().fold(Alternatives::anything(true), |all, part| all.and(&not(part)))
        }
        other => match words(other) {
            Some(words) => {
                Alternatives::one(words.clone(), Atom::Opaque(format!("not {words}")), true)
            }
            None => Alternatives::anything(false),
        },
    }
}

fn atom(expr: &Expr) -> Option<(String, Atom)> {
    let never = (f64::INFINITY, true);
    let ever = (f64::NEG_INFINITY, true);
    match expr {
        Expr::Compare(comparison, left, right) => {
            let (subject, constant, comparison) = match (&**left, &**right) {
                (subject, Expr::Const(constant)) => (subject, constant, *comparison),
                (Expr::Const(constant), subject) => (subject, constant, comparison.mirrored()),
                _ => return None,
            };
            let subject = words(subject)?;
            let range = |low, high| Some((subject.clone(), Atom::Range { low, high }));
            match (comparison, number(constant)) {
                (Comparison::Equal, _) => Some((subject, Atom::OneOf(vec![constant.clone()]))),
                (Comparison::NotEqual, _) => Some((subject, Atom::Not(constant.clone()))),
                (Comparison::Less, Some(number)) => range(ever, (number, false)),
                (Comparison::LessOrEqual, Some(number)) => range(ever, (number, true)),
                (Comparison::Greater, Some(number)) => range((number, false), never),
                (Comparison::GreaterOrEqual, Some(number)) => range((number, true), never),
                _ => None,
            }
        }
        Expr::OneOf(subject, list) => Some((words(subject)?, Atom::OneOf(list.clone()))),
        Expr::InRange(subject, first, last) => {
            let (low, high) = ((*first as f64, true), (*last as f64, true));
            Some((words(subject)?, Atom::Range { low, high }))
        }
        Expr::Text(subject, test, list) => {
            let texts = list.iter().map(|literal| literal.bytes().to_vec()).collect();
            Some((words(subject)?, Atom::Text(*test, texts)))
        }
        Expr::Within(subject, nets, _) => Some((words(subject)?, Atom::Within(nets.clone()))),
        _ => None,
    }
}

/// A number as one with a fraction; large ones lose what a predicate hardly tells apart.
pub(super) fn number(constant: &Const) -> Option<f64> {
    match constant {
        Const::Int(number) if number.unsigned_abs() < 1 << 52 => Some(*number as f64),
        Const::Float(number) if number.is_finite() => Some(*number),
        _ => None,
    }
}

/// The words of what is read, the same for the same thing; none where that can't be told.
pub(super) fn words(expr: &Expr) -> Option<String> {
    let of = |what: &str, inner: &Expr| Some(format!("{what} {}", words(inner)?));
    match expr {
        Expr::Field(field) => Some(field.name().to_owned()),
        Expr::Named(name) => Some(format!("[{name}]")),
        Expr::Has(name) => Some(format!("has {name}")),
        Expr::Lower(inner) => of("lower", inner),
        Expr::Length(inner, _) => of("length", inner),
        Expr::Empty(inner) => of("empty", inner),
        Expr::Number(inner) => of("number", inner),
        Expr::Change(inner, change) => of(change.name, inner),
        Expr::Part(inner, part) => of(&part.name, inner),
        Expr::Matches(inner, regex) => of(&format!("matches /{}/", regex.as_str()), inner),
        Expr::Text(..) | Expr::Within(..) | Expr::OneOf(..) | Expr::InRange(..) => {
            let (subject, atom) = atom(expr)?;
            Some(format!("{subject} {atom:?}"))
        }
        _ => None,
    }
}
