//! What the stage keeps of a batch, and what it lets go.

use super::*;
use crate::rules::{RuleFile, Settings};
use crate::sources::Replay;
use std::io::Cursor;

/// A batch whose every nth line is a candidate.
fn matched(every: usize) -> (Batch, Matched) {
    let line = |number: usize| {
        let path = if number.is_multiple_of(every) { "wanted" } else { "other" };
        format!(
            "203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] \"GET /{path} HTTP/1.1\" 200 1 \"-\" \"-\"\n"
        )
    };
    let text: String = (0..100).map(line).collect();
    let rule = "rule(\"r\").on(\"http\").when(|e| e.path == \"/wanted\").by(\"ip\");";
    let files = [RuleFile { path: "r.rhai".into(), text: rule.to_owned() }];
    let loaded = RuleSet::load(&files, &[], &Settings::default());
    let parser = Parser::for_format("nginx").unwrap();
    let rules = Arc::new(loaded.set);
    let mut stage = Stage::new(parser, RealClient::default(), rules, Clamp::Never);
    let mut replay = Replay::from_reader("log", Box::new(Cursor::new(text))).unwrap();
    let batch = replay.next_batch().unwrap().unwrap();
    let matched = stage.run(&batch);
    assert_eq!(matched.candidates.len(), 100_usize.div_ceil(every));
    (batch, matched)
}

/// The ring of evidence holds thousands of events: with a few candidates in each block they held
/// hundreds of megabytes.
#[test]
fn a_few_candidates_do_not_hold_the_block_that_they_came_in() {
    for (every, held) in [(1, true), (20, false)] {
        let (batch, matched) = matched(every);
        let block = batch.block.as_ptr_range();
        for candidate in matched.candidates.iter() {
            let event = &candidate.event;
            assert_eq!(block.contains(&event.record().as_ptr()), held, "one in {every}");
            assert_eq!(event.bytes(Field::Path), Some(&b"/wanted"[..]));
        }
    }
}
