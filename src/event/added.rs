//! Fields that a source knows of a record beside its bytes: who sent it, which container or unit wrote
//! it. A parser sees none of them, and no writer of the line can set them.
//!
//! In: names and values of the source. Out: JSON for the spool, and fields of the event.

use super::{Event, Field, FieldKind, Kind, Schema, Value};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Fields of a record, by name.
pub type Added = Map<String, Json>;

/// What the fields hold that are no text.
const OTHERS: &[(&str, FieldKind)] = &[
    ("sender", FieldKind::Address),
    ("uid", FieldKind::Int),
    ("bot_score", FieldKind::Int),
    ("waf_score", FieldKind::Int),
];

/// Sets them in an event, from their JSON.
pub fn set_json(event: &mut Event, json: &[u8]) {
    let read: Option<Added> = serde_json::from_slice(json).ok();
    for (name, value) in read.iter().flatten() {
        if let Some(value) = holds(name).value(value) {
            set_one(event, &Arc::from(name.as_str()), value);
        }
    }
}

/// Sets a field, unless the record itself holds it.
pub fn set_one(event: &mut Event, name: &Arc<str>, value: Value) {
    if event.get_named(name).is_some() {
        return;
    }
    match Field::from_name(name) {
        Some(field) => event.set(field, value),
        None => event.set_extra(name, value),
    }
}

fn holds(name: &str) -> FieldKind {
    if let Some(field) = Field::from_name(name) {
        return field.kind().into();
    }
    OTHERS.iter().find(|(other, _)| *other == name).map_or(FieldKind::Text, |(_, kind)| *kind)
}

/// The fields as those of all kinds that lines can become, for `check` and the rules.
pub fn schema<'n>(names: impl IntoIterator<Item = &'n str>) -> Schema {
    let mut schema = Schema::default();
    let kinds = [Kind::Http, Kind::HttpError, Kind::SshAuth, Kind::Syslog, Kind::Log];
    for name in names {
        for kind in &kinds {
            // The names are ours, and right; those of labels were made to be.
            schema.declare(kind.name(), name, holds(name)).ok();
        }
    }
    schema
}
