//! A program as a source: it says lines and events with cursors of its own, and each is in the spool
//! before the program is told that it is saved.
//!
//! In: what a [`Program`] says. Out: batches of frames ([`crate::event::frame`]), read from the spool
//! like a file. Line and cursor are kept by one write, so that a crash of riposte or of the program,
//! at any moment, neither loses nor doubles: the program is greeted with the cursor of the last
//! frame that is whole. How the program is run is left to the one who implements [`Program`].

use super::cursors::Cursors;
use super::spool::{self, Cut, Writer};
use super::supervise::{Handle, Outlet, Signal, spawn, supervise};
use super::{Sink, stdin};
use crate::event::{Origin, Said, What, frame};
use crate::telemetry::{counter, names};
use crate::{clock, limits};
use crossbeam_channel::bounded;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// The program behind a source.
///
/// - All is called from one thread of the source; nothing may block for longer than it says.
/// - A failure is noted and told by the implementer; the source starts the program again.
/// - A stop that was asked for ends every call soon.
pub trait Program: Send {
    /// How long it must not be started yet; `None` when it may.
    fn wait(&self) -> Option<Duration>;
    /// Starts it, with the cursor of the last record that is saved; whether it is ready. Returns
    /// soon when `stopping` is set.
    fn start(&mut self, cursor: Option<&str>, stopping: &AtomicBool) -> bool;
    /// What it says next, waited for at most so long; [`Failed`] when it has ended.
    fn next(&mut self, within: Duration) -> Result<Option<Said>, Failed>;
    /// Tells it that all up to this cursor is saved.
    fn saved(&mut self, cursor: &str) -> Result<(), Failed>;
    /// The next of what it had taken already when the source was told to stop, and nobody else has
    /// any more: it is kept before the end. Nothing, where the program still has it.
    fn rest(&mut self) -> Option<Said> {
        None
    }
    /// Ends it in good order.
    fn stop(&mut self);
}

/// The program has ended, or was ended for what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// How a program's spool is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramConfig {
    /// The spool holds at most about this many bytes that are not done yet; then the program waits.
    pub spool_bytes_max: u64,
    /// A wait for the engine of this long raises an alarm.
    pub stall: Duration,
    /// Whether the disk must have a record before the program is told that it is saved: where a sender
    /// forgets it then.
    pub durable: bool,
}

/// Starts a source that is a program, with its spool in `state_dir`. `resume` as for files.
pub fn start(
    name: &str,
    config: ProgramConfig,
    program: Box<dyn Program>,
    state_dir: &Path,
    resume: Vec<(Origin, u64)>,
    sink: Arc<dyn Sink>,
) -> io::Result<Handle> {
    let folder = spool::folder(state_dir, name);
    let mut writer = Writer::open(folder.clone(), Cut::Drop)?;
    writer.durable = config.durable;
    let cursors = Cursors::read(&folder)?;
    let origin =
        Arc::new(Origin { source: Arc::from(name), stream: Arc::from(writer.stream.as_str()) });
    let ours = resume.into_iter().filter(|(known, _)| *known == *origin);
    let outlet = Outlet::new(name, sink, ours);
    let signal = Signal::new();
    let room = Signal::new();
    let pump = Pump {
        writer,
        cursors,
        program,
        outlet: Arc::clone(&outlet),
        reader: Arc::clone(&signal),
        room: Arc::clone(&room),
        // What is kept for its cursors takes room too.
        bytes_max: config
            .spool_bytes_max
            .saturating_add(limits::SPOOL_CURSOR_BYTES_KEPT + limits::SPOOL_SEGMENT_BYTES_MAX),
        told: BTreeMap::new(),
    };
    let (ended_tx, ended) = bounded(1);
    spawn(&format!("{name}-in"), move || {
        pump.run();
        drop::<crossbeam_channel::Sender<()>>(ended_tx);
    })?;
    let body = {
        let (outlet, signal) = (Arc::clone(&outlet), Arc::clone(&signal));
        let (origin, folder) = (Arc::clone(&origin), folder.clone());
        let never = AtomicBool::new(false);
        move || stdin::follow(&folder, &origin, &outlet, &signal, &never)
    };
    let handle = supervise(outlet, signal, config.stall, Arc::new(body))?;
    let limit = Duration::from_millis(limits::SOURCE_PROGRAM_STOP_MILLIS_MAX);
    Ok(handle.wait_also(ended, limit).on_release(move |released, offset| {
        if *released == *origin {
            let keep = offset.saturating_sub(limits::SPOOL_CURSOR_BYTES_KEPT);
            if let Err(error) = spool::release(&folder, keep) {
                tracing::warn!(%error, "failed to release a part of the spool");
            }
            room.wake();
        }
    }))
}

/// Copies what the program says into the spool.
struct Pump {
    writer: Writer,
    cursors: Cursors,
    program: Box<dyn Program>,
    outlet: Arc<Outlet>,
    reader: Arc<Signal>,
    room: Arc<Signal>,
    bytes_max: u64,
    /// When each fault was told last.
    told: BTreeMap<String, Instant>,
}

impl Pump {
    fn run(mut self) {
        let look = Duration::from_millis(limits::SOURCE_PROGRAM_LOOK_MILLIS);
        while !self.reader.stopping() {
            if let Some(wait) = self.program.wait() {
                self.room.wait(wait.min(look));
            } else if self.program.start(self.cursors.last(), self.reader.flag()) {
                // What went wrong is told by the program's keeper, and the loop begins again.
                let _ended = self.listen(look);
            }
        }
        while let Some(said) = self.program.rest() {
            if !self.take(said) {
                break;
            }
        }
        self.program.stop();
    }

    /// One life of the program.
    fn listen(&mut self, look: Duration) -> Result<(), Failed> {
        let mut unsaid: Option<String> = None;
        let mut count = 0;
        while !self.reader.stopping() {
            let full = self.writer.keeps(self.bytes_max);
            if full || count >= limits::SOURCE_SAVED_RECORDS_MAX {
                self.tell_saved(&mut unsaid, &mut count)?;
            }
            if full {
                // The program waits on its pipe.
                self.room.wait(look);
                continue;
            }
            let within = if unsaid.is_some() { Duration::ZERO } else { look };
            match self.program.next(within)? {
                None => self.tell_saved(&mut unsaid, &mut count)?,
                Some(said) => {
                    let cursor = said.cursor.clone();
                    if !self.take(said) {
                        return Ok(());
                    }
                    count += 1;
                    unsaid = cursor.or(unsaid);
                }
            }
        }
        Ok(())
    }

    fn tell_saved(&mut self, unsaid: &mut Option<String>, count: &mut usize) -> Result<(), Failed> {
        *count = 0;
        let Some(cursor) = unsaid.take() else { return Ok(()) };
        if self.writer.durable
            && let Err(error) = self.writer.sync()
        {
            counter(names::SOURCE_STALLS).add(1);
            self.tell(&format!("failed to write the spool to the disk: {error}"));
            return Err(Failed);
        }
        self.program.saved(&cursor)
    }

    /// Puts it into the spool; false when that was given up because riposte stops.
    fn take(&mut self, said: Said) -> bool {
        let cursor = said.cursor.as_deref();
        if cursor.is_some_and(|cursor| self.cursors.knows(cursor)) {
            counter(names::SOURCE_DOUBLES).add(1);
            return true;
        }
        for fault in &said.faults {
            counter(names::SOURCE_FAULTS).add(1);
            self.tell(fault);
        }
        let bytes = match said.what {
            What::Line(line) => frame::of_line(cursor, Self::cut(cursor, &line)),
            What::LineWith(line, added) => {
                let bytes = frame::of_line_with(cursor, &line, &added);
                let excess = bytes.len().saturating_sub(limits::RECORD_BYTES_MAX + 1);
                if excess > 0 {
                    counter(names::RECORDS_TRUNCATED).add(1);
                    let kept = line.get(..line.len().saturating_sub(excess)).unwrap_or_default();
                    frame::of_line_with(cursor, kept, &added)
                } else {
                    bytes
                }
            }
            What::Event(event) => {
                let bytes = frame::of_event(cursor, &event, clock::now());
                if bytes.len() > limits::RECORD_BYTES_MAX {
                    counter(names::SOURCE_FAULTS).add(1);
                    let why = "an event of more than 64 KiB";
                    self.tell(why);
                    frame::of_refused(cursor, why)
                } else {
                    bytes
                }
            }
            What::Refused(why) => frame::of_refused(cursor, why),
        };
        self.keep(&bytes) && {
            if let Some(cursor) = said.cursor {
                self.cursors.note(cursor);
            }
            true
        }
    }

    /// The line, cut where it and its cursor are longer than a record may be.
    fn cut<'l>(cursor: Option<&str>, line: &'l str) -> &'l str {
        let head = frame::of_line(cursor, "").len();
        let room = limits::RECORD_BYTES_MAX.saturating_sub(head);
        if line.len() <= room {
            return line;
        }
        counter(names::RECORDS_TRUNCATED).add(1);
        line.get(..line.floor_char_boundary(room)).unwrap_or_default()
    }

    /// Writes until it is written: the program waits meanwhile, and has not been told anything.
    fn keep(&mut self, bytes: &[u8]) -> bool {
        let mut told = false;
        loop {
            let written =
                self.cursors.before_a_segment(&self.writer).and_then(|()| self.writer.write(bytes));
            let Err(error) = written else { break };
            if !told {
                told = true;
                counter(names::SOURCE_STALLS).add(1);
                self.outlet.alarm(format!("failed to write the spool, the program waits: {error}"));
            }
            if self.reader.stopping() {
                return false;
            }
            self.room.wait(Duration::from_secs(1));
        }
        self.reader.wake();
        true
    }

    /// Tells a fault, the same one not too often.
    fn tell(&mut self, fault: &str) {
        let now = Instant::now();
        let again = Duration::from_secs(limits::SOURCE_FAULT_TOLD_SECS);
        self.told.retain(|_, at| now.duration_since(*at) < again);
        if self.told.len() < limits::ALARMS_KEPT_MAX && !self.told.contains_key(fault) {
            self.told.insert(fault.to_owned(), now);
            self.outlet.alarm(fault.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
