//! The tables of the reference: fields by kind, properties of events, hits and times, names that
//! can't be used, limits.
//!
//! In: the tables that the code itself works with. Out: Markdown.

use super::engine::{REFUSED, RESERVED};
use super::samples::sample;
use super::{event, hit, values};
use crate::event::field::FieldType;
use crate::event::{Field, Kind};
use crate::limits;
use std::fmt::Write as _;

/// Each kind and its fields.
pub(super) fn fields(out: &mut String) {
    out.push_str("\n## Fields\n\nEach with the name it has when events leave riposte: Elastic Common Schema, OpenTelemetry.\n");
    for kind in Kind::BUILT_IN {
        write!(out, "\n### Kind `{kind}`\n\n").ok();
        let Some(fields) = kind.fields() else {
            out.push_str("Its fields are those that the source's format names.\n");
            continue;
        };
        out.push_str(
            "| field | type | meaning | example | ECS | OpenTelemetry |\n| --- | --- | --- | --- | --- | --- |\n",
        );
        for field in fields {
            writeln!(
                out,
                "| `{}` | {} | {} | `{}` | `{}` | `{}` |",
                field.name(),
                type_name(*field),
                field.doc(),
                sample(*field).predicate,
                field.ecs(),
                field.otel()
            )
            .ok();
        }
    }
    out.push_str("\nA rule may `emit` a kind of its own, with any fields.\n");
}

/// A type in words.
pub(super) const fn type_name(field: Field) -> &'static str {
    match field.kind() {
        FieldType::Text => "text",
        FieldType::Int => "whole number",
        FieldType::Float => "number",
        FieldType::Address => "address",
    }
}

/// What events, hits and times have.
pub(super) fn properties(out: &mut String) {
    for (title, list) in [
        ("Every event has", event::PROPERTIES),
        ("A hit has", hit::PROPERTIES),
        ("A time has", values::TIME_PROPERTIES),
    ] {
        write!(out, "\n## {title}\n\n| property | meaning |\n| --- | --- |\n").ok();
        for (name, doc) in list {
            writeln!(out, "| `{name}` | {doc} |").ok();
        }
    }
}

/// Words that can't be used.
pub(super) fn names(out: &mut String) {
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

/// The limits.
pub(super) fn bounds(out: &mut String) {
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
