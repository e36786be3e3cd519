//! The thread of a destination that effects go to: webhook, program, log.
//!
//! In: items of its queue. Out: attempts, paced and repeated within bounds, and one outcome an
//! item. What an attempt is, is the [`Effector`]'s.

use super::breaker::{Breaker, backoff};
use super::executors::{HealthCell, HealthState};
use super::message::call_text;
use super::pace::Pace;
use super::queue::Queue;
use super::{Item, Outbox};
use crate::clock::{self, Timestamp};
use crate::decisions::{Action, ActionId, Effect, Outcome, RuleName};
use crate::limits::{RETRY_AFTER_SECS_MAX, SECRET_WAIT_SECS_MAX};
use crate::telemetry::{self, names};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was only accepted is asked after this often.
const LATER_PAUSE: Duration = Duration::from_millis(500);

/// What waits for something that isn't there looks this often.
const WAIT_PAUSE: Duration = Duration::from_secs(2);

/// What an effect needs to know of its action.
#[derive(Debug)]
pub(super) struct Call<'i> {
    pub(super) id: ActionId,
    pub(super) rule: &'i RuleName,
    pub(super) key: &'i str,
    pub(super) time: Timestamp,
    pub(super) effect: &'i Effect,
}

/// How one attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Done and confirmed.
    Done,
    /// It was so already.
    Unchanged,
    /// Accepted; `Effector::later` says how it ended.
    Pending,
    /// It may have been done, and must not be tried again.
    Unconfirmed(String),
    /// Trying again would be no use.
    Failed(String),
    /// Nothing was tried: something that it needs isn't there yet, for this reason.
    Wait(String),
    /// It may be tried again.
    Retry {
        reason: String,
        /// The destination asked for this pause.
        after: Option<Duration>,
        /// The other side may have done it all the same.
        may_have_arrived: bool,
    },
}

/// One kind of effect.
///
/// - `perform` makes one attempt, blocks no longer than its own limit, and does not retry.
/// - The same call again carries the same idempotency key.
/// - `ready` says whether an attempt could be made: it costs no place in the pace.
/// - `rehearse` gives the exact call, without secrets, and reaches nothing outside.
pub(super) trait Effector: Send {
    fn perform(&mut self, call: &Call<'_>) -> Attempt;

    /// Whether all is there that the call needs; `Err` is the attempt as it would end.
    fn ready(&mut self, _call: &Call<'_>) -> Result<(), Attempt> {
        Ok(())
    }

    fn rehearse(&mut self, call: &Call<'_>) -> Result<String, String>;

    /// Whether [`Effector::later`] has to be asked.
    fn waits(&self) -> bool {
        false
    }

    /// How calls ended that were `Pending`; never `Pending` again.
    fn later(&mut self) -> Vec<(ActionId, Attempt)> {
        Vec::new()
    }

    /// The end of the thread.
    fn stop(&mut self) {}
}

/// A destination's thread.
pub(super) struct EffectWorker {
    pub(super) destination: String,
    pub(super) effector: Box<dyn Effector>,
    pub(super) queue: Arc<Queue>,
    pub(super) health: Arc<HealthCell>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) pace: Pace,
    pub(super) attempts_max: u32,
    /// The pause before the second attempt.
    pub(super) pause: Duration,
    pub(super) dry_run: bool,
}

impl EffectWorker {
    /// Runs until the queue is stopped. An item that is being retried then keeps its place in the
    /// outbox.
    pub(super) fn run(mut self) {
        let mut breaker = Breaker::default();
        let mut missing = None;
        loop {
            let soon = self.effector.waits().then(|| Instant::now() + LATER_PAUSE);
            let woken = self.queue.take(1, soon);
            if woken.stopped {
                self.effector.stop();
                return;
            }
            self.settle();
            for item in woken.items {
                let Action::Perform { rule, key, time, effect } = &item.action else {
                    continue;
                };
                let call = Call { id: item.id, rule, key, time: *time, effect };
                let Some((outcome, attempt)) =
                    self.carry_out(&call, &item, &mut breaker, &mut missing)
                else {
                    self.effector.stop();
                    return;
                };
                self.record(item.id, &outcome, attempt);
            }
        }
    }

    /// Records how calls ended that were only accepted.
    fn settle(&mut self) {
        for (id, attempt) in self.effector.later() {
            let outcome = match attempt {
                Attempt::Done => Outcome::Applied,
                Attempt::Unchanged => Outcome::Unchanged,
                Attempt::Failed(reason) => Outcome::Failed(reason),
                Attempt::Unconfirmed(reason)
                | Attempt::Wait(reason)
                | Attempt::Retry { reason, .. } => Outcome::Unconfirmed(reason),
                Attempt::Pending => continue,
            };
            self.record(id, &outcome, 1);
        }
    }

    fn record(&self, id: ActionId, outcome: &Outcome, attempt: u32) {
        super::executors::count(outcome);
        self.outbox.record(id, &self.destination, outcome, attempt, clock::now());
    }

    /// The outcome and the number of attempts; `None` when the thread has to end first.
    fn carry_out(
        &mut self,
        call: &Call<'_>,
        item: &Item,
        breaker: &mut Breaker,
        missing: &mut Option<String>,
    ) -> Option<(Outcome, u32)> {
        if self.dry_run {
            return Some((self.rehearse(call), item.attempt));
        }
        let mut arrived = false;
        let mut tries = 0;
        loop {
            let made = self.attempt(call, item.urgent, breaker)?;
            tries += 1;
            let attempt = item.attempt.saturating_add(tries);
            if !matches!(made, Attempt::Wait(_)) {
                *missing = None;
            }
            match made {
                done @ (Attempt::Done | Attempt::Unchanged | Attempt::Pending) => {
                    breaker.success();
                    self.health.well();
                    let outcome = match done {
                        Attempt::Unchanged => Outcome::Unchanged,
                        Attempt::Pending => Outcome::Pending,
                        _ => Outcome::Applied,
                    };
                    return Some((outcome, attempt));
                }
                Attempt::Unconfirmed(reason) => {
                    breaker.failure(Instant::now());
                    self.fault(&reason);
                    return Some((Outcome::Unconfirmed(reason), attempt));
                }
                Attempt::Failed(reason) => {
                    breaker.failure(Instant::now());
                    self.fault(&reason);
                    return Some((Outcome::Failed(reason), attempt));
                }
                // A secret's vault is down: the item waits for it, which is no attempt.
                Attempt::Wait(reason) => {
                    if is_too_late(call) {
                        self.fault(&reason);
                        return Some((Outcome::Failed(reason), attempt));
                    }
                    tries -= 1;
                    self.wait_for(reason, missing)?;
                }
                // It failed because the thread has to end: it keeps its place in the outbox.
                Attempt::Retry { .. } if self.queue.stopped() => return None,
                Attempt::Retry { reason, after, may_have_arrived } => {
                    breaker.failure(Instant::now());
                    self.fault(&reason);
                    arrived |= may_have_arrived;
                    if tries >= self.attempts_max {
                        let outcome = if arrived {
                            Outcome::Unconfirmed(reason)
                        } else {
                            Outcome::Failed(reason)
                        };
                        return Some((outcome, attempt));
                    }
                    telemetry::counter(names::ACTIONS_RETRIED).add(1);
                    let asked =
                        after.map(|after| after.min(Duration::from_secs(RETRY_AFTER_SECS_MAX)));
                    let pause = asked.unwrap_or_else(|| backoff(tries, self.pause));
                    self.queue.pause(pause).then_some(())?;
                }
            }
        }
    }

    fn rehearse(&mut self, call: &Call<'_>) -> Outcome {
        match self.effector.rehearse(call) {
            Ok(text) => Outcome::DryRun(call_text(&text)),
            Err(reason) => Outcome::Failed(reason),
        }
    }

    /// One attempt, in its turn; `None` when the thread has to end.
    fn attempt(&mut self, call: &Call<'_>, urgent: bool, breaker: &Breaker) -> Option<Attempt> {
        if let Err(attempt) = self.effector.ready(call) {
            return Some(attempt);
        }
        self.wait_turn(urgent, breaker)?;
        Some(self.effector.perform(call))
    }

    /// Waits a moment for something that is missing, and tells it where that is news; `None` when
    /// the thread has to end.
    fn wait_for(&self, reason: String, missing: &mut Option<String>) -> Option<()> {
        if missing.as_ref() != Some(&reason) {
            let destination = &self.destination;
            tracing::warn!(destination, reason, "messages wait for something that is missing");
            self.health.fault(HealthState::Failing, &reason);
            *missing = Some(reason);
        }
        self.queue.pause(WAIT_PAUSE).then_some(())
    }

    /// Waits until the circuit and the quota let a call through; `None` when the thread has to end.
    fn wait_turn(&self, urgent: bool, breaker: &Breaker) -> Option<()> {
        while let Some(left) = breaker.wait(Instant::now()) {
            self.queue.pause(left).then_some(())?;
        }
        while let Err(left) = self.pace.take(urgent) {
            self.queue.pause(left).then_some(())?;
        }
        Some(())
    }

    fn fault(&self, reason: &str) {
        tracing::warn!(destination = self.destination, reason, "an attempt failed");
        self.health.fault(HealthState::Failing, reason);
    }
}

/// Whether a call has waited for too long: from when it was decided, however long others before it
/// have waited.
fn is_too_late(call: &Call<'_>) -> bool {
    clock::now().since(call.time) >= Duration::from_secs(SECRET_WAIT_SECS_MAX)
}
