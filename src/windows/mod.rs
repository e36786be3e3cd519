//! Counters by (rule, key): pure, event time is a value.
//!
//! In: samples, in the order of the engine's input. Out: firings. What is kept lies in shards
//! that are saved when they change. What a firing leads to is the rule's business.
//!
//! The same rules, samples and watermarks in the same order give the same firings, whatever was
//! saved and loaded in between, evictions included. When memory is short, the rule that holds
//! most gives way, in it the shard that holds most (whole /24s and /48s share a shard), and
//! there the keys whose last sample is oldest. A key is in the same shard in every run, for that
//! depends on a seed that is saved with the state; the hash tables' own seeds decide nothing.

mod ahead;
mod distinct;
mod image;
mod kinds;
mod ring;
mod shard;
mod slots;
mod spec;
mod state;
mod table;
mod times;
#[cfg(test)]
mod tests;

pub use spec::{Counted, Firing, RuleWindow, Sample, ShardImage, Stats, WindowSpec};

pub use ahead::Spot;

pub use table::Level;

use crate::clock::Timestamp;
use crate::event::Key;
use crate::limits::{WINDOW_COUNT_EXACT_MAX, WINDOW_IDLE_SECS_MAX};
use distinct::{Distinct, DistinctPlan};
use image::{Header, settled_content, settled_of, with_header};
use kinds::{Absent, Consecutive, Each, Leaky, LeakyPlan, Sequence, SequencePlan};
use ring::{Ratio, RatioPlan, Ring, RingPlan};
use slots::KeyHasher;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use table::{AnyTable, Place, Table};
use times::{Times, TimesPlan};

/// A shard that could not be loaded; its keys start anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No rule has that name and fingerprint any more: the image may be deleted.
    #[error("no rule `{0}` with this window any more")]
    Gone(String),
    /// The bytes are no shard.
    #[error("failed to read shard {shard} of `{table}`")]
    Damaged {
        /// The rule.
        table: String,
        /// Which shard.
        shard: u16,
    },
    /// It was made with another seed than the ones before it, so its keys would not be found.
    #[error("shard {shard} of `{table}` was saved by another store")]
    Foreign {
        /// The rule.
        table: String,
        /// Which shard.
        shard: u16,
    },
}

/// A key of `Each` rests this long unless the rule says otherwise: bodies cost about a
/// microsecond, and an attack must not run one for each line.
pub const EACH_COOLDOWN: Duration = Duration::from_mins(1);

/// The seed of windows that were given none: replays and tests agree from run to run.
const SEED: u64 = 0x52b7_1a5d_03c9_e86f;

/// The windows of all rules.
pub struct Windows {
    memory_bytes_max: u64,
    seed: u64,
    hasher: KeyHasher,
    rules: Vec<RuleWindow>,
    tables: Vec<Box<dyn AnyTable>>,
    /// For each table whether it may hold a key: of a thousand rules most hold none.
    held: Vec<bool>,
    bytes: u64,
    /// How far forgetting has come.
    settled: Option<Timestamp>,
    watermark: Option<Timestamp>,
    watermark_dirty: bool,
    /// Empty images of shards whose rule is gone, so that the store drops them.
    dropped: Vec<ShardImage>,
    evicted: u64,
    late: u64,
}

impl Windows {
    /// Empty windows that may take `memory_bytes_max` bytes, and with the same seed each time.
    pub fn new(memory_bytes_max: u64) -> Self {
        Self::with_seed(memory_bytes_max, SEED)
    }

    /// Empty windows whose shards are chosen with the store's own `seed`, so that nobody outside
    /// can tell which networks share one. Images bring their seed with them: the first one that
    /// is loaded wins over this one.
    pub fn with_seed(memory_bytes_max: u64, seed: u64) -> Self {
        Self {
            memory_bytes_max,
            seed,
            hasher: KeyHasher::default(),
            rules: Vec::new(),
            tables: Vec::new(),
            held: Vec::new(),
            bytes: 0,
            settled: None,
            watermark: None,
            // The seed is to be saved even before time moves.
            watermark_dirty: true,
            dropped: Vec::new(),
            evicted: 0,
            late: 0,
        }
    }

    /// Takes over a rule set. A rule's index is its place here. The state of rules whose name and
    /// fingerprint are unchanged is kept, that of others is dropped.
    pub fn set_rules(&mut self, rules: &[RuleWindow]) {
        let old = std::mem::take(&mut self.rules).into_iter();
        let mut known: HashMap<(Arc<str>, u64), Box<dyn AnyTable>> = old
            .zip(self.tables.drain(..))
            .map(|(rule, table)| ((rule.rule, rule.fingerprint), table))
            .collect();
        self.rules = rules.to_vec();
        for rule in rules {
            let kept = known.remove(&(Arc::clone(&rule.rule), rule.fingerprint));
            self.tables.push(kept.unwrap_or_else(|| table_for(rule, &self.hasher)));
        }
        let mut gone: Vec<_> = known.into_iter().collect();
        gone.sort_by(|(left, _), (right, _)| left.cmp(right));
        for ((name, fingerprint), table) in gone {
            self.dropped.extend(table.shards().into_iter().map(|shard| ShardImage {
                table: name.to_string(),
                fingerprint,
                shard,
                bytes: Vec::new(),
            }));
        }
        self.bytes = self.tables.iter().map(|table| table.bytes()).sum();
        self.held = self.tables.iter().map(|table| table.keys() > 0).collect();
    }

    /// Counts a sample; says so when the key fires, which empties its window.
    pub fn update(&mut self, rule: usize, key: &Key, sample: &Sample) -> Option<Firing> {
        self.update_at(&self.spot(rule, key), key, sample).firing
    }

    /// The same, where it is known already where the key lies.
    pub fn update_at(&mut self, spot: &Spot, key: &Key, sample: &Sample) -> Counted {
        let Some(table) = self.tables.get_mut(spot.rule) else {
            return Counted::default();
        };
        if sample.weight == 0 {
            return Counted::default();
        }
        let place = Place { key, hash: spot.hash, shard: spot.shard, guess: spot.guess };
        let updated = table.update(&place, sample);
        if let Some(held) = self.held.get_mut(spot.rule) {
            *held = true;
        }
        self.bytes = (self.bytes + updated.bytes).saturating_sub(updated.bytes_before);
        self.late += u64::from(updated.late);
        if self.bytes > self.memory_bytes_max {
            self.evict();
        }
        Counted { firing: updated.firing, is_far: updated.is_far }
    }

    /// Moves time on: keys of `absent` that have been silent too long fire, in the order in which
    /// they became due (then by rule and key). An earlier watermark than the last changes nothing.
    pub fn advance(&mut self, watermark: Timestamp) -> Vec<(usize, Key, Firing)> {
        let last = self.watermark.unwrap_or(Timestamp::from_micros(i64::MIN));
        if watermark <= last {
            return Vec::new();
        }
        self.watermark = Some(watermark);
        self.watermark_dirty = true;
        let mut fired = Vec::new();
        let tables = self.tables.iter_mut().zip(&self.held).enumerate();
        for (rule, (table, _)) in tables.filter(|(_, (_, held))| **held) {
            let before = table.bytes();
            let due = table.take_due(watermark, self.seed).into_iter();
            fired.extend(due.map(|(due, key, firing)| (due, rule, key, firing)));
            self.bytes = (self.bytes + table.bytes()).saturating_sub(before);
        }
        fired.sort_by(|left, right| (left.0, left.1, &left.2).cmp(&(right.0, right.1, &right.2)));
        fired.into_iter().map(|(_, rule, key, firing)| (rule, key, firing)).collect()
    }

    /// No event from before `settled` is to be expected any more: forgets what is over by then, a
    /// part of all keys at a time. Memory alone needs it; what is forgotten too early would be
    /// missing in the windows of those who come late.
    pub fn forget_before(&mut self, settled: Timestamp) {
        let last = self.settled.unwrap_or(Timestamp::from_micros(i64::MIN));
        if settled <= last {
            return;
        }
        self.settled = Some(settled);
        self.watermark_dirty = true;
        let tables = self.tables.iter_mut().zip(&mut self.held);
        for (table, held) in tables.filter(|(_, held)| **held) {
            let before = table.bytes();
            table.sweep(last, settled);
            self.bytes = (self.bytes + table.bytes()).saturating_sub(before);
            *held = table.keys() > 0;
        }
    }

    /// What a key holds, for people.
    pub fn level(&self, rule: usize, key: &Key) -> Level {
        let table = self.tables.get(rule);
        table.map_or_else(Level::default, |table| table.level(&self.place(key), None))
    }

    /// What of it still counts at a time.
    pub fn level_at(&self, rule: usize, key: &Key, at: Timestamp) -> Level {
        let table = self.tables.get(rule);
        table.map_or_else(Level::default, |table| table.level(&self.place(key), Some(at)))
    }

    /// The shards that changed since the last call, for the checkpoint. An image replaces any
    /// older one of the same table and shard, in the order given; an empty one removes it.
    pub fn dirty_shards(&mut self) -> Vec<ShardImage> {
        let mut images = std::mem::take(&mut self.dropped);
        for (rule, table) in self.rules.iter().zip(&mut self.tables) {
            for (shard, content) in table.take_dirty() {
                images.push(ShardImage {
                    table: rule.rule.to_string(),
                    fingerprint: rule.fingerprint,
                    shard,
                    bytes: with_header(self.seed, None, &content),
                });
            }
        }
        if std::mem::take(&mut self.watermark_dirty) {
            images.push(ShardImage {
                table: String::new(),
                fingerprint: 0,
                shard: 0,
                bytes: with_header(self.seed, self.watermark, &settled_content(self.settled)),
            });
        }
        images
    }

    /// Puts a saved shard back, after `set_rules` and before the first update.
    pub fn load_shard(&mut self, image: &ShardImage) -> Result<(), LoadError> {
        if image.bytes.is_empty() {
            return Ok(());
        }
        let (table, shard) = (image.table.clone(), image.shard);
        let Ok((header, content)) = postcard::take_from_bytes::<Header>(&image.bytes) else {
            return Err(LoadError::Damaged { table, shard });
        };
        if header.seed != self.seed {
            if self.tables.iter().any(|table| table.keys() > 0) {
                return Err(LoadError::Foreign { table, shard });
            }
            self.seed = header.seed;
        }
        if image.table.is_empty() {
            self.watermark = self.watermark.max(header.watermark);
            self.settled = self.settled.max(settled_of(content));
            return Ok(());
        }
        let known =
            |rule: &RuleWindow| *rule.rule == *image.table && rule.fingerprint == image.fingerprint;
        let place = self.rules.iter().position(known);
        let Some((known, held)) =
            place.and_then(|place| self.tables.get_mut(place).zip(self.held.get_mut(place)))
        else {
            return Err(LoadError::Gone(table));
        };
        *held = true;
        let before = known.bytes();
        let loaded = known.load(shard, content);
        self.bytes = (self.bytes + known.bytes()).saturating_sub(before);
        if self.bytes > self.memory_bytes_max {
            self.evict();
        }
        if loaded { Ok(()) } else { Err(LoadError::Damaged { table, shard }) }
    }

    /// Drops what is counted for the keys that `drop` names (`riposte forget`).
    pub fn forget(&mut self, drop: impl Fn(&Key) -> bool) {
        let named = |bytes: &[u8]| Key::from_bytes(bytes).is_some_and(|key| drop(&key));
        for table in &mut self.tables {
            table.forget(&named);
        }
        self.bytes = self.tables.iter().map(|table| table.bytes()).sum();
    }

    /// What is held and what was dropped.
    pub fn stats(&self) -> Stats {
        let rules = self.rules.iter().zip(&self.tables);
        Stats {
            keys: self.tables.iter().map(|table| table.keys()).sum(),
            bytes: self.bytes,
            bytes_max: self.memory_bytes_max,
            evicted: self.evicted,
            late: self.late,
            rules: rules
                .map(|(rule, table)| (Arc::clone(&rule.rule), table.keys(), table.bytes()))
                .collect(),
        }
    }

    fn place<'k>(&self, key: &'k Key) -> Place<'k> {
        let spot = self.spot(0, key);
        Place { key, hash: spot.hash, shard: spot.shard, guess: spot.guess }
    }

    /// The rule that holds most gives way, until what is held fits.
    fn evict(&mut self) {
        while self.bytes > self.memory_bytes_max {
            // Of equals the first.
            let Some(largest) = (self.tables.iter_mut().rev()).max_by_key(|table| table.bytes())
            else {
                return;
            };
            let before = largest.bytes();
            let gone = largest.evict();
            if gone == 0 {
                return;
            }
            self.evicted += gone;
            self.bytes = (self.bytes + largest.bytes()).saturating_sub(before);
        }
    }
}

fn table_for(rule: &RuleWindow, hasher: &KeyHasher) -> Box<dyn AnyTable> {
    use WindowSpec as W;
    let hasher = hasher.clone();
    let rest = rule.cooldown.unwrap_or(Duration::ZERO);
    match rule.spec {
        W::Each => {
            let rest = rule.cooldown.unwrap_or(EACH_COOLDOWN);
            Box::new(Table::<Each>::new((), Duration::ZERO, rest, hasher))
        }
        W::Count { n, within } if n <= WINDOW_COUNT_EXACT_MAX => {
            let plan = TimesPlan::new(n, within);
            Box::new(Table::<Times>::new(plan, within, rest, hasher))
        }
        W::Count { n, within } => {
            let plan = RingPlan::count(n, within);
            Box::new(Table::<Ring>::new(plan, within, rest, hasher))
        }
        W::Sum { at_least, within } => {
            let plan = RingPlan::sum(at_least, within);
            Box::new(Table::<Ring>::new(plan, within, rest, hasher))
        }
        W::Distinct { n, within } => {
            let plan = DistinctPlan::new(n, within);
            Box::new(Table::<Distinct>::new(plan, within, rest, hasher))
        }
        W::Leaky { capacity, leak_every } => {
            let span = leak_every.saturating_mul(u32::try_from(capacity).unwrap_or(u32::MAX));
            let plan = LeakyPlan::new(capacity, leak_every);
            Box::new(Table::<Leaky>::new(plan, span, rest, hasher))
        }
        W::Consecutive { n } => {
            let span = Duration::from_secs(WINDOW_IDLE_SECS_MAX);
            Box::new(Table::<Consecutive>::new(n.max(1), span, rest, hasher))
        }
        W::Sequence { steps, within } => {
            let plan = SequencePlan::new(steps, within);
            Box::new(Table::<Sequence>::new(plan, within, rest, hasher))
        }
        W::Absent { after } => Box::new(Table::<Absent>::new(after, after, rest, hasher)),
        W::Ratio { share, at_least, within } => {
            let plan = RatioPlan::new(share, at_least, within);
            Box::new(Table::<Ratio>::new(plan, within, rest, hasher))
        }
    }
}
