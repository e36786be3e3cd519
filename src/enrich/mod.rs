//! What the record does not say outright: the real client behind trusted proxies.
//!
//! In: a parsed event. Out: the same event with `ip` as the client's own address and `peer` as the
//! address that connected. No I/O.

mod prefixes;
mod real_client;

pub use prefixes::Prefixes;
pub use real_client::{Client, RealClient};
