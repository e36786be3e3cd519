//! `log_format` strings as people have them, and lines that try to break out of them.

use super::LogFormat;
use crate::parsers::tests::{config, event_of};
use crate::parsers::{Parser, ParserConfig};
use serde_json::{Value as Json, json};

fn parsed(log_format: &str, line: &str) -> Json {
    let config = ParserConfig { log_format: Some(log_format.to_owned()), ..config("nginx") };
    let mut parser = Parser::build(&config).unwrap();
    match event_of(&mut parser, line.as_bytes()) {
        Ok(event) => event.to_json(),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

const LINE: &str = r#"192.0.2.1 - bob [24/Nov/2026:10:00:00 +0000] "GET /a?b HTTP/1.1" 200 512 "-" "curl/8" "198.51.100.7""#;

#[test]
fn the_directive_its_pieces_and_the_bare_format_are_one() {
    let expected = json!({"kind": "http", "time": "2026-11-24T10:00:00Z", "ip": "192.0.2.1",
        "user": "bob", "method": "GET", "path": "/a", "query": "b", "protocol": "HTTP/1.1",
        "status": 200, "bytes": 512, "user_agent": "curl/8", "x_forwarded_for": "198.51.100.7"});
    for format in [
        r#"log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';"#,
        r#"'$remote_addr - $remote_user [$time_local] "$request" $status ' "$body_bytes_sent \"$http_referer\" \"$http_user_agent\" \"$http_x_forwarded_for\"""#,
        r#"$remote_addr - ${remote_user} [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#,
    ] {
        assert_eq!(parsed(format, LINE), expected, "{format}");
        assert_eq!(LogFormat::compile(format).unwrap().warnings(), [""; 0]);
    }
}

#[test]
fn variables_of_all_kinds() {
    let format = r#""$host" $realip_remote_addr $remote_addr:$remote_port $msec [$time_local] $request_method $request_uri $server_protocol $status $bytes_sent $request_length $request_time $upstream_response_time $upstream_addr $scheme $ssl_protocol "$http_cf_connecting_ip""#;
    let line = r#""www.example.com" 10.0.0.1 192.0.2.1:4711 1764000000.125 [24/Nov/2026:10:00:00 +0000] POST /a/b?c=d HTTP/2.0 502 160 99 0.250 0.100, 0.150 : 0.001 10.0.0.2:80, 10.0.0.3:80 : 10.0.0.4:80 https TLSv1.3 "198.51.100.7""#;
    assert_eq!(
        parsed(format, line),
        json!({"kind": "http", "time": "2025-11-24T16:00:00.125Z",
        "host": "www.example.com", "peer": "10.0.0.1", "ip": "192.0.2.1", "port": 4711,
        "method": "POST", "path": "/a/b", "query": "c=d", "protocol": "HTTP/2.0", "status": 502,
        "bytes": 160, "request_bytes": 99, "duration": 0.25, "upstream_duration": 0.251,
        "upstream": "10.0.0.2:80, 10.0.0.3:80 : 10.0.0.4:80", "scheme": "https",
        "ssl_protocol": "TLSv1.3", "cf_connecting_ip": "198.51.100.7"})
    );
    assert_eq!(
        parsed(
            "$remote_addr|$uri|$args|$time_iso8601|$status",
            "192.0.2.1|/a|x=1|2026-11-24T11:00:00+01:00|-"
        ),
        json!({"kind": "http", "time": "2026-11-24T10:00:00Z", "ip": "192.0.2.1", "path": "/a", "query": "x=1"})
    );
    assert_eq!(
        parsed("$remote_addr $hostname $pid", "unix: box 7"),
        json!({"kind": "http", "time": "2026-11-24T10:00:05Z", "hostname": "box", "pid": 7})
    );
}

#[test]
fn json_escapes_are_undone() {
    let format = r#"escape=json '{"ip":"$remote_addr","time":"$time_iso8601","status":$status,"request":"$request","ua":"$http_user_agent","user":"$remote_user"}'"#;
    let line = r#"{"ip":"192.0.2.1","time":"2026-11-24T10:00:00+00:00","status":200,"request":"GET /\"} HTTP/1.1","ua":"a\\\"b\u001f","user":""}"#;
    assert_eq!(
        parsed(format, line),
        json!({"kind": "http", "time": "2026-11-24T10:00:00Z",
        "ip": "192.0.2.1", "status": 200, "method": "GET", "path": "/\"}", "protocol": "HTTP/1.1",
        "user_agent": "a\\\"b\u{1f}"})
    );
}

#[test]
fn a_client_moves_no_field() {
    let format = r#"$remote_addr - $remote_user [$time_local] "$request" $status"#;
    let line = r#"192.0.2.1 - x [01/Jan/2020:00:00:00 +0000] y [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401"#;
    let event = parsed(format, line);
    assert_eq!(event["time"], "2026-11-24T10:00:00Z");
    assert_eq!(event["user"], "x [01/Jan/2020:00:00:00 +0000] y");
    // A client that waits for the second piece of a long format gains nothing: linear time.
    let long = format!("192.0.2.1 - {} \"GET / HTTP/1.1\" 401", " [".repeat(30_000));
    assert_eq!(parsed(format, &long)["error"], "the line does not fit the log_format");
}

#[test]
fn faults_and_warnings() {
    for (format, message) in [
        ("$remote_addr$status", "nothing stands between `$remote_addr` and `$status`"),
        ("plain", "`log_format` has no variable"),
        ("'$remote_addr", "`log_format` misses a closing quote"),
        ("${remote_addr", "`log_format` misses the `}` of a variable"),
        ("'$status' x", "`log_format` has `x` outside its quotes"),
        ("escape=xml '$status'", "`xml` is not an escape of `log_format`"),
    ] {
        let error = LogFormat::compile(format).unwrap_err().to_string();
        assert!(error.starts_with(message) && error.contains("\nhint: "), "{error}");
    }
    for (format, warning) in [
        ("$http_host $remote_addr [$time_local]", "`$http_host` stands before the address"),
        ("$host [$time_local]", "`log_format` has no `$remote_addr`"),
        ("escape=none '$remote_addr $http_user_agent'", "`escape=none` lets a client write"),
    ] {
        let compiled = LogFormat::compile(format).unwrap();
        assert!(compiled.warnings()[0].starts_with(warning), "{:?}", compiled.warnings());
    }
}
