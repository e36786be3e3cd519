//! A file read whole and replaced whole: a reader sees the old text or the new, never a part, also
//! across a crash.

use crate::actions::enforcer::EnforceError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A larger file is none of ours: a million networks take 20 MB.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// New files can be read by the server's own user, and hold nothing secret.
const NEW_FILE_MODE: u32 = 0o644;

/// A hidden neighbour of a file, for a purpose; `*.conf` and the like don't match it.
pub(super) fn beside(path: &Path, purpose: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".riposte-");
    name.push(purpose);
    path.with_file_name(name)
}

/// The file's text; `None` when there is none. A symbolic link is refused: writing would replace
/// the link, or a file elsewhere.
pub(super) fn read_file(path: &Path) -> Result<Option<String>, EnforceError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault("read", path, &error)),
        Ok(facts) if facts.is_file() && facts.len() <= FILE_BYTES_MAX => {}
        Ok(_) => {
            return Err(EnforceError::Down(format!(
                "`{}` is no regular file of ours\nhint: choose another `path`",
                path.display()
            )));
        }
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| fault("read", path, &error))?;
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| fault("read", path, &error))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Replaces the file by way of a neighbour, keeping mode and owner; durable when this returns.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), EnforceError> {
    let neighbour = beside(path, "new");
    // A crash may have left one behind.
    if let Err(error) = std::fs::remove_file(&neighbour)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(fault("write", path, &error));
    }
    let written = write_neighbour(path, &neighbour, text)
        .and_then(|()| std::fs::rename(&neighbour, path))
        .and_then(|()| sync_folder(path));
    written.map_err(|error| {
        // What could not be finished must not lie around; if this fails too, the next write mends it.
        std::fs::remove_file(&neighbour).ok();
        fault("write", path, &error)
    })
}

fn write_neighbour(path: &Path, neighbour: &Path, text: &str) -> std::io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(NEW_FILE_MODE).open(neighbour)?;
    file.write_all(text.as_bytes())?;
    match std::fs::metadata(path) {
        Ok(before) => {
            file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
            let ours = file.metadata()?;
            if (ours.uid(), ours.gid()) != (before.uid(), before.gid()) {
                // Only root may give a file away; without that the mode alone is kept.
                std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid())).ok();
            }
        }
        // The umask may have taken bits away that the server needs.
        Err(_) => file.set_permissions(Permissions::from_mode(NEW_FILE_MODE))?,
    }
    file.sync_all()
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

fn fault(verb: &str, path: &Path, error: &std::io::Error) -> EnforceError {
    let shown = path.display();
    let hint = match error.kind() {
        ErrorKind::NotFound => {
            format!("\nhint: mkdir -p {}", path.parent().unwrap_or(Path::new("/")).display())
        }
        ErrorKind::PermissionDenied => {
            "\nhint: the folder must be one that riposte may write in".to_owned()
        }
        _ => String::new(),
    };
    EnforceError::Down(format!("failed to {verb} `{shown}`: {error}{hint}"))
}
