//! What rule bodies may ask their surroundings: past hits, feeds, where an address is, and state.
//!
//! The engine implements [`Host`]; rules see nothing else of the world.

use crate::clock::Timestamp;
use crate::enrich::Geo;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A value kept by `state::set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StateValue {
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Text, at most `limits::STATE_TEXT_BYTES_MAX` bytes.
    Text(String),
}

/// A feed as it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedAsked {
    /// Its name.
    pub name: String,
    /// When what it lists was read; `None` where there is nothing, so that it lists nobody.
    pub version: Option<Timestamp>,
    /// How many entries it has.
    pub entries: u64,
}

/// Look-ups that are the same for every event of a batch, so that predicates may make them too.
///
/// - They answer at once, from memory: they run for every event.
/// - They give the same answer for the whole of a batch, else replay would differ from live.
pub trait Lookups: Send + Sync {
    /// Whether the feed lists the address; an unknown feed lists nothing.
    fn in_feed(&self, address: IpAddr, feed: &str) -> bool;
    /// Where the address is.
    fn geo(&self, address: IpAddr) -> Option<Arc<Geo>>;
    /// Whether there is anybody who could say where an address is.
    fn knows_places(&self) -> bool {
        false
    }
    /// The feeds that are asked, where they stay the same as long as the rules; for telling of them.
    fn feeds(&self) -> Vec<FeedAsked> {
        Vec::new()
    }
}

/// What a body's calls reach.
///
/// - Calls answer at once, from memory; they never wait and never reach the network.
/// - Answers depend only on the numbered inputs so far, so that replay gives the same.
/// - State writes hold as soon as they are made, also when the body faults later.
pub trait Host: Send + Sync {
    /// The event time that the body runs at.
    fn now(&self) -> Timestamp;
    /// How many hits a key (as text) had within that time before now, in all rules.
    fn past_hits(&self, key: &str, within: Duration) -> u64;
    /// Whether the feed lists the address; an unknown feed lists nothing.
    fn in_feed(&self, address: IpAddr, feed: &str) -> bool;
    /// Where the address is.
    fn geo(&self, address: IpAddr) -> Option<Arc<Geo>>;
    /// The value of a key, unless its time is over.
    fn state_get(&self, key: &str) -> Option<StateValue>;
    /// Sets a key for `ttl` from now.
    fn state_set(&self, key: &str, value: StateValue, ttl: Duration);
    /// Adds to a number (0 where there is none, or no number) and gives the sum; the time to live
    /// starts anew.
    fn state_add(&self, key: &str, amount: f64, ttl: Duration) -> f64;
}

/// Finds nothing: for a machine without feeds and databases.
#[derive(Debug, Default)]
pub struct NoLookups;

impl Lookups for NoLookups {
    fn in_feed(&self, _address: IpAddr, _feed: &str) -> bool {
        false
    }

    fn geo(&self, _address: IpAddr) -> Option<Arc<Geo>> {
        None
    }
}
