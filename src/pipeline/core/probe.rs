//! What a test of rules may ask of a core and tell it, beyond its inputs.

use super::Core;
use crate::clock::Timestamp;
use crate::event::{Event, Key};
use crate::rules::{Host, StateValue};
use crate::windows::Level;
use std::sync::Arc;

impl Core {
    /// What `state::get` would give at that time.
    pub fn state_at(&self, key: &str, now: Timestamp) -> Option<StateValue> {
        self.host.set_now(now);
        self.host.state_get(key)
    }

    /// Lets a key have had hits at that time.
    pub fn note_past_hits(&self, key: &str, count: u64, time: Timestamp) {
        let mut proposer = self.host.proposer();
        for _ in 0..count {
            proposer.offences.note_hit(key, time);
        }
    }

    /// The key that an event counts for in a rule, and what its window holds of it.
    pub fn level_of(&self, rule: u32, event: &Arc<Event>) -> Option<(Key, Level)> {
        let (key, _) = self.rules.sample(rule, event).ok().flatten()?;
        let level = self.windows.level(rule as usize, &key);
        Some((key, level))
    }
}
