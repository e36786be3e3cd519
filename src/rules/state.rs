//! What `state::` keeps: a bounded map with an end for each entry, in event time.
//!
//! In: sets and adds with the event time. Out: values; images of what changed, for the checkpoint.
//! The same calls give the same state, also after save and load at any point.

use super::host::StateValue;
use crate::clock::Timestamp;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    value: StateValue,
    until: Timestamp,
}

/// One part of the state, as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateImage {
    /// Which part.
    pub shard: u16,
    /// Its content; empty when nothing is in it.
    pub bytes: Vec<u8>,
}

/// The state of all rules. The engine owns it; rule bodies reach it through the host.
#[derive(Debug)]
pub struct ScriptState {
    entries: BTreeMap<String, Entry>,
    /// By end, then key: the first goes first.
    ends: BTreeSet<(Timestamp, String)>,
    dirty: BTreeSet<u16>,
    entries_max: usize,
}

/// A saved part that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("part `{shard}` of the rules' state can't be read")]
pub struct StateError {
    shard: u16,
}

/// With the default bound: a derived one would bound it to nothing, and keep nothing.
impl Default for ScriptState {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptState {
    /// An empty state with the default bound.
    pub fn new() -> Self {
        Self::with_entries_max(limits::STATE_ENTRIES_MAX)
    }

    /// An empty state with a bound of its own.
    pub fn with_entries_max(entries_max: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            ends: BTreeSet::new(),
            dirty: BTreeSet::new(),
            entries_max: entries_max.max(1),
        }
    }

    /// How many entries it holds, ended ones that nobody has looked for included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key, unless its time is over at `now`.
    pub fn get(&self, key: &str, now: Timestamp) -> Option<StateValue> {
        self.entries.get(key).filter(|entry| entry.until > now).map(|entry| entry.value.clone())
    }

    /// Sets a key until `ttl` from `now`. When the state is full, what ends first goes.
    pub fn set(&mut self, key: &str, value: StateValue, ttl: Duration, now: Timestamp) {
        self.expire(now);
        let ttl = ttl.min(Duration::from_secs(limits::STATE_TTL_SECS_MAX));
        let until = now.plus(ttl);
        self.mark(key);
        if let Some(old) = self.entries.insert(key.to_owned(), Entry { value, until }) {
            self.ends.remove(&(old.until, key.to_owned()));
        }
        self.ends.insert((until, key.to_owned()));
        while self.entries.len() > self.entries_max {
            let Some((_, first)) = self.ends.pop_first() else {
                break;
            };
            self.mark(&first);
            self.entries.remove(&first);
        }
    }

    /// Adds to a number (0 where there is none, or no number) and gives the sum.
    pub fn add(&mut self, key: &str, amount: f64, ttl: Duration, now: Timestamp) -> f64 {
        let before = match self.get(key, now) {
            Some(StateValue::Float(number)) => number,
            // Counts: exact up to 2^53.
            Some(StateValue::Int(number)) => number as f64,
            _ => 0.0,
        };
        let sum = before + amount;
        let sum = if sum.is_finite() { sum } else { before };
        self.set(key, StateValue::Float(sum), ttl, now);
        sum
    }

    /// Drops what has ended at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        while self.ends.first().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, key)) = self.ends.pop_first() {
                self.mark(&key);
                self.entries.remove(&key);
            }
        }
    }

    /// Drops every key that contains `text` (a person's data is to be forgotten); gives how many.
    pub fn forget(&mut self, text: &str) -> usize {
        let keys: Vec<String> =
            self.entries.keys().filter(|key| key.contains(text)).cloned().collect();
        for key in &keys {
            self.mark(key);
            if let Some(old) = self.entries.remove(key) {
                self.ends.remove(&(old.until, key.clone()));
            }
        }
        keys.len()
    }

    fn mark(&mut self, key: &str) {
        self.dirty.insert(shard(key));
    }

    /// The parts that changed since the last call, ascending; clears the marks.
    pub fn dirty_shards(&mut self) -> Vec<StateImage> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.into_iter().map(|shard| self.image(shard)).collect()
    }

    fn image(&self, wanted: u16) -> StateImage {
        let part: Vec<(&String, &Entry)> =
            self.entries.iter().filter(|(key, _)| shard(key) == wanted).collect();
        let bytes = if part.is_empty() {
            Vec::new()
        } else {
            postcard::to_allocvec(&part).unwrap_or_default()
        };
        StateImage { shard: wanted, bytes }
    }

    /// Puts a saved part back.
    pub fn load_shard(&mut self, image: &StateImage) -> Result<(), StateError> {
        if image.bytes.is_empty() {
            return Ok(());
        }
        let part: Vec<(String, Entry)> =
            postcard::from_bytes(&image.bytes).map_err(|_| StateError { shard: image.shard })?;
        for (key, entry) in part {
            self.ends.insert((entry.until, key.clone()));
            self.entries.insert(key, entry);
        }
        Ok(())
    }
}

/// Which part a key is saved in: the same on every machine (FNV-1a, 64 bits).
fn shard(key: &str) -> u16 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u16::try_from(hash % u64::from(limits::STATE_SHARDS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    const HOUR: Duration = Duration::from_hours(1);

    /// The engine makes its state with `default`, and once that kept nothing.
    #[test]
    fn a_default_state_keeps_what_it_is_given() {
        let mut state = ScriptState::default();
        state.set("a", StateValue::Int(1), HOUR, at(0));
        assert_eq!(state.get("a", at(1)), Some(StateValue::Int(1)));
        assert!(
            (state.add("b", 1.0, HOUR, at(0)) + state.add("b", 1.0, HOUR, at(1)) - 3.0).abs()
                < 1e-9
        );
    }

    #[test]
    fn entries_end_and_the_first_to_end_goes_when_full() {
        let mut state = ScriptState::with_entries_max(2);
        state.set("a", StateValue::Int(1), HOUR, at(0));
        assert_eq!(state.get("a", at(3_599)), Some(StateValue::Int(1)));
        assert_eq!(state.get("a", at(3_600)), None);
        state.set("b", StateValue::Int(2), HOUR * 2, at(0));
        state.set("c", StateValue::Int(3), HOUR * 3, at(0));
        assert_eq!(state.get("a", at(1)), None);
        assert_eq!(state.len(), 2);
        assert!((state.add("c", 2.5, HOUR, at(10)) - 5.5).abs() < 1e-9);
        assert!((state.add("new", f64::MAX, HOUR, at(10))).is_finite());
    }

    #[test]
    fn what_changed_is_saved_and_loads_to_the_same() {
        let mut state = ScriptState::new();
        for number in 0..500 {
            state.set(&format!("key {number}"), StateValue::Int(number), HOUR, at(number));
        }
        let images = state.dirty_shards();
        assert_eq!(images.len(), usize::from(limits::STATE_SHARDS));
        state.set("key 1", StateValue::Text("x".to_owned()), HOUR, at(500));
        let later = state.dirty_shards();
        assert_eq!(later.len(), 1);
        let mut loaded = ScriptState::new();
        for image in images.iter().filter(|image| image.shard != later[0].shard).chain(&later) {
            loaded.load_shard(image).unwrap();
        }
        assert_eq!(loaded.entries, state.entries);
        assert_eq!(loaded.ends, state.ends);
        assert!(loaded.load_shard(&StateImage { shard: 3, bytes: vec![255; 9] }).is_err());
    }
}
