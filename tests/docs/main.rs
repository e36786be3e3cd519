//! Pages that are made from the source: is what is committed still what the source says?
//!
//! `docs/config.md` and `deploy/riposte.toml` come from the doc comments and defaults of the config
//! types, the others from the program itself (`riposte docs DIR`). A stale page fails, is written
//! fresh below `target/docs/`, and the message has the command that takes it over.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "test helpers"
)]

mod ci;
mod cloudflare_cli;
mod definition_file;
mod definitions;
mod examples;
mod pages;
mod schema;
mod schema_use;
mod transcript;
mod zone_schema;

use definitions::Definitions;
use riposte::config::Config;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the types of the config are defined.
const SOURCES: &[&str] = &[
    "src/config/mod.rs",
    "src/config/source.rs",
    "src/config/source/kinds.rs",
    "src/sources/files.rs",
    "src/feeds/config.rs",
    "src/geo/config.rs",
    "src/bots/config.rs",
    "src/sources/syslog/config.rs",
    "src/sources/journald/config.rs",
    "src/sources/cloudflare/config.rs",
    "src/sources/host/config.rs",
    "src/sources/http/config.rs",
    "src/sources/http/preset.rs",
    "src/decisions/config.rs",
    "src/decisions/model.rs",
    "src/actions/config.rs",
    "src/actions/config/cloudflare.rs",
    "src/actions/config/channels.rs",
    "src/actions/config/effects.rs",
    "src/plugins/config.rs",
    "src/vaults/config.rs",
    "src/store/retention.rs",
    "src/telemetry/logging.rs",
];

fn definitions() -> Definitions {
    let mut definitions = Definitions::default();
    for file in SOURCES {
        definitions.read(&fs::read_to_string(root().join(file)).unwrap());
    }
    definitions
}

/// Compares a page with what is committed; a stale one is written below `target/docs/`.
fn hold(page: &str, fresh: &str, stale: &mut Vec<String>) {
    let committed = fs::read_to_string(root().join(page)).unwrap_or_default();
    if committed == fresh {
        return;
    }
    let made = PathBuf::from("target/docs").join(page);
    let path = root().join(&made);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, fresh).unwrap();
    stale.push(format!("cp {} {page}", made.display()));
}

fn assert_fresh(stale: &[String]) {
    assert!(
        stale.is_empty(),
        "these pages are not what the source says; take them over with\n{}",
        stale.join("\n")
    );
}

#[test]
fn the_config_reference_is_fresh() {
    let mut stale = Vec::new();
    hold("docs/config.md", &pages::reference(&definitions()), &mut stale);
    hold("deploy/riposte.toml", &pages::example(&definitions()), &mut stale);
    hold("deploy/riposte.schema.json", &schema::schema(&definitions()), &mut stale);
    hold("deploy/riposte.d.rhai", &riposte::rules::definitions(), &mut stale);
    assert_fresh(&stale);
}

#[test]
fn the_pages_of_the_program_are_fresh() {
    let dir = tempfile::tempdir().unwrap();
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_riposte"))
        .arg("docs")
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut stale = Vec::new();
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 3);
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        hold(&format!("docs/{name}"), &fs::read_to_string(&path).unwrap(), &mut stale);
    }
    assert_fresh(&stale);
}

#[test]
fn the_example_config_is_right_and_holds_the_defaults() {
    let text = fs::read_to_string(root().join("deploy/riposte.toml")).unwrap();
    let example = riposte::config::parse(&text).unwrap();
    let mut least = riposte::config::parse(pages::LEAST).unwrap();
    // Tables of sources of other types are comments.
    least.sources.truncate(1);
    assert_eq!(example, least);
    let default = Config::default();
    assert_eq!(example.guard, default.guard);
    assert_eq!(example.retention, default.retention);
    assert_eq!(example.memory, default.memory);
    assert_eq!(example.log, default.log);
    assert_eq!(example.rules, default.rules);
    assert_eq!(example.state_dir, default.state_dir);
}

#[test]
fn commented_keys_of_the_example_are_right_too() {
    let text = fs::read_to_string(root().join("deploy/riposte.toml")).unwrap();
    for (key, value) in pages::EXAMPLES {
        assert!(text.contains(&format!("\n# {key} = {value}\n")), "`{key}` is not in the example");
    }
}

#[test]
fn every_link_in_the_docs_leads_somewhere() {
    let mut broken = Vec::new();
    for folder in ["docs", "deploy"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap();
                let outside = target.contains("://") || file.is_empty();
                if !outside && !path.parent().unwrap().join(file).exists() {
                    broken.push(format!("{}: {target}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
