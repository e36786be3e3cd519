//! The stateful stage: windows, rule bodies and what follows from them, in event time.
//!
//! In: candidate events in one order. Out: firings, each a hit with the decisions, lifts and
//! effects that its rule asked for, before any guard. Pure: the same inputs from the same state
//! give the same firings, live, in replay and after a crash. It does no I/O and asks no clock.

mod ahead;
mod distrusted;
mod events;
mod host;
mod image;
mod parts;
mod probe;
#[cfg(test)]
mod tests;

pub use ahead::Foreseen;
pub(in crate::pipeline) use events::emitted_event;

pub use parts::{CoreConfig, Firing, Modes, RouteOf};

pub use image::{CORE_BLOB, CoreImage, OFFENCES_TABLE, STATE_TABLE};

use super::evidence::EvidenceRing;
use crate::clock::Timestamp;
use crate::decisions::{Ask, GuardConfig, Hit, Mode, Remedy, Route, Target, ids};
use crate::event::{Event, Field, Key, Kind, Origin};
use crate::limits;
use crate::rules::{BodyRun, Rule, RuleSet};
use crate::telemetry::{self, names};
use crate::windows::{Firing as WindowFiring, WindowSpec, Windows};
use ahead::Counted;
use events::{Cause, Pending, absent_event, decision_event, key_ip, place, push};
use host::CoreHost;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The state of all rules.
pub struct Core {
    rules: Arc<RuleSet>,
    windows: Windows,
    host: Arc<CoreHost>,
    evidence: EvidenceRing,
    modes: Modes,
    /// Event time up to which timers and `absent` have run.
    low: Timestamp,
    timers_due: Vec<Option<Timestamp>>,
    route_of: RouteOf,
    /// Whether any rule listens to decisions.
    hears_decisions: bool,
    /// Sources whose events anybody may have sent.
    distrusted: BTreeSet<Arc<str>>,
}

impl Core {
    /// A core without history for these rules.
    pub fn new(rules: Arc<RuleSet>, config: CoreConfig) -> Self {
        let mut windows = Windows::with_seed(config.window_bytes_max, config.seed);
        windows.set_rules(&rules.windows());
        let timers_due = vec![None; rules.timers().len()];
        Self {
            windows,
            host: Arc::new(CoreHost::new(config.guard, Arc::clone(rules.lookups()))),
            hears_decisions: hears_decisions(&rules),
            rules,
            evidence: EvidenceRing::default(),
            modes: config.modes,
            low: Timestamp::EPOCH,
            timers_due,
            route_of: config.route_of,
            distrusted: BTreeSet::new(),
        }
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The windows, for reports.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// Removes what is kept of a person: the past, script state, evidence, hopping, windows.
    pub fn forget(&mut self, target: &Target) {
        let text = target.to_string();
        self.host.proposer().forget(target);
        self.host.state().forget(&text);
        let net = target.net();
        let of_target = |key: &Key| match (net, key.net_part()) {
            (Some(net), Some(part)) => net.contains(&part) || part.contains(&net),
            _ => key.to_string().split('|').any(|part| part == text),
        };
        self.evidence.forget(|key, event| {
            let by_event = net.is_some_and(|net| {
                event.ip(Field::Ip).is_some_and(|address| net.contains(&address))
            });
            of_target(key) || by_event
        });
        self.windows.forget(of_target);
    }

    /// Takes another config of escalation and widening.
    pub fn set_guard_config(&mut self, config: GuardConfig) {
        self.host.proposer().set_config(config);
    }

    /// A person lifted what was in force for a target.
    pub fn lifted(&mut self, target: &Target) {
        self.host.proposer().lifted(target);
    }

    /// Puts another rule set in force. Windows of rules whose key and window are the same go on;
    /// timers start anew.
    pub fn set_rules(&mut self, rules: Arc<RuleSet>) {
        let kept = self.evidence_by_name();
        self.windows.set_rules(&rules.windows());
        self.timers_due = vec![None; rules.timers().len()];
        self.host.set_lookups(Arc::clone(rules.lookups()));
        self.hears_decisions = hears_decisions(&rules);
        self.rules = rules;
        self.restore_evidence(kept);
    }

    /// One event and the rules whose predicates it met, in ascending order.
    pub fn event(&mut self, event: &Arc<Event>, candidates: &[u32], out: &mut Vec<Firing>) {
        self.event_ahead(event, candidates, &mut Foreseen::default(), out);
    }

    /// After a restart under a clock that is behind the saved time: timers go on from here.
    pub fn not_after(&mut self, now: Timestamp) {
        self.low = self.low.min(now);
    }

    /// Event time has reached `watermark`: timers tick, silent keys of `absent` fire.
    pub fn advance(&mut self, watermark: Timestamp, out: &mut Vec<Firing>) {
        if watermark <= self.low {
            return;
        }
        let mut waiting = VecDeque::new();
        let mut emitted = 0;
        let mut budget = limits::TIMER_TICKS_MADE_UP_MAX;
        while let Some((timer, due)) = self.next_timer(watermark, &mut budget) {
            self.host.set_now(due);
            self.tick(timer, due, &mut waiting, &mut emitted, out);
        }
        self.host.set_now(watermark);
        for (rule, key, firing) in self.windows.advance(watermark) {
            let Ok(rule) = u32::try_from(rule) else {
                continue;
            };
            let last = self.evidence.of(rule, &key).pop();
            let event = last.unwrap_or_else(|| absent_event(&key, firing.last));
            let cause = Cause::root(&event);
            let due = match self.rules.rules().get(rule as usize).map(|rule| rule.window) {
                Some(WindowSpec::Absent { after }) => firing.last.plus(after),
                _ => watermark,
            };
            self.fire(rule, &key, &firing, due, cause, (&mut waiting, &mut emitted), out);
        }
        self.low = watermark;
        self.drain(waiting, emitted, out);
    }

    /// Hardly an event from before `settled` is to be expected any more: windows that were over a
    /// while before it are forgotten.
    pub fn forget_before(&mut self, settled: Timestamp) {
        let late = Duration::from_secs(limits::EVENT_LATE_SECS_MAX);
        self.windows.forget_before(settled.minus(late));
    }

    /// The timer that is due first, at or before `until`; `budget` bounds how many periods are
    /// made up for after a silence, the rest is skipped.
    fn next_timer(&mut self, until: Timestamp, budget: &mut u32) -> Option<(usize, Timestamp)> {
        let timers = self.rules.timers();
        let start = if self.low == Timestamp::EPOCH { until } else { self.low };
        for (due, timer) in self.timers_due.iter_mut().zip(timers) {
            if due.is_none() || (*budget == 0 && due.is_some_and(|due| due <= until)) {
                let from = if *budget == 0 { until } else { start };
                *due = Some(timer.next_after(from));
            }
        }
        let first = self.timers_due.iter().enumerate().filter_map(|(n, due)| Some((n, (*due)?)));
        let (number, due) = first.min_by_key(|(number, due)| (*due, *number))?;
        if due > until {
            return None;
        }
        *budget -= 1;
        let next = timers.get(number).map(|timer| timer.next_after(due));
        if let Some(slot) = self.timers_due.get_mut(number) {
            *slot = next;
        }
        Some((number, due))
    }

    fn tick(
        &mut self,
        timer: usize,
        due: Timestamp,
        waiting: &mut VecDeque<Pending>,
        emitted: &mut usize,
        out: &mut Vec<Firing>,
    ) {
        let Some(name) = self.rules.timers().get(timer).map(|timer| Arc::clone(&timer.name)) else {
            return;
        };
        let host: Arc<dyn crate::rules::Host> = self.host.clone();
        let run = self.rules.run_timer(timer, due, &host);
        if run.asks.is_empty() && run.fault.is_none() {
            return;
        }
        let mut event = Event::new(Kind::Custom("timer".into()), due);
        event.origin = Arc::new(Origin { source: "timer".into(), stream: Arc::clone(&name) });
        event.offset = u64::try_from(due.as_micros()).unwrap_or(0);
        let event = Arc::new(event);
        let key = Key::text(&name);
        let hit = Hit {
            id: ids::hit_id(&name, &key.to_string(), place(&event, 0)),
            rule: name,
            key: key.to_string().into(),
            ip: None,
            count: 1,
            first: due,
            last: due,
            time: due,
            event: Arc::clone(&event),
            events: Vec::new(),
            route: Route::Unknown,
        };
        let cause = Cause::root(&event);
        self.follow(u32::MAX, Mode::Enforce, &Arc::new(hit), run, cause, (waiting, emitted), out);
    }

    fn drain(&mut self, mut waiting: VecDeque<Pending>, mut emitted: usize, out: &mut Vec<Firing>) {
        if waiting.is_empty() {
            return;
        }
        let rules = Arc::clone(&self.rules);
        let mut candidates = Vec::new();
        let mut faults = Vec::new();
        while let Some(next) = waiting.pop_front() {
            candidates.clear();
            rules.candidates(&next.event, &mut candidates, &mut faults);
            for rule in &candidates {
                self.candidate(*rule, next.cause(), &mut waiting, &mut emitted, out);
            }
        }
        telemetry::counter(names::RULE_FAULTS).add(faults.len() as u64);
    }

    /// An event that met a rule's predicate goes into the rule's window.
    fn candidate(
        &mut self,
        rule: u32,
        cause: Cause<'_>,
        waiting: &mut VecDeque<Pending>,
        emitted: &mut usize,
        out: &mut Vec<Firing>,
    ) {
        if let Some(counted) = self.counted(rule, cause.event) {
            self.count(rule, counted, cause, (waiting, emitted), out);
        }
    }

    /// Counts an event in a rule's window.
    fn count(
        &mut self,
        rule: u32,
        counted: Counted,
        cause: Cause<'_>,
        (waiting, emitted): (&mut VecDeque<Pending>, &mut usize),
        out: &mut Vec<Firing>,
    ) {
        let Counted { key, sample, spot } = counted;
        let counted = self.windows.update_at(&spot, &key, &sample);
        if counted.is_far {
            return;
        }
        let fired = counted.firing.map(|firing| (key.clone(), firing));
        self.evidence.push(rule, key, cause.event);
        if let Some((key, firing)) = fired {
            let time = cause.event.time;
            self.fire(rule, &key, &firing, time, cause, (waiting, emitted), out);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one firing, used once")]
    fn fire(
        &mut self,
        rule: u32,
        key: &Key,
        firing: &WindowFiring,
        time: Timestamp,
        cause: Cause<'_>,
        next: (&mut VecDeque<Pending>, &mut usize),
        out: &mut Vec<Firing>,
    ) {
        let rules = Arc::clone(&self.rules);
        let Some(found) = rules.rules().get(rule as usize) else {
            return;
        };
        let event = Arc::clone(cause.event);
        let ip = key_ip(key, &event);
        let key_text = key.to_text();
        let hit = Arc::new(Hit {
            id: ids::hit_id(&found.name, &key_text, place(&event, cause.ordinal)),
            rule: Arc::clone(&found.name),
            key: key_text,
            ip,
            count: firing.count,
            first: firing.first,
            last: firing.last,
            time,
            route: (self.route_of)(&event),
            events: self.evidence.of(rule, key),
            event,
        });
        if key.is_distrusted() {
            return self.follow_distrusted(rule, &hit, cause, next, out);
        }
        let host: Arc<dyn crate::rules::Host> = self.host.clone();
        let run = rules.run_body(rule, &hit, &host);
        let mode = match self.modes {
            Modes::AsSet => found.mode,
            Modes::AllEnforce => Mode::Enforce,
        };
        self.follow(rule, mode, &hit, run, cause, next, out);
    }

    /// What a body asked for becomes decisions, effects and further events.
    #[expect(clippy::too_many_arguments, reason = "the parts of one firing, used once")]
    fn follow(
        &mut self,
        rule: u32,
        mode: Mode,
        hit: &Arc<Hit>,
        run: BodyRun,
        cause: Cause<'_>,
        (waiting, emitted): (&mut VecDeque<Pending>, &mut usize),
        out: &mut Vec<Firing>,
    ) {
        let listens_to_decisions = self
            .rules
            .rules()
            .get(rule as usize)
            .is_some_and(|rule: &Rule| rule.kinds.contains(&Kind::Decision));
        let mut firing = Firing {
            hit: Arc::clone(hit),
            mode,
            distrusted: false,
            rule,
            decisions: Vec::new(),
            lifts: Vec::new(),
            effects: Vec::new(),
            asks: Vec::new(),
            fault: run.fault,
        };
        // Decisions that other rules are told of: not those about somebody who is blocked already.
        let mut news = Vec::new();
        for (ordinal, ask) in (0_u32..).zip(&run.asks) {
            match ask {
                Ask::Decide { .. } => {
                    let proposed = self.host.proposer().propose(hit, ordinal, ask);
                    for (place, decision) in proposed.decisions.into_iter().enumerate() {
                        // The first is the ask's own; wider ones that follow from it are news.
                        if place > 0 || !proposed.same_offence {
                            news.push(firing.decisions.len());
                        }
                        firing.decisions.push(decision);
                    }
                }
                Ask::Lift { target } => firing.lifts.push(target.clone()),
                Ask::Effect(effect) => firing.effects.push(effect.clone()),
                Ask::Emit { kind, fields } => {
                    let event = || Some(emitted_event(kind, fields.clone(), hit));
                    push(waiting, emitted, event, cause.depth, cause.from_decision);
                }
                Ask::Tag { key, name, duration } => self.host.tag(key, name, *duration),
                Ask::Score { key, points } => self.host.score(key, *points),
            }
        }
        self.host.proposer().offences.note_hit(&hit.key, hit.time);
        for decision in news.into_iter().filter_map(|place| firing.decisions.get(place)) {
            let announced = decision.remedy == Remedy::Block && mode == Mode::Enforce;
            if announced && !cause.from_decision && !listens_to_decisions {
                let event = || self.hears_decisions.then(|| decision_event(decision, hit));
                push(waiting, emitted, event, cause.depth, true);
            }
        }
        firing.asks = run.asks;
        out.push(firing);
    }
}

fn hears_decisions(rules: &RuleSet) -> bool {
    rules.rules().iter().any(|rule| rule.kinds.is_empty() || rule.kinds.contains(&Kind::Decision))
}
