//! One open incarnation of a file, read forwards from a cursor that always stands at a line's
//! start.
//!
//! In: the file's bytes at their offsets. Out: batches through the [`Outlet`], or the news that the
//! bytes before the cursor are no longer those that were read (the file was truncated, and perhaps
//! has grown again). Names and rotation are the business of `follow`.

use super::content::{Content, Place};
use super::identity::{Mark, StreamId, fingerprint};
use super::lines;
use super::supervise::Outlet;
use crate::event::{Origin, RecordSpan};
use crate::telemetry::{counter, names};
use crate::{clock, limits};
use bytes::Bytes;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What all tails of a source share.
pub(super) struct Desk {
    pub outlet: Arc<Outlet>,
    /// One read fills it; made once.
    pub buffer: Vec<u8>,
    last_birth: u64,
}

impl Desk {
    pub(super) fn new(outlet: Arc<Outlet>) -> Self {
        Self {
            outlet,
            buffer: vec![0; limits::STREAM_MARK_BYTES_MAX + limits::BATCH_BYTES_MAX],
            last_birth: 0,
        }
    }

    /// A moment that no other stream of this source was named at.
    fn birth(&mut self) -> u64 {
        let now = u64::try_from(clock::now().as_micros()).unwrap_or(0);
        self.last_birth = now.max(self.last_birth + 1);
        self.last_birth
    }

    /// Keeps new births later than `birth`, also when the clock was set back.
    pub(super) fn after(&mut self, birth: u64) {
        self.last_birth = self.last_birth.max(birth);
    }
}

/// What one step of reading came to.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing more is there now.
    Idle,
    /// Something was read; there may be more.
    More,
    /// The bytes before the cursor are not those that were read.
    Replaced,
    /// The engine takes no more.
    Closed,
    /// The file can't be read.
    Failed(io::Error),
}

/// A line longer than the buffer, of which the beginning is kept.
#[derive(Debug, Default)]
struct LongLine {
    /// Up to here the line has been looked through.
    scanned: u64,
    /// Where its first byte that counts lies.
    begins: u64,
    kept: Vec<u8>,
}

/// An open incarnation.
#[derive(Debug)]
pub(super) struct Tail {
    pub content: Content,
    pub place: Place,
    pub path: PathBuf,
    /// The fingerprint of the path that is followed, for the stream's name.
    pub path_print: u64,
    pub origin: Option<(Arc<Origin>, StreamId)>,
    /// Just after the last record handed over.
    pub cursor: u64,
    /// The bytes just before the cursor.
    pub before: Vec<u8>,
    /// The furthest byte that was ever seen.
    pub seen: u64,
    long: Option<LongLine>,
}

impl Tail {
    /// A tail at the start of a file that has no name yet.
    pub(super) fn fresh(content: Content, path: PathBuf, path_print: u64) -> io::Result<Self> {
        let place = Place::of(&content.metadata()?);
        Ok(Self {
            content,
            place,
            path,
            path_print,
            origin: None,
            cursor: 0,
            before: Vec::new(),
            seen: 0,
            long: None,
        })
    }

    /// Goes to `cursor` in a stream that is known.
    pub(super) fn resume(
        &mut self,
        origin: Arc<Origin>,
        id: StreamId,
        cursor: u64,
    ) -> io::Result<()> {
        self.origin = Some((origin, id));
        self.move_to(cursor)
    }

    fn move_to(&mut self, cursor: u64) -> io::Result<()> {
        self.cursor = cursor;
        self.seen = self.seen.max(cursor);
        self.long = None;
        self.before = self.content.before(cursor)?;
        Ok(())
    }

    /// Forgets what was read: the same inode holds another stream now.
    pub(super) fn restart(&mut self) {
        self.origin = None;
        self.cursor = 0;
        self.seen = 0;
        self.before.clear();
        self.long = None;
    }

    /// Names the stream, goes to the start of the line at the file's end, and announces that place
    /// to the engine. An unfinished last line is read when it is complete. An empty file stays
    /// unnamed.
    pub(super) fn start_at_end(&mut self, desk: &mut Desk) -> Step {
        match self.find_end(desk) {
            Ok(None) => Step::Idle,
            Ok(Some(end)) => {
                let Some((origin, _)) = &self.origin else {
                    return Step::Idle;
                };
                let empty = lines::batch(origin, Bytes::new(), Vec::new(), end, end);
                match desk.outlet.send(empty) {
                    Ok(()) => Step::More,
                    Err(_) => Step::Closed,
                }
            }
            Err(error) => Step::Failed(error),
        }
    }

    /// The start of the last, incomplete line; `None` where the file has no whole line.
    fn find_end(&mut self, desk: &mut Desk) -> io::Result<Option<u64>> {
        let len = self.content.len()?;
        let mut end = len;
        while end > 0 {
            let start = end.saturating_sub(desk.buffer.len() as u64);
            let count = self.content.read_at(start, &mut desk.buffer)?;
            let wanted = usize::try_from(end - start).unwrap_or(usize::MAX);
            let chunk = desk.buffer.get(..count.min(wanted)).unwrap_or_default();
            if let Some(place) = memchr::memrchr(b'\n', chunk) {
                let end = start + place as u64 + 1;
                let head_len = usize::try_from(end)
                    .unwrap_or(usize::MAX)
                    .min(limits::STREAM_HEAD_BYTES_MAX);
                let mut head = vec![0; head_len];
                let count = self.content.read_at(0, &mut head)?;
                head.truncate(count);
                self.name(&head, desk);
                self.move_to(end)?;
                return Ok(Some(end));
            }
            end = start;
        }
        Ok(None)
    }

    fn name(&mut self, head: &[u8], desk: &mut Desk) {
        let head = head.get(..limits::STREAM_HEAD_BYTES_MAX).unwrap_or(head);
        let id = StreamId {
            path: self.path_print,
            birth: desk.birth(),
            inode: self.place.inode,
            head_len: u32::try_from(head.len()).unwrap_or(0),
            head: fingerprint(head),
        };
        let origin = Arc::new(Origin {
            source: Arc::clone(&desk.outlet.source),
            stream: Arc::from(id.to_string()),
        });
        self.origin = Some((origin, id));
    }

    /// What to know the stream by at its cursor.
    pub(super) fn mark(&self) -> Option<(StreamId, Mark)> {
        let (_, id) = self.origin.as_ref()?;
        Some((*id, Mark::of(self.cursor, &self.before)))
    }

    /// Reads once and hands over what is complete; with `finished` the last line needs no break.
    pub(super) fn step(&mut self, desk: &mut Desk, finished: bool) -> Step {
        if self.long.is_some() {
            return self.step_long(desk, finished);
        }
        let back = self.before.len();
        let mut buffer = std::mem::take(&mut desk.buffer);
        let step = match self.content.read_at(self.cursor - back as u64, &mut buffer) {
            Err(error) => Step::Failed(error),
            Ok(count) => {
                let end_of_file = count < buffer.len();
                let read = buffer.get(..count).unwrap_or_default();
                match read.split_at_checked(back) {
                    Some((before, data)) if before == self.before => {
                        self.take(data, desk, end_of_file, finished)
                    }
                    _ => Step::Replaced,
                }
            }
        };
        desk.buffer = buffer;
        step
    }

    /// Hands over the complete lines of `data`, which begins at the cursor.
    fn take(&mut self, data: &[u8], desk: &mut Desk, end_of_file: bool, finished: bool) -> Step {
        self.seen = self.seen.max(self.cursor + data.len() as u64);
        if data.is_empty() {
            return Step::Idle;
        }
        let mut records = Vec::with_capacity(data.len().min(limits::BATCH_BYTES_MAX) / 128 + 1);
        let split = lines::split(data, self.cursor, finished && end_of_file, &mut records);
        if split.consumed == 0 {
            let nuls_alone = data.first() == Some(&0) && lines::leading_nuls(data) == data.len();
            if end_of_file && !nuls_alone {
                return Step::Idle;
            }
            self.long = Some(LongLine {
                scanned: self.cursor,
                begins: self.cursor,
                ..LongLine::default()
            });
            return Step::More;
        }
        count_split(&split);
        let block = data.get(..split.consumed).unwrap_or_default();
        let full = records.len() >= limits::BATCH_RECORDS_MAX;
        if self
            .hand_over(block, records, self.cursor + split.consumed as u64, desk)
            .is_err()
        {
            return Step::Closed;
        }
        self.remember(block);
        if end_of_file && !full {
            Step::Idle
        } else {
            Step::More
        }
    }

    fn hand_over(
        &mut self,
        block: &[u8],
        records: Vec<RecordSpan>,
        to: u64,
        desk: &mut Desk,
    ) -> Result<(), super::Closed> {
        if self.origin.is_none() {
            self.name(block, desk);
        }
        let Some((origin, _)) = &self.origin else {
            return Ok(());
        };
        let block = Bytes::copy_from_slice(block);
        desk.outlet
            .send(lines::batch(origin, block, records, self.cursor, to))?;
        self.cursor = to;
        Ok(())
    }

    /// Keeps the last bytes of `block`, which ends at the cursor.
    fn remember(&mut self, block: &[u8]) {
        let keep = limits::STREAM_MARK_BYTES_MAX;
        if block.len() < keep {
            let excess = (self.before.len() + block.len()).saturating_sub(keep);
            self.before.drain(..excess);
        } else {
            self.before.clear();
        }
        let fresh = block.len().saturating_sub(keep);
        self.before
            .extend_from_slice(block.get(fresh..).unwrap_or_default());
    }

    /// Looks on through a line that is longer than the buffer, or a run of NULs.
    fn step_long(&mut self, desk: &mut Desk, finished: bool) -> Step {
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
        let outcome = self
            .content
            .read_at(long.scanned, &mut buffer)
            .map(|count| {
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
        let nuls = if long.kept.is_empty() {
            lines::leading_nuls(chunk)
        } else {
            0
        };
        if long.kept.is_empty() {
            counter(names::SOURCE_NUL_BYTES).add(nuls as u64);
            long.begins = long.scanned + nuls as u64;
        }
        let rest = chunk.get(nuls..).unwrap_or_default();
        let line_end = memchr::memchr(b'\n', rest);
        let line = rest
            .get(..line_end.unwrap_or(rest.len()))
            .unwrap_or_default();
        // Two more than a record may have: enough to see that it is cut, with or without `\r`.
        let room = (limits::RECORD_BYTES_MAX + 2).saturating_sub(long.kept.len());
        let fits = line.get(..room).unwrap_or(line);
        long.kept.extend_from_slice(fits);
        let passed = nuls + line.len() + usize::from(line_end.is_some());
        long.scanned += passed as u64;
        self.seen = self.seen.max(long.scanned);
        let last = finished && chunk.is_empty() && !long.kept.is_empty();
        if line_end.is_none() && !last {
            return if chunk.is_empty() {
                Step::Idle
            } else {
                Step::More
            };
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

fn count_split(split: &lines::Split) {
    counter(names::RECORDS_TRUNCATED).add(split.truncated);
    counter(names::SOURCE_NUL_BYTES).add(split.nul_bytes);
}
