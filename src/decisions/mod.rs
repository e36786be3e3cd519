//! From a rule's firing to what may be done about it: hits, decisions, actions and outcomes as
//! values; the guard that every action passes; escalation, widening, and what is in force.
//!
//! In: hits and what rule bodies asked for. Out: actions with the guard's verdict. Pure: time and
//! the machine's facts are values; `store` keeps, `actions` carries out.

pub mod model;

pub use model::{
    Action, ActionId, Ask, Decision, DecisionId, DurationAsk, Effect, Evidence, Hit, HitId, Mode,
    Outcome, Remedy, Route, RuleName, Target, Verdict,
};
