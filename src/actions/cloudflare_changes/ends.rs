//! Ends: before their time, by a person or a panic; and what follows when a claim is over.

use super::worker::{ChangesWorker, Held};
use crate::clock::Timestamp;
use crate::decisions::{ActionId, Outcome};

impl ChangesWorker {
    /// Ends the change of this number, or all of them; `action` is told of when they are put back.
    pub(super) fn end(&mut self, action: ActionId, number: Option<u64>, why: &str, now: Timestamp) {
        let mut any = false;
        for held in self.held.values_mut() {
            let is_meant = number.is_none_or(|number| number == held.row.number);
            if !is_meant || held.row.claims.is_empty() {
                continue;
            }
            any = true;
            if number.is_some() {
                // A person wants it so: no rule begins it again while it would have stood.
                held.row.quiet_until = held.row.claims.iter().map(|claim| claim.until).max();
            }
            for claim in &mut held.row.claims {
                claim.ended = true;
            }
            held.ends.push(action);
            held.due = Some(now);
            tracing::info!(place = %held.row.place, why, "a change at Cloudflare ends before its time");
        }
        if !any {
            self.began(action, &Outcome::Unchanged);
        }
    }

    /// Nothing of ours is there any more.
    pub(super) fn finish(&self, held: &mut Held, now: Timestamp) -> Result<bool, String> {
        self.let_go(held, now);
        for action in std::mem::take(&mut held.ends) {
            self.began(action, &Outcome::Applied);
        }
        if held.row.left.is_none() && held.row.is_quiet(now) {
            let row = &mut held.row;
            (row.before, row.prior, row.set, row.sure) = (None, None, None, true);
            self.keep(held)?;
            return Ok(true);
        }
        if held.row.number != 0 {
            self.ledger.remove(held.row.number)?;
        }
        if held.row.left.is_none() {
            tracing::info!(destination = self.destination, place = %held.row.place, "nothing of ours is there any more");
        }
        Ok(false)
    }

    /// Drops claims that are over, and tells how they ended.
    pub(super) fn let_go(&self, held: &mut Held, now: Timestamp) {
        let (standing, over): (Vec<_>, Vec<_>) = std::mem::take(&mut held.row.claims)
            .into_iter()
            .partition(|claim| claim.stands_at(now));
        held.row.claims = standing;
        for claim in over {
            let changed = if held.wrote { Outcome::Applied } else { Outcome::Unchanged };
            if claim.told {
                self.ended(claim.action, &changed);
            } else {
                let by_hand = if claim.ended { "a person ended it" } else { "its time was over" };
                let reason = held.trouble.as_deref().unwrap_or(by_hand);
                let text = format!("it ended before it could be set: {reason}");
                self.began(claim.action, &Outcome::Failed(text));
            }
        }
    }
}
