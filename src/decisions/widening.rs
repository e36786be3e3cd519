//! Clients that hop: several blocked parts of one network make a block of the whole network.
//!
//! In: proposed blocks, in event time. Out: a proposed block of the wider network, a decision of its
//! own that passes the guard like any other. What the guard said of the parts is not asked, so that
//! live and replay propose the same.

use super::config::GuardConfig;
use super::ids;
use super::model::{Decision, Remedy, Target};
use super::prefix_set::canonical;
use super::standing::ends_by;
use crate::clock::Timestamp;
use crate::event::net::{display_net, prefix};
use crate::limits::WIDENING_NETWORKS_MAX;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A blocked part of a network, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    net: IpNet,
    until: Option<Timestamp>,
}

/// The blocked parts of networks that may be widened to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Widening {
    parts: BTreeMap<IpNet, Vec<Part>>,
    /// Networks that were widened to, and until when.
    wide: BTreeMap<IpNet, Option<Timestamp>>,
}

/// A step: parts of this length make a network of that one.
struct Step {
    part: u8,
    whole: u8,
    needed: u32,
}

impl Widening {
    /// Takes note of a proposed decision; returns the wider ones that follow from it, narrowest
    /// first (a /56, and with it perhaps the /48).
    pub fn propose(&mut self, decision: &Decision, config: &GuardConfig) -> Vec<Decision> {
        let mut proposed = Vec::new();
        let (Target::Net(net), Remedy::Block) = (&decision.target, decision.remedy) else {
            return proposed;
        };
        let net = canonical(*net);
        let now = decision.from;
        for step in steps(net, config) {
            if step.needed < 2 || net.prefix_len() < step.part {
                continue;
            }
            let whole = prefix(net.network(), step.whole, step.whole);
            if self.is_widened(whole, now) {
                break;
            }
            let part =
                Part { net: prefix(net.network(), step.part, step.part), until: decision.until };
            if let Some(parts) = self.note(whole, part, now, step.needed) {
                let wider = widened(decision, whole, &parts, config);
                self.wide.insert(whole, wider.until);
                proposed.push(wider);
            }
        }
        if self.wide.len() > WIDENING_NETWORKS_MAX {
            self.wide.retain(|_, until| until.is_none_or(|until| until > now));
            while self.wide.len() > WIDENING_NETWORKS_MAX {
                self.wide.pop_first();
            }
        }
        proposed
    }

    /// Forgets what it knows of networks that hold an address of `net`.
    pub fn forget(&mut self, net: IpNet) {
        let apart = |known: &IpNet| !known.contains(&net) && !net.contains(known);
        self.parts.retain(|whole, _| apart(whole));
        self.wide.retain(|whole, _| apart(whole));
    }

    /// Whether `whole`, or a wider network that it may be widened to, was widened to and stands.
    fn is_widened(&self, whole: IpNet, now: Timestamp) -> bool {
        let wider = prefix(whole.network(), 24, 48);
        [whole, wider].iter().any(|net| {
            self.wide.get(net).is_some_and(|until| until.is_none_or(|until| until > now))
        })
    }

    /// Adds a part to a network; returns its standing parts when there are enough.
    fn note(&mut self, whole: IpNet, part: Part, now: Timestamp, needed: u32) -> Option<Vec<Part>> {
        if !self.parts.contains_key(&whole) && self.parts.len() >= WIDENING_NETWORKS_MAX {
            self.make_room(now);
        }
        let parts = self.parts.entry(whole).or_default();
        parts.retain(|known| known.until.is_none_or(|until| until > now));
        match parts.iter_mut().find(|known| known.net == part.net) {
            Some(known) if ends_by(known.until, part.until) => known.until = part.until,
            Some(_) => {}
            None => parts.push(part),
        }
        if u32::try_from(parts.len()).unwrap_or(u32::MAX) < needed {
            return None;
        }
        self.parts.remove(&whole)
    }

    /// Forgets what is over, and then the network whose last part ends first.
    fn make_room(&mut self, now: Timestamp) {
        let end = |parts: &[Part]| {
            parts
                .iter()
                .map(|part| part.until.unwrap_or(Timestamp::MAX))
                .max()
                .unwrap_or(Timestamp::EPOCH)
        };
        self.parts.retain(|_, parts| end(parts) > now);
        if self.parts.len() >= WIDENING_NETWORKS_MAX {
            let mut order: Vec<(Timestamp, IpNet)> =
                self.parts.iter().map(|(whole, parts)| (end(parts), *whole)).collect();
            order.sort_unstable();
            for (_, whole) in order.iter().take(order.len().div_ceil(8)) {
                self.parts.remove(whole);
            }
        }
    }
}

/// Three /64s of a /56 make the /56; three /56s of a /48, each with a blocked part, make the /48.
/// Addresses of a /24 make the /24, where the config says so.
fn steps(net: IpNet, config: &GuardConfig) -> Vec<Step> {
    match net {
        IpNet::V4(_) => vec![Step { part: 32, whole: 24, needed: config.widen_v4_parts }],
        IpNet::V6(_) => vec![
            Step { part: 64, whole: 56, needed: config.widen_v6_parts },
            Step { part: 56, whole: 48, needed: config.widen_v6_parts },
        ],
    }
}

fn widened(decision: &Decision, whole: IpNet, parts: &[Part], config: &GuardConfig) -> Decision {
    let most = decision.from.plus(config.widen_for);
    let last = parts.iter().map(|part| part.until.unwrap_or(Timestamp::MAX)).max().unwrap_or(most);
    let mut nets: Vec<IpNet> = parts.iter().map(|part| part.net).collect();
    nets.sort_unstable();
    let shown: Vec<String> = nets.iter().take(4).map(display_net).collect();
    let more = nets.len().saturating_sub(shown.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let target = Target::Net(whole);
    Decision {
        id: ids::derived_decision_id(decision.id, "widened", &target),
        reason: format!(
            "hopping: {} parts of {} are blocked ({}{more})",
            nets.len(),
            display_net(&whole),
            shown.join(", ")
        ),
        target,
        until: Some(last.min(most)),
        ..decision.clone()
    }
}

#[cfg(test)]
#[path = "widening_tests.rs"]
mod tests;
