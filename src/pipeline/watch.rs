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
                || path.file_name().is_some_and(|name| name == "plugin.toml")
                || (path.file_name().is_some()
                    && path.file_name().map(std::ffi::OsStr::to_owned) == name)
        };
        let mut kernel = watcher(of_interest, changed)?;
        let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
        folders.extend(folder_of(config_path));
        for path in &config.rules.paths {
            if path.is_dir() {
                folders.insert(path.clone());
            } else {
                folders.extend(folder_of(path));
            }
        }
        // A module of a plugin is text of rules too. A folder that comes later is seen at the next
        // change of the config, which has to name its plugin anyway.
        let used = config.plugins.iter().filter(|(_, plugin)| plugin.enabled);
        let plugins = used.map(|(name, _)| config.plugins_dir.join(name));
        folders.extend(plugins.filter(|folder| folder.is_dir()));
        for folder in folders {
            if let Err(error) = kernel.watch(&folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "changes here are not noticed");
            }
        }
        Ok(Self { _watcher: kernel })
    }
}

/// Calls `changed` whenever something of interest was written, made, renamed or removed.
fn watcher(
    of_interest: impl Fn(&PathBuf) -> bool + Send + 'static,
    changed: Arc<dyn Fn() + Send + Sync>,
) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        let counts = !matches!(event.kind, EventKind::Access(_));
        if counts && event.paths.iter().any(&of_interest) {
            changed();
        }
    })
}

fn folder_of(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

/// A running watch of what tests of rules read; dropping it ends it.
pub struct TestWatch {
    _watcher: RecommendedWatcher,
}

impl TestWatch {
    /// Calls `changed` whenever the config, a rule file, a test file or a fixture was written,
    /// made, renamed or removed; folders are watched with all that lies in them. What editors and
    /// version control keep for themselves counts for nothing.
    pub fn start(
        config_path: &Path,
        paths: &[PathBuf],
        changed: Arc<dyn Fn() + Send + Sync>,
    ) -> notify::Result<Self> {
        let config = config_path.file_name().map(std::ffi::OsStr::to_owned);
        let config_folder = folder_of(config_path);
        let roots: Vec<PathBuf> = paths
            .iter()
            .filter_map(|path| if path.is_dir() { Some(path.clone()) } else { folder_of(path) })
            .collect();
        let roots: Vec<PathBuf> =
            roots.into_iter().filter_map(|root| root.canonicalize().ok()).collect();
        let below = roots.clone();
        let of_interest = move |path: &PathBuf| {
            let inside = below.iter().find_map(|root| path.strip_prefix(root).ok());
            match inside {
                Some(inside) => !inside.components().any(|part| is_private(part.as_os_str())),
                None => path.file_name().map(std::ffi::OsStr::to_owned) == config,
            }
        };
        let mut kernel = watcher(of_interest, changed)?;
        for root in &roots {
            kernel.watch(root, RecursiveMode::Recursive)?;
        }
        let config_folder = config_folder.and_then(|folder| folder.canonicalize().ok());
        if let Some(folder) = config_folder.filter(|folder| !roots.contains(folder)) {
            kernel.watch(&folder, RecursiveMode::NonRecursive)?;
        }
        Ok(Self { _watcher: kernel })
    }
}

/// Hidden files, and what editors leave beside the file that they write.
fn is_private(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || name.starts_with('#') || name.ends_with('~') || name == "4913"
}
