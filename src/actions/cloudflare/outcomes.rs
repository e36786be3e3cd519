//! How changes ended, the oldest first, as far as what Cloudflare holds tells.

use super::{Cloudflare, Waiting};
use crate::actions::enforcer::EnforceError;
use crate::decisions::Outcome;
use ipnet::IpNet;

impl Cloudflare {
    /// Whether an address is blocked there, as far as is known.
    pub(super) fn holds(&self, net: &IpNet) -> bool {
        let Some(present) = &self.present else { return false };
        (0..=net.prefix_len()).rev().filter_map(|bits| IpNet::new(net.addr(), bits).ok()).any(
            |wider| {
                let wider = wider.trunc();
                let goes = || self.running.as_ref().is_some_and(|change| change.removes(&wider));
                (present.items.contains_key(&wider) && !goes())
                    || present.foreign.contains(&wider)
                    || present.rules.contains(&wider)
            },
        )
    }

    /// Whether somebody who was lifted is still blocked by us.
    pub(super) fn lifts_wait(&self) -> bool {
        self.waiting.iter().any(|change| match change {
            Waiting::Lift(net) => !self.is_lifted(net),
            Waiting::Block(_) => false,
        })
    }

    pub(super) fn is_lifted(&self, net: &IpNet) -> bool {
        self.standing.contains_key(net)
            || self.present.as_ref().is_some_and(|present| {
                let comes = || self.running.as_ref().is_some_and(|change| change.adds(net));
                !present.items.contains_key(net) && !present.rules.contains(net) && !comes()
            })
    }

    /// Whether an access rule stands that the token may not remove.
    fn is_stuck(&self, net: &IpNet) -> bool {
        self.denied.all.is_some()
            && self.present.as_ref().is_some_and(|present| {
                present.rules.contains(net) && !present.items.contains_key(net)
            })
    }

    /// Finds out how the oldest changes ended, and how things are.
    pub(super) fn judge(&mut self) {
        while let Some(change) = self.waiting.front() {
            let outcome = match change {
                Waiting::Block(net) if self.holds(net) => Outcome::Applied,
                // It was lifted, or is over, before it was put in force.
                Waiting::Block(net) if !self.standing.contains_key(net) => Outcome::Unchanged,
                Waiting::Block(net) if self.unfit.contains(net) => {
                    Outcome::Failed(self.no_room(net))
                }
                Waiting::Lift(net) if self.is_lifted(net) => Outcome::Applied,
                Waiting::Lift(net) if self.is_stuck(net) => {
                    let why = self.denied.all.as_deref().unwrap_or_default();
                    Outcome::Failed(format!("the access rule for `{net}` stays: {why}"))
                }
                Waiting::Block(_) | Waiting::Lift(_) => break,
            };
            self.waiting.pop_front();
            self.settled.push(outcome);
        }
        if self.failures == 0 {
            self.trouble = (!self.unfit.is_empty()).then(|| {
                let told = self.told.as_deref().unwrap_or("list and access rules are full");
                EnforceError::Failed(format!(
                    "{} networks find no room at Cloudflare and are not blocked there: {told}\nhint: raise `access_rules_max`, shorten blocks, or see docs/cloudflare.md",
                    self.unfit.len()
                ))
            });
        }
        self.gauge();
    }

    fn no_room(&self, net: &IpNet) -> String {
        match self.refused.get(net).or_else(|| self.denied.nets.get(net)) {
            Some(why) => format!("Cloudflare does not take `{net}`: {why}"),
            None if self.foreign_rules.contains(net) => {
                format!("somebody else has an access rule for `{net}`, which is left as it is")
            }
            None => format!(
                "`{net}` finds no room at Cloudflare: its list holds {} items, {} access rules are made{}",
                self.present.as_ref().map_or(0, |present| present.items.len()),
                self.rules.len(),
                self.denied.all.as_ref().map_or_else(String::new, |why| format!("; {why}"))
            ),
        }
    }
}
