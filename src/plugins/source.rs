//! A plugin's program as a source: what it says, as lines and events with their cursors.
//!
//! In: a [`Keeper`] and what the manifest declares. Out: [`Said`], one by one; the source that asks
//! keeps each before it tells that it is saved. What breaks the protocol ends the program; what is
//! only wrong in itself is refused or left out, and named.

use super::talk::{Keeper, Message, Talk, TalkError};
use crate::event::text::escape_cut;
use crate::event::{Brought, Refused, Said, Schema, What};
use crate::limits;
use serde_json::{Map, Value, json};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The program of a source.
#[derive(Debug)]
pub struct SourceProgram {
    keeper: Keeper,
    schema: Schema,
    talk: Option<Talk>,
}

/// The program has ended; its keeper knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended;

impl SourceProgram {
    /// The program that this keeper keeps, which may bring events of this schema.
    pub fn new(keeper: Keeper, schema: Schema) -> Self {
        Self { keeper, schema, talk: None }
    }

    /// How long it must not be started yet.
    pub fn wait(&self) -> Option<Duration> {
        self.keeper.wait()
    }

    /// Starts it with the cursor of the last saved record; whether it is ready.
    pub fn start(&mut self, cursor: Option<&str>, stopping: &AtomicBool) -> bool {
        let mut extra = Map::new();
        if let Some(cursor) = cursor {
            extra.insert("cursor".to_owned(), cursor.into());
        }
        self.talk = self.keeper.start(extra, stopping).ok();
        self.talk.is_some()
    }

    /// What it says next, waited for at most so long.
    pub fn next(&mut self, within: Duration) -> Result<Option<Said>, Ended> {
        if self.talk.as_ref().is_some_and(Talk::is_outdated) {
            // It gets its rotated secrets with its greeting, and goes on behind its cursor.
            self.stop();
        }
        let talk = self.talk.as_ref().ok_or(Ended)?;
        let heard = match talk.receive(within) {
            Ok(None) => return Ok(None),
            Ok(Some(message)) => said(&message, &self.schema),
            Err(error) => Err(error),
        };
        heard.map(Some).map_err(|error| self.failed(&error))
    }

    /// Tells it that all up to this cursor is saved.
    pub fn saved(&mut self, cursor: &str) -> Result<(), Ended> {
        let talk = self.talk.as_ref().ok_or(Ended)?;
        talk.send(&json!({"type": "saved", "cursor": cursor})).map_err(|error| self.failed(&error))
    }

    /// Ends it in good order.
    pub fn stop(&mut self) {
        if let Some(talk) = self.talk.take() {
            self.keeper.stop(talk);
        }
    }

    fn failed(&mut self, error: &TalkError) -> Ended {
        if let Some(talk) = self.talk.take() {
            self.keeper.failed(talk, error);
        }
        Ended
    }
}

/// What a message says; an error where it is none of a source.
fn said(message: &Message, schema: &Schema) -> Result<Said, TalkError> {
    let cursor = match message.body.get("cursor") {
        None | Some(Value::Null) => None,
        Some(Value::String(cursor)) if cursor.len() <= limits::SOURCE_CURSOR_BYTES_MAX => {
            Some(cursor.clone())
        }
        Some(_) => {
            return Err(TalkError::Nonsense(format!(
                "a `cursor` is no text of at most {} bytes",
                limits::SOURCE_CURSOR_BYTES_MAX
            )));
        }
    };
    let mut faults = Vec::new();
    let what = match message.kind.as_str() {
        "record" => line(message, &mut faults),
        "event" => match Brought::read(&message.body, schema, &mut faults) {
            Ok(event) => What::Event(event),
            Err(Refused { why, words }) => {
                faults.push(words);
                What::Refused(why)
            }
        },
        other => {
            let words = escape_cut(other.as_bytes(), limits::PLUGIN_SAID_CHARS_MAX);
            return Err(TalkError::Nonsense(format!(
                "a source says `record` or `event`, not `{words}`"
            )));
        }
    };
    Ok(Said { cursor, what, faults })
}

fn line(message: &Message, faults: &mut Vec<String>) -> What {
    let why = match message.text("line") {
        None => "a record without a `line`",
        Some(line) => {
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.contains('\n') {
                return What::Line(line.to_owned());
            }
            "a record whose `line` holds a line break"
        }
    };
    faults.push(format!("{why} is refused\nhint: a record is one line"));
    What::Refused(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FieldKind;

    fn heard(kind: &str, body: Value) -> Result<Said, TalkError> {
        let mut schema = Schema::default();
        schema.declare("w.x", "path", FieldKind::Text).unwrap();
        let Value::Object(body) = body else { panic!("no object") };
        said(&Message { kind: kind.to_owned(), body }, &schema)
    }

    #[test]
    fn records_and_events_are_taken_with_their_cursor() {
        let said = heard("record", json!({"cursor": "1", "line": "a\r\n"})).unwrap();
        assert_eq!((said.cursor.as_deref(), said.what), (Some("1"), What::Line("a".to_owned())));
        let said = heard("record", json!({"line": ""})).unwrap();
        assert_eq!((said.cursor, said.what), (None, What::Line(String::new())));
        let said = heard("event", json!({"kind": "w.x", "fields": {"path": "/"}})).unwrap();
        assert!(matches!(said.what, What::Event(event) if event.fields.len() == 1));
    }

    #[test]
    fn what_is_wrong_in_itself_is_refused_with_its_cursor() {
        for (kind, body) in [
            ("record", json!({"cursor": "1", "line": "a\nb"})),
            ("record", json!({"cursor": "1"})),
            ("event", json!({"cursor": "1", "kind": "w.y"})),
        ] {
            let said = heard(kind, body).unwrap();
            assert_eq!(said.cursor.as_deref(), Some("1"));
            assert!(matches!(said.what, What::Refused(_)), "{:?}", said.what);
            assert_eq!(said.faults.len(), 1);
        }
    }

    #[test]
    fn what_breaks_the_protocol_ends_the_program() {
        assert!(heard("answer", json!({})).is_err());
        assert!(heard("record", json!({"cursor": 7, "line": "a"})).is_err());
        assert!(heard("record", json!({"cursor": "x".repeat(2_000), "line": "a"})).is_err());
    }
}
