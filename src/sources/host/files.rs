//! Files whose content, mode and owner are watched: what has changed since the last look.
//!
//! A file is read whole only where its size, times or place have changed, and at most
//! `limits::HOST_FILE_BYTES_MAX` of it: a change behind that is seen by its time alone.

use crate::limits::HOST_FILE_BYTES_MAX;
use sha2::{Digest, Sha256};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file as it was found; nothing where there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    stamp: (u64, u64, i64, i64, u64),
    mode: u32,
    owner: u32,
    digest: [u8; 32],
    is_link: bool,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// `appeared`, `gone`, `content`, `mode`, `owner` or `link`.
    pub what: &'static str,
    pub mode: u32,
    pub owner: u32,
}

/// Looks at a file.
pub(super) fn look(path: &Path, before: Option<&Found>) -> Option<Found> {
    let is_link = fs::symlink_metadata(path).ok()?.file_type().is_symlink();
    let facts = fs::metadata(path).ok()?;
    let stamp = stamp(&facts);
    let digest = match before {
        Some(before) if before.stamp == stamp => before.digest,
        _ => digest(path, &facts),
    };
    Some(Found { stamp, mode: facts.mode() & 0o7777, owner: facts.uid(), digest, is_link })
}

fn stamp(facts: &Metadata) -> (u64, u64, i64, i64, u64) {
    let change = facts.ctime().wrapping_mul(1_000_000_000).wrapping_add(facts.ctime_nsec());
    (facts.dev(), facts.ino(), facts.mtime(), change, facts.len())
}

fn digest(path: &Path, facts: &Metadata) -> [u8; 32] {
    // A pipe would wait for a writer for ever.
    if !facts.is_file() {
        return [0; 32];
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let Ok(file) = File::open(path) else { return [0; 32] };
    let mut file = file.take(HOST_FILE_BYTES_MAX);
    while let Ok(count @ 1..) = file.read(&mut buffer) {
        hash.update(buffer.get(..count).unwrap_or_default());
    }
    hash.finalize().into()
}

/// The change from one look to the next; the weightiest where there are several.
pub(super) fn change(before: Option<&Found>, now: Option<&Found>) -> Option<Change> {
    let (what, found) = match (before, now) {
        (None, Some(now)) => ("appeared", now),
        (Some(before), None) => ("gone", before),
        (Some(before), Some(now)) if before.digest != now.digest => ("content", now),
        (Some(before), Some(now)) if before.is_link != now.is_link => ("link", now),
        (Some(before), Some(now)) if before.owner != now.owner => ("owner", now),
        (Some(before), Some(now)) if before.mode != now.mode => ("mode", now),
        (Some(before), Some(now)) if HOST_FILE_BYTES_MAX <= now.stamp.4 => {
            // What lies behind the part that is read may have changed.
            (before.stamp.2 != now.stamp.2).then_some(("content", now))?
        }
        _ => return None,
    };
    Some(Change { what, mode: found.mode, owner: found.owner })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn each_change_of_a_file_is_seen_and_a_touch_is_none() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("index.php");
        let mut before = look(&path, None);
        let mut next = |what: Option<&str>| {
            let now = look(&path, before.as_ref());
            let change = change(before.as_ref(), now.as_ref());
            assert_eq!(change.map(|change| change.what), what);
            before = now;
        };
        next(None);
        fs::write(&path, "one").unwrap();
        next(Some("appeared"));
        next(None);
        // Written again with the same words, and replaced as editors do.
        fs::write(&path, "one").unwrap();
        next(None);
        fs::write(root.path().join("new"), "two").unwrap();
        fs::rename(root.path().join("new"), &path).unwrap();
        next(Some("content"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        next(Some("mode"));
        fs::rename(&path, root.path().join("moved")).unwrap();
        symlink(root.path().join("moved"), &path).unwrap();
        next(Some("link"));
        fs::remove_file(&path).unwrap();
        next(Some("gone"));
    }
}
