//! Checks documents away from the editor's path: a thread that takes the newest texts, waits until
//! they rest, loads them with the files around them as `riposte check` would, and tells what came.
//!
//! In: jobs (all open documents). Out: for each document its findings and what lies around it.
//! A file is read with the config that names it, or else with the rule files of its folder.

use super::document::{Document, Language};
use super::modules::{Module, module};
use super::outline::outline;
use super::scan::scan;
use crate::config::{self, Config, RuleFiles, load::Fault, read_rules, read_rules_from};
use crate::decisions::Mode;
use crate::limits;
use crate::pipeline::rule_set;
use crate::rules::{Finding, Rule, RuleFile};
use crossbeam_channel::{Receiver, Sender};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A rule that some file declares.
#[derive(Debug, Clone)]
pub struct RuleInfo {
    /// Its name.
    pub name: String,
    /// Its file, where that is on disk.
    pub path: Option<PathBuf>,
    /// The line of its declaration, from 1.
    pub line: usize,
    /// What people want to know of it, in Markdown.
    pub said: String,
}

/// What lies around a document: names that it may use.
#[derive(Debug, Default)]
pub struct Nearby {
    /// The rules of all files.
    pub rules: Vec<RuleInfo>,
    /// Kinds that sources make and rules emit.
    pub kinds: Vec<String>,
    /// Fields that sources add.
    pub fields: Vec<String>,
    /// Channels of the config.
    pub channels: Vec<String>,
    /// Webhooks of the config.
    pub webhooks: Vec<String>,
    /// Programs of the config.
    pub programs: Vec<String>,
    /// Sources of the config.
    pub sources: Vec<String>,
    /// Enforcers of the config.
    pub enforcers: Vec<String>,
    /// Plugins that are modules.
    pub modules: Vec<Module>,
}

/// What is to be checked: every open document by its address.
pub struct Job {
    /// The documents.
    pub documents: BTreeMap<String, Document>,
    /// The config that the command line names, where there is one.
    pub config: Option<PathBuf>,
}

/// What was found in a document.
pub enum Found {
    /// In a rule file.
    Rules(Vec<Finding>),
    /// In a config.
    Config(Vec<Fault>),
}

/// What came of a document.
pub struct Checked {
    /// The state of the document that was checked.
    pub version: i32,
    /// What was found.
    pub found: Found,
    /// What lies around it; `None` where its config or files could not be loaded.
    pub nearby: Arc<Nearby>,
}

/// Takes jobs until their sender is gone.
pub fn run(jobs: &Receiver<Job>, done: &Sender<BTreeMap<String, Checked>>) {
    while let Ok(mut job) = jobs.recv() {
        while let Ok(newer) = jobs.recv_timeout(Duration::from_millis(limits::LSP_REST_MILLIS)) {
            job = newer;
        }
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&job)));
        if done.send(checked.unwrap_or_default()).is_err() {
            return;
        }
    }
}

fn check(job: &Job) -> BTreeMap<String, Checked> {
    let mut results = BTreeMap::new();
    // Documents of one folder are loaded once.
    let mut loaded: BTreeMap<PathBuf, Arc<Loaded>> = BTreeMap::new();
    for (uri, document) in &job.documents {
        let version = document.version;
        let folder = document.path.as_deref().and_then(Path::parent);
        let folder = folder.map_or_else(|| PathBuf::from(uri), Path::to_owned);
        let around = loaded
            .entry(folder.clone())
            .or_insert_with(|| Arc::new(Loaded::new(job, &folder, uri, document)));
        let nearby = Arc::clone(&around.nearby);
        let found = match document.language {
            Language::Config => {
                Found::Config(config::parse(&document.text).err().unwrap_or_default())
            }
            Language::Rules => {
                let name = around.names.get(uri);
                let of = |finding: &&Finding| name.is_some_and(|name| *name == *finding.file);
                Found::Rules(around.findings.iter().filter(of).cloned().collect())
            }
        };
        results.insert(uri.clone(), Checked { version, found, nearby });
    }
    results
}

/// The rule files of a folder, loaded.
struct Loaded {
    findings: Vec<Finding>,
    /// The name that each open document has in findings.
    names: BTreeMap<String, String>,
    nearby: Arc<Nearby>,
}

impl Loaded {
    fn new(job: &Job, folder: &Path, uri: &str, document: &Document) -> Self {
        let config = config_of(job, folder);
        let mut files = files_of(&config, folder, document);
        let mut names = BTreeMap::new();
        for (other, open) in &job.documents {
            let here = other == uri || open.path.as_deref().and_then(Path::parent) == Some(folder);
            if open.language == Language::Rules {
                take(&mut files, other, open, here, &mut names);
            }
        }
        let texts: Vec<RuleFile> = files.files.clone();
        let set = rule_set::load_files(&config, files, &BTreeMap::new(), 0);
        let nearby = Arc::new(nearby(&config, &texts, set.loaded.set.rules()));
        Self { findings: set.loaded.findings, names, nearby }
    }
}

/// Puts an open document's text in the place of what is on disk; where it isn't among the files, and
/// belongs to them, it is added.
fn take(
    files: &mut RuleFiles,
    uri: &str,
    open: &Document,
    here: bool,
    names: &mut BTreeMap<String, String>,
) {
    let path = open.path.as_deref();
    let same = |file: &&mut RuleFile| path.is_some_and(|path| is_same(Path::new(&file.path), path));
    if let Some(file) = files.files.iter_mut().find(same) {
        file.text.clone_from(&open.text);
        names.insert(uri.to_owned(), file.path.clone());
    } else if here {
        let name = path.map_or_else(|| uri.to_owned(), |path| path.display().to_string());
        files.files.push(RuleFile { path: name.clone(), text: open.text.clone() });
        names.insert(uri.to_owned(), name);
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The config for a folder: the one that the command line names, else the nearest `riposte.toml`
/// in it or above; as it is in the editor, where it is open. One with faults counts as none.
fn config_of(job: &Job, folder: &Path) -> Config {
    let nearest = folder.ancestors().map(|folder| folder.join("riposte.toml"));
    let nearest = nearest.take(64).find(|path| folder.is_absolute() && path.is_file());
    let Some(path) = job.config.clone().or(nearest) else { return Config::default() };
    let mut open = job.documents.values().filter(|one| one.language == Language::Config);
    let text = match open.find(|one| one.path.as_deref().is_some_and(|at| is_same(at, &path))) {
        Some(document) => Some(document.text.clone()),
        None => std::fs::read_to_string(&path).ok(),
    };
    let Some(mut config) = text.and_then(|text| config::parse(&text).ok()) else {
        return Config::default();
    };
    config.resolve_paths(path.parent().unwrap_or(Path::new(".")));
    config
}

/// The files that belong together: those of the config where it names the document's folder or
/// file, else those of the folder.
fn files_of(config: &Config, folder: &Path, document: &Document) -> RuleFiles {
    let Some(path) = &document.path else { return RuleFiles::default() };
    let named = config.rules.paths.iter().any(|at| is_same(at, folder) || is_same(at, path));
    if named || document.language == Language::Config {
        return read_rules(&config.rules);
    }
    let entries = std::fs::read_dir(folder).map(|entries| {
        let paths = entries.flatten().map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "rhai"))
    });
    let mut paths: Vec<PathBuf> = entries
        .map(|paths| paths.take(limits::LSP_FOLDER_FILES_MAX + 1).collect())
        .unwrap_or_default();
    paths.sort();
    if paths.len() > limits::LSP_FOLDER_FILES_MAX {
        return RuleFiles::default();
    }
    read_rules_from(&paths)
}

fn nearby(config: &Config, files: &[RuleFile], rules: &[Rule]) -> Nearby {
    let actions = &config.actions;
    let plugins = config::read_plugins(config);
    let mut kinds: Vec<String> = config.sources.iter().filter_map(|one| one.kind.clone()).collect();
    let mut infos: Vec<RuleInfo> = rules.iter().map(info).collect();
    for file in files {
        let found = outline(&file.text, &scan(&file.text));
        kinds.extend(found.emitted.iter().cloned());
        // A file with a fault has no rules for now, and its names are meant all the same.
        for rule in found.all(super::outline::What::Rule) {
            if !infos.iter().any(|info| info.name == rule.name) {
                let before = file.text.get(..rule.whole.start).unwrap_or_default();
                infos.push(RuleInfo {
                    name: rule.name.clone(),
                    path: on_disk(&file.path),
                    line: memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1,
                    said: format!("Rule `{}`, in a file with a fault.", rule.name),
                });
            }
        }
    }
    kinds.sort();
    kinds.dedup();
    Nearby {
        rules: infos,
        kinds,
        fields: config
            .sources
            .iter()
            .flat_map(|one| one.fields.keys().cloned())
            .chain(crate::pipeline::plugins::added_fields(&plugins.enabled))
            .collect(),
        channels: actions.channels.iter().map(|one| one.name.clone()).collect(),
        webhooks: actions.webhooks.iter().map(|one| one.name.clone()).collect(),
        programs: actions.programs.iter().map(|one| one.name.clone()).collect(),
        sources: config.sources.iter().map(|one| one.name.clone()).collect(),
        enforcers: actions.enforcer_names().into_iter().map(str::to_owned).collect(),
        modules: plugins.modules.iter().map(module).collect(),
    }
}

fn on_disk(path: &str) -> Option<PathBuf> {
    Path::new(path).canonicalize().ok()
}

/// A rule in words: what it listens to, counts and costs.
fn info(rule: &Rule) -> RuleInfo {
    let kinds: Vec<String> = rule.kinds.iter().map(|kind| format!("`{kind}`")).collect();
    let kinds = if kinds.is_empty() { "events of every kind".to_owned() } else { kinds.join(", ") };
    let key = if rule.key.is_empty() { "all together" } else { rule.key.as_str() };
    let cost = match &rule.lowered {
        Ok(()) => "native, some nanoseconds an event".to_owned(),
        Err(why) => format!("script, about a microsecond an event: {why}"),
    };
    let mode = match rule.mode {
        Mode::Enforce => "enforce",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    };
    let said = format!(
        "Rule **`{}`** ({mode})\n\n{}\n\n- listens to: {kinds}\n- counts by: {key}\n- window: {}\n- cost class: {cost}",
        rule.name,
        rule.summary,
        rule.window_words(),
    );
    RuleInfo { name: rule.name.to_string(), path: on_disk(&rule.file), line: rule.line, said }
}
