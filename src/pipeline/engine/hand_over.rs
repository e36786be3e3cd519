//! From the outbox to the executors: in order, again at start, and never without bound.

use super::Engine;
use crate::actions::Item;
use crate::decisions::Action;
use crate::limits;
use crate::store::{PendingAction, Settled};

impl Engine {
    /// Hands actions over; what waits already goes first, so that an end never overtakes its
    /// beginning.
    pub(super) fn submit(&mut self, items: Vec<Item>) {
        let mut waiting = std::mem::take(&mut self.overflow);
        waiting.extend(items);
        self.overflow = match &self.executors {
            Some(executors) if !waiting.is_empty() => executors.submit(waiting),
            _ => waiting,
        };
        self.shed_effects();
    }

    /// Hands what did not fit in a queue before over again.
    pub(super) fn submit_overflow(&mut self) {
        if !self.overflow.is_empty() {
            self.submit(Vec::new());
        }
    }

    /// A destination that has been dead for long must not fill the memory with messages: the
    /// oldest are given up, and that is told. Decisions and their ends are never given up.
    fn shed_effects(&mut self) {
        let is_effect = |item: &Item| matches!(item.action, Action::Perform { .. });
        let effects = self.overflow.iter().filter(|item| is_effect(item)).count();
        let mut excess = effects.saturating_sub(limits::EFFECTS_WAITING_MAX);
        if excess == 0 {
            return;
        }
        let text = format!("{excess} messages and program runs were given up: too many wait");
        let mut given_up = Vec::new();
        self.overflow.retain(|item| {
            let goes = excess > 0 && is_effect(item);
            if goes {
                excess -= 1;
                given_up.push(item.id);
            }
            !goes
        });
        for id in given_up {
            if let Err(error) = self.store.settle(id, Settled::Failed) {
                self.store_failed(&error);
            }
        }
        self.alarm("actions", text);
    }

    /// Hands over what the outbox holds from an earlier run.
    pub(super) fn submit_outbox(&mut self) {
        match self.store.read().pending(limits::OUTBOX_AT_START_MAX) {
            Ok(pending) => {
                let items = pending.into_iter().filter_map(|row| self.still_to_do(row)).collect();
                self.submit(items);
            }
            Err(error) => self.store_failed(&error),
        }
    }

    /// An action of an earlier run, unless what it puts in force has ended meanwhile.
    fn still_to_do(&self, row: PendingAction) -> Option<Item> {
        if let Action::Enforce { decision } = &row.action
            && self.desk().standing.get(decision.id).is_none()
        {
            if let Err(error) = self.store.settle(row.id, Settled::Dropped) {
                tracing::warn!(%error, "failed to close an action whose decision has ended");
            }
            return None;
        }
        Some(Item {
            id: row.id,
            attempt: row.outcomes.iter().map(|(_, _, attempt)| *attempt).max().unwrap_or(0),
            urgent: matches!(row.action, Action::Enforce { .. } | Action::Lift { .. }),
            action: row.action,
        })
    }
}
