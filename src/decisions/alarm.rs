//! What the guard has to tell people.
//!
//! In: what happened. Out: a kind that a program can act on, and words for people.

use super::model::RuleName;
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Rules block faster than the ceiling: blocks wait.
    Ceiling,
    /// The queue is full: blocks are made over the ceiling.
    QueueFull,
    /// All that waited has been dealt with.
    QueueEmpty,
    /// A rule would block a client that had an authenticated success.
    GoodClient,
    /// A rule hit several of them: it holds its new blocks, and a person is asked.
    Asking,
    /// Such a rule is armed again.
    Armed,
    /// The first days are over.
    FirstDaysOver,
    /// More decisions than may be in force: one was ended before its time.
    StandingFull,
    /// A name of the allowlist resolves to more addresses than count.
    NameTooWide,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// The rule concerned, where there is one.
    pub rule: Option<RuleName>,
    /// When (wall clock).
    pub at: Timestamp,
    /// What happened, in words.
    pub text: String,
}

impl Alarm {
    pub(super) fn new(kind: AlarmKind, at: Timestamp, text: String) -> Self {
        Self { kind, rule: None, at, text }
    }

    pub(super) fn of_rule(self, rule: &RuleName) -> Self {
        Self { rule: Some(RuleName::clone(rule)), ..self }
    }
}
