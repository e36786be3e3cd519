//! Action plugins: a program that carries actions out, one at a time.
//!
//! In: an action as an object with its `id`. Out: what the program says became of it, or what is
//! known when it said nothing. It is started when it is first needed.
//!
//! → `{"type":"act","id":"…","do":"notify",…}` ← `{"type":"outcome","id":"…","outcome":"applied"}`

use crate::decisions::Carried;
use crate::limits::{PLUGIN_OWED_SECS_MAX, PLUGIN_UNASKED_MAX};
use crate::plugins::{Keeper, Message, Talk, TalkError};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often it is looked whether the end has come.
const LOOK_UP: Duration = Duration::from_millis(50);

/// Ids of actions that were given up or accepted, whose outcome may still come.
const OPEN_IDS_MAX: usize = 1_024;

/// The program of an action plugin.
#[derive(Debug)]
pub struct ActionProgram {
    keeper: Keeper,
    talk: Option<Talk>,
    /// How long it may take to say what became of an action.
    answer: Duration,
    /// The same id twice has one effect.
    idempotent: bool,
    /// Outcomes may still come for these.
    open: VecDeque<String>,
    /// How actions ended that were accepted before.
    later: Vec<(String, Carried)>,
    unasked: u32,
}

impl ActionProgram {
    /// The program that `keeper` starts.
    pub const fn new(keeper: Keeper, answer: Duration, idempotent: bool) -> Self {
        Self {
            keeper,
            talk: None,
            answer,
            idempotent,
            open: VecDeque::new(),
            later: Vec::new(),
            unasked: 0,
        }
    }

    /// Makes one attempt at an action; returns soon once `stopping` says so.
    pub fn act(&mut self, action: &Map<String, Value>, stopping: &dyn Fn() -> bool) -> Carried {
        let Some(id) = action.get("id").and_then(Value::as_str).map(str::to_owned) else {
            return Carried::Failed("an action without an id".to_owned());
        };
        let mut message = action.clone();
        message.insert("type".to_owned(), Value::from("act"));
        let talk = match self.running(stopping) {
            Ok(talk) => talk,
            Err(carried) => return carried,
        };
        if let Err(error) = talk.send(&message) {
            // The line did not get there whole, so it says nothing to the program.
            self.keeper.failed(talk, &error);
            return self.retry(&error, false);
        }
        match self.outcome(&talk, &id, stopping) {
            Ok(carried) => {
                self.talk = Some(talk);
                self.keeper.health().well();
                if carried == Carried::Pending {
                    self.keep_open(id);
                }
                carried
            }
            // It is ended with the rest.
            Err(TalkError::Stopped) => {
                self.talk = Some(talk);
                self.unknown(&TalkError::Stopped)
            }
            Err(error) => {
                self.keeper.failed(talk, &error);
                self.unknown(&error)
            }
        }
    }

    /// How actions ended that were accepted; does not block.
    pub fn later(&mut self) -> Vec<(String, Carried)> {
        if let Some(talk) = self.talk.take() {
            match self.hear(&talk) {
                Ok(()) => self.talk = Some(talk),
                Err(error) => {
                    self.keeper.failed(talk, &error);
                }
            }
        }
        std::mem::take(&mut self.later)
    }

    /// Ends the program in good order.
    pub fn stop(&mut self) {
        if let Some(talk) = self.talk.take() {
            self.keeper.stop(talk);
        }
    }

    /// The running program, started where there is none.
    fn running(&mut self, stopping: &dyn Fn() -> bool) -> Result<Talk, Carried> {
        if let Some(talk) = self.talk.take() {
            match self.hear(&talk) {
                // It gets its rotated secrets with its greeting.
                Ok(()) if talk.is_outdated() => {
                    self.hear_out(&talk, stopping);
                    self.keeper.stop(talk);
                }
                Ok(()) => return Ok(talk),
                Err(error) => {
                    self.keeper.failed(talk, &error);
                }
            }
        }
        if let Some(left) = self.keeper.wait() {
            let fault = self.keeper.health().now().fault.unwrap_or_default();
            let reason = format!("the plugin is started again later: {fault}");
            return Err(Carried::Retry { reason, after: Some(left), may_have_arrived: false });
        }
        self.unasked = 0;
        self.keeper.start_unless(Map::new(), stopping).map_err(|error| self.retry(&error, false))
    }

    fn retry(&self, error: &TalkError, may_have_arrived: bool) -> Carried {
        Carried::Retry { reason: error.to_string(), after: self.keeper.wait(), may_have_arrived }
    }

    /// The program did not say what became of it.
    fn unknown(&self, error: &TalkError) -> Carried {
        if self.idempotent {
            return self.retry(error, true);
        }
        Carried::Unconfirmed(error.to_string())
    }

    /// Waits for the outcome of one action.
    fn outcome(
        &mut self,
        talk: &Talk,
        id: &str,
        stopping: &dyn Fn() -> bool,
    ) -> Result<Carried, TalkError> {
        let until = Instant::now() + self.answer;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TalkError::Silent { millis: self.answer.as_millis() });
            }
            if stopping() {
                return Err(TalkError::Stopped);
            }
            if let Some(message) = talk.receive(left.min(LOOK_UP))? {
                let (of, carried) = read(&message)?;
                if of == id {
                    return Ok(carried);
                }
                self.heard(&of, carried)?;
            }
        }
    }

    /// Hears what the program said of its own.
    fn hear(&mut self, talk: &Talk) -> Result<(), TalkError> {
        while let Some(message) = talk.receive(Duration::ZERO)? {
            let (of, carried) = read(&message)?;
            self.heard(&of, carried)?;
        }
        Ok(())
    }

    /// Waits for what the program still owes before it is ended, some seconds at most.
    fn hear_out(&mut self, talk: &Talk, stopping: &dyn Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(PLUGIN_OWED_SECS_MAX);
        while !self.open.is_empty() && Instant::now() < until && !stopping() {
            let heard = match talk.receive(LOOK_UP) {
                Ok(Some(message)) => read(&message).and_then(|(of, how)| self.heard(&of, how)),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if heard.is_err() {
                // It is ended anyway.
                return;
            }
        }
    }

    fn heard(&mut self, id: &str, carried: Carried) -> Result<(), TalkError> {
        let known = self.open.iter().position(|open| open == id);
        let Some(place) = known else {
            self.unasked += 1;
            if self.unasked > PLUGIN_UNASKED_MAX {
                let words = "it told of actions that it was not asked for".to_owned();
                return Err(TalkError::Nonsense(words));
            }
            return Ok(());
        };
        if carried != Carried::Pending {
            self.open.remove(place);
            self.later.push((id.to_owned(), carried));
        }
        Ok(())
    }

    fn keep_open(&mut self, id: String) {
        if self.open.len() >= OPEN_IDS_MAX {
            self.open.pop_front();
        }
        self.open.push_back(id);
    }
}

/// An outcome: of which action, and what.
fn read(message: &Message) -> Result<(String, Carried), TalkError> {
    let nonsense = |words: &str| TalkError::Nonsense(words.to_owned());
    if message.kind != "outcome" {
        return Err(TalkError::Nonsense(format!("an action does not say `{}`", message.kind)));
    }
    let id = message.text("id").ok_or_else(|| nonsense("an outcome without an `id`"))?;
    let carried = match message.text("outcome") {
        Some("applied") => Carried::Applied,
        Some("unchanged") => Carried::Unchanged,
        Some("pending") => Carried::Pending,
        Some("failed") => {
            let words = message.words();
            let words = if words.is_empty() { "it does not say why".to_owned() } else { words };
            Carried::Failed(words)
        }
        _ => {
            return Err(nonsense(
                "`outcome` is none of `applied`, `unchanged`, `pending` and `failed`",
            ));
        }
    };
    Ok((id.to_owned(), carried))
}

#[cfg(test)]
#[path = "action_tests.rs"]
mod tests;
