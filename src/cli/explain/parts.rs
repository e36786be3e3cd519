//! A rule's closures as a tree of parts, each with a mark and the values that it looked at.

use crate::cli::output::{Output, Style};
use crate::event::text;
use crate::rules::{Judged, Looked, Part, PartKind, Parts, Predicate, Role, Truth};
use serde_json::{Value as Json, json};

/// Values stand beside a part where both fit into this many characters, else below it.
const BESIDE_CHARACTERS_MAX: usize = 100;

/// The lines for all closures of a rule.
pub(super) fn lines(parts: &Parts, judged: &[Judged], out: &Output) -> Vec<String> {
    let mut lines = Vec::new();
    for predicate in parts.predicates() {
        let depth = usize::from(predicate.role != Role::When);
        if predicate.role != Role::When {
            lines.push(out.styled(Style::Dim, format!("{}:", role_words(predicate.role, parts))));
        }
        of_predicate(parts, judged, predicate, depth, out, &mut lines);
    }
    lines
}

fn of_predicate(
    parts: &Parts,
    judged: &[Judged],
    predicate: &Predicate,
    indent: usize,
    out: &Output,
    lines: &mut Vec<String>,
) {
    let mut collapsed = None;
    for place in predicate.parts.clone() {
        let (Some(part), Some(judgement)) = (parts.parts().get(place), judged.get(place)) else {
            continue;
        };
        if collapsed.is_some() && part.parent == collapsed {
            continue;
        }
        // `!test` is one line: the values are those of the test.
        let next = parts.parts().get(place + 1).filter(|next| next.parent == Some(place));
        let negated =
            part.kind == PartKind::Not && next.is_some_and(|next| next.kind == PartKind::Test);
        let values =
            if negated { judged.get(place + 1).map(|inner| inner.values.as_slice()) } else { None };
        if negated {
            collapsed = Some(place);
        }
        let values = values.unwrap_or(&judgement.values);
        let indent = "  ".repeat(indent + part.depth);
        line(part, &judgement.truth, values, negated, &indent, out, lines);
    }
}

fn line(
    part: &Part,
    truth: &Truth,
    values: &[Looked],
    negated: bool,
    indent: &str,
    out: &Output,
    lines: &mut Vec<String>,
) {
    let (mark, style) = match truth {
        Truth::True => ("✓", Style::Green),
        Truth::False | Truth::Absent => ("✗", Style::Red),
        Truth::Fault(_) => ("!", Style::Red),
        Truth::Skipped => ("–", Style::Dim),
    };
    let words = match part.kind {
        PartKind::All => "all of".to_owned(),
        PartKind::Any => "any of".to_owned(),
        PartKind::Not if !negated => "not".to_owned(),
        _ => text::escape(&part.text).into_owned(),
    };
    let mut values: Vec<String> = worth_showing(part, values).map(Looked::to_text).collect();
    if let Truth::Fault(why) = truth {
        values.push(text::escape(why).into_owned());
    }
    let head = format!("{indent}{} {words}", out.styled(style, mark));
    let words_dim = if *truth == Truth::Skipped { out.styled(Style::Dim, &head) } else { head };
    let shown = values.join(", ");
    let width = indent.chars().count() + 2 + words.chars().count() + 2 + shown.chars().count();
    if values.is_empty() {
        lines.push(words_dim);
    } else if width <= BESIDE_CHARACTERS_MAX {
        lines.push(format!("{words_dim}  {}", out.styled(Style::Dim, shown)));
    } else {
        lines.push(words_dim);
        lines.extend(
            values.iter().map(|value| out.styled(Style::Dim, format!("{indent}    {value}"))),
        );
    }
}

/// Not what the part itself comes to, nor what a change left as it was.
fn worth_showing<'l>(part: &'l Part, values: &'l [Looked]) -> impl Iterator<Item = &'l Looked> {
    values.iter().enumerate().filter_map(move |(place, looked)| {
        let same = |earlier: &Looked| {
            earlier.value == looked.value && looked.name.starts_with(&format!("{}.", earlier.name))
        };
        let known = values.iter().take(place).any(same);
        let itself = part.kind == PartKind::Value && looked.name == part.text;
        (!known && !itself).then_some(looked)
    })
}

/// The lines for some parts alone.
pub(super) fn some(
    parts: &Parts,
    judged: &[Judged],
    places: &[usize],
    out: &Output,
) -> Vec<String> {
    let mut lines = Vec::new();
    for place in places {
        let (Some(part), Some(judgement)) = (parts.parts().get(*place), judged.get(*place)) else {
            continue;
        };
        // The values of a `!test` are those of the test.
        let inner = judged.get(place + 1).filter(|_| part.kind == PartKind::Not);
        let values = inner.map_or(judgement.values.as_slice(), |inner| &inner.values);
        line(part, &judgement.truth, values, part.kind == PartKind::Not, "", out, &mut lines);
    }
    lines
}

fn role_words(role: Role, parts: &Parts) -> String {
    let several = parts.predicates().iter().filter(|other| matches!(other.role, Role::Window(_)));
    match role {
        Role::When => "when".to_owned(),
        Role::Window(step) if several.count() > 1 => format!("window, step {}", step + 1),
        Role::Window(_) => "window".to_owned(),
        Role::Key(_) => "key".to_owned(),
        Role::Quantity => "what the window takes".to_owned(),
    }
}

/// All closures as JSON: a list of parts each.
pub(super) fn to_json(parts: &Parts, judged: &[Judged]) -> Json {
    let of = |predicate: &Predicate| {
        let list: Vec<Json> = predicate
            .parts
            .clone()
            .filter_map(|place| Some(part_json(parts.parts().get(place)?, judged.get(place)?)))
            .collect();
        let (role, step) = match predicate.role {
            Role::When => ("when", None),
            Role::Window(step) => ("window", Some(step)),
            Role::Key(place) => ("key", Some(place)),
            Role::Quantity => ("quantity", None),
        };
        json!({ "role": role, "place": step, "parts": list })
    };
    parts.predicates().iter().map(of).collect()
}

fn part_json(part: &Part, judged: &Judged) -> Json {
    let kind = match part.kind {
        PartKind::All => "all",
        PartKind::Any => "any",
        PartKind::Not => "not",
        PartKind::Test => "test",
        PartKind::Value => "value",
    };
    let (truth, fault) = match &judged.truth {
        Truth::True => ("true", None),
        Truth::False => ("false", None),
        Truth::Absent => ("absent", None),
        Truth::Fault(why) => ("fault", Some(why)),
        Truth::Skipped => ("skipped", None),
    };
    let values: Vec<Json> = judged
        .values
        .iter()
        .map(|looked| json!({ "name": looked.name, "value": looked.value }))
        .collect();
    json!({
        "kind": kind,
        "depth": part.depth,
        "text": part.text,
        "line": part.line,
        "column": part.column,
        "truth": truth,
        "fault": fault,
        "values": values,
    })
}
