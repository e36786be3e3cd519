//! One look at a file: whether it changed, whether it is to be believed, and the copy of what is.

use super::next_version;
use crate::event::text::escape;
use crate::geo::config::Role;
use crate::geo::copies::Copies;
use crate::geo::database::{Database, hexadecimal};
use crate::geo::set::Edition;
use crate::limits;
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// What came of a look.
#[derive(Debug)]
pub enum Refreshed {
    /// It is what is in force.
    Same,
    /// It is another, verified and kept.
    New(Edition),
}

/// Why a file does not count.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was written while it was read; to be looked at again.
    Changing,
    /// It can't be read, is no such database, or isn't believed; in words.
    Bad(String),
}

/// How a file was when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Not looked at yet.
    Never,
    /// It was being written.
    Moving,
    /// Nothing was there.
    Absent,
    /// Its file, length, and when it was written, in nanoseconds.
    There { file: (u64, u64), len: u64, written: (i64, i64) },
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self::There {
            file: (metadata.dev(), metadata.ino()),
            len: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Whether it was written so short ago that more may come.
    pub(super) fn is_fresh(self) -> bool {
        let Self::There { written: (seconds, _), .. } = self else { return false };
        let now = crate::clock::now().as_micros() / 1_000_000;
        let age = now.saturating_sub(seconds);
        (0..=i64::try_from(limits::GEO_SETTLED_SECS).unwrap_or(0)).contains(&age)
    }
}

/// How a file is.
pub(super) fn seen(path: &Path) -> Seen {
    std::fs::metadata(path).map_or(Seen::Absent, |metadata| Seen::of(&metadata))
}

/// Looks at a file; what is new and good is kept before it is given.
pub fn refresh(
    role: Role,
    path: &Path,
    copies: &Copies,
    before: Option<&Edition>,
) -> Result<Refreshed, Trouble> {
    let mut open = Open::new(path).map_err(Trouble::Bad)?;
    if let Some(before) = before
        && open.is(before).map_err(Trouble::Bad)?
    {
        return Ok(Refreshed::Same);
    }
    let bytes = open.read()?;
    let bad = |why: String| Trouble::Bad(format!("`{}` is not used: {why}", open.shown));
    let database = Database::new(bytes).map_err(bad)?;
    database.verify(role).map_err(bad)?;
    let edition = Edition { version: next_version(before), database: Arc::new(database) };
    copies.save(role, &edition).map_err(|error| {
        Trouble::Bad(format!("failed to keep a copy of `{}`: {error}", open.shown))
    })?;
    Ok(Refreshed::New(edition))
}

/// A file as it is now, for one look: nothing of it is kept, and it is not verified.
pub fn read(path: &Path) -> Result<Edition, String> {
    let mut open = Open::new(path)?;
    let bytes = open.read().map_err(|trouble| match trouble {
        Trouble::Changing => format!("`{}` is being written", open.shown),
        Trouble::Bad(why) => why,
    })?;
    let database =
        Database::new(bytes).map_err(|why| format!("`{}` is not used: {why}", open.shown))?;
    Ok(Edition { version: next_version(None), database: Arc::new(database) })
}

/// A file that is believed and not too large.
struct Open {
    file: File,
    metadata: Metadata,
    /// Its path, for people.
    shown: String,
}

impl Open {
    fn new(path: &Path) -> Result<Self, String> {
        let shown = escape(&path.to_string_lossy()).into_owned();
        if let Some(why) = crate::trust::distrust_chain(path) {
            return Err(format!("{}\nhint: {}", why.message, why.hint));
        }
        let failed = |error: io::Error| format!("failed to read `{shown}`: {error}");
        // A pipe in its place must not be waited for.
        let known = std::fs::metadata(path).map_err(failed)?;
        if !known.is_file() {
            return Err(format!("`{shown}` is no file"));
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.len() > limits::GEO_DATABASE_BYTES_MAX {
            let most = limits::GEO_DATABASE_BYTES_MAX / (1024 * 1024);
            return Err(format!("`{shown}` has more than {most} MiB"));
        }
        Ok(Self { file, metadata, shown })
    }

    fn failed(&self, error: &io::Error) -> String {
        format!("failed to read `{}`: {error}", self.shown)
    }

    /// Whether it is what is in force; found out without holding it.
    fn is(&mut self, before: &Edition) -> Result<bool, String> {
        if before.database.bytes() != self.metadata.len() {
            return Ok(false);
        }
        let digest = digest(&self.file).map_err(|error| self.failed(&error))?;
        self.file.rewind().map_err(|error| self.failed(&error))?;
        Ok(digest == before.database.checksum())
    }

    /// All of it, unless it is written meanwhile.
    fn read(&mut self) -> Result<Vec<u8>, Trouble> {
        let len = self.metadata.len();
        let room = usize::try_from(len).unwrap_or(0).saturating_add(1);
        let mut bytes = Vec::with_capacity(room);
        let taken = (&mut self.file).take(room as u64).read_to_end(&mut bytes);
        let after = taken.and_then(|_| self.file.metadata());
        let after = after.map_err(|error| Trouble::Bad(self.failed(&error)))?;
        if Seen::of(&after) != Seen::of(&self.metadata) || bytes.len() as u64 != len {
            return Err(Trouble::Changing);
        }
        bytes.shrink_to_fit();
        Ok(bytes)
    }
}

/// The checksum of a file, without holding it.
fn digest(mut file: &File) -> io::Result<String> {
    let mut sum = Sha256::new();
    let mut piece = vec![0; 128 * 1024];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hexadecimal(&sum.finalize()));
        }
        sum.update(piece.get(..read).unwrap_or_default());
    }
}
