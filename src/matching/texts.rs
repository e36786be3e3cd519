//! Lists of literals and of networks, made ready: one look tells whether any of them fits.

use super::expr::{Literal, TextTest};
use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, StartKind};
use ipnet::IpNet;
use memchr::memmem::Finder;
use std::net::IpAddr;

/// Up to this many bytes of literals have a full table, which is faster; beyond, it would be large.
const TABLE_BYTES_MAX: usize = 64;

/// A test of a text against literals.
pub(super) struct TextList {
    pub(super) literals: Box<[Literal]>,
    how: How,
}

enum How {
    /// One of the literals is empty: every text passes.
    Always,
    /// One literal, or a few at a fixed place.
    Each(TextTest),
    Anywhere(Box<Finder<'static>>),
    AnyOf(AhoCorasick),
    StartsWithAny(AhoCorasick),
    /// The literals are in the order of their last bytes.
    EndsWithAny,
}

impl TextList {
    pub(super) fn new(test: TextTest, literals: &[Literal]) -> Self {
        let mut literals: Box<[Literal]> = literals.into();
        let how = if literals.iter().any(|literal| literal.bytes().is_empty()) {
            How::Always
        } else {
            match (test, &*literals) {
                (TextTest::Contains, [one]) => {
                    How::Anywhere(Box::new(Finder::new(one.bytes()).into_owned()))
                }
                (TextTest::Contains, [_, ..]) => {
                    automaton(&literals, StartKind::Unanchored).map_or(How::Each(test), How::AnyOf)
                }
                (TextTest::Starts, [_, _, _, ..]) => automaton(&literals, StartKind::Anchored)
                    .map_or(How::Each(test), How::StartsWithAny),
                (TextTest::Ends, [_, _, _, ..]) => {
                    literals.sort_by_key(last_byte);
                    How::EndsWithAny
                }
                _ => How::Each(test),
            }
        };
        Self { literals, how }
    }

    /// Whether the text passes the test for any of the literals.
    pub(super) fn fits(&self, text: &[u8]) -> bool {
        match &self.how {
            How::Always => true,
            How::Anywhere(finder) => finder.find(text).is_some(),
            How::AnyOf(automaton) => automaton.is_match(text),
            How::StartsWithAny(automaton) => {
                let input = Input::new(text).anchored(Anchored::Yes).earliest(true);
                // An anchored search is what the automaton was made for.
                matches!(automaton.try_find(input), Ok(Some(_)))
            }
            How::EndsWithAny => {
                let last = text.last().copied();
                let first = self.literals.partition_point(|literal| last_byte(literal) < last);
                let same = self.literals.iter().skip(first);
                same.take_while(|literal| last_byte(literal) == last)
                    .any(|literal| text.ends_with(literal.bytes()))
            }
            How::Each(how) => self.literals.iter().any(|literal| match how {
                TextTest::Starts => text.starts_with(literal.bytes()),
                TextTest::Ends => text.ends_with(literal.bytes()),
                TextTest::Contains => memchr::memmem::find(text, literal.bytes()).is_some(),
            }),
        }
    }
}

fn last_byte(literal: &Literal) -> Option<u8> {
    literal.bytes().last().copied()
}

fn automaton(literals: &[Literal], start: StartKind) -> Option<AhoCorasick> {
    let patterns = literals.iter().map(Literal::bytes);
    let bytes: usize = patterns.clone().map(<[u8]>::len).sum();
    AhoCorasick::builder().start_kind(start).kind(Some(kind_for(bytes))).build(patterns).ok()
}

/// Which form an automaton of so many bytes of literals takes.
pub(super) fn kind_for(bytes: usize) -> AhoCorasickKind {
    if bytes > TABLE_BYTES_MAX { AhoCorasickKind::ContiguousNFA } else { AhoCorasickKind::DFA }
}

/// Networks as spans of addresses, in order and apart.
pub(super) struct NetList {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl NetList {
    pub(super) fn new(nets: &[IpNet]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { v4: apart(v4), v6: apart(v6) }
    }

    /// Whether any of the networks holds the address.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => is_in(&self.v4, address.to_bits()),
            IpAddr::V6(address) => is_in(&self.v6, address.to_bits()),
        }
    }
}

fn apart<N: Copy + Ord>(mut spans: Vec<(N, N)>) -> Box<[(N, N)]> {
    spans.sort_unstable();
    let mut merged: Vec<(N, N)> = Vec::with_capacity(spans.len());
    for (first, last) in spans {
        match merged.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged.into()
}

fn is_in<N: Copy + Ord>(spans: &[(N, N)], wanted: N) -> bool {
    let after = spans.partition_point(|(first, _)| *first <= wanted);
    let before = after.checked_sub(1).and_then(|place| spans.get(place));
    before.is_some_and(|(_, last)| wanted <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_fits_where_one_of_its_literals_does(
            literals in prop::collection::vec("[ab/]{0,3}", 0..8),
            text in "[ab/]{0,9}",
        ) {
            let made: Vec<Literal> = literals.iter().map(|text| Literal::new(text)).collect();
            let fits = |test| TextList::new(test, &made).fits(text.as_bytes());
            let any = |holds: &dyn Fn(&str) -> bool| literals.iter().any(|part| holds(part));
            prop_assert_eq!(fits(TextTest::Starts), any(&|part| text.starts_with(part)));
            prop_assert_eq!(fits(TextTest::Ends), any(&|part| text.ends_with(part)));
            prop_assert_eq!(fits(TextTest::Contains), any(&|part| text.contains(part)));
        }

        #[test]
        fn a_list_of_networks_holds_what_one_of_them_holds(
            nets in prop::collection::vec((any::<bool>(), any::<u32>(), 0_u8..=32), 0..9),
            v4: bool,
            address: u32,
        ) {
            let ip = |v4: bool, bits: u32| if v4 {
                IpAddr::V4(bits.into())
            } else {
                IpAddr::V6((u128::from(bits) << 96).into())
            };
            let nets: Vec<IpNet> = (nets.into_iter())
                .map(|(v4, bits, length)| IpNet::new(ip(v4, bits), length).unwrap())
                .collect();
            let address = ip(v4, address);
            prop_assert_eq!(
                NetList::new(&nets).holds(address),
                nets.iter().any(|net| net.contains(&address))
            );
        }
    }
}
