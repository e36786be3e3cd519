//! One event through the real stages, looked at on its way: which rules it meets, what their windows
//! hold before and after, what fires.
//!
//! In: a core with whatever history it is given (files that are replayed first, a daemon's last
//! checkpoint), and an event. Out: [`Passed`]. Nothing is carried out and nothing is saved.

use super::core::{CORE_BLOB, Core, Firing};
use super::engine::{DESK_BLOB, evaluate};
use super::meta;
use super::replay::{Input, ReplayEnd, replay};
use super::stage::{Clamp, Stage};
use super::watermark::Watermarks;
use crate::clock::Timestamp;
use crate::decisions::{Desk, Entry, Subject};
use crate::enrich::RealClient;
use crate::event::{Batch, Event, Key};
use crate::store::{Reader, StoreError};
use crate::windows::{Level, ShardImage};
use bytes::Bytes;
use std::sync::Arc;

/// A rule that an event met, and its window around it.
#[derive(Debug)]
pub struct Passage {
    /// The rule's number.
    pub rule: u32,
    /// What it counts for; none when the event lacks what key or window need; or why it failed.
    pub key: Result<Option<Key>, String>,
    /// What the window held for the key just before.
    pub before: Level,
    /// What it holds now.
    pub after: Level,
}

/// What became of an event.
#[derive(Debug, Default)]
pub struct Passed {
    /// The rules that it met, in their order.
    pub passages: Vec<Passage>,
    /// What fired since time moved on to the event: timers and silence, not the event itself.
    pub moved: Vec<Firing>,
    /// What the event made fire.
    pub firings: Vec<Firing>,
    /// Predicates that failed, by rule.
    pub faults: Vec<(u32, String)>,
}

impl Passed {
    /// What a rule did for this event itself.
    pub fn firing(&self, rule: u32, event: &Arc<Event>) -> Option<&Firing> {
        self.firings.iter().find(|firing| firing.rule == rule && of(firing, event))
    }

    /// What fired because of what those rules emitted or decided.
    pub fn further<'p>(&'p self, event: &'p Arc<Event>) -> impl Iterator<Item = &'p Firing> {
        self.firings.iter().filter(|firing| !of(firing, event))
    }
}

fn of(firing: &Firing, event: &Arc<Event>) -> bool {
    Arc::ptr_eq(&firing.hit.event, event)
}

/// A record of a file, with what its parser may ask.
#[derive(Debug)]
pub struct Line {
    /// Its bytes.
    pub record: Bytes,
    /// The batch that it stands in, without records.
    pub batch: Batch,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
}

/// A core through which one event is watched.
pub struct Watcher {
    /// The state of all rules.
    pub core: Core,
    marks: Watermarks,
    /// Lines that went through before.
    pub lines: u64,
}

impl Watcher {
    /// With the state that the core has.
    pub fn new(core: Core) -> Self {
        Self { core, marks: Watermarks::default(), lines: 0 }
    }

    /// Lets whole files through first, merged by time.
    pub fn replay(
        &mut self,
        inputs: Vec<Input>,
        real_client: &RealClient,
    ) -> Result<(), ReplayEnd> {
        self.lines += replay(inputs, &mut self.core, real_client, |_| true, |_| {})?.lines;
        Ok(())
    }

    /// Lets the lines of a file before number `line` through, and gives that line; none when the
    /// file ends before.
    pub fn until(
        &mut self,
        input: Input,
        real_client: &RealClient,
        line: u64,
    ) -> Result<Option<Line>, ReplayEnd> {
        let Input { mut replay, parser } = input;
        let rules = Arc::clone(self.core.rules());
        let mut stage = Stage::new(parser, real_client.clone(), rules, Clamp::Never);
        let mut firings = Vec::new();
        loop {
            let next = replay.next_batch().map_err(|error| ReplayEnd::Read(error.to_string()))?;
            let Some(mut batch) = next else {
                return Ok(None);
            };
            let place =
                usize::try_from(line.saturating_sub(batch.first_line)).unwrap_or(usize::MAX);
            let found = batch.record(place).zip(batch.records.get(place).map(|span| span.offset));
            batch.records.truncate(place);
            self.lines += batch.records.len() as u64;
            let matched = stage.run(&batch);
            evaluate(&mut self.core, &mut self.marks, &matched, &mut firings);
            firings.clear();
            if let Some((record, offset)) = found {
                batch.records.clear();
                return Ok(Some(Line { record, batch, offset }));
            }
        }
    }

    /// Lets one event through.
    pub fn pass(&mut self, event: &Arc<Event>, arrival: Timestamp) -> Passed {
        let mut passed = Passed::default();
        let rules = Arc::clone(self.core.rules());
        let low = self.marks.event(&event.origin.source, event.time, arrival);
        self.core.advance(low, &mut passed.moved);
        let mut candidates = Vec::new();
        rules.candidates_shared(event, &mut candidates, &mut passed.faults);
        for rule in &candidates {
            let sample = rules.sample(*rule, event).map_err(|fault| fault.to_string());
            let key = sample.map(|sample| sample.map(|(key, _)| key));
            let before = self.level(*rule, &key, event.time);
            passed.passages.push(Passage { rule: *rule, key, before, after: before });
        }
        self.core.event(event, &candidates, &mut passed.firings);
        for passage in &mut passed.passages {
            passage.after = self.level(passage.rule, &passage.key, event.time);
        }
        passed
    }

    fn level(&self, rule: u32, key: &Result<Option<Key>, String>, at: Timestamp) -> Level {
        match key {
            Ok(Some(key)) => self.core.windows().level_at(rule as usize, key, at),
            _ => Level::default(),
        }
    }
}

/// The checkpoint that a state was taken from.
#[derive(Debug, Clone, Copy)]
pub struct AsOf {
    /// When it was saved.
    pub at: Timestamp,
    /// Inputs that the daemon took since, which it does not hold.
    pub inputs_since: usize,
}

/// Takes up the windows that a daemon saved last, and all else of the core. None when nothing was
/// ever saved. Nothing is written.
pub fn take_core(core: &mut Core, reader: &Reader) -> Result<Option<AsOf>, StoreError> {
    let loaded = reader.load()?;
    if loaded.at == Timestamp::EPOCH {
        return Ok(None);
    }
    reader.each_shard(|shard| {
        let image = ShardImage {
            table: shard.table,
            fingerprint: shard.fingerprint,
            shard: shard.shard,
            bytes: shard.bytes,
        };
        // Of rules that are gone or have changed since: they start anew here as they do there.
        drop(core.load_shard(&image));
    })?;
    let blob = loaded.blobs.iter().find(|(name, _)| name == CORE_BLOB);
    if let Some(Err(complaint)) = blob.map(|(_, bytes)| core.load_blob(bytes)) {
        tracing::warn!(complaint, "a part of the saved state can't be read");
    }
    Ok(Some(AsOf { at: loaded.at, inputs_since: loaded.inputs.len() }))
}

/// Takes up the guard's desk as a daemon saved it last, with what is in force at `now`, a panic, and
/// whether the first days were ended. Nothing is written.
pub fn take_desk(desk: &mut Desk, reader: &Reader, now: Timestamp) -> Result<(), StoreError> {
    let loaded = reader.load()?;
    let blob = loaded.blobs.iter().find(|(name, _)| name == DESK_BLOB);
    match blob.map(|(_, bytes)| desk.load(bytes)) {
        Some(Ok(())) => {}
        Some(Err(complaint)) => tracing::warn!(complaint, "the guard's saved state can't be read"),
        None => {
            if let Some(installed) = meta::known_installed(reader)? {
                desk.guard.begin_first_days(installed);
            }
        }
    }
    if meta::armed(reader)? {
        desk.guard.arm();
    }
    for decision in reader.in_force(now)? {
        desk.standing.insert(decision);
    }
    let panic = meta::panic(reader)?;
    if panic != desk.guard.panic() {
        desk.set_panic(panic, now);
    }
    for entry in reader.allowlist()?.1 {
        if entry.until.is_none_or(|until| until > now)
            && let Some(subject) = Subject::parse(&entry.entry)
        {
            let entry = Entry {
                subject,
                comment: entry.note,
                added: entry.added,
                by: "command line".to_owned(),
                until: entry.until,
            };
            // A list that is full here was full there.
            drop(desk.allow(entry));
        }
    }
    Ok(())
}
