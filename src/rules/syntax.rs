//! Looks at rule files as syntax trees: finds names and places, and makes fingerprints that don't
//! change when lines move. The one place that knows the shape of Rhai's tree (pinned to 1.27.0).

use super::draft::{Closure, Draft, KeyPartDraft, Quantity};
use super::finding::Note;
use crate::windows::WindowSpec;
use regex::Regex;
use rhai::{AST, ASTNode, Expr, Module, Position, ScriptFuncDef, Shared, Stmt};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Walks statements and functions; `visit` gets each node with the nodes above it.
pub(super) fn walk(ast: &AST, visit: &mut dyn FnMut(&[ASTNode<'_>])) {
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        visit(path);
        true
    });
}

/// A tree of some functions of another one. They are shared with it: `clone_functions_only` copies
/// all of a file's functions, which takes longer than reading the file when each closure asks.
fn only<'a>(functions: impl Iterator<Item = &'a Shared<ScriptFuncDef>>) -> AST {
    let mut module = Module::new();
    for function in functions {
        module.set_script_fn(Shared::clone(function));
    }
    AST::new_from_module(module)
}

/// One function of a file as a tree of its own.
pub(super) fn function(ast: &AST, name: &str) -> AST {
    only(ast.iter_fn_def().filter(|function| function.name == name))
}

/// Whether a file has a function of that name.
pub(super) fn has_function(ast: &AST, name: &str) -> bool {
    ast.iter_fn_def().any(|function| function.name == name)
}

/// The numbers of parameters that functions of that name take.
pub(super) fn arities(ast: &AST, name: &str) -> Vec<usize> {
    let functions = ast.iter_fn_def().filter(|function| function.name == name);
    functions.map(|function| function.params.len()).collect()
}

/// The names of the parameters of the first function of that name, or of the one that takes so many.
pub(super) fn parameters(ast: &AST, name: &str, count: Option<usize>) -> Option<Vec<String>> {
    let mut functions = ast.iter_fn_def().filter(|function| function.name == name);
    let found =
        functions.find(|function| count.is_none_or(|count| function.params.len() == count))?;
    Some(found.params.iter().map(ToString::to_string).collect())
}

/// The statements of one function of a file, told by its name and how many parameters it has.
pub(super) fn body(ast: &AST, name: &str, parameters: usize) -> Vec<Stmt> {
    let only = only(
        ast.iter_fn_def()
            .filter(|function| function.name == name && function.params.len() == parameters),
    );
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
        for function_name in ast.iter_fn_def().map(|function| function.name.as_str()) {
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
pub(super) fn functions(ast: &AST) -> Vec<Function> {
    let mut found: Vec<Function> = ast
        .iter_fn_def()
        .map(|function| Function {
            name: function.name.to_string(),
            params: function.params.iter().map(ToString::to_string).collect(),
            ast: only(std::iter::once(function)),
        })
        .collect();
    found.sort_by(|left, right| (&left.name, &left.params).cmp(&(&right.name, &right.params)));
    found
}
