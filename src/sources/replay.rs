//! Reads whole log files, as fast as it can, for a replay.
//!
//! In: a path (plain or gzip, told by the first bytes) or `-` for stdin. Out: batches with line
//! numbers, in the file's order, the last line with or without its break. Several files are read
//! in the order that the caller opens them; [`Replay::peek`] shows the first line, so that the
//! caller can put rotated files in the order of their time stamps.

use super::lines;
use crate::clock::{self, Timestamp};
use crate::event::{Batch, Origin, RecordSpan};
use crate::limits;
use crate::telemetry::{counter, names};
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

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

/// One file (or stdin) being replayed.
pub struct Replay {
    origin: Arc<Origin>,
    /// Absent while a file that can be opened again is closed.
    reader: Option<Box<dyn Read + Send>>,
    /// It can be opened again and read from its beginning.
    reopens: bool,
    /// Bytes that were read and belong to the next batch.
    rest: Vec<u8>,
    /// The stream offset of the first byte of `rest`.
    offset: u64,
    /// The number of the next line.
    line: u64,
    /// When the file was last written: what stamps without a year are read by.
    arrival: Timestamp,
    ended: bool,
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
    /// Opens a file, or stdin for `-`. The batches' origin has `path` as both source and stream;
    /// offsets are those of the uncompressed bytes.
    pub fn open(path: &str) -> Result<Self, ReplayError> {
        let raw: Result<Box<dyn Read + Send>, io::Error> =
            if path == "-" { Ok(Box::new(io::stdin())) } else { open_file(path) };
        let opened = raw.and_then(|raw| Self::from_reader(path, raw));
        let mut replay = opened.map_err(|error| ReplayError { path: Arc::from(path), error })?;
        replay.reopens = path != "-" && std::fs::metadata(path).is_ok_and(|data| data.is_file());
        Ok(replay)
    }

    /// Replays what any reader gives, under the name `path`.
    pub fn from_reader(path: &str, raw: Box<dyn Read + Send>) -> io::Result<Self> {
        let reader = Some(decoded(raw)?);
        let name: Arc<str> = Arc::from(path);
        Ok(Self {
            origin: Arc::new(Origin { source: Arc::clone(&name), stream: name }),
            reader,
            reopens: false,
            rest: Vec::new(),
            offset: 0,
            line: 1,
            arrival: written(path),
            ended: false,
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

    /// How many bytes of the (uncompressed) stream were given so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Closes a file of which nothing was given yet, where it can be opened again: what was looked at
    /// ahead is read once more. Others stay open.
    pub fn park(&mut self) {
        if self.reopens && self.offset == 0 {
            self.reader = None;
            self.rest = Vec::new();
            self.ended = false;
        }
    }

    /// The bytes that the next batch will be made from, for a look at the format; empty at the end.
    pub fn peek_block(&mut self) -> Result<&[u8], ReplayError> {
        self.peek()?;
        Ok(&self.rest)
    }

    /// The first line that was not given yet, as far as a block holds it; `None` at the end.
    pub fn peek(&mut self) -> Result<Option<&[u8]>, ReplayError> {
        let mut block = std::mem::take(&mut self.rest);
        let filled = self.fill(&mut block);
        self.rest = block;
        filled?;
        let end = memchr::memchr(b'\n', &self.rest).unwrap_or(self.rest.len());
        let line = self.rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok((!self.rest.is_empty()).then_some(line))
    }

    /// The next batch; `None` at the end. An empty line is a record too, so that line `i` of a
    /// batch has the number `first_line + i`.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ReplayError> {
        let mut block = std::mem::take(&mut self.rest);
        self.fill(&mut block)?;
        if block.is_empty() {
            return Ok(None);
        }
        let mut records = Vec::with_capacity(block.len() / 128 + 1);
        let split = lines::split(&block, self.offset, self.ended, &mut records);
        if split.consumed == 0 {
            return self.long_line(block).map(Some);
        }
        counter(names::RECORDS_TRUNCATED).add(split.truncated);
        self.rest = block.get(split.consumed..).unwrap_or_default().to_vec();
        block.truncate(split.consumed);
        Ok(Some(self.give(Bytes::from(block), records, split.consumed as u64)))
    }

    fn give(&mut self, block: Bytes, records: Vec<RecordSpan>, consumed: u64) -> Batch {
        let (from, to) = (self.offset, self.offset + consumed);
        let first_line = self.line;
        self.offset = to;
        self.line += records.len() as u64;
        let mut batch = lines::batch(&self.origin, block, records, from, to);
        batch.first_line = first_line;
        batch.arrival = self.arrival;
        batch
    }

    /// Fills the block from the reader.
    fn fill(&mut self, block: &mut Vec<u8>) -> Result<(), ReplayError> {
        let room = limits::BATCH_BYTES_MAX.saturating_sub(block.len());
        if self.ended || room == 0 {
            return Ok(());
        }
        block.reserve_exact(room);
        let count = self
            .reader()
            .and_then(|reader| reader.take(room as u64).read_to_end(block))
            .map_err(|error| ReplayError { path: Arc::clone(&self.origin.source), error })?;
        self.ended = count < room;
        Ok(())
    }

    /// The open file; opened again where it was closed.
    fn reader(&mut self) -> io::Result<&mut Box<dyn Read + Send>> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => decoded(open_file(&self.origin.source)?)?,
        };
        Ok(self.reader.insert(reader))
    }

    /// A line that is longer than a block: its beginning is given, the rest skipped.
    fn long_line(&mut self, mut block: Vec<u8>) -> Result<Batch, ReplayError> {
        let mut kept: Vec<u8> = Vec::new();
        let (mut begins, mut passed) = (self.offset, 0_u64);
        loop {
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
                break;
            }
            block.clear();
            self.fill(&mut block)?;
            if block.is_empty() {
                break;
            }
        }
        // An empty record, where the line held NULs alone, keeps the count of lines right.
        let mut records = Vec::new();
        kept.push(b'\n');
        let split = lines::split(&kept, begins, true, &mut records);
        counter(names::RECORDS_TRUNCATED).add(split.truncated);
        Ok(self.give(Bytes::from(kept), records, passed))
    }
}

/// When a file was last written; now for what is no file.
fn written(path: &str) -> Timestamp {
    let since_epoch = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)
        .and_then(|metadata| metadata.modified().ok())
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since_epoch.map_or_else(clock::now, |since| Timestamp::EPOCH.plus(since))
}

impl Iterator for Replay {
    type Item = Result<Batch, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

/// The bytes as they were before they were compressed.
fn decoded(raw: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut raw = BufReader::with_capacity(limits::REPLAY_READ_BYTES, raw);
    let gzip = raw.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzip { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) })
}

fn open_file(path: &str) -> io::Result<Box<dyn Read + Send>> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
    }
    Ok(Box::new(File::open(path)?))
}
