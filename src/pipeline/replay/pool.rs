//! The stateless half of a replay: blocks of any file, parsed and matched by whichever thread is
//! free.
//!
//! In: jobs, a numbered block each. Out: what each core's rules care about, to the block's lane.

use super::UnparsedLine;
use crate::enrich::RealClient;
use crate::event::{Batch, text};
use crate::limits;
use crate::parsers::Parser;
use crate::pipeline::stage::{Candidate, Clamp, Matched, Span, Stage};
use crate::rules::RuleSet;
use crate::sources::Block;
use crate::sources::replay::ReplayError;
use crossbeam_channel::{Receiver, Sender};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a stage needs beside a parser.
#[derive(Clone)]
pub(super) struct Setting {
    /// The rules of each core.
    pub rules: Vec<Arc<RuleSet>>,
    pub real_client: RealClient,
    pub span: Span,
}

/// A block on its way through the pool.
pub(super) struct Job {
    /// The number of its input.
    pub input: usize,
    /// Its number within the input, from 0.
    pub number: u64,
    pub block: Block,
    pub lane: Arc<LaneEnd>,
}

/// The lane's end that workers know.
pub(super) struct LaneEnd {
    pub parser: Parser,
    /// Where what was worked through goes.
    pub done: Sender<(u64, Done)>,
    /// Lets the lane read one more block.
    pub permits: Sender<()>,
    /// Bytes of this lane that are kept for later.
    pub kept: AtomicUsize,
    /// Nobody wants more of it.
    pub stop: AtomicBool,
    /// Up to here a block's permit is given back at once, before its turn.
    pub kept_max: usize,
}

/// What became of a block.
pub(super) enum Done {
    /// It was worked through.
    Block(Worked),
    /// There is no such block: the file has ended, well or not.
    End(Option<ReplayError>),
}

/// A batch that was worked through.
pub(super) struct WorkedBatch {
    /// What each core's rules care about.
    pub matched: Vec<Matched>,
    /// The first lines that did not parse.
    pub unparsed: Vec<UnparsedLine>,
}

/// A block that was worked through.
pub(super) struct Worked {
    /// Its batches, in order; one, where its lines aren't very many.
    pub batches: Vec<WorkedBatch>,
    /// Bytes that it keeps, as counted in the lane.
    pub kept: usize,
    /// The lane may read on when this block's turn has come, not before.
    pub holds_permit: bool,
}

/// Works until no job will come.
pub(super) fn work(jobs: &Receiver<Job>, setting: &Setting) {
    let mut stages: HashMap<usize, Vec<Stage>> = HashMap::new();
    for job in jobs {
        let lane = &job.lane;
        let stages = stages.entry(job.input).or_insert_with(|| self::stages(&lane.parser, setting));
        let worked = work_through(job.block, stages, lane);
        // The lane may have been given up already.
        drop(lane.done.send((job.number, Done::Block(worked))));
    }
}

fn stages(parser: &Parser, setting: &Setting) -> Vec<Stage> {
    let stage = |rules: &Arc<RuleSet>| {
        let (parser, real_client) = (parser.clone(), setting.real_client.clone());
        Stage::new(parser, real_client, Arc::clone(rules), Clamp::Never).within(setting.span)
    };
    setting.rules.iter().map(stage).collect()
}

fn work_through(block: Block, stages: &mut [Stage], lane: &LaneEnd) -> Worked {
    let mut batches = Vec::new();
    let mut kept = 0;
    for batch in block.batches() {
        // All stages judge the same answers of a program.
        if let Some((first, others)) = stages.split_first_mut() {
            first.ask(&batch);
            for stage in others {
                stage.answered_as(first);
            }
        }
        let matched: Vec<Matched> = stages.iter_mut().map(|stage| stage.run(&batch)).collect();
        let unparsed = matched.first().map(|matched| unparsed(&batch, matched)).unwrap_or_default();
        kept += matched.iter().map(|matched| kept_bytes(&batch, matched)).sum::<usize>();
        batches.push(WorkedBatch { matched, unparsed });
    }
    let before = lane.kept.fetch_add(kept, Ordering::Relaxed);
    let holds_permit = before + kept > lane.kept_max || lane.permits.try_send(()).is_err();
    Worked { batches, kept, holds_permit }
}

fn unparsed(batch: &Batch, matched: &Matched) -> Vec<UnparsedLine> {
    let line = |(place, why): &(usize, crate::parsers::Unparsed)| {
        let record = batch.record(*place)?;
        Some(UnparsedLine {
            line: batch.first_line + *place as u64,
            why: why.0,
            text: text::escape_cut(&record, limits::UNPARSED_SHOWN_CHARS_MAX),
        })
    };
    matched.unparsed.iter().filter_map(line).collect()
}

/// The bytes that are kept of a batch, at least something, so that also what is empty is bounded.
fn kept_bytes(batch: &Batch, matched: &Matched) -> usize {
    let keeps_block = |next: &Candidate| {
        let (block, record) = (batch.block.as_ptr_range(), next.event.record().as_ptr());
        block.contains(&record)
    };
    let bytes = if matched.candidates.first().is_some_and(keeps_block) {
        batch.block.len()
    } else {
        matched.candidates.iter().map(|next| next.event.record().len()).sum()
    };
    let events = matched.candidates.len() * limits::REPLAY_CANDIDATE_BYTES;
    limits::REPLAY_CANDIDATE_BYTES + events + bytes
}
