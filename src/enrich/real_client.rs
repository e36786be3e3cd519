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

/// The field in which logs keep `X-Forwarded-For`, to which every proxy appends.
const FORWARDED: &str = "x_forwarded_for";

/// The field in which logs keep `CF-Connecting-IP`. Cloudflare sets it itself, whatever the client
/// sent; any other proxy passes the client's own on, so it is believed from Cloudflare alone.
const CLOUDFLARE: &str = "cf_connecting_ip";

/// A chain longer than this is not walked further: honest chains have a handful of proxies.
const HOPS_MAX: usize = 16;

/// Who the client is, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The record holds no address.
    Nobody,
    /// The address that the record names: it is no trusted proxy.
    Itself {
        /// The address.
        peer: IpAddr,
    },
    /// The one that a trusted proxy names.
    Stated {
        /// The proxy's address.
        peer: IpAddr,
        /// The trusted network that it is in.
        net: IpNet,
        /// The field in which the record keeps what the proxy said.
        field: &'static str,
        /// The client.
        client: IpAddr,
    },
    /// Unknown: the address is a trusted proxy's, which names no client that could be believed.
    Unstated {
        /// The proxy's address.
        peer: IpAddr,
        /// The trusted network that it is in.
        net: IpNet,
    },
}

fn net_of(nets: &[IpNet], address: IpAddr) -> Option<IpNet> {
    nets.iter().copied().find(|net| net.contains(&address))
}

/// Whose a proxy is that a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Cloudflare's: it sets `CF-Connecting-IP` itself.
    Cloudflare,
    /// Another's.
    Other,
}

/// Says whose proxy an address is, by lists that are kept elsewhere; the same for a whole batch.
#[derive(Clone)]
pub struct Listed(pub Arc<dyn Fn(IpAddr) -> Option<Whose> + Send + Sync>);

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listed")
    }
}

/// Finds the real client. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RealClient {
    proxies: Arc<[IpNet]>,
    cloudflare: Arc<[IpNet]>,
    listed: Option<Listed>,
}

impl RealClient {
    /// With the networks of the proxies that are trusted, and those that are Cloudflare's.
    pub fn new(
        proxies: impl IntoIterator<Item = IpNet>,
        cloudflare: impl IntoIterator<Item = IpNet>,
    ) -> Self {
        Self {
            proxies: proxies.into_iter().collect(),
            cloudflare: cloudflare.into_iter().collect(),
            listed: None,
        }
    }

    /// The same, trusting those that lists name too.
    #[must_use]
    pub fn listing(mut self, listed: Listed) -> Self {
        self.listed = Some(listed);
        self
    }

    fn listed(&self, address: IpAddr) -> Option<Whose> {
        (self.listed.as_ref()?.0)(address)
    }

    /// Whether the address belongs to a trusted proxy.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|net| net.contains(&address))
            || self.is_cloudflare(address)
            || self.listed(address).is_some()
    }

    fn is_cloudflare(&self, address: IpAddr) -> bool {
        self.cloudflare.iter().any(|net| net.contains(&address))
    }

    /// Puts the client's own address into `ip` and the proxy's into `peer`, where the event's
    /// peer is a trusted proxy and the record holds what the proxy said. Otherwise nothing changes.
    pub fn apply(&self, event: &mut Event) {
        let trusts = !self.proxies.is_empty() || !self.cloudflare.is_empty();
        if !event.has_extra() || !(trusts || self.listed.is_some()) {
            return;
        }
        if let Client::Stated { peer, client, .. } = self.judge(event) {
            event.set(Field::Ip, Value::ip(client));
            event.set(Field::Peer, Value::ip(peer));
        }
    }

    /// Who the client is, before [`Self::apply`] has put it into the event.
    pub fn judge(&self, event: &Event) -> Client {
        let Some(peer) = event.ip(Field::Ip) else {
            return Client::Nobody;
        };
        let by_list = || self.listed(peer).map(|whose| (IpNet::from(peer), whose));
        let known = net_of(&self.cloudflare, peer).map(|net| (net, Whose::Cloudflare));
        let of_config = net_of(&self.proxies, peer).map(|net| (net, Whose::Other));
        // In two of them it is Cloudflare's, and the narrower word of the config names the network.
        let known = known.or_else(|| by_list().filter(|(_, whose)| *whose == Whose::Cloudflare));
        let cloudflare = known.map(|(net, _)| net);
        let Some((net, _)) = of_config.or(known).or_else(by_list) else {
            return Client::Itself { peer };
        };
        let own = cloudflare.and_then(|_| Some((CLOUDFLARE, self.stated(event, CLOUDFLARE)?)));
        let stated = own.or_else(|| Some((FORWARDED, self.stated(event, FORWARDED)?)));
        match stated {
            Some((field, client)) => Client::Stated { peer, net, field, client },
            None => Client::Unstated { peer, net },
        }
    }

    /// The client's address as a field of the record states it.
    fn stated(&self, event: &Event, field: &str) -> Option<IpAddr> {
        match event.get_named(field)? {
            ValueRef::Bytes(chain) => self.walk(chain),
            ValueRef::Ip(address) => Some(address).filter(|address| !self.is_proxy(*address)),
            _ => None,
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

    fn client_by(peer: &str, fields: &[(&str, &str)]) -> String {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let trusted = [net("10.0.0.0/8"), net("2001:db8::/32")];
        let real = RealClient::new(trusted, [net("192.0.2.0/24")]);
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        event.set(Field::Ip, Value::ip(peer.parse().unwrap()));
        for (name, value) in fields {
            event.set_extra(&Arc::from(*name), Value::text(value));
        }
        real.apply(&mut event);
        event.ip(Field::Ip).unwrap().to_string()
    }

    fn client_of(peer: &str, chain: &str) -> String {
        client_by(peer, &[(FORWARDED, chain)])
    }

    #[test]
    fn cloudflare_s_own_header_is_believed_from_cloudflare_alone() {
        let both = [(CLOUDFLARE, "9.9.9.9"), (FORWARDED, "203.0.113.66")];
        assert_eq!(client_by("192.0.2.7", &both), "9.9.9.9");
        assert_eq!(client_by("10.0.0.1", &both), "203.0.113.66");
        assert_eq!(client_by("10.0.0.1", &[("x_real_ip", "9.9.9.9")]), "10.0.0.1");
    }

    #[test]
    fn lists_name_proxies_too() {
        let listed = Listed(Arc::new(|address: IpAddr| match address.to_string().as_str() {
            "198.51.100.1" => Some(Whose::Cloudflare),
            "198.51.100.2" => Some(Whose::Other),
            _ => None,
        }));
        for (peer, wanted) in [
            ("198.51.100.1", "9.9.9.9"),
            ("198.51.100.2", "203.0.113.66"),
            ("198.51.100.3", "198.51.100.3"),
        ] {
            let real = RealClient::default().listing(listed.clone());
            let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
            event.set(Field::Ip, Value::ip(peer.parse().unwrap()));
            event.set_extra(&Arc::from(CLOUDFLARE), Value::text("9.9.9.9"));
            event.set_extra(&Arc::from(FORWARDED), Value::text("203.0.113.66, 198.51.100.2"));
            real.apply(&mut event);
            assert_eq!(event.ip(Field::Ip).unwrap().to_string(), wanted);
        }
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
