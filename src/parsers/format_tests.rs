//! Fixtures of JSON, patterns, HAProxy, syslog, of finding a format, and of faults in the config.

use super::tests::{check, check_part, event_of};
use super::{FORMATS, Parser, ParserConfig, detect};
use serde_json::json;

const STAMP: &str = "[10/Oct/2026:13:55:36 +0200]";

#[test]
fn json_of_caddy_and_traefik() {
    let caddy = r#"{"level":"info","ts":1764000000.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.0.0.1","remote_port":"33812","client_ip":"203.0.113.7","proto":"HTTP/2.0","method":"POST","host":"www.example.com:443","uri":"/wp-login.php?x=%22a","headers":{"User-Agent":["curl/8 \"q\""],"Accept":["*/*"]},"tls":{"resumed":false,"version":772,"proto":"h2"}},"bytes_read":12,"user_id":"","duration":0.0015,"size":100,"status":401,"resp_headers":{"Server":["Caddy"]}}"#;
    for format in ["caddy", "auto"] {
        check_part(
            format,
            caddy,
            &json!({"kind": "http", "time": "2025-11-24T16:00:00.5Z",
            "ip": "203.0.113.7", "peer": "10.0.0.1", "port": 33812, "method": "POST",
            "host": "www.example.com", "path": "/wp-login.php", "query": "x=%22a", "status": 401,
            "bytes": 100, "request_bytes": 12, "duration": 0.0015, "user": null,
            "user_agent": "curl/8 \"q\"", "scheme": "https", "protocol": "HTTP/2.0"}),
        );
    }
    check_part(
        "caddy",
        r#"{"level":"info","ts":1764000000,"msg":"serving initial configuration"}"#,
        &json!({"kind": "log", "message": "serving initial configuration"}),
    );
    let traefik = r#"{"ClientAddr":"192.0.2.1:4711","ClientHost":"8.8.8.8","ClientUsername":"-","DownstreamContentSize":19,"DownstreamStatus":404,"Duration":1500000,"RequestHost":"a.example","RequestMethod":"GET","RequestPath":"/x?y","RequestProtocol":"HTTP/1.1","RequestScheme":"https","StartUTC":"2026-11-24T09:59:59.123456789Z","level":"info","msg":"","request_User-Agent":"\"DownstreamStatus\":200","time":"2026-11-24T10:00:00Z"}"#;
    for format in ["traefik", "auto"] {
        check_part(
            format,
            traefik,
            &json!({"kind": "http", "time": "2026-11-24T10:00:00Z",
            "ip": "192.0.2.1", "port": 4711, "x_forwarded_for": "8.8.8.8", "user": null,
            "status": 404, "bytes": 19, "duration": 0.0015, "path": "/x", "query": "y",
            "host": "a.example", "user_agent": "\"DownstreamStatus\":200"}),
        );
    }
}

#[test]
fn json_by_common_names_and_by_a_map() {
    check_part(
        "json",
        r#"{"time":"2026-11-24T10:00:00+01:00","remote_addr":"192.0.2.1","client_ip":"8.8.8.8","request":"GET /a?b HTTP/1.1","status":"200","tenant":"a\u00e9\ud83d\ude00","n":-5,"f":1.5,"ok":true,"nothing":null,"deep":{"x":[1,{"y":"}\""}]}}"#,
        &json!({"kind": "http", "time": "2026-11-24T09:00:00Z", "ip": "192.0.2.1", "path": "/a",
            "query": "b", "status": 200, "tenant": "aé😀", "n": -5, "f": 1.5, "ok": true,
            "nothing": null, "deep": null}),
    );
    check_part(
        "json",
        r#"{"@timestamp":1764000000123,"source.ip":"2001:db8::1","url":{"path":"/p"}}"#,
        &json!({"kind": "log", "time": "2025-11-24T16:00:00.123Z", "ip": "2001:db8::1", "path": "/p"}),
    );
    let mapped: ParserConfig = toml::from_str(
        "format = 'json'\nkind = 'login'\n[fields]\nip = 'client.address'\nuser = 'who'\ntime = 'at'\nshop = 'meta.shop'",
    ).unwrap();
    let mut parser = Parser::build(&mapped).unwrap();
    let line = br#" {"at":"24/Nov/2026:10:00:00 +0000","client":{"address":"192.0.2.1:443","x":{}},"who":"bob","meta":{"shop":["a","b"]},"other":1} "#;
    let event = event_of(&mut parser, line).unwrap();
    assert_eq!(
        event.to_json(),
        json!({"kind": "login", "time": "2026-11-24T10:00:00Z",
        "ip": "192.0.2.1", "port": 443, "user": "bob", "shop": "a"})
    );
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
    assert_eq!(
        event_of(&mut parser, line).unwrap().to_json(),
        json!({"kind": "door",
        "time": "2026-11-24T10:00:00Z", "level": "warn", "ip": "192.0.2.1", "user": "bob",
        "door": "back", "duration": 0.5})
    );
    assert!(event_of(&mut parser, b"else").is_err());
}

#[test]
fn haproxy_http_and_tcp() {
    let http = r#"Nov 24 10:00:00 lb haproxy[14389]: 192.0.2.1:33317 [24/Nov/2026:10:00:00.655] http-in~ static/srv1 10/0/30/69/109 404 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu|#22x} {} "GET /index.html?a HTTP/1.1""#;
    for format in ["haproxy", "auto"] {
        check(
            format,
            http,
            json!({"kind": "http", "time": "2026-11-24T10:00:00.655Z",
            "ip": "192.0.2.1", "port": 33317, "scheme": "https", "upstream": "srv1",
            "duration": 0.109, "upstream_duration": 0.069, "status": 404, "bytes": 2750,
            "method": "GET", "path": "/index.html", "query": "a", "protocol": "HTTP/1.1"}),
        );
    }
    check_part(
        "haproxy",
        r#"2001:db8::1:443 [24/Nov/2026:10:00:00.000] f f/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>""#,
        &json!({"kind": "http", "ip": "2001:db8::1", "port": 443, "request": "<BADREQ>", "upstream": null, "status": 400}),
    );
    check(
        "auto",
        "192.0.2.1:33313 [24/Nov/2026:10:00:00.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
        json!({"kind": "tcp", "time": "2026-11-24T10:00:00.443Z", "ip": "192.0.2.1", "port": 33313,
            "upstream": "srv1", "duration": 5.007, "bytes": 212}),
    );
    check_part(
        "haproxy",
        "Nov 24 10:00:00 lb haproxy[14389]: Server b/s is DOWN",
        &json!({"kind": "syslog", "message": "Server b/s is DOWN"}),
    );
}

#[test]
fn syslog_of_all_kinds() {
    check(
        "syslog",
        "<38>Nov  4 10:00:00 host su[7]: hello: world",
        json!({"kind": "syslog", "time": "2026-11-04T10:00:00Z", "hostname": "host", "program": "su",
            "pid": 7, "message": "hello: world", "facility": 4, "level": "info"}),
    );
    check(
        "syslog",
        "2026-11-24T10:00:00.123456+01:00 host kernel: [ 1.2] x",
        json!({"kind": "syslog", "time": "2026-11-24T09:00:00.123456Z", "hostname": "host",
            "program": "kernel", "message": "[ 1.2] x"}),
    );
    check(
        "syslog",
        "<165>1 2026-11-24T10:00:00.003Z host app 77 ID47 [a@1 x=\"]\\\"\" y=\"\"][b] \u{feff}text",
        json!({"kind": "syslog", "time": "2026-11-24T10:00:00.003Z", "hostname": "host",
            "program": "app", "pid": 77, "message": "text", "facility": 20, "level": "notice"}),
    );
    check_part(
        "syslog",
        "<34>1 - - - - - - text",
        &json!({"time": "2026-11-24T10:00:05Z", "message": "text", "hostname": null}),
    );
    check_part(
        "syslog",
        "Nov 24 10:00:00 host auth.info login[7]: x",
        &json!({"level": "info", "program": "login", "pid": 7}),
    );
    check_part(
        "syslog",
        "Nov 24 10:00:00 login[7]: x",
        &json!({"hostname": null, "program": "login"}),
    );
    check_part(
        "syslog",
        "Nov 24 10:00:00 host x: message repeated 3 times: [ y]",
        &json!({"repeat": 3, "message": "y"}),
    );
    check_part(
        "syslog",
        "Nov 24 10:00:00 host -- MARK --",
        &json!({"hostname": "host", "program": null, "message": "-- MARK --"}),
    );
    check_part(
        "syslog",
        "Nov 24 2025 10:00:00 host x: y",
        &json!({"time": "2025-11-24T10:00:00Z"}),
    );
}

#[test]
fn the_format_is_found_and_said() {
    let access = format!(r#"192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 9 "-" "-""#);
    for (lines, format, why) in [
        (
            vec![access.as_str(), "junk", ""],
            "combined",
            "1 of 2 lines are access log lines as nginx and Apache write them",
        ),
        (
            vec!["2026/11/24 10:00:00 [error] 7#7: *5 x"],
            "nginx-error",
            "1 of 1 lines are nginx error log lines",
        ),
        (
            vec![
                "Nov 24 10:00:00 h CRON[7]: x",
                "Nov 24 10:00:00 h CRON[7]: x",
                "Nov 24 10:00:00 h sshd-session[7]: x",
            ],
            "sshd",
            "1 of 3 lines are syslog lines of `sshd`",
        ),
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
        (
            "format = 'sshd'\npattern = 'x'",
            "`pattern` has no use with format `sshd`\nhint: it is for the format `pattern`",
        ),
        ("format = 'pattern'", "`pattern` is required with `format = \"pattern\"`"),
        ("format = 'pattern'\npattern = '('", "`pattern` is no regular expression"),
        ("format = 'pattern'\npattern = 'x'", "`pattern` has no named group"),
        (
            "format = 'pattern'\npattern = '(?<a>x)'\nfields = { ip = 'b' }",
            "`fields` takes `ip` from the group `b`",
        ),
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
