//! What a rule's body asks for, before anything has judged it. Plain data.

use super::change::CloudflareAsk;
use super::model::{Remedy, Target};
use crate::event::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a rule asked a decision to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationAsk {
    /// This long.
    Fixed(Duration),
    /// `base` for the first offence, twice as long for each further one, at most `max`.
    Escalate {
        /// For the first offence.
        base: Duration,
        /// At most.
        max: Duration,
    },
    /// Until somebody lifts it.
    Forever,
}

/// What a rule body asked for, before anything has judged it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Put a decision in force (`block`, `challenge`, `throttle`, `allow`).
    Decide {
        /// Whom.
        target: Target,
        /// What.
        remedy: Remedy,
        /// How long.
        duration: DurationAsk,
        /// Why; `None` for the rule's own words.
        reason: Option<String>,
        /// The enforcer chosen.
        via: Option<Arc<str>>,
    },
    /// End what is in force for a target (`unblock`).
    Lift {
        /// Whom.
        target: Target,
    },
    /// An effect that isn't a decision.
    Effect(Effect),
    /// An event that other rules see (`emit`).
    Emit {
        /// Its kind.
        kind: String,
        /// Its fields.
        fields: Vec<(String, Value)>,
    },
    /// Mark a key for later rules and for people (`tag`), for a while.
    Tag {
        /// The key that is marked.
        key: String,
        /// The mark.
        name: String,
        /// How long it stays.
        duration: Duration,
    },
    /// Add to a key's score (`score`).
    Score {
        /// The key.
        key: String,
        /// How much; may be negative.
        points: f64,
    },
}

/// An effect on the outside world other than a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Tell people, by a channel of the config.
    Notify {
        /// The channel's name.
        channel: String,
        /// What to say.
        message: String,
    },
    /// Send a webhook of the config.
    Webhook {
        /// Its name.
        name: String,
        /// The fields of the payload, sent beside rule, key and time.
        fields: BTreeMap<String, serde_json::Value>,
    },
    /// Run a program of the config.
    Exec {
        /// Its name.
        name: String,
        /// Values for the placeholders of its argv.
        args: Vec<String>,
    },
    /// Write a line to riposte's own log.
    Log {
        /// What to say.
        message: String,
    },
    /// Change something at Cloudflare.
    Cloudflare(CloudflareAsk),
}
