//! What is in force: inserted, lengthened, lifted, looked up, and ended at its time.
//!
//! In: decisions that the guard let pass. Out: what covers an address, and what is over. A target
//! has at most one decision of a kind (remedy, enforcer, route): the longer one wins, a shorter one
//! does not shorten it. Nothing stands past its `until`.

use super::model::{Decision, DecisionId, Remedy, Route, Target};
use super::prefix_set::canonical;
use crate::clock::Timestamp;
use crate::limits::STANDING_DECISIONS_MAX;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// What an insertion changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inserted {
    /// The decision is in force now; `false` where the same or a longer one was already.
    pub changed: bool,
    /// The shorter decision of the same kind that it took the place of.
    pub replaced: Option<Arc<Decision>>,
    /// The decision that had to go because `limits::STANDING_DECISIONS_MAX` was reached: of those
    /// that rules made, the one that would have ended first. It has to be lifted and told of.
    pub shed: Option<Arc<Decision>>,
}

/// The decisions in force.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Arc<Decision>>", into = "Vec<Arc<Decision>>")]
pub struct Standing {
    by_target: BTreeMap<Target, Vec<Arc<Decision>>>,
    by_id: BTreeMap<DecisionId, Arc<Decision>>,
    /// Ends, soonest first; decisions for ever are not in it.
    ends: BTreeSet<(Timestamp, DecisionId)>,
    /// How many targets have each prefix length, IPv4 and IPv6, so that a lookup tries only those.
    lengths: BTreeMap<(bool, u8), usize>,
}

impl From<Vec<Arc<Decision>>> for Standing {
    fn from(decisions: Vec<Arc<Decision>>) -> Self {
        let mut standing = Self::default();
        for decision in decisions {
            standing.insert(Arc::unwrap_or_clone(decision));
        }
        standing
    }
}

impl From<Standing> for Vec<Arc<Decision>> {
    fn from(standing: Standing) -> Self {
        standing.by_id.into_values().collect()
    }
}

impl Standing {
    /// How many decisions are in force.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Puts a decision in force.
    pub fn insert(&mut self, mut decision: Decision) -> Inserted {
        if let Target::Net(net) = &mut decision.target {
            *net = canonical(*net);
        }
        let same = self
            .by_target
            .get(&decision.target)
            .and_then(|list| list.iter().find(|known| same_kind(known, &decision)).map(Arc::clone));
        if let Some(known) = &same {
            if ends_by(decision.until, known.until) {
                return Inserted::default();
            }
            self.remove(known.id);
        }
        let shed = if self.len() >= STANDING_DECISIONS_MAX {
            self.soonest_by_a_rule().and_then(|id| self.remove(id))
        } else {
            None
        };
        // An id that comes again (read again after a restart, with a later end) replaces itself.
        let again = self.remove(decision.id);
        self.add(Arc::new(decision));
        Inserted { changed: true, replaced: same.or(again), shed }
    }

    /// Ends one decision; `None` where it is not in force.
    pub fn remove(&mut self, id: DecisionId) -> Option<Arc<Decision>> {
        let decision = self.by_id.remove(&id)?;
        if let Some(until) = decision.until {
            self.ends.remove(&(until, id));
        }
        if let Some(list) = self.by_target.get_mut(&decision.target) {
            list.retain(|known| known.id != id);
            if list.is_empty() {
                self.by_target.remove(&decision.target);
                if let Some(key) = length_key(&decision.target)
                    && let Some(count) = self.lengths.get_mut(&key)
                {
                    *count -= 1;
                    if *count == 0 {
                        self.lengths.remove(&key);
                    }
                }
            }
        }
        Some(decision)
    }

    /// Ends everything in force for exactly this target, and returns it.
    pub fn lift(&mut self, target: &Target) -> Vec<Arc<Decision>> {
        let target = match target {
            Target::Net(net) => Target::Net(canonical(*net)),
            other => other.clone(),
        };
        let ids: Vec<DecisionId> =
            self.by_target.get(&target).into_iter().flatten().map(|known| known.id).collect();
        ids.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Ends everything that holds an address of `net` back, wider or narrower, and returns it:
    /// what an allowlist entry or an `allow` does. Decisions that allow stay.
    pub fn lift_overlapping(&mut self, net: IpNet) -> Vec<Arc<Decision>> {
        let ids: Vec<DecisionId> = self
            .overlapping(net)
            .iter()
            .filter(|known| known.remedy != Remedy::Allow)
            .map(|known| known.id)
            .collect();
        ids.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Ends everything, and returns it.
    pub fn lift_all(&mut self) -> Vec<Arc<Decision>> {
        std::mem::take(self).into()
    }

    /// Ends what is over at `now`, soonest end first, and returns it.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Arc<Decision>> {
        let mut over = Vec::new();
        while let Some((until, id)) = self.ends.first().copied()
            && until <= now
        {
            self.ends.remove(&(until, id));
            over.extend(self.remove(id));
        }
        over
    }

    /// When the next decision ends; `None` where all stand for ever.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// A decision by its name.
    pub fn get(&self, id: DecisionId) -> Option<&Arc<Decision>> {
        self.by_id.get(&id)
    }

    /// Everything in force for exactly this target.
    pub fn of_target(&self, target: &Target) -> &[Arc<Decision>] {
        self.by_target.get(target).map_or(&[], Vec::as_slice)
    }

    /// Everything in force that covers the address, widest prefix first.
    pub fn covering(&self, address: IpAddr) -> Vec<&Arc<Decision>> {
        self.covering_net(IpNet::from(address.to_canonical()))
    }

    /// Everything in force that covers all of `net`, widest prefix first.
    pub fn covering_net(&self, net: IpNet) -> Vec<&Arc<Decision>> {
        let net = canonical(net);
        let is_v6 = matches!(net, IpNet::V6(_));
        self.lengths
            .range((is_v6, 0)..=(is_v6, net.prefix_len()))
            .filter_map(|((_, length), _)| IpNet::new(net.network(), *length).ok())
            .filter_map(|wide| self.by_target.get(&Target::Net(wide.trunc())))
            .flatten()
            .collect()
    }

    /// Everything in force that has an address in common with `net`.
    pub fn overlapping(&self, net: IpNet) -> Vec<&Arc<Decision>> {
        let net = canonical(net);
        let mut found = self.covering_net(net);
        let (Ok(first), Ok(last)) = (
            IpNet::new(net.network(), net.prefix_len()),
            IpNet::new(net.broadcast(), net.max_prefix_len()),
        ) else {
            return found;
        };
        let inside =
            self.by_target.range(Target::Net(first)..=Target::Net(last)).filter(|(target, _)| {
                target.net().is_some_and(|inner| inner != net && net.contains(&inner))
            });
        found.extend(inside.flat_map(|(_, list)| list));
        found
    }

    /// The decision in force that already does all that `decision` would: it covers the target,
    /// is as strong, reaches the same enforcers, and stands as long.
    pub fn already(&self, decision: &Decision) -> Option<&Arc<Decision>> {
        let known = match &decision.target {
            Target::Net(net) => self.covering_net(*net),
            target => self.of_target(target).iter().collect(),
        };
        known.into_iter().find(|known| {
            let as_strong = if decision.remedy == Remedy::Allow {
                known.remedy == Remedy::Allow
            } else {
                known.remedy != Remedy::Allow && strength(known.remedy) >= strength(decision.remedy)
            };
            as_strong && reaches(known, decision) && ends_by(decision.until, known.until)
        })
    }

    /// The decision in force that lets an address of `net` through.
    pub fn allows(&self, net: IpNet) -> Option<&Arc<Decision>> {
        self.overlapping(net).into_iter().find(|known| known.remedy == Remedy::Allow)
    }

    /// Everything in force, by target.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Decision>> {
        self.by_target.values().flatten()
    }

    fn add(&mut self, decision: Arc<Decision>) {
        if let Some(until) = decision.until {
            self.ends.insert((until, decision.id));
        }
        let list = self.by_target.entry(decision.target.clone()).or_default();
        if list.is_empty()
            && let Some(key) = length_key(&decision.target)
        {
            *self.lengths.entry(key).or_default() += 1;
        }
        list.push(Arc::clone(&decision));
        self.by_id.insert(decision.id, decision);
    }

    /// The rule's decision that ends first; where rules made only endless ones, the first of those;
    /// where people made all, the one that ends first, so that the bound holds.
    fn soonest_by_a_rule(&self) -> Option<DecisionId> {
        let made_by_rule = |decision: &Arc<Decision>| decision.hit.is_some();
        self.ends
            .iter()
            .filter_map(|(_, id)| self.by_id.get(id))
            .find(|known| made_by_rule(known))
            .or_else(|| self.by_id.values().find(|known| made_by_rule(known)))
            .map(|known| known.id)
            .or_else(|| self.ends.first().map(|(_, id)| *id))
            .or_else(|| self.by_id.keys().next().copied())
    }
}

/// How much a remedy holds back; what is stronger makes a weaker one needless.
pub const fn strength(remedy: Remedy) -> u8 {
    match remedy {
        Remedy::Allow => 0,
        Remedy::Throttle => 1,
        Remedy::Challenge => 2,
        Remedy::Captcha => 3,
        Remedy::Block => 4,
    }
}

/// Whether an end at `one` comes no later than at `other` (`None` is never).
pub fn ends_by(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(one), Some(other)) => one <= other,
    }
}

fn same_kind(one: &Decision, other: &Decision) -> bool {
    one.remedy == other.remedy && one.via == other.via && one.route == other.route
}

/// Whether `known` is in force wherever `decision` would be.
fn reaches(known: &Decision, decision: &Decision) -> bool {
    match (&known.via, &decision.via) {
        (Some(known), Some(asked)) => known == asked,
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => known.route == decision.route || known.route == Route::Unknown,
    }
}

fn length_key(target: &Target) -> Option<(bool, u8)> {
    let net = target.net()?;
    Some((matches!(net, IpNet::V6(_)), net.prefix_len()))
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
