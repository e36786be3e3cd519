//! Learns from the kernel that folders have changed, and where it can't say.
//!
//! In: the folders of the followed paths. Out: two flags (bytes were written; names have changed)
//! and a wake-up for the reader's thread. Nothing is delayed or gathered. What the kernel does not
//! tell (network file systems, a lost watch, too many watches) is made up for by polling, which
//! the reader does.

use super::identity::Place;
use super::supervise::{Signal, lock};
use crate::telemetry::{counter, names};
use notify::event::{AccessKind, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes were written to a file of interest.
pub(super) const DATA: u8 = 1;
/// A name of interest came, went or moved.
pub(super) const NAMES: u8 = 2;
/// The kernel dropped events.
pub(super) const OVERFLOW: u8 = 4;

/// What the watcher's thread and the reader share.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    flags: AtomicU8,
    /// Beginnings of file names that matter; empty: all do.
    stems: Mutex<BTreeSet<String>>,
}

impl Noticed {
    /// Takes what was noticed since the last call.
    pub(super) fn take(&self) -> u8 {
        self.flags.swap(0, Ordering::AcqRel)
    }

    /// Whether something waits to be taken.
    pub(super) fn any(&self) -> bool {
        self.flags.load(Ordering::Acquire) != 0
    }

    fn note(&self, event: &notify::Result<notify::Event>) -> bool {
        let flag = match event {
            Err(_) => OVERFLOW,
            Ok(event) if event.need_rescan() => OVERFLOW,
            Ok(event) => match event.kind {
                EventKind::Access(
                    AccessKind::Open(_) | AccessKind::Close(_) | AccessKind::Read,
                ) => {
                    return false;
                }
                EventKind::Modify(ModifyKind::Data(_)) => self.if_interesting(event, DATA),
                _ => self.if_interesting(event, NAMES),
            },
        };
        flag != 0 && {
            self.flags.fetch_or(flag, Ordering::AcqRel);
            true
        }
    }

    fn if_interesting(&self, event: &notify::Event, flag: u8) -> u8 {
        let stems = lock(&self.stems);
        let interesting = stems.is_empty()
            || event.paths.iter().any(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                stems.iter().any(|stem| name.starts_with(stem.as_str()))
            });
        if interesting { flag } else { 0 }
    }
}

/// The watches of one source.
pub(super) struct Watch {
    signal: Arc<Signal>,
    pub noticed: Arc<Noticed>,
    watcher: Option<RecommendedWatcher>,
    /// The folders watched, and which inode each was then.
    folders: BTreeMap<PathBuf, Place>,
    /// Why there is no reliable watch; the reader polls then.
    pub unreliable: Option<String>,
}

impl Watch {
    pub(super) fn new(signal: Arc<Signal>) -> Self {
        let mut watch = Self {
            signal,
            noticed: Arc::default(),
            watcher: None,
            folders: BTreeMap::new(),
            unreliable: None,
        };
        watch.start();
        watch
    }

    fn start(&mut self) {
        let (signal, noticed) = (Arc::clone(&self.signal), Arc::clone(&self.noticed));
        let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if noticed.note(&event) {
                signal.wake();
            }
        });
        match made {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.unreliable = Some(error.to_string()),
        }
    }

    /// Drops all watches and makes them anew with the next [`Watch::cover`].
    pub(super) fn rebuild(&mut self) {
        self.watcher = None;
        self.folders.clear();
        self.unreliable = None;
        self.start();
    }

    /// Sets which names matter: those that begin with one of `stems`; with none, all.
    pub(super) fn interest(&self, stems: BTreeSet<String>) {
        *lock(&self.noticed.stems) = stems;
    }

    /// Watches `wanted` folders, or the nearest one above that exists; returns those whose place
    /// was taken by another folder, so that the watch had been lost.
    pub(super) fn cover(&mut self, wanted: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let wanted: BTreeSet<PathBuf> = wanted.iter().filter_map(|path| existing(path)).collect();
        let mut lost = Vec::new();
        let known: Vec<PathBuf> = self.folders.keys().cloned().collect();
        for folder in known {
            let now = std::fs::metadata(&folder).ok().map(|data| Place::of(&data));
            let same = now.is_some() && now == self.folders.get(&folder).copied();
            if same && wanted.contains(&folder) {
                continue;
            }
            self.folders.remove(&folder);
            if let Some(watcher) = &mut self.watcher {
                // The kernel may have dropped it by itself.
                let _gone = watcher.unwatch(&folder);
            }
            if !same && now.is_some() {
                lost.push(folder);
            }
        }
        for folder in wanted {
            if !self.folders.contains_key(&folder) {
                self.add(folder);
            }
        }
        lost
    }

    fn add(&mut self, folder: PathBuf) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let Ok(metadata) = std::fs::metadata(&folder) else {
            return;
        };
        if let Some(kind) = remote(&folder) {
            self.unreliable = Some(format!("`{}` is on {kind}", folder.display()));
        }
        match watcher.watch(&folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.folders.insert(folder, Place::of(&metadata));
            }
            Err(error) => {
                counter(names::SOURCE_WATCHES_LOST).add(1);
                self.unreliable = Some(format!("`{}`: {error}", folder.display()));
            }
        }
    }
}

/// The folder itself, or the nearest one above it that exists.
fn existing(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above })
        .find(|above| above.is_dir())
        .map(Path::to_owned)
}

/// The kind of a file system on which others write without our kernel knowing.
///
/// Magic numbers: statfs(2) and linux/magic.h.
fn remote(folder: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    match u64::try_from(kind).unwrap_or(0) & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Some("SMB"),
        0x0102_1997 => Some("9p"),
        0x6573_5546 => Some("FUSE"),
        0x00c3_6400 => Some("Ceph"),
        _ => None,
    }
}
