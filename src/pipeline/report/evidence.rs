//! Lines as evidence: where they stand, and what they say, escaped and cut.

use crate::clock::Timestamp;
use crate::decisions::Hit;
use crate::event::{Event, text};
use crate::limits;
use std::sync::Arc;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub time: Timestamp,
    /// The file, as it was named; empty for what rules emit.
    pub file: Arc<str>,
    /// Its number, counted from 1; 0 where there is none.
    pub number: u64,
    /// What it says: control characters escaped, cut.
    pub text: String,
}

impl Line {
    /// The line of an event.
    pub fn of(event: &Event) -> Self {
        Self {
            time: event.time,
            file: Arc::clone(&event.origin.source),
            number: event.line,
            text: text::escape_cut(event.record(), limits::REPORT_LINE_CHARS_MAX),
        }
    }
}

/// The last lines that made a hit, oldest first.
pub fn lines_of(hit: &Hit) -> Vec<Line> {
    let mut events: Vec<&Arc<Event>> = hit.events.iter().collect();
    let known = events.iter().any(|event| {
        event.offset == hit.event.offset && event.origin.stream == hit.event.origin.stream
    });
    if !known {
        events.push(&hit.event);
    }
    let from = events.len().saturating_sub(limits::REPORT_LINES_MAX);
    let last = events.into_iter().skip(from);
    last.filter(|event| !event.record().is_empty()).map(|event| Line::of(event)).collect()
}
