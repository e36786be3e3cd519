//! Cloudflare as an enforcer: one list of addresses in an account and in each zone one custom rule
//! that blocks what is in it; access rules where the list has no room or can't be had.
//!
//! In: decisions. Out: few calls, each for as many blocks as wait; what was put off is done in
//! steps ([`steps`]), so that neither a slow API nor a long queue holds the thread. Ends are ours:
//! nothing at Cloudflare ends by itself. Only what carries our mark ([`mark`]) is ever changed.

mod clear;
mod mark;
mod outcomes;
mod plan;
mod site;
mod spill;
mod steps;
mod trouble;
mod turns;
pub mod verify;

use super::config::CloudflareConfig;
use super::enforcer::{Change, Difference, EnforceError, Enforcer, Numbers, Receipt};
use super::message::call_text;
use super::reconcile::{AddressRange, Entry};
use crate::clock::{Timestamp, format_duration};
use crate::cloudflare::{BudgetFigures, Client, lists};
use crate::decisions::{Decision, Outcome, Remedy};
use crate::limits::CLOUDFLARE_ITEMS_PER_CALL;
use crate::process::resolve_secret;
use crate::telemetry::{self, names};
use ipnet::IpNet;
use plan::{Present, Standing, list_takes};
use site::{RuleIds, Site, SiteError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use steps::Running;

/// The longest that a call waits for the budget; beyond, the step is made later.
const PATIENCE: Duration = Duration::from_secs(2);

/// A change whose outcome is not known yet.
#[derive(Debug)]
enum Waiting {
    Block(IpNet),
    Lift(IpNet),
}

/// The Cloudflare enforcer.
#[derive(Debug)]
pub struct Cloudflare {
    config: CloudflareConfig,
    mark: String,
    /// Nothing is changed; outcomes hold the calls that would be made.
    dry_run: bool,
    client: Option<Arc<Client>>,
    /// What should be in force.
    standing: BTreeMap<IpNet, Standing>,
    /// Where; `None` until it was found, and after it was lost.
    site: Option<Site>,
    /// What is there; `None` when it has to be read back.
    present: Option<Present>,
    rules: RuleIds,
    /// Networks for which somebody else has an access rule.
    foreign_rules: BTreeSet<IpNet>,
    /// Networks that the list doesn't take, and why.
    refused: BTreeMap<IpNet, String>,
    /// What access rules don't take, and why.
    denied: spill::Denied,
    /// Networks that are blocked nowhere at Cloudflare.
    unfit: BTreeSet<IpNet>,
    /// Items that the account holds, where it turned out to be fewer than the config says.
    room: usize,
    /// Items in the next call.
    chunk: usize,
    running: Option<Running>,
    /// When blocks were sent last, and how often in this attack.
    last_write: Option<Timestamp>,
    writes: u32,
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
    /// What Cloudflare said of its room.
    told: Option<String>,
}

impl Cloudflare {
    /// Builds it; nothing is sent yet.
    pub fn new(config: &CloudflareConfig, dry_run: bool) -> Self {
        Self {
            config: config.clone(),
            mark: config.mark.clone().unwrap_or_else(machine_name),
            dry_run,
            client: None,
            standing: BTreeMap::new(),
            site: None,
            present: None,
            rules: RuleIds::new(),
            foreign_rules: BTreeSet::new(),
            refused: BTreeMap::new(),
            denied: spill::Denied::default(),
            unfit: BTreeSet::new(),
            room: usize::MAX,
            chunk: CLOUDFLARE_ITEMS_PER_CALL,
            running: None,
            last_write: None,
            writes: 0,
            waiting: VecDeque::new(),
            settled: Vec::new(),
            due: None,
            remove_due: None,
            stale: false,
            removes_next: false,
            failures: 0,
            trouble: None,
            told: None,
        }
    }

    /// The client, with the token as it is now when there was none.
    fn client(&mut self) -> Result<Arc<Client>, crate::cloudflare::ApiError> {
        if let Some(client) = &self.client {
            return Ok(Arc::clone(client));
        }
        let token = resolve_secret(&self.config.token).map_err(|error| {
            crate::cloudflare::ApiError::of(
                crate::cloudflare::Area::Tokens,
                crate::cloudflare::ErrorKind::NotSent,
                error.to_string(),
            )
        })?;
        let client = Arc::new(Client::new(&self.config.api, token, PATIENCE));
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }

    fn stand(&mut self, wanted: &[Decision]) {
        self.standing = plan::standing(wanted);
        self.sort_out();
    }

    /// What no list takes need not be tried.
    fn sort_out(&mut self) {
        for net in self.standing.keys().filter(|net| !list_takes(net)) {
            let words = "lists take IPv4 from /8 on, IPv6 from /12 to /64, and single addresses";
            self.refused.entry(*net).or_insert_with(|| words.to_owned());
        }
    }

    /// Forgets what is over.
    fn expire(&mut self, now: Timestamp) {
        self.standing.retain(|_, standing| standing.until.is_none_or(|until| until > now));
    }

    fn gauge(&self) {
        let entries = self.entries();
        telemetry::gauge(names::CLOUDFLARE_ENTRIES).set(entries);
        let unfit = u64::try_from(self.unfit.len()).unwrap_or(u64::MAX);
        telemetry::gauge(names::CLOUDFLARE_NOT_FITTING).set(unfit);
    }

    fn entries(&self) -> u64 {
        let held = self.present.as_ref().map_or(0, |present| present.items.len());
        u64::try_from(held + self.rules.len()).unwrap_or(u64::MAX)
    }

    /// Asks for a step soon; a pause after a failure is kept.
    fn soon(&mut self, now: Timestamp) {
        let soon = now.plus(self.config.coalesce);
        if self.failures == 0 && self.running.is_none() {
            self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
        }
        self.due.get_or_insert(soon);
    }

    /// The calls that a change would make.
    fn rehearsed(&self, change: &Change) -> Outcome {
        let site = self.site.as_ref();
        let account = site.map(|site| site.account.clone()).or_else(|| self.config.account.clone());
        let account = account.unwrap_or_else(|| "ACCOUNT".to_owned());
        let list = site.and_then(|site| site.list.clone());
        let list = list.unwrap_or_else(|| format!("LIST:{}", self.config.list));
        let call = match change {
            Change::Enforce(decision) => {
                let Some(net) = decision.target.net() else { return Outcome::Unchanged };
                let comment = mark::write(&self.mark, decision.until, &decision.rule);
                lists::add(&account, &list, &[site::item(&net.trunc(), comment)])
            }
            Change::Lift(target) => {
                lists::remove(&account, &list, [format!("ID:{target}").as_str()])
            }
        };
        Outcome::DryRun(call_text(&call.to_string()))
    }
}

/// The machine's name, as far as it may stand in a note.
fn machine_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(64)
        .collect();
    if name.is_empty() { "riposte".to_owned() } else { name }
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
        self.renew_token().map_err(|error| EnforceError::Down(error.to_string()))?;
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
        let kept =
            self.present.as_ref().map_or(0, |present| present.items.len()) - plan.remove.len();
        let difference = Difference {
            missing: plan.add.len() + plan.spill.len(),
            extra: plan.remove.len() + plan.recall.len(),
            kept,
            rebuilt: false,
        };
        let orphans = self.present.as_ref().is_some_and(|present| !present.orphans.is_empty());
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
                Change::Enforce(decision) => match decision.target.net().map(|net| net.trunc()) {
                    Some(net) if decision.remedy == Remedy::Block => {
                        if wanted.is_none() && decision.stands_at(now) {
                            plan::add(&mut self.standing, decision);
                        }
                        let stands = decision.stands_at(now) && self.standing.contains_key(&net);
                        if !stands || self.holds(&net) {
                            Outcome::Unchanged
                        } else {
                            self.waiting.push_back(Waiting::Block(net));
                            Outcome::Pending
                        }
                    }
                    _ => Outcome::Failed(format!(
                        "Cloudflare's lists can't {} `{}`",
                        decision.remedy.name(),
                        decision.target
                    )),
                },
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
        let read = site::read(&client, &site, &self.mark, crate::clock::now());
        let (present, _) = read.map_err(|error| EnforceError::Failed(error.to_string()))?;
        let nets: BTreeSet<&IpNet> = present.items.keys().chain(&present.rules).collect();
        Ok(nets
            .into_iter()
            .map(|net| Entry { range: AddressRange::of(net), until: None })
            .collect())
    }

    fn remove_all(&mut self) -> Result<(), EnforceError> {
        self.standing.clear();
        if self.dry_run { Ok(()) } else { self.clear() }
    }

    fn next_tick(&self) -> Option<Timestamp> {
        let over = self.standing.values().filter_map(|standing| standing.until).min();
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
        let Some(client) = &self.client else { return String::new() };
        let BudgetFigures { left, stopped_for, .. } = client.budget();
        let stopped = stopped_for.map_or_else(String::new, |left| {
            format!(", nothing is sent for {}", format_duration(left))
        });
        let unfit = self.unfit.len();
        let unfit = if unfit > 0 { format!(", {unfit} without room") } else { String::new() };
        format!("{} blocked{unfit}, {left} calls may be made at once{stopped}", self.entries())
    }
}

#[cfg(test)]
mod tests;
