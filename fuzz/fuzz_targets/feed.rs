//! Any text as any feed: the first byte chooses the layout.
#![no_main]

use libfuzzer_sys::fuzz_target;
use riposte::feeds::read::{Layout, read, steps};

fuzz_target!(|data: &[u8]| {
    let Some((first, text)) = data.split_first() else { return };
    let path = steps("a[].b").unwrap_or_default();
    let layout = match first % 8 {
        0 => Layout::List,
        1 => Layout::Urls,
        2 => Layout::Columns { separator: b',', column: 1, last: None },
        3 => Layout::Columns { separator: b'\t', column: 0, last: Some(1) },
        4 => Layout::Json(path),
        5 => Layout::Ndjson(path),
        6 => Layout::Stix,
        _ => Layout::Misp,
    };
    let _ = read(text, &layout);
});
