//! Syslog messages out of a stream of bytes (RFC 6587): by octet counting (`5 <13>x`), or each on a
//! line; a sender may even change between the two.
//!
//! In: bytes as they come, cut anywhere. Out: messages, at most a record long; of a longer one the
//! beginning. Pure, and bounded whatever comes.

use crate::limits;

/// Finds the messages of one connection.
#[derive(Debug, Default)]
pub struct Framer {
    /// The beginning of a message, or of its length.
    kept: Vec<u8>,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a message.
    #[default]
    Start,
    /// In what may be a length.
    Length,
    /// So many octets are still to come.
    Counted(usize),
    /// On a line.
    Line,
}

/// A message, and whether it was longer than a record and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its bytes, without its end.
    pub bytes: Vec<u8>,
    /// It was longer.
    pub cut: bool,
}

/// The stream ended within a counted message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

impl Framer {
    /// Takes bytes, and gives each message that ends in them to `each`, until that returns false.
    /// Whether all were taken.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Message) -> bool) -> bool {
        while let Some(first) = bytes.first() {
            match self.state {
                State::Start => match first {
                    b'1'..=b'9' => self.state = State::Length,
                    // What some senders put between messages.
                    b'\n' | b'\r' | b' ' | 0 => bytes = bytes.get(1..).unwrap_or_default(),
                    _ => self.state = State::Line,
                },
                State::Length => {
                    bytes = bytes.get(1..).unwrap_or_default();
                    match first {
                        b'0'..=b'9' if self.kept.len() < limits::INTAKE_LENGTH_DIGITS_MAX => {
                            self.kept.push(*first);
                        }
                        b' ' => {
                            let digits = self.kept.iter();
                            let length =
                                digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
                            if length > limits::INTAKE_MESSAGE_OCTETS_MAX {
                                self.kept.push(b' ');
                                self.state = State::Line;
                            } else {
                                self.kept.clear();
                                self.state = State::Counted(length);
                            }
                        }
                        b'\n' => {
                            if !self.give(&mut each) {
                                return false;
                            }
                        }
                        // A line that begins with a number, such as a stamp.
                        other => {
                            self.kept.push(*other);
                            self.state = State::Line;
                        }
                    }
                }
                State::Counted(left) => {
                    let (part, rest) = bytes.split_at(left.min(bytes.len()));
                    self.keep(part);
                    bytes = rest;
                    if part.len() < left {
                        self.state = State::Counted(left - part.len());
                    } else if !self.give(&mut each) {
                        return false;
                    }
                }
                State::Line => {
                    let end = memchr::memchr2(b'\n', 0, bytes);
                    let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                    self.keep(part);
                    bytes = rest.get(1..).unwrap_or_default();
                    if end.is_some() && !self.give(&mut each) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// The stream has ended: a line needs no end then.
    pub fn finish(&mut self) -> Result<Option<Message>, Cut> {
        let state = std::mem::take(&mut self.state);
        let bytes = std::mem::take(&mut self.kept);
        match state {
            State::Start => Ok(None),
            State::Length | State::Counted(_) => Err(Cut),
            State::Line => Ok(Some(message(bytes))),
        }
    }

    fn keep(&mut self, part: &[u8]) {
        // One byte more than a record tells that the message was longer.
        let room = (limits::RECORD_BYTES_MAX + 1).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn give(&mut self, each: &mut impl FnMut(Message) -> bool) -> bool {
        self.state = State::Start;
        let message = message(std::mem::take(&mut self.kept));
        message.bytes.is_empty() || each(message)
    }
}

/// A message of a datagram or a frame: without the breaks at its end.
pub(super) fn message(mut bytes: Vec<u8>) -> Message {
    let cut = bytes.len() > limits::RECORD_BYTES_MAX;
    bytes.truncate(limits::RECORD_BYTES_MAX);
    while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
        bytes.pop();
    }
    Message { bytes, cut }
}

/// A message as a record of one line: breaks and NULs in it become `#012`, as rsyslog writes them.
pub(in crate::sources) fn one_line(bytes: Vec<u8>) -> Vec<u8> {
    let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
    if !bytes.iter().any(breaks) {
        return bytes;
    }
    let mut line = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        match byte {
            b'\n' => line.extend_from_slice(b"#012"),
            b'\r' => line.extend_from_slice(b"#015"),
            0 => line.extend_from_slice(b"#000"),
            other => line.push(other),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(chunks: &[&[u8]]) -> (Vec<String>, Result<Option<Message>, Cut>) {
        let mut framer = Framer::default();
        let mut found = Vec::new();
        for chunk in chunks {
            framer.feed(chunk, |message| {
                found.push(String::from_utf8_lossy(&message.bytes).into_owned());
                true
            });
        }
        (found, framer.finish())
    }

    #[test]
    fn counted_messages_and_lines_come_out_whole_however_they_are_cut() {
        let bytes =
            b"7 <13>a\nb<14>line\n\n5 <15>c\0<16>nul\x002026-11-27 stamp\r\n12 apples, and\n";
        let all = ["<13>a\nb", "<14>line", "<15>c", "<16>nul", "2026-11-27 stamp", "apples, and"];
        assert_eq!(texts(&[bytes]), (all.map(str::to_owned).to_vec(), Ok(None)));
        let each: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(texts(&each).0, all);
    }

    #[test]
    fn the_end_of_a_stream_ends_a_line_and_tells_of_a_cut_message() {
        let line = Message { bytes: b"<13>x".to_vec(), cut: false };
        assert_eq!(texts(&[b"<13>x"]).1, Ok(Some(line)));
        assert_eq!(texts(&[b"9 <13>x"]).1, Err(Cut));
        assert_eq!(texts(&[b"9"]).1, Err(Cut));
        assert_eq!(texts(&[b"5 <13>x"]).1, Ok(None));
    }

    #[test]
    fn lengths_that_are_none_and_messages_that_are_too_long_are_bounded() {
        assert_eq!(texts(&[b"999999999 x\n3 abc"]).0, ["999999999 x", "abc"]);
        assert_eq!(texts(&[b"20261127 a date\n3 abc"]).0, ["20261127 a date", "abc"]);
        let long = limits::RECORD_BYTES_MAX + 10;
        for bytes in [
            [long.to_string().as_bytes(), b" ", &vec![b'x'; long], b"<1>y\n"].concat(),
            [b"<".as_slice(), &vec![b'x'; long], b"\n<1>y\n"].concat(),
        ] {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            framer.feed(&bytes, |message| {
                found.push(message);
                true
            });
            assert_eq!((found[0].bytes.len(), found[0].cut), (limits::RECORD_BYTES_MAX, true));
            assert_eq!(found[1].bytes, b"<1>y");
        }
    }

    #[test]
    fn a_record_holds_no_break() {
        assert_eq!(one_line(b"a\nb\0c\rd".to_vec()), b"a#012b#000c#015d");
        assert_eq!(one_line(b"plain".to_vec()), b"plain");
    }

    proptest! {
        #[test]
        fn cuts_never_change_what_comes_out(bytes in "[0-9 a<>\n]{0,60}", at in 0_usize..60) {
            let bytes = bytes.as_bytes();
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(texts(&[bytes]), texts(&[first, second]));
        }
    }
}
