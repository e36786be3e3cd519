//! How a destination is, as its thread writes it and status reads it.

use crate::actions::enforcer::Numbers;
use crate::actions::route::{self, Reach};
use crate::clock::{self, Timestamp};
use crate::decisions::Decision;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    pub numbers: Numbers,
    /// How it stands, in a few words; empty where there is nothing to say.
    pub note: String,
}

/// A destination's state, shared with its thread.
#[derive(Debug)]
pub(in crate::actions) struct HealthCell {
    inner: Mutex<Inner>,
    /// What the enforcer reaches; `None` for effects.
    reach: Option<Reach>,
}

#[derive(Debug)]
struct Inner {
    state: HealthState,
    error: Option<String>,
    last_success: Option<Timestamp>,
    numbers: Numbers,
    note: String,
}

impl HealthCell {
    pub(super) fn new(reach: Option<Reach>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                state: HealthState::Starting,
                error: None,
                last_success: None,
                numbers: Numbers::default(),
                note: String::new(),
            }),
            reach,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a decision is put in force at this enforcer.
    pub(in crate::actions) fn takes(&self, decision: &Decision) -> bool {
        self.reach.as_ref().is_some_and(|reach| {
            let other = decision.via.as_ref().is_some_and(|via| **via != *reach.name);
            !other && route::choose(decision, std::slice::from_ref(reach)).is_ok()
        })
    }

    /// A call went well.
    pub(in crate::actions) fn well(&self) {
        let mut inner = self.lock();
        inner.state = HealthState::Well;
        inner.error = None;
        inner.last_success = Some(clock::now());
    }

    /// A call failed.
    pub(in crate::actions) fn fault(&self, state: HealthState, error: &str) {
        let mut inner = self.lock();
        inner.state = state;
        inner.error = Some(error.to_owned());
    }

    /// New figures.
    pub(in crate::actions) fn numbers(&self, numbers: Numbers, note: String) {
        let mut inner = self.lock();
        (inner.numbers, inner.note) = (numbers, note);
    }

    pub(super) fn read(&self, destination: &str, queued: usize) -> Health {
        let inner = self.lock();
        Health {
            destination: destination.to_owned(),
            state: inner.state,
            queued,
            error: inner.error.clone(),
            last_success: inner.last_success,
            numbers: inner.numbers,
            note: inner.note.clone(),
        }
    }
}
