//! Keeps the last good version of each rule file, so that one bad file takes down nothing, not even
//! its own rules.
//!
//! In: the rule files as they are now, and the versions that were good, from the store. Out: the
//! rules to put in force, what was found, and of which files the old version counts.

use super::{meta, rule_set};
use crate::config::pack::PACK;
use crate::config::{Config, read_rules};
use crate::decisions::Mode;
use crate::rules::{Finding, RuleFile, RuleSet, Severity};
use crate::store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
    broken: BTreeSet<String>,
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

/// Remembers the good files. Where the store can't, the next start knows older ones.
pub fn keep(store: &Store, kept: &Kept) {
    let known = meta::good_rules(store.read()).unwrap_or_default();
    if known != kept.good
        && let Err(error) = meta::set_good_rules(store, &kept.good)
    {
        tracing::warn!(%error, "the good rule files are not remembered");
    }
}

fn load_with(config: &Config, modes: &BTreeMap<String, Mode>, seed: u64, good: &Texts) -> Kept {
    let mut read = read_rules(&config.rules);
    let mut old_versions = BTreeSet::new();
    for (path, text) in good {
        let unusable = read.unusable.iter().any(|place| Path::new(path).starts_with(place));
        if unusable && !read.files.iter().any(|file| file.path == *path) {
            old_versions.insert(path.clone());
            read.files.push(RuleFile { path: path.clone(), text: text.clone() });
        }
    }
    let unreadable = read.faults.iter().map(|fault| fault.message.clone()).collect();
    let mut files = read.files;
    let mut loaded = rule_set::load_to_run(config, &files, modes, seed);
    let mut broken = broken_files(&loaded.findings);
    let mut findings = None;
    // An old version may clash with the others' new ones; then theirs go back too. Each round puts
    // at least one file back.
    loop {
        let mut changed = false;
        for file in files.iter_mut().filter(|file| broken.contains(&file.path)) {
            if let Some(text) = good.get(&file.path).filter(|text| **text != file.text) {
                file.text.clone_from(text);
                changed |= old_versions.insert(file.path.clone());
            }
        }
        if !changed {
            break;
        }
        let again = rule_set::load_to_run(config, &files, modes, seed);
        broken = broken_files(&again.findings);
        let first = std::mem::replace(&mut loaded, again);
        findings.get_or_insert(first.findings);
    }
    old_versions.retain(|path| !broken.contains(path));
    let mut now_good = Texts::new();
    for file in files.into_iter().filter(|file| !is_shipped(file)) {
        if !broken.contains(&file.path) {
            now_good.insert(file.path, file.text);
        } else if let Some(text) = good.get(&file.path) {
            now_good.insert(file.path, text.clone());
        }
    }
    Kept {
        set: loaded.set,
        findings: findings.unwrap_or(loaded.findings),
        unreadable,
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
