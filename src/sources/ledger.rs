//! Lines that must survive a crash of riposte, kept beside a source: appended before what they say
//! counts, read at their place, removed from the front when they are done.
//!
//! In: a line. Out: its place; later the line again. What the lines say is the caller's business.

use super::marks::file_name;
use super::spool::{self, Cut, Segments, Writer};
use crate::limits;
use std::io;
use std::path::{Path, PathBuf};

/// A file of lines in segments, in the state folder; private.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    writer: Writer,
    segments: Segments,
}

impl Ledger {
    /// Opens or makes the ledger of that source. `each` gets every line that is still kept, with its
    /// place; a line that a crash cut is not kept.
    pub fn open(state_dir: &Path, source: &str, each: impl FnMut(u64, &[u8])) -> io::Result<Self> {
        let folder = state_dir.join(format!("answers-{}", file_name(source)));
        let writer = Writer::open(folder.clone(), Cut::Drop)?;
        spool::each_line(&folder, each)?;
        Ok(Self { segments: Segments::new(folder.clone()), folder, writer })
    }

    /// Appends a line, without its break and with none in it; its place. After an error nothing of
    /// it is kept.
    pub fn append(&mut self, line: &[u8]) -> io::Result<u64> {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        self.writer.write(&bytes)?;
        Ok(self.writer.end() - bytes.len() as u64)
    }

    /// The line at that place.
    pub fn line(&mut self, place: u64) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut part = vec![0; limits::SPOOL_READ_BYTES_MAX];
        loop {
            let count = self.segments.read_at(place + line.len() as u64, &mut part)?;
            let read = part.get(..count).unwrap_or_default();
            match memchr::memchr(b'\n', read) {
                Some(end) => {
                    line.extend_from_slice(read.get(..end).unwrap_or_default());
                    return Ok(line);
                }
                None if count == 0 => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no such line"));
                }
                None => line.extend_from_slice(read),
            }
        }
    }

    /// All lines before that place may go.
    pub fn release(&self, place: u64) -> io::Result<()> {
        spool::release(&self.folder, place)
    }

    /// The place after the last line.
    pub fn end(&self) -> u64 {
        self.writer.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_at_their_place_and_a_cut_one_never_was() {
        let root = tempfile::tempdir().unwrap();
        let open = || {
            let mut lines = Vec::new();
            let ledger = Ledger::open(root.path(), "l", |at, line| lines.push((at, line.to_vec())));
            (ledger.unwrap(), lines)
        };
        let long = vec![b'x'; limits::SPOOL_READ_BYTES_MAX * 2 + 7];
        let (mut ledger, lines) = open();
        assert!(lines.is_empty());
        assert_eq!(ledger.append(b"one").unwrap(), 0);
        let second = ledger.append(&long).unwrap();
        assert_eq!(ledger.line(0).unwrap(), b"one");
        assert_eq!(ledger.line(second).unwrap(), long);
        assert!(ledger.line(ledger.end()).is_err());
        let file = root.path().join("answers-l").join(format!("{:020}.part", 0));
        drop(ledger);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend_from_slice(b"cut");
        std::fs::write(&file, bytes).unwrap();
        let (mut ledger, lines) = open();
        assert_eq!(lines, [(0, b"one".to_vec()), (second, long)]);
        let third = ledger.append(b"three").unwrap();
        assert_eq!(ledger.line(third).unwrap(), b"three");
    }
}
