//! What each plan of a zone has, as Cloudflare's documentation had it in November 2026
//! (plans/index.json, the pages on rate limiting rules, cache rules, bots, zone lockdown and user
//! agent blocking). Asked before a call is made, so that a mistake is told in a person's words and
//! nothing is half changed; Cloudflare's own answer stays the last word.
//!
//! In: a zone, or a plan's name. Out: figures.

use super::zones::Zone;
use serde::{Deserialize, Serialize};

/// A zone's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Free.
    Free,
    /// Pro.
    Pro,
    /// Business.
    Business,
    /// Enterprise.
    Enterprise,
}

/// What a plan has room for. Lengths are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Custom rules in a zone.
    pub custom_rules: usize,
    /// Rate limits in a zone; on Enterprise with the add-on.
    pub rate_limits: usize,
    /// Cache rules in a zone.
    pub cache_rules: usize,
    /// User agent rules in a zone.
    pub agent_rules: usize,
    /// Lockdowns in a zone.
    pub lockdowns: usize,
    /// The longest period that a rate limit counts over.
    pub period_secs_max: u32,
    /// The longest time for which a rate limit then acts.
    pub timeout_secs_max: u32,
    /// The shortest time that a cache rule can keep something at the edge.
    pub edge_ttl_secs_min: u32,
    /// Expressions may use regular expressions (`matches`).
    pub regex: bool,
    /// The action `log`.
    pub log: bool,
}

impl Level {
    /// All of them, the smallest first.
    pub const ALL: [Self; 4] = [Self::Free, Self::Pro, Self::Business, Self::Enterprise];

    /// Its name, as the API has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Business => "business",
            Self::Enterprise => "enterprise",
        }
    }

    /// Reads a name, also those of partners' plans (`partners_pro`).
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_prefix("partners_").unwrap_or(name);
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// A zone's plan; `None` where the API names none that is known, and nothing can be checked.
    pub fn of(zone: &Zone) -> Option<Self> {
        Self::parse(zone.plan.as_ref()?.legacy_id.as_deref()?)
    }

    /// What it has room for.
    pub const fn limits(self) -> Limits {
        match self {
            Self::Free => Limits {
                custom_rules: 5,
                rate_limits: 1,
                cache_rules: 10,
                agent_rules: 10,
                lockdowns: 0,
                period_secs_max: 10,
                timeout_secs_max: 10,
                edge_ttl_secs_min: 7_200,
                regex: false,
                log: false,
            },
            Self::Pro => Limits {
                custom_rules: 20,
                rate_limits: 2,
                cache_rules: 25,
                agent_rules: 50,
                lockdowns: 3,
                period_secs_max: 60,
                timeout_secs_max: 3_600,
                edge_ttl_secs_min: 3_600,
                regex: false,
                log: false,
            },
            Self::Business => Limits {
                custom_rules: 100,
                rate_limits: 5,
                cache_rules: 50,
                agent_rules: 250,
                lockdowns: 10,
                period_secs_max: 600,
                timeout_secs_max: 86_400,
                edge_ttl_secs_min: 1,
                regex: true,
                log: false,
            },
            Self::Enterprise => Limits {
                custom_rules: 1_000,
                rate_limits: 100,
                cache_rules: 300,
                agent_rules: 1_000,
                lockdowns: 200,
                period_secs_max: 65_535,
                timeout_secs_max: 86_400,
                edge_ttl_secs_min: 1,
                regex: true,
                log: true,
            },
        }
    }
}

/// The periods and time-outs, in seconds, that rate limits can have.
pub const RATE_SECS: [u32; 21] = [
    10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300, 480, 600, 900, 1_200, 1_800, 2_400, 3_600,
    65_535, 86_400,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greater_plan_never_has_less() {
        for pair in Level::ALL.windows(2) {
            let (less, more) = (pair[0].limits(), pair[1].limits());
            assert!(less.custom_rules < more.custom_rules);
            assert!(less.rate_limits <= more.rate_limits);
            assert!(less.cache_rules < more.cache_rules);
            assert!(less.period_secs_max < more.period_secs_max);
            assert!(less.edge_ttl_secs_min >= more.edge_ttl_secs_min);
        }
        assert_eq!(Level::parse("partners_pro"), Some(Level::Pro));
        assert_eq!(Level::parse("pro_plus"), None);
    }
}
