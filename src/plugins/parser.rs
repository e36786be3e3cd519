//! A plugin's program as a parser: asked line by line, in order, with a bounded number of lines that
//! wait for their answer.
//!
//! In: lines. Out: an event or a reason for each. No line is lost to a program that dies: the others
//! are asked again. A line that kills it twice, the second time alone, or that it does not answer in
//! time, is given up, so that no line can hold up those behind it. A program that can't be started
//! is waited for.

use super::HealthCell;
use super::talk::{Keeper, Message, Talk, TalkError};
use crate::event::{Brought, Schema};
use crate::limits;
use crate::telemetry::{counter, names};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Every reason for which a line is given up.
pub const WHY_UNREAD: &[&str] = &[REFUSED, NOT_KEPT, SLOW, DEADLY, ABSENT];

const REFUSED: &str = "its parser's program could not read it";
const NOT_KEPT: &str = "its parser's program made something of it that was refused";
const SLOW: &str = "its parser's program did not answer in time";
const DEADLY: &str = "its parser's program died of it";
const ABSENT: &str = "its parser's program can't be started; `riposte plugin test` says why";

/// What became of a line.
pub type Read = Result<Brought, &'static str>;

/// Is told what a person should see.
pub type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// The program of a parser. Several sources may ask; one at a time is answered.
pub struct ParserProgram {
    schema: Schema,
    answer: Duration,
    stopping: AtomicBool,
    /// Lines are given up where the program can't be started: nobody wants to wait for it.
    impatient: AtomicBool,
    tell: Tell,
    life: Mutex<Life>,
}

struct Life {
    keeper: Keeper,
    talk: Option<Talk>,
    next_id: u64,
    /// Lives without a single answer, one after the other.
    barren: u32,
    told: BTreeMap<String, Instant>,
}

/// Riposte stops, so nothing is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopping;

/// Lines that were asked for together, and what is known of them.
struct Round<'l> {
    lines: &'l [&'l [u8]],
    answers: Vec<Option<Read>>,
    /// Lines before this one are asked alone: one of them has killed the program.
    suspects: usize,
    /// Lines that wait for their answer, by id.
    asked: BTreeMap<u64, usize>,
    /// The first line that was not asked yet.
    next: usize,
    /// Since when the oldest of them waits.
    since: Instant,
}

impl fmt::Debug for ParserProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParserProgram").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl ParserProgram {
    /// The program that this keeper keeps, which makes events of this schema and has so long for a
    /// line.
    pub fn new(keeper: Keeper, schema: Schema, answer: Duration, tell: Tell) -> Self {
        let life = Life { keeper, talk: None, next_id: 1, barren: 0, told: BTreeMap::new() };
        Self {
            schema,
            answer,
            stopping: AtomicBool::new(false),
            impatient: AtomicBool::new(false),
            tell,
            life: Mutex::new(life),
        }
    }

    /// Reads lines, in order. Blocks while the program has to be started.
    pub fn ask(&self, lines: &[&[u8]]) -> Result<Vec<Read>, Stopping> {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        let mut round = Round {
            lines,
            answers: vec![None; lines.len()],
            suspects: 0,
            asked: BTreeMap::new(),
            next: 0,
            since: Instant::now(),
        };
        while round.answers.iter().any(Option::is_none) {
            let Some(talk) = self.started(&mut life)? else { break };
            if let Err(error) = self.listen(&mut life, &talk, &mut round) {
                if self.is_stopping() {
                    life.keeper.stop(talk);
                    return Err(Stopping);
                }
                Self::ended(&mut life, talk, &error, &mut round);
            } else {
                life.talk = Some(talk);
            }
        }
        let unread = |answer: Option<Read>| answer.unwrap_or(Err(ABSENT));
        Ok(round.answers.into_iter().map(unread).collect())
    }

    /// Ends the program; nothing is answered any more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(talk) = life.talk.take() {
            life.keeper.stop(talk);
        }
    }

    /// Says that riposte stops; whoever waits for the program returns soon.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether riposte stops.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// How its program is.
    pub fn health(&self) -> Arc<HealthCell> {
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(life.keeper.health())
    }

    /// Tells a person.
    pub fn tell(&self, text: &str) {
        (self.tell)(text);
    }

    /// From now on lines are given up where the program can't be started: for commands that people
    /// wait for.
    pub fn be_impatient(&self) {
        self.impatient.store(true, Ordering::Release);
    }

    /// The running program, started where it must be; `None` where that is given up.
    fn started(&self, life: &mut Life) -> Result<Option<Talk>, Stopping> {
        let look = Duration::from_millis(limits::SOURCE_PROGRAM_LOOK_MILLIS);
        loop {
            if self.is_stopping() {
                return Err(Stopping);
            }
            if let Some(talk) = life.talk.take() {
                if !talk.is_outdated() {
                    return Ok(Some(talk));
                }
                // It gets its rotated secrets with its greeting.
                life.keeper.stop(talk);
            }
            match life.keeper.wait() {
                Some(_) if self.impatient.load(Ordering::Acquire) => return Ok(None),
                Some(wait) => std::thread::sleep(wait.min(look)),
                None => life.talk = life.keeper.start(Map::new(), &self.stopping).ok(),
            }
        }
    }

    /// Asks and listens until all is answered.
    fn listen(&self, life: &mut Life, talk: &Talk, round: &mut Round<'_>) -> Result<(), TalkError> {
        let look = Duration::from_millis(limits::SOURCE_PROGRAM_LOOK_MILLIS);
        round.begin();
        loop {
            while let Some(line) = round.may_ask() {
                let id = life.next_id;
                life.next_id += 1;
                let text = String::from_utf8_lossy(round.lines.get(line).copied().unwrap_or(b""));
                // Noted first: a line that can't be written may be the one that kills it.
                round.note(id, line);
                talk.send(&json!({"type": "parse", "id": id, "line": text}))?;
            }
            if round.asked.is_empty() {
                return Ok(());
            }
            let left = self.answer.saturating_sub(round.since.elapsed());
            match talk.receive(left.min(look))? {
                Some(message) => self.heard(life, &message, round)?,
                None if self.is_stopping() => return Err(TalkError::Stopped),
                None if left.is_zero() => {
                    return Err(TalkError::Silent { millis: self.answer.as_millis() });
                }
                None => {}
            }
        }
    }

    /// Takes an answer; one that nobody waits for is a fault.
    fn heard(
        &self,
        life: &mut Life,
        message: &Message,
        round: &mut Round<'_>,
    ) -> Result<(), TalkError> {
        let id = message.body.get("id").and_then(serde_json::Value::as_u64);
        let Some(place) = id.and_then(|id| round.asked.remove(&id)) else {
            return Err(TalkError::Nonsense("an answer to what was not asked".to_owned()));
        };
        round.since = Instant::now();
        life.barren = 0;
        let mut faults = Vec::new();
        let read = match message.kind.as_str() {
            "event" => Brought::read(&message.body, &self.schema, &mut faults).map_err(|refused| {
                faults.push(refused.words);
                NOT_KEPT
            }),
            "error" => Err(REFUSED),
            _ => {
                return Err(TalkError::Nonsense("a parser says `event` or `error`".to_owned()));
            }
        };
        for fault in faults {
            counter(names::SOURCE_FAULTS).add(1);
            self.tell_once(life, &fault);
        }
        round.answered(place, read);
        Ok(())
    }

    /// The program has failed: which line is to blame, and what is asked again.
    fn ended(life: &mut Life, talk: Talk, error: &TalkError, round: &mut Round<'_>) {
        life.keeper.failed(talk, error);
        let Some(oldest) = round.asked.values().min().copied() else {
            // It died by itself: it is started again after its pause.
            return;
        };
        // One that does not read may have died: no line is to blame for that yet.
        let slow = matches!(error, TalkError::Silent { .. });
        if slow {
            round.answered(oldest, Err(SLOW));
        } else if round.asked.len() == 1 && oldest < round.suspects {
            round.answered(oldest, Err(DEADLY));
        }
        round.suspects = round.suspects.max(round.next);
        // A line that kills the program says little about the program: it is started again soon,
        // else anybody could switch a source off by such lines.
        let (launch, health) = (life.keeper.launch().clone(), life.keeper.health().clone());
        life.keeper = Keeper::new(launch, health);
        life.barren = life.barren.saturating_add(1);
        let pause = limits::PARSER_PAUSE_MILLIS_MIN << life.barren.min(8);
        std::thread::sleep(Duration::from_millis(pause.min(limits::PARSER_PAUSE_MILLIS_MAX)));
    }

    /// Tells a fault, the same one not too often.
    fn tell_once(&self, life: &mut Life, fault: &str) {
        let now = Instant::now();
        let again = Duration::from_secs(limits::SOURCE_FAULT_TOLD_SECS);
        life.told.retain(|_, at| now.duration_since(*at) < again);
        if life.told.len() < limits::ALARMS_KEPT_MAX && !life.told.contains_key(fault) {
            life.told.insert(fault.to_owned(), now);
            self.tell(fault);
        }
    }
}

impl Round<'_> {
    /// A new life of the program knows nothing of what the last one was asked.
    fn begin(&mut self) {
        self.asked.clear();
        self.next = 0;
        self.since = Instant::now();
    }

    /// The next line that may be asked now.
    fn may_ask(&mut self) -> Option<usize> {
        while self.answers.get(self.next).is_some_and(Option::is_some) {
            self.next += 1;
        }
        self.answers.get(self.next)?;
        // A suspect is asked alone, and nothing is asked behind it before it has its answer.
        let alone = self.next < self.suspects || self.asked.values().any(|n| *n < self.suspects);
        let most = if alone { 1 } else { limits::PARSER_LINES_ASKED_MAX };
        (self.asked.len() < most).then_some(self.next)
    }

    fn note(&mut self, id: u64, line: usize) {
        if self.asked.is_empty() {
            self.since = Instant::now();
        }
        self.asked.insert(id, line);
        self.next = line + 1;
    }

    fn answered(&mut self, line: usize, read: Read) {
        if let Some(answer) = self.answers.get_mut(line) {
            *answer = Some(read);
        }
    }
}

#[cfg(test)]
mod tests;
