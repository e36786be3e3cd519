//! The keeper: one reading for many, rotation, a vault that is down, secrets that were never had.

use super::server::{Does, Server};
use super::*;
use crate::secret::{Keeping, SecretState};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A vault of one secret, which may be changed, or gone (`None`).
fn vault_of(value: &Arc<Mutex<Option<String>>>) -> Server {
    let value = Arc::clone(value);
    Server::start(move |seen| {
        let Some(value) = value.lock().unwrap().clone() else { return Does::Drop };
        match seen.line.as_str() {
            "GET /v1/auth/token/lookup-self" => Does::Json(200, json!({ "data": { "ttl": 0 } })),
            line if line.contains("/mounts/") => Does::Json(404, json!({ "errors": [] })),
            _ => Does::Json(
                200,
                json!({ "data": { "token": value, "user": format!("of {value}") } }),
            ),
        }
    })
}

fn keeper(server: &Server, files: &Files) -> Arc<Keeper> {
    files.write("token", "root");
    Keeper::new(&config(&format!(
        "reread = \"5s\"\n[vault]\naddress = \"{}\"\ntoken = \"file:{}\"",
        server.url,
        files.path("token").display()
    )))
}

fn told() -> (Arc<Mutex<Vec<String>>>, keeper::Tell) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    (told, Box::new(move |secret, fault| log.lock().unwrap().push(format!("{secret}: {fault}"))))
}

#[test]
fn many_who_ask_at_once_are_one_reading_and_fields_belong_together() {
    let files = Files::new();
    let value = Arc::new(Mutex::new(Some("one".to_owned())));
    let server = vault_of(&value);
    let keeper = keeper(&server, &files);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for (field, wanted) in [("token", "one"), ("user", "of one")] {
                    let secret = reference(&format!("vault:kv/a#{field}"));
                    assert_eq!(keeper.get(&secret).unwrap().reveal(), wanted);
                }
            });
        }
    });
    assert_eq!(server.count("GET /v1/kv/a"), 1);
    let report = keeper.report();
    assert_eq!(report.len(), 1);
    assert_eq!((report[0].reference.as_str(), report[0].state), ("vault:kv/a", SecretState::Well));
    assert!(!format!("{keeper:?} {report:?}").contains("of one"));
}

#[test]
fn a_rotated_secret_comes_without_a_restart_and_a_vault_that_is_down_takes_nothing_along() {
    let files = Files::new();
    let value = Arc::new(Mutex::new(Some("one".to_owned())));
    let server = vault_of(&value);
    let keeper = keeper(&server, &files);
    let secret = reference("vault:kv/a#token");
    let (told, tell) = told();
    let watch = keeper.watch(std::slice::from_ref(&secret), tell).unwrap();
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "one");
    *value.lock().unwrap() = None;
    until("it is told", || {
        told.lock().unwrap().iter().any(|text| text.contains("can't be reached"))
    });
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "one", "the last good one is used");
    assert_eq!(keeper.report()[0].state, SecretState::Kept);
    assert!(told.lock().unwrap()[0].contains("stays in use"), "{:?}", told.lock().unwrap());
    *value.lock().unwrap() = Some("two".to_owned());
    until("the new one is there", || keeper.get(&secret).unwrap().reveal() == "two");
    assert_eq!(keeper.report()[0].state, SecretState::Well);
    assert!(keeper.report()[0].changed_secs.is_some());
    drop(watch);
}

#[test]
fn what_was_never_had_is_told_and_had_when_its_vault_comes() {
    let files = Files::new();
    let value = Arc::new(Mutex::new(None));
    let server = vault_of(&value);
    let keeper = keeper(&server, &files);
    let secret = reference("vault:kv/a#token");
    let (told, tell) = told();
    let _watch = keeper.watch(std::slice::from_ref(&secret), tell).unwrap();
    let error = keeper.get(&secret).unwrap_err().to_string();
    assert!(error.contains("can't be reached"), "{error}");
    until("it is told", || !told.lock().unwrap().is_empty());
    assert_eq!(keeper.report()[0].state, SecretState::Missing);
    *value.lock().unwrap() = Some("at last".to_owned());
    until("it is had", || keeper.get(&secret).is_ok_and(|secret| secret.reveal() == "at last"));
}

#[test]
fn a_secret_that_is_refused_is_read_again_at_once_and_not_in_a_circle() {
    let files = Files::new();
    let value = Arc::new(Mutex::new(Some("one".to_owned())));
    let server = vault_of(&value);
    files.write("token", "root");
    let keeper = Keeper::new(&config(&format!(
        "reread = \"1h\"\n[vault]\naddress = \"{}\"\ntoken = \"file:{}\"",
        server.url,
        files.path("token").display()
    )));
    let secret = reference("vault:kv/a#token");
    let one = keeper.get(&secret).unwrap();
    *value.lock().unwrap() = Some("two".to_owned());
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "one", "not due yet");
    keeper.refused(&secret, &one);
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "two");
    let two = keeper.get(&secret).unwrap();
    for _ in 0..10 {
        keeper.refused(&secret, &one);
        keeper.refused(&secret, &two);
        keeper.get(&secret).unwrap();
    }
    assert_eq!(server.count("GET /v1/kv/a"), 2);
}

#[test]
fn files_are_read_at_each_use_and_an_exposed_one_is_refused() {
    let files = Files::new();
    let keeper = Keeper::new(&VaultsConfig::default());
    let secret = files.write("key", "one");
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "one");
    files.write("key", "two");
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "two");
    std::fs::write(files.path("key"), "three").unwrap();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(files.path("key"), open).unwrap();
    let refused = keeper.get(&secret).unwrap_err().to_string();
    assert!(refused.contains("can be read or changed by others"), "{refused}");
    let report = keeper.report();
    assert!(report[0].fault.contains("can be read or changed by others"), "{report:?}");
    std::fs::remove_file(files.path("key")).unwrap();
    files.write("key", "two");
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "two");
    std::fs::remove_file(files.path("key")).unwrap();
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "two", "in the middle of a rotation");
    files.write("key", "four");
    assert_eq!(keeper.get(&secret).unwrap().reveal(), "four");
    assert_eq!(keeper.report()[0].state, SecretState::Well);
    let missing = reference("file:/nowhere/at/all");
    assert!(keeper.get(&missing).unwrap_err().to_string().contains("failed to read secret"));
}

#[test]
fn leases_are_renewed_and_had_anew_when_renewing_gives_too_little() {
    let files = Files::new();
    let reads = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reads);
    let renewals = Arc::new(AtomicUsize::new(0));
    let renewed = Arc::clone(&renewals);
    let server = Server::start(move |seen| match seen.line.as_str() {
        "GET /v1/auth/token/lookup-self" => Does::Json(200, json!({ "data": { "ttl": 0 } })),
        "PUT /v1/sys/leases/renew" => {
            // The second gives less than half: the lease is near its longest life.
            let lasts = if renewed.fetch_add(1, Ordering::SeqCst) == 0 { 2 } else { 0 };
            Does::Json(200, json!({ "lease_duration": lasts }))
        }
        "GET /v1/database/creds/a" => {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let lasts = if number == 1 { 2 } else { 3_600 };
            Does::Json(
                200,
                json!({ "lease_id": format!("l{number}"), "lease_duration": lasts,
                "renewable": true, "data": { "password": format!("p{number}") } }),
            )
        }
        _ => Does::Json(404, json!({ "errors": [] })),
    });
    let keeper = keeper(&server, &files);
    let secret = reference("vault:database/creds/a#password");
    let (_, tell) = told();
    let _watch = keeper.watch(std::slice::from_ref(&secret), tell).unwrap();
    until("it is read", || keeper.get(&secret).is_ok_and(|secret| secret.reveal() == "p1"));
    until("it is renewed", || renewals.load(Ordering::SeqCst) >= 1);
    until("another is had", || keeper.get(&secret).unwrap().reveal() == "p2");
    assert_eq!(reads.load(Ordering::SeqCst), 2);
}
