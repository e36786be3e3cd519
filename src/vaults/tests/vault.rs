//! Vault's look-alike: both versions of KV, sessions that end, and every way of going wrong.

use super::server::{Does, Faults, Seen, Server};
use super::*;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A look-alike with one secret in each version of KV; `token` is what it takes.
fn ordinary(seen: &Seen, token: &str) -> Does {
    if seen.header("x-vault-token") != token {
        return Does::Json(403, json!({ "errors": ["permission denied"] }));
    }
    match seen.line.as_str() {
        "GET /v1/auth/token/lookup-self" => {
            Does::Json(200, json!({ "data": { "ttl": 0, "renewable": false } }))
        }
        line if line.starts_with("GET /v1/sys/internal/ui/mounts/secret/") => Does::Json(
            200,
            json!({ "data": { "path": "secret/", "type": "kv", "options": { "version": "2" } } }),
        ),
        line if line.starts_with("GET /v1/sys/internal/ui/mounts/old/") => {
            Does::Json(200, json!({ "data": { "path": "old/", "type": "kv", "options": null } }))
        }
        "GET /v1/secret/data/riposte" => Does::Json(
            200,
            json!({ "lease_id": "", "data": { "data": { "token": "new-token" }, "metadata": { "version": 1 } } }),
        ),
        "GET /v1/old/riposte" => Does::Json(
            200,
            json!({ "lease_id": "", "lease_duration": 3600, "data": { "token": "old-token" } }),
        ),
        _ => Does::Json(404, json!({ "errors": [] })),
    }
}

fn by_token(server: &Server, files: &Files) -> Vaults {
    files.write("token", "root-token\n");
    let path = files.path("token");
    Vaults::new(&config(&format!(
        "[vault]\naddress = \"{}\"\ntoken = \"file:{}\"",
        server.url,
        path.display()
    )))
}

#[test]
fn both_versions_are_read_by_the_path_that_people_write() {
    let files = Files::new();
    let server = Server::start(|seen| ordinary(seen, "root-token"));
    let vaults = by_token(&server, &files);
    for (text, value) in
        [("vault:secret/riposte#token", "new-token"), ("vault:old/riposte#token", "old-token")]
    {
        let reference = reference(text);
        let document = vaults.read(&reference).unwrap();
        assert_eq!(document.pick(&reference).unwrap().reveal(), value);
    }
    let other = reference("vault:secret/riposte#tokn");
    let error = vaults.read(&other).unwrap().pick(&other).unwrap_err().to_string();
    assert!(error.contains("no such field") && error.contains("hint: it has `token`"), "{error}");
    let error = vaults.read(&reference("vault:secret/none#token")).unwrap_err().to_string();
    assert!(error.contains("the vault has nothing there"), "{error}");
    assert_eq!(server.count("GET /v1/auth/token/lookup-self"), 1, "one session");
}

#[test]
fn a_token_that_was_rotated_is_read_again_where_it_is_refused() {
    let files = Files::new();
    let taken = Arc::new(Mutex::new("root-token".to_owned()));
    let accepted = Arc::clone(&taken);
    let server = Server::start(move |seen| {
        let now = accepted.lock().unwrap().clone();
        ordinary(seen, &now)
    });
    let vaults = by_token(&server, &files);
    let secret = reference("vault:secret/riposte#token");
    vaults.read(&secret).unwrap();
    "second".clone_into(&mut taken.lock().unwrap());
    let error = vaults.read(&secret).unwrap_err().to_string();
    assert!(error.contains("refuses the token") && !error.contains("root-token"), "{error}");
    files.write("token", "second");
    vaults.read(&secret).unwrap();
    files.write("token", "third");
    vaults.read(&secret).unwrap();
    // One at the start, and two where it is refused: of the old token, and of the one that is there.
    assert_eq!(server.count("GET /v1/auth/token/lookup-self"), 5, "the session lasts");
}

#[test]
fn a_path_without_a_policy_costs_no_session() {
    let files = Files::new();
    files.write("role", "the-role");
    files.write("secret-id", "the-secret-id");
    // The secret id does for one login.
    let logins = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&logins);
    let server = Server::start(move |seen| match seen.line.as_str() {
        "POST /v1/auth/approle/login" if count.fetch_add(1, Ordering::SeqCst) == 0 => Does::Json(
            200,
            json!({ "auth": { "client_token": "session", "lease_duration": 3600, "renewable": true } }),
        ),
        "POST /v1/auth/approle/login" => {
            Does::Json(400, json!({ "errors": ["invalid role or secret ID"] }))
        }
        line if line.contains("/secret/data/mistyped") => {
            Does::Json(403, json!({ "errors": ["permission denied"] }))
        }
        _ => ordinary(seen, "session"),
    });
    let vaults = Vaults::new(&config(&format!(
        "[vault]\naddress = \"{}\"\n[vault.approle]\nrole_id = \"file:{}\"\nsecret_id = \"file:{}\"",
        server.url,
        files.path("role").display(),
        files.path("secret-id").display()
    )));
    let well = reference("vault:secret/riposte#token");
    vaults.read(&well).unwrap();
    for _ in 0..2 {
        let error = vaults.read(&reference("vault:secret/mistyped#token")).unwrap_err().to_string();
        assert!(error.contains("needs a policy"), "{error}");
    }
    vaults.read(&well).unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 1);
}

#[test]
fn an_approle_enters_again_when_its_session_has_ended() {
    let files = Files::new();
    files.write("role", "the-role");
    files.write("secret-id", "the-secret-id");
    let logins = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&logins);
    let server = Server::start(move |seen| {
        if seen.line == "POST /v1/auth/team/approle/login" {
            assert_eq!(
                serde_json::from_str::<Value>(&seen.body).unwrap(),
                json!({ "role_id": "the-role", "secret_id": "the-secret-id" })
            );
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let token = format!("session-{number}");
            return Does::Json(
                200,
                json!({ "auth": { "client_token": token, "lease_duration": 3600, "renewable": true } }),
            );
        }
        // Only the newest session is taken.
        let token = format!("session-{}", count.load(Ordering::SeqCst));
        ordinary(seen, &token)
    });
    let vaults = Vaults::new(&config(&format!(
        "[vault]\naddress = \"{}\"\n[vault.approle]\nrole_id = \"file:{}\"\nsecret_id = \"file:{}\"\nmount = \"team/approle\"",
        server.url,
        files.path("role").display(),
        files.path("secret-id").display()
    )));
    let secret = reference("vault:old/riposte#token");
    vaults.read(&secret).unwrap();
    vaults.read(&secret).unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    // It is revoked at the vault.
    logins.fetch_add(1, Ordering::SeqCst);
    vaults.read(&secret).unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 3, "entered again, once");
}

#[test]
fn a_lease_is_renewed_with_its_id() {
    let files = Files::new();
    let server = Server::start(|seen| match seen.line.as_str() {
        "GET /v1/database/creds/riposte" => Does::Json(
            200,
            json!({ "lease_id": "database/creds/riposte/1", "lease_duration": 90, "renewable": true,
                "data": { "username": "u", "password": "p" } }),
        ),
        "PUT /v1/sys/leases/renew" => {
            assert!(seen.body.contains("database/creds/riposte/1"), "{}", seen.body);
            Does::Json(200, json!({ "lease_duration": 60 }))
        }
        _ => ordinary(seen, "root-token"),
    });
    let vaults = by_token(&server, &files);
    let secret = reference("vault:database/creds/riposte#password");
    let document = vaults.read(&secret).unwrap();
    assert_eq!(document.pick(&secret).unwrap().reveal(), "p");
    let lease = document.lease.unwrap();
    assert!(lease.renewable && lease.lasts == Duration::from_secs(90));
    assert_eq!(vaults.renew(&secret, &lease).unwrap(), Duration::from_mins(1));
}

#[test]
fn whatever_goes_wrong_is_told_without_a_secret() {
    let huge = || {
        let body = "x".repeat(crate::limits::VAULT_REPLY_BYTES_MAX + 10);
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let faults: Faults = vec![
        (|| Does::Json(403, json!({ "errors": ["permission denied root-token"] })), "[secret]"),
        (|| Does::Json(500, json!({ "errors": ["1 error occurred"] })), "answered 500"),
        (|| Does::Json(503, json!({ "errors": ["Vault is sealed"] })), "is sealed"),
        (|| Does::Json(429, json!("")), "too often"),
        (|| Does::Json(200, json!("<html>")), "holds no data"),
        (
            || Does::Json(200, json!({ "data": { "data": null, "metadata": { "version": 2 } } })),
            "is deleted",
        ),
        (|| Does::Drop, "can't be reached"),
        (|| Does::Raw(b"\0\xff garbage".to_vec()), "can't be reached"),
        (|| Does::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()), "broke off"),
    ];
    let huge_is_cut = Server::start(move |seen| match seen.line.as_str() {
        "GET /v1/secret/data/riposte" => Does::Raw(huge()),
        _ => ordinary(seen, "root-token"),
    });
    let secret = reference("vault:secret/riposte#token");
    let files = Files::new();
    let error = by_token(&huge_is_cut, &files).read(&secret).unwrap_err().to_string();
    assert!(error.contains("longer than 512 KiB"), "{error}");
    for (fault, words) in faults {
        let server = Server::start(move |seen| match seen.line.as_str() {
            "GET /v1/secret/data/riposte" => fault(),
            _ => ordinary(seen, "root-token"),
        });
        let error = by_token(&server, &files).read(&secret).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert!(
            error.starts_with("failed to read secret `vault:secret/riposte#token`: "),
            "{error}"
        );
        assert!(!error.contains("root-token") && !error.contains("new-token"), "{error}");
    }
}

#[test]
fn a_vault_that_cant_be_reached_is_left_alone_for_a_moment() {
    let files = Files::new();
    let server = Server::start(|_| Does::Drop);
    let vaults = by_token(&server, &files);
    for _ in 0..5 {
        let error = vaults.read(&reference("vault:secret/riposte#token")).unwrap_err().to_string();
        assert!(error.contains("can't be reached"), "{error}");
    }
    // The HTTP client may itself try a dropped connection once more.
    assert!(server.seen().len() <= 2, "{}", server.seen().len());
}

#[test]
fn a_slow_vault_holds_a_reader_up_for_the_limit_only() {
    let files = Files::new();
    let server = Server::start(|_| Does::Slow(Duration::from_mins(2)));
    let vaults = by_token(&server, &files);
    let started = Instant::now();
    let error = vaults.read(&reference("vault:secret/riposte#token")).unwrap_err().to_string();
    assert!(error.contains("can't be reached"), "{error}");
    assert!(started.elapsed() < Duration::from_mins(1));
}

/// Such a number ended the thread that reads secrets.
#[test]
fn times_longer_than_clocks_can_count_are_taken() {
    let files = Files::new();
    let server = Server::start(|seen| match seen.line.as_str() {
        "GET /v1/auth/token/lookup-self" => {
            Does::Json(200, json!({ "data": { "ttl": u64::MAX, "renewable": true } }))
        }
        "GET /v1/secret/data/riposte" => Does::Json(
            200,
            json!({ "lease_id": "l", "renewable": true, "lease_duration": u64::MAX,
                "data": { "token": "new-token" } }),
        ),
        "PUT /v1/sys/leases/renew" => Does::Json(200, json!({ "lease_duration": u64::MAX })),
        _ => ordinary(seen, "root-token"),
    });
    let vaults = by_token(&server, &files);
    let secret = reference("vault:secret/riposte#token");
    let lease = vaults.read(&secret).unwrap().lease.unwrap();
    let most = Duration::from_secs(VAULT_LASTS_SECS_MAX);
    assert_eq!(lease.lasts, most);
    assert_eq!(vaults.renew(&secret, &lease).unwrap(), most);
    assert!(vaults.tend().is_some_and(|next| next > Instant::now()));
}
