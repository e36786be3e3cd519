//! One place, stepped: the row is kept, then the write is made, then it is confirmed.

use super::place;
use super::plan::{self, Seen, Step};
use super::worker::{ChangesWorker, Halt, Held};
use crate::actions::executors::HealthState;
use crate::clock::{self, Timestamp};
use crate::cloudflare::{ApiError, Area, ErrorKind};
use crate::decisions::change::value_words;
use crate::decisions::{ChangePlace, ChangeRow, Outcome};
use crate::limits::CHANGE_RETRY_SECS_MAX;
use crate::telemetry::{self, names};
use serde_json::Value as Json;
use std::time::Duration;

/// How often a place is looked at within one step: read, write, read back.
const LOOKS_MAX: usize = 4;

/// How long to wait where a person has to do something.
const REFUSED_PAUSE: Duration = Duration::from_secs(CHANGE_RETRY_SECS_MAX);

/// How long a rotated token has to be read and tried before the next attempt.
const TOKEN_PAUSE: Duration = Duration::from_secs(5);

/// So often a refused token is waited for: longer than a new one that can't be tried takes.
const REFUSALS_MAX: u32 = 5;

/// What one look led to.
enum Look {
    /// It is as it should be.
    Settled,
    /// Another look is needed at once.
    Again,
    /// The row is gone.
    Gone,
}

/// The reply to a write shows what was there before it.
fn still_as_before() -> ApiError {
    let words = "the change was taken, and what is there reads as if it had not been";
    ApiError::of(Area::Zones, ErrorKind::Busy, words)
}

impl ChangesWorker {
    /// Steps what is due.
    pub(super) fn step_due(&mut self) {
        let now = clock::now();
        let due: Vec<ChangePlace> = self
            .held
            .iter()
            .filter(|(_, held)| held.due.is_some_and(|due| due <= now))
            .map(|(place, _)| place.clone())
            .collect();
        for place in due {
            let Some(mut held) = self.held.remove(&place) else { continue };
            // What a person ended is not left for the next start.
            if self.queue.stopped() && held.ends.is_empty() {
                self.held.insert(place, held);
                continue;
            }
            if self.step(&mut held) {
                self.held.insert(place, held);
            }
        }
        self.show();
    }

    /// Steps one place; `false` when its row is gone.
    fn step(&mut self, held: &mut Held) -> bool {
        for _ in 0..LOOKS_MAX {
            let now = clock::now();
            match self.look(held, now) {
                Ok(Look::Again) => {}
                Ok(Look::Gone) => {
                    self.health.well();
                    return false;
                }
                Ok(Look::Settled) => {
                    (held.failures, held.refusals) = (0, 0);
                    (held.trouble, held.wrote) = (None, false);
                    self.health.well();
                    if now >= held.verify {
                        held.verify = now.plus(self.config.reconcile_every);
                    }
                    let end = held.row.next_end(now);
                    let verify = (!held.row.claims.is_empty()).then_some(held.verify);
                    held.due = [end, verify].into_iter().flatten().min();
                    return true;
                }
                Err(halt) => {
                    let pause = self.halted(held, halt, now);
                    held.due = Some(now.plus(pause));
                    if !pause.is_zero() {
                        return true;
                    }
                }
            }
        }
        held.due = Some(clock::now().plus(Duration::from_secs(1)));
        true
    }

    /// One look at the row and, where that isn't enough, at what is there.
    fn look(&mut self, held: &mut Held, now: Timestamp) -> Result<Look, Halt> {
        if held.dirty {
            self.keep(held).map_err(Halt::Store)?;
        }
        let place = held.row.place.clone();
        let value = held.row.winner(now).map(|claim| claim.value.clone());
        // Without a look only what is known of before says what a wish comes to.
        let known = held.row.before.clone().zip(self.known_site(&place.zone));
        let wanted = match (&value, known) {
            (Some(value), Some((before, site))) => {
                Some(place::target(&site, &place, &before, value).map_err(Halt::Config)?)
            }
            (value, _) => value.clone(),
        };
        let looks = now >= held.verify;
        match plan::next(&held.row, wanted.as_ref(), looks, now) {
            Step::Done => return self.gone(held, now),
            Step::Rest => return self.settled(held, now),
            Step::Look => {}
        }
        let client = self.client()?;
        let site = self.site(&client, &place.zone)?;
        let present = place::read(&client, &site, &place)?;
        let known = held.row.before.clone();
        if known.is_none() {
            self.is_free(&place, &present)?;
        }
        let before = known.unwrap_or_else(|| present.value.clone());
        let target = |value: &Json| place::target(&site, &place, &before, value);
        let wanted = value.as_ref().map(target).transpose().map_err(Halt::Config)?;
        let same = |one: &Json, other: &Json| place::same(&place, one, other);
        let ours = place::is_ours(place.kind, &before);
        let eyes = plan::Eyes { same: &same, ours };
        match plan::seen(&mut held.row, &present.value, wanted.as_ref(), &eyes, now) {
            Seen::Done => self.gone(held, now),
            Seen::AsWanted => {
                held.dirty = true;
                if wanted.is_none() { self.gone(held, now) } else { self.settled(held, now) }
            }
            Seen::Left => {
                self.tell_left(&mut held.row);
                self.keep(held).map_err(Halt::Store)?;
                self.let_go_of_ends(held);
                Ok(Look::Settled)
            }
            Seen::Write(value) => {
                // A crash from here on finds the row, and reads back.
                self.keep(held).map_err(Halt::Store)?;
                tracing::info!(destination = self.destination, %place, from = value_words(&present.value), to = value_words(&value), "changing");
                telemetry::counter(names::CHANGES_WRITTEN).add(1);
                held.wrote = true;
                let after = place::write(&client, &site, &place, &present, &value)?;
                // The reply says how Cloudflare writes it; what is as it was has yet to follow.
                let is_it = |after: &Json| {
                    let agrees = after.is_null() == value.is_null();
                    same(after, &value) || (agrees && !same(after, &present.value))
                };
                if after.as_ref().is_some_and(|after| !is_it(after)) {
                    return Err(still_as_before().into());
                }
                if after.is_some() {
                    (held.row.got, held.row.sure, held.dirty) = (after, true, true);
                }
                Ok(Look::Again)
            }
        }
    }

    /// Refuses what is being changed under another name: two rows would write over each other, and
    /// take that for a person's doing.
    fn is_free(&self, place: &ChangePlace, present: &place::Present) -> Result<(), Halt> {
        let is_it =
            |row: &&ChangeRow| row.before.is_some() && place::is_one(place, present, &row.place);
        let words = |row: &ChangeRow| format!("it is being changed already, as {}", row.place);
        self.rows().find(is_it).map_or(Ok(()), |row| Err(Halt::Config(words(row))))
    }

    fn gone(&self, held: &mut Held, now: Timestamp) -> Result<Look, Halt> {
        let stays = self.finish(held, now).map_err(Halt::Store)?;
        Ok(if stays { Look::Settled } else { Look::Gone })
    }

    /// It is as the claims want it: tells so.
    fn settled(&self, held: &mut Held, now: Timestamp) -> Result<Look, Halt> {
        if held.row.claims.iter().any(|claim| !claim.told || !claim.stands_at(now)) {
            self.let_go(held, now);
            let outcome = if held.wrote { Outcome::Applied } else { Outcome::Unchanged };
            self.tell_beginnings(&mut held.row, &outcome);
            held.dirty = true;
        }
        if held.dirty {
            self.keep(held).map_err(Halt::Store)?;
        }
        Ok(Look::Settled)
    }

    /// What follows from a failure, and how long to wait.
    fn halted(&mut self, held: &mut Held, halt: Halt, now: Timestamp) -> Duration {
        held.failures = held.failures.saturating_add(1);
        let backoff = Duration::from_secs((1 << held.failures.min(6)).min(CHANGE_RETRY_SECS_MAX))
            .mul_f64(0.5 + fastrand::f64() / 2.0);
        let error = match halt {
            Halt::Store(reason) => {
                self.trouble(held, HealthState::Failing, &reason);
                return backoff;
            }
            Halt::Config(reason) => {
                self.trouble(held, HealthState::Down, &reason);
                return self.give_up(held, &reason, now);
            }
            Halt::Api(error) => error,
        };
        let reason = error.to_string();
        if error.kind == ErrorKind::Budget {
            held.failures -= 1;
            return error.wait.unwrap_or_default().max(Duration::from_millis(100));
        }
        if error.may_pass() {
            // Also where it may have happened: the row isn't sure, so it is read back.
            self.trouble(held, HealthState::Failing, &reason);
            return backoff.max(error.wait.unwrap_or_default());
        }
        if error.kind == ErrorKind::Forbidden {
            held.refusals = held.refusals.saturating_add(1);
            let renewed = self.token_was_refused();
            if held.refusals == 1 || (renewed && held.refusals <= REFUSALS_MAX) {
                return Duration::ZERO;
            }
            if held.refusals <= REFUSALS_MAX && self.token_may_come() {
                self.trouble(held, HealthState::Failing, &reason);
                return TOKEN_PAUSE;
            }
            // The next claim's chances are its own.
            held.refusals = 0;
        }
        self.trouble(held, HealthState::Down, &reason);
        self.give_up(held, &reason, now)
    }

    fn trouble(&self, held: &mut Held, state: HealthState, reason: &str) {
        let place = &held.row.place;
        tracing::warn!(destination = self.destination, %place, reason, "a change at Cloudflare is not made yet");
        self.health.fault(state, reason);
        held.trouble = Some(reason.to_owned());
    }

    /// Trying again is no use: what was never set is given up. What has to be put back is not.
    fn give_up(&self, held: &mut Held, reason: &str, now: Timestamp) -> Duration {
        let winner = held.row.winner(now).map(|claim| claim.action);
        let is_winner = |action| Some(action) == winner;
        let told = held.row.claims.iter().any(|claim| is_winner(claim.action) && claim.told);
        let what = if winner.is_none() { "is not put back yet" } else { "is not as it should be" };
        let Some(winner) = winner.filter(|_| !told) else {
            self.outbox.alarm(&self.destination, format!("{} {what}: {reason}", held.row.place));
            return REFUSED_PAUSE;
        };
        self.outbox.alarm(&self.destination, format!("{} can't be set: {reason}", held.row.place));
        // A row that isn't sure stays so: what was written may be there all the same, and is read back.
        held.wrote = false;
        held.row.claims.retain(|claim| claim.action != winner);
        self.began(winner, &Outcome::Failed(reason.to_owned()));
        held.dirty = true;
        Duration::ZERO
    }

    /// Ends before their time have nothing to wait for.
    fn let_go_of_ends(&self, held: &mut Held) {
        for action in std::mem::take(&mut held.ends) {
            self.began(action, &Outcome::Unchanged);
        }
    }
}
