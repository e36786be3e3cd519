//! Where keys and their states lie: one array of slots, and the key as a slot holds it. The order
//! of slots depends on a seed that differs between runs, so nothing may depend on that order.

use crate::clock::Timestamp;
use crate::event::Key;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher};

/// Bytes of a key that lie in the slot itself: an address with a whole number beside it.
const INLINE_BYTES: usize = 14;

/// How far from its home a slot is looked for ahead of its turn: nearly all are nearer.
const TOUCHED_STEPS: usize = 8;

/// A key in 16 bytes; longer ones are on the heap.
#[derive(Debug, PartialEq, Eq)]
enum SlotKey {
    Inline(u8, [u8; INLINE_BYTES]),
    #[expect(clippy::box_collection, reason = "a thin pointer keeps the slot at 16 bytes")]
    Heap(Box<Vec<u8>>),
}

impl SlotKey {
    fn new(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE_BYTES];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(bytes);
                Self::Inline(length, inline)
            }
            _ => Self::Heap(Box::new(bytes.to_vec())),
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Heap(bytes) => bytes,
        }
    }
}

/// What a slot holds beside its key.
pub(super) trait Stored {
    /// A slot is aligned as this is: [`CacheLine`] where a slot fills one, so that reading it waits
    /// for memory once and not twice; else a word, for aligned slots would be larger.
    type Aligned: Send;
}

/// As large as what memory gives at once, on most processors.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct CacheLine;

impl Stored for Timestamp {
    type Aligned = u64;
}

/// A key and its state.
pub(super) struct Slot<S: Stored> {
    key: SlotKey,
    pub(super) state: S,
    /// Takes no room.
    _aligned: [S::Aligned; 0],
}

impl<S: Stored> Slot<S> {
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }
}

/// Hashes key bytes. The seed differs between runs and decides nothing that is seen outside.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyHasher(RandomState);

impl KeyHasher {
    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

/// Slots, found by key in constant time: open addressing, a byte of each hash beside the slots,
/// so that finding a key touches one slot. Any size, not only powers of two, so that what is
/// counted is what is used.
pub(super) struct Store<S: Stored> {
    /// 0 where the slot is empty.
    tags: Vec<u8>,
    slots: Vec<Option<Slot<S>>>,
    len: usize,
    hasher: KeyHasher,
}

impl<S: Stored> Store<S> {
    /// What one slot is counted as: at a load of four fifths, which is the average.
    pub(super) const SLOT_BYTES: usize = (size_of::<Option<Slot<S>>>() + 1) * 5 / 4;

    pub(super) fn new(hasher: KeyHasher) -> Self {
        Self { tags: Vec::new(), slots: Vec::new(), len: 0, hasher }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<S>> {
        self.slots.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<S>> {
        self.slots.iter_mut().flatten()
    }

    pub(super) fn get(&self, place: usize) -> Option<&Slot<S>> {
        self.slots.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Slot<S>> {
        self.slots.get_mut(place)?.as_mut()
    }

    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let wanted = tag(hash);
        let home = self.home(hash);
        for range in [home..self.tags.len(), 0..home] {
            for place in range {
                let tag = *self.tags.get(place)?;
                if tag == wanted && self.get(place).is_some_and(|slot| slot.key() == key) {
                    return Some(place);
                }
                if tag == 0 {
                    return None;
                }
            }
        }
        None
    }

    /// Reads where the search for a hash begins; what is read means nothing.
    #[inline]
    pub(super) fn touch_tag(&self, hash: u64) -> u8 {
        self.tags.get(self.home(hash)).copied().unwrap_or(0)
    }

    /// Where the slot of a hash most likely is; reads it, to its end. The number that comes with it
    /// means nothing.
    #[inline]
    pub(super) fn touch_slot(&self, hash: u64) -> (usize, u8) {
        let home = self.home(hash);
        let (wanted, near) = (tag(hash), self.tags.get(home..).unwrap_or_default());
        let step = near.iter().take(TOUCHED_STEPS).position(|tag| *tag == wanted).unwrap_or(0);
        let place = home + step;
        let mut read = u8::from(self.get(place).is_some());
        if align_of::<Slot<S>>() < align_of::<CacheLine>() {
            // The next slot begins in the cache line in which this one ends.
            read += u8::from(self.get(place + 1).is_some());
        }
        (place, read)
    }

    /// Where a key is, looked for first where it is guessed to be.
    #[inline]
    pub(super) fn find_near(&self, guess: u32, hash: u64, key: &[u8]) -> Option<usize> {
        let guess = guess as usize;
        if self.get(guess).is_some_and(|slot| slot.key() == key) {
            return Some(guess);
        }
        self.find(hash, key)
    }

    /// Adds a key that is not there yet; its place.
    pub(super) fn insert(&mut self, hash: u64, key: &[u8], state: S) -> Option<usize> {
        // At most seven eighths full.
        if (self.len + 1).saturating_mul(8) > self.tags.len().saturating_mul(7) {
            // A shard of most rules holds a key or two: they begin small.
            self.resize(self.tags.len() + self.tags.len() / 4 + 2);
        }
        let key = SlotKey::new(key);
        self.put(hash, Slot { key, state, _aligned: [] })
    }

    /// Takes a slot out; those that it kept from their homes move up.
    pub(super) fn remove(&mut self, place: usize) -> Option<Slot<S>> {
        let removed = self.slots.get_mut(place)?.take()?;
        self.len -= 1;
        let (mut hole, mut next) = (place, self.wrap(place + 1));
        while let Some(slot) = self.get(next) {
            let from = self.home(self.hasher.hash(slot.key()));
            if self.distance(from, next) >= self.distance(hole, next) {
                self.slots.swap(hole, next);
                self.tags.swap(hole, next);
                hole = next;
            }
            next = self.wrap(next + 1);
        }
        if let Some(tag) = self.tags.get_mut(hole) {
            *tag = 0;
        }
        Some(removed)
    }

    /// Takes out all slots that `gone` says, and gives memory back when little is left.
    pub(super) fn take_where(&mut self, gone: impl Fn(&Slot<S>) -> bool) -> Vec<Slot<S>> {
        if !self.iter().any(&gone) {
            return Vec::new();
        }
        let slots = std::mem::take(&mut self.slots).into_iter().flatten();
        let (gone, kept): (Vec<_>, Vec<_>) = slots.partition(gone);
        let fitting = kept.len() + kept.len() / 4 + 4;
        let capacity = if kept.is_empty() {
            0
        } else if self.tags.len() / 2 > fitting {
            fitting
        } else {
            self.tags.len()
        };
        self.refill(capacity, kept);
        gone
    }

    fn resize(&mut self, capacity: usize) {
        let slots = std::mem::take(&mut self.slots);
        self.refill(capacity, slots.into_iter().flatten());
    }

    fn refill(&mut self, capacity: usize, slots: impl IntoIterator<Item = Slot<S>>) {
        self.tags = vec![0; capacity];
        self.slots = Vec::new();
        self.slots.resize_with(capacity, || None);
        self.len = 0;
        for slot in slots {
            let hash = self.hasher.hash(slot.key());
            self.put(hash, slot);
        }
    }

    /// Puts a slot into the first empty place from its home on; there must be one.
    fn put(&mut self, hash: u64, slot: Slot<S>) -> Option<usize> {
        let home = self.home(hash);
        let (before, after) = self.tags.split_at_checked(home)?;
        let step = after.iter().chain(before).position(|tag| *tag == 0)?;
        let place = self.wrap(home + step);
        *self.tags.get_mut(place)? = tag(hash);
        *self.slots.get_mut(place)? = Some(slot);
        self.len += 1;
        Some(place)
    }

    /// Where a hash would like to be: its upper half, scaled to the size.
    fn home(&self, hash: u64) -> usize {
        let scaled = u128::from(hash) * (self.tags.len() as u128);
        usize::try_from(scaled >> 64).unwrap_or(0)
    }

    fn wrap(&self, place: usize) -> usize {
        if place < self.tags.len() { place } else { place - self.tags.len() }
    }

    /// How many steps from `from` on to `to`, going round.
    fn distance(&self, from: usize, to: usize) -> usize {
        if from <= to { to - from } else { to + self.tags.len() - from }
    }
}

/// The byte of a hash that stands beside its slot; never 0.
#[inline]
fn tag(hash: u64) -> u8 {
    let [low, ..] = hash.to_le_bytes();
    low.max(1)
}

/// Heap bytes of a key, with the allocator's own.
pub(super) fn key_heap_bytes(key: &[u8]) -> usize {
    if key.len() > INLINE_BYTES { key.len() + 56 } else { 0 }
}

/// A slot as it is saved.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedSlot<K, S> {
    pub(super) key: K,
    pub(super) state: S,
}

/// Which shard a key belongs to: keys of one /24 or /48 share one, so that a network that floods
/// fills, and then evicts from, its own. Keys without a network are spread by all their bytes.
///
/// `seed` is saved with the state: the same key is in the same shard in every run.
#[inline]
pub(super) fn shard_of(key: &Key, seed: u64) -> u8 {
    let mut mixed = seed ^ 0x9e37_79b9_7f4a_7c15;
    if let Some(neighbourhood) = key.neighbourhood() {
        mixed = mix(mixed, neighbourhood);
    } else {
        for chunk in key.as_bytes().chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            mixed = mix(mixed, u64::from_le_bytes(word));
        }
    }
    let [top, ..] = mix(mixed, seed).to_be_bytes();
    top
}

/// Mixes a word in, by a full multiplication whose halves are folded together.
#[inline]
fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word) * 0xd6e8_feb8_6659_fd93;
    let fold = |half: u128| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0);
    (fold(product) ^ fold(product >> 64)).wrapping_add(word.rotate_left(29))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line([u64; 6]);

    impl Stored for Line {
        type Aligned = CacheLine;
    }

    #[test]
    fn a_slot_that_fills_a_cache_line_lies_in_one() {
        assert_eq!(size_of::<Option<Slot<Line>>>(), align_of::<CacheLine>());
        let mut store = Store::new(KeyHasher::default());
        for number in 0..100_u8 {
            let hash = store.hasher.hash(&[number]);
            store.insert(hash, &[number], Line([u64::from(number); 6]));
        }
        for slot in &store.slots {
            assert_eq!(std::ptr::from_ref(slot).addr() % align_of::<CacheLine>(), 0);
        }
        assert!(store.iter().all(|slot| slot.key() == [u8::try_from(slot.state.0[5]).unwrap()]));
        // Else aligned slots would be larger.
        assert_eq!(size_of::<Option<Slot<Timestamp>>>(), 24);
    }
}
