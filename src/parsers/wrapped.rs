//! Lines of any format as container runtimes keep them: Docker's `json-file`, and the files of
//! Kubernetes' pods (CRI).
//!
//! In: a record of one line, or of several that the runtime cut from one. Out: what the format makes
//! of the line as the container wrote it, with the stream, and what [`Around`] knows of the container.

use super::json_text::{Scalar, Wanted, unescape, walk};
use super::{Envelope, Parser, Unparsed, scan, stamp};
use crate::clock::Timestamp;
use crate::event::{Event, Value, added};
use crate::limits;
use bytes::Bytes;
use std::sync::Arc;

/// What a source knows of a stream beside its bytes.
///
/// - The same stream always has the same fields: a restart reads it again.
pub trait Around: Send + Sync + std::fmt::Debug {
    /// Fields of every record of the stream.
    fn fields(&self, stream: &str) -> Fields;
}

/// Names and values.
pub type Fields = Arc<[(Arc<str>, Value)]>;

/// A parser of wrapped lines.
#[derive(Debug, Clone)]
pub(super) struct Wrapped {
    envelope: Envelope,
    keys: Wanted<Part>,
    stream_name: Arc<str>,
    inner: Box<Parser>,
    /// By the container's name.
    by_container: Vec<(String, Parser)>,
    around: Option<Arc<dyn Around>>,
    /// The fields of the stream that was asked for last.
    known: Option<(Arc<str>, Fields)>,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Log,
    Stream,
    Time,
}

/// A line without its wrapping.
#[derive(Default)]
struct Line {
    text: Vec<u8>,
    stream: Vec<u8>,
    time: Option<Timestamp>,
}

impl Wrapped {
    pub(super) fn new(
        envelope: Envelope,
        inner: Parser,
        by_container: Vec<(String, Parser)>,
    ) -> Self {
        let mut keys = Wanted::default();
        keys.add("log", Part::Log);
        keys.add("stream", Part::Stream);
        keys.add("time", Part::Time);
        let stream_name = Arc::from("stream");
        let inner = Box::new(inner);
        Self { envelope, keys, stream_name, inner, by_container, around: None, known: None }
    }

    pub(super) fn set_around(&mut self, around: Arc<dyn Around>) {
        self.around = Some(around);
    }

    pub(super) fn parse(
        &mut self,
        record: &[u8],
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let mut line = Line::default();
        for (place, part) in record.split(|byte| *byte == b'\n').enumerate() {
            let read = match self.envelope {
                Envelope::Docker => self.docker(part, arrival, &mut line),
                _ => cri(part, arrival, &mut line),
            };
            match read {
                Ok(()) => {}
                // What came before it is worth reading: nobody hides a request by its length.
                Err(_) if place > 0 => break,
                Err(why) => return Err(why),
            }
        }
        line.text.truncate(limits::RECORD_BYTES_MAX);
        while line.text.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.text.pop();
        }
        let (offset, number) = (event.offset, event.line);
        let text = Bytes::from(line.text);
        event.reset(text.clone());
        (event.offset, event.line) = (offset, number);
        let fields = self.around(&event.origin.stream);
        let container = fields.iter().find(|(name, _)| &**name == "container");
        let mut named = self.by_container.iter_mut();
        let named = container.and_then(|(_, name)| {
            named.find(|(known, _)| matches!(name, Value::Text(name) if **name == **known))
        });
        let inner = named.map_or(&mut *self.inner, |(_, parser)| parser);
        inner.parse(&text, arrival, event)?;
        if (event.time == Timestamp::EPOCH || event.time == arrival)
            && let Some(time) = line.time
        {
            event.time = time;
        }
        let stream = Value::text(String::from_utf8_lossy(&line.stream));
        added::set_one(event, &self.stream_name, stream);
        for (name, value) in fields.iter() {
            added::set_one(event, name, value.clone());
        }
        Ok(())
    }

    fn around(&mut self, stream: &Arc<str>) -> Fields {
        let Some(around) = &self.around else {
            return Arc::from([]);
        };
        match &self.known {
            Some((known, fields)) if known == stream => Arc::clone(fields),
            _ => {
                let fields = around.fields(stream);
                // What isn't known yet may be in a moment.
                if !fields.is_empty() {
                    self.known = Some((Arc::clone(stream), Arc::clone(&fields)));
                }
                fields
            }
        }
    }

    /// `{"log":"…\n","stream":"stdout","time":"…"}`
    fn docker(&self, part: &[u8], arrival: Timestamp, line: &mut Line) -> Result<(), Unparsed> {
        let mut log = None;
        walk(
            part,
            &self.keys,
            &mut |key, scalar| {
                let Scalar::Text(text) = scalar else { return };
                match key {
                    Part::Log => log = Some(unescape(text)),
                    Part::Stream => line.stream = unescape(text).into_owned(),
                    Part::Time => line.time = time(text, arrival),
                }
            },
            &mut |_, _| {},
        )?;
        line.text.extend_from_slice(&log.ok_or(Unparsed("no `log` of a container"))?);
        Ok(())
    }
}

/// `2026-11-27T10:00:00.123456789Z stdout F text`
fn cri(part: &[u8], arrival: Timestamp, line: &mut Line) -> Result<(), Unparsed> {
    let fields = cri_fields(part).ok_or(Unparsed("no line of a container runtime"))?;
    line.time = time(fields.time, arrival);
    line.stream = fields.stream.to_vec();
    line.text.extend_from_slice(fields.text);
    Ok(())
}

/// The fields of a line that a container runtime wrote.
struct CriFields<'l> {
    time: &'l [u8],
    /// `stdout` or `stderr`.
    stream: &'l [u8],
    text: &'l [u8],
}

/// Takes a line apart; `None` where it is none of a container runtime.
fn cri_fields(line: &[u8]) -> Option<CriFields<'_>> {
    let (time, rest) = scan::split_at_byte(line, b' ')?;
    let (stream, rest) = scan::split_at_byte(rest, b' ')?;
    // The tags: `P` where the next line goes on with it, `F` at its end.
    let (_, text) = scan::split_at_byte(rest, b' ').unwrap_or((rest, b""));
    let stamped = time.first().is_some_and(u8::is_ascii_digit);
    (stamped && matches!(stream, b"stdout" | b"stderr")).then_some(CriFields { time, stream, text })
}

fn time(text: &[u8], arrival: Timestamp) -> Option<Timestamp> {
    let (time, rest) = stamp::iso(text, &stamp::Zone::UTC, arrival)?;
    rest.is_empty().then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Field, Kind, ValueRef};
    use crate::parsers::ParserConfig;

    const NOW: Timestamp = Timestamp::from_secs(1_793_000_000);

    fn read(envelope: Envelope, format: &str, record: &str) -> Result<Event, Unparsed> {
        let config =
            ParserConfig { format: format.to_owned(), envelope, ..ParserConfig::default() };
        let mut parser = Parser::build(&config).unwrap();
        let record = Bytes::copy_from_slice(record.as_bytes());
        let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
        event.reset(record.clone());
        event.offset = 7;
        parser.parse(&record, NOW, &mut event)?;
        Ok(event)
    }

    const DOCKER: &str = r#"{"log":"203.0.113.9 - - [27/Nov/2026:10:00:00 +0000] \"GET /.env HTTP/1.1\" 404 1 \"-\" \"x\"\n","stream":"stdout","time":"2026-11-27T10:00:01.5Z"}"#;

    #[test]
    fn a_line_is_read_as_the_container_wrote_it() {
        let event = read(Envelope::Docker, "nginx", DOCKER).unwrap();
        assert_eq!((event.kind.name(), event.offset), ("http", 7));
        assert_eq!(event.text(Field::Path).unwrap(), "/.env");
        assert_eq!(event.get_named("stream"), Some(ValueRef::Bytes(b"stdout")));
        assert!(event.record().starts_with(b"203.0.113.9 - - "));
        let cri = "2026-11-27T10:00:01.123456789Z stdout F 203.0.113.9 - - [27/Nov/2026:10:00:00 +0000] \"GET /.env HTTP/1.1\" 404 1 \"-\" \"x\"";
        let event = read(Envelope::Cri, "nginx", cri).unwrap();
        assert_eq!(event.text(Field::Path).unwrap(), "/.env");
    }

    #[test]
    fn what_comes_before_a_part_that_can_not_be_read_is_read() {
        let record = format!("{}\n{{\"log\":\"broken", DOCKER.replace("\\n\",", "\","));
        let event = read(Envelope::Docker, "nginx", &record).unwrap();
        assert_eq!(event.text(Field::Path).unwrap(), "/.env");
        assert!(read(Envelope::Docker, "nginx", "{\"log\":\"broken").is_err());
    }

    #[test]
    fn what_the_runtime_cut_is_one_line_again() {
        let docker = concat!(
            "{\"log\":\"one \",\"stream\":\"stderr\",\"time\":\"2026-11-27T10:00:00Z\"}\n",
            "{\"log\":\"two\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-27T10:00:02Z\"}"
        );
        let cri = "2026-11-27T10:00:00Z stderr P one \n2026-11-27T10:00:02Z stderr F two";
        for (envelope, record) in [(Envelope::Docker, docker), (Envelope::Cri, cri)] {
            let config = ParserConfig {
                format: "pattern".to_owned(),
                pattern: Some("^(?<message>.*)$".to_owned()),
                envelope,
                ..ParserConfig::default()
            };
            let mut parser = Parser::build(&config).unwrap();
            let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
            let record = Bytes::copy_from_slice(record.as_bytes());
            event.reset(record.clone());
            parser.parse(&record, NOW, &mut event).unwrap();
            assert_eq!(event.text(Field::Message).unwrap(), "one two");
            // The runtime's stamp stands where the line has none.
            assert_eq!(event.time.to_string(), "2026-11-27T10:00:02Z");
        }
    }

    #[test]
    fn what_is_no_such_line_is_unparsed() {
        for text in ["", "{}", "{\"log\":7}", "{\"log\":\"a\"", "plain", "\u{0}"] {
            assert!(read(Envelope::Docker, "nginx", text).is_err(), "{text}");
        }
        for text in ["", "x", "2026 stdout", "2026-11-27T10:00:00Z stdin F x", "\n\n", "a b c d"] {
            assert!(read(Envelope::Cri, "nginx", text).is_err(), "{text}");
        }
    }
}
