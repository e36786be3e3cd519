//! The whole way of an event, put together:
//!
//! ```text
//! sources ─▶ feed: parse ─▶ enrich ─▶ match              each source's thread, in batches
//!                 │ candidates
//!                 ▼
//! core: windows ─▶ rule body ─▶ proposed decisions      one thread, event time, pure
//!                 │ firings
//!                 ▼
//! engine: guard's desk ─▶ journal + outbox + input order (one transaction)
//!                 │ committed actions
//!                 ▼
//! executors (one for each destination) ─▶ outside
//! ```
//!
//! Live, replay and tests of rules share `stage` and `core`; only what happens to a firing differs.

pub mod stage;
mod evidence;
pub mod core;
pub mod watermark;
pub mod steady;
pub mod desk;
mod outcomes;
mod answers;
pub mod plugins;
pub mod programs;
pub mod lacking;
pub mod feed;
pub mod threat_feeds;
pub mod places;
pub mod engine;
pub mod formats;
pub mod replay;
pub mod compare;
pub mod report;
pub mod trial;
pub mod explain;
pub mod rule_set;
pub mod rule_keeper;
mod secrets;
pub mod meta;
pub mod machine;
pub mod control;
pub mod live;
pub mod watch;
pub mod sample;
pub mod measure;
