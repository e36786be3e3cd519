//! The systemd journal, read by `journalctl --follow -o json` as a child program.
//!
//! In: a [`JournaldConfig`]. Out: a [`Program`] that says each entry as a line with the journal's own
//! cursor, so that it is spooled with it and read on after it. Whether an entry's writer is who it
//! says is journald's word (`_UID`, `_SYSTEMD_UNIT`), never the entry's own.

mod config;
mod entry;
#[cfg(test)]
mod tests;

pub use config::JournaldConfig;

use super::Sink;
use super::program::{Failed, Program};
use super::syslog::Teller;
use crate::clock::{self, Timestamp};
use crate::event::{Said, What};
use crate::limits;
use crate::process::{self, Follower, Program as Command};
use crate::telemetry::{counter, names};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Names of the fields that its events have beside those of their lines.
pub fn added() -> impl Iterator<Item = &'static str> {
    entry::ADDED.iter().map(|(name, _)| *name).chain(["uid"])
}

/// The source's program.
pub fn program(source: &str, config: JournaldConfig, sink: Arc<dyn Sink>) -> Box<dyn Program> {
    let pause = Duration::from_millis(limits::JOURNAL_PAUSE_MILLIS_MIN);
    let teller = Teller::new(source, sink);
    Box::new(Journald { config, teller, running: None, again: None, pause })
}

struct Journald {
    config: JournaldConfig,
    teller: Teller,
    running: Option<Running>,
    again: Option<Instant>,
    pause: Duration,
}

struct Running {
    /// Dropped before the reader, which else would wait for it.
    heard: Receiver<Vec<u8>>,
    _reader: Follower,
    /// The entry that is to come first: it is known already.
    first: First,
    began: Instant,
}

/// What the first entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum First {
    /// The one with this cursor: where it is missing, entries before the next one are lost.
    Known(String),
    /// The last one before this moment, when the source was made, where there is one: only its cursor
    /// counts.
    Before(Timestamp),
    /// An entry like any other.
    New,
}

impl Journald {
    fn begin(&self, cursor: Option<&str>) -> Result<Running, String> {
        let (place, first) = if let Some(cursor) = cursor {
            let place = format!("--cursor={cursor}");
            self.try_out(&[&place, "--lines=0"])?;
            (vec![place, "--no-tail".to_owned()], First::Known(cursor.to_owned()))
        } else {
            self.try_out(&["--lines=0"])?;
            match self.config.from {
                super::Start::End => (vec!["--lines=1".to_owned()], First::Before(clock::now())),
                super::Start::Beginning => (vec!["--no-tail".to_owned()], First::New),
            }
        };
        let mut argv = self.config.command();
        argv.push("--follow".to_owned());
        argv.extend(place);
        argv.extend(self.config.matches());
        let (say, heard) = bounded(limits::INTAKE_WAITING_MAX);
        let mut say = Some(say);
        let reader = Follower::start(&Command::new(argv), move |line| match line {
            // Nobody listens any more: it is being ended.
            Some(line) => drop(say.as_ref().map(|say| say.send(line.to_vec()))),
            None => say = None,
        });
        let reader = reader.map_err(|error| error.to_string())?;
        Ok(Running { heard, _reader: reader, first, began: Instant::now() })
    }

    /// Whether journalctl would do as it is told; what it says where it would not.
    fn try_out(&self, place: &[&str]) -> Result<(), String> {
        let mut argv = self.config.command();
        argv.extend(place.iter().map(|word| (*word).to_owned()));
        argv.extend(self.config.matches());
        match process::run(&Command::new(argv)) {
            Ok(finished) if finished.success() => Ok(()),
            Ok(finished) => Err(format!(
                "failed to read the journal: {}\nhint: let the user that riposte runs as read it, by the group `systemd-journal`",
                finished.words()
            )),
            Err(error) => Err(format!("failed to read the journal: {error}")),
        }
    }

    fn pause_now(&mut self) {
        self.again = Some(Instant::now() + self.pause);
        let most = Duration::from_millis(limits::JOURNAL_PAUSE_MILLIS_MAX);
        self.pause = (self.pause * 2).min(most);
    }
}

impl Running {
    /// What an entry comes to; nothing for one that is known.
    fn said(&mut self, line: &[u8], teller: &Teller) -> Option<Said> {
        let Some(entry) = entry::read(line) else {
            // journalctl says where it begins a boot, on lines of its own, and cuts the longest.
            if line.starts_with(b"-- ") || line.is_empty() {
                return None;
            }
            counter(names::SOURCE_FAULTS).add(1);
            let what = What::Refused("an entry of the journal that can't be read");
            return Some(Said { cursor: None, what, faults: Vec::new() });
        };
        let cursor = Some(entry.cursor.clone());
        let what = match std::mem::replace(&mut self.first, First::New) {
            First::Known(known) if known == entry.cursor => return None,
            First::Known(_) => {
                counter(names::JOURNAL_GAPS).add(1);
                teller.tell(
                    "the journal no longer holds the entry that was read last: those between it and the oldest that is left are lost\nhint: let it grow larger, by `SystemMaxUse=` in journald.conf",
                );
                What::LineWith(entry.line, entry.added)
            }
            First::Before(made) if entry.time < made => {
                What::Refused("the journal's last entry before the source was made")
            }
            First::New | First::Before(_) => What::LineWith(entry.line, entry.added),
        };
        Some(Said { cursor, what, faults: Vec::new() })
    }
}

impl Program for Journald {
    fn wait(&self) -> Option<Duration> {
        let left = self.again?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn start(&mut self, cursor: Option<&str>, _stopping: &AtomicBool) -> bool {
        match self.begin(cursor) {
            Ok(running) => {
                self.running = Some(running);
                true
            }
            Err(why) => {
                self.teller.tell(&why);
                self.pause_now();
                false
            }
        }
    }

    fn next(&mut self, within: Duration) -> Result<Option<Said>, Failed> {
        let running = self.running.as_mut().ok_or(Failed)?;
        let until = Instant::now() + within;
        loop {
            match running.heard.recv_deadline(until) {
                Ok(line) => {
                    if let Some(said) = running.said(&line, &self.teller) {
                        return Ok(Some(said));
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    if running.began.elapsed() > Duration::from_mins(1) {
                        self.pause = Duration::from_millis(limits::JOURNAL_PAUSE_MILLIS_MIN);
                    }
                    self.running = None;
                    self.pause_now();
                    self.teller.tell("journalctl has ended, and is started again");
                    return Err(Failed);
                }
            }
        }
    }

    fn saved(&mut self, _cursor: &str) -> Result<(), Failed> {
        Ok(())
    }

    fn stop(&mut self) {
        self.running = None;
    }
}
