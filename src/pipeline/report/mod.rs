//! Would these rules hit customers? Of the clients that would be stopped: which look good, how sure
//! is that, and why; what of theirs would be lost; and which rule is to blame.
//!
//! ```text
//! firings of the first reading ─▶ blocked: targets, times, evidence
//! second reading of the logs ─▶ pass: only those clients ─▶ profile: counters in a fixed room
//!                                                              │
//!                                     signs ─▶ score (weights: one table), in words
//!                                                              ▼
//!                                              Report: clients, rules, totals
//! ```
//!
//! Pure but for `pass`, which reads the files. `cli` shows it.

mod lists;
mod look;
mod logins;
mod profile;
mod evidence;
mod blocked;
mod pass;
mod address;
mod signs;
mod weights;
mod score;
mod mend;

#[cfg(test)]
mod tests;

pub use blocked::{Blocked, Stopped, Would};
pub use evidence::{Line, lines_of};
pub use mend::{Mend, Tried, best, thresholds};
pub use pass::{ClientKey, Profiles, Reading, profiles};
pub use profile::{Frame, Lane, Profile};
pub use score::{Part, Score, Verdict, count, percent, score, thousands};
pub use signs::{Address, Engine, Signs};
pub use weights::{ATTACKER_BELOW, CUSTOMER_FROM, Sign, WEIGHTS, Weight};

use crate::clock::Timestamp;
use crate::decisions::Remedy;
use pass::Seen;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A client that would be stopped.
#[derive(Debug)]
pub struct Client {
    /// Its address, its /64, or `user:NAME`.
    pub name: String,
    /// The numbers of the targets that cover it, in [`Report::blocked`].
    pub targets: Vec<u32>,
    /// The rules that would stop it.
    pub rules: BTreeSet<Arc<str>>,
    /// The hardest of the remedies.
    pub remedy: Remedy,
    /// When it would first be stopped.
    pub stopped: Timestamp,
    /// Why the guard would let nothing happen to it; `None` where something would.
    pub refused: Option<String>,
    /// What it did.
    pub profile: Profile,
    /// How good it looks.
    pub score: Score,
}

/// A rule and whom it would stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleLine {
    /// The rule.
    pub rule: Arc<str>,
    /// Clients that it would stop.
    pub clients: u64,
    /// Those that look like customers.
    pub customers: u64,
    /// Those of which nothing is sure.
    pub unclear: u64,
    /// Requests of clients that look like customers, which would be lost.
    pub lost: u64,
    /// Those that were answered well.
    pub lost_good: u64,
}

impl RuleLine {
    /// The share of its clients that don't look like customers: an estimate of how often it is
    /// right.
    pub fn precision(&self) -> f64 {
        if self.clients == 0 {
            return 1.0;
        }
        (self.clients - self.customers) as f64 / self.clients as f64
    }
}

/// All together.
#[derive(Debug)]
pub struct Report {
    /// Where the logs lie in time.
    pub frame: Frame,
    /// The clients that would be stopped, those that look best first.
    pub clients: Vec<Client>,
    /// Clients to which the guard would let nothing happen.
    pub spared: Vec<Client>,
    /// Clients that the rules that are tried would no longer stop.
    pub let_in: Vec<Client>,
    /// The rules, those that hit most customers first.
    pub rules: Vec<RuleLine>,
    /// Of all clients.
    pub totals: RuleLine,
    /// Targets of which no client is in the logs (a network, a host, or nobody at all).
    pub without_client: u64,
    /// Decisions and events that were not looked at, since there were too many clients.
    pub passed_over: u64,
    /// The targets and their decisions.
    pub blocked: Blocked,
}

impl Report {
    /// Puts together what was found.
    pub fn of(blocked: Blocked, profiles: Profiles, frame: Frame) -> Self {
        let mut seen: BTreeSet<u32> = BTreeSet::new();
        let mut clients = Vec::new();
        let mut spared = Vec::new();
        let mut let_in = Vec::new();
        for (key, found) in profiles.clients {
            seen.extend(&found.targets);
            let Some(client) = client(key, found, &blocked) else { continue };
            if client.refused.is_some() {
                spared.push(client);
            } else if blocked.decisions(&client.targets).all(|would| would.dropped) {
                let_in.push(client);
            } else {
                clients.push(client);
            }
        }
        for list in [&mut clients, &mut spared, &mut let_in] {
            list.sort_by(|a: &Client, b: &Client| {
                let rank = |client: &Client| (client.score.points, client.profile.lost_good);
                rank(b).cmp(&rank(a)).then_with(|| a.name.cmp(&b.name))
            });
        }
        let without_client = blocked.targets().len() as u64 - seen.len() as u64;
        let (rules, totals) = rule_lines(&clients);
        Self {
            frame,
            clients,
            spared,
            let_in,
            rules,
            totals,
            without_client,
            passed_over: profiles.passed_over + blocked.beyond(),
            blocked,
        }
    }

    /// The clients of a verdict, those that look best first.
    pub fn of_verdict(&self, verdict: Verdict) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(move |client| client.score.verdict == verdict)
    }

    /// The decisions about a client, in the order of time.
    pub fn decisions<'r>(&'r self, client: &'r Client) -> Vec<&'r Would> {
        let mut decisions: Vec<&Would> = self.blocked.decisions(&client.targets).collect();
        if decisions.iter().any(|would| !would.dropped) {
            decisions.retain(|would| !would.dropped);
        }
        decisions.sort_by_key(|would| would.from);
        decisions
    }
}

fn client(key: ClientKey, found: Seen, blocked: &Blocked) -> Option<Client> {
    let mut decisions: Vec<&Would> = blocked.decisions(&found.targets).collect();
    if decisions.iter().any(|would| !would.dropped) {
        decisions.retain(|would| !would.dropped);
    }
    let passing: Vec<&&Would> = decisions.iter().filter(|would| would.passes()).collect();
    let refused = passing.is_empty().then(|| decisions.first().map(|w| w.guard.clone()));
    let counted: Vec<&Would> =
        if passing.is_empty() { decisions } else { passing.into_iter().copied().collect() };
    let stopped = counted.iter().map(|would| would.from).min()?;
    let remedy = counted.iter().map(|would| would.remedy).min()?;
    let rules = counted.iter().map(|would| Arc::clone(&would.rule)).collect();
    let (name, place) = match key {
        ClientKey::Net(net) => (crate::event::net::display_net(&net), address::address(net)),
        ClientKey::User(number) => {
            let target = &blocked.targets().get(number as usize)?.target;
            (target.to_string(), Address::default())
        }
    };
    let known = found.profile.first_good.map_or(Duration::ZERO, |first| stopped.since(first));
    let score = score(&Signs::of(&found.profile, place, known));
    Some(Client {
        name,
        targets: found.targets.to_vec(),
        rules,
        remedy,
        stopped,
        refused: refused.flatten(),
        profile: found.profile,
        score,
    })
}

/// The rules with their clients, and all clients together.
fn rule_lines(clients: &[Client]) -> (Vec<RuleLine>, RuleLine) {
    let mut rules: BTreeMap<Arc<str>, RuleLine> = BTreeMap::new();
    let mut totals = RuleLine::default();
    for client in clients {
        for rule in &client.rules {
            let line = rules
                .entry(Arc::clone(rule))
                .or_insert_with(|| RuleLine { rule: Arc::clone(rule), ..RuleLine::default() });
            line.add(client);
        }
        totals.add(client);
    }
    let mut rules: Vec<RuleLine> = rules.into_values().collect();
    rules.sort_by(|a, b| {
        let rank = |line: &RuleLine| (line.customers, line.lost_good, line.unclear, line.clients);
        rank(b).cmp(&rank(a)).then_with(|| a.rule.cmp(&b.rule))
    });
    (rules, totals)
}

impl RuleLine {
    fn add(&mut self, client: &Client) {
        self.clients += 1;
        match client.score.verdict {
            Verdict::Customer => {
                self.customers += 1;
                self.lost += client.profile.lost;
                self.lost_good += client.profile.lost_good;
            }
            Verdict::Unclear => self.unclear += 1,
            Verdict::Attacker => {}
        }
    }
}
