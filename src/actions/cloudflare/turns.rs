//! What is done next: blocks and removals take turns, so that neither waits for an end of the
//! other, and one that fails keeps the other from nothing.

use super::Cloudflare;
use super::measure::Measure;
use super::plan::{Limits, Plan, plan};
use super::present::Present;
use super::site::SiteError;
use super::steps::Next;
use crate::clock::Timestamp;
use crate::limits::CLOUDFLARE_ACCESS_RULES_AT_ONCE;
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
        if !self.standing.challenge.is_empty() {
            self.make(Measure::Challenge)?;
        }
        let plan = self.plan();
        self.note_unfit(&plan);
        let removal = self.removal_wait(&plan, now);
        let add = self.next_list(&plan);
        let gap = if add.is_some() { self.gap(now) } else { Duration::ZERO };
        let blocks = (add.is_some() && gap.is_zero()) || !plan.spill.is_empty();
        if removal == Some(Duration::ZERO) && (self.removes_next || !blocks) {
            // Set before it is tried: a removal that fails must not keep blocks out.
            self.removes_next = false;
            return self.take_away(&plan, now);
        }
        if blocks {
            self.removes_next = true;
            return match add.filter(|_| gap.is_zero()) {
                Some(measure) => self.add(measure, &plan.lists[measure].add, now),
                None => Ok(self.spill(&plan.spill)?),
            };
        }
        match (add.map(|_| gap), removal) {
            (Some(gap), Some(removal)) => Ok(Next::After(gap.min(removal))),
            (Some(wait), None) | (None, Some(wait)) => Ok(Next::After(wait)),
            (None, None) => Ok(self.remove_leftovers()?),
        }
    }

    /// The list that something can go into now; where both wait, they take turns.
    fn next_list(&self, plan: &Plan) -> Option<Measure> {
        let waits = |measure: &Measure| {
            let list = &plan.lists[*measure];
            !list.add.is_empty() && !list.needs_room
        };
        let mut waiting = Measure::ALL.into_iter().filter(waits);
        let first = waiting.next()?;
        Some(waiting.next().filter(|_| self.last_added == first).unwrap_or(first))
    }

    /// How long what has to go may still stay, so that removals gather; `None` when nothing has to.
    fn removal_wait(&mut self, plan: &Plan, now: Timestamp) -> Option<Duration> {
        if plan.goes() == 0 {
            self.remove_due = None;
            return None;
        }
        let due = *self.remove_due.get_or_insert(now.plus(self.config.expire_every));
        let full = Measure::ALL.iter().any(|measure| plan.lists[*measure].needs_room);
        let pressing = full || self.lifts_wait();
        Some(if pressing { Duration::ZERO } else { due.since(now) })
    }

    fn take_away(&mut self, plan: &Plan, now: Timestamp) -> Result<Next, SiteError> {
        let goes = |measure: &Measure| !plan.lists[*measure].remove.is_empty();
        let mut lists = Measure::ALL.into_iter().filter(goes);
        let (next, all) = match lists.next() {
            None => {
                let all = plan.recall.len() <= CLOUDFLARE_ACCESS_RULES_AT_ONCE;
                (self.recall(&plan.recall)?, all)
            }
            Some(measure) => {
                let nets = &plan.lists[measure].remove;
                let next = self.remove(measure, nets, now)?;
                let taken = self.running.as_ref().map_or(0, super::running::Running::removals);
                let whole = taken >= nets.len();
                (next, whole && plan.recall.is_empty() && lists.next().is_none())
            }
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
        let rules = self.denied.all.is_none().then_some(self.config.access_rules_max);
        let limits = Limits {
            items: self.room.min(self.config.items_max),
            rules,
            refused: &self.refused,
            closed: &self.closed(),
            stuck: &self.stuck,
        };
        plan(&self.standing, self.present.as_ref().unwrap_or(&none), limits)
    }
}
