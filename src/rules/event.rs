//! The event in a script: fields are read on access, a field that isn't there reads as `()`.
//!
//! In: the event behind an `Arc`. Out: Rhai values. Nothing of the event is copied until a script
//! asks for it.

use super::book::{Api, Place};
use super::context::lock;
use super::values::{Moment, cut, field_value};
use crate::event::{Event, Field};
use crate::limits;
use rhai::{Dynamic, ImmutableString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

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
    /// Where it is noted what is read.
    watch: Option<Arc<Watch>>,
}

/// What was read of an event; for a look at why, after an error or by parts.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// A field was read that isn't there.
    missed: AtomicBool,
    /// What was read, where that is wanted: each name once.
    reads: Option<Mutex<Vec<(String, Dynamic)>>>,
}

impl Watch {
    /// One that notes only whether a field was missing.
    pub(super) fn of_missing() -> Arc<Self> {
        Arc::default()
    }

    /// One that notes all that is read.
    pub(super) fn of_all() -> Arc<Self> {
        Arc::new(Self { reads: Some(Mutex::default()), ..Self::default() })
    }

    /// Whether a field was read that isn't there.
    pub(super) fn missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    /// What was read, by name, in order.
    pub(super) fn take(&self) -> Vec<(String, Dynamic)> {
        self.reads.as_ref().map(|reads| std::mem::take(&mut *lock(reads))).unwrap_or_default()
    }

    fn note(&self, name: &str, value: &Dynamic) {
        if let Some(reads) = &self.reads {
            let mut reads = lock(reads);
            if reads.iter().all(|(known, _)| known != name) {
                reads.push((name.to_owned(), value.clone()));
            }
        }
    }
}

impl ScriptEvent {
    pub(super) fn new(event: Arc<Event>) -> Self {
        Self { event, watch: None }
    }

    /// The same, noting what is read.
    pub(super) fn watched(event: Arc<Event>, watch: Arc<Watch>) -> Self {
        Self { event, watch: Some(watch) }
    }

    fn miss(&self) -> Dynamic {
        if let Some(watch) = &self.watch {
            watch.missed.store(true, Ordering::Relaxed);
        }
        Dynamic::UNIT
    }

    fn note(&self, name: &str, value: &Dynamic) {
        if let Some(watch) = &self.watch {
            watch.note(name, value);
        }
    }

    fn field(&self, field: Field) -> Dynamic {
        let value = self.event.get(field).map_or_else(|| self.miss(), field_value);
        self.note(field.name(), &value);
        value
    }

    fn named(&self, name: &str) -> Dynamic {
        let value = self.look_up(name);
        self.note(name, &value);
        value
    }

    fn has(&self, name: &str) -> bool {
        let value = self.event.get_named(name).map(field_value);
        let there = value.is_some();
        self.note(name, &value.unwrap_or_default());
        there
    }

    fn look_up(&self, name: &str) -> Dynamic {
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
    .register_fn("has", |e: &mut ScriptEvent, name: &str| e.has(name));
}
