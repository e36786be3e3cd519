//! What a person should look at: alarms, faults of predicates, a clock that leaps.

use super::Engine;
use super::act::dry;
use crate::clock::{self, Timestamp};
use crate::decisions::{Action, Effect, Verdict, ids};
use crate::limits;
use crate::pipeline::control::Alarm;
use crate::store::OutboxRow;
use crate::telemetry::{self, names};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// The time for what ends by time; a leap of the wall clock is told of and waited out.
    pub(super) fn steady_now(&mut self) -> Timestamp {
        let (steady, since) = &mut self.steady;
        let look = steady.look(clock::now(), since.elapsed());
        if let Some(leap) = look.leapt {
            let text = format!(
                "the clock has leapt forward by {}: what ends by time waits {} for it to be set right",
                clock::format_duration(leap),
                clock::format_duration(Duration::from_secs(limits::CLOCK_LEAP_HELD_SECS))
            );
            self.alarm("clock", text);
        }
        look.now
    }

    pub(super) fn tell_faults(&mut self, faults: &[(u32, String)]) {
        let Some((rule, fault)) = faults.first() else {
            return;
        };
        let rules = Arc::clone(self.core.rules());
        let name = rules.rules().get(*rule as usize).map_or("?", |rule| &*rule.name);
        self.alarm(name, format!("a predicate failed: {fault}"));
    }

    /// Something that a person should look at: logged, counted and kept for
    /// `status`.
    pub(super) fn alarm(&mut self, from: &str, text: String) {
        telemetry::counter(names::ALARMS).add(1);
        let known = self
            .alarms
            .iter()
            .rev()
            .take(limits::ALARMS_KEPT_MAX)
            .find(|alarm| alarm.from == from && alarm.text == text);
        let now = clock::now();
        let again = Duration::from_secs(limits::ALARM_REPEAT_SECS);
        if known.is_some_and(|alarm| now.since(alarm.time) < again) {
            return;
        }
        tracing::warn!(from, text, "alarm");
        if self.alarms.len() >= limits::ALARMS_KEPT_MAX {
            self.alarms.pop_front();
        }
        let alarm = Alarm { time: now, from: from.to_owned(), text };
        if self.config.alarms.channel.is_some() && self.untold.len() < limits::ALARMS_KEPT_MAX {
            self.untold.push(alarm.clone());
        }
        self.alarms.push_back(alarm);
    }

    /// Tells the channel for alarms of what came since. Panic and first days hold back what rules ask
    /// for, not this.
    pub(super) fn tell_alarms(&mut self, now: Timestamp) {
        let Some(channel) = self.config.alarms.channel.clone() else { return };
        if self.untold.is_empty() {
            return;
        }
        let untold = std::mem::take(&mut self.untold);
        let verdict = if self.dry_run { dry() } else { Verdict::Pass };
        let row = |alarm: Alarm| OutboxRow {
            id: ids::alarm_id(&alarm.from, &alarm.text, alarm.time),
            hit: None,
            decision: None,
            action: Action::Perform {
                rule: "riposte".into(),
                key: alarm.from.clone(),
                time: alarm.time,
                effect: Effect::Notify {
                    channel: channel.clone(),
                    message: format!("{}: {}", alarm.from, alarm.text),
                },
            },
            verdict: verdict.clone(),
        };
        let mut commit = self.begin(now);
        commit.outbox.extend(untold.into_iter().map(row));
        self.finish(commit);
    }
}
