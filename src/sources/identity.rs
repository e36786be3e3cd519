//! What names one incarnation of a file, for ever.
//!
//! A stream's name is made once, when its first record is read, and is carried by every cursor:
//! `f1-<path>-<birth>-<inode>-<length>-<head>` with
//! - `path`: a fingerprint of the path it was followed at (which log it belongs to),
//! - `birth`: when it was named, in microseconds, unique within a source: two files with the same
//!   first lines are two streams,
//! - `inode`: the inode it had then, a hint only,
//! - `length`, `head`: a fingerprint of its first bytes, by which the file is found again when it
//!   was renamed, copied or compressed.
//!
//! All numbers but `length` are hexadecimal. A fingerprint is the first 8 bytes of SHA-256, so it
//! is the same on every machine and in every version.

use crate::limits;
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Which inode on which device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub device: u64,
    pub inode: u64,
}

impl Place {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The parts of a stream's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StreamId {
    pub path: u64,
    pub birth: u64,
    pub inode: u64,
    pub head_len: u32,
    pub head: u64,
}

impl StreamId {
    /// Reads a name; `None` when it names no file stream.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        if parts.next() != Some("f1") {
            return None;
        }
        let mut hex = || u64::from_str_radix(parts.next()?, 16).ok();
        let (path, birth, inode) = (hex()?, hex()?, hex()?);
        let head_len: u32 = parts.next()?.parse().ok()?;
        let head = u64::from_str_radix(parts.next()?, 16).ok()?;
        let sound = parts.next().is_none() && head_len as usize <= limits::STREAM_HEAD_BYTES_MAX;
        sound.then_some(Self { path, birth, inode, head_len, head })
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "f1-{:016x}-{:x}-{:x}-{}-{:016x}",
            self.path, self.birth, self.inode, self.head_len, self.head
        )
    }
}

/// The fingerprint of some bytes.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// The fingerprint of a path as configured.
pub(super) fn path_fingerprint(path: &Path) -> u64 {
    fingerprint(path.as_os_str().as_encoded_bytes())
}

/// Bytes that lie just before a place in a stream, as remembered to know the stream again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Mark {
    /// The place: the bytes end here.
    pub offset: u64,
    /// How many they are.
    pub len: u32,
    /// Their fingerprint.
    pub print: u64,
}

impl Mark {
    /// The mark of `before`, which ends at `offset`.
    pub(super) fn of(offset: u64, before: &[u8]) -> Self {
        Self { offset, len: u32::try_from(before.len()).unwrap_or(0), print: fingerprint(before) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let id = StreamId {
            path: path_fingerprint(Path::new("/var/log/a.log")),
            birth: 0x0006_4000_1234_5678,
            inode: 77,
            head_len: 200,
            head: fingerprint(b"first line\n"),
        };
        assert_eq!(StreamId::parse(&id.to_string()), Some(id));
        for bad in ["", "f1", "f1-1-2-3-4", "f1-1-2-3-99999999-5", "f2-1-2-3-4-5", "f1-1-2-3-4-5-6"]
        {
            assert_eq!(StreamId::parse(bad), None, "{bad}");
        }
        // The value is part of the stored state: it may never change.
        assert_eq!(fingerprint(b"abc"), 0xba78_16bf_8f01_cfea);
    }
}
