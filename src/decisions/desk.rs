//! The guard and what is in force in one hand: proposed decisions go in, judged ones, lifts and
//! alarms come out, and what is in force is kept right meanwhile.
//!
//! In: proposals, what people decide, facts, and the time. Out: [`Steps`], to be journaled
//! and sent. No I/O: the caller journals each step before it sends it.

use super::alarm::{Alarm, AlarmKind};
use super::allowlist::{Entry, Full, Subject};
use super::change::CloudflareAsk;
use super::change_guard;
use super::config::GuardConfig;
use super::guard::{Context, GoodClient, Guard, Judged, Judgement};
use super::model::{Decision, DecisionId, Mode, Remedy, Target, Verdict};
use super::never_block::Refusal;
use super::release::TickContext;
use super::standing::Standing;
use crate::clock::Timestamp;
use crate::event::net::{client_net, display_net};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Why what events of a source that isn't trusted lead to is only noted.
pub const DISTRUSTED: &str =
    "anybody may have sent these events: the source is not trusted, see its key `trust`";

/// What is known of a rule when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleFacts {
    /// Its mode.
    pub mode: Mode,
    /// Only attackers trip it (its tag `certain`).
    pub certain: bool,
}

/// A decision that is no longer in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifted {
    /// Which.
    pub decision: Arc<Decision>,
    /// Why.
    pub why: String,
}

/// What follows, in the order in which it is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// Decisions to take back.
    pub lifted: Vec<Lifted>,
    /// Decisions that a longer one for the same target has replaced: no longer in force, but
    /// nothing is to be taken back, since the new one only moves the end.
    pub superseded: Vec<Arc<Decision>>,
    /// Decisions with their verdicts; those with [`Verdict::Pass`] are to be put in force.
    pub judged: Vec<Judged>,
    /// What people should know.
    pub alarms: Vec<Alarm>,
}

/// The guard and what is in force.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    /// The guard; its facts may be changed directly where nothing in force is touched.
    pub guard: Guard,
    /// What is in force.
    pub standing: Standing,
}

impl Desk {
    /// An empty desk.
    pub fn new(config: GuardConfig) -> Self {
        Self { guard: Guard::new(config), standing: Standing::default() }
    }

    /// Everything but what is in force, for the checkpoint: that is saved by row.
    pub fn save(&self) -> Vec<u8> {
        self.guard.save()
    }

    /// Takes up what was saved.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.guard.load(bytes)
    }

    /// Takes another config; what is known stays.
    pub fn set_config(&mut self, config: GuardConfig) {
        self.guard.set_config(config);
    }

    /// Judges and books a decision that a rule proposed.
    pub fn judge(&mut self, decision: Decision, rule: RuleFacts, now: Timestamp) -> Steps {
        let mut steps = Steps::default();
        let context =
            Context { now, mode: rule.mode, certain: rule.certain, standing: &self.standing };
        let judgement = self.guard.judge(decision, &context);
        self.book(judgement, now, &mut steps);
        steps
    }

    /// Notes a decision that must not act: events of a source that isn't trusted led to it.
    pub fn distrust(&mut self, decision: Decision, now: Timestamp) -> Steps {
        let mut steps = Steps::default();
        let judgement = self.guard.note_only(decision, &self.standing, DISTRUSTED);
        self.book(judgement, now, &mut steps);
        steps
    }

    /// Why nothing may be done to what a change at Cloudflare is about; `None` where it may.
    pub fn change_refusal(&self, ask: &CloudflareAsk) -> Option<String> {
        self.client_refusal(change_guard::client_of(ask)?)
    }

    /// Why nothing may be done to a client at Cloudflare; `None` where it may.
    pub fn client_refusal(&self, net: IpNet) -> Option<String> {
        let refusal = self.guard.facts().refusal(&Target::Net(net), Remedy::Block);
        refusal.map(|refusal| refusal.to_string()).or_else(|| {
            let allow = self.standing.allows(net)?;
            Some(Refusal::Allowed(allow.target.net()?).to_string())
        })
    }

    /// Judges and books a decision that no rule made (a person, an import, a feed).
    pub fn decide(&mut self, decision: Decision, now: Timestamp) -> Steps {
        let mut steps = Steps::default();
        let context =
            Context { now, mode: Mode::Enforce, certain: false, standing: &self.standing };
        let judgement = self.guard.judge(decision, &context);
        self.book(judgement, now, &mut steps);
        steps
    }

    /// Lets time pass: ends what is over, lets through what waited.
    pub fn tick(&mut self, now: Timestamp, mode_of: &dyn Fn(&str) -> Mode) -> Steps {
        let mut steps = Steps::default();
        for decision in self.standing.expire(now) {
            let why = "its time is up".to_owned();
            steps.lifted.push(Lifted { decision, why });
        }
        let context = TickContext { now, standing: &self.standing, mode_of };
        let judgement = self.guard.tick(&context);
        self.book(judgement, now, &mut steps);
        steps
    }

    /// When [`Self::tick`] next has something to do; `None` where nothing is to come.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let ends = self.standing.next_expiry();
        [ends, self.guard.next_tick()].into_iter().flatten().min()
    }

    /// Adds an allowlist entry, and lifts what is in force against it.
    pub fn allow(&mut self, entry: Entry) -> Result<Steps, Full> {
        self.guard.edit_allowlist(|list| list.add(entry))?;
        Ok(self.lift_allowed())
    }

    /// Takes an allowlist entry away; `None` where there was none.
    pub fn disallow(&mut self, subject: &Subject) -> Option<Entry> {
        self.guard.edit_allowlist(|list| list.remove(subject))
    }

    /// The addresses that a name of the allowlist resolves to now.
    pub fn resolved(&mut self, name: &str, addresses: &[IpAddr], now: Timestamp) -> Steps {
        let answer = self.guard.edit_allowlist(|list| list.resolved(name, addresses));
        let mut steps = if answer.changed { self.lift_allowed() } else { Steps::default() };
        if answer.changed && answer.ignored > 0 {
            let text = format!(
                "`{name}` of the allowlist resolves to {} addresses too many: those do not count",
                answer.ignored
            );
            steps.alarms.push(Alarm::new(AlarmKind::NameTooWide, now, text));
        }
        steps
    }

    /// An administrator logged in from `address`, or is still there: protects it, and lifts what is
    /// in force against it.
    pub fn admin_login(&mut self, address: IpAddr, now: Timestamp) -> Steps {
        let net = self.guard.admin_login(address, now);
        let mut steps = Steps::default();
        self.lift_net(net, "an administrator logged in", &mut steps);
        steps
    }

    /// A client is known to be honest until `until`; a verified bot is protected, and what is in
    /// force against it is lifted.
    pub fn good_client(&mut self, address: IpAddr, why: GoodClient, until: Timestamp) -> Steps {
        self.guard.good_client(address, why, until);
        let mut steps = Steps::default();
        if why == GoodClient::VerifiedBot {
            self.lift_net(client_net(address), "a verified bot", &mut steps);
        }
        steps
    }

    /// The proxies that feeds list now: protects them, and lifts what is in force against them.
    pub fn set_listed_proxies(&mut self, nets: Vec<IpNet>) -> Steps {
        let mut steps = Steps::default();
        for net in &nets {
            self.lift_net(*net, "a trusted proxy's range", &mut steps);
        }
        self.guard.set_listed_proxies(nets);
        steps
    }

    /// The addresses of this machine: protects them, and lifts what is in force against them.
    pub fn set_own(&mut self, addresses: &[IpAddr]) -> Steps {
        self.guard.set_own(addresses);
        let mut steps = Steps::default();
        for address in addresses {
            self.lift_net(IpNet::from(*address), "this machine's address", &mut steps);
        }
        steps
    }

    /// Switches panic on (lifts everything) or off.
    pub fn set_panic(&mut self, on: bool, now: Timestamp) -> Steps {
        let mut steps = Steps::default();
        let judgement = self.guard.set_panic(on);
        self.book(judgement, now, &mut steps);
        if on {
            for decision in self.standing.lift_all() {
                let why = "panic".to_owned();
                steps.lifted.push(Lifted { decision, why });
            }
        }
        steps
    }

    /// Ends what is in force or waits for this target and, of a prefix, for what lies in it.
    pub fn lift(&mut self, target: &Target, why: &str) -> Steps {
        let mut steps = Steps::default();
        self.lift_into(target, why, &mut steps);
        steps
    }

    /// Ends one decision by its name.
    pub fn lift_id(&mut self, id: DecisionId, why: &str) -> Steps {
        let lifted =
            self.standing.remove(id).map(|decision| Lifted { decision, why: why.to_owned() });
        Steps { lifted: lifted.into_iter().collect(), ..Steps::default() }
    }

    /// Books what the guard said: what passes is in force from now on.
    fn book(&mut self, judgement: Judgement, now: Timestamp, steps: &mut Steps) {
        let mut judgement = judgement;
        for judged in &judgement.judged {
            if judged.verdict != Verdict::Pass {
                continue;
            }
            if judged.decision.remedy == Remedy::Allow
                && let Some(net) = judged.decision.target.net()
            {
                self.lift_net(net, "let through by a decision", steps);
            }
            let inserted = self.standing.insert(judged.decision.clone());
            let other = inserted.replaced.filter(|old| old.id != judged.decision.id);
            steps.superseded.extend(other);
            if let Some(decision) = inserted.shed {
                let text = format!(
                    "{} decisions are in force, the most that can: the one for `{}` ends early",
                    self.standing.len(),
                    decision.target
                );
                steps.alarms.push(Alarm::new(AlarmKind::StandingFull, now, text));
                let why = "too many decisions in force".to_owned();
                steps.lifted.push(Lifted { decision, why });
            }
        }
        steps.judged.append(&mut judgement.judged);
        steps.alarms.append(&mut judgement.alarms);
    }

    fn lift_into(&mut self, target: &Target, why: &str, steps: &mut Steps) {
        let waited = self.guard.withdraw(target, &format!("lifted: {why}"));
        steps.judged.extend(waited.judged);
        let mut lifted = self.standing.lift(target);
        if let Target::Net(net) = target {
            let inside: Vec<DecisionId> = self
                .standing
                .overlapping(*net)
                .iter()
                .filter(|known| known.target.net().is_some_and(|inner| net.contains(&inner)))
                .map(|known| known.id)
                .collect();
            lifted.extend(inside.into_iter().filter_map(|id| self.standing.remove(id)));
        }
        for decision in lifted {
            let why = why.to_owned();
            steps.lifted.push(Lifted { decision, why });
        }
    }

    fn lift_net(&mut self, net: IpNet, why: &str, steps: &mut Steps) {
        for decision in self.standing.lift_overlapping(net) {
            let why = format!("{why} (`{}`)", display_net(&net));
            steps.lifted.push(Lifted { decision, why });
        }
    }

    fn lift_allowed(&mut self) -> Steps {
        let mut steps = Steps::default();
        let nets: Vec<(IpNet, String)> = self
            .guard
            .allowlist()
            .nets()
            .map(|(net, entry)| (net, format!("allowlist entry {}", entry.words())))
            .collect();
        for (net, why) in nets {
            for decision in self.standing.lift_overlapping(net) {
                let why = why.clone();
                steps.lifted.push(Lifted { decision, why });
            }
        }
        steps
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
