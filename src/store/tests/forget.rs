//! Forgetting a person: no row and no byte of theirs is left.

use super::*;

#[test]
fn a_person_is_gone_from_rows_texts_and_bytes() {
    let (_dir, store) = fresh();
    let who = "203.0.113.222";
    for number in 1..=300_u128 {
        let mut commit = blocked(number, 1, who, who, at(0));
        commit.offences.push(OffenceRow {
            decision: DecisionId(number),
            target: target(who),
            rule: Arc::from("guessing"),
            time: at(0),
        });
        commit.hits[0].evidence[0].record = format!("{who} {}", "x".repeat(900));
        store.commit(&commit).unwrap();
    }
    let mut other = blocked(1_000, 2, "198.51.100.1", "198.51.100.1", at(1));
    other.hits[0].evidence[0].record = format!("forwarded for {who}:8080");
    other.decisions[0].decision.reason = format!("as {who} before");
    store.commit(&other).unwrap();
    store
        .checkpoint(&Checkpoint {
            shards: vec![Shard {
                table: "scanner".to_owned(),
                fingerprint: 1,
                shard: 0,
                bytes: vec![1],
            }],
            blobs: vec![("standing".to_owned(), vec![1])],
            ..Checkpoint::default()
        })
        .unwrap();
    assert!(on_disk(&store, who));

    let gone = store.forget(&target(who)).unwrap();
    assert_eq!((gone.hits, gone.decisions, gone.actions, gone.offences), (300, 300, 300, 300));
    assert_eq!(gone.redacted, 2);
    assert_eq!(gone.were_in_force.len(), 300);
    assert_eq!(gone.tables, ["guessing", "scanner"]);
    assert_eq!(gone.blobs, ["standing"]);
    store.scrub().unwrap();
    assert!(!on_disk(&store, who));
    assert!(on_disk(&store, "198.51.100.1"));
    assert!(store.read().why(&target(who), at(2)).unwrap().journal.is_empty());

    // A crash before the next checkpoint doesn't bring them back.
    let again = store.commit(&blocked(7, 1, who, who, at(0))).unwrap();
    assert_eq!(
        (again.hits, again.decisions, again.outbox),
        (vec![false], vec![false], vec![false])
    );
    assert_eq!(store.forget(&target(who)).unwrap().hits, 0);
}

#[test]
fn an_ipv6_address_stands_for_its_client_and_wider_networks_stay() {
    let (_dir, store) = fresh();
    let client = "2001:db8:1:2::/64";
    store.commit(&blocked(1, 1, client, client, at(0))).unwrap();
    store.commit(&blocked(2, 1, "2001:db8:1::/48", "2001:db8:1::/48", at(0))).unwrap();
    let allowed = AllowEntry {
        entry: "2001:db8:1:2::9".to_owned(),
        note: String::new(),
        added: at(0),
        until: None,
    };
    store.allow(&allowed).unwrap();
    let gone = store.forget(&target("2001:db8:1:2::5")).unwrap();
    assert_eq!((gone.hits, gone.decisions), (1, 1));
    assert_eq!(gone.allowlist, ["2001:db8:1:2::9"]);
    assert_eq!(store.read().in_force(at(1)).unwrap().len(), 1);
}

#[test]
fn numbers_are_not_given_out_again_after_the_last_row_is_gone() {
    let (dir, store) = fresh();
    let who = "203.0.113.9";
    store.commit(&blocked(1, 1, who, who, at(0))).unwrap();
    let last = store.read().journal(&JournalQuery::default()).unwrap()[0].n;
    store.forget(&target(who)).unwrap();
    drop(store);
    let store = Store::open(&dir.path().join("state")).unwrap();
    store.commit(&blocked(2, 2, who, who, at(0))).unwrap();
    let next = store.read().journal(&JournalQuery::default()).unwrap();
    assert!(next.iter().all(|row| row.n > last));
}
