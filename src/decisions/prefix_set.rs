//! A set of prefixes that answers at once what covers an address, and what overlaps a prefix.
//!
//! In: prefixes, each with a value (`()` for a mere set). Out: lookups by binary search, one for
//! each prefix length that occurs. Built once and then read; an edit builds it again.

use ipnet::IpNet;
use std::net::IpAddr;

/// Prefixes without a value.
pub type PrefixSet = PrefixMap<()>;

/// Prefixes, each with a value. Where the same prefix is given twice the first one counts.
#[derive(Debug, Clone)]
pub struct PrefixMap<V> {
    v4: Family<V>,
    v6: Family<V>,
}

/// One address family: sorted by network address, then length. Prefixes nest or are disjoint, so
/// what lies in a prefix is one run of the array.
#[derive(Debug, Clone)]
struct Family<V> {
    rows: Vec<(u128, u8, V)>,
    /// The lengths that occur, shortest first.
    lengths: Vec<u8>,
    /// Bits of an address: 32 or 128.
    bits: u8,
}

impl<V> Default for PrefixMap<V> {
    fn default() -> Self {
        Self { v4: Family::new(32), v6: Family::new(128) }
    }
}

impl<V> FromIterator<(IpNet, V)> for PrefixMap<V> {
    fn from_iter<T: IntoIterator<Item = (IpNet, V)>>(rows: T) -> Self {
        let mut map = Self::default();
        for (net, value) in rows {
            let net = canonical(net);
            let family = match net {
                IpNet::V4(_) => &mut map.v4,
                IpNet::V6(_) => &mut map.v6,
            };
            family.rows.push((number(net.network()), net.prefix_len(), value));
        }
        map.v4.settle();
        map.v6.settle();
        map
    }
}

impl FromIterator<IpNet> for PrefixSet {
    fn from_iter<T: IntoIterator<Item = IpNet>>(nets: T) -> Self {
        nets.into_iter().map(|net| (net, ())).collect()
    }
}

impl<V> PrefixMap<V> {
    /// How many prefixes it holds.
    pub fn len(&self) -> usize {
        self.v4.rows.len() + self.v6.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a prefix covers the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.covering(IpNet::from(address.to_canonical())).is_some()
    }

    /// The widest prefix that covers all of `net`, with its value.
    pub fn covering(&self, net: IpNet) -> Option<(IpNet, &V)> {
        let net = canonical(net);
        self.family(net).covering(number(net.network()), net.prefix_len())
    }

    /// A prefix that lies within `net` (or is `net`), with its value: the one with the lowest
    /// address, the widest of those.
    pub fn within(&self, net: IpNet) -> Option<(IpNet, &V)> {
        let net = canonical(net);
        self.family(net).within(number(net.network()), number(net.broadcast()))
    }

    /// A prefix that has an address in common with `net`: one that covers it, or one within it.
    pub fn overlapping(&self, net: IpNet) -> Option<(IpNet, &V)> {
        self.covering(net).or_else(|| self.within(net))
    }

    fn family(&self, net: IpNet) -> &Family<V> {
        match net {
            IpNet::V4(_) => &self.v4,
            IpNet::V6(_) => &self.v6,
        }
    }
}

impl<V> Family<V> {
    const fn new(bits: u8) -> Self {
        Self { rows: Vec::new(), lengths: Vec::new(), bits }
    }

    fn settle(&mut self) {
        self.rows.sort_by_key(|(network, length, _)| (*network, *length));
        self.rows.dedup_by_key(|(network, length, _)| (*network, *length));
        self.lengths = self.rows.iter().map(|(_, length, _)| *length).collect();
        self.lengths.sort_unstable();
        self.lengths.dedup();
        self.rows.shrink_to_fit();
    }

    fn covering(&self, network: u128, length: u8) -> Option<(IpNet, &V)> {
        self.lengths.iter().take_while(|known| **known <= length).find_map(|known| {
            let truncated = network & mask(self.bits, *known);
            let place = self
                .rows
                .binary_search_by(|(at, len, _)| (*at, *len).cmp(&(truncated, *known)))
                .ok()?;
            self.row(place)
        })
    }

    fn within(&self, first: u128, last: u128) -> Option<(IpNet, &V)> {
        let place = self.rows.partition_point(|(at, _, _)| *at < first);
        // A wider prefix that begins at the same address covers `first..=last`; skip it.
        let mut place = place;
        while let Some((at, length, _)) = self.rows.get(place) {
            if *at > last {
                return None;
            }
            if at | !mask(self.bits, *length) & full(self.bits) <= last {
                return self.row(place);
            }
            place += 1;
        }
        None
    }

    fn row(&self, place: usize) -> Option<(IpNet, &V)> {
        let (network, length, value) = self.rows.get(place)?;
        Some((to_net(*network, *length, self.bits)?, value))
    }
}

/// A prefix with its host bits cleared; an IPv4-mapped one (RFC 4291 §2.5.5.2) as the IPv4 prefix
/// that it means.
pub fn canonical(net: IpNet) -> IpNet {
    let net = net.trunc();
    if let IpAddr::V6(v6) = net.network()
        && net.prefix_len() >= 96
        && let Some(v4) = v6.to_ipv4_mapped()
        && let Ok(mapped) = IpNet::new(v4.into(), net.prefix_len() - 96)
    {
        return mapped.trunc();
    }
    net
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn full(bits: u8) -> u128 {
    u128::MAX.checked_shr(128 - u32::from(bits)).unwrap_or(0)
}

fn mask(bits: u8, length: u8) -> u128 {
    let host = u32::from(bits.saturating_sub(length));
    full(bits) & u128::MAX.checked_shl(host).unwrap_or(0)
}

fn to_net(network: u128, length: u8, bits: u8) -> Option<IpNet> {
    let address: IpAddr = if bits == 32 {
        std::net::Ipv4Addr::from(u32::try_from(network).ok()?).into()
    } else {
        std::net::Ipv6Addr::from(network).into()
    };
    IpNet::new(address, length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn covering_and_within_are_told_apart() {
        let set: PrefixSet =
            ["198.51.100.0/24", "203.0.113.9/32", "2001:db8::/32"].map(net).into_iter().collect();
        assert!(set.contains("198.51.100.200".parse().unwrap()));
        assert!(set.contains("::ffff:198.51.100.1".parse().unwrap()));
        assert!(!set.contains("198.51.101.1".parse().unwrap()));
        assert_eq!(set.covering(net("203.0.113.0/24")), None);
        let (found, ()) = set.within(net("203.0.113.0/24")).unwrap();
        assert_eq!(found, net("203.0.113.9/32"));
        assert!(set.overlapping(net("0.0.0.0/0")).is_some());
        assert!(set.overlapping(net("2001:db8:5::/48")).is_some());
        assert!(set.overlapping(net("::/0")).is_some());
        assert!(set.overlapping(net("::/8")).is_none());
        assert_eq!(PrefixSet::default().overlapping(net("::/0")), None);
    }

    fn any_net() -> impl Strategy<Value = IpNet> {
        prop_oneof![
            (0_u32..16, 24_u8..=32).prop_map(|(low, len)| IpNet::new(
                std::net::Ipv4Addr::from(low << 4).into(),
                len
            )
            .unwrap()
            .trunc()),
            (0_u128..16, 0_u8..=128).prop_map(|(low, len)| IpNet::new(
                std::net::Ipv6Addr::from(low << 60).into(),
                len
            )
            .unwrap()
            .trunc()),
        ]
    }

    proptest! {
        #[test]
        fn the_set_says_what_a_walk_over_all_says(nets in prop::collection::vec(any_net(), 0..12), asked in any_net()) {
            let set: PrefixSet = nets.iter().copied().collect();
            let asked = canonical(asked);
            let covers = nets.iter().map(|net| canonical(*net)).any(|net| net.contains(&asked));
            let inside = nets.iter().map(|net| canonical(*net)).any(|net| asked.contains(&net));
            prop_assert_eq!(set.covering(asked).is_some(), covers);
            prop_assert_eq!(set.within(asked).is_some(), inside);
            prop_assert_eq!(set.overlapping(asked).is_some(), covers || inside);
        }
    }
}
