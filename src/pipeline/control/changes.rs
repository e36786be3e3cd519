//! Temporary changes at Cloudflare, as `riposte status` and `riposte cf changes` show them.

use crate::clock::Timestamp;
use crate::decisions::ChangeRow;
use serde::{Deserialize, Deserializer, Serialize};

/// A temporary change at Cloudflare.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeStatus {
    /// Its number, for `riposte cf changes end`.
    pub number: u64,
    /// The `[[actions.cloudflare]]`.
    pub enforcer: String,
    /// The zone's name.
    pub zone: String,
    /// What kind of thing is changed (`setting`).
    pub kind: String,
    /// Which of that kind.
    pub name: String,
    /// `setting`, `in force`, `putting back`, `left` (a person changed it), `ended` (a person ended
    /// it; rules leave it alone for a while), `orphaned` (the config has no such `enforcer` any more,
    /// so that nobody puts it back).
    pub state: String,
    /// What was there before, `null` where there was nothing; absent until it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub before: Option<serde_json::Value>,
    /// What riposte set.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub value: Option<serde_json::Value>,
    /// What was found where somebody changed it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub found: Option<serde_json::Value>,
    /// Since when.
    pub since: Timestamp,
    /// Rules can't begin it again before.
    pub quiet_until: Option<Timestamp>,
    /// Who wants what, and until when.
    pub claims: Vec<ChangeClaim>,
}

/// A value that is there, also where it is `null`: absent is something else.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(value).map(Some)
}

/// Who wants a change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeClaim {
    /// The rule.
    pub rule: String,
    /// What it wants.
    pub value: serde_json::Value,
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// It is the one that counts now.
    pub counts: bool,
}

impl ChangeStatus {
    /// The state as it is where the config has its account, or no longer.
    #[must_use]
    pub fn of_account(mut self, is_known: bool) -> Self {
        if !is_known && self.before.is_some() && self.state != "left" {
            "orphaned".clone_into(&mut self.state);
        }
        self
    }

    /// A row as people see it.
    pub fn of(row: &ChangeRow, now: Timestamp) -> Self {
        let winner = row.winner(now).map(|claim| claim.action);
        let state = if row.left.is_some() {
            "left"
        } else if winner.is_none() && row.before.is_none() {
            "ended"
        } else if winner.is_none() {
            "putting back"
        } else if row.sure && row.before.is_some() {
            "in force"
        } else {
            "setting"
        };
        let claims = row.claims.iter().map(|claim| ChangeClaim {
            rule: claim.rule.to_string(),
            value: claim.value.clone(),
            from: claim.from,
            until: claim.until,
            counts: winner == Some(claim.action),
        });
        Self {
            number: row.number,
            enforcer: row.enforcer.clone(),
            zone: row.place.zone.clone(),
            kind: row.place.kind.name().to_owned(),
            name: row.place.name.clone(),
            state: state.to_owned(),
            before: row.before.clone(),
            value: row.set.clone(),
            found: row.left.as_ref().map(|left| left.found.clone()),
            since: row.since,
            quiet_until: row.quiet_until.filter(|until| *until > now),
            claims: claims.collect(),
        }
    }
}
