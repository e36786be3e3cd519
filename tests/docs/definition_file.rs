//! The Rhai definition file: is each line of it of the form that Rhai's tooling reads?
//!
//! The grammar (rhaiscript/lsp, `rhai.ungram`, read in November 2026), as far as the file uses it:
//! `module static;`, `type NAME = #{ NAME: TYPE, … };`, `module NAME { … }`, and
//! `fn NAME(NAME: TYPE, …) -> TYPE;`, each with `///` comments before it. A type is a name, `?`,
//! `()`, `[TYPE]`, or several with `|` between.

use std::collections::BTreeSet;

/// Types that Rhai itself has.
const BUILT_IN: &[&str] = &["String", "int", "float", "bool", "Array", "Map", "FnPtr", "?", "()"];

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn is_type(text: &str, declared: &BTreeSet<&str>) -> bool {
    text.split(" | ").all(|one| {
        let one = one.strip_prefix('[').and_then(|one| one.strip_suffix(']')).unwrap_or(one);
        BUILT_IN.contains(&one) || declared.contains(one)
    })
}

/// Whether `NAME: TYPE` is one.
fn is_typed(text: &str, declared: &BTreeSet<&str>) -> bool {
    text.split_once(": ").is_some_and(|(name, kind)| is_name(name) && is_type(kind, declared))
}

fn is_function(line: &str, declared: &BTreeSet<&str>) -> bool {
    let parts = line
        .strip_prefix("fn ")
        .and_then(|line| line.strip_suffix(';'))
        .and_then(|line| line.rsplit_once(") -> "))
        .and_then(|(front, gives)| Some((front.split_once('(')?, gives)));
    let Some(((name, params), gives)) = parts else { return false };
    let params = params.split(", ").filter(|param| !param.is_empty());
    is_name(name)
        && is_type(gives, declared)
        && params.into_iter().all(|param| is_typed(param, declared))
}

fn faults(text: &str) -> Vec<&str> {
    let declared: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("type ")?.split(' ').next()).collect();
    let mut inside = "";
    let mut faults = Vec::new();
    let mut lines = text.lines().filter(|line| !line.starts_with("//") || line.starts_with("///"));
    if lines.next() != Some("module static;") {
        faults.push("the file doesn't begin with its module");
    }
    for line in lines {
        let bare = line.trim();
        let right = match (inside, bare) {
            (_, "") => true,
            (_, bare) if bare.starts_with("///") => true,
            ("", bare) if bare.starts_with("type ") => {
                let head = bare.strip_prefix("type ").and_then(|rest| rest.split_once(" = #{"));
                if head.is_some_and(|(_, rest)| rest.is_empty()) {
                    inside = "type";
                }
                head.is_some_and(|(name, rest)| is_name(name) && (rest.is_empty() || rest == "};"))
            }
            ("", bare) if bare.starts_with("module ") => {
                inside = "module";
                bare.strip_prefix("module ")
                    .and_then(|rest| rest.strip_suffix(" {"))
                    .is_some_and(is_name)
            }
            ("type", "};") | ("module", "}") => {
                inside = "";
                true
            }
            ("type", bare) => bare.strip_suffix(',').is_some_and(|one| is_typed(one, &declared)),
            (_, bare) => is_function(bare, &declared),
        };
        if !right {
            faults.push(line);
        }
    }
    if !inside.is_empty() {
        faults.push("something is not closed");
    }
    faults
}

#[test]
fn the_definition_file_is_one() {
    let text = riposte::rules::definitions();
    assert_eq!(faults(&text), Vec::<&str>::new());
    let functions = text.lines().filter(|line| line.trim().starts_with("fn ")).count();
    let calls: usize = riposte::rules::book().iter().map(|entry| entry.page().calls.len()).sum();
    assert_eq!(functions, calls);
    // The check itself sees what is wrong.
    assert_eq!(faults("module static;\nfn a(b: Strin) -> int;"), ["fn a(b: Strin) -> int;"]);
    assert_eq!(faults("module static;\ntype a = #{\n    b int,\n};"), ["    b int,"]);
    assert_eq!(faults("fn a() -> int;").len(), 1);
}
