//! What is known of plugins that are modules: which functions they have, and which of these ask for
//! something, so that a call is checked where it is written.
//!
//! In: a module's tree. Out: its functions; notes on calls `NAME::f()`.

use super::{Checker, call_of, did_you_mean_module};
use crate::rules::book::{Place, namespaces};
use crate::rules::finding::{Note, did_you_mean};
use crate::rules::syntax::{functions, walk};
use rhai::{AST, ASTNode, Expr, FnAccess, Position};
use std::collections::{BTreeMap, BTreeSet};

/// The modules by name.
pub(in crate::rules) type Modules = BTreeMap<String, ModuleFacts>;

/// What is known of a module.
#[derive(Debug, Clone, Default)]
pub(in crate::rules) struct ModuleFacts {
    /// Its functions that others may call: name, how many arguments, whether it asks for something
    /// and so belongs in bodies.
    functions: BTreeMap<(String, usize), bool>,
    /// Its functions that it calls itself.
    helpers: BTreeSet<String>,
}

/// Names that a file can't give to its functions, and modules that it can't call together: while a
/// body runs, Rhai 1.27 keeps what an unqualified call meant by name and number of arguments alone,
/// so that the file's own function would be taken for the module's, or the other way round.
pub(in crate::rules) fn namesakes(modules: &Modules, ast: &AST, text: &str) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut helpers: BTreeMap<&str, &str> = BTreeMap::new();
    for (module, facts) in modules.iter().filter(|(name, _)| text.contains(name.as_str())) {
        for helper in &facts.helpers {
            if ast.iter_functions().any(|function| function.name == helper) {
                let position = crate::rules::syntax::function_position(ast, helper);
                let message = format!("the module `{module}` has a function `{helper}` too");
                notes.push(Note::error("api-name", position, message).hint(
                    "give it another name: a body that calls both would take one for the other",
                ));
            }
            if let Some(other) = helpers.insert(helper, module) {
                let message =
                    format!("the modules `{other}` and `{module}` both have a function `{helper}`");
                notes.push(Note::error("api-name", Position::NONE, message).hint(
                    "use one of them alone in a file: a body that calls both would take one for the other",
                ));
            }
        }
    }
    notes
}

impl Checker<'_> {
    /// Gathers what is known of a module.
    pub(in crate::rules) fn module_facts(&self, ast: &AST) -> ModuleFacts {
        let all = functions(ast);
        let mut acting: BTreeSet<String> = BTreeSet::new();
        let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for function in &all {
            let own = |name: &str| all.iter().any(|function| function.name == name);
            walk(&function.ast, &mut |path| {
                let Some(node) = path.last() else { return };
                if let ASTNode::Expr(Expr::DynamicConstant(value, _)) = node
                    && let Some(pointer) = value.read_lock::<rhai::FnPtr>()
                {
                    let called = pointer.fn_name().to_owned();
                    calls.entry(function.name.clone()).or_default().insert(called);
                }
                let Some(call) = call_of(node) else { return };
                let name = call.expr.name.as_str();
                if !call.expr.namespace.is_empty() {
                    let module = call.expr.namespace.to_string();
                    let module = module.trim_end_matches(':');
                    if namespaces().iter().any(|(name, _)| *name == module)
                        || self.acts(module, name, call.expr.args.len())
                    {
                        acting.insert(function.name.clone());
                    }
                } else if own(name) {
                    calls.entry(function.name.clone()).or_default().insert(name.to_owned());
                } else if self.is_of_bodies(name) {
                    acting.insert(function.name.clone());
                }
            });
        }
        // Whoever calls what asks, asks.
        loop {
            let before = acting.len();
            for (caller, called) in &calls {
                if called.iter().any(|name| acting.contains(name)) {
                    acting.insert(caller.clone());
                }
            }
            if acting.len() == before {
                break;
            }
        }
        let functions = ast
            .iter_functions()
            .filter(|function| function.access == FnAccess::Public)
            .filter(|function| !function.name.starts_with("anon$"))
            .map(|function| {
                let key = (function.name.to_owned(), function.params.len());
                (key, acting.contains(function.name))
            })
            .collect();
        let helpers = calls.into_values().flatten().filter(|name| !name.starts_with("anon$"));
        ModuleFacts { functions, helpers: helpers.collect() }
    }

    fn is_of_bodies(&self, name: &str) -> bool {
        let mut places = self.book.iter().filter(|entry| entry.name == name).map(|one| one.place);
        places.clone().any(|place| place == Place::Body) && places.all(|one| one != Place::Pure)
    }

    fn acts(&self, module: &str, name: &str, arguments: usize) -> bool {
        let facts = self.modules.get(module);
        facts
            .and_then(|facts| facts.functions.get(&(name.to_owned(), arguments)))
            .is_some_and(|acts| *acts)
    }

    /// Checks a call of a module's function; `pure` where it stands in a predicate or key.
    pub(super) fn plugin_call(
        &self,
        module: &str,
        name: &str,
        arguments: usize,
        position: Position,
        pure: bool,
        notes: &mut Vec<Note>,
    ) {
        let Some(facts) = self.modules.get(module) else {
            let note =
                Note::error("unknown-module", position, format!("there is no module `{module}`"));
            notes.push(did_you_mean_module(note, module, self.modules.keys()));
            return;
        };
        if facts.functions.contains_key(&(name.to_owned(), arguments)) {
            if pure && self.acts(module, name, arguments) {
                notes.push(super::calls::impure(&format!("{module}::{name}"), position));
            }
            return;
        }
        let counts: Vec<String> = facts
            .functions
            .keys()
            .filter(|(function, _)| function == name)
            .map(|(_, count)| count.to_string())
            .collect();
        if !counts.is_empty() {
            let message = format!("`{module}::{name}` can't be called with {arguments} arguments");
            notes.push(
                Note::error("wrong-arguments", position, message)
                    .hint(format!("it takes {}", counts.join(" or "))),
            );
            return;
        }
        let message = format!("there is no function `{module}::{name}`");
        let note = Note::error("unknown-function", position, message);
        let known = facts.functions.keys().map(|(function, _)| function.as_str());
        notes.push(match did_you_mean(name, known) {
            Some(near) => note.hint(format!("did you mean `{module}::{near}`?")),
            None => note.hint("its functions are in the plugin's `lib.rhai`"),
        });
    }
}
