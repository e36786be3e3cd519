//! What the core is built from, and what comes out of it.

use crate::decisions::{Ask, Decision, Effect, GuardConfig, Hit, Mode, Route, Target};
use crate::event::Event;
use crate::rules::Fault;
use std::sync::Arc;

/// What one firing of a rule leads to.
#[derive(Debug)]
pub struct Firing {
    /// The hit.
    pub hit: Arc<Hit>,
    /// The rule's mode at that moment.
    pub mode: Mode,
    /// Events that anybody may have sent led to it: it must not act.
    pub distrusted: bool,
    /// The rule's number in its set.
    pub rule: u32,
    /// Decisions that the body asked for, resolved.
    pub decisions: Vec<Decision>,
    /// Targets whose decisions the body wants ended.
    pub lifts: Vec<Target>,
    /// Effects that the body asked for.
    pub effects: Vec<Effect>,
    /// Everything that the body asked for, as it asked.
    pub asks: Vec<Ask>,
    /// What went wrong in the body; then there are no asks.
    pub fault: Option<Fault>,
}

/// How a client reached this machine: (peer, client) to route.
pub type RouteOf = Arc<dyn Fn(&Event) -> Route + Send + Sync>;

/// Whether rules' modes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modes {
    /// As they are set (live).
    AsSet,
    /// Every rule that isn't off counts as enforced (replay and tests: what would it do?).
    AllEnforce,
}

/// What shapes a core beside its rules.
#[derive(Clone)]
pub struct CoreConfig {
    /// Bytes that all windows together may take.
    pub window_bytes_max: u64,
    /// Of the windows' shards and of `distinct`'s hashes; the same for an installation's life.
    pub seed: u64,
    /// Widening and offences.
    pub guard: GuardConfig,
    /// How a client came here.
    pub route_of: RouteOf,
    /// Whether modes count.
    pub modes: Modes,
}
