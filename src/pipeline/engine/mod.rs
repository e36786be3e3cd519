//! The stateful stage, live: one thread that takes numbered inputs and makes them count.
//!
//! In: matched batches, ticks, requests. Out: one transaction for each input that had an effect
//! (hits, verdicts, outbox, the input order), then the actions to the executors. What was not
//! committed had no effect; what was is not done again after a crash.

mod act;
mod alarms;
mod bots;
mod changes;
mod checkpoint;
mod effects;
mod evaluate;
mod facts;
mod feeds;
mod hand_over;
mod input;
mod messages;
mod places;
mod recovery;
mod reload;
mod requests;
mod settle;
mod status;

pub(super) use checkpoint::DESK_BLOB;
pub(super) use evaluate::evaluate;
pub use input::{Inputs, InputsTaken};
pub use messages::{Facts, Message, Parts, Reloaded};
pub use recovery::Recovery;

use super::control::Alarm;
use super::core::Core;
use super::desk::SharedDesk;
use super::feed::{Delivery, SourceBook};
use super::steady::SteadyClock;
use super::watermark::Watermarks;
use crate::actions::{Executors, Item};
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::decisions::{ChangeGuard, Desk, RuleName};
use crate::event::Origin;
use crate::limits;
use crate::plugins::HealthCell;
use crate::store::{Commit, Input, InputKind, Shard, Store};
use crossbeam_channel::{never, select};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

/// How far a source is, for status.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    records: u64,
    parsed: u64,
    newest: Option<Timestamp>,
    arrival: Option<Timestamp>,
}

/// How far a stream was read, and by which input.
#[derive(Debug, Clone)]
struct Cursor {
    origin: Arc<Origin>,
    offset: u64,
    seq: u64,
}

/// Is told how far streams are done.
pub type Release = Box<dyn Fn(&[(Origin, u64)]) + Send>;

/// The engine.
pub struct Engine {
    config: Config,
    store: Arc<Store>,
    core: Core,
    desk: SharedDesk,
    book: Arc<SourceBook>,
    names: Arc<arc_swap::ArcSwap<Vec<String>>>,
    executors: Option<Executors>,
    watermarks: Watermarks,
    cursors: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Cursor>>,
    /// Told how far each stream is done, so that spools can let go.
    released: Option<Release>,
    seq: u64,
    /// Inputs that are in no transaction yet.
    pending: Vec<Input>,
    /// Transactions that the store could not take, oldest first: done again until it can.
    held: VecDeque<Commit>,
    retry_at: Option<Instant>,
    /// Actions that did not fit into an executor's queue; the outbox holds them too.
    overflow: Vec<Item>,
    /// Effects of each rule in the current minute.
    effects: BTreeMap<RuleName, (i64, u32)>,
    /// Who changed what at Cloudflare, and how often.
    changes: ChangeGuard,
    /// Changes there, by number, that were told to end since they keep out who is let in now.
    ending: BTreeSet<u64>,
    /// Shards of a checkpoint that failed.
    unsaved: Vec<Shard>,
    /// Rules whose body broke whatever the event held: they act as if in shadow.
    defective: BTreeSet<RuleName>,
    /// Something changed since the last checkpoint.
    dirty: bool,
    checkpoint_at: Instant,
    retention_at: Instant,
    progress: BTreeMap<Arc<str>, Progress>,
    alarms: VecDeque<Alarm>,
    /// Alarms that a channel is to be told of.
    untold: Vec<Alarm>,
    dry_run: bool,
    started: Timestamp,
    last_tick: Instant,
    /// The time for what ends by time, and since when it runs.
    steady: (SteadyClock, Instant),
    /// Keys that windows had dropped when it was last told.
    evicted: u64,
    /// What enrichers said of batches since the last checkpoint that it led to.
    additions_bytes: usize,
    /// How plugins' programs are.
    plugins: Vec<Arc<HealthCell>>,
    /// What the files say and is not in force, in sentences.
    unapplied: Vec<String>,
    feeds: feeds::FeedsInForce,
    places: places::PlacesInForce,
    bots: bots::Bots,
}

impl Engine {
    /// An engine without executors: nothing leaves it until [`Engine::connect`].
    pub fn new(parts: Parts) -> Self {
        let now = Instant::now();
        Self {
            feeds: feeds::FeedsInForce::new(&parts.config.state_dir),
            places: places::PlacesInForce::new(&parts.config.state_dir),
            bots: bots::Bots::default(),
            config: parts.config,
            store: parts.store,
            core: parts.core,
            desk: parts.desk,
            book: parts.book,
            names: parts.names,
            executors: None,
            watermarks: Watermarks::default(),
            cursors: BTreeMap::new(),
            released: None,
            seq: 0,
            pending: Vec::new(),
            held: VecDeque::new(),
            retry_at: None,
            overflow: Vec::new(),
            effects: BTreeMap::new(),
            changes: ChangeGuard::default(),
            ending: BTreeSet::new(),
            unsaved: Vec::new(),
            defective: BTreeSet::new(),
            dirty: false,
            checkpoint_at: now,
            retention_at: now,
            progress: BTreeMap::new(),
            alarms: VecDeque::new(),
            untold: Vec::new(),
            dry_run: parts.dry_run,
            started: parts.started,
            last_tick: now,
            steady: (SteadyClock::new(clock::now(), Duration::ZERO), now),
            evicted: 0,
            additions_bytes: 0,
            plugins: Vec::new(),
            unapplied: Vec::new(),
        }
    }

    /// Gives the engine its executors and hands them what the outbox still holds.
    pub fn connect(&mut self, executors: Executors) {
        self.executors = Some(executors);
        self.submit_outbox();
    }

    /// Adds plugins for status.
    pub fn watch_plugins(&mut self, cells: impl IntoIterator<Item = Arc<HealthCell>>) {
        self.plugins.extend(cells);
    }

    /// Sets who is told how far streams are done.
    pub fn on_release(&mut self, release: Release) {
        self.released = Some(release);
    }

    fn release_sources(&self, cursors: &[(Origin, u64)]) {
        if let Some(release) = &self.released {
            release(cursors);
        }
    }

    /// Where each source stands, for the sources to go on from.
    pub fn cursors_of(&self, source: &str) -> Vec<(Origin, u64)> {
        let streams = self.cursors.get(source);
        let cursor = |cursor: &Cursor| ((*cursor.origin).clone(), cursor.offset);
        streams.map(|streams| streams.values().map(cursor).collect()).unwrap_or_default()
    }

    /// Takes inputs until it is told to stop; then saves everything and gives the executors back.
    pub fn run(mut self, inputs: &InputsTaken) -> Option<Executors> {
        let nothing = never();
        self.feeds.pin();
        self.places.pin();
        loop {
            let wait =
                Duration::from_secs(limits::TICK_SECS).saturating_sub(self.last_tick.elapsed());
            // While the store takes nothing, sources wait: their records stay where they are.
            let batches = if self.is_held_up() { &nothing } else { &inputs.batches };
            select! {
                recv(batches) -> delivery => match delivery {
                    Ok(delivery) => self.batch(*delivery),
                    Err(_) => break,
                },
                recv(inputs.control) -> message => match message {
                    Ok(Message::Stop) | Err(_) => break,
                    Ok(message) => self.message(message),
                },
                default(wait) => {}
            }
            if self.last_tick.elapsed() >= Duration::from_secs(limits::TICK_SECS) {
                self.tick();
            }
        }
        // What waits is taken too, but not for ever: a busy source goes on sending. What is left
        // is read again at the next start.
        for _ in 0..limits::BATCHES_QUEUED_MAX {
            match inputs.batches.try_recv() {
                Ok(delivery) if !self.is_held_up() => self.batch(*delivery),
                _ => break,
            }
        }
        self.retry_now();
        self.checkpoint();
        self.executors.take()
    }

    /// Whether the store has taken nothing for so long that more must not be evaluated.
    fn is_held_up(&self) -> bool {
        self.held.len() >= limits::HELD_COMMITS_MAX
            || (self.retry_at.is_some() && self.pending.len() >= limits::INPUTS_PENDING_MAX)
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::Alarm { source, text } => self.alarm(&source, text),
            Message::Request(request, answer) => {
                let reply = self.request(request);
                // The command line may have gone meanwhile; what it asked for is done.
                drop(answer.send(reply));
            }
            Message::Facts(facts) => self.facts(&facts),
            Message::Reloaded(reloaded) => self.reloaded(*reloaded),
            Message::Unapplied(sentences) => self.unapplied(sentences),
            Message::Feed(loaded) => self.feed_loaded(&loaded),
            Message::Geo(loaded) => self.geo_loaded(&loaded),
            Message::Bot(answer) => self.bot_answered(answer),
            Message::Stop => {}
        }
    }

    /// One batch: an input, its firings, and what they lead to.
    fn batch(&mut self, delivery: Delivery) {
        let same = Arc::ptr_eq(&delivery.rules, self.core.rules())
            && Arc::ptr_eq(&delivery.feeds, &self.feeds.now)
            && Arc::ptr_eq(&delivery.places, &self.places.now);
        let matched = if same {
            delivery.matched
        } else {
            // Matched by rules, feeds or places no longer in force: again by those that are.
            match self.book.stage(&delivery.batch.origin.source, Arc::clone(self.core.rules())) {
                Some(mut stage) => stage.run_with(&delivery.batch, &delivery.additions),
                None => return,
            }
        };
        let origin = Arc::clone(&matched.origin);
        let (from, to) = matched.range;
        self.number(InputKind::Batch {
            origin: (*origin).clone(),
            from,
            to,
            arrival: matched.arrival,
            additions: delivery.additions.encode(),
        });
        self.note_progress(&matched);
        // Whoever forges a login must not keep rules from blocking.
        let believed = !self.core.is_distrusted(&origin.source);
        for sign in matched.good_signs.iter().filter(|_| believed) {
            let until = sign.time.plus(Duration::from_secs(limits::GOOD_CLIENT_SECS));
            self.desk().guard.good_client(
                sign.ip,
                crate::decisions::GoodClient::Authenticated,
                until,
            );
        }
        self.tell_faults(&matched.faults);
        let mut firings = Vec::new();
        evaluate(&mut self.core, &mut self.watermarks, &matched, &mut firings);
        self.note_cursor(origin, to);
        self.dirty = true;
        self.act(firings);
        self.cover_inputs();
    }

    /// Gives an input its number.
    fn number(&mut self, kind: InputKind) {
        self.seq += 1;
        if let InputKind::Batch { additions, .. } = &kind {
            self.additions_bytes += additions.len();
        }
        self.pending.push(Input { seq: self.seq, kind });
    }

    /// The clock went on: timers, expiry, the guard's queue, retries, checkpoint, retention.
    fn tick(&mut self) {
        self.last_tick = Instant::now();
        let now = self.steady_now();
        // Held up, rules' timers wait too: what they lead to has nowhere to be kept.
        if !self.is_held_up() {
            let low = self.watermarks.tick(now);
            let mut firings = Vec::new();
            self.core.advance(low, &mut firings);
            if !firings.is_empty() {
                self.number(InputKind::Tick { time: now });
                self.dirty = true;
            }
            self.act(firings);
            self.cover_inputs();
        }
        self.measure_windows();
        self.tell_alarms(now);
        self.let_bots_go(false);
        self.let_time_pass(now);
        self.retry_held();
        self.submit_overflow();
        // A checkpoint ends the wait for crawlers' names: it is put off for those that wait now.
        let more = if self.bots.waiting() > 0 { limits::BOT_WAIT_SECS } else { 0 };
        let pause = Duration::from_secs(limits::CHECKPOINT_SECS + more);
        if self.dirty && self.checkpoint_at.elapsed() >= pause {
            self.checkpoint();
        }
        if self.retention_at.elapsed() >= Duration::from_secs(limits::RETENTION_SECS) {
            self.retention_at = Instant::now();
            self.retention(now);
        }
    }

    fn note_progress(&mut self, matched: &super::stage::Matched) {
        let progress = self.progress.entry(Arc::clone(&matched.origin.source)).or_default();
        progress.records += matched.records;
        progress.parsed += matched.parsed;
        progress.arrival = Some(matched.arrival);
        if matched.parsed > 0 {
            progress.newest = progress.newest.max(Some(matched.newest));
        }
    }

    /// The desk, for a moment.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock()
    }
}
