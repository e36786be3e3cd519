//! Random rotations under a writer that never waits, and a reader that is stopped and started
//! again at random: every line that was kept is read once, in the order of its file.

use super::collector::{Collector, config, gzip, lines_of, numbered, numbers, start, zstd};
use crate::event::Origin;
use crate::sources::{FilesConfig, Handle, Rereader};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Stops a source, however long a busy machine takes for it.
fn stop(handle: &mut Handle) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !handle.stop() {
        assert!(Instant::now() < deadline, "the source doesn't end");
    }
}

struct Writer {
    log: PathBuf,
    random: fastrand::Rng,
    next: u32,
    /// What the writer has open, as nginx has until it is told.
    file: File,
}

impl Writer {
    fn append(&mut self) {
        let count = self.random.u32(1..200);
        let text = numbered(self.next..self.next + count);
        self.next += count;
        // Now and then a line comes in two parts.
        let cut = if self.random.bool() { self.random.usize(0..text.len()) } else { 0 };
        self.file.write_all(&text.as_bytes()[..cut]).unwrap();
        self.file.write_all(&text.as_bytes()[cut..]).unwrap();
    }

    fn name(&self, n: u32) -> PathBuf {
        PathBuf::from(format!("{}.{n}", self.log.display()))
    }

    fn shift(&self) {
        for n in (1..60).rev() {
            for ending in ["", ".gz", ".zst"] {
                let from = PathBuf::from(format!("{}{ending}", self.name(n).display()));
                if from.exists() {
                    fs::rename(&from, format!("{}{ending}", self.name(n + 1).display())).unwrap();
                }
            }
        }
    }

    fn rotate(&mut self) {
        self.shift();
        if self.random.bool() {
            fs::rename(&self.log, self.name(1)).unwrap();
            let fresh = open(&self.log);
            if self.random.bool() {
                // Still the old file, until the signal comes.
                self.append();
            }
            self.file = fresh;
        } else {
            fs::copy(&self.log, self.name(1)).unwrap();
            self.file.set_len(0).unwrap();
        }
        let compress = self.random.u32(1..5);
        if compress == 2 && self.name(2).exists() {
            let pack = if self.random.bool() { gzip } else { zstd };
            pack(&self.name(2));
        }
        self.append();
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}

/// What an engine has committed.
#[derive(Default)]
struct Engine {
    order: Vec<Origin>,
    cursors: HashMap<Origin, u64>,
    read: HashMap<Origin, Vec<u32>>,
    alarms: Vec<String>,
}

impl Engine {
    /// One life of the reader; as a crash does, it may forget the end of what was handed over.
    fn live(&mut self, config: &FilesConfig, life: Duration, kept: impl FnOnce(usize) -> usize) {
        let sink = Collector::new();
        let resume = self.order.iter().map(|origin| (origin.clone(), self.cursors[origin]));
        let mut handle = start(config.clone(), resume.collect(), &sink);
        std::thread::sleep(life);
        stop(&mut handle);
        let mut batches = sink.batches();
        batches.truncate(kept(batches.len()));
        let mut rereader = Rereader::new(config.paths.clone(), vec![], config.state_dir.clone());
        for batch in batches {
            let origin = (*batch.origin).clone();
            if let Some(known) = self.cursors.insert(origin.clone(), batch.to) {
                assert_eq!(known, batch.from);
            } else {
                self.order.push(origin.clone());
            }
            let lines = lines_of(std::slice::from_ref(&batch));
            let again = rereader.reread(&batch.origin, batch.from, batch.to).unwrap();
            assert_eq!(lines_of(&[again]), lines);
            self.read.entry(origin).or_default().extend(numbers(&lines));
        }
        self.alarms.extend(sink.alarms());
    }

    fn check(self, seed: u64, total: u32) {
        for (origin, numbers) in &self.read {
            assert!(numbers.is_sorted(), "seed {seed}: {origin:?}");
        }
        let ranges: Vec<String> = self
            .order
            .iter()
            .map(|origin| {
                let read = &self.read[origin];
                format!("{} {:?}..{:?} of {}", origin.stream, read.first(), read.last(), read.len())
            })
            .collect();
        let mut all: Vec<u32> = self.read.into_values().flatten().collect();
        all.sort_unstable();
        let doubled: Vec<u32> =
            all.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
        let missing: Vec<u32> =
            (0..total).filter(|number| all.binary_search(number).is_err()).collect();
        assert!(
            doubled.is_empty() && missing.is_empty(),
            "seed {seed}: missing {:?}, doubled {:?}, alarms {:?}, {ranges:#?}",
            (missing.first(), missing.last()),
            (doubled.first(), doubled.last()),
            self.alarms
        );
    }
}

fn run(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let config =
        FilesConfig { state_dir: Some(state.path().to_owned()), ..config(&[log.as_path()]) };
    // The path is followed before its file is there; what comes then belongs to us.
    let nothing = Collector::new();
    let mut handle = start(config.clone(), vec![], &nothing);
    std::thread::sleep(Duration::from_millis(100));
    stop(&mut handle);
    let over = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (over, log) = (Arc::clone(&over), log.clone());
        move || {
            let random = fastrand::Rng::with_seed(seed);
            let mut writer = Writer { file: open(&log), log, random, next: 0 };
            for _ in 0..40 {
                for _ in 0..writer.random.u32(1..6) {
                    writer.append();
                    std::thread::sleep(Duration::from_micros(writer.random.u64(0..3_000)));
                }
                writer.rotate();
            }
            over.store(true, Ordering::Release);
            writer.next
        }
    });
    let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let mut engine = Engine::default();
    while !over.load(Ordering::Acquire) {
        let life = Duration::from_millis(random.u64(1..60));
        engine.live(&config, life, |count| random.usize(0..=count));
    }
    let total = writer.join().unwrap();
    engine.live(&config, Duration::from_millis(1_500), |count| count);
    engine.check(seed, total);
}

/// Many more rounds: run it by name with `--ignored`.
#[test]
#[ignore = "takes minutes"]
fn serial_every_kept_line_is_read_once_at_length() {
    (100..160).for_each(run);
}

#[test]
fn serial_every_kept_line_is_read_once() {
    (1..=5).for_each(run);
}
