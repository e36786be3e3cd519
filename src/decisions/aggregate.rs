//! Many waiting blocks of one network become one block of the network.
//!
//! In: the blocks that wait. Out: prefixes, each with the blocks that it stands for. Pure; whether a
//! prefix may be blocked at all, the guard is asked for each of them.

use super::ceiling::Waiting;
use super::config::GuardConfig;
use super::model::{Remedy, Route, Target};
use crate::event::net::prefix;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A prefix that could stand for several blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The prefix.
    pub net: IpNet,
    /// The places in the queue of the blocks that it stands for, longest wait first.
    pub places: Vec<u64>,
}

/// Prefix lengths to gather into, and how many times `aggregate_parts` it takes. The wider ones come
/// only when the queue is longer than ten minutes can release.
const LEVELS: [(u8, u8, usize); 3] = [(24, 48, 1), (20, 40, 4), (16, 32, 16)];

/// The prefixes that waiting blocks can be gathered into, those with most blocks first. A block is
/// in one group at most for each length; `wide` also tries the wider lengths.
pub fn groups<'a>(
    waiting: impl Iterator<Item = (u64, &'a Waiting)>,
    config: &GuardConfig,
    wide: bool,
) -> Vec<Group> {
    type Kind = (Remedy, Option<Arc<str>>, Route);
    let levels = LEVELS.iter().take(if wide { LEVELS.len() } else { 1 });
    let levels: Vec<(u8, u8, usize)> = levels
        .filter(|(v4, v6, _)| *v4 >= config.widest_v4 && *v6 >= config.widest_v6)
        .copied()
        .collect();
    let mut found: BTreeMap<(usize, IpNet, Kind), Vec<u64>> = BTreeMap::new();
    for (place, waiting) in waiting {
        let decision = &waiting.decision;
        let Target::Net(net) = decision.target else {
            continue;
        };
        for (level, (v4, v6, _)) in levels.iter().enumerate() {
            let whole = prefix(net.network(), *v4, *v6);
            if whole.prefix_len() < net.prefix_len() {
                let kind = (decision.remedy, decision.via.clone(), decision.route);
                found.entry((level, whole, kind)).or_default().push(place);
            }
        }
    }
    let parts = usize::try_from(config.aggregate_parts.max(2)).unwrap_or(usize::MAX);
    let mut groups: Vec<Group> = found
        .into_iter()
        .filter(|((level, _, _), places)| {
            let times = levels.get(*level).map_or(1, |(_, _, times)| *times);
            places.len() >= parts.saturating_mul(times)
        })
        .map(|((_, net, _), places)| Group { net, places })
        .collect();
    groups.sort_by(|one, other| {
        let by_size = other.places.len().cmp(&one.places.len());
        // Of two that stand for as many, the narrower one.
        by_size
            .then(other.net.prefix_len().cmp(&one.net.prefix_len()))
            .then(one.net.cmp(&other.net))
            .then(one.places.cmp(&other.places))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::ceiling::Ceiling;
    use crate::decisions::testing::{block, net, secs};

    #[test]
    fn enough_of_one_network_make_a_group_and_widths_are_kept() {
        let mut ceiling = Ceiling::default();
        for low in 1..=5 {
            ceiling.wait(block(&format!("203.0.113.{low}"), 0, Some(60)), secs(0));
        }
        for low in 1..=3 {
            ceiling.wait(block(&format!("198.51.100.{low}"), 0, Some(60)), secs(0));
        }
        for low in 1..=4 {
            ceiling.wait(block(&format!("2001:db8:7:{low}::/64"), 0, Some(60)), secs(0));
        }
        let mut config = GuardConfig::default();
        let found = groups(ceiling.waiting(), &config, false);
        let nets: Vec<IpNet> = found.iter().map(|group| group.net).collect();
        assert_eq!(nets, [net("203.0.113.0/24"), net("2001:db8:7::/48")]);
        assert_eq!(found[0].places, [0, 1, 2, 3, 4]);
        config.widest_v4 = 25;
        assert_eq!(groups(ceiling.waiting(), &config, true), []);
    }

    #[test]
    fn a_long_queue_is_gathered_wider() {
        let mut ceiling = Ceiling::default();
        for low in 0..64 {
            ceiling.wait(block(&format!("203.0.{low}.9"), 0, Some(60)), secs(0));
        }
        let config = GuardConfig::default();
        assert_eq!(groups(ceiling.waiting(), &config, false), []);
        let found = groups(ceiling.waiting(), &config, true);
        assert_eq!(found[0].net, net("203.0.0.0/16"));
    }
}
