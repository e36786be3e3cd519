//! docs/check.md and the code say the same: each code stands there, its example yields it, and what
//! is mended doesn't.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/check.md");

fn found(text: &str) -> Vec<String> {
    let names = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect());
    let known = Known {
        channels: names(&["ops"]),
        webhooks: names(&[]),
        programs: names(&[]),
        enforcers: names(&["nftables"]),
        feeds: names(&[]),
        given: names(&["http", "ssh.auth"]),
        places: Some(true),
        ..Known::default()
    };
    let settings = Settings { known, analyse: true, ..Settings::default() };
    let loaded = RuleSet::load(&[file(text)], &[], &settings);
    loaded.findings.iter().map(|finding| finding.code.to_owned()).collect()
}

#[test]
fn each_example_yields_its_code_and_what_is_mended_does_not() {
    let mut wrong = Vec::new();
    for section in PAGE.split("\n## `").skip(1) {
        let (code, rest) = section.split_once('`').unwrap();
        let examples: Vec<&str> = rest
            .split("```rhai\n")
            .skip(1)
            .map(|block| block.split("\n```").next().unwrap())
            .collect();
        let [bad, good] = examples.as_slice() else { panic!("`{code}` has no two examples") };
        if !found(bad).iter().any(|found| found == code) {
            wrong.push(format!("{code}: {bad}\nyields {:?}", found(bad)));
        }
        let load = RuleSet::load(&[file(good)], &[], &Settings::default());
        if found(good).iter().any(|found| found == code) || load.has_errors() {
            wrong.push(format!("{code}, mended: {good}\nyields {:?}", found(good)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_code_of_the_source_stands_on_the_page() {
    fn read(folder: &Path, out: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    read(&path, out);
                }
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                out.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
            }
        }
    }
    let mut source = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules"), &mut source);
    let calls =
        regex::Regex::new(r#"(?:Note::(?:error|warning|remark)|\.error|at|note)\(\s*(?:"count",\s*|"distinct",\s*)?"([a-z]+(?:-[a-z]+)*)","#)
            .unwrap();
    let codes: BTreeSet<&str> =
        calls.captures_iter(&source).map(|found| found.get(1).unwrap().as_str()).collect();
    assert!(codes.len() > 40, "{codes:?}");
    let missing: Vec<_> = codes
        .iter()
        .filter(|code| {
            !PAGE.contains(&format!("\n## `{code}`")) && !PAGE.contains(&format!("\n| `{code}` |"))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_shipped_rules_are_clean() {
    let files: Vec<RuleFile> = crate::config::pack::PACK
        .iter()
        .map(|(name, text)| RuleFile { path: format!("rules/{name}"), text: (*text).to_owned() })
        .collect();
    let settings = Settings { analyse: true, ..Settings::default() };
    let loaded = RuleSet::load(&files, &[], &settings);
    assert_eq!(render(&loaded.findings, false), "");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// "unreachable" is never said of a predicate that some event makes true, and "always true"
    /// never of one that some event makes false.
    #[test]
    fn what_is_said_of_a_predicate_holds(
        predicate in lowering::predicate(),
        events in proptest::collection::vec(lowering::event(), 1..8),
    ) {
        let text = lowering::rule_with(&predicate);
        let text = format!("{}{text}", lowering::FUNCTIONS);
        let settings = Settings { analyse: true, ..Settings::default() };
        let loaded = RuleSet::load(&[file(&text)], &[], &settings);
        let said = |code: &str| loaded.findings.iter().any(|finding| finding.code == code);
        for event in events {
            let (out, faults) = candidates(&loaded.set, &event);
            proptest::prop_assert!(!said("unreachable") || out.is_empty(), "{text}");
            proptest::prop_assert!(!said("always-true") || !out.is_empty() || !faults.is_empty(), "{text}");
        }
    }
}
