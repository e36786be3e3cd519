//! A source that is a program, with a program of our own: nothing is lost and nothing doubled,
//! whenever it, or riposte, dies.

use super::super::{Closed, Rereader};
use super::*;
use crate::clock::Timestamp;
use crate::event::{Batch, Brought, Kind, Value};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// What a program does in one of its lives, step by step.
#[derive(Clone)]
enum Step {
    Say(Said),
    Die,
}

#[derive(Default)]
struct Seen {
    greeted: Vec<Option<String>>,
    saved: Vec<String>,
    stopped: bool,
}

/// A program that has its lives written down; the last one says nothing more at its end.
struct Script {
    lives: Vec<Vec<Step>>,
    life: Option<std::vec::IntoIter<Step>>,
    seen: Arc<Mutex<Seen>>,
}

impl Program for Script {
    fn wait(&self) -> Option<Duration> {
        None
    }

    fn start(&mut self, cursor: Option<&str>, _stopping: &AtomicBool) -> bool {
        self.seen.lock().unwrap().greeted.push(cursor.map(str::to_owned));
        let next = if self.lives.is_empty() { Vec::new() } else { self.lives.remove(0) };
        self.life = Some(next.into_iter());
        true
    }

    fn next(&mut self, within: Duration) -> Result<Option<Said>, Failed> {
        match self.life.as_mut().and_then(Iterator::next) {
            Some(Step::Say(said)) => Ok(Some(said)),
            Some(Step::Die) => Err(Failed),
            None => {
                std::thread::sleep(within.min(Duration::from_millis(2)));
                Ok(None)
            }
        }
    }

    fn saved(&mut self, cursor: &str) -> Result<(), Failed> {
        self.seen.lock().unwrap().saved.push(cursor.to_owned());
        Ok(())
    }

    fn stop(&mut self) {
        self.seen.lock().unwrap().stopped = true;
    }
}

fn line(cursor: impl Into<Option<&'static str>>, text: &str) -> Step {
    let cursor = cursor.into().map(str::to_owned);
    Step::Say(Said { cursor, what: What::Line(text.to_owned()), faults: Vec::new() })
}

#[derive(Default)]
struct Taken {
    batches: Mutex<Vec<Batch>>,
    alarms: Mutex<Vec<String>>,
    closed: AtomicBool,
}

impl Sink for Taken {
    fn send(&self, batch: Batch) -> Result<(), Closed> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Closed);
        }
        self.batches.lock().unwrap().push(batch);
        Ok(())
    }

    fn alarm(&self, _source: &str, text: String) {
        self.alarms.lock().unwrap().push(text);
    }
}

impl Taken {
    /// The payloads of all frames, by what they are.
    fn texts(&self) -> Vec<String> {
        let batches = self.batches.lock().unwrap();
        let frames = batches
            .iter()
            .flat_map(|batch| (0..batch.records.len()).filter_map(|index| batch.record(index)));
        frames
            .map(|bytes| match frame::held(&bytes) {
                Some(frame::Held::Line(place)) => String::from_utf8_lossy(&bytes[place]).into(),
                Some(frame::Held::LineWith { line, .. }) => {
                    String::from_utf8_lossy(&bytes[line]).into()
                }
                Some(frame::Held::Event { json, .. }) => {
                    format!("event {}", String::from_utf8_lossy(&bytes[json]))
                }
                Some(frame::Held::Refused(_)) => "refused".to_owned(),
                None => panic!("no frame: {bytes:?}"),
            })
            .collect()
    }
}

struct Bench {
    root: tempfile::TempDir,
    seen: Arc<Mutex<Seen>>,
    taken: Arc<Taken>,
    handle: Handle,
}

const CONFIG: ProgramConfig =
    ProgramConfig { spool_bytes_max: 1024 * 1024, stall: Duration::from_secs(10), durable: false };

fn begin(root: tempfile::TempDir, resume: Vec<(Origin, u64)>, lives: Vec<Vec<Step>>) -> Bench {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let script = Script { lives, life: None, seen: Arc::clone(&seen) };
    let taken = Arc::new(Taken::default());
    let sink: Arc<dyn Sink> = taken.clone();
    let handle = start("s", CONFIG, Box::new(script), root.path(), resume, sink).unwrap();
    Bench { root, seen, taken, handle }
}

impl Bench {
    fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        while !holds(self) {
            assert!(Instant::now() < until, "in vain: {what}: {:?}", self.taken.texts());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn wait_for(&self, texts: &[&str]) {
        self.wait("all texts", |bench| bench.taken.texts().len() >= texts.len());
        assert_eq!(self.taken.texts(), texts);
    }

    fn file(&self) -> PathBuf {
        self.root.path().join("spool-s").join(format!("{:020}.part", 0))
    }

    /// Ends it without a word to the program, as a crash of riposte would, and gives its folder.
    fn crash(mut self) -> (tempfile::TempDir, Vec<(Origin, u64)>) {
        assert!(self.handle.stop());
        (self.root, self.handle.cursors())
    }
}

#[test]
fn records_are_saved_before_they_are_acknowledged_and_a_new_life_goes_on_after_them() {
    let bench = begin(
        tempfile::tempdir().unwrap(),
        Vec::new(),
        vec![
            vec![line("1", "a"), line("2", "b"), Step::Die],
            // It says the last one again, then goes on.
            vec![line("2", "b"), line("3", "c"), line(None, "without a cursor")],
        ],
    );
    bench.wait_for(&["a", "b", "c", "without a cursor"]);
    bench.wait("told", |bench| bench.seen.lock().unwrap().saved.last().is_some_and(|at| at == "3"));
    assert_eq!(bench.seen.lock().unwrap().greeted, [None, Some("2".to_owned())]);
    let seen = Arc::clone(&bench.seen);
    let (root, cursors) = bench.crash();
    assert!(seen.lock().unwrap().stopped);

    let again = vec![vec![line("1", "a"), line("3", "c"), line("4", "d")]];
    let bench = begin(root, cursors, again);
    bench.wait_for(&["d"]);
    assert_eq!(bench.seen.lock().unwrap().greeted, [Some("3".to_owned())]);
}

#[test]
fn what_the_engine_has_not_done_comes_again_and_is_read_again_as_it_was() {
    let bench =
        begin(tempfile::tempdir().unwrap(), Vec::new(), vec![vec![line("1", "a"), line("2", "b")]]);
    bench.wait_for(&["a", "b"]);
    let origin = bench.handle.cursors()[0].0.clone();
    let (root, cursors) = bench.crash();
    let end = cursors[0].1;
    // The engine has committed nothing.
    let bench = begin(root, Vec::new(), Vec::new());
    bench.wait_for(&["a", "b"]);
    let folder = Some(bench.root.path().to_owned());
    let batch = Rereader::new(Vec::new(), Vec::new(), folder).reread(&origin, 0, end).unwrap();
    assert_eq!(batch.records.len(), 2);
}

#[test]
fn a_frame_that_a_crash_cut_was_never_there() {
    let bench =
        begin(tempfile::tempdir().unwrap(), Vec::new(), vec![vec![line("1", "a"), line("2", "b")]]);
    bench.wait_for(&["a", "b"]);
    let file = bench.file();
    let (root, _) = bench.crash();
    let bytes = std::fs::read(&file).unwrap();
    // At every place where a kill may have cut the second frame.
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut root = root;
    for cut in second..bytes.len() {
        std::fs::write(&file, &bytes[..cut]).unwrap();
        let bench = begin(root, Vec::new(), vec![vec![line("2", "b")]]);
        bench.wait_for(&["a", "b"]);
        assert_eq!(bench.seen.lock().unwrap().greeted, [Some("1".to_owned())]);
        root = bench.crash().0;
    }
}

#[test]
fn a_spool_that_can_not_be_written_makes_the_program_wait_and_ends_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("spool-s");
    // Nearly a full segment, so that the next write begins another.
    std::fs::create_dir_all(&folder).unwrap();
    let filler = format!("l\t\"0\"\t{}\n", "x".repeat(60_000));
    let count = usize::try_from(limits::SPOOL_SEGMENT_BYTES_MAX).unwrap() / filler.len() + 1;
    let first = folder.join(format!("{:020}.part", 0));
    std::fs::write(&first, filler.repeat(count)).unwrap();
    // Where the last cursor is to be written before that, something else is: opening it fails, also
    // for root.
    let blocked = folder.join("cursor.part");
    std::fs::create_dir(&blocked).unwrap();
    let bench = begin(root, Vec::new(), vec![vec![line("1", "a")]]);
    bench.wait("the alarm", |bench| {
        let alarms = bench.taken.alarms.lock().unwrap();
        alarms.iter().any(|alarm| alarm.contains("the program waits"))
    });
    assert!(bench.seen.lock().unwrap().saved.is_empty(), "nothing is acknowledged");
    std::fs::remove_dir(&blocked).unwrap();
    bench.wait("it is saved", |bench| bench.seen.lock().unwrap().saved == ["1"]);
    bench.wait("it is read", |bench| bench.taken.texts().len() == count + 1);
    assert_eq!(bench.seen.lock().unwrap().greeted, [Some("0".to_owned())]);
}

#[test]
fn cursors_are_known_after_their_frames_were_removed() {
    let many: Vec<Step> = (0..400)
        .map(|number| {
            let text = format!("{number}{}", "x".repeat(60_000));
            let cursor = (number == 3).then(|| "three".to_owned());
            Step::Say(Said { cursor, what: What::Line(text), faults: Vec::new() })
        })
        .collect();
    let bench = begin(tempfile::tempdir().unwrap(), Vec::new(), vec![many]);
    let release = |bench: &Bench| {
        for (origin, offset) in bench.handle.cursors() {
            bench.handle.release(&origin, offset);
        }
        bench.taken.texts().len() == 400
    };
    bench.wait("all are taken, though the spool is small", release);
    assert!(!bench.file().exists(), "the first segment is gone");
    let (root, cursors) = bench.crash();
    let bench = begin(root, cursors, Vec::new());
    bench.wait("greeted", |bench| !bench.seen.lock().unwrap().greeted.is_empty());
    assert_eq!(bench.seen.lock().unwrap().greeted, [Some("three".to_owned())]);
}

#[test]
fn events_and_refusals_are_kept_and_faults_are_told_once() {
    let event = |kind: &str, size: usize| Brought {
        kind: Kind::from_name(kind),
        time: Some(Timestamp::from_secs(1)),
        fields: vec![("path".into(), Value::text("x".repeat(size)))],
    };
    let say = |cursor: &str, what| {
        let faults = vec!["the field `q` is not declared".to_owned()];
        Step::Say(Said { cursor: Some(cursor.to_owned()), what, faults })
    };
    let bench = begin(
        tempfile::tempdir().unwrap(),
        Vec::new(),
        vec![vec![
            say("1", What::Event(event("w", 2))),
            say("2", What::Refused("an event of a kind that is not declared")),
            say("3", What::Event(event("w", limits::RECORD_BYTES_MAX))),
            line("4", &"ü".repeat(limits::RECORD_BYTES_MAX)),
        ]],
    );
    bench.wait("all four", |bench| bench.taken.texts().len() == 4);
    let texts = bench.taken.texts();
    assert_eq!(
        texts[0],
        r#"event {"fields":{"path":"xx"},"kind":"w","time":"1970-01-01T00:00:01Z"}"#
    );
    assert_eq!(texts[1..3], ["refused", "refused"]);
    assert!(texts[3].chars().all(|c| c == 'ü') && texts[3].len() > 60_000, "cut between letters");
    let alarms = bench.taken.alarms.lock().unwrap().clone();
    assert_eq!(alarms.iter().filter(|alarm| alarm.contains("`q`")).count(), 1, "{alarms:?}");
    bench.wait("all are acknowledged", |bench| {
        bench.seen.lock().unwrap().saved.last().is_some_and(|at| at == "4")
    });
}
