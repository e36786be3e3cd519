//! Which line is meant, and what its parser makes of it.

use crate::cli::{Usage, context, formats, parse};
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::enrich::{Client, RealClient};
use crate::event::{Batch, Event, Kind, Origin, text};
use crate::limits;
use crate::parsers::Parser;
use crate::pipeline::explain::Watcher;
use crate::pipeline::formats::Chosen;
use crate::pipeline::replay::Input;
use crate::pipeline::stage;
use crate::rules::Lookups;
use bytes::Bytes;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// What was typed.
pub(super) enum Meant {
    /// The line itself.
    Text(Bytes),
    /// Line `number` of a file.
    OfFile { file: String, number: u64 },
}

impl Meant {
    /// `FILE:N` where there is such a file, `-` for standard input, else the line itself.
    pub(super) fn of(typed: &str) -> anyhow::Result<Self> {
        if typed == "-" {
            return Ok(Self::Text(first_line()?));
        }
        if let Some((file, number)) = typed.rsplit_once(':')
            && let Ok(number) = number.parse::<u64>()
            && Path::new(file).is_file()
        {
            if number == 0 {
                return Err(Usage::of("lines are counted from 1"));
            }
            return Ok(Self::OfFile { file: file.to_owned(), number });
        }
        Ok(Self::Text(Bytes::copy_from_slice(typed.trim_end_matches(['\r', '\n']).as_bytes())))
    }
}

fn first_line() -> anyhow::Result<Bytes> {
    let mut read = Vec::new();
    let most = limits::RECORD_BYTES_MAX as u64 + 2;
    std::io::stdin()
        .take(most)
        .read_to_end(&mut read)
        .map_err(|error| Usage::of(format!("failed to read standard input: {error}")))?;
    let line = read.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(Bytes::copy_from_slice(line.get(..limits::RECORD_BYTES_MAX).unwrap_or(line)))
}

/// A line with its event.
pub(super) struct Parsed {
    /// The parser that was taken.
    pub chosen: Chosen,
    /// The bytes.
    pub record: Bytes,
    /// What stamps without a year are read by.
    pub arrival: Timestamp,
    /// The event and who its client is; or why there is none.
    pub event: Result<(Arc<Event>, Client), String>,
}

/// Opens a file with the parser for it.
pub(super) fn open(config: &Config, format: &str, name: &str) -> anyhow::Result<(Input, Chosen)> {
    let mut replay = parse::open(name)?;
    let chosen = formats::of_file(config, format, name, &mut replay)?;
    Ok((Input { replay, parser: chosen.parser.clone() }, chosen))
}

/// Finds and parses the line; the lines before it in its file go through the watcher.
pub(super) fn parse(
    config: &Config,
    format: &str,
    meant: Meant,
    watcher: &mut Watcher,
    real_client: &RealClient,
) -> anyhow::Result<Parsed> {
    let rules = Arc::clone(watcher.core.rules());
    let known = (real_client, &**rules.lookups());
    match meant {
        Meant::Text(record) => {
            let chosen = formats::of_line(config, format, &record)?;
            let name: Arc<str> = chosen.source.as_deref().unwrap_or("explain").into();
            let origin = Arc::new(Origin { source: Arc::clone(&name), stream: name });
            let place = Place { origin, arrival: clock::now(), offset: 0, line: 0 };
            Ok(Parsed::of(chosen, record, place, known))
        }
        Meant::OfFile { file, number } => {
            let (input, chosen) = open(config, format, &file)?;
            let found = watcher
                .until(input, real_client, number)
                .map_err(|error| Usage::of(text::escape(&error.to_string())))?;
            let Some(line) = found else {
                let file = text::escape(&file);
                return Err(Usage::of(format!("`{file}` has no line {number}")));
            };
            let Batch { origin, arrival, .. } = line.batch;
            let place = Place { origin, arrival, offset: line.offset, line: number };
            Ok(Parsed::of(chosen, line.record, place, known))
        }
    }
}

struct Place {
    origin: Arc<Origin>,
    arrival: Timestamp,
    offset: u64,
    line: u64,
}

impl Parsed {
    fn of(
        chosen: Chosen,
        record: Bytes,
        place: Place,
        (real_client, lookups): (&RealClient, &dyn Lookups),
    ) -> Self {
        let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
        event.reset(record.clone());
        event.origin = place.origin;
        event.offset = place.offset;
        event.line = place.line;
        let mut parser: Parser = chosen.parser.clone();
        let event = match parser.parse(&record, place.arrival, &mut event) {
            Ok(()) => {
                let client = real_client.judge(&event);
                real_client.apply(&mut event);
                stage::place(&mut event, lookups);
                Ok((Arc::new(event), client))
            }
            Err(why) => Err(why.to_string()),
        };
        Self { chosen, record, arrival: place.arrival, event }
    }
}

/// The files to let through first.
pub(super) fn inputs(
    config: &Config,
    format: &str,
    files: &[std::path::PathBuf],
) -> anyhow::Result<Vec<Input>> {
    files.iter().map(|file| Ok(open(config, format, &file.to_string_lossy())?.0)).collect()
}

/// The core that the line goes through.
pub(super) fn watcher(config: &Config, rules: &Arc<crate::rules::RuleSet>, seed: u64) -> Watcher {
    Watcher::new(context::live_core(config, Arc::clone(rules), seed))
}
