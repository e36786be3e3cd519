//! The latest candidate events of each rule and key, in one bounded ring: what a hit shows as its
//! evidence. Bounded as a whole, so that no flood of keys can make it grow.

use crate::event::{Event, Key, Spares};
use crate::limits;
use foldhash::fast::RandomState;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::num::NonZero;
use std::sync::Arc;

/// Chains: as many as entries, so that one holds about one rule and key.
const CHAINS: usize = limits::EVIDENCE_RING_EVENTS_MAX;

/// An event that goes is out of the cache by then: it is read so many entries before its turn.
const READ_AHEAD: usize = 8;

/// What anybody may have sent has this part of the room that all else has.
const APART_SHARE: usize = 8;

/// One candidate, linked to the one before it in its chain.
#[derive(Debug)]
struct Entry {
    rule: u32,
    /// Bytes of the record.
    bytes: u32,
    key: Key,
    event: Arc<Event>,
    /// The number of the previous entry whose rule and key share the chain.
    previous: Option<NonZero<u64>>,
}

/// The ring. Entries are numbered from 1 for ever; those from `first` on are held.
///
/// What belongs together is found by chains whose heads lie in a small array, by hash. A head or a
/// link that leads to what is no longer held is the end of its chain, so nothing is to be done when
/// an entry goes. Most candidates are never looked for: keeping one has to cost next to nothing.
#[derive(Debug, Default)]
pub struct EvidenceRing {
    entries: VecDeque<Entry>,
    /// The number of the oldest entry that is held, less one.
    gone: u64,
    bytes: usize,
    /// The number of the latest entry of each chain; empty until the first one.
    heads: Vec<Option<NonZero<u64>>>,
    hasher: RandomState,
    /// Memory of what was let go.
    spares: Spares,
    /// What anybody may have sent: it pushes nothing true out.
    apart: Option<Box<EvidenceRing>>,
    is_apart: bool,
}

impl EvidenceRing {
    /// Keeps an event as the latest of its rule and key; the oldest entries make room.
    pub fn push(&mut self, rule: u32, key: Key, event: &Arc<Event>) {
        if !self.is_apart && key.is_distrusted() {
            let new = || Box::new(Self { is_apart: true, ..Self::default() });
            return self.apart.get_or_insert_with(new).push(rule, key, event);
        }
        let share = if self.is_apart { APART_SHARE } else { 1 };
        if self.heads.is_empty() {
            self.heads.resize(CHAINS, None);
        }
        let number = NonZero::new(self.gone + self.entries.len() as u64 + 1);
        let chain = self.chain(rule, &key);
        let previous = self.heads.get_mut(chain).and_then(|head| std::mem::replace(head, number));
        let bytes = u32::try_from(event.record().len()).unwrap_or(u32::MAX);
        self.bytes += bytes as usize;
        self.entries.push_back(Entry { rule, bytes, key, event: Arc::clone(event), previous });
        while self.entries.len() > limits::EVIDENCE_RING_EVENTS_MAX / share
            || self.bytes > limits::EVIDENCE_RING_BYTES_MAX / share
        {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes as usize;
            self.gone += 1;
            if let Some(next) = self.entries.get(READ_AHEAD) {
                std::hint::black_box((Arc::strong_count(&next.event), next.event.record().len()));
            }
            self.spares.give(oldest.event);
        }
    }

    /// The latest events of a rule and key, oldest first, at most
    /// [`limits::EVIDENCE_EVENTS_MAX`].
    pub fn of(&self, rule: u32, key: &Key) -> Vec<Arc<Event>> {
        if !self.is_apart && key.is_distrusted() {
            return self.apart.as_ref().map(|apart| apart.of(rule, key)).unwrap_or_default();
        }
        let mut found = Vec::with_capacity(limits::EVIDENCE_EVENTS_MAX);
        let mut next = self.heads.get(self.chain(rule, key)).copied().flatten();
        while let Some(entry) = next.and_then(|number| self.entry(number)) {
            if entry.rule == rule && entry.key == *key {
                found.push(Arc::clone(&entry.event));
                if found.len() == limits::EVIDENCE_EVENTS_MAX {
                    break;
                }
            }
            next = entry.previous;
        }
        found.reverse();
        found
    }

    /// The entry of a number, where it is still held.
    fn entry(&self, number: NonZero<u64>) -> Option<&Entry> {
        let place = (number.get() - 1).checked_sub(self.gone)?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    /// Which chain a rule and key are in.
    fn chain(&self, rule: u32, key: &Key) -> usize {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(rule);
        hasher.write(key.as_bytes());
        usize::try_from(hasher.finish() % CHAINS as u64).unwrap_or(0)
    }

    /// Everything held, oldest first, with rules by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Key, &Arc<Event>)> {
        let apart = self.apart.iter().flat_map(|apart| &apart.entries);
        self.entries.iter().chain(apart).map(|entry| (entry.rule, &entry.key, &entry.event))
    }

    /// Forgets the entries that `drop` says.
    pub fn forget(&mut self, mut drop: impl FnMut(&Key, &Event) -> bool) -> usize {
        let all = std::mem::take(self);
        let apart = all.apart.map(|apart| apart.entries).unwrap_or_default();
        let mut gone = 0;
        for entry in all.entries.into_iter().chain(apart) {
            if drop(&entry.key, &entry.event) {
                gone += 1;
            } else {
                self.push(entry.rule, entry.key, &entry.event);
            }
        }
        gone
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
            ring.push(1, mine.clone(), &event(secs));
            ring.push(1, other.clone(), &event(1_000 + secs));
            ring.push(2, mine.clone(), &event(2_000 + secs));
        }
        let times: Vec<i64> = ring.of(1, &mine).iter().map(|event| event.time.as_secs()).collect();
        assert_eq!(times, (24..40).collect::<Vec<_>>());
        for secs in 0..limits::EVIDENCE_RING_EVENTS_MAX {
            ring.push(3, other.clone(), &event(i64::try_from(secs).unwrap()));
        }
        assert!(ring.of(1, &mine).is_empty(), "the oldest made room");
        assert_eq!(ring.of(3, &other).len(), limits::EVIDENCE_EVENTS_MAX);
        assert_eq!(ring.iter().count(), limits::EVIDENCE_RING_EVENTS_MAX);
    }

    #[test]
    fn what_anybody_may_have_sent_pushes_nothing_true_out() {
        let mut ring = EvidenceRing::default();
        let (mine, forged) = (Key::text("mine"), Key::text("mine").distrusted());
        ring.push(1, mine.clone(), &event(1));
        for secs in 0..2 * i64::try_from(limits::EVIDENCE_RING_EVENTS_MAX).unwrap() {
            ring.push(1, forged.clone(), &event(secs));
        }
        assert_eq!(ring.of(1, &mine).len(), 1);
        assert_eq!(ring.of(1, &forged).len(), limits::EVIDENCE_EVENTS_MAX);
        let most = limits::EVIDENCE_RING_EVENTS_MAX / APART_SHARE;
        assert_eq!(ring.iter().count(), most + 1);
        assert_eq!(ring.forget(|key, _| key.is_distrusted()), most);
        assert_eq!(ring.iter().count(), 1);
    }

    /// Many more rules and keys than chains, against a list that is searched.
    #[test]
    fn what_shares_a_chain_is_told_apart() {
        let mut ring = EvidenceRing::default();
        let mut all: Vec<(u32, Key, i64)> = Vec::new();
        let mut random = fastrand::Rng::with_seed(7);
        for secs in 0..3 * i64::try_from(limits::EVIDENCE_RING_EVENTS_MAX).unwrap() {
            // A few come often, most once.
            let number = if random.bool() { random.i64(..9) } else { random.i64(..100_000) };
            let (rule, key) = (random.u32(..3), Key::int(number));
            ring.push(rule, key.clone(), &event(secs));
            all.push((rule, key, secs));
        }
        ring.forget(|key, _| *key == Key::int(4));
        let held = all.split_off(all.len() - limits::EVIDENCE_RING_EVENTS_MAX);
        for (rule, key, _) in held.iter().step_by(5).chain(all.iter().rev().take(300)) {
            let same = held.iter().rev().filter(|(r, k, _)| (r, k) == (rule, key));
            let mut wanted: Vec<i64> =
                same.map(|(.., secs)| *secs).take(limits::EVIDENCE_EVENTS_MAX).collect();
            wanted.reverse();
            if *key == Key::int(4) {
                wanted.clear();
            }
            let found = ring.of(*rule, key);
            let times: Vec<i64> = found.iter().map(|event| event.time.as_secs()).collect();
            assert_eq!(times, wanted);
        }
    }
}
