//! What a file source remembers beside the engine's cursors: for each stream some bytes' fingerprint
//! just before a place in it, and which paths it has followed.
//!
//! The marks only make recognising surer (two files whose first lines are the same); cursors are
//! the engine's alone. Losing this file loses nothing but that. It is written at most once a
//! second, and put in place as a whole.

use super::identity::{Mark, StreamId};
use crate::{clock, limits};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How following a path began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Begun {
    /// When, in microseconds since the epoch.
    pub since: i64,
    /// The inode that had the name, when it is read from its beginning; else 0.
    pub whole: u64,
}

/// The file's content.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Saved {
    /// When it was written, in microseconds since the epoch.
    written: i64,
    /// By the fingerprint of a followed path, how it began.
    paths: BTreeMap<u64, Begun>,
    /// By the stream's name.
    streams: BTreeMap<String, Mark>,
}

/// The marks of one source.
#[derive(Debug, Default)]
pub(super) struct Marks {
    file: Option<PathBuf>,
    saved: Saved,
    changed: bool,
    /// Whether an earlier run left marks.
    pub known: bool,
}

impl Marks {
    /// Reads the marks of `source` in `folder`; none where there is no folder, or no readable file.
    pub(super) fn open(folder: Option<&Path>, source: &str) -> Self {
        let Some(folder) = folder else {
            return Self::default();
        };
        let file = folder.join(format!("files-{}.json", file_name(source)));
        let saved: Option<Saved> =
            std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            file: Some(file),
            known: saved.is_some(),
            saved: saved.unwrap_or_default(),
            changed: false,
        }
    }

    /// The mark of a stream.
    pub(super) fn get(&self, id: &StreamId) -> Option<Mark> {
        self.saved.streams.get(&id.to_string()).copied()
    }

    /// How following a path began, in this run or an earlier one.
    pub(super) fn begun(&self, path: u64) -> Option<Begun> {
        self.saved.paths.get(&path).copied()
    }

    /// When an earlier run wrote last, in microseconds; 0 for never.
    pub(super) fn written(&self) -> i64 {
        self.saved.written
    }

    /// Remembers that a path is followed from now on; `whole` is the inode that is read from its
    /// beginning, or 0.
    pub(super) fn begin(&mut self, path: u64, whole: u64) {
        let since = clock::now().as_micros();
        self.saved.paths.insert(path, Begun { since, whole });
        self.changed = true;
    }

    /// Remembers a stream's mark.
    pub(super) fn set(&mut self, id: &StreamId, mark: Mark) {
        let name = id.to_string();
        if self.saved.streams.get(&name) == Some(&mark) {
            return;
        }
        self.changed = true;
        self.saved.streams.insert(name, mark);
        while self.saved.streams.len() > limits::STREAMS_KEPT_MAX {
            // The oldest birth goes first.
            let oldest = self
                .saved
                .streams
                .keys()
                .min_by_key(|name| StreamId::parse(name).map_or(0, |id| id.birth))
                .cloned();
            if let Some(oldest) = oldest {
                self.saved.streams.remove(&oldest);
            }
        }
    }

    /// Writes what has changed.
    pub(super) fn save(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.changed) else {
            return Ok(());
        };
        self.saved.written = clock::now().as_micros();
        let bytes = serde_json::to_vec(&self.saved).map_err(io::Error::other)?;
        let fresh = file.with_extension("json.new");
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        out.write_all(&bytes)?;
        drop(out);
        std::fs::rename(&fresh, file)?;
        self.changed = false;
        Ok(())
    }
}

/// A source's name as a part of a file's name.
pub(super) fn file_name(source: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = source.chars().map(|c| if plain(c) { c } else { '_' }).take(64).collect();
    if name == source {
        name
    } else {
        // Two names that become one text stay two files.
        format!("{name}-{:016x}", super::identity::fingerprint(source.as_bytes()))
    }
}
