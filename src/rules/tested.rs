//! Test files: `NAME.test.rhai` holds tests alone, of the rules in `NAME.rhai` beside it, or of the
//! files that its `tests_of(…)` names. The daemon never loads one.
//!
//! In: paths and names. Out: which files a test is about.

use super::finding::Note;
use super::load::FileDraft;
use super::settings::RuleFile;
use super::syntax;
use crate::event::text;
use rhai::{ASTNode, Engine, Expr, Position, Stmt};
use std::path::Path;
use std::sync::Arc;

/// How the name of a test file ends.
const ENDING: &str = ".test.rhai";

impl RuleFile {
    /// Whether it is a test file: its name ends in `.test.rhai`.
    pub fn is_test(&self) -> bool {
        is_test(&self.path)
    }

    /// The files that a test file is about, as paths beside it, whether they exist or not: what
    /// `tests_of` names, else `NAME.rhai` beside it. A folder stands for itself.
    pub fn tested_paths(&self) -> Vec<String> {
        let named = named(&self.text);
        if named.is_empty() {
            return self
                .path
                .strip_suffix(ENDING)
                .map(|stem| format!("{stem}.rhai"))
                .into_iter()
                .collect();
        }
        named.iter().map(|name| beside(&self.path, name)).collect()
    }
}

/// Whether a path is that of a test file.
pub fn is_test(path: &str) -> bool {
    path.ends_with(ENDING)
}

/// A path relative to the folder of a file.
fn beside(file: &str, name: &str) -> String {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    if name == "." {
        return folder.display().to_string();
    }
    folder.join(name.strip_prefix("./").unwrap_or(name)).display().to_string()
}

/// The names that calls of `tests_of` write out; none where the text doesn't parse.
fn named(text: &str) -> Vec<String> {
    let mut engine = Engine::new_raw();
    engine.set_max_expr_depths(64, 48);
    let Ok(ast) = engine.compile(text) else { return Vec::new() };
    let mut names = Vec::new();
    syntax::walk(&ast, &mut |path| {
        let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) =
            path.last()
        else {
            return;
        };
        if call.name == "tests_of" {
            for argument in &call.args {
                gather(argument, &mut names);
            }
        }
    });
    names
}

fn gather(expr: &Expr, names: &mut Vec<String>) {
    match expr {
        Expr::StringConstant(name, _) => names.push(name.to_string()),
        Expr::Array(items, _) => items.iter().for_each(|item| gather(item, names)),
        Expr::DynamicConstant(value, _) => {
            let list = value.read_lock::<rhai::Array>();
            for item in list.iter().flat_map(|list| list.iter()) {
                names.extend(item.clone().into_string());
            }
        }
        _ => {}
    }
}

/// The files that the tests of a file are about, among all that were loaded; faults become notes.
pub(super) fn scope(
    file: &str,
    draft: &FileDraft,
    rule_files: &[Arc<str>],
    notes: &mut Vec<Note>,
) -> Vec<Arc<str>> {
    let mut scope = Vec::new();
    if !is_test(file) {
        scope.extend(rule_files.iter().filter(|path| &***path == file).cloned());
    }
    let mut named = draft.collected.tests_of.clone();
    if named.is_empty() && is_test(file) {
        let stem = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
        let sibling = stem.unwrap_or_default().replace(ENDING, ".rhai");
        named.push((sibling, Position::NONE));
    }
    for (name, position) in named {
        let found = find(file, &name, rule_files);
        if found.is_empty() {
            let known =
                rule_files.iter().filter_map(|path| Path::new(&**path).file_name()?.to_str());
            let hint = match text::nearest(&name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "name the rule files that it tests: `tests_of(\"wordpress.rhai\")`".to_owned()
                }
            };
            let message = if position.is_none() {
                format!("there is no `{name}` for these tests to be about")
            } else {
                format!("there is no rule file `{name}`")
            };
            notes.push(Note::error("no-tested-file", position, message).hint(hint));
        }
        scope.extend(found);
    }
    scope.dedup();
    scope
}

/// A rule file by name: beside the test file, in a folder there, or a shipped one; `*` is all.
fn find(file: &str, name: &str, rule_files: &[Arc<str>]) -> Vec<Arc<str>> {
    if name == "*" {
        return rule_files.to_vec();
    }
    let wanted = beside(file, name);
    let folder = Path::new(&wanted);
    let by = |test: &dyn Fn(&Path) -> bool| {
        rule_files.iter().filter(|path| test(Path::new(&***path))).cloned().collect::<Vec<_>>()
    };
    let mut found = by(&|path| path == folder);
    if found.is_empty() {
        found = by(&|path| path.parent() == Some(folder));
    }
    if found.is_empty() {
        let shipped = Path::new("rules").join(name);
        found = by(&|path| path == shipped);
    }
    found
}

/// What a test file must not declare.
pub(super) fn refuse_rules(file: &str, draft: &FileDraft) -> Vec<Note> {
    let home = file.strip_suffix(ENDING).and_then(|stem| Path::new(stem).file_name());
    let home = home.map(|stem| format!("{}.rhai", stem.to_string_lossy())).unwrap_or_default();
    let note = |code, position, what: &str| {
        Note::error(code, position, format!("a test file declares no {what}")).hint(format!(
            "put it into a rule file, such as `{home}`: this one is never loaded by the daemon"
        ))
    };
    let rules = draft.drafts.iter().map(|rule| note("rule-in-test-file", rule.position, "rules"));
    let timers = draft.collected.timers.iter();
    let timers = timers.map(|timer| note("rule-in-test-file", timer.body.position, "timers"));
    rules.chain(timers).collect()
}
