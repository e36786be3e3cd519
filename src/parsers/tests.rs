//! Fixtures of all formats: a line, and the event as JSON. What is not in the expected object may
//! not be in the event.

use super::*;
use crate::event::{Kind, ValueRef};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// When the fixtures are read: 2026-11-24T10:00:05Z.
pub(super) fn arrival() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-24T10:00:05Z").unwrap()
}

pub(super) fn config(format: &str) -> ParserConfig {
    ParserConfig {
        format: format.to_owned(),
        timezone: Some("UTC".to_owned()),
        ..ParserConfig::default()
    }
}

pub(super) fn event_of(parser: &mut Parser, line: &[u8]) -> Result<Event, Unparsed> {
    let record = bytes::Bytes::copy_from_slice(line);
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    event.reset(record.clone());
    parser.parse(&record, arrival(), &mut event)?;
    Ok(event)
}

pub(super) fn parsed(format: &str, line: &str) -> Json {
    let mut parser = Parser::build(&config(format)).unwrap();
    match event_of(&mut parser, line.as_bytes()) {
        Ok(event) => event.to_json(),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "so that fixtures are written without `&`")]
pub(super) fn check(format: &str, line: &str, expected: Json) {
    assert_eq!(parsed(format, line), expected, "{format}: {line}");
}

/// Only some fields matter.
pub(super) fn check_part(format: &str, line: &str, expected: &Json) {
    let event = parsed(format, line);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(event.get(name).unwrap_or(&Json::Null), value, "{name} of {format}: {line}");
    }
}

const STAMP: &str = "[10/Oct/2026:13:55:36 +0200]";

#[test]
fn combined_lines_and_their_kin() {
    check(
        "nginx",
        r#"203.0.113.9 - bob [10/Oct/2026:13:55:36 +0200] "GET /a/b?x=1&y=? HTTP/1.1" 200 512 "https://ref.example/" "curl/8.5""#,
        json!({"kind": "http", "time": "2026-10-10T11:55:36Z", "ip": "203.0.113.9", "user": "bob",
            "method": "GET", "path": "/a/b", "query": "x=1&y=?", "protocol": "HTTP/1.1",
            "status": 200, "bytes": 512, "referer": "https://ref.example/", "user_agent": "curl/8.5"}),
    );
    check(
        "common",
        r#"::ffff:192.0.2.1 - - [10/Oct/2026:13:55:36 -0000] "HEAD / HTTP/1.0" 304 -"#,
        json!({"kind": "http", "time": "2026-10-10T13:55:36Z", "ip": "192.0.2.1", "method": "HEAD",
            "path": "/", "protocol": "HTTP/1.0", "status": 304}),
    );
    check(
        "apache",
        r#"www.example.com:443 2001:db8::7 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/2.0" 200 9 "-" "a \"b\" c""#,
        json!({"kind": "http", "time": "2026-10-10T13:55:36Z", "ip": "2001:db8::7",
            "host": "www.example.com", "method": "GET", "path": "/", "protocol": "HTTP/2.0",
            "status": 200, "bytes": 9, "user_agent": "a \\\"b\\\" c"}),
    );
    check_part(
        "nginx",
        &format!(
            r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "ua" "198.51.100.1, 10.0.0.1""#
        ),
        &json!({"ip": "192.0.2.1", "x_forwarded_for": "198.51.100.1, 10.0.0.1"}),
    );
    check_part(
        "nginx",
        &format!(
            r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "ua" 0.125 0.100, 0.020 www.example.com"#
        ),
        &json!({"duration": 0.125, "upstream_duration": 0.12, "host": "www.example.com"}),
    );
    check_part(
        "nginx",
        &format!(
            r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "ua" rt=0.125 uct="0.000" urt="0.5" "www.example.com:443""#
        ),
        &json!({"duration": 0.125, "upstream_duration": 0.5, "host": "www.example.com"}),
    );
    check_part(
        "traefik",
        r#"198.51.100.1, 192.0.2.7 - - [10/Oct/2026:13:55:36 +0000] "GET /x HTTP/1.1" 404 19 "-" "-" 42 "api@docker" "http://10.0.0.2:80" 12ms"#,
        &json!({"ip": "192.0.2.7", "path": "/x", "status": 404, "duration": 0.012, "host": null}),
    );
    check_part(
        "apache",
        &format!(r#"client.example - - {STAMP} "GET / HTTP/1.1" 200 9"#),
        &json!({"ip": null, "path": "/", "host": null}),
    );
}

#[test]
fn what_a_client_writes_moves_no_field() {
    // The user name is written as it comes, but for quotes.
    check_part(
        "nginx",
        r#"192.0.2.1 - x [01/Jan/2020:00:00:00 +0000] \x22GET / [10/Oct/2026:13:55:36 +0000] "GET /real HTTP/1.1" 401 9 "-" "-""#,
        &json!({"ip": "192.0.2.1", "time": "2026-10-10T13:55:36Z", "path": "/real",
            "user": r"x [01/Jan/2020:00:00:00 +0000] \x22GET /"}),
    );
    check_part(
        "apache",
        r#"192.0.2.1 - \"x\" [10/Oct/2026:13:55:36 +0000] "GET /real HTTP/1.1" 401 9 "-" "-""#,
        &json!({"ip": "192.0.2.1", "path": "/real", "user": r#"\"x\""#}),
    );
    // `Host: 192.0.2.8`, logged before the address.
    check_part(
        "nginx",
        &format!(r#"192.0.2.8 192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "-""#),
        &json!({"ip": "192.0.2.1", "host": "192.0.2.8"}),
    );
    check_part(
        "apache",
        &format!(r#"192.0.2.1 - - {STAMP} "GET /a\" 200 1 \"b HTTP/1.1" 404 9 "-" "-""#),
        &json!({"path": r#"/a\" 200 1 \"b"#, "status": 404}),
    );
}

#[test]
fn requests_that_are_none_and_targets_of_all_forms() {
    let line = |request: &str| format!(r#"192.0.2.1 - - {STAMP} "{request}" 400 0 "-" "-""#);
    for request in
        [r"\x16\x03\x01\x02\x00", "", "-", "GET", "get / HTTP/1.1", "SSH-2.0-Go", r"\x00 / x"]
    {
        check_part(
            "nginx",
            &line(request),
            &json!({"request": request, "method": null, "path": null, "status": 400, "ip": "192.0.2.1"}),
        );
    }
    for (request, expected) in [
        (
            "GET http://Www.example.com:8080/a?b HTTP/1.1",
            json!({"path": "/a", "query": "b", "host": "Www.example.com", "scheme": "http"}),
        ),
        (
            "GET https://u:p@a.example HTTP/1.1",
            json!({"path": "/", "host": "a.example", "query": null}),
        ),
        ("GET http://a.example?q HTTP/1.1", json!({"query": "q", "host": "a.example"})),
        (
            "CONNECT a.example:443 HTTP/1.1",
            json!({"method": "CONNECT", "host": "a.example", "path": null}),
        ),
        ("OPTIONS * HTTP/1.1", json!({"path": "*"})),
        ("GET /a b HTTP/1.1", json!({"path": "/a b", "protocol": "HTTP/1.1"})),
        ("GET /old", json!({"path": "/old", "protocol": null})),
        ("GET /? HTTP/1.1", json!({"path": "/", "query": ""})),
        (r"GET /\x22%22 HTTP/1.1", json!({"path": r"/\x22%22"})),
        ("GET http://[2001:db8::1]:80/ HTTP/1.1", json!({"host": "[2001:db8::1]"})),
    ] {
        check_part("nginx", &line(request), &expected);
    }
}

#[test]
fn lines_that_are_not_of_the_format_say_what_is_missing() {
    for (format, line, error) in [
        ("nginx", "", "no quoted request"),
        ("nginx", r#"192.0.2.1 - - "GET / HTTP/1.1" 200"#, "no time stamp before the request"),
        (
            "nginx",
            r#"192.0.2.1 - - [31/Feb/2026:13:55:36 +0000] "GET /" 200 1"#,
            "the time stamp is no date",
        ),
        // As long as a stamp, which a parser that has read none must not know already.
        (
            "nginx",
            &format!(r#"192.0.2.1 - - [{}] "GET /" 200 1"#, "\0".repeat(26)),
            "the time stamp is no date",
        ),
        (
            "nginx",
            r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET /"#,
            "the quoted request does not end",
        ),
        (
            "nginx",
            r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET /" OK 1"#,
            "the status is no number",
        ),
        ("sshd", "hello", "no syslog time stamp"),
        ("caddy", "hello", "no JSON object"),
        ("json", r#"{"a":1"#, "no well-formed JSON object"),
        ("haproxy", "hello", "no client address and port"),
        ("nginx-error", "hello", "no nginx error log time stamp"),
        ("auto", "hello", "the line is of no known format"),
    ] {
        check(format, line, json!({ "error": error }));
    }
    // A record that was cut at its limit still counts.
    let long =
        format!(r#"192.0.2.1 - - {STAMP} "GET /{}"#, "a".repeat(crate::limits::RECORD_BYTES_MAX));
    check_part("nginx", &long, &json!({"ip": "192.0.2.1", "method": "GET"}));
}

/// Every parser, with settings that make it do something.
fn all_parsers() -> Vec<Parser> {
    let mut parsers: Vec<Parser> = FORMATS
        .iter()
        .filter(|format| **format != "pattern")
        .map(|format| Parser::build(&config(format)).unwrap())
        .collect();
    for log_format in [
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
        r#"escape=json '{"ip":"$remote_addr","t":$msec,"r":"$request","u":"$upstream_response_time"}'"#,
    ] {
        let config = ParserConfig { log_format: Some(log_format.to_owned()), ..config("nginx") };
        parsers.push(Parser::build(&config).unwrap());
    }
    let pattern = ParserConfig {
        pattern: Some(r"(?<time>\S+ \S+)|(?<request>.+)".to_owned()),
        ..config("pattern")
    };
    parsers.push(Parser::build(&pattern).unwrap());
    parsers
}

/// Bytes with what the formats are made of, so that they get past the first check.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..8),
        proptest::sample::select(vec![
            "192.0.2.1",
            " - ",
            "\"",
            "\\",
            "[10/Oct/2026:13:55:36 +0000] ",
            "GET / HTTP/1.1",
            " ",
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            " 200 ",
            "2026/11/24 10:00:00 [error] 7#7: *5 ",
            ", client: 192.0.2.8",
            "Nov 24 10:00:00 h ",
            "sshd[7]: ",
            "Failed password for ",
            " from 192.0.2.8 port 22",
            " ssh2",
            " [preauth]",
            "invalid user ",
            "Connection closed by ",
            "\"time\":",
            "\"request\":{",
            "\"remote_ip\":\"",
            "\\u",
            "\\ud83d",
            "1764000000",
            "<34>1 ",
            "-",
            "message repeated 2 times: [ ",
            "/",
            "?",
            "haproxy[7]: ",
            "192.0.2.1:80 [10/Oct/2026:13:55:36.1] ",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    /// No bytes make a parser panic, and whatever is text lies in the record or is owned.
    #[test]
    fn any_bytes_are_read_or_refused(pieces in proptest::collection::vec(piece(), 0..24)) {
        let line = pieces.concat();
        for mut parser in all_parsers() {
            if let Ok(event) = event_of(&mut parser, &line) {
                for (name, value) in event.fields() {
                    if let ValueRef::Bytes(text) = value {
                        prop_assert!(text.len() <= line.len().max(24), "{name}");
                    }
                }
                let again = event_of(&mut parser, &line);
                prop_assert!(again.is_ok());
            }
        }
        detect([line.as_slice()]);
    }

    /// A user name can hold anything but a bare quote, and the address stays.
    #[test]
    fn no_user_name_moves_the_address(user in "[ -!#-~]{1,40}") {
        let line = format!("192.0.2.1 - {user} {STAMP} \"GET /p HTTP/1.1\" 401 9 \"-\" \"-\"");
        // A backslash before the request's quote would be escaped by either server.
        prop_assume!(!user.contains('\\') && scan::ip(user.as_bytes()).is_none());
        let event = event_of(&mut Parser::for_format("nginx").unwrap(), line.as_bytes()).unwrap();
        prop_assert_eq!(event.ip(crate::event::Field::Ip), "192.0.2.1".parse().ok());
        prop_assert_eq!(event.bytes(crate::event::Field::Path), Some(&b"/p"[..]));
    }
}
