//! The reference: fresh, complete, and its examples load.

use super::*;

#[test]
fn the_reference_on_disk_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    let on_disk = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        on_disk == reference(),
        "docs/rules.md is stale: write it anew with `riposte docs docs`"
    );
}

/// Each example, put where it belongs, is a file without findings of weight.
#[test]
fn every_example_loads() {
    for entry in book() {
        let example = entry.example;
        let text = match entry.place {
            Place::File if example.contains("let ") || example.ends_with(')') => {
                format!("{example};")
            }
            Place::File => format!("let x = {example};"),
            Place::Rule => format!("{example};"),
            Place::Pure => {
                format!("rule(\"r\").on(\"http\").by(\"ip\").when(|e| {example}).then(|hit| ());")
            }
            Place::Body | Place::State => {
                format!("rule(\"r\").on(\"http\").by(\"ip\").then(|hit| {{ {example} }});")
            }
            Place::Test => format!("const line = \"x\"; test(\"t\", |t| {example});"),
        };
        let loaded = load(&text);
        let heavy: Vec<Finding> = loaded
            .findings
            .iter()
            .filter(|finding| finding.severity > Severity::Note)
            .cloned()
            .collect();
        assert!(heavy.is_empty(), "{text}\n{}", render(&heavy, false));
        if matches!(entry.place, Place::Pure) {
            let mut event = (*http("203.0.113.9", "GET", "/", 200)).clone();
            event.set(Field::Query, Value::text("page=1001&author=1"));
            let (_, faults) = candidates(&loaded.set, &Arc::new(event));
            assert!(faults.is_empty(), "{text}: {faults:?}");
        }
        if matches!(entry.place, Place::Body | Place::State) {
            let run = loaded.set.run_body(
                0,
                &hit_of(&http("203.0.113.9", "GET", "/", 200)),
                &TestHost::shared(),
            );
            assert_eq!(run.fault, None, "{text}");
        }
    }
}
