//! One file on its way: a thread that reads it, and its blocks, worked through and in order again.
//!
//! In: an input. Out, for the merge: the next candidates with the event time that the file has
//! come to. A lane keeps a bounded amount ahead of its turn.

use super::pool::{Done, Job, LaneEnd, Worked, WorkedBatch};
use super::{FileReport, Input};
use crate::clock::Timestamp;
use crate::event::{Event, Kind};
use crate::limits;
use crate::parsers::Parser;
use crate::pipeline::core::{Core, Firing, Foreseen};
use crate::pipeline::stage::Matched;
use crate::sources::Replay;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Scope;

/// How far ahead a lane may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    /// The length of a block.
    pub block_bytes: usize,
    /// Blocks that are read and not worked through.
    pub blocks: usize,
    /// Bytes that are worked through and kept for their turn.
    pub kept_max: usize,
}

/// A file that is being read.
pub(super) struct Lane {
    done: Receiver<(u64, Done)>,
    end: Arc<LaneEnd>,
    /// Blocks that came before their turn.
    early: BTreeMap<u64, Done>,
    turn: u64,
    /// Batches whose turn it is, in order.
    ready: VecDeque<WorkedBatch>,
    /// The batch whose turn it is, with each core's place in its candidates and what that core has
    /// looked at ahead.
    current: Option<(WorkedBatch, Vec<(usize, Foreseen)>)>,
    /// The newest event time so far: where in time the file is.
    reached: Timestamp,
    ended: bool,
    pub report: FileReport,
    /// Predicates that failed, by core, rule number and fault, since they were last taken.
    pub faults: Vec<(usize, u32, String)>,
}

impl Lane {
    /// Starts to read.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        number: usize,
        input: Input,
        ahead: Ahead,
        jobs: Sender<Job>,
    ) -> Self {
        let kept_blocks = ahead.kept_max / limits::REPLAY_CANDIDATE_BYTES;
        // Room for all that may be ahead, so that no worker ever waits for a lane.
        let (done_sender, done) = bounded(ahead.blocks + kept_blocks + 2);
        let (permits, permitted) = bounded(ahead.blocks);
        for _ in 0..ahead.blocks {
            // There is room for each.
            permits.try_send(()).ok();
        }
        let end = Arc::new(LaneEnd {
            parser: input.parser,
            done: done_sender.clone(),
            permits,
            kept: AtomicUsize::new(0),
            kept_max: ahead.kept_max,
            stop: AtomicBool::new(false),
        });
        let report = FileReport { path: Arc::clone(input.replay.name()), ..FileReport::default() };
        let (mut replay, lane) = (input.replay, Arc::clone(&end));
        replay.set_block_bytes(ahead.block_bytes);
        scope.spawn(move || {
            let (last, ended) = read(&mut replay, number, &permitted, &jobs, &lane);
            // The merge may have stopped already.
            drop(done_sender.send((last, ended)));
        });
        Self {
            done,
            end,
            early: BTreeMap::new(),
            turn: 0,
            ready: VecDeque::new(),
            current: None,
            reached: Timestamp::EPOCH,
            ended: false,
            report,
            faults: Vec::new(),
        }
    }

    /// Waits until the next batch with events is there, or the file has ended. Gives the records
    /// and bytes that were passed.
    pub(super) fn fill(&mut self) -> super::Totals {
        let mut passed = super::Totals::default();
        while self.current.is_none() && !self.ended {
            if let Some(batch) = self.ready.pop_front() {
                self.begin(batch, &mut passed);
                continue;
            }
            let done = match self.early.remove(&self.turn) {
                Some(done) => done,
                None => match self.done.recv() {
                    Ok((number, done)) if number == self.turn => done,
                    Ok((number, done)) => {
                        self.early.insert(number, done);
                        continue;
                    }
                    // The reader has gone without a word: it can't have, but must not hang us.
                    Err(_) => Done::End(None),
                },
            };
            self.turn += 1;
            match done {
                Done::Block(worked) => self.take(worked),
                Done::End(fault) => {
                    self.report.fault = fault;
                    self.ended = true;
                }
            }
        }
        passed
    }

    fn take(&mut self, worked: Worked) {
        self.end.kept.fetch_sub(worked.kept, Ordering::Relaxed);
        if worked.holds_permit {
            self.end.permits.try_send(()).ok();
        }
        self.ready.extend(worked.batches);
    }

    fn begin(&mut self, mut worked: WorkedBatch, passed: &mut super::Totals) {
        for (core, matched) in worked.matched.iter_mut().enumerate() {
            let faults = std::mem::take(&mut matched.faults).into_iter();
            self.faults.extend(faults.map(|(rule, fault)| (core, rule, fault)));
        }
        let Some(matched) = worked.matched.first() else { return };
        let outside = matched.outside.0 + matched.outside.1;
        passed.lines += matched.records;
        passed.parsed += matched.parsed;
        passed.outside += outside;
        passed.bytes += matched.range.1 - matched.range.0;
        self.report.lines += matched.records;
        self.report.parsed += matched.parsed;
        let room = limits::UNPARSED_SHOWN_MAX.saturating_sub(self.report.unparsed.len());
        self.report.unparsed.extend(worked.unparsed.iter().take(room).cloned());
        if let Some(oldest) = matched.oldest {
            let report = &mut self.report;
            report.oldest = Some(report.oldest.map_or(oldest, |old| old.min(oldest)));
            let newest = matched.newest;
            report.newest = Some(report.newest.map_or(newest, |old| old.max(newest)));
            let places = worked.matched.iter().map(|_| (0, Foreseen::default())).collect();
            self.current = Some((worked, places));
        } else if matched.outside.1 > 0 && matched.outside.1 == matched.parsed {
            // All of it lies after the wanted span: so does the rest.
            self.ended = true;
        }
    }

    /// Where in time the file will be with its next candidate, or with the end of its batch where
    /// none is left; `None` when it has ended.
    pub(super) fn next_time(&self) -> Option<Timestamp> {
        let (worked, places) = self.current.as_ref()?;
        let next = |(matched, (place, _)): (&Matched, &(usize, Foreseen))| {
            matched.candidates.get(*place).map(|candidate| candidate.reached)
        };
        let batch_end = worked.matched.first().map(|matched| matched.newest);
        let next = worked.matched.iter().zip(places).filter_map(next).min();
        Some(self.reached.max(next.or(batch_end)?))
    }

    /// Gives the next candidate to the cores that have it; at the end of the batch tells all of
    /// them the time.
    pub(super) fn step(&mut self, cores: &mut [&mut Core], firings: &mut Vec<(usize, Firing)>) {
        let Some(time) = self.next_time() else { return };
        self.reached = time;
        let Some((worked, places)) = &mut self.current else { return };
        let offset = |matched: &Matched, place: usize| {
            matched.candidates.get(place).map(|candidate| candidate.event.offset)
        };
        let offsets = worked.matched.iter().zip(&*places);
        let first = offsets.filter_map(|(matched, (place, _))| offset(matched, *place)).min();
        let mut fired = Vec::new();
        let each = worked.matched.iter().zip(places).zip(cores.iter_mut()).enumerate();
        for (number, ((matched, (place, ahead)), core)) in each {
            let candidate = matched.candidates.get(*place);
            let candidate = candidate.filter(|next| Some(next.event.offset) == first);
            if first.is_none() || candidate.is_some() {
                core.advance(time, &mut fired);
            }
            if first.is_none() {
                core.forget_before(time);
            }
            if let Some(candidate) = candidate {
                if place.is_multiple_of(limits::CANDIDATES_LOOK_AHEAD) {
                    core.look_ahead(matched.candidates.get(*place..).unwrap_or_default(), ahead);
                }
                core.event_ahead(&candidate.event, &candidate.rules, ahead, &mut fired);
                *place += 1;
            }
            firings.extend(fired.drain(..).map(|firing| (number, firing)));
        }
        if first.is_none() {
            self.current = None;
        }
    }
}

impl Drop for Lane {
    /// Wakes the reading thread, which then ends.
    fn drop(&mut self) {
        self.end.stop.store(true, Ordering::Relaxed);
        // Where there is no room, it isn't asleep.
        self.end.permits.try_send(()).ok();
    }
}

/// Reads a file into numbered blocks as far as it may; gives the number after the last one, and how
/// it ended.
fn read(
    replay: &mut Replay,
    input: usize,
    permitted: &Receiver<()>,
    jobs: &Sender<Job>,
    lane: &Arc<LaneEnd>,
) -> (u64, Done) {
    let mut number = 0;
    while permitted.recv().is_ok() && !lane.stop.load(Ordering::Relaxed) {
        let block = match replay.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => return (number, Done::End(None)),
            Err(error) => return (number, Done::End(Some(error))),
        };
        if jobs.send(Job { input, number, block, lane: Arc::clone(lane) }).is_err() {
            break;
        }
        number += 1;
    }
    (number, Done::End(None))
}

/// The time of the first event, as far as the first block shows one.
pub(super) fn first_time(replay: &mut Replay, parser: &mut Parser) -> Option<Timestamp> {
    let arrival = replay.arrival();
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    replay.peek_block().split(|byte| *byte == b'\n').find_map(|line| {
        let record = bytes::Bytes::copy_from_slice(line);
        event.reset(record.clone());
        parser.parse(&record, arrival, &mut event).is_ok().then_some(event.time)
    })
}
