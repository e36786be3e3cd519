//! Actions that were accepted, until they have ended at every destination that tried them.
//!
//! An action ends at a destination with `Applied`, `Unchanged`, `DryRun` or `Failed` (executors say `Failed`
//! when they have given up); `Pending` and `Unconfirmed` keep it open.

use super::codec::{id, micros, outcome, outcome_parts};
use super::rows::PendingAction;
use super::subject::id_bytes;
use super::{Reader, State, Store, StoreError};
use crate::clock::{Timestamp, now};
use crate::decisions::{Action, ActionId, Outcome};
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

impl Store {
    /// Writes how an action ended at a destination. The same outcome again only moves its attempt
    /// and time on. An id that isn't in the outbox (any more) is journaled all the same.
    pub fn mark(&self, mark: &Mark<'_>) -> std::result::Result<(), StoreError> {
        self.mark_all(std::slice::from_ref(mark))
    }

    /// Writes many outcomes in one transaction (a list write carries out a thousand actions).
    pub fn mark_all(&self, marks: &[Mark<'_>]) -> std::result::Result<(), StoreError> {
        self.transact(|change, state| {
            for mark in marks {
                if !repeat(change, mark)? {
                    add(change, state, mark)?;
                }
                settle(change, mark.action)?;
            }
            Ok(())
        })
    }

    /// Says that the outbox need not carry the action any more, whatever its outcomes (its target
    /// was allowed meanwhile, its destination is gone from the config).
    pub fn settle(&self, action: ActionId, state: Settled) -> std::result::Result<(), StoreError> {
        self.transact(|change, _| {
            change
                .prepare_cached("UPDATE outbox SET state = ?2 WHERE id = ?1 AND state = 'pending'")?
                .execute(params![id_bytes(action.0), state.name()])
                .map(|_| ())
        })
    }
}

/// How an action ended at one destination.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// The action.
    pub action: ActionId,
    /// Where (`nftables`, `webhook:ops`).
    pub destination: &'a str,
    /// How.
    pub outcome: &'a Outcome,
    /// Which try, counted from 1.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
}

/// How an action leaves the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// As it should.
    Done,
    /// It did not happen.
    Failed,
    /// It must not happen any more.
    Dropped,
}

impl Settled {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Moves on the last outcome at this destination when it is the same again.
fn repeat(change: &Transaction<'_>, mark: &Mark<'_>) -> Result<bool> {
    let (name, detail) = outcome_parts(mark.outcome);
    let mut same = change.prepare_cached(
        "UPDATE outcomes SET attempt = ?5, time = ?6
         WHERE n = (SELECT max(n) FROM outcomes WHERE action = ?1 AND destination = ?2)
            AND outcome = ?3 AND detail IS ?4",
    )?;
    let moved = same.execute(params![
        id_bytes(mark.action.0),
        mark.destination,
        name,
        detail,
        mark.attempt,
        micros(mark.at)
    ])?;
    Ok(moved > 0)
}

fn add(change: &Transaction<'_>, state: &mut State, mark: &Mark<'_>) -> Result<()> {
    let (name, detail) = outcome_parts(mark.outcome);
    let mut insert = change.prepare_cached(
        "INSERT INTO outcomes(n, action, destination, outcome, detail, attempt, time, recorded,
            rule, target, subject)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
            (SELECT rule FROM outbox WHERE id = ?2),
            (SELECT target FROM outbox WHERE id = ?2),
            (SELECT subject FROM outbox WHERE id = ?2))",
    )?;
    insert.execute(params![
        state.take_n(),
        id_bytes(mark.action.0),
        mark.destination,
        name,
        detail,
        mark.attempt,
        micros(mark.at),
        micros(now())
    ])?;
    Ok(())
}

/// Closes the action when the last outcome at each destination that tried it is final.
///
/// An effect that could not be confirmed is over: it may have happened, and doing it once more is
/// for its own retries to decide. A decision is read back and tried again.
fn settle(change: &Transaction<'_>, action: ActionId) -> Result<()> {
    let last = last_outcomes(change, action)?;
    let of_decision: bool = change
        .prepare_cached("SELECT kind IN ('enforce', 'lift') FROM outbox WHERE id = ?1")?
        .query_row(params![id_bytes(action.0)], |row| row.get(0))
        .optional()?
        .unwrap_or(true);
    let open = last.iter().any(|(_, outcome, _)| match outcome {
        Outcome::Pending => true,
        Outcome::Unconfirmed(_) => of_decision,
        _ => false,
    });
    let failed = last.iter().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)));
    let state = match (open, failed) {
        (true, _) => "pending",
        (false, true) => "failed",
        (false, false) => "done",
    };
    change
        .prepare_cached(
            "UPDATE outbox SET state = ?2
             WHERE id = ?1 AND state IN ('pending', 'done', 'failed') AND state <> ?2",
        )?
        .execute(params![id_bytes(action.0), state])?;
    Ok(())
}

/// The last outcome at each destination, with its attempt.
fn last_outcomes(conn: &Connection, action: ActionId) -> Result<Vec<(String, Outcome, u32)>> {
    conn.prepare_cached(
        "SELECT destination, outcome, detail, attempt FROM outcomes AS this
         WHERE action = ?1 AND n = (SELECT max(n) FROM outcomes AS other
            WHERE other.action = ?1 AND other.destination = this.destination)
         ORDER BY destination",
    )?
    .query_map([id_bytes(action.0)], |row| {
        Ok((row.get("destination")?, outcome(row)?, row.get("attempt")?))
    })?
    .collect()
}

impl Reader {
    /// At most `limit` actions that have not ended, the oldest first.
    pub fn pending(&self, limit: usize) -> std::result::Result<Vec<PendingAction>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.ask(|view| {
            let mut find = view.prepare_cached(
                "SELECT id, action, recorded FROM outbox WHERE state = 'pending'
                 ORDER BY n LIMIT ?1",
            )?;
            let mut rows = find.query([limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let id = ActionId(id(row, "id")?);
                let text: String = row.get("action")?;
                let action: Action = match serde_json::from_str(&text) {
                    Ok(action) => action,
                    Err(error) => {
                        // One row that can't be read must not hold up the others.
                        tracing::warn!(%id, %error, "an action in the store can't be read");
                        continue;
                    }
                };
                found.push(PendingAction {
                    id,
                    action,
                    recorded: row.get("recorded").map(Timestamp::from_micros)?,
                    outcomes: last_outcomes(view, id)?,
                });
            }
            Ok(found)
        })
    }
}
