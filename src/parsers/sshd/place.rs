//! Where in sshd's messages the client's address stands, and what a client can write around it.
//!
//! A user name may be `x from 192.0.2.8 port 22` and hold anything but control characters, which
//! sshd escapes; a certificate's id, a disconnect text and a name in DNS are the client's too. So:
//! an address at the front counts only where nothing of the client's comes before it; one after
//! such text counts only when it is the last and reaches to the end of the message (or to text
//! that is sshd's own); where both sides are the client's and more than one reading is possible,
//! there is no address at all.

use crate::parsers::scan;
use std::net::IpAddr;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Its port, where the message has it.
    pub port: Option<i64>,
}

/// Forms of an address that stands alone or at the front.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// `192.0.2.1 port 4711` or `192.0.2.1`, then anything.
    Front,
    /// `192.0.2.1`, nothing else.
    Bare,
    /// `[192.0.2.1]:4711`, nothing else.
    Bracketed,
}

impl Place {
    /// The address in that form.
    pub fn find(self, text: &[u8]) -> Option<Peer> {
        match self {
            Self::Front => {
                let (word, rest) = scan::word(text);
                let word = word.strip_suffix(b":").unwrap_or(word);
                let address = scan::ip(word.strip_suffix(b",").unwrap_or(word))?;
                let port = rest.strip_prefix(b"port ").and_then(scan::leading_int);
                Some(Peer { address, port: port.map(|(port, _)| port).filter(is_port) })
            }
            Self::Bare => Some(Peer { address: scan::ip(text)?, port: None }),
            Self::Bracketed => {
                let (address, port) = scan::ip_colon_port(text)?;
                Some(Peer { address, port: Some(port) })
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "for `Option::filter`")]
fn is_port(port: &i64) -> bool {
    *port <= 65_535
}

/// An address with its port at the front, and what follows: `192.0.2.1 port 4711…`.
fn address_port(text: &[u8]) -> Option<(Peer, &[u8])> {
    let (address, rest) = scan::split_at_byte(text, b' ')?;
    let address = scan::ip(address)?;
    let (port, rest) = scan::leading_int(rest.strip_prefix(b"port ")?)?;
    is_port(&port).then_some((Peer { address, port: Some(port) }, rest))
}

/// User and address of `USER from ADDRESS port N` where that and `end` close the message; the
/// port may be missing (before OpenSSH 7).
pub fn last_from<'m>(text: &'m [u8], end: &[u8]) -> (Option<&'m [u8]>, Option<Peer>) {
    let Some(body) = text.strip_suffix(end) else {
        return (None, None);
    };
    // An empty user leaves `from` at the front of the text, with a space before it.
    let Some((user, rest)) = scan::rsplit_at(body, b" from ") else {
        return (None, None);
    };
    let peer = match address_port(rest) {
        Some((peer, b"")) => Some(peer),
        _ => Place::Bare.find(rest),
    };
    (Some(user), peer)
}

/// User and address of `USER from ADDRESS port N ssh2[: KEY]`.
///
/// A plain key is two words of sshd's own, so the last address before it is the right one. What
/// else may follow (a certificate with its id, the client's user and host) can be written by the
/// client: then the address must be the only one in the message.
pub fn before_key(text: &[u8]) -> (Option<&[u8]>, Option<Peer>) {
    let mut found: Option<(&[u8], Peer, &[u8])> = None;
    let mut count = 0_usize;
    for at in memchr::memmem::find_iter(text, b" from ") {
        let (user, rest) = text.split_at_checked(at).unwrap_or_default();
        let rest = rest.get(6..).unwrap_or_default();
        if let Some((peer, after)) = address_port(rest)
            && let Some(tail) = after.strip_prefix(b" ssh2")
            && (tail.is_empty() || tail.starts_with(b": "))
        {
            count += 1;
            found = Some((user, peer, tail));
        }
    }
    match found {
        Some((user, peer, tail)) if count == 1 || is_own_tail(tail) => (Some(user), Some(peer)),
        _ => (None, None),
    }
}

/// Whether nothing in what follows `ssh2` can be the client's: nothing, or `: RSA SHA256:…`.
fn is_own_tail(tail: &[u8]) -> bool {
    let Some(key) = tail.strip_prefix(b": ") else {
        return tail.is_empty();
    };
    scan::split_at_byte(key, b' ').is_some_and(|(kind, print)| {
        !kind.is_empty()
            && kind
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'0'..=b'9' | b'-'))
            && (print.starts_with(b"SHA256:") || print.starts_with(b"MD5:"))
            && !print.iter().any(|byte| matches!(byte, b' ' | b',' | b'"'))
    })
}

/// User and address of `[invalid user USER ]ADDRESS port N` where what follows is sshd's own:
/// nothing (an empty `end`), or the text that begins with `end`.
pub fn after_preamble<'m>(text: &'m [u8], end: &[u8]) -> (Option<&'m [u8]>, Option<Peer>) {
    let closes = |rest: &[u8]| {
        if end.is_empty() { rest.is_empty() } else { rest.starts_with(end) }
    };
    if let Some(start) = user_preamble(text) {
        let mut last = None;
        for at in memchr::memchr_iter(b' ', start) {
            let (user, rest) = start.split_at_checked(at).unwrap_or_default();
            if let Some((peer, rest)) = address_port(rest.get(1..).unwrap_or_default())
                && closes(rest)
            {
                last = Some((user, peer));
            }
        }
        return last.map_or((None, None), |(user, peer)| (Some(user), Some(peer)));
    }
    match address_port(text) {
        Some((peer, rest)) if closes(rest) => (None, Some(peer)),
        // Before OpenSSH 7.2 there was no port: `Connection closed by 192.0.2.1`.
        _ if end.is_empty() => (None, Place::Bare.find(text)),
        _ => (None, None),
    }
}

/// What follows `invalid user `, `authenticating user ` or `user `.
fn user_preamble(text: &[u8]) -> Option<&[u8]> {
    [&b"invalid user "[..], b"authenticating user ", b"user "]
        .iter()
        .find_map(|start| text.strip_prefix(*start))
}

/// User and address of `Disconnecting [invalid user USER ]ADDRESS port N: TEXT`: user and text
/// may both be the client's, so the address must be the only one.
pub fn in_disconnecting(text: &[u8]) -> (Option<&[u8]>, Option<Peer>) {
    let Some(start) = user_preamble(text) else {
        return (None, address_port(text).filter(|(_, rest)| rest.starts_with(b": ")).map(|p| p.0));
    };
    let mut found = None;
    for at in memchr::memchr_iter(b' ', start) {
        let (user, rest) = start.split_at_checked(at).unwrap_or_default();
        if let Some((peer, rest)) = address_port(rest.get(1..).unwrap_or_default())
            && rest.starts_with(b": ")
        {
            if found.is_some() {
                return (None, None);
            }
            found = Some((user, peer));
        }
    }
    found.map_or((None, None), |(user, peer)| (Some(user), Some(peer)))
}

/// User and address from `logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root`: the
/// first `rhost`, since all before it is sshd's and the user comes last.
pub fn pam_details(text: &[u8]) -> (Option<&[u8]>, Option<Peer>) {
    let Some((_, rest)) = scan::split_at(text, b" rhost=") else {
        return (None, None);
    };
    let (address, rest) = scan::word(rest);
    let user = scan::split_at(rest, b"user=").map(|(_, user)| user);
    (user.filter(|user| !user.is_empty()), Place::Bare.find(address))
}

/// The address of `ipv4: new 192.0.2.1/32 active penalty of …` or `192.0.2.0/24: activating …`;
/// a prefix of several clients is no client's address.
pub fn penalised(text: &[u8]) -> Option<Peer> {
    let text = [&b"ipv4: new "[..], b"ipv6: new "]
        .iter()
        .find_map(|start| text.strip_prefix(*start))
        .unwrap_or(text);
    let (net, _) = scan::word(text);
    let (address, bits) = scan::split_at_byte(net.strip_suffix(b":").unwrap_or(net), b'/')?;
    let address = scan::ip(address)?;
    let one_client = scan::int(bits)? >= if address.is_ipv4() { 32 } else { 64 };
    one_client.then_some(Peer { address, port: None })
}
