//! Threat feeds: lists of addresses that others keep, as sets that rules ask.
//!
//! In: a feed of the config. On the way: fetched or read ([`fetch`]), taken apart ([`read`]),
//! judged against the version in force ([`judge`]), kept on disk ([`copies`]). Out: a [`Feeds`],
//! all versions in force together. When that counts is the pipeline's business: a version is a
//! numbered input like any other.

pub mod config;
pub mod copies;
pub mod fetch;
pub mod judge;
pub mod keeper;
pub mod read;
pub mod shipped;
mod set;

pub use config::FeedConfig;
pub use copies::Copies;
pub use keeper::{FeedStatus, Keeper, Loaded};
pub use set::{Feeds, Listed, added};
