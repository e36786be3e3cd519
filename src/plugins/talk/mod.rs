//! Talking with a plugin's program: it is started in a clean environment, greeted, listened to and
//! spoken to within limits, and ended with all of its process group.
//!
//! In: a [`Launch`]. Out: [`Message`]s, or the [`TalkError`] that ended the talk. One thread a
//! program reads what it says ([`reader`]); whoever holds the [`Talk`] writes. When to start again
//! is the [`Keeper`]'s.
//!
//! What holds, whatever the program does:
//! - nothing that it says is kept, logged or told before its secrets are masked ([`mask`]);
//! - a write waits for at most `limits.write`, a stop for at most twice `limits.stop`, a drop for
//!   no longer than a kill takes;
//! - its process id is signalled only while the child has not been reaped.

mod child;
mod error;
mod given;
mod hello;
mod keeper;
mod log;
mod mask;
mod message;
mod reader;

pub use error::TalkError;
pub use keeper::Keeper;
pub use mask::Mask;
pub use message::Message;

use crate::limits;
use crate::process;
use crate::secret::{Secret, SecretRef};
use child::Program;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use given::Given;
use reader::Reader;
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The version of the protocol that riposte speaks.
pub const PROTOCOL: u32 = 1;

/// What is to be run, and within which limits.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The plugin's name.
    pub name: String,
    /// Program and arguments, never a shell. A program with a `/` in it is a path from the folder
    /// on, another is found in the usual folders.
    pub argv: Vec<String>,
    /// The plugin's folder: the program's working directory and `HOME`.
    pub folder: PathBuf,
    /// The `settings` of the config, handed over as they are.
    pub settings: Map<String, Value>,
    /// The secrets that the config names for it; resolved at each start, so that a rotated one is
    /// seen.
    pub secrets: BTreeMap<String, SecretRef>,
    /// What it may do.
    pub limits: TalkLimits,
}

/// What a program may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TalkLimits {
    /// How long it may take to be ready.
    pub start: Duration,
    /// How long it may take no line that is written to it.
    pub write: Duration,
    /// How long it has to end when it is told to, and once more after SIGTERM.
    pub stop: Duration,
    /// A longer line is a fault.
    pub line_bytes_max: usize,
    /// More lines in a second are a fault; `None` where it may say as much as is taken (a source).
    pub lines_a_second_max: Option<u32>,
    /// Lines that may wait to be looked at; then it has to wait.
    pub backlog_lines_max: usize,
}

impl Default for TalkLimits {
    fn default() -> Self {
        Self {
            start: Duration::from_millis(limits::PLUGIN_START_MILLIS),
            write: Duration::from_millis(limits::PLUGIN_WRITE_MILLIS),
            stop: Duration::from_millis(limits::PLUGIN_STOP_MILLIS),
            line_bytes_max: limits::PLUGIN_LINE_BYTES_MAX,
            lines_a_second_max: Some(limits::PLUGIN_LINES_A_SECOND_MAX),
            backlog_lines_max: limits::PLUGIN_BACKLOG_LINES_MAX,
        }
    }
}

/// What the reading thread hands over.
type Said = Result<Vec<u8>, TalkError>;

/// What [`Talk::receive_or`] brought.
#[derive(Debug)]
pub enum Next<T> {
    /// The program said something.
    Said(Message),
    /// Something of the other side.
    Other(T),
    /// Nothing of the other side will come any more.
    Closed,
    /// Nothing came in time.
    Nothing,
}

/// A running program. Dropping it kills the program and its group at once; [`Talk::stop`] asks
/// first.
///
/// Several threads may write, and another listen, at the same time.
#[derive(Debug)]
pub struct Talk {
    limits: TalkLimits,
    mask: Arc<Mask>,
    stdin: Mutex<Option<ChildStdin>>,
    said: Receiver<Said>,
    reader: Option<JoinHandle<()>>,
    program: Program,
    secrets: Given,
}

impl Talk {
    /// Starts the program and greets it; `extra` goes into the greeting beside settings and
    /// secrets. It is to be waited for with [`Talk::ready`] before anything is asked of it.
    pub fn start(launch: &Launch, extra: Map<String, Value>) -> Result<Self, TalkError> {
        let secrets = resolved(launch)?;
        let mask = Arc::new(Mask::new(secrets.values().cloned()));
        let started = child::start(launch)?;
        let (sender, said) = bounded(launch.limits.backlog_lines_max.max(1));
        let reader = Reader::new(launch, started.outputs, Arc::clone(&mask), sender);
        let thread = std::thread::Builder::new()
            .name(format!("plug:{}", launch.name).chars().take(15).collect())
            .stack_size(limits::HELPER_THREAD_STACK_BYTES)
            .spawn(move || reader.run())
            .map_err(|error| TalkError::Start(error.to_string()))?;
        let talk = Self {
            limits: launch.limits,
            mask,
            stdin: Mutex::new(Some(started.stdin)),
            said,
            reader: Some(thread),
            program: started.program,
            secrets: Given::new(launch, &secrets),
        };
        match talk.put(&hello::line(launch, &secrets, extra)?) {
            // A program that has ended already tells how when it is waited for.
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Err(talk.deaf(&error)),
            Ok(()) | Err(_) => Ok(talk),
        }
    }

    /// Waits, at most so long, until the program says that it is ready; `false` when it has not
    /// said so yet.
    pub fn ready(&self, within: Duration) -> Result<bool, TalkError> {
        let Some(message) = self.receive(within)? else {
            return Ok(false);
        };
        if message.kind != "ready" {
            return Err(TalkError::Nonsense(format!(
                "a message `{}` came before `ready`",
                message.kind
            )));
        }
        match message.body.get("protocol").and_then(Value::as_u64) {
            Some(protocol) if protocol == u64::from(PROTOCOL) => Ok(true),
            Some(protocol) => Err(TalkError::Version(Some(protocol))),
            None => Err(TalkError::Version(None)),
        }
    }

    /// Writes one message. After an error the talk is of no use any more.
    pub fn send(&self, message: &impl Serialize) -> Result<(), TalkError> {
        let mut line = serde_json::to_vec(message)
            .map_err(|error| TalkError::Start(format!("a message can't be written: {error}")))?;
        line.push(b'\n');
        self.write(&line)
    }

    /// The next message, waited for at most so long; `None` when none came. A message `fault` is
    /// an error.
    pub fn receive(&self, within: Duration) -> Result<Option<Message>, TalkError> {
        match self.said.recv_timeout(within) {
            Ok(said) => Message::parse(&said?, &self.mask).map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(TalkError::Ended("it has ended".to_owned())),
        }
    }

    /// The next message, or the next thing of `other`, waited for at most so long. Both are looked
    /// at; of two that are there, either may come first.
    pub fn receive_or<T>(
        &self,
        other: &Receiver<T>,
        within: Duration,
    ) -> Result<Next<T>, TalkError> {
        crossbeam_channel::select! {
            recv(self.said) -> said => match said {
                Ok(said) => Message::parse(&said?, &self.mask).map(Next::Said),
                Err(_) => Err(TalkError::Ended("it has ended".to_owned())),
            },
            recv(other) -> other => Ok(other.map_or(Next::Closed, Next::Other)),
            default(within) => Ok(Next::Nothing),
        }
    }

    /// Whether one of its secrets has changed since it was greeted, so that it is to be started
    /// anew. Looks now and then only; secrets that can't be read now say nothing.
    pub fn is_outdated(&self) -> bool {
        self.secrets.are_outdated(Instant::now())
    }

    /// What masks this program's secrets, for texts that come from elsewhere than its messages.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Tells the program to stop and ends it, politely at first; takes at most twice the limit for
    /// a stop and what a kill takes.
    pub fn stop(self) {
        self.program.ignore();
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(stdin) = &mut stdin {
            // A program that reads nothing sees the end of its input, and then SIGTERM.
            let soon = Instant::now() + Duration::from_millis(50);
            drop(write_all(stdin, b"{\"type\":\"stop\"}\n", soon));
        }
        drop(stdin);
        self.program.end(self.limits.stop);
        // What is left is the drop.
    }

    fn write(&self, line: &[u8]) -> Result<(), TalkError> {
        self.put(line).map_err(|error| {
            // A program that died says why on the other side.
            match self.said.recv_timeout(Duration::from_millis(50)) {
                Ok(Err(why)) => why,
                _ => self.deaf(&error),
            }
        })
    }

    fn put(&self, line: &[u8]) -> std::io::Result<()> {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = stdin.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let written = write_all(pipe, line, Instant::now() + self.limits.write);
        if written.is_err() {
            // Half of a line may be in the pipe: nothing sensible can follow it.
            drop(stdin.take());
        }
        written
    }

    fn deaf(&self, error: &std::io::Error) -> TalkError {
        TalkError::NotReading(match error.kind() {
            std::io::ErrorKind::TimedOut => {
                format!("it took nothing for {} ms", self.limits.write.as_millis())
            }
            _ => error.to_string(),
        })
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.program.kill();
        if let Some(reader) = self.reader.take() {
            // It ends when the control pipe closes, which `kill` has done.
            drop(reader.join());
        }
        self.program.reap();
    }
}

/// Writes all of it, waiting while the pipe is full, at most until `deadline`.
fn write_all(pipe: &mut ChildStdin, mut rest: &[u8], deadline: Instant) -> std::io::Result<()> {
    while !rest.is_empty() {
        match pipe.write(rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(std::io::ErrorKind::TimedOut.into());
                }
                let left = left.try_into().ok();
                let mut watched = [PollFd::new(&*pipe, PollFlags::OUT)];
                match poll(&mut watched, left.as_ref()) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The secrets that the config names, read now.
fn resolved(launch: &Launch) -> Result<BTreeMap<String, Secret>, TalkError> {
    let mut secrets = BTreeMap::new();
    for (name, reference) in &launch.secrets {
        let secret = process::resolve_secret(reference)
            .map_err(|error| TalkError::Secret { name: name.clone(), why: error.to_string() })?;
        if secret.reveal().len() < limits::PLUGIN_SECRET_BYTES_MIN {
            let why = format!(
                "it is shorter than {} bytes, so that it could not be masked in what the program says",
                limits::PLUGIN_SECRET_BYTES_MIN
            );
            return Err(TalkError::Secret { name: name.clone(), why });
        }
        secrets.insert(name.clone(), secret);
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests;
