//! Reads whole log files, as fast as it can, for a replay.
//!
//! In: a path (plain, gzip or zstd, told by the first bytes) or `-` for stdin. Out: blocks that end
//! at a line's end, in the file's order, with line numbers; the last line with or without its
//! break. A file that breaks off gives what could be read of it, then the fault.

use super::archive::{self, Decoder, MAGIC_BYTES};
use super::block::Block;
use super::lines;
use super::spent::Spent;
use crate::clock::{self, Timestamp};
use crate::event::{Batch, Origin};
use crate::limits;
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that can't be replayed.
#[derive(Debug, thiserror::Error)]
#[error("failed to read `{path}`: {error}")]
pub struct ReplayError {
    /// The file as it was named.
    pub path: Arc<str>,
    /// Why.
    #[source]
    pub error: io::Error,
}

/// How much of a file was read, as it lies on the disk. Cheap to clone; may be looked at from
/// another thread.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Meter {
    /// Bytes read so far, of the compressed file where it is one.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The file's length when it was opened; `None` for pipes.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

/// One file (or stdin) being replayed.
pub struct Replay {
    origin: Arc<Origin>,
    /// Absent while a file that can be opened again is closed.
    reader: Option<Box<dyn Read + Send>>,
    /// It can be opened again and read from its beginning.
    reopens: bool,
    meter: Meter,
    /// The length of a block.
    block_bytes: usize,
    /// Bytes that were read and belong to the next block.
    rest: Vec<u8>,
    spent: Spent,
    /// The stream offset of the first byte of `rest`.
    offset: u64,
    /// The number of the next line.
    line: u64,
    /// When the file was last written: what stamps without a year are read by.
    arrival: Timestamp,
    ended: bool,
    /// Why it ended before its end; told once all that was read is given.
    fault: Option<io::Error>,
    /// Batches of a block that wait, for who takes batches.
    batches: Option<super::block::Batches>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("origin", &self.origin)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Replay {
    /// Opens a file, or stdin for `-`. The blocks' origin has `path` as both source and stream;
    /// offsets are those of the uncompressed bytes.
    pub fn open(path: &str) -> Result<Self, ReplayError> {
        let fail = |error| ReplayError { path: Arc::from(path), error };
        if path == "-" {
            return Self::from_reader(path, Box::new(io::stdin())).map_err(fail);
        }
        let metadata = std::fs::metadata(path).map_err(fail)?;
        let mut replay = open_file(path).and_then(|file| Self::from_reader(path, file));
        if let Ok(replay) = &mut replay
            && metadata.is_file()
        {
            replay.reopens = true;
            replay.meter.total = Some(metadata.len());
            let written = metadata.modified().ok();
            let since = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            replay.arrival = since.map_or(replay.arrival, |since| Timestamp::EPOCH.plus(since));
        }
        replay.map_err(fail)
    }

    /// Replays what any reader gives, under the name `path`.
    pub fn from_reader(path: &str, raw: Box<dyn Read + Send>) -> io::Result<Self> {
        let meter = Meter::default();
        let reader = Some(decoded(raw, &meter)?);
        let name: Arc<str> = Arc::from(path);
        Ok(Self {
            origin: Arc::new(Origin { source: Arc::clone(&name), stream: name }),
            reader,
            reopens: false,
            meter,
            block_bytes: limits::BATCH_BYTES_MAX,
            rest: Vec::new(),
            spent: Spent::default(),
            offset: 0,
            line: 1,
            arrival: clock::now(),
            ended: false,
            fault: None,
            batches: None,
        })
    }

    /// The file as it was named.
    pub fn name(&self) -> &Arc<str> {
        &self.origin.source
    }

    /// When the file was last written: what stamps without a year are read by.
    pub fn arrival(&self) -> Timestamp {
        self.arrival
    }

    /// How much of it is read.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// How many bytes of the (uncompressed) stream were given so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Sets the length of the blocks to come. Longer lines than a block are no trouble.
    pub fn set_block_bytes(&mut self, bytes: usize) {
        self.block_bytes = bytes.max(1);
    }

    /// Closes a file of which nothing was given yet, where it can be opened again: what was looked
    /// at ahead is read once more. Others stay open.
    pub fn park(&mut self) {
        if self.reopens && self.offset == 0 {
            self.reader = None;
            self.rest = Vec::new();
            self.ended = false;
            self.fault = None;
            self.meter.read.store(0, Ordering::Relaxed);
        }
    }

    /// The bytes that the next block will be made from, for a look at the format; empty at the end.
    pub fn peek_block(&mut self) -> &[u8] {
        let mut block = BytesMut::from(&*self.rest);
        self.fill(&mut block, self.rest.len());
        self.rest = block.into();
        &self.rest
    }

    /// The next block; `None` at the end, an error (once) where the file broke off.
    pub fn next_block(&mut self) -> Result<Option<Block>, ReplayError> {
        let mut bytes = self.spent.room();
        let have = self.rest.len();
        if bytes.len() < have {
            bytes.resize(have, 0);
        }
        if let Some(head) = bytes.get_mut(..have) {
            head.copy_from_slice(&self.rest);
        }
        self.rest = Vec::new();
        self.fill(&mut bytes, have);
        let Some(end) = memchr::memrchr(b'\n', &bytes) else {
            return self.line_without_end(bytes);
        };
        let rest = bytes.get(end + 1..).unwrap_or_default();
        if self.ended && self.fault.is_none() {
            // The last line needs no break.
        } else {
            self.rest = rest.to_vec();
            bytes.truncate(end + 1);
        }
        let lines = lines::count(&bytes);
        let (from, len) = (self.offset, bytes.len() as u64);
        let bytes = bytes.freeze();
        self.spent.give(&bytes);
        Ok(Some(self.give(bytes, from, len, lines)))
    }

    /// The next batch; `None` at the end. An empty line is a record too, so that line `i` of a
    /// batch has the number `first_line + i`.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ReplayError> {
        loop {
            if let Some(batch) = self.batches.as_mut().and_then(Iterator::next) {
                return Ok(Some(batch));
            }
            match self.next_block()? {
                Some(block) => self.batches = Some(block.batches()),
                None => return Ok(None),
            }
        }
    }

    /// What stands where a block has no line break: the end of the file, its last line, or a line
    /// that is longer than a block.
    fn line_without_end(&mut self, bytes: BytesMut) -> Result<Option<Block>, ReplayError> {
        if !self.ended {
            return self.long_line(bytes);
        }
        if let Some(error) = self.fault.take() {
            // A line that was cut off is no line: nobody knows what it said.
            return Err(ReplayError { path: Arc::clone(&self.origin.source), error });
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let (from, len) = (self.offset, bytes.len() as u64);
        Ok(Some(self.give(bytes.freeze(), from, len, 1)))
    }

    fn give(&mut self, bytes: Bytes, base: u64, passed: u64, lines: u64) -> Block {
        let (from, to) = (self.offset, self.offset + passed);
        let first_line = self.line;
        self.offset = to;
        self.line += lines;
        let origin = Arc::clone(&self.origin);
        Block { origin, arrival: self.arrival, bytes, base, from, to, first_line }
    }

    /// Fills the block from the reader, beginning behind what it has; a fault ends the file.
    fn fill(&mut self, block: &mut BytesMut, have: usize) {
        if self.ended || have >= self.block_bytes {
            return block.truncate(have);
        }
        block.resize(self.block_bytes, 0);
        let mut filled = have;
        while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.reader().and_then(|reader| reader.read(room)) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.fault = Some(error);
                    break;
                }
            }
        }
        block.truncate(filled);
    }

    /// The open file; opened again where it was closed.
    fn reader(&mut self) -> io::Result<&mut Box<dyn Read + Send>> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => decoded(open_file(&self.origin.source)?, &self.meter)?,
        };
        Ok(self.reader.insert(reader))
    }

    /// A line that is longer than a block: its beginning is given, the rest skipped.
    fn long_line(&mut self, mut block: BytesMut) -> Result<Option<Block>, ReplayError> {
        let mut kept: Vec<u8> = Vec::new();
        let (mut begins, mut passed) = (self.offset, 0_u64);
        let whole = loop {
            let end = memchr::memchr(b'\n', &block);
            let line = block.get(..end.unwrap_or(block.len())).unwrap_or_default();
            let nuls = if kept.is_empty() { lines::leading_nuls(line) } else { 0 };
            if kept.is_empty() {
                begins = self.offset + passed + nuls as u64;
            }
            let line_rest = line.get(nuls..).unwrap_or_default();
            let room = (limits::RECORD_BYTES_MAX + 2).saturating_sub(kept.len());
            kept.extend_from_slice(line_rest.get(..room).unwrap_or(line_rest));
            let used = line.len() + usize::from(end.is_some());
            passed += used as u64;
            self.rest = block.get(used..).unwrap_or_default().to_vec();
            if end.is_some() {
                break true;
            }
            self.fill(&mut block, 0);
            if block.is_empty() {
                break false;
            }
        };
        if let Some(error) = self.fault.take_if(|_| !whole) {
            return Err(ReplayError { path: Arc::clone(&self.origin.source), error });
        }
        // An empty record, where the line held NULs alone, keeps the count of lines right.
        kept.push(b'\n');
        Ok(Some(self.give(Bytes::from(kept), begins, passed, 1)))
    }
}

impl Iterator for Replay {
    type Item = Result<Batch, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

/// The bytes as they were before they were compressed; what is read of the file is metered.
fn decoded(raw: Box<dyn Read + Send>, meter: &Meter) -> io::Result<Box<dyn Read + Send>> {
    let raw = Metered { raw, read: Arc::clone(&meter.read) };
    let mut raw = BufReader::with_capacity(limits::REPLAY_READ_BYTES, raw);
    let head = raw.fill_buf()?;
    let head = head.get(..MAGIC_BYTES.min(head.len())).unwrap_or_default();
    Ok(match archive::compression(head)? {
        None => Box::new(raw),
        Some(compression) => {
            Box::new(Decoder::new(raw, compression, limits::ZSTD_WINDOW_LOG2_MAX)?)
        }
    })
}

fn open_file(path: &str) -> io::Result<Box<dyn Read + Send>> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
    }
    Ok(Box::new(File::open(path)?))
}

/// Counts what is read.
struct Metered {
    raw: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
