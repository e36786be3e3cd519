//! What the kernel's files below /proc say, read as text. Pure; sources: proc(5) of man-pages 6, and the
//! kernel's Documentation/networking (tcp states, `TcpExt`).

use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// States of a TCP socket in /proc/net/tcp.
const ESTABLISHED: u8 = 0x01;
const SYN_RECV: u8 = 0x03;
const TIME_WAIT: u8 = 0x06;

/// The load averages of one, five and fifteen minutes.
pub(super) fn load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || words.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

/// Memory, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub total: u64,
    pub available: u64,
    pub swap_total: u64,
    pub swap_free: u64,
}

/// /proc/meminfo, which counts in KiB.
pub(super) fn memory(text: &str) -> Option<Memory> {
    let mut memory = Memory::default();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let place = match name {
            "MemTotal" => &mut memory.total,
            "MemAvailable" => &mut memory.available,
            "SwapTotal" => &mut memory.swap_total,
            "SwapFree" => &mut memory.swap_free,
            _ => continue,
        };
        let kib: u64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
        *place = kib.saturating_mul(1_024);
    }
    (memory.total > 0).then_some(memory)
}

/// TCP connections by state, and established ones by network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Connections {
    pub established: u64,
    pub syn_recv: u64,
    pub time_wait: u64,
    pub by_network: BTreeMap<IpNet, u64>,
}

impl Connections {
    /// Adds a line of /proc/net/tcp or tcp6; what is none is left out.
    pub fn add(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace().skip(2);
        let (Some(remote), Some(state)) = (words.next(), words.next()) else { return };
        let Ok(state) = u8::from_str_radix(state, 16) else { return };
        match state {
            SYN_RECV => self.syn_recv += 1,
            TIME_WAIT => self.time_wait += 1,
            ESTABLISHED => {
                self.established += 1;
                let address = remote.split(':').next().and_then(address);
                if let Some(address) = address.filter(|address| !address.is_loopback()) {
                    let network = crate::event::net::prefix(address, 24, 48);
                    *self.by_network.entry(network).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    /// The networks with at least so many, those with most first.
    pub fn busiest(&self, least: u64, most: usize) -> Vec<(IpNet, u64)> {
        let mut busy: Vec<(IpNet, u64)> =
            self.by_network.iter().map(|(net, count)| (*net, *count)).collect();
        busy.retain(|(_, count)| *count >= least);
        busy.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
        busy.truncate(most);
        busy
    }
}

/// An address as these files write it: words of four bytes, each in the machine's order (little-endian
/// on all that riposte runs on).
fn address(text: &str) -> Option<IpAddr> {
    let word = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
    if text.len() == 8 {
        return word(text).map(|bits| Ipv4Addr::from_bits(bits).into());
    }
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut bits = 0_u128;
    for place in 0..4 {
        bits = bits << 32 | u128::from(word(text.get(place * 8..place * 8 + 8)?)?);
    }
    Some(IpAddr::from(Ipv6Addr::from_bits(bits)).to_canonical())
}

/// A counter of /proc/net/netstat, whose lines come in pairs of names and numbers.
pub(super) fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let place = names.split_ascii_whitespace().position(|known| known == name)?;
    numbers.split_ascii_whitespace().nth(place)?.parse().ok()
}

/// A program's name in /proc/PID/stat: between the first parenthesis and the last.
pub(super) fn name(stat: &str) -> Option<&str> {
    let behind = stat.split_once('(')?.1;
    Some(behind.rsplit_once(')')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        assert_eq!(load("0.52 1.58 2.59 3/602 29589\n"), Some([0.52, 1.58, 2.59]));
        let text = "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\nSwapTotal: 4 kB\nSwapFree: 1 kB\n";
        let memory = memory(text).unwrap();
        assert_eq!((memory.total, memory.available), (16 * 1_048_576, 8 * 1_048_576));
        assert_eq!((memory.swap_total, memory.swap_free), (4_096, 1_024));
        let mut connections = Connections::default();
        for line in [
            "  sl  local_address rem_address   st tx_queue rx_queue",
            "   0: 0100007F:0035 00000000:0000 0A 00000000:00000000",
            "   1: 050200C0:01BB 097100CB:D431 01 00000000:00000000",
            "   2: 050200C0:01BB 0A7100CB:D432 01 00000000:00000000",
            "   3: 050200C0:01BB 0A7100CB:D433 03 00000000:00000000",
            "   4: 050200C0:01BB 0A7100CB:D434 06 00000000:00000000",
            "   5: 0100007F:01BB 0100007F:D434 01 00000000:00000000",
            "   6: B80D0120000000000000000001000000:01BB B80D0120070001000000000009000000:D434 01 0:0",
            "   7: 0000000000000000FFFF0000050200C0:01BB 0000000000000000FFFF00000B7100CB:D434 01 0:0",
        ] {
            connections.add(line);
        }
        assert_eq!(
            (connections.established, connections.syn_recv, connections.time_wait),
            (5, 1, 1)
        );
        let busy = connections.busiest(1, 10);
        assert_eq!(busy[0], ("203.0.113.0/24".parse().unwrap(), 3));
        assert_eq!(busy[1], ("2001:db8:1::/48".parse().unwrap(), 1));
        assert_eq!(connections.busiest(2, 10).len(), 1);
        let text = "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 7 9\nIpExt: A\nIpExt: 1\n";
        assert_eq!(counter(text, "TcpExt:", "ListenOverflows"), Some(9));
        assert_eq!(counter(text, "TcpExt:", "Nothing"), None);
        assert_eq!(name("42 (a) b (c) S 1"), Some("a) b (c"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,200}", line in "[0-9A-F: ]{0,120}") {
            load(&text);
            memory(&text);
            counter(&text, "TcpExt:", "x");
            name(&text);
            let mut connections = Connections::default();
            connections.add(&text);
            connections.add(&line);
        }
    }
}
