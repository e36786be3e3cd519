//! From the texts of rule files to a rule set: each file is run once, by itself, and what it
//! declares is judged. A file with an error contributes nothing and takes nobody else down.

use super::book::{Api, Place};
use super::builder;
use super::builder_misuse;
use super::check::{self, Checker};
use super::context::{Unit, freeze, lock};
use super::draft::{Collector, Draft, Param};
use super::engine::{self, Purpose};
use super::evaluate::Evaluator;
use super::fault::{FaultKind, explain, innermost};
use super::finding::{Finding, Note, Related, Severity};
use super::host::NoLookups;
use super::make::{check_size, header, stem};
use super::names;
use super::recover;
use super::rule::Rule;
use super::set::{RuleSet, Test};
use super::settings::{ModuleFile, RuleFile, Settings};
use super::timers::Timer;
use crate::limits;
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
        with_deep_stack(|| Loader::new(settings).load(files, modules))
            .unwrap_or_else(|why| empty(settings, &why))
    }
}

/// Does what parses rules, on a thread with enough of a stack.
pub(super) fn with_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("rules-load".to_owned())
            .stack_size(LOAD_STACK_BYTES)
            .spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => {
                Err("loading the rules ended in an internal error; please report this".to_owned())
            }
            Err(error) => Err(format!("failed to start a thread for loading the rules: {error}")),
        }
    })
}

/// A rule set without rules, and why.
fn empty(settings: &Settings, why: &str) -> Loaded {
    let note = Note::error("internal", Position::NONE, why.to_owned());
    let mut loaded = Loader::new(settings).finish(&[]);
    loaded.findings.push(note.place(&Arc::from("rules"), ""));
    loaded
}

pub(super) struct Loader<'s> {
    pub settings: &'s Settings,
    pub engine: Engine,
    pub collector: Arc<Mutex<Collector>>,
    pub evaluator: Evaluator,
    pub rules: Vec<Rule>,
    pub timers: Vec<Timer>,
    pub tests: Vec<Test>,
    /// The paths of all rule files that are loaded.
    pub rule_files: Vec<Arc<str>>,
    pub names: BTreeMap<String, (Arc<str>, usize)>,
    pub modules: check::Modules,
    /// Modules that have errors, with their paths.
    pub failed_modules: BTreeMap<String, String>,
    pub emitted: BTreeSet<String>,
    pub findings: Vec<Finding>,
    pub digest: Sha256,
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
        if let Some(marks) = &settings.marks {
            let engines =
                [&mut engine, &mut evaluator.pure, &mut evaluator.body, &mut evaluator.test];
            for engine in engines {
                super::branches::register(engine, marks);
            }
        }
        builder_misuse::register(&mut engine, &evaluator.book, &collector);
        Self {
            settings,
            engine,
            collector,
            evaluator,
            rules: Vec::new(),
            timers: Vec::new(),
            tests: Vec::new(),
            rule_files: Vec::new(),
            names: BTreeMap::new(),
            modules: check::Modules::new(),
            failed_modules: BTreeMap::new(),
            emitted: BTreeSet::new(),
            findings: Vec::new(),
            digest: Sha256::new(),
        }
    }

    fn load(mut self, files: &[RuleFile], modules: &[ModuleFile]) -> Loaded {
        for module in modules {
            self.digest_text(&module.path, &module.text);
            if let Err(notes) = self.load_module(module) {
                self.failed_modules.insert(module.name.clone(), module.path.clone());
                self.tell(&Arc::from(module.path.as_str()), &module.text, notes);
            }
        }
        for file in files {
            // A kind may be emitted by a file that comes later.
            self.emitted.extend(check::emitted_kinds(&file.text));
        }
        // Test files come last: they are about rules that are there.
        let (tests, rules): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.is_test());
        self.rule_files = rules.iter().map(|file| Arc::from(file.path.as_str())).collect();
        let tests = tests.into_iter().filter(|_| !self.settings.without_tests);
        for file in rules.into_iter().chain(tests) {
            self.digest_text(&file.path, &file.text);
            let path: Arc<str> = Arc::from(file.path.as_str());
            let mut notes = self.load_file(&path, file);
            self.failed_not_unknown(&mut notes);
            self.tell(&path, &file.text, notes);
        }
        self.finish(files)
    }

    /// A module that has errors is there, and what calls it is not at fault.
    fn failed_not_unknown(&self, notes: &mut [Note]) {
        for note in notes.iter_mut().filter(|note| note.code == "unknown-module") {
            let name = note.message.split('`').nth(1).unwrap_or_default();
            if let Some(path) = self.failed_modules.get(name) {
                note.hint = Some(format!("mend `{path}` first"));
                note.message = format!("the module `{name}` has errors, so nothing of it is there");
            }
        }
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
            notes.push(Note::warning(
                "more",
                Position::NONE,
                format!("there are `{more}` more findings in this file"),
            ));
        }
        self.findings.extend(notes.into_iter().map(|note| note.place(path, text)));
    }

    fn load_module(&mut self, module: &ModuleFile) -> Result<(), Vec<Note>> {
        let file: Arc<str> = Arc::from(module.path.as_str());
        check_size(&module.text)?;
        let (ast, faults) = recover::compile(&self.engine, &module.text);
        let Some(mut ast) = ast.filter(|_| faults.is_empty()) else {
            return Err(faults);
        };
        ast.set_source(&*file);
        self.refuse_api_names(&ast)?;
        let notes = self.checker().module(&ast);
        if !notes.is_empty() {
            return Err(notes);
        }
        let facts = self.checker().module_facts(&ast);
        *lock(&self.collector) = Collector::default();
        let compiled = recover::guarded(Position::NONE, || {
            Module::eval_ast_as_new(Scope::new(), &ast, &self.engine)
        })?
        .map_err(|error| vec![self.error_note(&error)])?;
        if std::mem::take(&mut *lock(&self.collector)).declares() {
            let message = "a module declares no rules, timers, parameters or tests".to_owned();
            let note = Note::error("misplaced", Position::NONE, message);
            return Err(vec![note.hint("put them into a rule file, tests into `*.test.rhai`")]);
        }
        let compiled: Arc<Module> = Arc::new(compiled);
        for engine in [
            &mut self.engine,
            &mut self.evaluator.pure,
            &mut self.evaluator.body,
            &mut self.evaluator.test,
        ] {
            engine.register_static_module(&module.name, Arc::clone(&compiled));
        }
        self.modules.insert(module.name.clone(), facts);
        Ok(())
    }

    fn checker(&self) -> Checker<'_> {
        Checker {
            known: &self.settings.known,
            book: &self.evaluator.book,
            modules: &self.modules,
            emitted: &self.emitted,
            is_marked: self.settings.marks.is_some(),
        }
    }

    pub(super) fn load_once(&mut self, path: &Arc<str>, file: &RuleFile) -> Vec<Note> {
        let draft = match self.run_file(path, file) {
            Ok(draft) => draft,
            Err(notes) => return notes,
        };
        let mut notes = draft.collected.notes.clone();
        if file.is_test() {
            notes.extend(super::tested::refuse_rules(path, &draft));
        }
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
        self.add_timers_and_tests(&draft, &mut notes);
        notes
    }

    /// Runs a file and gathers what it declares.
    fn run_file(&mut self, path: &Arc<str>, file: &RuleFile) -> Result<FileDraft, Vec<Note>> {
        check_size(&file.text)?;
        let (ast, mut faults) = recover::compile(&self.engine, &file.text);
        let Some(mut ast) = ast else {
            return Err(faults);
        };
        ast.set_source(&**path);
        self.refuse_api_names(&ast)?;
        faults.extend(check::namesakes(&self.modules, &ast, &file.text));
        let given = self.given(path, &ast);
        *lock(&self.collector) = Collector { given: given.clone(), ..Collector::default() };
        let mut scope = Scope::new();
        let outcome =
            recover::guarded(Position::NONE, || self.engine.run_ast_with_scope(&mut scope, &ast));
        let mut failed = match &outcome {
            Ok(Ok(())) => Vec::new(),
            Ok(Err(error)) => vec![self.error_note(error)],
            Err(found) => found.clone(),
        };
        if let Ok(Err(error)) = &outcome {
            // What grows without end isn't looked at any further.
            let (inner, ..) = innermost(error, Position::NONE, "");
            if explain(inner, &|name| self.evaluator.knows(name)).0 == FaultKind::Limit {
                return Err(failed);
            }
            *lock(&self.collector) = Collector { given, ..Collector::default() };
            let apart = self.run_apart(&ast);
            // What fails only as a whole keeps its fault.
            if !apart.is_empty() {
                failed = apart;
            }
        }
        let mut collected = std::mem::take(&mut *lock(&self.collector));
        collected.notes.splice(0..0, faults);
        collected.notes.extend(failed);
        super::syntax::place_arguments(&ast, &mut collected.notes);
        self.show_settings(path, &mut collected.notes);
        let constants = scope
            .iter_raw()
            .filter(|(_, is_constant, _)| *is_constant)
            .map(|(name, _, value)| (ImmutableString::from(name), freeze(value)))
            .collect();
        let mut functions = ast.clone_functions_only();
        if self.settings.without_tests {
            let tests = std::mem::take(&mut collected.tests);
            functions.retain_functions(|_, _, name, _| {
                !tests.iter().any(|test| test.body.name.as_str() == name)
            });
        }
        let calls_modules = self.modules.keys().any(|name| file.text.contains(name.as_str()));
        let unit = Unit::new(path, &file.text, functions, constants, calls_modules);
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

    /// Shows beside what is wrong with a parameter where the config sets it.
    fn show_settings(&self, path: &str, notes: &mut [Note]) {
        for note in notes.iter_mut().filter(|note| note.code == "param-type") {
            let name = note.message.split('`').nth(1).unwrap_or_default();
            let table = format!("params.{}", stem(path));
            if let Some((config, span)) = self.settings.place(&table, name) {
                note.related.push(Related::of_text(config, span, "it is set here"));
            }
        }
    }

    fn refuse_api_names(&self, ast: &AST) -> Result<(), Vec<Note>> {
        let notes: Vec<Note> = ast
            .iter_functions()
            .filter(|function| !function.name.starts_with("anon$"))
            .filter(|function| engine::is_api_name(&self.evaluator.book, function.name))
            .map(|function| {
                let position = super::syntax::function_position(ast, function.name);
                Note::error(
                    "api-name",
                    position,
                    format!(
                        "the function `{}` has the name of one of riposte's own",
                        function.name
                    ),
                )
                .hint("give it another name: it would take the place of ours without a word")
            })
            .collect();
        if notes.is_empty() { Ok(()) } else { Err(notes) }
    }

    /// What failed while a file ran.
    pub(super) fn error_note(&self, error: &rhai::EvalAltResult) -> Note {
        let (inner, position, _) = innermost(error, Position::NONE, "");
        if let rhai::EvalAltResult::ErrorVariableNotFound(name, _) = inner {
            return super::syntax_words::unknown_variable(name, position);
        }
        let (_, message) = explain(inner, &|name| self.evaluator.knows(name));
        let note = Note::error("load", position, message).split_hint();
        let rhai::EvalAltResult::ErrorFunctionNotFound(signature, _) = inner else {
            return note;
        };
        let name = signature.split([' ', '(']).next().unwrap_or(signature);
        let book = &self.evaluator.book;
        if let Some(entry) = book.iter().find(|entry| entry.name == name) {
            return note.hint(format!("it is called as `{}`", entry.signature));
        }
        let known = book.iter().filter(|entry| entry.place != Place::Test);
        let known = known.map(|entry| entry.name).chain(names::STANDARD.iter().copied());
        note.did_you_mean(name, known)
    }
}
