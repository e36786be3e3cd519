//! Where the page goes: a file that its owner alone can read, whole or not at all, and in the place
//! of nothing but an older page.

use super::super::super::Usage;
use super::MARK;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// So much of a file is looked at to tell whether it is a page of ours.
const HEAD_BYTES: u64 = 512;

/// Whether a page may be written there, as far as what is there says.
fn may_write(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let refuse = |what: &str, hint: &str| {
        Err(Usage::of(format!("`{shown}` {what}, so no page is written there\nhint: {hint}")))
    };
    let name = "name a file that isn't there yet";
    if path.file_name().is_none() {
        return refuse("is no file's name", name);
    }
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = folder(path);
            if folder.is_dir() {
                return Ok(());
            }
            refuse("is in no folder that is there", &format!("mkdir -p {}", folder.display()))
        }
        Err(error) => Err(Usage::of(format!("failed to look at `{shown}`: {error}"))),
        Ok(facts) if facts.is_dir() => refuse("is a folder", &format!("{shown}/report.html")),
        Ok(facts) if !facts.is_file() => refuse("is no regular file", name),
        // A log given as the page's name by mistake must not be lost.
        Ok(facts) if facts.len() > 0 && !is_ours(path)? => {
            refuse("is there and is no report of ours", name)
        }
        Ok(_) => Ok(()),
    }
}

/// Whether a page can be written there, found out before the logs are read; what is there stays.
pub(in crate::cli::report) fn can_write(path: &Path) -> anyhow::Result<()> {
    may_write(path)?;
    let neighbour = neighbour(path);
    let tried = write_new(&neighbour, "").and_then(|()| std::fs::remove_file(&neighbour));
    tried.map_err(|error| failed(path, &error))
}

/// Whether the file is a page that was written here.
fn is_ours(path: &Path) -> anyhow::Result<bool> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head))
        .map_err(|error| Usage::of(format!("failed to read `{}`: {error}", path.display())))?;
    let mark = format!("<meta name=\"generator\" content=\"{MARK}\">");
    Ok(String::from_utf8_lossy(&head).contains(&mark))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes the page by way of a neighbour: a reader sees the old one or the new one.
pub(in crate::cli::report) fn write(path: &Path, page: &str) -> anyhow::Result<()> {
    may_write(path)?;
    let neighbour = neighbour(path);
    let written = write_new(&neighbour, page).and_then(|()| std::fs::rename(&neighbour, path));
    written.map_err(|error| {
        if error.kind() != ErrorKind::AlreadyExists {
            // What could not be finished must not lie around.
            std::fs::remove_file(&neighbour).ok();
        }
        failed(path, &error)
    })
}

fn failed(path: &Path, error: &std::io::Error) -> anyhow::Error {
    Usage::of(format!("failed to write `{}`: {error}", path.display()))
}

/// A hidden name beside the page; two runs at the same time have two.
fn neighbour(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn write_new(path: &Path, page: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(page.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    fn page(words: &str) -> String {
        format!("<!DOCTYPE html><meta name=\"generator\" content=\"{MARK}\">{words}")
    }

    #[test]
    fn a_page_takes_the_place_of_a_page_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.html");
        write(&path, &page("one")).unwrap();
        write(&path, &page("two")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), page("two"));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

        let log = dir.path().join("access.log");
        std::fs::write(&log, "203.0.113.9 - - a line\n").unwrap();
        let link = dir.path().join("link.html");
        symlink(&log, &link).unwrap();
        let refused = [
            (log.as_path(), "is there and is no report of ours"),
            (dir.path(), "is a folder"),
            (link.as_path(), "is no regular file"),
            (Path::new("/dev/null"), "is no regular file"),
            (&dir.path().join("none/report.html"), "is in no folder that is there"),
            (Path::new("/"), "is no file's name"),
        ];
        for (path, why) in refused {
            let said = write(path, &page("")).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "203.0.113.9 - - a line\n");
    }
}
