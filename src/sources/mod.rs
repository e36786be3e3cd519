//! Where records come from: log files, stdin, programs, and files read again in a replay.
//!
//! In: bytes outside of riposte. Out: [`Batch`]es of records with the place of each, handed to a
//! [`Sink`]. A source does not parse, and decides nothing; it loses nothing, gives nothing twice,
//! and says so when it can't.

pub mod files;
pub mod stdin;
pub mod program;
pub mod probe;
pub mod address;
pub mod syslog;
pub mod journald;
pub mod cloudflare;
pub mod host;
pub mod http;
pub mod containers;
pub mod ledger;
pub mod replay;
pub mod reread;
pub mod supervise;

// Parts of the file source, from the pure to the outside.
mod lines;
mod joined;
mod block;
mod spent;
mod identity;
mod rotation;
mod belongs;
mod archive;
mod packed;
mod content;
mod tail;
mod long_line;
mod marks;
mod locate;
mod follow;
mod missed;
mod catchup;
mod watch;
mod reader;
mod spool;
mod cursors;
mod regular;

use crate::event::Batch;

pub use block::{Batches, Block};
pub use files::{Files, FilesConfig, Start};
pub use joined::Join;
pub use replay::Replay;
pub use reread::{RereadError, Rereader, reread};
pub use stdin::{Stdin, StdinConfig};
pub use supervise::Handle;

/// Where a source puts what it read.
///
/// - `send` blocks while the engine is behind: a file waits on the disk, so nothing is dropped.
/// - `send` returns [`Closed`] when nobody will ever take a batch again; the source then ends.
/// - Batches of one stream come in the order of their offsets, and never overlap. An empty batch
///   (`from == to`, no records) tells where reading starts, so that a restart knows it too.
/// - `alarm` says what a person should look at; it must not block for long, and a source repeats
///   itself only when the trouble has ended and come back.
/// - Both may be called from several threads of the source.
pub trait Sink: Send + Sync {
    /// Hands a batch over; waits while the engine is behind.
    fn send(&self, batch: Batch) -> Result<(), Closed>;
    /// Tells of trouble in the source named `source`.
    fn alarm(&self, source: &str, text: String);
}

/// The engine takes no more batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine takes no more batches")]
pub struct Closed;

#[cfg(test)]
mod tests;
