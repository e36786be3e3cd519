//! Which ways bodies go: the tests once more, on texts with marks. What they say of right and wrong
//! was told already; here only the marks count.

use crate::event::text;
use crate::pipeline::rule_set;
use crate::pipeline::trial::Reload;
use crate::pipeline::trial::cover::Coverage;
use crate::pipeline::trial::suite::Suite;
use crate::rules::{FileBranches, Marks, RuleFile, Severity, Test};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs these tests on marked texts of these files, and notes which branches were gone. A file whose
/// marked text can't be loaded is left as it is, and nothing is said of its branches.
pub fn look(suite: &Suite, coverage: &Mutex<Coverage>, files: &[RuleFile], tests: &[&Test]) {
    let (mut found, count) = suite.rules.branches();
    if found.is_empty() || tests.is_empty() {
        return;
    }
    let marks = Arc::new(Marks::new(count));
    let config = &suite.config;
    let load = |found: &[FileBranches]| {
        rule_set::load_marked(config, &marked(files, found), &BTreeMap::new(), &marks)
    };
    let mut loaded = load(&found);
    if loaded.has_errors() {
        let errors = loaded.findings.iter().filter(|one| one.severity == Severity::Error);
        let bad: Vec<Arc<str>> = errors.map(|error| Arc::clone(&error.file)).collect();
        for file in &bad {
            tracing::debug!(file = %text::escape(file), "branches can't be looked at");
        }
        found.retain(|file| !bad.contains(&file.file));
        loaded = load(&found);
    }
    if loaded.has_errors() {
        return;
    }
    let rules = Arc::new(loaded.set);
    let again = Suite {
        rules: Arc::clone(&rules),
        config: Arc::clone(config),
        reload: reload(suite, marked(files, &found), &marks),
        coverage: None,
    };
    let wanted = |test: &&Test| {
        tests
            .iter()
            .any(|one| one.file == test.file && one.line == test.line && one.name == test.name)
    };
    let tests: Vec<&Test> = rules.tests().iter().filter(wanted).collect();
    let Ok(()) = again.run(&tests, |_| Ok::<(), Infallible>(()));
    let gone = found.into_iter().flat_map(|file| {
        let marks = &marks;
        let path = file.file;
        file.branches.into_iter().map(move |branch| {
            let reached = branch.is_reached(marks);
            (Arc::clone(&path), branch, reached)
        })
    });
    let gone = gone.collect();
    coverage.lock().unwrap_or_else(PoisonError::into_inner).set_branches(gone);
}

/// The files, with marks where there are any.
fn marked(files: &[RuleFile], found: &[FileBranches]) -> Vec<RuleFile> {
    let text = |file: &RuleFile| {
        let marked = found.iter().find(|marked| *marked.file == *file.path);
        marked.map_or_else(|| file.text.clone(), |marked| marked.text.clone())
    };
    files.iter().map(|file| RuleFile { path: file.path.clone(), text: text(file) }).collect()
}

/// Loads marked texts anew, with parameters of a test's own.
fn reload(suite: &Suite, files: Vec<RuleFile>, marks: &Arc<Marks>) -> Reload {
    let (config, marks) = (Arc::clone(&suite.config), Arc::clone(marks));
    Arc::new(move |params| {
        let loaded = rule_set::load_marked(&config, &files, params, &marks);
        if loaded.has_errors() {
            return Err("its marked text can't be loaded".to_owned());
        }
        Ok(Arc::new(loaded.set))
    })
}
