//! The state folder: private to its owner, and held by one riposte at a time.
//!
//! In: a path. Out: a folder with mode 0700, files with mode 0600, a lock that ends with the
//! process however it ends. What others can write is refused, not mended: they may have written.

use super::error::StoreError;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The database's name in the state folder.
pub const DATABASE: &str = "riposte.db";
const LOCK: &str = "riposte.lock";

/// Makes the folder if it isn't there (0700), takes reading away from others if they have it, and
/// refuses it if they could write.
pub(super) fn prepare(dir: &Path) -> Result<(), StoreError> {
    match fs::metadata(dir) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(|error| StoreError::io("create the state folder", dir, error))?;
        }
        Err(error) => return Err(StoreError::io("read the state folder", dir, error)),
    }
    let meta = refuse_exposed(dir)?;
    if meta.mode() & 0o077 != 0 && meta.uid() == own_uid() {
        let private = fs::Permissions::from_mode(0o700);
        if let Err(error) = fs::set_permissions(dir, private) {
            tracing::warn!(path = %dir.display(), %error, "could not make the state folder private");
        }
    }
    Ok(())
}

/// Refuses a folder or file that anyone but its owner can write, or whose owner is neither root
/// nor we.
pub(super) fn refuse_exposed(path: &Path) -> Result<fs::Metadata, StoreError> {
    let meta = fs::metadata(path).map_err(|error| StoreError::io("read", path, error))?;
    let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
    let shown = path.display();
    let mend = if mode & 0o022 != 0 {
        format!("chmod go-w '{shown}'")
    } else if owner != 0 && owner != own_uid() {
        format!("chown {} '{shown}'", own_uid())
    } else {
        return Ok(meta);
    };
    Err(StoreError::Exposed { path: path.to_path_buf(), mode, owner, mend })
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Opens or makes a file that only its owner can read or write; SQLite gives the same mode to the
/// files beside its database.
pub(super) fn create_private(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| StoreError::io("open", path, error))
}

/// Makes the database and what lies beside it private where a careless copy has opened them.
pub(super) fn keep_private(database: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm"] {
        let path = beside(database, end);
        if !path.exists() {
            continue;
        }
        let meta = refuse_exposed(&path)?;
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
                .map_err(|error| StoreError::io("make private", &path, error))?;
        }
    }
    Ok(())
}

/// The database's path with `end` after it (`-wal`).
pub(super) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The lock on a state folder. It ends when this is dropped or the process dies.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

/// Takes the lock, or says who has it.
pub(super) fn lock(dir: &Path) -> Result<DirLock, StoreError> {
    let path = dir.join(LOCK);
    let mut file = create_private(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // A few digits at most: the holder writes its pid.
            let read = Read::by_ref(&mut file).take(32).read_to_string(&mut text);
            let pid = match (read, text.trim()) {
                (Ok(_), pid) if !pid.is_empty() => pid.to_owned(),
                _ => "unknown".to_owned(),
            };
            return Err(StoreError::Locked { path: dir.join(DATABASE), pid });
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path, error)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    match written.map_err(|error| StoreError::io("write", &path, error)) {
        // A full disk must not keep us from holding the lock; the pid is only for people.
        Ok(()) | Err(StoreError::Full(_)) => Ok(DirLock { _file: file }),
        Err(error) => Err(error),
    }
}

/// The copies that were made before migrations.
pub(super) fn backups(database: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (database.parent(), database.file_name()) else {
        return Vec::new();
    };
    let start = format!("{}.", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(&start) && name.ends_with(".backup")
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}
