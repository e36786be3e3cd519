//! What is done next: blocks and removals take turns, so that neither waits for an end of the
//! other, and one that fails keeps the other from nothing.

use super::Cloudflare;
use super::plan::{Plan, Present, Room, plan};
use super::site::SiteError;
use super::steps::Next;
use crate::clock::Timestamp;
use crate::limits::{CLOUDFLARE_ACCESS_RULES_AT_ONCE, CLOUDFLARE_ITEMS_PER_CALL};
use std::time::Duration;

/// After so long without new blocks the next go at once again.
const QUIET: Duration = Duration::from_mins(1);

impl Cloudflare {
    pub(super) fn try_step(&mut self, now: Timestamp) -> Result<Next, SiteError> {
        if self.running.is_some() {
            return Ok(self.poll()?);
        }
        if self.stale {
            self.forget();
        }
        if self.site.is_none() || self.present.is_none() {
            self.look(now)?;
        }
        let plan = self.plan();
        self.note_unfit(&plan);
        let removal = self.removal_wait(&plan, now);
        let add = !plan.add.is_empty() && !plan.needs_room;
        let gap = if add { self.gap(now) } else { Duration::ZERO };
        let blocks = (add && gap.is_zero()) || !plan.spill.is_empty();
        if removal == Some(Duration::ZERO) && (self.removes_next || !blocks) {
            // Set before it is tried: a removal that fails must not keep blocks out.
            self.removes_next = false;
            return self.take_away(&plan, now);
        }
        if blocks {
            self.removes_next = true;
            return if add && gap.is_zero() {
                self.add(&plan.add, now)
            } else {
                Ok(self.spill(&plan.spill)?)
            };
        }
        match (add.then_some(gap), removal) {
            (Some(gap), Some(removal)) => Ok(Next::After(gap.min(removal))),
            (Some(wait), None) | (None, Some(wait)) => Ok(Next::After(wait)),
            (None, None) => Ok(self.remove_orphans()?),
        }
    }

    /// How long what has to go may still stay, so that removals gather; `None` when nothing has to.
    fn removal_wait(&mut self, plan: &Plan, now: Timestamp) -> Option<Duration> {
        if plan.remove.is_empty() && plan.recall.is_empty() {
            self.remove_due = None;
            return None;
        }
        let due = *self.remove_due.get_or_insert(now.plus(self.config.expire_every));
        let pressing = plan.needs_room || self.lifts_wait();
        Some(if pressing { Duration::ZERO } else { due.since(now) })
    }

    fn take_away(&mut self, plan: &Plan, now: Timestamp) -> Result<Next, SiteError> {
        let (next, all) = if plan.remove.is_empty() {
            let all = plan.recall.len() <= CLOUDFLARE_ACCESS_RULES_AT_ONCE;
            (self.recall(&plan.recall)?, all)
        } else {
            let next = self.remove(&plan.remove, now)?;
            let whole = plan.recall.is_empty() && plan.remove.len() <= CLOUDFLARE_ITEMS_PER_CALL;
            (next, whole && self.running.is_some())
        };
        if all {
            // What is over from now on gathers anew.
            self.remove_due = None;
        }
        Ok(next)
    }

    /// How long to wait with the next blocks, so that they gather: the first of an attack go at
    /// once, those that follow in fewer and fewer calls, at most eight seconds apart.
    fn gap(&mut self, now: Timestamp) -> Duration {
        let Some(last) = self.last_write else { return Duration::ZERO };
        if now.since(last) > QUIET {
            self.writes = 0;
        }
        last.plus(Duration::from_secs((1 << self.writes.min(3)) & !1)).since(now)
    }

    /// What has to change now, as far as is known.
    pub(super) fn plan(&self) -> Plan {
        let none = Present::default();
        let present = self.present.as_ref().unwrap_or(&none);
        let no_list = self.site.as_ref().is_some_and(|site| site.no_list.is_some());
        let items = if no_list { 0 } else { self.room.min(self.config.items_max) };
        let rules = if self.denied.all.is_some() { 0 } else { self.config.access_rules_max };
        let mut plan = plan(&self.standing, present, &self.refused, Room { items, rules });
        // A network that was turned down keeps its place: it bounds how many are tried.
        let (unfit, spill) = plan.spill.into_iter().partition(|net| {
            self.foreign_rules.contains(net) || self.denied.nets.contains_key(net)
        });
        plan.spill = spill;
        plan.unfit.extend::<Vec<_>>(unfit);
        if self.denied.all.is_some() {
            // What can't be changed can't be taken back either.
            plan.unfit.retain(|net| !present.rules.contains(net));
            plan.recall.clear();
        }
        plan
    }
}
