//! The book in the editor's words: hover texts and labels for functions, fields and properties.

use crate::event::field::FieldType;
use crate::event::{Field, Kind};
use crate::rules::{Entry, Page, Place, sample};
use std::fmt::Write as _;

/// A function as hover shows it. Writing to a String can't fail.
pub fn function(entry: &Entry) -> String {
    let page = entry.page();
    let mut out = String::from("```text\n");
    for call in &page.calls {
        writeln!(out, "{}", call.text).ok();
    }
    write!(out, "```\n\n{}\n\n{}", entry.doc, particulars(&page)).ok();
    write!(out, "\n```rhai\n{}\n```\n", entry.example).ok();
    out
}

fn particulars(page: &Page) -> String {
    let mut out = String::new();
    for (name, said) in &page.arguments {
        writeln!(out, "- `{name}`: {said}").ok();
    }
    for (word, said) in [("Gives", page.gives), ("Errors", page.errors)] {
        if !said.is_empty() {
            writeln!(out, "- {word}: {said}").ok();
        }
    }
    out
}

/// A field as hover shows it.
pub fn field(field: Field) -> String {
    let kinds: Vec<String> = Kind::BUILT_IN
        .iter()
        .filter(|kind| kind.fields().is_some_and(|fields| fields.contains(&field)))
        .map(|kind| format!("`{kind}`"))
        .collect();
    let of = if kinds.is_empty() { "kinds of your own".to_owned() } else { kinds.join(", ") };
    format!(
        "**`{}`**: {}\n\n{}\n\n- of {of}\n- ECS `{}`\n- OpenTelemetry `{}`\n\n```rhai\n{}\n```\n",
        field.name(),
        field_type(field),
        field.doc(),
        field.ecs(),
        field.otel(),
        sample(field).predicate
    )
}

/// A field's type in a word or two.
pub const fn field_type(field: Field) -> &'static str {
    match field.kind() {
        FieldType::Text => "text",
        FieldType::Int => "whole number",
        FieldType::Float => "number",
        FieldType::Address => "address",
    }
}

/// A property as hover shows it.
pub fn property(name: &str, said: &str) -> String {
    format!("**`{name}`**\n\n{said}\n")
}

/// What a completion inserts for a function, with places to fill in: `block(${1:target}, …)$0`.
pub fn snippet(entry: &Entry) -> String {
    let page = entry.page();
    let Some(call) = page.calls.first() else { return format!("{}($1)$0", entry.name) };
    let params: Vec<String> = call
        .params
        .iter()
        .zip(1..)
        .map(|((name, kind), number)| match *kind {
            "text" => format!("\"${{{number}:{name}}}\""),
            "closure" => format!("|{}| ${{{number}:{name}}}", closure_parameter(entry)),
            _ => format!("${{{number}:{name}}}"),
        })
        .collect();
    format!("{}({})$0", entry.name, params.join(", "))
}

fn closure_parameter(entry: &Entry) -> &'static str {
    match (entry.place, entry.name) {
        (Place::Rule, "then") => "hit",
        (Place::Rule, _) => "e",
        (Place::File, "test") => "t",
        _ => "",
    }
}

/// A call in one line, for the list of completions.
pub fn detail(entry: &Entry) -> String {
    entry.page().calls.first().map_or_else(String::new, |call| call.text.to_owned())
}
