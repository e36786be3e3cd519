//! The thread that reads what a program says: lines of its output, within limits, to whoever holds
//! the talk; its log to riposte's own; its end.
//!
//! Bounded in all directions: a line by its length, lines by a second and by how many wait. While
//! too many wait the output is not read, so that the program waits, but its log and its end are.

use super::child::{Outputs, how_it_ended};
use super::log::Log;
use super::{Launch, Mask, Said, TalkError, TalkLimits};
use crossbeam_channel::{SendTimeoutError, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// One read.
const CHUNK_BYTES: usize = 16 * 1024;

/// What a dead program left in its pipes is read in at most so many reads: a grandchild that lives
/// on may write for ever.
const READS_AFTER_THE_END_MAX: u32 = 64;

/// How long a line is offered to the holder of the talk before log and end are looked at again.
const HOLDER_BUSY: Duration = Duration::from_millis(10);

/// A program that closed its output and still lives after this is of no use.
const CLOSED_AND_ALIVE: Duration = Duration::from_millis(500);

/// Without a descriptor for the program's end it is looked for this often, as
/// after its output was closed.
const LOOK_FOR_THE_END: Duration = Duration::from_millis(200);

/// The reading half of a talk.
pub(super) struct Reader {
    outputs: Outputs,
    limits: TalkLimits,
    to: Sender<Said>,
    log: Log,
    line: Vec<u8>,
    /// Read, and not yet taken.
    waiting: VecDeque<Said>,
    second: Instant,
    lines: u32,
    /// The output is not read any more: it ended, or there was a fault.
    deaf: bool,
    /// The output was closed; the program's own end should follow.
    closed: Option<Instant>,
    log_ended: bool,
}

impl Reader {
    pub(super) fn new(
        launch: &Launch,
        outputs: Outputs,
        mask: Arc<Mask>,
        to: Sender<Said>,
    ) -> Self {
        Self {
            outputs,
            limits: launch.limits,
            to,
            log: Log::new(&launch.name, mask),
            line: Vec::new(),
            waiting: VecDeque::new(),
            second: Instant::now(),
            lines: 0,
            deaf: false,
            closed: None,
            log_ended: false,
        }
    }

    /// Reads until the program has ended, or until reading has to end.
    pub(super) fn run(mut self) {
        loop {
            self.hand_over();
            let [told_to_end, ended, log, output] = self.look();
            if told_to_end {
                break;
            }
            if log {
                self.read_log();
            }
            if output {
                self.read_output();
            }
            if ended {
                self.last_words();
                break;
            }
            if self.closed.is_some_and(|since| since.elapsed() >= CLOSED_AND_ALIVE) {
                self.closed = None;
                self.fault(TalkError::Ended("it closed its output".to_owned()));
            }
        }
        self.log.end();
    }

    /// Waits until there is something to do: reading has to end, the program has ended, there is
    /// something in its log, in its output.
    fn look(&self) -> [bool; 4] {
        let outputs = &self.outputs;
        let control = outputs.control.as_fd();
        let busy = !self.waiting.is_empty();
        let hear = !self.deaf && !busy && self.closed.is_none();
        // What is of no interest is replaced by the control pipe: a closed one would wake for ever.
        let stdout = if hear { outputs.stdout.as_fd() } else { control };
        let stderr = if self.log_ended { control } else { outputs.stderr.as_fd() };
        let end = outputs.pidfd.as_ref().map_or(control, AsFd::as_fd);
        let mut watched =
            [control, stdout, stderr, end].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let patience = if busy {
            Some(Duration::ZERO)
        } else if self.closed.is_some() || outputs.pidfd.is_none() {
            Some(LOOK_FOR_THE_END)
        } else {
            None
        };
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        if poll(&mut watched, patience.as_ref()).is_err() {
            // Interrupted: looked at again.
            return [false; 4];
        }
        let [control, stdout, stderr, end] = watched.map(|fd| !fd.revents().is_empty());
        let ended = end || (outputs.pidfd.is_none() && how_it_ended(outputs.pid).is_some());
        [control, ended, !self.log_ended && stderr, hear && stdout]
    }

    /// Offers what was read, in order, as far as it is taken within a moment.
    fn hand_over(&mut self) {
        // The program may be stuck in a write: what it says is read on, so that it hears its end.
        if self.outputs.ignore.load(Ordering::Relaxed) {
            self.waiting.clear();
            return;
        }
        while let Some(next) = self.waiting.pop_front() {
            match self.to.send_timeout(next, HOLDER_BUSY) {
                Ok(()) => {}
                Err(SendTimeoutError::Timeout(next)) => {
                    self.waiting.push_front(next);
                    return;
                }
                Err(SendTimeoutError::Disconnected(_)) => return,
            }
        }
    }

    /// One read of the log.
    fn read_log(&mut self) -> bool {
        let mut chunk = [0; CHUNK_BYTES];
        match self.outputs.stderr.read(&mut chunk) {
            Ok(0) => self.log_ended = true,
            Ok(length) => {
                if let Err(flood) = self.log.take(chunk.get(..length).unwrap_or_default()) {
                    self.log_ended = true;
                    self.fault(flood);
                }
                return true;
            }
            Err(error) if later(&error) => {}
            Err(_) => self.log_ended = true,
        }
        false
    }

    /// One read of the output; whether there was something.
    fn read_output(&mut self) -> bool {
        let mut chunk = [0; CHUNK_BYTES];
        match self.outputs.stdout.read(&mut chunk) {
            // The first sign of its end, mostly.
            Ok(0) => self.closed = Some(Instant::now()),
            Ok(length) => {
                if !self.outputs.ignore.load(Ordering::Relaxed) {
                    self.take(chunk.get(..length).unwrap_or_default());
                }
                return true;
            }
            Err(error) if later(&error) => {}
            Err(error) => self.fault(TalkError::Ended(format!("its output: {error}"))),
        }
        false
    }

    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if self.line.len() + text.len() > self.limits.line_bytes_max {
                self.line = Vec::new();
                return self.fault(TalkError::TooLong { bytes: self.limits.line_bytes_max });
            }
            self.line.extend_from_slice(text);
            if ends && !self.finish_line() {
                return;
            }
        }
    }

    /// Whether more may be heard.
    fn finish_line(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.lines = 0;
        }
        self.lines = self.lines.saturating_add(1);
        if let Some(most) = self.limits.lines_a_second_max
            && self.lines > most
        {
            self.fault(TalkError::Flood { output: "output", limit: format!("{most} lines") });
            return false;
        }
        let line = std::mem::take(&mut self.line);
        if !line.trim_ascii().is_empty() {
            self.waiting.push_back(Ok(line));
        }
        true
    }

    /// Nothing more is heard of the output.
    fn fault(&mut self, error: TalkError) {
        if !self.deaf {
            self.deaf = true;
            self.waiting.push_back(Err(error));
        }
    }

    /// The program has ended: what is left in its pipes, then how it ended.
    fn last_words(&mut self) {
        for _ in 0..READS_AFTER_THE_END_MAX {
            let log = !self.log_ended && self.read_log();
            let output = !self.deaf && self.closed.is_none() && self.read_output();
            if !log && !output {
                break;
            }
        }
        self.log.end();
        let how = how_it_ended(self.outputs.pid).unwrap_or_else(|| "it ended".to_owned());
        let said = self.log.last();
        let words = if said.is_empty() { how } else { format!("{how}; it said last: {said}") };
        self.fault(TalkError::Ended(words));
        while !self.waiting.is_empty() {
            self.hand_over();
            let [told_to_end, ..] = self.look();
            if told_to_end {
                return;
            }
        }
    }
}

fn later(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
