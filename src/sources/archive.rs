//! Compressed files: what they are known by, and their bytes as they were before.
//!
//! In: a file's first bytes, then all of them. Out: the original bytes, of all gzip members and all
//! zstd frames one after the other; faults in words. Nothing here takes more memory than it was
//! allowed, whatever the file says.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, Read};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Bytes that tell the compression.
pub(super) const MAGIC_BYTES: usize = 6;

/// How the file with these first bytes is compressed; `None` for plain bytes, an error where it is
/// in a way that isn't read.
pub(super) fn compression(head: &[u8]) -> io::Result<Option<Compression>> {
    match head {
        [0x1f, 0x8b, ..] => Ok(Some(Compression::Gzip)),
        // A frame, or one to be skipped, which some programs begin with.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Ok(Some(Compression::Zstd))
        }
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Err(unread("bzip2", "bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err(unread("xz", "xz")),
        [0x04, 0x22, 0x4d, 0x18, ..] => Err(unread("lz4", "lz4")),
        _ => Ok(None),
    }
}

fn unread(name: &str, program: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{name} is not read here; try `{program} -dc FILE | riposte replay -`"),
    )
}

/// Gives the original bytes of a compressed file.
pub(super) enum Decoder<R: BufRead> {
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, R>>),
}

impl<R: BufRead> Decoder<R> {
    /// Begins at the reader's place. A zstd frame that needs a window of more than
    /// 2^`window_log2_max` bytes of memory is an error when it is met.
    pub(super) fn new(
        reader: R,
        compression: Compression,
        window_log2_max: u32,
    ) -> io::Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(reader))),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
                decoder.window_log_max(window_log2_max)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        };
        read.map_err(in_words)
    }
}

/// What a library says of a broken file, for people. Errors of the system stay as they are.
fn in_words(error: io::Error) -> io::Error {
    let said = error.to_string();
    let words = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the archive ends too early".to_owned(),
        // zstd's own text for a window that is larger than allowed.
        _ if said.contains("too much memory") => {
            "a zstd frame needs a larger window than is allowed; try `zstd -dc --long=31 FILE | riposte replay -`"
                .to_owned()
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            format!("the archive is damaged: {}", said.to_lowercase())
        }
        // What zstd finds has no kind of its own.
        io::ErrorKind::Other if error.raw_os_error().is_none() => {
            format!("the archive is damaged: {}", said.to_lowercase())
        }
        _ => return error,
    };
    io::Error::new(error.kind(), words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// With a checksum, as the program writes it.
    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What can be read, and how it ended.
    fn read(bytes: &[u8]) -> (Vec<u8>, Option<String>) {
        let compression = compression(bytes).unwrap().unwrap();
        let mut out = Vec::new();
        let read = Decoder::new(bytes, compression, 23).unwrap().read_to_end(&mut out);
        (out, read.err().map(|error| error.to_string()))
    }

    fn text() -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(1);
        (0..400_000).map(|_| random.u8(b'a'..=b'z')).collect()
    }

    #[test]
    fn members_and_frames_are_read_one_after_the_other() {
        for pack in [gzip, zstd] {
            let twice = [pack(b"one\n"), pack(b""), pack(b"two\n")].concat();
            assert_eq!(read(&twice), (b"one\ntwo\n".to_vec(), None));
        }
        // Of pzstd: a frame that is to be skipped comes first.
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7][..], &zstd(b"one\n")].concat();
        assert_eq!(read(&skipped), (b"one\n".to_vec(), None));
    }

    #[test]
    fn what_can_be_read_of_a_broken_file_is_read_and_the_rest_told() {
        for pack in [gzip, zstd] {
            let text = text();
            let packed = pack(&text);
            let (some, told) = read(&packed[..packed.len() / 2]);
            assert!(some.len() > 100_000 && text.starts_with(&some), "{}", some.len());
            assert_eq!(told.as_deref(), Some("the archive ends too early"));

            let mut broken = packed.clone();
            let middle = broken.len() / 2;
            broken[middle..middle + 64].fill(0xff);
            let (some, told) = read(&broken);
            assert!(!some.is_empty(), "{}", some.len());
            let told = told.unwrap();
            assert!(told.starts_with("the archive is damaged: "), "{told}");

            let (some, told) = read(&[packed, b"no archive".to_vec()].concat());
            assert_eq!(some, text);
            assert!(told.unwrap().starts_with("the archive is damaged: "));
        }
    }

    #[test]
    fn a_window_that_would_take_all_memory_is_refused() {
        // A frame's header with a window of 2^31 bytes, and an empty block.
        let giant = [0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0];
        let (some, told) = read(&giant);
        assert!(some.is_empty());
        assert!(told.unwrap().starts_with("a zstd frame needs a larger window than is allowed"));
    }

    #[test]
    fn other_archives_are_named() {
        assert_eq!(compression(b"203.0.113.9 - - [").unwrap(), None);
        let told = compression(&[0xfd, b'7', b'z', b'X', b'Z', 0, 0]).unwrap_err().to_string();
        assert!(told.starts_with("xz is not read here"), "{told}");
        assert!(compression(b"BZh91AY&SY").is_err());
        assert_eq!(compression(b"BZhello").unwrap(), None);
    }
}
