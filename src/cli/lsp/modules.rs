//! Functions behind `NAME::`: those of plugins that are modules, and of riposte's own namespaces.
//!
//! In: the modules' texts, the book of the script API. Out: what may stand behind `::`, and what is
//! said of it. A module is read as tolerantly as an open file: one with a fault is completed too.

use super::checker::RuleInfo;
use super::complete::item;
use super::outline::{What, outline};
use super::scan::scan;
use crate::rules::{self, ModuleFile};
use lsp_types::{CompletionItem, CompletionItemKind as Item, InsertTextFormat};
use std::path::Path;

/// A plugin that is a module.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its name, before `::`.
    pub name: String,
    /// What the head of its file says of it.
    pub said: String,
    /// Its functions that rules may call.
    pub functions: Vec<ModuleFunction>,
}

/// A function of a module.
#[derive(Debug, Clone)]
pub struct ModuleFunction {
    /// Its name, where it stands, and what is said of it.
    pub info: RuleInfo,
    /// Its parameters.
    pub params: Vec<String>,
}

impl ModuleFunction {
    /// How it is called, without the module.
    pub fn call(&self) -> String {
        format!("{}({})", self.info.name, self.params.join(", "))
    }
}

/// What a module's text declares. `private` functions are its own.
pub fn module(file: &ModuleFile) -> Module {
    let found = outline(&file.text, &scan(&file.text));
    let is_private = |at: usize| {
        let before = file.text.get(..at).unwrap_or_default().trim_end();
        before.strip_suffix("fn").is_some_and(|rest| rest.trim_end().ends_with("private"))
    };
    let functions = found.all(What::Function).filter(|one| !is_private(one.name_at.start));
    let functions = functions.map(|one| {
        let before = file.text.get(..one.name_at.start).unwrap_or_default();
        let head = format!("{}::{}({})", file.name, one.name, one.words.join(", "));
        ModuleFunction {
            info: RuleInfo {
                name: one.name.clone(),
                path: Path::new(&file.path).canonicalize().ok(),
                line: before.matches('\n').count() + 1,
                said: format!("```rhai\n{head}\n```\n\n{}\n", one.doc),
            },
            params: one.words.clone(),
        }
    });
    Module {
        name: file.name.clone(),
        said: head_of(&file.text).to_owned(),
        functions: functions.collect(),
    }
}

/// The first line of the comment that a file begins with.
fn head_of(text: &str) -> &str {
    text.lines().next().and_then(|line| line.strip_prefix("//!")).unwrap_or_default().trim()
}

/// The names that may stand before `::`; `body`: where rules may ask for something.
pub fn names(modules: &[Module], body: bool) -> Vec<CompletionItem> {
    let own = rules::namespaces().into_iter().filter(|_| body);
    let own = own.map(|(name, said)| item(name, Item::MODULE, said, String::new()));
    let plugins = modules.iter().map(|module| {
        let mut one = item(&module.name, Item::MODULE, "a plugin's functions", module.said.clone());
        one.insert_text = Some(format!("{}::", module.name));
        one
    });
    own.chain(plugins).collect()
}

/// What may stand behind `NAME::` of a plugin.
pub fn functions(modules: &[Module], name: &str, snippets: bool) -> Vec<CompletionItem> {
    let module = modules.iter().find(|module| module.name == name);
    let functions = module.map(|module| module.functions.as_slice()).unwrap_or_default();
    let one = |function: &ModuleFunction| {
        let call = format!("{name}::{}", function.call());
        let mut one = item(&function.info.name, Item::FUNCTION, &call, function.info.said.clone());
        if snippets {
            let places =
                (1..).zip(&function.params).map(|(at, param)| format!("${{{at}:{param}}}"));
            let places: Vec<String> = places.collect();
            one.insert_text = Some(format!("{}({})", function.info.name, places.join(", ")));
            one.insert_text_format = Some(InsertTextFormat::SNIPPET);
        }
        one
    };
    functions.iter().map(one).collect()
}

/// The function of a plugin that a name behind `NAME::` means.
pub fn function<'m>(modules: &'m [Module], module: &str, name: &str) -> Option<&'m ModuleFunction> {
    let module = modules.iter().find(|one| one.name == module)?;
    module.functions.iter().find(|function| function.info.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_functions_are_read_from_a_module_also_from_a_broken_one() {
        let text = "//! Of the shop.\n\nconst A = 1;\n// Whether it looks for holes.\nfn is_probe(path) { path.contains(\".env\") }\nprivate fn own(x) { x }\nfn how_long(count, least) {\n    if count > \n";
        let file = ModuleFile { name: "shop".into(), path: "lib.rhai".into(), text: text.into() };
        let module = module(&file);
        let calls: Vec<String> = module.functions.iter().map(ModuleFunction::call).collect();
        assert_eq!(calls, ["is_probe(path)", "how_long(count, least)"]);
        assert_eq!((module.said.as_str(), module.functions[0].info.line), ("Of the shop.", 5));
        assert!(module.functions[0].info.said.contains("Whether it looks for holes."));
        let items = functions(&[module], "shop", true);
        assert_eq!(items[1].insert_text.as_deref(), Some("how_long(${1:count}, ${2:least})"));
    }
}
