//! The cursors that a source's program has given its records: the last one, to go on from, and the
//! ones before, to know what is said once more.
//!
//! In: the frames of a spool at start, then each cursor as it is kept. Out: whether one is known.
//! The spool itself is what remembers; of a cursor older than what it keeps, the last one is in a
//! file of its own.

use super::spool::{self, Writer};
use crate::event::frame;
use crate::limits;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// The cursors of one spool.
#[derive(Debug)]
pub(super) struct Cursors {
    folder: PathBuf,
    last: Option<String>,
    order: VecDeque<u128>,
    known: HashSet<u128>,
}

impl Cursors {
    /// The cursors of all frames that the spool still holds.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let last = match std::fs::read_to_string(folder.join("cursor")) {
            Ok(last) => Some(last),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut cursors =
            Self { folder: folder.to_owned(), last, order: VecDeque::new(), known: HashSet::new() };
        spool::each_line(folder, |_, line| {
            if let Some(cursor) = frame::cursor(line) {
                cursors.note(cursor);
            }
        })?;
        Ok(cursors)
    }

    /// The cursor of the last record that has one.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Whether a record with this cursor is kept already.
    pub(super) fn knows(&self, cursor: &str) -> bool {
        self.known.contains(&fingerprint(cursor))
    }

    /// A record with this cursor was kept.
    pub(super) fn note(&mut self, cursor: String) {
        let print = fingerprint(&cursor);
        self.last = Some(cursor);
        if self.known.insert(print) {
            self.order.push_back(print);
        }
        while self.order.len() > limits::SOURCE_CURSORS_KNOWN_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// Writes the last cursor down where the next write begins a segment: those before it may be
    /// removed when they are done.
    pub(super) fn before_a_segment(&self, writer: &Writer) -> io::Result<()> {
        match &self.last {
            Some(last) if writer.is_full() => {
                let part = self.folder.join("cursor.part");
                io::Write::write_all(&mut spool::private(&part)?, last.as_bytes())?;
                std::fs::rename(part, self.folder.join("cursor"))
            }
            _ => Ok(()),
        }
    }
}

/// Long enough that two of one source never meet.
fn fingerprint(cursor: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, cursor).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    (half(1) << 64) | half(2)
}
