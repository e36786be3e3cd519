//! The stateful half of a replay: lanes merged by event time into the cores.
//!
//! A lane's time never goes back: it is the newest stamp of the file so far. So the merge keeps a
//! file's own order, and a file is begun only when the others have come to its first event; a
//! thousand rotated files are not open at once.

use super::lane::{Ahead, Lane, first_time};
use super::pool::{Job, Setting, work};
use super::{FaultOf, FileReport, Input, Plan, ReplayEnd, Report, Totals};
use crate::clock::Timestamp;
use crate::limits;
use crate::pipeline::core::{Core, Firing};
use crate::rules::RuleSet;
use crossbeam_channel::{Sender, bounded};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::thread::Scope;

/// A lane's place in the order: where in time it is, then its rank.
type Turn = (Timestamp, usize);

/// A file that isn't begun yet.
struct Waiting {
    /// Its first event's time; the epoch where none is known.
    first: Timestamp,
    /// The place among the files as they were named.
    named: usize,
    input: Input,
}

/// See [`super::run`].
pub(super) fn run(
    plan: Plan<'_>,
    cores: &mut [&mut Core],
    mut take: impl FnMut(usize, Firing) -> bool,
    mut progress: impl FnMut(&Totals),
) -> Result<Report, ReplayEnd> {
    let threads = plan.threads.unwrap_or_else(cores_of_machine).max(1);
    let setting = Setting {
        rules: cores.iter().map(|core| Arc::clone(core.rules())).collect(),
        real_client: plan.real_client.clone(),
        span: plan.span,
    };
    let waiting = in_order(plan.inputs);
    let ahead = ahead(waiting.len());
    let mut totals = Totals::default();
    let mut firings = Vec::new();
    let mut faults = Faults { rules: setting.rules.clone(), known: BTreeMap::new() };
    std::thread::scope(|scope| {
        let (jobs, to_do) = bounded::<Job>(threads * 2);
        for _ in 0..threads {
            let (to_do, setting) = (to_do.clone(), setting.clone());
            scope.spawn(move || work(&to_do, &setting));
        }
        drop(to_do);
        let mut merge = Merge::new(scope, waiting, ahead, jobs, threads);
        while let Some((number, bound)) = merge.next() {
            let Some(lane) = merge.lanes.get_mut(&number) else { break };
            // Goes on with this lane until it is another's turn.
            loop {
                let passed = lane.fill();
                faults.take(&mut lane.faults);
                if passed.lines > 0 {
                    totals.add(&passed);
                    progress(&totals);
                }
                let Some(time) = lane.next_time() else {
                    merge.finish(number);
                    break;
                };
                if bound.is_some_and(|bound| (time, number) > bound) {
                    merge.turns.push(Reverse((time, number)));
                    break;
                }
                lane.step(cores, &mut firings);
                for (core, firing) in firings.drain(..) {
                    totals.hits += 1;
                    totals.decisions += firing.decisions.len() as u64;
                    if !take(core, firing) {
                        return Err(ReplayEnd::Stopped);
                    }
                }
            }
        }
        Ok(Report { totals, files: merge.reports(), faults: faults.all() })
    })
}

fn cores_of_machine() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// How far ahead each of so many files may be.
fn ahead(files: usize) -> Ahead {
    let share = limits::REPLAY_AHEAD_BYTES_MAX / files.max(1);
    let block_bytes = (share / limits::REPLAY_BLOCKS_AHEAD_MAX)
        .clamp(limits::REPLAY_BLOCK_BYTES_MIN, limits::REPLAY_BLOCK_BYTES_MAX);
    let blocks = share / block_bytes;
    Ahead {
        block_bytes,
        blocks: blocks.clamp(limits::REPLAY_BLOCKS_AHEAD_MIN, limits::REPLAY_BLOCKS_AHEAD_MAX),
        kept_max: share.max(limits::REPLAY_KEPT_BYTES_MIN),
    }
}

/// The inputs by their first event; of equals the one that was written first, then by name. What
/// has no event in its first block comes first, since it may hold anything.
fn in_order(inputs: Vec<Input>) -> VecDeque<Waiting> {
    let mut waiting: Vec<Waiting> = Vec::new();
    for (named, mut input) in inputs.into_iter().enumerate() {
        input.replay.set_block_bytes(limits::REPLAY_LOOK_BYTES);
        let first = first_time(&mut input.replay, &mut input.parser).unwrap_or(Timestamp::EPOCH);
        input.replay.park();
        waiting.push(Waiting { first, named, input });
    }
    waiting.sort_by(|a, b| {
        let key = |waiting: &Waiting| (waiting.first, waiting.input.replay.arrival());
        key(a).cmp(&key(b)).then_with(|| a.input.replay.name().cmp(b.input.replay.name()))
    });
    waiting.into()
}

/// The lanes and whose turn it is.
struct Merge<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    waiting: VecDeque<Waiting>,
    ahead: Ahead,
    /// Files that are begun before their turn, so that all cores have something to do.
    early: usize,
    jobs: Sender<Job>,
    /// The lanes that are begun, by rank.
    lanes: BTreeMap<usize, Lane>,
    /// Those whose time is known, the first in time on top.
    turns: BinaryHeap<Reverse<Turn>>,
    /// The rank of the next lane.
    rank: usize,
    /// For each rank the place among the files as they were named.
    named: Vec<usize>,
    finished: Vec<(usize, FileReport)>,
}

impl<'scope, 'env> Merge<'scope, 'env> {
    fn new(
        scope: &'scope Scope<'scope, 'env>,
        waiting: VecDeque<Waiting>,
        ahead: Ahead,
        jobs: Sender<Job>,
        early: usize,
    ) -> Self {
        Self {
            scope,
            waiting,
            ahead,
            early,
            jobs,
            lanes: BTreeMap::new(),
            turns: BinaryHeap::new(),
            rank: 0,
            named: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// Whose turn it is, and up to when.
    fn next(&mut self) -> Option<(usize, Option<Turn>)> {
        while let Some(next) = self.waiting.front() {
            let due = self.turns.peek().is_none_or(|Reverse(turn)| next.first <= turn.0);
            if !due && self.lanes.len() > self.early {
                break;
            }
            self.begin();
        }
        let Reverse((_, number)) = self.turns.pop()?;
        let waiting = self.waiting.front().map(|next| (next.first, self.rank));
        let others = self.turns.peek().map(|Reverse(turn)| *turn);
        Some((number, waiting.into_iter().chain(others).min()))
    }

    fn begin(&mut self) {
        let Some(next) = self.waiting.pop_front() else { return };
        let lane = Lane::start(self.scope, self.rank, next.input, self.ahead, self.jobs.clone());
        self.lanes.insert(self.rank, lane);
        self.turns.push(Reverse((next.first, self.rank)));
        self.named.push(next.named);
        self.rank += 1;
    }

    fn finish(&mut self, number: usize) {
        let Some(mut lane) = self.lanes.remove(&number) else { return };
        let report = std::mem::take(&mut lane.report);
        self.finished.push((self.named.get(number).copied().unwrap_or(number), report));
    }

    /// The reports of all files, as they were named.
    fn reports(mut self) -> Vec<FileReport> {
        self.finished.sort_by_key(|(named, _)| *named);
        self.finished.into_iter().map(|(_, report)| report).collect()
    }
}

/// Predicates that failed, each fault once; a bounded number of them.
struct Faults {
    rules: Vec<Arc<RuleSet>>,
    known: BTreeMap<(usize, u32, String), u64>,
}

impl Faults {
    fn take(&mut self, faults: &mut Vec<(usize, u32, String)>) {
        for fault in faults.drain(..) {
            if self.known.len() < limits::REPLAY_FAULTS_SHOWN_MAX || self.known.contains_key(&fault)
            {
                *self.known.entry(fault).or_default() += 1;
            }
        }
    }

    fn all(self) -> Vec<FaultOf> {
        let name = |core: usize, rule: u32| {
            let rule = self.rules.get(core).and_then(|set| set.rules().get(rule as usize));
            rule.map_or_else(|| Arc::from("?"), |rule| Arc::clone(&rule.name))
        };
        let fault = |((core, rule, message), count): ((usize, u32, String), u64)| FaultOf {
            core,
            rule: name(core, rule),
            message,
            count,
        };
        self.known.into_iter().map(fault).collect()
    }
}

impl Totals {
    fn add(&mut self, more: &Self) {
        self.lines += more.lines;
        self.parsed += more.parsed;
        self.outside += more.outside;
        self.bytes += more.bytes;
    }
}
