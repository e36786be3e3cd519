//! How each row of a commit is written, apart from hits (`commit.rs`). Every insert leaves alone
//! what is there already.

use super::State;
use super::codec::{json, micros, route_name, signed, verdict_parts};
use super::rows::{Commit, DecisionRow, Input, InputKind, LiftRow, NoteRow, OffenceRow, OutboxRow};
use super::subject::{hit_bytes, hit_subject, id_bytes, subject};
use crate::clock::Timestamp;
use crate::decisions::{Action, DecisionId, Effect, Verdict};
use rusqlite::{Result, Transaction, params};

pub(super) fn add_input(change: &Transaction<'_>, input: &Input) -> Result<()> {
    let (kind, name, stream, from, to, time) = match &input.kind {
        InputKind::Batch { origin, from, to, arrival, .. } => {
            ("batch", Some(&*origin.source), Some(&*origin.stream), *from, *to, *arrival)
        }
        InputKind::Tick { time } => ("tick", None, None, 0, 0, *time),
        InputKind::Allowlist { version } => {
            ("allowlist", None, None, *version, 0, Timestamp::EPOCH)
        }
        InputKind::Rules { fingerprint } => {
            ("rules", None, None, *fingerprint, 0, Timestamp::EPOCH)
        }
        InputKind::Feed { name, version } => {
            ("feed", Some(name.as_str()), None, *version, 0, Timestamp::EPOCH)
        }
    };
    let mut insert = change
        .prepare_cached("INSERT OR IGNORE INTO inputs VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    let additions = match &input.kind {
        InputKind::Batch { additions, .. } if !additions.is_empty() => Some(&**additions),
        _ => None,
    };
    insert.execute(params![
        signed(input.seq),
        kind,
        name,
        stream,
        signed(from),
        signed(to),
        micros(time),
        additions
    ])?;
    Ok(())
}

pub(super) fn add_decision(
    change: &Transaction<'_>,
    state: &mut State,
    commit: &Commit,
    row: &DecisionRow,
) -> Result<bool> {
    let decision = &row.decision;
    let (verdict, verdict_reason) = verdict_parts(&row.verdict);
    // A queued decision has waited its turn: it takes the later verdict. Anything else stays.
    let mut insert = change.prepare_cached(
        "INSERT INTO decisions(n, id, hit, rule, target, subject, remedy, time, until, reason,
            via, route, verdict, verdict_reason, in_force, seq, recorded)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT(id) DO UPDATE SET verdict = excluded.verdict, seq = excluded.seq,
            verdict_reason = excluded.verdict_reason, in_force = excluded.in_force,
            until = excluded.until
         WHERE verdict = 'queued' AND excluded.verdict <> 'queued'",
    )?;
    let added = insert.execute(params![
        state.take_n(),
        id_bytes(decision.id.0),
        hit_bytes(decision.hit),
        &*decision.rule,
        decision.target.to_string(),
        subject(&decision.target),
        decision.remedy.name(),
        micros(decision.from),
        decision.until.map(micros),
        decision.reason,
        decision.via.as_deref(),
        route_name(decision.route),
        verdict,
        verdict_reason,
        row.verdict == Verdict::Pass,
        signed(commit.seq),
        micros(commit.at)
    ])?;
    Ok(added > 0)
}

pub(super) fn add_action(
    change: &Transaction<'_>,
    state: &mut State,
    commit: &Commit,
    row: &OutboxRow,
) -> Result<bool> {
    let Described { kind, rule, target, time } = describe(&row.action, commit.at);
    let (verdict, verdict_reason) = verdict_parts(&row.verdict);
    let state_name = if row.verdict == Verdict::Pass { "pending" } else { "refused" };
    let (target, subject) = target.unzip();
    let mut insert = change.prepare_cached(
        "INSERT INTO outbox(n, id, hit, decision, kind, rule, target, subject, action, verdict,
            verdict_reason, state, time, seq, recorded)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT(id) DO UPDATE SET verdict = excluded.verdict, state = excluded.state,
            verdict_reason = excluded.verdict_reason, seq = excluded.seq
         WHERE verdict = 'queued' AND excluded.verdict <> 'queued'",
    )?;
    let added = insert.execute(params![
        state.take_n(),
        id_bytes(row.id.0),
        hit_bytes(row.hit),
        row.decision.map(|DecisionId(id)| id_bytes(id)),
        kind,
        rule,
        target,
        subject,
        json(&row.action)?,
        verdict,
        verdict_reason,
        state_name,
        micros(time),
        signed(commit.seq),
        micros(commit.at)
    ])?;
    Ok(added > 0)
}

/// What an action's row says beside the action itself.
struct Described<'a> {
    kind: &'static str,
    rule: Option<&'a str>,
    /// As text and in its index form.
    target: Option<(String, Vec<u8>)>,
    time: Timestamp,
}

fn describe(action: &Action, at: Timestamp) -> Described<'_> {
    match action {
        Action::Enforce { decision } => Described {
            kind: "enforce",
            rule: Some(&decision.rule),
            target: Some((decision.target.to_string(), subject(&decision.target))),
            time: decision.from,
        },
        Action::Lift { target, .. } => Described {
            kind: "lift",
            rule: None,
            target: Some((target.to_string(), subject(target))),
            time: at,
        },
        Action::Perform { rule, key, time, effect } => Described {
            kind: match effect {
                Effect::Notify { .. } => "notify",
                Effect::Webhook { .. } => "webhook",
                Effect::Exec { .. } => "exec",
                Effect::Log { .. } => "log",
                Effect::Cloudflare(_) => "cloudflare",
            },
            rule: Some(rule),
            target: Some(hit_subject(key, None)),
            time: *time,
        },
    }
}

/// Ends what is in force and says how many decisions that were. Decisions of later inputs are left
/// alone: a lift that is replayed after a crash must not end what came after it.
pub(super) fn add_lift(
    change: &Transaction<'_>,
    state: &mut State,
    (at, seq): (Timestamp, u64),
    lift: &LiftRow,
) -> Result<u64> {
    let about = subject(&lift.target);
    let one = lift.decision.map(|DecisionId(id)| id_bytes(id));
    let mut end = change.prepare_cached(
        "UPDATE decisions SET in_force = 0, lifted = ?3
         WHERE in_force = 1 AND subject = ?1 AND (?2 IS NULL OR id = ?2) AND seq <= ?4",
    )?;
    let ended = end.execute(params![about, one, micros(lift.time), signed(seq)])?;
    let ended = u64::try_from(ended).unwrap_or(u64::MAX);
    if ended == 0 {
        // Nothing to end, or a lift that was committed before a crash: no second row.
        return Ok(0);
    }
    let mut insert = change.prepare_cached(
        "INSERT INTO lifts(n, target, subject, decision, rule, reason, ended, time, recorded)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    insert.execute(params![
        state.take_n(),
        lift.target.to_string(),
        about,
        one,
        lift.by,
        lift.reason,
        signed(ended),
        micros(lift.time),
        micros(at)
    ])?;
    Ok(ended)
}

pub(super) fn add_offence(change: &Transaction<'_>, row: &OffenceRow) -> Result<()> {
    let mut insert =
        change.prepare_cached("INSERT OR IGNORE INTO offences VALUES(?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![
        id_bytes(row.decision.0),
        row.target.to_string(),
        subject(&row.target),
        &*row.rule,
        micros(row.time)
    ])?;
    Ok(())
}

pub(super) fn add_note(
    change: &Transaction<'_>,
    state: &mut State,
    at: Timestamp,
    note: &NoteRow,
) -> Result<()> {
    let mut insert = change.prepare_cached(
        "INSERT INTO notes(n, topic, rule, target, subject, text, time, recorded)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        state.take_n(),
        note.topic,
        note.rule.as_deref(),
        note.target.as_ref().map(ToString::to_string),
        note.target.as_ref().map(subject),
        note.text,
        micros(note.time),
        micros(at)
    ])?;
    Ok(())
}
