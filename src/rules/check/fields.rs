//! Properties: fields that the events of a kind can't have, properties that a hit doesn't have, and
//! comparisons of a field with what it never is.

use super::literals::no_places;
use super::{Call, Checker, Facts};
use crate::event::field::FieldType;
use crate::event::{Field, Kind};
use crate::rules::finding::{Note, did_you_mean};
use crate::rules::{event, hit};
use rhai::{Expr, Position};

/// The first property read from a variable: `e.path…` gives (`e`, `path`, what follows).
pub(super) fn first_property(expr: &Expr) -> Option<(&str, &str, Position, Option<&Expr>)> {
    let Expr::Dot(dot, ..) = expr else {
        return None;
    };
    let Expr::Variable(variable, ..) = &dot.lhs else {
        return None;
    };
    let (name, position, rest) = property(&dot.rhs)?;
    Some((variable.1.as_str(), name, position, rest))
}

fn property(expr: &Expr) -> Option<(&str, Position, Option<&Expr>)> {
    match expr {
        Expr::Property(property, position) => Some((property.2.as_str(), *position, None)),
        Expr::Dot(dot, ..) | Expr::Index(dot, ..) => match &dot.lhs {
            Expr::Property(property, position) => {
                Some((property.2.as_str(), *position, Some(&dot.rhs)))
            }
            _ => None,
        },
        _ => None,
    }
}

impl Checker<'_> {
    /// Checks what a chain of `.` reads from an event or a hit, and what it is compared with.
    pub(super) fn property(&self, expr: &Expr, facts: &Facts, notes: &mut Vec<Note>) {
        let Some((root, name, position, rest)) = first_property(expr) else {
            return;
        };
        if let Some(kinds) = facts.events.get(root) {
            self.field(name, position, kinds, notes);
            value_property(name, rest, notes);
        } else if let Some(kinds) = facts.hits.get(root) {
            if !hit::PROPERTIES.iter().any(|(known, _)| *known == name) {
                let note =
                    Note::error("unknown-property", position, format!("a hit has no `{name}`"));
                let known = hit::PROPERTIES.iter().map(|(known, _)| *known);
                notes.push(match did_you_mean(name, known) {
                    Some(near) => note.hint(format!("did you mean `{near}`?")),
                    None if Field::from_name(name).is_some() => {
                        note.hint(format!("fields are read from its event: `{root}.event.{name}`"))
                    }
                    None => note,
                });
            } else if name == "event"
                && let Some((field, position, _)) = rest.and_then(property)
            {
                self.field(field, position, kinds, notes);
            }
        }
    }

    /// Checks a field of events of some kinds; none means any.
    pub(super) fn field(
        &self,
        name: &str,
        position: Position,
        kinds: &[Kind],
        notes: &mut Vec<Note>,
    ) {
        if event::PROPERTIES.iter().any(|(known, _)| *known == name)
            || self.known.fields.contains(name)
        {
            return;
        }
        let names = |kind: &Kind| -> Option<Vec<&str>> {
            let built_in = || Some(kind.fields()?.iter().map(|field| field.name()).collect());
            // A plugin may add fields of its own to a built-in kind.
            match (self.known.declared.get(kind.name()), built_in()) {
                (None, built_in) => built_in,
                (Some(own), built_in) => {
                    let own = own.iter().map(String::as_str);
                    Some(own.chain(built_in.unwrap_or_default()).collect())
                }
            }
        };
        if matches!(name, "country" | "asn")
            && self.known.places == Some(false)
            && !kinds.is_empty()
            && kinds.iter().all(|kind| kind.fields().is_some())
        {
            notes.push(no_places(position));
            return;
        }
        let lists: Vec<Vec<&str>> = kinds.iter().filter_map(names).collect();
        if kinds.is_empty() || lists.len() < kinds.len() {
            return;
        }
        if lists.iter().any(|fields| fields.contains(&name)) {
            return;
        }
        let words = kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(" and ");
        let note = Note::warning(
            "unknown-field",
            position,
            format!("{words} events have no field `{name}`"),
        );
        let known = lists.iter().flatten().copied();
        let others: Vec<&str> = Kind::BUILT_IN
            .iter()
            .filter(|kind| {
                kind.fields().is_some_and(|fields| fields.iter().any(|field| field.name() == name))
            })
            .map(Kind::name)
            .collect();
        notes.push(if let Some(near) = did_you_mean(name, known) {
            note.hint(format!("did you mean `{near}`?"))
        } else if others.is_empty() {
            note.hint(format!("a field that your source adds is read as `e[\"{name}\"]`"))
        } else {
            note.hint(format!("events of kind `{}` have it", others.join("`, `")))
        });
    }
}

/// Properties that texts and numbers have.
const VALUE_PROPERTIES: &[&str] = &[
    "bits",
    "bytes",
    "ceiling",
    "chars",
    "end",
    "floor",
    "fraction",
    "int",
    "is_empty",
    "is_even",
    "is_finite",
    "is_infinite",
    "is_nan",
    "is_odd",
    "is_zero",
    "len",
    "name",
    "round",
    "start",
    "tag",
];

/// A property of a field's value that no value has.
fn value_property(field: &str, rest: Option<&Expr>, notes: &mut Vec<Note>) {
    let Some((name, position, _)) = rest.and_then(property) else { return };
    let Some(field) = Field::from_name(field) else { return };
    if VALUE_PROPERTIES.contains(&name) {
        return;
    }
    let what = match field.kind() {
        FieldType::Text => "a text",
        FieldType::Int | FieldType::Float => "a number",
        FieldType::Address => "an address",
    };
    let message = format!("`{}` is {what}, which has no `{name}`", field.name());
    let note = Note::warning("unknown-property", position, message);
    notes.push(match name {
        "length" | "size" | "count" => note.hint("write `.len()`"),
        "lower" | "lowercase" => note.hint("write `.to_lower()`"),
        "upper" | "uppercase" => note.hint("write `.to_upper()`"),
        _ => note.did_you_mean(name, VALUE_PROPERTIES.iter().copied()),
    });
}

/// A text that a field hardly ever holds.
fn unlikely(field: Field, text: &str, position: Position, notes: &mut Vec<Note>) {
    const METHODS: &[&str] =
        &["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];
    const OUTCOMES: &[&str] = &["success", "failure"];
    let upper = text.to_uppercase();
    if field == Field::Method && upper != text && METHODS.contains(&upper.as_str()) {
        let message = format!("methods are sent in upper case, so `{text}` is hardly ever met");
        let note = Note::warning("unlikely-value", position, message);
        notes.push(note.hint(format!("write `\"{upper}\"`")));
    } else if field == Field::Outcome && !OUTCOMES.contains(&text) {
        let message = format!("an outcome is `success` or `failure`, hardly `{text}`");
        let note = Note::warning("unlikely-value", position, message);
        notes.push(note.did_you_mean(text, OUTCOMES.iter().copied()));
    }
}

/// A comparison of a field with a constant that it never equals.
pub(super) fn comparison(call: &Call<'_>, facts: &Facts, notes: &mut Vec<Note>) {
    let Call { expr: call, position, .. } = call;
    let [left, right] = call.args.as_slice() else {
        return;
    };
    match call.name.as_str() {
        "==" | "!=" | "<" | "<=" | ">" | ">=" if call.is_operator_call() => {
            let (field, constant) = match (field_of(left, facts), field_of(right, facts)) {
                (Some(field), None) => (field, right),
                (None, Some(field)) => (field, left),
                _ => return,
            };
            compare(field, constant, *position, notes);
        }
        "contains" => {
            // `x in list` is `contains(list, x)`.
            let Some(field) = field_of(right, facts) else {
                return;
            };
            match left {
                Expr::Array(items, _) => {
                    items.iter().for_each(|item| compare(field, item, *position, notes));
                }
                Expr::DynamicConstant(value, at) => {
                    if let Some(items) = value.read_lock::<rhai::Array>() {
                        for item in items.iter() {
                            compare(
                                field,
                                &Expr::from_dynamic(item.clone(), *at),
                                *position,
                                notes,
                            );
                        }
                    }
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// The well-known field that an expression reads, where it reads nothing more.
fn field_of(expr: &Expr, facts: &Facts) -> Option<Field> {
    let (root, name, _, rest) = first_property(expr)?;
    if rest.is_none() && facts.events.contains_key(root) {
        return Field::from_name(name);
    }
    None
}

fn compare(field: Field, constant: &Expr, position: Position, notes: &mut Vec<Note>) {
    if let Expr::StringConstant(text, at) = constant {
        unlikely(field, text, if at.is_none() { position } else { *at }, notes);
    }
    let what = match constant {
        Expr::StringConstant(..) => "text",
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) => "a number",
        Expr::BoolConstant(..) => "a truth",
        _ => return,
    };
    let holds = match field.kind() {
        FieldType::Text => "text",
        FieldType::Int | FieldType::Float => "a number",
        FieldType::Address => "an address",
    };
    if what == holds || (what == "text" && field.kind() == FieldType::Address) {
        if let (FieldType::Address, Expr::StringConstant(text, at)) = (field.kind(), constant)
            && crate::event::net::parse_ip(text.as_bytes()).is_none()
        {
            let note = Note::warning(
                "wrong-type",
                *at,
                format!("`{text}` is no address, so `{}` never equals it", field.name()),
            );
            notes.push(if crate::event::net::parse_net(text).is_some() {
                note.hint(format!("write `e.{}.within(\"{text}\")`", field.name()))
            } else {
                note
            });
        }
        return;
    }
    let position = if constant.position().is_none() { position } else { constant.position() };
    notes.push(Note::warning(
        "wrong-type",
        position,
        format!("`{}` holds {holds}, it is compared with {what}", field.name()),
    ));
}
