//! The client's own address behind proxies that we trust, and nobody else's word for it.
//!
//! A header such as `X-Forwarded-For` is written by whoever connects; each proxy appends the
//! address it saw. So it is believed only where the peer is a trusted proxy, and read from the
//! right: the first address that is not itself a trusted proxy is the client. What stands further
//! left the client may have invented.

use crate::event::{Event, Field, Value, ValueRef, net};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// The names under which logs keep the forwarded address, in the order of trust: Cloudflare sets
/// `CF-Connecting-IP` itself, the others are appended to.
const HEADER_FIELDS: [&str; 3] = ["cf_connecting_ip", "x_forwarded_for", "x_real_ip"];

/// A chain longer than this is not walked further: honest chains have a handful of proxies.
const HOPS_MAX: usize = 16;

/// Finds the real client. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RealClient {
    proxies: Arc<[IpNet]>,
}

impl RealClient {
    /// With the networks of the proxies that are trusted.
    pub fn new(proxies: impl IntoIterator<Item = IpNet>) -> Self {
        let proxies: Vec<IpNet> = proxies.into_iter().collect();
        Self { proxies: proxies.into() }
    }

    /// Whether the address belongs to a trusted proxy.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|net| net.contains(&address))
    }

    /// Puts the client's own address into `ip` and the proxy's into `peer`, where the event's
    /// peer is a trusted proxy and the record holds what the proxy said. Otherwise nothing changes.
    pub fn apply(&self, event: &mut Event) {
        if !event.has_extra() || self.proxies.is_empty() {
            return;
        }
        let Some(peer) = event.ip(Field::Ip) else {
            return;
        };
        if !self.is_proxy(peer) {
            return;
        }
        let client = HEADER_FIELDS.iter().find_map(|name| match event.get_named(name)? {
            ValueRef::Bytes(chain) => self.walk(chain),
            ValueRef::Ip(address) => Some(address),
            _ => None,
        });
        if let Some(client) = client {
            event.set(Field::Ip, Value::ip(client));
            event.set(Field::Peer, Value::ip(peer));
        }
    }

    /// The rightmost address of the chain that is no trusted proxy; `None` where something that
    /// isn't an address comes first, since whatever is left of it can't be trusted either.
    fn walk(&self, chain: &[u8]) -> Option<IpAddr> {
        for part in chain.rsplit(|byte| *byte == b',').take(HOPS_MAX) {
            let address = parse_hop(part.trim_ascii())?;
            if !self.is_proxy(address) {
                return Some(address);
            }
        }
        None
    }
}

/// An address with or without a port, IPv6 with or without brackets.
fn parse_hop(bytes: &[u8]) -> Option<IpAddr> {
    if let Some(address) = net::parse_ip(bytes) {
        return Some(address);
    }
    if let Some(rest) = bytes.strip_prefix(b"[") {
        return net::parse_ip(rest.get(..rest.iter().position(|byte| *byte == b']')?)?);
    }
    let colon = bytes.iter().rposition(|byte| *byte == b':')?;
    net::parse_ip(bytes.get(..colon)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::Kind;

    fn client_of(peer: &str, chain: &str) -> String {
        let real =
            RealClient::new(["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        event.set(Field::Ip, Value::ip(peer.parse().unwrap()));
        event.set_extra(&Arc::from("x_forwarded_for"), Value::text(chain));
        real.apply(&mut event);
        event.ip(Field::Ip).unwrap().to_string()
    }

    #[test]
    fn the_chain_is_walked_from_the_right_past_trusted_proxies() {
        assert_eq!(client_of("10.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
        assert_eq!(client_of("2001:db8::1", "[2600::1]:443"), "2600::1");
        assert_eq!(client_of("10.0.0.1", "203.0.113.9:5555"), "203.0.113.9");
    }

    #[test]
    fn strangers_and_nonsense_are_not_believed() {
        assert_eq!(client_of("198.51.100.1", "203.0.113.9"), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", "203.0.113.9, unknown"), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", ""), "10.0.0.1");
    }
}
