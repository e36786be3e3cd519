//! The doctor looks at each source's files: are they there, readable, written to, and of the format
//! that the config says?

use super::report::Report;
use crate::cli::init::place::last_lines;
use crate::clock::{self, Timestamp, format_duration};
use crate::config::{Config, SourceConfig};
use crate::event::{Event, Kind};
use crate::limits::LOG_TAIL_BYTES_MAX;
use crate::parsers::{self, Parser};
use crate::pipeline::control::Status;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files of one source that are looked at, the latest written ones.
const FILES_MAX: usize = 20;

/// A log that nobody wrote to for so long is told of.
const SILENT: Duration = Duration::from_hours(24);

/// The daemon may be behind a file by this much.
const BEHIND: Duration = Duration::from_mins(1);

/// Looks at all sources.
pub fn check(config: &Config, daemon: Option<&Status>, report: &mut Report) {
    if config.sources.is_empty() {
        report.error(
            "source",
            "the config names no source, so there is nothing to follow",
            "`riposte init --print` shows the logs of this machine",
        );
    }
    for source in &config.sources {
        let mut newest = None;
        if source.kind_of.is_files() {
            newest = files(source, report);
        }
        if let Some(status) = daemon {
            reading(source, status, newest, report);
        }
    }
}

/// Looks at a source's files; gives when one of them was written last.
fn files(source: &SourceConfig, report: &mut Report) -> Option<Timestamp> {
    let mut found: Vec<(Timestamp, PathBuf)> = Vec::new();
    for pattern in &source.log_paths() {
        let paths = glob::glob(pattern).into_iter().flatten().flatten();
        let before = found.len();
        found.extend(paths.filter(|path| !path.is_dir()).map(|path| (written(&path), path)));
        if found.len() == before {
            report.warning(
                "source",
                format!("`{}`: there is no `{pattern}`", source.name),
                "riposte follows it as soon as it is there; if it never will be, correct `paths` (`riposte init --print` shows the logs of this machine)",
            );
        }
    }
    found.sort();
    for (written, path) in found.iter().rev().take(FILES_MAX) {
        file(source, path, *written, report);
    }
    found.last().map(|(written, _)| *written)
}

fn written(path: &Path) -> Timestamp {
    let modified = std::fs::metadata(path).and_then(|facts| facts.modified()).ok();
    let age = modified.and_then(|at| at.elapsed().ok()).unwrap_or_default();
    clock::now().minus(age)
}

/// What the last lines of a file become.
#[derive(Debug, Default)]
struct Tried {
    lines: usize,
    parsed: usize,
    /// The time of the last event.
    last: Option<Timestamp>,
}

fn try_lines(lines: &[bytes::Bytes], mut parser: Parser, arrival: Timestamp) -> Tried {
    let mut tried = Tried::default();
    let mut event = Event::new(Kind::Log, arrival);
    for line in lines {
        event.reset(line.clone());
        tried.lines += 1;
        if parser.parse(line, arrival, &mut event).is_ok() {
            tried.parsed += 1;
            tried.last = Some(event.time);
        }
    }
    tried
}

fn file(source: &SourceConfig, path: &Path, written: Timestamp, report: &mut Report) {
    let shown = format!("`{}`: {}", source.name, path.display());
    let lines = match last_lines(path, LOG_TAIL_BYTES_MAX) {
        Ok(lines) => lines,
        Err(error) => {
            let hint = match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    "the daemon needs to read it: run as root, give it CAP_DAC_READ_SEARCH (deploy/riposte.service does), or put its user into the file's group"
                }
                _ => "",
            };
            report.error("source", format!("{shown}: failed to read it: {error}"), hint);
            return;
        }
    };
    // A source whose format can't be built is a fault of the config.
    let Ok(parser) = Parser::build(&source.parser_config()) else { return };
    let age = clock::now().since(written);
    let ago = format!("written {} ago", format_duration(Duration::from_secs(age.as_secs())));
    let tried = try_lines(&lines, parser, written);
    if tried.lines == 0 {
        report.note("source", format!("{shown}: empty so far"), "");
        return;
    }
    let share = format!("{} of its last {} lines parse", tried.parsed, tried.lines);
    let unparsed = tried.lines - tried.parsed;
    if unparsed * 10 > tried.lines {
        let hint = format_hint(source, path, &lines);
        if unparsed * 2 > tried.lines {
            report.error("source", format!("{shown}: only {share}"), hint);
        } else {
            report.warning("source", format!("{shown}: only {share}"), hint);
        }
    } else if age > SILENT {
        report.warning(
            "source",
            format!("{shown}: nothing was {ago}"),
            "does the server log elsewhere now? if this is a quiet log, all is well",
        );
    } else {
        report.well("source", format!("{shown}: {share}, {ago}"));
    }
    if let Some(last) = tried.last {
        stamps(&shown, last, written, report);
    }
}

fn format_hint(source: &SourceConfig, path: &Path, lines: &[bytes::Bytes]) -> String {
    let detected = parsers::detect(lines.iter().map(AsRef::as_ref));
    let try_it = format!(
        "`riposte parse --format {} {}` shows what they lack",
        source.format,
        path.display()
    );
    if detected.format == "auto" || detected.format == source.format {
        return try_it;
    }
    format!("{}: try `format = \"{}\"`; {try_it}", detected.why, detected.format)
}

/// A last line whose stamp differs from the file's own time by whole half hours is of another zone.
fn stamps(shown: &str, last: Timestamp, written: Timestamp, report: &mut Report) {
    let (ahead, differs) =
        if last > written { (true, last.since(written)) } else { (false, written.since(last)) };
    let over = differs.as_secs() % 1800;
    let whole = differs.as_secs() >= 1700 && (over <= 60 || over >= 1740);
    let zone = whole && differs < Duration::from_hours(15);
    let future = ahead && differs.as_secs() > 120;
    if !zone && !future {
        return;
    }
    let word = if ahead { "ahead of" } else { "behind" };
    report.warning(
        "source",
        format!(
            "{shown}: its last stamp is {} {word} the time at which it was written",
            format_duration(Duration::from_secs(differs.as_secs()))
        ),
        "if the server logs in another time zone, set `timezone` of this source",
    );
}

/// Whether the daemon keeps up with the files.
fn reading(source: &SourceConfig, status: &Status, newest: Option<Timestamp>, report: &mut Report) {
    let Some(state) = status.sources.iter().find(|state| state.name == source.name) else {
        report.warning(
            "source",
            format!("`{}` is in the config, and the daemon doesn't follow it", source.name),
            "systemctl restart riposte",
        );
        return;
    };
    let after_start = newest.filter(|newest| *newest > status.started.plus(BEHIND));
    if let Some(newest) = after_start {
        let last = state.last_arrival.unwrap_or(status.started);
        if newest > last.plus(BEHIND) {
            report.error(
                "source",
                format!(
                    "`{}`: the file was written {} after the daemon last read it",
                    source.name,
                    format_duration(newest.since(last))
                ),
                "riposte's log says why (`journalctl -u riposte`)",
            );
        }
    }
    let unparsed = state.records.saturating_sub(state.parsed);
    if state.records > 100 && unparsed * 10 > state.records {
        report.warning(
            "source",
            format!(
                "`{}`: {unparsed} of {} records since the start could not be parsed",
                source.name, state.records
            ),
            "is its `format` right? `riposte parse` shows what lines lack",
        );
    }
}
