//! The bytes of a file by their place in the stream, whether the file is plain or gzipped.
//!
//! In: a path. Out: bytes at an offset. Gzip is read forwards through a small window; asking for
//! an earlier place begins again from the start.

use super::spool::Segments;
use crate::limits;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// An open file, seen as the stream of bytes that was written to it.
#[derive(Debug)]
pub(super) enum Content {
    /// The file holds the stream itself.
    Plain(File),
    /// The file holds the stream compressed.
    Gzip(Box<Gzip>),
    /// A folder of segments holds the stream.
    Spool(Box<Segments>),
}

impl Content {
    /// Opens a regular file; gzip is recognised by its first two bytes (RFC 1952 §2.3.1).
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        let mut magic = [0_u8; 2];
        if file.read_at(&mut magic, 0)? == 2 && magic == [0x1f, 0x8b] {
            return Ok(Self::Gzip(Box::new(Gzip::new(file)?)));
        }
        Ok(Self::Plain(file))
    }

    /// Opens a regular file as it is.
    pub(super) fn open_plain(path: &Path) -> io::Result<Self> {
        Ok(Self::Plain(open_regular(path)?))
    }

    /// The open file's metadata.
    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        match self {
            Self::Plain(file) => file.metadata(),
            Self::Gzip(gzip) => gzip.file.metadata(),
            Self::Spool(segments) => segments.metadata(),
        }
    }

    /// Whether the file is finished by its nature.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }

    /// How many bytes the stream has; for gzip what the trailer says, modulo 2^32, of the last
    /// member.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => Ok(file.metadata()?.len()),
            Self::Gzip(gzip) => gzip.trailer_len(),
            Self::Spool(segments) => segments.len(),
        }
    }

    /// Whether the stream surely ends at `offset` or before.
    pub(super) fn ends_at(&self, offset: u64) -> io::Result<bool> {
        match self {
            Self::Plain(_) | Self::Spool(_) => Ok(self.len()? <= offset),
            Self::Gzip(_) => Ok(self.len()? == offset & u64::from(u32::MAX) && offset > 0),
        }
    }

    /// Fills `buffer` from `offset` on; fewer bytes mean the end of what is written.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => read_plain(file, offset, buffer),
            Self::Gzip(gzip) => gzip.read_at(offset, buffer),
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
            Self::Gzip(_) | Self::Spool(_) => offset,
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

fn decoder(reader: File) -> MultiGzDecoder<BufReader<File>> {
    MultiGzDecoder::new(BufReader::with_capacity(32 * 1024, reader))
}

/// A gzip file read forwards.
pub(super) struct Gzip {
    file: File,
    decoder: MultiGzDecoder<BufReader<File>>,
    /// Decoded bytes that may be asked for again.
    window: Vec<u8>,
    /// The stream offset of the window's first byte.
    window_start: u64,
}

impl std::fmt::Debug for Gzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gzip").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Gzip {
    fn new(file: File) -> io::Result<Self> {
        // The clone shares the file's position, which nobody but the decoder uses.
        let decoder = decoder(file.try_clone()?);
        Ok(Self { file, decoder, window: Vec::new(), window_start: 0 })
    }

    fn trailer_len(&self) -> io::Result<u64> {
        let len = self.file.metadata()?.len();
        let mut trailer = [0_u8; 4];
        if len < 18 || self.file.read_at(&mut trailer, len - 4)? < 4 {
            return Ok(0);
        }
        Ok(u64::from(u32::from_le_bytes(trailer)))
    }

    fn rewind(&mut self) -> io::Result<()> {
        let mut reader = self.file.try_clone()?;
        reader.seek(SeekFrom::Start(0))?;
        self.decoder = decoder(reader);
        self.window.clear();
        self.window_start = 0;
        Ok(())
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset < self.window_start {
            self.rewind()?;
        }
        let mut chunk = vec![0_u8; 32 * 1024];
        loop {
            let skip = usize::try_from(offset - self.window_start).unwrap_or(usize::MAX);
            let drop = skip.min(self.window.len());
            self.window.drain(..drop);
            self.window_start += drop as u64;
            if drop == skip && self.window.len() >= buffer.len() {
                break;
            }
            match self.decoder.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => self.window.extend(chunk.iter().take(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.window_start < offset {
            return Ok(0);
        }
        let count = buffer.len().min(self.window.len());
        for (to, from) in buffer.iter_mut().zip(&self.window) {
            *to = *from;
        }
        Ok(count)
    }
}
