//! The versions of feeds that were good, on disk: what counts while a feed can't be had, and what a
//! restart evaluates again with.
//!
//! In the state folder, a folder a feed, a file a version: private, checksummed, readable by people
//! (a prefix a line). A version is removed when no checkpoint needs it any more.

use super::read::{Layout, read};
use super::set::{Feeds, Listed};
use crate::clock::Timestamp;
use crate::enrich::Prefixes;
use crate::event::net::display_net;
use crate::limits;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a copy begins; the checksum of all that follows its line stands behind it.
const HEAD: &str = "# riposte feed 1 sha256=";

/// The file that holds what is known of a feed beside its entries.
const ABOUT: &str = "about.json";

/// What is known of a feed beside its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// What was asked for: of anything else nothing here says anything.
    pub place: String,
    /// The version that it is about.
    pub version: u64,
    /// What the server calls this version.
    pub etag: Option<String>,
    /// When the server changed it.
    pub modified: Option<String>,
    /// When it was last seen to be this version.
    pub checked: Option<Timestamp>,
}

/// The copies of all feeds of a state folder.
#[derive(Debug, Clone)]
pub struct Copies {
    dir: PathBuf,
}

impl Copies {
    /// Those of a state folder; nothing is made yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("feeds") }
    }

    /// Keeps a version; it is on disk when this returns.
    pub fn save(&self, feed: &str, listed: &Listed) -> io::Result<()> {
        let mut body = String::with_capacity(listed.prefixes.len() * 20);
        for net in listed.prefixes.iter() {
            body.push_str(&display_net(&net));
            body.push('\n');
        }
        let text = format!("{HEAD}{}\n{body}", checksum(body.as_bytes()));
        self.write(feed, &file_name(listed.version), text.as_bytes())
    }

    /// A version, as it was saved; the error says what is wrong with it.
    pub fn load(&self, feed: &str, version: u64) -> Result<Listed, String> {
        let path = self.dir.join(feed).join(file_name(version));
        let failed = |why: &dyn std::fmt::Display| {
            format!("failed to read the copy `{}`: {why}", path.display())
        };
        let mut text = Vec::new();
        let most = limits::FEED_BYTES_MAX as u64 * 2;
        File::open(&path)
            .and_then(|file| file.take(most).read_to_end(&mut text))
            .map_err(|error| failed(&error))?;
        let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
        let (head, body) = text.split_at_checked(end + 1).unwrap_or((&text, &[]));
        let wanted = format!("{HEAD}{}\n", checksum(body));
        if head != wanted.as_bytes() {
            return Err(failed(&"its checksum is wrong"));
        }
        let reading = read(body, &Layout::List).map_err(|error| failed(&error))?;
        Ok(Listed { version, prefixes: Arc::new(Prefixes::new(reading.prefixes)) })
    }

    /// The newest version that is good; those that are not are told in `complaints`.
    pub fn newest(&self, feed: &str, complaints: &mut Vec<String>) -> Option<Listed> {
        let mut versions = self.versions(feed);
        versions.sort_unstable();
        versions.into_iter().rev().find_map(|version| match self.load(feed, version) {
            Ok(listed) => Some(listed),
            Err(complaint) => {
                complaints.push(complaint);
                None
            }
        })
    }

    /// The newest good version that is newer than `now`.
    pub fn newer(
        &self,
        feed: &str,
        now: Option<&Listed>,
        complaints: &mut Vec<String>,
    ) -> Option<Listed> {
        let newest = self.versions(feed).into_iter().max()?;
        let known = now.map_or(0, |now| now.version);
        (newest > known)
            .then(|| self.newest(feed, complaints))?
            .filter(|found| found.version > known)
    }

    /// The newest good version of each of these feeds.
    pub fn at_hand<'f>(
        &self,
        feeds: impl Iterator<Item = &'f str>,
        complaints: &mut Vec<String>,
    ) -> Feeds {
        feeds.fold(Feeds::default(), |all, feed| {
            let listed = self.newest(feed, complaints);
            if listed.is_some() { all.with(feed, listed) } else { all }
        })
    }

    /// What is known of a feed; nothing where that can't be read.
    pub fn about(&self, feed: &str) -> About {
        let text = fs::read(self.dir.join(feed).join(ABOUT)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Keeps what is known of a feed.
    pub fn set_about(&self, feed: &str, about: &About) -> io::Result<()> {
        let text = serde_json::to_vec(about)?;
        self.write(feed, ABOUT, &text)
    }

    /// Removes versions that are older than these.
    pub fn forget_before(&self, versions: &BTreeMap<String, u64>) {
        for (feed, version) in versions {
            for old in self.versions(feed).into_iter().filter(|old| old < version) {
                let path = self.dir.join(feed).join(file_name(old));
                if let Err(error) = fs::remove_file(&path)
                    && error.kind() != ErrorKind::NotFound
                {
                    tracing::warn!(path = %path.display(), %error, "an old copy of a feed stays");
                }
            }
        }
    }

    fn versions(&self, feed: &str) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(self.dir.join(feed)) else { return Vec::new() };
        let version =
            |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".list")?.parse().ok();
        entries.flatten().filter_map(version).collect()
    }

    /// A file beside the old one, then in its place: a crash leaves one of the two whole.
    fn write(&self, feed: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let dir = self.dir.join(feed);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let (path, beside) = (dir.join(name), dir.join(format!(".{name}.new")));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(&dir)?.sync_all()
    }
}

fn file_name(version: u64) -> String {
    format!("{version}.list")
}

fn checksum(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String can't fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::net::parse_net;
    use std::os::unix::fs::PermissionsExt;

    fn listed(version: u64, nets: &[&str]) -> Listed {
        let prefixes = nets.iter().map(|net| parse_net(net).unwrap());
        Listed { version, prefixes: Arc::new(Prefixes::new(prefixes)) }
    }

    #[test]
    fn what_was_kept_comes_back_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let copies = Copies::new(dir.path());
        for (version, nets) in [(7, &["192.0.2.0/24", "2001:db8::1"][..]), (9, &["192.0.2.9"])] {
            copies.save("f", &listed(version, nets)).unwrap();
        }
        assert_eq!(
            copies.load("f", 7).unwrap().prefixes,
            listed(7, &["192.0.2.0/24", "2001:db8::1"]).prefixes
        );
        assert_eq!(copies.newest("f", &mut Vec::new()).unwrap().version, 9);
        for (path, mode) in [("feeds/f", 0o700), ("feeds/f/9.list", 0o600)] {
            let meta = fs::metadata(dir.path().join(path)).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, mode, "{path}");
        }
        copies.forget_before(&BTreeMap::from([("f".to_owned(), 9)]));
        assert!(copies.load("f", 7).is_err() && copies.load("f", 9).is_ok());
        let about = About { etag: Some("\"x\"".into()), ..About::default() };
        copies.set_about("f", &about).unwrap();
        assert_eq!((copies.about("f"), copies.about("g")), (about, About::default()));
    }

    #[test]
    fn a_copy_that_was_changed_or_cut_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let copies = Copies::new(dir.path());
        copies.save("f", &listed(1, &["192.0.2.1"])).unwrap();
        copies.save("f", &listed(2, &["192.0.2.1", "203.0.113.0/24"])).unwrap();
        let path = dir.path().join("feeds/f/2.list");
        let whole = fs::read_to_string(&path).unwrap();
        for text in [
            whole.replace("/24", "/8"),
            whole.replace("203.0.113.0/24\n", ""),
            String::new(),
            "x".into(),
        ] {
            fs::write(&path, text).unwrap();
            let mut complaints = Vec::new();
            assert_eq!(copies.newest("f", &mut complaints).unwrap().version, 1);
            assert!(complaints[0].contains("2.list`: its checksum is wrong"), "{complaints:?}");
        }
    }
}
