//! Standard input: copied into a spool before it counts, then read like a file, so that a restart
//! can read it again.
//!
//! In: bytes on stdin. Out: batches of its lines. The engine releases what it has done; when the
//! spool is full, stdin waits.

use super::Sink;
use super::content::Content;
use super::identity::StreamId;
use super::spool::{self, Cut, Segments, Writer};
use super::supervise::{Handle, Outlet, Signal, spawn, supervise};
use super::tail::{Desk, Step, Tail};
use crate::event::Origin;
use crate::limits;
use crate::telemetry::{counter, names};
use serde::Deserialize;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What to read from standard input.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct StdinConfig {
    /// The spool holds at most this many bytes that are not done yet; then stdin waits.
    #[serde(default = "spool_bytes_max")]
    pub spool_bytes_max: u64,
    /// A wait for the engine of this long raises an alarm.
    #[serde(default = "stall", with = "crate::clock::duration_text")]
    pub stall: Duration,
}

impl Default for StdinConfig {
    fn default() -> Self {
        Self { spool_bytes_max: spool_bytes_max(), stall: stall() }
    }
}

fn spool_bytes_max() -> u64 {
    limits::SPOOL_BYTES_MAX
}

fn stall() -> Duration {
    Duration::from_secs(10)
}

/// The source of standard input.
#[derive(Debug)]
pub struct Stdin;

impl Stdin {
    /// Starts to read stdin, with its spool in `state_dir`. `resume` as for files. The handle is
    /// finished when stdin has ended and all of it was handed over; [`Handle::release`] makes room.
    pub fn start(
        name: &str,
        config: &StdinConfig,
        state_dir: &Path,
        resume: Vec<(Origin, u64)>,
        sink: Arc<dyn Sink>,
    ) -> io::Result<Handle> {
        Self::start_from(io::stdin(), name, config, state_dir, resume, sink)
    }

    /// As [`Stdin::start`], from any reader.
    pub fn start_from(
        input: impl Read + Send + 'static,
        name: &str,
        config: &StdinConfig,
        state_dir: &Path,
        resume: Vec<(Origin, u64)>,
        sink: Arc<dyn Sink>,
    ) -> io::Result<Handle> {
        let folder = spool::folder(state_dir, name);
        let writer = Writer::open(folder.clone(), Cut::End)?;
        let origin =
            Arc::new(Origin { source: Arc::from(name), stream: Arc::from(writer.stream.as_str()) });
        let ours = resume.into_iter().filter(|(known, _)| *known == *origin);
        let outlet = Outlet::new(name, sink, ours);
        let signal = Signal::new();
        let room = Signal::new();
        let input_ended = Arc::new(AtomicBool::new(false));
        let pump = Pump {
            writer,
            outlet: Arc::clone(&outlet),
            reader: Arc::clone(&signal),
            room: Arc::clone(&room),
            bytes_max: config.spool_bytes_max,
        };
        let ended = Arc::clone(&input_ended);
        // It may wait in a read of stdin for ever, so nobody waits for it.
        spawn(&format!("{name}-in"), move || pump.run(input, &ended))?;
        let body = {
            let (outlet, signal) = (Arc::clone(&outlet), Arc::clone(&signal));
            let (origin, folder) = (Arc::clone(&origin), folder.clone());
            move || follow(&folder, &origin, &outlet, &signal, &input_ended)
        };
        let handle = supervise(outlet, signal, config.stall, Arc::new(body))?;
        Ok(handle.on_release(move |released, offset| {
            if *released == *origin {
                if let Err(error) = spool::release(&folder, offset) {
                    tracing::warn!(%error, "failed to release a part of the spool");
                }
                room.wake();
            }
        }))
    }
}

/// Copies the input into the spool.
struct Pump {
    writer: Writer,
    outlet: Arc<Outlet>,
    reader: Arc<Signal>,
    room: Arc<Signal>,
    bytes_max: u64,
}

impl Pump {
    fn run(mut self, mut input: impl Read, ended: &AtomicBool) {
        let mut buffer = vec![0; limits::SPOOL_READ_BYTES_MAX];
        loop {
            self.wait_for_room();
            if self.reader.stopping() {
                break;
            }
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.keep(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.outlet.alarm(format!("failed to read stdin: {error}"));
                    break;
                }
            }
        }
        if !self.reader.stopping()
            && let Err(error) = self.writer.end_line()
        {
            self.outlet.alarm(format!("failed to write the spool: {error}"));
        }
        ended.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// Writes until it is written: bytes that were taken from stdin exist nowhere else.
    fn keep(&mut self, bytes: &[u8]) {
        let mut told = false;
        while let Err(error) = self.writer.write(bytes) {
            if !told {
                told = true;
                counter(names::SOURCE_STALLS).add(1);
                self.outlet.alarm(format!("failed to write the spool, stdin waits: {error}"));
            }
            if self.reader.stopping() {
                return;
            }
            self.room.wait(Duration::from_secs(1));
        }
        self.reader.wake();
    }

    fn wait_for_room(&mut self) {
        while !self.reader.stopping() && self.writer.keeps(self.bytes_max) {
            self.room.wait(Duration::from_millis(limits::LINGER_MILLIS));
        }
    }
}

/// Reads the spool as it grows, until the input has ended and all is read.
pub(super) fn follow(
    folder: &Path,
    origin: &Arc<Origin>,
    outlet: &Arc<Outlet>,
    signal: &Signal,
    input_ended: &AtomicBool,
) -> Result<(), String> {
    let failed = |error: io::Error| format!("failed to read the spool: {error}");
    let segments = Segments::new(folder.to_owned());
    let first = segments.first().map_err(failed)?;
    let content = Content::Spool(Box::new(segments));
    let mut tail = Tail::fresh(content, PathBuf::from(folder), 0).map_err(failed)?;
    let known = outlet.cursors().iter().find(|(known, _)| known == origin).map(|(_, at)| *at);
    let unnamed = StreamId { path: 0, birth: 0, inode: 0, head_len: 0, head: 0 };
    tail.resume(Arc::clone(origin), unnamed, known.unwrap_or(first)).map_err(failed)?;
    let mut desk = Desk::new(Arc::clone(outlet));
    while !signal.stopping() {
        // Asked before reading: what was written before the end is then seen.
        let ended = input_ended.load(Ordering::Acquire);
        match tail.step(&mut desk, false) {
            Step::More => {}
            Step::Idle if ended => return Ok(()),
            Step::Idle => {
                signal.wait(Duration::from_mins(1));
            }
            Step::Closed => return Ok(()),
            Step::Failed(error) => return Err(failed(error)),
            Step::Replaced => return Err("the spool was changed by somebody else".to_owned()),
        }
    }
    Ok(())
}
