//! Whom the rules would have stopped: the targets of their decisions, with times and evidence, so
//! that a second reading of the logs knows whom to look at.
//!
//! In: firings. Out: for an address, the targets that cover it. Bounded: targets beyond the limit
//! are counted.

use super::evidence::{Line, lines_of};
use crate::clock::Timestamp;
use crate::decisions::{Decision, Hit, Remedy, Target};
use crate::event::net::prefix;
use crate::event::{Event, Field};
use crate::limits;
use smallvec::SmallVec;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// A decision that would have been made.
#[derive(Debug, Clone)]
pub struct Would {
    /// By which rule.
    pub rule: Arc<str>,
    /// What is done.
    pub remedy: Remedy,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None` for ever.
    pub until: Option<Timestamp>,
    /// Why, escaped by nobody yet.
    pub reason: String,
    /// `pass`, or why the guard refuses it.
    pub guard: String,
    /// The key for which the rule fired.
    pub key: Arc<str>,
    /// What the window counted.
    pub count: u64,
    /// The lines that led to it: of the first decision of each rule.
    pub lines: Vec<Line>,
    /// The rules that are tried would no longer make it.
    pub dropped: bool,
}

impl Would {
    /// Of a decision and its hit; `guard` says what the guard makes of it.
    pub fn of(decision: &Decision, hit: &Hit, guard: String) -> Self {
        Self {
            rule: Arc::clone(&decision.rule),
            remedy: decision.remedy,
            from: decision.from,
            until: decision.until,
            reason: decision.reason.clone(),
            guard,
            key: Arc::clone(&hit.key),
            count: hit.count,
            lines: lines_of(hit),
            dropped: false,
        }
    }

    /// Whether it would be carried out.
    pub fn passes(&self) -> bool {
        self.guard == "pass"
    }

    /// Whether it stands at a moment.
    pub fn covers(&self, time: Timestamp) -> bool {
        self.from <= time && self.until.is_none_or(|until| until > time)
    }
}

/// A target and what would have been done to it.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Whom.
    pub target: Target,
    /// The decisions, in the order of time.
    pub decisions: Vec<Would>,
    /// Decisions beyond the limit, which lengthened the last one.
    pub more: u64,
}

/// All targets.
#[derive(Debug, Default)]
pub struct Blocked {
    stopped: Vec<Stopped>,
    places: HashMap<Target, u32>,
    /// The lengths of the prefixes among them.
    lengths: BTreeSet<(bool, u8)>,
    users: bool,
    beyond: u64,
}

impl Blocked {
    /// Takes note of a decision; `allow` stops nobody.
    pub fn note(&mut self, target: &Target, mut would: Would) {
        if would.remedy == Remedy::Allow {
            return;
        }
        let Some(stopped) = self.stopped(target) else {
            self.beyond += 1;
            return;
        };
        if stopped.decisions.len() >= limits::REPORT_DECISIONS_MAX {
            stopped.more += 1;
            if let Some(last) = stopped.decisions.last_mut() {
                last.until = last.until.and_then(|end| Some(end.max(would.until?)));
            }
            return;
        }
        if stopped.decisions.iter().any(|known| known.rule == would.rule) {
            would.lines = Vec::new();
        }
        stopped.decisions.push(would);
    }

    fn stopped(&mut self, target: &Target) -> Option<&mut Stopped> {
        let place = match self.places.get(target) {
            Some(place) => *place,
            None if self.stopped.len() >= limits::REPORT_TARGETS_MAX => return None,
            None => {
                let place = u32::try_from(self.stopped.len()).ok()?;
                self.places.insert(target.clone(), place);
                match target {
                    Target::Net(net) => {
                        self.lengths.insert((net.addr().is_ipv4(), net.prefix_len()));
                    }
                    Target::User(_) => self.users = true,
                    _ => {}
                }
                self.stopped.push(Stopped {
                    target: target.clone(),
                    decisions: Vec::new(),
                    more: 0,
                });
                place
            }
        };
        self.stopped.get_mut(place as usize)
    }

    /// The targets, in the order in which they were first decided about.
    pub fn targets(&self) -> &[Stopped] {
        &self.stopped
    }

    /// Decisions about targets beyond the limit, which nobody looks at.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Whether nobody would be stopped.
    pub fn is_empty(&self) -> bool {
        self.stopped.is_empty()
    }

    /// The targets that cover an address.
    pub fn covering(&self, address: IpAddr) -> SmallVec<[u32; 2]> {
        let address = address.to_canonical();
        let of_family = self.lengths.iter().filter(|(v4, _)| *v4 == address.is_ipv4());
        of_family
            .filter_map(|(_, bits)| {
                self.places.get(&Target::Net(prefix(address, *bits, *bits))).copied()
            })
            .collect()
    }

    /// The target that is the user of an event.
    pub fn user_of(&self, event: &Event) -> Option<u32> {
        if !self.users {
            return None;
        }
        let user = event.text(Field::User)?;
        self.places.get(&Target::User(user.into_owned())).copied()
    }

    /// The decisions about these targets.
    pub fn decisions<'b>(&'b self, targets: &'b [u32]) -> impl Iterator<Item = &'b Would> {
        let stopped = targets.iter().filter_map(|place| self.stopped.get(*place as usize));
        stopped.flat_map(|stopped| &stopped.decisions)
    }
}
