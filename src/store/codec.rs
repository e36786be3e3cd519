//! Values as columns and back: ids, verdicts, outcomes, whole decisions and hits.

use super::rows::{DecisionRow, HitRow};
use crate::clock::Timestamp;
use crate::decisions::{
    Decision, DecisionId, Evidence, HitId, Outcome, Remedy, Route, Target, Verdict,
};
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use std::sync::Arc;

/// The columns that [`decision_row`] reads, in its order.
pub(super) const DECISION_COLUMNS: &str = "id, hit, rule, target, remedy, time, until, reason, \
     via, route, verdict, verdict_reason";

/// A column that doesn't hold what it should.
pub(super) fn bad(column: &str, text: &str) -> Error {
    let what = format!("column `{column}` holds `{text}`");
    Error::FromSqlConversionFailure(0, Type::Text, what.into())
}

/// A value as JSON text.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

/// An unsigned number with the same bits: SQLite has signed ones only.
pub(super) const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

/// Back from [`signed`].
pub(super) const fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

/// A time as a column.
pub(super) const fn micros(time: Timestamp) -> i64 {
    time.as_micros()
}

/// A time from a column.
pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

/// An id from a column.
pub(super) fn id(row: &Row<'_>, column: &str) -> Result<u128> {
    row.get::<_, [u8; 16]>(column).map(u128::from_be_bytes)
}

/// A hit's id from a column that may be empty.
pub(super) fn hit_id(row: &Row<'_>, column: &str) -> Result<Option<HitId>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(|bytes| HitId(u128::from_be_bytes(bytes))))
}

/// A text column shared.
pub(super) fn arc(row: &Row<'_>, column: &str) -> Result<Arc<str>> {
    row.get::<_, String>(column).map(Arc::from)
}

/// A target from a text column.
pub(super) fn target(row: &Row<'_>, column: &str) -> Result<Target> {
    let text: String = row.get(column)?;
    Target::parse(&text).ok_or_else(|| bad(column, &text))
}

/// A verdict as a name and a reason.
pub(super) fn verdict_parts(verdict: &Verdict) -> (&'static str, Option<&str>) {
    match verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Refused(why) => ("refused", Some(why)),
        Verdict::Shadow(why) => ("shadow", Some(why)),
        Verdict::Queued => ("queued", None),
        Verdict::AlreadyOver => ("already_over", None),
        Verdict::AlreadyInForce => ("already_in_force", None),
    }
}

/// Back from [`verdict_parts`].
pub(super) fn verdict(row: &Row<'_>) -> Result<Verdict> {
    let name: String = row.get("verdict")?;
    let reason: Option<String> = row.get("verdict_reason")?;
    let reason = reason.unwrap_or_default();
    match name.as_str() {
        "pass" => Ok(Verdict::Pass),
        "refused" => Ok(Verdict::Refused(reason)),
        "shadow" => Ok(Verdict::Shadow(reason)),
        "queued" => Ok(Verdict::Queued),
        "already_over" => Ok(Verdict::AlreadyOver),
        "already_in_force" => Ok(Verdict::AlreadyInForce),
        other => Err(bad("verdict", other)),
    }
}

/// An outcome as a name and a detail.
pub(super) fn outcome_parts(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Unchanged => ("unchanged", None),
        Outcome::Applied => ("applied", None),
        Outcome::Pending => ("pending", None),
        Outcome::Unconfirmed(what) => ("unconfirmed", Some(what)),
        Outcome::Failed(why) => ("failed", Some(why)),
        Outcome::DryRun(call) => ("dry_run", Some(call)),
    }
}

/// Back from [`outcome_parts`].
pub(super) fn outcome(row: &Row<'_>) -> Result<Outcome> {
    let name: String = row.get("outcome")?;
    let detail: Option<String> = row.get("detail")?;
    let detail = detail.unwrap_or_default();
    match name.as_str() {
        "unchanged" => Ok(Outcome::Unchanged),
        "applied" => Ok(Outcome::Applied),
        "pending" => Ok(Outcome::Pending),
        "unconfirmed" => Ok(Outcome::Unconfirmed(detail)),
        "failed" => Ok(Outcome::Failed(detail)),
        "dry_run" => Ok(Outcome::DryRun(detail)),
        other => Err(bad("outcome", other)),
    }
}

/// A route's name.
pub(super) const fn route_name(route: Route) -> &'static str {
    match route {
        Route::Direct => "direct",
        Route::Proxied => "proxied",
        Route::Unknown => "unknown",
    }
}

/// A route from its column; an unknown name is an unknown route.
fn route(row: &Row<'_>) -> Result<Route> {
    Ok(match row.get::<_, String>("route")?.as_str() {
        "direct" => Route::Direct,
        "proxied" => Route::Proxied,
        _ => Route::Unknown,
    })
}

fn remedy(row: &Row<'_>) -> Result<Remedy> {
    let name: String = row.get("remedy")?;
    [Remedy::Block, Remedy::Challenge, Remedy::Captcha, Remedy::Throttle, Remedy::Allow]
        .into_iter()
        .find(|remedy| remedy.name() == name)
        .ok_or_else(|| bad("remedy", &name))
}

/// A decision from a row with [`DECISION_COLUMNS`].
pub(super) fn decision_row(row: &Row<'_>) -> Result<DecisionRow> {
    let until: Option<i64> = row.get("until")?;
    let via: Option<String> = row.get("via")?;
    Ok(DecisionRow {
        decision: Decision {
            id: DecisionId(id(row, "id")?),
            hit: hit_id(row, "hit")?,
            rule: arc(row, "rule")?,
            target: target(row, "target")?,
            remedy: remedy(row)?,
            from: time(row, "time")?,
            until: until.map(Timestamp::from_micros),
            reason: row.get("reason")?,
            via: via.map(Arc::from),
            route: route(row)?,
        },
        verdict: verdict(row)?,
    })
}

/// A hit from a row of `hits`, with `events` of its evidence where that is kept.
pub(super) fn hit_row(row: &Row<'_>) -> Result<HitRow> {
    let ip: Option<String> = row.get("ip")?;
    let events: Option<String> = row.get("events")?;
    let evidence: Vec<Evidence> = match events {
        Some(text) => serde_json::from_str(&text).map_err(|_| bad("events", "no evidence"))?,
        None => Vec::new(),
    };
    Ok(HitRow {
        id: HitId(id(row, "id")?),
        rule: arc(row, "rule")?,
        key: arc(row, "key")?,
        ip: ip.and_then(|text| text.parse().ok()),
        count: row.get("count").map(unsigned)?,
        first: time(row, "first")?,
        last: time(row, "last")?,
        time: time(row, "time")?,
        route: route(row)?,
        evidence,
    })
}
