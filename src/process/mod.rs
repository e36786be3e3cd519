//! Child programs, bounded: an argv (never a shell), a clean environment, a time limit, an output
//! limit, and the end of the whole process group when a limit is passed.
//!
//! In: a [`Program`]. Out: how it [`Finished`], or lines as they come ([`Follower`]). What the
//! output means is left to the caller.

mod follower;

pub use follower::Follower;

use crate::limits::PROGRAM_OUTPUT_BYTES_MAX;
use crate::secret::{self, Secret, SecretError, SecretRef};
use crate::telemetry;
use crate::trust::distrust_chain;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The search path that children get.
pub const CLEAN_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that is still writing after it ended (through a grandchild) is waited for this long.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What to run, and within which limits.
#[derive(Debug, Clone)]
pub struct Program {
    /// Program and arguments. The program is found by path, or by name in the usual folders.
    pub argv: Vec<String>,
    /// Variables beside `PATH` and `LANG`; nothing else of riposte's own environment is passed on.
    pub environment: Vec<(String, String)>,
    /// Where it runs; `/` unless told otherwise.
    pub directory: PathBuf,
    /// What it reads on its standard input.
    pub input: Vec<u8>,
    /// It is killed, with its whole group, after this long.
    pub time_limit: Duration,
    /// It is killed when it prints more than this, on either output.
    pub output_bytes_max: usize,
}

impl Program {
    /// A program with the usual limits: 10 s, 64 KiB of output, no input.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            directory: PathBuf::from("/"),
            input: Vec::new(),
            time_limit: Duration::from_secs(10),
            output_bytes_max: PROGRAM_OUTPUT_BYTES_MAX,
        }
    }

    /// The program's name, for messages.
    pub fn name(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    fn command(&self) -> Result<Command, ProcessError> {
        let (program, arguments) = self.argv.split_first().ok_or(ProcessError::Empty)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", CLEAN_PATH)
            .env("LANG", "C.UTF-8")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory)
            .process_group(0);
        Ok(command)
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, ProcessError> {
        command.spawn().map_err(|error| {
            let program = self.name().to_owned();
            match error.kind() {
                std::io::ErrorKind::NotFound => ProcessError::Missing { program },
                std::io::ErrorKind::PermissionDenied => ProcessError::NotAllowed { program },
                _ => ProcessError::Start { program, reason: error.to_string() },
            }
        })
    }
}

/// How a program ended by itself.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it printed on its standard output.
    pub stdout: Vec<u8>,
    /// What it printed on its standard error.
    pub stderr: Vec<u8>,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Finished {
    /// Whether it said that all is well.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, in a few words, with the start of what it said.
    pub fn words(&self) -> String {
        let said = if self.stderr.is_empty() { &self.stdout } else { &self.stderr };
        let said = plain_start(said, 400);
        let how = match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("ended by signal {signal}"),
            (None, None) => "ended without a code".to_owned(),
        };
        if said.is_empty() { how } else { format!("{how}: {said}") }
    }
}

/// The start of a program's output as one plain line.
fn plain_start(bytes: &[u8], chars_max: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim()
        .chars()
        .take(chars_max)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

/// A program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// An empty argv.
    #[error("the command is empty")]
    Empty,
    /// No such program.
    #[error("program `{program}` is not there")]
    Missing {
        /// Its name.
        program: String,
    },
    /// It may not be run.
    #[error("program `{program}` may not be run by this user")]
    NotAllowed {
        /// Its name.
        program: String,
    },
    /// It could not be started.
    #[error("failed to start `{program}`: {reason}")]
    Start {
        /// Its name.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// It took too long and was killed; what it did until then is done.
    #[error("`{program}` was ended after {seconds} s")]
    TimedOut {
        /// Its name.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// It printed too much and was killed.
    #[error("`{program}` was ended because it printed more than {bytes} bytes")]
    TooMuchOutput {
        /// Its name.
        program: String,
        /// The limit.
        bytes: usize,
    },
    /// Its end could not be waited for.
    #[error("failed to wait for `{program}`: {reason}")]
    Wait {
        /// Its name.
        program: String,
        /// What the system said.
        reason: String,
    },
}

enum Report {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    TooMuch,
}

/// Runs a program to its end, within its limits. Blocks.
pub fn run(program: &Program) -> Result<Finished, ProcessError> {
    let started = Instant::now();
    let mut command = program.command()?;
    command
        .stdin(if program.input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = program.spawn(&mut command)?;
    let (sender, reports) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        collect(stdout, program.output_bytes_max, sender.clone(), Report::Stdout);
    }
    if let Some(stderr) = child.stderr.take() {
        collect(stderr, program.output_bytes_max, sender, Report::Stderr);
    }
    if let Some(mut stdin) = child.stdin.take() {
        let input = program.input.clone();
        std::thread::spawn(move || {
            // A program that does not read to the end of its input says so by its exit code.
            drop(stdin.write_all(&input));
        });
    }
    let waited = wait(program, &mut child, &reports, started);
    // Whatever the group still holds must not outlive the call: a grandchild, or all of it.
    end_group(&child);
    if waited.is_err() {
        telemetry::counter(telemetry::names::PROGRAMS_KILLED).add(1);
        drop(child.wait());
    }
    waited
}

fn wait(
    program: &Program,
    child: &mut Child,
    reports: &mpsc::Receiver<Report>,
    started: Instant,
) -> Result<Finished, ProcessError> {
    let mut stdout = None;
    let mut stderr = None;
    let mut ended: Option<(ExitStatus, Instant)> = None;
    let mut pause = Duration::from_micros(50);
    loop {
        if ended.is_none() {
            let status = child.try_wait().map_err(|error| ProcessError::Wait {
                program: program.name().to_owned(),
                reason: error.to_string(),
            })?;
            ended = status.map(|status| (status, Instant::now()));
        }
        if let Some((status, since)) = &ended
            && ((stdout.is_some() && stderr.is_some()) || since.elapsed() > LAST_WORDS)
        {
            return Ok(Finished {
                code: status.code(),
                signal: status.signal(),
                stdout: stdout.unwrap_or_default(),
                stderr: stderr.unwrap_or_default(),
                elapsed: started.elapsed(),
            });
        }
        if ended.is_none() && started.elapsed() >= program.time_limit {
            return Err(ProcessError::TimedOut {
                program: program.name().to_owned(),
                seconds: program.time_limit.as_secs(),
            });
        }
        match reports.recv_timeout(pause) {
            Ok(Report::Stdout(bytes)) => stdout = Some(bytes),
            Ok(Report::Stderr(bytes)) => stderr = Some(bytes),
            Ok(Report::TooMuch) => {
                return Err(ProcessError::TooMuchOutput {
                    program: program.name().to_owned(),
                    bytes: program.output_bytes_max,
                });
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                pause = (pause * 2).min(Duration::from_millis(10));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                // Both outputs are closed; the end itself may be a moment away, or never come.
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(10));
            }
        }
    }
}

fn collect(
    mut from: impl Read + Send + 'static,
    bytes_max: usize,
    to: mpsc::Sender<Report>,
    wrap: fn(Vec<u8>) -> Report,
) {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        // A read that fails ends the output like its end does; the exit code tells the rest.
        drop(from.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes));
        let report = if bytes.len() > bytes_max { Report::TooMuch } else { wrap(bytes) };
        // Nobody listens any more when a limit was passed.
        drop(to.send(report));
    });
}

fn end_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The group may be gone already, which is what is wanted.
        kill_process_group(group, Signal::KILL).ok();
    }
}

/// A secret, wherever it is to be had: as the process's keeper knows it, where there is one, else
/// read now.
pub fn resolve_secret(reference: &SecretRef) -> Result<Secret, SecretError> {
    match secret::keeper() {
        Some(keeper) => keeper.get(reference),
        None => read_secret(reference),
    }
}

/// Tells that a secret was refused where it was used: it may have been rotated.
pub fn secret_refused(reference: &SecretRef, value: &Secret) {
    if let Some(keeper) = secret::keeper() {
        keeper.refused(reference, value);
    }
}

/// Reads a secret now: programs are run here, the rest is [`SecretRef::resolve`].
pub fn read_secret(reference: &SecretRef) -> Result<Secret, SecretError> {
    let SecretRef::Exec(argv) = reference else {
        return reference.resolve();
    };
    // Who can write it would hand us a secret of theirs, and act with our rights.
    let program = argv.first().map(Path::new);
    if let Some(why) = program.and_then(distrust_chain) {
        return Err(reference.unreadable(&format!("{}\nhint: {}", why.message, why.hint)));
    }
    let finished = run(&Program::new(argv.clone()))
        .map_err(|error| reference.unreadable(&error.to_string()))?;
    if !finished.success() {
        // Its output is not repeated: it may hold the secret.
        return Err(reference.unreadable(&format!("the program ended with {:?}", finished.code)));
    }
    let value =
        String::from_utf8(finished.stdout).map_err(|_| reference.unreadable("it is not UTF-8"))?;
    reference.accept(value)
}

#[cfg(test)]
mod tests;
