//! Lines that a container's runtime cut into several (Docker at 16 KiB, CRI likewise), as one record.
//!
//! In: a block that begins at a record's start. Out: spans, as `lines` gives them, that cover all parts
//! of a line with the breaks between them. A line whose end is not written yet waits in the file. Where
//! the runtime wrote a line of its other stream between two parts, each run of parts is a record.

use super::lines::{self, Split};
use crate::event::RecordSpan;
use crate::limits;

/// How a line says that the next one goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Join {
    /// Every line is whole.
    #[default]
    No,
    /// Docker's `json-file`: a `log` without a line break at its end.
    Docker,
    /// Kubernetes: the tag `P`.
    Cri,
}

/// What follows Docker's `log`. Quotes within it are escaped, so this is its end.
const DOCKER_END: &[u8] = b"\",\"stream\":\"std";

impl Join {
    /// The stream of a line that goes on in the next one of its stream, and of any line: `o` or `e`.
    fn part(self, line: &[u8]) -> (bool, Option<u8>) {
        match self {
            Self::No => (false, None),
            Self::Docker => {
                let Some(end) = memchr::memmem::find(line, DOCKER_END) else {
                    return (false, None);
                };
                let log = line.get(..end).unwrap_or_default();
                let stream = line.get(end + DOCKER_END.len()).copied();
                let whole = log.strip_suffix(b"n").is_some_and(|rest| {
                    let escapes = rest.iter().rev().take_while(|byte| **byte == b'\\').count();
                    escapes % 2 == 1
                });
                (!whole, stream)
            }
            Self::Cri => {
                let mut words = line.splitn(4, |byte| *byte == b' ');
                let stream = words.nth(1).and_then(|word| word.get(3)).copied();
                let tags = words.next().unwrap_or_default();
                (tags == b"P" || tags.starts_with(b"P:"), stream)
            }
        }
    }
}

fn push(
    data: &[u8],
    part: (usize, usize),
    base: u64,
    records: &mut Vec<RecordSpan>,
    result: &mut Split,
) {
    lines::push_up_to(limits::JOINED_BYTES_MAX, data, part, base, records, result);
}

/// As [`lines::split`], with the parts of a line together.
pub(super) fn split(
    data: &[u8],
    base: u64,
    finished: bool,
    join: Join,
    records: &mut Vec<RecordSpan>,
) -> Split {
    if join == Join::No {
        return lines::split(data, base, finished, records);
    }
    let mut result = Split::default();
    let mut start = 0;
    // Where the record begins that is not whole yet, and its stream.
    let mut open: Option<(usize, Option<u8>)> = None;
    for end in memchr::memchr_iter(b'\n', data) {
        let line = data.get(start..end).unwrap_or_default();
        let (goes_on, stream) = join.part(line);
        if let Some((begin, of)) = open
            && of != stream
        {
            push(data, (begin, start.saturating_sub(1)), base, records, &mut result);
            result.consumed = start;
            open = None;
        }
        // A part that would be cut within its wrapping can't be read: it begins a record of its own.
        if let Some((begin, _)) = open
            && end - begin > limits::JOINED_BYTES_MAX
        {
            push(data, (begin, start.saturating_sub(1)), base, records, &mut result);
            result.consumed = start;
            open = None;
        }
        let begin = open.map_or(start, |(begin, _)| begin);
        start = end + 1;
        if goes_on {
            open = Some((begin, stream));
        } else {
            push(data, (begin, end), base, records, &mut result);
            result.consumed = start;
            open = None;
        }
        if records.len() >= limits::BATCH_RECORDS_MAX {
            return result;
        }
    }
    if finished && result.consumed < data.len() {
        let last = data.len() - usize::from(data.ends_with(b"\n"));
        push(data, (result.consumed, last), base, records, &mut result);
        result.consumed = data.len();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(join: Join, data: &str, finished: bool) -> (Vec<String>, usize) {
        let mut records = Vec::new();
        let split = split(data.as_bytes(), 100, finished, join, &mut records);
        let text = |span: &RecordSpan| {
            assert_eq!(span.offset, 100 + u64::from(span.start));
            data.get(span.start as usize..(span.start + span.len) as usize).unwrap().to_owned()
        };
        (records.iter().map(text).collect(), split.consumed)
    }

    fn docker(log: &str, stream: &str) -> String {
        format!("{{\"log\":\"{log}\",\"stream\":\"{stream}\",\"time\":\"t\"}}\n")
    }

    #[test]
    fn parts_of_a_line_are_one_record_whose_end_is_waited_for() {
        let whole = docker("a \\\",\\\"stream\\\":\\\"std\\n", "stdout");
        // A backslash and an `n` are no break.
        let part = docker("b\\\\n", "stdout");
        let last = docker("c\\n", "stdout");
        let data = format!("{whole}{part}{part}{last}{part}");
        let (records, consumed) = texts(Join::Docker, &data, false);
        let expected = [whole.trim_end().to_owned(), format!("{part}{part}{}", last.trim_end())];
        assert_eq!(records, expected);
        assert_eq!(consumed, data.len() - part.len());
        let (records, consumed) = texts(Join::Docker, &data, true);
        assert_eq!((records.len(), consumed), (3, data.len()));
        assert_eq!(records[2], part.trim_end());
    }

    #[test]
    fn another_stream_between_ends_a_record() {
        let data = "t stdout P a\nt stderr F b\nt stdout F c\nt stdout P:x d\nt stdout F e\n";
        let expected =
            ["t stdout P a", "t stderr F b", "t stdout F c", "t stdout P:x d\nt stdout F e"];
        assert_eq!(texts(Join::Cri, data, false), (expected.map(str::to_owned).into(), data.len()));
    }

    #[test]
    fn a_line_that_never_ends_is_cut_at_a_record() {
        let line = format!("t stdout P {}\n", "x".repeat(16 * 1024));
        let data = line.repeat(60);
        let (records, consumed) = texts(Join::Cri, &data, false);
        assert!(records.len() >= 4 && consumed > data.len() / 2, "{}", records.len());
        for text in ["", "\n", "x\ny\n", "{\n", "t stdout P"] {
            for join in [Join::Docker, Join::Cri] {
                assert_eq!(texts(join, text, true).1, text.len(), "{text:?}");
            }
        }
    }

    /// A client that sends quotes makes the wrapped line twice as long: the part that crosses the limit
    /// was cut within its wrapping, and nothing of the line could be read.
    #[test]
    fn no_part_is_cut_within_its_wrapping() {
        let part = docker(&"\\\"".repeat(16 * 1024), "stdout");
        let (records, _) = texts(Join::Docker, &part.repeat(6), true);
        assert!(records[0].len() > limits::RECORD_BYTES_MAX, "{}", records[0].len());
        assert!(records.iter().all(|record| record.ends_with('}')));
        assert_eq!(records.concat().matches("stream").count(), 6);
    }

    #[test]
    fn where_a_block_ends_changes_nothing() {
        let data = "t stdout P a\nt stdout F b\nt stderr P c\nt stderr F d\nt stdout F e\n";
        let all = texts(Join::Cri, data, true).0;
        for at in 0..=data.len() {
            let (mut records, consumed) = texts(Join::Cri, data.get(..at).unwrap(), false);
            records.extend(texts(Join::Cri, data.get(consumed..).unwrap(), true).0);
            assert_eq!(records, all, "{at}");
        }
    }
}
