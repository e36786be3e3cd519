//! One transaction for everything that a batch led to. Ids make it idempotent: after a crash the
//! same inputs are evaluated again and commit the same rows, and the answer says which are new.
//!
//! Hits that led to nothing (only refused, shadowed or standing decisions, no action) collapse
//! into a counter on the last row kept when the same rule, key and verdict come more than
//! `limits::STORE_REPEATS_A_MINUTE_MAX` times a minute; their ids stay in `seen` until a
//! checkpoint covers them.

use super::codec::{json, micros, route_name, signed};
use super::insert::{add_action, add_decision, add_input, add_lift, add_note, add_offence};
use super::rows::{Commit, Committed, HitRow};
use super::subject::{hit_subject, id_bytes};
use super::{Reader, State, Store, StoreError};
use crate::clock::Timestamp;
use crate::decisions::{ActionId, DecisionId, Evidence, HitId, Verdict};
use crate::limits;
use crate::telemetry;
use rusqlite::{Connection, Result, Transaction, params};
use std::collections::{HashMap, HashSet};

/// Counts the hits of the current minute.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    minute: i64,
    /// For rule, key and verdict: how many rows, and the number of the last.
    kept: HashMap<String, (u32, i64)>,
}

impl Repeats {
    /// The row that counts for this hit, when it has had its rows of this minute.
    fn row(&mut self, at: Timestamp, name: &str) -> Option<i64> {
        let minute = at.as_secs().div_euclid(60);
        if minute != self.minute || self.kept.len() >= limits::STORE_REPEAT_KEYS_MAX {
            self.minute = minute;
            self.kept.clear();
        }
        let (count, n) = self.kept.get(name)?;
        (*count >= limits::STORE_REPEATS_A_MINUTE_MAX).then_some(*n)
    }

    fn keep(&mut self, name: String, n: i64) {
        let kept = self.kept.entry(name).or_insert((0, n));
        *kept = (kept.0.saturating_add(1), n);
    }
}

impl Store {
    /// Commits `commit` at once and whole; when this returns, `kill -9` can't undo it. What was
    /// there already is left as it was, save that a queued decision takes its later verdict.
    pub fn commit(&self, commit: &Commit) -> std::result::Result<Committed, StoreError> {
        let done = self.transact(|change, state| write(change, state, commit))?;
        telemetry::counter(telemetry::names::STORE_COMMITS).add(1);
        Ok(done)
    }
}

impl Reader {
    /// Whether a hit was committed: it has a row, or was collapsed or forgotten since the last
    /// checkpoint.
    pub fn has_hit(&self, hit: HitId) -> std::result::Result<bool, StoreError> {
        self.ask(|view| {
            let row = view
                .prepare_cached("SELECT 1 FROM hits WHERE id = ?1")?
                .exists([id_bytes(hit.0)])?;
            let mut seen = view.prepare_cached("SELECT 1 FROM seen WHERE id = ?1")?;
            Ok(row || seen.exists([Seen::Hit(hit).bytes()])?)
        })
    }

    /// Whether a decision was committed and waits for the ceiling of blocks a minute.
    pub fn is_queued(&self, decision: DecisionId) -> std::result::Result<bool, StoreError> {
        self.ask(|view| {
            view.prepare_cached("SELECT 1 FROM decisions WHERE id = ?1 AND verdict = 'queued'")?
                .exists([id_bytes(decision.0)])
        })
    }
}

fn write(change: &Transaction<'_>, state: &mut State, commit: &Commit) -> Result<Committed> {
    let mut done = Committed::default();
    for input in &commit.inputs {
        add_input(change, input)?;
    }
    let mut collapsed: HashSet<HitId> = HashSet::new();
    for hit in &commit.hits {
        if is_seen(change, state, Seen::Hit(hit.id))? {
            done.hits.push(false);
        } else if collapse(change, state, commit, hit)? {
            collapsed.insert(hit.id);
            done.hits.push(true);
        } else {
            done.hits.push(add_hit(change, state, commit, hit)?);
        }
    }
    for row in &commit.decisions {
        let id = Seen::Decision(row.decision.id);
        let new = if row.decision.hit.is_some_and(|hit| collapsed.contains(&hit)) {
            remember(change, state, id, commit.seq)?
        } else {
            !is_seen(change, state, id)? && add_decision(change, state, commit, row)?
        };
        done.decisions.push(new);
    }
    for row in &commit.outbox {
        let new = !is_seen(change, state, Seen::Action(row.id))?
            && add_action(change, state, commit, row)?;
        done.outbox.push(new);
    }
    for lift in &commit.lifts {
        done.lifted += add_lift(change, state, (commit.at, commit.seq), lift)?;
    }
    for offence in &commit.offences {
        add_offence(change, offence)?;
    }
    for note in &commit.notes {
        add_note(change, state, commit.at, note)?;
    }
    Ok(done)
}

/// An id without a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    Hit(HitId),
    Decision(DecisionId),
    Action(ActionId),
}

impl Seen {
    /// A letter for the kind, then the id.
    fn bytes(self) -> Vec<u8> {
        let (kind, id) = match self {
            Self::Hit(HitId(id)) => (b'h', id),
            Self::Decision(DecisionId(id)) => (b'd', id),
            Self::Action(ActionId(id)) => (b'a', id),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&id_bytes(id));
        bytes
    }
}

/// Whether any id is remembered without a row.
pub(super) fn any_seen(conn: &Connection) -> Result<bool> {
    conn.query_row("SELECT EXISTS(SELECT 1 FROM seen)", [], |row| row.get(0))
}

fn is_seen(change: &Transaction<'_>, state: &State, id: Seen) -> Result<bool> {
    if !state.any_seen {
        return Ok(false);
    }
    let mut find = change.prepare_cached("SELECT 1 FROM seen WHERE id = ?1")?;
    find.exists([id.bytes()])
}

/// Remembers an id that has no row; says whether it is new.
pub(super) fn remember(
    change: &Transaction<'_>,
    state: &mut State,
    id: Seen,
    seq: u64,
) -> Result<bool> {
    state.any_seen = true;
    let mut insert = change.prepare_cached("INSERT OR IGNORE INTO seen VALUES(?1, ?2)")?;
    Ok(insert.execute(params![id.bytes(), signed(seq)])? > 0)
}

/// What makes two hits the same for people; `None` when the hit led to something and has its own
/// row always.
fn repeat_name(commit: &Commit, hit: &HitRow) -> Option<String> {
    if commit.outbox.iter().any(|row| row.hit == Some(hit.id)) {
        return None;
    }
    let mut name = format!("{}\0{}", hit.rule, hit.key);
    for row in &commit.decisions {
        if row.decision.hit != Some(hit.id) {
            continue;
        }
        if matches!(row.verdict, Verdict::Pass | Verdict::Queued) {
            return None;
        }
        name.push('\0');
        name.push_str(&row.verdict.words());
    }
    Some(name)
}

/// Counts the hit on an earlier row when it is one too many like it.
fn collapse(
    change: &Transaction<'_>,
    state: &mut State,
    commit: &Commit,
    hit: &HitRow,
) -> Result<bool> {
    let Some(name) = repeat_name(commit, hit) else {
        return Ok(false);
    };
    let Some(n) = state.repeats.row(commit.at, &name) else {
        return Ok(false);
    };
    let known: bool =
        change.prepare_cached("SELECT 1 FROM hits WHERE id = ?1")?.exists([id_bytes(hit.id.0)])?;
    if known {
        return Ok(false);
    }
    let mut count = change
        .prepare_cached("UPDATE hits SET repeats = repeats + 1, repeated = ?2 WHERE n = ?1")?;
    // The row is gone when its transaction failed or somebody was forgotten: then a new one.
    if count.execute(params![n, micros(hit.time)])? == 0 {
        return Ok(false);
    }
    remember(change, state, Seen::Hit(hit.id), commit.seq)?;
    telemetry::counter(telemetry::names::STORE_HITS_COLLAPSED).add(1);
    Ok(true)
}

fn add_hit(
    change: &Transaction<'_>,
    state: &mut State,
    commit: &Commit,
    hit: &HitRow,
) -> Result<bool> {
    let (target, subject) = hit_subject(&hit.key, hit.ip);
    let n = state.take_n();
    let mut insert = change.prepare_cached(
        "INSERT OR IGNORE INTO hits(n, id, rule, key, ip, target, subject, count, first, last,
            time, route, seq, recorded)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let added = insert.execute(params![
        n,
        id_bytes(hit.id.0),
        &*hit.rule,
        &*hit.key,
        hit.ip.map(|ip| ip.to_string()),
        target,
        subject,
        signed(hit.count),
        micros(hit.first),
        micros(hit.last),
        micros(hit.time),
        route_name(hit.route),
        signed(commit.seq),
        micros(commit.at)
    ])?;
    if added == 0 {
        return Ok(false);
    }
    if !hit.evidence.is_empty() {
        let mut insert = change.prepare_cached("INSERT INTO evidence VALUES(?1, ?2, ?3)")?;
        insert.execute(params![n, micros(commit.at), json(&bounded(&hit.evidence))?])?;
    }
    if let Some(name) = repeat_name(commit, hit) {
        state.repeats.keep(name, n);
    }
    Ok(true)
}

/// The last events, each record cut at a character.
fn bounded(evidence: &[Evidence]) -> Vec<Evidence> {
    let skip = evidence.len().saturating_sub(limits::EVIDENCE_EVENTS_MAX);
    let mut kept: Vec<Evidence> = evidence.iter().skip(skip).cloned().collect();
    for item in &mut kept {
        let end = item.record.floor_char_boundary(limits::EVIDENCE_RECORD_BYTES_MAX);
        item.record.truncate(end);
    }
    kept
}
