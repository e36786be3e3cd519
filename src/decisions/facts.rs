//! What the guard is told of the world: the allowlist, this machine's addresses, administrators, and
//! clients that are known to be honest.
//!
//! In: facts, with their ends. Out: [`super::NeverBlock`] made anew, in force here and at the executors at
//! once. Finding the facts out is left to the caller.

use super::allowlist::Allowlist;
use super::guard::{GoodClient, Guard};
use super::proxies::Proxies;
use crate::clock::Timestamp;
use crate::event::net::client_net;
use crate::limits::{ADMIN_ADDRESSES_MAX, GOOD_CLIENTS_MAX};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

impl Guard {
    /// The allowlist.
    pub fn allowlist(&self) -> &Allowlist {
        &self.state.allowlist
    }

    /// Edits the allowlist; takes effect at once, here and at the executors.
    pub fn edit_allowlist<T>(&mut self, edit: impl FnOnce(&mut Allowlist) -> T) -> T {
        let before = self.state.allowlist.version();
        let answer = edit(&mut self.state.allowlist);
        if self.state.allowlist.version() != before {
            self.facts.set_allowlist(&self.state.allowlist);
            self.shared.set(self.facts.clone());
        }
        answer
    }

    /// The addresses of this machine's interfaces, all of them; those of the config are added.
    pub fn set_own(&mut self, addresses: &[IpAddr]) {
        let nets = addresses.iter().map(|address| IpNet::from(address.to_canonical()));
        self.state.own = nets.collect();
        self.renew();
    }

    /// The proxies that feeds list now: protected like those of the config.
    pub fn set_listed_proxies(&mut self, nets: Vec<IpNet>) {
        if self.listed != nets {
            self.listed = nets;
            self.renew();
        }
    }

    /// An administrator logged in from `address`, or is still there at `now`: it is protected for
    /// `admin_grace`, an IPv6 one with its /64. Returns the network.
    pub fn admin_login(&mut self, address: IpAddr, now: Timestamp) -> IpNet {
        let net = client_net(address);
        let until = now.plus(self.config.admin_grace);
        let new = self.state.admins.insert(net, until).is_none();
        if self.state.admins.len() > ADMIN_ADDRESSES_MAX {
            let soonest = self.state.admins.iter().min_by_key(|(net, until)| (**until, **net));
            if let Some(net) = soonest.map(|(net, _)| *net) {
                self.state.admins.remove(&net);
            }
        }
        if new {
            self.renew();
        }
        net
    }

    /// A client is known to be honest until `until`.
    pub fn good_client(&mut self, address: IpAddr, why: GoodClient, until: Timestamp) {
        let net = client_net(address);
        let known = self.state.good.get(&net).copied();
        let is_bot = |why: GoodClient| why == GoodClient::VerifiedBot;
        // A login takes nothing from what was verified, and no fact ends sooner than was said.
        let until = known.map_or(until, |(_, end)| end.max(until));
        if !is_bot(why) && known.is_some_and(|(known, _)| is_bot(known)) {
            return;
        }
        if known.is_none() && self.state.good.len() >= GOOD_CLIENTS_MAX {
            let mut ends: Vec<_> =
                self.state.good.iter().map(|(net, (_, end))| (*end, *net)).collect();
            ends.sort_unstable();
            for (_, net) in ends.iter().take(ends.len().div_ceil(8)) {
                self.state.good.remove(net);
            }
        }
        self.state.good.insert(net, (why, until));
        if is_bot(why) && known.is_none_or(|(known, _)| !is_bot(known)) {
            self.renew();
        }
    }

    /// A client with an authenticated success that `net` would hit.
    pub(super) fn good_in(&self, net: IpNet, now: Timestamp) -> Option<IpNet> {
        let around = client_net(net.network());
        let last = IpNet::new(net.broadcast(), net.max_prefix_len()).ok()?;
        let first = around.min(net);
        self.state
            .good
            .range(first..=last)
            .find(|(good, (why, until))| {
                *why == GoodClient::Authenticated
                    && *until > now
                    && (net.contains(*good) || good.contains(&net))
            })
            .map(|(good, _)| *good)
    }

    /// Lets the facts take effect, here and at the executors.
    pub(super) fn renew(&mut self) {
        self.facts.set_allowlist(&self.state.allowlist);
        self.facts.set_proxies(Proxies::new(&self.config, &self.listed));
        let own = self.state.own.iter().copied().chain(self.config.own_nets());
        self.facts.own = Arc::new(own.collect());
        self.facts.admins = Arc::new(self.state.admins.keys().copied().collect());
        let bots = self.state.good.iter();
        let bots = bots.filter(|(_, (why, _))| *why == GoodClient::VerifiedBot);
        self.facts.bots = Arc::new(bots.map(|(net, _)| *net).collect());
        self.shared.set(self.facts.clone());
    }
}
