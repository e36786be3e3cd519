//! A shard of a rule's table: the keys of some networks, those that count and those that rest.
//! It grows by itself and is saved as a whole.

use super::ahead::Spot;
use super::slots::{KeyHasher, SavedSlot, Slot, Store, Stored, key_heap_bytes};
use super::spec::Sample;
use super::state::{Poured, State};
use super::table::Place;
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When a resting key fired.
type Fired = Timestamp;

/// Keys and their states.
pub(super) struct Shard<S: Stored> {
    pub(super) live: Store<S>,
    /// Keys that fired and are not counted for a while.
    pub(super) resting: Store<Fired>,
    pub(super) bytes: u64,
    /// Nothing in it is over before this.
    pub(super) over_from: Timestamp,
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
            over_from: Timestamp::MAX,
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
        let bytes = Self::live_bytes(key, &state);
        let place = self.live.insert(hash, key, state)?;
        self.bytes += bytes;
        Some(place)
    }

    pub(super) fn remove(&mut self, place: usize) {
        if let Some(slot) = self.live.remove(place) {
            let freed = Self::live_bytes(slot.key(), &slot.state);
            self.bytes = self.bytes.saturating_sub(freed);
        }
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

    /// Reads where the search for a key begins.
    #[inline]
    pub(super) fn touch_tag(&self, hash: u64) -> u8 {
        self.live.touch_tag(hash).wrapping_add(self.resting.touch_tag(hash))
    }

    /// Reads the slots that an update of a key most likely reads, and notes where that is.
    #[inline]
    pub(super) fn touch_slot(&self, spot: &mut Spot) -> u8 {
        let resting = if self.resting.len() > 0 { self.resting.touch_slot(spot.hash).1 } else { 0 };
        let (place, read) = self.live.touch_slot(spot.hash);
        spot.guess = u32::try_from(place).unwrap_or(u32::MAX);
        read.wrapping_add(resting)
    }

    fn rest(&mut self, place: &Place<'_>, fired: Timestamp, cooldown: Duration) {
        self.over_from = self.over_from.min(fired.plus(cooldown));
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

    /// Counts a sample; and whether the key is far from firing ([`State::is_far`]).
    pub(super) fn pour(
        &mut self,
        plan: &S::Plan,
        cooldown: Duration,
        place: &Place<'_>,
        sample: &Sample,
    ) -> (Poured, bool) {
        if !cooldown.is_zero() && self.rests(place, sample.time, cooldown) {
            return (Poured::Kept, false);
        }
        let key = place.key.as_bytes();
        let known = self.live.find_near(place.guess, place.hash, key);
        let slot = known.or_else(|| self.insert(place.hash, key, S::start(plan, sample)));
        let Some((slot, state)) =
            slot.and_then(|slot| Some((slot, &mut self.live.get_mut(slot)?.state)))
        else {
            return (Poured::Late, false);
        };
        self.dirty = true;
        let before = state.heap_bytes() as u64;
        let poured = state.pour(plan, sample);
        let after = state.heap_bytes() as u64;
        self.bytes = (self.bytes + after).saturating_sub(before);
        if known.is_none() {
            self.over_from = self.over_from.min(state.over_at(plan));
        }
        let is_far = poured == Poured::Kept && state.is_far(plan);
        match poured {
            Poured::Kept | Poured::Late => {}
            Poured::Emptied => {
                self.remove(slot);
            }
            Poured::Fired(_) => {
                self.remove(slot);
                if !cooldown.is_zero() {
                    self.rest(place, sample.time, cooldown);
                }
            }
        }
        (poured, is_far)
    }

    pub(super) fn sweep(&mut self, plan: &S::Plan, cooldown: Duration, watermark: Timestamp) {
        self.take_live(|slot| slot.state.over_at(plan) <= watermark);
        self.take_resting(|slot| slot.state.plus(cooldown) <= watermark);
        self.note_over(plan, cooldown);
    }

    /// Works out from when on something is over.
    pub(super) fn note_over(&mut self, plan: &S::Plan, cooldown: Duration) {
        let live = self.live.iter().map(|slot| slot.state.over_at(plan));
        let resting = self.resting.iter().map(|slot| slot.state.plus(cooldown));
        self.over_from = live.chain(resting).min().unwrap_or(Timestamp::MAX);
    }

    /// Takes out the keys that `drop` names, also those that rest. Returns those that counted.
    pub(super) fn forget(&mut self, drop: &dyn Fn(&[u8]) -> bool) -> Vec<Slot<S>> {
        self.take_resting(|slot| drop(slot.key()));
        self.take_live(|slot| drop(slot.key()))
    }

    fn take_live(&mut self, gone: impl Fn(&Slot<S>) -> bool) -> Vec<Slot<S>> {
        let gone = self.live.take_where(gone);
        for slot in &gone {
            let freed = Self::live_bytes(slot.key(), &slot.state);
            self.bytes = self.bytes.saturating_sub(freed);
            self.dirty = true;
        }
        gone
    }

    fn take_resting(&mut self, gone: impl Fn(&Slot<Fired>) -> bool) {
        for slot in self.resting.take_where(gone) {
            let freed = Self::resting_bytes(slot.key());
            self.bytes = self.bytes.saturating_sub(freed);
            self.dirty = true;
        }
    }

    /// Takes the oldest eighth out, by time and then by key; at least one. Returns those that
    /// counted.
    pub(super) fn evict(&mut self, plan: &S::Plan) -> Vec<Slot<S>> {
        let at_least = usize::from(self.live.len() == 0);
        let last = youngest_of_oldest(&self.resting, at_least, |fired| *fired);
        if let Some((time, key)) = last {
            self.take_resting(|slot| (slot.state, slot.key()) <= (time, &key));
        }
        match youngest_of_oldest(&self.live, 1, |state| state.newest(plan)) {
            Some((time, key)) => {
                self.take_live(|slot| (slot.state.newest(plan), slot.key()) <= (time, &key))
            }
            None => Vec::new(),
        }
    }
}

/// The last one, by time and then by key, of the oldest eighth (or `at_least` so many).
fn youngest_of_oldest<S: Stored>(
    store: &Store<S>,
    at_least: usize,
    time: impl Fn(&S) -> Timestamp,
) -> Option<(Timestamp, Vec<u8>)> {
    let count = (store.len() / 8).max(at_least);
    let mut slots: Vec<(Timestamp, &[u8])> =
        (store.iter()).map(|slot| (time(&slot.state), slot.key())).collect();
    if count == 0 || slots.is_empty() {
        return None;
    }
    let (_, (time, key), _) = slots.select_nth_unstable(count - 1);
    Some((*time, key.to_vec()))
}

impl<S: State> Shard<S> {
    /// The shard's bytes; none when nothing is in it.
    pub(super) fn image(&self) -> Vec<u8> {
        if self.keys() == 0 {
            return Vec::new();
        }
        let saved = SavedShard {
            live: (self.live.iter())
                .map(|slot| SavedSlot { key: slot.key(), state: &slot.state })
                .collect(),
            resting: (self.resting.iter())
                .map(|slot| SavedSlot { key: slot.key(), state: slot.state })
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
