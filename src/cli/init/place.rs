//! A machine's files, seen below a folder that stands for its root: `/` in earnest, any other
//! folder to look at a mounted system or, in tests, at a made one.
//!
//! In: paths as the machine itself has them. Out: what is there. Nothing is written.

use crate::limits::{INIT_CONFIG_FILES_MAX, INIT_FILE_BYTES_MAX};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The root of a machine's files.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// Below this folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where a path of the machine is for us.
    pub fn real(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Whether something is at the path.
    pub fn has(&self, path: &str) -> bool {
        self.real(path).exists()
    }

    /// A text file, cut at a bound; `None` where it can't be read.
    pub fn read(&self, path: &str) -> Option<String> {
        let file = File::open(self.real(path)).ok()?;
        let mut bytes = Vec::new();
        file.take(INIT_FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The paths that a pattern stands for, as the machine has them, in order.
    pub fn glob(&self, pattern: &str) -> Vec<String> {
        let Some(below) = self.root.to_str().map(|root| root.trim_end_matches('/')) else {
            return Vec::new();
        };
        let pattern = format!("{}{pattern}", glob::Pattern::escape(below));
        let Ok(found) = glob::glob(&pattern) else { return Vec::new() };
        found
            .flatten()
            .filter_map(|path| Some(path.to_str()?.get(below.len()..)?.to_owned()))
            .take(INIT_CONFIG_FILES_MAX)
            .collect()
    }

    /// Seconds since the file was written last.
    pub fn age_secs(&self, path: &str) -> Option<u64> {
        let written = std::fs::metadata(self.real(path)).ok()?.modified().ok()?;
        Some(written.elapsed().map_or(0, |age| age.as_secs()))
    }

    /// Whether this process may read the file.
    pub fn readable(&self, path: &str) -> bool {
        File::open(self.real(path)).is_ok()
    }
}

/// The whole lines at the end of a file, at most `bytes_max` of them, oldest first.
pub fn last_lines(path: &Path, bytes_max: u64) -> std::io::Result<Vec<bytes::Bytes>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let start = size.saturating_sub(bytes_max);
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.take(bytes_max).read_to_end(&mut text)?;
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // What follows the last line break is no line yet, or nothing.
    lines.pop();
    if start > 0 && !lines.is_empty() {
        lines.remove(0);
    }
    Ok(lines.into_iter().map(bytes::Bytes::copy_from_slice).collect())
}
