//! The store against what the machine does to it: `kill -9` at random moments, a full disk, a
//! read-only file system. Each runs this test's own binary again as the victim.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "test helpers")]

use riposte::clock::Timestamp;
use riposte::store::{self, Commit, EntryKind, JournalQuery, NoteRow, Store, StoreError};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Set for the victim: the folder of its store.
const VICTIM: &str = "RIPOSTE_TEST_STORE";

/// How often the victim is killed; the slow variant is for people with time.
const KILLS: u32 = 30;

fn victim_dir() -> Option<PathBuf> {
    std::env::var_os(VICTIM).map(PathBuf::from)
}

/// This binary again, running the one ignored test `name` on the store in `dir`.
fn victim(name: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
        .env(VICTIM, dir);
    command
}

fn note(number: u64) -> Commit {
    Commit {
        at: Timestamp::from_secs(1_790_000_000),
        seq: number,
        notes: vec![NoteRow {
            topic: "count".to_owned(),
            rule: None,
            target: None,
            text: number.to_string(),
            time: Timestamp::EPOCH,
        }],
        ..Commit::default()
    }
}

/// The numbers in the store, in order.
fn numbers(store: &Store) -> Vec<u64> {
    let query = JournalQuery {
        kinds: vec![EntryKind::Note],
        after: Some(0),
        limit: usize::MAX,
        ..JournalQuery::default()
    };
    let rows = store.read().journal(&query).unwrap();
    rows.into_iter()
        .filter_map(|row| match row.entry {
            store::Entry::Note { note } => note.text.parse().ok(),
            _ => None,
        })
        .collect()
}

#[test]
#[ignore = "the victim of `every_acknowledged_commit_survives_kill_9`"]
fn victim_counts() {
    let Some(dir) = victim_dir() else { return };
    let store = Store::open(&dir).unwrap();
    let first = numbers(&store).last().map_or(1, |last| last + 1);
    let mut out = std::io::stdout().lock();
    for number in first.. {
        store.commit(&note(number)).unwrap();
        // A whole line in one write: what the parent reads was acknowledged.
        out.write_all(format!("ack {number}\n").as_bytes()).unwrap();
        out.flush().unwrap();
        if number % 50 == 0 {
            let checkpoint = store::Checkpoint {
                seq: number,
                shards: vec![store::Shard {
                    table: "counter".to_owned(),
                    fingerprint: 1,
                    shard: 0,
                    bytes: number.to_be_bytes().repeat(20_000),
                }],
                ..store::Checkpoint::default()
            };
            store.checkpoint(&checkpoint).unwrap();
        }
    }
}

#[test]
fn every_acknowledged_commit_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    // Any moments will do; these are the same each time, as far as the machine allows.
    let mut moment = 7_u64;
    let mut total = 0;
    for round in 0..KILLS {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let pause = Duration::from_micros(2_000 + (moment >> 33) % 60_000);
        let mut child = victim("victim_counts", &state)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        std::thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap();
        let mut acknowledged = None;
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            let whole = line.strip_suffix('\n').unwrap_or_default();
            if let Some((_, number)) = whole.rsplit_once("ack ") {
                acknowledged = number.parse::<u64>().ok().or(acknowledged);
            }
            line.clear();
        }
        // The lock ended with the process, also when it was killed before it had made anything.
        let store = Store::open(&state).unwrap();
        store.read().check_integrity().unwrap();
        let kept = numbers(&store);
        let expected: Vec<u64> = (1..=kept.len() as u64).collect();
        assert_eq!(kept, expected, "round {round}");
        total = kept.len() as u64;
        assert!(acknowledged.is_none_or(|number| total >= number), "round {round}");
        let loaded = store.read().load().unwrap();
        assert!(loaded.seq <= total);
        let mut shards = 0;
        store
            .read()
            .each_shard(|shard| {
                shards += 1;
                assert_eq!(shard.bytes, loaded.seq.to_be_bytes().repeat(20_000));
            })
            .unwrap();
        assert_eq!(shards, u32::from(loaded.seq > 0));
    }
    assert!(total > 50, "only {total} commits in all rounds: nothing was tried");
}

/// Runs the victim `name` in a mount namespace of its own with a small file system on `dir`;
/// `None` where that is not allowed here.
fn on_small_disk(name: &str, dir: &Path) -> Option<std::process::Output> {
    let script = r#"mount -t tmpfs -o size=2m,mode=0700 none "$1" || exit 77; shift; exec "$@""#;
    let inner = victim(name, dir);
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(dir)
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(VICTIM, dir);
    let output = command.output().ok()?;
    let refused = String::from_utf8_lossy(&output.stderr).contains("unshare:");
    if output.status.code() == Some(77) || refused {
        eprintln!("SKIPPED: {name} needs root and a mount namespace");
        return None;
    }
    Some(output)
}

fn passed(output: &std::process::Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let erred = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{erred}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn a_full_disk_is_told_and_the_store_goes_on_when_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(output) = on_small_disk("victim_fills_the_disk", dir.path()) {
        passed(&output);
    }
}

#[test]
#[ignore = "the victim of the test on a full disk"]
fn victim_fills_the_disk() {
    let Some(dir) = victim_dir() else { return };
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 600_000]).unwrap();
    let store = Store::open(&dir.join("state")).unwrap();
    let mut number = 0;
    let error = loop {
        number += 1;
        match store.commit(&note(number)) {
            Ok(_) => assert!(number < 1_000_000, "the disk never filled"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert!(error.to_string().starts_with("no space left for the store `"));
    assert!(error.is_temporary());
    // It stays full, and answers.
    assert!(matches!(store.commit(&note(number)), Err(StoreError::Full(_))));
    assert_eq!(numbers(&store).len() as u64, number - 1);
    std::fs::remove_file(&ballast).unwrap();
    store.commit(&note(number)).unwrap();
    drop(store);
    let store = Store::open(&dir.join("state")).unwrap();
    store.read().check_integrity().unwrap();
    assert_eq!(numbers(&store).len() as u64, number);
}

#[test]
fn a_read_only_store_is_told_and_can_be_asked() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(output) = on_small_disk("victim_is_read_only", dir.path()) {
        passed(&output);
    }
}

#[test]
#[ignore = "the victim of the test on a read-only file system"]
fn victim_is_read_only() {
    let Some(dir) = victim_dir() else { return };
    let state = dir.join("state");
    let store = Store::open(&state).unwrap();
    for number in 1..=3 {
        store.commit(&note(number)).unwrap();
    }
    drop(store);
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&dir).status().unwrap();
    assert!(remounted.success());
    let error = Store::open(&state).err().unwrap();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error}");
    assert!(error.to_string().contains("is read-only\nhint: "), "{error}");
    let reader = store::open_read_only(&state).unwrap();
    let rows = reader.journal(&JournalQuery::default()).unwrap();
    assert_eq!(rows.len(), 3);
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("state")).err().unwrap();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().starts_with("failed to "), "{error}");
}
