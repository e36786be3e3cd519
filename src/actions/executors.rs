//! The executors.

use super::{ActionsConfig, Item, Outbox, Wanted};
use crate::clock::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// Not yet known: nothing was tried.
    Starting,
    /// The last call went well.
    Well,
    /// The last calls failed; it is tried again.
    Failing,
    /// It can't work as things are; it is looked at again from time to time.
    Down,
}

/// A destination's state, for status and alarms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `nftables`, `nginx` (a file's name), `webhook:NAME`, `exec:NAME`, `log`.
    pub destination: String,
    /// How it is.
    pub state: HealthState,
    /// Jobs waiting.
    pub queued: usize,
    /// What went wrong last, while it is not well.
    pub error: Option<String>,
    /// When a call last went well.
    pub last_success: Option<Timestamp>,
    /// Entries in force and packets dropped, for enforcers.
    pub numbers: super::enforcer::Numbers,
}

/// All destinations of a config, each with its queue and thread.
pub struct Executors {}

impl Executors {
    /// Starts a thread for each destination of a config without faults. Enforcers adopt what is
    /// present at once, on their own threads; what goes wrong there is in [`Executors::health`].
    pub fn start(
        config: &ActionsConfig,
        outbox: Arc<dyn Outbox>,
        wanted: Arc<dyn Wanted>,
        dry_run: bool,
    ) -> Self {
        let _ = (config, outbox, wanted, dry_run);
        Self {}
    }

    /// Takes actions over. What comes back did not fit into a destination's queue: it stays in the
    /// outbox and is to be handed in again later.
    pub fn submit(&self, items: Vec<Item>) -> Vec<Item> {
        items
    }

    /// Compares present and wanted at every enforcer now.
    pub fn reconcile_now(&self) {}

    /// Every destination's state.
    pub fn health(&self) -> Vec<Health> {
        Vec::new()
    }

    /// Stops in order: nothing new is begun, what is under way ends or is left at the deadline.
    /// What is still queued stays in the outbox. What is in force stays in force. `true` when all
    /// threads ended in time.
    pub fn stop(self, deadline: Duration) -> bool {
        let _ = deadline;
        true
    }
}

/// Removes everything of ours at every enforcer of a config (`panic`, `doctor --remove`), also with
/// no riposte running. One result for each enforcer.
pub fn remove_all(config: &ActionsConfig) -> Vec<(String, Result<(), String>)> {
    let _ = config;
    Vec::new()
}
