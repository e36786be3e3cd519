//! What must hold for a predicate to be true: conditions on single fields that an index can look
//! up, taken from the predicate itself.

use super::program::{Id, Node, Program, View, ViewId};
use super::value::{Comparison, Const};
use crate::event::Field;
use ipnet::IpNet;

/// Whole numbers below this have a table.
pub(super) const SMALL: usize = 1_024;

/// A condition on one field. A field that is missing never meets one; a value of another type
/// than the condition is about may.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// The text contains these bytes.
    Literal { view: ViewId, bytes: Vec<u8> },
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

/// What must hold for a node to be true; none when nothing can be said.
pub(super) fn need(program: &Program, id: Id) -> Option<Need> {
    let need = |part: &Id| need(program, *part);
    match program.node(id)? {
        Node::And(parts) => parts.iter().filter_map(need).max_by_key(|need| need.worth),
        Node::Or(parts) => join(parts.iter().map(need).collect::<Option<Vec<_>>>()?),
        Node::Let(_, rest) => need(rest),
        // What is never true needs what never is.
        Node::Const(Const::Bool(false)) => Some(Need { any: Vec::new(), worth: u32::MAX }),
        Node::If(condition, then, otherwise) => {
            let then = [need(condition), need(then)].into_iter().flatten();
            join(vec![then.max_by_key(|need| need.worth)?, need(otherwise)?])
        }
        Node::Matches(_, _, Some((view, wanted))) => join(
            (wanted.literals.iter())
                .filter_map(|bytes| view_literal(program, *view, bytes))
                .collect(),
        ),
        Node::Compare(comparison, left, right) => {
            match (program.node(*left)?, program.node(*right)?) {
                (_, Node::Const(value)) => compared(program, *comparison, *left, value),
                (Node::Const(value), _) => compared(program, comparison.mirrored(), *right, value),
                _ => None,
            }
        }
        Node::OneOf(subject, list) => {
            let parts =
                list.iter().map(|value| compared(program, Comparison::Equal, *subject, value));
            join(parts.collect::<Option<Vec<_>>>()?)
        }
        Node::InRange(subject, first, last) => number(program, *subject, *first, *last),
        Node::Text(subject, list) => {
            let parts = list.literals.iter().map(|part| literal(program, *subject, part.bytes()));
            join(parts.collect::<Option<Vec<_>>>()?)
        }
        Node::Within(subject, nets, _, _) => {
            let field = field(program, *subject)?;
            let bits = nets.iter().map(|net| u32::from(net.prefix_len())).min()?;
            Some(Need {
                any: nets.iter().map(|net| Condition::Network { field, net: *net }).collect(),
                worth: 10 + bits * 2,
            })
        }
        _ => None,
    }
}

/// How the index finds a predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBy {
    /// The fields that it is looked up by, in the order of their names.
    pub fields: Vec<String>,
    /// How many texts, numbers and networks it is looked up by.
    pub conditions: usize,
    /// How much is known: of the events of its kinds, fewer meet a higher worth. Below 4 most
    /// events do (the status of ordinary answers), from 20 on few.
    pub worth: u32,
}

/// How the index finds a predicate; none where it has to be asked for each event.
pub fn found_by(native: &super::Expr) -> Option<FoundBy> {
    let mut program = Program::default();
    let root = program.add(native);
    program.close();
    let need = need(&program, root)?;
    let name = |condition: &Condition| match condition {
        Condition::Literal { view, .. } => match program.view(program.root(*view)?)? {
            View::Field(field) => Some(field.name().to_owned()),
            View::Named(name) => Some(name.to_string()),
            _ => None,
        },
        Condition::Number { field, .. } | Condition::Network { field, .. } => {
            Some(field.name().to_owned())
        }
    };
    let mut fields: Vec<String> = need.any.iter().filter_map(name).collect();
    fields.sort();
    fields.dedup();
    Some(FoundBy { fields, conditions: need.any.len(), worth: need.worth })
}

fn join(parts: Vec<Need>) -> Option<Need> {
    let worth = parts.iter().map(|part| part.worth).min()?;
    Some(Need { any: parts.into_iter().flat_map(|part| part.any).collect(), worth })
}

/// The well-known field that a node is.
fn field(program: &Program, id: Id) -> Option<Field> {
    let Node::View(view) = program.node(id)? else {
        return None;
    };
    match program.view(*view)? {
        View::Field(field) => Some(*field),
        _ => None,
    }
}

fn compared(program: &Program, comparison: Comparison, subject: Id, value: &Const) -> Option<Need> {
    let number = |first, last| number(program, subject, first, last);
    match (comparison, value) {
        (Comparison::Equal, Const::Text(text)) => literal(program, subject, text.as_bytes()),
        (Comparison::Equal, Const::Char(character)) => {
            literal(program, subject, character.encode_utf8(&mut [0; 4]).as_bytes())
        }
        (Comparison::Equal, Const::Int(value)) => number(*value, *value),
        (Comparison::Less, Const::Int(value)) => number(i64::MIN, value.checked_sub(1)?),
        (Comparison::LessOrEqual, Const::Int(value)) => number(i64::MIN, *value),
        (Comparison::Greater, Const::Int(value)) => number(value.checked_add(1)?, i64::MAX),
        (Comparison::GreaterOrEqual, Const::Int(value)) => number(*value, i64::MAX),
        _ => None,
    }
}

/// An address may equal a text that doesn't look like it, and nothing is said of an empty text.
fn literal(program: &Program, subject: Id, bytes: &[u8]) -> Option<Need> {
    let Node::View(view) = program.node(subject)? else {
        return None;
    };
    view_literal(program, *view, bytes)
}

fn view_literal(program: &Program, view: ViewId, bytes: &[u8]) -> Option<Need> {
    if bytes.is_empty() {
        return None;
    }
    let length = u32::try_from(bytes.len().min(20)).unwrap_or(20);
    let worth = match (program.view(view)?, bytes) {
        (View::Field(Field::Method), b"GET")
        | (View::Field(Field::Scheme | Field::Protocol | Field::Outcome), _) => 1,
        (View::Field(Field::Method), _) => 20,
        _ => length * 10,
    };
    let bytes = bytes.to_vec();
    Some(Need { any: vec![Condition::Literal { view, bytes }], worth })
}

fn number(program: &Program, subject: Id, first: i64, last: i64) -> Option<Need> {
    let field = field(program, subject)?;
    // Most answers are of class 2 or 3; a narrow choice of others is worth as much as four letters.
    let common = field == Field::Status && first <= 308 && last >= 200;
    let worth = match (common, last.saturating_sub(first)) {
        (true, _) => 2,
        (false, 0..=9) => 40,
        (false, 10..=300) => 15,
        _ => 3,
    };
    let condition = Condition::Number { field, first, last };
    Some(Need { any: vec![condition], worth })
}
