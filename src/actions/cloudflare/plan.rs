//! What Cloudflare should hold against what it holds, as pure arithmetic: what goes into the list,
//! what into access rules because the list has no room, what fits nowhere, and what has to go.

use super::mark::Note;
use crate::actions::reconcile::outermost;
use crate::clock::Timestamp;
use crate::decisions::{Decision, Remedy};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// A block that should be in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) until: Option<Timestamp>,
    /// The rule, or `manual`.
    pub(super) why: String,
}

impl Standing {
    fn end(&self) -> Timestamp {
        self.until.unwrap_or(Timestamp::MAX)
    }

    /// What stays when there is no room for all: what a person decided, then what stands longest.
    fn worth(&self) -> (bool, Timestamp) {
        (self.why == "manual", self.end())
    }
}

/// The blocks that decisions ask for.
pub(super) fn standing<'d>(
    decisions: impl IntoIterator<Item = &'d Decision>,
) -> BTreeMap<IpNet, Standing> {
    let mut blocks: BTreeMap<IpNet, Standing> = BTreeMap::new();
    for decision in decisions {
        add(&mut blocks, decision);
    }
    blocks
}

/// Lets a block stand, for as long as the longest that was asked for.
pub(super) fn add(blocks: &mut BTreeMap<IpNet, Standing>, decision: &Decision) {
    let Some(net) = decision.target.net().filter(|_| decision.remedy == Remedy::Block) else {
        return;
    };
    let new = Standing { until: decision.until, why: decision.rule.to_string() };
    match blocks.get_mut(&net.trunc()) {
        Some(known) if known.end() >= new.end() => {}
        Some(known) => *known = new,
        None => {
            blocks.insert(net.trunc(), new);
        }
    }
}

/// Our item in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Its id, where it was read back.
    pub(super) id: Option<String>,
    pub(super) note: Note,
}

/// What Cloudflare holds.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// Our items.
    pub(super) items: BTreeMap<IpNet, Held>,
    /// Items of others in our list: never touched, and never added again, which would take them
    /// over.
    pub(super) foreign: BTreeSet<IpNet>,
    /// Items that a riposte left that is gone, by their ids.
    pub(super) orphans: Vec<String>,
    /// Items of other lists, which share the account's limit.
    pub(super) elsewhere: usize,
    /// Our access rules.
    pub(super) rules: BTreeSet<IpNet>,
}

/// How much may be held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Items of all lists.
    pub(super) items: usize,
    /// Our access rules.
    pub(super) rules: usize,
}

/// What has to change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Into the list; of higher worth first.
    pub(super) add: Vec<IpNet>,
    /// Out of the list.
    pub(super) remove: Vec<IpNet>,
    /// Removing must come first, because the list is full.
    pub(super) needs_room: bool,
    /// Into access rules.
    pub(super) spill: Vec<IpNet>,
    /// Out of access rules.
    pub(super) recall: Vec<IpNet>,
    /// In force nowhere at Cloudflare.
    pub(super) unfit: BTreeSet<IpNet>,
}

/// Compares; `refused` are networks that the list does not take.
pub(super) fn plan(
    wanted: &BTreeMap<IpNet, Standing>,
    present: &Present,
    refused: &BTreeMap<IpNet, String>,
    room: Room,
) -> Plan {
    let ends = wanted.iter().map(|(net, standing)| (*net, standing.end()));
    let mut nets: Vec<IpNet> = outermost(ends).into_iter().map(|(net, _)| net).collect();
    nets.retain(|net| !present.foreign.contains(net));
    nets.sort_by_key(|net| std::cmp::Reverse(wanted.get(net).map(Standing::worth)));
    let others = present.elsewhere + present.foreign.len() + present.orphans.len();
    let items_max = room.items.saturating_sub(others);
    let (listed, mut rest): (Vec<IpNet>, Vec<IpNet>) =
        nets.into_iter().partition(|net| !refused.contains_key(net));
    let overflow: Vec<IpNet> = listed.iter().skip(items_max).copied().collect();
    rest.extend(overflow);
    let listed: Vec<IpNet> = listed.into_iter().take(items_max).collect();
    let in_list: BTreeSet<IpNet> = listed.iter().copied().collect();
    let mut plan = Plan::default();
    for net in listed {
        let stale = present.items.get(&net).map(|held| {
            wanted.get(&net).is_some_and(|standing| held.note.is_stale(standing.until))
        });
        if stale != Some(false) {
            plan.add.push(net);
        }
    }
    plan.remove = present.items.keys().filter(|net| !in_list.contains(*net)).copied().collect();
    let new = plan.add.iter().filter(|net| !present.items.contains_key(*net)).count();
    plan.needs_room = present.items.len() + new > items_max && !plan.remove.is_empty();
    let mut in_rules = BTreeSet::new();
    for net in rest {
        if access_target(&net).is_some() && in_rules.len() < room.rules {
            in_rules.insert(net);
            if !present.rules.contains(&net) {
                plan.spill.push(net);
            }
        } else {
            plan.unfit.insert(net);
        }
    }
    // A rule goes when it is wanted no more, or when the list has taken its place.
    let goes = |net: &&IpNet| {
        !in_rules.contains(*net) && (!in_list.contains(*net) || present.items.contains_key(*net))
    };
    plan.recall = present.rules.iter().filter(goes).copied().collect();
    plan
}

/// How an access rule names a network; they know single addresses and a few lengths of prefixes.
pub(super) fn access_target(net: &IpNet) -> Option<&'static str> {
    match (net.addr().is_ipv4(), net.prefix_len()) {
        (true, 32) => Some("ip"),
        (false, 128) => Some("ip6"),
        (true, 16 | 24) | (false, 32 | 48 | 64) => Some("ip_range"),
        _ => None,
    }
}

/// Whether a list takes a network: IPv4 down to single addresses, IPv6 up to /64, and single
/// addresses (docs/cloudflare.md).
pub(super) fn list_takes(net: &IpNet) -> bool {
    let bits = net.prefix_len();
    if net.addr().is_ipv4() { bits >= 8 } else { (12..=64).contains(&bits) || bits == 128 }
}

/// A network as lists and rules have it: a single address without a length.
pub(super) fn text(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::tests::block;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        crate::event::net::parse_net(text).unwrap()
    }

    fn held(owner: &str) -> Held {
        Held { id: None, note: Note { owner: owner.to_owned(), until: None } }
    }

    const ROOM: Room = Room { items: 100, rules: 10 };

    #[test]
    fn only_the_difference_is_asked_for() {
        let decisions =
            [block("192.0.2.1", None), block("192.0.2.2", Some(60)), block("192.0.2.3", None)];
        let wanted = standing(&decisions);
        let mut present = Present::default();
        present.items.insert(net("192.0.2.1"), held("a"));
        present.items.insert(net("192.0.2.9"), held("a"));
        present.foreign.insert(net("192.0.2.3"));
        let plan = plan(&wanted, &present, &BTreeMap::new(), ROOM);
        assert_eq!(plan.add, [net("192.0.2.2")], "what others listed is not taken over");
        assert_eq!(plan.remove, [net("192.0.2.9")]);
        assert!(plan.spill.is_empty() && plan.unfit.is_empty() && !plan.needs_room);
    }

    #[test]
    fn what_has_no_room_goes_to_access_rules_and_the_rest_is_told() {
        let mut decisions: Vec<_> =
            (1..=6).map(|n| block(&format!("192.0.2.{n}"), Some(n * 100))).collect();
        decisions.push(block("198.51.100.0/25", Some(50)));
        decisions[0].rule = "manual".into();
        let wanted = standing(&decisions);
        let present = Present { elsewhere: 7, ..Present::default() };
        let room = Room { items: 10, rules: 2 };
        let plan = plan(&wanted, &present, &BTreeMap::new(), room);
        assert_eq!(plan.add, ["192.0.2.1", "192.0.2.6", "192.0.2.5"].map(net));
        assert_eq!(plan.spill, ["192.0.2.4", "192.0.2.3"].map(net));
        let unfit = ["192.0.2.2", "198.51.100.0/25"].map(net);
        assert_eq!(plan.unfit, BTreeSet::from(unfit));
    }

    #[test]
    fn a_rule_stays_until_the_list_has_taken_its_place() {
        let wanted = standing(&[block("192.0.2.1", None)]);
        let mut present = Present::default();
        present.rules.insert(net("192.0.2.1"));
        let first = plan(&wanted, &present, &BTreeMap::new(), ROOM);
        assert_eq!((first.add.len(), first.recall.len()), (1, 0));
        present.items.insert(net("192.0.2.1"), held("a"));
        let second = plan(&wanted, &present, &BTreeMap::new(), ROOM);
        assert_eq!((second.add.len(), second.recall.len()), (0, 1));
    }

    #[test]
    fn what_lies_in_a_wider_block_that_stands_as_long_is_left_out() {
        let decisions = [
            block("192.0.2.0/24", Some(600)),
            block("192.0.2.1", Some(60)),
            block("192.0.2.2", None),
        ];
        let plan = plan(&standing(&decisions), &Present::default(), &BTreeMap::new(), ROOM);
        assert_eq!(
            BTreeSet::from_iter(plan.add),
            BTreeSet::from(["192.0.2.0/24", "192.0.2.2"].map(net))
        );
    }

    proptest! {
        /// Carried out again and again, plans end with everything that fits in force, nothing
        /// else, and never more than there is room for.
        #[test]
        fn plans_come_to_an_end(
            first in proptest::collection::vec((0_u8..40, 1_u64..900), 0..40),
            second in proptest::collection::vec((0_u8..40, 1_u64..900), 0..40),
            items in 0_usize..30, rules in 0_usize..10,
        ) {
            let room = Room { items, rules };
            let mut present = Present::default();
            for asked in [first, second] {
                let decisions: Vec<_> =
                    asked.iter().map(|(n, secs)| block(&format!("192.0.2.{n}"), Some(*secs))).collect();
                let wanted = standing(&decisions);
                let mut turns = 0;
                loop {
                    let plan = plan(&wanted, &present, &BTreeMap::new(), room);
                    if plan.add.is_empty() && plan.remove.is_empty() && plan.spill.is_empty()
                        && plan.recall.is_empty()
                    {
                        let blocked = present.items.len() + present.rules.len();
                        prop_assert_eq!(blocked + plan.unfit.len(), wanted.len());
                        break;
                    }
                    if plan.needs_room || plan.add.is_empty() {
                        for net in &plan.remove { present.items.remove(net); }
                    }
                    if !plan.needs_room {
                        for net in &plan.add {
                            let note = Note { owner: String::new(), until: wanted[net].until };
                            present.items.insert(*net, Held { id: None, note });
                        }
                    }
                    prop_assert!(present.items.len() <= items);
                    present.rules.extend(plan.spill.iter().copied());
                    for net in &plan.recall { present.rules.remove(net); }
                    turns += 1;
                    prop_assert!(turns < 10);
                }
            }
        }
    }
}
