//! Present and wanted, as pure arithmetic: from overlapping decisions with different ends to
//! entries that don't overlap, and from two lists of entries to the changes between them.
//!
//! In: networks with their ends, and what an enforcer holds. Out: what it should hold, and the
//! difference. Nothing is sent here; time is a value.

use crate::clock::Timestamp;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A run of addresses of one family, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// From `first` to `last`; `None` when they are of two families or the wrong way round.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }

    /// All addresses of a network.
    pub fn of(net: &IpNet) -> Self {
        Self { first: net.network(), last: net.broadcast() }
    }

    /// The first address.
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// The network with exactly these addresses, where there is one.
    pub fn as_net(&self) -> Option<IpNet> {
        let differing = number(self.first) ^ number(self.last);
        let host_bits = 128 - differing.leading_zeros();
        let width = if self.first.is_ipv4() { 32 } else { 128 };
        let bits = u8::try_from(width - host_bits.min(width)).ok()?;
        let net = IpNet::new(self.first, bits).ok()?;
        (net.network() == self.first && net.broadcast() == self.last).then_some(net)
    }
}

/// `192.0.2.1`, `192.0.2.0/24` or `192.0.2.1-192.0.2.5`.
impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_net() {
            Some(net) => f.write_str(&crate::event::net::display_net(&net)),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// Addresses in force together, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The addresses.
    pub range: AddressRange,
    /// Their end; `None` for never.
    pub until: Option<Timestamp>,
}

/// The changes from one list of entries to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be removed first.
    pub remove: Vec<AddressRange>,
    /// To be added then, in the same transaction.
    pub add: Vec<Entry>,
    /// How many of `add` had no addresses in force before.
    pub missing: usize,
    /// How many of `remove` nobody wants.
    pub extra: usize,
    /// How many stay as they are.
    pub kept: usize,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}

/// An address as a number; families are never mixed.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn address(number: u128, v4: bool) -> IpAddr {
    if v4 {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)))
    } else {
        IpAddr::V6(Ipv6Addr::from(number))
    }
}

/// Ends that compare: never is the latest.
fn end(until: Option<Timestamp>) -> Timestamp {
    until.unwrap_or(Timestamp::MAX)
}

fn until(end: Timestamp) -> Option<Timestamp> {
    (end != Timestamp::MAX).then_some(end)
}

/// Entries that don't overlap and say, for each address, the latest end of the networks that hold
/// it; networks that are over at `now` count for nothing.
///
/// Networks nest or are apart, they never cross, so a stack of the open ones is enough. A network
/// inside a wider one that stands at least as long adds nothing; one that stands longer cuts the
/// wider one into what lies before and after it. At most twice as many entries as networks.
pub fn cover(
    networks: impl IntoIterator<Item = (IpNet, Option<Timestamp>)>,
    now: Timestamp,
) -> Vec<Entry> {
    let mut ends: BTreeMap<(IpAddr, u8), Timestamp> = BTreeMap::new();
    for (net, until) in networks {
        let stands_until = end(until);
        if stands_until > now {
            let known = ends.entry((net.network(), net.prefix_len())).or_insert(stands_until);
            *known = (*known).max(stands_until);
        }
    }
    let mut sweep = Sweep::default();
    // In this order a network comes directly before what lies inside it.
    for ((first, bits), end) in ends {
        if let Ok(net) = IpNet::new(first, bits) {
            sweep.open(&net, end);
        }
    }
    sweep.close_all();
    sweep.entries
}

#[derive(Default)]
struct Sweep {
    v4: bool,
    /// The open networks, outermost first: last address, and the end in force there.
    open: Vec<(u128, Timestamp)>,
    /// The first address not yet written; `None` past the last of the family.
    next: Option<u128>,
    entries: Vec<Entry>,
}

impl Sweep {
    fn open(&mut self, net: &IpNet, net_end: Timestamp) {
        let v4 = net.addr().is_ipv4();
        if v4 != self.v4 {
            self.close_all();
            self.v4 = v4;
        }
        let (first, last) = (number(net.network()), number(net.broadcast()));
        while self.open.last().is_some_and(|(last, _)| *last < first) {
            self.close();
        }
        if let Some((_, outer)) = self.open.last().copied() {
            if net_end <= outer {
                return;
            }
            if let Some(before) = first.checked_sub(1) {
                self.write(before, outer);
            }
        }
        self.next = Some(first);
        self.open.push((last, net_end));
    }

    fn close(&mut self) {
        if let Some((last, end)) = self.open.pop() {
            self.write(last, end);
        }
    }

    fn close_all(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
    }

    /// Writes everything up to `last` that is not yet written.
    fn write(&mut self, last: u128, end: Timestamp) {
        let Some(first) = self.next.filter(|first| *first <= last) else {
            return;
        };
        self.entries.push(Entry {
            range: AddressRange { first: address(first, self.v4), last: address(last, self.v4) },
            until: until(end),
        });
        self.next = last.checked_add(1);
    }
}

/// How far an end that was read back may be from the one wanted and still count as the same: the
/// kernel's are read in whole seconds, rounded down, and are set rounded up.
const EARLY: Duration = Duration::from_millis(1_200);
const LATE: Duration = Duration::from_millis(2_500);

fn same_end(present: Option<Timestamp>, wanted: Option<Timestamp>) -> bool {
    match (present, wanted) {
        (None, None) => true,
        (Some(present), Some(wanted)) => {
            present >= wanted.minus(EARLY) && present <= wanted.plus(LATE)
        }
        _ => false,
    }
}

/// How ends are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// What we know was set: to the microsecond.
    Known,
    /// What was read back from the kernel: within the rounding of its seconds.
    ReadBack,
}

impl Ends {
    fn same(self, present: Option<Timestamp>, wanted: Option<Timestamp>) -> bool {
        match self {
            Self::Known => present == wanted,
            Self::ReadBack => same_end(present, wanted),
        }
    }
}

/// What turns `present` into `wanted`. Neither may overlap within itself. Entries that are in both
/// with the same end are not touched.
pub fn difference(present: &[Entry], wanted: &[Entry], ends: Ends) -> Plan {
    let held: BTreeMap<AddressRange, Option<Timestamp>> =
        present.iter().map(|entry| (entry.range, entry.until)).collect();
    let asked: BTreeMap<AddressRange, Option<Timestamp>> =
        wanted.iter().map(|entry| (entry.range, entry.until)).collect();
    let mut plan = Plan::default();
    for (range, until) in &held {
        match asked.get(range) {
            Some(wanted_until) if ends.same(*until, *wanted_until) => plan.kept += 1,
            Some(_) => plan.remove.push(*range),
            None => {
                plan.remove.push(*range);
                if !touches(&asked, range) {
                    plan.extra += 1;
                }
            }
        }
    }
    for entry in wanted {
        match held.get(&entry.range) {
            Some(until) if ends.same(*until, entry.until) => {}
            Some(_) => plan.add.push(*entry),
            None => {
                plan.add.push(*entry);
                if !touches(&held, &entry.range) {
                    plan.missing += 1;
                }
            }
        }
    }
    plan
}

/// Whether any range of the map has an address in common with `range`.
fn touches(map: &BTreeMap<AddressRange, Option<Timestamp>>, range: &AddressRange) -> bool {
    let upper = AddressRange { first: range.last, last: address(u128::MAX, range.last.is_ipv4()) };
    map.range(..=upper).next_back().is_some_and(|(nearest, _)| {
        nearest.last >= range.first && nearest.first.is_ipv4() == range.first.is_ipv4()
    })
}

/// The networks that a list without ends needs: those not inside another that weighs at least as
/// much, with their weight (a remedy's strength), in order.
pub fn outermost<W: Copy + Ord>(networks: impl IntoIterator<Item = (IpNet, W)>) -> Vec<(IpNet, W)> {
    let mut heaviest: BTreeMap<(IpAddr, u8), W> = BTreeMap::new();
    for (net, weight) in networks {
        let known = heaviest.entry((net.network(), net.prefix_len())).or_insert(weight);
        *known = (*known).max(weight);
    }
    let mut open: Vec<(IpNet, W)> = Vec::new();
    let mut kept = Vec::new();
    for ((first, bits), weight) in heaviest {
        let Ok(net) = IpNet::new(first, bits) else {
            continue;
        };
        while open.last().is_some_and(|(outer, _)| !outer.contains(&net)) {
            open.pop();
        }
        if open.last().is_none_or(|(_, outer)| weight > *outer) {
            open.push((net, weight));
            kept.push((net, weight));
        }
    }
    kept
}

#[cfg(test)]
mod tests;
