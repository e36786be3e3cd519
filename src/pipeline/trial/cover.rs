//! What the tests of rules reach: which rules fire and stay quiet, and which parts of predicates
//! came to true and to false.
//!
//! In: the events of each test. Out: for each rule file what is reached, and what is not. A test
//! counts for the rules that it is about: what it happens to touch elsewhere, it doesn't hold.

use crate::event::{Event, Kind};
use crate::rules::{Branch, PartKind, Parts, Role, Rule, RuleSet};
use crate::windows::WindowSpec;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// What is reached of one rule.
#[derive(Clone)]
struct RuleCover {
    fired: bool,
    /// It had the chance to fire, and rightly didn't: of a rule with a window, a key that met the
    /// predicate too seldom; of one without, an event that didn't meet it.
    quiet: bool,
    /// It has no window.
    each: bool,
    /// Of each part: seen true, seen false.
    parts: Vec<(bool, bool)>,
}

/// What all tests together reach.
pub struct Coverage {
    rules: Arc<RuleSet>,
    parts: Arc<Vec<Option<Parts>>>,
    reached: Vec<RuleCover>,
    /// The branches of bodies by file, with whether each was gone.
    branches: Vec<(Arc<str>, Branch, bool)>,
}

/// What is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gap {
    /// No test makes the rule fire.
    Fires,
    /// No test sees the rule not fire where it nearly would.
    Quiet,
    /// A part of a predicate was never true.
    True,
    /// A part of a predicate was never false.
    False,
    /// A way that a body can go was never gone.
    Branch,
}

/// Something that no test reaches, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// The rule; of a branch the rule, timer or function.
    pub rule: Arc<str>,
    /// The line.
    pub line: usize,
    /// The column, 0 where it is about the rule as a whole.
    pub column: usize,
    /// What.
    pub gap: Gap,
    /// The part's text; of a rule its window; of a branch what is to be said of it.
    pub text: String,
}

impl Missing {
    /// In words.
    pub fn words(&self) -> String {
        match self.gap {
            Gap::Fires => format!("no test makes `{}` fire", self.rule),
            Gap::Quiet => format!("no test sees `{}` nearly fire ({})", self.rule, self.text),
            Gap::True => format!("`{}` of `{}` is never true", self.text, self.rule),
            Gap::False => format!("`{}` of `{}` is never false", self.text, self.rule),
            Gap::Branch => self.text.clone(),
        }
    }
}

/// What is reached of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileCover {
    /// The file.
    pub file: Arc<str>,
    /// What could be reached.
    pub total: usize,
    /// What is not, by line and column.
    pub missing: Vec<Missing>,
}

impl FileCover {
    /// What is reached.
    pub fn covered(&self) -> usize {
        self.total - self.missing.len()
    }
}

/// A share in per cent, rounded down, so that 100 means all.
pub fn percent(covered: usize, total: usize) -> usize {
    (covered * 100).checked_div(total).unwrap_or(100)
}

impl Coverage {
    /// Nothing is reached yet. This takes all predicates apart.
    pub fn new(rules: &Arc<RuleSet>) -> Self {
        let places = 0..u32::try_from(rules.rules().len()).unwrap_or(u32::MAX);
        let parts: Vec<Option<Parts>> = places.map(|place| rules.parts(place)).collect();
        let reached = parts.iter().map(|parts| RuleCover {
            fired: false,
            quiet: false,
            each: false,
            parts: vec![(false, false); parts.as_ref().map_or(0, |parts| parts.parts().len())],
        });
        let mut reached: Vec<RuleCover> = reached.collect();
        for (cover, rule) in reached.iter_mut().zip(rules.rules()) {
            cover.each = matches!(rule.window, WindowSpec::Each);
        }
        Self { rules: Arc::clone(rules), parts: Arc::new(parts), reached, branches: Vec::new() }
    }

    /// Which branches of bodies were gone.
    pub fn set_branches(&mut self, branches: Vec<(Arc<str>, Branch, bool)>) {
        self.branches = branches;
    }

    /// What is reached of each file that has rules, in their order.
    pub fn files(&self) -> Vec<FileCover> {
        let mut files: Vec<FileCover> = Vec::new();
        for (place, rule) in self.rules.rules().iter().enumerate() {
            if files.last().is_none_or(|last| last.file != rule.file) {
                let file = Arc::clone(&rule.file);
                files.push(FileCover { file, total: 0, missing: Vec::new() });
            }
            let (Some(cover), Some(reached)) = (files.last_mut(), self.reached.get(place)) else {
                continue;
            };
            let parts = self.parts.get(place).and_then(Option::as_ref);
            add_rule(cover, rule, parts, reached);
        }
        for file in &mut files {
            let own = self.branches.iter().filter(|(path, ..)| *path == file.file);
            for (_, branch, reached) in own {
                file.total += 1;
                if !reached {
                    let Branch { owner, line, column, words, .. } = branch.clone();
                    let (rule, gap) = (owner, Gap::Branch);
                    file.missing.push(Missing { rule, line, column, gap, text: words });
                }
            }
            file.missing.sort_by_key(|missing| (missing.line, missing.column));
        }
        files
    }
}

/// Whether a rule can stay quiet at all.
fn can_stay_quiet(rule: &Rule, parts: Option<&Parts>) -> bool {
    !matches!(rule.window, WindowSpec::Each)
        || parts.is_some_and(|parts| {
            parts.predicates().iter().any(|predicate| predicate.role == Role::When)
        })
}

fn add_rule(cover: &mut FileCover, rule: &Rule, parts: Option<&Parts>, reached: &RuleCover) {
    let mut add = |held: bool, line, column, gap, text: &str| {
        cover.total += 1;
        if !held {
            let rule = Arc::clone(&rule.name);
            cover.missing.push(Missing { rule, line, column, gap, text: text.to_owned() });
        }
    };
    let window = rule.window_words();
    add(reached.fired, rule.line, 0, Gap::Fires, &window);
    if can_stay_quiet(rule, parts) {
        add(reached.quiet, rule.line, 0, Gap::Quiet, &window);
    }
    let Some(parts) = parts else { return };
    for (part, (yes, no)) in parts.parts().iter().zip(&reached.parts) {
        if part.kind == PartKind::Test {
            add(*yes, part.line, part.column, Gap::True, &part.text);
            add(*no, part.line, part.column, Gap::False, &part.text);
        }
    }
}

/// What one test reaches.
pub struct TestCover {
    total: Arc<Mutex<Coverage>>,
    parts: Arc<Vec<Option<Parts>>>,
    /// The rules that the test is about, by number.
    about: Vec<(usize, Vec<Kind>)>,
    reached: BTreeMap<usize, RuleCover>,
    /// Events that were looked at already, but for their time.
    seen: HashSet<u64>,
    hasher: foldhash::fast::FixedState,
}

impl TestCover {
    /// For a test of the rules in these files.
    pub fn new(total: Arc<Mutex<Coverage>>, files: &[Arc<str>]) -> Self {
        let coverage = total.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = coverage.rules.rules().iter().enumerate();
        let about: Vec<(usize, Vec<Kind>)> = rules
            .filter(|(_, rule)| files.contains(&rule.file))
            .map(|(place, rule)| (place, rule.kinds.clone()))
            .collect();
        let reached = about
            .iter()
            .filter_map(|(place, _)| Some((*place, coverage.reached.get(*place)?.clone())))
            .collect();
        let parts = Arc::clone(&coverage.parts);
        drop(coverage);
        let hasher = foldhash::fast::FixedState::default();
        Self { total, parts, about, reached, seen: HashSet::new(), hasher }
    }

    /// An event of the test. The same one again, but for its time within the hour, tells nothing
    /// new.
    pub fn event(&mut self, event: &Arc<Event>) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(event.kind.name().as_bytes());
        hasher.write_i64(event.time.as_secs() / 3_600);
        for (name, value) in event.fields() {
            hasher.write(name.as_bytes());
            hasher.write(value.to_text().as_bytes());
            hasher.write_u8(0);
        }
        if !self.seen.insert(hasher.finish()) {
            return;
        }
        for (place, kinds) in &self.about {
            if !kinds.is_empty() && !kinds.contains(&event.kind) {
                continue;
            }
            let Some(parts) = self.parts.get(*place).and_then(Option::as_ref) else { continue };
            let Some(reached) = self.reached.get_mut(place) else { continue };
            if done(parts, reached) {
                continue;
            }
            look(parts, reached, event);
        }
    }

    /// The test is over: these keys of rules met a predicate, these fired.
    pub fn finish(&mut self, met: &HashSet<(usize, String)>, fired: &HashSet<(usize, String)>) {
        for (rule, _) in fired {
            if let Some(reached) = self.reached.get_mut(rule) {
                reached.fired = true;
            }
        }
        for (rule, _) in met.difference(fired) {
            if let Some(reached) = self.reached.get_mut(rule) {
                reached.quiet |= !reached.each;
            }
        }
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, own) in std::mem::take(&mut self.reached) {
            let Some(all) = total.reached.get_mut(place) else { continue };
            all.fired |= own.fired;
            all.quiet |= own.quiet;
            for (all, own) in all.parts.iter_mut().zip(own.parts) {
                all.0 |= own.0;
                all.1 |= own.1;
            }
        }
    }
}

/// Whether an event can tell nothing new of a rule.
fn done(parts: &Parts, reached: &RuleCover) -> bool {
    let tests = parts.parts().iter().zip(&reached.parts);
    reached.quiet
        && tests.into_iter().all(|(part, (yes, no))| part.kind != PartKind::Test || (*yes && *no))
}

fn look(parts: &Parts, reached: &mut RuleCover, event: &Arc<Event>) {
    let judged = parts.judge(event);
    let mut met = true;
    for predicate in parts.predicates() {
        let whole = judged.get(predicate.parts.start).and_then(|whole| whole.truth.holds());
        match predicate.role {
            Role::When => met = whole == Some(true),
            // The window asks of events alone that met the predicate.
            Role::Window(_) if met => {}
            _ => continue,
        }
        for place in predicate.parts.clone() {
            let Some(truth) = judged.get(place).and_then(|judged| judged.truth.holds()) else {
                continue;
            };
            if let Some(seen) = reached.parts.get_mut(place) {
                if truth { seen.0 = true } else { seen.1 = true }
            }
        }
    }
    reached.quiet |= reached.each && !met;
}
