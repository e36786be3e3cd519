//! Cloudflare as an enforcer: one list of addresses in an account and in each zone one custom rule
//! that blocks what is in it, another of each for challenges; access rules where the lists have no
//! room or can't be had.
//!
//! In: decisions. Out: few calls, each for as many blocks as wait; what was put off is done in
//! steps ([`steps`]), so that neither a slow API nor a long queue holds the thread. Ends are ours:
//! nothing at Cloudflare ends by itself. Only what carries our mark ([`mark`]) is ever changed.

mod build;
mod chunk;
mod clear;
mod last_check;
mod leftovers;
pub mod mark;
mod measure;
pub mod needs;
mod outcomes;
mod plan;
mod present;
mod read;
pub(super) mod rotation;
mod running;
mod site;
mod spill;
mod steps;
mod trouble;
mod turns;
pub mod verify;
mod words;

use super::Wanted as LastCheck;
use super::config::CloudflareConfig;
use super::enforcer::{Change, Difference, EnforceError, Enforcer, Numbers, Receipt};
use super::reconcile::{AddressRange, Entry};
use crate::clock::Timestamp;
use crate::cloudflare::Client;
use crate::cloudflare::access_rules::Scope;
use crate::cloudflare::status_page::StatusPage;
use crate::decisions::{Decision, Outcome};
use crate::limits::CLOUDFLARE_READS_LEFT_OUT;
use crate::telemetry::{self, names};
use chunk::Chunk;
use ipnet::IpNet;
use measure::{Each, Measure};
use plan::{Wanted, list_takes};
use present::Present;
use rotation::Rotation;
use running::Running;
use site::{Site, SiteError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest that a call waits for the budget; beyond, the step is made later.
const PATIENCE: Duration = Duration::from_secs(2);

/// A change whose outcome is not known yet.
#[derive(Debug)]
enum Waiting {
    Put(Measure, IpNet),
    Lift(IpNet),
}

/// The Cloudflare enforcer.
pub struct Cloudflare {
    config: CloudflareConfig,
    mark: String,
    /// Nothing is changed; outcomes hold the calls that would be made.
    dry_run: bool,
    client: Option<Arc<Client>>,
    /// Asked right before something is put in force.
    check: Option<Arc<dyn LastCheck>>,
    /// What should be in force.
    standing: Each<Wanted>,
    /// What the last check took out of it.
    barred: BTreeSet<(Measure, IpNet)>,
    /// What Cloudflare's status page says.
    status_page: StatusPage,
    /// Read-backs that were left out because of an incident.
    left_out: u32,
    /// Where; `None` until it was found, and after it was lost.
    site: Option<Site>,
    /// What is there; `None` when it has to be read back.
    present: Option<Present>,
    /// Networks for which somebody else has an access rule, and where.
    foreign_rules: BTreeSet<(IpNet, Scope)>,
    /// Networks that lists don't take, and why.
    refused: BTreeMap<IpNet, String>,
    /// What access rules don't take, and why.
    denied: spill::Denied,
    /// Items that can't be removed, and why.
    stuck: BTreeMap<IpNet, String>,
    /// Leftovers of others that can't be removed, by their ids.
    stuck_orphans: BTreeSet<String>,
    /// Networks that are in force nowhere at Cloudflare.
    unfit: BTreeSet<(Measure, IpNet)>,
    /// Items that the account holds, where it turned out to be fewer than the config says.
    room: usize,
    /// Items that are added in the next call.
    chunk: Chunk,
    /// Items that are removed in the next call.
    removal: Chunk,
    running: Option<Running>,
    /// When blocks were sent last, and how often in this attack.
    last_write: Option<Timestamp>,
    writes: u32,
    /// What was added last.
    last_added: Measure,
    /// Changes without an outcome, the oldest first, as the worker has them.
    waiting: VecDeque<Waiting>,
    /// Outcomes of the oldest of them that are known.
    settled: Vec<Outcome>,
    /// When the next step is to be made.
    due: Option<Timestamp>,
    /// When what is over is to be removed.
    remove_due: Option<Timestamp>,
    /// Everything is to be looked at anew with the next step.
    stale: bool,
    /// It is the turn of a removal, where one presses.
    removes_next: bool,
    failures: u32,
    trouble: Option<EnforceError>,
    rotation: Rotation,
    /// What Cloudflare said of its room.
    told: Option<String>,
    /// What others hold in our lists, as it was last read for the doctor.
    others: Vec<Entry>,
}

impl Cloudflare {
    /// Whether a read-back that is due is left out: Cloudflare has trouble, and all is known.
    fn leaves_out(&mut self) -> bool {
        let known = self.present.is_some() && self.failures == 0;
        if !known || self.left_out >= CLOUDFLARE_READS_LEFT_OUT {
            return false;
        }
        let leaves = self.status_page.incident().is_some();
        self.left_out += u32::from(leaves);
        leaves
    }

    fn stand(&mut self, wanted: &[Decision]) {
        self.standing = plan::standing(wanted);
        self.barred.clear();
        self.sort_out();
    }

    /// What no list takes need not be tried.
    fn sort_out(&mut self) {
        let all = Measure::ALL.iter().flat_map(|measure| self.standing[*measure].keys());
        for net in all.filter(|net| !list_takes(net)) {
            let words = "lists take IPv4 from /8 on, IPv6 from /12 to /64, and single addresses";
            self.refused.entry(*net).or_insert_with(|| words.to_owned());
        }
    }

    /// Forgets what is over.
    fn expire(&mut self, now: Timestamp) {
        for measure in Measure::ALL {
            let stands = |until: Option<Timestamp>| until.is_none_or(|until| until > now);
            self.standing[measure].retain(|_, standing| stands(standing.until));
        }
    }

    fn gauge(&self) {
        let entries = self.entries();
        telemetry::gauge(names::CLOUDFLARE_ENTRIES).set(entries);
        let unfit = u64::try_from(self.unfit.len()).unwrap_or(u64::MAX);
        telemetry::gauge(names::CLOUDFLARE_NOT_FITTING).set(unfit);
    }

    fn entries(&self) -> u64 {
        let held = self.present.as_ref().map_or(0, |held| held.items() + held.rules.len());
        u64::try_from(held).unwrap_or(u64::MAX)
    }

    /// Takes a decision on; `adds` says that it is not among what stands already.
    fn enforce(&mut self, decision: &Decision, adds: bool, now: Timestamp) -> Outcome {
        let net = decision.target.net().map(|net| net.trunc());
        let (Some(net), Some(measure)) = (net, Measure::of(decision.remedy)) else {
            let (remedy, target) = (decision.remedy.name(), &decision.target);
            return Outcome::Failed(format!("Cloudflare's lists can't {remedy} `{target}`"));
        };
        if adds && decision.stands_at(now) {
            plan::add(&mut self.standing, decision);
        }
        let stands = decision.stands_at(now) && self.standing[measure].contains_key(&net);
        if !stands || self.holds(measure, &net) {
            return Outcome::Unchanged;
        }
        self.barred.remove(&(measure, net));
        self.waiting.push_back(Waiting::Put(measure, net));
        Outcome::Pending
    }

    /// Asks for a step soon; a pause after a failure is kept.
    fn soon(&mut self, now: Timestamp) {
        let soon = now.plus(self.config.coalesce);
        if self.failures == 0 && self.running.is_none() {
            self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
        }
        self.due.get_or_insert(soon);
    }
}

impl fmt::Debug for Cloudflare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloudflare").field("name", &self.config.name).finish_non_exhaustive()
    }
}

impl Enforcer for Cloudflare {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn reconcile(
        &mut self,
        wanted: &[Decision],
        now: Timestamp,
    ) -> Result<Difference, EnforceError> {
        self.stand(wanted);
        self.expire(now);
        if self.dry_run {
            self.site =
                self.client().ok().and_then(|client| site::find(&client, &self.config).ok());
            return Ok(Difference::default());
        }
        if self.running.is_some() || (self.due.is_some() && self.present.is_some()) {
            // It is at work: what is there is read back with its next step.
            self.stale = true;
            self.soon(now);
            return Ok(Difference::default());
        }
        if self.leaves_out() {
            // What is wanted now is compared with what is known to be there.
            self.soon(now);
            return Ok(Difference::default());
        }
        self.left_out = 0;
        self.renew_token();
        self.forget();
        if let Err(error) = self.look(now) {
            let error = match error {
                SiteError::Config(text) => EnforceError::Down(text),
                SiteError::Api(error) if error.may_pass() => {
                    EnforceError::Failed(error.to_string())
                }
                SiteError::Api(error) => EnforceError::Down(error.to_string()),
            };
            self.failures = self.failures.max(1);
            self.trouble = Some(error.clone());
            return Err(error);
        }
        let plan = self.plan();
        let leaves = Measure::ALL.iter().map(|measure| plan.lists[*measure].remove.len());
        let held = self.present.as_ref().map_or(0, Present::items);
        let difference = Difference {
            missing: plan.comes(),
            extra: plan.goes(),
            kept: held - leaves.sum::<usize>(),
            rebuilt: false,
        };
        let orphans = self.has_leftovers();
        if !difference.is_none() || orphans || !self.waiting.is_empty() {
            (self.due, self.remove_due) = (Some(now), Some(now));
        }
        self.unfit = plan.unfit;
        self.failures = 0;
        self.judge();
        Ok(difference)
    }

    fn apply(
        &mut self,
        changes: &[Change],
        wanted: Option<&[Decision]>,
        now: Timestamp,
    ) -> Result<Receipt, EnforceError> {
        if self.dry_run {
            let outcomes = changes.iter().map(|change| self.rehearsed(change)).collect();
            return Ok(Receipt { outcomes });
        }
        if let Some(wanted) = wanted {
            self.stand(wanted);
        }
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            outcomes.push(match change {
                Change::Enforce(decision) => self.enforce(decision, wanted.is_none(), now),
                Change::Lift(target) => match target.net().map(|net| net.trunc()) {
                    Some(net) if !self.is_lifted(&net) => {
                        self.waiting.push_back(Waiting::Lift(net));
                        Outcome::Pending
                    }
                    _ => Outcome::Unchanged,
                },
            });
        }
        self.sort_out();
        self.soon(now);
        Ok(Receipt { outcomes })
    }

    fn present(&mut self) -> Result<Vec<Entry>, EnforceError> {
        let failed = |error: SiteError| match error {
            SiteError::Config(text) => EnforceError::Down(text),
            SiteError::Api(error) => EnforceError::Failed(error.to_string()),
        };
        let client = self.client().map_err(|error| EnforceError::Down(error.to_string()))?;
        let site = site::find(&client, &self.config).map_err(failed)?;
        let read = read::read(&client, &site, &self.mark, crate::clock::now());
        let present = read.map_err(|error| EnforceError::Failed(error.to_string()))?;
        let entries = |nets: BTreeSet<&IpNet>| -> Vec<Entry> {
            let entry = |net| Entry { range: AddressRange::of(net), until: None };
            nets.into_iter().map(entry).collect()
        };
        let shelves = || Measure::ALL.iter().map(|measure| &present.lists[*measure]);
        self.others = entries(shelves().flat_map(|shelf| &shelf.foreign).collect());
        let items = shelves().flat_map(|shelf| shelf.items.keys());
        Ok(entries(items.chain(present.rules.keys()).collect()))
    }

    fn others(&self) -> Vec<Entry> {
        self.others.clone()
    }

    fn remove_all(&mut self) -> Result<(), EnforceError> {
        self.standing = Each::default();
        if self.dry_run { Ok(()) } else { self.clear() }
    }

    fn next_tick(&self) -> Option<Timestamp> {
        let all = Measure::ALL.iter().flat_map(|measure| self.standing[*measure].values());
        let over = all.filter_map(|standing| standing.until).min();
        // After a failure nothing is hurried.
        if self.due.is_some() || self.dry_run { self.due } else { over }
    }

    fn tick(&mut self, now: Timestamp) -> Result<Option<Outcome>, EnforceError> {
        self.expire(now);
        if !self.dry_run {
            self.step(now);
        }
        Ok(None)
    }

    fn settled(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.settled)
    }

    fn trouble(&self) -> Option<EnforceError> {
        self.trouble.clone()
    }

    fn numbers(&mut self) -> Numbers {
        Numbers { entries: self.entries(), ..Numbers::default() }
    }

    fn note(&self) -> String {
        self.figures()
    }
}

#[cfg(test)]
mod tests;
