//! What Cloudflare should hold against what it holds, as pure arithmetic: what goes into the lists,
//! what into access rules because the lists have no room, what fits nowhere, and what has to go.

use super::measure::{Each, Measure};
use super::present::{Present, Shelf, wider};
use crate::actions::reconcile::outermost;
use crate::clock::Timestamp;
use crate::decisions::{Decision, RuleName};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// A block or challenge that should be in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) until: Option<Timestamp>,
    /// The rule, or `manual`.
    pub(super) why: RuleName,
}

/// All that should be in force of one measure.
pub(super) type Wanted = BTreeMap<IpNet, Standing>;

impl Standing {
    fn end(&self) -> Timestamp {
        self.until.unwrap_or(Timestamp::MAX)
    }

    /// What stays when there is no room for all: what a person decided, then what stands longest.
    fn worth(&self) -> (bool, Timestamp) {
        (&*self.why == "manual", self.end())
    }
}

/// What decisions ask for.
pub(super) fn standing<'d>(decisions: impl IntoIterator<Item = &'d Decision>) -> Each<Wanted> {
    let mut all = Each::default();
    for decision in decisions {
        add(&mut all, decision);
    }
    all
}

/// Lets a decision stand, for as long as the longest that was asked for.
pub(super) fn add(all: &mut Each<Wanted>, decision: &Decision) {
    let (Some(net), Some(measure)) = (decision.target.net(), Measure::of(decision.remedy)) else {
        return;
    };
    let new = Standing { until: decision.until, why: decision.rule.clone() };
    match all[measure].get_mut(&net.trunc()) {
        Some(known) if known.end() >= new.end() => {}
        Some(known) => *known = new,
        None => {
            all[measure].insert(net.trunc(), new);
        }
    }
}

/// How much may be held, and what was turned down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'l> {
    /// Items of all lists.
    pub(super) items: usize,
    /// Our access rules; `None` where the token may not change them.
    pub(super) rules: Option<usize>,
    /// Networks that lists do not take.
    pub(super) refused: &'l BTreeMap<IpNet, String>,
    /// Networks that can't have an access rule.
    pub(super) closed: &'l BTreeSet<IpNet>,
    /// Items that can't be removed.
    pub(super) stuck: &'l BTreeMap<IpNet, String>,
}

/// What has to change in a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ListPlan {
    /// Into it; of higher worth first.
    pub(super) add: Vec<IpNet>,
    /// Out of it.
    pub(super) remove: Vec<IpNet>,
    /// Removing must come first, because the lists are full.
    pub(super) needs_room: bool,
}

/// What has to change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) lists: Each<ListPlan>,
    /// Into access rules.
    pub(super) spill: Vec<(Measure, IpNet)>,
    /// Out of access rules.
    pub(super) recall: Vec<IpNet>,
    /// In force nowhere at Cloudflare.
    pub(super) unfit: BTreeSet<(Measure, IpNet)>,
}

impl Plan {
    /// Items and access rules that are there and have to go.
    pub(super) fn goes(&self) -> usize {
        let lists = Measure::ALL.iter().map(|measure| self.lists[*measure].remove.len());
        lists.sum::<usize>() + self.recall.len()
    }

    /// Items and access rules that aren't there and have to come.
    pub(super) fn comes(&self) -> usize {
        let lists = Measure::ALL.iter().map(|measure| self.lists[*measure].add.len());
        lists.sum::<usize>() + self.spill.len()
    }
}

/// Where the networks of one measure go.
#[derive(Debug, Default)]
struct Chosen {
    /// Into the list, of higher worth first.
    listed: Vec<IpNet>,
    in_list: BTreeSet<IpNet>,
    /// Into access rules; with those that were turned down, which keep their place: it bounds how
    /// many are tried.
    in_rules: Vec<IpNet>,
    unfit: BTreeSet<IpNet>,
}

/// Sorts out what goes where. A wide network that fits nowhere must not hide narrower ones in it:
/// it is left out then, and told, and they are looked at by themselves.
fn choose(
    wanted: &Wanted,
    shelf: &Shelf,
    (items, rules): (usize, usize),
    limits: Limits<'_>,
) -> Chosen {
    let mut left_out = BTreeSet::new();
    loop {
        let looked_at = wanted.iter().filter(|(net, _)| !left_out.contains(*net));
        let ends = looked_at.map(|(net, standing)| (*net, standing.end()));
        let mut nets: Vec<IpNet> = outermost(ends).into_iter().map(|(net, _)| net).collect();
        let outer: BTreeSet<IpNet> = nets.iter().copied().collect();
        nets.retain(|net| shelf.idle || !shelf.foreign.contains(net));
        nets.sort_by_key(|net| std::cmp::Reverse(wanted.get(net).map(Standing::worth)));
        let (mut listed, mut rest): (Vec<IpNet>, Vec<IpNet>) =
            nets.into_iter().partition(|net| !limits.refused.contains_key(net));
        let fit = if shelf.idle { 0 } else { items.min(listed.len()) };
        rest.extend(listed.split_off(fit));
        let mut chosen = Chosen { in_list: listed.iter().copied().collect(), ..Chosen::default() };
        chosen.listed = listed;
        for net in rest {
            let has_place = access_target(&net).is_some() && chosen.in_rules.len() < rules;
            if has_place {
                chosen.in_rules.push(net);
            }
            if !has_place || limits.closed.contains(&net) {
                chosen.unfit.insert(net);
            }
        }
        let hides = |wide: &&IpNet| {
            let inside = wanted.range(**wide..).map(|(net, _)| net);
            inside
                .skip_while(|net| net == wide)
                .take_while(|net| wide.contains(*net))
                .any(|net| !left_out.contains(net) && !outer.contains(net))
        };
        let hiding: Vec<IpNet> = chosen.unfit.iter().filter(hides).copied().collect();
        if hiding.is_empty() {
            chosen.unfit.extend(left_out);
            return chosen;
        }
        left_out.extend(hiding);
    }
}

/// Compares. Blocks have their places first; who is blocked need not be challenged.
pub(super) fn plan(wanted: &Each<Wanted>, present: &Present, limits: Limits<'_>) -> Plan {
    let items = limits.items.saturating_sub(present.others());
    let rules = limits.rules.unwrap_or(0);
    let block = choose(&wanted.block, &present.lists.block, (items, rules), limits);
    let blocked = |net: &IpNet| {
        let shelf = &present.lists.block;
        wider(net).any(|net| {
            block.in_list.contains(&net)
                || (!shelf.idle && shelf.foreign.contains(&net))
                || (block.in_rules.contains(&net) && !limits.closed.contains(&net))
        })
    };
    let challenged = wanted.challenge.iter().filter(|(net, _)| !blocked(net));
    let challenged: Wanted = challenged.map(|(net, standing)| (*net, standing.clone())).collect();
    let left = (items - block.listed.len(), rules - block.in_rules.len());
    let challenge = choose(&challenged, &present.lists.challenge, left, limits);
    let chosen = Each { block, challenge };
    let mut plan = Plan::default();
    for measure in Measure::ALL {
        let chosen = &chosen[measure];
        plan.lists[measure] = of_list(&wanted[measure], &present.lists[measure], chosen, limits);
        plan.unfit.extend(chosen.unfit.iter().map(|net| (measure, *net)));
        let open = chosen.in_rules.iter().filter(|net| !limits.closed.contains(*net));
        let new = open.filter(|net| present.ruled(net) != Some(measure));
        plan.spill.extend(new.map(|net| (measure, *net)));
        // Who loses the place in the list for one among the rules is let through at no time.
        let spill: BTreeSet<IpNet> = plan.spill.iter().map(|(_, net)| *net).collect();
        plan.lists[measure].remove.retain(|net| !spill.contains(net));
    }
    let goes = plan.lists.block.remove.len() + plan.lists.challenge.remove.len();
    for measure in Measure::ALL {
        let held = &present.lists[measure].items;
        let list = &mut plan.lists[measure];
        let new = list.add.iter().filter(|net| !held.contains_key(*net)).count();
        list.needs_room = present.items() + new > items && (goes > 0 || !plan.spill.is_empty());
    }
    recall(&mut plan, present, &chosen, limits);
    plan
}

fn of_list(wanted: &Wanted, shelf: &Shelf, chosen: &Chosen, limits: Limits<'_>) -> ListPlan {
    let is_right = |net: &&IpNet| {
        let until = wanted.get(*net).and_then(|standing| standing.until);
        shelf.items.get(*net).is_some_and(|held| !held.note.is_stale(until))
    };
    let goes = |net: &&IpNet| !chosen.in_list.contains(*net) && !limits.stuck.contains_key(*net);
    ListPlan {
        add: chosen.listed.iter().filter(|net| !is_right(net)).copied().collect(),
        remove: shelf.items.keys().filter(goes).copied().collect(),
        needs_room: false,
    }
}

/// A rule goes when it is wanted no more, or when a list has taken its place.
fn recall(plan: &mut Plan, present: &Present, chosen: &Each<Chosen>, limits: Limits<'_>) {
    if limits.rules.is_none() {
        // What can't be changed can't be taken back either.
        plan.unfit.retain(|(measure, net)| present.ruled(net) != Some(*measure));
        return;
    }
    let stays: BTreeSet<&IpNet> =
        Measure::ALL.iter().flat_map(|measure| &chosen[*measure].in_rules).collect();
    let goes = |net: &&IpNet| {
        let waits = |measure: &Measure| {
            chosen[*measure].in_list.contains(*net)
                && !present.lists[*measure].items.contains_key(*net)
        };
        !stays.contains(*net) && !Measure::ALL.iter().any(waits)
    };
    plan.recall = present.rules.keys().filter(goes).copied().collect();
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
#[path = "plan_tests.rs"]
mod tests;
