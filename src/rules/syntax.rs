//! Looks at rule files as syntax trees: finds names and places, and makes fingerprints that don't
//! change when lines move. The one place that knows the shape of Rhai's tree (pinned to 1.27.0).

use super::draft::{Closure, Draft, KeyPartDraft, Quantity};
use super::finding::Note;
use crate::windows::WindowSpec;
use regex::Regex;
use rhai::{AST, ASTNode, Expr, Position, Stmt};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Walks statements and functions; `visit` gets each node with the nodes above it.
pub(super) fn walk(ast: &AST, visit: &mut dyn FnMut(&[ASTNode<'_>])) {
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        visit(path);
        true
    });
}

/// One function of a file as a tree of its own.
///
/// (`clone_functions_only_filtered` would be the way, but in 1.27.0 it ignores its filter.)
pub(super) fn function(ast: &AST, name: &str) -> AST {
    let mut only = ast.clone_functions_only();
    only.retain_functions(|_, _, function, _| function == name);
    only
}

/// The statements of one function of a file, told by its name and how many parameters it has.
pub(super) fn body(ast: &AST, name: &str, parameters: usize) -> Vec<Stmt> {
    let mut only = ast.clone_functions_only();
    only.retain_functions(|_, _, function, count| function == name && count == parameters);
    let mut body = Vec::new();
    walk(&only, &mut |path| {
        if let [ASTNode::Stmt(stmt)] = path {
            body.push((*stmt).clone());
        }
    });
    body
}

/// Gives notes on a value of a call the place of that value.
pub(super) fn place_arguments(ast: &AST, notes: &mut [Note]) {
    if notes.iter().all(|note| note.argument.is_none()) {
        return;
    }
    walk(ast, &mut |path| {
        let (call, position) = match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => (call, *position),
            _ => return,
        };
        for note in notes.iter_mut().filter(|note| note.position == position) {
            let value = note.argument.and_then(|place| match place {
                Note::LAST => call.args.last(),
                place => call.args.get(place),
            });
            let at = value.map_or(Position::NONE, Expr::start_position);
            // A closure's own place isn't in the tree: what is in it lies elsewhere.
            if !at.is_none() {
                note.position = at;
            }
            note.argument = None;
        }
    });
}

/// The names in calls of `rule("…")`, before the file has run.
pub(super) fn rule_names(ast: &AST) -> Vec<String> {
    let mut names = Vec::new();
    walk(ast, &mut |path| {
        let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) =
            path.last()
        else {
            return;
        };
        if call.name == "rule"
            && let [Expr::StringConstant(name, _)] = call.args.as_slice()
        {
            names.push(name.to_string());
        }
    });
    names
}

/// Where a function's body begins.
pub(super) fn function_position(ast: &AST, name: &str) -> Position {
    ast.iter_fn_def()
        .find(|function| function.name == name)
        .map_or(Position::NONE, |function| function.body.start_position())
}

/// A function's tree as text without places and without the names that depend on them.
pub(super) fn shape(ast: &AST, closure: &Closure, depth: usize) -> String {
    let mut text = String::new();
    let mut called: Vec<String> = Vec::new();
    walk(&function(ast, &closure.name), &mut |path| {
        let [node] = path else { return };
        // Writing to a String can't fail.
        match node {
            ASTNode::Stmt(stmt) => write!(text, "{stmt:?};"),
            ASTNode::Expr(expr) => write!(text, "{expr:?};"),
            _ => Ok(()),
        }
        .ok();
    });
    if depth > 0 {
        for function_name in ast.iter_functions().map(|function| function.name) {
            if function_name != closure.name.as_str()
                && text.contains(function_name)
                && !called.iter().any(|known| known == function_name)
            {
                called.push(function_name.to_owned());
            }
        }
    }
    called.sort();
    let mut out = without_places(&text);
    for name in called {
        let inner =
            Closure { name: name.as_str().into(), captured: Vec::new(), position: Position::NONE };
        out.push_str(&shape(ast, &inner, depth - 1));
    }
    for value in &closure.captured {
        write!(out, "{value:?},").ok();
    }
    out
}

/// Drops what depends on places in the file (` @ 12:3`, closures' names) or on the build (hashes).
fn without_places(text: &str) -> String {
    static PLACES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r" @ [0-9:()\-.]+|, [0-9]+:[0-9]+|anon\$[0-9a-f]+|hash: [0-9]+( \([a-z ]*\))?")
            .ok()
    });
    match &*PLACES {
        Some(places) => places.replace_all(text, "").into_owned(),
        None => text.to_owned(),
    }
}

/// Functions that call functions are followed this deep for a fingerprint.
const FOLLOWED_CALLS: usize = 4;

/// Of a rule's key, window and what they look at.
pub(super) fn window_fingerprint(draft: &Draft, spec: &WindowSpec, ast: &AST) -> u64 {
    let mut parts = vec![format!("{spec:?}")];
    for part in draft.key.iter().flat_map(|(parts, _)| parts) {
        parts.push(match part {
            KeyPartDraft::Field(field) => format!("field {field}"),
            KeyPartDraft::Prefix { field, v4, v6 } => format!("prefix {field} {v4:?} {v6:?}"),
            KeyPartDraft::Closure(closure) => shape(ast, closure, FOLLOWED_CALLS),
        });
    }
    if let Some((window, _)) = &draft.window {
        parts.extend(window.tests.iter().map(|test| shape(ast, test, FOLLOWED_CALLS)));
        parts.extend(window.quantity.as_ref().map(|quantity| match quantity {
            Quantity::Field(field) => format!("of {field}"),
            Quantity::Closure(closure) => shape(ast, closure, FOLLOWED_CALLS),
        }));
    }
    first_word(&Sha256::digest(parts.join("|").as_bytes()))
}

/// The first eight bytes of a digest as a number.
pub(super) fn first_word(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

/// A function or closure of a file, as a tree of its own.
pub(super) struct Function {
    pub name: String,
    pub params: Vec<String>,
    pub ast: AST,
}

/// All functions and closures of a file, each as a tree of its own.
///
/// The file is halved again and again, since a tree can only be made by leaving functions out.
pub(super) fn functions(ast: &AST) -> Vec<Function> {
    let mut names: Vec<(String, Vec<String>)> = ast
        .iter_functions()
        .map(|function| {
            let params = function.params.iter().map(|param| (*param).to_owned()).collect();
            (function.name.to_owned(), params)
        })
        .collect();
    names.sort();
    let mut out = Vec::with_capacity(names.len());
    split(&ast.clone_functions_only(), names, &mut out);
    out
}

fn split(ast: &AST, mut names: Vec<(String, Vec<String>)>, out: &mut Vec<Function>) {
    let wanted: HashSet<(&str, usize)> =
        names.iter().map(|(name, params)| (name.as_str(), params.len())).collect();
    let mut only = ast.clone();
    only.retain_functions(|_, _, name, params| wanted.contains(&(name, params)));
    if names.len() <= 1 {
        out.extend(names.into_iter().map(|(name, params)| Function {
            name,
            params,
            ast: only.clone(),
        }));
        return;
    }
    let rest = names.split_off(names.len() / 2);
    split(&only, names, out);
    split(&only, rest, out);
}
