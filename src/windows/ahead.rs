//! Looking ahead: what the updates of a batch will read is read before them, so that their waits for
//! memory overlap instead of following one another. With a million keys nearly each update waits
//! twice, once for where the search begins and once for the slot, and the waits are most of it.
//!
//! In: the keys of a batch. Out: nothing; what is counted stays as it is.

use super::Windows;
use super::slots::shard_of;
use crate::event::Key;
use crate::limits::WINDOW_LOOK_AHEAD_KEYS;
use smallvec::SmallVec;
use std::hint::black_box;

/// Where a key of a rule lies; holds until the next rule set.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    pub(super) rule: usize,
    pub(super) hash: u64,
    pub(super) shard: u8,
    /// Where its slot most likely is.
    pub(super) guess: u32,
}

impl Windows {
    /// Where a key of a rule lies.
    #[inline]
    pub fn spot(&self, rule: usize, key: &Key) -> Spot {
        let hash = self.hasher.hash(key.as_bytes());
        Spot { rule, hash, shard: shard_of(key, self.seed), guess: u32::MAX }
    }

    /// Reads what updates of these keys will read; how many keys that were. At most
    /// `limits::WINDOW_LOOK_AHEAD_KEYS` at a time, else the first ones are out of the cache again
    /// before their turn.
    pub fn look_ahead<'s>(&self, spots: impl IntoIterator<Item = &'s mut Spot>) -> usize {
        let mut spots: SmallVec<[&mut Spot; WINDOW_LOOK_AHEAD_KEYS]> = spots.into_iter().collect();
        // A pass for each step of the way, so that no read waits for the one before it.
        let mut read = 0_u8;
        for spot in &spots {
            if let Some(table) = self.tables.get(spot.rule) {
                read = read.wrapping_add(table.touch_tag(spot));
            }
        }
        for spot in &mut spots {
            if let Some(table) = self.tables.get(spot.rule) {
                read = read.wrapping_add(table.touch_slot(spot));
            }
        }
        black_box(read);
        spots.len()
    }
}
