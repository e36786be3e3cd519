//! Notices that rules or the config were changed on disk.
//!
//! Folders are watched, not files: editors save by renaming a new file over the old one.

use crate::config::Config;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A running watch; dropping it ends it.
pub struct RuleWatch {
    _watcher: RecommendedWatcher,
}

impl RuleWatch {
    /// Calls `changed` whenever the config, or a file in a folder of rules, was written, made,
    /// renamed or removed. It may be called several times for one save.
    pub fn start(
        config_path: &Path,
        config: &Config,
        changed: Arc<dyn Fn() + Send + Sync>,
    ) -> notify::Result<Self> {
        let name = config_path.file_name().map(std::ffi::OsStr::to_owned);
        let of_interest = move |path: &PathBuf| {
            path.extension().is_some_and(|end| end == "rhai")
                || (path.file_name().is_some()
                    && path.file_name().map(std::ffi::OsStr::to_owned) == name)
        };
        let mut kernel = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            let counts = !matches!(event.kind, EventKind::Access(_));
            if counts && event.paths.iter().any(&of_interest) {
                changed();
            }
        })?;
        let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
        folders.extend(folder_of(config_path));
        for path in &config.rules.paths {
            if path.is_dir() {
                folders.insert(path.clone());
            } else {
                folders.extend(folder_of(path));
            }
        }
        for folder in folders {
            if let Err(error) = kernel.watch(&folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "changes here are not noticed");
            }
        }
        Ok(Self { _watcher: kernel })
    }
}

fn folder_of(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}
