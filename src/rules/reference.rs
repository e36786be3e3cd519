//! The reference of the rule language, as Markdown, from the same tables that register it: fields
//! by kind, functions with an example each, windows, limits, modes.
//!
//! In: the book of the API, the fields' table, the limits. Out: text. A test compares it with
//! docs/rules.md.

use super::book::{Entry, Place};
use super::builder;
use super::engine::{self, Purpose, REFUSED, RESERVED};
use super::{event, hit};
use crate::event::field::FieldType;
use crate::event::{Field, Kind};
use crate::limits;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

/// The whole book: every function that a rule file, predicate, body or test may call, in the order
/// of the reference.
pub fn book() -> Vec<Entry> {
    let mut book: Vec<Entry> = Vec::new();
    for purpose in [Purpose::Load, Purpose::Pure, Purpose::Body, Purpose::Test] {
        let (mut engine, mut part) = engine::build(purpose);
        if purpose == Purpose::Load {
            let collector = Arc::new(Mutex::default());
            builder::register(
                &mut super::book::Api { engine: &mut engine, book: &mut part },
                &collector,
            );
        }
        for entry in part {
            if !book.contains(&entry) {
                book.push(entry);
            }
        }
    }
    book.sort_by_key(|entry| entry.place);
    book
}

/// The reference of the rule language, as Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    out.push_str(INTRODUCTION);
    functions(&mut out);
    fields(&mut out);
    properties(&mut out);
    out.push_str(MEANING);
    names(&mut out);
    bounds(&mut out);
    out
}

const INTRODUCTION: &str = "\
<!-- Made from the source by `riposte docs`; a test fails when it is stale. -->
# Writing rules: the reference

Read when: you write a rule and look for a field, a function or a limit.

A rule file is [Rhai](https://rhai.rs/book/); it is run once at load, and what it declares is the rule set. A rule says which events matter (`when`), what is counted apart (`by`), how often it must happen (a window), and what to do (`then`):

```rhai
rule(\"wp-login-guessing\")
    .on(\"http\")
    .when(|e| e.method == \"POST\" && e.path.ends_with(\"/wp-login.php\") && e.status in [200, 401, 403])
    .by(\"ip\")
    .count(10, \"5m\")
    .then(|hit| block(hit.ip, escalate(\"1h\", \"30d\")));
```

Durations are a number and a unit (`ms`, `s`, `m`, `h`, `d`, `w`): `\"30s\"`, `\"5m\"`, `\"1h30m\"`, `\"7d\"`.
";

const MEANING: &str = "
## What holds

- **Predicates and keys are pure.** They read the event and constants; they can't act, keep state or see the clock. What a closure captures is frozen at load; assigning to it is an error.
- **A field that isn't there reads as `()`.** Tests on it (`contains`, `starts_with`, `matches`, `within` …) are false, what would change it stays `()`, comparisons are Rhai's own (`() == 200` is false, `() != 200` is true; ask `e.has(\"user\")` where that matters). Any other error after such a field was read makes the predicate false.
- **Long fields are cut** with a mark (`…`), so nobody can break a rule with what they send.
- **A firing empties the window of its key.** With no window, each match fires, at most once a minute a key unless `.cooldown(…)` says otherwise.
- **An IPv6 client is its /64**: it is counted and blocked as such, unless a prefix is written.
- **Bodies only ask.** Each call returns an id at once; the guard judges what was asked: the allowlist always wins.
- **Faults.** A body that breaks a limit asks for nothing; one that meets a value it can't work with keeps what it had asked for before. Both are counted and told of; neither switches the rule off. Only code that names what doesn't exist sends a rule to shadow.
- **Modes**: `enforce` acts, `shadow` records what it would have done, `off` isn't evaluated. The config's `[rules.modes]` wins over the file.
- **Parameters**: `param(\"threshold\", 10)` takes its value from the config's `[rules.params.NAME]`, where `NAME` is the file's name without `.rhai`, or the rule's.
- **Constants** (`const LIMIT = 10;`) and functions of the file are seen in closures and functions. Plugins that are Rhai are called as `NAME::function()`.
- **Time** is the events' own: windows, `state`, timers and `until` follow it, so a replay decides as the live run did. Timers tick in UTC.
";

fn functions(out: &mut String) {
    let book = book();
    let sections = [
        (Place::File, "At the top of a file"),
        (Place::Rule, "Rules"),
        (Place::Pure, "In predicates, keys and bodies"),
        (Place::Body, "In bodies"),
        (Place::State, "State, in bodies"),
        (Place::Test, "Tests"),
    ];
    for (place, title) in sections {
        // Writing to a String can't fail.
        write!(out, "\n## {title}\n").ok();
        for entry in book.iter().filter(|entry| entry.place == place) {
            write!(
                out,
                "\n### `{}`\n\n{}\n\n```rhai\n{}\n```\n",
                entry.signature, entry.doc, entry.example
            )
            .ok();
        }
    }
    out.push_str("\nRhai's own functions on text, numbers, lists and maps are there too (`len`, `to_lower`, `split`, `sub_string`, `min`, `round` …).\n");
}

fn fields(out: &mut String) {
    out.push_str("\n## Fields\n\nEach with the name it has when events leave riposte: Elastic Common Schema, OpenTelemetry.\n");
    for kind in Kind::BUILT_IN {
        write!(out, "\n### Kind `{kind}`\n\n").ok();
        let Some(fields) = kind.fields() else {
            out.push_str("Its fields are those that the source's format names.\n");
            continue;
        };
        out.push_str(
            "| field | type | meaning | ECS | OpenTelemetry |\n| --- | --- | --- | --- | --- |\n",
        );
        for field in fields {
            writeln!(
                out,
                "| `{}` | {} | {} | `{}` | `{}` |",
                field.name(),
                type_name(*field),
                field.doc(),
                field.ecs(),
                field.otel()
            )
            .ok();
        }
    }
    out.push_str("\nA rule may `emit` a kind of its own, with any fields.\n");
}

const fn type_name(field: Field) -> &'static str {
    match field.kind() {
        FieldType::Text => "text",
        FieldType::Int => "whole number",
        FieldType::Float => "number",
        FieldType::Address => "address",
    }
}

fn properties(out: &mut String) {
    for (title, list) in [("Every event has", event::PROPERTIES), ("A hit has", hit::PROPERTIES)] {
        write!(out, "\n## {title}\n\n| property | meaning |\n| --- | --- |\n").ok();
        for (name, doc) in list {
            writeln!(out, "| `{name}` | {doc} |").ok();
        }
    }
}

fn names(out: &mut String) {
    out.push_str("\n## Names that can't be used\n\n");
    let words = RESERVED.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    writeln!(
        out,
        "Rhai keeps these words for itself: {words}. A field of such a name is read as `e[\"default\"]`.\n"
    ).ok();
    out.push_str("Not available in rules:\n\n");
    for (name, instead) in REFUSED {
        writeln!(out, "- `{name}`: {instead}.").ok();
    }
    out.push_str("\nA function of a file that has the name of one of riposte's own is an error.\n");
}

fn bounds(out: &mut String) {
    out.push_str("\n## Limits\n\n| of | at most |\n| --- | --- |\n");
    let rows: &[(&str, String)] = &[
        ("operations of a predicate, key or body", limits::SCRIPT_OPERATIONS_MAX.to_string()),
        ("operations of a file at load", limits::SCRIPT_LOAD_OPERATIONS_MAX.to_string()),
        ("depth of calls", limits::SCRIPT_CALL_LEVELS_MAX.to_string()),
        (
            "depth of an expression, at the top and in functions",
            format!(
                "{}, {}",
                limits::SCRIPT_EXPRESSION_DEPTH_MAX,
                limits::SCRIPT_FUNCTION_EXPRESSION_DEPTH_MAX
            ),
        ),
        ("a field's text, in bytes (then it is cut)", limits::SCRIPT_STRING_BYTES_MAX.to_string()),
        (
            "a text that a script builds, in bytes",
            limits::SCRIPT_BUILT_STRING_BYTES_MAX.to_string(),
        ),
        ("items of a list", limits::SCRIPT_ARRAY_ITEMS_MAX.to_string()),
        ("entries of a map", limits::SCRIPT_MAP_ENTRIES_MAX.to_string()),
        ("variables at once", limits::SCRIPT_VARIABLES_MAX.to_string()),
        ("functions and closures of a file", limits::SCRIPT_FUNCTIONS_MAX.to_string()),
        ("bytes of a file", limits::RULE_FILE_BYTES_MAX.to_string()),
        ("rules", limits::RULES_MAX.to_string()),
        ("what a body asks for", limits::BODY_ASKS_MAX.to_string()),
        ("fields of `emit` and `webhook`", limits::EMIT_FIELDS_MAX.to_string()),
        (
            "a message, a reason, a field of `emit`, in bytes (then it is cut)",
            limits::MESSAGE_BYTES_MAX.to_string(),
        ),
        ("a pattern, in bytes", limits::RULE_PATTERN_BYTES_MAX.to_string()),
        ("a pattern, compiled, in bytes", limits::RULE_PATTERN_COMPILED_BYTES_MAX.to_string()),
        ("entries of `state`, all rules together", limits::STATE_ENTRIES_MAX.to_string()),
        ("a text in `state`, in bytes", limits::STATE_TEXT_BYTES_MAX.to_string()),
        (
            "how long an entry of `state` stays, in days",
            (limits::STATE_TTL_SECS_MAX / 86_400).to_string(),
        ),
        ("events in `hit.events`", limits::EVIDENCE_EVENTS_MAX.to_string()),
        ("lines of `t.repeat`", limits::TEST_LINES_MAX.to_string()),
    ];
    for (what, value) in rows {
        writeln!(out, "| {what} | {value} |").ok();
    }
    writeln!(out, "\nA timer runs at most every {} s.", limits::TIMER_PERIOD_SECS_MIN).ok();
}
