//! The tables, and how an older file becomes one of today: numbered steps, each in a transaction,
//! with a copy of the file made before the first.
//!
//! Times are microseconds since 1970 in UTC; ids are blobs of 16 bytes; `subject` is the target in
//! a form that sorts networks by their first address (see `subject.rs`).

use super::error::StoreError;
use crate::clock;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};

/// Marks the file as riposte's: `RIPO` (<https://sqlite.org/pragma.html#pragma_application_id>).
pub(super) const APPLICATION_ID: i64 = 0x5249_504f;

/// The steps from an empty file to today's. A step that has been released is never edited.
pub(super) const STEPS: &[&str] = &[STEP_1, STEP_2, STEP_3, STEP_4];

const STEP_1: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- The order of inputs since the last checkpoint.
CREATE TABLE inputs(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT, stream TEXT,
    from_value INTEGER NOT NULL, to_value INTEGER NOT NULL, time INTEGER NOT NULL) STRICT;
CREATE TABLE checkpoint(one INTEGER PRIMARY KEY CHECK(one = 1), seq INTEGER NOT NULL,
    generation INTEGER NOT NULL, recorded INTEGER NOT NULL) STRICT;
CREATE TABLE cursors(source TEXT NOT NULL, stream TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY(source, stream)) STRICT, WITHOUT ROWID;
-- A row counts when its generation is not after the checkpoint's; the newest of those is the one.
CREATE TABLE shards(name TEXT NOT NULL, shard INTEGER NOT NULL, generation INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(name, shard, generation))
    STRICT;
CREATE TABLE blobs(name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
-- Ids of hits that have no row (collapsed or forgotten), until a checkpoint covers them.
CREATE TABLE seen(id BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- The journal. `n` counts over all of its tables.
CREATE TABLE hits(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, rule TEXT NOT NULL,
    key TEXT NOT NULL, ip TEXT, target TEXT NOT NULL, subject BLOB NOT NULL,
    count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, time INTEGER NOT NULL,
    route TEXT NOT NULL, seq INTEGER NOT NULL, repeats INTEGER NOT NULL DEFAULT 0,
    repeated INTEGER, recorded INTEGER NOT NULL) STRICT;
CREATE INDEX hits_subject ON hits(subject);
CREATE TABLE evidence(n INTEGER PRIMARY KEY, recorded INTEGER NOT NULL, events TEXT NOT NULL)
    STRICT;
CREATE TABLE decisions(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, hit BLOB,
    rule TEXT NOT NULL, target TEXT NOT NULL, subject BLOB NOT NULL, remedy TEXT NOT NULL,
    time INTEGER NOT NULL, until INTEGER, reason TEXT NOT NULL, via TEXT, route TEXT NOT NULL,
    verdict TEXT NOT NULL, verdict_reason TEXT, in_force INTEGER NOT NULL, lifted INTEGER,
    seq INTEGER NOT NULL, recorded INTEGER NOT NULL) STRICT;
CREATE INDEX decisions_subject ON decisions(subject);
CREATE INDEX decisions_in_force ON decisions(until) WHERE in_force = 1;
CREATE TABLE outbox(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, hit BLOB, decision BLOB,
    kind TEXT NOT NULL, rule TEXT, target TEXT, subject BLOB, action TEXT NOT NULL,
    verdict TEXT NOT NULL, verdict_reason TEXT, state TEXT NOT NULL, time INTEGER NOT NULL,
    seq INTEGER NOT NULL, recorded INTEGER NOT NULL) STRICT;
CREATE INDEX outbox_subject ON outbox(subject) WHERE subject IS NOT NULL;
CREATE INDEX outbox_pending ON outbox(n) WHERE state = 'pending';
CREATE TABLE outcomes(n INTEGER PRIMARY KEY, action BLOB NOT NULL, destination TEXT NOT NULL,
    outcome TEXT NOT NULL, detail TEXT, attempt INTEGER NOT NULL, rule TEXT, target TEXT,
    subject BLOB, time INTEGER NOT NULL, recorded INTEGER NOT NULL) STRICT;
CREATE INDEX outcomes_action ON outcomes(action, destination);
CREATE INDEX outcomes_subject ON outcomes(subject) WHERE subject IS NOT NULL;
CREATE TABLE lifts(n INTEGER PRIMARY KEY, target TEXT NOT NULL, subject BLOB NOT NULL,
    decision BLOB, rule TEXT NOT NULL, reason TEXT NOT NULL, ended INTEGER NOT NULL,
    time INTEGER NOT NULL, recorded INTEGER NOT NULL) STRICT;
CREATE INDEX lifts_subject ON lifts(subject);
CREATE TABLE notes(n INTEGER PRIMARY KEY, topic TEXT NOT NULL, rule TEXT, target TEXT,
    subject BLOB, text TEXT NOT NULL, time INTEGER NOT NULL, recorded INTEGER NOT NULL) STRICT;
CREATE INDEX notes_subject ON notes(subject) WHERE subject IS NOT NULL;

CREATE TABLE offences(decision BLOB PRIMARY KEY, target TEXT NOT NULL, subject BLOB NOT NULL,
    rule TEXT NOT NULL, time INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX offences_subject ON offences(subject);
CREATE INDEX offences_time ON offences(time);
CREATE TABLE allowlist(entry TEXT PRIMARY KEY, note TEXT NOT NULL, added INTEGER NOT NULL,
    until INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE rule_modes(rule TEXT PRIMARY KEY, mode TEXT NOT NULL, since INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
";

/// The version that a file is brought to by all of `steps`.
pub(super) fn version_of(steps: &[&str]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

/// What enrichers said of a batch's events is a part of that input.
const STEP_2: &str = "ALTER TABLE inputs ADD COLUMN additions BLOB;";

/// Temporary changes at Cloudflare, with what was there before. Values are JSON.
const STEP_3: &str = "
CREATE TABLE changes(number INTEGER PRIMARY KEY AUTOINCREMENT, enforcer TEXT NOT NULL,
    zone TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, before TEXT, prior TEXT,
    value TEXT, got TEXT, sure INTEGER NOT NULL, claims TEXT NOT NULL, found TEXT, found_at INTEGER,
    quiet_until INTEGER, since INTEGER NOT NULL, recorded INTEGER NOT NULL,
    UNIQUE(enforcer, zone, kind, name)) STRICT;
";

/// What was asked of Cloudflare in the last day is counted at each start.
const STEP_4: &str =
    "CREATE INDEX outbox_cloudflare ON outbox(recorded) WHERE kind = 'cloudflare';";

/// The file's version; 0 for an empty one. Refuses a newer one and a file of somebody else's.
pub(super) fn version(conn: &Connection, path: &Path, known: i64) -> Result<i64, StoreError> {
    let fail = |error: rusqlite::Error| StoreError::sql(path, &error);
    let read = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let found = read("PRAGMA user_version").map_err(fail)?;
    let application = read("PRAGMA application_id").map_err(fail)?;
    let tables = read("SELECT count(*) FROM sqlite_schema").map_err(fail)?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Corrupt {
            path: path.to_path_buf(),
            detail: "another program's database".to_owned(),
        });
    }
    if found > known {
        return Err(StoreError::Newer { path: path.to_path_buf(), found, known });
    }
    if found < 0 || (found == 0 && tables > 0) {
        return Err(StoreError::Corrupt {
            path: path.to_path_buf(),
            detail: format!("version {found} with {tables} tables"),
        });
    }
    Ok(found)
}

/// Brings the file to the version of `steps`. A file that had content is copied first; the copy's
/// path is returned. A step that fails leaves the file as it was.
pub(super) fn migrate(
    conn: &mut Connection,
    path: &Path,
    steps: &[&str],
) -> Result<Option<PathBuf>, StoreError> {
    let found = version(conn, path, version_of(steps))?;
    if found == version_of(steps) {
        return Ok(None);
    }
    let fail = |error: rusqlite::Error| StoreError::sql(path, &error);
    let backup = if found > 0 { Some(back_up(conn, path, found)?) } else { None };
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    let change = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    for step in steps.iter().skip(done) {
        change.execute_batch(step).map_err(fail)?;
    }
    change.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
    change.pragma_update(None, "user_version", version_of(steps)).map_err(fail)?;
    change.commit().map_err(fail)?;
    Ok(backup)
}

/// Copies the whole store to a new private file beside it, named by version and time.
pub(super) fn back_up(conn: &Connection, path: &Path, version: i64) -> Result<PathBuf, StoreError> {
    let stamp = clock::now().to_jiff().strftime("%Y%m%dT%H%M%S%6fZ");
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".v{version}-{stamp}.backup"));
    let copy = PathBuf::from(name);
    // VACUUM INTO takes an empty file, so the copy is private from its first byte.
    super::dir::create_private(&copy)?;
    let text = copy.to_str().ok_or_else(|| StoreError::other(&copy, "the path is not UTF-8"))?;
    let made = conn.execute("VACUUM INTO ?1", [text]);
    if let Err(error) = made {
        if let Err(left) = std::fs::remove_file(&copy) {
            tracing::warn!(path = %copy.display(), error = %left, "could not remove an unfinished copy");
        }
        return Err(StoreError::sql(path, &error));
    }
    Ok(copy)
}
