//! What Cloudflare holds, as it was read back and as calls since then have changed it.

use super::mark::Note;
use super::measure::{Each, Measure};
use crate::cloudflare::access_rules::Scope;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// Our item in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Its id, where it was read back.
    pub(super) id: Option<String>,
    pub(super) note: Note,
}

/// A list.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Zones have no rule that refers to it, and can't have one: being listed does nothing.
    pub(super) idle: bool,
    /// Our items.
    pub(super) items: BTreeMap<IpNet, Held>,
    /// Items of others in our list: never touched, and never added again, which would take them
    /// over.
    pub(super) foreign: BTreeSet<IpNet>,
    /// Items that a riposte left that is gone, by their ids.
    pub(super) orphans: Vec<String>,
}

/// An access rule of ours in one of its scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) id: String,
    /// What it does; `None` where somebody changed it.
    pub(super) measure: Option<Measure>,
}

/// The access rules for one network.
pub(super) type InScopes = BTreeMap<Scope, Made>;

/// What Cloudflare holds.
#[derive(Debug, Default)]
pub(super) struct Present {
    pub(super) lists: Each<Shelf>,
    /// Items of other lists, which share the account's limit.
    pub(super) elsewhere: usize,
    /// Our access rules.
    pub(super) rules: BTreeMap<IpNet, InScopes>,
    /// In how many scopes a rule has to stand.
    pub(super) scopes: usize,
    /// Access rules that a riposte left that is gone.
    pub(super) orphan_rules: Vec<(Scope, String)>,
}

impl Present {
    /// Our items in all lists.
    pub(super) fn items(&self) -> usize {
        Measure::ALL.iter().map(|measure| self.lists[*measure].items.len()).sum()
    }

    /// Networks that are challenged.
    pub(super) fn challenged(&self) -> usize {
        let challenged = |made: &Made| made.measure == Some(Measure::Challenge);
        let ruled = self.rules.values().filter(|scopes| scopes.values().any(challenged));
        self.lists.challenge.items.len() + ruled.count()
    }

    /// Items that take room and aren't ours to remove.
    pub(super) fn others(&self) -> usize {
        let in_ours = Measure::ALL.iter().map(|measure| {
            let there = &self.lists[*measure];
            there.foreign.len() + there.orphans.len()
        });
        self.elsewhere + in_ours.sum::<usize>()
    }

    /// What access rules do to a network in every scope; in one alone is not enough.
    pub(super) fn ruled(&self, net: &IpNet) -> Option<Measure> {
        let made = self.rules.get(net)?;
        let first = made.values().next()?.measure?;
        let all = made.len() >= self.scopes.max(1);
        (all && made.values().all(|made| made.measure == Some(first))).then_some(first)
    }

    /// Whether a network of exactly this width is dealt with; `goes` says what is about to leave a
    /// list.
    pub(super) fn holds(
        &self,
        measure: Measure,
        net: &IpNet,
        goes: &dyn Fn(Measure, &IpNet) -> bool,
    ) -> bool {
        let there = &self.lists[measure];
        let listed = there.items.contains_key(net) && !goes(measure, net);
        (!there.idle && (listed || there.foreign.contains(net))) || self.ruled(net) == Some(measure)
    }
}

/// A network and all that contain it, the narrowest first.
pub(super) fn wider(net: &IpNet) -> impl Iterator<Item = IpNet> {
    let address = net.addr();
    (0..=net.prefix_len())
        .rev()
        .filter_map(move |bits| IpNet::new(address, bits).ok())
        .map(|net| net.trunc())
}
