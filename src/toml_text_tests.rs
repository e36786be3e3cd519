//! Broken texts: whatever is wrong, reading ends, and each fault stands in the text.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    guard: Guard,
    #[serde(default)]
    modes: BTreeMap<String, Mode>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    name: String,
    paths: Vec<String>,
    #[serde(default)]
    mode: Mode,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Guard {
    widest: u8,
    allow: Vec<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Enforce,
    Shadow,
}

fn faults(text: &str) -> Vec<Fault> {
    let check = |sample: &Sample| {
        let mut faults = Vec::new();
        for source in &sample.sources {
            if source.paths.is_empty() {
                faults.push(format!("source `{}`: `paths` names no file", source.name));
            }
            if source.mode == Mode::Shadow && sample.modes.is_empty() {
                faults.push(format!("source `{}`: `mode` wants more", source.name));
            }
        }
        if sample.guard.widest > 32 {
            faults.push(format!("`guard.widest` is {}", sample.guard.widest));
        }
        if sample.guard.allow.iter().any(|one| one == "nobody") {
            faults.push("`nobody` in `guard.allow` is no address".to_owned());
        }
        faults
    };
    read::<Sample>(text, check).err().unwrap_or_default()
}

fn told(text: &str) -> Vec<String> {
    let one = |fault: &Fault| format!("{}:{} {}", fault.line, fault.column, fault.message);
    faults(text).iter().map(one).collect()
}

#[test]
fn one_fault_hides_no_other() {
    let text = "[guard]\nwidest = 33\nalow = [\"nobody\"]\n[[sources]]\nname = \"a\"\npaths = []\n[[source]]\nname = \"b\"\npaths = []\nmode = \"shadwo\"\n";
    let told = told(text);
    for wanted in [
        "2:1 `guard.widest` is 33",
        "3:1 `alow` is not a key of this table",
        "3:9 `nobody` in `guard.allow` is no address",
        "6:1 source `a`: `paths` names no file",
        "7:3 `source` is not a key of this table",
        "9:1 source `b`: `paths` names no file",
        "10:8 `shadwo` can't stand here",
        "10:1 source `b`: `mode` wants more",
    ] {
        assert!(told.iter().any(|one| one == wanted), "no `{wanted}` in {told:#?}");
    }
    assert_eq!(told.len(), 8, "{told:#?}");
}

#[test]
fn what_only_comes_of_a_fault_is_not_told() {
    // `paths` is there, but of a wrong type: it is not missing, and not empty.
    let wrong = told("[[sources]]\nname = \"a\"\npaths = 3\n");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    // The right word is there already.
    let twice = told("[guard]\nwidest = 1\nwidset = 2\n");
    assert_eq!(twice, ["3:1 `widset` is not a key of this table"]);
    // A list over lines.
    let text = "[guard]\nalloww = [\n  \"a\",\n]\nwidest = 40\n";
    let list = told(text);
    assert_eq!(list, ["2:1 `alloww` is not a key of this table", "5:1 `guard.widest` is 40"]);
    // Behind a fault of syntax in one line the rest is looked at.
    let syntax = told("[guard]\nallow = nobody\nwidest = 40\n");
    assert_eq!(syntax.len(), 2, "{syntax:?}");
}

/// What configs are made of, and what people have half typed.
const PIECES: &[&str] = &[
    "[guard]\n",
    "[[sources]]\n",
    "[[source]]\n",
    "[modes]\n",
    "name = \"é😀\"\n",
    "paths = [\"a\"]\n",
    "paths = \"a\"\n",
    "paths = [\n",
    "]\n",
    "widest = 99\n",
    "widset = 1\n",
    "allow = [\"nobody\"]\n",
    "alow = 'x'\n",
    "mode = \"shadwo\"\n",
    "mode = \"shadow\"\n",
    "x = \"enforec\"\n",
    "# [x]\n",
    "\n",
    "=",
    "\"",
    "[",
    "]",
    "{ a = 1 }",
    "'''\n",
    "\t",
    "a.b = 1\n",
    "guard = { widest = 1, alow = [] }\n",
];

proptest! {
    #[test]
    fn whatever_is_written_reading_ends_and_faults_stand_in_the_text(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..20),
    ) {
        let text: String = pieces.concat();
        for fault in faults(&text) {
            prop_assert!(!fault.message.is_empty());
            if fault.line == 0 {
                continue;
            }
            let lines: Vec<&str> = text.lines().collect();
            prop_assert!(fault.line <= lines.len() + 1, "{fault:?}\n{text}");
            let line = lines.get(fault.line - 1).copied().unwrap_or_default();
            prop_assert_eq!(&fault.source_line, line);
            prop_assert!(fault.column >= 1 && fault.end_column > fault.column, "{fault:?}");
            prop_assert!(fault.column <= line.chars().count() + 1, "{fault:?}\n{text}");
        }
    }
}
