//! Any `log_format` on any line: the text up to the first line break is the format, the rest the
//! record.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use riposte::clock::Timestamp;
use riposte::event::{Event, Kind};
use riposte::parsers::{Parser, ParserConfig};

fuzz_target!(|data: &[u8]| {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let config = ParserConfig {
        format: "nginx".to_owned(),
        log_format: Some(String::from_utf8_lossy(&data[..end]).into_owned()),
        timezone: Some("UTC".to_owned()),
        ..ParserConfig::default()
    };
    let Ok(mut parser) = Parser::build(&config) else { return };
    let record = Bytes::copy_from_slice(&data[end + 1..]);
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    event.reset(record.clone());
    if parser.parse(&record, Timestamp::from_secs(1_793_000_000), &mut event).is_ok() {
        let _ = event.to_json();
    }
});
