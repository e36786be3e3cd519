//! What a start or a reload found in config and rules, and what of it is not in force.

use crate::rules::Finding;

/// What a start or a reload found in the rules.
#[derive(Debug, Default)]
pub struct Found {
    /// Findings of the rule files.
    pub findings: Vec<Finding>,
    /// Files that could not be read, in words.
    pub unreadable: Vec<String>,
    /// Files of which the last good version stays in force.
    pub kept: Vec<String>,
    /// Files that are bad and have no good version: they contribute nothing.
    pub broken: Vec<String>,
    /// All rules stay as they were: the last good version of a file no longer fits the rest.
    pub all_kept: bool,
    /// Tables of the config that changed and take effect at the next start only.
    pub at_next_start: Vec<&'static str>,
}

impl Found {
    /// What the files say and is not in force, in sentences for people.
    pub(super) fn unapplied(&self) -> Vec<String> {
        if self.all_kept {
            return vec![ALL_KEPT.to_owned()];
        }
        let kept = self.kept.iter().map(|file| {
            format!("`{file}` has errors or can't be read, so its last good version counts")
        });
        let broken =
            self.broken.iter().map(|file| format!("`{file}` has errors, so it counts for nothing"));
        kept.chain(broken).collect()
    }
}

/// What is said where the last good version of a file doesn't fit the rest.
const ALL_KEPT: &str = "config and rules stay as they were: the last good version of a bad file does not fit the others";
