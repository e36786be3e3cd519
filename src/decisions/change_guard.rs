//! The guard of changes at Cloudflare: how short a temporary one may be, how often a rule may start
//! the same one, and what share of the API's budget a rule has, also for what is done once.
//!
//! In: what a rule asks for, and the time. Out: a verdict, and the ask as it may go on. Pure: what it
//! remembers is made again from the outbox at start. A change that goes on and off all day harms
//! visitors more than the attack; so past a few starts a day a person is asked.

use super::change::{ChangeKind, ChangePlace, CloudflareAsk, CloudflareWhat};
use super::cloudflare_task::CloudflareTask;
use super::config::GuardConfig;
use super::model::{RuleName, Verdict};
use super::task_guard::TaskGuard;
use crate::clock::Timestamp;
use crate::event::net::parse_net;
use crate::limits::CHANGE_GUARD_PLACES_MAX;
use ipnet::IpNet;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Starts are counted over this time.
const DAY: Duration = Duration::from_hours(24);

/// The budget is shared out over this time.
const HOUR: Duration = Duration::from_hours(1);

/// What is remembered of a rule at a place.
#[derive(Debug, Clone, Default)]
struct Known {
    /// When it started there, within the last day.
    starts: Vec<Timestamp>,
    /// What it wants there now.
    value: Json,
    /// Until when it is in force.
    until: Timestamp,
}

/// What an ask is, given what the rule has in force at the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The same for longer.
    GoesOn,
    /// A name that was turned leads to another target. Were that refused like a start, it would lead
    /// to what has gone down since; nothing goes on and off.
    Turns,
    /// Everything else.
    Starts,
}

impl Step {
    fn of(held: Option<&Known>, value: &Json) -> Self {
        match held {
            Some(known) if known.value == *value => Self::GoesOn,
            Some(known) if known.value.get("target").is_some() && value.get("target").is_some() => {
                Self::Turns
            }
            _ => Self::Starts,
        }
    }
}

/// What the guard says of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeVerdict {
    /// Its word.
    pub verdict: Verdict,
    /// The ask as it may go on.
    pub ask: CloudflareAsk,
}

/// Remembers who changed what, and how often.
#[derive(Debug, Clone, Default)]
pub struct ChangeGuard {
    known: BTreeMap<(RuleName, ChangePlace), Known>,
    /// Starts of each rule within the last hour, and records and whole caches that it changed.
    shares: BTreeMap<RuleName, Vec<Timestamp>>,
    /// What else each rule did once within the last hour.
    small: BTreeMap<RuleName, Vec<Timestamp>>,
    tasks: TaskGuard,
}

impl ChangeGuard {
    /// Judges what a rule asks for at `time` (event time), and remembers what passes.
    pub fn judge(
        &mut self,
        rule: &RuleName,
        mut ask: CloudflareAsk,
        time: Timestamp,
        now: Timestamp,
        config: &GuardConfig,
    ) -> ChangeVerdict {
        self.forget_old(now);
        let place = ask.place();
        if let CloudflareWhat::Once { task } = &ask.what {
            let verdict = self.judge_once(rule, (&ask.zone, task), now, config);
            return ChangeVerdict { verdict, ask };
        }
        let CloudflareWhat::Change { value, seconds, .. } = &mut ask.what else {
            // Only people end changes.
            let verdict = Verdict::Refused("a rule can't end changes".to_owned());
            return ChangeVerdict { verdict, ask };
        };
        let Some(place) = place else {
            return ChangeVerdict { verdict: Verdict::Pass, ask };
        };
        let asked = time.plus(Duration::from_secs(*seconds));
        if asked <= now {
            return ChangeVerdict { verdict: Verdict::AlreadyOver, ask };
        }
        // An end before the least time would be flapping.
        let until = asked.max(now.plus(config.change_at_least));
        *seconds = until.since(time).as_secs();
        let name = (RuleName::clone(rule), place);
        let held = self.known.get(&name).filter(|known| known.until > now);
        let going_on = held.is_some_and(|known| known.value == *value);
        // A failover asks anew because its name may not lead there yet; the ledger knows.
        let turns = value.get("target").is_some();
        if going_on && !turns && held.is_some_and(|known| known.until >= until) {
            return ChangeVerdict { verdict: Verdict::AlreadyInForce, ask };
        }
        let step = Step::of(held, value);
        if step != Step::GoesOn
            && let Some(why) = self.refusal(&name, step, config)
        {
            return ChangeVerdict { verdict: Verdict::Refused(why), ask };
        }
        let value = value.clone();
        self.book(name, &value, now, until, step);
        ChangeVerdict { verdict: Verdict::Pass, ask }
    }

    fn judge_once(
        &mut self,
        rule: &RuleName,
        about: (&str, &CloudflareTask),
        now: Timestamp,
        config: &GuardConfig,
    ) -> Verdict {
        if self.tasks.repeats(about.0, about.1) {
            return Verdict::Pass;
        }
        let refusal = self.tasks.refusal(rule, about, config.tasks_per_day);
        let used_up = || {
            if is_small(about.1) {
                self.small_used_up(rule, config)
            } else {
                self.used_up(rule, config)
            }
        };
        if let Some(why) = refusal.or_else(used_up) {
            return Verdict::Refused(why);
        }
        self.book_once(rule, about, now);
        Verdict::Pass
    }

    fn book_once(&mut self, rule: &RuleName, about: (&str, &CloudflareTask), now: Timestamp) {
        self.tasks.book(rule, about, now);
        let shares = if is_small(about.1) { &mut self.small } else { &mut self.shares };
        shares.entry(RuleName::clone(rule)).or_default().push(now);
    }

    fn small_used_up(&self, rule: &RuleName, config: &GuardConfig) -> Option<String> {
        let recent = self.small.get(rule).map_or(0, Vec::len);
        (recent >= usize::try_from(config.tasks_per_hour).unwrap_or(usize::MAX)).then(|| {
            format!(
                "the rule has used up its share of Cloudflare's API: {recent} purges, warmings and values within an hour (`guard.tasks_per_hour`)"
            )
        })
    }

    /// Whether a rule has used up its share of the hour.
    fn used_up(&self, rule: &RuleName, config: &GuardConfig) -> Option<String> {
        let recent = self.shares.get(rule).map_or(0, Vec::len);
        (recent >= usize::try_from(config.changes_per_hour).unwrap_or(usize::MAX)).then(|| {
            format!(
                "the rule has used up its share of Cloudflare's API: {recent} changes within an hour (`guard.changes_per_hour`)"
            )
        })
    }

    /// Why a start or a turn can't be.
    fn refusal(
        &self,
        name: &(RuleName, ChangePlace),
        step: Step,
        config: &GuardConfig,
    ) -> Option<String> {
        let starts = self.known.get(name).map_or(0, |known| known.starts.len());
        let most = usize::try_from(config.changes_per_day).unwrap_or(usize::MAX);
        if step == Step::Starts && starts >= most {
            return Some(format!(
                "it changed {} {starts} times within a day; a person has to decide (`guard.changes_per_day`)",
                name.1
            ));
        }
        if let Some(why) = self.used_up(&name.0, config) {
            return Some(why);
        }
        if !self.known.contains_key(name) && self.known.len() >= CHANGE_GUARD_PLACES_MAX {
            return Some(format!(
                "more than {CHANGE_GUARD_PLACES_MAX} places were changed by rules within a day"
            ));
        }
        None
    }

    fn book(
        &mut self,
        name: (RuleName, ChangePlace),
        value: &Json,
        now: Timestamp,
        until: Timestamp,
        step: Step,
    ) {
        if step != Step::GoesOn {
            self.shares.entry(RuleName::clone(&name.0)).or_default().push(now);
        }
        let known = self.known.entry(name).or_default();
        if step == Step::Starts {
            known.starts.push(now);
        }
        known.value = value.clone();
        known.until = until;
    }

    /// Remembers an ask that passed in an earlier run, at `passed`.
    pub fn remember(
        &mut self,
        rule: &RuleName,
        ask: &CloudflareAsk,
        time: Timestamp,
        passed: Timestamp,
    ) {
        if let CloudflareWhat::Once { task } = &ask.what {
            if !self.tasks.repeats(&ask.zone, task) {
                self.book_once(rule, (&ask.zone, task), passed);
            }
            return;
        }
        if let CloudflareWhat::End { number: None, .. } = &ask.what {
            // A panic ended everything then, too.
            return self.all_ended();
        }
        let (Some(place), CloudflareWhat::Change { value, seconds, .. }) = (ask.place(), &ask.what)
        else {
            return;
        };
        let until = time.plus(Duration::from_secs(*seconds));
        let name = (RuleName::clone(rule), place);
        let held = self.known.get(&name).filter(|known| known.until > passed);
        let step = Step::of(held, value);
        self.book(name, value, passed, until, step);
    }

    /// A panic ended everything: what is asked for later begins anew.
    pub fn all_ended(&mut self) {
        for known in self.known.values_mut() {
            known.until = Timestamp::EPOCH;
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        let (day, hour) = (now.minus(DAY), now.minus(HOUR));
        self.tasks.forget_before(day);
        self.known.retain(|_, known| {
            known.starts.retain(|start| *start > day);
            !known.starts.is_empty() || known.until > now
        });
        for shares in [&mut self.shares, &mut self.small] {
            shares.retain(|_, starts| {
                starts.retain(|start| *start > hour);
                !starts.is_empty()
            });
        }
    }
}

/// What changes nothing that visitors see for long: a busy site purges a page with each edit.
const fn is_small(task: &CloudflareTask) -> bool {
    match task {
        CloudflareTask::Purge(what) => !what.everything,
        CloudflareTask::Warm { .. }
        | CloudflareTask::KvPut { .. }
        | CloudflareTask::KvDelete { .. } => true,
        CloudflareTask::DnsSet { .. } | CloudflareTask::DnsDelete { .. } => false,
    }
}

/// The client that a rule to be made at Cloudflare is to keep out: the guard judges it like a block's.
pub fn client_of(ask: &CloudflareAsk) -> Option<IpNet> {
    let CloudflareWhat::Change { kind, value, .. } = &ask.what else { return None };
    client_in(*kind, value)
}

/// The client that a change of this kind keeps out with this value.
pub fn client_in(kind: ChangeKind, value: &Json) -> Option<IpNet> {
    let keeps_out = matches!(kind, ChangeKind::RateLimit | ChangeKind::WafRule);
    let text = value.get("ip").filter(|_| keeps_out)?.as_str()?;
    parse_net(text)
}

/// What an alarm says of a refused ask.
pub fn alarm_text(ask: &CloudflareAsk, why: &str) -> String {
    let hint = match ask.what {
        CloudflareWhat::Once { .. } => "",
        _ => "\nhint: `riposte cf changes` shows what is in force",
    };
    format!("it asked to {}, and was refused: {why}{hint}", ask.words())
}

#[cfg(test)]
#[path = "change_guard_tests.rs"]
mod tests;
