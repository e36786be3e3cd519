//! What rule bodies reach: the past, script state, tags and scores; all of it the core's own state.

use crate::clock::Timestamp;
use crate::decisions::{GuardConfig, Proposer};
use crate::enrich::Geo;
use crate::rules::{Host, Lookups, ScriptState, StateValue};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a score is kept after it last grew.
const SCORE_KEPT: Duration = Duration::from_hours(24);

/// The host of the core's rules. Locked by the core's thread alone, so nobody waits.
pub(super) struct CoreHost {
    now: AtomicI64,
    state: Mutex<ScriptState>,
    proposer: Mutex<Proposer>,
    lookups: Mutex<Arc<dyn Lookups>>,
}

impl CoreHost {
    pub(super) fn new(config: GuardConfig, lookups: Arc<dyn Lookups>) -> Self {
        Self {
            now: AtomicI64::new(0),
            state: Mutex::new(ScriptState::default()),
            proposer: Mutex::new(Proposer::new(config)),
            lookups: Mutex::new(lookups),
        }
    }

    pub(super) fn set_now(&self, now: Timestamp) {
        self.now.store(now.as_micros(), Ordering::Relaxed);
    }

    /// Other rules look things up elsewhere.
    pub(super) fn set_lookups(&self, lookups: Arc<dyn Lookups>) {
        *self.lookups.lock().unwrap_or_else(PoisonError::into_inner) = lookups;
    }

    fn lookups(&self) -> Arc<dyn Lookups> {
        Arc::clone(&self.lookups.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ScriptState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn proposer(&self) -> MutexGuard<'_, Proposer> {
        self.proposer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tag is state by another name: rules read it as `state::get("tag:KEY:NAME")`.
    pub(super) fn tag(&self, key: &str, name: &str, duration: Duration) {
        self.state_set(&format!("tag:{key}:{name}"), StateValue::Bool(true), duration);
    }

    /// A score is state by another name: rules read it as `state::get("score:KEY")`.
    pub(super) fn score(&self, key: &str, points: f64) {
        self.state_add(&format!("score:{key}"), points, SCORE_KEPT);
    }
}

impl Host for CoreHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::Relaxed))
    }

    fn past_hits(&self, key: &str, within: Duration) -> u64 {
        self.proposer().offences.past_hits(key, within, self.now())
    }

    fn in_feed(&self, address: IpAddr, feed: &str) -> bool {
        self.lookups().in_feed(address, feed)
    }

    fn geo(&self, address: IpAddr) -> Option<Arc<Geo>> {
        self.lookups().geo(address)
    }

    fn state_get(&self, key: &str) -> Option<StateValue> {
        self.state().get(key, self.now())
    }

    fn state_set(&self, key: &str, value: StateValue, ttl: Duration) {
        self.state().set(key, value, ttl, self.now());
    }

    fn state_add(&self, key: &str, amount: f64, ttl: Duration) -> f64 {
        self.state().add(key, amount, ttl, self.now())
    }
}
