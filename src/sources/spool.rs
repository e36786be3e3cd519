//! A stream kept in a folder of segments, for sources that can't be read again.
//!
//! In: bytes, appended before they count. Out: the same bytes at their offsets, until they are
//! released. A segment's name is the offset of its first byte; the folder and its files are
//! private. Bytes survive a crash of the process; a power cut only those before a [`Writer::sync`].

use super::content::{Content, read_plain};
use super::marks::file_name;
use crate::event::Origin;
use crate::{clock, limits};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where the spool of a source lies.
pub(super) fn folder(state_dir: &Path, source: &str) -> PathBuf {
    state_dir.join(format!("spool-{}", file_name(source)))
}

/// The stream that `origin` names, when it is the one in its source's spool.
pub(super) fn open_stream(
    state_dir: Option<&Path>,
    origin: &Origin,
) -> io::Result<Option<Content>> {
    let Some(state_dir) = state_dir else {
        return Ok(None);
    };
    let folder = folder(state_dir, &origin.source);
    match fs::read_to_string(folder.join("stream")) {
        Ok(name) if name == *origin.stream => {
            Ok(Some(Content::Spool(Box::new(Segments::new(folder)))))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The segments in a folder: the offset at which each begins, in order.
fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut starts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let start = name.to_str().and_then(|name| name.strip_suffix(".part"));
        starts.extend(start.and_then(|start| start.parse::<u64>().ok()));
    }
    starts.sort_unstable();
    Ok(starts)
}

fn segment(folder: &Path, start: u64) -> PathBuf {
    folder.join(format!("{start:020}.part"))
}

/// The reading side.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    /// The segment read last, and where it begins.
    open: Option<(u64, File)>,
}

impl Segments {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, open: None }
    }

    pub(super) fn metadata(&self) -> io::Result<fs::Metadata> {
        fs::metadata(&self.folder)
    }

    /// The offset after the last byte.
    pub(super) fn len(&self) -> io::Result<u64> {
        match list(&self.folder)?.last() {
            Some(start) => Ok(start + fs::metadata(segment(&self.folder, *start))?.len()),
            None => Ok(0),
        }
    }

    /// The first byte that is still kept.
    pub(super) fn first(&self) -> io::Result<u64> {
        Ok(list(&self.folder)?.first().copied().unwrap_or(0))
    }

    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let rest = buffer.get_mut(filled..).unwrap_or_default();
            if let Some((start, file)) = &self.open
                && *start <= at
            {
                let count = read_plain(file, at - start, rest)?;
                filled += count;
                if count > 0 {
                    continue;
                }
            }
            if !self.turn_to(at)? {
                break;
            }
        }
        Ok(filled)
    }

    /// Opens the segment that holds `offset`; false when no further one does.
    fn turn_to(&mut self, offset: u64) -> io::Result<bool> {
        let starts = list(&self.folder)?;
        let Some(start) = starts.into_iter().rfind(|start| *start <= offset) else {
            return Ok(false);
        };
        if self.open.as_ref().is_some_and(|(open, _)| *open == start) {
            return Ok(false);
        }
        let file = File::open(segment(&self.folder, start))?;
        let holds = file.metadata()?.len() > offset - start;
        self.open = Some((start, file));
        Ok(holds)
    }
}

/// Calls `each` with the offset of every whole line that is kept, and the line without its break.
pub(super) fn each_line(folder: &Path, mut each: impl FnMut(u64, &[u8])) -> io::Result<()> {
    for start in list(folder)? {
        let mut at = start;
        // A segment holds whole lines and is of a bounded size.
        for line in fs::read(segment(folder, start))?.split_inclusive(|byte| *byte == b'\n') {
            if let Some(whole) = line.strip_suffix(b"\n") {
                each(at, whole);
            }
            at += line.len() as u64;
        }
    }
    Ok(())
}

/// What becomes of a line that a crash cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It is ended: what there is of it exists nowhere else.
    End,
    /// It is taken out: it was not acknowledged, so it comes again.
    Drop,
}

/// The writing side.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    /// The stream's name, made once for a folder.
    pub stream: String,
    file: File,
    start: u64,
    len: u64,
    last: u8,
    /// What a failed write has left could not be cut off yet.
    torn: bool,
    /// The first offset that was kept when it was looked for last; it only grows.
    first: u64,
    /// Segments that were ended since the last [`Writer::sync`], of which the disk may know nothing.
    ended: Vec<File>,
    /// Whether [`Writer::sync`] is called at all.
    pub durable: bool,
}

impl Writer {
    /// Opens or makes the spool.
    pub(super) fn open(folder: PathBuf, cut: Cut) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let name = folder.join("stream");
        let stream = match fs::read_to_string(&name) {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let stream = format!("spool-{:x}", clock::now().as_micros());
                private(&name)?.write_all(stream.as_bytes())?;
                stream
            }
            Err(error) => return Err(error),
        };
        let start = list(&folder)?.last().copied().unwrap_or(0);
        let file = append(&segment(&folder, start))?;
        if cut == Cut::Drop {
            let bytes = fs::read(segment(&folder, start))?;
            let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |place| place + 1);
            if whole < bytes.len() {
                file.set_len(whole as u64)?;
            }
        }
        let len = file.metadata()?.len();
        let mut last = [b'\n'];
        if len > 0 {
            File::open(segment(&folder, start))?.read_at(&mut last, len - 1)?;
        }
        let [last] = last;
        let mut writer = Self {
            folder,
            stream,
            file,
            start,
            len,
            last,
            torn: false,
            first: 0,
            ended: Vec::new(),
            durable: false,
        };
        writer.end_line()?;
        Ok(writer)
    }

    /// Appends bytes; a segment ends after the write that fills it.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_full() {
            let start = self.end();
            let next = append(&segment(&self.folder, start))?;
            let full = std::mem::replace(&mut self.file, next);
            if self.durable {
                self.ended.push(full);
            }
            (self.start, self.len) = (start, 0);
        }
        // What a failed write has left is cut off, so that trying again doubles nothing; where that
        // fails too, it is done before the next write.
        if self.torn {
            self.file.set_len(self.len)?;
            self.torn = false;
        }
        if let Err(error) = self.file.write_all(bytes) {
            self.torn = self.file.set_len(self.len).is_err();
            return Err(error);
        }
        self.len += bytes.len() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
        Ok(())
    }

    /// Waits until the disk has all that was written: it then survives a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        for file in &self.ended {
            file.sync_data()?;
        }
        self.file.sync_data()?;
        // New segments have names in the folder, and the folder has one in the state's.
        File::open(&self.folder)?.sync_all()?;
        self.ended.clear();
        Ok(())
    }

    /// Whether the next write begins a segment.
    pub(super) fn is_full(&self) -> bool {
        self.len >= limits::SPOOL_SEGMENT_BYTES_MAX
    }

    /// The offset after the last byte.
    pub(super) fn end(&self) -> u64 {
        self.start + self.len
    }

    /// Ends a line that has no end.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
        if self.last == b'\n' { Ok(()) } else { self.write(b"\n") }
    }

    /// Whether so many bytes are kept. The folder is looked through only where that may be so.
    pub(super) fn keeps(&mut self, bytes: u64) -> bool {
        let enough = |writer: &Self| writer.end().saturating_sub(writer.first) >= bytes;
        if !enough(self) {
            return false;
        }
        let Ok(starts) = list(&self.folder) else { return false };
        self.first = starts.first().copied().unwrap_or(0);
        enough(self)
    }
}

/// Removes the segments that end well before `offset`; the last one always stays.
pub(super) fn release(folder: &Path, offset: u64) -> io::Result<()> {
    // The reader compares some bytes before its place.
    let keep = offset.saturating_sub(limits::STREAM_MARK_BYTES_MAX as u64);
    let starts = list(folder)?;
    for (start, next) in starts.iter().zip(starts.iter().skip(1)) {
        if *next > keep {
            break;
        }
        fs::remove_file(segment(folder, *start))?;
    }
    Ok(())
}

pub(super) fn private(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn append(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
