//! A sink that keeps what it is given, and small helpers for files.

use crate::event::{Batch, Origin};
use crate::sources::{Closed, Files, FilesConfig, Handle, Sink, Start};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Kept {
    batches: Vec<Batch>,
    arrived: Vec<Instant>,
    alarms: Vec<String>,
    held: bool,
    panics: u32,
}

/// Keeps batches and alarms; can hold the source up, and can panic.
#[derive(Default)]
pub struct Collector {
    kept: Mutex<Kept>,
    changed: Condvar,
}

impl Sink for Collector {
    fn send(&self, batch: Batch) -> Result<(), Closed> {
        let mut kept = self.kept.lock().unwrap();
        while kept.held {
            kept = self.changed.wait(kept).unwrap();
        }
        if kept.panics > 0 {
            kept.panics -= 1;
            drop(kept);
            panic!("the test's sink panics");
        }
        kept.arrived.push(Instant::now());
        kept.batches.push(batch);
        self.changed.notify_all();
        Ok(())
    }

    fn alarm(&self, _source: &str, text: String) {
        self.kept.lock().unwrap().alarms.push(text);
        self.changed.notify_all();
    }
}

impl Collector {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn hold(&self, held: bool) {
        self.kept.lock().unwrap().held = held;
        self.changed.notify_all();
    }

    pub fn panic_next(&self, count: u32) {
        self.kept.lock().unwrap().panics = count;
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.kept.lock().unwrap().batches.clone()
    }

    pub fn arrived(&self) -> Vec<Instant> {
        self.kept.lock().unwrap().arrived.clone()
    }

    pub fn alarms(&self) -> Vec<String> {
        self.kept.lock().unwrap().alarms.clone()
    }

    pub fn lines(&self) -> Vec<String> {
        lines_of(&self.kept.lock().unwrap().batches)
    }

    fn wait_for(&self, what: &str, ready: impl Fn(&Kept) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        let mut kept = self.kept.lock().unwrap();
        while !ready(&kept) {
            let rest = until.saturating_duration_since(Instant::now());
            assert!(
                !rest.is_zero(),
                "waited for {what}; lines {:?}, alarms {:?}",
                lines_of(&kept.batches),
                kept.alarms
            );
            kept = self.changed.wait_timeout(kept, rest).unwrap().0;
        }
    }

    /// Waits for `count` lines, then a moment more for lines that should not come.
    pub fn wait_lines(&self, count: usize) -> Vec<String> {
        self.wait_for(&format!("{count} lines"), |kept| {
            kept.batches.iter().map(|batch| batch.records.len()).sum::<usize>() >= count
        });
        std::thread::sleep(Duration::from_millis(30));
        self.lines()
    }

    pub fn wait_alarm(&self, text: &str) {
        self.wait_for(&format!("an alarm with `{text}`"), |kept| {
            kept.alarms.iter().any(|alarm| alarm.contains(text))
        });
    }

    pub fn wait_batches(&self, count: usize) {
        self.wait_for("batches", |kept| kept.batches.len() >= count);
    }

    /// The last cursor of each stream, as the engine would have stored them; fails when ranges
    /// overlap or leave gaps.
    pub fn cursors(&self) -> Vec<(Origin, u64)> {
        cursors_of(&self.batches())
    }
}

pub fn lines_of(batches: &[Batch]) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches {
        for index in 0..batch.records.len() {
            let record = batch.record(index).unwrap();
            lines.push(String::from_utf8_lossy(&record).into_owned());
        }
    }
    lines
}

pub fn cursors_of(batches: &[Batch]) -> Vec<(Origin, u64)> {
    let mut order = Vec::new();
    let mut ends: HashMap<Origin, u64> = HashMap::new();
    for batch in batches {
        let origin = (*batch.origin).clone();
        match ends.get(&origin) {
            Some(end) => assert_eq!(batch.from, *end, "a gap or an overlap in {origin:?}"),
            None => order.push(origin.clone()),
        }
        let inside = |offset: u64| offset >= batch.from && offset <= batch.to;
        assert!(batch.records.iter().all(|record| inside(record.offset)));
        ends.insert(origin, batch.to);
    }
    order
        .into_iter()
        .map(|origin| {
            let end = ends[&origin];
            (origin, end)
        })
        .collect()
}

/// Follows `paths` from their beginning, with short waits.
pub fn config(paths: &[&Path]) -> FilesConfig {
    FilesConfig {
        from: Start::Beginning,
        rotated_wait: Duration::from_millis(400),
        stall: Duration::from_secs(1),
        ..FilesConfig::new(paths.iter().map(|path| path.to_str().unwrap()))
    }
}

pub fn start(config: FilesConfig, resume: Vec<(Origin, u64)>, sink: &Arc<Collector>) -> Handle {
    Files::start("web", config, resume, Arc::clone(sink) as Arc<dyn Sink>).unwrap()
}

pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

/// `first`, `first + 1`, … as lines that look like a log's.
pub fn numbered(numbers: std::ops::Range<u32>) -> String {
    let mut text = String::new();
    for number in numbers {
        writeln!(text, "line {number:06} from a client").unwrap();
    }
    text
}

pub fn numbers(lines: &[String]) -> Vec<u32> {
    lines.iter().map(|line| line.get(5..11).unwrap().parse().unwrap()).collect()
}

pub fn gzip(path: &Path) {
    let status = std::process::Command::new("gzip").arg("-f").arg(path).status().unwrap();
    assert!(status.success());
}

/// As `zstd --rm` from standard input does it: the frame doesn't say how long the file is.
pub fn zstd(path: &Path) {
    let name = format!("{}.zst", path.display());
    let mut encoder = zstd::stream::write::Encoder::new(File::create(&name).unwrap(), 3).unwrap();
    std::io::copy(&mut File::open(path).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    std::fs::remove_file(path).unwrap();
}
