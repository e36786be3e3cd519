//! `riposte plugin`: a new plugin of each kind passes its own tests, a wrong answer is told.

use crate::{Ran, program};
use std::path::Path;

fn run(dir: &Path, words: &[&str]) -> Ran {
    let config = dir.join("riposte.toml");
    let output = program().arg("-c").arg(config).arg("plugin").args(words).output().unwrap();
    Ran::new(&output, dir)
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("riposte.toml");
    std::fs::write(&config, "[rules]\npack = false\n[plugins.mod_a]\n").unwrap();
    crate::mode(&config, 0o600);
    dir
}

#[test]
fn a_new_plugin_of_each_kind_passes_its_own_tests() {
    let dir = folder();
    let has_jq = std::process::Command::new("jq").arg("--version").output().is_ok();
    let made = run(dir.path(), &["new", "mod_a", "--kind", "module"]);
    assert_eq!(made.code, 0, "{}", made.all());
    let tested = run(dir.path(), &["test", "mod_a"]);
    assert_eq!(tested.code, 0, "{}", tested.all());
    for language in ["python", "shell"].iter().filter(|one| has_jq || **one == "python") {
        for kind in ["source", "parser", "enricher", "action"] {
            let name = format!("{kind}-{language}");
            let made = run(dir.path(), &["new", &name, "--kind", kind, "--language", language]);
            assert_eq!(made.code, 0, "{}", made.all());
            let tested = run(dir.path(), &["test", &name]);
            assert_eq!(tested.code, 0, "{name}: {}", tested.all());
        }
    }
    let listed = run(dir.path(), &["list"]);
    assert_eq!(listed.code, 0, "{}", listed.all());
    assert!(listed.stdout.contains("mod_a") && listed.stdout.contains("used"), "{}", listed.all());
}

#[test]
fn an_answer_that_differs_is_shown_as_a_difference() {
    let dir = folder();
    run(dir.path(), &["new", "geo", "--kind", "enricher"]);
    let tests = dir.path().join("plugins/geo/tests/sample.jsonl");
    let text = std::fs::read_to_string(&tests).unwrap();
    std::fs::write(&tests, text.replace("true", "false")).unwrap();
    let tested = run(dir.path(), &["test", "geo"]);
    assert_eq!(tested.code, 1, "{}", tested.all());
    assert!(tested.stdout.contains("- fields.sample: false"), "{}", tested.all());
    assert!(tested.stdout.contains("+ fields.sample: true"), "{}", tested.all());
    std::fs::write(
        dir.path().join("plugins/geo/program.py"),
        "#!/bin/sh\nread -r hello\necho hello\nread -r more\n",
    )
    .unwrap();
    let tested = run(dir.path(), &["test", "geo"]);
    assert_eq!(tested.code, 1, "{}", tested.all());
    assert!(tested.stdout.contains("not JSON"), "{}", tested.all());
}

#[test]
fn what_is_refused_is_listed_with_its_place() {
    let dir = folder();
    run(dir.path(), &["new", "geo", "--kind", "enricher"]);
    let manifest = dir.path().join("plugins/geo/plugin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("protocol = 1", "protocol = 9")).unwrap();
    let listed = run(dir.path(), &["list"]);
    assert_eq!(listed.code, 1, "{}", listed.all());
    let all = listed.all();
    assert!(all.contains("geo/plugin.toml:5:1: `protocol` is 9"), "{all}");
    assert!(all.contains("there is no plugin `mod_a`"), "{all}");
}
