//! The bench measures what it says, on few lines.

use super::*;
use std::collections::BTreeSet;

/// Every generated rule loads, runs natively, and is hit by the lines that were made for it, by
/// nothing else; and as often as a search for its literals finds them.
#[test]
fn each_generated_rule_is_hit_by_its_own_lines() {
    let config = Config::default();
    let files = RuleFiles { files: scene::rule_files(16), ..RuleFiles::default() };
    let loaded = rule_set::load_files(&config, files, &BTreeMap::new(), 0).loaded;
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    let rules = Arc::new(loaded.set);
    assert!(rules.rules().iter().all(|rule| rule.lowered.is_ok()));
    let log = Log::for_rules(4_000, 16, 50).unwrap();
    let literals = scene::literals(16);
    let scene = Scene { input: String::new(), log: &log, config: &config, rules: &rules, literals };
    let matched = stages::matching(&scene).unwrap();
    let text = std::fs::read_to_string(log.path()).unwrap();
    let has_literal =
        |line: &&str| scene.literals.iter().any(|literal| line.contains(literal.as_str()));
    let hits = text.lines().filter(has_literal).count() as u64;
    assert_eq!(matched.results, hits);
    assert!((1_500..2_500).contains(&hits), "{hits}");
    let found: BTreeSet<&str> = (scene.literals.iter().map(String::as_str))
        .filter(|literal| text.contains(literal))
        .collect();
    // Of the first shape only one of two literals is in the lines.
    assert_eq!(found.len(), 16);
    let one = stages::one_core(&scene).unwrap();
    assert!(one.results > 0);
    assert_eq!(one.results, stages::all_cores(&scene).unwrap().results);
    assert_eq!(outside::count_lines(&scene).results, 4_000);
}
