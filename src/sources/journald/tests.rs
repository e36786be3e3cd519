//! Journal files made by systemd's own tool, read by journalctl: what comes, from where on, and what is
//! told when the journal lost it.

use super::*;
use crate::clock::Timestamp;
use crate::event::{Batch, Origin, frame};
use crate::sources::program::{self, ProgramConfig};
use crate::sources::supervise::{Handle, lock};
use crate::sources::{Closed, Sink, Start};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::Mutex;

const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

#[derive(Default)]
struct Taken {
    lines: Mutex<Vec<String>>,
    alarms: Mutex<Vec<String>>,
}

impl Sink for Taken {
    fn send(&self, batch: Batch) -> Result<(), Closed> {
        for record in (0..batch.records.len()).filter_map(|index| batch.record(index)) {
            if let Some(frame::Held::LineWith { line, .. }) = frame::held(&record) {
                let text = String::from_utf8_lossy(&record[line]).into_owned();
                lock(&self.lines).push(text.split_once(": ").unwrap().1.to_owned());
            }
        }
        Ok(())
    }

    fn alarm(&self, _source: &str, text: String) {
        lock(&self.alarms).push(text);
    }
}

/// A folder for a journal; `None`, told by name, where it can't be made here.
fn folder(test: &str) -> Option<tempfile::TempDir> {
    for program in [REMOTE, "/usr/bin/journalctl"] {
        if !Path::new(program).exists() {
            println!("SKIPPED {test}: `{program}` is not installed");
            return None;
        }
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("journal")).unwrap();
    Some(root)
}

/// Writes entries, each with its message and uid, into a file of its own.
fn write(root: &Path, file: &str, start: i64, entries: &[(&str, u32)]) {
    let mut export = String::new();
    for (place, (message, uid)) in (0..).zip(entries) {
        let micros = start * 1_000_000 + place * 1_000;
        write!(
            export,
            "__REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_MACHINE_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=web1\nPRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=sshd\n_PID=7\n_UID={uid}\n_SYSTEMD_UNIT=ssh.service\nMESSAGE={message}\n\n",
            micros % 1_000_000_000_000
        )
        .unwrap();
    }
    let path = root.join("export");
    std::fs::write(&path, export).unwrap();
    let output = root.join("journal").join(file);
    let mut command = Process::new(REMOTE);
    command.arg("-o").arg(output).arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success());
}

struct Bench {
    taken: Arc<Taken>,
    handle: Handle,
}

fn begin(root: &Path, more: impl FnOnce(&mut JournaldConfig), resume: Vec<(Origin, u64)>) -> Bench {
    let directory: PathBuf = root.join("journal");
    let mut config = JournaldConfig {
        directory: Some(directory),
        from: Start::Beginning,
        ..JournaldConfig::default()
    };
    more(&mut config);
    let taken = Arc::new(Taken::default());
    let sink: Arc<dyn Sink> = taken.clone();
    let spool =
        ProgramConfig { spool_bytes_max: 1 << 20, stall: Duration::from_mins(1), durable: false };
    let source = program("j", config, Arc::clone(&sink));
    let handle = program::start("j", spool, source, root, resume, sink).unwrap();
    Bench { taken, handle }
}

impl Bench {
    fn lines(&self) -> Vec<String> {
        lock(&self.taken.lines).clone()
    }

    fn alarms(&self) -> Vec<String> {
        lock(&self.taken.alarms).clone()
    }

    fn wait_for(&self, lines: &[&str]) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.lines().len() < lines.len() {
            assert!(Instant::now() < until, "{:?} {:?}", self.lines(), self.alarms());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.lines(), lines);
    }

    fn cursors(mut self) -> Vec<(Origin, u64)> {
        assert!(self.handle.stop());
        self.handle.cursors()
    }
}

#[test]
fn entries_come_once_also_over_a_restart_and_nobody_forges_them() {
    let Some(root) = folder("entries_come_once_also_over_a_restart_and_nobody_forges_them") else {
        return;
    };
    let root = root.path();
    let hour_ago = clock::now().as_secs() - 3_600;
    write(root, "a.journal", hour_ago, &[("one", 0), ("forged", 1_000), ("two", 0)]);
    let bench = begin(root, |_| {}, Vec::new());
    bench.wait_for(&["one", "two"]);
    write(root, "b.journal", hour_ago + 10, &[("three", 0)]);
    bench.wait_for(&["one", "two", "three"]);
    let resume = bench.cursors();
    write(root, "c.journal", hour_ago + 20, &[("four", 0), ("five", 0)]);
    let bench = begin(root, |_| {}, resume);
    bench.wait_for(&["four", "five"]);
    assert_eq!(bench.alarms(), [""; 0]);
    let resume = bench.cursors();
    // The oldest entries are vacuumed, the last one that was read among them.
    for file in ["a.journal", "b.journal", "c.journal"] {
        std::fs::remove_file(root.join("journal").join(file)).unwrap();
    }
    write(root, "d.journal", hour_ago + 30, &[("six", 0)]);
    let bench = begin(root, |_| {}, resume);
    bench.wait_for(&["six"]);
    assert!(bench.alarms()[0].contains("no longer holds"), "{:?}", bench.alarms());
}

#[test]
fn at_first_only_what_is_written_from_now_on_counts() {
    let Some(root) = folder("at_first_only_what_is_written_from_now_on_counts") else { return };
    let root = root.path();
    let now = clock::now().as_secs();
    let from_end = |config: &mut JournaldConfig| config.from = Start::End;
    write(root, "a.journal", now - 3_600, &[("old", 0), ("older", 0)]);
    let bench = begin(root, from_end, Vec::new());
    // Its place is known once the last entry's cursor is kept.
    let until = Instant::now() + Duration::from_secs(10);
    while bench.handle.cursors().is_empty() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    let resume = bench.cursors();
    // What came while it was down comes at the next start.
    write(root, "b.journal", now - 60, &[("meanwhile", 0)]);
    let bench = begin(root, from_end, resume);
    bench.wait_for(&["meanwhile"]);
    write(root, "c.journal", now + 1, &[("then", 0)]);
    bench.wait_for(&["meanwhile", "then"]);
    assert_eq!(bench.alarms(), [""; 0]);
}

#[test]
fn the_first_entry_of_an_empty_journal_counts() {
    let running = |first| Running {
        heard: bounded(0).1,
        _reader: Follower::start(&Command::new(["true"]), |_| {}).unwrap(),
        first,
        began: Instant::now(),
    };
    let taken: Arc<dyn Sink> = Arc::new(Taken::default());
    let teller = Teller::new("j", taken);
    let line = br#"{"__CURSOR":"c","__REALTIME_TIMESTAMP":"5000000","MESSAGE":"x"}"#;
    let says = |made: i64| {
        let made = Timestamp::from_secs(made);
        running(First::Before(made)).said(line, &teller).unwrap().what
    };
    assert!(matches!(says(4), What::LineWith(..)));
    assert!(matches!(says(6), What::Refused(_)));
}

#[test]
fn a_journal_that_cannot_be_read_is_told_of() {
    let Some(root) = folder("a_journal_that_cannot_be_read_is_told_of") else { return };
    let gone = |config: &mut JournaldConfig| config.directory = Some("/nonexistent".into());
    let bench = begin(root.path(), gone, Vec::new());
    let until = Instant::now() + Duration::from_secs(10);
    while bench.alarms().is_empty() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(bench.alarms()[0].contains("failed to read the journal: exit code 1"));
}
