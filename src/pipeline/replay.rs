//! What would the rules have done? Past logs through the real stages, nothing carried out.
//!
//! In: files and a rule set. Out: firings in event order, and a summary. Parsing and matching run
//! on all cores, batch by batch; the stateful stage takes the batches in their order. Several
//! files are merged by event time.

use super::core::{Core, Firing};
use super::stage::{Clamp, Matched, Stage};
use super::watermark::Watermarks;
use crate::enrich::RealClient;
use crate::event::Batch;
use crate::limits;
use crate::parsers::Parser;
use crate::rules::RuleSet;
use crate::sources::Replay;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::Scope;

/// A file to replay, with the parser for its lines.
pub struct Input {
    /// The opened file.
    pub replay: Replay,
    /// Its parser.
    pub parser: Parser,
}

/// How much went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records read.
    pub lines: u64,
    /// Records that became events.
    pub parsed: u64,
    /// Bytes read (uncompressed).
    pub bytes: u64,
    /// Hits.
    pub hits: u64,
    /// Decisions.
    pub decisions: u64,
}

/// Why a replay ended early: a file could not be read on, or whoever takes the firings had enough.
#[derive(Debug, thiserror::Error)]
pub enum ReplayEnd {
    /// A file could not be read.
    #[error("{0}")]
    Read(String),
    /// The taker said stop.
    #[error("stopped")]
    Stopped,
}

/// Replays the inputs; `take` gets each firing and says whether to go on, `progress` is told of
/// the totals after each batch.
pub fn replay(
    inputs: Vec<Input>,
    core: &mut Core,
    real_client: &RealClient,
    mut take: impl FnMut(Firing) -> bool,
    mut progress: impl FnMut(&Totals),
) -> Result<Totals, ReplayEnd> {
    let mut totals = Totals::default();
    let rules = Arc::clone(core.rules());
    std::thread::scope(|scope| {
        let mut lanes: Vec<Lane> = Vec::new();
        let workers = worker_count().div_ceil(inputs.len().max(1));
        for input in inputs {
            lanes.push(Lane::start(scope, input, real_client, &rules, workers));
        }
        let mut marks = Watermarks::default();
        let mut firings = Vec::new();
        loop {
            for lane in &mut lanes {
                lane.fill(&mut totals)?;
            }
            // The lane whose next event is oldest goes first; of equals, the one named first.
            let next = lanes
                .iter()
                .enumerate()
                .filter_map(|(number, lane)| Some((lane.next_time()?, number)))
                .min();
            let Some((_, number)) = next else { break };
            let Some(lane) = lanes.get_mut(number) else {
                break;
            };
            lane.step(core, &mut marks, &mut firings);
            for firing in firings.drain(..) {
                totals.hits += 1;
                totals.decisions += firing.decisions.len() as u64;
                if !take(firing) {
                    return Err(ReplayEnd::Stopped);
                }
            }
            progress(&totals);
        }
        Ok(totals)
    })
}

/// Threads for the stateless stage: all cores but the one that the stateful stage needs.
fn worker_count() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1)).max(1)
}

/// One file on its way: a reading thread, matching threads, and the matched batches in order.
struct Lane {
    done: Receiver<(u64, Result<Matched, String>)>,
    /// Batches that came before their turn.
    early: BTreeMap<u64, Matched>,
    turn: u64,
    ready: VecDeque<Matched>,
    /// How many candidates of the first ready batch are done.
    at: usize,
    ended: bool,
}

impl Lane {
    fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        input: Input,
        real_client: &RealClient,
        rules: &Arc<RuleSet>,
        workers: usize,
    ) -> Self {
        let (batches, to_match) = bounded::<(u64, Batch)>(limits::BATCHES_QUEUED_MAX);
        let (matched, done) = bounded(limits::BATCHES_QUEUED_MAX);
        for _ in 0..workers {
            let (to_match, matched) = (to_match.clone(), matched.clone());
            let parser = input.parser.clone();
            let mut stage =
                Stage::new(parser, real_client.clone(), Arc::clone(rules), Clamp::Never);
            scope.spawn(move || {
                for (number, batch) in to_match {
                    if matched.send((number, Ok(stage.run(&batch)))).is_err() {
                        return;
                    }
                }
            });
        }
        let mut replay = input.replay;
        scope.spawn(move || read(&mut replay, &batches, &matched));
        Self { done, early: BTreeMap::new(), turn: 0, ready: VecDeque::new(), at: 0, ended: false }
    }

    /// Waits until the next batch is there, or the file has ended.
    fn fill(&mut self, totals: &mut Totals) -> Result<(), ReplayEnd> {
        while self.ready.is_empty() && !self.ended {
            if let Some(matched) = self.early.remove(&self.turn) {
                self.turn += 1;
                totals.lines += matched.records;
                totals.parsed += matched.parsed;
                totals.bytes += matched.range.1 - matched.range.0;
                if matched.parsed > 0 {
                    self.ready.push_back(matched);
                }
                continue;
            }
            match self.done.recv() {
                Ok((number, Ok(matched))) => {
                    self.early.insert(number, matched);
                }
                Ok((_, Err(error))) => return Err(ReplayEnd::Read(error)),
                Err(_) => self.ended = self.early.is_empty(),
            }
        }
        Ok(())
    }

    /// The time of the next candidate, or of the batch's end where none is left.
    fn next_time(&self) -> Option<crate::clock::Timestamp> {
        let matched = self.ready.front()?;
        Some(matched.candidates.get(self.at).map_or(matched.newest, |next| next.event.time))
    }

    fn step(&mut self, core: &mut Core, marks: &mut Watermarks, firings: &mut Vec<Firing>) {
        let Some(matched) = self.ready.front() else {
            return;
        };
        let source = &matched.origin.source;
        if let Some(next) = matched.candidates.get(self.at) {
            let low = marks.event(source, next.event.time, matched.arrival);
            core.advance(low, firings);
            core.event(&next.event, &next.rules, firings);
            self.at += 1;
            return;
        }
        let low = marks.event(source, matched.newest, matched.arrival);
        core.advance(low, firings);
        self.ready.pop_front();
        self.at = 0;
    }
}

/// Reads a file into numbered batches; a fault goes straight to the end of the lane.
fn read(
    replay: &mut Replay,
    batches: &Sender<(u64, Batch)>,
    done: &Sender<(u64, Result<Matched, String>)>,
) {
    let mut number = 0;
    loop {
        match replay.next_batch() {
            Ok(Some(batch)) => {
                if batches.send((number, batch)).is_err() {
                    return;
                }
                number += 1;
            }
            Ok(None) => return,
            Err(error) => {
                // Whoever reads the lane may have stopped already.
                drop(done.send((number, Err(error.to_string()))));
                return;
            }
        }
    }
}
