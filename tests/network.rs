//! The main job on a real kernel: in network namespaces, with the real nft, from a line in a log
//! to a packet that doesn't arrive, and back.

mod support;

use riposte::store::Entry;
use std::time::Duration;
use support::{Network, Place, can_run, line};

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1m")
    .then(|hit| block(hit.ip, "4s"));
rule("long").on("http").when(|e| e.status == 403).by("ip").count(3, "1m")
    .then(|hit| block(hit.ip, "1h"));
"#;

fn applied(place: &Place) -> usize {
    let outcomes = place.journal();
    outcomes.iter().filter(|row| matches!(row.entry, Entry::Outcome { .. })).count()
}

#[test]
fn serial_a_client_is_dropped_for_its_time_and_nobody_else() {
    let test = "serial_a_client_is_dropped_for_its_time_and_nobody_else";
    if !can_run(test, &["nft", "ip", "ping"]) {
        return;
    }
    let clients = ["203.0.113.9", "203.0.113.10", "2001:db8:5:9::9", "2001:db8:5:a::9"];
    let Some(network) = Network::make(test, &clients) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let place = Place::new(root.path(), "net", RULES, &network.nftables());
    let daemon = place.start_and_wait();
    for client in clients {
        assert!(network.reaches(client), "{client} reaches the server before");
    }
    for _ in 0..3 {
        place.append(&line("203.0.113.9", "/x", 404));
        place.append(&line("2001:db8:5:9::9", "/x", 404));
    }
    place.wait(Duration::from_secs(5), "both blocks stand", || applied(&place) >= 2);
    assert!(
        !network.reaches("203.0.113.9"),
        "the kernel drops it\n{}",
        network.nft(&["list", "ruleset"])
    );
    assert!(!network.reaches("2001:db8:5:9::9"), "and the IPv6 client");
    assert!(network.reaches("203.0.113.10"), "its neighbour is untouched");
    assert!(network.reaches("2001:db8:5:a::9"), "and the neighbouring /64");
    place.wait(Duration::from_secs(8), "it is let in again", || network.reaches("203.0.113.9"));
    place
        .wait(Duration::from_secs(4), "and the IPv6 client", || network.reaches("2001:db8:5:9::9"));
    daemon.terminate();
}

#[test]
fn serial_a_crash_leaves_no_gap_and_sets_as_wanted() {
    let test = "serial_a_crash_leaves_no_gap_and_sets_as_wanted";
    if !can_run(test, &["nft", "ip", "ping"]) {
        return;
    }
    let clients = ["203.0.113.9", "203.0.113.10"];
    let Some(network) = Network::make(test, &clients) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let place = Place::new(root.path(), "net", RULES, &network.nftables());
    let mut daemon = place.start_and_wait();
    place.append(&line("203.0.113.9", "/x", 403).repeat(3));
    place.wait(Duration::from_secs(5), "the block stands", || applied(&place) >= 1);
    daemon.kill();
    assert!(!network.reaches("203.0.113.9"), "blocked while riposte is dead");
    // Meanwhile another client attacks; and somebody adds an entry of their own elsewhere.
    place.append(&line("203.0.113.10", "/x", 403).repeat(3));
    let daemon = place.start();
    for _ in 0..20 {
        assert!(!network.reaches("203.0.113.9"), "no gap while riposte starts");
    }
    place.wait(Duration::from_secs(10), "the second is blocked too", || applied(&place) >= 2);
    assert!(!network.reaches("203.0.113.10"));
    // Another tool flushes everything: mended.
    network.nft(&["flush", "ruleset"]);
    place.wait(Duration::from_secs(2), "the table is back", || {
        network.nft(&["list", "ruleset"]).contains("203.0.113.10")
    });
    assert!(!network.reaches("203.0.113.9"));
    // A person lifts one: it is let in at once, and only it.
    let told = place.ask(&["allow", "203.0.113.9", "--comment", "a friend"]);
    assert!(told.contains("1 decision ended"), "{told}");
    place.wait(Duration::from_secs(2), "the friend is let in", || network.reaches("203.0.113.9"));
    assert!(!network.reaches("203.0.113.10"));
    // And panic lifts all.
    let told = place.ask(&["panic"]);
    assert!(told.contains("panic"), "{told}");
    place.wait(Duration::from_secs(2), "panic lifts all", || network.reaches("203.0.113.10"));
    daemon.terminate();
    place.append(&line("203.0.113.10", "/x", 403).repeat(3));
    let daemon = place.start_and_wait();
    std::thread::sleep(Duration::from_millis(500));
    assert!(network.reaches("203.0.113.10"), "panic outlives a restart");
    let told = place.ask(&["resume"]);
    assert!(told.contains("over"), "{told}");
    place.append(&line("203.0.113.10", "/x", 403).repeat(3));
    place.wait(Duration::from_secs(5), "rules act again", || !network.reaches("203.0.113.10"));
    drop(daemon);
    // With the daemon dead too.
    let told = place.ask(&["panic"]);
    assert!(network.reaches("203.0.113.10"), "{told}");
}
