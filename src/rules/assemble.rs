//! From what files declared to the rule set: each rule is judged as a whole, then all are put
//! together with the settings.

use super::draft::{Draft, Param};
use super::evaluate::{Evaluator, Never, ScriptPredicate};
use super::finding::{Finding, Note, Related, Severity, sort};
use super::keys::KeySpec;
use super::load::{FileDraft, Loaded, Loader};
use super::lower::lower;
use super::make::{Maker, is_rule_name, stem};
use super::rule::Rule;
use super::set::{RuleSet, Test};
use super::settings::RuleFile;
use super::syntax::first_word;
use super::tested;
use super::timers::Timer;
use crate::decisions::Mode;
use crate::limits;
use crate::matching::{Matcher, MatcherRule, Predicate};
use crate::windows::WindowSpec;
use rhai::Position;
use sha2::Digest;
use std::sync::Arc;

impl Loader<'_> {
    /// What is wrong with a rule's name.
    fn judge_name(&self, draft: &Draft, file: &FileDraft) -> Vec<Note> {
        let mut notes = Vec::new();
        let at = draft.position;
        if !is_rule_name(&draft.name) {
            notes.push(
                Note::error("bad-name", at, format!("`{}` is no name for a rule", draft.name))
                    .hint("letters, digits, `-`, `_` and `.`, at most 64 of them"),
            );
        }
        let twice_here = file
            .drafts
            .iter()
            .take_while(|other| other.position != at)
            .find(|other| other.name == draft.name);
        if let Some((other, line)) = self.names.get(&draft.name) {
            notes.push(Note::error(
                "duplicate-rule",
                at,
                format!("the rule `{}` is already declared at {other}:{line}", draft.name),
            ));
        } else if let Some(first) = twice_here {
            let message = format!("the rule `{}` is declared twice in this file", draft.name);
            let mut note = Note::error("duplicate-rule", at, message);
            let unit = &file.unit;
            note.related.push(Related::at(&unit.file, &unit.text, first.position, "the first one"));
            notes.push(note);
        }
        if self.rules.len() >= limits::RULES_MAX {
            notes.push(Note::error(
                "too-many-rules",
                at,
                format!("there are more than `{}` rules", limits::RULES_MAX),
            ));
        }
        notes
    }

    pub(super) fn build_rule(
        &self,
        draft: &Draft,
        file: &FileDraft,
        params: &Arc<[Param]>,
        summary: &Arc<str>,
    ) -> Result<Rule, Vec<Note>> {
        let mut notes = self.judge_name(draft, file);
        let at = draft.position;
        let mut maker = Maker { file, evaluator: &self.evaluator, notes: &mut notes };
        let when = draft.when.as_ref().and_then(|closure| maker.pure(closure, "when"));
        let key_spec = maker.key(draft);
        let window =
            draft.window.as_ref().map(|(window, position)| maker.window(window, *position));
        let (spec, tests, quantity) = window.unwrap_or((WindowSpec::Each, Vec::new(), None));
        let body = draft.then.as_ref().and_then(|closure| maker.function(closure, 1, "then"));
        if !notes.is_empty() {
            return Err(notes);
        }
        let mode = self.settings.modes.get(&draft.name).copied().or(draft.mode).unwrap_or_default();
        let keys = draft.key.as_ref().map(|(parts, _)| parts.as_slice()).unwrap_or_default();
        Ok(Rule {
            name: Arc::from(draft.name.as_str()),
            file: Arc::clone(&file.unit.file),
            line: at.line().unwrap_or(0),
            summary: Arc::clone(summary),
            kinds: draft.kinds.iter().map(|(kind, _)| kind.clone()).collect(),
            mode,
            certain: draft.certain,
            window: spec,
            cooldown: draft.cooldown,
            fingerprint: super::syntax::window_fingerprint(draft, &spec, &file.ast),
            key: KeySpec::words(keys),
            params: Arc::clone(params),
            lowered: Ok(()),
            when,
            key_spec,
            tests,
            quantity,
            body,
        })
    }

    pub(super) fn add_timers_and_tests(&mut self, file: &FileDraft, notes: &mut Vec<Note>) {
        let path = &file.unit.file;
        let scope = if file.collected.tests.is_empty() {
            Vec::new()
        } else {
            tested::scope(path, file, &self.rule_files, notes)
        };
        let mut maker = Maker { file, evaluator: &self.evaluator, notes };
        for (place, timer) in file.collected.timers.iter().enumerate() {
            if let Some(body) = maker.function(&timer.body, 0, "a timer") {
                let name = format!("{}:{}:{}", stem(path), timer.schedule, place + 1);
                self.timers.push(Timer {
                    name: Arc::from(name),
                    file: Arc::clone(path),
                    line: timer.body.position.line().unwrap_or(0),
                    schedule: timer.schedule.clone(),
                    body,
                });
            }
        }
        for test in &file.collected.tests {
            if let Some(body) = maker.function(&test.body, 1, "test") {
                self.tests.push(Test {
                    name: test.name.clone(),
                    file: Arc::clone(path),
                    line: test.body.position.line().unwrap_or(0),
                    scope: scope.clone(),
                    body,
                });
            }
        }
    }

    pub(super) fn finish(mut self, files: &[RuleFile]) -> Loaded {
        self.unused_settings(files);
        let settings =
            format!("{:?} {:?} {}", self.settings.params, self.settings.modes, self.settings.seed);
        self.digest.update(settings.as_bytes());
        let fingerprint = first_word(&self.digest.finalize());
        let evaluator = Arc::new(self.evaluator);
        let mut made = Vec::with_capacity(self.rules.len());
        for rule in &mut self.rules {
            let native = rule.when.as_ref().map(lower).transpose();
            rule.lowered = native.as_ref().map(|_| ()).map_err(Clone::clone);
            made.push(MatcherRule {
                kinds: rule.kinds.clone(),
                native: native.ok().flatten().filter(|_| rule.mode != Mode::Off),
                predicate: predicate(rule, &evaluator),
            });
        }
        self.findings.extend(self.rules.iter().flat_map(|rule| in_scripts(rule, files)));
        if self.settings.analyse {
            self.findings.extend(super::analysis::findings(&self.rules, files));
        }
        let matcher = Matcher::new(made);
        sort(&mut self.findings);
        let set = RuleSet {
            rules: self.rules,
            timers: self.timers,
            tests: self.tests,
            matcher,
            evaluator,
            fingerprint,
        };
        Loaded { set, findings: self.findings }
    }

    /// Modes and parameters of the config that concern nothing that was loaded.
    pub(super) fn unused_settings(&mut self, files: &[RuleFile]) {
        let config = self.settings.config.as_ref();
        let path: Arc<str> = Arc::from(config.map_or("config", |config| config.path.as_str()));
        let text = config.map_or("", |config| config.text.as_str());
        let span = |table: &str, key: &str| self.settings.place(table, key).map(|place| place.1);
        let mut notes = Vec::new();
        // Where a file was refused, its rules and parameters aren't known.
        if self.findings.iter().all(|finding| finding.severity != Severity::Error) {
            let known = || self.rules.iter().map(|rule| &*rule.name);
            for name in self
                .settings
                .modes
                .keys()
                .filter(|name| !known().any(|known| known == name.as_str()))
            {
                notes.push(unknown("rule", name, known()).span(span("modes", name)));
            }
            for (name, values) in &self.settings.params {
                let of_file = files
                    .iter()
                    .find(|file| stem(&file.path) == name)
                    .map(|file| file.path.as_str());
                let rule = self
                    .rules
                    .iter()
                    .find(|rule| *rule.name == **name || of_file == Some(&*rule.file));
                let Some(rule) = rule else {
                    if of_file.is_none() {
                        let stems = files.iter().map(|file| stem(&file.path));
                        let note = unknown("rule or rule file", name, known().chain(stems));
                        notes.push(note.span(span("params", name).or(span(name, ""))));
                    }
                    continue;
                };
                let declared = || rule.params.iter().map(|param| param.name.as_str());
                for param in
                    values.keys().filter(|param| !declared().any(|known| known == param.as_str()))
                {
                    notes.push(
                        unknown("parameter", param, declared())
                            .span(span(&format!("params.{name}"), param)),
                    );
                }
            }
        }
        let placed: Vec<Finding> = notes.into_iter().map(|note| note.place(&path, text)).collect();
        self.findings.extend(placed);
    }
}

/// The predicates of a rule that run as scripts, and what that costs.
fn in_scripts(rule: &Rule, files: &[RuleFile]) -> Vec<Finding> {
    if rule.mode == Mode::Off {
        return Vec::new();
    }
    let text = files.iter().find(|file| *file.path == *rule.file).map_or("", |file| &file.text);
    let name = &rule.name;
    let mut notes = Vec::new();
    if let (Err(why), Some(when)) = (&rule.lowered, &rule.when) {
        let message = format!("the predicate of `{name}` runs as a script: {why}");
        let note = Note::warning("not-native", when.function.position, message).hint(
            "cost class: script, about a microsecond for each event of its kinds; native predicates take some nanoseconds",
        );
        notes.push(note);
    }
    for test in rule.tests.iter().filter(|test| test.native.is_none()) {
        let message = format!("a predicate of the window of `{name}` runs as a script");
        let note = Note::warning("not-native", test.function.position, message).hint(
            "cost class: script, about a microsecond for each event that met the rule's predicate",
        );
        notes.push(note);
    }
    let notes = notes.into_iter().map(|note| Note { severity: Severity::Note, ..note });
    notes.map(|note| note.place(&rule.file, text)).collect()
}

/// What the matcher asks for a rule: nothing of one that listens to each event, never one that is
/// off.
fn predicate(rule: &Rule, evaluator: &Arc<Evaluator>) -> Option<Box<dyn Predicate>> {
    if rule.mode == Mode::Off {
        return Some(Box::new(Never));
    }
    let closure = rule.when.clone()?;
    Some(Box::new(ScriptPredicate { closure, evaluator: Arc::clone(evaluator) }))
}

fn unknown<'w>(what: &str, name: &str, known: impl Iterator<Item = &'w str>) -> Note {
    let note = Note::warning(
        "unknown-setting",
        Position::NONE,
        format!("the config names a {what} `{name}` that isn't there"),
    );
    match super::finding::did_you_mean(name, known) {
        Some(near) => note.hint(format!("did you mean `{near}`?")),
        None => note,
    }
}
