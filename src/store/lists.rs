//! What stands until somebody changes it: decisions in force, allowlist, rule modes, offences,
//! and single values by name.

use super::codec::{DECISION_COLUMNS, bad, decision_row, micros, signed, target, time, unsigned};
use super::rows::{AllowEntry, LiftRow, OffenceCount, RuleMode};
use super::subject::subject;
use super::{Reader, Store, StoreError, insert};
use crate::clock::Timestamp;
use crate::decisions::{Decision, Mode, Target};
use rusqlite::{Connection, OptionalExtension, Params, Result, Row, params};
use std::sync::Arc;

/// The greatest journal number that was given out before rows were removed.
pub(super) const LAST_N: &str = "journal_last_n";
const ALLOWLIST_VERSION: &str = "allowlist_version";

/// An integer by name.
pub(super) fn meta_int(conn: &Connection, key: &str) -> Result<Option<i64>> {
    let text = meta(conn, key)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn meta(conn: &Connection, key: &str) -> Result<Option<String>> {
    conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

/// Sets a value by name.
pub(super) fn set_meta(conn: &Connection, key: &str, value: &str) -> Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO meta VALUES(?1, ?2)")?
        .execute([key, value])
        .map(|_| ())
}

/// Raises the allowlist's version and gives the new one.
pub(super) fn next_version(conn: &Connection) -> Result<u64> {
    let version = meta_int(conn, ALLOWLIST_VERSION)?.unwrap_or(0);
    let version = version.saturating_add(1);
    set_meta(conn, ALLOWLIST_VERSION, &version.to_string())?;
    Ok(unsigned(version))
}

impl Store {
    /// Ends what is in force for exactly this target (or one decision), and says how many
    /// decisions that were. Journaled with its reason when there were any.
    pub fn lift(&self, lift: &LiftRow) -> std::result::Result<u64, StoreError> {
        self.transact(|change, state| {
            insert::add_lift(change, state, (lift.time, u64::MAX >> 1), lift)
        })
    }

    /// Marks decisions whose time is up as no longer in force; says how many.
    pub fn expire(&self, now: Timestamp) -> std::result::Result<u64, StoreError> {
        let ended = self.transact(|change, _| {
            change
                .prepare_cached(
                    "UPDATE decisions SET in_force = 0 WHERE in_force = 1 AND until <= ?1",
                )?
                .execute([micros(now)])
        })?;
        Ok(u64::try_from(ended).unwrap_or(u64::MAX))
    }

    /// Adds an entry to the allowlist (the same entry again takes the new note and end); gives the
    /// list's new version. Lifting what it covers is the caller's.
    pub fn allow(&self, entry: &AllowEntry) -> std::result::Result<u64, StoreError> {
        self.transact(|change, _| {
            change
                .prepare_cached("INSERT OR REPLACE INTO allowlist VALUES(?1, ?2, ?3, ?4)")?
                .execute(params![
                    entry.entry,
                    entry.note,
                    micros(entry.added),
                    entry.until.map(micros)
                ])?;
            next_version(change)
        })
    }

    /// Removes an entry, by the text it was added with; gives the new version, or `None` when
    /// there was no such entry.
    pub fn disallow(&self, entry: &str) -> std::result::Result<Option<u64>, StoreError> {
        self.transact(|change, _| {
            let gone = change
                .prepare_cached("DELETE FROM allowlist WHERE entry = ?1")?
                .execute([entry])?;
            (gone > 0).then(|| next_version(change)).transpose()
        })
    }

    /// Sets a rule's mode, or (`None`) leaves it to the rule and the config again.
    pub fn set_rule_mode(
        &self,
        rule: &str,
        mode: Option<Mode>,
        at: Timestamp,
    ) -> std::result::Result<(), StoreError> {
        self.transact(|change, _| match mode {
            Some(mode) => change
                .prepare_cached("INSERT OR REPLACE INTO rule_modes VALUES(?1, ?2, ?3)")?
                .execute(params![rule, mode_name(mode), micros(at)])
                .map(|_| ()),
            None => change
                .prepare_cached("DELETE FROM rule_modes WHERE rule = ?1")?
                .execute([rule])
                .map(|_| ()),
        })
    }

    /// Sets a value by name (`panic`, `installed`, `armed`).
    pub fn set_meta(&self, key: &str, value: &str) -> std::result::Result<(), StoreError> {
        self.transact(|change, _| set_meta(change, key, value))
    }

    /// Sets a value unless it is there; gives what is there then. For what happens once, as the
    /// time of the install.
    pub fn meta_or_set(&self, key: &str, value: &str) -> std::result::Result<String, StoreError> {
        self.transact(|change, _| {
            if let Some(known) = meta(change, key)? {
                return Ok(known);
            }
            set_meta(change, key, value)?;
            Ok(value.to_owned())
        })
    }

    /// Removes a value.
    pub fn remove_meta(&self, key: &str) -> std::result::Result<(), StoreError> {
        self.transact(|change, _| {
            change.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([key]).map(|_| ())
        })
    }
}

impl Reader {
    /// The decisions that stand at `now`, oldest first. Rows that can't be read are told of in the
    /// log and left out.
    pub fn in_force(&self, now: Timestamp) -> std::result::Result<Vec<Decision>, StoreError> {
        self.ask(|view| {
            decisions(
                view,
                "in_force = 1 AND (until IS NULL OR until > ?1) ORDER BY n",
                [micros(now)],
            )
        })
    }

    /// The allowlist, also entries that are over; with its version.
    pub fn allowlist(&self) -> std::result::Result<(u64, Vec<AllowEntry>), StoreError> {
        self.ask(|view| {
            let version = meta_int(view, ALLOWLIST_VERSION)?.unwrap_or(0);
            Ok((unsigned(version), allow_entries(view)?))
        })
    }

    /// The modes that were set by hand.
    pub fn rule_modes(&self) -> std::result::Result<Vec<RuleMode>, StoreError> {
        self.ask(|view| {
            view.prepare_cached("SELECT rule, mode, since FROM rule_modes ORDER BY rule")?
                .query_map([], |row| {
                    let name: String = row.get("mode")?;
                    Ok(RuleMode {
                        rule: Arc::from(row.get::<_, String>("rule")?),
                        mode: mode(&name).ok_or_else(|| bad("mode", &name))?,
                        since: time(row, "since")?,
                    })
                })?
                .collect()
        })
    }

    /// How often each target has offended since `since`, by rule; to load escalation at start.
    pub fn offences(&self, since: Timestamp) -> std::result::Result<Vec<OffenceCount>, StoreError> {
        self.ask(|view| {
            view.prepare_cached(
                "SELECT target, rule, count(*) AS count, max(time) AS last FROM offences
                 WHERE time >= ?1 GROUP BY subject, rule ORDER BY subject, rule",
            )?
            .query_map([micros(since)], offence_count)?
            .collect()
        })
    }

    /// How often exactly this target has offended since `since`, over all rules.
    pub fn offences_of(
        &self,
        target: &Target,
        since: Timestamp,
    ) -> std::result::Result<u64, StoreError> {
        self.ask(|view| {
            view.prepare_cached("SELECT count(*) FROM offences WHERE subject = ?1 AND time >= ?2")?
                .query_row(params![subject(target), micros(since)], |row| row.get(0).map(unsigned))
        })
    }

    /// A value by name.
    pub fn meta(&self, key: &str) -> std::result::Result<Option<String>, StoreError> {
        self.ask(|view| meta(view, key))
    }
}

/// The decisions that `condition` selects.
pub(super) fn decisions(
    view: &Connection,
    condition: &str,
    with: impl Params,
) -> Result<Vec<Decision>> {
    let sql = format!("SELECT {DECISION_COLUMNS} FROM decisions WHERE {condition}");
    let mut find = view.prepare_cached(&sql)?;
    let mut rows = find.query(with)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match decision_row(row) {
            Ok(read) => found.push(read.decision),
            Err(error) => tracing::warn!(%error, "a decision in the store can't be read"),
        }
    }
    Ok(found)
}

/// All entries, in order.
pub(super) fn allow_entries(view: &Connection) -> Result<Vec<AllowEntry>> {
    view.prepare_cached("SELECT entry, note, added, until FROM allowlist ORDER BY entry")?
        .query_map([], |row| {
            let until: Option<i64> = row.get("until")?;
            Ok(AllowEntry {
                entry: row.get("entry")?,
                note: row.get("note")?,
                added: time(row, "added")?,
                until: until.map(Timestamp::from_micros),
            })
        })?
        .collect()
}

/// A row of target, rule, count, last.
pub(super) fn offence_count(row: &Row<'_>) -> Result<OffenceCount> {
    Ok(OffenceCount {
        target: target(row, "target")?,
        rule: Arc::from(row.get::<_, String>("rule")?),
        count: row.get("count").map(unsigned)?,
        last: time(row, "last")?,
    })
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}

fn mode(name: &str) -> Option<Mode> {
    [Mode::Enforce, Mode::Shadow, Mode::Off].into_iter().find(|mode| mode_name(*mode) == name)
}

/// The journal's next number is never given out twice, also when its last rows were removed.
pub(super) fn keep_last_n(conn: &Connection, next_n: i64) -> Result<()> {
    set_meta(conn, LAST_N, &signed(unsigned(next_n)).saturating_sub(1).to_string())
}
