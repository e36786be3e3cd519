//! Keeps the write-ahead log small and safe, off the writer: a thread with a connection of its own
//! flushes the log to disk soon after a commit, and folds it into the database when it has grown.
//!
//! Folding happens only then because the first commit after it has to wait for the disk. While
//! nothing is committed the thread sleeps without a timer.

use super::error::StoreError;
use super::{State, connect, dir, lock};
use crate::limits;
use crate::telemetry;
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread, and the way to wake it. Ends with the store.
pub(super) struct Keeper {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
    log: PathBuf,
}

#[derive(Default)]
struct Signal {
    /// Held while the log is folded: SQLite lets one connection do that at a time, and the writer
    /// must be able to wait for the thread to have done its part.
    folding: Mutex<()>,
    flags: Mutex<Flags>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy)]
struct Flags {
    /// Something was committed since the last round.
    dirty: bool,
    /// The log is long: no pause.
    long: bool,
    stop: bool,
}

impl Keeper {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // It reads the log and writes pages through; it needs no cache of its own.
        let set = conn.execute_batch("PRAGMA cache_size = -64; PRAGMA synchronous = NORMAL;");
        set.map_err(|error| StoreError::sql(path, &error))?;
        let signal = Arc::new(Signal::default());
        let shared = Arc::clone(&signal);
        let owned = path.to_path_buf();
        let thread = std::thread::Builder::new()
            .name("store-log".to_owned())
            .spawn(move || run(&shared, &conn, &owned))
            .map_err(|error| StoreError::io("start a thread for", path, error))?;
        Ok(Self { signal, thread: Some(thread), log: dir::beside(path, "-wal") })
    }

    /// Keeps the thread from folding while the guard lives.
    pub(super) fn pause(&self) -> MutexGuard<'_, ()> {
        lock(&self.signal.folding)
    }

    /// Something was committed on `conn`, whose turn it still is. When the thread can't keep up
    /// the writer folds the log itself, which doesn't wait for anybody: nobody else writes now, so
    /// the log begins again at its start with the next commit.
    pub(super) fn written(&self, conn: &Connection, state: &mut State) {
        let size = std::fs::metadata(&self.log).map_or(0, |meta| meta.len());
        let long = size > limits::STORE_WAL_FOLD_BYTES;
        {
            let mut flags = lock(&self.signal.flags);
            if !flags.dirty || (long && !flags.long) {
                flags.dirty = true;
                flags.long = long;
                self.signal.changed.notify_one();
            }
        }
        if size <= limits::STORE_WAL_BYTES_MAX {
            state.folded_bytes = 0;
        } else if size > state.folded_bytes.saturating_add(limits::STORE_WAL_FOLD_BYTES) {
            // A reader with an old view can keep the log from being folded: then it is tried
            // again only after as much again has been written.
            state.folded_bytes = size;
            let _folding = self.pause();
            if let Err(error) = fold(conn, &self.log) {
                tracing::warn!(%error, "could not fold the store's log");
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        lock(&self.signal.flags).stop = true;
        self.signal.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that keeps the store's log ended badly");
        }
    }
}

fn run(signal: &Signal, conn: &Connection, path: &Path) {
    loop {
        let flags = wait(signal);
        if flags.dirty
            && let Err(error) = keep(signal, conn, path)
        {
            telemetry::counter(telemetry::names::STORE_ERRORS).add(1);
            tracing::warn!(%error, "could not keep the store's log");
        }
        if flags.stop {
            return;
        }
    }
}

/// Sleeps until something was committed, then a little longer, so that many commits cost one
/// flush.
fn wait(signal: &Signal) -> Flags {
    let pause = Duration::from_millis(limits::STORE_SYNC_MILLIS);
    let mut flags = lock(&signal.flags);
    while !flags.dirty && !flags.stop {
        flags = signal.changed.wait(flags).unwrap_or_else(PoisonError::into_inner);
    }
    if !flags.stop {
        // While `dirty` is set commits don't notify: a plain pause that a stop or a long log ends.
        let (later, _) = signal
            .changed
            .wait_timeout_while(flags, pause, |flags| !flags.stop && !flags.long)
            .unwrap_or_else(PoisonError::into_inner);
        flags = later;
    }
    let seen = *flags;
    flags.dirty = false;
    flags.long = false;
    seen
}

fn keep(signal: &Signal, conn: &Connection, path: &Path) -> Result<(), StoreError> {
    sync(path)?;
    let size = log_bytes(path);
    telemetry::gauge(telemetry::names::STORE_LOG_BYTES).set(size);
    if size > limits::STORE_WAL_FOLD_BYTES {
        let _folding = lock(&signal.folding);
        fold(conn, path)?;
    }
    Ok(())
}

/// Folds what can be folded without waiting for a reader or the writer.
pub(super) fn fold(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .map_err(|error| StoreError::sql(path, &error))
}

fn log_bytes(path: &Path) -> u64 {
    std::fs::metadata(dir::beside(path, "-wal")).map_or(0, |meta| meta.len())
}

/// Flushes the log to disk. (Closing the file drops no lock of SQLite's: it locks the database and
/// the `-shm` file, never the log.)
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    let log = dir::beside(path, "-wal");
    match File::open(&log).and_then(|file| file.sync_data()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("flush", &log, error)),
    }
}
