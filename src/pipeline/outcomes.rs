//! How actions ended, on its way to the store: what the store can't take now waits.

use crate::actions::{Ledger, Outbox};
use crate::clock::Timestamp;
use crate::decisions::{ActionId, ChangeRow, Outcome};
use crate::limits;
use crate::store::{Mark, Store, StoreError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Outcomes go to the store, in their order.
pub struct StoreOutbox {
    store: Arc<Store>,
    waiting: Mutex<VecDeque<Waiting>>,
    tell: Option<Tell>,
}

/// Tells of something that a person should look at: where it comes from, and what.
pub type Tell = Box<dyn Fn(&str, String) + Send + Sync>;

/// An outcome that the store could not take.
struct Waiting {
    action: ActionId,
    destination: String,
    outcome: Outcome,
    attempt: u32,
    at: Timestamp,
}

impl StoreOutbox {
    /// Over this store.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, waiting: Mutex::default(), tell: None }
    }

    /// With somebody who is told what people should look at.
    #[must_use]
    pub fn telling(mut self, tell: Tell) -> Self {
        self.tell = Some(tell);
        self
    }

    /// Tries what waits once more.
    pub fn try_waiting(&self) {
        self.write(&mut self.waiting());
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, waiting: &mut VecDeque<Waiting>) {
        while let Some(first) = waiting.front() {
            if let Err(error) = self.mark(first) {
                tracing::debug!(%error, waiting = waiting.len(), "outcomes wait for the store");
                return;
            }
            waiting.pop_front();
        }
    }

    fn mark(&self, waiting: &Waiting) -> Result<(), StoreError> {
        self.store.mark(&Mark {
            action: waiting.action,
            destination: &waiting.destination,
            outcome: &waiting.outcome,
            attempt: waiting.attempt,
            at: waiting.at,
        })
    }
}

/// The store as the ledger of temporary changes.
struct StoreLedger(Arc<Store>);

impl Ledger for StoreLedger {
    fn rows(&self, enforcer: &str) -> Result<Vec<ChangeRow>, String> {
        let rows = self.0.read().changes().map_err(|error| error.to_string())?;
        Ok(rows.into_iter().filter(|row| row.enforcer == enforcer).collect())
    }

    fn keep(&self, row: &ChangeRow) -> Result<u64, String> {
        self.0.keep_change(row).map_err(|error| error.to_string())
    }

    fn remove(&self, number: u64) -> Result<(), String> {
        self.0.remove_change(number).map_err(|error| error.to_string())
    }
}

impl Outbox for StoreOutbox {
    fn alarm(&self, from: &str, text: String) {
        if let Some(tell) = &self.tell {
            tell(from, text);
        } else {
            tracing::warn!(from, text, "alarm");
        }
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        Some(Arc::new(StoreLedger(Arc::clone(&self.store))))
    }

    fn record(
        &self,
        id: ActionId,
        destination: &str,
        outcome: &Outcome,
        attempt: u32,
        at: Timestamp,
    ) {
        if let Outcome::DryRun(call) = outcome {
            tracing::info!(destination, call, "dry run: not sent");
        }
        let mut waiting = self.waiting();
        self.write(&mut waiting);
        if waiting.is_empty() {
            let Err(error) =
                self.store.mark(&Mark { action: id, destination, outcome, attempt, at })
            else {
                return;
            };
            tracing::warn!(%error, destination, "failed to keep an outcome; it waits");
        }
        if waiting.len() >= limits::OUTCOMES_WAITING_MAX {
            waiting.pop_front();
            tracing::warn!("an outcome is not kept; its action is tried again at the next start");
        }
        let (destination, outcome) = (destination.to_owned(), outcome.clone());
        waiting.push_back(Waiting { action: id, destination, outcome, attempt, at });
    }
}
