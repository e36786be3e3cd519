//! Reads a recorded range again after a crash: the same bytes, the same records, wherever the file
//! is now.
//!
//! In: a stream's name and a range that a batch once covered. Out: that batch again. What the
//! engine does with it is its own business.

use super::content::Content;
use super::identity::Place;
use super::identity::{StreamId, path_fingerprint};
use super::joined::{self, Join};
use super::lines;
use super::locate::{self, Holds, Sought};
use super::marks::Marks;
use super::spool;
use crate::event::{Batch, Origin, RecordSpan};
use crate::limits;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A range that can't be read again.
#[derive(Debug, thiserror::Error)]
pub enum RereadError {
    /// No file holds the stream (up to the end of the range) any more.
    #[error("no file holds bytes {from} to {to} of stream `{stream}` of source `{origin}`")]
    Gone {
        /// The source's name.
        origin: Arc<str>,
        /// The stream's name.
        stream: Arc<str>,
        /// The range's first byte.
        from: u64,
        /// The byte after the range.
        to: u64,
    },
    /// A file that holds it can't be read.
    #[error("failed to read stream `{stream}` again: {error}")]
    Read {
        /// The stream's name.
        stream: Arc<str>,
        /// Why.
        error: io::Error,
    },
}

/// Reads one range again; for many, a [`Rereader`] keeps what it has found open.
///
/// `paths` are the configured paths and patterns of the source.
pub fn reread(origin: &Origin, from: u64, to: u64, paths: &[String]) -> Result<Batch, RereadError> {
    Rereader::new(paths.to_vec(), Vec::new(), None).reread(origin, from, to)
}

/// Finds the files of a source's streams and reads ranges of them again.
#[derive(Debug)]
pub struct Rereader {
    paths: Vec<String>,
    rotated: Vec<String>,
    state_dir: Option<PathBuf>,
    join: Join,
    open: HashMap<Arc<str>, Content>,
    /// Streams that were waited for in vain: their other ranges are looked for once. A start with
    /// hundreds of such ranges would else take a minute.
    gone: HashSet<Arc<str>>,
}

impl Rereader {
    /// For a source with these `paths` and `rotated` patterns; `state_dir` as in its config.
    pub fn new(paths: Vec<String>, rotated: Vec<String>, state_dir: Option<PathBuf>) -> Self {
        let (open, gone) = (HashMap::new(), HashSet::new());
        Self { paths, rotated, state_dir, join: Join::No, open, gone }
    }

    /// The same for a source whose lines may go on in the next ones.
    #[must_use]
    pub fn joining(mut self, join: Join) -> Self {
        self.join = join;
        self
    }

    /// The records of `from..to`, which must be the range of one or of several adjoining batches.
    /// Their boundaries, offsets and bytes are those of the first time; only `arrival` is now.
    pub fn reread(&mut self, origin: &Origin, from: u64, to: u64) -> Result<Batch, RereadError> {
        let failed = |error| RereadError::Read { stream: Arc::clone(&origin.stream), error };
        if from >= to {
            let origin = Arc::new(origin.clone());
            return Ok(lines::batch(&origin, Bytes::new(), Vec::new(), from, from));
        }
        let attempts = if self.gone.contains(&origin.stream) { 1 } else { 5 };
        for attempt in 0..attempts {
            if attempt > 0 {
                // A rotation may be moving the file just now.
                std::thread::sleep(Duration::from_millis(limits::COPY_PAUSE_MILLIS));
            }
            let known = self.open.remove(&origin.stream);
            let known = known.filter(|_| attempt == 0);
            let found = match known.and_then(|content| self.still_holds(content, origin, to)) {
                Some(content) => Some(content),
                None => self.find(origin, to).map_err(failed)?,
            };
            let Some(mut content) = found else {
                continue;
            };
            let read = read_range(&mut content, origin, (from, to), self.join);
            if let Some(batch) = read.map_err(failed)? {
                self.open.insert(Arc::clone(&origin.stream), content);
                return Ok(batch);
            }
        }
        self.gone.insert(Arc::clone(&origin.stream));
        Err(RereadError::Gone {
            origin: Arc::clone(&origin.source),
            stream: Arc::clone(&origin.stream),
            from,
            to,
        })
    }

    /// A plain file that is open may have been truncated since; a compressed one stays as it is.
    fn still_holds(&self, mut content: Content, origin: &Origin, to: u64) -> Option<Content> {
        let Some(id) = StreamId::parse(&origin.stream) else {
            return Some(content);
        };
        let sought = self.sought(id, origin, to);
        let same = content.is_compressed()
            || locate::holds(&mut content, &sought).is_ok_and(|holds| holds > Holds::Shorter);
        same.then_some(content)
    }

    fn sought(&self, id: StreamId, origin: &Origin, to: u64) -> Sought {
        let marks = Marks::open(self.state_dir.as_deref(), &origin.source);
        Sought { id, offset: to, before: None, mark: marks.get(&id) }
    }

    fn find(&self, origin: &Origin, to: u64) -> io::Result<Option<Content>> {
        let Some(id) = StreamId::parse(&origin.stream) else {
            let folder = self.state_dir.as_deref();
            return spool::open_stream(folder, origin);
        };
        let sought = self.sought(id, origin, to);
        let mut best: Option<(Holds, bool, Content)> = None;
        for path in self.candidates(&id) {
            let Ok(mut content) = Content::open(&path) else {
                continue;
            };
            let holds = locate::holds(&mut content, &sought).unwrap_or(Holds::No);
            if holds <= Holds::Shorter {
                continue;
            }
            let inode = Place::of(&content.metadata()?).inode == id.inode;
            if best.as_ref().is_none_or(|(known, same, _)| (holds, inode) > (*known, *same)) {
                best = Some((holds, inode, content));
            }
        }
        Ok(best.map(|(_, _, content)| content))
    }

    /// The files that may hold the stream: its own log and what that was rotated to; where the
    /// path is not configured any more, every configured one.
    fn candidates(&self, id: &StreamId) -> Vec<PathBuf> {
        let mut logs: Vec<PathBuf> = Vec::new();
        for pattern in &self.paths {
            logs.push(PathBuf::from(pattern));
            logs.extend(glob::glob(pattern).into_iter().flatten().flatten());
        }
        let own: Vec<PathBuf> =
            logs.iter().filter(|path| path_fingerprint(path) == id.path).take(1).cloned().collect();
        let logs = if own.is_empty() { logs } else { own };
        let mut files = Vec::new();
        for log in logs {
            let rotated = locate::rotated(Path::new(&log), &self.rotated);
            files.push(log);
            files.extend(rotated.into_iter().rev().map(|file| file.path));
        }
        files
    }
}

/// `None` when the stream ends before `to`.
fn read_range(
    content: &mut Content,
    origin: &Origin,
    (from, to): (u64, u64),
    join: Join,
) -> io::Result<Option<Batch>> {
    let mut block = Vec::new();
    let mut records: Vec<RecordSpan> = Vec::new();
    let mut buffer = vec![0; limits::BATCH_BYTES_MAX];
    let mut at = from;
    while at < to {
        let want = usize::try_from(to - at).unwrap_or(usize::MAX).min(buffer.len());
        let Some(part) = buffer.get_mut(..want) else {
            return Ok(None);
        };
        if content.read_at(at, part)? < want {
            return Ok(None);
        }
        let finished = at + want as u64 == to;
        let mut fresh = Vec::new();
        let split = joined::split(part, at, finished, join, &mut fresh);
        if split.consumed == 0 {
            let (kept, begins, end) = long_line(content, at, to)?;
            lines::split(&kept, begins, true, &mut fresh);
            append(&mut block, &mut records, &kept, &fresh);
            at = end;
        } else {
            append(
                &mut block,
                &mut records,
                part.get(..split.consumed).unwrap_or_default(),
                &fresh,
            );
            at += split.consumed as u64;
        }
    }
    let origin = Arc::new(origin.clone());
    Ok(Some(lines::batch(&origin, Bytes::from(block), records, from, to)))
}

fn append(block: &mut Vec<u8>, records: &mut Vec<RecordSpan>, bytes: &[u8], fresh: &[RecordSpan]) {
    let base = u32::try_from(block.len()).unwrap_or(u32::MAX);
    records.extend(
        fresh.iter().map(|span| RecordSpan { start: span.start.saturating_add(base), ..*span }),
    );
    block.extend_from_slice(bytes);
}

/// The kept beginning of a line that is longer than a buffer, where that begins after a run of
/// NULs, and the offset after the line.
fn long_line(content: &mut Content, from: u64, to: u64) -> io::Result<(Vec<u8>, u64, u64)> {
    let mut kept: Vec<u8> = Vec::new();
    let (mut at, mut begins) = (from, from);
    let mut buffer = vec![0; limits::BATCH_BYTES_MAX];
    while at < to {
        let want = usize::try_from(to - at).unwrap_or(usize::MAX).min(buffer.len());
        let count = match buffer.get_mut(..want) {
            Some(part) => content.read_at(at, part)?,
            None => 0,
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        let nuls = if kept.is_empty() { lines::leading_nuls(chunk) } else { 0 };
        if kept.is_empty() {
            begins = at + nuls as u64;
        }
        let rest = chunk.get(nuls..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest);
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let room = (limits::RECORD_BYTES_MAX + 2).saturating_sub(kept.len());
        kept.extend_from_slice(line.get(..room).unwrap_or(line));
        at += (nuls + line.len() + usize::from(end.is_some())) as u64;
        if end.is_some() {
            return Ok((kept, begins, at));
        }
    }
    Ok((kept, begins, to))
}
