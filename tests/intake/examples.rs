//! The examples of docs/sources.md: each is a config that `check` has nothing to say of.

use riposte::config::SourceType::{Http, Journald, Syslog};
use std::fs;
use std::path::Path;

#[test]
fn the_examples_of_the_page_are_right() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sources.md");
    let text = fs::read_to_string(page).unwrap();
    let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut kinds = Vec::new();
    for block in blocks {
        // Files that the example names needn't be here; what is wrong with words and keys is told.
        let config =
            riposte::config::parse(block).unwrap_or_else(|error| panic!("{error:?}\n{block}"));
        let faults: Vec<String> =
            config.faults().into_iter().filter(|fault| !fault.contains("secret")).collect();
        assert_eq!(faults, [""; 0], "{block}");
        kinds.extend(config.sources.iter().map(|source| source.kind_of));
    }
    for kind in [Syslog, Journald, Http] {
        assert!(kinds.contains(&kind), "an example of {kind:?}");
    }
}
