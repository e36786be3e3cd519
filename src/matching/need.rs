//! What must hold for a predicate to be true: conditions on single fields that an index can look
//! up, taken from the predicate itself.

use super::expr::Expr;
use super::value::{Comparison, Const};
use crate::event::Field;
use ipnet::IpNet;

/// Whole numbers below this have a table.
pub(super) const SMALL: usize = 1_024;

/// A condition on one field. A field that is missing never meets one; a value of another type
/// than the condition is about may.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// The text (in lower case when `lower`) contains these bytes.
    Literal {
        field: Field,
        lower: bool,
        bytes: Vec<u8>,
    },
    /// The whole number is at least `first` and at most `last`.
    Number { field: Field, first: i64, last: i64 },
    /// The address lies in the network.
    Network { field: Field, net: IpNet },
}

/// Conditions of which at least one must hold, and how much they are worth: more means that fewer
/// events meet them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Need {
    pub(super) any: Vec<Condition>,
    worth: u32,
}

/// What must hold for `expr` to be true; none when nothing can be said.
pub(super) fn need(expr: &Expr) -> Option<Need> {
    match expr {
        Expr::And(parts) => parts.iter().filter_map(need).max_by_key(|need| need.worth),
        Expr::Or(parts) => {
            let mut whole = Need {
                any: Vec::new(),
                worth: u32::MAX,
            };
            for part in parts {
                let part = need(part)?;
                whole.any.extend(part.any);
                whole.worth = whole.worth.min(part.worth);
            }
            (!whole.any.is_empty()).then_some(whole)
        }
        Expr::Let(_, rest) => need(rest),
        Expr::Compare(comparison, left, right) => match (&**left, &**right) {
            (subject, Expr::Const(value)) => compared(*comparison, subject, value),
            (Expr::Const(value), subject) => compared(mirrored(*comparison), subject, value),
            _ => None,
        },
        Expr::OneOf(subject, list) => {
            let parts = list
                .iter()
                .map(|value| compared(Comparison::Equal, subject, value));
            join(parts.collect::<Option<Vec<_>>>()?)
        }
        Expr::InRange(subject, first, last) => number(subject, *first, *last),
        Expr::Text(subject, _, literals) => {
            let parts = literals.iter().map(|part| literal(subject, part.bytes()));
            join(parts.collect::<Option<Vec<_>>>()?)
        }
        Expr::Within(subject, nets, _) => {
            let Expr::Field(field) = **subject else {
                return None;
            };
            let bits = nets.iter().map(|net| u32::from(net.prefix_len())).min()?;
            Some(Need {
                any: nets
                    .iter()
                    .map(|net| Condition::Network { field, net: *net })
                    .collect(),
                worth: 10 + bits * 2,
            })
        }
        _ => None,
    }
}

fn join(parts: Vec<Need>) -> Option<Need> {
    let worth = parts.iter().map(|part| part.worth).min()?;
    Some(Need {
        any: parts.into_iter().flat_map(|part| part.any).collect(),
        worth,
    })
}

fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn compared(comparison: Comparison, subject: &Expr, value: &Const) -> Option<Need> {
    match (comparison, value) {
        (Comparison::Equal, Const::Text(text)) => literal(subject, text.as_bytes()),
        (Comparison::Equal, Const::Char(character)) => {
            literal(subject, character.encode_utf8(&mut [0; 4]).as_bytes())
        }
        (Comparison::Equal, Const::Int(value)) => number(subject, *value, *value),
        (Comparison::Less, Const::Int(value)) => number(subject, i64::MIN, value.checked_sub(1)?),
        (Comparison::LessOrEqual, Const::Int(value)) => number(subject, i64::MIN, *value),
        (Comparison::Greater, Const::Int(value)) => {
            number(subject, value.checked_add(1)?, i64::MAX)
        }
        (Comparison::GreaterOrEqual, Const::Int(value)) => number(subject, *value, i64::MAX),
        _ => None,
    }
}

/// An address may equal a text that doesn't look like it, and nothing is said of an empty text.
fn literal(subject: &Expr, bytes: &[u8]) -> Option<Need> {
    let (field, lower) = match subject {
        Expr::Field(field) => (*field, false),
        Expr::Lower(inner) => match **inner {
            Expr::Field(field) => (field, true),
            _ => return None,
        },
        _ => return None,
    };
    if bytes.is_empty() {
        return None;
    }
    let length = u32::try_from(bytes.len().min(20)).unwrap_or(20);
    let worth = match (field, bytes) {
        (Field::Method, b"GET") | (Field::Scheme | Field::Protocol | Field::Outcome, _) => 1,
        (Field::Method, _) => 20,
        _ => length * 10,
    };
    let bytes = bytes.to_vec();
    let condition = Condition::Literal {
        field,
        lower,
        bytes,
    };
    Some(Need {
        any: vec![condition],
        worth,
    })
}

fn number(subject: &Expr, first: i64, last: i64) -> Option<Need> {
    let Expr::Field(field) = *subject else {
        return None;
    };
    // Most answers are of class 2 or 3; a narrow choice of others is worth as much as four letters.
    let common = field == Field::Status && first <= 308 && last >= 200;
    let worth = match (common, last.saturating_sub(first)) {
        (true, _) => 2,
        (false, 0..=9) => 40,
        (false, 10..=300) => 15,
        _ => 3,
    };
    let condition = Condition::Number { field, first, last };
    Some(Need {
        any: vec![condition],
        worth,
    })
}
