//! Addresses as riposte means them: IPv4-mapped is IPv4, an IPv6 client is its /64.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// How many leading bits of an IPv6 address name one client: a subscriber gets a /64 at least
/// (RFC 6177 §2), so one client can use any address in it.
pub const CLIENT_V6_BITS: u8 = 64;

/// Reads an address from bytes; IPv4-mapped IPv6 becomes IPv4. Brackets and zone are refused.
pub fn parse_ip(bytes: &[u8]) -> Option<IpAddr> {
    // The longest textual address (IPv6 with an embedded IPv4) has 45 characters.
    if bytes.len() > 45 {
        return None;
    }
    let address: IpAddr = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// The network that stands for one client: the address itself for IPv4, its /64 for IPv6.
pub fn client_net(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => IpNet::from(v4),
        v6 @ IpAddr::V6(_) => prefix(v6, 32, CLIENT_V6_BITS),
    }
}

/// The network of `address` with `v4_bits` or `v6_bits` leading bits; bits past the address's
/// length are taken as its length.
pub fn prefix(address: IpAddr, v4_bits: u8, v6_bits: u8) -> IpNet {
    let address = address.to_canonical();
    let bits = if address.is_ipv4() { v4_bits.min(32) } else { v6_bits.min(128) };
    IpNet::new(address, bits).map_or_else(|_| IpNet::from(address), |net| net.trunc())
}

/// Reads a network or a single address, IPv4-mapped becoming IPv4, host bits cleared.
pub fn parse_net(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    let net: IpNet = text.parse().ok()?;
    if let IpAddr::V6(v6) = net.network()
        && let Some(v4) = v6.to_ipv4_mapped()
        && net.prefix_len() >= 96
    {
        return IpNet::new(v4.into(), net.prefix_len() - 96).ok().map(|mapped| mapped.trunc());
    }
    Some(net.trunc())
}

/// A network as people write it: a single address without its length.
pub fn display_net(net: &IpNet) -> String {
    match net.addr() {
        _ if net.prefix_len() < net.max_prefix_len() => net.to_string(),
        IpAddr::V4(address) => display_v4(address),
        v6 @ IpAddr::V6(_) => v6.to_string(),
    }
}

/// An address as text. Each firing writes several, and formatting takes five times as long.
fn display_v4(address: Ipv4Addr) -> String {
    let mut text = String::with_capacity(15);
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let leading = usize::from(octet < 100) + usize::from(octet < 10);
        text.extend(digits.into_iter().skip(leading).map(|digit| char::from(b'0' + digit)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_v4_and_v6_clients_are_64s() {
        assert_eq!(parse_ip(b"::ffff:192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(parse_ip(b"300.1.1.1"), None);
        let client = client_net("2001:db8:1:2:3::4".parse().unwrap());
        assert_eq!(client.to_string(), "2001:db8:1:2::/64");
        assert_eq!(parse_net("::ffff:192.0.2.9/120").unwrap().to_string(), "192.0.2.0/24");
        assert_eq!(display_net(&parse_net("192.0.2.1/32").unwrap()), "192.0.2.1");
        assert_eq!(display_net(&parse_net("192.0.2.77/24").unwrap()), "192.0.2.0/24");
        for octet in 0..=u8::MAX {
            let address = Ipv4Addr::new(octet, 0, 255 - octet, octet);
            assert_eq!(display_net(&IpNet::from(IpAddr::from(address))), address.to_string());
        }
    }
}
