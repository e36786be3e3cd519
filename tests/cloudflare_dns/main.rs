//! DNS at Cloudflare against the look-alike: the command line, and what the daemon does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod failover;
mod records;
#[path = "../support/mod.rs"]
mod support;
