//! What is known of each function of a file from those who call it: whether it must be pure, and
//! which of its parameters hold an event, a hit, or something captured.

use super::{Facts, FunctionKey, Role, call_of, key, literal};
use crate::event::Kind;
use crate::rules::draft::{Closure, Draft, KeyPartDraft, Quantity};
use crate::rules::load::FileDraft;
use crate::rules::syntax::{Function, walk};
use rhai::{ASTNode, Expr};
use std::collections::BTreeMap;

/// What is known of each function: closures from their rules, named functions from their callers.
/// `meant` gives the kind that a slip in a kind's name stands for.
pub(super) fn facts(
    functions: &[Function],
    file: &FileDraft,
    meant: &dyn Fn(&Kind) -> Kind,
) -> BTreeMap<FunctionKey, Facts> {
    let mut facts: BTreeMap<FunctionKey, Facts> = BTreeMap::new();
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
        let kinds: Vec<Kind> = draft.kinds.iter().map(|(kind, _)| meant(kind)).collect();
        for closure in pure_closures(draft) {
            seed(closure, Role::Pure, &kinds);
        }
        if let Some(body) = &draft.then {
            seed(body, Role::Body, &kinds);
        }
    }
    file.collected.timers.iter().for_each(|timer| seed(&timer.body, Role::Body, &[]));
    file.collected.tests.iter().for_each(|test| seed(&test.body, Role::Test, &[]));
    spread(functions, &mut facts, todo);
    facts
}

/// Carries what is known from callers to those they call, until nothing new is learned.
fn spread(
    functions: &[Function],
    facts: &mut BTreeMap<FunctionKey, Facts>,
    mut todo: Vec<FunctionKey>,
) {
    let by_name: BTreeMap<FunctionKey, &Function> =
        functions.iter().map(|function| (key(function), function)).collect();
    let mut rounds = 0;
    while let Some(caller) = todo.pop() {
        // Each step adds a fact, and there are few; the bound is for certainty.
        rounds += 1;
        if rounds > functions.len() * 64 {
            break;
        }
        let (Some(function), Some(from)) = (by_name.get(&caller), facts.get(&caller).cloned())
        else {
            continue;
        };
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
fn learned_from(
    function: &Function,
    from: &Facts,
    functions: &[Function],
) -> Vec<(FunctionKey, Facts)> {
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
            for callee in functions.iter().filter(|callee| {
                callee.name == call.expr.name.as_str() && callee.params.len() == args.len()
            }) {
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
            out.extend(
                functions
                    .iter()
                    .filter(|callee| callee.name == name)
                    .map(|callee| (key(callee), facts.clone())),
            );
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
