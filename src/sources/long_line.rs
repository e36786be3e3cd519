//! Lines that are longer than a buffer, and runs of NULs as a truncated sparse file has them.
//!
//! In: a tail whose buffer holds no line break. Out: the line's beginning as a record, once its end
//! is there; the cursor stays at the line's start until then, so that a restart reads it again. A
//! bounded beginning is kept; the rest is passed over.

use super::lines;
use super::tail::{Desk, Step, Tail, count_split};
use crate::limits;
use crate::telemetry::{counter, names};
use std::io;

/// A line longer than the buffer, of which the beginning is kept.
#[derive(Debug, Default)]
pub(super) struct LongLine {
    /// Up to here the line has been looked through.
    scanned: u64,
    /// Where its first byte that counts lies.
    begins: u64,
    kept: Vec<u8>,
}

impl LongLine {
    /// One that begins at `cursor`, of which nothing was looked at.
    pub(super) fn at(cursor: u64) -> Self {
        Self { scanned: cursor, begins: cursor, kept: Vec::new() }
    }
}

impl Tail {
    /// Looks on through a line that is longer than the buffer, or a run of NULs.
    pub(super) fn step_long(&mut self, desk: &mut Desk, finished: bool) -> Step {
        let Some(mut long) = self.long.take() else {
            return Step::More;
        };
        let step = match self.scan(&mut long, desk, finished) {
            Ok(step) => step,
            Err(error) => Step::Failed(error),
        };
        // The cursor has caught up when the line is done.
        if self.cursor < long.scanned {
            self.long = Some(long);
        }
        step
    }

    fn scan(&mut self, long: &mut LongLine, desk: &mut Desk, finished: bool) -> io::Result<Step> {
        if self.content.before(self.cursor)? != self.before
            || (!self.content.is_compressed() && self.content.len()? < long.scanned)
        {
            return Ok(Step::Replaced);
        }
        if long.kept.is_empty() {
            long.scanned = self.content.next_data(long.scanned).max(long.scanned);
        }
        let mut buffer = std::mem::take(&mut desk.buffer);
        let outcome = self.content.read_at(long.scanned, &mut buffer).map(|count| {
            let chunk = buffer.get(..count).unwrap_or_default();
            self.scan_chunk(long, chunk, desk, finished)
        });
        desk.buffer = buffer;
        let done = outcome?;
        if matches!(done, Step::More) && self.cursor == long.scanned {
            self.before = self.content.before(self.cursor)?;
        }
        Ok(done)
    }

    fn scan_chunk(
        &mut self,
        long: &mut LongLine,
        chunk: &[u8],
        desk: &mut Desk,
        finished: bool,
    ) -> Step {
        let nuls = if long.kept.is_empty() { lines::leading_nuls(chunk) } else { 0 };
        if long.kept.is_empty() {
            counter(names::SOURCE_NUL_BYTES).add(nuls as u64);
            long.begins = long.scanned + nuls as u64;
        }
        let rest = chunk.get(nuls..).unwrap_or_default();
        let line_end = memchr::memchr(b'\n', rest);
        let line = rest.get(..line_end.unwrap_or(rest.len())).unwrap_or_default();
        // Two more than a record may have: enough to see that it is cut, with or without `\r`.
        let room = (limits::RECORD_BYTES_MAX + 2).saturating_sub(long.kept.len());
        let fits = line.get(..room).unwrap_or(line);
        long.kept.extend_from_slice(fits);
        let passed = nuls + line.len() + usize::from(line_end.is_some());
        long.scanned += passed as u64;
        self.seen = self.seen.max(long.scanned);
        let last = finished && chunk.is_empty() && !long.kept.is_empty();
        if line_end.is_none() && !last {
            return if chunk.is_empty() { Step::Idle } else { Step::More };
        }
        self.emit_long(long, desk)
    }

    fn emit_long(&mut self, long: &LongLine, desk: &mut Desk) -> Step {
        let mut records = Vec::new();
        let split = lines::split(&long.kept, long.begins, true, &mut records);
        count_split(&split);
        if self.origin.is_none() {
            // The name is made from what lies at the start of the file, NULs and all.
            let mut head = vec![0; limits::STREAM_HEAD_BYTES_MAX];
            match self.content.read_at(0, &mut head) {
                Ok(count) => head.truncate(count),
                Err(error) => return Step::Failed(error),
            }
            let whole = usize::try_from(long.scanned).unwrap_or(usize::MAX);
            head.truncate(whole);
            self.name(&head, desk);
        }
        match self.hand_over(&long.kept, records, long.scanned, desk) {
            Ok(()) => Step::More,
            Err(_) => Step::Closed,
        }
    }
}
