//! Saving the engine's state, so that a start after a crash goes on where it was.
//!
//! Shards are written first, in transactions of at most `limits::STORE_SLICE_BYTES_MAX`, so that a
//! decision never waits for a whole checkpoint; they count only when the last, small transaction
//! has moved the checkpoint's generation on, with cursors and named state, and has pruned the inputs
//! that are covered. A checkpoint that fails half-way leaves the former one in force.

use super::codec::{bad, micros, signed, unsigned};
use super::rows::{Checkpoint, Input, InputKind, Loaded, Shard};
use super::{Reader, State, Store, StoreError, commit};
use crate::clock::Timestamp;
use crate::event::Origin;
use crate::limits;
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};
use std::sync::Arc;

impl Store {
    /// Saves `checkpoint`. After an error the caller keeps its shards and saves them with the next
    /// one.
    pub fn checkpoint(&self, checkpoint: &Checkpoint) -> std::result::Result<(), StoreError> {
        self.drop_unfinished()?;
        // A number of its own: two checkpoints may be of the same input.
        let generation = self.reader.ask(|view| generation(view))?.saturating_add(1);
        let mut rest = checkpoint.shards.as_slice();
        while !rest.is_empty() {
            let (slice, later) = rest.split_at(slice_len(rest));
            self.transact(|change, _| write_shards(change, generation, slice))?;
            rest = later;
        }
        self.transact(|change, state| finish(change, state, checkpoint, generation))?;
        self.drop_superseded()
    }

    /// Removes shards of a checkpoint that was never finished, a few at a time.
    fn drop_unfinished(&self) -> std::result::Result<(), StoreError> {
        self.drop_rows(
            "DELETE FROM shards WHERE rowid IN (SELECT rowid FROM shards
                WHERE generation > coalesce((SELECT generation FROM checkpoint), 0) LIMIT 64)",
        )
    }

    /// Removes shards that a newer one has replaced, and those that are empty.
    fn drop_superseded(&self) -> std::result::Result<(), StoreError> {
        self.drop_rows(
            "DELETE FROM shards WHERE rowid IN (SELECT old.rowid FROM shards AS old
                WHERE length(old.bytes) = 0 OR EXISTS(SELECT 1 FROM shards AS new
                    WHERE new.name = old.name AND new.shard = old.shard AND new.generation > old.generation)
                LIMIT 64)",
        )
    }

    fn drop_rows(&self, sql: &str) -> std::result::Result<(), StoreError> {
        loop {
            let gone = self.transact(|change, _| change.prepare_cached(sql)?.execute([]))?;
            if gone < 64 {
                return Ok(());
            }
        }
    }
}

/// The last finished checkpoint's generation; 0 when there is none.
fn generation(view: &Connection) -> Result<i64> {
    view.query_row("SELECT coalesce(max(generation), 0) FROM checkpoint", [], |row| row.get(0))
}

/// How many shards go into one transaction: at least one.
fn slice_len(shards: &[Shard]) -> usize {
    let mut bytes = 0_usize;
    let fits = shards
        .iter()
        .take_while(|shard| {
            bytes = bytes.saturating_add(shard.bytes.len());
            bytes <= limits::STORE_SLICE_BYTES_MAX
        })
        .count();
    fits.max(1)
}

pub(super) fn write_shards(
    change: &Transaction<'_>,
    generation: i64,
    shards: &[Shard],
) -> Result<()> {
    let mut insert = change.prepare_cached(
        "INSERT OR REPLACE INTO shards(name, shard, generation, fingerprint, bytes)
         VALUES(?1, ?2, ?3, ?4, ?5)",
    )?;
    for shard in shards {
        insert.execute(params![
            shard.table,
            shard.shard,
            generation,
            signed(shard.fingerprint),
            shard.bytes
        ])?;
    }
    Ok(())
}

fn finish(
    change: &Transaction<'_>,
    state: &mut State,
    checkpoint: &Checkpoint,
    generation: i64,
) -> Result<()> {
    let seq = signed(checkpoint.seq);
    change.execute(
        "INSERT OR REPLACE INTO checkpoint VALUES(1, ?1, ?2, ?3)",
        params![seq, generation, micros(checkpoint.at)],
    )?;
    change.execute("DELETE FROM cursors", [])?;
    for (origin, position) in &checkpoint.cursors {
        change
            .prepare_cached("INSERT OR REPLACE INTO cursors VALUES(?1, ?2, ?3)")?
            .execute(params![&*origin.source, &*origin.stream, signed(*position)])?;
    }
    for (name, bytes) in &checkpoint.blobs {
        change
            .prepare_cached("INSERT OR REPLACE INTO blobs VALUES(?1, ?2)")?
            .execute(params![name, bytes])?;
    }
    if let Some(live) = &checkpoint.live {
        drop_dead(change, live)?;
    }
    change.execute("DELETE FROM inputs WHERE seq <= ?1", [seq])?;
    if state.any_seen {
        change.execute("DELETE FROM seen WHERE seq <= ?1", [seq])?;
        state.any_seen = commit::any_seen(change)?;
    }
    Ok(())
}

/// Removes the shards of tables that are no more, or whose form has changed.
fn drop_dead(change: &Transaction<'_>, live: &[(String, u64)]) -> Result<()> {
    let mut known = change.prepare_cached("SELECT DISTINCT name, fingerprint FROM shards")?;
    let known: Vec<(String, i64)> =
        known.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
    for (name, fingerprint) in known {
        let lives =
            live.iter().any(|(table, print)| *table == name && signed(*print) == fingerprint);
        if !lives {
            change
                .prepare_cached("DELETE FROM shards WHERE name = ?1 AND fingerprint = ?2")?
                .execute(params![name, fingerprint])?;
        }
    }
    Ok(())
}

impl Reader {
    /// What the last checkpoint saved (without shards), and the inputs since.
    pub fn load(&self) -> std::result::Result<Loaded, StoreError> {
        self.ask(|view| {
            let head = view
                .query_row("SELECT seq, recorded FROM checkpoint", [], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                })
                .optional()?;
            let (seq, at) = head.unwrap_or((0, 0));
            Ok(Loaded {
                seq: unsigned(seq),
                at: Timestamp::from_micros(at),
                cursors: cursors(view)?,
                inputs: inputs(view, seq)?,
                blobs: view
                    .prepare("SELECT name, bytes FROM blobs ORDER BY name")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_>>()?,
            })
        })
    }

    /// Hands every shard of the last checkpoint to `take`, one at a time: there is never more
    /// than one in memory here. `take` must not ask this reader anything meanwhile.
    pub fn each_shard(&self, mut take: impl FnMut(Shard)) -> std::result::Result<(), StoreError> {
        self.ask(|view| {
            let mut rows = view.prepare(
                "SELECT name, shard, fingerprint, bytes FROM shards AS this
                 WHERE length(bytes) > 0 AND generation = (SELECT max(generation) FROM shards AS other
                    WHERE other.name = this.name AND other.shard = this.shard
                    AND other.generation <= (SELECT generation FROM checkpoint))
                 ORDER BY name, shard",
            )?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                take(Shard {
                    table: row.get(0)?,
                    shard: row.get(1)?,
                    fingerprint: row.get(2).map(unsigned)?,
                    bytes: row.get(3)?,
                });
            }
            Ok(())
        })
    }
}

fn cursors(view: &Connection) -> Result<Vec<(Origin, u64)>> {
    view.prepare("SELECT source, stream, position FROM cursors")?
        .query_map([], |row| {
            let origin = Origin {
                source: Arc::from(row.get::<_, String>(0)?),
                stream: Arc::from(row.get::<_, String>(1)?),
            };
            Ok((origin, row.get(2).map(unsigned)?))
        })?
        .collect()
}

fn inputs(view: &Connection, after: i64) -> Result<Vec<Input>> {
    view.prepare("SELECT * FROM inputs WHERE seq > ?1 ORDER BY seq")?
        .query_map([after], input)?
        .collect()
}

fn input(row: &Row<'_>) -> Result<Input> {
    let kind: String = row.get("kind")?;
    let name = row.get::<_, Option<String>>("name")?.unwrap_or_default();
    let from: u64 = row.get("from_value").map(unsigned)?;
    let time = row.get("time").map(Timestamp::from_micros)?;
    let kind = match kind.as_str() {
        "batch" => {
            let stream: Option<String> = row.get("stream")?;
            InputKind::Batch {
                origin: Origin {
                    source: Arc::from(name),
                    stream: Arc::from(stream.unwrap_or_default()),
                },
                from,
                to: row.get("to_value").map(unsigned)?,
                arrival: time,
                additions: row
                    .get::<_, Option<Vec<u8>>>("additions")?
                    .map_or_else(Arc::default, Arc::from),
            }
        }
        "tick" => InputKind::Tick { time },
        "allowlist" => InputKind::Allowlist { version: from },
        "rules" => InputKind::Rules { fingerprint: from },
        "feed" => InputKind::Feed { name, version: from },
        other => return Err(bad("kind", other)),
    };
    Ok(Input { seq: row.get("seq").map(unsigned)?, kind })
}
