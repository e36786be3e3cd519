//! How a plugin's program is, as its thread writes it and status reads it.

use crate::clock::{self, Timestamp};
use crate::telemetry::{self, names};
use serde::Serialize;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a plugin's program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// It was not started yet.
    Idle,
    /// It was started and has not said that it is ready.
    Starting,
    /// It is ready.
    Well,
    /// It failed, and is started again after a pause.
    Failing,
    /// It was told to stop.
    Stopped,
    /// It can't be used as it is, so it was not started and will not be.
    Refused,
}

impl HealthState {
    /// The state in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Well => "well",
            Self::Failing => "failing",
            Self::Stopped => "stopped",
            Self::Refused => "refused",
        }
    }
}

/// A plugin's state, for status and alarms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The plugin's name.
    pub plugin: String,
    /// `source`, `parser`, `enricher` or `action`; `plugin` where that can't be known.
    pub kind: &'static str,
    /// How it is.
    pub state: HealthState,
    /// What went wrong last, while it is not well. Holds no secret, and nothing that could move a
    /// terminal.
    pub fault: Option<String>,
    /// Since when it is so.
    pub since: Timestamp,
    /// How often its program was started.
    pub starts: u64,
    /// How often it failed.
    pub faults: u64,
}

/// Tells of a plugin that failed: its name, and what happened.
pub type Alarm = Box<dyn Fn(&str, &str) + Send + Sync>;

/// A plugin's state, shared with its thread.
pub struct HealthCell {
    inner: Mutex<Health>,
    alarm: Option<Alarm>,
}

impl fmt::Debug for HealthCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCell").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl HealthCell {
    /// The state of a plugin that was not started; `alarm` is called with each fault, from the
    /// plugin's thread, and must not block.
    pub fn new(plugin: &str, kind: &'static str, alarm: Option<Alarm>) -> Self {
        let inner = Health {
            plugin: plugin.to_owned(),
            kind,
            state: HealthState::Idle,
            fault: None,
            since: clock::now(),
            starts: 0,
            faults: 0,
        };
        Self { inner: Mutex::new(inner), alarm }
    }

    /// The state of a plugin that can't be used, and why.
    pub fn refused(plugin: &str, kind: &'static str, fault: &str) -> Self {
        let cell = Self::new(plugin, kind, None);
        let mut inner = cell.lock();
        inner.fault = Some(fault.to_owned());
        turn(&mut inner, HealthState::Refused);
        drop(inner);
        cell
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is now.
    pub fn now(&self) -> Health {
        self.lock().clone()
    }

    /// Its program is being started.
    pub(super) fn starting(&self) {
        telemetry::counter(names::PLUGIN_STARTS).add(1);
        let mut inner = self.lock();
        inner.starts = inner.starts.saturating_add(1);
        // A fault stays to be seen until the program has shown that it is well.
        if inner.state != HealthState::Failing {
            turn(&mut inner, HealthState::Starting);
        }
    }

    /// Its program is ready, or did what it was asked.
    pub(super) fn well(&self) {
        let mut inner = self.lock();
        inner.fault = None;
        turn(&mut inner, HealthState::Well);
    }

    /// Its program was ended in good order.
    pub(super) fn stopped(&self) {
        turn(&mut self.lock(), HealthState::Stopped);
    }

    /// Its program failed.
    pub(super) fn failed(&self, fault: &str) {
        telemetry::counter(names::PLUGIN_FAULTS).add(1);
        let mut inner = self.lock();
        inner.faults = inner.faults.saturating_add(1);
        inner.fault = Some(fault.to_owned());
        turn(&mut inner, HealthState::Failing);
        let plugin = inner.plugin.clone();
        drop(inner);
        tracing::warn!(plugin, fault, "a plugin failed");
        if let Some(alarm) = &self.alarm {
            alarm(&plugin, fault);
        }
    }
}

fn turn(health: &mut Health, state: HealthState) {
    if health.state != state {
        health.state = state;
        health.since = clock::now();
    }
}
