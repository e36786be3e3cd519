//! Removing a person's data: rows about them, mentions of them in the rows of others, and then
//! the bytes in the file.
//!
//! What this can't reach it names: windows and named state (their owner purges them and takes a
//! checkpoint), copies made before migrations, and allowlist entries, which stay because taking
//! one away could block somebody. The ledger of changes at Cloudflare is left alone too: its rows must
//! say what is there, and go when the changes end.

use super::answers::{EntryKind, Forgotten};
use super::codec::{id, unsigned};
use super::commit::{Seen, remember};
use super::lists::{allow_entries, decisions, keep_last_n};
use super::mentions::Mentions;
use super::subject::{About, rows_about, subject_range};
use super::{State, Store, StoreError, dir, lock};
use crate::decisions::{ActionId, DecisionId, HitId, Target};
use crate::event::net;
use crate::limits;
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};
use std::collections::BTreeSet;

/// Columns with free text: table and column.
const TEXTS: &[(&str, &str)] = &[
    ("evidence", "events"),
    ("decisions", "reason"),
    ("decisions", "verdict_reason"),
    ("outbox", "action"),
    ("outbox", "verdict_reason"),
    ("outcomes", "detail"),
    ("lifts", "reason"),
    ("notes", "text"),
];

impl Store {
    /// Removes everything about `target` and within it (a single IPv6 address stands for its /64),
    /// and mentions of it in other rows. In small transactions, so that decisions don't wait.
    /// Ids are remembered until the next checkpoint, so a crash doesn't bring the rows back.
    ///
    /// Afterwards the caller purges the windows and state that the answer names, takes a
    /// checkpoint, and calls [`Store::scrub`].
    pub fn forget(&self, target: &Target) -> std::result::Result<Forgotten, StoreError> {
        let target = match target {
            Target::Net(network) => {
                let client = net::client_net(network.addr());
                let wider = client.contains(network);
                Target::Net(if wider { client } else { *network })
            }
            other => other.clone(),
        };
        let mut gone = Forgotten::default();
        let mut rules = BTreeSet::new();
        for kind in EntryKind::ALL {
            let numbers =
                self.reader.ask(|view| rows_about(view, kind.table(), &target, About::Within))?;
            for slice in numbers.chunks(limits::STORE_SLICE_ROWS_MAX) {
                self.transact(|change, state| {
                    for n in slice {
                        remove(change, state, kind, *n, &mut gone, &mut rules)?;
                    }
                    keep_last_n(change, state.next_n)
                })?;
            }
        }
        self.transact(|change, _| {
            let (low, high) = subject_range(&target);
            let offences = change
                .prepare_cached("DELETE FROM offences WHERE subject >= ?1 AND subject <= ?2")?
                .execute(params![low, high])?;
            gone.offences = u64::try_from(offences).unwrap_or(u64::MAX);
            Ok(())
        })?;
        if let Some(mentions) = Mentions::of(&target) {
            for (table, column) in TEXTS {
                gone.redacted += self.redact(&mentions, table, column)?;
            }
        }
        self.reader.ask(|view| name_the_rest(view, &target, &mut gone, rules))?;
        gone.backups = dir::backups(&self.path);
        Ok(gone)
    }

    /// Takes mentions out of one column, a few rows at a time.
    fn redact(
        &self,
        mentions: &Mentions,
        table: &str,
        column: &str,
    ) -> std::result::Result<u64, StoreError> {
        let page = format!(
            "SELECT n, {column} FROM {table} WHERE n > ?1 AND {column} IS NOT NULL ORDER BY n LIMIT ?2"
        );
        let write = format!("UPDATE {table} SET {column} = ?2 WHERE n = ?1");
        let size = i64::try_from(limits::STORE_SLICE_ROWS_MAX).unwrap_or(i64::MAX);
        let (mut after, mut changed) = (i64::MIN, 0_u64);
        loop {
            let rows: Vec<(i64, String)> = self.reader.ask(|view| {
                view.prepare_cached(&page)?
                    .query_map([after, size], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })?;
            let Some((last, _)) = rows.last() else {
                return Ok(changed);
            };
            after = *last;
            let cleaned: Vec<(i64, String)> = rows
                .iter()
                .filter_map(|(n, text)| mentions.redact(text).map(|cleaned| (*n, cleaned)))
                .collect();
            if cleaned.is_empty() {
                continue;
            }
            self.transact(|change, _| {
                for (n, text) in &cleaned {
                    changed +=
                        u64::from(change.prepare_cached(&write)?.execute(params![n, text])? > 0);
                }
                Ok(())
            })?;
        }
    }

    /// Makes the bytes of what was deleted vanish from the file and its log: free pages are given
    /// back in slices, then the log is folded into the file and cut to nothing. (Blocks that the
    /// file system or the disk keeps are beyond it.)
    pub fn scrub(&self) -> std::result::Result<(), StoreError> {
        let fail = |error: rusqlite::Error| StoreError::sql(&self.path, &error);
        loop {
            let guard = lock(&self.writer);
            let free = free_pages(&guard.conn).map_err(fail)?;
            if free == 0 {
                break;
            }
            guard.conn.execute_batch("PRAGMA incremental_vacuum(256)").map_err(fail)?;
            if free_pages(&guard.conn).map_err(fail)? >= free {
                break;
            }
        }
        // Nobody of ours folds it or holds an old view meanwhile.
        let _quiet = lock(&self.reader.conn);
        let guard = lock(&self.writer);
        let _folding = self.wal.pause();
        let busy: i64 = guard
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(fail)?;
        if busy == 0 {
            return Ok(());
        }
        Err(StoreError::other(
            &self.path,
            "another program is reading it, so its log could not be cut\nhint: end that program and run it again",
        ))
    }
}

/// Pages of the file that hold nothing.
pub(super) fn free_pages(conn: &Connection) -> Result<i64> {
    conn.query_row("PRAGMA freelist_count", [], |row| row.get(0))
}

/// Removes one row of the journal, remembering its id.
fn remove(
    change: &Transaction<'_>,
    state: &mut State,
    kind: EntryKind,
    n: i64,
    gone: &mut Forgotten,
    rules: &mut BTreeSet<String>,
) -> Result<()> {
    let seen: Option<fn(u128) -> Seen> = match kind {
        EntryKind::Hit => Some(|id| Seen::Hit(HitId(id))),
        EntryKind::Decision => Some(|id| Seen::Decision(DecisionId(id))),
        EntryKind::Action => Some(|id| Seen::Action(ActionId(id))),
        _ => None,
    };
    if let Some(seen) = seen {
        let sql = format!("SELECT id, seq FROM {} WHERE n = ?1", kind.table());
        let known = change
            .prepare_cached(&sql)?
            .query_row([n], |row| Ok((id(row, "id")?, row.get("seq").map(unsigned)?)))
            .optional()?;
        if let Some((id, seq)) = known {
            remember(change, state, seen(id), seq)?;
        }
    }
    match kind {
        EntryKind::Hit => {
            let mut rule = change.prepare_cached("SELECT rule FROM hits WHERE n = ?1")?;
            rules.extend(rule.query_row([n], |row| row.get(0)).optional()?);
            change.prepare_cached("DELETE FROM evidence WHERE n = ?1")?.execute([n])?;
        }
        EntryKind::Decision => {
            let standing = decisions(change, "n = ?1 AND in_force = 1", [n])?;
            gone.were_in_force.extend(standing);
        }
        _ => {}
    }
    let sql = format!("DELETE FROM {} WHERE n = ?1", kind.table());
    let removed = change.prepare_cached(&sql)?.execute([n])?;
    let counter = match kind {
        EntryKind::Hit => &mut gone.hits,
        EntryKind::Decision => &mut gone.decisions,
        EntryKind::Action => &mut gone.actions,
        EntryKind::Outcome => &mut gone.outcomes,
        EntryKind::Lift => &mut gone.lifts,
        EntryKind::Note => &mut gone.notes,
    };
    *counter += u64::try_from(removed).unwrap_or(0);
    Ok(())
}

/// Names what the caller has to purge, and what stays.
fn name_the_rest(
    view: &Connection,
    target: &Target,
    gone: &mut Forgotten,
    mut tables: BTreeSet<String>,
) -> Result<()> {
    let names = |sql: &str| -> Result<Vec<String>> {
        view.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    tables.extend(names("SELECT DISTINCT name FROM shards")?);
    gone.tables = tables.into_iter().collect();
    gone.blobs = names("SELECT name FROM blobs ORDER BY name")?;
    gone.allowlist = allow_entries(view)?
        .into_iter()
        .map(|entry| entry.entry)
        .filter(|entry| match (net::parse_net(entry), target) {
            (Some(inner), Target::Net(network)) => network.contains(&inner),
            (None, Target::Host(name)) => entry.eq_ignore_ascii_case(name),
            _ => false,
        })
        .collect();
    Ok(())
}
