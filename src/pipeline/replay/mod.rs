//! What would the rules have done? Past logs through the real stages, nothing carried out.
//!
//! In: files and one or more cores, each with its rules. Out: firings in event order, and a report.
//!
//! ```text
//! lane (one a file, a thread): read ─▶ decompress ─▶ blocks that end at a line's end
//!                                          │ numbered
//! pool (all cores): split ─▶ parse ─▶ match, of whatever lane comes next
//!                                          │ put in order again, lane by lane
//! merge (the caller's thread): the lane that is furthest behind in event time goes first
//! ```
//!
//! Invariant: what comes out depends on the inputs alone, not on the number of threads, nor on the
//! order in which the files were named, nor on which other cores look on.

mod lane;
mod merge;
mod pool;

#[cfg(test)]
mod tests;

pub use super::stage::Span;

use super::core::{Core, Firing};
use crate::clock::Timestamp;
use crate::enrich::RealClient;
use crate::event::text;
use crate::parsers::Parser;
use crate::sources::Replay;
use crate::sources::replay::ReplayError;
use std::sync::Arc;

/// A file to replay, with the parser for its lines.
pub struct Input {
    /// The opened file.
    pub replay: Replay,
    /// Its parser.
    pub parser: Parser,
}

/// What to replay, and how.
pub struct Plan<'a> {
    /// The files, in any order.
    pub inputs: Vec<Input>,
    /// The proxies that are trusted.
    pub real_client: &'a RealClient,
    /// Only events of this span are replayed.
    pub span: Span,
    /// Threads that parse and match; all cores when absent.
    pub threads: Option<usize>,
}

impl<'a> Plan<'a> {
    /// All of these files, on all cores.
    pub fn new(inputs: Vec<Input>, real_client: &'a RealClient) -> Self {
        Self { inputs, real_client, span: Span::default(), threads: None }
    }
}

/// How much went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records read.
    pub lines: u64,
    /// Records that became events.
    pub parsed: u64,
    /// Events that lie outside of the wanted span.
    pub outside: u64,
    /// Bytes read (uncompressed).
    pub bytes: u64,
    /// Hits, of all cores together.
    pub hits: u64,
    /// Decisions, of all cores together.
    pub decisions: u64,
}

/// How a replay went.
#[derive(Debug)]
pub struct Report {
    /// How much went through.
    pub totals: Totals,
    /// Each file, in the order in which they were named.
    pub files: Vec<FileReport>,
    /// Predicates that failed, of all cores, each fault once.
    pub faults: Vec<FaultOf>,
}

/// A predicate that failed for a reason other than a missing field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultOf {
    /// The core's number.
    pub core: usize,
    /// The rule.
    pub rule: Arc<str>,
    /// What went wrong.
    pub message: String,
    /// How often.
    pub count: u64,
}

/// How one file went.
#[derive(Debug, Default)]
pub struct FileReport {
    /// The file as it was named.
    pub path: Arc<str>,
    /// Records read.
    pub lines: u64,
    /// Records that became events.
    pub parsed: u64,
    /// The time of its oldest event within the wanted span.
    pub oldest: Option<Timestamp>,
    /// The time of its newest.
    pub newest: Option<Timestamp>,
    /// The first lines that did not parse.
    pub unparsed: Vec<UnparsedLine>,
    /// Why it could not be read on; what came before was used.
    pub fault: Option<ReplayError>,
}

/// A line that is not of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnparsedLine {
    /// Its number, counted from 1.
    pub line: u64,
    /// What it lacks.
    pub why: &'static str,
    /// Its beginning, escaped.
    pub text: String,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayEnd {
    /// A file could not be read.
    #[error("{0}")]
    Read(String),
    /// Whoever takes the firings said stop.
    #[error("stopped")]
    Stopped,
}

/// Replays the plan through each core. `take` gets each firing with its core's number and says
/// whether to go on; `progress` is told of the totals now and then. A file that can't be read on is
/// in the report, no error.
pub fn run(
    plan: Plan<'_>,
    cores: &mut [&mut Core],
    take: impl FnMut(usize, Firing) -> bool,
    progress: impl FnMut(&Totals),
) -> Result<Report, ReplayEnd> {
    merge::run(plan, cores, take, progress)
}

/// Replays the inputs through one core; a file that can't be read on is an error.
pub fn replay(
    inputs: Vec<Input>,
    core: &mut Core,
    real_client: &RealClient,
    mut take: impl FnMut(Firing) -> bool,
    progress: impl FnMut(&Totals),
) -> Result<Totals, ReplayEnd> {
    let plan = Plan::new(inputs, real_client);
    let report = run(plan, &mut [core], |_, firing| take(firing), progress)?;
    match report.files.iter().find_map(|file| file.fault.as_ref()) {
        Some(fault) => Err(ReplayEnd::Read(text::escape(&fault.to_string()).into_owned())),
        None => Ok(report.totals),
    }
}
