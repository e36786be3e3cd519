//! Temporary changes at Cloudflare: set, held, and put back exactly once.
//!
//! In: effects that the guard has passed, and the ledger of an earlier run. Out: calls, outcomes,
//! and the ledger's rows. What is to be done with a place is pure ([`plan`]); how each kind is read
//! and written is its [`place`]'s; the thread is the [`worker`]'s.
//!
//! The rule for overlaps: the strongest claim in force wins, else the newest; when one ends, the
//! next one applies; when none is left, what was there before comes back. The rule for people: what
//! is neither what we set nor what was there before was set by a person, and is left alone.

mod ends;
mod place;
mod plan;
mod records;
mod route;
mod step;
mod told;
mod worker;

pub(super) use route::ChangesRoute;
pub(super) use worker::ChangesWorker;

use crate::decisions::ChangeRow;

/// Where the rows of temporary changes are kept; implemented over the store.
///
/// - `keep` returns only when the row survives `kill -9`: a write to Cloudflare follows it.
/// - Called on a destination's own thread, and may block it for a commit.
pub trait Ledger: Send + Sync {
    /// The rows of an `[[actions.cloudflare]]`.
    fn rows(&self, enforcer: &str) -> Result<Vec<ChangeRow>, String>;

    /// Keeps a row, in place of the one with its number; gives the number.
    fn keep(&self, row: &ChangeRow) -> Result<u64, String>;

    /// Removes a row: all is as before.
    fn remove(&self, number: u64) -> Result<(), String>;
}

#[cfg(test)]
mod tests;
