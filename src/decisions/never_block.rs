//! The facts about whom nothing may be done to, put together so that they can be asked on any
//! thread: by the guard where a decision is made, and by every executor before it sends one.
//!
//! In: allowlist, own addresses, administrators' addresses, verified bots, proxies, limits of width.
//! Out: the reason why a decision is refused, or none. Facts only widen what is refused: one whose
//! time ran out since the last look refuses a little too long, never too little.

use super::allowlist::Allowlist;
use super::config::GuardConfig;
use super::model::{Decision, Remedy, Target};
use super::prefix_set::{PrefixMap, PrefixSet, canonical};
use super::proxies::{Owner, Proxies};
use super::special::{self, Special};
use crate::event::net::display_net;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use std::fmt;
use std::sync::Arc;

/// Why a decision is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The prefix is wider than the config allows; the widest length that is allowed.
    TooWide(u8),
    /// Autonomous systems may not be decided about.
    Asn,
    /// Countries may not be decided about.
    Country,
    /// It touches a range that is no client.
    Special(IpNet, Special),
    /// It touches an address of this machine.
    Own(IpNet),
    /// It touches an address that an administrator logged in from.
    Admin(IpNet),
    /// It touches a proxy's range.
    Proxy(IpNet, Owner),
    /// It touches a verified bot.
    Bot(IpNet),
    /// It touches an entry of the allowlist, given in words.
    Allowlist {
        /// The entry.
        entry: Arc<str>,
        /// The entry lies within the prefix, and does not cover all of it.
        within: bool,
    },
    /// A decision in force lets an address of it through.
    Allowed(IpNet),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooWide(widest) => write!(f, "wider than /{widest}"),
            Self::Asn => f.write_str("a whole autonomous system"),
            Self::Country => f.write_str("a whole country"),
            Self::Special(net, special) => write!(f, "{} ({net})", special.words()),
            Self::Own(net) => write!(f, "this machine's address `{}`", display_net(net)),
            Self::Admin(net) => write!(f, "an administrator logged in from `{}`", display_net(net)),
            Self::Proxy(net, Owner::Cloudflare) => write!(f, "Cloudflare's range `{net}`"),
            Self::Proxy(net, Owner::Config) => {
                write!(f, "trusted proxy `{}`", display_net(net))
            }
            Self::Bot(net) => write!(f, "verified bot `{}`", display_net(net)),
            Self::Allowlist { entry, within } if *within => {
                write!(f, "it holds allowlist entry {entry}")
            }
            Self::Allowlist { entry, .. } => write!(f, "allowlist entry {entry}"),
            Self::Allowed(net) => write!(f, "`{}` is let through by a decision", display_net(net)),
        }
    }
}

/// Whom nothing may be done to.
#[derive(Debug, Clone, Default)]
pub struct NeverBlock {
    pub(super) allowlist: Arc<PrefixMap<Arc<str>>>,
    pub(super) own: Arc<PrefixSet>,
    pub(super) admins: Arc<PrefixSet>,
    pub(super) bots: Arc<PrefixSet>,
    proxies: Arc<Proxies>,
    limits: Limits,
}

#[derive(Debug, Clone, Copy, Default)]
struct Limits {
    allow_private: bool,
    widest_v4: u8,
    widest_v6: u8,
    allow_asn: bool,
    allow_country: bool,
}

impl NeverBlock {
    /// The facts that a config holds.
    pub fn new(config: &GuardConfig) -> Self {
        Self {
            proxies: Arc::new(Proxies::new(config, &[])),
            limits: Limits {
                allow_private: config.allow_private,
                widest_v4: config.widest_v4,
                widest_v6: config.widest_v6,
                allow_asn: config.allow_asn,
                allow_country: config.allow_country,
            },
            ..Self::default()
        }
    }

    /// The proxies that are trusted.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    pub(super) fn set_proxies(&mut self, proxies: Proxies) {
        self.proxies = Arc::new(proxies);
    }

    pub(super) fn set_allowlist(&mut self, list: &Allowlist) {
        let nets = list.nets().map(|(net, entry)| (net, Arc::from(entry.words())));
        self.allowlist = Arc::new(nets.collect());
    }

    /// Why nothing may be done to `target`, or `None`. For [`Remedy::Allow`] only the width counts:
    /// letting somebody through locks nobody out.
    pub fn refusal(&self, target: &Target, remedy: Remedy) -> Option<Refusal> {
        let net = match target {
            Target::Net(net) => canonical(*net),
            Target::Asn(_) => return (!self.limits.allow_asn).then_some(Refusal::Asn),
            Target::Country(_) => return (!self.limits.allow_country).then_some(Refusal::Country),
            Target::User(_) | Target::Host(_) => return None,
        };
        let widest = match net {
            IpNet::V4(_) => self.limits.widest_v4,
            IpNet::V6(_) => self.limits.widest_v6,
        };
        if net.prefix_len() < widest {
            return Some(Refusal::TooWide(widest));
        }
        if remedy == Remedy::Allow {
            return None;
        }
        self.protected(net)
    }

    /// The protected address or range that `net` touches, whatever its width.
    pub fn protected(&self, net: IpNet) -> Option<Refusal> {
        let net = canonical(net);
        if let Some((found, entry)) = self.allowlist.overlapping(net) {
            return Some(Refusal::Allowlist {
                entry: Arc::clone(entry),
                within: !found.contains(&net),
            });
        }
        if let Some((found, special)) = special::touches(net)
            && !(special == Special::Private && self.limits.allow_private)
        {
            return Some(Refusal::Special(found, special));
        }
        if let Some((found, ())) = self.own.overlapping(net) {
            return Some(Refusal::Own(found));
        }
        if let Some((found, ())) = self.admins.overlapping(net) {
            return Some(Refusal::Admin(found));
        }
        if let Some((found, owner)) = self.proxies.overlapping(net) {
            return Some(Refusal::Proxy(found, owner));
        }
        let (found, ()) = self.bots.overlapping(net)?;
        Some(Refusal::Bot(found))
    }

    /// The friend that `net` touches: what people put on the allowlist, this machine, or an
    /// administrator who is logged in.
    pub fn friend(&self, net: IpNet) -> Option<Refusal> {
        self.protected(net).filter(|refusal| {
            matches!(refusal, Refusal::Allowlist { .. } | Refusal::Own(_) | Refusal::Admin(_))
        })
    }

    /// The paired assertion: whether a decision may be sent to where it takes effect. The text says
    /// why not.
    pub fn may_send(&self, decision: &Decision) -> Result<(), String> {
        match self.refusal(&decision.target, decision.remedy) {
            None => Ok(()),
            Some(refusal) => Err(format!("refused: {refusal}")),
        }
    }
}

/// The guard's latest facts, for other threads: cheap to clone and to ask.
#[derive(Debug, Clone, Default)]
pub struct LastCheck {
    facts: Arc<ArcSwap<NeverBlock>>,
}

impl LastCheck {
    /// Asks [`NeverBlock::may_send`] of the facts as they are now.
    pub fn may_send(&self, decision: &Decision) -> Result<(), String> {
        self.facts.load().may_send(decision)
    }

    /// The facts as they are now.
    pub fn facts(&self) -> Arc<NeverBlock> {
        self.facts.load_full()
    }

    pub(super) fn set(&self, facts: NeverBlock) {
        self.facts.store(Arc::new(facts));
    }
}

#[cfg(test)]
#[path = "never_block_tests.rs"]
mod tests;
