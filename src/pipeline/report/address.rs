//! What an address says by itself, without asking anybody.

use super::lists::{ENGINES, NETWORKS};
use super::signs::Address;
use ipnet::IpNet;

/// Whether a search engine's networks are known here.
pub(super) fn publishes(name: &str) -> bool {
    ENGINES.iter().any(|(_, engine, published)| *engine == name && *published)
}

/// What a client's network says.
pub fn address(net: IpNet) -> Address {
    Address { private: is_private(net), published_by: publisher(net) }
}

fn is_private(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => {
            let address = net.network();
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpNet::V6(net) => {
            let address = net.network();
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
    }
}

fn publisher(net: IpNet) -> Option<&'static str> {
    let within =
        |network: &&'static str| network.parse().is_ok_and(|known: IpNet| known.contains(&net));
    let (name, _) = NETWORKS.iter().find(|(_, networks)| networks.iter().any(within))?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_what_they_are() {
        let of = |text: &str| address(text.parse().unwrap());
        assert_eq!(of("66.249.66.1/32").published_by, Some("Googlebot"));
        assert_eq!(of("66.249.96.1/32").published_by, None);
        assert!(of("10.0.0.7/32").private && of("fd00::/64").private);
        assert!(!of("203.0.113.9/32").private);
    }

    #[test]
    fn every_published_network_is_one() {
        for (name, networks) in NETWORKS {
            assert!(publishes(name), "{name}");
            for network in *networks {
                assert!(network.parse::<IpNet>().is_ok(), "{network}");
            }
        }
    }
}
