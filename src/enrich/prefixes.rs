//! A set of prefixes that is asked for every event: is an address in it, and by which entry.
//!
//! In: prefixes in any order, once. Out: the widest listed prefix that holds an address. Sorted
//! arrays, made once and never changed: five bytes an IPv4 prefix, twenty an IPv6 one. A prefix
//! within another is dropped, so the last one that begins at or before an address is the only one
//! that can hold it.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr};

/// Every so many IPv6 prefixes one stands in the level above, and so on upwards: the upper levels
/// stay in the processor's cache.
const STEP: usize = 8;

/// Prefixes of a block.
const BLOCK: usize = 7;

/// Prefixes of both families.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefixes {
    v4: V4,
    v6: V6,
}

/// IPv4, found by the upper half of the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct V4 {
    starts: Vec<u32>,
    bits: Vec<u8>,
    /// Where the prefixes of each upper half begin, and the end; empty where there are none.
    halves: Vec<u32>,
}

/// IPv6, found from the top level down. Where memory is far away, an answer costs one look at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct V6 {
    blocks: Vec<Block>,
    /// The upper half of the first start of each block, then every [`STEP`]th of these, and so on; the smallest is
    /// last.
    levels: Vec<Vec<u64>>,
}

/// Some prefixes side by side: two lines of the processor's cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(align(64))]
struct Block {
    starts: [u128; BLOCK],
    bits: [u8; BLOCK],
    held: u8,
}

impl Prefixes {
    /// A set of these; those within others are left out.
    pub fn new(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match prefix {
                // Start and bits in one number: sorted, a wider prefix stands before what it holds.
                IpNet::V4(net) => {
                    v4.push(u64::from(u32::from(net.network())) << 8 | u64::from(net.prefix_len()));
                }
                IpNet::V6(net) => v6.push((u128::from(net.network()), net.prefix_len())),
            }
        }
        Self { v4: V4::new(v4), v6: V6::new(v6) }
    }

    /// The widest prefix that holds the address.
    pub fn entry(&self, address: IpAddr) -> Option<IpNet> {
        match address {
            IpAddr::V4(address) => self.v4.entry(u32::from(address)).map(IpNet::V4),
            IpAddr::V6(address) => self.v6.find(u128::from(address)).and_then(net_v6),
        }
    }

    /// Whether a prefix holds the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.place(u32::from(address)).is_some(),
            IpAddr::V6(address) => self.v6.find(u128::from(address)).is_some(),
        }
    }

    /// Prefixes, without those within others.
    pub fn len(&self) -> usize {
        self.v4.starts.len() + self.v6.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.v4.starts.capacity() * 4
            + self.v4.bits.capacity()
            + self.v4.halves.capacity() * 4
            + self.v6.blocks.capacity() * size_of::<Block>()
            + self.v6.levels.iter().map(|level| level.capacity() * 8).sum::<usize>()
    }

    /// All prefixes, ascending, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        let v4 = (0..self.v4.starts.len()).filter_map(|place| self.v4.at(place));
        v4.map(IpNet::V4).chain(self.v6.iter().filter_map(net_v6))
    }
}

impl V4 {
    fn new(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        let mut end = None;
        all.retain(|next| {
            let (start, bits) = parts(*next);
            let within = end.is_some_and(|end| start <= end);
            if !within {
                end = Some(start | low_bits_v4(bits));
            }
            !within
        });
        let mut set = Self {
            starts: all.iter().map(|next| parts(*next).0).collect(),
            bits: all.iter().map(|next| parts(*next).1).collect(),
            halves: Vec::new(),
        };
        if !set.starts.is_empty() {
            set.halves = vec![0; (1 << 16) + 1];
            for start in &set.starts {
                if let Some(count) = set.halves.get_mut(half(*start) + 1) {
                    *count += 1;
                }
            }
            let mut sum = 0;
            for count in &mut set.halves {
                sum += *count;
                *count = sum;
            }
        }
        set
    }

    fn place(&self, address: u32) -> Option<usize> {
        let half = half(address);
        let from = *self.halves.get(half)? as usize;
        let to = *self.halves.get(half + 1)? as usize;
        let near = self.starts.get(from..to)?;
        let place = (from + near.partition_point(|start| *start <= address)).checked_sub(1)?;
        let start = *self.starts.get(place)?;
        let bits = *self.bits.get(place)?;
        (address & !low_bits_v4(bits) == start).then_some(place)
    }

    fn at(&self, place: usize) -> Option<Ipv4Net> {
        let start = Ipv4Addr::from(*self.starts.get(place)?);
        Ipv4Net::new(start, *self.bits.get(place)?).ok()
    }

    fn entry(&self, address: u32) -> Option<Ipv4Net> {
        self.at(self.place(address)?)
    }
}

impl V6 {
    fn new(mut all: Vec<(u128, u8)>) -> Self {
        all.sort_unstable();
        let mut end = None;
        all.retain(|(start, bits)| {
            let within = end.is_some_and(|end| *start <= end);
            if !within {
                end = Some(start | low_bits_v6(*bits));
            }
            !within
        });
        let block = |chunk: &[(u128, u8)]| {
            let mut block =
                Block { held: u8::try_from(chunk.len()).unwrap_or(0), ..Block::default() };
            for ((start, bits), next) in block.starts.iter_mut().zip(&mut block.bits).zip(chunk) {
                (*start, *bits) = *next;
            }
            block
        };
        let blocks: Vec<Block> = all.chunks(BLOCK).map(block).collect();
        let firsts: Vec<u64> = all.iter().step_by(BLOCK).map(|(start, _)| upper(*start)).collect();
        let mut levels = vec![firsts];
        while let Some(below) = levels.last().filter(|below| below.len() > STEP) {
            levels.push(below.iter().step_by(STEP).copied().collect());
        }
        Self { blocks, levels }
    }

    fn find(&self, address: u128) -> Option<(u128, u8)> {
        let mut place = 0;
        for level in self.levels.iter().rev() {
            let from = STEP * place;
            let near = level.get(from..(from + STEP).min(level.len()))?;
            place = (from + up_to(near, upper(address))).checked_sub(1)?;
        }
        let mut block = self.blocks.get(place)?;
        if block.first() > address {
            // Several blocks have the same upper half, and this one is the last of them.
            let before = self.blocks.get(..place)?;
            place = before.partition_point(|block| block.first() <= address).checked_sub(1)?;
            block = before.get(place)?;
        }
        let place = up_to(block.starts.get(..usize::from(block.held))?, address).checked_sub(1)?;
        let (start, bits) = (*block.starts.get(place)?, *block.bits.get(place)?);
        (address & !low_bits_v6(bits) == start).then_some((start, bits))
    }
}

impl Block {
    fn first(&self) -> u128 {
        self.starts.first().copied().unwrap_or_default()
    }
}

impl V6 {
    fn iter(&self) -> impl Iterator<Item = (u128, u8)> + '_ {
        let held = |block: &'_ Block| usize::from(block.held);
        let pairs = move |block: &Block| block.starts.into_iter().zip(block.bits).take(held(block));
        self.blocks.iter().flat_map(pairs)
    }

    fn len(&self) -> usize {
        self.blocks.iter().map(|block| usize::from(block.held)).sum()
    }
}

fn net_v6((start, bits): (u128, u8)) -> Option<IpNet> {
    Ipv6Net::new(start.into(), bits).ok().map(IpNet::V6)
}

/// How many of a few starts are not above the address. Counting them takes no branch that the
/// processor could guess wrong.
fn up_to<A: Copy + PartialOrd>(starts: &[A], address: A) -> usize {
    starts.iter().map(|start| usize::from(*start <= address)).sum()
}

fn upper(address: u128) -> u64 {
    // A half fits: nothing is lost.
    u64::try_from(address >> 64).unwrap_or(u64::MAX)
}

fn half(address: u32) -> usize {
    usize::from(u16::try_from(address >> 16).unwrap_or(u16::MAX))
}

/// Start and bits of a number that was made of them.
fn parts(both: u64) -> (u32, u8) {
    let [.., a, b, c, d, bits] = both.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), bits)
}

fn low_bits_v4(bits: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0)
}

fn low_bits_v6(bits: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| crate::event::net::parse_net(text).unwrap()).collect()
    }

    fn entry(set: &Prefixes, address: &str) -> Option<String> {
        set.entry(address.parse().unwrap()).map(|net| net.to_string())
    }

    #[test]
    fn an_address_is_found_by_the_widest_prefix_that_holds_it() {
        let listed =
            ["10.0.0.0/8", "10.1.2.0/24", "192.0.2.1", "2001:db8::/32", "2001:db8:1::/48", "::1"];
        let set = Prefixes::new(nets(&listed));
        assert_eq!(set.len(), 4, "those within others are left out");
        assert_eq!(entry(&set, "10.1.2.3").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(entry(&set, "192.0.2.1").as_deref(), Some("192.0.2.1/32"));
        assert_eq!(entry(&set, "2001:db8:1::5").as_deref(), Some("2001:db8::/32"));
        for outside in
            ["9.255.255.255", "11.0.0.0", "192.0.2.0", "192.0.2.2", "2001:db9::", "::", "::2"]
        {
            assert_eq!(entry(&set, outside), None, "{outside}");
        }
        let all: Vec<String> = set.iter().map(|net| net.to_string()).collect();
        assert_eq!(all, ["10.0.0.0/8", "192.0.2.1/32", "::1/128", "2001:db8::/32"]);
    }

    #[test]
    fn the_ends_of_the_address_space_are_found() {
        let all = Prefixes::new(nets(&["0.0.0.0/0", "::/0"]));
        let ends = Prefixes::new(nets(&[
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ]));
        let nobody = Prefixes::default();
        for end in ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            let end: IpAddr = end.parse().unwrap();
            assert!(all.contains(end) && ends.contains(end) && !nobody.contains(end), "{end}");
        }
        assert!(nobody.is_empty());
    }

    /// Prefixes that lie close together, so that they meet, hold each other and share halves.
    fn close() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<u16>(), 8_u8..=32).prop_map(|(low, bits)| {
            let start = 0xcb00_0000 | u32::from(low & 0x3ff) | u32::from(low & 0xfc00) << 6;
            IpNet::V4(Ipv4Net::new(start.into(), bits).unwrap().trunc())
        });
        let v6 = (any::<u16>(), 16_u8..=128).prop_map(|(low, bits)| {
            let start =
                0x2001_0db8_u128 << 96 | u128::from(low & 0xff) | u128::from(low >> 8) << 62;
            IpNet::V6(Ipv6Net::new(start.into(), bits).unwrap().trunc())
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn it_says_what_a_plain_look_at_all_of_them_says(
            listed in prop::collection::vec(close(), 0..400),
            asked in prop::collection::vec(close(), 100),
        ) {
            let set = Prefixes::new(listed.iter().copied());
            for net in asked.iter().chain(&listed) {
                for address in [net.network(), net.broadcast()] {
                    let widest = listed
                        .iter()
                        .filter(|listed| listed.contains(&address))
                        .min_by_key(|listed| listed.prefix_len());
                    prop_assert_eq!(set.entry(address), widest.copied(), "{}", address);
                    prop_assert_eq!(set.contains(address), widest.is_some());
                }
            }
            let again = Prefixes::new(set.iter());
            prop_assert_eq!(again, set);
        }
    }
}
