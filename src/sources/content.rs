//! The bytes of a file by their place in the stream, whether the file is plain or compressed.
//!
//! In: a path. Out: bytes at an offset.

use super::archive::{self, MAGIC_BYTES};
use super::packed::Packed;
use super::spool::Segments;
use crate::limits;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// An open file, seen as the stream of bytes that was written to it.
#[derive(Debug)]
pub(super) enum Content {
    /// The file holds the stream itself.
    Plain(File),
    /// The file holds the stream compressed.
    Packed(Box<Packed>),
    /// A folder of segments holds the stream.
    Spool(Box<Segments>),
}

impl Content {
    /// Opens a regular file; a compressed one is recognised by its first bytes.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        let mut magic = [0_u8; MAGIC_BYTES];
        let count = read_plain(&file, 0, &mut magic)?;
        match archive::compression(magic.get(..count).unwrap_or_default())? {
            Some(compression) => Ok(Self::Packed(Box::new(Packed::new(file, compression)))),
            None => Ok(Self::Plain(file)),
        }
    }

    /// Opens a regular file as it is.
    pub(super) fn open_plain(path: &Path) -> io::Result<Self> {
        Ok(Self::Plain(open_regular(path)?))
    }

    /// The open file's metadata.
    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        match self {
            Self::Plain(file) => file.metadata(),
            Self::Packed(packed) => packed.file().metadata(),
            Self::Spool(segments) => segments.metadata(),
        }
    }

    /// Whether the file is finished by its nature.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// How many bytes the stream has; of a compressed one see [`Packed::len`].
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => Ok(file.metadata()?.len()),
            Self::Packed(packed) => packed.len(),
            Self::Spool(segments) => segments.len(),
        }
    }

    /// Whether the stream surely ends at `offset` or before.
    pub(super) fn ends_at(&mut self, offset: u64) -> io::Result<bool> {
        match self {
            Self::Plain(_) | Self::Spool(_) => Ok(self.len()? <= offset),
            Self::Packed(packed) => packed.ends_at(offset),
        }
    }

    /// Fills `buffer` from `offset` on; fewer bytes mean the end of what is written.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => read_plain(file, offset, buffer),
            Self::Packed(packed) => packed.read_at(offset, buffer),
            Self::Spool(segments) => segments.read_at(offset, buffer),
        }
    }

    /// The bytes just before `offset`, at most `limits::STREAM_MARK_BYTES_MAX`; fewer where the
    /// stream ends earlier.
    pub(super) fn before(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        let len = offset.min(limits::STREAM_MARK_BYTES_MAX as u64);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let count = self.read_at(offset - len, &mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// The next offset at or after `offset` that holds written data, where the file system knows
    /// of holes; else `offset`.
    pub(super) fn next_data(&self, offset: u64) -> u64 {
        match self {
            Self::Plain(file) => {
                rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)).unwrap_or(offset)
            }
            Self::Packed(_) | Self::Spool(_) => offset,
        }
    }
}

/// Opens a regular file and refuses everything else: opening a pipe would wait for its writer.
fn open_regular(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

pub(super) fn read_plain(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
