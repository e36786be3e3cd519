//! The API in Rhai's definition syntax (`riposte.d.rhai`), for editors that read such files.
//!
//! In: the book, its pages, the fields' table. Out: text in the form that Rhai's own tooling writes
//! and reads: `module static;`, types as objects, functions with their doc comments.

use super::book::Entry;
use super::pages::Call;
use super::reference::{book, particulars};
use super::samples::sample;
use super::{event, hit, values};
use crate::event::field::FieldType;
use crate::event::{Field, Kind};
use std::fmt::Write as _;

const HEAD: &str = "\
// Made from the source by `riposte editor definitions`; a test fails when it is stale.
module static;
";

/// The whole file.
pub fn definitions() -> String {
    let mut out = String::from(HEAD);
    types(&mut out);
    let book = book();
    for entry in book.iter().filter(|entry| entry.place.namespace().is_none()) {
        functions(entry, "", &mut out);
    }
    for (module, said) in
        [("state", "What bodies remember."), ("cf", "What bodies ask of Cloudflare.")]
    {
        write!(out, "\n/// {said}\nmodule {module} {{\n").ok();
        let within = book.iter().filter(|entry| entry.place.namespace() == Some(module));
        for (number, entry) in within.enumerate() {
            let mut one = String::new();
            functions(entry, "    ", &mut one);
            out.push_str(if number == 0 { one.trim_start_matches('\n') } else { &one });
        }
        out.push_str("}\n");
    }
    out
}

/// Writing to a String can't fail.
fn comment(text: &str, indent: &str, out: &mut String) {
    for line in text.trim_end().lines() {
        writeln!(out, "{}", format!("{indent}/// {line}").trim_end()).ok();
    }
}

fn functions(entry: &Entry, indent: &str, out: &mut String) {
    let page = entry.page();
    let said = format!("{}\n\n{}\n```rhai\n{}\n```", entry.doc, particulars(&page), page.example);
    for call in &page.calls {
        out.push('\n');
        comment(&said, indent, out);
        writeln!(out, "{indent}{}", signature(call)).ok();
    }
}

/// A call as a definition.
fn signature(call: &Call) -> String {
    let receiver = call.receiver.map(|receiver| match receiver {
        "" => "rule: rule".to_owned(),
        "e" => "e: event".to_owned(),
        "t" => "t: test_bench".to_owned(),
        "address" => "address: address | String".to_owned(),
        other => format!("{other}: String"),
    });
    let params = call.params.iter().map(|(name, kind)| format!("{name}: {}", type_of(kind)));
    let all: Vec<String> = receiver.into_iter().chain(params).collect();
    format!("fn {}({}) -> {};", call.name, all.join(", "), type_of(call.gives))
}

/// Our words for types as Rhai's.
fn type_of(words: &str) -> String {
    let one = |word: &str| {
        match word {
            "text" => "String",
            "number" => "int | float",
            "list" => "Array",
            "map" => "Map",
            "closure" => "FnPtr",
            "any" => "?",
            "nothing" => "()",
            other => other,
        }
        .to_owned()
    };
    words.split(" | ").map(one).collect::<Vec<_>>().join(" | ")
}

fn types(out: &mut String) {
    let opaque = [
        ("address", "An address: compares with text, stands in text as it is written."),
        ("rule", "What `rule(…)` gives."),
        ("prefix", "What `prefix(…)` gives."),
        ("escalation", "What `escalate(…)` gives."),
        ("test_bench", "The `t` of a test."),
    ];
    for (name, said) in opaque {
        write!(out, "\n/// {said}\ntype {name} = #{{}};\n").ok();
    }
    let times =
        values::TIME_PROPERTIES.iter().map(|(name, said)| (*name, "int", (*said).to_owned()));
    object("time", "A moment in event time.", &times.collect::<Vec<_>>(), out);
    let of_event =
        Field::ALL.iter().map(|field| (field.name(), field_type(*field), field_doc(*field)));
    let rest = event::PROPERTIES.iter().map(|(name, said)| {
        let kind = match *name {
            "time" => "time",
            "line" => "int",
            _ => "String",
        };
        (*name, kind, (*said).to_owned())
    });
    object("event", "What happened.", &of_event.chain(rest).collect::<Vec<_>>(), out);
    let of_hit = hit::PROPERTIES.iter().map(|(name, said)| {
        let kind = match *name {
            "ip" => "address | ()",
            "count" => "int",
            "first" | "last" | "time" => "time",
            "event" => "event",
            "events" => "[event]",
            "host" => "String | ()",
            _ => "String",
        };
        (*name, kind, (*said).to_owned())
    });
    object("hit", "A rule's firing.", &of_hit.collect::<Vec<_>>(), out);
}

fn object(name: &str, said: &str, members: &[(&str, &str, String)], out: &mut String) {
    write!(out, "\n/// {said}\ntype {name} = #{{\n").ok();
    for (member, kind, said) in members {
        comment(said, "    ", out);
        writeln!(out, "    {member}: {kind},").ok();
    }
    out.push_str("};\n");
}

const fn field_type(field: Field) -> &'static str {
    match field.kind() {
        FieldType::Text => "String | ()",
        FieldType::Int => "int | ()",
        FieldType::Float => "float | ()",
        FieldType::Address => "address | ()",
    }
}

/// A field's meaning with the kinds that have it, its other names and an example.
fn field_doc(field: Field) -> String {
    let kinds: Vec<String> = Kind::BUILT_IN
        .iter()
        .filter(|kind| kind.fields().is_some_and(|fields| fields.contains(&field)))
        .map(|kind| format!("`{kind}`"))
        .collect();
    let of = if kinds.is_empty() { String::new() } else { format!(" Of {}.", kinds.join(", ")) };
    format!(
        "{}{of} ECS `{}`, OpenTelemetry `{}`. As in `{}`.",
        field.doc(),
        field.ecs(),
        field.otel(),
        sample(field).predicate
    )
}
