//! From firings to a transaction and, once that is committed, to the executors.
//!
//! No action leaves here that the guard has not passed and the store does not hold.

use super::Engine;
use crate::actions::Item;
use crate::clock::{self, Timestamp};
use crate::decisions::{
    Action, DISTRUSTED, Evidence, Hit, Lifted, Mode, RuleFacts, Steps, Verdict, ids,
};
use crate::event::Event;
use crate::limits;
use crate::pipeline::core::Firing;
use crate::rules::FaultKind;
use crate::store::{Commit, DecisionRow, HitRow, LiftRow, NoteRow, OutboxRow, StoreError};
use crate::telemetry::{self, names};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Engine {
    /// Judges what rules ask for, commits, hands over.
    pub(super) fn act(&mut self, firings: Vec<Firing>) {
        if firings.is_empty() {
            return;
        }
        let now = clock::now();
        let mut commit = self.begin(now);
        for firing in firings {
            self.firing(firing, now, &mut commit);
        }
        self.finish(commit);
    }

    /// A transaction for the inputs so far.
    pub(super) fn begin(&mut self, now: Timestamp) -> Commit {
        self.additions_bytes = 0;
        Commit {
            at: now,
            seq: self.seq,
            inputs: std::mem::take(&mut self.pending),
            ..Commit::default()
        }
    }

    fn firing(&mut self, firing: Firing, now: Timestamp, commit: &mut Commit) {
        telemetry::counter(names::HITS).add(1);
        let hit = firing.hit;
        tracing::info!(rule = &*hit.rule, key = &*hit.key, count = hit.count, time = %hit.time, "hit");
        commit.hits.push(HitRow::new(&hit, evidence(&hit)));
        if let Some(fault) = &firing.fault {
            let text = format!("rule `{}` failed on `{}`: {fault}", hit.rule, hit.key);
            commit.notes.push(note("fault", &text, Some(&hit), now));
            self.alarm(&hit.rule, format!("the rule's body failed: {fault}"));
        }
        let rules = Arc::clone(self.core.rules());
        let certain = rules.rules().get(firing.rule as usize).is_some_and(|rule| rule.certain);
        let defect = firing.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Defect);
        if defect && self.defective.insert(Arc::clone(&hit.rule)) {
            let text =
                "the rule is broken whatever the event holds: it only shadows until it is mended";
            self.alarm(&hit.rule, text.to_owned());
        }
        let mode = match firing.mode {
            Mode::Enforce if self.defective.contains(&hit.rule) => Mode::Shadow,
            mode => mode,
        };
        let facts = RuleFacts { mode, certain };
        for decision in firing.decisions {
            telemetry::counter(names::DECISIONS_PROPOSED).add(1);
            if !firing.distrusted && self.waits_for_bot(&decision, &hit, facts, commit) {
                continue;
            }
            let steps = self.desk.book(|desk| {
                if firing.distrusted {
                    desk.distrust(decision, now)
                } else {
                    desk.judge(decision, facts, now)
                }
            });
            self.steps(steps, "rule", now, commit);
        }
        for target in &firing.lifts {
            if mode == Mode::Enforce && !self.desk().guard.panic() {
                let why = format!("rule `{}`", hit.rule);
                let steps = self.desk.book(|desk| desk.lift(target, &why));
                self.steps(steps, "rule", now, commit);
            }
        }
        for (ordinal, effect) in (0_u32..).zip(firing.effects) {
            let mut row = self.effect(&hit, ordinal, effect, facts, now);
            if firing.distrusted && matches!(row.verdict, Verdict::Shadow(_)) {
                row.verdict = Verdict::Shadow(DISTRUSTED.to_owned());
            }
            commit.outbox.push(row);
        }
    }

    /// Books what the guard's desk said into a transaction.
    pub(super) fn steps(&mut self, steps: Steps, by: &str, now: Timestamp, commit: &mut Commit) {
        for lifted in steps.lifted {
            tracing::info!(target = %lifted.decision.target, why = lifted.why, "decision ended");
            let (lift, mut action) = lift_rows(&lifted, by, now);
            // A dry run must not end what a real run put in force.
            if self.dry_run {
                action.verdict = dry();
            } else {
                commit.lifts.push(lift);
            }
            commit.outbox.push(action);
        }
        for old in steps.superseded.into_iter().filter(|_| !self.dry_run) {
            commit.lifts.push(LiftRow {
                target: old.target.clone(),
                decision: Some(old.id),
                reason: "a longer one took its place".to_owned(),
                by: by.to_owned(),
                time: now,
            });
        }
        for judged in steps.judged {
            let decision = judged.decision;
            let passed = judged.verdict == Verdict::Pass;
            let verdict = if passed && self.dry_run { dry() } else { judged.verdict };
            if passed {
                telemetry::counter(names::DECISIONS_PASSED).add(1);
                commit.outbox.push(OutboxRow {
                    id: ids::enforce_action_id(decision.id, decision.until),
                    hit: decision.hit,
                    decision: Some(decision.id),
                    action: Action::Enforce { decision: decision.clone() },
                    verdict: verdict.clone(),
                });
            }
            tracing::info!(
                rule = &*decision.rule,
                target = %decision.target,
                remedy = decision.remedy.name(),
                until = decision.until.map(tracing::field::display),
                reason = decision.reason,
                guard = verdict.words(),
                "decision"
            );
            commit.decisions.push(DecisionRow { decision, verdict });
        }
        for alarm in steps.alarms {
            let from = alarm.rule.as_deref().unwrap_or("guard").to_owned();
            self.alarm(&from, alarm.text);
        }
    }

    /// Commits and hands over; what the store can't take now waits its turn.
    pub(super) fn finish(&mut self, commit: Commit) {
        self.dirty = true;
        if !self.held.is_empty() {
            self.held.push_back(commit);
            self.retry_held();
            return;
        }
        if let Err(error) = self.commit(&commit) {
            self.store_failed(&error);
            self.held.push_back(commit);
        }
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let committed = self.store.commit(commit)?;
        self.desk.kept(commit.decisions.iter().map(|row| row.decision.id));
        let fresh = commit.outbox.iter().zip(&committed.outbox);
        let items: Vec<Item> = fresh
            .filter(|(row, new)| **new && (row.verdict == Verdict::Pass || row.verdict == dry()))
            .map(|(row, _)| item(row))
            .collect();
        self.submit(items);
        Ok(())
    }

    pub(super) fn store_failed(&mut self, error: &StoreError) {
        self.retry_at = Some(Instant::now() + Duration::from_secs(limits::STORE_RETRY_SECS));
        self.alarm("store", format!("failed to keep what happened: {error}"));
    }

    /// The store took something: if it had not before, that is over.
    pub(super) fn store_works(&mut self) {
        if self.retry_at.take().is_some() {
            self.alarm("store", "what had waited is kept now".to_owned());
        }
    }

    /// Tries what waits for the store, when its time has come.
    pub(super) fn retry_held(&mut self) {
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.retry_now();
        }
    }

    /// Tries what waits for the store: transactions in their order, else a checkpoint.
    pub(super) fn retry_now(&mut self) {
        if self.retry_at.is_none() {
            return;
        }
        if self.held.is_empty() {
            self.checkpoint();
            return;
        }
        while let Some(commit) = self.held.pop_front() {
            if let Err(error) = self.commit(&commit) {
                self.held.push_front(commit);
                self.store_failed(&error);
                return;
            }
        }
        self.store_works();
    }

    /// Lets time pass at the desk: what is over ends, what waited goes on.
    pub(super) fn let_time_pass(&mut self, now: Timestamp) {
        let due = self.desk().next_tick().is_some_and(|at| at <= now);
        if !due {
            return;
        }
        let rules = Arc::clone(self.core.rules());
        let mode_of = |name: &str| {
            let rule = rules.rules().iter().find(|rule| &*rule.name == name);
            rule.map_or(Mode::Enforce, |rule| rule.mode)
        };
        let steps = self.desk.book(|desk| desk.tick(now, &mode_of));
        if steps == Steps::default() {
            return;
        }
        let mut commit = self.begin(now);
        self.steps(steps, "time", now, &mut commit);
        self.finish(commit);
    }
}

/// The rows for the end of a decision.
fn lift_rows(lifted: &Lifted, by: &str, now: Timestamp) -> (LiftRow, OutboxRow) {
    let decision = &lifted.decision;
    let lift = LiftRow {
        target: decision.target.clone(),
        decision: Some(decision.id),
        reason: lifted.why.clone(),
        by: by.to_owned(),
        time: now,
    };
    let action = OutboxRow {
        id: ids::lift_action_id(decision.id),
        hit: None,
        decision: Some(decision.id),
        action: Action::Lift { target: decision.target.clone(), reason: lifted.why.clone() },
        verdict: Verdict::Pass,
    };
    (lift, action)
}

/// What is journaled instead of `pass` while nothing may be carried out.
pub(super) fn dry() -> Verdict {
    Verdict::Shadow("dry run".to_owned())
}

pub(super) fn item(row: &OutboxRow) -> Item {
    let urgent = matches!(row.action, Action::Enforce { .. } | Action::Lift { .. });
    Item { id: row.id, action: row.action.clone(), attempt: 0, urgent }
}

/// A note for the journal about a hit's rule.
pub(super) fn note(topic: &str, text: &str, hit: Option<&Hit>, now: Timestamp) -> NoteRow {
    NoteRow {
        topic: topic.to_owned(),
        rule: hit.map(|hit| Arc::clone(&hit.rule)),
        target: None,
        text: text.to_owned(),
        time: now,
    }
}

/// The events of a hit as the journal keeps them.
pub(crate) fn evidence(hit: &Hit) -> Vec<Evidence> {
    let events: &[Arc<Event>] =
        if hit.events.is_empty() { std::slice::from_ref(&hit.event) } else { &hit.events };
    events
        .iter()
        .map(|event| {
            let record = event.record();
            let kept = record.get(..limits::EVIDENCE_RECORD_BYTES_MAX).unwrap_or(record);
            Evidence {
                time: event.time,
                source: Arc::clone(&event.origin.source),
                offset: event.offset,
                line: event.line,
                record: String::from_utf8_lossy(kept).into_owned(),
            }
        })
        .collect()
}
