//! What was found for the texts seen last: user agents, referrers and paths repeat.

use crate::limits::MATCH_CACHE_TEXT_BYTES_MAX;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};

/// Sets of places; a power of two. Twice as many texts are remembered: five times the user agents
/// that a busy site sees in an hour.
const SETS: usize = 512;

#[derive(Default, Clone)]
struct Entry {
    hash: u64,
    text: Vec<u8>,
    rules: Vec<u32>,
}

/// A column's memory: each text has two places, of which a new text takes the one that was asked
/// for longer ago.
#[derive(Default)]
pub(super) struct Cache {
    /// In each set the one that was asked for last stands first.
    sets: Vec<[Entry; 2]>,
}

impl Entry {
    fn is_of(&self, hash: u64, text: &[u8]) -> bool {
        self.hash == hash && self.text == text
    }
}

impl Cache {
    /// Puts the rules of a text (which isn't empty) into `out`, from memory or as `find` finds
    /// them.
    pub(super) fn get(
        &mut self,
        text: &[u8],
        out: &mut Vec<u32>,
        find: impl FnOnce(&mut Vec<u32>),
    ) {
        if text.len() > MATCH_CACHE_TEXT_BYTES_MAX {
            return find(out);
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Default::default);
        }
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(text);
        let hash = hasher.finish();
        let place = usize::try_from(hash).unwrap_or(0) % SETS;
        let Some(set) = self.sets.get_mut(place) else {
            return find(out);
        };
        let [first, second] = &mut *set;
        if !first.is_of(hash, text) {
            if !second.is_of(hash, text) {
                second.hash = hash;
                second.text.clear();
                second.text.extend_from_slice(text);
                second.rules.clear();
                find(&mut second.rules);
            }
            std::mem::swap(first, second);
        }
        out.extend_from_slice(&first.rules);
    }
}
