//! From the last line to the decision, and to the kernel: `cargo bench --bench latency`, as root
//! on Linux with nft and ip.
//!
//! The daemon runs as users run it, its nft in a network namespace made here. The clock starts
//! before the line is written and stops when a reader of the store sees the row. Also measured:
//! how long the daemon takes to start, and its memory at rest.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints and may stop")]

#[path = "../tests/support/mod.rs"]
mod support;

use riposte::store::{Entry, JournalQuery};
use std::time::{Duration, Instant};
use support::{Network, Place, can_run, line};

const BLOCKS: u8 = 60;

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1m")
    .then(|hit| block(hit.ip, "1h"));
"#;

fn main() {
    if !can_run("latency", &["nft", "ip"]) {
        return;
    }
    let Some(network) = Network::make("latency", &[]) else { return };
    let root = tempfile::tempdir().unwrap();
    let place = Place::new(root.path(), "latency", RULES, &network.nftables());
    place.append("");
    let started = Instant::now();
    let daemon = place.start();
    while !place.log().contains("riposte runs") {
        std::thread::sleep(Duration::from_micros(200));
    }
    let start = started.elapsed();
    std::thread::sleep(Duration::from_secs(2));
    let idle = memory(daemon.0.id());
    let store = place.store();
    let mut seen = 0;
    let (mut decided, mut applied) = (Vec::new(), Vec::new());
    for number in 1..=BLOCKS {
        let client = format!("198.51.100.{number}");
        place.append(&line(&client, "/x", 404).repeat(2));
        std::thread::sleep(Duration::from_millis(60));
        let last = line(&client, "/x", 404);
        let written = Instant::now();
        place.append(&last);
        let deadline = written + Duration::from_secs(5);
        // One light look-up again and again: the row can be read when the commit is done.
        while store.in_force(riposte::clock::now()).unwrap().len() < usize::from(number) {
            assert!(Instant::now() < deadline, "no decision\n{}", place.log());
            // Leaves the core to the daemon; costs up to this much in the figure.
            std::thread::sleep(Duration::from_micros(50));
        }
        decided.push(written.elapsed());
        let mut outcome = None;
        while outcome.is_none() {
            assert!(Instant::now() < deadline, "no outcome\n{}", place.log());
            std::thread::sleep(Duration::from_micros(300));
            let query = JournalQuery { after: Some(seen), limit: 100, ..JournalQuery::default() };
            for row in store.journal(&query).unwrap() {
                seen = row.n;
                if matches!(row.entry, Entry::Outcome { .. }) {
                    outcome = Some(written.elapsed());
                }
            }
        }
        applied.push(outcome.unwrap());
    }
    println!("start to following:            {:>8.2} ms", start.as_secs_f64() * 1e3);
    println!("memory at rest:                {:>8.1} MB", idle as f64 / 1e6);
    tell("last line to decision in store", decided);
    tell("last line to confirmed by nft", applied);
    println!("memory after {BLOCKS} blocks:        {:>8.1} MB", memory(daemon.0.id()) as f64 / 1e6);
    daemon.terminate();
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| {
        let place = times.len().saturating_sub(1) * share / 100;
        times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!(
        "{what}: median {:.2} ms, 90 % {:.2} ms, worst {:.2} ms ({} blocks)",
        at(50),
        at(90),
        at(100),
        times.len()
    );
}

/// The resident memory of a process, bytes.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
