//! `[bots]`: whether crawlers are verified, and whom the names are asked of.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Whether crawlers that a rule would block are verified first, by their names in the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BotsConfig {
    /// Asks the DNS whether a client that says it is a known crawler is that one, when a rule would
    /// block or challenge it. Without it only published ranges count, where they are among the feeds.
    pub verify: bool,
    /// Name servers that are asked (`127.0.0.53`, `192.0.2.53:5353`); those of this machine when empty.
    pub name_servers: Vec<String>,
}

impl Default for BotsConfig {
    fn default() -> Self {
        Self { verify: true, name_servers: Vec::new() }
    }
}

impl BotsConfig {
    /// The name servers; those that are no addresses are left out.
    pub fn servers(&self) -> Vec<SocketAddr> {
        self.name_servers.iter().filter_map(|text| server(text)).collect()
    }

    /// What is wrong with it, in words.
    pub fn faults(&self) -> Vec<String> {
        let wrong = self.name_servers.iter().filter(|text| server(text).is_none());
        wrong
            .map(|text| {
                format!(
                    "`bots.name_servers`: `{}` is no address\nhint: an address, or one with a port: `127.0.0.53`, `[2001:db8::53]:5353`",
                    crate::event::text::escape(text)
                )
            })
            .collect()
    }
}

fn server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, 53)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_with_or_without_a_port() {
        let config: BotsConfig =
            toml::from_str("name_servers = [\"127.0.0.53\", \"[::1]:5353\", \"dns.example\"]")
                .unwrap();
        let servers: Vec<String> = config.servers().iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["127.0.0.53:53", "[::1]:5353"]);
        let faults = config.faults();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("`bots.name_servers`: `dns.example` is no address"));
    }
}
