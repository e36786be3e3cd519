//! Keeps the last good version of each rule file, so that one bad file takes down nothing, not even
//! its own rules.
//!
//! In: the rule files as they are now, and the versions that were good, from the store. Out: the
//! rules to put in force, what was found, and of which files the old version counts.

use super::{meta, rule_set};
use crate::config::pack::PACK;
use crate::config::{Config, RuleFiles, read_plugins, read_rules};
use crate::decisions::Mode;
use crate::rules::{Finding, ModuleFile, RuleFile, RuleSet, Severity};
use crate::store::{Reader, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rule files by path, with their texts.
pub type Texts = BTreeMap<String, String>;

/// Rules with what is to be told of them.
pub struct Kept {
    /// What is to be in force.
    pub set: RuleSet,
    /// What was found in the files as they are now.
    pub findings: Vec<Finding>,
    /// Files and folders that can't be read, in words.
    pub unreadable: Vec<String>,
    /// Files of which the last good version counts.
    pub old_versions: Vec<String>,
    /// Files that contribute nothing.
    pub broken: BTreeSet<String>,
    /// The user's files that are good, as they were loaded.
    good: Texts,
}

impl Kept {
    /// Whether rules that are in force now would be lost, though their file is still there.
    pub fn loses(&self, now: &RuleSet) -> bool {
        let lost = |file: &str| self.broken.contains(file);
        now.rules().iter().any(|rule| lost(&rule.file)) || lost(NO_FILE)
    }
}

/// The name under which a fault of the load itself is told.
const NO_FILE: &str = "rules";

/// Loads the rules of a config; a file that is bad counts as it was when it was good last.
pub fn load(config: &Config, store: &Store, seed: u64) -> Result<Kept, StoreError> {
    let modes = store.read().rule_modes()?;
    let modes = modes.into_iter().map(|row| (row.rule.to_string(), row.mode)).collect();
    Ok(load_with(config, &modes, seed, &meta::good_rules(store.read())?))
}

/// The rules as a daemon that uses this store has them in force now, for looking only.
pub fn as_in_force(
    config: &Config,
    store: &Reader,
    modes: &BTreeMap<String, Mode>,
) -> Result<Kept, StoreError> {
    Ok(load_with(config, modes, 0, &meta::good_rules(store)?))
}

/// Remembers the good files. Where the store can't, the next start knows older ones.
pub fn keep(store: &Store, kept: &Kept) {
    let known = meta::good_rules(store.read()).unwrap_or_default();
    if known != kept.good
        && let Err(error) = meta::set_good_rules(store, &kept.good)
    {
        tracing::warn!(%error, "the good rule files are not remembered");
    }
}

/// All texts that rules come from.
struct Sources {
    files: Vec<RuleFile>,
    /// Plugins that are modules.
    modules: Vec<ModuleFile>,
    /// What can't be used, in words.
    unreadable: Vec<String>,
}

impl Sources {
    /// Reads them; of what can't be read, the last good version is taken and told in `old`.
    fn read(config: &Config, good: &Texts, old: &mut BTreeSet<String>) -> Self {
        let RuleFiles { mut files, faults, unusable, .. } = read_rules(&config.rules);
        let mut plugins = read_plugins(config);
        for (path, text) in good {
            let lies_in = |folders: &[PathBuf]| {
                folders.iter().any(|folder| Path::new(path).starts_with(folder))
            };
            if lies_in(&unusable) && !files.iter().any(|file| file.path == *path) {
                old.insert(path.clone());
                files.push(RuleFile { path: path.clone(), text: text.clone() });
            }
            let name = Path::new(path).parent().and_then(Path::file_name);
            if lies_in(&plugins.unusable)
                && let Some(name) = name.map(|name| name.to_string_lossy().into_owned())
                && config.plugins.get(&name).is_some_and(|plugin| plugin.enabled)
                && !plugins.modules.iter().any(|module| module.path == *path)
            {
                old.insert(path.clone());
                let module = ModuleFile { name, path: path.clone(), text: text.clone() };
                plugins.modules.push(module);
            }
        }
        let words = faults.iter().chain(&plugins.faults).map(|fault| fault.message.clone());
        Self { files, modules: plugins.modules, unreadable: words.collect() }
    }

    /// Puts the last good version of what is broken in its place; whether anything changed. What
    /// breaks only because of a module's new version is mended by putting the modules back.
    fn put_back(
        &mut self,
        broken: &BTreeSet<String>,
        good: &Texts,
        old: &mut BTreeSet<String>,
    ) -> bool {
        let mut back = |path: &String, text: &mut String| {
            let Some(before) = good.get(path).filter(|before| *before != text) else {
                return false;
            };
            text.clone_from(before);
            old.insert(path.clone())
        };
        let mut changed = false;
        for file in self.files.iter_mut().filter(|file| broken.contains(&file.path)) {
            changed |= back(&file.path, &mut file.text);
        }
        for module in self.modules.iter_mut().filter(|module| broken.contains(&module.path)) {
            changed |= back(&module.path, &mut module.text);
        }
        let others = self.files.iter().any(|file| broken.contains(&file.path));
        if !changed && others {
            for module in &mut self.modules {
                changed |= back(&module.path, &mut module.text);
            }
        }
        changed
    }
}

fn load_with(config: &Config, modes: &BTreeMap<String, Mode>, seed: u64, good: &Texts) -> Kept {
    let mut old_versions = BTreeSet::new();
    let mut sources = Sources::read(config, good, &mut old_versions);
    let load = |sources: &Sources| {
        rule_set::load_to_run(config, &sources.files, &sources.modules, modes, seed)
    };
    let mut loaded = load(&sources);
    let mut broken = broken_files(&loaded.findings);
    let mut findings = None;
    // An old version may clash with the others' new ones; then theirs go back too. Each round puts
    // at least one file back.
    while sources.put_back(&broken, good, &mut old_versions) {
        let again = load(&sources);
        broken = broken_files(&again.findings);
        let first = std::mem::replace(&mut loaded, again);
        findings.get_or_insert(first.findings);
    }
    old_versions.retain(|path| !broken.contains(path));
    let mut now_good = Texts::new();
    let own = sources.files.into_iter().filter(|file| !is_shipped(file));
    let own = own.map(|file| (file.path, file.text));
    for (path, text) in own.chain(sources.modules.into_iter().map(|one| (one.path, one.text))) {
        if !broken.contains(&path) {
            now_good.insert(path, text);
        } else if let Some(text) = good.get(&path) {
            now_good.insert(path, text.clone());
        }
    }
    Kept {
        set: loaded.set,
        findings: findings.unwrap_or(loaded.findings),
        unreadable: sources.unreadable,
        old_versions: old_versions.into_iter().collect(),
        broken,
        good: now_good,
    }
}

fn broken_files(findings: &[Finding]) -> BTreeSet<String> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.file.to_string()).collect()
}

/// Shipped files are in the program already.
fn is_shipped(file: &RuleFile) -> bool {
    PACK.iter().any(|(name, text)| file.path == format!("rules/{name}") && file.text == *text)
}
