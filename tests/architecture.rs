//! Holds the shape of the source: who may import whom, one door for each outside crate, file
//! headers, file sizes. Reads `src` as text; a stale exception fails as well as a new breach.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "test helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and the modules that it may name. Everything may name itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("clock", &[]),
    ("telemetry", &["limits"]),
    ("secret", &["limits"]),
    ("process", &["limits", "telemetry", "secret", "trust"]),
    ("http_client", &["limits", "telemetry", "secret"]),
    ("vaults", &["limits", "telemetry", "secret", "process", "http_client", "clock", "trust"]),
    ("trust", &[]),
    ("cloudflare", &["limits", "telemetry", "secret", "http_client", "clock"]),
    ("simulator", &["limits", "telemetry", "clock"]),
    ("event", &["limits", "clock"]),
    ("toml_text", &["event", "limits"]),
    ("matching", &["event", "limits"]),
    ("windows", &["event", "limits", "clock", "telemetry"]),
    ("parsers", &["event", "limits", "telemetry", "clock"]),
    ("enrich", &["event", "limits", "telemetry", "clock"]),
    ("geo", &["event", "enrich", "limits", "telemetry", "clock", "trust"]),
    ("decisions", &["event", "limits", "telemetry", "clock"]),
    (
        "feeds",
        &[
            "event",
            "enrich",
            "decisions",
            "limits",
            "telemetry",
            "clock",
            "secret",
            "process",
            "http_client",
            "trust",
        ],
    ),
    (
        "rules",
        &["event", "matching", "windows", "enrich", "decisions", "limits", "telemetry", "clock"],
    ),
    ("bots", &["event", "limits", "telemetry"]),
    ("store", &["event", "decisions", "limits", "telemetry", "clock"]),
    (
        "plugins",
        &[
            "event",
            "decisions",
            "limits",
            "telemetry",
            "process",
            "secret",
            "clock",
            "trust",
            "toml_text",
        ],
    ),
    (
        "sources",
        &[
            "event",
            "limits",
            "clock",
            "secret",
            "telemetry",
            "process",
            "http_client",
            "cloudflare",
        ],
    ),
    (
        "actions",
        &[
            "event",
            "decisions",
            "limits",
            "clock",
            "secret",
            "telemetry",
            "process",
            "http_client",
            "cloudflare",
        ],
    ),
    (
        "config",
        &[
            "sources",
            "parsers",
            "enrich",
            "rules",
            "decisions",
            "actions",
            "store",
            "feeds",
            "bots",
            "geo",
            "plugins",
            "trust",
            "toml_text",
            "vaults",
            "secret",
            "limits",
            "telemetry",
            "clock",
            "event",
        ],
    ),
    ("pipeline", &["*"]),
    ("cli", &["*"]),
];

/// A crate, and the only modules that may name it.
const DOORS: &[(&str, &[&str])] = &[
    ("rhai", &["rules"]),
    ("rusqlite", &["store"]),
    ("reqwest", &["http_client", "actions"]),
    ("notify", &["sources", "pipeline"]),
    ("clap", &["cli"]),
    ("lsp_types", &["cli"]),
    ("flate2", &["sources"]),
    ("maxminddb", &["geo"]),
    ("hickory_resolver", &["bots"]),
];

/// Text that only the named modules may contain.
const PLACES: &[(&str, &[&str])] = &[
    ("println!", &["cli"]),
    ("std::env::var", &["config", "secret"]),
    ("SystemTime::now", &["clock"]),
    ("process::exit", &["main"]),
];

/// Files that may be longer than `LINES_MAX`, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

const LINES_MAX: usize = 400;

fn source_files() -> Vec<PathBuf> {
    fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|end| end == "rs") {
                out.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    files
}

fn relative(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.strip_prefix(root).unwrap().to_string_lossy().into_owned()
}

/// The top module a file belongs to: `sources/files.rs` is of `sources`.
fn module_of(file: &str) -> String {
    let top = file.split('/').next().unwrap().trim_end_matches(".rs");
    top.trim_end_matches("_tests").to_owned()
}

/// The code without comments and without what stands in string literals' lines of docs.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // Tests at the end of a file may name what they like.
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    code.lines().enumerate().filter_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or("");
        (!code.trim().is_empty()).then_some((number + 1, code))
    })
}

fn is_test_file(file: &str) -> bool {
    file.ends_with("tests.rs") || file.contains("/tests/")
}

/// The modules that `crate::…` paths on a line name, also in `crate::{a, b}`.
fn named_modules(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0_i32;
            let mut word = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 && (character.is_alphanumeric() || character == '_') {
                    word.push(character);
                } else if depth <= 0 {
                    if !word.is_empty()
                        && (character == ',' || character == ':' || character == '}')
                    {
                        found.push(std::mem::take(&mut word));
                    }
                    word.clear();
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let table: BTreeMap<&str, BTreeSet<&str>> =
        MAY_IMPORT.iter().map(|(module, may)| (*module, may.iter().copied().collect())).collect();
    let mut breaches = Vec::new();
    for path in source_files() {
        let file = relative(&path);
        let module = module_of(&file);
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(may) = table.get(module.as_str()) else {
            panic!("`{module}` is not in the table of imports");
        };
        let text = fs::read_to_string(&path).unwrap();
        for (number, code) in code_lines(&text) {
            for named in named_modules(code) {
                let known = table.contains_key(named.as_str());
                let allowed = named == module || may.contains("*") || may.contains(named.as_str());
                if known && !allowed && !is_test_file(&file) {
                    breaches.push(format!("src/{file}:{number}: `{module}` imports `{named}`"));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

fn visit<'a>(
    module: &'a str,
    table: &BTreeMap<&'a str, &'a [&'a str]>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) {
    assert!(!path.contains(&module), "cycle: {} -> {module}", path.join(" -> "));
    if !done.insert(module) {
        return;
    }
    path.push(module);
    for next in table.get(module).copied().unwrap_or_default() {
        if *next != "*" {
            visit(next, table, path, done);
        }
    }
    path.pop();
}

#[test]
fn the_table_itself_has_no_cycle() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut done = BTreeSet::new();
    for module in table.keys() {
        visit(module, &table, &mut Vec::new(), &mut done);
    }
}

#[test]
fn outside_crates_have_one_door() {
    let mut breaches = Vec::new();
    for path in source_files() {
        let file = relative(&path);
        let module = module_of(&file);
        if is_test_file(&file) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (number, code) in code_lines(&text) {
            for (name, doors) in DOORS {
                let used = code.contains(&format!("use {name}::"))
                    || code.contains(&format!(" {name}::"))
                    || code.contains(&format!("<{name}::"))
                    || code.contains(&format!("({name}::"));
                if used && !doors.contains(&module.as_str()) {
                    breaches.push(format!("src/{file}:{number}: `{name}` outside {doors:?}"));
                }
            }
            for (text, places) in PLACES {
                if code.contains(text) && !places.contains(&module.as_str()) {
                    breaches.push(format!("src/{file}:{number}: `{text}` outside {places:?}"));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut breaches = Vec::new();
    let mut stale: BTreeSet<&str> = LONG_FILES.iter().map(|(file, _)| *file).collect();
    for path in source_files() {
        let file = relative(&path);
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            breaches.push(format!("src/{file}: the first line does not say what it is for"));
        }
        let lines = text.lines().count();
        let excepted = LONG_FILES.iter().any(|(name, _)| *name == file);
        if lines > LINES_MAX && !excepted {
            breaches.push(format!("src/{file}: {lines} lines, more than {LINES_MAX}"));
        }
        if lines > LINES_MAX {
            stale.remove(file.as_str());
        }
    }
    for file in stale {
        breaches.push(format!("src/{file}: a stale exception in LONG_FILES"));
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}
