//! What the record does not say outright: the real client behind trusted proxies, and where it is.
//!
//! In: a parsed event, what is known of an address. Out: the same event with `ip` as the client's own
//! address and `peer` as the address that connected, with `country` and `asn`. No I/O.

pub mod geo;
mod prefixes;
mod real_client;

pub use geo::Geo;
pub use prefixes::Prefixes;
pub use real_client::{Client, RealClient};
