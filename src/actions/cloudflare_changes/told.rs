//! What is told of changes: outcomes to the journal, lines to the log, a note for status.
//!
//! An action has one outcome for its beginning, at `changes:NAME`, and one for its end, at
//! `changes:NAME:end`.

use super::worker::ChangesWorker;
use crate::clock;
use crate::decisions::change::value_words;
use crate::decisions::{ActionId, ChangeRow, Outcome};
use crate::telemetry::{self, names};

impl ChangesWorker {
    /// Records how an action began.
    pub(super) fn began(&self, action: ActionId, outcome: &Outcome) {
        super::super::executors::count(outcome);
        self.outbox.record(action, &self.destination, outcome, 1, clock::now());
    }

    /// Records how a claim's change ended.
    pub(super) fn ended(&self, action: ActionId, outcome: &Outcome) {
        super::super::executors::count(outcome);
        let destination = format!("{}:end", self.destination);
        self.outbox.record(action, &destination, outcome, 1, clock::now());
    }

    /// Tells of all claims of a row that have not been told of.
    pub(super) fn tell_beginnings(&self, row: &mut ChangeRow, outcome: &Outcome) {
        let now = clock::now();
        let winner = row.winner(now).map(|claim| claim.action);
        for claim in row.claims.iter_mut().filter(|claim| !claim.told) {
            claim.told = true;
            // What stands behind a stronger one changed nothing by itself.
            let own = winner == Some(claim.action);
            let outcome = if own { outcome } else { &Outcome::Unchanged };
            self.began(claim.action, outcome);
        }
    }

    /// A person changed what we had set.
    pub(super) fn tell_left(&self, row: &mut ChangeRow) {
        let found = row.left.as_ref().map(|left| value_words(&left.found));
        let found = found.unwrap_or_default();
        let set = row.set.as_ref().map_or_else(|| "nothing".to_owned(), value_words);
        let text = format!(
            "it was {set} by riposte and is {found} now: somebody changed it, and it is left as it is"
        );
        tracing::warn!(destination = self.destination, place = %row.place, set, found, "somebody changed it: left as it is");
        telemetry::counter(names::CHANGES_LEFT).add(1);
        self.outbox.alarm(&self.destination, format!("{}: {text}", row.place));
        self.tell_beginnings(row, &Outcome::Failed(text.clone()));
        for claim in std::mem::take(&mut row.claims) {
            self.ended(claim.action, &Outcome::Failed(text.clone()));
        }
    }

    /// The figures and the note for status.
    pub(super) fn show(&mut self) {
        let standing = self.rows().filter(|row| row.is_at_work()).count();
        let left = self.rows().filter(|row| row.left.is_some()).count();
        // Other accounts count theirs in the same gauge.
        let gauge = telemetry::gauge(names::CHANGES_IN_FORCE);
        gauge.raise(standing.saturating_sub(self.shown) as u64);
        gauge.lower(self.shown.saturating_sub(standing) as u64);
        self.shown = standing;
        let left =
            if left > 0 { format!(", {left} left to whoever changed them") } else { String::new() };
        let note = if standing == 0 && left.is_empty() {
            String::new()
        } else {
            format!("{standing} in force{left}")
        };
        self.health.numbers(crate::actions::enforcer::Numbers::default(), note);
    }
}
