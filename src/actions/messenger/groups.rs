//! Which messages go at once, which are held, and when what was held is told: so that an attack is one
//! message with a count, not ten thousand.
//!
//! In: messages and the time. Out: at once, held, or a summary that is due. Pure: it sends nothing. After
//! a message of a rule, further ones of the same rule wait until its group is over. A channel has so many
//! messages an hour; the last of them, and each that becomes free later, is a summary of all rules.

use crate::clock::Timestamp;
use crate::decisions::ActionId;
use crate::limits::{MESSAGES_HELD_MAX, MESSAGES_QUOTED_MAX};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the cap on messages is counted over.
const HOUR: Duration = Duration::from_hours(1);

/// A message of a rule, as it may be held.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub id: ActionId,
    pub rule: Arc<str>,
    /// When its hit was.
    pub time: Timestamp,
    /// What it says, a line.
    pub text: String,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is to be sent; [`Groups::sent`] is told when it was.
    Now,
    /// A summary tells it later.
    Held,
    /// Too many are held: the summary counts it, and nothing else is kept of it.
    Counted,
}

/// What is held of one rule.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub rule: Arc<str>,
    /// How many.
    pub count: u64,
    /// How many there were before, in the same group, and are told.
    pub told: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// What the first ones say.
    pub quotes: Vec<String>,
}

/// A summary that is due.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    /// One entry a rule.
    pub of: Vec<Held>,
    /// The messages that it tells.
    pub ids: Vec<ActionId>,
}

/// A rule's group.
#[derive(Debug)]
struct Group {
    until: Instant,
    told: u64,
    held: Option<Held>,
    ids: BTreeSet<ActionId>,
}

impl Group {
    fn new(until: Instant) -> Self {
        Self { until, told: 0, held: None, ids: BTreeSet::new() }
    }
}

/// The groups of one channel.
#[derive(Debug)]
pub(super) struct Groups {
    span: Duration,
    per_hour: usize,
    /// When messages of the last hour were sent.
    sent: VecDeque<Instant>,
    open: BTreeMap<Arc<str>, Group>,
    held: usize,
}

impl Groups {
    pub fn new(span: Duration, per_hour: u32) -> Self {
        Self {
            span,
            per_hour: usize::try_from(per_hour).unwrap_or(usize::MAX).max(1),
            sent: VecDeque::new(),
            open: BTreeMap::new(),
            held: 0,
        }
    }

    /// Whether anything is held.
    pub fn holds(&self) -> bool {
        self.open.values().any(|group| group.held.is_some())
    }

    /// What becomes of a message. One that was to be sent and couldn't may be asked for again.
    pub fn take(&mut self, note: &Note, now: Instant) -> Turn {
        self.open.retain(|_, group| group.held.is_some() || group.until > now);
        let room = self.room(now);
        let Some(group) = self.open.get_mut(&note.rule) else {
            // The last one of the hour is kept for a summary of all.
            if room > 1 || (room == 1 && self.per_hour == 1) {
                return Turn::Now;
            }
            self.open.insert(Arc::clone(&note.rule), Group::new(now));
            return self.hold(note);
        };
        if group.ids.contains(&note.id) {
            return Turn::Held;
        }
        self.hold(note)
    }

    fn hold(&mut self, note: &Note) -> Turn {
        let Some(group) = self.open.get_mut(&note.rule) else { return Turn::Counted };
        let told = group.told;
        let held = group.held.get_or_insert_with(|| Held {
            rule: Arc::clone(&note.rule),
            count: 0,
            told,
            first: note.time,
            last: note.time,
            quotes: Vec::new(),
        });
        held.count += 1;
        held.first = held.first.min(note.time);
        held.last = held.last.max(note.time);
        if held.quotes.len() < MESSAGES_QUOTED_MAX && !held.quotes.contains(&note.text) {
            held.quotes.push(note.text.clone());
        }
        if self.held >= MESSAGES_HELD_MAX {
            return Turn::Counted;
        }
        self.held += 1;
        group.ids.insert(note.id);
        Turn::Held
    }

    /// A message of a rule was sent.
    pub fn sent(&mut self, rule: &Arc<str>, now: Instant) {
        self.sent.push_back(now);
        if self.span.is_zero() {
            return;
        }
        let until = now + self.span;
        let group = self.open.entry(Arc::clone(rule)).or_insert_with(|| Group::new(until));
        group.until = until;
        group.told += 1;
    }

    /// The summary that is due, if any. It is the caller's now, and one of the hour's messages: what comes
    /// from here on waits for the next.
    pub fn due(&mut self, now: Instant) -> Option<Summary> {
        let room = self.room(now);
        let is_due = |group: &Group| group.held.is_some() && group.until <= now;
        if room == 0 || !self.open.values().any(is_due) {
            return None;
        }
        // With the last message of the hour all is told that is held.
        let all = room == 1;
        let mut summary = Summary { of: Vec::new(), ids: Vec::new() };
        for group in self.open.values_mut().filter(|group| all || is_due(group)) {
            let Some(held) = group.held.take() else { continue };
            self.held = self.held.saturating_sub(group.ids.len());
            summary.ids.extend(std::mem::take(&mut group.ids));
            group.told += held.count;
            group.until = now + self.span;
            summary.of.push(held);
            if !all {
                break;
            }
        }
        self.sent.push_back(now);
        Some(summary)
    }

    /// How many messages the hour still has.
    fn room(&mut self, now: Instant) -> usize {
        while self.sent.front().is_some_and(|sent| now.duration_since(*sent) >= HOUR) {
            self.sent.pop_front();
        }
        self.per_hour.saturating_sub(self.sent.len())
    }
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
