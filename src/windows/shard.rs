//! A shard of a rule's table: the keys of some networks, those that count and those that rest.
//! It grows by itself and is saved as a whole.

use super::slots::{KeyHasher, SavedSlot, Slot, Store, key_heap_bytes};
use super::spec::Sample;
use super::state::{Poured, State};
use super::table::Place;
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When a resting key fired.
type Fired = Timestamp;

/// Keys and their states.
pub(super) struct Shard<S> {
    pub(super) live: Store<S>,
    /// Keys that fired and are not counted for a while.
    pub(super) resting: Store<Fired>,
    pub(super) bytes: u64,
    /// Something changed since it was last saved.
    pub(super) dirty: bool,
}

#[derive(Serialize)]
struct SavedShard<'s, S> {
    live: Vec<SavedSlot<&'s [u8], &'s S>>,
    resting: Vec<SavedSlot<&'s [u8], Fired>>,
}

/// A shard as it is read back.
#[derive(Deserialize)]
pub(super) struct LoadedShard<S> {
    live: Vec<SavedSlot<Vec<u8>, S>>,
    resting: Vec<SavedSlot<Vec<u8>, Fired>>,
}

impl<S: State> Shard<S> {
    pub(super) fn new(hasher: &KeyHasher) -> Self {
        Self {
            live: Store::new(hasher.clone()),
            resting: Store::new(hasher.clone()),
            bytes: 0,
            dirty: false,
        }
    }

    pub(super) fn keys(&self) -> u64 {
        (self.live.len() + self.resting.len()) as u64
    }

    fn live_bytes(key: &[u8], state: &S) -> u64 {
        let bytes =
            Store::<S>::SLOT_BYTES + S::QUEUE_BYTES + key_heap_bytes(key) + state.heap_bytes();
        bytes as u64
    }

    fn resting_bytes(key: &[u8]) -> u64 {
        (Store::<Fired>::SLOT_BYTES + key_heap_bytes(key)) as u64
    }

    fn insert(&mut self, hash: u64, key: &[u8], state: S) -> Option<usize> {
        self.bytes += Self::live_bytes(key, &state);
        self.live.insert(hash, key, state)
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<(Vec<u8>, S)> {
        let slot = self.live.remove(place)?;
        let freed = Self::live_bytes(slot.key(), &slot.state);
        self.bytes = self.bytes.saturating_sub(freed);
        let key = if S::QUEUE_BYTES > 0 {
            slot.key().to_vec()
        } else {
            Vec::new()
        };
        Some((key, slot.state))
    }

    fn remove_resting(&mut self, place: usize) {
        if let Some(slot) = self.resting.remove(place) {
            let freed = Self::resting_bytes(slot.key());
            self.bytes = self.bytes.saturating_sub(freed);
        }
    }

    /// Whether the key rests at this time; a rest that is over is forgotten.
    fn rests(&mut self, place: &Place<'_>, time: Timestamp, cooldown: Duration) -> bool {
        let Some(slot) = self.resting.find(place.hash, place.key.as_bytes()) else {
            return false;
        };
        let Some(fired) = self.resting.get(slot).map(|slot| slot.state) else {
            return false;
        };
        let apart = time.since(fired).max(fired.since(time));
        if apart < cooldown {
            return true;
        }
        // What lies long before the firing (another source, still behind) leaves the rest alone.
        if time > fired {
            self.remove_resting(slot);
            self.dirty = true;
        }
        false
    }

    fn rest(&mut self, place: &Place<'_>, fired: Timestamp) {
        let key = place.key.as_bytes();
        if let Some(slot) = self.resting.find(place.hash, key) {
            if let Some(slot) = self.resting.get_mut(slot) {
                slot.state = slot.state.max(fired);
            }
        } else {
            self.bytes += Self::resting_bytes(key);
            self.resting.insert(place.hash, key, fired);
        }
    }

    pub(super) fn pour(
        &mut self,
        plan: &S::Plan,
        cooldown: Duration,
        place: &Place<'_>,
        sample: &Sample,
    ) -> Poured {
        if !cooldown.is_zero() && self.rests(place, sample.time, cooldown) {
            return Poured::Kept;
        }
        let key = place.key.as_bytes();
        let slot = self
            .live
            .find(place.hash, key)
            .or_else(|| self.insert(place.hash, key, S::start(plan, sample)));
        let Some((slot, state)) =
            slot.and_then(|slot| Some((slot, &mut self.live.get_mut(slot)?.state)))
        else {
            return Poured::Late;
        };
        self.dirty = true;
        let before = state.heap_bytes() as u64;
        let poured = state.pour(plan, sample);
        let after = state.heap_bytes() as u64;
        self.bytes = (self.bytes + after).saturating_sub(before);
        match poured {
            Poured::Kept | Poured::Late => {}
            Poured::Emptied => {
                self.remove(slot);
            }
            Poured::Fired(_) => {
                self.remove(slot);
                if !cooldown.is_zero() {
                    self.rest(place, sample.time);
                }
            }
        }
        poured
    }

    pub(super) fn sweep(&mut self, plan: &S::Plan, cooldown: Duration, watermark: Timestamp) {
        for place in (0..self.live.len()).rev() {
            let over = |slot: &Slot<S>| slot.state.over_at(plan) <= watermark;
            if self.live.get(place).is_some_and(over) {
                self.remove(place);
                self.dirty = true;
            }
        }
        for place in (0..self.resting.len()).rev() {
            let fired = self.resting.get(place).map(|slot| slot.state);
            if fired.is_some_and(|fired| fired.plus(cooldown) <= watermark) {
                self.remove_resting(place);
                self.dirty = true;
            }
        }
        self.live.shrink();
        self.resting.shrink();
    }

    /// Takes out the keys that `drop` names, also those that rest.
    pub(super) fn forget(&mut self, drop: &dyn Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, S)> {
        let mut gone = Vec::new();
        for place in (0..self.live.len()).rev() {
            if self.live.get(place).is_some_and(|slot| drop(slot.key())) {
                gone.extend(self.remove(place));
                self.dirty = true;
            }
        }
        for place in (0..self.resting.len()).rev() {
            if self.resting.get(place).is_some_and(|slot| drop(slot.key())) {
                self.remove_resting(place);
                self.dirty = true;
            }
        }
        gone
    }

    /// Takes the oldest eighth out, by time and then by key; at least one.
    pub(super) fn evict(&mut self, plan: &S::Plan) -> Vec<(Vec<u8>, S)> {
        self.dirty = true;
        let resting: Vec<Timestamp> = self.resting.slots().iter().map(|slot| slot.state).collect();
        let at_least = usize::from(self.live.len() == 0);
        let count = (resting.len() / 8).max(at_least);
        let gone = oldest(&resting, count, |place| {
            self.resting.get(place).map(Slot::key)
        });
        for place in gone {
            self.remove_resting(place);
        }
        let times: Vec<Timestamp> =
            (self.live.slots().iter().map(|slot| slot.state.newest(plan))).collect();
        let count = (times.len() / 8).max(1);
        let gone = oldest(&times, count, |place| self.live.get(place).map(Slot::key));
        gone.into_iter()
            .filter_map(|place| self.remove(place))
            .collect()
    }
}

/// The places of the `count` oldest, highest place first, so that taking one out by moving the
/// last one there disturbs none that follow.
fn oldest<'k>(
    times: &[Timestamp],
    count: usize,
    key: impl Fn(usize) -> Option<&'k [u8]>,
) -> Vec<usize> {
    let mut places: Vec<usize> = (0..times.len()).collect();
    if count == 0 || places.is_empty() {
        return Vec::new();
    }
    if count < places.len() {
        places.select_nth_unstable_by_key(count - 1, |place| {
            (times.get(*place).copied(), key(*place))
        });
        places.truncate(count);
    }
    places.sort_unstable_by(|left, right| right.cmp(left));
    places
}

impl<S: State> Shard<S> {
    /// The shard's bytes; none when nothing is in it.
    pub(super) fn image(&self) -> Vec<u8> {
        if self.keys() == 0 {
            return Vec::new();
        }
        let saved = SavedShard {
            live: (self.live.slots().iter())
                .map(|slot| SavedSlot {
                    key: slot.key(),
                    state: &slot.state,
                })
                .collect(),
            resting: (self.resting.slots().iter())
                .map(|slot| SavedSlot {
                    key: slot.key(),
                    state: slot.state,
                })
                .collect(),
        };
        // Serialising plain data into memory can't fail.
        postcard::to_stdvec(&saved).unwrap_or_default()
    }

    pub(super) fn restore(&mut self, loaded: LoadedShard<S>, hasher: &KeyHasher) {
        *self = Self::new(hasher);
        for slot in loaded.live {
            let hash = hasher.hash(&slot.key);
            if self.live.find(hash, &slot.key).is_none() {
                self.insert(hash, &slot.key, slot.state);
            }
        }
        for slot in loaded.resting {
            let hash = hasher.hash(&slot.key);
            if self.resting.find(hash, &slot.key).is_none() {
                self.bytes += Self::resting_bytes(&slot.key);
                self.resting.insert(hash, &slot.key, slot.state);
            }
        }
    }
}
