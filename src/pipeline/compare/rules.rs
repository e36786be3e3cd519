//! How two rule sets differ as texts: rules that came, went, or say something else.
//!
//! A rule's text runs from its `rule(…)` to the next declaration of its file, without comments and
//! without its layout. What the rest of a file says (constants, functions) concerns all its rules.

use crate::decisions::Mode;
use crate::rules::{Rule, RuleFile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its file.
    pub file: Arc<str>,
    /// The line of its `rule(…)`.
    pub line: usize,
    mode: Mode,
    key: String,
    window: String,
    params: Vec<(String, String)>,
    own: String,
    /// The text of its file outside of rules and tests.
    shared: String,
}

/// The rules of a set by name.
pub type Texts = BTreeMap<Arc<str>, RuleText>;

/// How a rule differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChange {
    /// Only the second set has it.
    Added,
    /// Only the first set has it.
    Removed,
    /// Both have it, and it differs in this, in words.
    Changed(Vec<String>),
}

impl RuleText {
    /// What the rules of a set say, given the texts of their files.
    pub fn all(rules: &[Rule], files: &[RuleFile]) -> Texts {
        let parts: BTreeMap<&str, Vec<Part>> =
            files.iter().map(|file| (file.path.as_str(), parts(&file.text))).collect();
        let none = Vec::new();
        let text = |rule: &Rule| {
            let parts = parts.get(&*rule.file).unwrap_or(&none);
            let own = parts.iter().find(|part| part.covers(rule.line));
            let shared: Vec<&str> = parts
                .iter()
                .filter(|part| part.head.is_none())
                .map(|part| part.text.as_str())
                .collect();
            Self {
                file: Arc::clone(&rule.file),
                line: rule.line,
                mode: rule.mode,
                key: rule.key.clone(),
                window: rule.window_words(),
                params: rule
                    .params
                    .iter()
                    .map(|param| (param.name.clone(), param.value.to_string()))
                    .collect(),
                own: own.map_or_else(String::new, |part| part.text.clone()),
                shared: shared.join("\n"),
            }
        };
        rules.iter().map(|rule| (Arc::clone(&rule.name), text(rule))).collect()
    }

    /// What differs, in words; nothing where they say the same.
    fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let was = |what: &str, old: &str, new: &str| format!("{what} `{old}`, now `{new}`");
        if self.window != other.window {
            found.push(was("window", &self.window, &other.window));
        }
        if self.key != other.key {
            found.push(was("key", &self.key, &other.key));
        }
        if self.mode != other.mode {
            let name = |mode| format!("{mode:?}").to_lowercase();
            found.push(was("mode", &name(self.mode), &name(other.mode)));
        }
        let old: BTreeMap<_, _> = self.params.iter().cloned().collect();
        for (name, new) in &other.params {
            let quoted = format!("\"{name}\"");
            if !other.own.contains(&quoted) && !other.shared.contains(&quoted) {
                continue;
            }
            if let Some(old) = old.get(name).filter(|old| *old != new) {
                found.push(was(&format!("parameter `{name}`"), old, new));
            }
        }
        if !found.is_empty() {
            // What the parameters and the window say is what most edits are about; the texts then
            // differ too.
            return found;
        }
        if self.own != other.own {
            found.push("its text".to_owned());
        } else if self.shared != other.shared {
            found.push("constants or functions of its file".to_owned());
        }
        found
    }
}

/// How the second set differs from the first; rules that say the same are left out.
pub fn rule_changes(before: &Texts, after: &Texts) -> BTreeMap<Arc<str>, RuleChange> {
    let mut changes = BTreeMap::new();
    for (name, rule) in before {
        match after.get(name) {
            None => {
                changes.insert(Arc::clone(name), RuleChange::Removed);
            }
            Some(other) => {
                let differences = rule.differences(other);
                if !differences.is_empty() {
                    changes.insert(Arc::clone(name), RuleChange::Changed(differences));
                }
            }
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        changes.insert(Arc::clone(name), RuleChange::Added);
    }
    changes
}

/// A part of a file.
struct Part {
    /// The line of `rule(…)` or another declaration; `None` outside of them.
    head: Option<usize>,
    /// The line after its last.
    end: usize,
    /// Its text, bare.
    text: String,
}

impl Part {
    fn covers(&self, line: usize) -> bool {
        self.head.is_some_and(|head| head <= line && line < self.end)
    }
}

/// Splits a file at the lines that begin a declaration; the end of one is a line that ends it with
/// `;` at the margin's level.
fn parts(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![Part { head: None, end: 1, text: String::new() }];
    for (number, line) in (1..).zip(text.lines()) {
        let is_test = line.starts_with("test(");
        let begins = is_test || line.starts_with("rule(") || line.starts_with("every(");
        let at_margin = !line.starts_with([' ', '\t', '}', ')']) && !line.trim().is_empty();
        let inside = parts.last().is_some_and(|part| part.head.is_some());
        if begins || (at_margin && inside && !line.starts_with("//")) {
            parts.push(Part {
                head: begins.then_some(number),
                end: number + 1,
                text: String::new(),
            });
        }
        let Some(part) = parts.last_mut() else { continue };
        part.end = number + 1;
        let bare = bare(line);
        if !bare.is_empty() {
            part.text.push_str(&bare);
            part.text.push(' ');
        }
    }
    parts
}

/// A line without its comment and with single spaces.
fn bare(line: &str) -> String {
    let line = line.trim();
    if line.starts_with("//") {
        return String::new();
    }
    let code = match line.split_once(" // ") {
        // Within a string it is no comment.
        Some((code, _)) if code.matches(['"', '`']).count() % 2 == 0 => code,
        _ => line,
    };
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}
