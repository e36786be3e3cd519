//! The other half of the guard: what happens with time. Waiting blocks are let through or gathered
//! into prefixes, facts run out, rules are armed again.
//!
//! In: the time. Out: verdicts of decisions that had waited, and alarms. A block that waits is judged
//! again when its turn comes; its end is moved, so that it stands as long as was asked. It leaves
//! the queue with a verdict, never silently.

use super::aggregate::{self, Group};
use super::alarm::{Alarm, AlarmKind};
use super::ceiling::Waiting;
use super::guard::{Context, Guard, Judgement};
use super::ids;
use super::model::{Decision, Mode, Remedy, Target, Verdict};
use super::standing::{Standing, ends_by};
use crate::clock::Timestamp;
use crate::event::net::display_net;
use crate::limits::BLOCKS_QUEUED_MAX;

/// What the guard has to know when time passes.
#[derive(Clone, Copy)]
pub struct TickContext<'a> {
    /// The wall clock; the event's time in a replay.
    pub now: Timestamp,
    /// What is in force.
    pub standing: &'a Standing,
    /// The mode of a rule now; it may have changed while its blocks waited.
    pub mode_of: &'a dyn Fn(&str) -> Mode,
}

impl Guard {
    /// Lets time pass. Call it at least every few seconds while [`Guard::waiting`] is not 0, else
    /// at [`Guard::next_tick`].
    pub fn tick(&mut self, context: &TickContext<'_>) -> Judgement {
        let mut out = Judgement::default();
        let now = context.now;
        self.forget_facts(now);
        for rule in self.state.trips.tick(now, &self.config) {
            let text = format!("rule `{rule}` is armed again");
            out.alarms.push(Alarm::new(AlarmKind::Armed, now, text).of_rule(&rule));
        }
        if let Some(report) = self.state.first_days.tick(now) {
            out.alarms.push(Alarm::new(AlarmKind::FirstDaysOver, now, report.words()));
        }
        self.release(context, &mut out);
        out
    }

    /// When time next changes something that waits here; `None` where nothing does.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let ceiling = &self.state.ceiling;
        let release = (!ceiling.is_empty()).then(|| ceiling.room_at().unwrap_or(Timestamp::EPOCH));
        let facts = self.state.admins.values().min().copied();
        let allowed = self.state.allowlist.entries().filter_map(|entry| entry.until).min();
        [release, facts, allowed, self.state.first_days.until()].into_iter().flatten().min()
    }

    /// Switches panic on or off. On: what waits is only noted, like all that comes.
    pub fn set_panic(&mut self, on: bool) -> Judgement {
        self.state.panic = on;
        let mut out = Judgement::default();
        if on {
            for place in self.places() {
                if let Some(waiting) = self.state.ceiling.take(place) {
                    out.say(waiting.decision, Verdict::Shadow("panic".to_owned()));
                }
            }
            self.state.told = 0;
        }
        out
    }

    /// Takes what waits for exactly this target out of the queue: somebody lifted it.
    pub fn withdraw(&mut self, target: &Target, why: &str) -> Judgement {
        let mut out = Judgement::default();
        let places: Vec<u64> = self
            .state
            .ceiling
            .waiting()
            .filter(|(_, waiting)| waiting.decision.target == *target)
            .map(|(place, _)| place)
            .collect();
        for place in places {
            if let Some(waiting) = self.state.ceiling.take(place) {
                out.say(waiting.decision, Verdict::Refused(why.to_owned()));
            }
        }
        out
    }

    /// After a restart from an older state: takes out of the queue what has left it since.
    pub fn keep_waiting(&mut self, still: impl Fn(&Decision) -> bool) {
        for place in self.places() {
            let gone = self
                .state
                .ceiling
                .waiting()
                .any(|(at, waiting)| at == place && !still(&waiting.decision));
            if gone {
                self.state.ceiling.take(place);
            }
        }
    }

    fn places(&self) -> Vec<u64> {
        self.state.ceiling.waiting().map(|(place, _)| place).collect()
    }

    fn forget_facts(&mut self, now: Timestamp) {
        let before = (self.state.admins.len(), self.state.good.len());
        self.state.admins.retain(|_, until| *until > now);
        self.state.good.retain(|_, (_, until)| *until > now);
        let expired = self.state.allowlist.expire(now);
        if before != (self.state.admins.len(), self.state.good.len()) || !expired.is_empty() {
            self.renew();
        }
    }

    /// Tells of a growing queue, and makes room in a full one.
    pub(super) fn after_waiting(&mut self, context: &Context<'_>, out: &mut Judgement) {
        let waiting = self.state.ceiling.len();
        if waiting >= (2 * self.state.told).max(1) {
            self.state.told = waiting;
            let text = format!(
                "rules block faster than {} a minute: {waiting} blocks wait; they are made as room comes, and gathered into prefixes",
                self.config.blocks_per_minute
            );
            out.alarms.push(Alarm::new(AlarmKind::Ceiling, context.now, text));
        }
        if waiting >= BLOCKS_QUEUED_MAX {
            self.make_room(context, out);
        }
    }

    /// The queue is full: everything that can be gathered is, and the eighth that waits longest is
    /// let through. Better over the ceiling than dropped.
    fn make_room(&mut self, context: &Context<'_>, out: &mut Judgement) {
        let text = format!(
            "{BLOCKS_QUEUED_MAX} blocks wait, the most that can: the oldest are made over the ceiling"
        );
        out.alarms.push(Alarm::new(AlarmKind::QueueFull, context.now, text));
        // Rules' modes are asked at the next tick; whoever waits here was to be enforced.
        let all_enforce = |_: &str| Mode::Enforce;
        let tick =
            TickContext { now: context.now, standing: context.standing, mode_of: &all_enforce };
        self.settle(&tick, out);
        self.gather(&tick, true, usize::MAX, out);
        let most = BLOCKS_QUEUED_MAX - BLOCKS_QUEUED_MAX / 8;
        for place in self.places() {
            if self.state.ceiling.len() <= most {
                break;
            }
            self.let_through(place, context.now, out);
        }
    }

    fn release(&mut self, context: &TickContext<'_>, out: &mut Judgement) {
        if self.state.ceiling.is_empty() {
            return;
        }
        self.settle(context, out);
        let per_minute = self.config.blocks_per_minute;
        let room = self.state.ceiling.room(context.now, per_minute);
        let waiting = self.state.ceiling.len();
        if waiting > room {
            let ten_minutes = usize::try_from(per_minute).unwrap_or(usize::MAX).saturating_mul(10);
            self.gather(context, waiting > ten_minutes, room, out);
        }
        for place in self.places() {
            if self.state.ceiling.room(context.now, per_minute) == 0 {
                break;
            }
            let waiting = self.state.ceiling.get(place);
            let asks =
                waiting.is_some_and(|waiting| self.rule_asks(&waiting.decision.rule, context.now));
            if !asks {
                self.let_through(place, context.now, out);
            }
        }
        if self.state.ceiling.is_empty() {
            self.state.told = 0;
            let text = "no block waits any more".to_owned();
            out.alarms.push(Alarm::new(AlarmKind::QueueEmpty, context.now, text));
        }
    }

    /// Takes out of the queue what may not or need not be done any more, with its verdict.
    fn settle(&mut self, context: &TickContext<'_>, out: &mut Judgement) {
        let mut gone = Vec::new();
        for (place, waiting) in self.state.ceiling.waiting() {
            let decision = &waiting.decision;
            let verdict = if let Some(refusal) = self.refusal(decision, context.standing) {
                Verdict::Refused(refusal.to_string())
            } else if self.state.panic {
                Verdict::Shadow("panic".to_owned())
            } else {
                match (context.mode_of)(&decision.rule) {
                    Mode::Shadow => Verdict::Shadow("mode `shadow`".to_owned()),
                    Mode::Off => Verdict::Shadow("mode `off`".to_owned()),
                    Mode::Enforce => {
                        let moved = moved(waiting, context.now);
                        if context.standing.already(&moved).is_none() {
                            continue;
                        }
                        Verdict::AlreadyInForce
                    }
                }
            };
            gone.push((place, verdict));
        }
        for (place, verdict) in gone {
            if let Some(waiting) = self.state.ceiling.take(place) {
                out.say(waiting.decision, verdict);
            }
        }
    }

    fn let_through(&mut self, place: u64, now: Timestamp, out: &mut Judgement) {
        if let Some(waiting) = self.state.ceiling.take(place) {
            self.state.ceiling.pass(now, self.config.blocks_per_minute);
            out.say(moved(&waiting, now), Verdict::Pass);
        }
    }

    /// Gathers waiting blocks into prefixes, at most `most` of them.
    fn gather(&mut self, context: &TickContext<'_>, wide: bool, most: usize, out: &mut Judgement) {
        let now = context.now;
        let eligible = self
            .state
            .ceiling
            .waiting()
            .filter(|(_, waiting)| !self.rule_asks(&waiting.decision.rule, now));
        let mut groups = aggregate::groups(eligible, &self.config, wide);
        groups.retain(|group| self.may_gather(group, context));
        let mut made = 0;
        for group in groups {
            if made >= most {
                break;
            }
            made += usize::from(self.make_group(&group, now, out));
        }
    }

    /// Whether the whole prefix may be blocked: nothing protected in it, nobody who is let through,
    /// no client that is known to be honest.
    fn may_gather(&self, group: &Group, context: &TickContext<'_>) -> bool {
        self.facts.refusal(&Target::Net(group.net), Remedy::Block).is_none()
            && context.standing.allows(group.net).is_none()
            && self.good_in(group.net, context.now).is_none()
    }

    /// Makes one block of a group; `false` where too few of its parts still wait.
    fn make_group(&mut self, group: &Group, now: Timestamp, out: &mut Judgement) -> bool {
        let parts: Vec<(u64, Decision)> = group
            .places
            .iter()
            .filter_map(|place| Some((*place, moved(self.state.ceiling.get(*place)?, now))))
            .collect();
        let least = usize::try_from(self.config.aggregate_parts.max(2)).unwrap_or(usize::MAX);
        let Some((_, first)) = parts.first().filter(|_| parts.len() >= least) else {
            return false;
        };
        let target = Target::Net(group.net);
        let most = now.plus(self.config.aggregate_for);
        let ends = parts.iter().map(|(_, part)| part.until.unwrap_or(Timestamp::MAX));
        let until = ends.max().unwrap_or(most).min(most);
        let shown: Vec<String> =
            parts.iter().take(4).map(|(_, part)| part.target.to_string()).collect();
        let whole = Decision {
            id: ids::derived_decision_id(first.id, "gathered", &target),
            reason: format!(
                "{} blocks in {} waited for the ceiling of blocks a minute ({}, …)",
                parts.len(),
                display_net(&group.net),
                shown.join(", ")
            ),
            target,
            until: Some(until),
            ..first.clone()
        };
        self.state.ceiling.pass(now, self.config.blocks_per_minute);
        out.say(whole, Verdict::Pass);
        for (place, part) in parts {
            // One that is to stand longer than the whole waits on for its own turn.
            if ends_by(part.until, Some(until))
                && let Some(waiting) = self.state.ceiling.take(place)
            {
                out.say(waiting.decision, Verdict::AlreadyInForce);
            }
        }
        true
    }
}

/// A block as it is made now: it stands as long from now as was asked, so that waiting takes
/// nothing from it.
fn moved(waiting: &Waiting, now: Timestamp) -> Decision {
    let decision = &waiting.decision;
    let until = match (decision.until, decision.duration()) {
        (Some(until), Some(duration)) => Some(until.max(now.plus(duration))),
        _ => None,
    };
    Decision { until, ..decision.clone() }
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
