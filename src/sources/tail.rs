//! One open incarnation of a file, read forwards from a cursor that always stands at a line's
//! start.
//!
//! In: the file's bytes at their offsets. Out: batches through the [`Outlet`], or the news that the
//! bytes before the cursor are no longer those that were read (the file was truncated, and perhaps
//! has grown again). Names and rotation are the business of `follow`.

use super::content::Content;
use super::identity::Place;
use super::identity::{Mark, StreamId, fingerprint};
use super::joined::{self, Join};
use super::lines;
use super::locate::Sought;
use super::long_line::LongLine;
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
    /// Whether lines go on in the next ones.
    join: Join,
    last_birth: u64,
}

impl Desk {
    pub(super) fn new(outlet: Arc<Outlet>) -> Self {
        Self {
            outlet,
            buffer: vec![0; limits::STREAM_MARK_BYTES_MAX + limits::BATCH_BYTES_MAX],
            join: Join::No,
            last_birth: 0,
        }
    }

    /// The same for a source whose lines may go on in the next ones.
    pub(super) fn joining(mut self, join: Join) -> Self {
        self.join = join;
        self
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
    /// The first bytes of an unnamed stream, as they were when what came before it was looked for.
    pub peeked: Option<Vec<u8>>,
    pub long: Option<LongLine>,
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
            peeked: None,
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
        self.peeked = None;
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
                let head_len =
                    usize::try_from(end).unwrap_or(usize::MAX).min(limits::STREAM_HEAD_BYTES_MAX);
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

    /// Gives the stream its name, from its first bytes.
    pub(super) fn name(&mut self, head: &[u8], desk: &mut Desk) {
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

    /// The first bytes of a stream that is to be named, once there is a line or enough of one.
    pub(super) fn peek(&mut self, finished: bool) -> io::Result<Option<Vec<u8>>> {
        let mut head = vec![0; limits::STREAM_HEAD_BYTES_MAX];
        let count = self.content.read_at(0, &mut head)?;
        head.truncate(count);
        let enough = count == limits::STREAM_HEAD_BYTES_MAX
            || (finished && count > 0)
            || head.contains(&b'\n');
        Ok(enough.then_some(head))
    }

    /// What to find the stream by at its cursor; `None` while it is unnamed.
    pub(super) fn sought(&self) -> Option<Sought> {
        let (_, id) = self.origin.as_ref()?;
        Some(Sought { id: *id, offset: self.cursor, before: Some(self.before.clone()), mark: None })
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
                    Some((before, data)) if before == self.before && self.as_peeked(data) => {
                        self.take(data, desk, end_of_file, finished)
                    }
                    _ => Step::Replaced,
                }
            }
        };
        desk.buffer = buffer;
        step
    }

    /// Whether an unnamed stream still begins as it did when it was looked at first.
    fn as_peeked(&self, data: &[u8]) -> bool {
        self.origin.is_some() || self.peeked.as_ref().is_none_or(|peeked| data.starts_with(peeked))
    }

    /// Hands over the complete lines of `data`, which begins at the cursor.
    fn take(&mut self, data: &[u8], desk: &mut Desk, end_of_file: bool, finished: bool) -> Step {
        self.seen = self.seen.max(self.cursor + data.len() as u64);
        if data.is_empty() {
            return Step::Idle;
        }
        let mut records = Vec::with_capacity(data.len().min(limits::BATCH_BYTES_MAX) / 128 + 1);
        let last = finished && end_of_file;
        let split = joined::split(data, self.cursor, last, desk.join, &mut records);
        if split.consumed == 0 {
            let nuls_alone = data.first() == Some(&0) && lines::leading_nuls(data) == data.len();
            if end_of_file && !nuls_alone {
                return Step::Idle;
            }
            self.long = Some(LongLine::at(self.cursor));
            return Step::More;
        }
        count_split(&split);
        let block = data.get(..split.consumed).unwrap_or_default();
        let full = records.len() >= limits::BATCH_RECORDS_MAX;
        if self.hand_over(block, records, self.cursor + split.consumed as u64, desk).is_err() {
            return Step::Closed;
        }
        self.remember(block);
        if end_of_file && !full { Step::Idle } else { Step::More }
    }

    pub(super) fn hand_over(
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
        desk.outlet.send(lines::batch(origin, block, records, self.cursor, to))?;
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
        self.before.extend_from_slice(block.get(fresh..).unwrap_or_default());
    }
}

pub(super) fn count_split(split: &lines::Split) {
    counter(names::RECORDS_TRUNCATED).add(split.truncated);
    counter(names::SOURCE_NUL_BYTES).add(split.nul_bytes);
}
