//! Letting go of what is old: evidence, journal, offences, and the oldest of the journal when it
//! grows past its size. In transactions of a few hundred rows, so that a decision never waits.
//!
//! Decisions in force and actions that have not ended are kept, however old.

use super::answers::EntryKind;
use super::codec::{micros, signed, unsigned};
use super::forget::free_pages;
use super::lists::keep_last_n;
use super::{Store, StoreError, Writer, lock};
use crate::clock::{Timestamp, duration_text};
use crate::limits;
use crate::telemetry;
use rusqlite::{Connection, Result, Transaction, params};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// The log lines that made a hit.
    #[serde(with = "duration_text")]
    pub evidence: Duration,
    /// Hits, decisions, actions, outcomes, lifts and notes.
    #[serde(with = "duration_text")]
    pub journal: Duration,
    /// The journal's size in MiB, evidence included; the oldest goes first.
    pub journal_mib_max: u64,
    /// Past offences, which make the next block longer.
    #[serde(with = "duration_text")]
    pub offences: Duration,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            evidence: DAY.saturating_mul(7),
            journal: DAY.saturating_mul(30),
            journal_mib_max: 256,
            offences: DAY.saturating_mul(90),
        }
    }
}

/// What a run of retention removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Rows that were too old.
    pub old: u64,
    /// Rows that did not fit into the size.
    pub oversize: u64,
    /// There is more to do.
    pub more: bool,
}

impl Store {
    /// Removes what is too old or too much at `now`, slice by slice, until nothing is left to do.
    pub fn retain(
        &self,
        config: &RetentionConfig,
        now: Timestamp,
    ) -> std::result::Result<Removed, StoreError> {
        let mut total = Removed::default();
        loop {
            let slice = self.retain_slice(config, now)?;
            total.old += slice.old;
            total.oversize += slice.oversize;
            if !slice.more {
                return Ok(total);
            }
            std::thread::yield_now();
        }
    }

    /// One slice of [`Store::retain`]: a few milliseconds at most.
    pub fn retain_slice(
        &self,
        config: &RetentionConfig,
        now: Timestamp,
    ) -> std::result::Result<Removed, StoreError> {
        let removed = self.transact(|change, state| {
            let mut removed = Removed::default();
            let evidence = now.minus(config.evidence);
            removed.old += delete(change, "evidence", "1", evidence, left(&removed))?;
            let journal = now.minus(config.journal);
            for kind in EntryKind::ALL {
                let may_go = removable(kind);
                removed.old += delete(change, kind.table(), may_go, journal, left(&removed))?;
            }
            removed.old += offences(change, now.minus(config.offences), left(&removed))?;
            change
                .prepare_cached("DELETE FROM allowlist WHERE until < ?1")?
                .execute([micros(journal)])?;
            if removed.old == 0 && oversize(change, config)? {
                removed.oversize = oldest(change)?;
            }
            removed.more = removed.old + removed.oversize > 0;
            if removed.more {
                keep_last_n(change, state.next_n)?;
            }
            Ok(removed)
        })?;
        let rows = removed.old + removed.oversize;
        telemetry::counter(telemetry::names::STORE_ROWS_EXPIRED).add(rows);
        self.give_back()?;
        Ok(removed)
    }

    /// Gives free pages back to the file system when a quarter of the file is free.
    fn give_back(&self) -> std::result::Result<(), StoreError> {
        let mut guard = lock(&self.writer);
        let Writer { conn, state } = &mut *guard;
        let work = || -> Result<()> {
            let pages: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let free = free_pages(conn)?;
            if free > 256 && free > pages / 4 {
                conn.execute_batch("PRAGMA incremental_vacuum(64)")?;
            }
            Ok(())
        };
        let done = work().map_err(|error| StoreError::sql(&self.path, &error));
        self.wal.written(conn, state);
        done
    }
}

/// Which rows of a kind may go.
const fn removable(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Decision => "in_force = 0",
        EntryKind::Action => "state <> 'pending'",
        _ => "1",
    }
}

/// How many rows this slice may still remove.
fn left(removed: &Removed) -> i64 {
    let max = u64::try_from(limits::STORE_SLICE_ROWS_MAX).unwrap_or(u64::MAX);
    signed(max.saturating_sub(removed.old))
}

/// Removes the first rows that may go, as far as they are old: rows are in the order of their
/// writing, so no others are looked at.
fn delete(
    change: &Transaction<'_>,
    table: &str,
    may_go: &str,
    before: Timestamp,
    limit: i64,
) -> Result<u64> {
    let sql = format!(
        "DELETE FROM {table} WHERE n IN (SELECT n FROM
            (SELECT n, recorded FROM {table} WHERE {may_go} ORDER BY n LIMIT ?2)
         WHERE recorded < ?1)"
    );
    let gone = change.prepare_cached(&sql)?.execute(params![micros(before), limit])?;
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}

fn offences(change: &Transaction<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    let gone = change
        .prepare_cached(
            "DELETE FROM offences WHERE decision IN
                (SELECT decision FROM offences WHERE time < ?1 LIMIT ?2)",
        )?
        .execute([micros(before), limit])?;
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}

/// Whether the file without the checkpoint's state is larger than the journal may be.
fn oversize(conn: &Connection, config: &RetentionConfig) -> Result<bool> {
    let pragma = |name: &str| -> Result<i64> {
        conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
    };
    let used = (pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?;
    let state: i64 = conn.query_row(
        "SELECT coalesce((SELECT sum(length(bytes)) FROM shards), 0)
            + coalesce((SELECT sum(length(bytes)) FROM blobs), 0)",
        [],
        |row| row.get(0),
    )?;
    let max = config.journal_mib_max.saturating_mul(1024 * 1024);
    Ok(unsigned(used.saturating_sub(state).max(0)) > max)
}

/// Removes the oldest rows that may go, over all kinds; evidence goes with its hit.
fn oldest(change: &Transaction<'_>) -> Result<u64> {
    let mut candidates: Vec<(i64, EntryKind)> = Vec::new();
    let size = i64::try_from(limits::STORE_SLICE_ROWS_MAX).unwrap_or(i64::MAX);
    for kind in EntryKind::ALL {
        let sql =
            format!("SELECT n FROM {} WHERE {} ORDER BY n LIMIT ?1", kind.table(), removable(kind));
        let mut find = change.prepare_cached(&sql)?;
        for n in find.query_map([size], |row| row.get(0))? {
            candidates.push((n?, kind));
        }
    }
    candidates.sort_unstable();
    candidates.truncate(limits::STORE_SLICE_ROWS_MAX);
    let mut gone = 0;
    for (n, kind) in candidates {
        if kind == EntryKind::Hit {
            change.prepare_cached("DELETE FROM evidence WHERE n = ?1")?.execute(params![n])?;
        }
        let sql = format!("DELETE FROM {} WHERE n = ?1", kind.table());
        gone += change.prepare_cached(&sql)?.execute(params![n])?;
    }
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}
