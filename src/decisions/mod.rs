//! From a rule's firing to what may be done about it: hits, decisions, actions and outcomes as
//! values; the guard that every action passes; escalation, widening, and what is in force.
//!
//! In: hits and what rule bodies asked for. Out: decisions with the guard's verdict, lifts, alarms.
//! Pure: time and the machine's facts are values; `store` keeps, `actions` carries out.

// The words, and the names that last.
pub mod model;
pub mod ask;
pub mod ids;
pub mod alarm;
mod carried;
pub mod cloudflare_task;
pub mod failover;
pub mod config;

// Temporary changes at Cloudflare: asked for, allowed, and what was there before.
pub mod change;
pub mod change_guard;
mod task_guard;
pub mod zone_settings;

// From an ask to a proposed decision.
pub mod offences;
pub mod resolve;
pub mod widening;
pub mod proposer;

// The facts about whom nothing may be done to.
pub mod prefix_set;
pub mod special;
pub mod proxies;
pub mod allowlist;
pub mod never_block;

// The guard: verdicts, and what happens with time.
pub mod first_days;
pub mod trip;
pub mod ceiling;
mod aggregate;
mod facts;
pub mod guard;
pub mod release;

// What is in force, and all of it in one hand.
pub mod standing;
pub mod desk;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod desk_property_tests;

pub use alarm::{Alarm, AlarmKind};
pub use allowlist::{Allowlist, Entry, Subject};
pub use carried::Carried;
pub use change::{ChangeKind, ChangePlace, ChangeRow, Claim, CloudflareAsk, CloudflareWhat, Left};
pub use change_guard::{ChangeGuard, ChangeVerdict};
pub use cloudflare_task::{CloudflareCall, CloudflareTask, PurgeWhat};
pub use config::GuardConfig;
pub use desk::{DISTRUSTED, Desk, Lifted, RuleFacts, Steps};
pub use guard::{Context, GoodClient, Guard, Judged, Judgement};
pub use model::{
    Action, ActionId, Ask, Decision, DecisionId, DurationAsk, Effect, Evidence, Hit, HitId, Mode,
    Outcome, Remedy, Route, RuleName, Target, Verdict,
};
pub use never_block::{LastCheck, NeverBlock, Refusal};
pub use offences::{OffenceShard, Offences};
pub use proposer::{Proposed, Proposer};
pub use proxies::Proxies;
pub use release::TickContext;
pub use standing::Standing;
