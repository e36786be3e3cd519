//! Decisions of two rule sets, paired.
//!
//! In: firings of both sets as they happen. Out: what only one of them decides, and what both
//! decide at another time or for another length. Decisions that are the same in both are counted
//! and forgotten at once, so memory goes with the differences; those are bounded, and what is
//! beyond is counted.

use crate::clock::Timestamp;
use crate::decisions::{Decision, Hit, Remedy, Target};
use crate::limits;
use crate::pipeline::report::{Blocked, Would};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Which of the two rule sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The first: the rules as they are.
    Before,
    /// The second: the rules that are tried.
    After,
}

/// What becomes of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Only the second set makes it.
    Added,
    /// Only the first set makes it.
    Dropped,
    /// Both make it, the second one earlier or later.
    Moved,
    /// Both make it at the same time, for another length.
    Resized,
}

impl ChangeKind {
    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Dropped => "dropped",
            Self::Moved => "moved",
            Self::Resized => "resized",
        }
    }
}

/// One difference.
#[derive(Debug, Clone)]
pub struct Change {
    /// What kind.
    pub kind: ChangeKind,
    /// Whom it is about.
    pub target: Target,
    /// The decision of the first set.
    pub before: Option<Would>,
    /// The decision of the second.
    pub after: Option<Would>,
    /// The other set decides about the same target as well, by another rule or at another time.
    pub also: bool,
}

impl Change {
    /// The decision that a reader wants to see: the second set's where there is one.
    pub fn shown(&self) -> Option<&Would> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// By how much it moved, in microseconds; negative: earlier.
    pub fn moved_micros(&self) -> i64 {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                after.from.as_micros().saturating_sub(before.from.as_micros())
            }
            _ => 0,
        }
    }
}

/// How many differences of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleChanges {
    /// Added ones.
    pub added: u64,
    /// Dropped ones.
    pub dropped: u64,
    /// Moved ones.
    pub moved: u64,
    /// Resized ones.
    pub resized: u64,
    /// Those that stay as they are.
    pub same: u64,
}

/// All differences.
#[derive(Debug, Default)]
pub struct Changes {
    /// In the order of time.
    pub changes: Vec<Change>,
    /// Counted by rule; also those that were not kept.
    pub rules: BTreeMap<Arc<str>, RuleChanges>,
    /// Of all rules.
    pub totals: RuleChanges,
    /// Targets that only the second set decides about.
    pub new_targets: u64,
    /// Targets that only the first set decides about.
    pub freed_targets: u64,
    /// Decisions that were not compared, since there were too many differences.
    pub beyond: u64,
}

type Id = (Target, Remedy, Arc<str>);

/// What waits for its like of the other set.
#[derive(Default)]
struct Waiting {
    before: Vec<Would>,
    after: Vec<Would>,
}

/// Pairs decisions as they come.
#[derive(Default)]
pub struct Pairing {
    waiting: HashMap<Id, Waiting>,
    kept: [usize; 2],
    same: BTreeMap<Arc<str>, u64>,
    /// Which sets decide about a target: 1 the first, 2 the second.
    targets: HashMap<Target, u8>,
    beyond: u64,
}

impl Pairing {
    /// Takes note of a decision of one set; `guard` says what the guard makes of it.
    pub fn note(&mut self, side: Side, decision: &Decision, hit: &Hit, guard: &str) {
        let bit = if side == Side::Before { 1 } else { 2 };
        if let Some(known) = self.targets.get_mut(&decision.target) {
            *known |= bit;
        } else if self.targets.len() < limits::COMPARED_TARGETS_MAX {
            self.targets.insert(decision.target.clone(), bit);
        }
        let id = (decision.target.clone(), decision.remedy, Arc::clone(&decision.rule));
        if let Some(waiting) = self.waiting.get_mut(&id) {
            let others =
                if side == Side::Before { &mut waiting.after } else { &mut waiting.before };
            let same = |would: &Would| would.from == decision.from && would.until == decision.until;
            if let Some(place) = others.iter().rposition(same) {
                others.remove(place);
                if let Some(kept) = self.kept.get_mut(2 - usize::from(bit)) {
                    *kept -= 1;
                }
                if waiting.before.is_empty() && waiting.after.is_empty() {
                    self.waiting.remove(&id);
                }
                *self.same.entry(Arc::clone(&decision.rule)).or_default() += 1;
                return;
            }
        }
        let Some(kept) = self.kept.get_mut(usize::from(bit) - 1) else { return };
        if *kept >= limits::COMPARED_DECISIONS_MAX {
            self.beyond += 1;
            return;
        }
        *kept += 1;
        let waiting = self.waiting.entry(id).or_default();
        let list = if side == Side::Before { &mut waiting.before } else { &mut waiting.after };
        list.push(Would::of(decision, hit, guard.to_owned()));
    }

    /// Everything that is left is a difference.
    pub fn finish(self) -> Changes {
        let mut changes = Changes { beyond: self.beyond, ..Changes::default() };
        for (rule, same) in self.same {
            changes.rules.entry(rule).or_default().same = same;
            changes.totals.same += same;
        }
        for sides in self.targets.values() {
            changes.new_targets += u64::from(*sides == 2);
            changes.freed_targets += u64::from(*sides == 1);
        }
        for ((target, _, rule), waiting) in self.waiting {
            let also = self.targets.get(&target) == Some(&3);
            for (before, after) in pairs(waiting) {
                let kind = match (&before, &after) {
                    (Some(before), Some(after)) if before.from == after.from => ChangeKind::Resized,
                    (Some(_), Some(_)) => ChangeKind::Moved,
                    (None, _) => ChangeKind::Added,
                    (_, None) => ChangeKind::Dropped,
                };
                changes.rules.entry(Arc::clone(&rule)).or_default().add(kind);
                changes.totals.add(kind);
                let target = target.clone();
                changes.changes.push(Change { kind, target, before, after, also });
            }
        }
        changes.changes.sort_by(|a, b| {
            let key = |change: &Change| {
                let shown = change.shown();
                (
                    shown.map_or(Timestamp::EPOCH, |would| would.from),
                    change.target.clone(),
                    shown.map(|would| (Arc::clone(&would.rule), would.remedy)),
                )
            };
            key(a).cmp(&key(b))
        });
        changes
    }
}

impl Changes {
    /// Those whom only one of the sets stops, for a look at who they are. Whom both stop, by whatever
    /// rule and at whatever time, is not hit anew.
    pub fn stopped(&self) -> Blocked {
        let mut blocked = Blocked::default();
        for change in self.changes.iter().filter(|change| !change.also) {
            match (change.kind, &change.before, &change.after) {
                (ChangeKind::Added, _, Some(would)) => blocked.note(&change.target, would.clone()),
                (ChangeKind::Dropped, Some(would), _) => {
                    let would = Would { dropped: true, ..would.clone() };
                    blocked.note(&change.target, would);
                }
                _ => {}
            }
        }
        blocked
    }
}

impl RuleChanges {
    fn add(&mut self, kind: ChangeKind) {
        match kind {
            ChangeKind::Added => self.added += 1,
            ChangeKind::Dropped => self.dropped += 1,
            ChangeKind::Moved => self.moved += 1,
            ChangeKind::Resized => self.resized += 1,
        }
    }

    /// Whether something differs.
    pub fn differs(&self) -> bool {
        self.added + self.dropped + self.moved + self.resized > 0
    }
}

type Pair = (Option<Would>, Option<Would>);

/// Pairs what is left of one rule about one target: first those of the same moment, then, in order,
/// those that are near enough.
fn pairs(waiting: Waiting) -> Vec<Pair> {
    let mut out: Vec<Pair> = Vec::new();
    let mut after = waiting.after;
    let mut before = Vec::new();
    for would in waiting.before {
        if let Some(place) = after.iter().position(|other| other.from == would.from) {
            out.push((Some(would), Some(after.remove(place))));
        } else {
            before.push(would);
        }
    }
    before.sort_by_key(|would| would.from);
    after.sort_by_key(|would| would.from);
    let near = Duration::from_secs(limits::COMPARED_MOVE_SECS_MAX);
    let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
    loop {
        let pair = match (before.peek(), after.peek()) {
            (None, None) => return out,
            (Some(_), None) => (before.next(), None),
            (None, Some(_)) => (None, after.next()),
            (Some(old), Some(new)) => {
                let apart = old.from.since(new.from).max(new.from.since(old.from));
                if apart <= near {
                    (before.next(), after.next())
                } else if old.from < new.from {
                    (before.next(), None)
                } else {
                    (None, after.next())
                }
            }
        };
        out.push(pair);
    }
}
