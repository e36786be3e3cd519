//! The examples of docs/rules.md, each run as what it is: a rule file that `check` has nothing to
//! say of, whose tests pass on the real stages.

use riposte::config::Config;
use riposte::event::{Field, Kind};
use riposte::pipeline::trial::{Params, Reload, TestLookups, Trial};
use riposte::rules::{
    Finding, Known, RuleFile, RuleSet, Settings, Severity, TestBench, book, render, sample,
};
use std::fmt::Write as _;
use std::sync::Arc;

/// Kinds that the examples' sources are taken to make.
const KINDS: &[&str] =
    &["address", "backup.done", "deploy", "heartbeat", "probe", "wordpress.post_changed"];

/// What is wrong with a rule file: findings of weight, tests that fail, that it has none.
fn wrong(text: &str) -> String {
    let known =
        Known { kinds: KINDS.iter().map(|kind| (*kind).to_owned()).collect(), ..Known::default() };
    let settings = Settings { known, lookups: Some(Arc::new(TestLookups)), ..Settings::default() };
    let file = RuleFile { path: "rules/example.rhai".to_owned(), text: text.to_owned() };
    let loaded = RuleSet::load(std::slice::from_ref(&file), &[], &settings);
    let heavy: Vec<Finding> = loaded
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
        .cloned()
        .collect();
    let mut said = render(&heavy, false);
    let set = Arc::new(loaded.set);
    if set.tests().is_empty() {
        said.push_str("it has no tests\n");
    }
    let config = Arc::new(Config::default());
    for test in set.tests() {
        let (file, settings) = (file.clone(), settings.clone());
        let reload: Reload = Arc::new(move |params: &Params| {
            let settings = Settings { params: params.clone(), ..settings.clone() };
            Ok(Arc::new(RuleSet::load(std::slice::from_ref(&file), &[], &settings).set))
        });
        let bench: Box<dyn TestBench> =
            Box::new(Trial::new(Arc::clone(&set), Arc::clone(&config)).reloading(reload));
        for failure in set.run_test(test, bench).failures {
            writeln!(said, "{}: {} {:?}", failure.line, failure.message, failure.got).unwrap();
        }
    }
    said
}

#[test]
fn every_example_of_the_reference_does_what_it_says() {
    let mut said = String::new();
    let book = book();
    assert!(book.len() > 70);
    for entry in &book {
        let page = entry.page();
        let fault = wrong(page.example);
        if !fault.is_empty() {
            writeln!(said, "--- {:?} {}\n{fault}", entry.place, entry.name).unwrap();
        }
    }
    assert!(said.is_empty(), "\n{said}");
}

/// An example whose expectation is false must be found out, or the test above shows nothing.
#[test]
fn an_example_that_is_wrong_is_found_out() {
    let right = book().iter().find(|entry| entry.name == "matches").unwrap().page().example;
    assert_eq!(wrong(right), "");
    assert!(
        wrong(&right.replace(r#"t.expect_hits("wp-pages", 1)"#, r#"t.expect_hits("wp-pages", 2)"#))
            .contains("wanted 2 hits")
    );
    assert!(wrong(&right.replace("e.path.", "e.pth.")).contains("unknown-field"));
    assert!(wrong("rule(\"r\").on(\"http\").by(\"ip\").then(|hit| ());").contains("no tests"));
}

#[test]
fn the_example_of_each_field_holds_for_its_value() {
    let mut said = String::new();
    for kind in Kind::BUILT_IN.iter().filter(|kind| kind.fields().is_some()) {
        for field in kind.fields().unwrap() {
            let sample = sample(*field);
            let ip = if *field == Field::Ip { "" } else { r#"ip: "203.0.113.9", "# };
            let text = format!(
                "rule(\"r\").on(\"{kind}\").when(|e| {}).by(\"ip\").then(|hit| block(hit.ip, \"1h\"));\ntest(\"t\", |t| {{\n    t.event(\"{kind}\", #{{ {ip}{}: {} }});\n    t.expect_hits(\"r\", 1);\n}});",
                sample.predicate,
                field.name(),
                sample.value
            );
            let fault = wrong(&text);
            if !fault.is_empty() {
                writeln!(said, "--- {text}\n{fault}").unwrap();
            }
        }
    }
    assert!(said.is_empty(), "\n{said}");
}

#[test]
fn the_examples_of_enrichers_do_what_they_say() {
    let page = std::fs::read_to_string(super::root().join("docs/enrichers.md")).unwrap();
    let blocks = page.split("```rhai\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let mut seen = 0;
    for block in blocks {
        assert_eq!(wrong(block), "", "{block}");
        seen += 1;
    }
    assert!(seen > 0);
    let tables = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    for table in tables {
        riposte::config::parse(table).unwrap();
    }
}
