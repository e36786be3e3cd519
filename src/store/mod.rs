//! What riposte remembers: checkpoint and input order, journal, outbox, what is in force,
//! allowlist, offences, modes. The only place that knows SQLite.
//!
//! In: rows to commit together. Out: which of them were new, and typed answers. One file,
//! `riposte.db` (WAL, `synchronous=NORMAL`): a commit survives `kill -9` when [`Store::commit`]
//! has returned, and a power cut a moment later (`limits::STORE_SYNC_MILLIS`). It leaves to others
//! what the rows mean and what is done about them.

mod answers;
mod changes;
mod checkpoint;
mod codec;
mod commit;
mod dir;
mod error;
mod forget;
mod insert;
mod journal;
mod lists;
mod mentions;
mod outbox;
mod retention;
mod rows;
mod schema;
mod subject;
mod wal;

pub use answers::{Entry, EntryKind, Forgotten, JournalQuery, JournalRow, Why};
pub use dir::DATABASE;
pub use error::StoreError;
pub use outbox::{Mark, Settled};
pub use retention::{Removed, RetentionConfig};
pub use rows::{
    AllowEntry, Checkpoint, Commit, Committed, DecisionRow, HitRow, Input, InputKind, LiftRow,
    Loaded, NoteRow, OffenceCount, OffenceRow, OutboxRow, PendingAction, RuleMode, Shard,
};

use crate::limits;
use crate::telemetry;
use commit::Repeats;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The store, open for writing; there is one in a state folder at a time. Usable from several
/// threads: writers take turns, readers ([`Store::read`]) don't wait for them.
pub struct Store {
    // In the order of their ends: the thread, the connections, the lock.
    wal: wal::Keeper,
    reader: Reader,
    writer: Mutex<Writer>,
    path: PathBuf,
    backup: Option<PathBuf>,
    _lock: dir::DirLock,
}

/// Answers from a store, also beside a running daemon. Each question sees one state.
pub struct Reader {
    conn: Mutex<Connection>,
    path: PathBuf,
}

/// The writing connection and what goes with it.
struct Writer {
    conn: Connection,
    state: State,
}

/// What the writer keeps beside the file; made again from the file at start.
struct State {
    /// The next journal number.
    next_n: i64,
    /// Hits of this minute, to collapse repeats.
    repeats: Repeats,
    /// `seen` has rows.
    any_seen: bool,
    /// The log's size when the writer itself folded it last; 0 once it is small again.
    folded_bytes: u64,
}

impl State {
    fn take_n(&mut self) -> i64 {
        let n = self.next_n;
        self.next_n = n.saturating_add(1);
        n
    }
}

impl Store {
    /// Opens the store in `dir`, making both if they aren't there: takes the lock, checks who can
    /// write, and brings an older file to today's form after copying it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, schema::STEPS)
    }

    fn open_with(dir: &Path, steps: &[&str]) -> Result<Self, StoreError> {
        dir::prepare(dir)?;
        let lock = dir::lock(dir)?;
        let path = dir.join(DATABASE);
        drop(dir::create_private(&path)?);
        dir::keep_private(&path)?;
        let mut conn = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        configure_writer(&conn, &path, schema::version_of(steps))?;
        let backup = schema::migrate(&mut conn, &path, steps)?;
        let fail = |error: rusqlite::Error| StoreError::sql(&path, &error);
        let state = State {
            next_n: last_n(&conn).map_err(fail)?.saturating_add(1),
            repeats: Repeats::default(),
            any_seen: commit::any_seen(&conn).map_err(fail)?,
            folded_bytes: 0,
        };
        let writer = Mutex::new(Writer { conn, state });
        let reader = Reader::open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let wal = wal::Keeper::start(&path)?;
        Ok(Self { wal, reader, writer, path, backup, _lock: lock })
    }

    /// The questions that can be asked of it.
    pub fn read(&self) -> &Reader {
        &self.reader
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The copy that was made of the file before it was migrated, when it was.
    pub fn migration_backup(&self) -> Option<&Path> {
        self.backup.as_deref()
    }

    /// Copies the whole store to a new private file beside it; commits go on meanwhile.
    pub fn back_up(&self) -> Result<PathBuf, StoreError> {
        let conn = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let version = schema::version_of(schema::STEPS);
        schema::back_up(&conn, &self.path, version)
    }

    /// Waits until everything committed so far would survive a power cut.
    pub fn sync(&self) -> Result<(), StoreError> {
        wal::sync(&self.path)
    }

    /// Runs `work` in one transaction; an error undoes all of it.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut State) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let done = {
            let mut guard = lock(&self.writer);
            let Writer { conn, state } = &mut *guard;
            let done =
                conn.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|change| {
                    let answer = work(&change, state)?;
                    change.commit()?;
                    Ok(answer)
                });
            match &done {
                Ok(_) => self.wal.written(conn, state),
                // On a small disk the log itself may be what fills it: folded, its space is used
                // again by the next try. Where even that has no room, nothing is lost.
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
                    drop(wal::fold(conn, &self.path));
                }
                Err(_) => {}
            }
            done
        };
        match done {
            Ok(answer) => Ok(answer),
            Err(error) => {
                telemetry::counter(telemetry::names::STORE_ERRORS).add(1);
                Err(StoreError::sql(&self.path, &error))
            }
        }
    }
}

impl Reader {
    /// Opens the store in `dir` for questions only, also while a daemon writes to it.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(DATABASE);
        let meta = std::fs::metadata(&path).map_err(|source| StoreError::Io {
            doing: "open the store",
            path: path.clone(),
            source,
        })?;
        if meta.len() == 0 {
            return Err(StoreError::other(&path, "it is empty"));
        }
        let reader = Self::open(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|reader| reader.check_version().map(|()| reader));
        match reader {
            // Beside a WAL database SQLite wants to make files; where it can't, and nobody else
            // can write either, the file is read as it stands.
            Err(StoreError::ReadOnly(_) | StoreError::Other { .. })
                if !dir::beside(&path, "-wal").exists() =>
            {
                let reader = Self::open_immutable(&path)?;
                reader.check_version()?;
                Ok(reader)
            }
            other => other,
        }
    }

    fn open(path: &Path, access: OpenFlags) -> Result<Self, StoreError> {
        let conn = connect(path, access)?;
        conn.pragma_update(None, "query_only", true)
            .map_err(|error| StoreError::sql(path, &error))?;
        Ok(Self { conn: Mutex::new(conn), path: path.to_path_buf() })
    }

    fn open_immutable(path: &Path) -> Result<Self, StoreError> {
        let mut uri = String::from("file:");
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
                _ if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
                _ => uri.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
            }
        }
        uri.push_str("?immutable=1");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Self::open(Path::new(&uri), flags).map(|reader| Self { path: path.to_path_buf(), ..reader })
    }

    fn check_version(&self) -> Result<(), StoreError> {
        let known = schema::version_of(schema::STEPS);
        let found = schema::version(&lock(&self.conn), &self.path, known)?;
        if found < known {
            return Err(StoreError::other(
                &self.path,
                format!(
                    "it has version {found}, older than {known}: `riposte run` brings it up to date"
                ),
            ));
        }
        Ok(())
    }

    /// Runs `work` with one view of the store.
    fn ask<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut conn = lock(&self.conn);
        conn.transaction()
            .and_then(|view| work(&view))
            .map_err(|error| StoreError::sql(&self.path, &error))
    }

    /// Looks the whole file over for damage; slow (it reads everything), for `doctor`.
    pub fn check_integrity(&self) -> Result<(), StoreError> {
        let said: String =
            self.ask(|view| view.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        if said == "ok" {
            return Ok(());
        }
        Err(StoreError::Corrupt { path: self.path.clone(), detail: said })
    }
}

/// Opens a store for questions only: [`Reader::open_read_only`].
pub fn open_read_only(dir: &Path) -> Result<Reader, StoreError> {
    Reader::open_read_only(dir)
}

/// Locks, also after another thread has panicked: SQLite has undone what that one had begun.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection with small caches and no trust in what the file says of itself.
fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let fail = |error: rusqlite::Error| StoreError::sql(path, &error);
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(fail)?;
    conn.busy_timeout(Duration::from_millis(limits::STORE_BUSY_MILLIS_MAX)).map_err(fail)?;
    conn.set_prepared_statement_cache_capacity(64);
    // A negative size is in KiB.
    conn.pragma_update(None, "cache_size", -limits::STORE_CACHE_KIB).map_err(fail)?;
    conn.pragma_update(None, "trusted_schema", false).map_err(fail)?;
    conn.pragma_update(None, "cell_size_check", true).map_err(fail)?;
    Ok(conn)
}

/// The settings of the connection that writes. `auto_vacuum` comes first: it takes effect only
/// while the file is empty. `secure_delete=FAST` zeroes what is deleted within pages that are
/// written anyway, so that `forget` can keep its word.
fn configure_writer(conn: &Connection, path: &Path, known: i64) -> Result<(), StoreError> {
    let fail = |error: rusqlite::Error| StoreError::sql(path, &error);
    // Before anything is written into it: is it ours, and do we know its version?
    schema::version(conn, path, known)?;
    conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(fail)?;
    let mode: String =
        conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(fail)?;
    if mode != "wal" {
        return Err(StoreError::other(
            path,
            format!(
                "its file system allows journal mode `{mode}` only, not WAL (is it a network file system?)"
            ),
        ));
    }
    conn.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {};
         PRAGMA secure_delete = FAST;
         PRAGMA temp_store = MEMORY;",
        limits::STORE_WAL_FOLD_BYTES
    ))
    .map_err(fail)
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

/// The greatest journal number that was ever given out.
fn last_n(conn: &Connection) -> rusqlite::Result<i64> {
    let mut last = lists::meta_int(conn, lists::LAST_N)?.unwrap_or(0);
    for kind in EntryKind::ALL {
        let sql = format!("SELECT coalesce(max(n), 0) FROM {}", kind.table());
        last = last.max(conn.query_row(&sql, [], |row| row.get(0))?);
    }
    Ok(last)
}

#[cfg(test)]
mod tests;
