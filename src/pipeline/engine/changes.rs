//! Temporary changes at Cloudflare: what the guard says when a rule asks, and ends before their
//! time, by a person or a panic.

use super::Engine;
use super::act::dry;
use crate::clock::{self, Timestamp};
use crate::decisions::change::value_words;
use crate::decisions::{
    Action, ChangeRow, ChangeVerdict, CloudflareAsk, CloudflareWhat, Effect, Hit, Outcome, Verdict,
    change_guard, ids,
};
use crate::pipeline::control::ChangeStatus;
use crate::store::{Commit, Mark, OutboxRow, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// The guard remembers starts for this long.
const STARTS_KEPT: Duration = Duration::from_hours(25);

impl Engine {
    /// What the guard of changes says of an effect, and the effect as it may go on.
    pub(super) fn change_verdict(
        &mut self,
        hit: &Hit,
        effect: Effect,
        now: Timestamp,
    ) -> (Effect, Verdict) {
        let Effect::Cloudflare(ask) = effect else { return (effect, Verdict::Pass) };
        let refusal = self.desk().change_refusal(&ask);
        let said = match refusal {
            Some(why) => ChangeVerdict { verdict: Verdict::Refused(why), ask },
            None => self.changes.judge(&hit.rule, ask, hit.time, now, &self.config.guard),
        };
        if let Verdict::Refused(why) = &said.verdict {
            let text = change_guard::alarm_text(&said.ask, why);
            self.alarm(&hit.rule, text);
        }
        (Effect::Cloudflare(said.ask), said.verdict)
    }

    /// What rules changed in earlier runs counts too.
    pub(super) fn remember_changes(&mut self) -> Result<(), StoreError> {
        let since = clock::now().minus(STARTS_KEPT);
        for (action, passed) in self.store.read().cloudflare_asks(since)? {
            if let Action::Perform { rule, time, effect: Effect::Cloudflare(ask), .. } = action {
                self.changes.remember(&rule, &ask, time, passed);
            }
        }
        // What an account changed that is no longer in the config is nobody's to put back.
        let orphans: Vec<ChangeRow> =
            self.rows()?.into_iter().filter(|row| !self.has_account(&row.enforcer)).collect();
        for row in orphans.iter().filter(|row| row.left.is_none() && row.before.is_some()) {
            let before = row.before.as_ref().map_or_else(String::new, value_words);
            let text = format!(
                "{} was changed and is not put back: the config has no `[[actions.cloudflare]]` named `{}` any more\nhint: put the entry back; or set it to {before} by hand, and then `riposte cf changes end {}`",
                row.place, row.enforcer, row.number
            );
            self.alarm("changes", text);
        }
        Ok(())
    }

    /// Whether the config has the `[[actions.cloudflare]]` of this name, which alone can put back what
    /// it changed.
    fn has_account(&self, name: &str) -> bool {
        self.config.actions.cloudflare.iter().any(|account| account.name == name)
    }

    /// Ends changes before their time: of one account, that of this number or all.
    fn end_row(&self, enforcer: &str, number: Option<u64>, why: &str, now: Timestamp) -> OutboxRow {
        let what = CloudflareWhat::End { number, why: why.to_owned() };
        let ask = CloudflareAsk { zone: String::new(), via: Some(enforcer.to_owned()), what };
        OutboxRow {
            id: ids::end_change_action_id(enforcer, number, now),
            hit: None,
            decision: None,
            action: Action::Perform {
                rule: Arc::from("manual"),
                key: enforcer.to_owned(),
                time: now,
                effect: Effect::Cloudflare(ask),
            },
            verdict: if self.dry_run { dry() } else { Verdict::Pass },
        }
    }

    /// Ends changes that keep out a client to whom nothing may be done any more: who comes onto the
    /// allowlist is let in at once, whatever keeps him out. Each is told to end once.
    pub(super) fn end_refused_changes(&mut self, commit: &mut Commit, now: Timestamp) -> usize {
        if self.config.actions.cloudflare.is_empty() {
            return 0;
        }
        let rows = match self.rows() {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "failed to look for changes at Cloudflare that have to end");
                return 0;
            }
        };
        self.ending.retain(|number| rows.iter().any(|row| row.number == *number));
        let before = self.ending.len();
        for row in rows.iter().filter(|row| row.left.is_none()) {
            if !self.has_account(&row.enforcer) {
                continue;
            }
            let standing = row.claims.iter().filter(|claim| claim.stands_at(now));
            let clients = standing
                .filter_map(|claim| change_guard::client_in(row.place.kind, &claim.value))
                .collect::<Vec<_>>();
            let refusal = clients.into_iter().find_map(|client| self.desk().client_refusal(client));
            if let Some(why) = refusal
                && self.ending.insert(row.number)
            {
                commit.outbox.push(self.end_row(&row.enforcer, Some(row.number), &why, now));
            }
        }
        self.ending.len() - before
    }

    /// Ends all changes, for a panic; gives how many there are.
    pub(super) fn end_all_changes(&mut self, now: Timestamp) -> usize {
        self.changes.all_ended();
        let accounts: Vec<String> =
            self.config.actions.cloudflare.iter().map(|account| account.name.clone()).collect();
        if accounts.is_empty() {
            return 0;
        }
        let rows = self.rows().unwrap_or_default();
        let ends = |row: &&ChangeRow| row.is_at_work() && self.has_account(&row.enforcer);
        let standing = rows.iter().filter(ends).count();
        let mut commit = self.begin(now);
        commit.outbox =
            accounts.iter().map(|name| self.end_row(name, None, "panic", now)).collect();
        self.finish(commit);
        standing
    }

    /// Ends one change, for a person.
    pub(super) fn end_change(&mut self, number: u64) -> Result<String, String> {
        let rows = self.rows().map_err(|error| error.to_string())?;
        let Some(row) = rows.into_iter().find(|row| row.number == number) else {
            return Err(format!(
                "there is no change `{number}` in force\nhint: `riposte cf changes` lists them"
            ));
        };
        if !self.has_account(&row.enforcer) {
            return self.forget_change(&row);
        }
        if row.left.is_some() {
            return Err(format!(
                "{} was changed by somebody else, and is left as it is",
                row.place
            ));
        }
        let now = clock::now();
        let mut commit = self.begin(now);
        commit.outbox.push(self.end_row(&row.enforcer, Some(number), "by hand", now));
        self.finish(commit);
        let back = row.before.as_ref().map_or_else(
            || "nothing was changed yet".to_owned(),
            |before| format!("{} comes back", value_words(before)),
        );
        Ok(format!("{} ends: {back}; rules leave it alone while it would have stood", row.place))
    }

    /// A person ends a change that nobody can put back, as its account is gone from the config: it is
    /// no more than forgotten, and what stands at Cloudflare stays.
    fn forget_change(&self, row: &ChangeRow) -> Result<String, String> {
        if self.dry_run {
            return Err("a dry run forgets no changes".to_owned());
        }
        let outcome = Outcome::Failed(format!(
            "forgotten by hand, and not put back: the config has no `[[actions.cloudflare]]` named `{}`",
            row.enforcer
        ));
        let destinations: Vec<String> = row
            .claims
            .iter()
            .map(|claim| {
                format!("changes:{}{}", row.enforcer, if claim.told { ":end" } else { "" })
            })
            .collect();
        let marks: Vec<Mark<'_>> = row
            .claims
            .iter()
            .zip(&destinations)
            .map(|(claim, destination)| Mark {
                action: claim.action,
                destination,
                outcome: &outcome,
                attempt: 1,
                at: clock::now(),
            })
            .collect();
        // The journal first: it says why the row is gone.
        self.store.mark_all(&marks).map_err(|error| error.to_string())?;
        self.store.remove_change(row.number).map_err(|error| error.to_string())?;
        tracing::info!(place = %row.place, "a change at Cloudflare is forgotten by hand");
        let stays = match (&row.before, &row.left) {
            (Some(before), None) => {
                format!("it is not put back; before it was {}", value_words(before))
            }
            _ => "nothing of ours stands there".to_owned(),
        };
        Ok(format!("{} is forgotten: {stays}", row.place))
    }

    fn rows(&self) -> Result<Vec<ChangeRow>, StoreError> {
        self.store.read().changes()
    }

    /// The changes, for status.
    pub(super) fn changes_status(&self) -> Vec<ChangeStatus> {
        let rows = self.rows().unwrap_or_default();
        let now = clock::now();
        rows.iter()
            .map(|row| ChangeStatus::of(row, now).of_account(self.has_account(&row.enforcer)))
            .collect()
    }
}
