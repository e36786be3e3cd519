//! Calls and variables: whether what is named exists, and whether it may be called there.

use super::{Call, Checker, Facts, Role, literal};
use crate::rules::book::Place;
use crate::rules::branches::MARK;
use crate::rules::engine::REFUSED;
use crate::rules::finding::{Note, did_you_mean};
use crate::rules::load::FileDraft;
use crate::rules::names;
use crate::rules::syntax::Function;
use rhai::{ASTNode, Expr, FnCallExpr, Position};

impl Checker<'_> {
    /// Checks a call.
    pub(super) fn call(
        &self,
        call: &Call<'_>,
        path: &[ASTNode<'_>],
        facts: &Facts,
        functions: &[Function],
        notes: &mut Vec<Note>,
    ) {
        let name = call.expr.name.as_str();
        let position = call.position;
        if !call.expr.namespace.is_empty() {
            let module = call.expr.namespace.to_string();
            let module = module.trim_end_matches(':');
            self.module_call(module, call, facts, notes);
            return;
        }
        if call.expr.is_operator_call() || (self.is_marked && name == MARK) {
            return;
        }
        if name == "Fn" {
            let known = literal(call.expr.args.first()).is_some_and(|(text, _)| {
                text.starts_with("anon$") || functions.iter().any(|function| function.name == text)
            });
            if !known {
                notes.push(foreign_pointer(position));
            }
            return;
        }
        if functions.iter().any(|function| function.name == name) {
            return;
        }
        if call.method {
            changed_capture(name, path, position, facts, notes);
        }
        if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            notes.push(
                Note::error("not-available", position, format!("`{name}` is not available"))
                    .hint(*instead),
            );
            return;
        }
        let places: Vec<Place> =
            self.book.iter().filter(|entry| entry.name == name).map(|entry| entry.place).collect();
        if !allowed(&places, name, facts) {
            if names::is_standard(name) {
                return;
            }
            if places.is_empty() {
                self.unknown_function(call, path, facts, functions, notes);
            } else {
                notes.push(misplaced(name, &places, position, facts));
            }
        }
    }

    /// A call as it was most likely meant, where its name is a slip.
    pub(super) fn meant(&self, call: &Call<'_>, functions: &[Function]) -> Option<FnCallExpr> {
        let name = call.expr.name.as_str();
        let is_known = !call.expr.namespace.is_empty()
            || call.expr.is_operator_call()
            || names::is_standard(name)
            || functions.iter().any(|function| function.name == name)
            || self.book.iter().any(|entry| entry.name == name);
        if is_known {
            return None;
        }
        let near = did_you_mean(name, self.book.iter().map(|entry| entry.name))?;
        let mut expr = call.expr.clone();
        expr.name = near.into();
        Some(expr)
    }

    fn unknown_function(
        &self,
        call: &Call<'_>,
        path: &[ASTNode<'_>],
        facts: &Facts,
        functions: &[Function],
        notes: &mut Vec<Note>,
    ) {
        let name = call.expr.name.as_str();
        let message = format!("there is no function `{name}`");
        // A map may hold a closure under that name; of an event's fields we know better.
        let sure = !call.method
            || receiver(path).is_none_or(|root| {
                facts.events.contains_key(root) || facts.hits.contains_key(root)
            });
        let note = if sure {
            Note::error("unknown-function", call.position, message)
        } else {
            Note::warning("unknown-function", call.position, message)
        };
        let known =
            self.book.iter().map(|entry| entry.name).chain(names::STANDARD.iter().copied()).chain(
                functions
                    .iter()
                    .map(|function| function.name.as_str())
                    .filter(|name| !name.starts_with("anon$")),
            );
        notes.push(match did_you_mean(name, known) {
            Some(near) => note.hint(format!("did you mean `{near}`?")),
            None => note,
        });
    }

    fn module_call(&self, module: &str, call: &Call<'_>, facts: &Facts, notes: &mut Vec<Note>) {
        let (name, position) = (call.expr.name.as_str(), call.position);
        match module {
            "cf" => self.cloudflare_call(call, facts, notes),
            "state" => {
                let known = ["get", "set", "add"];
                if !known.contains(&name) {
                    notes.push(
                        Note::error(
                            "unknown-function",
                            position,
                            format!("there is no function `state::{name}`"),
                        )
                        .hint("there are `state::get`, `state::set` and `state::add`"),
                    );
                } else if facts.roles.contains(&Role::Pure) {
                    notes.push(impure(&format!("state::{name}"), position));
                }
            }
            "global" => {}
            other => {
                let pure = facts.roles.contains(&Role::Pure);
                let arguments = call.expr.args.len();
                self.plugin_call(other, name, arguments, position, pure, notes);
            }
        }
    }

    /// Checks a variable.
    pub(super) fn variable(
        &self,
        expr: &Expr,
        function: &Function,
        functions: &[Function],
        file: &FileDraft,
        notes: &mut Vec<Note>,
    ) {
        let Expr::Variable(variable, short, position) = expr else {
            return;
        };
        let name = variable.1.as_str();
        if !variable.2.is_empty() {
            let module = variable.2.to_string();
            let module = module.trim_end_matches(':');
            if module != "global" && !self.modules.contains_key(module) {
                notes.push(Note::error(
                    "unknown-module",
                    *position,
                    format!("there is no module `{module}`"),
                ));
            }
            return;
        }
        // What a closure captured is a parameter, but the tree doesn't say where it lies.
        if short.is_some()
            || variable.0.is_some()
            || function.params.iter().any(|param| param == name)
        {
            return;
        }
        let is_constant = file.unit.constants.contains_key(name) || matches!(name, "PI" | "E");
        if is_constant || functions.iter().any(|function| function.name == name) {
            return;
        }
        let note = Note::error(
            "unknown-variable",
            *position,
            format!("there is no variable `{name}` here"),
        );
        let near =
            did_you_mean(name, file.unit.constants.keys().map(rhai::ImmutableString::as_str));
        notes.push(match near {
            Some(near) => note.hint(format!("did you mean `{near}`?")),
            None => note
                .hint("functions see their parameters and the file's constants (`const NAME = …`)"),
        });
    }
}

/// What is said of `Fn(…)` on anything but a function of the file.
pub(super) fn foreign_pointer(position: Position) -> Note {
    Note::error("not-available", position, "`Fn(…)` names functions of the file only".to_owned())
        .hint("write a closure, as in `|x| block(x, \"1h\")`")
}

fn allowed(places: &[Place], name: &str, facts: &Facts) -> bool {
    if places.contains(&Place::Pure) {
        return true;
    }
    // `log` and `tag` are Rhai's own too, but what is meant is ours.
    let ours = |role: &Role| match role {
        Role::Pure => false,
        Role::Body => places.contains(&Place::Body),
        Role::Test => places.contains(&Place::Test),
    };
    !facts.roles.is_empty() && facts.roles.iter().all(ours) && !name.is_empty()
}

fn misplaced(name: &str, places: &[Place], position: Position, facts: &Facts) -> Note {
    if places.contains(&Place::Body) && facts.roles.contains(&Role::Pure) {
        return impure(name, position);
    }
    let text = if places.contains(&Place::Test) {
        format!("`{name}` can be called on the `t` of a test only")
    } else if places.contains(&Place::Body) {
        format!("`{name}` can be called in bodies only")
    } else {
        format!("`{name}` can be called at the top level of the file only")
    };
    Note::error("misplaced", position, text)
}

pub(super) fn impure(name: &str, position: Position) -> Note {
    Note::error(
        "impure",
        position,
        format!("`{name}` can't be called in a predicate or key: they are pure"),
    )
    .hint("call it in the body (`then`)")
}

/// The variable that a chain of `.` begins with, of the chain that a method call ends.
fn receiver<'t>(path: &[ASTNode<'t>]) -> Option<&'t str> {
    let mut root = None;
    for node in path.iter().rev().skip(1) {
        match node {
            ASTNode::Expr(Expr::Dot(dot, ..)) => match &dot.lhs {
                Expr::Variable(variable, ..) => return Some(variable.1.as_str()),
                Expr::Property(..) | Expr::MethodCall(..) => root = None,
                _ => return None,
            },
            _ => return root,
        }
    }
    root
}

fn changed_capture(
    name: &str,
    path: &[ASTNode<'_>],
    position: Position,
    facts: &Facts,
    notes: &mut Vec<Note>,
) {
    if names::CHANGING.contains(&name)
        && let Some(root) = receiver(path)
        && facts.captured.contains(root)
    {
        notes.push(
            Note::warning("captured-change", position, format!("`{name}` changes a copy of the captured `{root}` that is forgotten at once"))
                .hint("what a closure captures is frozen at load; in a body keep values with `state::set`"),
        );
    }
}
