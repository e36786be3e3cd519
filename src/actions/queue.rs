//! What waits for one destination, and how its thread is woken.
//!
//! Bounded: what doesn't fit comes back and stays in the outbox.

use super::Item;
use super::nft_monitor::Loss;
use crate::decisions::ActionId;
use crate::limits::DESTINATION_JOBS_MAX;
use crate::telemetry::{self, names};
use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// More single losses than this at once are taken as the loss of everything.
const LOSSES_MAX: usize = 64;

/// A destination's queue.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    woken: Condvar,
    /// Urgent items go first; otherwise all keep their order (as blocks and lifts must).
    urgent_first: bool,
}

#[derive(Debug, Default)]
struct State {
    urgent: VecDeque<Item>,
    ordinary: VecDeque<Item>,
    ids: HashSet<ActionId>,
    losses: Vec<Loss>,
    reconcile: bool,
    stopped: bool,
}

/// Why a destination's thread goes on.
#[derive(Debug, Default)]
pub(super) struct Woken {
    /// Items to carry out.
    pub(super) items: Vec<Item>,
    /// Losses that were seen.
    pub(super) losses: Vec<Loss>,
    /// Present and wanted are to be compared.
    pub(super) reconcile: bool,
    /// Nothing new may be begun.
    pub(super) stopped: bool,
}

impl Queue {
    pub(super) fn new(urgent_first: bool) -> Self {
        Self { state: Mutex::default(), woken: Condvar::new(), urgent_first }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an item over; an item that waits already is not taken twice. `false` when full.
    pub(super) fn push(&self, item: Item) -> bool {
        let mut state = self.lock();
        if state.stopped || state.ids.len() >= DESTINATION_JOBS_MAX {
            drop(state);
            telemetry::counter(names::ACTIONS_SHED).add(1);
            return false;
        }
        if state.ids.insert(item.id) {
            telemetry::counter(names::ACTIONS_SUBMITTED).add(1);
            telemetry::gauge(names::ACTIONS_QUEUED).raise(1);
            if item.urgent && self.urgent_first {
                state.urgent.push_back(item);
            } else {
                state.ordinary.push_back(item);
            }
        }
        drop(state);
        self.woken.notify_one();
        true
    }

    /// Asks for a comparison of present and wanted.
    pub(super) fn reconcile(&self) {
        self.lock().reconcile = true;
        self.woken.notify_one();
    }

    /// Leaves a note of a loss.
    pub(super) fn lost(&self, loss: Loss) {
        let mut state = self.lock();
        if loss == Loss::Structure || state.losses.len() >= LOSSES_MAX {
            state.losses = vec![Loss::Structure];
        } else if state.losses.first() != Some(&Loss::Structure) {
            state.losses.push(loss);
        }
        drop(state);
        self.woken.notify_one();
    }

    /// Lets the thread end; what waits stays in the outbox.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.woken.notify_all();
    }

    /// Whether the thread has to end.
    pub(super) fn stopped(&self) -> bool {
        self.lock().stopped
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().ids.len()
    }

    /// Waits for something to do, at most until `deadline`, and takes at most `items_max` items.
    pub(super) fn take(&self, items_max: usize, deadline: Option<Instant>) -> Woken {
        let mut state = self.lock();
        loop {
            let idle = state.urgent.is_empty()
                && state.ordinary.is_empty()
                && state.losses.is_empty()
                && !state.reconcile
                && !state.stopped;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !idle || left == Some(Duration::ZERO) {
                break;
            }
            state = match left {
                Some(left) => {
                    let waited = self.woken.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.woken.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        let mut woken = Woken {
            items: Vec::new(),
            losses: std::mem::take(&mut state.losses),
            reconcile: std::mem::take(&mut state.reconcile),
            stopped: state.stopped,
        };
        if !woken.stopped {
            while woken.items.len() < items_max {
                let next = state.urgent.pop_front();
                let Some(item) = next.or_else(|| state.ordinary.pop_front()) else {
                    break;
                };
                state.ids.remove(&item.id);
                woken.items.push(item);
            }
        }
        let taken = u64::try_from(woken.items.len()).unwrap_or(0);
        telemetry::gauge(names::ACTIONS_QUEUED).lower(taken);
        woken
    }

    /// Waits; `false` when the thread has to end meanwhile.
    pub(super) fn pause(&self, duration: Duration) -> bool {
        let deadline = Instant::now() + duration;
        let mut state = self.lock();
        while !state.stopped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.woken.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::decisions::{Action, Effect};

    fn item(id: u128, urgent: bool) -> Item {
        Item {
            id: ActionId(id),
            action: Action::Perform {
                rule: "r".into(),
                key: "k".to_owned(),
                time: Timestamp::EPOCH,
                effect: Effect::Log { message: String::new() },
            },
            attempt: 0,
            urgent,
        }
    }

    fn taken(queue: &Queue) -> Vec<u128> {
        let woken = queue.take(10, Some(Instant::now()));
        woken.items.iter().map(|item| item.id.0).collect()
    }

    #[test]
    fn urgent_items_go_first_and_none_waits_twice() {
        let queue = Queue::new(true);
        for (id, urgent) in [(1, false), (2, true), (1, false), (3, true)] {
            assert!(queue.push(item(id, urgent)));
        }
        assert_eq!(queue.len(), 3);
        assert_eq!(taken(&queue), [2, 3, 1]);
        let ordered = Queue::new(false);
        assert!(ordered.push(item(1, false)));
        assert!(ordered.push(item(2, true)));
        assert_eq!(taken(&ordered), [1, 2]);
    }

    #[test]
    fn a_full_queue_hands_back() {
        let queue = Queue::new(true);
        let most = u128::try_from(DESTINATION_JOBS_MAX).unwrap();
        for id in 0..most {
            assert!(queue.push(item(id, false)));
        }
        assert!(!queue.push(item(most, true)));
        queue.stop();
        assert!(taken(&queue).is_empty(), "what waits stays in the outbox");
        assert!(!queue.pause(Duration::from_mins(1)));
    }

    #[test]
    fn many_losses_become_one() {
        let queue = Queue::new(false);
        let range = super::super::AddressRange::of(&"192.0.2.0/24".parse().unwrap());
        for _ in 0..=LOSSES_MAX {
            queue.lost(Loss::Element(range));
        }
        assert_eq!(queue.take(1, None).losses, [Loss::Structure]);
    }
}
