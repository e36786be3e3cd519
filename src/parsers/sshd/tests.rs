//! The message forms of OpenSSH 7 to 9.9.

use crate::parsers::tests::{check, check_part, parsed};
use serde_json::{Value as Json, json};

pub(super) fn line(message: &str) -> String {
    format!("Nov 24 10:00:00 host sshd[77]: {message}")
}

/// Message, address, port, user, reason, outcome; `null` where there is none.
pub(super) fn table(rows: &[(&str, Json)]) {
    for (message, expected) in rows {
        let names = ["ip", "port", "user", "reason", "outcome"];
        let event = parsed("sshd", &line(message));
        assert_eq!(event["kind"], "ssh.auth", "{message}");
        for (name, value) in names.iter().zip(expected.as_array().unwrap()) {
            assert_eq!(event.get(name).unwrap_or(&Json::Null), value, "{name}: {message}");
        }
    }
}

#[test]
fn an_attempt_has_all_its_fields() {
    let expected = json!({"kind": "ssh.auth", "time": "2026-11-24T10:00:00Z", "ip": "192.0.2.1",
        "port": 4711, "user": "root", "outcome": "failure", "reason": "bad_password",
        "auth_method": "password", "program": "sshd", "pid": 77, "hostname": "host",
        "message": "Failed password for root from 192.0.2.1 port 4711 ssh2"});
    check(
        "sshd",
        &line("Failed password for root from 192.0.2.1 port 4711 ssh2"),
        expected.clone(),
    );
    check("auto", &line("Failed password for root from 192.0.2.1 port 4711 ssh2"), expected);
    for (program, stamp) in [
        ("sshd-session", "2026-11-24T11:00:00.000000+01:00"),
        ("sshd-auth", "2026-11-24T10:00:00Z"),
    ] {
        let line = format!(
            "{stamp} host {program}[8]: Failed password for root from 192.0.2.1 port 4711 ssh2"
        );
        check_part(
            "sshd",
            &line,
            &json!({"kind": "ssh.auth", "time": "2026-11-24T10:00:00Z",
            "ip": "192.0.2.1", "program": program}),
        );
    }
    let repeated =
        line("message repeated 4 times: [ Failed password for root from 192.0.2.1 port 4711 ssh2]");
    check_part(
        "sshd",
        &repeated,
        &json!({"repeat": 4, "ip": "192.0.2.1", "reason": "bad_password"}),
    );
    let rfc5424 =
        "<38>1 2026-11-24T10:00:00Z host sshd 77 - - Invalid user x from 192.0.2.1 port 1";
    check_part(
        "sshd",
        rfc5424,
        &json!({"kind": "ssh.auth", "ip": "192.0.2.1", "pid": 77, "facility": 4}),
    );
}

#[test]
fn attempts() {
    table(&[
        (
            "Failed password for invalid user bob from 2001:db8::1 port 22 ssh2",
            json!(["2001:db8::1", 22, "bob", "invalid_user", "failure"]),
        ),
        (
            "Failed publickey for bob from 192.0.2.1 port 22 ssh2: RSA SHA256:abc/def+0",
            json!(["192.0.2.1", 22, "bob", "bad_publickey", "failure"]),
        ),
        (
            "Failed keyboard-interactive/pam for invalid user bob from 192.0.2.1 port 22 ssh2",
            json!(["192.0.2.1", 22, "bob", "invalid_user", "failure"]),
        ),
        (
            "Failed keyboard-interactive/pam for bob from 192.0.2.1 port 22 ssh2",
            json!(["192.0.2.1", 22, "bob", "bad_keyboard_interactive", "failure"]),
        ),
        (
            "Failed none for invalid user  from 192.0.2.1 port 22 ssh2",
            json!(["192.0.2.1", 22, "", "invalid_user", "failure"]),
        ),
        (
            "Failed none for bob from 192.0.2.1 port 22 ssh2 [preauth]",
            json!(["192.0.2.1", 22, "bob", "no_method", "failure"]),
        ),
        (
            "Accepted publickey for bob from ::ffff:192.0.2.1 port 22 ssh2: ED25519 SHA256:abc",
            json!(["192.0.2.1", 22, "bob", "accepted", "success"]),
        ),
        (
            "Accepted publickey for bob from 192.0.2.1 port 22 ssh2: RSA-CERT SHA256:a ID bob@ca (serial 7) CA RSA SHA256:b",
            json!(["192.0.2.1", 22, "bob", "accepted", "success"]),
        ),
        (
            "Partial publickey for bob from 192.0.2.1 port 22 ssh2: RSA SHA256:abc",
            json!(["192.0.2.1", 22, "bob", "partial", null]),
        ),
        (
            "Postponed keyboard-interactive/pam for bob from 192.0.2.1 port 22 ssh2 [preauth]",
            json!(["192.0.2.1", 22, "bob", "postponed", null]),
        ),
        (
            "error: maximum authentication attempts exceeded for invalid user bob from 192.0.2.1 port 22 ssh2 [preauth]",
            json!(["192.0.2.1", 22, "bob", "too_many_attempts", "failure"]),
        ),
        (
            "error: PAM: Authentication failure for illegal user bob from 192.0.2.1",
            json!(["192.0.2.1", null, "bob", "pam_failure", "failure"]),
        ),
        (
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
            json!(["192.0.2.1", null, "root", "pam_failure", "failure"]),
        ),
        (
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1 ",
            json!(["192.0.2.1", null, null, "pam_failure", "failure"]),
        ),
        (
            "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
            json!(["192.0.2.1", null, "root", "pam_failure", "failure"]),
        ),
        (
            "error: public key ECDSA-SK SHA256:a signature for bob from 192.0.2.1 port 22 rejected: user presence (authenticator touch) requirement not met ",
            json!(["192.0.2.1", 22, "bob", "bad_publickey", "failure"]),
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn refusals_and_connections() {
    table(&[
        (
            "Invalid user bob from 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, "bob", "invalid_user", "failure"]),
        ),
        (
            "Invalid user  from 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, "", "invalid_user", "failure"]),
        ),
        (
            "Invalid user bob from 192.0.2.1",
            json!(["192.0.2.1", null, "bob", "invalid_user", "failure"]),
        ),
        (
            "input_userauth_request: invalid user bob [preauth]",
            json!([null, null, "bob", "invalid_user", "failure"]),
        ),
        (
            "User bob from 192.0.2.1 not allowed because not listed in AllowUsers",
            json!(["192.0.2.1", null, "bob", "not_allowed", "failure"]),
        ),
        (
            "User bob from host.example not allowed because a group is listed in DenyGroups",
            json!([null, null, "bob", "not_allowed", "failure"]),
        ),
        (
            "User bob not allowed because account is locked",
            json!([null, null, "bob", "not_allowed", "failure"]),
        ),
        (
            "ROOT LOGIN REFUSED FROM 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, "root", "not_allowed", "failure"]),
        ),
        (
            "fatal: Access denied for user bob by PAM account configuration [preauth]",
            json!([null, null, "bob", "not_allowed", "failure"]),
        ),
        (
            "refused connect from evil.example (192.0.2.1)",
            json!(["192.0.2.1", null, null, "not_allowed", "failure"]),
        ),
        (
            "administratively prohibited connection for invalid user bob from 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, "bob", "not_allowed", "failure"]),
        ),
        (
            "Connection closed by 192.0.2.1 port 22 [preauth]",
            json!(["192.0.2.1", 22, null, "closed", "failure"]),
        ),
        (
            "Connection closed by 192.0.2.1 [preauth]",
            json!(["192.0.2.1", null, null, "closed", "failure"]),
        ),
        (
            "Connection closed by invalid user bob 192.0.2.1 port 22 [preauth]",
            json!(["192.0.2.1", 22, "bob", "closed", "failure"]),
        ),
        (
            "Connection closed by invalid user  192.0.2.1 port 22 [preauth]",
            json!(["192.0.2.1", 22, "", "closed", "failure"]),
        ),
        (
            "Connection reset by authenticating user root 192.0.2.1 port 22 [preauth]",
            json!(["192.0.2.1", 22, "root", "reset", "failure"]),
        ),
        (
            "Disconnected from authenticating user root 192.0.2.1 port 22 [preauth]",
            json!(["192.0.2.1", 22, "root", "disconnected", "failure"]),
        ),
        (
            "Disconnected from user bob 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, "bob", "disconnected", null]),
        ),
        (
            "Received disconnect from 192.0.2.1 port 22:11: Bye Bye [preauth]",
            json!(["192.0.2.1", 22, null, "disconnected", "failure"]),
        ),
        (
            "error: Received disconnect from 192.0.2.1: 3: com.jcraft.jsch.JSchException: Auth fail [preauth]",
            json!(["192.0.2.1", null, null, "disconnected", "failure"]),
        ),
        (
            "Received disconnect from 192.0.2.1 port 22:11: disconnected by user",
            json!(["192.0.2.1", 22, null, "disconnected", null]),
        ),
        (
            "Disconnecting invalid user bob 192.0.2.1 port 22: Too many authentication failures [preauth]",
            json!(["192.0.2.1", 22, "bob", "too_many_attempts", "failure"]),
        ),
        (
            "Disconnecting 192.0.2.1 port 22: Too many authentication failures [preauth]",
            json!(["192.0.2.1", 22, null, "too_many_attempts", "failure"]),
        ),
        (
            "Disconnecting: Too many authentication failures [preauth]",
            json!([null, null, null, "too_many_attempts", "failure"]),
        ),
        (
            "Disconnecting authenticating user root 192.0.2.1 port 22: Change of username or service not allowed: (root,ssh-connection) -> (bob,ssh-connection) [preauth]",
            json!(["192.0.2.1", 22, "root", "disconnected", "failure"]),
        ),
        (
            "fatal: Timeout before authentication for 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, null, "timeout", "failure"]),
        ),
        (
            "Timeout before authentication for connection from 192.0.2.1 to 192.0.2.9, pid = 7",
            json!(["192.0.2.1", null, null, "timeout", "failure"]),
        ),
        (
            "fatal: Connection from 192.0.2.1 port 22 timed out [preauth]",
            json!(["192.0.2.1", 22, null, "timeout", "failure"]),
        ),
        (
            "drop connection #10 from [192.0.2.1]:4711 on [192.0.2.9]:22 past MaxStartups",
            json!(["192.0.2.1", 4711, null, "dropped", "failure"]),
        ),
        (
            "drop connection #0 from [2001:db8::1]:4711 on [2001:db8::9]:22 penalty: failed authentication",
            json!(["2001:db8::1", 4711, null, "dropped", "failure"]),
        ),
        (
            "srclimit_penalise: ipv4: new 192.0.2.1/32 deferred penalty of 5.000 seconds for penalty: failed authentication",
            json!(["192.0.2.1", null, null, "penalised", "failure"]),
        ),
        (
            "srclimit_penalise: 192.0.2.1/32: activating ipv4 penalty of 20.1 seconds for penalty: failed authentication",
            json!(["192.0.2.1", null, null, "penalised", "failure"]),
        ),
        (
            "srclimit_penalise: ipv4: new 192.0.0.0/16 active penalty of 5.000 seconds for penalty: caused crash",
            json!([null, null, null, "penalised", "failure"]),
        ),
        (
            "Connection from 192.0.2.1 port 22 on 192.0.2.9 port 22 rdomain \"\"",
            json!(["192.0.2.1", 22, null, "connection", null]),
        ),
    ]);
}
