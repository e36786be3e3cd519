//! One rule's keys and states, in 256 shards: counting, forgetting, evicting, saving.
//!
//! A shard holds whole networks (/24 or /48), grows by itself, and is saved as a whole when it
//! changed. Nothing here depends on hash seeds, capacities or on whether a state was loaded or
//! came about, so a restart changes nothing.

use super::ahead::Spot;
use super::shard::{LoadedShard, Shard};
use super::slots::{KeyHasher, Slot, shard_of};
use super::spec::{Firing, Sample};
use super::state::{Held, Poured, State, gap};
use crate::clock::Timestamp;
use crate::event::Key;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many shards a table has.
pub(super) const SHARDS: u16 = 256;

/// A key with what finding it takes.
pub(super) struct Place<'k> {
    pub(super) key: &'k Key,
    pub(super) hash: u64,
    pub(super) shard: u8,
    /// Where its slot most likely is.
    pub(super) guess: u32,
}

/// What became of an update.
pub(super) struct Updated {
    pub(super) firing: Option<Firing>,
    /// The key is far from firing.
    pub(super) is_far: bool,
    /// It came too late.
    pub(super) late: bool,
    /// Bytes that the table held before it.
    pub(super) bytes_before: u64,
    /// Bytes that it holds now.
    pub(super) bytes: u64,
}

/// What a key holds, for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    /// How many (or how much) its window holds.
    pub count: u64,
    /// Of `ratio`: of how many.
    pub of: Option<u64>,
    /// When the oldest of them was seen, where the window knows it.
    pub first: Option<Timestamp>,
    /// Until when it rests after a firing.
    pub resting_until: Option<Timestamp>,
}

/// A rule's table, whatever its kind.
pub(super) trait AnyTable: Send {
    /// Counts a sample.
    fn update(&mut self, place: &Place<'_>, sample: &Sample) -> Updated;
    /// Reads where the search for a key begins, so that an update finds it near by. What it gives
    /// means nothing.
    fn touch_tag(&self, spot: &Spot) -> u8;
    /// The same for what the search then reads; notes where that is.
    fn touch_slot(&self, spot: &mut Spot) -> u8;
    /// What a key holds; with a time, what of it still counts then.
    fn level(&self, place: &Place<'_>, at: Option<Timestamp>) -> Level;
    /// Forgets what is over, shard by shard as time goes from one watermark to the next.
    fn sweep(&mut self, from: Timestamp, to: Timestamp);
    /// Takes out the keys that fire by silence, with the time at which each became due.
    fn take_due(&mut self, watermark: Timestamp, seed: u64) -> Vec<(Timestamp, Key, Firing)>;
    /// Drops the oldest eighth of the largest shard; how many keys that was.
    fn evict(&mut self) -> u64;
    /// Drops the keys that `drop` names.
    fn forget(&mut self, drop: &dyn Fn(&[u8]) -> bool);
    /// Keys held.
    fn keys(&self) -> u64;
    /// Bytes held, as counted against the ceiling.
    fn bytes(&self) -> u64;
    /// The shards that exist.
    fn shards(&self) -> Vec<u16>;
    /// The shards that changed since the last call.
    fn take_dirty(&mut self) -> Vec<(u16, Vec<u8>)>;
    /// Puts a shard back; false when its bytes are none.
    fn load(&mut self, shard: u16, bytes: &[u8]) -> bool;
}

/// A rule's table of one kind.
pub(super) struct Table<S: State> {
    plan: S::Plan,
    cooldown: Duration,
    /// How much time a full round of forgetting is divided into, microseconds a shard.
    sweep_step: i64,
    hasher: KeyHasher,
    shards: Vec<Option<Box<Shard<S>>>>,
    /// From when on something in each shard is over: together, so that time goes on without looking
    /// at the shards.
    over_from: Vec<Timestamp>,
    /// For `absent`: when to look at which key. An entry may lag behind its key, never run ahead.
    queue: BTreeSet<(Timestamp, Key)>,
    keys: u64,
    bytes: u64,
}

impl<S: State> Table<S> {
    /// `span` is how long the window remembers: a round of forgetting takes a quarter of it.
    pub(super) fn new(
        plan: S::Plan,
        span: Duration,
        cooldown: Duration,
        hasher: KeyHasher,
    ) -> Self {
        let round = span.max(cooldown).as_micros() / 4;
        let sweep_step = i64::try_from(round).unwrap_or(i64::MAX) / i64::from(SHARDS);
        Self {
            plan,
            cooldown,
            sweep_step: sweep_step.max(1_000),
            hasher,
            shards: Vec::new(),
            over_from: Vec::new(),
            queue: BTreeSet::new(),
            keys: 0,
            bytes: 0,
        }
    }

    fn shard(&self, shard: u8) -> Option<&Shard<S>> {
        self.shards.get(usize::from(shard))?.as_deref()
    }

    /// Works on one shard and keeps the table's sums in step with it.
    fn with_shard<T>(
        &mut self,
        shard: u8,
        work: impl FnOnce(&mut Shard<S>, &S::Plan, Duration) -> T,
    ) -> Option<T> {
        if self.shards.is_empty() {
            self.shards.resize_with(usize::from(SHARDS), || None);
            self.over_from.resize(usize::from(SHARDS), Timestamp::MAX);
        }
        let hasher = &self.hasher;
        let slot = self.shards.get_mut(usize::from(shard))?;
        let slot = slot.get_or_insert_with(|| Box::new(Shard::new(hasher)));
        let (keys, bytes) = (slot.keys(), slot.bytes);
        let result = work(slot, &self.plan, self.cooldown);
        if let Some(over_from) = self.over_from.get_mut(usize::from(shard)) {
            *over_from = slot.over_from;
        }
        self.keys = (self.keys + slot.keys()).saturating_sub(keys);
        self.bytes = (self.bytes + slot.bytes).saturating_sub(bytes);
        Some(result)
    }
}

impl<S: State> AnyTable for Table<S> {
    fn update(&mut self, place: &Place<'_>, sample: &Sample) -> Updated {
        let (keys, bytes_before) = (self.keys, self.bytes);
        let poured = self.with_shard(place.shard, |shard, plan, cooldown| {
            shard.pour(plan, cooldown, place, sample)
        });
        if S::QUEUE_BYTES > 0 && self.keys > keys {
            self.enqueue(place);
        }
        let (poured, is_far) = poured.unwrap_or((Poured::Late, false));
        let firing = match poured {
            Poured::Fired(firing) => Some(firing),
            _ => None,
        };
        let late = poured == Poured::Late;
        Updated { firing, is_far, late, bytes_before, bytes: self.bytes }
    }

    fn touch_tag(&self, spot: &Spot) -> u8 {
        self.shard(spot.shard).map_or(0, |shard| shard.touch_tag(spot.hash))
    }

    fn touch_slot(&self, spot: &mut Spot) -> u8 {
        self.shard(spot.shard).map_or(0, |shard| shard.touch_slot(spot))
    }

    fn level(&self, place: &Place<'_>, at: Option<Timestamp>) -> Level {
        let Some(shard) = self.shard(place.shard) else {
            return Level::default();
        };
        let key = place.key.as_bytes();
        let live = shard.live.find(place.hash, key);
        let live = live.and_then(|slot| shard.live.get(slot));
        let resting = shard.resting.find(place.hash, key);
        let resting = resting.and_then(|slot| shard.resting.get(slot));
        let held = live.map_or_else(Held::default, |slot| match at {
            Some(at) => slot.state.held_at(&self.plan, at),
            None => Held { count: slot.state.level(&self.plan), ..Held::default() },
        });
        let until = resting.map(|slot| slot.state.plus(self.cooldown));
        Level {
            count: held.count,
            of: held.of,
            first: held.first,
            resting_until: until.filter(|until| at.is_none_or(|at| at < *until)),
        }
    }

    fn sweep(&mut self, from: Timestamp, to: Timestamp) {
        if self.keys == 0 {
            return;
        }
        let turn = |time: Timestamp| time.as_micros().div_euclid(self.sweep_step);
        let (last, now) = (turn(from), turn(to));
        let turns = gap(now, last).min(u64::from(SHARDS));
        for back in 0..turns {
            let turn = now.saturating_sub(i64::try_from(back).unwrap_or(0));
            let shard = u8::try_from(turn.rem_euclid(i64::from(SHARDS))).unwrap_or(0);
            let over_from = self.over_from.get(usize::from(shard));
            if over_from.is_some_and(|over_from| *over_from <= to) {
                self.with_shard(shard, |shard, plan, cooldown| {
                    shard.sweep(plan, cooldown, to);
                });
            }
        }
    }

    fn take_due(&mut self, watermark: Timestamp, seed: u64) -> Vec<(Timestamp, Key, Firing)> {
        let mut fired = Vec::new();
        while let Some((time, _)) = self.queue.first() {
            if *time > watermark {
                break;
            }
            let Some((queued, key)) = self.queue.pop_first() else {
                break;
            };
            self.look_at(queued, key, seed, &mut fired);
        }
        fired
    }

    fn evict(&mut self) -> u64 {
        let sizes = self.shards.iter().map(|shard| shard.as_ref().map(|shard| shard.bytes));
        let largest = sizes.enumerate().fold(None, |best, (place, bytes)| match (best, bytes) {
            (Some((_, most)), Some(bytes)) if bytes <= most => best,
            (_, Some(bytes)) => Some((place, bytes)),
            _ => best,
        });
        let Some(shard) = largest.and_then(|(place, _)| u8::try_from(place).ok()) else {
            return 0;
        };
        let keys = self.keys;
        let gone = self.with_shard(shard, |shard, plan, _| shard.evict(plan));
        self.unqueue(gone.into_iter().flatten());
        keys.saturating_sub(self.keys)
    }

    fn forget(&mut self, drop: &dyn Fn(&[u8]) -> bool) {
        for shard in 0..=u8::MAX {
            if self.shard(shard).is_none() {
                continue;
            }
            let gone = self.with_shard(shard, |shard, _, _| shard.forget(drop));
            self.unqueue(gone.into_iter().flatten());
        }
    }

    fn keys(&self) -> u64 {
        self.keys
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn shards(&self) -> Vec<u16> {
        (0..SHARDS)
            .zip(&self.shards)
            .filter_map(|(number, shard)| shard.is_some().then_some(number))
            .collect()
    }

    fn take_dirty(&mut self) -> Vec<(u16, Vec<u8>)> {
        let mut images = Vec::new();
        for (number, shard) in (0..SHARDS).zip(&mut self.shards) {
            if let Some(shard) = shard
                && std::mem::take(&mut shard.dirty)
            {
                images.push((number, shard.image()));
            }
        }
        images
    }

    fn load(&mut self, shard: u16, bytes: &[u8]) -> bool {
        let Ok(shard) = u8::try_from(shard) else {
            return false;
        };
        if bytes.is_empty() {
            return true;
        }
        let Ok(loaded) = postcard::from_bytes::<LoadedShard<S>>(bytes) else {
            return false;
        };
        let hasher = self.hasher.clone();
        self.with_shard(shard, |shard, plan, cooldown| {
            shard.restore(loaded, &hasher);
            shard.note_over(plan, cooldown);
        });
        if S::QUEUE_BYTES > 0 {
            self.enqueue_shard(shard);
        }
        true
    }
}

/// What only `absent` needs: the queue of due times.
impl<S: State> Table<S> {
    fn enqueue(&mut self, place: &Place<'_>) {
        let key = place.key;
        let time = self.with_shard(place.shard, |shard, _, _| {
            let slot = shard.live.find(place.hash, key.as_bytes())?;
            shard.live.get_mut(slot)?.state.queued().copied()
        });
        if let Some(time) = time.flatten() {
            self.queue.insert((time, key.clone()));
        }
    }

    /// Fires the key of a queue entry that has come due, or puts the entry where it belongs by
    /// now.
    fn look_at(
        &mut self,
        queued: Timestamp,
        key: Key,
        seed: u64,
        fired: &mut Vec<(Timestamp, Key, Firing)>,
    ) {
        let hash = self.hasher.hash(key.as_bytes());
        let number = shard_of(&key, seed);
        let holder = self.shard(number);
        let Some(slot) = holder.and_then(|shard| shard.live.find(hash, key.as_bytes())) else {
            return;
        };
        let due = self.with_shard(number, |shard, plan, _| {
            let state = &mut shard.live.get_mut(slot)?.state;
            let (due, firing) = state.due(plan)?;
            if due <= queued {
                shard.dirty = true;
                shard.remove(slot);
                return Some((due, Some(firing)));
            }
            if let Some(entry) = state.queued() {
                *entry = due;
            }
            Some((due, None))
        });
        match due.flatten() {
            Some((due, Some(firing))) => fired.push((due, key, firing)),
            Some((due, None)) => {
                self.queue.insert((due, key));
            }
            None => {}
        }
    }

    /// Takes the entries of keys that are gone out of the queue.
    fn unqueue(&mut self, gone: impl Iterator<Item = Slot<S>>) {
        for mut slot in gone {
            let time = slot.state.queued().copied();
            if let (Some(time), Some(key)) = (time, Key::from_bytes(slot.key())) {
                self.queue.remove(&(time, key));
            }
        }
    }

    /// Queues the keys of a shard that was loaded.
    fn enqueue_shard(&mut self, number: u8) {
        let (plan, queue) = (&self.plan, &mut self.queue);
        let shard = self.shards.get_mut(usize::from(number));
        let Some(shard) = shard.and_then(Option::as_deref_mut) else {
            return;
        };
        for slot in shard.live.iter_mut() {
            let due = slot.state.due(plan).map(|(due, _)| due);
            if let (Some(due), Some(entry)) = (due, slot.state.queued()) {
                *entry = due;
                queue.extend(Key::from_bytes(slot.key()).map(|key| (due, key)));
            }
        }
    }
}
