//! The good-client trip: a rule that hits clients which are known to be honest holds its new blocks
//! for a while and lets people be asked.
//!
//! In: that a rule's block would hit a good client. Out: whether the rule holds. It takes several
//! networks, not one client, and each further trip of a day takes twice as many, so that somebody
//! with an account can't switch a rule off.

use super::config::GuardConfig;
use super::model::RuleName;
use crate::clock::Timestamp;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// What a good client's hit led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tripped {
    /// The first of its network lately; so many networks, of so many that it takes.
    Noted {
        /// Networks seen within `ask_for`.
        networks: u32,
        /// Networks that it takes.
        needed: u32,
    },
    /// The rule holds its new blocks until then.
    Asks(Timestamp),
    /// Nothing new.
    Nothing,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Rule {
    /// Networks of good clients that it hit, and when last.
    networks: BTreeMap<IpNet, Timestamp>,
    asks_until: Option<Timestamp>,
    /// Trips, as long as the last is not a day past.
    trips: u32,
    last_trip: Timestamp,
}

/// Which rules hit good clients, and which hold their blocks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Trips {
    rules: BTreeMap<RuleName, Rule>,
}

impl Trips {
    /// Notes that `rule` would block a good client of `network` (its /24 or /48).
    pub fn note(
        &mut self,
        rule: &RuleName,
        network: IpNet,
        now: Timestamp,
        config: &GuardConfig,
    ) -> Tripped {
        if config.good_clients == 0 || self.asks_until(rule, now).is_some() {
            return Tripped::Nothing;
        }
        let state = self.rules.entry(RuleName::clone(rule)).or_default();
        if now.since(state.last_trip) > DAY {
            state.trips = 0;
        }
        let oldest = now.minus(config.ask_for);
        state.networks.retain(|_, at| *at > oldest && *at <= now);
        let new = state.networks.insert(network, now).is_none();
        let needed = config.good_clients.saturating_mul(2_u32.saturating_pow(state.trips.min(8)));
        let networks = u32::try_from(state.networks.len()).unwrap_or(u32::MAX);
        if networks < needed {
            return if new { Tripped::Noted { networks, needed } } else { Tripped::Nothing };
        }
        let until = now.plus(config.ask_for);
        state.networks.clear();
        state.trips += 1;
        state.last_trip = now;
        state.asks_until = Some(until);
        Tripped::Asks(until)
    }

    /// Until when `rule` holds its new blocks; `None` where it doesn't.
    pub fn asks_until(&self, rule: &str, now: Timestamp) -> Option<Timestamp> {
        self.rules.get(rule)?.asks_until.filter(|until| *until > now)
    }

    /// Arms the rules again whose time is up, and returns them.
    pub fn tick(&mut self, now: Timestamp, config: &GuardConfig) -> Vec<RuleName> {
        let mut armed = Vec::new();
        for (name, rule) in &mut self.rules {
            // A clock that was set back must not hold a rule for longer than it was meant to.
            rule.asks_until = rule.asks_until.map(|until| until.min(now.plus(config.ask_for)));
            if rule.asks_until.is_some_and(|until| until <= now) {
                rule.asks_until = None;
                armed.push(RuleName::clone(name));
            }
        }
        self.rules.retain(|_, rule| {
            rule.asks_until.is_some()
                || now.since(rule.last_trip) <= DAY
                || !rule.networks.is_empty()
        });
        armed
    }

    /// Arms a rule at once: a person said that it is right. Whether it was holding.
    pub fn arm(&mut self, rule: &str) -> bool {
        self.rules.get_mut(rule).is_some_and(|rule| rule.asks_until.take().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::testing::{net, secs};

    #[test]
    fn it_takes_several_networks_and_twice_as_many_the_next_time() {
        let config = GuardConfig::default();
        let mut trips = Trips::default();
        let rule: RuleName = "login".into();
        let mut at = 0;
        for wanted in [3_u32, 6, 12] {
            for number in 1..=wanted {
                at += 1;
                let network = net(&format!("198.51.{number}.0/24"));
                let tripped = trips.note(&rule, network, secs(at), &config);
                if number < wanted {
                    assert_eq!(tripped, Tripped::Noted { networks: number, needed: wanted });
                    let again = trips.note(&rule, network, secs(at), &config);
                    assert_eq!(again, Tripped::Nothing);
                } else {
                    assert_eq!(tripped, Tripped::Asks(secs(at + 600)));
                }
            }
            assert!(trips.asks_until("login", secs(at + 599)).is_some());
            assert!(trips.tick(secs(at + 599), &config).is_empty());
            at += 600;
            assert_eq!(trips.tick(secs(at), &config), std::slice::from_ref(&rule));
            assert_eq!(trips.asks_until("login", secs(at)), None);
        }
        assert!(!trips.arm("login"));
    }

    #[test]
    fn one_network_never_trips_and_zero_never_asks() {
        let mut config = GuardConfig::default();
        let mut trips = Trips::default();
        let rule: RuleName = "login".into();
        for at in 0..10_000 {
            let tripped = trips.note(&rule, net("198.51.100.0/24"), secs(at), &config);
            assert!(!matches!(tripped, Tripped::Asks(_)));
        }
        config.good_clients = 0;
        let tripped = trips.note(&rule, net("198.51.101.0/24"), secs(1), &config);
        assert_eq!(tripped, Tripped::Nothing);
    }
}
