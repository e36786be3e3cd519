//! What a rule file declared, as it said it, before it is judged as a whole: plain data.

use super::context::freeze;
use super::finding::Note;
use super::timers::Schedule;
use super::values::from_json;
use crate::decisions::Mode;
use crate::event::Kind;
use crate::windows::WindowSpec;
use rhai::{Dynamic, ImmutableString, Position};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A closure with what it captured.
#[derive(Debug, Clone)]
pub(super) struct Closure {
    pub name: ImmutableString,
    pub captured: Vec<Dynamic>,
    pub position: Position,
}

/// A part of a key.
#[derive(Debug, Clone)]
pub(super) enum KeyPartDraft {
    Field(String),
    /// `None`: the number of bits is out of range.
    Prefix {
        field: String,
        v4: Option<u8>,
        v6: Option<u8>,
    },
    Closure(Closure),
}

/// What `distinct` compares and `sum` adds.
#[derive(Debug, Clone)]
pub(super) enum Quantity {
    Field(String),
    Closure(Closure),
}

/// A window with its predicates.
#[derive(Debug, Clone)]
pub(super) struct WindowDraft {
    pub spec: WindowSpec,
    pub tests: Vec<Closure>,
    pub quantity: Option<Quantity>,
}

/// A rule.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub name: String,
    pub position: Position,
    pub kinds: Vec<(Kind, Position)>,
    pub when: Option<Closure>,
    pub key: Option<(Vec<KeyPartDraft>, Position)>,
    pub window: Option<(WindowDraft, Position)>,
    pub cooldown: Option<Duration>,
    pub mode: Option<Mode>,
    pub certain: bool,
    pub then: Option<Closure>,
}

impl Draft {
    pub(super) fn new(name: &str, position: Position) -> Self {
        Self {
            name: name.to_owned(),
            position,
            kinds: Vec::new(),
            when: None,
            key: None,
            window: None,
            cooldown: None,
            mode: None,
            certain: false,
            then: None,
        }
    }
}

/// A timer.
#[derive(Debug, Clone)]
pub(super) struct TimerDraft {
    pub schedule: Schedule,
    pub body: Closure,
}

/// A test.
#[derive(Debug, Clone)]
pub(super) struct TestDraft {
    pub name: String,
    pub body: Closure,
}

/// A parameter of a rule file, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// The file's own value.
    pub default: serde_json::Value,
    /// The value in use: the config's, or the default.
    pub value: serde_json::Value,
}

/// Gathers what one file declares.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub drafts: Vec<Arc<Mutex<Draft>>>,
    pub timers: Vec<TimerDraft>,
    pub tests: Vec<TestDraft>,
    /// The files that the tests are about, where it says so.
    pub tests_of: Vec<(String, Position)>,
    pub notes: Vec<Note>,
    pub params: Vec<Param>,
    /// Values of the config that concern this file.
    pub given: BTreeMap<String, serde_json::Value>,
}

impl Collector {
    /// Whether anything was declared.
    pub(super) fn declares(&self) -> bool {
        let parts = [self.drafts.len(), self.timers.len(), self.tests.len(), self.params.len()];
        parts.iter().any(|part| *part > 0)
    }

    /// The value of a parameter: the config's where it fits the default's type.
    pub(super) fn param(&mut self, name: &str, default: &Dynamic, position: Position) -> Dynamic {
        let default = freeze(default);
        let shown = super::values::to_json(&default);
        if let Some(known) = self.params.iter().find(|param| param.name == name) {
            if known.default != shown {
                self.notes.push(Note::error(
                    "param-twice",
                    position,
                    format!("the parameter `{name}` has two different defaults"),
                ));
            }
        } else {
            self.params.push(Param { name: name.to_owned(), default: shown.clone(), value: shown });
        }
        let Some(given) = self.given.get(name) else {
            return default;
        };
        let shown_default = super::values::to_json(&default);
        let value = from_json(given);
        let value = match (default.is_float(), value.as_int()) {
            // A whole number does for one with a fraction; parameters are small.
            (true, Ok(number)) => Dynamic::from(number as f64),
            _ => value,
        };
        if value.type_id() != default.type_id() {
            let message = format!(
                "the config sets the parameter `{name}` to `{given}`, which is not of the type of its default"
            );
            let note = Note::warning("param-type", position, message);
            self.notes.push(note.hint(format!("the default `{shown_default}` stays")));
            return default;
        }
        if let Some(param) = self.params.iter_mut().find(|param| param.name == name) {
            param.value = given.clone();
        }
        value
    }
}
