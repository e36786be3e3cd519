//! Splits bytes into records, one a line, without copying them.
//!
//! In: a block that begins at a line's start. Out: spans, and how much of the block they cover.
//! A line that is not complete stays where it is, for its next bytes may not be written yet.

use crate::event::{Batch, Origin, RecordSpan};
use crate::{clock, limits};
use bytes::Bytes;
use std::sync::Arc;

/// What [`split`] made of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// Bytes covered by the records and their line breaks.
    pub consumed: usize,
    /// Records cut at `limits::RECORD_BYTES_MAX`.
    pub truncated: u64,
    /// NUL bytes dropped at the start of lines, as a truncated sparse file has them.
    pub nul_bytes: u64,
}

/// Splits `data`, which begins at a line's start and lies at `base` in its stream.
///
/// `\n` and `\r\n` end a line; an empty line is a record of no bytes, so that lines can be
/// counted. With `finished` the last line needs no line break. Stops at
/// `limits::BATCH_RECORDS_MAX` records.
pub(super) fn split(
    data: &[u8],
    base: u64,
    finished: bool,
    records: &mut Vec<RecordSpan>,
) -> Split {
    let mut result = Split::default();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', data) {
        push(data, start, end, base, records, &mut result);
        start = end + 1;
        result.consumed = start;
        if records.len() >= limits::BATCH_RECORDS_MAX {
            return result;
        }
    }
    if finished && start < data.len() {
        push(data, start, data.len(), base, records, &mut result);
        result.consumed = data.len();
    }
    result
}

fn push(
    data: &[u8],
    start: usize,
    end: usize,
    base: u64,
    records: &mut Vec<RecordSpan>,
    result: &mut Split,
) {
    push_up_to(limits::RECORD_BYTES_MAX, data, (start, end), base, records, result);
}

/// Adds a record, cut at so many bytes.
pub(super) fn push_up_to(
    most: usize,
    data: &[u8],
    (start, end): (usize, usize),
    base: u64,
    records: &mut Vec<RecordSpan>,
    result: &mut Split,
) {
    let line = data.get(start..end).unwrap_or_default();
    let nuls = leading_nuls(line);
    result.nul_bytes += nuls as u64;
    let line = line.get(nuls..).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let truncated = line.len() > most;
    result.truncated += u64::from(truncated);
    let len = line.len().min(most);
    // A block is at most a few hundred KiB, so both fit.
    let (Ok(first), Ok(len)) = (u32::try_from(start + nuls), u32::try_from(len)) else {
        return;
    };
    records.push(RecordSpan { start: first, len, offset: base + u64::from(first), truncated });
}

/// How many lines `data` holds, the last one with or without its break.
pub(super) fn count(data: &[u8]) -> u64 {
    let breaks = memchr::memchr_iter(b'\n', data).count() as u64;
    breaks + u64::from(data.last().is_some_and(|byte| *byte != b'\n'))
}

/// How many NUL bytes the line begins with.
pub(super) fn leading_nuls(line: &[u8]) -> usize {
    line.iter().position(|byte| *byte != 0).unwrap_or(line.len())
}

/// A batch of one block, arrived now.
pub(super) fn batch(
    origin: &Arc<Origin>,
    block: Bytes,
    records: Vec<RecordSpan>,
    from: u64,
    to: u64,
) -> Batch {
    Batch {
        origin: Arc::clone(origin),
        arrival: clock::now(),
        block,
        records,
        from,
        to,
        first_line: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(data: &[u8], finished: bool) -> (Vec<Vec<u8>>, Split) {
        let mut records = Vec::new();
        let split = split(data, 1_000, finished, &mut records);
        let texts = records
            .iter()
            .map(|span| {
                assert_eq!(span.offset, 1_000 + u64::from(span.start));
                data[span.start as usize..(span.start + span.len) as usize].to_vec()
            })
            .collect();
        (texts, split)
    }

    #[test]
    fn lines_end_with_either_break_and_the_last_waits() {
        let (lines, split) = texts(b"a\r\nb\xff\n\nrest", false);
        assert_eq!(lines, [&b"a"[..], b"b\xff", b""]);
        assert_eq!(split.consumed, 7);
        let (lines, split) = texts(b"a\nrest\r", true);
        assert_eq!(lines, [&b"a"[..], b"rest"]);
        assert_eq!(split.consumed, 7);
    }

    #[test]
    fn long_lines_are_cut_and_nul_runs_dropped() {
        let mut data = vec![0_u8; 500];
        data.extend(vec![b'x'; limits::RECORD_BYTES_MAX + 9]);
        data.extend(b"\nnext\n");
        let (lines, split) = texts(&data, false);
        assert_eq!(lines[0].len(), limits::RECORD_BYTES_MAX);
        assert_eq!(lines[1], b"next");
        assert_eq!((split.truncated, split.nul_bytes), (1, 500));
    }

    #[test]
    fn a_batch_holds_a_bounded_number_of_records() {
        let (lines, split) = texts(&vec![b'\n'; limits::BATCH_RECORDS_MAX + 5], true);
        assert_eq!(lines.len(), limits::BATCH_RECORDS_MAX);
        assert_eq!(split.consumed, limits::BATCH_RECORDS_MAX);
    }
}
