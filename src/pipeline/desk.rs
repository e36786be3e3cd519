//! The desk of decisions as the engine and the executors share it.

use crate::actions::Wanted;
use crate::decisions::{Decision, Desk, LastCheck};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The desk behind a lock: the engine books on it, enforcers ask what is in force.
#[derive(Clone)]
pub struct SharedDesk {
    desk: Arc<Mutex<Desk>>,
    last_check: LastCheck,
}

impl SharedDesk {
    /// Shares a desk.
    pub fn new(desk: Desk) -> Self {
        let last_check = desk.guard.last_check();
        Self { desk: Arc::new(Mutex::new(desk)), last_check }
    }

    /// The desk, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted for SharedDesk {
    fn wanted(&self) -> Vec<Decision> {
        self.lock().standing.iter().map(|decision| (**decision).clone()).collect()
    }

    fn may_send(&self, decision: &Decision) -> bool {
        self.last_check.may_send(decision).is_ok()
    }
}
