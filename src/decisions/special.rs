//! Ranges that are nobody's client, by the registries of RFC 6890 (special-purpose addresses).
//!
//! In: a prefix. Out: which special range it touches. The documentation ranges (RFC 5737, RFC 3849)
//! are ordinary addresses here: examples and tests use them.

use super::prefix_set::PrefixMap;
use ipnet::IpNet;
use std::sync::LazyLock;

/// A kind of range that is no client on the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// This machine itself: 127.0.0.0/8 (RFC 1122 §3.2.1.3), `::1` (RFC 4291 §2.5.3).
    Loopback,
    /// No address: 0.0.0.0/8 (RFC 1122 §3.2.1.3), `::` (RFC 4291 §2.5.2).
    Unspecified,
    /// Many receivers: 224.0.0.0/4 (RFC 5771), `ff00::/8` (RFC 4291 §2.7), and 240.0.0.0/4 with the
    /// broadcast address (RFC 1112 §4, RFC 919 §7).
    Multicast,
    /// One wire: 169.254.0.0/16 (RFC 3927), `fe80::/10` (RFC 4291 §2.5.6).
    LinkLocal,
    /// Private: RFC 1918, `fc00::/7` (RFC 4193), and the carriers' shared range 100.64.0.0/10
    /// (RFC 6598).
    Private,
}

impl Special {
    /// The range in words, as a refusal says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Unspecified => "the unspecified address",
            Self::Multicast => "a multicast, reserved or broadcast address",
            Self::LinkLocal => "a link-local address",
            Self::Private => "a private address",
        }
    }
}

const RANGES: [(&str, Special); 15] = [
    ("127.0.0.0/8", Special::Loopback),
    ("::1/128", Special::Loopback),
    ("0.0.0.0/8", Special::Unspecified),
    ("::/128", Special::Unspecified),
    ("224.0.0.0/4", Special::Multicast),
    ("240.0.0.0/4", Special::Multicast),
    ("ff00::/8", Special::Multicast),
    ("169.254.0.0/16", Special::LinkLocal),
    ("fe80::/10", Special::LinkLocal),
    ("10.0.0.0/8", Special::Private),
    ("172.16.0.0/12", Special::Private),
    ("192.168.0.0/16", Special::Private),
    ("100.64.0.0/10", Special::Private),
    ("fc00::/7", Special::Private),
    // IPv4-mapped addresses are IPv4 long before they come here; a prefix around them is not.
    ("::ffff:0:0/95", Special::Unspecified),
];

static NEVER: LazyLock<PrefixMap<Special>> = LazyLock::new(|| table(false));
static PRIVATE: LazyLock<PrefixMap<Special>> = LazyLock::new(|| table(true));

fn table(private: bool) -> PrefixMap<Special> {
    RANGES
        .iter()
        .filter(|(_, special)| (*special == Special::Private) == private)
        .filter_map(|(text, special)| Some((text.parse().ok()?, *special)))
        .collect()
}

/// The special range that `net` lies in or holds a part of, with its prefix. Ranges that can never
/// be a client come before private ones.
pub fn touches(net: IpNet) -> Option<(IpNet, Special)> {
    NEVER
        .overlapping(net)
        .or_else(|| PRIVATE.overlapping(net))
        .map(|(range, special)| (range, *special))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_known_from_inside_and_from_around() {
        for (text, wanted) in [
            ("127.0.0.1/32", Some(Special::Loopback)),
            ("::/64", Some(Special::Unspecified)),
            ("::1/128", Some(Special::Loopback)),
            ("::ffff:127.0.0.1/128", Some(Special::Loopback)),
            ("::ffff:0:0/64", Some(Special::Unspecified)),
            ("0.0.0.0/32", Some(Special::Unspecified)),
            ("239.1.1.1/32", Some(Special::Multicast)),
            ("255.255.255.255/32", Some(Special::Multicast)),
            ("169.254.1.1/32", Some(Special::LinkLocal)),
            ("fe80::/64", Some(Special::LinkLocal)),
            ("172.31.255.255/32", Some(Special::Private)),
            ("172.32.0.0/32", None),
            ("100.127.0.1/32", Some(Special::Private)),
            ("fd00:1::/64", Some(Special::Private)),
            ("192.0.0.0/8", Some(Special::Private)),
            ("203.0.113.9/32", None),
            ("198.51.100.0/24", None),
            ("2001:db8:1:2::/64", None),
        ] {
            let found = touches(text.parse().unwrap()).map(|(_, special)| special);
            assert_eq!(found, wanted, "{text}");
        }
        assert_eq!(NEVER.len() + PRIVATE.len(), RANGES.len());
    }
}
