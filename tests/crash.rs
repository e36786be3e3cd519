//! `kill -9` at random moments, again and again: the hits and decisions are those of a run that
//! nobody disturbed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "test helpers"
)]

#[path = "crash/programs.rs"]
mod programs;
mod support;

use riposte::clock::Timestamp;
use riposte::store::Entry;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::Place;

/// Every kind of window and of memory that a rule can have, save those that run by the wall clock.
const RULES: &str = r#"
rule("count").on("http").when(|e| e.status == 401).by("ip").count(5, "2m")
    .then(|hit| block(hit.ip, escalate("1h", "30d")));
rule("distinct").on("http").when(|e| e.status == 404).by("ip").distinct("path", 6, "3m")
    .then(|hit| block(hit.ip, "2h"));
rule("sum").on("http").by(prefix("ip", 24, 48)).sum("bytes", 900000, "2m")
    .then(|hit| { state::add("sums", 1, "1d"); emit("heavy", #{ net: hit.key, sums: state::get("sums") }); });
rule("heavy").on("heavy").by("net").count(2, "10m").then(|hit| block(hit.key, "30m"));
rule("leaky").on("http").when(|e| e.method == "POST").by("ip").leaky(4, "20s")
    .then(|hit| block(hit.ip, "1h"));
rule("row").on("http").by("ip").consecutive(|e| e.status == 403, 3).then(|hit| block(hit.ip, "1h"));
rule("steps").on("http").by("ip").sequence([|e| e.path == "/a", |e| e.path == "/b"], "5m")
    .then(|hit| if past_hits(hit.key, "1d") > 1 { block(hit.ip, "3h"); });
rule("share").on("http").by("ip").ratio(|e| e.status >= 400, 0.8, 10, "5m").then(|hit| block(hit.ip, "1h"));
rule("recidive").on("decision").by("ip").count(2, "1h").then(|hit| block(hit.ip, "7d"));
rule("evidence").on("http").when(|e| e.status == 404).by("ip").count(4, "5m")
    .then(|hit| if hit.events[0].path != "/p0" { block(hit.ip, "10m"); });
"#;

const LOG: &str = "[log]\nlevel = \"warn,riposte::pipeline::live=info,riposte::cli=info\"\n";

/// A log of many clients, made from a seed; event time runs up to now. No client fires a rule so
/// often that the journal would put its hits together.
fn log_lines(seed: u64, count: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let start = riposte::clock::now().minus(Duration::from_secs(count as u64 / 40));
    (0..count)
        .map(|number| {
            let time = start.plus(Duration::from_secs(number as u64 / 40)).to_jiff();
            let client = match random.u8(..3) {
                0 => format!("203.0.113.{}", random.u8(1..100)),
                1 => format!("198.51.100.{}", random.u8(1..100)),
                _ => format!("2001:db8:0:{}::{:x}", random.u8(1..100), random.u16(..)),
            };
            let method = if random.u8(..6) == 0 { "POST" } else { "GET" };
            let path = match random.u8(..4) {
                0 => "/a".to_owned(),
                1 => "/b".to_owned(),
                _ => format!("/p{}", random.u8(..20)),
            };
            let status = [200, 200, 401, 403, 404][random.usize(..5)];
            let stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
            format!(
                "{client} - - [{stamp}] \"{method} {path} HTTP/1.1\" {status} {} \"-\" \"test\"\n",
                random.u16(..2_000)
            )
        })
        .collect()
}

/// Every hit and decision: what it is about, when, how much; not the ids, which hold the stream's
/// name.
fn outcome(place: &Place) -> BTreeSet<String> {
    let words = |entry: &Entry| match entry {
        Entry::Hit { hit, .. } => Some(format!(
            "hit {} {} {} {} {} {}",
            hit.rule, hit.key, hit.count, hit.first, hit.last, hit.time
        )),
        Entry::Decision { row, .. } => {
            let decision = &row.decision;
            let until = decision.until.unwrap_or(Timestamp::MAX);
            Some(format!(
                "decision {} {} {} {until} {}",
                decision.rule, decision.target, decision.from, decision.reason
            ))
        }
        _ => None,
    };
    place.journal().iter().filter_map(|row| words(&row.entry)).collect()
}

/// How often it was up: it reads, so that what kills it now hits it at work.
fn starts(place: &Place) -> usize {
    place.log().matches("riposte runs").count()
}

fn wait_for_start(place: &Place, before: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while starts(place) == before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Writes the log while the daemon is killed `kills` times; compares with an undisturbed run.
fn kill_again_and_again(seed: u64, kills: usize, lines: usize) {
    let root = tempfile::tempdir().unwrap();
    let log = log_lines(seed, lines);
    let calm = Place::new(root.path(), "calm", RULES, LOG);
    calm.append(&log.concat());
    let daemon = calm.start();
    calm.wait_until_read();
    daemon.terminate();
    let wanted = outcome(&calm);
    assert!(wanted.len() > 100, "the log makes the rules fire: {}\n{}", wanted.len(), calm.log());

    let mut random = fastrand::Rng::with_seed(seed);
    let stormy = Place::new(root.path(), "stormy", RULES, LOG);
    let mut rest = log.as_slice();
    for kill in 0..kills {
        let before = starts(&stormy);
        let mut daemon = stormy.start();
        let share = rest.len() / (kills - kill);
        let now = random.usize(0..=share.min(rest.len()) * 2).min(rest.len());
        let (part, later) = rest.split_at(now);
        rest = later;
        // Most are killed at work, some before they are up.
        if random.u8(..8) > 0 {
            wait_for_start(&stormy, before);
        }
        for piece in part.chunks(part.len() / 3 + 1) {
            stormy.append(&piece.concat());
            std::thread::sleep(Duration::from_micros(random.u64(0..20_000)));
        }
        daemon.kill();
    }
    stormy.append(&rest.concat());
    let daemon = stormy.start();
    stormy.wait_until_read();
    daemon.terminate();
    let got = outcome(&stormy);
    // The kills must have hurt: many starts found inputs that had to be evaluated again.
    let restored = |line: &&str| line.contains("state restored");
    let log = stormy.log();
    let starts = log.lines().filter(restored).count();
    let again = log.lines().filter(restored).filter(|line| !line.contains(" inputs=0 ")).count();
    println!("{starts} starts, {again} of them evaluated inputs again");
    assert!(again * 5 > kills, "{again} of {starts} starts found something to do again");
    let missing: Vec<_> = wanted.difference(&got).take(5).collect();
    let extra: Vec<_> = got.difference(&wanted).take(5).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "seed {seed}: {} wanted, {} got\nmissing: {missing:#?}\nextra: {extra:#?}\n{log}",
        wanted.len(),
        got.len()
    );
}

#[test]
fn serial_two_hundred_kills_change_nothing() {
    kill_again_and_again(7, 200, 8_000);
}

/// Many seeds; minutes. `cargo test --test crash -- --ignored`
#[test]
#[ignore = "slow: ten seeds of two hundred kills"]
fn serial_two_thousand_kills_change_nothing() {
    for seed in 100..110 {
        kill_again_and_again(seed, 200, 8_000);
    }
}
