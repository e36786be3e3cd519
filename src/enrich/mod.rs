//! What the record does not say outright: the real client behind trusted proxies, where it is, and
//! which program it says that it is.
//!
//! In: a parsed event, what is known of an address. Out: the same event with `ip` as the client's own
//! address and `peer` as the address that connected, with `country` and `asn`; what a user agent says. No I/O.

pub mod geo;
mod prefixes;
mod real_client;
pub mod user_agent;

pub use geo::Geo;
pub use prefixes::Prefixes;
pub use real_client::{Client, Listed, RealClient, Whose};
