//! The databases that were good, on disk: what counts while a file is broken or gone, and what a restart
//! evaluates again with.
//!
//! In the state folder, a folder a role, a file a version: private, named by version and checksum. A
//! version is removed when no checkpoint needs it any more.

use super::config::Role;
use super::database::Database;
use super::set::{Edition, Places};
use crate::limits;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The copies of a state folder.
#[derive(Debug, Clone)]
pub struct Copies {
    dir: PathBuf,
}

/// A copy by its name.
struct Copy {
    version: u64,
    checksum: String,
    path: PathBuf,
}

impl Copies {
    /// Those of a state folder; nothing is made yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("geo") }
    }

    /// Keeps a version; it is on disk when this returns: a file beside, then in its place, so that a
    /// crash leaves nothing half.
    pub fn save(&self, role: Role, edition: &Edition) -> io::Result<()> {
        let dir = self.dir.join(role.name());
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let name = format!("{}-{}.mmdb", edition.version, edition.database.checksum());
        let (path, beside) = (dir.join(&name), dir.join(".new"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(edition.database.raw())?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(&dir)?.sync_all()
    }

    /// A version, as it was saved; the error says what is wrong with it.
    pub fn load(&self, role: Role, version: u64) -> Result<Edition, String> {
        let found = self.all(role).into_iter().find(|copy| copy.version == version);
        let Some(copy) = found else {
            let dir = self.dir.join(role.name());
            return Err(format!("version {version} is not in `{}`", dir.display()));
        };
        read(&copy)
    }

    /// The newest version that is good; those that are not are told in `complaints`.
    pub fn newest(&self, role: Role, complaints: &mut Vec<String>) -> Option<Edition> {
        self.newer(role, 0, complaints)
    }

    /// The newest good version that is newer than `known`.
    pub fn newer(&self, role: Role, known: u64, complaints: &mut Vec<String>) -> Option<Edition> {
        let mut copies = self.all(role);
        copies.retain(|copy| copy.version > known);
        copies.sort_unstable_by_key(|copy| copy.version);
        copies.iter().rev().find_map(|copy| match read(copy) {
            Ok(edition) => Some(edition),
            Err(complaint) => {
                complaints.push(complaint);
                None
            }
        })
    }

    /// The newest good version of each of these roles.
    pub fn at_hand(
        &self,
        roles: impl Iterator<Item = Role>,
        complaints: &mut Vec<String>,
    ) -> Places {
        roles.fold(Places::default(), |all, role| match self.newest(role, complaints) {
            Some(edition) => all.with(role, Some(edition)),
            None => all,
        })
    }

    /// Removes versions that are older than these.
    pub fn forget_before(&self, versions: &BTreeMap<String, u64>) {
        for role in Role::ALL {
            let Some(version) = versions.get(role.name()) else { continue };
            for old in self.all(role).into_iter().filter(|old| old.version < *version) {
                if let Err(error) = fs::remove_file(&old.path)
                    && error.kind() != ErrorKind::NotFound
                {
                    tracing::warn!(path = %old.path.display(), %error, "an old copy of a database stays");
                }
            }
        }
    }

    fn all(&self, role: Role) -> Vec<Copy> {
        let Ok(entries) = fs::read_dir(self.dir.join(role.name())) else { return Vec::new() };
        let copy = |entry: fs::DirEntry| {
            let name = entry.file_name();
            let (version, checksum) = name.to_str()?.strip_suffix(".mmdb")?.split_once('-')?;
            let (version, checksum) = (version.parse().ok()?, checksum.to_owned());
            Some(Copy { version, checksum, path: entry.path() })
        };
        entries.flatten().filter_map(copy).collect()
    }
}

fn read(copy: &Copy) -> Result<Edition, String> {
    let failed =
        |why: &dyn std::fmt::Display| format!("failed to read `{}`: {why}", copy.path.display());
    let mut bytes = Vec::new();
    File::open(&copy.path)
        .and_then(|file| file.take(limits::GEO_DATABASE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| failed(&error))?;
    bytes.shrink_to_fit();
    let database = Database::new(bytes).map_err(|why| failed(&why))?;
    if database.checksum() != copy.checksum {
        return Err(failed(&"its checksum is wrong"));
    }
    Ok(Edition { version: copy.version, database: Arc::new(database) })
}
