//! What a user may say about the guard and its kin: the `[guard]` table of the config.
//!
//! In: TOML. Out: plain values with defaults; [`GuardConfig::faults`] tells everything that is wrong
//! with them at once. What the values mean is decided in the files that use them.

use crate::clock::duration_text;
use crate::event::net;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The guard: what must never be blocked, and how fast blocks may be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the config")]
pub struct GuardConfig {
    /// Addresses, prefixes and host names that are never blocked, beside those that
    /// `riposte allow` added.
    pub allow: Vec<String>,
    /// Further addresses of this machine that its interfaces don't show (a floating address, the
    /// public side of a NAT). Never blocked.
    pub own: Vec<String>,
    /// Whether private addresses may be blocked (RFC 1918, RFC 4193, and the shared range of
    /// RFC 6598). Off: a rule that sees them most likely sees a proxy or a container's gateway.
    pub allow_private: bool,
    /// The widest IPv4 prefix that may be blocked, in bits.
    pub widest_v4: u8,
    /// The widest IPv6 prefix that may be blocked, in bits.
    pub widest_v6: u8,
    /// Whether a whole autonomous system may be blocked.
    pub allow_asn: bool,
    /// Whether a whole country may be blocked.
    pub allow_country: bool,
    /// Proxies whose word about the client's address is believed, and which are never blocked.
    pub trusted_proxies: Vec<String>,
    /// Feeds whose entries count as trusted proxies too, kept up to date as feeds are: their names in
    /// `[[feeds]]`, such as `fastly`, `cloudfront` or `cloudflare-v4`.
    pub proxy_feeds: Vec<String>,
    /// Whether Cloudflare's published ranges count as trusted proxies.
    pub cloudflare: bool,
    /// How many blocks rules may make in a minute. What is over waits, is gathered into prefixes,
    /// and raises an alarm; it is never dropped.
    pub blocks_per_minute: u32,
    /// While blocks wait: how many of one /24 or /48 make one block of the whole prefix.
    pub aggregate_parts: u32,
    /// How long a prefix so gathered is blocked, at most.
    #[serde(with = "duration_text")]
    pub aggregate_for: Duration,
    /// How long an address stays unblockable after an administrator logged in from it.
    #[serde(with = "duration_text")]
    pub admin_grace: Duration,
    /// From how many networks clients with an authenticated success must have been hit by a rule,
    /// within `ask_for`, before its new blocks are held and people are asked. 0: never.
    pub good_clients: u32,
    /// How long such a rule holds its new blocks before it is armed again.
    #[serde(with = "duration_text")]
    pub ask_for: Duration,
    /// How many blocked parts of an IPv6 network block the next wider one (/64 to /56 to /48).
    /// 0: never.
    pub widen_v6_parts: u32,
    /// How many blocked addresses of an IPv4 /24 block the /24. 0: never.
    pub widen_v4_parts: u32,
    /// How long a widened block stands, at most.
    #[serde(with = "duration_text")]
    pub widen_for: Duration,
    /// How long a new install keeps rules in shadow that could hit an honest client.
    #[serde(with = "duration_text")]
    pub first_days: Duration,
    /// How long a block stands at most during that time.
    #[serde(with = "duration_text")]
    pub first_days_block: Duration,
    /// How long an offence counts for escalation.
    #[serde(with = "duration_text")]
    pub offences_keep: Duration,
    /// How long a temporary change at Cloudflare (`cf::…`) lasts at least, whatever the rule says.
    #[serde(with = "duration_text")]
    pub change_at_least: Duration,
    /// How often a rule may start the same temporary change within a day. What is past that is
    /// refused, and a person is asked.
    pub changes_per_day: u32,
    /// How many temporary changes a rule may start within an hour, together with records that it sets
    /// and whole caches that it empties: its share of the calls that Cloudflare's API allows.
    pub changes_per_hour: u32,
    /// How often a rule may purge named things, warm pages, or write values of Workers KV within an
    /// hour.
    pub tasks_per_hour: u32,
    /// How often a rule may purge everything of a zone, or set or remove the same record, within a
    /// day. What is past that is refused, and a person is asked.
    pub tasks_per_day: u32,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            own: Vec::new(),
            allow_private: false,
            widest_v4: 16,
            widest_v6: 32,
            allow_asn: false,
            allow_country: false,
            trusted_proxies: Vec::new(),
            proxy_feeds: Vec::new(),
            cloudflare: true,
            blocks_per_minute: 300,
            aggregate_parts: 4,
            aggregate_for: HOUR,
            admin_grace: DAY,
            good_clients: 3,
            ask_for: Duration::from_mins(10),
            widen_v6_parts: 3,
            widen_v4_parts: 0,
            widen_for: DAY,
            first_days: DAY,
            first_days_block: HOUR,
            offences_keep: Duration::from_hours(90 * 24),
            change_at_least: Duration::from_mins(5),
            changes_per_day: 3,
            changes_per_hour: 20,
            tasks_per_hour: 300,
            tasks_per_day: 24,
        }
    }
}

impl GuardConfig {
    /// Everything that is wrong with the values, in words for people; empty when all is well.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (key, list) in [("own", &self.own), ("trusted_proxies", &self.trusted_proxies)] {
            for text in list {
                if net::parse_net(text).is_none() {
                    faults.push(format!(
                        "`{text}` in `guard.{key}` is no address and no prefix\nhint: write `198.51.100.7` or `198.51.100.0/24`"
                    ));
                }
            }
        }
        for text in &self.allow {
            if super::allowlist::Subject::parse(text).is_none() {
                faults.push(format!(
                    "`{text}` in `guard.allow` is no address, no prefix and no host name\nhint: write `198.51.100.7`, `198.51.100.0/24` or `office.example.com`"
                ));
            }
        }
        for (key, value, most) in
            [("widest_v4", self.widest_v4, 32), ("widest_v6", self.widest_v6, 128)]
        {
            if value == 0 || value > most {
                faults.push(format!(
                    "`guard.{key}` is {value}\nhint: a prefix length from 1 to {most}"
                ));
            }
        }
        if self.blocks_per_minute == 0 {
            faults.push(
                "`guard.blocks_per_minute` is 0, so no block would ever be made\nhint: set a rule's mode to `shadow` to keep it from blocking"
                    .to_owned(),
            );
        }
        if self.aggregate_parts < 2 {
            faults.push(format!(
                "`guard.aggregate_parts` is {}\nhint: at least 2 blocks make a prefix",
                self.aggregate_parts
            ));
        }
        if self.widen_v6_parts == 1 || self.widen_v4_parts == 1 {
            faults.push(
                "one blocked part can't widen a block\nhint: set `guard.widen_v6_parts` and `guard.widen_v4_parts` to 0 (never) or at least 2"
                    .to_owned(),
            );
        }
        faults
    }

    /// The further addresses of this machine; what doesn't parse is left to [`Self::faults`].
    pub fn own_nets(&self) -> Vec<IpNet> {
        nets(&self.own)
    }

    /// The trusted proxies of the config; what doesn't parse is left to [`Self::faults`].
    pub fn proxy_nets(&self) -> Vec<IpNet> {
        nets(&self.trusted_proxies)
    }
}

fn nets(texts: &[String]) -> Vec<IpNet> {
    texts.iter().filter_map(|text| net::parse_net(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_is_the_default_and_unknown_keys_are_refused() {
        let empty: GuardConfig = toml::from_str("").unwrap();
        assert_eq!(empty, GuardConfig::default());
        assert_eq!(empty.faults(), Vec::<String>::new());
        let text = toml::to_string(&empty).unwrap();
        assert_eq!(toml::from_str::<GuardConfig>(&text).unwrap(), empty);
        assert!(toml::from_str::<GuardConfig>("widest = 8").is_err());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let config: GuardConfig = toml::from_str(
            "own = ['x']\nallow = ['a b']\ntrusted_proxies = ['10.0.0.0/99']\nwidest_v4 = 0\nwidest_v6 = 129\nblocks_per_minute = 0\naggregate_parts = 1\nwiden_v4_parts = 1",
        )
        .unwrap();
        assert_eq!(config.faults().len(), 8);
    }
}
