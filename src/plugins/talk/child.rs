//! The child itself: how it is started, and how it is ended with all of its process group.
//!
//! A process id is free for others as soon as its process has been reaped, so that everything here
//! looks for the end without reaping, signals, and reaps last.

use super::{Launch, TalkError};
use crate::limits::PLUGIN_KILL_MILLIS;
use crate::process::CLEAN_PATH;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use std::io::{PipeReader, PipeWriter, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A program that was just started.
pub(super) struct Started {
    pub(super) program: Program,
    pub(super) stdin: ChildStdin,
    pub(super) outputs: Outputs,
}

/// What the reading thread gets of it.
pub(super) struct Outputs {
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
    pub(super) pid: Pid,
    /// Becomes readable when the program ends; `None` where the kernel has no such thing.
    pub(super) pidfd: Option<OwnedFd>,
    /// Closes when reading has to end.
    pub(super) control: PipeReader,
    /// What is said is of no interest any more.
    pub(super) ignore: Arc<AtomicBool>,
}

/// The running program.
#[derive(Debug)]
pub(super) struct Program {
    child: Option<Child>,
    pid: Pid,
    control: Option<PipeWriter>,
    ignore: Arc<AtomicBool>,
}

/// Starts it with an environment of its own, in its folder, in a process group of its own.
pub(super) fn start(launch: &Launch) -> Result<Started, TalkError> {
    let (program, arguments) =
        launch.argv.split_first().ok_or_else(|| TalkError::Start("`run` is empty".to_owned()))?;
    let mut command = Command::new(resolve(program, &launch.folder));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", CLEAN_PATH)
        .env("LANG", "C.UTF-8")
        .env("HOME", &launch.folder)
        .current_dir(&launch.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let (control, held) = pipe().map_err(|error| TalkError::Start(error.to_string()))?;
    let mut child = command.spawn().map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => " (or the interpreter that its first line names)",
            std::io::ErrorKind::PermissionDenied => " (is it executable?)",
            _ => "",
        };
        TalkError::Start(format!("`{program}`: {error}{hint}"))
    })?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (Some(stdin), Some(stdout), Some(stderr), Some(pid)) = (stdin, stdout, stderr, pid) else {
        drop(child.kill());
        drop(child.wait());
        return Err(TalkError::Start("it has no pipes".to_owned()));
    };
    let ignore = Arc::new(AtomicBool::new(false));
    let program =
        Program { child: Some(child), pid, control: Some(held), ignore: Arc::clone(&ignore) };
    let ready = nonblocking(&stdin).and(nonblocking(&stdout)).and(nonblocking(&stderr));
    if let Err(error) = ready {
        program.kill_now();
        return Err(TalkError::Start(error.to_string()));
    }
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
    Ok(Started { program, stdin, outputs: Outputs { stdout, stderr, pid, pidfd, control, ignore } })
}

/// A path is one of the folder; a bare name is looked for in the usual folders.
fn resolve(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { PathBuf::from(program) }
}

/// Our end of a pipe has a description of its own: the program's end stays as it is.
fn nonblocking(end: &impl AsFd) -> rustix::io::Result<()> {
    let flags = fcntl_getfl(end)?;
    fcntl_setfl(end, flags | OFlags::NONBLOCK)
}

/// How it ended, in words; `None` while it runs. Does not reap it.
pub(super) fn how_it_ended(pid: Pid) -> Option<String> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    match waitid(WaitId::Pid(pid), options) {
        Ok(None) | Err(rustix::io::Errno::INTR) => None,
        Ok(Some(status)) => Some(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("it ended with exit code {code}"),
            (None, Some(signal)) => format!("it was ended by signal {signal}"),
            (None, None) => "it ended".to_owned(),
        }),
        // Nobody else reaps it; if there is no such child, it is gone.
        Err(_) => Some("it ended".to_owned()),
    }
}

impl Program {
    /// What it says from now on is thrown away, so that it does not wait for being heard.
    pub(super) fn ignore(&self) {
        self.ignore.store(true, Ordering::Relaxed);
    }

    /// Waits for its end, then asks with SIGTERM and waits once more.
    pub(super) fn end(&self, limit: Duration) {
        if !self.ended_within(limit) {
            self.signal(Signal::TERM);
            self.ended_within(limit);
        }
    }

    /// Kills it with its group, waits for that, and lets the reading end.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended_within(Duration::from_millis(PLUGIN_KILL_MILLIS));
        drop(self.control.take());
    }

    fn kill_now(mut self) {
        self.kill();
        self.reap();
    }

    /// Takes the dead child off the kernel's list. Nothing may be signalled afterwards.
    pub(super) fn reap(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        if !matches!(child.try_wait(), Ok(Some(_))) {
            // The kernel can't end it yet; somebody has to be there when it does.
            let waiting = std::thread::Builder::new().name("plug:reaper".to_owned());
            drop(waiting.spawn(move || drop(child.wait())));
        }
    }

    /// Only while the child has not been reaped: until then the group's number is nobody else's.
    fn signal(&self, signal: Signal) {
        if self.child.is_some() {
            // The group may be gone already, which is what is wanted.
            kill_process_group(self.pid, signal).ok();
        }
    }

    fn ended_within(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        while self.child.is_some() && how_it_ended(self.pid).is_none() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        true
    }
}
