//! sshd's messages about clients that speak no SSH, and about names in DNS that don't hold.
//!
//! In: a message without its level and ` [preauth]`. Out: what it says, where it is of this sort.

use super::place::{self, Place};
use super::{Login, connection_from};
use crate::parsers::scan;

/// Clients that don't speak SSH, or not one that is offered.
pub(super) fn protocol(body: &[u8]) -> Option<Login<'_>> {
    let fail = |reason, peer| {
        Some(Login { outcome: Some("failure"), reason, user: None, method: None, peer })
    };
    if let Some(rest) = body.strip_prefix(b"Did not receive identification string from ") {
        return fail("no_identification", Place::Front.find(rest));
    }
    if let Some(rest) = body.strip_prefix(b"Bad protocol version identification '") {
        return fail("bad_protocol", place::last_from(rest, b"").1);
    }
    if let Some(rest) = body.strip_prefix(b"Unable to negotiate with ") {
        return fail("no_match", Place::Front.find(rest));
    }
    for start in [&b"probed from "[..], b"scanned from "] {
        if let Some(rest) = body.strip_prefix(start) {
            return fail("scan", Place::Front.find(rest));
        }
    }
    if body.starts_with(b"kex_exchange_identification: ")
        || body.starts_with(b"kex_protocol_error: ")
        || body.starts_with(b"Protocol major versions differ")
        || body.starts_with(b"Bad remote protocol version identification")
    {
        return fail("bad_protocol", None);
    }
    for what in [&b"banner exchange"[..], b"ssh_dispatch_run_fatal"] {
        if let Some(rest) = body.strip_prefix(what)
            && let Some(rest) = rest.strip_prefix(b": Connection from ")
        {
            return Some(connection_from(rest, what));
        }
    }
    names(body)
}

/// Trouble with the client's name in DNS: no failure, but worth a rule.
fn names(body: &[u8]) -> Option<Login<'_>> {
    let body = body.strip_suffix(b" - POSSIBLE BREAK-IN ATTEMPT!").unwrap_or(body);
    let peer = if let Some(rest) = body.strip_prefix(b"reverse mapping checking getaddrinfo for ") {
        // The name is whatever the client's DNS says: the address is in the last brackets.
        let rest = rest.strip_suffix(b" failed.").or_else(|| rest.strip_suffix(b" failed"))?;
        let (_, inner) = scan::rsplit_at(rest.strip_suffix(b"]")?, b"[")?;
        Place::Bare.find(inner)
    } else if let Some(rest) = body.strip_prefix(b"Address ") {
        let (address, rest) = scan::word(rest);
        rest.starts_with(b"maps to ").then(|| Place::Bare.find(address))?
    } else if let Some(rest) = body.strip_prefix(b"Nasty PTR record \"") {
        let (_, rest) = scan::rsplit_at(rest, b"\" is set up for ")?;
        Place::Bare.find(rest.strip_suffix(b", ignoring")?)
    } else {
        return None;
    };
    Some(Login { outcome: None, reason: "dns_mismatch", user: None, method: None, peer })
}
