//! A compressed file as the stream that was compressed, read at any place.
//!
//! In: an open file. Out: bytes at an offset. It is read forwards through a small window; asking for
//! an earlier place begins again from the start. A file that is still being written fails until it
//! is whole.

use super::archive::{Compression, Decoder};
use crate::limits;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

/// A compressed file read forwards.
pub(super) struct Packed {
    file: File,
    compression: Compression,
    /// Absent where it must begin again.
    decoder: Option<Decoder<BufReader<File>>>,
    /// Decoded bytes that may be asked for again.
    window: Vec<u8>,
    /// The stream offset of the window's first byte.
    window_start: u64,
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed")
            .field("file", &self.file)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

impl Packed {
    pub(super) fn new(file: File, compression: Compression) -> Self {
        Self { file, compression, decoder: None, window: Vec::new(), window_start: 0 }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// How many bytes the stream has. Gzip says it in its trailer, modulo 2^32 and of its last
    /// member; a zstd file is read through to know.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self.compression {
            Compression::Gzip => self.trailer_len(),
            Compression::Zstd => io::copy(&mut self.begin()?, &mut io::sink()),
        }
    }

    /// Whether the stream surely ends at `offset`.
    pub(super) fn ends_at(&mut self, offset: u64) -> io::Result<bool> {
        if offset == 0 {
            return Ok(false);
        }
        match self.compression {
            Compression::Gzip => Ok(self.trailer_len()? == offset & u64::from(u32::MAX)),
            Compression::Zstd => Ok(self.read_at(offset - 1, &mut [0; 2])? == 1),
        }
    }

    fn trailer_len(&self) -> io::Result<u64> {
        let len = self.file.metadata()?.len();
        let mut trailer = [0_u8; 4];
        if len < 18 || self.file.read_at(&mut trailer, len - 4)? < 4 {
            return Ok(0);
        }
        Ok(u64::from(u32::from_le_bytes(trailer)))
    }

    /// A decoder at the stream's start.
    fn begin(&self) -> io::Result<Decoder<BufReader<File>>> {
        // The clone shares the file's position, which nobody but the latest decoder uses.
        let mut reader = self.file.try_clone()?;
        reader.seek(SeekFrom::Start(0))?;
        let reader = BufReader::with_capacity(limits::PACKED_READ_BYTES, reader);
        Decoder::new(reader, self.compression, limits::ZSTD_WINDOW_LIVE_LOG2_MAX)
    }

    /// Fills `buffer` from `offset` on; fewer bytes mean the end.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset < self.window_start {
            self.decoder = None;
        }
        let mut decoder = if let Some(decoder) = self.decoder.take() {
            decoder
        } else {
            self.window.clear();
            self.window_start = 0;
            self.begin()?
        };
        let mut chunk = vec![0_u8; limits::PACKED_READ_BYTES];
        loop {
            let skip = usize::try_from(offset - self.window_start).unwrap_or(usize::MAX);
            let drop = skip.min(self.window.len());
            self.window.drain(..drop);
            self.window_start += drop as u64;
            if drop == skip && self.window.len() >= buffer.len() {
                break;
            }
            match decoder.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => self.window.extend(chunk.iter().take(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Begun anew the next time: it may be whole then.
                Err(error) => return Err(error),
            }
        }
        self.decoder = Some(decoder);
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
