//! The key that a rule counts by: compact, exact, and the same bytes in memory and in the store.
//!
//! In: the parts of a key (a network, a whole number, text, a truth value). Out: bytes that
//! compare, hash and print. Which fields make a key is the rule's business.

use super::net::display_net;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::limits::KEY_TEXT_BYTES_MAX;

// One tag byte opens each part. The two commonest parts carry no prefix length.
const TAG_INT: u8 = 1;
const TAG_TEXT: u8 = 2;
const TAG_FALSE: u8 = 3;
const TAG_V4: u8 = 4;
const TAG_V4_NET: u8 = 5;
const TAG_V6_64: u8 = 6;
const TAG_V6_NET: u8 = 7;
const TAG_TRUE: u8 = 8;
/// Closes a key of events that anybody may have sent.
const TAG_DISTRUSTED: u8 = 9;

/// What a key is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyPart<'p> {
    /// A network; a single address is one of full length. Bits past its length are cleared.
    Net(IpNet),
    /// A whole number.
    Int(i64),
    /// Text. Past `limits::KEY_TEXT_BYTES_MAX` bytes the rest is replaced by its SHA-256 (64
    /// bits of it), so that different texts stay different keys.
    Text(&'p str),
    /// True or false.
    Bool(bool),
    /// The mark of [`Key::distrusted`]; it is not printed.
    Distrusted,
}

/// What a rule counts by: one part or several, as bytes. An IPv4 address takes 5 of them, an
/// IPv6 client (its /64) 9; past 24 they move to the heap.
///
/// The order is that of the bytes: total and stable, of no meaning to people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(SmallVec<[u8; 24]>);

impl Key {
    /// A key of one network.
    pub fn net(net: IpNet) -> Self {
        Self::parts(&[KeyPart::Net(net)])
    }

    /// A key of one IPv4 address, the commonest of all.
    #[inline]
    pub fn v4(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        let mut bytes = [0; 24];
        if let Some(head) = bytes.first_chunk_mut() {
            *head = [TAG_V4, a, b, c, d];
        }
        Self(SmallVec::from_buf_and_len(bytes, 5))
    }

    /// A key of one text.
    pub fn text(text: &str) -> Self {
        Self::parts(&[KeyPart::Text(text)])
    }

    /// A key of one whole number.
    pub fn int(number: i64) -> Self {
        Self::parts(&[KeyPart::Int(number)])
    }

    /// A key of one truth value.
    pub fn bool(flag: bool) -> Self {
        Self::parts(&[KeyPart::Bool(flag)])
    }

    /// The same key for events that anybody may have sent: they count apart, so that what is forged
    /// adds nothing to what is true. No rule can make this key itself.
    #[must_use]
    pub fn distrusted(mut self) -> Self {
        self.0.push(TAG_DISTRUSTED);
        self
    }

    /// Whether it is a key of [`Key::distrusted`].
    pub fn is_distrusted(&self) -> bool {
        self.0.last() == Some(&TAG_DISTRUSTED) && self.iter().last() == Some(KeyPart::Distrusted)
    }

    /// A key of several parts, in that order.
    pub fn parts(parts: &[KeyPart<'_>]) -> Self {
        if let [KeyPart::Net(net)] = parts
            && let Some(bytes) = client_bytes(*net)
        {
            return Self(bytes);
        }
        let mut bytes = SmallVec::new();
        for part in parts {
            encode(part, &mut bytes);
        }
        Self(bytes)
    }

    /// The key's bytes, as the store keeps them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key that has these bytes; `None` when no key has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            decode(&mut rest)?;
        }
        Some(Self(SmallVec::from_slice(bytes)))
    }

    /// The first network among the parts.
    pub fn net_part(&self) -> Option<IpNet> {
        net_part(&self.0)
    }

    /// The /24 or /48 of the first network, as a number that only this function gives meaning to:
    /// what belongs together when memory is shared out.
    #[inline]
    pub fn neighbourhood(&self) -> Option<u64> {
        // The two commonest keys are told by their first byte.
        match self.0.as_slice() {
            [TAG_V4, tail @ ..] => tail.first_chunk().copied().map(v4_neighbourhood),
            [TAG_V6_64, tail @ ..] => tail.first_chunk().copied().map(v6_neighbourhood),
            _ => match self.net_part()? {
                IpNet::V4(net) => net.addr().octets().first_chunk().copied().map(v4_neighbourhood),
                IpNet::V6(net) => net.addr().octets().first_chunk().copied().map(v6_neighbourhood),
            },
        }
    }

    /// As people read it, which is what hits, decisions and the store call it.
    pub fn to_text(&self) -> Arc<str> {
        match self.0.as_slice() {
            // Nearly all keys, and a firing waits for it.
            [TAG_V4, a, b, c, d] => {
                display_net(&IpNet::from(IpAddr::from([*a, *b, *c, *d]))).into()
            }
            _ => self.to_string().into(),
        }
    }

    /// The parts, in order.
    pub fn iter(&self) -> impl Iterator<Item = KeyPart<'_>> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || decode(&mut rest))
    }
}

fn v4_neighbourhood([a, b, c]: [u8; 3]) -> u64 {
    u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c])
}

fn v6_neighbourhood(first: [u8; 6]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().skip(2).zip(first) {
        *to = from;
    }
    u64::from_be_bytes(word) | 1 << 56
}

/// The bytes of the commonest keys, an address or an IPv6 client: made as a whole, since each
/// candidate has one.
#[inline]
fn client_bytes(net: IpNet) -> Option<SmallVec<[u8; 24]>> {
    let mut bytes = [0; 24];
    let (tag, octets, length) = match net {
        IpNet::V4(net) if net.prefix_len() == 32 => {
            (TAG_V4, u64::from(net.addr().to_bits()) << 32, 5)
        }
        IpNet::V6(net) if net.prefix_len() == 64 => {
            let high = net.addr().to_bits() >> 64;
            (TAG_V6_64, u64::try_from(high).unwrap_or(0), 9)
        }
        _ => return None,
    };
    let [first, rest @ ..] = &mut bytes;
    *first = tag;
    *rest.first_chunk_mut::<8>()? = octets.to_be_bytes();
    Some(SmallVec::from_buf_and_len(bytes, length))
}

/// The first network among the parts of a key's bytes.
pub fn net_part(bytes: &[u8]) -> Option<IpNet> {
    let mut rest = bytes;
    while let Some(part) = decode(&mut rest) {
        if let KeyPart::Net(net) = part {
            return Some(net);
        }
    }
    None
}

fn encode(part: &KeyPart<'_>, out: &mut SmallVec<[u8; 24]>) {
    match part {
        KeyPart::Net(IpNet::V4(net)) => {
            let net = net.trunc();
            if net.prefix_len() == 32 {
                out.push(TAG_V4);
            } else {
                out.extend_from_slice(&[TAG_V4_NET, net.prefix_len()]);
            }
            out.extend_from_slice(&net.addr().octets());
        }
        KeyPart::Net(IpNet::V6(net)) => {
            let net = net.trunc();
            let octets = net.addr().octets();
            if net.prefix_len() == 64 {
                out.push(TAG_V6_64);
                out.extend_from_slice(octets.get(..8).unwrap_or_default());
            } else {
                out.extend_from_slice(&[TAG_V6_NET, net.prefix_len()]);
                out.extend_from_slice(&octets);
            }
        }
        KeyPart::Int(number) => {
            out.push(TAG_INT);
            // With the sign bit flipped, bytes compare as the numbers do.
            out.extend_from_slice(&(number ^ i64::MIN).to_be_bytes());
        }
        KeyPart::Text(text) => encode_text(text, out),
        KeyPart::Bool(flag) => out.push(if *flag { TAG_TRUE } else { TAG_FALSE }),
        KeyPart::Distrusted => out.push(TAG_DISTRUSTED),
    }
}

fn encode_text(text: &str, out: &mut SmallVec<[u8; 24]>) {
    let mut kept = text;
    let mut mark = String::new();
    if text.len() > KEY_TEXT_BYTES_MAX {
        kept = text.get(..text.floor_char_boundary(KEY_TEXT_BYTES_MAX)).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let short = digest.first_chunk::<8>().copied().unwrap_or_default();
        mark = format!("…{:016x}", u64::from_be_bytes(short));
    }
    let length = u16::try_from(kept.len() + mark.len()).unwrap_or(u16::MAX);
    out.push(TAG_TEXT);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(kept.as_bytes());
    out.extend_from_slice(mark.as_bytes());
}

/// Takes the next part off `rest`; `None` at the end and on bytes that no key has.
fn decode<'b>(rest: &mut &'b [u8]) -> Option<KeyPart<'b>> {
    let (tag, tail) = rest.split_first()?;
    let (part, tail) = match *tag {
        TAG_INT => {
            let (bytes, tail) = tail.split_first_chunk::<8>()?;
            (KeyPart::Int(i64::from_be_bytes(*bytes) ^ i64::MIN), tail)
        }
        TAG_TEXT => {
            let (length, tail) = tail.split_first_chunk::<2>()?;
            let (text, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            (KeyPart::Text(std::str::from_utf8(text).ok()?), tail)
        }
        TAG_FALSE => (KeyPart::Bool(false), tail),
        TAG_TRUE => (KeyPart::Bool(true), tail),
        TAG_DISTRUSTED => (KeyPart::Distrusted, tail),
        TAG_V4 => {
            let (octets, tail) = tail.split_first_chunk::<4>()?;
            let net = IpNet::from(IpAddr::V4(Ipv4Addr::from(*octets)));
            (KeyPart::Net(net), tail)
        }
        TAG_V4_NET => {
            let (length, tail) = tail.split_first()?;
            let (octets, tail) = tail.split_first_chunk::<4>()?;
            let net = Ipv4Net::new(Ipv4Addr::from(*octets), *length).ok()?;
            (KeyPart::Net(net.into()), tail)
        }
        TAG_V6_64 => {
            let (high, tail) = tail.split_first_chunk::<8>()?;
            let address = Ipv6Addr::from(u128::from(u64::from_be_bytes(*high)) << 64);
            let net = Ipv6Net::new(address, 64).ok()?;
            (KeyPart::Net(net.into()), tail)
        }
        TAG_V6_NET => {
            let (length, tail) = tail.split_first()?;
            let (octets, tail) = tail.split_first_chunk::<16>()?;
            let net = Ipv6Net::new(Ipv6Addr::from(*octets), *length).ok()?;
            (KeyPart::Net(net.into()), tail)
        }
        _ => return None,
    };
    *rest = tail;
    Some(part)
}

/// The parts as people write them, joined by `|`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.iter().enumerate() {
            if part == KeyPart::Distrusted {
                continue;
            }
            if place > 0 {
                f.write_str("|")?;
            }
            match part {
                KeyPart::Net(net) => f.write_str(&display_net(&net))?,
                KeyPart::Int(number) => write!(f, "{number}")?,
                KeyPart::Text(text) => f.write_str(text)?,
                KeyPart::Bool(flag) => write!(f, "{flag}")?,
                KeyPart::Distrusted => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
