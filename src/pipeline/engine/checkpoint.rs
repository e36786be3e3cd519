//! The engine's state into the store and back: cursors, windows and the rest, together.

use super::feeds::FEEDS_BLOB;
use super::places::PLACES_BLOB;
use super::{Cursor, Engine};
use crate::clock::{self, Timestamp};
use crate::event::Origin;
use crate::limits;
use crate::pipeline::core::{CORE_BLOB, OFFENCES_TABLE, STATE_TABLE};
use crate::pipeline::watermark::Watermarks;
use crate::store::{Checkpoint, Shard, StoreError};
use crate::telemetry::{self, names};
use crate::windows::ShardImage;
use std::sync::Arc;
use std::time::Instant;

/// The table under which the windows keep what belongs to no rule.
const WINDOWS_TABLE: &str = "";

/// The blobs' names in the store.
pub(in crate::pipeline) const DESK_BLOB: &str = "desk";
pub(super) const WATERMARKS_BLOB: &str = "watermarks";

impl Engine {
    /// Inputs without effects need not be remembered for ever: a checkpoint covers them. To be asked
    /// when what the last input led to is in the journal, since a checkpoint covers that input too.
    pub(super) fn cover_inputs(&mut self) {
        if self.pending.len() >= limits::INPUTS_PENDING_MAX
            || self.additions_bytes >= limits::ADDITIONS_PENDING_BYTES_MAX
        {
            self.checkpoint();
        }
    }

    /// Saves everything that inputs so far have changed. Left out while transactions wait: a
    /// checkpoint must not cover what is in no journal.
    pub(super) fn checkpoint(&mut self) {
        self.checkpoint_at = Instant::now();
        // A checkpoint covers their hits, so nothing would judge them again after a crash.
        self.let_bots_go(true);
        if !self.held.is_empty() {
            return;
        }
        let image = self.core.save();
        let mut shards: Vec<Shard> = image.shards.into_iter().map(shard).collect();
        // What a failed checkpoint did not save, unless it has changed again since.
        for old in std::mem::take(&mut self.unsaved) {
            let known = |new: &Shard| new.table == old.table && new.shard == old.shard;
            if !shards.iter().any(known) {
                shards.push(old);
            }
        }
        let rules = self.core.rules();
        let mut live: Vec<(String, u64)> =
            rules.rules().iter().map(|rule| (rule.name.to_string(), rule.fingerprint)).collect();
        live.push((OFFENCES_TABLE.to_owned(), 0));
        live.push((STATE_TABLE.to_owned(), 0));
        live.push((WINDOWS_TABLE.to_owned(), 0));
        let blobs = vec![
            (CORE_BLOB.to_owned(), image.blob),
            (FEEDS_BLOB.to_owned(), self.feeds.save()),
            (PLACES_BLOB.to_owned(), self.places.save()),
            (DESK_BLOB.to_owned(), self.desk().save()),
            // Plain maps and numbers: writing them to a Vec can't fail.
            (WATERMARKS_BLOB.to_owned(), postcard::to_stdvec(&self.watermarks).unwrap_or_default()),
        ];
        let checkpoint = Checkpoint {
            seq: self.seq,
            at: clock::now(),
            cursors: self.all_cursors(),
            shards,
            live: Some(live),
            blobs,
        };
        match self.store.checkpoint(&checkpoint) {
            Ok(()) => {
                telemetry::counter(names::CHECKPOINTS).add(1);
                self.pending.clear();
                self.additions_bytes = 0;
                self.dirty = false;
                self.store_works();
                self.feeds.saved();
                self.places.saved();
                self.release_sources(&checkpoint.cursors);
            }
            Err(error) => {
                self.unsaved = checkpoint.shards;
                self.store_failed(&error);
            }
        }
    }

    fn all_cursors(&self) -> Vec<(Origin, u64)> {
        let streams = self.cursors.values().flat_map(std::collections::BTreeMap::values);
        streams.map(|cursor| ((*cursor.origin).clone(), cursor.offset)).collect()
    }

    /// Notes how far a stream was read. Beyond a bound a source's stream that was read longest ago
    /// is forgotten: rotated files come and go for years.
    pub(super) fn note_cursor(&mut self, origin: Arc<Origin>, offset: u64) {
        let streams = self.cursors.entry(Arc::clone(&origin.source)).or_default();
        streams.insert(Arc::clone(&origin.stream), Cursor { origin, offset, seq: self.seq });
        if streams.len() > limits::STREAMS_PER_SOURCE_MAX {
            let oldest = streams.iter().min_by_key(|(_, cursor)| cursor.seq);
            if let Some(stream) = oldest.map(|(stream, _)| Arc::clone(stream)) {
                streams.remove(&stream);
            }
        }
    }

    /// What is older than the user wants to keep.
    pub(super) fn retention(&mut self, now: Timestamp) {
        match self.store.retain_slice(&self.config.retention, now) {
            Ok(removed) if removed.more => {
                // The rest goes with the next ticks, a slice each.
                self.retention_at = Instant::now()
                    .checked_sub(std::time::Duration::from_secs(limits::RETENTION_SECS))
                    .unwrap_or_else(Instant::now);
            }
            Ok(_) => {}
            Err(error) => self.store_failed(&error),
        }
    }
}

fn shard(image: ShardImage) -> Shard {
    Shard {
        table: image.table,
        fingerprint: image.fingerprint,
        shard: image.shard,
        bytes: image.bytes,
    }
}

/// Reads a saved blob of watermarks; nonsense means starting anew.
pub(super) fn watermarks(bytes: &[u8]) -> Watermarks {
    postcard::from_bytes(bytes).unwrap_or_default()
}

/// Takes the saved shards back, one by one, so that they need not all be in memory twice.
pub(super) fn load_shards(
    engine: &mut Engine,
    complaints: &mut Vec<String>,
) -> Result<(), StoreError> {
    let store = Arc::clone(&engine.store);
    store.read().each_shard(|shard| {
        let image = ShardImage {
            table: shard.table,
            fingerprint: shard.fingerprint,
            shard: shard.shard,
            bytes: shard.bytes,
        };
        if let Err(complaint) = engine.core.load_shard(&image) {
            complaints.push(complaint);
        }
    })
}
