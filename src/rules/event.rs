//! The event in a script: fields are read on access, a field that isn't there reads as `()`.
//!
//! In: the event behind an `Arc`. Out: Rhai values. Nothing of the event is copied until a script
//! asks for it.

use super::book::{Api, Place};
use super::values::{Moment, cut, field_value};
use crate::event::{Event, Field};
use crate::limits;
use rhai::{Dynamic, ImmutableString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Properties of an event that are no fields: what each is, for the reference.
pub(super) const PROPERTIES: &[(&str, &str)] = &[
    ("kind", "The event's kind, as text (`http`)."),
    (
        "time",
        "When it happened, by its own stamp; has `.hour .minute .day .month .year .weekday .unix` (UTC, Monday is 1); two times subtract to seconds.",
    ),
    ("source", "The source it came from, by its name in the config."),
    ("line", "Its line number in the source, 0 where lines are not counted."),
    ("record", "The whole record as text, cut at the limit."),
];

/// An event in a script.
#[derive(Clone)]
pub(super) struct ScriptEvent {
    event: Arc<Event>,
    /// Set when a field was read that isn't there; only looked at after an error.
    missed: Option<Arc<AtomicBool>>,
}

impl ScriptEvent {
    pub(super) fn new(event: Arc<Event>) -> Self {
        Self { event, missed: None }
    }

    /// The same, noting in `missed` when a field is read that isn't there.
    pub(super) fn watched(event: Arc<Event>, missed: Arc<AtomicBool>) -> Self {
        Self { event, missed: Some(missed) }
    }

    fn miss(&self) -> Dynamic {
        if let Some(missed) = &self.missed {
            missed.store(true, Ordering::Relaxed);
        }
        Dynamic::UNIT
    }

    fn field(&self, field: Field) -> Dynamic {
        self.event.get(field).map_or_else(|| self.miss(), field_value)
    }

    fn named(&self, name: &str) -> Dynamic {
        if let Some(value) = self.event.get_named(name) {
            return field_value(value);
        }
        match name {
            "kind" => self.event.kind.name().into(),
            "time" => Dynamic::from(Moment(self.event.time)),
            "source" => (&*self.event.origin.source).into(),
            "line" => i64::try_from(self.event.line).unwrap_or(i64::MAX).into(),
            "record" => {
                let record = self.event.record();
                let head = record.get(..limits::SCRIPT_STRING_BYTES_MAX + 4).unwrap_or(record);
                cut(&String::from_utf8_lossy(head), limits::SCRIPT_STRING_BYTES_MAX)
                    .into_owned()
                    .into()
            }
            _ => self.miss(),
        }
    }
}

/// Registers the event type.
pub(super) fn register(api: &mut Api<'_>) {
    let engine = &mut *api.engine;
    engine
        .register_type_with_name::<ScriptEvent>("event")
        .register_indexer_get(|e: &mut ScriptEvent, name: ImmutableString| e.named(&name))
        // Rhai gives every value a property `tag`; on an event it is a field like any other.
        .register_get("tag", |e: &mut ScriptEvent| e.named("tag"))
        .register_fn("to_string", |e: &mut ScriptEvent| e.event.kind.name().to_owned())
        .register_fn("to_debug", |e: &mut ScriptEvent| {
            cut(&e.event.to_json().to_string(), limits::SCRIPT_STRING_BYTES_MAX).into_owned()
        });
    for &field in Field::ALL {
        engine.register_get(field.name(), move |e: &mut ScriptEvent| e.field(field));
    }
    api.doc(
        Place::Pure,
        "has",
        "e.has(field)",
        "Whether the event has the field.",
        r#"!e.has("user_agent")"#,
    )
    .register_fn("has", |e: &mut ScriptEvent, name: &str| e.event.get_named(name).is_some());
}
