//! What can be said of a rule file before any event comes: names that don't exist, fields that a
//! kind doesn't have, predicates that aren't pure, words that don't parse, things that the config
//! doesn't have. By walking the syntax trees; nothing runs.
//!
//! In: a file that has been run once. Out: notes with places. Errors keep the file out; warnings
//! don't.

mod calls;
mod fields;
mod literals;
mod rules;

use fields::comparison;
use super::book::Entry;
use super::draft::{Closure, Draft, KeyPartDraft, Quantity};
use super::finding::{Note, Severity};
use super::load::FileDraft;
use super::settings::Known;
use super::syntax::{Function, functions, walk};
use crate::event::Kind;
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
    pub modules: &'c BTreeSet<String>,
    /// Kinds that rules emit, as far as they are written out.
    pub emitted: &'c BTreeSet<String>,
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
        ASTNode::Expr(Expr::FnCall(expr, position)) | ASTNode::Stmt(Stmt::FnCall(expr, position)) => {
            Some(Call { expr, position: *position, method: false })
        }
        ASTNode::Expr(Expr::MethodCall(expr, position)) => Some(Call { expr, position: *position, method: true }),
        _ => None,
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
    rests.filter_map(|rest| Some(rest.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned())).collect()
}

impl Checker<'_> {
    /// Checks a rule file.
    pub(super) fn file(&self, file: &FileDraft) -> Vec<Note> {
        let functions = functions(&file.unit.ast);
        let facts = facts(&functions, file);
        let mut notes = Vec::new();
        for function in &functions {
            let Some(facts) = facts.get(&key(function)) else { continue };
            let mut found = Vec::new();
            self.function(function, facts, &functions, file, &mut found);
            if facts.roles.iter().all(|role| *role == Role::Test) && !facts.roles.is_empty() {
                // A mistake in a test doesn't keep the rules out.
                found.iter_mut().for_each(|note| note.severity = note.severity.min(Severity::Warning));
            }
            notes.extend(found);
        }
        for draft in &file.drafts {
            self.rule(draft, &functions, &mut notes);
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
                self.literals(&call, facts, notes);
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
    let Expr::DynamicConstant(value, position) = expr else { return };
    let Some(pointer) = value.read_lock::<rhai::FnPtr>() else { return };
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
    let Stmt::Assignment(assignment) = stmt else { return };
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
        notes.push(Note::error("event-assignment", position, format!("the event `{root}` can't be changed")));
    } else if !whole && facts.hits.contains_key(root) {
        notes.push(Note::error("event-assignment", position, format!("the hit `{root}` can't be changed")));
    }
}

type FunctionKey = (String, usize);

fn key(function: &Function) -> FunctionKey {
    (function.name.clone(), function.params.len())
}

/// What is known of each function: closures from their rules, named functions from their callers.
fn facts(functions: &[Function], file: &FileDraft) -> BTreeMap<FunctionKey, Facts> {
    let mut facts: BTreeMap<FunctionKey, Facts> = BTreeMap::new();
    let by_name: BTreeMap<FunctionKey, &Function> = functions.iter().map(|function| (key(function), function)).collect();
    let mut todo: Vec<FunctionKey> = Vec::new();
    let mut seed = |closure: &Closure, role: Role, kinds: &[Kind]| {
        for function in functions.iter().filter(|function| function.name == closure.name.as_str()) {
            let entry = facts.entry(key(function)).or_default();
            entry.roles.insert(role);
            let captured = closure.captured.len();
            entry.captured.extend(function.params.iter().take(captured).cloned());
            if let Some(param) = function.params.get(captured) {
                let held = if role == Role::Body { &mut entry.hits } else { &mut entry.events };
                if role != Role::Test {
                    merge(held.entry(param.clone()).or_insert_with(|| kinds.to_vec()), kinds);
                }
            }
            todo.push(key(function));
        }
    };
    for draft in &file.drafts {
        let kinds: Vec<Kind> = draft.kinds.iter().map(|(kind, _)| kind.clone()).collect();
        for closure in pure_closures(draft) {
            seed(closure, Role::Pure, &kinds);
        }
        if let Some(body) = &draft.then {
            seed(body, Role::Body, &kinds);
        }
    }
    file.collected.timers.iter().for_each(|timer| seed(&timer.body, Role::Body, &[]));
    file.collected.tests.iter().for_each(|test| seed(&test.body, Role::Test, &[]));
    let mut rounds = 0;
    while let Some(caller) = todo.pop() {
        // Each step adds a fact, and there are few; the bound is for certainty.
        rounds += 1;
        if rounds > functions.len() * 64 {
            break;
        }
        let (Some(function), Some(from)) = (by_name.get(&caller), facts.get(&caller).cloned()) else { continue };
        for (callee, learned) in learned_from(function, &from, functions) {
            let entry = facts.entry(callee.clone()).or_default();
            let before = format!("{entry:?}");
            entry.roles.extend(&learned.roles);
            for (param, kinds) in &learned.events {
                merge(entry.events.entry(param.clone()).or_insert_with(|| kinds.clone()), kinds);
            }
            for (param, kinds) in &learned.hits {
                merge(entry.hits.entry(param.clone()).or_insert_with(|| kinds.clone()), kinds);
            }
            if before != format!("{entry:?}") {
                todo.push(callee);
            }
        }
    }
    facts
}

/// Adds kinds; none means any, and stays.
fn merge(into: &mut Vec<Kind>, kinds: &[Kind]) {
    if kinds.is_empty() {
        into.clear();
    } else if !into.is_empty() {
        for kind in kinds {
            if !into.contains(kind) {
                into.push(kind.clone());
            }
        }
    }
}

/// What a function's calls tell of those it calls.
fn learned_from(function: &Function, from: &Facts, functions: &[Function]) -> Vec<(FunctionKey, Facts)> {
    let mut out = Vec::new();
    walk(&function.ast, &mut |path| {
        let Some(node) = path.last() else { return };
        // A closure within it.
        let mut inner: Option<String> = None;
        if let ASTNode::Expr(Expr::DynamicConstant(value, _)) = node
            && let Some(pointer) = value.read_lock::<rhai::FnPtr>()
        {
            inner = Some(pointer.fn_name().to_owned());
        }
        if let Some(call) = call_of(node) {
            if call.expr.name == "Fn" {
                inner = literal(call.expr.args.first()).map(|(name, _)| name.to_owned());
            }
            let args = call.expr.args.as_slice();
            for callee in functions.iter().filter(|callee| callee.name == call.expr.name.as_str() && callee.params.len() == args.len()) {
                let mut learned = Facts { roles: from.roles.clone(), ..Facts::default() };
                for (param, arg) in callee.params.iter().zip(args) {
                    if let Expr::Variable(variable, ..) = arg {
                        if let Some(kinds) = from.events.get(variable.1.as_str()) {
                            learned.events.insert(param.clone(), kinds.clone());
                        } else if let Some(kinds) = from.hits.get(variable.1.as_str()) {
                            learned.hits.insert(param.clone(), kinds.clone());
                        }
                    }
                }
                out.push((key(callee), learned));
            }
        }
        if let Some(name) = inner {
            let facts = Facts { roles: from.roles.clone(), ..Facts::default() };
            out.extend(functions.iter().filter(|callee| callee.name == name).map(|callee| (key(callee), facts.clone())));
        }
    });
    out
}

/// A rule's closures that must be pure.
fn pure_closures(draft: &Draft) -> Vec<&Closure> {
    let mut closures: Vec<&Closure> = draft.when.iter().collect();
    for part in draft.key.iter().flat_map(|(parts, _)| parts) {
        if let KeyPartDraft::Closure(closure) = part {
            closures.push(closure);
        }
    }
    if let Some((window, _)) = &draft.window {
        closures.extend(&window.tests);
        if let Some(Quantity::Closure(closure)) = &window.quantity {
            closures.push(closure);
        }
    }
    closures
}
