//! Who has offended before: hits and offences of a key over the last days, for escalation and for
//! `past_hits`.
//!
//! In: hits and proposed decisions, in event time. Out: counts, and how long the next block stands.
//! Only proposals count, never what the guard made of them, so that live and replay escalate alike.
//! Bounded: keys share shards by their network, and a full shard forgets its longest-silent keys, so
//! that a flooding network pushes out itself first.

use crate::clock::Timestamp;
use crate::event::net;
use crate::limits::{OFFENCE_TIMES_MAX, OFFENDER_SHARDS, OFFENDERS_MAX};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::time::Duration;

/// One shard, as the checkpoint keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffenceShard {
    /// Its number, below `limits::OFFENDER_SHARDS`.
    pub shard: u16,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What is remembered of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Past {
    /// Hits, oldest first: second, and how many. Neighbours are put together under the earlier
    /// second when there are more than `limits::OFFENCE_TIMES_MAX`.
    hits: Vec<(i64, u32)>,
    /// Offences, oldest first, in seconds.
    offences: Vec<i64>,
    /// Until when the latest offence's decision stands.
    until: Option<Timestamp>,
    /// The latest of all, in seconds.
    latest: i64,
}

impl Past {
    /// See [`Offences::before`].
    fn before(&self, keep: Duration, now: Timestamp) -> u32 {
        let oldest = now.minus(keep).as_secs();
        let count = self.offences.iter().filter(|at| **at > oldest).count();
        let same = u32::from(self.until.is_some_and(|until| until > now) && count > 0);
        u32::try_from(count).unwrap_or(u32::MAX) - same
    }

    /// Counts an offence whose decision stands until `until`.
    fn note(&mut self, keep: Duration, at: Timestamp, until: Timestamp) {
        let oldest = at.minus(keep).as_secs();
        self.offences.retain(|known| *known > oldest);
        let same = self.until.is_some_and(|known| known > at) && !self.offences.is_empty();
        if same {
            self.until = self.until.max(Some(until));
        } else {
            self.until = Some(until);
            let place = self.offences.partition_point(|known| *known <= at.as_secs());
            self.offences.insert(place, at.as_secs());
            // More doublings than this reach any maximum; the oldest go.
            let over = self.offences.len().saturating_sub(2 * OFFENCE_TIMES_MAX);
            self.offences.drain(..over);
        }
    }
}

/// Found by hash, for each firing looks; nothing depends on the order.
type Shard = HashMap<String, Past, RandomState>;

/// The past of every key that offended.
#[derive(Debug, Clone, Default)]
pub struct Offences {
    shards: BTreeMap<u16, Shard>,
    dirty: BTreeSet<u16>,
    keep: Duration,
    /// The key that was asked for last and its shard: a firing asks for the same one twice.
    last: RefCell<(String, u16)>,
}

impl Offences {
    /// Remembers for `keep` (event time).
    pub fn new(keep: Duration) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Counts a rule's firing for `key` (as [`super::Hit::key`] has it).
    pub fn note_hit(&mut self, key: &str, at: Timestamp) {
        let keep = self.keep;
        let past = self.past(key, at);
        let second = at.as_secs();
        let place = past.hits.partition_point(|(known, _)| *known <= second);
        match place.checked_sub(1).and_then(|before| past.hits.get_mut(before)) {
            Some((known, count)) if *known == second => *count = count.saturating_add(1),
            _ => past.hits.insert(place, (second, 1)),
        }
        let oldest = at.minus(keep).as_secs();
        past.hits.retain(|(known, _)| *known > oldest);
        put_together(&mut past.hits);
    }

    /// How many hits `key` had in the time `within` before `now`, `now` included, as far as they
    /// are remembered. Exact for the latest `limits::OFFENCE_TIMES_MAX` moments; of older ones some
    /// may be counted as older than they are, so the answer is never too high.
    pub fn past_hits(&self, key: &str, within: Duration, now: Timestamp) -> u64 {
        let Some(past) = self.known(key) else {
            return 0;
        };
        let oldest = now.minus(within.min(self.keep)).as_secs();
        let last = now.as_secs();
        past.hits
            .iter()
            .filter(|(at, _)| *at >= oldest && *at <= last)
            .map(|(_, count)| u64::from(*count))
            .sum()
    }

    /// How many offences of `target` came before one at `now`. While the decision of the latest
    /// one stands the next hit is still the same offence: a request that was on its way when the
    /// block fell doesn't double it.
    pub fn before(&self, target: &str, now: Timestamp) -> u32 {
        let Some(past) = self.known(target) else {
            return 0;
        };
        past.before(self.keep, now)
    }

    /// Whether a decision against `target` that was proposed before still stands at `now`.
    pub fn stands(&self, target: &str, now: Timestamp) -> bool {
        self.known(target).is_some_and(|past| past.until.is_some_and(|until| until > now))
    }

    /// Counts an offence: a decision against `target` was proposed at `at`; `until` is given how many
    /// came before it and says until when it stands. That, and whether a decision that was proposed
    /// before still stands. See [`Self::before`] for what counts as the same offence.
    pub fn offend(
        &mut self,
        target: &str,
        at: Timestamp,
        until: impl FnOnce(u32) -> Option<Timestamp>,
    ) -> (Option<Timestamp>, bool) {
        let keep = self.keep;
        let past = self.past(target, at);
        let stands = past.until.is_some_and(|known| known > at);
        let until = until(past.before(keep, at));
        past.note(keep, at, until.unwrap_or(Timestamp::MAX));
        (until, stands)
    }

    /// The same, where it is known until when the decision stands.
    #[cfg(test)]
    fn note_offence(&mut self, target: &str, at: Timestamp, until: Option<Timestamp>) {
        self.offend(target, at, |_| until);
    }

    /// Forgets a key, as `riposte forget` asks; whether there was anything.
    pub fn forget(&mut self, key: &str) -> bool {
        let number = shard_of(key);
        let known = self.shards.get_mut(&number).is_some_and(|shard| shard.remove(key).is_some());
        if known {
            self.dirty.insert(number);
        }
        known
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.shards.values().map(HashMap::len).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.shards.values().all(HashMap::is_empty)
    }

    /// The shards that changed since the last call, for the checkpoint.
    pub fn dirty_shards(&mut self) -> Vec<OffenceShard> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.into_iter().map(|shard| OffenceShard { shard, bytes: self.image(shard) }).collect()
    }

    /// Puts a saved shard back.
    pub fn load_shard(&mut self, saved: &OffenceShard) -> Result<(), String> {
        let shard: Option<BTreeMap<String, Past>> = postcard::from_bytes(&saved.bytes)
            .map_err(|error| format!("failed to read offences shard `{}`: {error}", saved.shard))?;
        self.shards.insert(saved.shard, shard.into_iter().flatten().collect());
        Ok(())
    }

    /// A shard as it is saved, by key, so that the same past has the same bytes.
    fn image(&self, number: u16) -> Vec<u8> {
        let shard = self.shards.get(&number);
        let sorted: Option<BTreeMap<&str, &Past>> =
            shard.map(|shard| shard.iter().map(|(key, past)| (&**key, past)).collect());
        // Plain maps of numbers and text always serialise.
        postcard::to_stdvec(&sorted).unwrap_or_default()
    }

    fn known(&self, key: &str) -> Option<&Past> {
        self.shards.get(&self.shard_of(key))?.get(key)
    }

    fn shard_of(&self, key: &str) -> u16 {
        let mut last = self.last.borrow_mut();
        // The number of an empty key is not known to begin with.
        if last.0 != key || key.is_empty() {
            last.1 = shard_of(key);
            key.clone_into(&mut last.0);
        }
        last.1
    }

    fn past(&mut self, key: &str, at: Timestamp) -> &mut Past {
        let number = self.shard_of(key);
        self.dirty.insert(number);
        let shard = self.shards.entry(number).or_default();
        if shard.len() >= OFFENDERS_MAX / usize::from(OFFENDER_SHARDS) && !shard.contains_key(key) {
            forget_oldest(shard);
        }
        let past = shard.entry_ref(key).or_default();
        past.latest = past.latest.max(at.as_secs());
        past
    }
}

/// How long the next decision stands: `base` for the first offence, twice as long for each that
/// came before, at most `max`.
pub fn escalate(base: Duration, max: Duration, before: u32) -> Duration {
    2_u32
        .checked_pow(before)
        .and_then(|factor| base.checked_mul(factor))
        .map_or(max, |duration| duration.min(max))
}

/// Puts neighbours together until few enough are left: always the two that are closest, under the
/// earlier time, so that a count over a time is never too high.
fn put_together(hits: &mut Vec<(i64, u32)>) {
    while hits.len() > OFFENCE_TIMES_MAX {
        // The newer half stays exact.
        let old = hits.len() / 2;
        let closest = hits
            .windows(2)
            .take(old)
            .enumerate()
            .min_by_key(|(_, pair)| match pair {
                [(first, _), (second, _)] => second.saturating_sub(*first),
                _ => i64::MAX,
            })
            .map_or(0, |(place, _)| place);
        let (_, count) = hits.remove(closest + 1);
        if let Some((_, kept)) = hits.get_mut(closest) {
            *kept = kept.saturating_add(count);
        }
    }
}

/// Makes room: the eighth of the keys that has been silent longest goes.
fn forget_oldest(shard: &mut Shard) {
    let mut order: Vec<(i64, String)> =
        shard.iter().map(|(key, past)| (past.latest, key.clone())).collect();
    order.sort_unstable();
    for (_, key) in order.iter().take(order.len().div_ceil(8)) {
        shard.remove(key);
    }
}

/// Keys of one /24 or /48 share a shard; other keys go by their text. FNV-1a, so that the number is
/// the same on every machine.
fn shard_of(key: &str) -> u16 {
    let mut hash = Fnv::default();
    match net::parse_net(key).map(|net| net::prefix(net.network(), 24, 48)) {
        Some(IpNet::V4(net)) => hash.v4(net),
        // Hashing can't fail.
        Some(IpNet::V6(net)) => write!(hash, "{net}").unwrap_or_default(),
        None => hash.add(key.as_bytes()),
    }
    u16::try_from((hash.0 ^ (hash.0 >> 32)) % u64::from(OFFENDER_SHARDS)).unwrap_or(0)
}

/// FNV-1a of a text that need not lie in memory as a whole.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Of the text of a network, which formatting would take ten times as long to make: each hit
    /// looks several times.
    fn v4(&mut self, net: Ipv4Net) {
        for (place, octet) in net.network().octets().into_iter().enumerate() {
            if place > 0 {
                self.add(b".");
            }
            self.number(octet);
        }
        self.add(b"/");
        self.number(net.prefix_len());
    }

    fn number(&mut self, number: u8) {
        let digits = [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit);
        let leading = usize::from(number < 100) + usize::from(number < 10);
        self.add(digits.get(leading..).unwrap_or_default());
    }
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
#[path = "offences_tests.rs"]
mod tests;
