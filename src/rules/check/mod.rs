//! What can be said of a rule file before any event comes: names that don't exist, fields that a
//! kind doesn't have, predicates that aren't pure, words that don't parse, things that the config
//! doesn't have. By walking the syntax trees; nothing runs.
//!
//! In: a file that has been run once. Out: notes with places. Errors keep the file out; warnings
//! don't.

mod calls;
mod cloudflare;
mod facts;
mod fields;
mod literals;
mod modules;
mod rules;
mod signatures;

use super::book::{Entry, Place, namespaces};
use super::finding::{Note, Severity, did_you_mean};
use super::load::FileDraft;
use super::settings::Known;
use super::syntax::{Function, functions, walk};
use crate::event::Kind;
use facts::facts;
use fields::comparison;
pub(super) use modules::{Modules, namesakes};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// What a function is called as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Pure,
    Body,
    Test,
}

/// What is known of a function from those who call it.
#[derive(Debug, Clone, Default)]
struct Facts {
    roles: BTreeSet<Role>,
    /// Parameters that hold an event, and the kinds it may be of; none means any kind.
    events: BTreeMap<String, Vec<Kind>>,
    /// Parameters that hold a hit, and the kinds of its rule.
    hits: BTreeMap<String, Vec<Kind>>,
    /// Parameters that were captured.
    captured: BTreeSet<String>,
}

/// Everything that check looks at.
pub(super) struct Checker<'c> {
    pub known: &'c Known,
    pub book: &'c [Entry],
    /// Names of plugins that are modules.
    pub modules: &'c Modules,
    /// Kinds that rules emit, as far as they are written out.
    pub emitted: &'c BTreeSet<String>,
    /// Whether the text has the marks of coverage.
    pub is_marked: bool,
}

/// A call in a tree.
struct Call<'t> {
    expr: &'t FnCallExpr,
    position: Position,
    /// Whether it is written `x.f()`; then the arguments leave `x` out.
    method: bool,
}

/// The call that a node is.
fn call_of<'t>(node: &ASTNode<'t>) -> Option<Call<'t>> {
    match node {
        ASTNode::Expr(Expr::FnCall(expr, position))
        | ASTNode::Stmt(Stmt::FnCall(expr, position)) => {
            Some(Call { expr, position: *position, method: false })
        }
        ASTNode::Expr(Expr::MethodCall(expr, position)) => {
            Some(Call { expr, position: *position, method: true })
        }
        _ => None,
    }
}

/// Says which module was likely meant.
fn did_you_mean_module<'m>(
    note: Note,
    module: &str,
    known: impl Iterator<Item = &'m String>,
) -> Note {
    let own = namespaces().map(|(name, _)| name);
    match did_you_mean(module, known.map(String::as_str).chain(own)) {
        Some(near) => note.hint(format!("did you mean `{near}`?")),
        None => note.hint(
            "modules are plugins in Rhai, called by the name of their folder, and used when the config has `[plugins.NAME]`",
        ),
    }
}

/// The text that an argument is, where it is written out.
fn literal(expr: Option<&Expr>) -> Option<(&str, Position)> {
    match expr {
        Some(Expr::StringConstant(text, position)) => Some((text, *position)),
        _ => None,
    }
}

/// Kinds that calls of `emit` name in a text, before it is parsed.
pub(super) fn emitted_kinds(text: &str) -> BTreeSet<String> {
    let rests = text.split("emit(").skip(1);
    rests
        .filter_map(|rest| Some(rest.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned()))
        .collect()
}

impl Checker<'_> {
    /// Checks a rule file.
    pub(super) fn file(&self, file: &FileDraft) -> Vec<Note> {
        let functions = functions(&file.unit.ast);
        let facts = facts(&functions, file, &|kind| self.meant_kind(kind));
        let mut notes = Vec::new();
        for function in &functions {
            let Some(facts) = facts.get(&key(function)) else {
                continue;
            };
            let mut found = Vec::new();
            self.function(function, facts, &functions, file, &mut found);
            if facts.roles.iter().all(|role| *role == Role::Test) && !facts.roles.is_empty() {
                // A mistake in a test doesn't keep the rules out.
                for note in &mut found {
                    note.severity = note.severity.min(Severity::Warning);
                }
            }
            notes.extend(found);
        }
        let is_whole = !file.collected.notes.iter().any(|note| note.code == "load");
        for draft in &file.drafts {
            self.rule(draft, is_whole, &functions, &mut notes);
        }
        dedup(&mut notes);
        notes
    }

    /// Checks a plugin: only names, since nobody knows what calls it.
    pub(super) fn module(&self, ast: &rhai::AST) -> Vec<Note> {
        let functions = functions(ast);
        let facts = Facts { roles: BTreeSet::from([Role::Body]), ..Facts::default() };
        let mut notes = Vec::new();
        for function in &functions {
            walk(&function.ast, &mut |path| {
                if let Some(call) = path.last().and_then(call_of) {
                    self.call(&call, path, &facts, &functions, &mut notes);
                }
            });
        }
        dedup(&mut notes);
        notes
    }

    /// Whether a call is one on the `t` of a test, whose functions may share a name with those of
    /// bodies (`t.geo` tells what `geo` finds).
    fn is_of_the_bench(&self, call: &Call<'_>, facts: &Facts) -> bool {
        let name = call.expr.name.as_str();
        call.method
            && facts.roles.contains(&Role::Test)
            && self.book.iter().any(|entry| entry.place == Place::Test && entry.name == name)
    }

    fn function(
        &self,
        function: &Function,
        facts: &Facts,
        functions: &[Function],
        file: &FileDraft,
        notes: &mut Vec<Note>,
    ) {
        walk(&function.ast, &mut |path| {
            let Some(node) = path.last() else { return };
            if let Some(call) = call_of(node) {
                self.call(&call, path, facts, functions, notes);
                let own = functions.iter().any(|function| function.name == call.expr.name.as_str());
                if !own && !self.is_of_the_bench(&call, facts) {
                    signatures::signature(&call, notes);
                }
                // The texts of a call whose name is a slip are looked at as those of the right one.
                let meant = self.meant(&call, functions);
                let Call { position, method, .. } = call;
                let as_meant = Call { expr: meant.as_ref().unwrap_or(call.expr), position, method };
                self.literals(&as_meant, facts, notes);
                comparison(&call, facts, notes);
            }
            match node {
                ASTNode::Expr(expr) => {
                    self.variable(expr, function, functions, file, notes);
                    self.property(expr, facts, notes);
                    pointer(expr, functions, notes);
                }
                ASTNode::Stmt(stmt) => assignment(stmt, facts, notes),
                _ => {}
            }
        });
    }
}

/// `Fn("name")` names functions of the file only: else what a body calls could not be told.
fn pointer(expr: &Expr, functions: &[Function], notes: &mut Vec<Note>) {
    let Expr::DynamicConstant(value, position) = expr else {
        return;
    };
    let Some(pointer) = value.read_lock::<rhai::FnPtr>() else {
        return;
    };
    let name = pointer.fn_name();
    if !name.starts_with("anon$") && !functions.iter().any(|function| function.name == name) {
        notes.push(calls::foreign_pointer(*position));
    }
}

/// A note is told once, though a closure may be walked twice.
fn dedup(notes: &mut Vec<Note>) {
    let mut seen: Vec<Note> = Vec::with_capacity(notes.len());
    for note in notes.drain(..) {
        if !seen.contains(&note) {
            seen.push(note);
        }
    }
    *notes = seen;
}

/// Captured variables are frozen, events and hits can't be changed.
fn assignment(stmt: &Stmt, facts: &Facts, notes: &mut Vec<Note>) {
    let Stmt::Assignment(assignment) = stmt else {
        return;
    };
    let (root, whole) = match &assignment.1.lhs {
        Expr::Variable(variable, ..) => (variable.1.as_str(), true),
        Expr::Dot(dot, ..) | Expr::Index(dot, ..) => match &dot.lhs {
            Expr::Variable(variable, ..) => (variable.1.as_str(), false),
            _ => return,
        },
        _ => return,
    };
    let position = assignment.0.position();
    if facts.captured.contains(root) {
        notes.push(
            Note::error("captured-assignment", position, format!("`{root}` was captured by the closure and can't be assigned to"))
                .hint("what a closure captures is frozen at load; in a body keep values with `state::set`"),
        );
    } else if !whole && facts.events.contains_key(root) {
        let message = format!("the event `{root}` can't be changed");
        let note = Note::error("event-assignment", position, message);
        notes.push(note.hint("`=` assigns; to compare, write `==`"));
    } else if !whole && facts.hits.contains_key(root) {
        notes.push(Note::error(
            "event-assignment",
            position,
            format!("the hit `{root}` can't be changed"),
        ));
    }
}

type FunctionKey = (String, usize);

fn key(function: &Function) -> FunctionKey {
    (function.name.clone(), function.params.len())
}
