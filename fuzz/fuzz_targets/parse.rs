//! Every parser on any bytes: the first byte chooses the format, the rest is the record. No panic,
//! and every field can be read.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use riposte::clock::Timestamp;
use riposte::event::{Event, Kind};
use riposte::parsers::{FORMATS, Parser, ParserConfig, detect};

fuzz_target!(|data: &[u8]| {
    let Some((choice, line)) = data.split_first() else { return };
    let formats: Vec<&str> = FORMATS.iter().copied().filter(|name| *name != "pattern").collect();
    let name = formats[usize::from(*choice) % formats.len()];
    let config = ParserConfig {
        format: name.to_owned(),
        timezone: Some("Europe/Berlin".to_owned()),
        ..ParserConfig::default()
    };
    let mut parser = Parser::build(&config).expect("a format of the list");
    let record = Bytes::copy_from_slice(line);
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    event.reset(record.clone());
    if parser.parse(&record, Timestamp::from_secs(1_793_000_000), &mut event).is_ok() {
        let _ = event.to_json();
    }
    let _ = detect([line]);
});
