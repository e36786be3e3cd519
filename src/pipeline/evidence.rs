//! The latest candidate events of each rule and key, in one bounded ring: what a hit shows as its
//! evidence. Bounded as a whole, so that no flood of keys can make it grow.

use crate::event::{Event, Key};
use crate::limits;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

/// One candidate, linked to the one before it of the same rule and key.
#[derive(Debug)]
struct Entry {
    rule: u32,
    key: Key,
    event: Arc<Event>,
    /// Of rule and key.
    hash: u64,
    /// The number of the previous entry of this rule and key.
    previous: Option<u64>,
}

/// The ring. Entries are numbered from 0 for ever; those from `first` on are held.
#[derive(Debug, Default)]
pub struct EvidenceRing {
    entries: VecDeque<Entry>,
    first: u64,
    bytes: usize,
    /// The number of the latest entry of each rule and key.
    latest: HashTable<u64>,
    hasher: RandomState,
}

impl EvidenceRing {
    /// Keeps an event as the latest of its rule and key; the oldest entries make room.
    pub fn push(&mut self, rule: u32, key: &Key, event: &Arc<Event>) {
        let number = self.first + self.entries.len() as u64;
        let hash = self.hasher.hash_one((rule, key.as_bytes()));
        let latest = self.latest.find_mut(hash, same(&self.entries, self.first, rule, key));
        let previous = latest.map(|latest| std::mem::replace(latest, number));
        self.bytes += event.record().len();
        let event = Arc::clone(event);
        self.entries.push_back(Entry { rule, key: key.clone(), event, hash, previous });
        if previous.is_none() {
            let (entries, first) = (&self.entries, self.first);
            let hash_of = |number: &u64| entry(entries, first, *number).map_or(0, |old| old.hash);
            self.latest.insert_unique(hash, number, hash_of);
        }
        while self.entries.len() > limits::EVIDENCE_RING_EVENTS_MAX
            || self.bytes > limits::EVIDENCE_RING_BYTES_MAX
        {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.event.record().len();
            let gone = self.first;
            if let Ok(latest) = self.latest.find_entry(oldest.hash, |latest| *latest == gone) {
                latest.remove();
            }
            self.first += 1;
        }
    }

    /// The latest events of a rule and key, oldest first, at most
    /// [`limits::EVIDENCE_EVENTS_MAX`].
    pub fn of(&self, rule: u32, key: &Key) -> Vec<Arc<Event>> {
        let mut found = Vec::new();
        let hash = self.hasher.hash_one((rule, key.as_bytes()));
        let latest = self.latest.find(hash, same(&self.entries, self.first, rule, key));
        let mut next = latest.copied();
        while let Some(number) = next {
            let Some(entry) = entry(&self.entries, self.first, number) else {
                break;
            };
            found.push(Arc::clone(&entry.event));
            if found.len() == limits::EVIDENCE_EVENTS_MAX {
                break;
            }
            next = entry.previous;
        }
        found.reverse();
        found
    }

    /// Everything held, oldest first, with rules by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Key, &Arc<Event>)> {
        self.entries.iter().map(|entry| (entry.rule, &entry.key, &entry.event))
    }

    /// Forgets the entries that `drop` says.
    pub fn forget(&mut self, mut drop: impl FnMut(&Key, &Event) -> bool) -> usize {
        let before = self.entries.len();
        let kept: Vec<Entry> =
            self.entries.drain(..).filter(|entry| !drop(&entry.key, &entry.event)).collect();
        *self = Self::default();
        for entry in kept {
            self.push(entry.rule, &entry.key, &entry.event);
        }
        before - self.entries.len()
    }
}

/// The entry of a number, where it is still held.
fn entry(entries: &VecDeque<Entry>, first: u64, number: u64) -> Option<&Entry> {
    entries.get(usize::try_from(number.checked_sub(first)?).ok()?)
}

/// Whether a number is that of an entry of this rule and key.
fn same<'e>(
    entries: &'e VecDeque<Entry>,
    first: u64,
    rule: u32,
    key: &'e Key,
) -> impl Fn(&u64) -> bool + 'e {
    move |number| {
        entry(entries, first, *number).is_some_and(|entry| entry.rule == rule && entry.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::Kind;

    fn event(secs: i64) -> Arc<Event> {
        Arc::new(Event::new(Kind::Http, Timestamp::from_secs(secs)))
    }

    #[test]
    fn shows_the_latest_of_one_key_and_stays_bounded() {
        let mut ring = EvidenceRing::default();
        let (mine, other) = (Key::text("mine"), Key::text("other"));
        for secs in 0..40 {
            ring.push(1, &mine, &event(secs));
            ring.push(1, &other, &event(1_000 + secs));
            ring.push(2, &mine, &event(2_000 + secs));
        }
        let times: Vec<i64> = ring.of(1, &mine).iter().map(|event| event.time.as_secs()).collect();
        assert_eq!(times, (24..40).collect::<Vec<_>>());
        for secs in 0..limits::EVIDENCE_RING_EVENTS_MAX {
            ring.push(3, &other, &event(i64::try_from(secs).unwrap()));
        }
        assert!(ring.of(1, &mine).is_empty(), "the oldest made room");
        assert_eq!(ring.latest.len(), 1);
    }
}
