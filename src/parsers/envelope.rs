//! Lines of any format in a syslog envelope: what a program logs to syslog or the journal instead of a
//! file. The program's name says which format the message has.
//!
//! In: a line with its syslog header. Out: what the format makes of the message, with the machine and
//! the program of the header. Only the header decides, and no client writes that.

use super::syslog::Header;
use super::{Parser, Unparsed, detect, scan, stamp, syslog};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind, Value};

/// What lies around the lines of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// Nothing: a record is a line of the format.
    #[default]
    None,
    /// A syslog header.
    Syslog,
    /// The JSON of Docker's driver `json-file`.
    Docker,
    /// What Kubernetes' container runtimes write before each line.
    Cri,
}

/// How the message of a program is read.
#[derive(Debug, Clone)]
enum How {
    /// The format reads the header itself.
    Whole(Box<Parser>),
    /// The format knows the message alone.
    Message(Box<Parser>),
    /// By what the message looks like; what looks like nothing is a `syslog` event.
    Looks(Box<Parser>),
}

/// Formats by the names of programs, and the one for all others.
#[derive(Debug, Clone)]
pub(super) struct Enveloped {
    by_program: Vec<(Box<[u8]>, How)>,
    others: How,
}

/// Web servers that log to syslog under these names, unless the config says otherwise. What they
/// write there begins with what no client chooses.
const KNOWN: [&str; 6] = ["nginx", "apache2", "apache", "httpd", "caddy", "traefik"];

/// Formats that read the syslog header themselves.
const WHOLE: [&str; 3] = ["syslog", "sshd", "haproxy"];

impl Enveloped {
    /// `others` is the parser of the source's own format, named `format`; `tags` are the programs
    /// whose messages have another.
    pub(super) fn new(format: &str, others: Parser, tags: Vec<(String, String, Parser)>) -> Self {
        let mut by_program: Vec<(Box<[u8]>, How)> = Vec::new();
        for (program, format, parser) in tags {
            by_program.push((program.into_bytes().into(), How::of(&format, parser)));
        }
        let known = |programs: &[(Box<[u8]>, How)], name: &[u8]| {
            programs.iter().any(|(program, _)| **program == *name)
        };
        let how = if format == "auto" {
            for name in KNOWN {
                if !known(&by_program, name.as_bytes()) {
                    let how = How::Looks(Box::new(others.clone()));
                    by_program.push((name.as_bytes().into(), how));
                }
            }
            if !known(&by_program, b"haproxy")
                && let Ok(parser) = Parser::for_format("haproxy")
            {
                by_program.push((b"haproxy".as_slice().into(), How::Whole(Box::new(parser))));
            }
            // It reads sshd's lines, and every other as a `syslog` event.
            match Parser::for_format("sshd") {
                Ok(parser) => How::Whole(Box::new(parser.in_zone_of(&others))),
                Err(_) => How::Whole(Box::new(others)),
            }
        } else {
            How::of(format, others)
        };
        Self { by_program, others: how }
    }

    pub(super) fn parse(
        &mut self,
        line: &[u8],
        zone: &stamp::Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let read = syslog::header(line, zone, arrival);
        let Ok(header) = read else {
            // RFC 3164 §4.3.3: what has no header is a message, and happened when it arrived.
            let (_, message) = syslog::priority(line);
            let (_, message) = bare_tag(message);
            event.kind = Kind::Syslog;
            event.time = arrival;
            event.set_bytes(Field::Message, message);
            return Ok(());
        };
        let program = header.program.unwrap_or_default();
        let mut found = self.by_program.iter_mut();
        let how = match found.find(|(known, _)| **known == *program) {
            Some((_, how)) => how,
            None => &mut self.others,
        };
        match how {
            How::Whole(parser) => parser.parse(line, arrival, event),
            How::Message(parser) => {
                parser.parse(header.message, arrival, event)?;
                add_header(&header, arrival, event);
                Ok(())
            }
            How::Looks(parser) => {
                let looks = detect::looks(header.message).filter(|looks| !looks.has_header());
                if looks.is_some() && parser.parse(header.message, arrival, event).is_ok() {
                    add_header(&header, arrival, event);
                    return Ok(());
                }
                let (offset, line, record) = (event.offset, event.line, event.record_bytes());
                event.reset(record);
                (event.offset, event.line) = (offset, line);
                event.kind = Kind::Syslog;
                syslog::set_header(event, &header);
                Ok(())
            }
        }
    }
}

impl How {
    fn of(format: &str, parser: Parser) -> Self {
        match format {
            "auto" => Self::Looks(Box::new(parser)),
            _ if WHOLE.contains(&format) => Self::Whole(Box::new(parser)),
            _ => Self::Message(Box::new(parser)),
        }
    }
}

/// `program: message` without anything before it.
fn bare_tag(message: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let (word, rest) = scan::word(message);
    match word.strip_suffix(b":").filter(|name| !name.is_empty()) {
        Some(name) => (Some(name), rest),
        None => (None, message),
    }
}

/// The header's part of an event that a format made of the message.
fn add_header(header: &Header<'_>, arrival: Timestamp, event: &mut Event) {
    if event.time == Timestamp::EPOCH || event.time == arrival {
        event.time = header.time;
    }
    let texts = [(Field::Hostname, header.hostname), (Field::Program, header.program)];
    for (field, text) in texts {
        if let Some(text) = text
            && event.get(field).is_none()
        {
            event.set_bytes(field, text);
        }
    }
    if let Some(repeat) = header.repeat {
        event.set(Field::Repeat, Value::Int(repeat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parsers::ParserConfig;
    use bytes::Bytes;
    use std::collections::BTreeMap;

    fn parser(format: &str, tags: &[(&str, &str)]) -> Parser {
        let tags: BTreeMap<_, _> =
            tags.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Parser::build(&ParserConfig {
            format: format.to_owned(),
            envelope: Envelope::Syslog,
            tags,
            timezone: Some("UTC".to_owned()),
            ..ParserConfig::default()
        })
        .unwrap()
    }

    fn read(parser: &mut Parser, line: &str) -> Result<Event, Unparsed> {
        let record = Bytes::copy_from_slice(line.as_bytes());
        let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
        event.reset(record.clone());
        parser.parse(&record, Timestamp::from_secs(1_793_000_000), &mut event)?;
        Ok(event)
    }

    const COMBINED: &str =
        "203.0.113.9 - - [27/Nov/2026:10:00:00 +0000] \"GET /.env HTTP/1.1\" 404 1 \"-\" \"x\"";

    #[test]
    fn web_servers_are_known_by_their_tag_and_others_must_be_named() {
        let mut auto = parser("auto", &[("shop", "nginx")]);
        for (head, kind) in [
            ("<190>Nov 27 10:00:00 web1 nginx: ", "http"),
            ("<190>Nov 27 10:00:00 nginx: ", "http"),
            ("<190>1 2026-11-27T10:00:00Z web1 nginx 7 - - ", "http"),
            ("<190>Nov 27 10:00:00 web1 shop: ", "http"),
            // Whatever else logs such a line may have let a client write it.
            ("<190>Nov 27 10:00:00 web1 app: ", "syslog"),
            ("<190>Nov 27 10:00:00 web1 sshd[7]: ", "syslog"),
        ] {
            let event = read(&mut auto, &format!("{head}{COMBINED}")).unwrap();
            assert_eq!(event.kind.name(), kind, "{head}");
            if kind == "http" {
                assert_eq!(event.text(Field::Path).unwrap(), "/.env");
                assert_eq!(event.ip(Field::Ip), Some([203, 0, 113, 9].into()));
                if head.contains("web1") {
                    assert_eq!(event.text(Field::Hostname).unwrap(), "web1");
                }
            }
        }
        let line = "<187>Nov 27 10:00:00 web1 nginx: 2026/11/27 10:00:00 [error] 7#7: *1 limiting requests, excess: 5.2 by zone \"one\", client: 203.0.113.9, server: _, request: \"GET / HTTP/1.1\", host: \"h\"";
        assert_eq!(read(&mut auto, line).unwrap().kind, Kind::HttpError);
        let line = "<187>Nov 27 10:00:00 web1 nginx: signal process started";
        assert_eq!(read(&mut auto, line).unwrap().kind, Kind::Syslog);
        let line = "<38>Nov 27 10:00:00 web1 sshd[7]: Invalid user x from 203.0.113.9 port 4";
        assert_eq!(read(&mut auto, line).unwrap().kind, Kind::SshAuth);
        // As rsyslog forwards it: the space after the tag is a part of the message.
        let line =
            "<38>1 2026-11-27T10:00:00Z web1 sshd 7 - -  Invalid user x from 203.0.113.9 port 4";
        assert_eq!(read(&mut auto, line).unwrap().kind, Kind::SshAuth);
        let line = "<134>Nov 27 10:00:00 haproxy[7]: 10.0.1.2:33317 [06/Feb/2026:12:14:14.655] front back/srv 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 \"GET /index.html HTTP/1.1\"";
        assert_eq!(read(&mut auto, line).unwrap().kind, Kind::Http);
    }

    #[test]
    fn a_format_of_the_source_reads_every_message() {
        let mut nginx = parser("nginx", &[]);
        let event = read(&mut nginx, &format!("<190>Nov 27 10:00:00 a app: {COMBINED}")).unwrap();
        assert_eq!(event.kind, Kind::Http);
        assert!(read(&mut nginx, "<190>Nov 27 10:00:00 a app: something else").is_err());
    }

    #[test]
    fn a_message_without_a_header_is_one_all_the_same() {
        let mut auto = parser("auto", &[]);
        for (line, message) in
            [("<13>hello there", "hello there"), ("<13>", ""), ("", ""), ("app: x", "x")]
        {
            let event = read(&mut auto, line).unwrap();
            assert_eq!(event.text(Field::Message).unwrap(), message);
            assert_eq!(event.time, Timestamp::from_secs(1_793_000_000));
        }
    }
}
