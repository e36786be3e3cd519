//! The control socket: how the command line talks to a running daemon.
//!
//! In: one JSON request a line on a unix socket in the state directory. Out: one JSON reply a
//! line. The directory is 0700 and the socket 0600, so only the service's user and root can
//! connect. Requests are answered by the engine's thread, one at a time.

mod changes;

pub use changes::{ChangeClaim, ChangeStatus};

use crate::clock::Timestamp;
use crate::decisions::{Decision, Mode, Remedy, Target};
use crate::feeds::FeedStatus;
use crate::geo::GeoStatus;
use crate::limits;
use crate::secret::SecretReport;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The socket's file name in the state directory.
const SOCKET_NAME: &str = "control.sock";

/// What the command line may ask a daemon.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "request")]
pub enum Request {
    /// How are you?
    Status,
    /// Put a target on the allowlist and lift what is in force for it.
    Allow {
        /// An address, a prefix or a host name.
        target: String,
        /// Why.
        comment: String,
        /// Until when; for ever when absent.
        until: Option<Timestamp>,
    },
    /// Take a target off the allowlist.
    Disallow {
        /// As it was added.
        target: String,
    },
    /// Put a decision in force by hand.
    Decide {
        /// Whom.
        target: Target,
        /// What.
        remedy: Remedy,
        /// How long; for ever when absent.
        seconds: Option<u64>,
        /// Why.
        reason: String,
    },
    /// End what is in force for a target.
    Lift {
        /// Whom.
        target: Target,
        /// Why.
        reason: String,
    },
    /// Set a rule's mode.
    SetMode {
        /// The rule.
        rule: String,
        /// The mode.
        mode: Mode,
    },
    /// Leave a rule's mode to its file and the config again.
    ResetMode {
        /// The rule.
        rule: String,
    },
    /// End a temporary change at Cloudflare before its time.
    EndChange {
        /// Its number.
        number: u64,
    },
    /// Lift everything and keep to shadow.
    Panic,
    /// End a panic.
    Resume,
    /// End the first days.
    Arm,
    /// Remove a person's data.
    Forget {
        /// Whom.
        target: Target,
    },
    /// Read config and rules again.
    Reload,
    /// Look at a threat feed now.
    RefreshFeed {
        /// The feed.
        feed: String,
        /// Take a version that was refused for a sudden change.
        accept: bool,
    },
}

/// What the daemon answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reply")]
pub enum Reply {
    /// Done; the text says what.
    Done {
        /// In a sentence.
        message: String,
        /// Decisions that were put in force or ended by it.
        #[serde(default)]
        decisions: Vec<Decision>,
    },
    /// How the daemon is.
    Status(Box<Status>),
    /// It could not be done; the text says why.
    Refused {
        /// In a sentence, with a hint where there is one.
        message: String,
    },
}

/// How a daemon is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Since when it runs.
    pub started: Timestamp,
    /// Nothing is carried out (dry run).
    pub dry_run: bool,
    /// A panic is on.
    pub panic: bool,
    /// The first days last until then; absent when they are over.
    pub first_days_until: Option<Timestamp>,
    /// Rules in force, by mode.
    pub rules_enforce: usize,
    /// Rules in shadow.
    pub rules_shadow: usize,
    /// Rules that act otherwise than they are set, for another reason than panic or first days.
    #[serde(default)]
    pub held: Vec<HeldRule>,
    /// What config and rule files say and is not in force, in sentences: of a bad file the last good
    /// version counts.
    #[serde(default)]
    pub unapplied: Vec<String>,
    /// Decisions in force.
    pub decisions_in_force: usize,
    /// Decisions that wait for the ceiling of blocks a minute, or for the DNS.
    pub decisions_queued: usize,
    /// What is wrong now, in sentences; the latest alarms.
    pub alarms: Vec<Alarm>,
    /// Sources and how far they are.
    pub sources: Vec<SourceStatus>,
    /// Destinations of actions and how they are.
    pub destinations: Vec<DestinationStatus>,
    /// Temporary changes at Cloudflare.
    #[serde(default)]
    pub changes: Vec<ChangeStatus>,
    /// Plugins' programs and how they are.
    #[serde(default)]
    pub plugins: Vec<PluginStatus>,
    /// Secrets, and how they are; never their values.
    #[serde(default)]
    pub secrets: Vec<SecretReport>,
    /// Threat feeds and how they are.
    #[serde(default)]
    pub feeds: Vec<FeedStatus>,
    /// Databases of places and how they are.
    #[serde(default)]
    pub geo: Vec<GeoStatus>,
    /// Every metric: name and value.
    pub metrics: Vec<(String, u64)>,
    /// Memory in use, bytes (resident).
    pub memory_bytes: u64,
}

/// A plugin's program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PluginStatus {
    /// The plugin's name.
    pub name: String,
    /// What it is: `source`, `parser`, `enricher`, `action`, or `plugin` where that can't be known.
    pub kind: String,
    /// `idle` (not needed yet), `starting`, `well`, `failing`, `stopped`, `refused` (can't be used).
    pub state: String,
    /// Whether it works, or was not needed yet.
    pub healthy: bool,
    /// What went wrong last, while it doesn't.
    pub detail: String,
    /// How often its program was started.
    pub starts: u64,
    /// How often it failed.
    pub faults: u64,
}

/// A rule that only says what it would do, though it is set to enforce.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeldRule {
    /// Its name.
    pub rule: String,
    /// Why.
    pub why: String,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Alarm {
    /// When.
    pub time: Timestamp,
    /// Where it comes from (a source's name, `guard`, an enforcer's name).
    pub from: String,
    /// What.
    pub text: String,
}

/// How far a source is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Records so far.
    pub records: u64,
    /// Of these, parsed.
    pub parsed: u64,
    /// Event time of the newest event.
    pub newest: Option<Timestamp>,
    /// When its last batch arrived.
    pub last_arrival: Option<Timestamp>,
}

/// How a destination is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its name (`nftables`).
    pub name: String,
    /// Whether its last call went well.
    pub healthy: bool,
    /// The last fault where there is one, else how it stands, where there is something to say.
    pub detail: String,
    /// Actions that wait.
    pub queued: usize,
}

/// Answers requests; called from several threads.
pub type Handler = Arc<dyn Fn(Request) -> Reply + Send + Sync>;

/// The listening socket; dropping it removes the file.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
}

impl ControlSocket {
    /// Listens in the state directory and answers by `handler`, a thread a connection, at most
    /// [`limits::CONTROL_CONNECTIONS_MAX`] at once.
    pub fn start(state_dir: &Path, handler: Handler) -> std::io::Result<Self> {
        let path = state_dir.join(SOCKET_NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        std::thread::Builder::new()
            .name("control".into())
            .stack_size(limits::HELPER_THREAD_STACK_BYTES)
            .spawn(move || accept(&listener, &handler))?;
        Ok(Self { path })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // The next start removes a socket that is left behind, so a fault here costs nothing.
        drop(std::fs::remove_file(&self.path));
    }
}

fn accept(listener: &UnixListener, handler: &Handler) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().flatten() {
        if open.load(Ordering::Relaxed) >= limits::CONTROL_CONNECTIONS_MAX {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (handler, open_now) = (Arc::clone(handler), Arc::clone(&open));
        let spawned = std::thread::Builder::new()
            .name("control-connection".into())
            .stack_size(limits::HELPER_THREAD_STACK_BYTES)
            .spawn(move || {
                if let Err(error) = serve(&stream, &handler) {
                    tracing::debug!(%error, "control connection ended");
                }
                open_now.fetch_sub(1, Ordering::Relaxed);
            });
        if spawned.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn serve(stream: &UnixStream, handler: &Handler) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(limits::CONTROL_TIMEOUT_SECS)))?;
    stream.set_write_timeout(Some(Duration::from_secs(limits::CONTROL_TIMEOUT_SECS)))?;
    let mut line = String::new();
    let mut reader = BufReader::new(stream.take(limits::CONTROL_REQUEST_BYTES_MAX));
    reader.read_line(&mut line)?;
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => handler(request),
        Err(error) => Reply::Refused { message: format!("failed to read the request: {error}") },
    };
    let mut text = serde_json::to_string(&reply)?;
    text.push('\n');
    (&*stream).write_all(text.as_bytes())
}

/// Why a daemon did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No daemon listens on this state directory.
    #[error("no daemon runs on `{}`", .0.display())]
    NotRunning(PathBuf),
    /// This user may not connect.
    #[error("failed to connect to `{}`: permission denied\nhint: run this as root or as the service's user", .0.display())]
    Permission(PathBuf),
    /// The conversation broke.
    #[error("failed to talk to the daemon: {0}")]
    Broken(#[from] std::io::Error),
}

/// Asks the daemon that runs on this state directory.
pub fn ask(state_dir: &Path, request: &Request) -> Result<Reply, AskError> {
    use std::io::ErrorKind;
    let path = state_dir.join(SOCKET_NAME);
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error) => {
            return Err(match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::ConnectionRefused => {
                    AskError::NotRunning(state_dir.to_owned())
                }
                ErrorKind::PermissionDenied => AskError::Permission(path),
                _ => AskError::Broken(error),
            });
        }
    };
    stream.set_read_timeout(Some(Duration::from_secs(limits::CONTROL_REPLY_SECS_MAX)))?;
    let mut text = serde_json::to_string(request).map_err(std::io::Error::from)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(|error| AskError::Broken(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_and_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(ask(dir.path(), &Request::Status), Err(AskError::NotRunning(_))));
        let handler: Handler = Arc::new(|request| match request {
            Request::Panic => Reply::Done { message: "lifted".into(), decisions: Vec::new() },
            _ => Reply::Refused { message: "no".into() },
        });
        let socket = ControlSocket::start(dir.path(), handler).unwrap();
        let mode = std::fs::metadata(&socket.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let reply = ask(dir.path(), &Request::Panic).unwrap();
        assert!(matches!(reply, Reply::Done { message, .. } if message == "lifted"));
        let mut raw = UnixStream::connect(&socket.path).unwrap();
        raw.write_all(b"nonsense\n").unwrap();
        let mut answer = String::new();
        raw.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("failed to read the request"), "{answer}");
        drop(socket);
        assert!(matches!(ask(dir.path(), &Request::Status), Err(AskError::NotRunning(_))));
    }
}
