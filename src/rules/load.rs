//! From the texts of rule files to a rule set: each file is run once, by itself, and what it
//! declares is judged. A file with an error contributes nothing and takes nobody else down.

use super::builder;
use super::check::{self, Checker};
use super::book::Api;
use super::context::{Unit, freeze, lock};
use super::draft::{Collector, Draft, Param};
use super::engine::{self, Purpose};
use super::evaluate::{Evaluator, Never, ScriptPredicate};
use super::fault::{explain, innermost};
use super::finding::{Finding, Note, Severity, sort};
use super::host::NoLookups;
use super::keys::KeySpec;
use super::make::{Maker, check_size, header, is_rule_name, parse_note, stem};
use super::rule::Rule;
use super::set::{RuleSet, Test};
use super::settings::{ModuleFile, RuleFile, Settings};
use super::syntax::first_word;
use super::timers::Timer;
use crate::decisions::Mode;
use crate::limits;
use crate::matching::{Matcher, MatcherRule, Predicate};
use crate::windows::WindowSpec;
use rhai::{AST, Engine, ImmutableString, Module, Position, Scope};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What came of loading.
pub struct Loaded {
    /// What could be loaded.
    pub set: RuleSet,
    /// Everything that was found, in the order of files and lines.
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// Whether any file was refused.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Parsing deep expressions takes stack; the limits on depth fit into this many bytes, also in
/// debug builds.
const LOAD_STACK_BYTES: usize = 32 * 1024 * 1024;

impl RuleSet {
    /// Loads rule files and Rhai plugins. Nothing of it reaches disk or network.
    pub fn load(files: &[RuleFile], modules: &[ModuleFile], settings: &Settings) -> Loaded {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("rules-load".to_owned())
                .stack_size(LOAD_STACK_BYTES)
                .spawn_scoped(scope, || Loader::new(settings).load(files, modules));
            match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(loaded)) => loaded,
                Ok(Err(_)) => empty(settings, "loading the rules ended in an internal error; please report this"),
                Err(error) => empty(settings, &format!("failed to start a thread for loading the rules: {error}")),
            }
        })
    }
}

/// A rule set without rules, and why.
fn empty(settings: &Settings, why: &str) -> Loaded {
    let note = Note::error("internal", Position::NONE, why.to_owned());
    let mut loaded = Loader::new(settings).finish(&[]);
    loaded.findings.push(note.place(&Arc::from("rules"), ""));
    loaded
}

struct Loader<'s> {
    settings: &'s Settings,
    engine: Engine,
    collector: Arc<Mutex<Collector>>,
    evaluator: Evaluator,
    rules: Vec<Rule>,
    timers: Vec<Timer>,
    tests: Vec<Test>,
    names: BTreeMap<String, (Arc<str>, usize)>,
    module_names: BTreeSet<String>,
    emitted: BTreeSet<String>,
    findings: Vec<Finding>,
    digest: Sha256,
}

/// What one file gave, before it is put into the set.
pub(super) struct FileDraft {
    pub unit: Arc<Unit>,
    /// The whole of it, with statements and functions, for `check`.
    pub ast: AST,
    pub drafts: Vec<Draft>,
    pub collected: Collector,
}

impl<'s> Loader<'s> {
    fn new(settings: &'s Settings) -> Self {
        let (mut engine, mut book) = engine::build(Purpose::Load);
        let collector = Arc::new(Mutex::new(Collector::default()));
        builder::register(&mut Api { engine: &mut engine, book: &mut book }, &collector);
        let lookups = settings.lookups.clone().unwrap_or_else(|| Arc::new(NoLookups));
        let mut evaluator = Evaluator::new(settings.seed, lookups);
        for entry in book {
            if !evaluator.book.contains(&entry) {
                evaluator.book.push(entry);
            }
        }
        Self {
            settings,
            engine,
            collector,
            evaluator,
            rules: Vec::new(),
            timers: Vec::new(),
            tests: Vec::new(),
            names: BTreeMap::new(),
            module_names: BTreeSet::new(),
            emitted: BTreeSet::new(),
            findings: Vec::new(),
            digest: Sha256::new(),
        }
    }

    fn load(mut self, files: &[RuleFile], modules: &[ModuleFile]) -> Loaded {
        for module in modules {
            self.digest_text(&module.path, &module.text);
            if let Err(notes) = self.load_module(module) {
                self.tell(&Arc::from(module.path.as_str()), &module.text, notes);
            }
        }
        for file in files {
            // A kind may be emitted by a file that comes later.
            self.emitted.extend(check::emitted_kinds(&file.text));
        }
        for file in files {
            self.digest_text(&file.path, &file.text);
            let path: Arc<str> = Arc::from(file.path.as_str());
            let notes = self.load_file(&path, file);
            self.tell(&path, &file.text, notes);
        }
        self.finish(files)
    }

    fn digest_text(&mut self, path: &str, text: &str) {
        for part in [path, text] {
            self.digest.update(part.len().to_le_bytes());
            self.digest.update(part.as_bytes());
        }
    }

    fn tell(&mut self, path: &Arc<str>, text: &str, mut notes: Vec<Note>) {
        // The gravest are told; what is more than anybody reads is only counted.
        if notes.len() > limits::FINDINGS_A_FILE_MAX {
            notes.sort_by_key(|note| std::cmp::Reverse(note.severity));
            let more = notes.len() - limits::FINDINGS_A_FILE_MAX;
            notes.truncate(limits::FINDINGS_A_FILE_MAX);
            notes.push(Note::warning("more", Position::NONE, format!("there are `{more}` more findings in this file")));
        }
        self.findings.extend(notes.into_iter().map(|note| note.place(path, text)));
    }

    fn load_module(&mut self, module: &ModuleFile) -> Result<(), Vec<Note>> {
        let file: Arc<str> = Arc::from(module.path.as_str());
        check_size(&module.text)?;
        let mut ast = self.engine.compile(&module.text).map_err(|error| vec![parse_note(&error)])?;
        ast.set_source(&*file);
        self.refuse_api_names(&ast)?;
        let notes = self.checker().module(&ast);
        if !notes.is_empty() {
            return Err(notes);
        }
        let compiled = Module::eval_ast_as_new(Scope::new(), &ast, &self.engine)
            .map_err(|error| vec![self.error_note(&error)])?;
        let compiled: Arc<Module> = Arc::new(compiled);
        for engine in [
            &mut self.engine,
            &mut self.evaluator.pure,
            &mut self.evaluator.body,
            &mut self.evaluator.test,
        ] {
            engine.register_static_module(&module.name, Arc::clone(&compiled));
        }
        self.module_names.insert(module.name.clone());
        Ok(())
    }

    fn checker(&self) -> Checker<'_> {
        Checker {
            known: &self.settings.known,
            book: &self.evaluator.book,
            modules: &self.module_names,
            emitted: &self.emitted,
        }
    }

    fn load_file(&mut self, path: &Arc<str>, file: &RuleFile) -> Vec<Note> {
        let draft = match self.run_file(path, file) {
            Ok(draft) => draft,
            Err(notes) => return notes,
        };
        let mut notes = draft.collected.notes.clone();
        notes.extend(self.checker().file(&draft));
        let params: Arc<[Param]> = draft.collected.params.clone().into();
        let summary: Arc<str> = Arc::from(header(&file.text));
        let mut rules = Vec::new();
        for draft_rule in &draft.drafts {
            match self.build_rule(draft_rule, &draft, &params, &summary) {
                Ok(rule) => rules.push(rule),
                Err(found) => notes.extend(found),
            }
        }
        if notes.iter().any(|note| note.severity == Severity::Error) {
            return notes;
        }
        for rule in rules {
            self.names.insert(rule.name.to_string(), (Arc::clone(path), rule.line));
            self.rules.push(rule);
        }
        self.add_timers_and_tests(&draft);
        notes
    }

    /// Runs a file and gathers what it declares.
    fn run_file(&mut self, path: &Arc<str>, file: &RuleFile) -> Result<FileDraft, Vec<Note>> {
        check_size(&file.text)?;
        let mut ast = self.engine.compile(&file.text).map_err(|error| vec![parse_note(&error)])?;
        ast.set_source(&**path);
        self.refuse_api_names(&ast)?;
        *lock(&self.collector) = Collector { given: self.given(path, &ast), ..Collector::default() };
        let mut scope = Scope::new();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.engine.run_ast_with_scope(&mut scope, &ast)
        }));
        let mut collected = std::mem::take(&mut *lock(&self.collector));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                collected.notes.push(self.error_note(&error));
                return Err(collected.notes);
            }
            Err(_) => {
                collected.notes.push(Note::error("internal", Position::NONE, "an internal error ended loading it; please report this".to_owned()));
                return Err(collected.notes);
            }
        }
        let constants = scope
            .iter_raw()
            .filter(|(_, is_constant, _)| *is_constant)
            .map(|(name, _, value)| (ImmutableString::from(name), freeze(value)))
            .collect();
        let unit = Unit { file: Arc::clone(path), ast: ast.clone_functions_only(), constants };
        let drafts = collected.drafts.iter().map(|draft| lock(draft).clone()).collect();
        Ok(FileDraft { unit: Arc::new(unit), ast, drafts, collected })
    }

    /// The config's values for a file: under its stem, or under the name of a rule in it.
    fn given(&self, path: &str, ast: &AST) -> BTreeMap<String, serde_json::Value> {
        let mut given = BTreeMap::new();
        for name in super::syntax::rule_names(ast) {
            given.extend(self.settings.params.get(&name).cloned().unwrap_or_default());
        }
        given.extend(self.settings.params.get(stem(path)).cloned().unwrap_or_default());
        given
    }

    fn refuse_api_names(&self, ast: &AST) -> Result<(), Vec<Note>> {
        let notes: Vec<Note> = ast
            .iter_functions()
            .filter(|function| !function.name.starts_with("anon$"))
            .filter(|function| engine::is_api_name(&self.evaluator.book, function.name))
            .map(|function| {
                let position = super::syntax::function_position(ast, function.name);
                Note::error("api-name", position, format!("the function `{}` has the name of one of riposte's own", function.name))
                    .hint("give it another name: it would take the place of ours without a word")
            })
            .collect();
        if notes.is_empty() { Ok(()) } else { Err(notes) }
    }

    fn error_note(&self, error: &rhai::EvalAltResult) -> Note {
        let (inner, position, _) = innermost(error, Position::NONE, "");
        let (_, message) = explain(inner, &|name| self.evaluator.knows(name));
        Note::error("load", position, message).split_hint()
    }

    fn build_rule(
        &self,
        draft: &Draft,
        file: &FileDraft,
        params: &Arc<[Param]>,
        summary: &Arc<str>,
    ) -> Result<Rule, Vec<Note>> {
        let mut notes = Vec::new();
        let at = draft.position;
        if !is_rule_name(&draft.name) {
            notes.push(
                Note::error("bad-name", at, format!("`{}` is no name for a rule", draft.name))
                    .hint("letters, digits, `-`, `_` and `.`, at most 64 of them"),
            );
        }
        let twice_here = file.drafts.iter().take_while(|other| other.position != at).any(|other| other.name == draft.name);
        if let Some((other, line)) = self.names.get(&draft.name) {
            notes.push(Note::error("duplicate-rule", at, format!("the rule `{}` is already declared at {other}:{line}", draft.name)));
        } else if twice_here {
            notes.push(Note::error("duplicate-rule", at, format!("the rule `{}` is declared twice in this file", draft.name)));
        }
        if self.rules.len() >= limits::RULES_MAX {
            notes.push(Note::error("too-many-rules", at, format!("there are more than `{}` rules", limits::RULES_MAX)));
        }
        let mut maker = Maker { file, evaluator: &self.evaluator, notes: &mut notes };
        let when = draft.when.as_ref().and_then(|closure| maker.pure(closure, "when"));
        let key_spec = maker.key(draft);
        let window = draft.window.as_ref().map(|(window, position)| maker.window(window, *position));
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
            when,
            key_spec,
            tests,
            quantity,
            body,
        })
    }

    fn add_timers_and_tests(&mut self, file: &FileDraft) {
        let mut notes = Vec::new();
        let path = &file.unit.file;
        let mut maker = Maker { file, evaluator: &self.evaluator, notes: &mut notes };
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
                    body,
                });
            }
        }
        self.findings.extend(notes.into_iter().map(|note| note.place(path, "")));
    }

    fn finish(mut self, files: &[RuleFile]) -> Loaded {
        self.unused_settings(files);
        let settings = format!("{:?} {:?} {}", self.settings.params, self.settings.modes, self.settings.seed);
        self.digest.update(settings.as_bytes());
        let fingerprint = first_word(&self.digest.finalize());
        let evaluator = Arc::new(self.evaluator);
        let matcher = Matcher::new(
            self.rules
                .iter()
                .map(|rule| MatcherRule {
                    kinds: rule.kinds.clone(),
                    predicate: predicate(rule, &evaluator),
                })
                .collect(),
        );
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
    fn unused_settings(&mut self, files: &[RuleFile]) {
        let config: Arc<str> = Arc::from("config");
        let mut notes = Vec::new();
        if self.findings.iter().all(|finding| finding.severity != Severity::Error) {
            let known = || self.rules.iter().map(|rule| &*rule.name);
            for name in self.settings.modes.keys().filter(|name| !known().any(|known| known == name.as_str())) {
                notes.push(unknown("rule", name, known()));
            }
            for (name, values) in &self.settings.params {
                let of_file = files.iter().find(|file| stem(&file.path) == name).map(|file| file.path.as_str());
                let rule = self.rules.iter().find(|rule| *rule.name == **name || of_file == Some(&*rule.file));
                let Some(rule) = rule else {
                    if of_file.is_none() {
                        notes.push(unknown("rule or rule file", name, known()));
                    }
                    continue;
                };
                let declared = || rule.params.iter().map(|param| param.name.as_str());
                for param in values.keys().filter(|param| !declared().any(|known| known == param.as_str())) {
                    notes.push(unknown("parameter", param, declared()));
                }
            }
        }
        self.findings.extend(notes.into_iter().map(|note| note.place(&config, "")));
    }
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
    let note = Note::warning("unknown-setting", Position::NONE, format!("the config names a {what} `{name}` that isn't there"));
    match super::finding::did_you_mean(name, known) {
        Some(near) => note.hint(format!("did you mean `{near}`?")),
        None => note,
    }
}
