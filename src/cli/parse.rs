//! `riposte parse`: the events that a file's lines become.

use super::output::{Output, Style};
use super::{End, Usage, formats};
use crate::clock::Timestamp;
use crate::event::{Event, Kind, text};
use crate::pipeline::stage;
use crate::pipeline::threat_feeds::FeedLookups;
use crate::sources::Replay;
use crate::sources::replay::ReplayError;
use clap::{Args, ValueHint};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// `riposte parse`
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// The file; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The format of the lines: a format's name or a source's (`source:NAME`); `auto` takes the
    /// source whose `paths` name the file, else what the first lines look like
    #[arg(long, value_name = "FORMAT", default_value = formats::AUTO)]
    pub format: String,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Shows what each line of a file becomes; a line that doesn't parse is a finding.
pub fn parse(config: &Path, args: &ParseArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = formats::config_for(config, &args.format)?;
    let name = args.file.to_string_lossy();
    let mut replay = open(&name)?;
    let chosen = formats::of_file(&config, &args.format, &name, &mut replay)?;
    if !args.json {
        formats::tell("format", &args.format, &chosen, out)?;
    }
    let lookups = FeedLookups::of_places(&config);
    let mut parser = chosen.parser;
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    let mut all_parsed = true;
    while let Some(batch) = replay.next_batch().map_err(|error| told(&error))? {
        for index in 0..batch.records.len() {
            let Some(record) = batch.record(index) else { continue };
            event.reset(record.clone());
            let parsed = parser.parse(&record, batch.arrival, &mut event);
            all_parsed &= parsed.is_ok();
            stage::place(&mut event, &*lookups);
            match (parsed, args.json) {
                (Ok(()), true) => out.json(&event.to_json())?,
                (Ok(()), false) => show(&event, out)?,
                (Err(why), true) => out.json(&serde_json::json!({ "error": why.to_string() }))?,
                (Err(why), false) => {
                    let line = batch.first_line + index as u64;
                    let what = format!("line {line}: {why}: {}", text::escape_cut(&record, 120));
                    let what = out.styled(Style::Red, what);
                    out.line(what)?;
                }
            }
        }
    }
    Ok(if all_parsed { End::Well } else { End::Finding })
}

/// Opens a file; its name may hold anything.
pub(super) fn open(name: &str) -> anyhow::Result<Replay> {
    Replay::open(name).map_err(|error| told(&error))
}

/// A file that can't be read, or not on: a name may hold anything.
fn told(error: &ReplayError) -> anyhow::Error {
    Usage::of(text::escape(&error.to_string()))
}

fn show(event: &Event, out: &mut Output) -> anyhow::Result<()> {
    let head = format!("{} {}", event.time, event.kind);
    let mut line = out.styled(Style::Bold, head);
    for (name, value) in event.fields() {
        let name = out.styled(Style::Dim, format!("{name}="));
        write!(line, " {name}{}", text::escape(&value.to_text())).ok();
    }
    Ok(out.line(line)?)
}
