//! The lines of `riposte replay --json`: a contract, scripts depend on them.

use crate::clock::Timestamp;
use crate::decisions::{CloudflareAsk, CloudflareWhat, Decision};
use crate::pipeline::core::Firing;
use serde::Serialize;

/// A hit.
#[derive(Serialize)]
pub(super) struct HitLine<'f> {
    r#type: &'static str,
    time: Timestamp,
    rule: &'f str,
    key: &'f str,
    count: u64,
    source: &'f str,
    line: u64,
}

impl<'f> HitLine<'f> {
    pub(super) fn of(firing: &'f Firing) -> Self {
        let hit = &firing.hit;
        Self {
            r#type: "hit",
            time: hit.time,
            rule: &hit.rule,
            key: &hit.key,
            count: hit.count,
            source: &hit.event.origin.source,
            line: hit.event.line,
        }
    }
}

/// A decision.
#[derive(Serialize)]
pub(super) struct DecisionLine<'f> {
    r#type: &'static str,
    time: Timestamp,
    rule: &'f str,
    target: String,
    remedy: &'static str,
    duration_s: Option<u64>,
    until: Option<Timestamp>,
    reason: &'f str,
    guard: &'f str,
}

impl<'f> DecisionLine<'f> {
    pub(super) fn of(decision: &'f Decision, guard: &'f str) -> Self {
        Self {
            r#type: "decision",
            time: decision.from,
            rule: &decision.rule,
            target: decision.target.to_string(),
            remedy: decision.remedy.name(),
            duration_s: decision.duration().map(|duration| duration.as_secs()),
            until: decision.until,
            reason: &decision.reason,
            guard,
        }
    }
}

/// What is asked of Cloudflare; nothing is sent.
#[derive(Serialize)]
pub(super) struct CloudflareLine<'f> {
    r#type: &'static str,
    time: Timestamp,
    rule: &'f str,
    zone: &'f str,
    what: &'f CloudflareWhat,
}

impl<'f> CloudflareLine<'f> {
    pub(super) fn of(firing: &'f Firing, ask: &'f CloudflareAsk) -> Self {
        Self {
            r#type: "cloudflare",
            time: firing.hit.time,
            rule: &firing.hit.rule,
            zone: &ask.zone,
            what: &ask.what,
        }
    }
}

/// What went wrong, before the summary: a rule's body or predicate that failed, each fault once
/// with its count, or a file that could not be read to its end.
#[derive(Serialize)]
pub(super) struct FaultLine<'f> {
    pub r#type: &'static str,
    /// `body`, `predicate` or `file`.
    pub part: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'f str>,
    /// With its place in the rule file, where it is one of a rule.
    pub message: &'f str,
    pub count: u64,
    /// The log and the line where it was met first; for a file that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// A feed that rules asked.
#[derive(Serialize)]
pub(super) struct FeedLine<'f> {
    pub r#type: &'static str,
    pub name: &'f str,
    /// When what it lists was read; `null` where it lists nobody.
    pub version: Option<&'f Timestamp>,
    pub entries: u64,
}

/// The end of a replay.
#[derive(Serialize)]
pub(in crate::cli) struct SummaryLine {
    pub r#type: &'static str,
    pub lines: u64,
    pub parsed: u64,
    pub unparsed: u64,
    pub hits: u64,
    pub decisions: u64,
    pub seconds: f64,
    pub lines_per_second: f64,
}
