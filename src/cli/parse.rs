//! `riposte parse`: the events that a file's lines become.

use super::output::{Output, Style};
use super::{End, Usage};
use crate::clock::{self, Timestamp};
use crate::event::{Event, Kind, text};
use crate::parsers::{self, Parser};
use crate::sources::Replay;
use clap::{Args, ValueHint};
use std::fmt::Write as _;
use std::path::PathBuf;

/// `riposte parse`
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// The file; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The format of the lines
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: String,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Lines that are looked at to find a format.
pub(super) const DETECT_LINES_MAX: usize = 50;

/// Shows what each line of a file becomes; a line that doesn't parse is a finding.
pub fn parse(args: &ParseArgs, out: &mut Output) -> anyhow::Result<End> {
    let mut replay = open(&args.file.to_string_lossy())?;
    let mut parser = Parser::for_format(&args.format).map_err(Usage::of)?;
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    let mut all_parsed = true;
    let arrival = clock::now();
    while let Some(batch) = replay.next_batch()? {
        if args.format == "auto" && batch.first_line == 1 {
            parser = told_format(&batch, args.json, out)?;
        }
        for index in 0..batch.records.len() {
            let Some(record) = batch.record(index) else { continue };
            event.reset(record.clone());
            let parsed = parser.parse(&record, arrival, &mut event);
            all_parsed &= parsed.is_ok();
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
    Replay::open(name).map_err(|error| Usage::of(text::escape(&error.to_string())))
}

/// Finds the format of a file by its first lines, and says so to people.
fn told_format(
    batch: &crate::event::Batch,
    json: bool,
    out: &mut Output,
) -> anyhow::Result<Parser> {
    let (parser, detected) = detect(batch)?;
    if !json {
        let told = format!("format: {} ({})", detected.format, detected.why);
        let told = out.styled(Style::Dim, told);
        out.line(told)?;
    }
    Ok(parser)
}

/// The parser for what the first lines look like.
pub(super) fn detect(batch: &crate::event::Batch) -> anyhow::Result<(Parser, parsers::Detected)> {
    let lines: Vec<bytes::Bytes> =
        (0..batch.records.len().min(DETECT_LINES_MAX)).filter_map(|n| batch.record(n)).collect();
    let detected = parsers::detect(lines.iter().map(AsRef::as_ref));
    let parser = Parser::for_format(detected.format).map_err(Usage::of)?;
    Ok((parser, detected))
}

/// The same, of a file that is not read yet.
pub(super) fn detect_ahead(replay: &mut Replay) -> anyhow::Result<(Parser, parsers::Detected)> {
    let ahead = replay.peek_block().map_err(Usage::of)?;
    let lines = ahead.split(|byte| *byte == b'\n').take(DETECT_LINES_MAX);
    let detected = parsers::detect(lines);
    let parser = Parser::for_format(detected.format).map_err(Usage::of)?;
    Ok((parser, detected))
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
