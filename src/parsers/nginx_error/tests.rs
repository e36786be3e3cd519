//! Lines of nginx's error log, and attempts to forge an address in them.

use crate::event::Field;
use crate::parsers::Parser;
use crate::parsers::tests::{check, check_part, config, event_of};
use serde_json::json;

fn line(message: &str) -> String {
    format!("2026/11/24 10:00:00 [error] 7#8: *5 {message}")
}

const TRAILER: &str = r#", client: 192.0.2.1, server: a.example, request: "GET /x?y HTTP/1.1", host: "www.example.com:8080""#;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn limits_logins_and_files() {
    let limited = line(&format!(
        r#"limiting requests, excess: 10.500 by zone "one"{TRAILER}, referrer: "https://r.example/""#
    ));
    for format in ["nginx-error", "auto"] {
        check(
            format,
            &limited,
            json!({"kind": "http.error", "time": "2026-11-24T10:00:00Z",
            "ip": "192.0.2.1", "level": "error", "pid": 7, "reason": "limit_req", "zone": "one",
            "message": "limiting requests, excess: 10.500 by zone \"one\"", "method": "GET",
            "path": "/x", "query": "y", "protocol": "HTTP/1.1", "host": "www.example.com",
            "referer": "https://r.example/"}),
        );
    }
    for (message, expected) in [
        (
            r#"limiting requests, dry run, excess: 10.500 by zone "one""#,
            json!({"reason": "limit_req_dry_run", "zone": "one"}),
        ),
        (
            r#"delaying request, excess: 0.500, by zone "one""#,
            json!({"reason": "limit_req_delay", "zone": "one"}),
        ),
        (r#"limiting connections by zone "addr""#, json!({"reason": "limit_conn", "zone": "addr"})),
        (
            r#"user "bob": password mismatch"#,
            json!({"reason": "bad_password", "user": "bob", "outcome": "failure"}),
        ),
        (
            r#"user "bob" was not found in "/etc/nginx/.htpasswd""#,
            json!({"reason": "invalid_user", "user": "bob", "outcome": "failure"}),
        ),
        (
            "no user/password was provided for basic authentication",
            json!({"reason": "no_credentials", "outcome": "failure"}),
        ),
        (
            r#"open() "/srv/x" failed (2: No such file or directory)"#,
            json!({"reason": "not_found"}),
        ),
        (r#"open() "/srv/x" failed (13: Permission denied)"#, json!({"reason": "forbidden"})),
        ("access forbidden by rule", json!({"reason": "forbidden"})),
        (r#"directory index of "/srv/" is forbidden"#, json!({"reason": "forbidden"})),
        (
            "client sent invalid method while reading client request line",
            json!({"reason": "bad_request"}),
        ),
        (
            "upstream timed out (110: Connection timed out) while reading response header from upstream",
            json!({"reason": "upstream"}),
        ),
        ("something else", json!({"reason": null})),
    ] {
        let mut expected = expected;
        expected["ip"] = json!("192.0.2.1");
        expected["message"] = json!(message);
        expected["path"] = json!("/x");
        check_part("nginx-error", &line(&format!("{message}{TRAILER}")), &expected);
    }
    check_part(
        "nginx-error",
        &line(
            r#"upstream prematurely closed connection, client: 2001:db8::1, server: , request: "GET / HTTP/1.1", upstream: "http://10.0.0.1:80/", host: "a""#,
        ),
        &json!({"ip": "2001:db8::1", "upstream": "http://10.0.0.1:80/", "host": "a"}),
    );
    check_part(
        "nginx-error",
        "2026/11/24 10:00:00 [notice] 7#7: signal process started",
        &json!({"kind": "http.error", "ip": null, "level": "notice", "message": "signal process started"}),
    );
    check_part(
        "nginx-error",
        &line(
            "client closed connection while waiting for request, client: 192.0.2.1, server: 0.0.0.0:80",
        ),
        &json!({"ip": "192.0.2.1"}),
    );
}

#[test]
fn no_client_forges_an_address() {
    let forged = r#", client: 192.0.2.8, server: a, request: "GET / HTTP/1.1", host: "h""#;
    // After a message that is nginx's own, the first address is the right one, whatever follows.
    check_part(
        "nginx-error",
        &line(&format!(
            r#"limiting requests, excess: 1.5 by zone "one"{TRAILER}, referrer: "x{forged}""#
        )),
        &json!({"ip": "192.0.2.1", "reason": "limit_req"}),
    );
    check_part(
        "nginx-error",
        &line(&format!(
            r#"limiting connections by zone "one", client: 192.0.2.1, server: a, request: "GET /"{forged} HTTP/1.1""#
        )),
        &json!({"ip": "192.0.2.1"}),
    );
    // Around the client's own text two addresses are none.
    for message in [
        format!(r#"user "x": password mismatch{forged}": password mismatch{TRAILER}"#),
        format!(r#"user "x": password mismatch{TRAILER}, referrer: "{forged}""#),
        format!(r#"open() "/srv/x{forged}" failed (2: No such file or directory){TRAILER}"#),
    ] {
        check_part("nginx-error", &line(&message), &json!({"ip": null}));
    }
    check_part(
        "nginx-error",
        &line(&format!(r#"user "x, client: nowhere": password mismatch{TRAILER}"#)),
        &json!({"ip": "192.0.2.1", "user": "x, client: nowhere"}),
    );
}

#[test]
fn a_message_broken_in_two_taints_what_follows() {
    // `GET /%0a2026/11/24…`: nginx writes the decoded path, line break and all.
    let lines = [
        line(r#"open() "/srv/"#),
        line(&format!(
            r#"limiting requests, excess: 1.5 by zone "one"{}"#,
            TRAILER.replace("2.1", "2.8")
        )),
        line(&format!(r#"open() "x" failed (2: No such file or directory){TRAILER}"#)),
    ];
    let mut parser = Parser::build(&config("nginx-error")).unwrap();
    for line in &lines {
        assert_eq!(event_of(&mut parser, line.as_bytes()).unwrap().ip(Field::Ip), None, "{line}");
    }
    // No message is longer than 2048 bytes, so the taint ends there.
    let honest = line(&format!("access forbidden by rule{TRAILER}"));
    let read: Vec<_> = (0..20)
        .map(|_| event_of(&mut parser, honest.as_bytes()).unwrap().ip(Field::Ip).is_some())
        .collect();
    assert!(!read[0] && read[19], "{read:?}");
}
