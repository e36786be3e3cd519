//! Finds the file that holds a stream: under its own name, rotated, copied or compressed.
//!
//! In: the stream's name, a place in it, and what is remembered of the bytes there. Out: an open
//! file, by content alone; the inode is a hint between equals.

use super::content::Content;
use super::identity::Place;
use super::identity::{Mark, StreamId, fingerprint};
use super::rotation::{self, Rotated};
use crate::limits;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A place in a stream that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    pub id: StreamId,
    pub offset: u64,
    /// The bytes just before `offset`, where they are known.
    pub before: Option<Vec<u8>>,
    /// Some other place's fingerprint, where one is known.
    pub mark: Option<Mark>,
}

/// Whether a file holds a stream up to the sought place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holds {
    /// It is another stream.
    No,
    /// It begins as the stream does, and ends before the place.
    Shorter,
    /// By its first bytes and a line's end at the place.
    Likely,
    /// Also by remembered bytes further on, or by its length.
    Surely,
}

/// Compares a file with what is sought.
pub(super) fn holds(content: &mut Content, sought: &Sought) -> io::Result<Holds> {
    if !same_head(content, &sought.id)? {
        return Ok(Holds::No);
    }
    // The same beginning and the same length to the byte: no need to decompress it all.
    if content.is_compressed() && content.ends_at(sought.offset)? {
        return Ok(Holds::Surely);
    }
    let mut sure = false;
    if let Some(mark) = sought.mark.filter(|mark| mark.len > 0) {
        let before = content.before(mark.offset)?;
        if Mark::of(mark.offset, &before) == mark {
            sure = true;
        } else if before.len() == mark.len as usize {
            return Ok(Holds::No);
        }
    }
    let here = content.before(sought.offset)?;
    let whole = sought.offset.min(limits::STREAM_MARK_BYTES_MAX as u64);
    if (here.len() as u64) < whole {
        return Ok(Holds::Shorter);
    }
    if let Some(before) = &sought.before {
        let same = here.ends_with(before);
        return Ok(if same { Holds::Surely } else { Holds::No });
    }
    // A cursor stands after a line break, or at the very end of a finished file.
    let at_line = here.last().is_none_or(|byte| *byte == b'\n');
    if !at_line && !content.ends_at(sought.offset)? {
        return Ok(Holds::No);
    }
    Ok(if sure { Holds::Surely } else { Holds::Likely })
}

fn same_head(content: &mut Content, id: &StreamId) -> io::Result<bool> {
    let mut head = vec![0; id.head_len as usize];
    let count = content.read_at(0, &mut head)?;
    Ok(count == head.len() && count > 0 && fingerprint(&head) == id.head)
}

/// What to know an unnamed file by later: its first bytes; `None` while it is empty.
pub(super) fn beginning(content: &mut Content) -> Option<Sought> {
    let mut head = vec![0; limits::STREAM_HEAD_BYTES_MAX];
    let count = content.read_at(0, &mut head).ok().filter(|count| *count > 0)?;
    head.truncate(count);
    let id = StreamId {
        path: 0,
        birth: 0,
        inode: 0,
        head_len: u32::try_from(count).ok()?,
        head: fingerprint(&head),
    };
    Some(Sought { id, offset: 0, before: None, mark: None })
}

/// The rotated files of a log, the oldest first: beside it, beside the file that it links to, and
/// where `elsewhere` (globs) says.
pub(super) fn rotated(live: &Path, elsewhere: &[String]) -> Vec<Rotated> {
    let mut found: Vec<Rotated> = Vec::new();
    let mut places = Vec::new();
    add_folder(live, &mut found, &mut places);
    if let Ok(target) = std::fs::canonicalize(live)
        && target != live
    {
        add_folder(&target, &mut found, &mut places);
    }
    for pattern in elsewhere {
        for path in glob::glob(pattern).into_iter().flatten().flatten() {
            add(live, path, &mut found, &mut places);
        }
    }
    let mut sorted = rotation::oldest_first(found);
    let excess = sorted.len().saturating_sub(limits::ROTATED_FILES_MAX);
    sorted.drain(..excess);
    sorted
}

fn add_folder(live: &Path, found: &mut Vec<Rotated>, places: &mut Vec<Place>) {
    let Some(folder) = folder_of(live) else {
        return;
    };
    // An unreadable folder is told of where the log itself is opened.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        add(live, entry.path(), found, places);
    }
}

fn add(live: &Path, path: PathBuf, found: &mut Vec<Rotated>, places: &mut Vec<Place>) {
    let names = (name_of(live), name_of(&path));
    let (Some(live), Some(name)) = names else {
        return;
    };
    let Some(form) = rotation::form(live, name) else {
        return;
    };
    let Some(metadata) = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file) else {
        return;
    };
    let place = Place::of(&metadata);
    if places.contains(&place) {
        return;
    }
    places.push(place);
    let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    found.push(Rotated { path, form, place, modified });
}

/// The rotated files of a log with each one open, the oldest first: a moment's picture, taken again
/// when names moved meanwhile. Files that can't be opened are handed to `failed`.
pub(super) fn open_rotated(
    live: &Path,
    elsewhere: &[String],
    mut failed: impl FnMut(&Path, &io::Error),
) -> Vec<(Rotated, Content)> {
    let mut files = rotated(live, elsewhere);
    for attempt in 0..limits::PICTURE_ATTEMPTS_MAX {
        let last = attempt + 1 == limits::PICTURE_ATTEMPTS_MAX;
        let mut opened = Vec::new();
        let mut faults = Vec::new();
        for file in &files {
            match Content::open(&file.path) {
                Ok(content) => opened.push((file.clone(), content)),
                Err(error) => faults.push((file.path.clone(), error)),
            }
        }
        let same = opened.iter().all(|(file, content)| {
            content.metadata().is_ok_and(|data| Place::of(&data) == file.place)
        });
        let now = rotated(live, elsewhere);
        let moved = now.len() != files.len()
            || now.iter().zip(&files).any(|(a, b)| a.path != b.path || a.place != b.place);
        if last || (same && !moved) {
            for (path, error) in &faults {
                failed(path, error);
            }
            return opened;
        }
        files = now;
        std::thread::sleep(Duration::from_millis(2));
    }
    Vec::new()
}

/// A path's last part, where it is text.
pub(super) fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The folder that a path lies in; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> Option<&Path> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Some(Path::new(".")),
        other => other,
    }
}
