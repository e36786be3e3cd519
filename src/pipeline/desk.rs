//! The desk of decisions as the engine and the executors share it.

use crate::actions::Wanted;
use crate::decisions::{Decision, DecisionId, Desk, LastCheck, Steps, Verdict};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The desk behind a lock: the engine books on it, enforcers ask what is in force.
#[derive(Clone)]
pub struct SharedDesk {
    desk: Arc<Mutex<Desk>>,
    /// Decisions that were booked and are in no journal yet: nobody carries them out. Locked only
    /// after the desk, never before.
    unkept: Arc<Mutex<HashSet<DecisionId>>>,
    last_check: LastCheck,
}

impl SharedDesk {
    /// Shares a desk.
    pub fn new(desk: Desk) -> Self {
        let last_check = desk.guard.last_check();
        Self { desk: Arc::new(Mutex::new(desk)), unkept: Arc::default(), last_check }
    }

    /// The desk, for a moment. What is to be put in force goes through [`Self::book`].
    pub fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books something; what passes is held back from enforcers until [`Self::kept`].
    pub fn book(&self, work: impl FnOnce(&mut Desk) -> Steps) -> Steps {
        let mut desk = self.lock();
        let steps = work(&mut desk);
        self.hold(&steps);
        steps
    }

    /// The same for what may be refused.
    pub fn try_book<E>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<Steps, E>,
    ) -> Result<Steps, E> {
        let mut desk = self.lock();
        let steps = work(&mut desk)?;
        self.hold(&steps);
        Ok(steps)
    }

    /// These are in the journal now.
    pub fn kept(&self, decisions: impl Iterator<Item = DecisionId>) {
        let mut unkept = self.unkept();
        for id in decisions {
            unkept.remove(&id);
        }
    }

    fn hold(&self, steps: &Steps) {
        let passed = steps.judged.iter().filter(|judged| judged.verdict == Verdict::Pass);
        self.unkept().extend(passed.map(|judged| judged.decision.id));
    }

    fn unkept(&self) -> MutexGuard<'_, HashSet<DecisionId>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted for SharedDesk {
    fn wanted(&self) -> Vec<Decision> {
        let desk = self.lock();
        let unkept = self.unkept();
        let kept = desk.standing.iter().filter(|decision| !unkept.contains(&decision.id));
        kept.map(|decision| (**decision).clone()).collect()
    }

    fn may_send(&self, decision: &Decision) -> bool {
        self.last_check.may_send(decision).is_ok()
    }
}
