//! The reference: fresh and complete. Its examples are run by tests/docs, on the real stages.

use super::*;
use crate::rules::book::Api;
use crate::rules::engine::{self, Purpose, REFUSED};
use crate::rules::{builder, names};
use std::collections::BTreeSet;

#[test]
fn the_reference_on_disk_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    let on_disk = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        on_disk == reference(),
        "docs/rules.md is stale: write it anew with `riposte docs docs`"
    );
}

/// What an engine has beyond Rhai's own packages: module, name, number of arguments.
fn registered(purpose: Purpose) -> BTreeSet<(String, String, usize)> {
    let (mut engine, mut book) = engine::build(purpose);
    if purpose == Purpose::Load {
        let collector = Arc::default();
        builder::register(&mut Api { engine: &mut engine, book: &mut book }, &collector);
    }
    let all = engine.collect_fn_metadata(
        None,
        |function| {
            let metadata = function.metadata;
            Some((function.namespace.to_string(), metadata.name.to_string(), metadata.num_params))
        },
        false,
    );
    all.into_iter().collect()
}

fn is_property(name: &str) -> bool {
    let of = |list: &[(&str, &str)]| list.iter().any(|(known, _)| *known == name);
    // Every value has `tag` in Rhai; on events it is a field of whoever sends one.
    name == "tag"
        || Field::from_name(name).is_some()
        || of(event_properties())
        || of(hit_properties())
        || of(time_properties())
}

/// A function that an engine has and the book doesn't, and the other way round, fails.
#[test]
fn every_function_of_the_engines_is_in_the_book_with_just_its_arguments() {
    let mut functions = BTreeSet::new();
    for purpose in [Purpose::Load, Purpose::Pure, Purpose::Body, Purpose::Test] {
        functions.extend(registered(purpose));
    }
    assert!(functions.len() > 150, "{}", functions.len());
    let book = book();
    let mut wrong = Vec::new();
    for (module, name, arguments) in &functions {
        if let Some(property) = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$")) {
            if !is_property(property) {
                wrong.push(format!("the property `{property}` is in no list of properties"));
            }
            continue;
        }
        let entries: Vec<&Entry> = book
            .iter()
            .filter(|entry| entry.name == name.as_str())
            .filter(|entry| entry.place.namespace().unwrap_or_default() == module.as_str())
            .collect();
        if entries.is_empty() {
            let refused = REFUSED.iter().any(|(refused, _)| refused == name);
            let rhais_own = module.is_empty() && names::is_standard(name);
            if !refused && !rhais_own {
                wrong.push(format!("`{name}` has no entry: see src/rules/book.rs"));
            }
            continue;
        }
        let told = entries
            .iter()
            .flat_map(|entry| entry.page().calls)
            .any(|call| call.params.len() + usize::from(call.receiver.is_some()) == *arguments);
        // `log(number)` is Rhai's own logarithm; only what takes a message is ours.
        if !told && !names::is_standard(name) {
            wrong.push(format!("`{name}` with {arguments} arguments is on no page"));
        }
    }
    for entry in &book {
        for call in entry.page().calls {
            let arguments = call.params.len() + usize::from(call.receiver.is_some());
            let module = entry.place.namespace().unwrap_or_default();
            let there = (module.to_owned(), call.name.to_owned(), arguments);
            if call.name != entry.name || !functions.contains(&there) {
                wrong.push(format!("`{}` is on a page, and no engine has it", call.text));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_page_says_all_that_a_page_says() {
    let known = [
        "text",
        "int",
        "float",
        "number",
        "bool",
        "list",
        "map",
        "closure",
        "address",
        "time",
        "event",
        "hit",
        "rule",
        "prefix",
        "escalation",
        "any",
        "nothing",
    ];
    let mut wrong = Vec::new();
    for entry in book() {
        let page = entry.page();
        let name = format!("{:?}/{}", entry.place, entry.name);
        if page.calls.is_empty() || page.example.is_empty() {
            wrong.push(format!("`{name}` has no page: see src/rules/book.rs"));
            continue;
        }
        if page.since.is_empty() {
            wrong.push(format!("`{name}` doesn't say since when it is there"));
        }
        let params: BTreeSet<&str> =
            page.calls.iter().flat_map(|call| &call.params).map(|(name, _)| *name).collect();
        for param in params {
            // What is named for a receiver explains itself.
            if !page.arguments.iter().any(|(told, _)| *told == param || *told == "kind")
                && !matches!(param, "address")
            {
                wrong.push(format!("`{name}` doesn't say what `{param}` is"));
            }
        }
        for call in &page.calls {
            let types = call.params.iter().map(|(_, kind)| *kind).chain([call.gives]);
            for kind in types.flat_map(|kind| kind.split(" | ")) {
                if !known.contains(&kind) {
                    wrong.push(format!("`{}`: `{kind}` is no type", call.text));
                }
            }
        }
        if !page.example.contains(entry.name) || !page.example.contains("t.expect_") {
            wrong.push(format!("the example of `{name}` doesn't show it, or expects nothing"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The short example of each entry, put where it belongs, loads without findings of weight.
#[test]
fn every_short_example_loads() {
    for entry in book() {
        let example = entry.example;
        let text = match entry.place {
            Place::File if example.contains("let ") || example.ends_with(')') => {
                format!("{example};")
            }
            Place::File => format!("let x = {example};"),
            Place::Rule => format!("{example};"),
            Place::Pure => {
                format!("rule(\"r\").on(\"http\").by(\"ip\").when(|e| {example}).then(|hit| ());")
            }
            Place::Body | Place::State | Place::Cloudflare => {
                format!("rule(\"r\").on(\"http\").by(\"ip\").then(|hit| {{ {example} }});")
            }
            Place::Test => format!("const line = \"x\"; test(\"t\", |t| {example});"),
        };
        let loaded = load(&text);
        let heavy: Vec<Finding> = loaded
            .findings
            .iter()
            .filter(|finding| finding.severity > Severity::Note)
            .cloned()
            .collect();
        assert!(heavy.is_empty(), "{text}\n{}", render(&heavy, false));
    }
}
