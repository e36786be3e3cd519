//! How changes ended, the oldest first, as far as what Cloudflare holds tells.

use super::measure::Measure;
use super::present::wider;
use super::{Cloudflare, Waiting};
use crate::actions::enforcer::EnforceError;
use crate::decisions::Outcome;
use ipnet::IpNet;
use std::collections::BTreeSet;

impl Cloudflare {
    /// Whether an address is dealt with there, as far as is known; who is blocked needs no challenge.
    pub(super) fn holds(&self, measure: Measure, net: &IpNet) -> bool {
        let Some(present) = &self.present else { return false };
        let goes = |measure: Measure, net: &IpNet| {
            self.running.as_ref().is_some_and(|change| change.removes(measure, net))
        };
        wider(net).any(|net| {
            present.holds(measure, &net, &goes) || present.holds(Measure::Block, &net, &goes)
        })
    }

    /// Whether somebody who was lifted is still held by us.
    pub(super) fn lifts_wait(&self) -> bool {
        self.waiting.iter().any(|change| match change {
            Waiting::Lift(net) => !self.is_lifted(net),
            Waiting::Put(..) => false,
        })
    }

    /// The networks whose lifts wait.
    pub(super) fn lifted(&self) -> BTreeSet<IpNet> {
        let lifted = |change: &Waiting| match change {
            Waiting::Lift(net) => Some(*net),
            Waiting::Put(..) => None,
        };
        self.waiting.iter().filter_map(lifted).collect()
    }

    pub(super) fn is_lifted(&self, net: &IpNet) -> bool {
        let stands = |measure: &Measure| self.standing[*measure].contains_key(net);
        if Measure::ALL.iter().any(stands) {
            return true;
        }
        self.present.as_ref().is_some_and(|present| {
            let held = |measure: &Measure| {
                let comes = self.running.as_ref().is_some_and(|change| change.adds(*measure, net));
                present.lists[*measure].items.contains_key(net) || comes
            };
            !Measure::ALL.iter().any(held) && !present.rules.contains_key(net)
        })
    }

    /// Why something of ours that should go stays.
    fn stuck_because(&self, net: &IpNet) -> Option<String> {
        let present = self.present.as_ref()?;
        if let Some(why) = self.stuck.get(net) {
            return Some(format!("the list's item for `{net}` stays: {why}"));
        }
        let listed = |measure: &Measure| present.lists[*measure].items.contains_key(net);
        let ruled = present.rules.contains_key(net) && !Measure::ALL.iter().any(listed);
        let why = self.denied.all.as_deref().filter(|_| ruled)?;
        Some(format!("the access rule for `{net}` stays: {why}"))
    }

    /// Finds out how the oldest changes ended, and how things are.
    pub(super) fn judge(&mut self) {
        while let Some(change) = self.waiting.front() {
            let outcome = match change {
                Waiting::Put(measure, net) if self.holds(*measure, net) => Outcome::Applied,
                Waiting::Put(measure, net) if self.barred.contains(&(*measure, *net)) => {
                    Outcome::Failed("refused by the last check before sending".to_owned())
                }
                // It was lifted, or is over, before it was put in force.
                Waiting::Put(measure, net) if !self.standing[*measure].contains_key(net) => {
                    Outcome::Unchanged
                }
                Waiting::Put(measure, net) if self.unfit.contains(&(*measure, *net)) => {
                    Outcome::Failed(self.no_room(net))
                }
                Waiting::Lift(net) if self.is_lifted(net) => Outcome::Applied,
                Waiting::Lift(net) => match self.stuck_because(net) {
                    Some(why) => Outcome::Failed(why),
                    None => break,
                },
                Waiting::Put(..) => break,
            };
            self.waiting.pop_front();
            self.settled.push(outcome);
        }
        if self.failures == 0 {
            self.trouble = (!self.unfit.is_empty()).then(|| {
                let told = self.told.as_deref().unwrap_or("list and access rules are full");
                EnforceError::Failed(format!(
                    "{} networks find no room at Cloudflare and are not in force there: {told}\nhint: raise `access_rules_max`, shorten blocks, or see docs/cloudflare.md",
                    self.unfit.len()
                ))
            });
        }
        self.gauge();
    }

    fn no_room(&self, net: &IpNet) -> String {
        let present = self.present.as_ref();
        let there = present
            .and_then(|present| present.rules.get(net))
            .map_or(0, std::collections::BTreeMap::len);
        let scopes = present.map_or(0, |present| present.scopes);
        let partly = if there > 0 {
            format!("an access rule stands in {there} of {scopes} zones; ")
        } else {
            String::new()
        };
        match self.refused.get(net).or_else(|| self.denied.nets.get(net)) {
            Some(why) => format!("{partly}Cloudflare does not take `{net}`: {why}"),
            None if self.foreign_rules.iter().any(|(foreign, _)| foreign == net) => format!(
                "{partly}somebody else has an access rule for `{net}`, which is left as it is"
            ),
            None => format!(
                "{partly}`{net}` finds no room at Cloudflare: its lists hold {} items, {} access rules are made{}",
                present.map_or(0, super::present::Present::items),
                present.map_or(0, |present| present.rules.len()),
                self.denied.all.as_ref().map_or_else(String::new, |why| format!("; {why}"))
            ),
        }
    }
}
