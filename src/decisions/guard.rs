//! The one door that every decision passes: what must never happen is refused here, and said why.
//!
//! In: proposed decisions, and the facts about whom nothing may be done to. Out: a verdict for each,
//! and alarms. It can't be used as an off switch: rules that block too fast are slowed down and
//! gathered (`release`), never silenced. Executors ask [`Guard::last_check`] once more.

use super::alarm::{Alarm, AlarmKind};
use super::allowlist::Allowlist;
use super::ceiling::Ceiling;
use super::config::GuardConfig;
use super::first_days::{FirstDays, Held, Report};
use super::model::{Decision, Mode, Remedy, RuleName, Target, Verdict};
use super::never_block::{LastCheck, NeverBlock, Refusal};
use super::prefix_set::canonical;
use super::standing::{Standing, ends_by};
use super::trip::{Tripped, Trips};
use crate::clock::{Timestamp, format_duration};
use crate::event::net::{display_net, prefix};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of the rule that proposes, and of the world, when a decision is judged.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The wall clock; the event's time in a replay.
    pub now: Timestamp,
    /// The rule's mode.
    pub mode: Mode,
    /// Only attackers trip the rule (its tag `certain`).
    pub certain: bool,
    /// What is in force.
    pub standing: &'a Standing,
}

/// A decision and what the guard says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The decision; a block that waited or that the first days shorten has another end than was
    /// proposed.
    pub decision: Decision,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What the guard says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Decisions with their verdicts. Usually the one that was asked about; others where waiting
    /// ones are let through or gathered.
    pub judged: Vec<Judged>,
    /// What people should know.
    pub alarms: Vec<Alarm>,
}

impl Judgement {
    pub(super) fn say(&mut self, decision: Decision, verdict: Verdict) {
        self.judged.push(Judged { decision, verdict });
    }
}

/// Why a client is known to be honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GoodClient {
    /// It authenticated with success. It may be blocked, but rules that do so too often are held.
    Authenticated,
    /// A search engine's or another's, checked by its name and address. Never blocked.
    VerifiedBot,
}

/// What a checkpoint keeps of the guard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub allowlist: Allowlist,
    pub own: Vec<IpNet>,
    pub admins: BTreeMap<IpNet, Timestamp>,
    pub good: BTreeMap<IpNet, (GoodClient, Timestamp)>,
    pub panic: bool,
    pub first_days: FirstDays,
    pub ceiling: Ceiling,
    pub trips: Trips,
    /// How many waited when it was last told.
    pub told: usize,
}

/// The guard.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    pub(super) config: GuardConfig,
    pub(super) state: State,
    pub(super) facts: NeverBlock,
    pub(super) shared: LastCheck,
    /// Proxies that feeds list now.
    pub(super) listed: Vec<IpNet>,
}

impl Guard {
    /// A guard that knows the config and nothing else: no first days, no panic.
    pub fn new(config: GuardConfig) -> Self {
        let mut guard = Self {
            facts: NeverBlock::new(&config),
            config,
            state: State::default(),
            shared: LastCheck::default(),
            listed: Vec::new(),
        };
        guard.renew();
        guard
    }

    /// Takes another config; what is known stays.
    pub fn set_config(&mut self, config: GuardConfig) {
        self.facts = NeverBlock::new(&config);
        self.config = config;
        self.renew();
    }

    /// Everything that changes, for the checkpoint.
    pub fn save(&self) -> Vec<u8> {
        // Plain maps, numbers and text always serialise.
        postcard::to_stdvec(&self.state).unwrap_or_default()
    }

    /// Takes up what was saved.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.state = postcard::from_bytes(bytes)
            .map_err(|error| format!("failed to read the guard's state: {error}"))?;
        self.state.ceiling.reindex();
        self.renew();
        Ok(())
    }

    /// The check for executors; stays the same one for the guard's whole life.
    pub fn last_check(&self) -> LastCheck {
        self.shared.clone()
    }

    /// The facts as they are now.
    pub fn facts(&self) -> &NeverBlock {
        &self.facts
    }

    /// Begins the first days of a new install.
    pub fn begin_first_days(&mut self, installed: Timestamp) {
        self.state.first_days = FirstDays::begin(installed, &self.config);
    }

    /// Until when the first days last; `None` where they are over.
    pub fn first_days_until(&self) -> Option<Timestamp> {
        self.state.first_days.until()
    }

    /// Ends the first days now; `None` where they were over.
    pub fn arm(&mut self) -> Option<Report> {
        self.state.first_days.arm()
    }

    /// What the rules in shadow would have done in the first days so far.
    pub fn first_days_report(&self) -> Report {
        self.state.first_days.report()
    }

    /// Arms a rule that holds its blocks: a person said that it is right.
    pub fn arm_rule(&mut self, rule: &str) -> bool {
        self.state.trips.arm(rule)
    }

    /// Until when a rule holds its new blocks because it hit good clients.
    pub fn asks_until(&self, rule: &str, now: Timestamp) -> Option<Timestamp> {
        self.state.trips.asks_until(rule, now)
    }

    /// Whether panic is on.
    pub fn panic(&self) -> bool {
        self.state.panic
    }

    /// After a crash: rules' blocks were made at these times, though a checkpoint may not know it.
    /// They count against the ceiling.
    pub fn blocks_were_made(&mut self, times: &[Timestamp], now: Timestamp) {
        self.state.ceiling.were_made(times, now, self.config.blocks_per_minute);
    }

    /// How many blocks wait.
    pub fn waiting(&self) -> usize {
        self.state.ceiling.len()
    }

    /// Says what may become of a proposed decision.
    pub fn judge(&mut self, mut decision: Decision, context: &Context<'_>) -> Judgement {
        if let Target::Net(net) = &mut decision.target {
            *net = canonical(*net);
        }
        let mut out = Judgement::default();
        let verdict = self.verdict(&mut decision, context, &mut out.alarms);
        let waits = verdict == Verdict::Queued;
        out.say(decision.clone(), verdict);
        if waits {
            self.state.ceiling.wait(decision, context.now);
            self.after_waiting(context, &mut out);
        }
        out
    }

    /// Notes a decision that must not act, and why; what may never be carried out is told as that.
    pub fn note_only(&self, mut decision: Decision, standing: &Standing, why: &str) -> Judgement {
        if let Target::Net(net) = &mut decision.target {
            *net = canonical(*net);
        }
        let verdict = match self.refusal(&decision, standing) {
            Some(refusal) => Verdict::Refused(refusal.to_string()),
            None => Verdict::Shadow(why.to_owned()),
        };
        let mut out = Judgement::default();
        out.say(decision, verdict);
        out
    }

    fn verdict(
        &mut self,
        decision: &mut Decision,
        context: &Context<'_>,
        alarms: &mut Vec<Alarm>,
    ) -> Verdict {
        if let Some(refusal) = self.refusal(decision, context.standing) {
            return Verdict::Refused(refusal.to_string());
        }
        if !decision.stands_at(context.now) {
            return Verdict::AlreadyOver;
        }
        if self.state.panic {
            return Verdict::Shadow("panic".to_owned());
        }
        let by_rule = decision.hit.is_some();
        if by_rule && let Some(why) = self.held(decision, context, alarms) {
            return Verdict::Shadow(why);
        }
        if context.standing.already(decision).is_some() {
            return Verdict::AlreadyInForce;
        }
        if !by_rule || decision.remedy == Remedy::Allow {
            return Verdict::Pass;
        }
        let per_minute = self.config.blocks_per_minute;
        if self.state.ceiling.is_empty() && self.state.ceiling.room(context.now, per_minute) > 0 {
            self.state.ceiling.pass(context.now, per_minute);
            return Verdict::Pass;
        }
        Verdict::Queued
    }

    /// Why a rule's decision is only noted: mode, first days, good clients. The first days may also
    /// shorten it.
    fn held(
        &mut self,
        decision: &mut Decision,
        context: &Context<'_>,
        alarms: &mut Vec<Alarm>,
    ) -> Option<String> {
        match context.mode {
            Mode::Enforce => {}
            Mode::Shadow => return Some("mode `shadow`".to_owned()),
            Mode::Off => return Some("mode `off`".to_owned()),
        }
        let days = &mut self.state.first_days;
        match days.hold(decision, context.certain, context.now, &self.config) {
            Held::Shadow(why) => return Some(why),
            Held::AtMost(most) if ends_by(Some(most), decision.until) => {
                decision.until = Some(most);
            }
            Held::Not | Held::AtMost(_) => {}
        }
        if decision.remedy != Remedy::Allow {
            self.look_for_good_clients(decision, context.now, alarms);
        }
        let until = self.state.trips.asks_until(&decision.rule, context.now)?;
        Some(format!(
            "the rule hit clients with an authenticated success; it holds its blocks for {} more",
            format_duration(until.since(context.now))
        ))
    }

    fn look_for_good_clients(
        &mut self,
        decision: &Decision,
        now: Timestamp,
        alarms: &mut Vec<Alarm>,
    ) {
        let Target::Net(net) = decision.target else {
            return;
        };
        let Some(good) = self.good_in(net, now) else {
            return;
        };
        let network = prefix(good.network(), 24, 48);
        let rule = &decision.rule;
        let alarm = match self.state.trips.note(rule, network, now, &self.config) {
            Tripped::Nothing => return,
            Tripped::Noted { networks, needed } => Alarm::new(
                AlarmKind::GoodClient,
                now,
                format!(
                    "rule `{rule}` blocks `{}`, which had an authenticated success ({networks} of {needed} networks before the rule is held)",
                    display_net(&good)
                ),
            ),
            Tripped::Asks(until) => Alarm::new(
                AlarmKind::Asking,
                now,
                format!(
                    "rule `{rule}` hits clients with an authenticated success, last `{}`: its blocks stand, new ones are held until {until}\nhint: then it is armed again by itself; if it is wrong, `riposte rules shadow {rule}` keeps it from blocking",
                    display_net(&good)
                ),
            ),
        };
        alarms.push(alarm.of_rule(rule));
    }

    /// Why a decision may never be carried out.
    pub(super) fn refusal(&self, decision: &Decision, standing: &Standing) -> Option<Refusal> {
        self.facts.refusal(&decision.target, decision.remedy).or_else(|| {
            let net = decision.target.net()?;
            let blocks = decision.remedy != Remedy::Allow;
            let allow = blocks.then(|| standing.allows(net)).flatten()?;
            allow.target.net().map(Refusal::Allowed)
        })
    }

    pub(super) fn rule_asks(&self, rule: &RuleName, now: Timestamp) -> bool {
        self.state.trips.asks_until(rule, now).is_some()
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
