//! Names that last: a hit is named by what made it and where, so that reading the same log again
//! gives the same hit, the same decisions and the same actions.
//!
//! In: rule, key, and the place of the event. Out: 128 bits of SHA-256 (FIPS 180-4) over the parts,
//! each with its length before it, so that no two lists of parts look alike.

use super::model::{ActionId, DecisionId, HitId, Remedy, Target};
use crate::clock::Timestamp;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

/// What a name is made from; `ordinal` tells apart what happens more than once at one place
/// (events that rules emitted, timers).
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The stream of the event's origin; a timer's name where there is no event.
    pub stream: &'a str,
    /// The event's offset in it; the time in microseconds for a timer.
    pub offset: u64,
    /// Counted from 0 among what the same place brought forth for the same rule and key.
    pub ordinal: u32,
}

/// The name of a rule's firing for `key` at `place`.
pub fn hit_id(rule: &str, key: &str, place: Place<'_>) -> HitId {
    HitId(digest(
        b"hit",
        &[
            rule.as_bytes(),
            key.as_bytes(),
            place.stream.as_bytes(),
            &place.offset.to_le_bytes(),
            &place.ordinal.to_le_bytes(),
        ],
    ))
}

/// The name of the decision that a hit's ask number `ordinal` (from 0) led to.
pub fn decision_id(hit: HitId, ordinal: u32) -> DecisionId {
    DecisionId(digest(b"decision", &[&hit.0.to_le_bytes(), &ordinal.to_le_bytes()]))
}

/// The name of a decision that a person, an import or a feed made.
pub fn outside_decision_id(
    by: &str,
    target: &Target,
    remedy: Remedy,
    from: Timestamp,
) -> DecisionId {
    DecisionId(digest(
        b"outside",
        &[
            by.as_bytes(),
            target.to_string().as_bytes(),
            remedy.name().as_bytes(),
            &from.as_micros().to_le_bytes(),
        ],
    ))
}

/// The name of a decision made from another one: widened or gathered to `target`.
pub fn derived_decision_id(from: DecisionId, how: &str, target: &Target) -> DecisionId {
    DecisionId(digest(
        b"derived",
        &[&from.0.to_le_bytes(), how.as_bytes(), target.to_string().as_bytes()],
    ))
}

/// The name of the action for a hit's ask number `ordinal` that isn't a decision.
pub fn action_id(hit: HitId, ordinal: u32) -> ActionId {
    ActionId(digest(b"action", &[&hit.0.to_le_bytes(), &ordinal.to_le_bytes()]))
}

/// The name of the action that puts a decision in force until its end: a decision that was
/// lengthened while it waited is another action.
pub fn enforce_action_id(decision: DecisionId, until: Option<Timestamp>) -> ActionId {
    let until = until.map_or(i64::MAX, Timestamp::as_micros);
    ActionId(digest(b"enforce", &[&decision.0.to_le_bytes(), &until.to_le_bytes()]))
}

/// The name of the action that ends a decision.
pub fn lift_action_id(decision: DecisionId) -> ActionId {
    ActionId(digest(b"lift", &[&decision.0.to_le_bytes()]))
}

/// The name of the action that ends changes at Cloudflare before their time.
pub fn end_change_action_id(enforcer: &str, number: Option<u64>, at: Timestamp) -> ActionId {
    let number = number.map_or_else(Vec::new, |number| number.to_le_bytes().to_vec());
    ActionId(digest(b"end change", &[enforcer.as_bytes(), &number, &at.as_micros().to_le_bytes()]))
}

/// The name of the message that tells people of an alarm.
pub fn alarm_id(from: &str, text: &str, at: Timestamp) -> ActionId {
    let at = at.as_micros().to_le_bytes();
    ActionId(digest(b"alarm", &[from.as_bytes(), text.as_bytes(), &at]))
}

fn digest(what: &[u8], parts: &[&[u8]]) -> u128 {
    // Hashed as a whole: a firing makes two or three, each of a dozen pieces.
    let mut all: SmallVec<[u8; 256]> = SmallVec::new();
    for part in std::iter::once(&what).chain(parts) {
        all.extend_from_slice(&(part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    let bytes: [u8; 32] = Sha256::digest(&all).into();
    bytes.first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(stream: &str, offset: u64, ordinal: u32) -> Place<'_> {
        Place { stream, offset, ordinal }
    }

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let one = hit_id("ab", "c", place("s", 1, 0));
        assert_eq!(one, hit_id("ab", "c", place("s", 1, 0)));
        for other in [
            hit_id("a", "bc", place("s", 1, 0)),
            hit_id("ab", "c", place("t", 1, 0)),
            hit_id("ab", "c", place("s", 2, 0)),
            hit_id("ab", "c", place("s", 1, 1)),
        ] {
            assert_ne!(one, other);
        }
        assert_ne!(decision_id(one, 0), decision_id(one, 1));
        assert_ne!(decision_id(one, 0).0, action_id(one, 0).0);
    }

    #[test]
    fn names_stay_what_they_were() {
        // A change here would do again what was already done before an upgrade.
        let hit = hit_id("wp-login-guessing", "203.0.113.9", place("stream", 4096, 0));
        assert_eq!(hit.to_string(), "33ff2a0fa78ee67b6d2697f34db18d67");
        let decision = decision_id(hit, 0);
        assert_eq!(decision.to_string(), "21375c34ee533c362db9fc388e483f75");
    }
}
