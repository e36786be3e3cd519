//! Crawlers before they are blocked: a block of a client that says it is a known crawler waits a little
//! for the word of the DNS, then goes ahead; it is lifted when the word comes late.
//!
//! In: what rules propose, answers of the checker. Out: what is judged now, and who is protected. Whether
//! somebody is a crawler is a fact for the guard, like an administrator's login: rules don't see it, so
//! a restart evaluates the same whatever the DNS says then.

use super::Engine;
use super::act::note;
use crate::bots::{Answer, BotsConfig, Checker, Definition, Outcome, of_family};
use crate::clock::{self, Timestamp};
use crate::decisions::{
    Decision, GoodClient, Hit, Judged, Mode, Remedy, RuleFacts, Steps, Target, Verdict,
};
use crate::enrich::user_agent;
use crate::event::net::client_net;
use crate::event::{Event, Field};
use crate::limits;
use crate::pipeline::live::StartError;
use crate::store::Commit;
use crate::telemetry::{self, names};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Who, and whose he is said to be.
type Claim = (IpAddr, &'static str);

/// A block that waits for the word of the DNS. The store has it as queued, so that it is judged again
/// after a crash; no checkpoint is made while it waits.
struct Waiting {
    claim: Claim,
    decision: Decision,
    facts: RuleFacts,
    until: Instant,
}

/// What the engine knows of crawlers.
#[derive(Default)]
pub(super) struct Bots {
    checker: Option<Checker>,
    /// Who was looked up, and until when that holds; none while the answer is still to come.
    known: BTreeMap<Claim, Instant>,
    waiting: Vec<Waiting>,
}

impl Bots {
    /// How many blocks wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets what no longer holds and, where that is not enough, what ends soonest.
    fn make_room(&mut self, now: Instant) {
        if self.known.len() < limits::BOTS_KNOWN_MAX {
            return;
        }
        self.known.retain(|_, until| *until > now);
        if self.known.len() >= limits::BOTS_KNOWN_MAX {
            let mut ends: Vec<(Instant, Claim)> =
                self.known.iter().map(|(claim, until)| (*until, *claim)).collect();
            ends.sort_unstable();
            for (_, claim) in ends.iter().take(ends.len() / 8) {
                self.known.remove(claim);
            }
        }
    }
}

impl Engine {
    /// Starts asking the DNS about crawlers; without sources nobody is blocked by a rule.
    pub fn verify_bots(
        &mut self,
        config: &BotsConfig,
        control: crossbeam_channel::Sender<super::Message>,
        with_sources: bool,
    ) -> Result<(), StartError> {
        if config.verify && with_sources {
            let deliver = move |answer| control.send(super::Message::Bot(answer)).is_ok();
            let checker = Checker::start(config, Box::new(deliver))
                .map_err(|error| StartError::Io { what: "the checker of crawlers", error })?;
            self.bots.checker = Some(checker);
        }
        Ok(())
    }

    /// Whether a proposed block has to wait: its client may be the crawler that it says it is. One
    /// that turns out to be it right here is protected before the guard looks.
    pub(super) fn waits_for_bot(
        &mut self,
        decision: &Decision,
        hit: &Hit,
        facts: RuleFacts,
        commit: &mut Commit,
    ) -> bool {
        let Some((address, definition)) = claimed(decision, hit, facts) else { return false };
        let Some(bot) = definition.families.first().map(String::as_str) else { return false };
        let now = clock::now();
        let ranges = definition.feeds.iter().find(|feed| self.feeds.now.contains(address, feed));
        if let Some(feed) = ranges {
            let until = now.plus(Duration::from_secs(limits::BOT_VERIFIED_SECS_MIN));
            let words = format!("`{address}` is `{bot}`: it is in the feed `{feed}`");
            self.protect(address, until, &words, now, commit);
            return false;
        }
        let claim = (address, bot);
        let at = Instant::now();
        if self.bots.known.get(&claim).is_some_and(|until| *until > at) {
            // What is known of it stands already: a crawler is protected, anybody else isn't.
            return false;
        }
        let Some(checker) = &self.bots.checker else { return false };
        let waits = self.bots.waiting.iter().any(|other| other.claim == claim);
        if !waits && !checker.ask(address, definition) {
            return false;
        }
        if self.bots.waiting.len() >= limits::BOT_BLOCKS_WAITING_MAX {
            return false;
        }
        let until = at + Duration::from_secs(limits::BOT_WAIT_SECS);
        self.bots.waiting.push(Waiting { claim, decision: decision.clone(), facts, until });
        let judged = Judged { decision: decision.clone(), verdict: Verdict::Queued };
        self.steps(Steps { judged: vec![judged], ..Steps::default() }, "rule", now, commit);
        true
    }

    /// Nothing may be done to a crawler, and what was is taken back.
    fn protect(
        &mut self,
        address: IpAddr,
        until: Timestamp,
        words: &str,
        now: Timestamp,
        commit: &mut Commit,
    ) {
        telemetry::counter(names::BOTS_VERIFIED).add(1);
        let steps =
            self.desk.book(|desk| desk.good_client(address, GoodClient::VerifiedBot, until));
        self.steps(steps, "bot", now, commit);
        let mut row = note("bot", words, None, now);
        row.target = Some(Target::Net(client_net(address)));
        commit.notes.push(row);
        tracing::info!(words, "a crawler is verified");
    }

    /// The checker's word.
    pub(super) fn bot_answered(&mut self, answer: Answer) {
        let Answer { address, bot, outcome, holds } = answer;
        let (at, now) = (Instant::now(), clock::now());
        self.bots.make_room(at);
        self.bots.known.insert((address, bot), at + holds);
        let mut commit = self.begin(now);
        match outcome {
            Outcome::Verified(name) => {
                let words = format!("`{address}` is `{bot}`: its name is `{name}`");
                self.protect(address, now.plus(holds), &words, now, &mut commit);
            }
            Outcome::Forged(why) => {
                telemetry::counter(names::BOTS_FORGED).add(1);
                tracing::info!(%address, bot, why, "a client is not the crawler that it says");
                let words = format!("`{address}` says it is `{bot}`, but {why}");
                let mut row = note("bot", &words, None, now);
                row.target = Some(Target::Net(client_net(address)));
                commit.notes.push(row);
            }
            Outcome::Unknown(why) => {
                tracing::warn!(%address, bot, why, "it could not be found out whether a client is a crawler");
            }
        }
        self.judge_waiting(|waiting| waiting.claim == (address, bot), now, &mut commit);
        self.finish(commit);
    }

    /// Blocks whose time of waiting is over go ahead; all of them, where `all`.
    pub(super) fn let_bots_go(&mut self, all: bool) {
        let at = Instant::now();
        let due = |waiting: &Waiting| all || waiting.until <= at;
        if !self.bots.waiting.iter().any(due) {
            return;
        }
        let now = clock::now();
        let mut commit = self.begin(now);
        self.judge_waiting(due, now, &mut commit);
        self.finish(commit);
    }

    fn judge_waiting(
        &mut self,
        which: impl Fn(&Waiting) -> bool,
        now: Timestamp,
        commit: &mut Commit,
    ) {
        let (due, rest): (Vec<Waiting>, Vec<Waiting>) =
            std::mem::take(&mut self.bots.waiting).into_iter().partition(which);
        self.bots.waiting = rest;
        for waiting in due {
            let steps = self.desk.book(|desk| desk.judge(waiting.decision, waiting.facts, now));
            self.steps(steps, "rule", now, commit);
        }
    }
}

/// The one client that a block is about, and the crawler that it says it is, where both are there.
fn claimed(
    decision: &Decision,
    hit: &Hit,
    facts: RuleFacts,
) -> Option<(IpAddr, &'static Definition)> {
    let Target::Net(net) = decision.target else { return None };
    if facts.mode != Mode::Enforce || decision.remedy == Remedy::Allow {
        return None;
    }
    let of = |event: &Event| {
        let address = event.ip(Field::Ip).filter(|address| net.contains(address))?;
        let agent = user_agent::agent(&event.text(Field::UserAgent)?);
        Some((address, of_family(agent.family)?))
    };
    std::iter::once(&hit.event).chain(hit.events.iter().rev()).find_map(|event| of(event))
}
