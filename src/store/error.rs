//! What can go wrong with the store, told apart only where a caller acts differently: a full disk
//! and a read-only store let the engine go on without a journal, a lock names who holds it, a
//! damaged or newer file needs a person.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full (or a quota reached). Nothing of the transaction was kept; try again later.
    #[error(
        "no space left for the store `{0}`\nhint: free some space on that file system; riposte keeps trying"
    )]
    Full(PathBuf),
    /// The file or its file system can't be written.
    #[error(
        "the store `{0}` is read-only\nhint: check the mount options and the owner of the state folder"
    )]
    ReadOnly(PathBuf),
    /// Another riposte has the store.
    #[error(
        "the store `{path}` is in use by riposte with pid {pid}\nhint: stop that one first, or give this one another state folder"
    )]
    Locked {
        /// The database file.
        path: PathBuf,
        /// Who holds it; `unknown` where the lock file doesn't tell.
        pid: String,
    },
    /// The file is damaged, or no store of riposte's.
    #[error(
        "the store `{path}` is damaged or not riposte's ({detail})\nhint: move it aside and start again (a new one is made), or put back a copy named `riposte.db.*.backup`; `sqlite3 FILE .recover` may save the rest"
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A later riposte has written the file.
    #[error(
        "the store `{path}` has version {found}, this riposte knows versions up to {known}\nhint: run the newer riposte again, or put back the copy named `riposte.db.*.backup` that it made"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// Others could write the folder or a file in it.
    #[error("`{path}` can be written by others (mode {mode:o}, owner {owner})\nhint: `{mend}`")]
    Exposed {
        /// The folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner's user id.
        owner: u32,
        /// The command that mends it.
        mend: String,
    },
    /// The operating system refused something else.
    #[error("failed to {doing} `{path}`: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("failed to use the store `{path}`: {detail}")]
    Other {
        /// The database file.
        path: PathBuf,
        /// What happened.
        detail: String,
    },
}

impl StoreError {
    /// Whether the same call may work later without anybody doing something about this program.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Full(_) | Self::ReadOnly(_) | Self::Locked { .. })
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly(path)
            }
            _ => Self::Io { doing, path, source },
        }
    }

    pub(super) fn other(path: &Path, detail: impl Into<String>) -> Self {
        Self::Other { path: path.to_path_buf(), detail: detail.into() }
    }

    /// Sorts an error of SQLite's (result codes: <https://sqlite.org/rescode.html>).
    pub(super) fn sql(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let path = path.to_path_buf();
        let detail = error.to_string();
        let rusqlite::Error::SqliteFailure(code, _) = error else {
            return Self::Other { path, detail };
        };
        // The shared-memory file could not be grown: on a full disk that is how it shows.
        let shm_size = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        match code.code {
            Code::DiskFull => Self::Full(path),
            Code::SystemIoFailure if code.extended_code == shm_size => Self::Full(path),
            Code::ReadOnly | Code::PermissionDenied => Self::ReadOnly(path),
            Code::DatabaseCorrupt | Code::NotADatabase => Self::Corrupt { path, detail },
            Code::DatabaseBusy | Code::DatabaseLocked => {
                Self::Locked { path, pid: "unknown".to_owned() }
            }
            _ => Self::Other { path, detail },
        }
    }
}
