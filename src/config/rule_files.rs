//! The rule files that a config names, read: shipped ones, folders, single files.

use super::RulesConfig;
use super::load::{Fault, writable_by_others};
use super::pack::PACK;
use crate::rules::RuleFile;
use std::path::{Path, PathBuf};

/// Rule files with what could not be read.
#[derive(Debug, Default)]
pub struct RuleFiles {
    /// The files, shipped ones first, each folder in the order of names.
    pub files: Vec<RuleFile>,
    /// Files that hold tests alone (`*.test.rhai`): for `test` and `check`, never for a daemon.
    pub tests: Vec<RuleFile>,
    /// Files and folders that could not be used, and why; the others are.
    pub faults: Vec<Fault>,
    /// The paths of these files and folders.
    pub unusable: Vec<PathBuf>,
}

/// Reads the rule files of a config.
pub fn read_rules(config: &RulesConfig) -> RuleFiles {
    let mut read = read_rules_from(&config.paths);
    if config.pack {
        let own: Vec<String> = read.files.iter().map(|file| file_name(&file.path)).collect();
        let shipped = PACK.iter().filter(|(name, _)| !own.iter().any(|file| file == name)).map(
            |(name, text)| RuleFile { path: format!("rules/{name}"), text: (*text).to_owned() },
        );
        let mut files: Vec<RuleFile> = shipped.collect();
        files.append(&mut read.files);
        read.files = files;
    }
    read
}

/// Reads rule files and folders of them.
pub fn read_rules_from(paths: &[PathBuf]) -> RuleFiles {
    let mut read = RuleFiles::default();
    for path in paths {
        if path.is_dir() {
            read.folder(path);
        } else {
            read.file(path);
        }
    }
    read
}

impl RuleFiles {
    fn folder(&mut self, folder: &Path) {
        if let Some(fault) = writable_by_others(folder) {
            self.unusable.push(folder.to_owned());
            self.faults.push(fault);
            return;
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.fault(
                    folder,
                    format!("failed to read the folder `{}`: {error}", folder.display()),
                );
                return;
            }
        };
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "rhai"))
            .collect();
        files.sort();
        for file in files {
            self.file(&file);
        }
    }

    fn file(&mut self, path: &Path) {
        if let Some(fault) = writable_by_others(path) {
            self.unusable.push(path.to_owned());
            self.faults.push(fault);
            return;
        }
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let file = RuleFile { path: path.display().to_string(), text };
                if file.is_test() { self.tests.push(file) } else { self.files.push(file) }
            }
            Err(error) => {
                let message = format!("failed to read the rule file `{}`: {error}", path.display());
                self.fault(path, message);
            }
        }
    }

    fn fault(&mut self, path: &Path, message: String) {
        self.unusable.push(path.to_owned());
        self.faults.push(Fault::whole(message, ""));
    }
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
