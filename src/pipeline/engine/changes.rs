//! Temporary changes at Cloudflare: what the guard says when a rule asks, and ends before their
//! time, by a person or a panic.

use super::Engine;
use super::act::dry;
use crate::clock::{self, Timestamp};
use crate::decisions::change::value_words;
use crate::decisions::{
    Action, ChangeRow, ChangeVerdict, CloudflareAsk, CloudflareWhat, Effect, Hit, Verdict,
    change_guard, ids,
};
use crate::pipeline::control::ChangeStatus;
use crate::store::{Commit, OutboxRow, StoreError};
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
        let accounts = &self.config.actions.cloudflare;
        let orphans: Vec<ChangeRow> = self
            .rows()?
            .into_iter()
            .filter(|row| !accounts.iter().any(|account| account.name == row.enforcer))
            .collect();
        for row in orphans.iter().filter(|row| row.left.is_none() && row.before.is_some()) {
            let before = row.before.as_ref().map_or_else(String::new, value_words);
            let text = format!(
                "{} was changed and is not put back: the config has no `[[actions.cloudflare]]` named `{}` any more\nhint: put the entry back, or set it to {before} by hand",
                row.place, row.enforcer
            );
            self.alarm("changes", text);
        }
        Ok(())
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
        let standing = rows.iter().filter(|row| row.is_at_work()).count();
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
        let known = self.config.actions.cloudflare.iter().any(|one| one.name == row.enforcer);
        if !known {
            return Err(format!(
                "the config has no `[[actions.cloudflare]]` named `{}`, which made change `{number}`",
                row.enforcer
            ));
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

    fn rows(&self) -> Result<Vec<ChangeRow>, StoreError> {
        self.store.read().changes()
    }

    /// The changes, for status.
    pub(super) fn changes_status(&self) -> Vec<ChangeStatus> {
        let rows = self.rows().unwrap_or_default();
        rows.iter().map(|row| ChangeStatus::of(row, clock::now())).collect()
    }
}
