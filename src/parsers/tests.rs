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
    let record = Bytes::copy_from_slice(line);
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
        &format!(r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "ua" "198.51.100.1, 10.0.0.1""#),
        &json!({"ip": "192.0.2.1", "x_forwarded_for": "198.51.100.1, 10.0.0.1"}),
    );
    check_part(
        "nginx",
        &format!(r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "ua" 0.125 0.100, 0.020 www.example.com"#),
        &json!({"duration": 0.125, "upstream_duration": 0.12, "host": "www.example.com"}),
    );
    check_part(
        "nginx",
        &format!(r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "ua" rt=0.125 uct="0.000" urt="0.5" "www.example.com:443""#),
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
    for request in [r"\x16\x03\x01\x02\x00", "", "-", "GET", "get / HTTP/1.1", "SSH-2.0-Go", r"\x00 / x"] {
        check_part(
            "nginx",
            &line(request),
            &json!({"request": request, "method": null, "path": null, "status": 400, "ip": "192.0.2.1"}),
        );
    }
    for (request, expected) in [
        ("GET http://Www.example.com:8080/a?b HTTP/1.1",
            json!({"path": "/a", "query": "b", "host": "Www.example.com", "scheme": "http"})),
        ("GET https://u:p@a.example HTTP/1.1", json!({"path": "/", "host": "a.example", "query": null})),
        ("GET http://a.example?q HTTP/1.1", json!({"query": "q", "host": "a.example"})),
        ("CONNECT a.example:443 HTTP/1.1", json!({"method": "CONNECT", "host": "a.example", "path": null})),
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
        ("nginx", r#"192.0.2.1 - - [31/Feb/2026:13:55:36 +0000] "GET /" 200 1"#, "the time stamp is no date"),
        ("nginx", r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET /"#, "the quoted request does not end"),
        ("nginx", r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET /" OK 1"#, "the status is no number"),
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
    let long = format!(r#"192.0.2.1 - - {STAMP} "GET /{}"#, "a".repeat(crate::limits::RECORD_BYTES_MAX));
    check_part("nginx", &long, &json!({"ip": "192.0.2.1", "method": "GET"}));
}

#[test]
fn json_of_caddy_and_traefik() {
    let caddy = r#"{"level":"info","ts":1764000000.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.0.0.1","remote_port":"33812","client_ip":"203.0.113.7","proto":"HTTP/2.0","method":"POST","host":"www.example.com:443","uri":"/wp-login.php?x=%22a","headers":{"User-Agent":["curl/8 \"q\""],"Accept":["*/*"]},"tls":{"resumed":false,"version":772,"proto":"h2"}},"bytes_read":12,"user_id":"","duration":0.0015,"size":100,"status":401,"resp_headers":{"Server":["Caddy"]}}"#;
    for format in ["caddy", "auto"] {
        check_part(format, caddy, &json!({"kind": "http", "time": "2025-11-24T16:00:00.5Z",
            "ip": "203.0.113.7", "peer": "10.0.0.1", "port": 33812, "method": "POST",
            "host": "www.example.com", "path": "/wp-login.php", "query": "x=%22a", "status": 401,
            "bytes": 100, "request_bytes": 12, "duration": 0.0015, "user": null,
            "user_agent": "curl/8 \"q\"", "scheme": "https", "protocol": "HTTP/2.0"}));
    }
    check_part("caddy", r#"{"level":"info","ts":1764000000,"msg":"serving initial configuration"}"#,
        &json!({"kind": "log", "message": "serving initial configuration"}));
    let traefik = r#"{"ClientAddr":"192.0.2.1:4711","ClientHost":"8.8.8.8","ClientUsername":"-","DownstreamContentSize":19,"DownstreamStatus":404,"Duration":1500000,"RequestHost":"a.example","RequestMethod":"GET","RequestPath":"/x?y","RequestProtocol":"HTTP/1.1","RequestScheme":"https","StartUTC":"2026-11-24T09:59:59.123456789Z","level":"info","msg":"","request_User-Agent":"\"DownstreamStatus\":200","time":"2026-11-24T10:00:00Z"}"#;
    for format in ["traefik", "auto"] {
        check_part(format, traefik, &json!({"kind": "http", "time": "2026-11-24T10:00:00Z",
            "ip": "192.0.2.1", "port": 4711, "x_forwarded_for": "8.8.8.8", "user": null,
            "status": 404, "bytes": 19, "duration": 0.0015, "path": "/x", "query": "y",
            "host": "a.example", "user_agent": "\"DownstreamStatus\":200"}));
    }
}

#[test]
fn json_by_common_names_and_by_a_map() {
    check_part("json", r#"{"time":"2026-11-24T10:00:00+01:00","remote_addr":"192.0.2.1","client_ip":"8.8.8.8","request":"GET /a?b HTTP/1.1","status":"200","tenant":"a\u00e9\ud83d\ude00","n":-5,"f":1.5,"ok":true,"nothing":null,"deep":{"x":[1,{"y":"}\""}]}}"#,
        &json!({"kind": "http", "time": "2026-11-24T09:00:00Z", "ip": "192.0.2.1", "path": "/a",
            "query": "b", "status": 200, "tenant": "aé😀", "n": -5, "f": 1.5, "ok": true,
            "nothing": null, "deep": null}));
    check_part("json", r#"{"@timestamp":1764000000123,"source.ip":"2001:db8::1","url":{"path":"/p"}}"#,
        &json!({"kind": "log", "time": "2025-11-24T16:00:00.123Z", "ip": "2001:db8::1", "path": "/p"}));
    let mapped: ParserConfig = toml::from_str(
        "format = 'json'\nkind = 'login'\n[fields]\nip = 'client.address'\nuser = 'who'\ntime = 'at'\nshop = 'meta.shop'",
    ).unwrap();
    let mut parser = Parser::build(&mapped).unwrap();
    let line = br#" {"at":"24/Nov/2026:10:00:00 +0000","client":{"address":"192.0.2.1:443","x":{}},"who":"bob","meta":{"shop":["a","b"]},"other":1} "#;
    let event = event_of(&mut parser, line).unwrap();
    assert_eq!(event.to_json(), json!({"kind": "login", "time": "2026-11-24T10:00:00Z",
        "ip": "192.0.2.1", "port": 443, "user": "bob", "shop": "a"}));
}

#[test]
fn a_pattern_sets_its_groups() {
    let config: ParserConfig = toml::from_str(
        r#"format = "pattern"
        pattern = '^(?<time>\S+ \S+) \[(?<level>\w+)\] (?<ip>\S+) tried (?<user>.*) at (?<door>\w+) for (?<duration>\S+)$'
        kind = "door"
        time_format = "%d.%m.%Y %H:%M:%S"
        timezone = "Europe/Berlin""#,
    ).unwrap();
    let mut parser = Parser::build(&config).unwrap();
    assert_eq!(parser.warnings(), [""; 0]);
    let line = b"24.11.2026 11:00:00 [warn] 192.0.2.1 tried bob at back for 0.5";
    assert_eq!(event_of(&mut parser, line).unwrap().to_json(), json!({"kind": "door",
        "time": "2026-11-24T10:00:00Z", "level": "warn", "ip": "192.0.2.1", "user": "bob",
        "door": "back", "duration": 0.5}));
    assert!(event_of(&mut parser, b"else").is_err());
}

#[test]
fn haproxy_http_and_tcp() {
    let http = r#"Nov 24 10:00:00 lb haproxy[14389]: 192.0.2.1:33317 [24/Nov/2026:10:00:00.655] http-in~ static/srv1 10/0/30/69/109 404 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu|#22x} {} "GET /index.html?a HTTP/1.1""#;
    for format in ["haproxy", "auto"] {
        check(format, http, json!({"kind": "http", "time": "2026-11-24T10:00:00.655Z",
            "ip": "192.0.2.1", "port": 33317, "scheme": "https", "upstream": "srv1",
            "duration": 0.109, "upstream_duration": 0.069, "status": 404, "bytes": 2750,
            "method": "GET", "path": "/index.html", "query": "a", "protocol": "HTTP/1.1"}));
    }
    check_part("haproxy", r#"2001:db8::1:443 [24/Nov/2026:10:00:00.000] f f/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>""#,
        &json!({"kind": "http", "ip": "2001:db8::1", "port": 443, "request": "<BADREQ>", "upstream": null, "status": 400}));
    check("auto", "192.0.2.1:33313 [24/Nov/2026:10:00:00.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
        json!({"kind": "tcp", "time": "2026-11-24T10:00:00.443Z", "ip": "192.0.2.1", "port": 33313,
            "upstream": "srv1", "duration": 5.007, "bytes": 212}));
    check_part("haproxy", "Nov 24 10:00:00 lb haproxy[14389]: Server b/s is DOWN",
        &json!({"kind": "syslog", "message": "Server b/s is DOWN"}));
}

#[test]
fn syslog_of_all_kinds() {
    check("syslog", "<38>Nov  4 10:00:00 host su[7]: hello: world",
        json!({"kind": "syslog", "time": "2026-11-04T10:00:00Z", "hostname": "host", "program": "su",
            "pid": 7, "message": "hello: world", "facility": 4, "level": "info"}));
    check("syslog", "2026-11-24T10:00:00.123456+01:00 host kernel: [ 1.2] x",
        json!({"kind": "syslog", "time": "2026-11-24T09:00:00.123456Z", "hostname": "host",
            "program": "kernel", "message": "[ 1.2] x"}));
    check("syslog", "<165>1 2026-11-24T10:00:00.003Z host app 77 ID47 [a@1 x=\"]\\\"\" y=\"\"][b] \u{feff}text",
        json!({"kind": "syslog", "time": "2026-11-24T10:00:00.003Z", "hostname": "host",
            "program": "app", "pid": 77, "message": "text", "facility": 20, "level": "notice"}));
    check_part("syslog", "<34>1 - - - - - - text", &json!({"time": "2026-11-24T10:00:05Z", "message": "text", "hostname": null}));
    check_part("syslog", "Nov 24 10:00:00 host auth.info login[7]: x", &json!({"level": "info", "program": "login", "pid": 7}));
    check_part("syslog", "Nov 24 10:00:00 login[7]: x", &json!({"hostname": null, "program": "login"}));
    check_part("syslog", "Nov 24 10:00:00 host x: message repeated 3 times: [ y]", &json!({"repeat": 3, "message": "y"}));
    check_part("syslog", "Nov 24 10:00:00 host -- MARK --", &json!({"hostname": "host", "program": null, "message": "-- MARK --"}));
    check_part("syslog", "Nov 24 2025 10:00:00 host x: y", &json!({"time": "2025-11-24T10:00:00Z"}));
}

#[test]
fn the_format_is_found_and_said() {
    let access = format!(r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "-""#);
    for (lines, format, why) in [
        (vec![access.as_str(), "junk", ""], "combined", "1 of 2 lines are access log lines as nginx and Apache write them"),
        (vec!["2026/11/24 10:00:00 [error] 7#7: *5 x"], "nginx-error", "1 of 1 lines are nginx error log lines"),
        (vec!["Nov 24 10:00:00 h CRON[7]: x", "Nov 24 10:00:00 h CRON[7]: x", "Nov 24 10:00:00 h sshd-session[7]: x"], "sshd", "1 of 3 lines are syslog lines of `sshd`"),
        (vec!["Nov 24 10:00:00 h CRON[7]: x"], "syslog", "1 of 1 lines are syslog lines"),
        (vec![r#"{"a":1}"#], "json", "1 of 1 lines are JSON objects"),
        (vec!["junk"], "auto", "none of 1 lines is of a known format"),
        (vec![], "auto", "there are no lines yet"),
    ] {
        let found = detect(lines.iter().map(|line| line.as_bytes()));
        assert_eq!((found.format, found.why.as_str()), (format, why));
    }
}

#[test]
fn config_faults_are_told_with_a_hint() {
    for (config, message) in [
        ("format = 'ngnix'", "`ngnix` is not a log format\nhint: did you mean `nginx`?"),
        ("format = 'x'\ntimezone = 'Mars/Olympus'", "`Mars/Olympus` is not a known time zone"),
        ("format = 'sshd'\npattern = 'x'", "`pattern` has no use with format `sshd`\nhint: it is for the format `pattern`"),
        ("format = 'pattern'", "`pattern` is required with `format = \"pattern\"`"),
        ("format = 'pattern'\npattern = '('", "`pattern` is no regular expression"),
        ("format = 'pattern'\npattern = 'x'", "`pattern` has no named group"),
        ("format = 'pattern'\npattern = '(?<a>x)'\nfields = { ip = 'b' }", "`fields` takes `ip` from the group `b`"),
        ("format = 'json'\ntime_format = 'swatch'", "`swatch` is not a time format"),
        ("format = 'nginx'\nlog_format = '$'", "`log_format` has a `$` without a name"),
    ] {
        let config: ParserConfig = toml::from_str(config).unwrap();
        let error = Parser::build(&config).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(toml::from_str::<ParserConfig>("formt = 'x'").is_err());
    let loose: ParserConfig = toml::from_str("format = 'pattern'\npattern = '(?<ip>x)'").unwrap();
    assert_eq!(Parser::build(&loose).unwrap().warnings().len(), 1);
    for format in FORMATS.iter().filter(|format| **format != "pattern") {
        assert!(Parser::for_format(format).is_ok(), "{format}");
    }
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
            "192.0.2.1", " - ", "\"", "\\", "[10/Oct/2026:13:55:36 +0000] ", "GET / HTTP/1.1", " ", "{", "}", "[", "]",
            ":", ",", " 200 ", "2026/11/24 10:00:00 [error] 7#7: *5 ", ", client: 192.0.2.8", "Nov 24 10:00:00 h ",
            "sshd[7]: ", "Failed password for ", " from 192.0.2.8 port 22", " ssh2", " [preauth]", "invalid user ",
            "Connection closed by ", "\"time\":", "\"request\":{", "\"remote_ip\":\"", "\\u", "\\ud83d", "1764000000",
            "<34>1 ", "-", "message repeated 2 times: [ ", "/", "?", "haproxy[7]: ", "192.0.2.1:80 [10/Oct/2026:13:55:36.1] ",
        ]).prop_map(|text| text.as_bytes().to_vec()),
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
