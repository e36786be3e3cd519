//! The main job with real web servers on loopback: their log lines, their answers, and rotation by
//! the real logrotate.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod blocking;
mod others;
mod rotation;
