//! Questions to the journal: by time, rule, target and kind; and everything about one target.
//!
//! Numbers are chosen first, kind by kind, over the indexes; then the rows are read. So a page
//! costs what it shows.

use super::answers::{Entry, EntryKind, JournalQuery, JournalRow, Why};
use super::codec::{
    DECISION_COLUMNS, bad, decision_row, hit_id, hit_row, id, outcome, target, time, unsigned,
    verdict,
};
use super::lists::{allow_entries, decisions, offence_count};
use super::rows::{LiftRow, NoteRow};
use super::subject::{About, covering, rows_about, subject};
use super::{Reader, StoreError};
use crate::clock::Timestamp;
use crate::decisions::{ActionId, Decision, DecisionId, Target};
use crate::event::net;
use crate::limits;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use std::sync::Arc;

impl Reader {
    /// The journal's rows that `query` asks for: newest first, or oldest first when it follows
    /// (`after`).
    pub fn journal(
        &self,
        query: &JournalQuery,
    ) -> std::result::Result<Vec<JournalRow>, StoreError> {
        self.ask(|view| find(view, query))
    }

    /// Everything known of `target`, also through networks that hold it and addresses within it,
    /// as of `now`.
    pub fn why(&self, target: &Target, now: Timestamp) -> std::result::Result<Why, StoreError> {
        self.ask(|view| {
            let query = JournalQuery {
                target: Some(target.clone()),
                limit: limits::STORE_WHY_ROWS_MAX,
                ..JournalQuery::default()
            };
            Ok(Why {
                target: target.clone(),
                in_force: standing(view, target, now)?,
                allowed: allow_entries(view)?
                    .into_iter()
                    .filter(|entry| {
                        entry.until.is_none_or(|until| until > now) && holds(&entry.entry, target)
                    })
                    .collect(),
                offences: offences(view, target)?,
                journal: find(view, &query)?,
            })
        })
    }
}

/// Whether an allowlist entry is the target or a network that holds it.
fn holds(entry: &str, target: &Target) -> bool {
    match (net::parse_net(entry), target) {
        (Some(wide), Target::Net(network)) => wide.contains(network),
        (None, Target::Host(name)) => entry.eq_ignore_ascii_case(name),
        _ => false,
    }
}

fn standing(view: &Connection, target: &Target, now: Timestamp) -> Result<Vec<Decision>> {
    let condition = "subject = ?1 AND in_force = 1 AND (until IS NULL OR until > ?2) ORDER BY n";
    let subjects: Vec<Vec<u8>> = match target {
        Target::Net(network) => {
            covering(network).map(|wider| subject(&Target::Net(wider))).collect()
        }
        other => vec![subject(other)],
    };
    let mut found = Vec::new();
    for about in subjects {
        found.extend(decisions(view, condition, params![about, now.as_micros()])?);
    }
    Ok(found)
}

fn offences(view: &Connection, target: &Target) -> Result<Vec<super::rows::OffenceCount>> {
    let mut subjects = vec![subject(target)];
    if let Target::Net(network) = target {
        let client = net::client_net(network.addr());
        if client.contains(network) && client != *network {
            subjects.push(subject(&Target::Net(client)));
        }
    }
    let mut count = view.prepare_cached(
        "SELECT target, rule, count(*) AS count, max(time) AS last FROM offences
         WHERE subject = ?1 GROUP BY rule ORDER BY rule",
    )?;
    let mut found = Vec::new();
    for about in subjects {
        for row in count.query_map([about], offence_count)? {
            found.push(row?);
        }
    }
    Ok(found)
}

fn find(view: &Connection, query: &JournalQuery) -> Result<Vec<JournalRow>> {
    let follows = query.after.is_some();
    let kinds: &[EntryKind] = if query.kinds.is_empty() { &EntryKind::ALL } else { &query.kinds };
    let mut chosen: Vec<(i64, EntryKind)> = Vec::new();
    for kind in kinds {
        let numbers = match &query.target {
            Some(target) => about(view, *kind, query, target)?,
            None => numbers(view, *kind, query)?,
        };
        chosen.extend(numbers.into_iter().map(|n| (n, *kind)));
    }
    chosen.sort_unstable();
    chosen.dedup();
    if !follows {
        chosen.reverse();
    }
    chosen.truncate(query.limit);
    let mut rows = Vec::with_capacity(chosen.len());
    for (n, kind) in chosen {
        match read(view, n, kind) {
            Ok(row) => rows.extend(row),
            Err(error @ rusqlite::Error::FromSqlConversionFailure(..)) => {
                tracing::warn!(n, %error, "a journal row can't be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

/// The numbers of one kind that the query selects without a target, at most its limit.
fn numbers(view: &Connection, kind: EntryKind, query: &JournalQuery) -> Result<Vec<i64>> {
    let order = if query.after.is_some() { "ASC" } else { "DESC" };
    let rule = if query.rule.is_some() { "rule = ?1 AND" } else { "?1 IS NULL AND" };
    let sql = format!(
        "SELECT n FROM {} WHERE {rule} n > ?2 AND n < ?3 AND time >= ?4 AND time < ?5
         ORDER BY n {order} LIMIT ?6",
        kind.table()
    );
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    view.prepare_cached(&sql)?
        .query_map(
            params![
                query.rule,
                query.after.unwrap_or(i64::MIN),
                query.before.unwrap_or(i64::MAX),
                query.since.map_or(i64::MIN, Timestamp::as_micros),
                query.until.map_or(i64::MAX, Timestamp::as_micros),
                limit
            ],
            |row| row.get(0),
        )?
        .collect()
}

/// The numbers of one kind about a target that the query's other conditions let through.
fn about(
    view: &Connection,
    kind: EntryKind,
    query: &JournalQuery,
    target: &Target,
) -> Result<Vec<i64>> {
    let sql = format!("SELECT rule, time FROM {} WHERE n = ?1", kind.table());
    let mut look = view.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for n in rows_about(view, kind.table(), target, About::Covering)? {
        if query.after.is_some_and(|after| n <= after)
            || query.before.is_some_and(|before| n >= before)
        {
            continue;
        }
        let (rule, time): (Option<String>, i64) =
            look.query_row([n], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let time = Timestamp::from_micros(time);
        let wanted = query.rule.as_ref().is_none_or(|name| rule.as_ref() == Some(name))
            && query.since.is_none_or(|since| time >= since)
            && query.until.is_none_or(|until| time < until);
        if wanted {
            found.push(n);
        }
    }
    Ok(found)
}

fn read(view: &Connection, n: i64, kind: EntryKind) -> Result<Option<JournalRow>> {
    let sql = match kind {
        EntryKind::Hit => "SELECT hits.*, evidence.events FROM hits LEFT JOIN evidence USING(n)
             WHERE hits.n = ?1"
            .to_owned(),
        EntryKind::Decision => {
            format!(
                "SELECT {DECISION_COLUMNS}, in_force, lifted, recorded FROM decisions WHERE n = ?1"
            )
        }
        other => format!("SELECT * FROM {} WHERE n = ?1", other.table()),
    };
    view.prepare_cached(&sql)?
        .query_row([n], |row| {
            Ok(JournalRow { n, recorded: time(row, "recorded")?, entry: entry(row, kind)? })
        })
        .optional()
}

fn entry(row: &Row<'_>, kind: EntryKind) -> Result<Entry> {
    Ok(match kind {
        EntryKind::Hit => {
            Entry::Hit { hit: hit_row(row)?, repeats: row.get("repeats").map(unsigned)? }
        }
        EntryKind::Decision => Entry::Decision {
            row: decision_row(row)?,
            in_force: row.get("in_force")?,
            lifted: row.get::<_, Option<i64>>("lifted")?.map(Timestamp::from_micros),
        },
        EntryKind::Action => {
            let text: String = row.get("action")?;
            Entry::Action {
                id: ActionId(id(row, "id")?),
                hit: hit_id(row, "hit")?,
                action: serde_json::from_str(&text).map_err(|_| bad("action", &text))?,
                guard: verdict(row)?,
                state: row.get("state")?,
            }
        }
        EntryKind::Outcome => Entry::Outcome {
            action: ActionId(id(row, "action")?),
            destination: row.get("destination")?,
            outcome: outcome(row)?,
            attempt: row.get("attempt")?,
            target: row.get::<_, Option<String>>("target")?.and_then(|text| Target::parse(&text)),
            time: time(row, "time")?,
        },
        EntryKind::Lift => Entry::Lift {
            lift: LiftRow {
                target: target(row, "target")?,
                decision: row
                    .get::<_, Option<[u8; 16]>>("decision")?
                    .map(|bytes| DecisionId(u128::from_be_bytes(bytes))),
                reason: row.get("reason")?,
                by: row.get("rule")?,
                time: time(row, "time")?,
            },
            ended: row.get("ended").map(unsigned)?,
        },
        EntryKind::Note => Entry::Note {
            note: NoteRow {
                topic: row.get("topic")?,
                rule: row.get::<_, Option<String>>("rule")?.map(Arc::from),
                target: row
                    .get::<_, Option<String>>("target")?
                    .and_then(|text| Target::parse(&text)),
                text: row.get("text")?,
                time: time(row, "time")?,
            },
        },
    })
}
