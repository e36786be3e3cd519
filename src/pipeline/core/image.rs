//! The core's state as a checkpoint keeps it: shards that changed, and small things as one blob.
//!
//! Out: [`CoreImage`], plain bytes for the store. In: the same, at start.

use super::Core;
use crate::clock::Timestamp;
use crate::decisions::{OffenceShard, widening::Widening};
use crate::event::{Event, Key};
use crate::rules::StateImage;
use crate::windows::ShardImage;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The table name under which offences are saved; no rule can have it.
pub const OFFENCES_TABLE: &str = "@offences";

/// The table name under which script state is saved.
pub const STATE_TABLE: &str = "@state";

/// The blob's name in the store.
pub const CORE_BLOB: &str = "core";

/// What changed since the last checkpoint.
#[derive(Debug, Default)]
pub struct CoreImage {
    /// Shards of windows and of offences.
    pub shards: Vec<ShardImage>,
    /// The rest, whole.
    pub blob: Vec<u8>,
}

/// The part that is saved whole.
#[derive(Serialize, Deserialize)]
struct Blob {
    low: Timestamp,
    widening: Widening,
    /// Rule name, key and event of each piece of evidence, oldest first.
    evidence: Vec<(String, Vec<u8>, Vec<u8>)>,
}

impl Core {
    /// What changed since the last call, for the checkpoint.
    pub fn save(&mut self) -> CoreImage {
        let mut shards = self.windows.dirty_shards();
        let offences = self.host.proposer().offences.dirty_shards();
        shards.extend(offences.into_iter().map(|saved| ShardImage {
            table: OFFENCES_TABLE.to_owned(),
            fingerprint: 0,
            shard: saved.shard,
            bytes: saved.bytes,
        }));
        let state = self.host.state().dirty_shards();
        shards.extend(state.into_iter().map(|saved| ShardImage {
            table: STATE_TABLE.to_owned(),
            fingerprint: 0,
            shard: saved.shard,
            bytes: saved.bytes,
        }));
        let blob = Blob {
            low: self.low,
            widening: self.host.proposer().widening.clone(),
            evidence: self
                .evidence_by_name()
                .into_iter()
                .map(|(rule, key, event)| {
                    (rule.to_string(), key.as_bytes().to_vec(), event.encode())
                })
                .collect(),
        };
        // Plain data of bounded size: writing it to a Vec can't fail.
        CoreImage { shards, blob: postcard::to_stdvec(&blob).unwrap_or_default() }
    }

    /// Takes a saved shard back; before the first event.
    pub fn load_shard(&mut self, image: &ShardImage) -> Result<(), String> {
        if image.table == OFFENCES_TABLE {
            let saved = OffenceShard { shard: image.shard, bytes: image.bytes.clone() };
            return self.host.proposer().offences.load_shard(&saved);
        }
        if image.table == STATE_TABLE {
            let saved = StateImage { shard: image.shard, bytes: image.bytes.clone() };
            return self.host.state().load_shard(&saved).map_err(|error| error.to_string());
        }
        self.windows.load_shard(image).map_err(|error| error.to_string())
    }

    /// Takes the saved rest back; before the first event.
    pub fn load_blob(&mut self, bytes: &[u8]) -> Result<(), String> {
        let blob: Blob = postcard::from_bytes(bytes)
            .map_err(|error| format!("failed to read the saved state of the rules: {error}"))?;
        self.low = blob.low;
        self.host.proposer().widening = blob.widening;
        let evidence = blob.evidence.into_iter().filter_map(|(rule, key, event)| {
            Some((Arc::from(rule), Key::from_bytes(&key)?, Arc::new(Event::decode(&event)?)))
        });
        self.restore_evidence(evidence.collect());
        Ok(())
    }

    /// The evidence with rules by name, which a reload doesn't change.
    pub(super) fn evidence_by_name(&self) -> Vec<(Arc<str>, Key, Arc<Event>)> {
        let named = self.evidence.iter().filter_map(|(rule, key, event)| {
            let name = &self.rules.rules().get(rule as usize)?.name;
            Some((Arc::clone(name), key.clone(), Arc::clone(event)))
        });
        named.collect()
    }

    /// Puts evidence back, for the rules that still exist.
    pub(super) fn restore_evidence(&mut self, evidence: Vec<(Arc<str>, Key, Arc<Event>)>) {
        self.evidence = super::EvidenceRing::default();
        let rules = Arc::clone(&self.rules);
        for (name, key, event) in evidence {
            let place = rules.rules().iter().position(|rule| rule.name == name);
            if let Some(rule) = place.and_then(|place| u32::try_from(place).ok()) {
                self.evidence.push(rule, key, &event);
            }
        }
    }
}
