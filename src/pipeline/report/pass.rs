//! The second reading: what did those do whom the rules would have stopped?
//!
//! The first reading can't know whom to watch, and to watch everybody takes memory without bound, or
//! forgets those who come late. So the logs are read once more, and only blocked clients are looked
//! at: exact, in bounded memory, and cheap, since no rule is evaluated. Files are read one after the
//! other, that with the oldest last change first; all cores parse, one thread counts, in the file's
//! order.

use super::blocked::Blocked;
use super::evidence::Line;
use super::look::{Act, Answer, Look, look};
use super::profile::{Frame, Profile, Standing};
use crate::clock::Timestamp;
use crate::enrich::RealClient;
use crate::event::net::client_net;
use crate::event::{Batch, Event, Field, Kind};
use crate::limits;
use crate::parsers::Parser;
use crate::pipeline::replay::{Input, Span, Totals};
use crate::sources::Replay;
use crate::sources::replay::ReplayError;
use crossbeam_channel::{Receiver, Sender, bounded};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Who a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientKey {
    /// An address, or an IPv6 client's /64.
    Net(IpNet),
    /// A target that names a user, by its number.
    User(u32),
}

/// A client that was seen, and the targets that cover it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it did.
    pub profile: Profile,
    /// The numbers of the targets.
    pub targets: SmallVec<[u32; 2]>,
}

/// What the second reading found.
#[derive(Debug, Default)]
pub struct Profiles {
    /// The clients.
    pub clients: HashMap<ClientKey, Seen>,
    /// Clients that were not looked at, since there were too many: at least so many events' worth.
    pub passed_over: u64,
    /// How many clients of each target were taken.
    of_target: HashMap<u32, u32>,
}

/// How to read.
pub struct Reading<'a> {
    /// The same files as before, opened anew.
    pub inputs: Vec<Input>,
    /// The proxies that are trusted.
    pub real_client: &'a RealClient,
    /// Only events of this span.
    pub span: Span,
    /// Where the logs lie in time.
    pub frame: Frame,
    /// Threads that parse; all cores when absent.
    pub threads: Option<usize>,
}

/// An event of a client that would be stopped.
struct Sight {
    client: ClientKey,
    targets: SmallVec<[u32; 2]>,
    look: Look,
    standing: Standing,
}

/// A batch's number, how much it held, and whom it showed.
type Sights = (u64, Result<(Totals, Vec<Sight>), ReplayError>);

/// Reads the files again and looks at the clients of `blocked`. A file that can't be read to its
/// end is used as far as it goes, as in the first reading. `progress` is told of the totals now and
/// then.
pub fn profiles(
    reading: Reading<'_>,
    blocked: &Blocked,
    mut progress: impl FnMut(&Totals),
) -> Profiles {
    let mut profiles = Profiles::default();
    let mut totals = Totals::default();
    let mut inputs = reading.inputs;
    inputs.sort_by_cached_key(|input| input.replay.arrival());
    let threads = reading.threads.unwrap_or_else(cores_of_machine).max(1);
    for input in inputs {
        let Input { mut replay, parser } = input;
        std::thread::scope(|scope| {
            let (batches, to_do) = bounded::<(u64, Batch)>(threads * 2);
            let (done, sights) = bounded::<Sights>(threads * 2);
            for _ in 0..threads {
                let (to_do, done) = (to_do.clone(), done.clone());
                let mut watch = Watch {
                    parser: parser.clone(),
                    real_client: reading.real_client.clone(),
                    span: reading.span,
                    blocked,
                    scratch: Event::new(Kind::Log, Timestamp::EPOCH),
                };
                scope.spawn(move || {
                    for (number, batch) in to_do {
                        if done.send((number, Ok((of_batch(&batch), watch.batch(&batch))))).is_err()
                        {
                            return;
                        }
                    }
                });
            }
            drop(to_do);
            scope.spawn(move || read(&mut replay, &batches, &done));
            for_each_in_order(&sights, |read, found| {
                totals.lines += read.lines;
                totals.bytes += read.bytes;
                progress(&totals);
                for sight in found {
                    profiles.note(sight, &reading.frame);
                }
            });
        });
    }
    profiles
}

fn cores_of_machine() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn read(replay: &mut Replay, batches: &Sender<(u64, Batch)>, done: &Sender<Sights>) {
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
                // The first reading has told of it; whoever counts may have gone.
                drop(done.send((number, Err(error))));
                return;
            }
        }
    }
}

fn of_batch(batch: &Batch) -> Totals {
    let bytes = (0..batch.records.len()).filter_map(|place| batch.record(place));
    let bytes = bytes.map(|record| record.len() as u64 + 1).sum();
    Totals { lines: batch.records.len() as u64, bytes, ..Totals::default() }
}

fn for_each_in_order(sights: &Receiver<Sights>, mut take: impl FnMut(Totals, Vec<Sight>)) {
    let mut early: BTreeMap<u64, (Totals, Vec<Sight>)> = BTreeMap::new();
    let mut turn = 0;
    for (number, found) in sights {
        let Ok(found) = found else { continue };
        early.insert(number, found);
        while let Some((read, found)) = early.remove(&turn) {
            take(read, found);
            turn += 1;
        }
    }
}

/// Looks for blocked clients, on one thread.
struct Watch<'a> {
    parser: Parser,
    real_client: RealClient,
    span: Span,
    blocked: &'a Blocked,
    scratch: Event,
}

impl Watch<'_> {
    fn batch(&mut self, batch: &Batch) -> Vec<Sight> {
        let mut sights = Vec::new();
        self.scratch.origin = Arc::clone(&batch.origin);
        for index in 0..batch.records.len() {
            let Some(record) = batch.record(index) else { continue };
            self.scratch.reset(record.clone());
            self.scratch.line =
                if batch.first_line == 0 { 0 } else { batch.first_line + index as u64 };
            if self.parser.parse(&record, batch.arrival, &mut self.scratch).is_err() {
                continue;
            }
            self.real_client.apply(&mut self.scratch);
            self.event(&mut sights);
        }
        sights
    }

    fn event(&self, sights: &mut Vec<Sight>) {
        let event = &self.scratch;
        let outside = self.span.since.is_some_and(|since| event.time < since)
            || self.span.until.is_some_and(|until| event.time >= until);
        if outside {
            return;
        }
        if let Some(address) = event.ip(Field::Ip) {
            let targets = self.blocked.covering(address);
            if !targets.is_empty() {
                self.sight(ClientKey::Net(client_net(address)), targets, sights);
            }
        }
        if let Some(user) = self.blocked.user_of(event) {
            self.sight(ClientKey::User(user), SmallVec::from_slice(&[user]), sights);
        }
    }

    fn sight(&self, client: ClientKey, targets: SmallVec<[u32; 2]>, sights: &mut Vec<Sight>) {
        let event = &self.scratch;
        let Some(look) = look(event) else { return };
        let mut standing = Standing { before: true, lost: false, line: None };
        for would in self.blocked.decisions(&targets).filter(|would| would.passes()) {
            standing.before &= event.time < would.from;
            // The request that tipped the scale was answered before the decision.
            standing.lost |= would.from < event.time && would.covers(event.time);
        }
        let telling = look.answer == Answer::Good && look.act != Act::Part;
        if standing.lost && telling {
            standing.line = Some(Line::of(event));
        }
        sights.push(Sight { client, targets, look, standing });
    }
}

impl Profiles {
    fn note(&mut self, sight: Sight, frame: &Frame) {
        if !self.clients.contains_key(&sight.client) && !self.takes(&sight) {
            self.passed_over += 1;
            return;
        }
        let seen = self
            .clients
            .entry(sight.client)
            .or_insert_with(|| Seen { profile: Profile::default(), targets: sight.targets });
        seen.profile.note(&sight.look, frame, sight.standing);
    }

    /// Whether there is room for one more client; networks share it.
    fn takes(&mut self, sight: &Sight) -> bool {
        if self.clients.len() >= limits::REPORT_CLIENTS_MAX {
            return false;
        }
        let Some(first) = sight.targets.first() else { return false };
        let taken = self.of_target.entry(*first).or_default();
        if *taken >= limits::REPORT_CLIENTS_OF_NETWORK_MAX {
            return false;
        }
        *taken += 1;
        true
    }
}
