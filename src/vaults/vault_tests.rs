//! Paths and replies of Vault's, without a server.

use super::*;

#[test]
fn paths_of_the_second_version_go_below_data() {
    let mount = |path: &str, versioned| Mount { path: path.to_owned(), versioned };
    let of = |path, mount: Option<&Mount>| place(path, mount);
    let second = mount("team/kv/", true);
    assert_eq!(of("team/kv/a b/c", Some(&second)), "team/kv/data/a%20b/c");
    assert_eq!(of("team/kv/data/a", Some(&second)), "team/kv/data/a");
    assert_eq!(of("kv/a", Some(&mount("kv/", false))), "kv/a");
    assert_eq!(of("database/creds/riposte", None), "database/creds/riposte");
}

#[test]
fn replies_of_both_versions_are_read() {
    let second = json!({"lease_id": "", "lease_duration": 0, "data":
        {"data": {"n": 5, "token": "abc"}, "metadata": {"version": 3}}});
    let second = document(&second).unwrap();
    assert_eq!(second.fields["token"].reveal(), "abc");
    assert_eq!(second.fields["n"].reveal(), "5");
    assert_eq!((second.good_for, second.lease), (None, None));
    let first = json!({"lease_id": "", "lease_duration": 30, "data": {"data": "x", "user": "u"}});
    let first = document(&first).unwrap();
    assert_eq!(first.fields["data"].reveal(), "x", "a field may be called so");
    assert_eq!(first.good_for, Some(Duration::from_secs(30)));
    let gone = json!({"data": {"data": null, "metadata": {"version": 3}}});
    assert!(document(&gone).unwrap_err().contains("deleted"));
    assert!(document(&json!("<html>")).is_err());
    assert!(document(&json!({"data": null})).is_err());
}

#[test]
fn a_time_beyond_all_reason_can_still_be_reckoned_with() {
    let body = json!({"lease_id": "x", "lease_duration": u64::MAX, "renewable": true,
        "data": {"a": "b"}});
    let lease = document(&body).unwrap().lease.unwrap();
    assert!(Instant::now().checked_add(lease.lasts).is_some());
    assert_eq!(lasting(&json!(u64::MAX.to_string())), lease.lasts, "as Azure writes it");
    assert_eq!(lasting(&json!("soon")), Duration::ZERO);
}
