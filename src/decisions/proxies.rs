//! Proxies that speak for clients: Cloudflare's published ranges and those of the config.
//!
//! In: the connection's peer and the client's address. Out: how the client came here. What the
//! client's address is, where a header has to be walked, `enrich` decides; here is only who is a
//! proxy. A proxy is never blocked: that would block everybody behind it.

use super::config::GuardConfig;
use super::model::Route;
use super::prefix_set::PrefixMap;
use ipnet::IpNet;
use std::net::IpAddr;

/// The day on which the ranges below were compared with public copies of the published lists.
pub const CLOUDFLARE_RANGES_DATE: &str = "2026-11-24";

/// Cloudflare's ranges as published at <https://www.cloudflare.com/ips-v4> and
/// <https://www.cloudflare.com/ips-v6> (also by `GET /ips` of its API).
pub const CLOUDFLARE_RANGES: [&str; 22] = [
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
];

/// Whose a proxy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One of Cloudflare's.
    Cloudflare,
    /// One that the config trusts.
    Config,
}

/// The proxies whose word about a client's address is believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    nets: PrefixMap<Owner>,
}

impl Proxies {
    /// The proxies of a config, and those that its feeds list now.
    pub fn new(config: &GuardConfig, listed: &[IpNet]) -> Self {
        let own = config.proxy_nets().into_iter().map(|net| (net, Owner::Config));
        let cloudflare = CLOUDFLARE_RANGES
            .iter()
            .filter(|_| config.cloudflare)
            .filter_map(|text| Some((text.parse::<IpNet>().ok()?, Owner::Cloudflare)));
        let listed = listed.iter().map(|net| (*net, Owner::Config));
        Self { nets: listed.chain(own).chain(cloudflare).collect() }
    }

    /// Whether the address is a trusted proxy's.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.nets.contains(address)
    }

    /// A proxy's range that has an address in common with `net`.
    pub fn overlapping(&self, net: IpNet) -> Option<(IpNet, Owner)> {
        self.nets.overlapping(net).map(|(range, owner)| (range, *owner))
    }

    /// How the client `ip` came here: `peer` is the other end of the connection, where the log
    /// tells it.
    ///
    /// With no peer the route is unknown, unless the client's address itself is a proxy's: then
    /// the log names the proxy and not the client. A peer that is no trusted proxy and differs
    /// from the client leaves the route unknown: somebody's word was believed, and not by us.
    pub fn route(&self, peer: Option<IpAddr>, ip: IpAddr) -> Route {
        let ip = ip.to_canonical();
        match peer.map(|peer| peer.to_canonical()) {
            Some(peer) if self.contains(peer) => Route::Proxied,
            Some(peer) if peer == ip => Route::Direct,
            None if self.contains(ip) => Route::Proxied,
            Some(_) | None => Route::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_known_only_where_the_peer_is() {
        let config = GuardConfig {
            trusted_proxies: vec!["10.0.0.0/8".to_owned()],
            ..GuardConfig::default()
        };
        let proxies = Proxies::new(&config, &[]);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let client = ip("203.0.113.9");
        for (peer, wanted) in [
            (Some("104.16.0.1"), Route::Proxied),
            (Some("104.27.255.255"), Route::Proxied),
            (Some("104.28.0.1"), Route::Unknown),
            (Some("2606:4700::1"), Route::Proxied),
            (Some("10.1.2.3"), Route::Proxied),
            (Some("203.0.113.9"), Route::Direct),
            (Some("::ffff:203.0.113.9"), Route::Direct),
            (Some("198.51.100.1"), Route::Unknown),
            (None, Route::Unknown),
        ] {
            assert_eq!(proxies.route(peer.map(ip), client), wanted, "{peer:?}");
        }
        assert_eq!(proxies.route(None, ip("172.64.1.1")), Route::Proxied);
        let without =
            Proxies::new(&GuardConfig { cloudflare: false, ..GuardConfig::default() }, &[]);
        assert!(!without.contains(ip("104.16.0.1")));
        assert_eq!(Proxies::new(&GuardConfig::default(), &[]).nets.len(), CLOUDFLARE_RANGES.len());
    }
}
