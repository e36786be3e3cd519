//! What was found for the texts seen last: user agents, referrers and paths repeat.

use crate::limits::MATCH_CACHE_TEXT_BYTES_MAX;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};

/// How many texts a column remembers; a power of two.
const ENTRIES: usize = 256;

#[derive(Default, Clone)]
struct Entry {
    text: Vec<u8>,
    rules: Vec<u32>,
}

/// A column's memory: each text has one place, where a later text replaces it.
#[derive(Default)]
pub(super) struct Cache {
    entries: Vec<Entry>,
}

impl Cache {
    /// Puts the text's rules into `out`, from memory or as `find` finds them.
    pub(super) fn get(
        &mut self,
        text: &[u8],
        out: &mut Vec<u32>,
        find: impl FnOnce(&mut Vec<u32>),
    ) {
        if text.len() > MATCH_CACHE_TEXT_BYTES_MAX {
            return find(out);
        }
        if self.entries.is_empty() {
            self.entries.resize(ENTRIES, Entry::default());
        }
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(text);
        let [low, ..] = hasher.finish().to_le_bytes();
        let Some(entry) = self.entries.get_mut(usize::from(low)) else {
            return find(out);
        };
        if entry.text != text || text.is_empty() {
            entry.text.clear();
            entry.text.extend_from_slice(text);
            entry.rules.clear();
            find(&mut entry.rules);
        }
        out.extend_from_slice(&entry.rules);
    }
}
