//! What rotation does to names, as a pure matter: which names are rotated forms of a log's name,
//! and which of them is older.
//!
//! Known forms: `access.log.1`, `access.log.2.gz`, `access.log-20261124`, `access.log-2026-11-24`,
//! `access.log-20261124-1790000000.gz` (dateext with an hour or seconds), `access.log.20261124`,
//! and with the rotation before the extension `access-20261124.log`, `access.1.log`.

use super::identity::Place;
use std::path::PathBuf;

/// What a rotated name says about its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// The digits of the rotation, as written, with their separators.
    digits: String,
    /// The name ends as a compressed file's.
    pub compressed: bool,
}

impl Form {
    /// A rotation's number counts upwards with age; `None` for a date.
    fn number(&self) -> Option<u32> {
        let short = self.digits.len() <= 5;
        if short { self.digits.parse().ok() } else { None }
    }
}

/// Takes `name` as a rotated form of `live`, both without folders.
pub(super) fn form(live: &str, name: &str) -> Option<Form> {
    let (plain, compressed) = strip_compression(name);
    let middle = if let Some(rest) = plain.strip_prefix(live) {
        rest
    } else {
        let (stem, extension) = live.rsplit_once('.')?;
        plain.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?
    };
    let digits = middle.strip_prefix(['.', '-', '_'])?;
    let dated = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | ':' | 'T'));
    dated.then(|| Form { digits: digits.to_owned(), compressed })
}

/// The name without the ending of a compressed file, and whether it had one.
fn strip_compression(name: &str) -> (&str, bool) {
    for ending in [".gz", ".bz2", ".xz", ".zst", ".Z"] {
        if let Some(plain) = name.strip_suffix(ending) {
            return (plain, true);
        }
    }
    (name, false)
}

/// Whether the name is that of a compressed file.
pub(super) fn is_compressed(name: &str) -> bool {
    strip_compression(name).1
}

/// The live names that `name` may be a rotated or compressed form of, without folders.
pub(super) fn live_names(name: &str) -> Vec<String> {
    let (plain, compressed) = strip_compression(name);
    let mut names = Vec::new();
    if compressed {
        names.push(plain.to_owned());
    }
    let extension = plain.rsplit_once('.').map(|(_, extension)| extension);
    for (at, _) in plain.match_indices(['.', '-', '_']) {
        let Some(stem) = plain.get(..at) else { continue };
        let with_extension = extension.map(|extension| format!("{stem}.{extension}"));
        let candidates = [Some(stem.to_owned()), with_extension].into_iter().flatten();
        names.extend(candidates.filter(|live| form(live, name).is_some()));
    }
    names
}

/// A rotated file beside (or away from) its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rotated {
    pub path: PathBuf,
    pub form: Form,
    pub place: Place,
    /// Last modification, in nanoseconds since the epoch.
    pub modified: i128,
}

/// Sorts rotated files, the oldest first, and drops a compressed file whose plain form is still
/// there (its compression has not ended).
///
/// Names decide where all are numbered or all are dated; else the time of the last modification.
pub(super) fn oldest_first(mut files: Vec<Rotated>) -> Vec<Rotated> {
    let numbered = files.iter().all(|file| file.form.number().is_some());
    let dated = files.iter().all(|file| file.form.number().is_none());
    files.sort_by(|a, b| {
        let by_name = if numbered {
            b.form.number().cmp(&a.form.number())
        } else if dated {
            a.form.digits.cmp(&b.form.digits)
        } else {
            a.modified.cmp(&b.modified)
        };
        by_name
            .then_with(|| a.form.compressed.cmp(&b.form.compressed))
            .then_with(|| a.path.cmp(&b.path))
    });
    files.dedup_by(|later, kept| {
        later.form.digits == kept.form.digits && later.form.compressed && !kept.form.compressed
    });
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_known_and_others_are_not() {
        for name in [
            "access.log.1",
            "access.log.12.gz",
            "access.log-20261124",
            "access.log-2026-11-24",
            "access.log-20261124-1790000000.gz",
            "access.log.20261124",
            "access-20261124.log",
            "access.1.log",
            "access-20261124.log.gz",
        ] {
            assert!(form("access.log", name).is_some(), "{name}");
        }
        for name in ["access.log", "access2.log", "access.log.bak", "access.log.gz", "access-x.log"]
        {
            assert!(form("access.log", name).is_none(), "{name}");
        }
        assert!(form("messages", "messages-20261124").is_some());
        assert!(live_names("access-20261124.log.gz").contains(&"access.log".to_owned()));
        assert!(live_names("a.access.log.1").contains(&"a.access.log".to_owned()));
        assert!(live_names("access.log").is_empty());
    }

    #[test]
    fn the_oldest_comes_first() {
        let sorted = |names: &[(&str, i128)]| -> Vec<String> {
            let files = names
                .iter()
                .map(|(name, modified)| Rotated {
                    path: PathBuf::from(name),
                    form: form("a.log", name).unwrap(),
                    place: Place { device: 0, inode: 0 },
                    modified: *modified,
                })
                .collect();
            let sorted = oldest_first(files);
            sorted.iter().map(|file| file.path.display().to_string()).collect()
        };
        assert_eq!(
            sorted(&[("a.log.1", 0), ("a.log.10.gz", 0), ("a.log.2.gz", 0), ("a.log.2", 0)]),
            ["a.log.10.gz", "a.log.2", "a.log.1"]
        );
        assert_eq!(
            sorted(&[("a.log-20261124", 0), ("a.log-20261123.gz", 9)]),
            ["a.log-20261123.gz", "a.log-20261124"]
        );
        assert_eq!(sorted(&[("a.log-20261124", 8), ("a.log.1", 7)]), ["a.log.1", "a.log-20261124"]);
    }
}
