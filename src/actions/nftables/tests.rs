//! The real nft in a network namespace of each test's own. Skipped, with a line that says so, when
//! the tests are not run by root or a tool is missing.

mod executed;
mod namespace;

use super::call::failure;
use super::*;
use crate::actions::tests::{block, wait_for};
use crate::clock;
use crate::decisions::Target;
use crate::process::Finished;
use namespace::{Namespace, joined, reaches};
use std::time::Instant;

fn config(namespace: &Namespace) -> NftablesConfig {
    NftablesConfig { command: namespace.nft(), ..NftablesConfig::default() }
}

fn shown(nft: &mut Nftables) -> Vec<String> {
    let mut ranges: Vec<_> = nft.present().unwrap().iter().map(|entry| entry.range).collect();
    ranges.sort();
    ranges.iter().map(ToString::to_string).collect()
}

fn enforce(nft: &mut Nftables, decision: &Decision) -> Outcome {
    let changes = [Change::Enforce(decision.clone())];
    let receipt = nft.apply(&changes, None, clock::now()).unwrap();
    receipt.outcomes[0].clone()
}

#[test]
fn serial_blocks_come_go_and_overlap() {
    let Some(namespace) = Namespace::new("serial_blocks_come_go_and_overlap") else {
        return;
    };
    let mut nft = Nftables::new(&config(&namespace), false);
    let difference = nft.reconcile(&[], clock::now()).unwrap();
    assert!(difference.rebuilt);
    assert_eq!(nft.reconcile(&[], clock::now()).unwrap(), Difference::default());
    let wide = block("198.51.100.0/24", Some(60));
    let longer = block("198.51.100.7", Some(600));
    let shorter = block("198.51.100.9", Some(5));
    let v6 = block("2001:db8:1:2::/64", None);
    assert_eq!(enforce(&mut nft, &wide), Outcome::Applied);
    assert_eq!(enforce(&mut nft, &wide), Outcome::Unchanged);
    assert_eq!(enforce(&mut nft, &longer), Outcome::Applied);
    assert_eq!(enforce(&mut nft, &shorter), Outcome::Unchanged, "held by the wider one");
    assert_eq!(enforce(&mut nft, &v6), Outcome::Applied);
    assert_eq!(enforce(&mut nft, &block("2001:db8:9::1", Some(60))), Outcome::Applied);
    assert_eq!(enforce(&mut nft, &block("2001:db8:9::/48", Some(60))), Outcome::Applied);
    assert_eq!(
        shown(&mut nft),
        [
            "198.51.100.0-198.51.100.6",
            "198.51.100.7",
            "198.51.100.8-198.51.100.255",
            "2001:db8:1:2::/64",
            "2001:db8:9::/48"
        ]
    );
    // The wide one is lifted: the longer one inside it stays.
    let wanted = [longer, v6];
    let lift = [Change::Lift(wide.target)];
    let receipt = nft.apply(&lift, Some(&wanted), clock::now()).unwrap();
    assert_eq!(receipt.outcomes, [Outcome::Applied]);
    assert_eq!(shown(&mut nft), ["198.51.100.7", "2001:db8:1:2::/64"]);
    // A longer block of what is blocked takes over its timeout.
    assert_eq!(enforce(&mut nft, &block("198.51.100.7", Some(6_000))), Outcome::Applied);
    let until = nft.present().unwrap()[0].until.unwrap();
    assert!(until > clock::now().plus(Duration::from_secs(5_900)), "{until}");
    assert!(nft.reconcile(&[block("198.51.100.7", Some(6_000))], clock::now()).unwrap().extra == 1);
    nft.remove_all().unwrap();
    assert_eq!(namespace.run(&["nft", "list", "ruleset"]), "");
    nft.remove_all().unwrap();
}

#[test]
fn serial_the_kernel_ends_a_block_by_itself() {
    let Some(namespace) = Namespace::new("serial_the_kernel_ends_a_block_by_itself") else {
        return;
    };
    let mut nft = Nftables::new(&config(&namespace), false);
    nft.reconcile(&[], clock::now()).unwrap();
    enforce(&mut nft, &block("192.0.2.1", Some(1)));
    enforce(&mut nft, &block("192.0.2.0/25", Some(2)));
    assert_eq!(shown(&mut nft), ["192.0.2.0/25"]);
    assert!(wait_for(|| shown(&mut nft).is_empty().then_some(())).is_some());
    // Blocked again and again, also while the kernel has not yet swept the old one up: no gap.
    for _ in 0..20 {
        assert_eq!(enforce(&mut nft, &block("192.0.2.7", Some(1))), Outcome::Applied);
        assert_eq!(shown(&mut nft), ["192.0.2.7"], "a gap");
        std::thread::sleep(Duration::from_millis(110));
    }
}

#[test]
fn serial_five_thousand_blocks_go_in_one_transaction() {
    let Some(namespace) = Namespace::new("serial_five_thousand_blocks_go_in_one_transaction")
    else {
        return;
    };
    let mut nft = Nftables::new(&config(&namespace), false);
    nft.reconcile(&[], clock::now()).unwrap();
    let decisions: Vec<_> = (0..5_000_u32)
        .map(|number| {
            let [_, _, high, low] = (number * 2).to_be_bytes();
            block(&format!("10.1.{high}.{low}"), Some(3_600))
        })
        .collect();
    let changes: Vec<_> = decisions.iter().cloned().map(Change::Enforce).collect();
    let started = Instant::now();
    let receipt = nft.apply(&changes, None, clock::now()).unwrap();
    println!("5,000 blocks: {:?}", started.elapsed());
    assert_eq!(receipt.outcomes.len(), 5_000);
    assert!(receipt.outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
    assert_eq!(shown(&mut nft).len(), 5_000);
    // One more, with all of them standing.
    let started = Instant::now();
    enforce(&mut nft, &block("203.0.113.9", Some(60)));
    println!("one more: {:?}", started.elapsed());
    // Another run takes them over as they are.
    let mut next = Nftables::new(&config(&namespace), false);
    let mut wanted = decisions;
    wanted.push(block("203.0.113.9", Some(60)));
    let started = Instant::now();
    let difference = next.reconcile(&wanted, clock::now()).unwrap();
    println!("adopted: {:?}", started.elapsed());
    assert_eq!((difference.kept, difference.is_none()), (5_001, true));
}

#[test]
fn serial_adoption_changes_only_the_difference() {
    let Some(namespace) = Namespace::new("serial_adoption_changes_only_the_difference") else {
        return;
    };
    let mut first = Nftables::new(&config(&namespace), false);
    let kept = block("192.0.2.1", Some(600));
    first.reconcile(&[kept.clone(), block("192.0.2.2", Some(600))], clock::now()).unwrap();
    let sets =
        |namespace: &Namespace| namespace.run(&["nft", "-a", "list", "table", "inet", "riposte"]);
    let handles = sets(&namespace);
    namespace.run(&["nft", "add", "table", "inet", "foreign"]);
    let mut second = Nftables::new(&config(&namespace), false);
    let wanted = [kept, block("192.0.2.3", Some(600))];
    let difference = second.reconcile(&wanted, clock::now()).unwrap();
    let expected = Difference { missing: 1, extra: 1, kept: 1, rebuilt: false };
    assert_eq!(difference, expected);
    assert_eq!(shown(&mut second), ["192.0.2.1", "192.0.2.3"]);
    let rule = |text: &str| text.lines().find(|line| line.contains("@hosts4")).map(str::to_owned);
    assert_eq!(rule(&sets(&namespace)), rule(&handles), "the table was not made anew");
    second.remove_all().unwrap();
    assert!(
        namespace.run(&["nft", "list", "ruleset"]).contains("foreign"),
        "others are left alone"
    );
}

#[test]
fn serial_packets_are_dropped_and_connections_cut_or_kept() {
    let Some((client, server)) = joined("serial_packets_are_dropped_and_connections_cut_or_kept")
    else {
        return;
    };
    let (listener, port) = server.echo("10.99.0.1", 0);
    let mut nft = Nftables::new(&config(&server), false);
    nft.reconcile(&[], clock::now()).unwrap();
    assert!(reaches(&client, "10.99.0.1", port));
    // Through DNAT, as a container's published port is.
    server.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    server.run_script(
        "table ip docker {\nchain pre {\ntype nat hook prerouting priority dstnat;\ntcp dport 8080 dnat to 10.99.0.1:PORT\n}\n}\n",
        &port.to_string(),
    );
    assert!(reaches(&client, "10.99.0.1", 8_080), "DNAT works");
    let mut open = client.connect("10.99.0.1", port);
    assert!(open.echoes());
    let attacker = block("10.99.0.2", Some(60));
    let started = Instant::now();
    enforce(&mut nft, &attacker);
    println!("decision to kernel: {:?}", started.elapsed());
    assert!(!reaches(&client, "10.99.0.1", port), "dropped");
    assert!(!reaches(&client, "10.99.0.1", 8_080), "dropped before DNAT");
    assert!(!open.echoes(), "the open connection is cut");
    assert!(client.run(&["ip", "-brief", "address"]).contains("10.99.0.3"));
    assert!(client.reaches_from("10.99.0.3", "10.99.0.1", port), "the neighbour is untouched");
    let lift = [Change::Lift(attacker.target.clone())];
    nft.apply(&lift, Some(&[]), clock::now()).unwrap();
    assert!(reaches(&client, "10.99.0.1", port), "let in again");
    nft.mend(clock::now()).unwrap();
    // Blocked in IPv6 by its /64.
    assert!(reaches(&client, "fd00:99::1", port));
    enforce(&mut nft, &block("fd00:99::/64", Some(60)));
    assert!(!reaches(&client, "fd00:99::1", port));
    nft.mend(clock::now()).unwrap();
    let numbers = nft.numbers();
    assert!(numbers.packets.is_some_and(|packets| packets > 0), "{numbers:?}");
    nft.remove_all().unwrap();
    assert!(reaches(&client, "fd00:99::1", port));
    // Left alone when the config says so.
    let mut gentle =
        Nftables::new(&NftablesConfig { cut_established: false, ..config(&server) }, false);
    gentle.reconcile(&[], clock::now()).unwrap();
    assert!(gentle.reconcile(&[], clock::now()).unwrap().is_none(), "it knows its own layout");
    let mut open = client.connect("10.99.0.1", port);
    assert!(open.echoes());
    enforce(&mut gentle, &attacker);
    assert!(open.echoes(), "the open connection is kept");
    assert!(!reaches(&client, "10.99.0.1", port), "no new one");
    assert!(!reaches(&client, "10.99.0.1", 8_080), "nor through DNAT");
    drop(listener);
}

#[test]
fn what_is_missing_is_said_with_its_mend() {
    let mut nft = Nftables::new(
        &NftablesConfig {
            command: vec!["/nonexistent/nft".to_owned()],
            ..NftablesConfig::default()
        },
        false,
    );
    let error = nft.reconcile(&[], clock::now()).unwrap_err();
    assert!(error.to_string().contains("hint: apt install nftables"), "{error}");
    let refused = |said: &str| {
        failure(&Finished {
            code: Some(1),
            signal: None,
            stdout: Vec::new(),
            stderr: said.as_bytes().to_vec(),
            elapsed: Duration::ZERO,
        })
    };
    for (said, mend) in [
        ("internal:0:0-0: Error: Could not process rule: Operation not permitted", "CAP_NET_ADMIN"),
        ("JSON support not compiled-in", "0.9.3 or later"),
        (
            "netlink: Error: cache initialization failed: Protocol not supported",
            "modprobe nf_tables",
        ),
    ] {
        let error = refused(said);
        assert!(matches!(&error, EnforceError::Down(why) if why.contains(mend)), "{error:?}");
    }
}

#[test]
fn a_dry_run_gives_the_exact_transaction() {
    let mut nft = Nftables::new(&NftablesConfig::default(), true);
    nft.reconcile(&[], clock::now()).unwrap();
    let outcome = enforce(&mut nft, &block("192.0.2.1", None));
    let expected = r#"nft -j -f - <<< {"nftables":[{"add":{"element":{"elem":["192.0.2.1"],"family":"inet","name":"hosts4","table":"riposte"}}}]}"#;
    assert_eq!(outcome, Outcome::DryRun(expected.to_owned()));
    assert_eq!(
        nft.apply(&[Change::Lift(Target::parse("AS64500").unwrap())], None, clock::now())
            .unwrap()
            .outcomes,
        [Outcome::Unchanged]
    );
    let whole = nft.dry_run(&[block("192.0.2.0/24", Some(60))], clock::now());
    for part in ["\"prio\":-310", "\"@clients6\"", "\"len\":24", "\"timeout\":60"] {
        assert!(whole.contains(part), "{part} in {whole}");
    }
}
