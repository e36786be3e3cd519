//! What is done at Cloudflare to whoever is listed: a block or a challenge, each with a list and, in
//! each zone, a rule of its own.

use crate::actions::config::CloudflareConfig;
use crate::decisions::Remedy;
use std::ops::{Index, IndexMut};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    /// Refused.
    Block,
    /// Cloudflare's managed challenge.
    Challenge,
}

impl Measure {
    /// All of them; a block comes before a challenge.
    pub(super) const ALL: [Self; 2] = [Self::Block, Self::Challenge];

    /// What carries out a remedy; `None` where Cloudflare can't.
    pub(super) const fn of(remedy: Remedy) -> Option<Self> {
        match remedy {
            Remedy::Block => Some(Self::Block),
            Remedy::Challenge => Some(Self::Challenge),
            Remedy::Captcha | Remedy::Throttle | Remedy::Allow => None,
        }
    }

    /// The remedy that it carries out.
    pub(super) const fn remedy(self) -> Remedy {
        match self {
            Self::Block => Remedy::Block,
            Self::Challenge => Remedy::Challenge,
        }
    }

    /// A custom rule's action, and an access rule's mode.
    pub(super) const fn action(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Challenge => "managed_challenge",
        }
    }

    /// What a mode of an access rule does.
    pub(super) fn of_mode(mode: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.action() == mode)
    }

    /// The list's name.
    pub(super) fn list(self, config: &CloudflareConfig) -> String {
        match self {
            Self::Block => config.list.clone(),
            Self::Challenge => config.challenge_list(),
        }
    }

    /// The reference of our rule: by it we find it again.
    pub(super) fn reference(self, config: &CloudflareConfig) -> String {
        format!("riposte_{}_{}", self.remedy().name(), config.list)
    }

    /// What the rule matches.
    pub(super) fn expression(self, config: &CloudflareConfig) -> String {
        format!("(ip.src in ${})", self.list(config))
    }
}

/// One thing for each measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Each<T> {
    /// The block's.
    pub(super) block: T,
    /// The challenge's.
    pub(super) challenge: T,
}

impl<T> Index<Measure> for Each<T> {
    type Output = T;

    fn index(&self, measure: Measure) -> &T {
        match measure {
            Measure::Block => &self.block,
            Measure::Challenge => &self.challenge,
        }
    }
}

impl<T> IndexMut<Measure> for Each<T> {
    fn index_mut(&mut self, measure: Measure) -> &mut T {
        match measure {
            Measure::Block => &mut self.block,
            Measure::Challenge => &mut self.challenge,
        }
    }
}
