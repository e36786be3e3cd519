//! Syslog's framing on any bytes, cut anywhere: no panic, nothing longer than a record, and the cuts
//! change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use riposte::sources::syslog::{Framer, Message};

fn messages(chunks: &[&[u8]]) -> (Vec<Message>, bool) {
    let mut framer = Framer::default();
    let mut found = Vec::new();
    for chunk in chunks {
        framer.feed(chunk, |message| {
            found.push(message);
            true
        });
    }
    let whole = match framer.finish() {
        Ok(last) => {
            found.extend(last);
            true
        }
        Err(_) => false,
    };
    (found, whole)
}

fuzz_target!(|data: &[u8]| {
    let Some((at, bytes)) = data.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*at).min(bytes.len()));
    let whole = messages(&[bytes]);
    assert_eq!(whole, messages(&[first, second]));
    assert!(whole.0.iter().all(|message| message.bytes.len() <= riposte::limits::RECORD_BYTES_MAX));
});
