//! The rows that go into the store and come out of it: plain data. Those of the journal serialise
//! to JSON as the CLI and the API print them.

use crate::clock::Timestamp;
use crate::decisions::{
    Action, ActionId, Decision, DecisionId, Evidence, HitId, Mode, Outcome, Route, RuleName,
    Target, Verdict,
};
use crate::event::Origin;
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;

/// One numbered input of the stateful thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its place in the order, counted up by one.
    pub seq: u64,
    /// What it was.
    pub kind: InputKind,
}

/// What can change a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// A batch of records.
    Batch {
        /// Source and stream.
        origin: Origin,
        /// Where in the stream it begins, in bytes.
        from: u64,
        /// Where it ends.
        to: u64,
        /// When it was read, by the wall clock.
        arrival: Timestamp,
        /// What enrichers said of its events, as bytes that the store does not look into; empty
        /// where nobody was asked.
        additions: Arc<[u8]>,
    },
    /// Time went on without a record.
    Tick {
        /// To this moment.
        time: Timestamp,
    },
    /// The allowlist was edited.
    Allowlist {
        /// Its version from then on.
        version: u64,
    },
    /// Rules were loaded.
    Rules {
        /// What names the set.
        fingerprint: u64,
    },
    /// A feed or geo table was loaded.
    Feed {
        /// Which.
        name: String,
        /// What names its content.
        version: u64,
    },
}

/// A part of a table of windows, as bytes that only its owner can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The table (a rule's name).
    pub table: String,
    /// What the bytes fit: another fingerprint means that they are of no use.
    pub fingerprint: u64,
    /// Which part.
    pub shard: u16,
    /// The content; empty means that the part is empty, and the row is removed.
    pub bytes: Vec<u8>,
}

/// What a checkpoint saves together.
#[derive(Debug, Clone, Default)]
pub struct Checkpoint {
    /// All inputs up to and with this one are in the state that is saved.
    pub seq: u64,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Every source's place; replaces the former list.
    pub cursors: Vec<(Origin, u64)>,
    /// The shards that changed since the last checkpoint that succeeded.
    pub shards: Vec<Shard>,
    /// The tables that still exist, with their fingerprints; shards of others are dropped.
    /// `None` drops nothing.
    pub live: Option<Vec<(String, u64)>>,
    /// Named state of other parts; each replaces the former of its name.
    pub blobs: Vec<(String, Vec<u8>)>,
}

/// What [`super::Store::load`] gives at start; shards come one by one from
/// [`super::Reader::each_shard`].
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The last input in the checkpoint; 0 when there is none.
    pub seq: u64,
    /// When it was taken.
    pub at: Timestamp,
    /// Every source's place then.
    pub cursors: Vec<(Origin, u64)>,
    /// Inputs after the checkpoint that had effects, in order: to be evaluated again.
    pub inputs: Vec<Input>,
    /// Named state.
    pub blobs: Vec<(String, Vec<u8>)>,
}

/// A hit with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HitRow {
    /// Its name for ever.
    pub id: HitId,
    /// The rule that fired.
    pub rule: RuleName,
    /// The key, as text.
    pub key: Arc<str>,
    /// The address in the key, where it holds one.
    pub ip: Option<IpAddr>,
    /// What the window counted.
    pub count: u64,
    /// The first event's time.
    pub first: Timestamp,
    /// The last event's time.
    pub last: Timestamp,
    /// The time of the firing.
    pub time: Timestamp,
    /// How the client came here.
    pub route: Route,
    /// The events that made it; at most `limits::EVIDENCE_EVENTS_MAX` are kept.
    pub evidence: Vec<Evidence>,
}

impl HitRow {
    /// A row for `hit`, with `evidence` as its owner has made it.
    pub fn new(hit: &crate::decisions::Hit, evidence: Vec<Evidence>) -> Self {
        Self {
            id: hit.id,
            rule: Arc::clone(&hit.rule),
            key: Arc::clone(&hit.key),
            ip: hit.ip,
            count: hit.count,
            first: hit.first,
            last: hit.last,
            time: hit.time,
            route: hit.route,
            evidence,
        }
    }
}

/// A decision with what the guard said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionRow {
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
    /// The guard's word; with `Pass` it is in force until it ends or is lifted.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// An action to be carried out (or, with another verdict than `Pass`, only journaled).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its name and idempotency key.
    pub id: ActionId,
    /// The hit that led to it.
    pub hit: Option<HitId>,
    /// The decision that it carries out.
    pub decision: Option<DecisionId>,
    /// What to do.
    pub action: Action,
    /// The guard's word.
    pub verdict: Verdict,
}

/// The end of what is in force for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiftRow {
    /// Whom.
    pub target: Target,
    /// One decision only; `None` ends all that are in force for exactly this target.
    pub decision: Option<DecisionId>,
    /// Why.
    pub reason: String,
    /// Who: a rule's name, `manual`, `allowlist`, `expiry`, `panic`.
    pub by: String,
    /// When.
    pub time: Timestamp,
}

/// An offence, counted for escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OffenceRow {
    /// The decision that was made for it; the same decision counts once.
    pub decision: DecisionId,
    /// Whose.
    pub target: Target,
    /// Which rule's.
    pub rule: RuleName,
    /// When.
    pub time: Timestamp,
}

/// Something that people should find in the journal: an alarm, an edit, a panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoteRow {
    /// What sort (`alarm`, `allowlist`, `panic`, `rule`).
    pub topic: String,
    /// The rule that it is about.
    pub rule: Option<RuleName>,
    /// The target that it is about.
    pub target: Option<Target>,
    /// What happened.
    pub text: String,
    /// When.
    pub time: Timestamp,
}

/// What is committed together, at once.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The wall clock; retention counts from it.
    pub at: Timestamp,
    /// The input that led to it: its hits are remembered until a checkpoint covers it.
    pub seq: u64,
    /// The inputs since the last checkpoint that are not in the store yet.
    pub inputs: Vec<Input>,
    /// Hits.
    pub hits: Vec<HitRow>,
    /// Decisions.
    pub decisions: Vec<DecisionRow>,
    /// Actions.
    pub outbox: Vec<OutboxRow>,
    /// Ends of decisions; applied after `decisions`.
    pub lifts: Vec<LiftRow>,
    /// Offences.
    pub offences: Vec<OffenceRow>,
    /// Notes.
    pub notes: Vec<NoteRow>,
}

/// What of a commit was new; the rest had been committed before a crash, and was left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// One flag for each of the commit's hits.
    pub hits: Vec<bool>,
    /// One for each decision.
    pub decisions: Vec<bool>,
    /// One for each action: only new ones are to be handed to executors.
    pub outbox: Vec<bool>,
    /// How many decisions the lifts ended.
    pub lifted: u64,
}

/// An action that has not ended everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAction {
    /// Its name.
    pub id: ActionId,
    /// What to do.
    pub action: Action,
    /// When it was committed.
    pub recorded: Timestamp,
    /// The last outcome at each destination that was tried, with the attempt.
    pub outcomes: Vec<(String, Outcome, u32)>,
}

/// An entry of the allowlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllowEntry {
    /// An address, a prefix, or a host name, as it was written.
    pub entry: String,
    /// Why, for people.
    pub note: String,
    /// When it was added.
    pub added: Timestamp,
    /// Until when; `None` for ever.
    pub until: Option<Timestamp>,
}

/// A rule's mode as the CLI has set it; it overrides the rule's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleMode {
    /// The rule.
    pub rule: RuleName,
    /// Its mode.
    pub mode: Mode,
    /// Since when.
    pub since: Timestamp,
}

/// Past offences of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OffenceCount {
    /// Whose.
    pub target: Target,
    /// Which rule's.
    pub rule: RuleName,
    /// How many.
    pub count: u64,
    /// The latest.
    pub last: Timestamp,
}
