//! What OpenSSH's server logs about logins, from 7.x to 9.9, on top of syslog lines of `sshd`,
//! `sshd-session` and `sshd-auth`. The message forms were read in OpenSSH's source (auth.c,
//! auth-pam.c, packet.c, kex.c, sshd.c, srclimit.c, monitor.c) in November 2026.
//!
//! In: a line. Out: an `ssh.auth` event, or a `syslog` event where the line is about no login.
//! Which place of a message holds the address is [`place`]'s business.

mod place;
mod protocol;
#[cfg(test)]
mod forgery_tests;
#[cfg(test)]
mod tests;

use super::stamp::Zone;
use super::{Unparsed, syslog};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind, Value};
use place::{Peer, Place};

/// OpenSSH cuts what it hands to syslog here (log.c, `%.500s`). A message of this length may have
/// lost its end, so that what a client wrote stands where the address should: it gives none.
const MESSAGE_BYTES_MAX: usize = 500;

/// What a message says, before it goes into the event.
struct Login<'m> {
    outcome: Option<&'static str>,
    reason: &'static str,
    user: Option<&'m [u8]>,
    method: Option<&'m [u8]>,
    peer: Option<Peer>,
}

/// Fills the event from its record.
pub fn parse(
    line: &[u8],
    zone: &Zone,
    arrival: Timestamp,
    event: &mut Event,
) -> Result<(), Unparsed> {
    let header = syslog::header(line, zone, arrival)?;
    fill(&header, event);
    Ok(())
}

/// Fills the event from a header whose line may be sshd's.
pub fn fill(header: &syslog::Header<'_>, event: &mut Event) {
    event.kind = Kind::Syslog;
    syslog::set_header(event, header);
    if !header.program.is_some_and(is_sshd) {
        return;
    }
    let Some(login) = login(header.message) else {
        return;
    };
    event.kind = Kind::SshAuth;
    event.set_bytes(Field::Reason, login.reason.as_bytes());
    if let Some(outcome) = login.outcome {
        event.set_bytes(Field::Outcome, outcome.as_bytes());
    }
    if let Some(user) = login.user {
        event.set_bytes(Field::User, user);
    }
    if let Some(method) = login.method {
        event.set_bytes(Field::AuthMethod, method);
    }
    if let Some(peer) = login.peer.filter(|_| header.message.len() < MESSAGE_BYTES_MAX) {
        event.set(Field::Ip, Value::Ip(peer.address));
        if let Some(port) = peer.port {
            event.set(Field::Port, Value::Int(port));
        }
    }
}

/// Whether the program is one of OpenSSH's server (one process until 9.7, then two, then three).
pub fn is_sshd(program: &[u8]) -> bool {
    matches!(program, b"sshd" | b"sshd-session" | b"sshd-auth")
}

fn login(message: &[u8]) -> Option<Login<'_>> {
    // Messages of the process before authentication carry ` [preauth]`.
    let (body, before_login) = match message.strip_suffix(b" [preauth]") {
        Some(body) => (body, true),
        None => (message, false),
    };
    let body = [&b"error: "[..], b"fatal: "]
        .iter()
        .find_map(|level| body.strip_prefix(*level))
        .unwrap_or(body);
    attempt(body)
        .or_else(|| pam(body))
        .or_else(|| refusal(body))
        .or_else(|| connection(body, before_login))
        .or_else(|| protocol::protocol(body))
}

/// `Failed password for invalid user bob from 192.0.2.1 port 22 ssh2: …` and its siblings.
fn attempt(body: &[u8]) -> Option<Login<'_>> {
    let (verdict, rest) = super::scan::split_at_byte(body, b' ')?;
    let (outcome, fixed_reason) = match verdict {
        b"Accepted" => (Some("success"), Some("accepted")),
        b"Failed" => (Some("failure"), None),
        b"Partial" => (None, Some("partial")),
        b"Postponed" => (None, Some("postponed")),
        _ => return None,
    };
    let (method, rest) = super::scan::split_at(rest, b" for ")?;
    if method.contains(&b' ') {
        return None;
    }
    // `keyboard-interactive/pam` is a method and its device.
    let method = super::scan::split_at_byte(method, b'/').map_or(method, |(name, _)| name);
    let (rest, invalid) = without_invalid(rest);
    let (user, peer) = place::before_key(rest);
    let reason = match (fixed_reason, method) {
        (Some(reason), _) => reason,
        _ if invalid => "invalid_user",
        (_, b"password") => "bad_password",
        (_, b"publickey") => "bad_publickey",
        (_, b"keyboard-interactive" | b"challenge-response") => "bad_keyboard_interactive",
        (_, b"hostbased") => "bad_hostbased",
        (_, b"none") => "no_method",
        _ => "bad_credentials",
    };
    Some(Login { outcome, reason, user, method: Some(method), peer })
}

fn without_invalid(rest: &[u8]) -> (&[u8], bool) {
    let bare = rest.strip_prefix(b"invalid user ").or_else(|| rest.strip_prefix(b"illegal user "));
    (bare.unwrap_or(rest), bare.is_some())
}

/// What PAM modules and sshd's PAM code say.
fn pam(body: &[u8]) -> Option<Login<'_>> {
    let failed = |user, peer| {
        Some(Login { outcome: Some("failure"), reason: "pam_failure", user, method: None, peer })
    };
    if let Some(rest) = body.strip_prefix(b"PAM: ") {
        // `PAM: Authentication failure for illegal user bob from 192.0.2.1`
        let (_, rest) = super::scan::split_at(rest, b" for ")?;
        let (user, peer) = place::last_from(without_invalid(rest).0, b"");
        return failed(user, peer);
    }
    let details = if let Some(rest) = body.strip_prefix(b"PAM ") {
        // `PAM 2 more authentication failures; logname= … rhost=192.0.2.1  user=root`
        let (_, rest) = super::scan::leading_int(rest)?;
        rest.strip_prefix(b" more authentication failure")?
    } else {
        // `pam_unix(sshd:auth): authentication failure; logname= … rhost=192.0.2.1  user=root`
        let (module, rest) = super::scan::split_at(body, b"(sshd:auth): ")?;
        if !module.starts_with(b"pam_") || module.contains(&b' ') {
            return None;
        }
        rest.strip_prefix(b"authentication failure;")?
    };
    let (user, peer) = place::pam_details(details);
    failed(user, peer)
}

/// Logins that the configuration or the account forbids, and attempts given up.
fn refusal(body: &[u8]) -> Option<Login<'_>> {
    let fail = |reason, user, peer| {
        Some(Login { outcome: Some("failure"), reason, user, method: None, peer })
    };
    if let Some(rest) = body.strip_prefix(b"Invalid user ") {
        let (user, peer) = place::last_from(rest, b"");
        return fail("invalid_user", user, peer);
    }
    if let Some(rest) = body.strip_prefix(b"input_userauth_request: invalid user ") {
        return fail("invalid_user", Some(rest), None);
    }
    if let Some(rest) = body.strip_prefix(b"maximum authentication attempts exceeded for ") {
        let (user, peer) = place::last_from(without_invalid(rest).0, b" ssh2");
        return fail("too_many_attempts", user, peer);
    }
    if let Some(rest) = body.strip_prefix(b"administratively prohibited connection for ") {
        let (user, peer) = place::last_from(without_invalid(rest).0, b"");
        return fail("not_allowed", user, peer);
    }
    if let Some(rest) = body.strip_prefix(b"User ") {
        // `User bob from 192.0.2.1 not allowed because not listed in AllowUsers`
        let (who, _) = super::scan::rsplit_at(rest, b" not allowed because ")?;
        let (user, peer) = place::last_from(who, b"");
        return fail("not_allowed", user.or(Some(who)), peer);
    }
    if let Some(rest) = body.strip_prefix(b"ROOT LOGIN REFUSED FROM ") {
        return fail("not_allowed", Some(b"root"), Place::Front.find(rest));
    }
    if let Some(rest) = body.strip_prefix(b"Access denied for user ") {
        let (user, _) = super::scan::rsplit_at(rest, b" by PAM account configuration")?;
        return fail("not_allowed", Some(user), None);
    }
    if let Some(rest) = body.strip_prefix(b"refused connect from ") {
        // `refused connect from host.example (192.0.2.1)`, by libwrap
        let (_, inner) = super::scan::rsplit_at(rest.strip_suffix(b")")?, b"(")?;
        return fail("not_allowed", None, Place::Bare.find(inner));
    }
    if let Some(rest) = body.strip_prefix(b"public key ") {
        // `public key … signature for bob from 192.0.2.1 port 22 rejected: …`
        let (_, rest) = super::scan::split_at(rest, b" signature for ")?;
        let (who, _) = super::scan::rsplit_at(rest, b" rejected: ")?;
        let (user, peer) = place::last_from(without_invalid(who).0, b"");
        return fail("bad_publickey", user, peer);
    }
    None
}

/// Connections that ended, were cut, refused or timed out.
fn connection(body: &[u8], before_login: bool) -> Option<Login<'_>> {
    let outcome = before_login.then_some("failure");
    let ended = [
        (&b"Connection closed by "[..], "closed"),
        (b"Connection reset by ", "reset"),
        (b"Disconnected from ", "disconnected"),
    ];
    for (start, reason) in ended {
        if let Some(rest) = body.strip_prefix(start) {
            let (user, peer) = place::after_preamble(rest, b"");
            return Some(Login { outcome, reason, user, method: None, peer });
        }
    }
    let make =
        |outcome, reason, user, peer| Some(Login { outcome, reason, user, method: None, peer });
    if let Some(rest) = body.strip_prefix(b"Received disconnect from ") {
        return make(outcome, "disconnected", None, Place::Front.find(rest));
    }
    if let Some(rest) = body.strip_prefix(b"Disconnecting ") {
        let (user, peer) = place::in_disconnecting(rest);
        let many = b"Too many authentication failures";
        let reason = if body.ends_with(many) { "too_many_attempts" } else { "disconnected" };
        return make(Some("failure"), reason, user, peer);
    }
    if body == b"Disconnecting: Too many authentication failures" {
        return make(Some("failure"), "too_many_attempts", None, None);
    }
    if let Some(rest) = body.strip_prefix(b"Timeout before authentication for ") {
        // Since 9.8: `for connection from 192.0.2.1 to 192.0.2.9, pid = 7`.
        let rest = rest.strip_prefix(b"connection from ").unwrap_or(rest);
        return make(Some("failure"), "timeout", None, Place::Front.find(rest));
    }
    if let Some(rest) = body.strip_prefix(b"drop connection #") {
        // `drop connection #7 from [192.0.2.1]:4711 on [192.0.2.9]:22 past MaxStartups`
        let (_, rest) = super::scan::split_at(rest, b" from ")?;
        let (address, _) = super::scan::word(rest);
        return make(Some("failure"), "dropped", None, Place::Bracketed.find(address));
    }
    if let Some(rest) = body.strip_prefix(b"srclimit_penalise: ") {
        return make(Some("failure"), "penalised", None, place::penalised(rest));
    }
    if let Some(rest) = body.strip_prefix(b"Connection from ") {
        return Some(connection_from(rest, b""));
    }
    None
}

/// `Connection from 192.0.2.1 port 4711 on …` (told only at the level VERBOSE), or the form of a
/// fault: `banner exchange: Connection from 192.0.2.1 port 4711: invalid format`.
fn connection_from<'m>(rest: &'m [u8], what: &[u8]) -> Login<'m> {
    if what.is_empty() && !rest.ends_with(b" timed out") {
        let peer = Place::Front.find(rest);
        return Login { outcome: None, reason: "connection", user: None, method: None, peer };
    }
    let reason = match what {
        b"" => "timeout",
        b"banner exchange" => "bad_protocol",
        _ => "connection_fault",
    };
    let tail = if what.is_empty() { &b" timed out"[..] } else { b": " };
    let (user, peer) = place::after_preamble(rest, tail);
    Login { outcome: Some("failure"), reason, user, method: None, peer }
}
