//! The thread of an enforcer: adopts what is there, carries out blocks and lifts in batches,
//! compares present and wanted, and mends what others removed.
//!
//! In: items of its queue, losses, the clock. Out: calls to the [`Enforcer`], outcomes, health.

use super::breaker::backoff;
use super::enforcer::{Change, EnforceError, Enforcer};
use super::executors::{HealthCell, HealthState};
use super::nft_monitor::Loss;
use super::pace::Pace;
use super::queue::{Queue, Woken};
use super::{Item, Outbox, Wanted};
use crate::clock;
use crate::decisions::{Action, ActionId, Decision, Outcome};
use crate::limits::ENFORCER_BATCH_MAX;
use crate::telemetry::{self, names};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Attempts at a batch before its items are recorded as they are.
const ATTEMPTS_MAX: u32 = 3;

/// Single elements that were lost are looked after at most this often; a lost table at once.
const ELEMENT_LOSS_PAUSE: Duration = Duration::from_millis(500);

/// Whether a loss that was seen concerns an enforcer.
pub(super) type IsLoss<E> = fn(&E, &Loss, clock::Timestamp) -> bool;

/// An enforcer's thread.
pub(super) struct EnforcerWorker<E: Enforcer> {
    pub(super) enforcer: E,
    pub(super) is_loss: IsLoss<E>,
    pub(super) queue: Arc<Queue>,
    pub(super) health: Arc<HealthCell>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) wanted: Arc<dyn Wanted>,
    pub(super) pace: Pace,
    pub(super) reconcile_every: Duration,
    pub(super) dry_run: bool,
    pub(super) state: WorkerState,
}

/// What the thread remembers between turns.
#[derive(Debug)]
pub(super) struct WorkerState {
    next_reconcile: Instant,
    /// Comparisons that failed in a row.
    failures: u32,
    /// The first comparison takes over what is there and is no alarm.
    adopted: bool,
    /// Items whose outcome was `Pending`, with their attempts.
    pending: VecDeque<(ActionId, u32)>,
    /// What the enforcer said was wrong, so that it is told once.
    trouble: Option<EnforceError>,
}

impl WorkerState {
    pub(super) fn new() -> Self {
        Self {
            next_reconcile: Instant::now(),
            failures: 0,
            adopted: false,
            pending: VecDeque::new(),
            trouble: None,
        }
    }
}

impl<E: Enforcer> EnforcerWorker<E> {
    /// Runs until the queue is stopped. What is put off (a reload) is done before it ends.
    pub(super) fn run(mut self) {
        self.reconcile(0);
        loop {
            let woken = self.queue.take(self.batch_max(), Some(self.deadline()));
            if woken.stopped {
                self.tick(true);
                return;
            }
            self.look_after(&woken);
            if !woken.items.is_empty() {
                self.carry_out(woken.items);
            }
            self.tick(false);
        }
    }

    /// In a dry run each item shows its own call.
    const fn batch_max(&self) -> usize {
        if self.dry_run { 1 } else { ENFORCER_BATCH_MAX }
    }

    fn deadline(&self) -> Instant {
        let next = self.state.next_reconcile;
        match self.enforcer.next_tick() {
            Some(at) => next.min(Instant::now() + at.since(clock::now())),
            None => next,
        }
    }

    fn look_after(&mut self, woken: &Woken) {
        let now = clock::now();
        let lost: Vec<&Loss> =
            woken.losses.iter().filter(|loss| (self.is_loss)(&self.enforcer, loss, now)).collect();
        let whole = lost.contains(&&Loss::Structure);
        let due = Instant::now() >= self.state.next_reconcile;
        if woken.reconcile || due || whole {
            // What waits is wanted (or no longer) already, and is not there yet: no alarm.
            self.reconcile(woken.items.len() + self.queue.len());
        } else if !lost.is_empty() {
            let soon = Instant::now() + ELEMENT_LOSS_PAUSE;
            self.state.next_reconcile = self.state.next_reconcile.min(soon);
        }
    }

    /// What is wanted, without what the last check refuses.
    fn wanted(&self) -> Vec<Decision> {
        let mut wanted = self.wanted.wanted();
        wanted.retain(|decision| self.concerns(decision) && self.wanted.may_send(decision));
        wanted
    }

    /// Whether a decision is put in force here at all.
    fn concerns(&self, decision: &Decision) -> bool {
        self.health.takes(decision)
    }

    /// Compares and mends; up to `own` differences are this thread's own work that still waits.
    fn reconcile(&mut self, own: usize) {
        let wanted = self.wanted();
        telemetry::counter(names::RECONCILE_RUNS).add(1);
        match self.enforcer.reconcile(&wanted, clock::now()) {
            Ok(difference) => {
                self.state.failures = 0;
                self.state.next_reconcile = Instant::now() + self.reconcile_every;
                let own_work = difference.missing + difference.extra <= own && !difference.rebuilt;
                if self.state.adopted && !difference.is_none() && !own_work {
                    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
                    telemetry::counter(names::RECONCILE_MISSING).add(count(difference.missing));
                    telemetry::counter(names::RECONCILE_EXTRA).add(count(difference.extra));
                    tracing::warn!(
                        destination = self.enforcer.name(),
                        missing = difference.missing,
                        extra = difference.extra,
                        rebuilt = difference.rebuilt,
                        "what was in force was not as wanted, and was mended"
                    );
                    if difference.rebuilt {
                        telemetry::counter(names::ENFORCER_REBUILT).add(1);
                    }
                }
                if !self.state.adopted {
                    tracing::info!(
                        destination = self.enforcer.name(),
                        kept = difference.kept,
                        added = difference.missing,
                        removed = difference.extra,
                        "enforcer is ready"
                    );
                }
                self.state.adopted = true;
                self.figures();
                self.well();
                self.settle();
            }
            Err(error) => {
                self.state.failures = self.state.failures.saturating_add(1);
                let pause = backoff(self.state.failures, Duration::from_secs(1));
                self.state.next_reconcile = Instant::now() + pause;
                self.fault(&error);
                self.state.trouble = self.enforcer.trouble();
            }
        }
    }

    fn carry_out(&mut self, items: Vec<Item>) {
        let mut changes = Vec::with_capacity(items.len());
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            match item.action {
                // The paired assertion: the guard has passed it, and it is asked again here.
                Action::Enforce { decision } if !self.wanted.may_send(&decision) => {
                    self.refuse(item.id, &decision, item.attempt);
                }
                Action::Enforce { decision } => {
                    changes.push(Change::Enforce(decision));
                    kept.push((item.id, item.attempt));
                }
                Action::Lift { target, .. } => {
                    changes.push(Change::Lift(target));
                    kept.push((item.id, item.attempt));
                }
                Action::Perform { .. } => {}
            }
        }
        if changes.is_empty() {
            return;
        }
        let lifts = changes.iter().any(|change| matches!(change, Change::Lift(_)));
        let mut tries = 0;
        let done = loop {
            while let Err(left) = self.pace.take(true) {
                if !self.queue.pause(left) {
                    return;
                }
            }
            tries += 1;
            let wanted = lifts.then(|| self.wanted());
            match self.enforcer.apply(&changes, wanted.as_deref(), clock::now()) {
                Err(EnforceError::Failed(_) | EnforceError::Unconfirmed(_))
                    if tries < ATTEMPTS_MAX =>
                {
                    telemetry::counter(names::ACTIONS_RETRIED).add(1);
                    if !self.queue.pause(backoff(tries, Duration::from_millis(100))) {
                        return;
                    }
                }
                done => break done,
            }
        };
        match done {
            Ok(receipt) => {
                self.figures();
                self.well();
                for ((id, attempt), outcome) in kept.into_iter().zip(receipt.outcomes) {
                    self.record(id, &outcome, attempt.saturating_add(tries));
                }
            }
            Err(error) => self.give_up(error, kept, tries),
        }
    }

    /// Records a batch that failed for good, and has present and wanted compared soon: what is
    /// wanted is put in force when the enforcer is back.
    fn give_up(&mut self, error: EnforceError, kept: Vec<(ActionId, u32)>, tries: u32) {
        self.fault(&error);
        let soon = Instant::now() + Duration::from_secs(1);
        self.state.next_reconcile = self.state.next_reconcile.min(soon);
        let outcome = match error {
            EnforceError::Unconfirmed(reason) => Outcome::Unconfirmed(reason),
            EnforceError::Down(reason) | EnforceError::Failed(reason) => Outcome::Failed(reason),
        };
        for (id, attempt) in kept {
            self.record(id, &outcome, attempt.saturating_add(tries));
        }
    }

    fn refuse(&self, id: ActionId, decision: &Decision, attempt: u32) {
        telemetry::counter(names::ACTIONS_REFUSED_LAST).add(1);
        tracing::error!(
            destination = self.enforcer.name(),
            target = %decision.target,
            rule = %decision.rule,
            "the last check before sending refused a decision that the guard had passed"
        );
        let words = "refused by the last check before sending".to_owned();
        let at = clock::now();
        self.outbox.record(id, self.enforcer.name(), &Outcome::Failed(words), attempt, at);
    }

    fn record(&mut self, id: ActionId, outcome: &Outcome, attempt: u32) {
        if *outcome == Outcome::Pending {
            self.state.pending.push_back((id, attempt));
        }
        super::executors::count(outcome);
        let at = clock::now();
        self.outbox.record(id, self.enforcer.name(), outcome, attempt, at);
    }

    /// Does what was put off, when its time has come, or now when this is the end.
    fn tick(&mut self, last: bool) {
        let now = clock::now();
        let done = if last {
            self.enforcer.settle(now)
        } else if self.enforcer.next_tick().is_some_and(|due| due <= now) {
            self.enforcer.tick(now)
        } else {
            return;
        };
        match done {
            Ok(None) => {
                self.figures();
                self.settle();
                if self.enforcer.trouble() != self.state.trouble {
                    self.well();
                }
            }
            Ok(Some(outcome)) => {
                if !matches!(outcome, Outcome::Failed(_)) {
                    self.well();
                }
                self.figures();
                for (id, attempt) in std::mem::take(&mut self.state.pending) {
                    self.record(id, &outcome, attempt);
                }
            }
            Err(error) => {
                self.fault(&error);
                let outcome = Outcome::Failed(error.to_string());
                for (id, attempt) in std::mem::take(&mut self.state.pending) {
                    self.record(id, &outcome, attempt);
                }
            }
        }
    }

    fn figures(&mut self) {
        self.health.numbers(self.enforcer.numbers(), self.enforcer.note());
    }

    /// Records how the oldest pending items ended, as far as the enforcer knows.
    fn settle(&mut self) {
        for outcome in self.enforcer.settled() {
            if let Some((id, attempt)) = self.state.pending.pop_front() {
                self.record(id, &outcome, attempt);
            }
        }
    }

    /// A call went well; the enforcer may know better.
    fn well(&mut self) {
        let trouble = self.enforcer.trouble();
        match &trouble {
            None => self.health.well(),
            Some(error) if trouble != self.state.trouble => self.fault(error),
            Some(_) => {}
        }
        self.state.trouble = trouble;
    }

    fn fault(&self, error: &EnforceError) {
        let state = match error {
            EnforceError::Down(_) => HealthState::Down,
            EnforceError::Failed(_) | EnforceError::Unconfirmed(_) => HealthState::Failing,
        };
        let destination = self.enforcer.name();
        tracing::error!(destination, %error, "enforcer failed");
        self.health.fault(state, &error.to_string());
    }
}
