//! Tests of the store as its callers use it; by theme in the files beside.

mod crash;
mod forget;
mod journal;
mod opening;
mod retention;

use super::*;
use crate::clock::Timestamp;
use crate::decisions::{
    Action, ActionId, Decision, DecisionId, Evidence, HitId, Remedy, Route, Target, Verdict,
};
use crate::event::Origin;
use std::sync::Arc;

/// A store in a folder of its own.
fn fresh() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state")).unwrap();
    (dir, store)
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_000 + secs)
}

fn hit(number: u128, rule: &str, key: &str, time: Timestamp) -> HitRow {
    let record = format!("a line that names {key}, number {number}");
    HitRow {
        id: HitId(number),
        rule: Arc::from(rule),
        key: Arc::from(key),
        ip: key.parse().ok(),
        count: 10,
        first: time.minus(Duration::from_secs(9)),
        last: time,
        time,
        route: Route::Direct,
        evidence: vec![Evidence { time, source: Arc::from("nginx"), offset: 7, line: 1, record }],
    }
}

fn block(number: u128, hit: &HitRow, target: &str, minutes: u64) -> Decision {
    Decision {
        id: DecisionId(number),
        hit: Some(hit.id),
        rule: Arc::clone(&hit.rule),
        target: Target::parse(target).unwrap(),
        remedy: Remedy::Block,
        from: hit.time,
        until: Some(hit.time.plus(Duration::from_secs(minutes * 60))),
        reason: format!("{} was at it", hit.key),
        via: None,
        route: Route::Direct,
    }
}

/// What a rule that blocks commits.
fn blocked(number: u128, seq: u64, key: &str, target: &str, time: Timestamp) -> Commit {
    let hit = hit(number, "guessing", key, time);
    let decision = block(number, &hit, target, 60);
    Commit {
        at: time,
        seq,
        inputs: vec![batch(seq)],
        outbox: vec![OutboxRow {
            id: ActionId(number),
            hit: Some(hit.id),
            decision: Some(decision.id),
            action: Action::Enforce { decision: decision.clone() },
            verdict: Verdict::Pass,
        }],
        decisions: vec![DecisionRow { decision, verdict: Verdict::Pass }],
        hits: vec![hit],
        ..Commit::default()
    }
}

fn batch(seq: u64) -> Input {
    Input {
        seq,
        kind: InputKind::Batch {
            origin: Origin { source: Arc::from("nginx"), stream: Arc::from("s1") },
            from: seq * 100,
            to: seq * 100 + 100,
            arrival: at(0),
            additions: Arc::from(&b"said"[..]),
        },
    }
}

fn target(text: &str) -> Target {
    Target::parse(text).unwrap()
}

/// Whether any file of the store holds these bytes.
fn on_disk(store: &Store, needle: &str) -> bool {
    ["", "-wal"].iter().any(|end| {
        let bytes = std::fs::read(dir::beside(store.path(), end)).unwrap_or_default();
        memchr::memmem::find(&bytes, needle.as_bytes()).is_some()
    })
}
