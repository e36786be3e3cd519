//! After a crash: from the checkpoint, through the inputs that had effects, to the same state.
//!
//! The inputs since the checkpoint are evaluated again in their recorded order. What they led to
//! is in the store already, so it is not done again; the state that it left is what counts.

use super::checkpoint::{self, DESK_BLOB, WATERMARKS_BLOB};
use super::feeds::FEEDS_BLOB;
use super::places::PLACES_BLOB;
use super::{Engine, evaluate};
use crate::clock::{self, Timestamp};
use crate::decisions::{Decision, Mode, Remedy, RuleFacts};
use crate::event::Origin;
use crate::limits;
use crate::pipeline::core::{CORE_BLOB, Firing};
use crate::plugins::Additions;
use crate::sources::Rereader;
use crate::store::{Input, InputKind, StoreError};
use crate::telemetry::{self, names};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Finds the bytes of a source again.
pub type Rereaders = BTreeMap<Arc<str>, Rereader>;

/// What a recovery did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Inputs that were evaluated again.
    pub inputs: usize,
    /// Hits that they led to.
    pub hits: usize,
    /// What could not be taken up, in words.
    pub complaints: Vec<String>,
}

impl Engine {
    /// Takes up the state that the store holds. To be called once, before anything else.
    pub fn recover(&mut self, mut rereaders: Rereaders) -> Result<Recovery, StoreError> {
        let mut recovery = Recovery::default();
        let store = Arc::clone(&self.store);
        let loaded = store.read().load()?;
        self.seq = loaded.seq;
        for (origin, offset) in loaded.cursors {
            self.note_cursor(Arc::new(origin), offset);
        }
        checkpoint::load_shards(self, &mut recovery.complaints)?;
        for (name, bytes) in &loaded.blobs {
            let taken = match name.as_str() {
                CORE_BLOB => self.core.load_blob(bytes),
                FEEDS_BLOB => {
                    self.feeds.load(bytes, &mut recovery.complaints);
                    Ok(())
                }
                PLACES_BLOB => {
                    self.places.load(bytes, &mut recovery.complaints);
                    Ok(())
                }
                DESK_BLOB => self.desk().load(bytes),
                WATERMARKS_BLOB => {
                    self.watermarks = checkpoint::watermarks(bytes);
                    Ok(())
                }
                _ => Ok(()),
            };
            if let Err(complaint) = taken {
                recovery.complaints.push(complaint);
            }
        }
        self.remember_changes()?;
        let now = clock::now();
        let waits = |decision: &Decision| store.read().is_queued(decision.id).unwrap_or(true);
        self.desk().guard.keep_waiting(waits);
        let mut made = Vec::new();
        for decision in store.read().in_force(now)? {
            if decision.hit.is_some() && decision.remedy != Remedy::Allow {
                made.push(decision.from);
            }
            self.desk().standing.insert(decision);
        }
        self.desk().guard.blocks_were_made(&made, now);
        let ahead = Duration::from_secs(limits::FUTURE_SKEW_SECS_MAX);
        self.watermarks.not_after(now.plus(ahead));
        self.core.not_after(now.plus(ahead));
        self.feeds.pin();
        self.places.pin();
        let inputs = loaded.inputs;
        for input in inputs {
            self.again(input, &mut rereaders, &mut recovery);
        }
        Ok(recovery)
    }

    /// Sources are about to deliver. Those that were silent before may all have something to catch
    /// up with. The checkpoint has to know, for the inputs that follow are evaluated with it; where
    /// one request is answered without sources, nothing of this is so.
    pub fn await_sources(&mut self) {
        self.watermarks.resume(clock::now());
        self.checkpoint();
    }

    fn again(&mut self, input: Input, rereaders: &mut Rereaders, recovery: &mut Recovery) {
        self.seq = input.seq;
        recovery.inputs += 1;
        telemetry::counter(names::INPUTS_RECOVERED).add(1);
        let mut firings = Vec::new();
        match input.kind {
            InputKind::Batch { origin, from, to, arrival, additions } => {
                let place = (&origin, (from, to), arrival);
                let read = self.batch_again(place, &additions, rereaders, &mut firings);
                if let Err(complaint) = read {
                    recovery.complaints.push(complaint);
                }
                self.note_cursor(Arc::new(origin), to);
            }
            InputKind::Tick { time } => {
                let low = self.watermarks.tick(time);
                self.core.advance(low, &mut firings);
            }
            InputKind::Feed { name, version } => {
                let again = match Self::role_of_input(&name) {
                    Some(role) => self.geo_again(role, version),
                    None => self.feed_again(&name, version, &mut firings),
                };
                if let Err(complaint) = again {
                    recovery.complaints.push(complaint);
                }
            }
            // What these changed is in the tables that were read at start.
            InputKind::Allowlist { .. } | InputKind::Rules { .. } => {}
        }
        recovery.hits += firings.len();
        self.committed_again(firings);
    }

    fn batch_again(
        &mut self,
        (origin, (from, to), arrival): (&Origin, (u64, u64), Timestamp),
        additions: &[u8],
        rereaders: &mut Rereaders,
        firings: &mut Vec<Firing>,
    ) -> Result<(), String> {
        let Some(rereader) = rereaders.get_mut(&origin.source) else {
            return Err(format!("source `{}` is no longer configured", origin.source));
        };
        let mut batch = rereader.reread(origin, from, to).map_err(|error| error.to_string())?;
        batch.arrival = arrival;
        let rules = Arc::clone(self.core.rules());
        let Some(mut stage) = self.book.stage(&origin.source, rules) else {
            return Ok(());
        };
        let additions = Additions::decode(additions).ok_or_else(|| {
            format!("what enrichers said of a batch of `{}` can't be read", origin.source)
        })?;
        let matched = stage.run_with(&batch, &additions);
        self.note_progress(&matched);
        evaluate(&mut self.core, &mut self.watermarks, &matched, firings);
        Ok(())
    }

    /// A decision that waited for the ceiling when the crash came is judged again.
    fn queue_again(&mut self, decision: Decision, mode: Mode) {
        let now = clock::now();
        let facts = RuleFacts { mode, certain: true };
        let steps = self.desk.book(|desk| desk.judge(decision, facts, now));
        let mut commit = self.begin(now);
        self.steps(steps, "recovery", now, &mut commit);
        self.finish(commit);
    }

    /// Commits once more: the store keeps what it has and takes only what it lacks (nothing,
    /// unless rules changed meanwhile). Decisions that waited for the ceiling wait again.
    fn committed_again(&mut self, firings: Vec<Firing>) {
        let known = |firing: &Firing| self.store.read().has_hit(firing.hit.id).unwrap_or(true);
        let (again, fresh): (Vec<Firing>, Vec<Firing>) = firings.into_iter().partition(known);
        for firing in again {
            for decision in firing.decisions {
                let queued = self.store.read().is_queued(decision.id).unwrap_or(false);
                if queued {
                    self.queue_again(decision, firing.mode);
                }
            }
        }
        telemetry::counter(names::RECOVERY_DIFFERENCES).add(fresh.len() as u64);
        self.act(fresh);
    }
}
