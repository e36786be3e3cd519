//! One entry: an address, a prefix, or a range from one address to another.

use crate::event::net::parse_net;
use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};
use std::net::IpAddr;

/// What an entry stands for.
pub(super) enum Nets {
    /// One prefix.
    One(IpNet),
    /// Those that make up a range: at most 62 for IPv4, 254 for IPv6.
    Range(IpSubnets),
}

/// Reads an entry; the error says what it is, after its text.
pub(super) fn nets(text: &str) -> Result<Nets, &'static str> {
    if let Some(net) = parse_net(text) {
        return Ok(Nets::One(net));
    }
    let Some((first, last)) = text.split_once('-') else {
        return Err("is no address, prefix or range");
    };
    let address = |text: &str| text.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    match (address(first), address(last)) {
        (Some(first), Some(last)) if first > last => {
            Err("is a range whose end lies before its beginning")
        }
        (Some(IpAddr::V4(first)), Some(IpAddr::V4(last))) => {
            Ok(Nets::Range(IpSubnets::V4(Ipv4Subnets::new(first, last, 0))))
        }
        (Some(IpAddr::V6(first)), Some(IpAddr::V6(last))) => {
            Ok(Nets::Range(IpSubnets::V6(Ipv6Subnets::new(first, last, 0))))
        }
        _ => Err("is no address, prefix or range"),
    }
}
