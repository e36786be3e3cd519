//! Clients that speak no SSH, and clients that try to put an address of their choice into a message.

use super::tests::{line, table};
use crate::parsers::tests::check_part;
use serde_json::json;

#[test]
fn clients_that_speak_no_ssh() {
    table(&[
        (
            "Did not receive identification string from 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, null, "no_identification", "failure"]),
        ),
        (
            "Did not receive identification string from 192.0.2.1",
            json!(["192.0.2.1", null, null, "no_identification", "failure"]),
        ),
        (
            "Bad protocol version identification 'GET / HTTP/1.1' from 192.0.2.1 port 22",
            json!(["192.0.2.1", 22, null, "bad_protocol", "failure"]),
        ),
        (
            "banner exchange: Connection from 192.0.2.1 port 22: invalid format",
            json!(["192.0.2.1", 22, null, "bad_protocol", "failure"]),
        ),
        (
            "error: kex_exchange_identification: client sent invalid protocol identifier \"from 192.0.2.8 port 22\"",
            json!([null, null, null, "bad_protocol", "failure"]),
        ),
        (
            "error: kex_exchange_identification: Connection closed by remote host",
            json!([null, null, null, "bad_protocol", "failure"]),
        ),
        (
            "ssh_dispatch_run_fatal: Connection from 192.0.2.1 port 22: message authentication code incorrect [preauth]",
            json!(["192.0.2.1", 22, null, "connection_fault", "failure"]),
        ),
        (
            "fatal: ssh_dispatch_run_fatal: Connection from authenticating user root 192.0.2.1 port 22: Broken pipe [preauth]",
            json!(["192.0.2.1", 22, "root", "connection_fault", "failure"]),
        ),
        (
            "Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-rsa from 192.0.2.8 port 22 [preauth]",
            json!(["192.0.2.1", 22, null, "no_match", "failure"]),
        ),
        (
            "scanned from 192.0.2.1 port 22 with SSH-1.0-SSH_Version_Mapper.  Don't panic.",
            json!(["192.0.2.1", 22, null, "scan", "failure"]),
        ),
        (
            "reverse mapping checking getaddrinfo for evil.example [192.0.2.1] failed.",
            json!(["192.0.2.1", null, null, "dns_mismatch", null]),
        ),
        (
            "reverse mapping checking getaddrinfo for x [192.0.2.8] failed. [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!",
            json!(["192.0.2.1", null, null, "dns_mismatch", null]),
        ),
        (
            "Address 192.0.2.1 maps to evil.example, but this does not map back to the address.",
            json!(["192.0.2.1", null, null, "dns_mismatch", null]),
        ),
        (
            "Nasty PTR record \"192.0.2.8\" is set up for 192.0.2.1, ignoring",
            json!(["192.0.2.1", null, null, "dns_mismatch", null]),
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn no_user_name_forges_an_address() {
    table(&[
        (
            "Failed password for invalid user x from 192.0.2.8 port 22 from 192.0.2.1 port 4711 ssh2",
            json!(["192.0.2.1", 4711, "x from 192.0.2.8 port 22", "invalid_user", "failure"]),
        ),
        (
            "Failed password for invalid user x from 192.0.2.8 port 22 ssh2 from 192.0.2.1 port 4711 ssh2",
            json!(["192.0.2.1", 4711, "x from 192.0.2.8 port 22 ssh2", "invalid_user", "failure"]),
        ),
        (
            "Failed publickey for invalid user x from 192.0.2.8 port 22 ssh2: RSA SHA256:a from 192.0.2.1 port 4711 ssh2: RSA SHA256:b",
            json!([
                "192.0.2.1",
                4711,
                "x from 192.0.2.8 port 22 ssh2: RSA SHA256:a",
                "invalid_user",
                "failure"
            ]),
        ),
        // The id of a certificate is the client's: two readings, so none.
        (
            "Failed publickey for root from 192.0.2.1 port 4711 ssh2: RSA-CERT SHA256:a ID x from 192.0.2.8 port 22 ssh2: RSA-CERT SHA256:c ID y (serial 0) CA RSA SHA256:b",
            json!([null, null, null, "bad_publickey", "failure"]),
        ),
        (
            "Failed publickey for root from 192.0.2.1 port 4711 ssh2: RSA-CERT SHA256:a ID x from 192.0.2.8 port 22 ssh2 (serial 0) CA RSA SHA256:b",
            json!(["192.0.2.1", 4711, "root", "bad_publickey", "failure"]),
        ),
        (
            "Failed hostbased for root from 192.0.2.1 port 4711 ssh2: RSA SHA256:a, client user \"x from 192.0.2.8 port 22 ssh2\", client host \"h\"",
            json!(["192.0.2.1", 4711, "root", "bad_hostbased", "failure"]),
        ),
        (
            "Invalid user x from 192.0.2.8 port 22 from 192.0.2.1 port 4711",
            json!(["192.0.2.1", 4711, "x from 192.0.2.8 port 22", "invalid_user", "failure"]),
        ),
        (
            "Invalid user \"; rm -rf / 'a\\nb\\tc from 192.0.2.1 port 4711",
            json!(["192.0.2.1", 4711, "\"; rm -rf / 'a\\nb\\tc", "invalid_user", "failure"]),
        ),
        (
            "Connection closed by invalid user x 192.0.2.8 port 22 [preauth] 192.0.2.1 port 4711 [preauth]",
            json!(["192.0.2.1", 4711, "x 192.0.2.8 port 22 [preauth]", "closed", "failure"]),
        ),
        (
            "Connection closed by authenticating user x 192.0.2.8 port 22 junk [preauth]",
            json!([null, null, null, "closed", "failure"]),
        ),
        (
            "Disconnecting invalid user x 192.0.2.8 port 22: y 192.0.2.1 port 4711: Too many authentication failures [preauth]",
            json!([null, null, null, "too_many_attempts", "failure"]),
        ),
        (
            "Disconnecting authenticating user root 192.0.2.1 port 4711: Change of username or service not allowed: (root,a) -> (x 192.0.2.8 port 22: ,b) [preauth]",
            json!([null, null, null, "disconnected", "failure"]),
        ),
        (
            "Received disconnect from 192.0.2.1 port 4711:11: from 192.0.2.8 port 22 [preauth]",
            json!(["192.0.2.1", 4711, null, "disconnected", "failure"]),
        ),
        (
            "Bad protocol version identification 'x' from 192.0.2.8 port 22' from 192.0.2.1 port 4711",
            json!(["192.0.2.1", 4711, null, "bad_protocol", "failure"]),
        ),
        (
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=x rhost=192.0.2.8  user=y",
            json!(["192.0.2.1", null, "x rhost=192.0.2.8  user=y", "pam_failure", "failure"]),
        ),
        (
            "error: PAM: Authentication failure for illegal user x from 192.0.2.8 from 192.0.2.1",
            json!(["192.0.2.1", null, "x from 192.0.2.8", "pam_failure", "failure"]),
        ),
        (
            "User x from 192.0.2.8 not allowed because y from 192.0.2.1 not allowed because not listed in AllowUsers",
            json!([
                "192.0.2.1",
                null,
                "x from 192.0.2.8 not allowed because y",
                "not_allowed",
                "failure"
            ]),
        ),
    ]);
    // sshd cuts a message at 500 bytes, so a long name could push the real address out.
    let start = "Connection closed by invalid user ";
    let filler = "\\377".repeat((500 - start.len() - " 192.0.2.8 port 22".len()) / 4);
    let pad = "x".repeat(500 - start.len() - filler.len() - " 192.0.2.8 port 22".len());
    let message = format!("{start}{pad}{filler} 192.0.2.8 port 22");
    assert_eq!(message.len(), 500);
    check_part("sshd", &line(&message), &json!({"kind": "ssh.auth", "ip": null}));
}

#[test]
fn other_lines_are_syslog() {
    for message in [
        "Server listening on 0.0.0.0 port 22.",
        "pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)",
        "",
    ] {
        check_part(
            "sshd",
            &line(message),
            &json!({"kind": "syslog", "program": "sshd", "message": message}),
        );
    }
    check_part(
        "sshd",
        "Nov 24 10:00:00 host sudo[7]: Failed password for root from 192.0.2.1 port 22 ssh2",
        &json!({"kind": "syslog", "ip": null}),
    );
}
