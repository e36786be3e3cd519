//! Where keys and their states lie: dense slots with an index over them, and the key as a slot
//! holds it. No hash map iteration: the order of slots depends on what was done, not on a seed.

use crate::event::Key;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher};

/// Bytes of a key that lie in the slot itself: an address with a whole number beside it.
const INLINE_BYTES: usize = 14;

/// A key in 16 bytes; longer ones are on the heap.
#[derive(Debug, PartialEq, Eq)]
enum SlotKey {
    Inline(u8, [u8; INLINE_BYTES]),
    #[expect(
        clippy::box_collection,
        reason = "a thin pointer keeps the slot at 16 bytes"
    )]
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

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Heap(bytes) => bytes,
        }
    }
}

/// A key and its state.
#[derive(Debug)]
pub(super) struct Slot<S> {
    key: SlotKey,
    pub(super) state: S,
}

impl<S> Slot<S> {
    pub(super) fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }
}

/// Hashes key bytes. The seed differs between runs and decides nothing that is seen outside.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyHasher(RandomState);

impl KeyHasher {
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

/// Slots, found by key in constant time.
#[derive(Debug)]
pub(super) struct Store<S> {
    index: HashTable<u32>,
    slots: Vec<Slot<S>>,
    hasher: KeyHasher,
}

impl<S> Store<S> {
    /// What one slot is counted as: the slot with an eighth of slack, and its place in the index
    /// (a number and a control byte, at a load of about a half).
    pub(super) const SLOT_BYTES: usize = size_of::<Slot<S>>() / 8 * 9 + 10;

    pub(super) fn new(hasher: KeyHasher) -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            hasher,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slots(&self) -> &[Slot<S>] {
        &self.slots
    }

    pub(super) fn get(&self, place: usize) -> Option<&Slot<S>> {
        self.slots.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Slot<S>> {
        self.slots.get_mut(place)
    }

    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let same = |place: &u32| {
            self.slots
                .get(*place as usize)
                .is_some_and(|slot| slot.key() == key)
        };
        self.index.find(hash, same).map(|place| *place as usize)
    }

    /// Adds a key that is not there yet; its place, or `None` when there is no room for more
    /// than `u32::MAX`.
    pub(super) fn insert(&mut self, hash: u64, key: &[u8], state: S) -> Option<usize> {
        let place = u32::try_from(self.slots.len()).ok()?;
        if self.slots.len() == self.slots.capacity() {
            // Doubling would leave half of the memory unused.
            self.slots.reserve_exact(self.slots.len() / 8 + 4);
        }
        self.slots.push(Slot {
            key: SlotKey::new(key),
            state,
        });
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index
            .insert_unique(hash, place, |place| hash_at(slots, hasher, *place));
        Some(place as usize)
    }

    /// Takes a slot out; the last one moves into its place.
    pub(super) fn remove(&mut self, place: usize) -> Option<Slot<S>> {
        let last = self.slots.len().checked_sub(1)?;
        self.unlink(place)?;
        if place != last {
            let hash = self.hasher.hash(self.slots.get(last)?.key());
            let moved = u32::try_from(last).ok()?;
            if let Some(entry) = self.index.find_mut(hash, |known| *known == moved) {
                *entry = u32::try_from(place).ok()?;
            }
        }
        Some(self.slots.swap_remove(place))
    }

    fn unlink(&mut self, place: usize) -> Option<()> {
        let hash = self.hasher.hash(self.slots.get(place)?.key());
        let number = u32::try_from(place).ok()?;
        self.index
            .find_entry(hash, |known| *known == number)
            .ok()?
            .remove();
        Some(())
    }

    /// Gives memory back when three quarters of it are unused.
    pub(super) fn shrink(&mut self) {
        if self.slots.capacity() / 4 > self.slots.len() {
            self.slots.shrink_to_fit();
            let (slots, hasher) = (&self.slots, &self.hasher);
            self.index
                .shrink_to_fit(|place| hash_at(slots, hasher, *place));
        }
    }
}

fn hash_at<S>(slots: &[Slot<S>], hasher: &KeyHasher, place: u32) -> u64 {
    slots
        .get(place as usize)
        .map_or(0, |slot| hasher.hash(slot.key()))
}

/// Heap bytes of a key, with the allocator's own.
pub(super) fn key_heap_bytes(key: &[u8]) -> usize {
    if key.len() > INLINE_BYTES {
        key.len() + 56
    } else {
        0
    }
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
pub(super) fn shard_of(key: &Key, seed: u64) -> u8 {
    let mut mixed = seed ^ 0x9e37_79b9_7f4a_7c15;
    match key.net_part() {
        Some(ipnet::IpNet::V4(net)) => {
            mixed = mix(mixed, u64::from(u32::from(net.addr()) >> 8));
        }
        Some(ipnet::IpNet::V6(net)) => {
            let high = u64::try_from(u128::from(net.addr()) >> 80).unwrap_or(0);
            mixed = mix(mixed, high | 1 << 63);
        }
        None => {
            for chunk in key.as_bytes().chunks(8) {
                let mut word = [0; 8];
                for (to, from) in word.iter_mut().zip(chunk) {
                    *to = *from;
                }
                mixed = mix(mixed, u64::from_le_bytes(word));
            }
        }
    }
    let [top, ..] = mix(mixed, seed).to_be_bytes();
    top
}

/// Mixes a word in, by a full multiplication whose halves are folded together.
fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word) * 0xd6e8_feb8_6659_fd93;
    let fold = |half: u128| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0);
    (fold(product) ^ fold(product >> 64)).wrapping_add(word.rotate_left(29))
}
