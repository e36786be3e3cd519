//! Records that somebody else reads: a program, asked line by line.
//!
//! In: the lines of a batch. Out: an answer each, in their order, before any of them is parsed; the
//! parser then fills events from them. Who asks, and how answers survive a crash, is the business
//! of the one who implements [`Foreign`].

use super::Unparsed;
use crate::clock::Timestamp;
use crate::event::{Batch, Brought, Event, Origin, frame};
use bytes::Bytes;
use std::sync::Arc;

/// Reads lines of one format elsewhere.
///
/// - The same line at the same place always gets the same answer, once it got one: the engine may
///   ask again after a crash, or when rules have changed.
/// - It may block while a program is started again: its source waits then, nothing else.
/// - When riposte stops, it returns [`Stopped`] soon; nothing was answered then.
pub trait Foreign: Send + Sync + std::fmt::Debug {
    /// The answers for these lines of a stream, one each, in order.
    fn read(&self, origin: &Origin, lines: &[Line]) -> Result<Vec<Answer>, Stopped>;
}

/// A line and its place.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where its record begins in the stream.
    pub offset: u64,
    /// The line.
    pub bytes: Bytes,
}

/// What became of a line.
pub type Answer = Result<Brought, Unparsed>;

/// Nothing is asked any more: riposte stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// The parser's end: answers that wait to be made events.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    foreign: Arc<dyn Foreign>,
    /// The stream and the answers of the batch that was asked for last, by place.
    origin: Arc<Origin>,
    answers: Vec<(u64, Answer)>,
    /// The answer that is likely the next one.
    next: usize,
}

impl Asked {
    pub(super) fn new(foreign: Arc<dyn Foreign>) -> Self {
        Self { foreign, origin: Arc::default(), answers: Vec::new(), next: 0 }
    }

    /// Asks for all lines of a batch; `framed` where they are in frames.
    pub(super) fn prepare(&mut self, batch: &Batch, framed: bool) -> Result<(), Stopped> {
        let line = |index: usize| {
            let record = batch.record(index)?;
            let offset = batch.records.get(index)?.offset;
            if !framed {
                return Some(Line { offset, bytes: record });
            }
            match frame::held(&record)? {
                frame::Held::Line(place) | frame::Held::LineWith { line: place, .. } => {
                    Some(Line { offset, bytes: record.slice(place) })
                }
                _ => None,
            }
        };
        let lines: Vec<Line> = (0..batch.records.len()).filter_map(line).collect();
        let answers = self.foreign.read(&batch.origin, &lines)?;
        self.origin = Arc::clone(&batch.origin);
        self.answers = lines.iter().map(|line| line.offset).zip(answers).collect();
        self.next = 0;
        Ok(())
    }

    /// Fills an event from the answer for its line; a line that nobody asked for is asked for now.
    pub(super) fn parse(
        &mut self,
        line: &[u8],
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let same = event.origin == self.origin;
        let known = self.answers.get(self.next).filter(|(offset, _)| *offset == event.offset);
        let known = known.or_else(|| {
            let place = self.answers.binary_search_by_key(&event.offset, |(offset, _)| *offset);
            self.answers.get(place.ok()?)
        });
        if let Some((_, answer)) = known.filter(|_| same) {
            self.next += 1;
            return answer.as_ref().map(|brought| brought.fill(arrival, event)).map_err(|why| *why);
        }
        let lines = [Line { offset: event.offset, bytes: Bytes::copy_from_slice(line) }];
        let answers = self.foreign.read(&event.origin, &lines);
        match answers.ok().and_then(|answers| answers.into_iter().next()) {
            Some(Ok(brought)) => {
                brought.fill(arrival, event);
                Ok(())
            }
            Some(Err(why)) => Err(why),
            None => Err(Unparsed("riposte stops")),
        }
    }
}
