//! The schema at work, in a validator of others: Python's `jsonschema`, where it is installed.

use crate::root;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Reads `{"schema": …, "documents": {name: document}}`, checks the schema itself, and prints what
/// is wrong with each document.
const CHECK: &str = r#"
import json, sys
import jsonschema
given = json.load(sys.stdin)
validator = jsonschema.Draft202012Validator
validator.check_schema(given["schema"])
checker = validator(given["schema"])
print(json.dumps({
    name: [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in checker.iter_errors(document)]
    for name, document in given["documents"].items()
}))
"#;

/// A Python that has `jsonschema` with this draft.
fn python() -> Option<&'static str> {
    ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let ran = Command::new(python)
            .args(["-c", "from jsonschema import Draft202012Validator"])
            .stderr(Stdio::null())
            .status();
        ran.is_ok_and(|status| status.success())
    })
}

fn faults(documents: &Value) -> Option<Value> {
    let schema: Value = serde_json::from_str(
        &fs::read_to_string(root().join("deploy/riposte.schema.json")).unwrap(),
    )
    .unwrap();
    faults_of(&schema, documents)
}

/// What is wrong with each document by a schema; nothing where no validator is installed.
pub fn faults_of(schema: &Value, documents: &Value) -> Option<Value> {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with `jsonschema` 4 (Debian: python3-jsonschema)");
        return None;
    };
    let mut child = Command::new(python)
        .args(["-c", CHECK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({ "schema": schema, "documents": documents }).to_string();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn document(path: &std::path::Path) -> Option<Value> {
    let table: toml::Table = fs::read_to_string(path).unwrap().parse().ok()?;
    Some(serde_json::to_value(table).unwrap())
}

#[test]
fn right_configs_fit_the_schema() {
    let mut documents = serde_json::Map::new();
    let mut paths = vec![root().join("deploy/riposte.toml")];
    let folder = fs::read_dir(root().join("tests/config/valid")).unwrap();
    paths.extend(folder.map(|entry| entry.unwrap().path()));
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        documents.insert(name, document(&path).unwrap());
    }
    assert!(documents.len() > 4);
    let Some(faults) = faults(&Value::Object(documents)) else { return };
    for (name, list) in faults.as_object().unwrap() {
        assert_eq!(list, &json!([]), "{name}");
    }
}

/// Faults that a schema can see; the others need to know more than one value (a name that is there
/// twice, a format that doesn't fit its pattern) and are `riposte check`'s.
const SEEN: &[&str] = &[
    "duration",
    "mode",
    "no_memory",
    "unknown_format",
    "unknown_key",
    "unknown_table",
    "web_file_format",
    "widest",
    "wrong_type",
];

#[test]
fn wrong_configs_that_a_schema_can_catch_are_caught() {
    let mut documents = serde_json::Map::new();
    for name in SEEN {
        let path = root().join(format!("tests/config/invalid/{name}.toml"));
        documents.insert((*name).to_owned(), document(&path).unwrap());
    }
    let Some(faults) = faults(&Value::Object(documents)) else { return };
    let missed: Vec<_> =
        faults.as_object().unwrap().iter().filter(|(_, list)| **list == json!([])).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
