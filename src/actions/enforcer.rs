//! The contract of an enforcer: a place where decisions are put in force, lifted, read back and
//! removed (`nftables`, a web-server file).
//!
//! An enforcer's calls block, on a thread of its own; pace, retries and records are the worker's.

use super::reconcile::Entry;
use crate::clock::Timestamp;
use crate::decisions::{Decision, Outcome, Target};

/// One thing to change at an enforcer.
#[derive(Debug, Clone)]
pub enum Change {
    /// Put this in force.
    Enforce(Decision),
    /// A target was lifted: put in force what is wanted now, and no more.
    Lift(Target),
}

/// What a call did.
#[derive(Debug, Default)]
pub struct Receipt {
    /// How each change ended, in their order; in a dry run the exact call.
    pub outcomes: Vec<Outcome>,
}

/// What a comparison of present and wanted found, and mended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Difference {
    /// Entries that were missing and were put back.
    pub missing: usize,
    /// Entries of ours that were not wanted and were removed.
    pub extra: usize,
    /// Entries that were there already.
    pub kept: usize,
    /// The whole place (table, file) was missing or changed and was made again.
    pub rebuilt: bool,
}

impl Difference {
    /// Whether everything was as wanted.
    pub const fn is_none(&self) -> bool {
        self.missing == 0 && self.extra == 0 && !self.rebuilt
    }
}

/// An enforcer could not do what was asked.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum EnforceError {
    /// It can't work as things are; trying again at once is no use. The text says how to mend it.
    #[error("{0}")]
    Down(String),
    /// This call failed; another may succeed.
    #[error("{0}")]
    Failed(String),
    /// It may have happened.
    #[error("could not confirm: {0}")]
    Unconfirmed(String),
}

/// A place where decisions are put in force.
///
/// - Calls block and are made from one thread; none may take longer than the enforcer's own limits.
/// - `apply` and `reconcile` are idempotent: the same changes again are `Unchanged`.
/// - An enforcer touches only what carries its mark.
/// - An address that is blocked before and after a call is never let through between.
/// - On shutdown nothing is called: what is in force stays in force.
pub trait Enforcer: Send {
    /// Its name, as `via` and outcomes have it.
    fn name(&self) -> &str;

    /// Makes what is present equal to `wanted`, changing only the difference. The first call
    /// adopts what an earlier run left.
    fn reconcile(
        &mut self,
        wanted: &[Decision],
        now: Timestamp,
    ) -> Result<Difference, EnforceError>;

    /// Carries out changes together. With a lift among them, `wanted` says what is in force now;
    /// without it, only what the enforcer knows is used.
    fn apply(
        &mut self,
        changes: &[Change],
        wanted: Option<&[Decision]>,
        now: Timestamp,
    ) -> Result<Receipt, EnforceError>;

    /// Reads back what is in force.
    fn present(&mut self) -> Result<Vec<Entry>, EnforceError>;

    /// What others hold in the same place, as it was read back last: in force there, and not ours
    /// to change.
    fn others(&self) -> Vec<Entry> {
        Vec::new()
    }

    /// Removes everything of ours.
    fn remove_all(&mut self) -> Result<(), EnforceError>;

    /// When [`Enforcer::tick`] wants to be called; `None` when not at all.
    fn next_tick(&self) -> Option<Timestamp> {
        None
    }

    /// Does what was put off. `Some` says how the changes whose outcome was `Pending` ended.
    fn tick(&mut self, now: Timestamp) -> Result<Option<Outcome>, EnforceError> {
        let _ = now;
        Ok(None)
    }

    /// Does at once what was put off, because riposte ends. `Some` as in [`Enforcer::tick`].
    fn settle(&mut self, now: Timestamp) -> Result<Option<Outcome>, EnforceError> {
        let _ = now;
        Ok(None)
    }

    /// How the oldest changes whose outcome was `Pending` ended, in their order, as far as that is
    /// known since the last call; for enforcers that don't tell of all of them together in a tick.
    fn settled(&mut self) -> Vec<Outcome> {
        Vec::new()
    }

    /// What is wrong now, for enforcers that try again by themselves; a tick then says nothing of it.
    fn trouble(&self) -> Option<EnforceError> {
        None
    }

    /// How it stands, in a few words for status; empty where there is nothing to say.
    fn note(&self) -> String {
        String::new()
    }

    /// Entries in force, and packets dropped where that is known.
    fn numbers(&mut self) -> Numbers {
        Numbers::default()
    }
}

/// Figures of an enforcer for status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Numbers {
    /// Entries in force.
    pub entries: u64,
    /// Packets dropped, where the enforcer counts them.
    pub packets: Option<u64>,
    /// Bytes dropped, where the enforcer counts them.
    pub bytes: Option<u64>,
}
