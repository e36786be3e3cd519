//! Random rotations under a writer that never waits, and a reader that is stopped and started
//! again at random: every line that was kept is read once, in the order of its file.

use super::collector::{Collector, config, gzip, numbered, numbers, start};
use crate::event::Origin;
use crate::sources::FilesConfig;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
        let cut = if self.random.bool() {
            self.random.usize(0..text.len())
        } else {
            0
        };
        self.file.write_all(&text.as_bytes()[..cut]).unwrap();
        self.file.write_all(&text.as_bytes()[cut..]).unwrap();
    }

    fn name(&self, n: u32) -> PathBuf {
        PathBuf::from(format!("{}.{n}", self.log.display()))
    }

    fn shift(&self) {
        for n in (1..60).rev() {
            for ending in ["", ".gz"] {
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
            gzip(&self.name(2));
        }
        self.append();
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
}

fn run(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let config = FilesConfig {
        state_dir: Some(state.path().to_owned()),
        ..config(&[log.as_path()])
    };
    let over = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (over, log) = (Arc::clone(&over), log.clone());
        move || {
            let random = fastrand::Rng::with_seed(seed);
            let mut writer = Writer {
                file: open(&log),
                log,
                random,
                next: 0,
            };
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
    let mut cursors: HashMap<Origin, u64> = HashMap::new();
    let mut order: Vec<Origin> = Vec::new();
    let mut read: HashMap<Origin, Vec<u32>> = HashMap::new();
    let mut alarms = Vec::new();
    let mut last_round = false;
    let mut total = None;
    while !last_round {
        last_round = over.load(Ordering::Acquire);
        let sink = Collector::new();
        let resume = order
            .iter()
            .map(|origin| (origin.clone(), cursors[origin]))
            .collect();
        let mut handle = start(config.clone(), resume, &sink);
        if last_round {
            std::thread::sleep(Duration::from_millis(1_500));
        } else {
            std::thread::sleep(Duration::from_millis(random.u64(1..60)));
        }
        assert!(handle.stop());
        // As a crash does, forget the end of what was handed over.
        let mut batches = sink.batches();
        if !last_round {
            batches.truncate(random.usize(0..=batches.len()));
        }
        for batch in batches {
            let origin = (*batch.origin).clone();
            if let Some(known) = cursors.insert(origin.clone(), batch.to) {
                assert_eq!(known, batch.from, "seed {seed}");
            } else {
                order.push(origin.clone());
            }
            let lines = super::collector::lines_of(&[batch]);
            read.entry(origin).or_default().extend(numbers(&lines));
        }
        alarms.extend(sink.alarms());
    }
    total.get_or_insert(writer.join().unwrap());
    for (origin, numbers) in &read {
        assert!(numbers.is_sorted(), "seed {seed}: {origin:?}");
    }
    let mut all: Vec<u32> = read.into_values().flatten().collect();
    all.sort_unstable();
    let expected: Vec<u32> = (0..total.unwrap()).collect();
    if all != expected {
        let doubled: Vec<u32> = all
            .windows(2)
            .filter(|two| two[0] == two[1])
            .map(|two| two[0])
            .collect();
        let missing: Vec<u32> = expected
            .iter()
            .filter(|number| all.binary_search(number).is_err())
            .copied()
            .collect();
        panic!(
            "seed {seed}: {} missing {:?}.., {} doubled {:?}.., alarms {alarms:?}",
            missing.len(),
            &missing.iter().take(5).collect::<Vec<_>>(),
            doubled.len(),
            &doubled.iter().take(5).collect::<Vec<_>>()
        );
    }
}

#[test]
fn serial_every_kept_line_is_read_once() {
    let seeds = std::env::args().find_map(|arg| {
        arg.strip_prefix("--seed=")
            .and_then(|seed| seed.parse().ok())
    });
    match seeds {
        Some(seed) => run(seed),
        None => (1..=6).for_each(run),
    }
}
