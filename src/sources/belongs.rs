//! Whether a path is one of a source's files: one that its patterns name, or a rotated form of one.
//!
//! In: a path as somebody wrote it, and the source's patterns. Out: yes or no. Used where a file is
//! read on its own (a replay) and shall be read as the source would read it.

use super::files::FilesConfig;
use super::locate::{folder_of, name_of};
use super::rotation;
use glob::{MatchOptions, Pattern};
use std::path::{Path, PathBuf};

/// As `glob::glob` matches: a `*` stays within its folder.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

impl FilesConfig {
    /// Whether the path is one of the files that `paths` and `rotated` name, under its live name or
    /// a rotated one (`access.log.1`, `access.log-20261126.gz`). Relative paths count from the
    /// current folder; links are followed.
    pub fn covers(&self, path: &Path) -> bool {
        let ways = ways_to(path);
        let live = patterns(&self.paths);
        let rotated = patterns(&self.rotated);
        ways.iter().any(|way| {
            let named = |patterns: &[Pattern], path: &Path| {
                patterns.iter().any(|pattern| pattern.matches_path_with(path, OPTIONS))
            };
            named(&live, way)
                || named(&rotated, way)
                || live_forms(way).iter().any(|form| named(&live, form))
        })
    }
}

/// The path from the root, as it was written and as it is without links.
fn ways_to(path: &Path) -> Vec<PathBuf> {
    let mut ways: Vec<PathBuf> = std::path::absolute(path).into_iter().collect();
    if let Ok(real) = std::fs::canonicalize(path)
        && !ways.contains(&real)
    {
        ways.push(real);
    }
    ways
}

/// The patterns from the root; one without wildcards also as it is without links.
fn patterns(written: &[String]) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for text in written {
        let Ok(absolute) = std::path::absolute(text) else { continue };
        patterns.extend(absolute.to_str().and_then(|text| Pattern::new(text).ok()));
        // The file itself may be gone while its rotated forms are there: its folder decides.
        let folder = folder_of(Path::new(text)).and_then(|folder| folder.canonicalize().ok());
        let whole = std::fs::canonicalize(text).ok();
        let beside = folder.zip(name_of(Path::new(text))).map(|(folder, name)| folder.join(name));
        for real in whole.into_iter().chain(beside) {
            let escaped = real.to_str().map(Pattern::escape);
            patterns.extend(escaped.and_then(|text| Pattern::new(&text).ok()));
        }
    }
    patterns
}

/// The paths of the logs that this file may be a rotated form of.
fn live_forms(path: &Path) -> Vec<PathBuf> {
    let names = name_of(path).map(rotation::live_names).unwrap_or_default();
    names.into_iter().map(|name| path.with_file_name(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(paths: &[&str], rotated: &[&str], path: &str) -> bool {
        let mut config = FilesConfig::new(paths.iter().copied());
        config.rotated = rotated.iter().map(|text| (*text).to_owned()).collect();
        config.covers(Path::new(path))
    }

    #[test]
    fn a_file_is_covered_under_its_live_and_its_rotated_names() {
        let paths = ["/logs/web/*.access.log", "/logs/deep/**/a.log", "/logs/shop.log"];
        for path in [
            "/logs/web/shop.access.log",
            "/logs/web/shop.access.log.1",
            "/logs/web/shop.access.log.12.gz",
            "/logs/web/shop.access.log-20261126.zst",
            "/logs/web/shop.access-20261126.log",
            "/logs/deep/x/y/a.log.1",
            "/logs/shop.log.gz",
        ] {
            assert!(covered(&paths, &[], path), "{path}");
        }
        for path in ["/logs/web/x/shop.access.log", "/logs/web/shop.error.log", "/logs/shop2.log"] {
            assert!(!covered(&paths, &[], path), "{path}");
        }
        assert!(covered(&["/logs/a.log"], &["/old/a.log-*"], "/old/a.log-20261126.gz"));
        assert!(!covered(&["/logs/a.log"], &[], "/old/a.log-20261126.gz"));
    }

    #[test]
    fn links_lead_to_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::fs::write(dir.path().join("real/a.log.1"), "").unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
        let of = |name: &str| dir.path().join(name).display().to_string();
        // The log itself is gone; what it was rotated to is there.
        assert!(covered(&[&of("link/a.log")], &[], &of("real/a.log.1")));
        assert!(covered(&[&of("real/a.log")], &[], &of("link/a.log.1")));
        assert!(covered(&[&of("real/*.log")], &[], &of("link/a.log.1")));
        assert!(!covered(&[&of("real/b.log")], &[], &of("link/a.log.1")));
    }
}
