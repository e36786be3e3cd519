//! The shipped rules: they load without a finding, and their own tests hold.

use riposte::config::pack::PACK;
use riposte::config::{Config, RuleFiles, read_rules_from};
use riposte::pipeline::rule_set::{load_files, load_with_params, load_with_tests};
use riposte::pipeline::trial::cover::{Coverage, Gap, Missing, TestCover};
use riposte::pipeline::trial::{Params, Reload, Trial};
use riposte::rules::{PartKind, Test, TestResult, render, render_results};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules")
}

fn rule_files() -> RuleFiles {
    let files: Vec<PathBuf> = PACK.iter().map(|(name, _)| folder().join(name)).collect();
    read_rules_from(&files)
}

#[test]
fn every_rule_file_is_shipped() {
    let shipped: BTreeSet<String> = PACK.iter().map(|(name, _)| (*name).to_owned()).collect();
    let there: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "rhai"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(shipped, there);
}

#[test]
fn the_pack_has_no_findings_and_its_tests_hold_and_reach_every_rule() {
    let config = Config::default();
    let loaded = load_with_tests(&config, rule_files(), &BTreeMap::new());
    assert!(loaded.faults.is_empty(), "{:?}", loaded.faults);
    assert!(loaded.loaded.findings.is_empty(), "{}", render(&loaded.loaded.findings, false));
    let rules = Arc::new(loaded.loaded.set);
    let config = Arc::new(config);
    let files = Arc::new(rule_files().files);
    let coverage = Arc::new(Mutex::new(Coverage::new(&rules)));
    let run = |test: &Test| {
        let (of, params_of) = (Arc::clone(&config), Arc::clone(&files));
        let reload: Reload = Arc::new(move |params: &Params| {
            Ok(Arc::new(load_with_params(&of, &params_of, params).set))
        });
        let trial = Trial::new(Arc::clone(&rules), Arc::clone(&config)).reloading(reload);
        let trial = trial.covering(TestCover::new(Arc::clone(&coverage), &test.scope));
        rules.run_test(test, Box::new(trial))
    };
    let results: Vec<TestResult> = rules.tests().iter().map(run).collect();
    assert!(results.len() > 80, "{} tests", results.len());
    let failed: Vec<_> = results.into_iter().filter(|result| !result.passed()).collect();
    assert!(failed.is_empty(), "{}", render_results(&failed, false));
    each_rule_has_a_test_that_fires_it_and_one_that_nearly_does(&coverage.lock().unwrap());
}

fn each_rule_has_a_test_that_fires_it_and_one_that_nearly_does(coverage: &Coverage) {
    let files = coverage.files();
    assert_eq!(files.len(), PACK.len());
    let lacks: Vec<String> = files
        .iter()
        .flat_map(|file| &file.missing)
        .filter(|missing| matches!(missing.gap, Gap::Fires | Gap::Quiet))
        .map(Missing::words)
        .collect();
    assert!(lacks.is_empty(), "{lacks:?}");
}

#[test]
fn headers_and_docs_name_every_rule_and_parameter() {
    let loaded = load_files(&Config::default(), rule_files(), &BTreeMap::new(), 1);
    let docs = std::fs::read_to_string(folder().join("../docs/rule-pack.md")).unwrap();
    for rule in loaded.loaded.set.rules() {
        let certain = if rule.certain { " ●" } else { "" };
        let row = format!("| `{}`{certain} |", rule.name);
        assert!(docs.contains(&row), "docs/rule-pack.md lacks `{row}`");
        for param in rule.params.iter() {
            let name = format!("`{}`", param.name);
            let file = &rule.file;
            assert!(rule.summary.contains(&name), "the header of {file} lacks {name}");
            assert!(docs.contains(&name), "docs/rule-pack.md lacks {name} of {file}");
        }
    }
}

#[test]
fn every_predicate_of_the_pack_is_taken_apart() {
    let loaded = load_files(&Config::default(), rule_files(), &BTreeMap::new(), 1);
    let rules = loaded.loaded.set;
    let mut tests = 0;
    for place in 0..u32::try_from(rules.rules().len()).unwrap() {
        let parts = rules.parts(place).unwrap();
        let text = std::fs::read_to_string(&*parts.file).unwrap();
        for part in parts.parts() {
            assert!(
                text.get(part.span.clone()).is_some_and(|text| !text.is_empty()),
                "{}: {}",
                parts.rule,
                part.text
            );
            let whole = part.kind == PartKind::Test
                && (part.text.contains(" && ") || part.text.contains(" || "));
            assert!(!whole, "{}: {}", parts.rule, part.text);
            tests += usize::from(part.kind == PartKind::Test);
        }
    }
    assert!(tests > 60, "{tests}");
}
