//! A record of a program as it lies in the spool: one line that holds the record and the cursor that
//! the program gave it, so that both are kept by the same write.
//!
//! `l`, `f`, `e` or `x`, a tab, the cursor as a JSON text (nothing where there is none), a tab, then
//! - `l`: the line as it came;
//! - `f`: fields that the source knows of the line as JSON, a tab, the line as it came;
//! - `e`: the names of its own fields that hold addresses, a tab, the event as JSON;
//! - `x`: what was refused, as JSON: it is kept for its cursor, and counts as unparsed.

use super::Brought;
use super::added::Added;
use crate::clock::Timestamp;
use std::ops::Range;

/// What a frame holds, as places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A line of some format.
    Line(Range<usize>),
    /// A line, and what its source knows of it beside.
    LineWith {
        /// The fields.
        added: Range<usize>,
        /// The line.
        line: Range<usize>,
    },
    /// An event, ready-made.
    Event {
        /// The names of its fields that hold addresses.
        addresses: Range<usize>,
        /// The event.
        json: Range<usize>,
    },
    /// Something that was refused.
    Refused(Range<usize>),
}

/// The frame of a line that has no line break in it.
pub fn of_line(cursor: Option<&str>, line: &str) -> Vec<u8> {
    let mut frame = begin(b'l', cursor, line.len());
    frame.extend_from_slice(line.as_bytes());
    frame.push(b'\n');
    frame
}

/// The frame of a line that has no line break in it, with what its source knows beside.
pub fn of_line_with(cursor: Option<&str>, line: &[u8], added: &Added) -> Vec<u8> {
    let added = serde_json::to_string(added).unwrap_or_default();
    let mut frame = begin(b'f', cursor, added.len() + line.len());
    frame.extend_from_slice(added.as_bytes());
    frame.push(b'\t');
    frame.extend_from_slice(line);
    frame.push(b'\n');
    frame
}

/// The frame of an event that arrived then.
pub fn of_event(cursor: Option<&str>, event: &Brought, arrival: Timestamp) -> Vec<u8> {
    let (addresses, json) = event.to_json(Some(arrival));
    let json = json.to_string();
    let mut frame = begin(b'e', cursor, addresses.len() + json.len());
    frame.extend_from_slice(addresses.as_bytes());
    frame.push(b'\t');
    frame.extend_from_slice(json.as_bytes());
    frame.push(b'\n');
    frame
}

/// The frame of something refused.
pub fn of_refused(cursor: Option<&str>, why: &str) -> Vec<u8> {
    let json = serde_json::Value::from(why).to_string();
    let mut frame = begin(b'x', cursor, json.len());
    frame.extend_from_slice(json.as_bytes());
    frame.push(b'\n');
    frame
}

fn begin(mark: u8, cursor: Option<&str>, room: usize) -> Vec<u8> {
    // A JSON text holds neither tab nor line break as such.
    let cursor = cursor.map(|cursor| serde_json::Value::from(cursor).to_string());
    let cursor = cursor.unwrap_or_default();
    let mut frame = Vec::with_capacity(cursor.len() + room + 8);
    frame.extend_from_slice(&[mark, b'\t']);
    frame.extend_from_slice(cursor.as_bytes());
    frame.push(b'\t');
    frame
}

/// What a frame (without its line break) holds; `None` where it is none.
pub fn held(frame: &[u8]) -> Option<Held> {
    let (_, from) = cursor_place(frame)?;
    let rest = frame.get(from..)?;
    match frame.first()? {
        b'l' => Some(Held::Line(from..frame.len())),
        b'f' => {
            let tab = memchr::memchr(b'\t', rest)?;
            Some(Held::LineWith { added: from..from + tab, line: from + tab + 1..frame.len() })
        }
        b'e' => {
            let tab = memchr::memchr(b'\t', rest)?;
            Some(Held::Event { addresses: from..from + tab, json: from + tab + 1..frame.len() })
        }
        b'x' => Some(Held::Refused(from..frame.len())),
        _ => None,
    }
}

/// The cursor in a frame (without its line break).
pub fn cursor(frame: &[u8]) -> Option<String> {
    let (place, _) = cursor_place(frame)?;
    serde_json::from_slice(frame.get(place)?).ok()
}

/// Where the cursor is, and where what follows it begins.
fn cursor_place(frame: &[u8]) -> Option<(Range<usize>, usize)> {
    if frame.get(1)? != &b'\t' {
        return None;
    }
    let length = memchr::memchr(b'\t', frame.get(2..)?)?;
    Some((2..2 + length, 3 + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Value};

    fn split(frame: &[u8]) -> &[u8] {
        let line = frame.strip_suffix(b"\n").unwrap();
        assert!(!line.contains(&b'\n'));
        line
    }

    #[test]
    fn lines_events_and_refusals_come_back_with_their_cursor() {
        let odd = "tab\t quote\" break\n ü";
        let frame = of_line(Some(odd), "a\tline");
        let line = split(&frame);
        assert_eq!(cursor(line).as_deref(), Some(odd));
        let Some(Held::Line(place)) = held(line) else { panic!("{line:?}") };
        assert_eq!(&line[place], b"a\tline");

        let mut added = Added::new();
        added.insert("unit".to_owned(), "a\tb\n".into());
        let frame = of_line_with(Some(odd), b"a\tline \xff", &added);
        let line = split(&frame);
        assert_eq!(cursor(line).as_deref(), Some(odd));
        let Some(Held::LineWith { added: place, line: text }) = held(line) else {
            panic!("{line:?}")
        };
        assert_eq!(&line[text], b"a\tline \xff");
        assert_eq!(serde_json::from_slice::<Added>(&line[place]).unwrap(), added);

        let event = Brought {
            kind: Kind::from_name("w.x"),
            time: None,
            fields: vec![("from".into(), Value::ip([203, 0, 113, 9].into()))],
        };
        let frame = of_event(None, &event, Timestamp::from_secs(5));
        let line = split(&frame);
        assert_eq!(cursor(line), None);
        let Some(Held::Event { addresses, json }) = held(line) else { panic!("{line:?}") };
        let json = serde_json::from_slice(&line[json]).unwrap();
        let back = Brought::from_json(std::str::from_utf8(&line[addresses]).unwrap(), &json);
        assert_eq!(back.unwrap(), Brought { time: Some(Timestamp::from_secs(5)), ..event });

        let frame = of_refused(Some("7"), "it was\nnothing");
        assert!(matches!(held(split(&frame)), Some(Held::Refused(_))));
        assert_eq!(cursor(split(&frame)).as_deref(), Some("7"));
    }

    #[test]
    fn what_is_no_frame_holds_nothing() {
        for text in ["", "l", "l\t", "l\tx", "q\t\t", "e\t\t{}", "f\t\t{}", "203.0.113.9 - - ["] {
            assert_eq!(held(text.as_bytes()), None, "{text}");
        }
    }
}
