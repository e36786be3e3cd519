//! Whether a request is its sender's, and which delivery it is.
//!
//! In: the plan, the secret, the request's headers and body, and the time. Out: a name for the delivery
//! that a replay can't change, or that nothing is proven. Pure; comparisons take the same time whatever
//! they find.

use super::config::{Algorithm, Encoding, Plan, SignatureConfig};
use crate::clock::Timestamp;
use crate::limits;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq as _;

/// It isn't proven who sent it, or when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unproven;

/// What names a delivery: 128 bits of a hash.
pub(super) type Id = u128;

/// Which part of a request names its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named<'r> {
    /// What the sender has named it by.
    Id(&'r [u8]),
    /// Its body, of which the hash is made when it is read.
    Body {
        /// The signed time: the same body at another time is another delivery.
        time: Option<&'r [u8]>,
    },
}

/// A header's value; nothing where it is there more than once, so that no two readers of the request
/// can take different ones.
pub(super) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

/// Whether the header holds the secret, alone or after `Bearer `.
pub(super) fn holds_secret(plan: &Plan, secret: &Secret, headers: &HeaderMap) -> bool {
    let Some(given) = one(headers, &plan.secret_header) else { return false };
    let scheme =
        |value: &[u8]| value.get(..7).is_some_and(|head| head.eq_ignore_ascii_case(b"bearer "));
    let bare = if scheme(given) { given.get(7..).unwrap_or_default() } else { given };
    let expected = Sha256::digest(secret.reveal().trim().as_bytes());
    // The hashes are of one length, so that nothing tells how long the secret is.
    let same = |value: &[u8]| Sha256::digest(value.trim_ascii()).ct_eq(&expected);
    bool::from(same(given) | same(bare))
}

/// Whether the signature is the sender's, and the signed time is now.
pub(super) fn is_signed(
    plan: &Plan,
    signature: &SignatureConfig,
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Unproven> {
    let given = one(headers, &signature.header).ok_or(Unproven)?;
    let time = signature.time_header.as_deref().map(|name| one(headers, name).ok_or(Unproven));
    let time = time.transpose()?;
    let id = plan.delivery_header.as_deref().and_then(|name| one(headers, name));
    let signed = signed(&signature.signed, id, time, body).ok_or(Unproven)?;
    let key = key(secret).ok_or(Unproven)?;
    let prefix = signature.prefix.as_bytes();
    let candidates = given.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty()).take(4);
    let proven = candidates.filter_map(|part| part.strip_prefix(prefix)).any(|text| {
        decode(signature.encoding, text)
            .is_some_and(|mac| verify(signature.algorithm, &key, &signed, &mac))
    });
    if !proven {
        return Err(Unproven);
    }
    match time {
        Some(time) if !is_now(time, now) => Err(Unproven),
        _ => Ok(()),
    }
}

/// What names the delivery. A name that nobody signed is none where others are: whoever has seen a
/// request could send it again under another.
pub(super) fn named<'r>(plan: &Plan, headers: &'r HeaderMap) -> Named<'r> {
    let id = plan.delivery_header.as_deref().and_then(|name| one(headers, name));
    let id = id.filter(|id| !id.is_empty());
    match (&plan.signature, id) {
        (None, Some(id)) if plan.secret.is_some() => Named::Id(id),
        (Some(signature), Some(id)) if signature.signed.contains("{id}") => Named::Id(id),
        (Some(signature), _) => {
            let time = signature.time_header.as_deref().and_then(|name| one(headers, name));
            Named::Body { time }
        }
        _ => Named::Body { time: None },
    }
}

/// The name of a delivery from the hash of what names it.
pub(super) fn id_of(hash: Sha256) -> Id {
    let hash = hash.finalize();
    hash.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))
}

/// The key of a signature; `whsec_` before it means base64 (Standard Webhooks).
fn key(secret: &Secret) -> Option<Vec<u8>> {
    let secret = secret.reveal().trim_end_matches(['\r', '\n']);
    match secret.strip_prefix("whsec_") {
        Some(text) => STANDARD.decode(text).ok(),
        None => Some(secret.as_bytes().to_vec()),
    }
    .filter(|key| !key.is_empty())
}

/// The parts that are signed, in their order.
fn signed<'r>(
    pattern: &'r str,
    id: Option<&'r [u8]>,
    time: Option<&'r [u8]>,
    body: &'r [u8],
) -> Option<Vec<&'r [u8]>> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        parts.push(before.as_bytes());
        parts.push(match name {
            "body" => body,
            "time" => time?,
            "id" => id?,
            _ => return None,
        });
        rest = after;
    }
    parts.push(rest.as_bytes());
    Some(parts)
}

fn decode(encoding: Encoding, text: &[u8]) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Hex => {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let pairs = text.chunks(2).map(|pair| match pair {
                [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
                _ => None,
            });
            pairs.collect()
        }
    }
}

fn verify(algorithm: Algorithm, key: &[u8], signed: &[&[u8]], mac: &[u8]) -> bool {
    macro_rules! by {
        ($hash:ty) => {{
            let Ok(mut hmac) = Hmac::<$hash>::new_from_slice(key) else { return false };
            for part in signed {
                hmac.update(part);
            }
            // In constant time, and of the whole length.
            hmac.verify_slice(mac).is_ok()
        }};
    }
    match algorithm {
        Algorithm::Sha256 => by!(Sha256),
        Algorithm::Sha512 => by!(Sha512),
    }
}

fn is_now(time: &[u8], now: Timestamp) -> bool {
    let time = std::str::from_utf8(time).ok().and_then(|text| text.parse::<i64>().ok());
    time.is_some_and(|time| now.as_secs().abs_diff(time) <= limits::HTTP_SIGNED_TIME_SECS_MAX)
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
