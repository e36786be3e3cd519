//! What goes out: decisions put in force and lifted at enforcers, effects carried out, each
//! confirmed, retried within bounds, and undone.
//!
//! In: actions that the guard has passed and the journal holds ([`Item`]). Out: calls to the
//! outside, and their outcomes to the [`Outbox`]. The way of an action:
//!
//! ```text
//! Executors::submit ─▶ route (by remedy, route, `via`) ─▶ a queue for each destination
//!    ─▶ pace (quota, backoff, circuit) ─▶ last check ─▶ enforcer or effect ─▶ Outbox::record
//! ```
//!
//! What may be done is left to `decisions`, what is kept to `store`.

pub mod config;
mod enforcer;
pub mod reconcile;
mod nft_json;
mod nft_monitor;
mod nftables;
mod web_formats;
mod web_files;
pub mod cloudflare;
mod cloudflare_changes;
mod cloudflare_tasks;
mod exec;
mod log;
mod message;
pub(in crate::actions) mod messenger;
mod webhook;
mod tried;
mod carrier;
mod breaker;
mod pace;
mod queue;
mod route;
mod effect_worker;
mod enforcer_worker;
mod executors;

pub use carrier::{Carrier, Guest};
pub use cloudflare::Cloudflare;
pub use cloudflare_changes::Ledger;
pub use config::{
    ActionsConfig, ChannelConfig, ChannelTo, CloudflareConfig, GLOBAL_KEY, WebFileConfig,
    WebFileFormat,
};
pub use enforcer::{Change, Difference, EnforceError, Enforcer, Receipt};
pub use executors::{Compared, Executors, Health, HealthState, inspect, remove_all};
pub use nftables::Nftables;
pub use reconcile::{AddressRange, Entry};
pub use tried::{Tried, try_channel};
pub use web_files::WebFile;

use crate::clock::Timestamp;
use crate::decisions::{Action, ActionId, Decision, Outcome};
use std::sync::Arc;

/// Where outcomes are kept; implemented over the store.
///
/// - Called on a destination's own thread, and may block it for a commit.
/// - The same action is recorded once for each destination it goes to, when it is over there; a
///   `Pending` one is recorded again when it is known how it ended.
/// - Must not fail: an outcome that can't be kept is the implementation's to tell of; the action
///   is then handed in again at the next start, and carried out as the destination allows.
pub trait Outbox: Send + Sync {
    /// Keeps how an action ended at a destination (`nftables`, `webhook:ops`).
    fn record(
        &self,
        id: ActionId,
        destination: &str,
        outcome: &Outcome,
        attempt: u32,
        at: Timestamp,
    );

    /// Tells people of something that they should look at; the same again within a while is told
    /// once. Must not block.
    fn alarm(&self, _from: &str, _text: String) {}

    /// Where temporary changes are kept; `None` makes none.
    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        None
    }
}

/// What should be in force, as the decisions stage knows it.
///
/// - `wanted` is asked when an enforcer starts, after a loss, from time to time, and when something
///   is lifted; it must already hold what was submitted before.
/// - `may_send` is the last check of the allowlist (and of panic), immediately before a decision is
///   sent; it must be fast and must not depend on what the guard said before.
pub trait Wanted: Send + Sync {
    /// The decisions in force now, already guarded.
    fn wanted(&self) -> Vec<Decision>;
    /// Whether this decision may still be put in force.
    fn may_send(&self, decision: &Decision) -> bool;
}

/// An action to carry out, with its name in the outbox.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its name, and its idempotency key.
    pub id: ActionId,
    /// What to do.
    pub action: Action,
    /// How many attempts were made before (in an earlier run).
    pub attempt: u32,
    /// It goes first, and may use the reserve of a destination's quota.
    pub urgent: bool,
}

#[cfg(test)]
mod tests;
