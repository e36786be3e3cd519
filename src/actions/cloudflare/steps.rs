//! One step after the other from what Cloudflare holds to what it should hold: each step is one
//! call, or a few, and says when the next is due. A change of the list runs on its own at
//! Cloudflare, and is asked about until it is done; meanwhile new blocks gather for the next.

use super::plan::{Held, Plan, Standing};
use super::site::{self, Site, SiteError};
use super::{Cloudflare, mark};
use crate::clock::Timestamp;
use crate::cloudflare::lists::{self, Operation, Started};
use crate::cloudflare::{ApiError, ErrorKind, Priority};
use crate::limits::{CLOUDFLARE_ITEMS_PER_CALL, CLOUDFLARE_POLLS_MAX};
use ipnet::IpNet;
use std::time::Duration;

/// A change of the list that Cloudflare has taken on.
#[derive(Debug)]
pub(super) struct Running {
    id: String,
    change: Change,
    polls: u32,
}

impl Running {
    /// Whether it puts a network into the list.
    pub(super) fn adds(&self, net: &IpNet) -> bool {
        matches!(&self.change, Change::Add(nets) if nets.iter().any(|(added, _)| added == net))
    }

    /// Whether it takes a network out of the list.
    pub(super) fn removes(&self, net: &IpNet) -> bool {
        matches!(&self.change, Change::Remove(nets) if nets.contains(net))
    }
}

#[derive(Debug)]
enum Change {
    Add(Vec<(IpNet, Option<Timestamp>)>),
    Remove(Vec<IpNet>),
    Orphans,
}

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There is more to do, after this long.
    After(Duration),
    /// All is as it should be.
    Done,
}

impl Cloudflare {
    /// Makes one step; sets when the next is due.
    pub(super) fn step(&mut self, now: Timestamp) {
        let stepped = self.try_step(now);
        self.due = match stepped {
            Ok(Next::After(pause)) => {
                self.failures = 0;
                Some(now.plus(pause))
            }
            Ok(Next::Done) => {
                self.failures = 0;
                None
            }
            Err(error) => Some(now.plus(self.failed(error))),
        };
        self.judge();
    }

    pub(super) fn note_unfit(&mut self, plan: &Plan) {
        if plan.unfit != self.unfit && !plan.unfit.is_empty() {
            tracing::warn!(
                destination = self.config.name,
                networks = plan.unfit.len(),
                "networks find no room at Cloudflare and are not blocked there"
            );
        }
        self.unfit.clone_from(&plan.unfit);
    }

    /// Finds or makes the place, and reads back what is there.
    pub(super) fn look(&mut self, now: Timestamp) -> Result<(), SiteError> {
        let client = self.client()?;
        if self.site.is_none() {
            let mut site = site::find(&client, &self.config)?;
            site::make(&client, &self.config, &mut site)?;
            if let Some(why) = &site.no_list {
                tracing::warn!(
                    destination = self.config.name,
                    why,
                    "there can be no list here: blocks go to access rules, one call each"
                );
            }
            self.site = Some(site);
        }
        let Some(site) = &self.site else { return Ok(()) };
        let (mut present, rules) = site::read(&client, site, &self.mark, now)?;
        present.elsewhere = site::items_elsewhere(&client, site)?;
        self.present = Some(present);
        self.foreign_rules.retain(|net| !rules.contains_key(net));
        self.rules = rules;
        self.gauge();
        Ok(())
    }

    pub(super) fn site(&self) -> Result<Site, ApiError> {
        self.site.clone().ok_or_else(no_place)
    }

    fn list(&self) -> Result<(String, String), ApiError> {
        let site = self.site()?;
        site.list.map(|list| (site.account, list)).ok_or_else(no_place)
    }

    pub(super) fn note_of(&self, net: &IpNet) -> (String, Option<Timestamp>) {
        let standing = self.standing.get(net);
        let until = standing.and_then(|standing| standing.until);
        let why = standing.map_or("", |standing: &Standing| standing.why.as_str());
        (mark::write(&self.mark, until, why), until)
    }

    pub(super) fn add(&mut self, nets: &[IpNet], now: Timestamp) -> Result<Next, SiteError> {
        let (account, list) = self.list()?;
        let nets = nets.get(..nets.len().min(self.chunk)).unwrap_or(nets);
        let mut items = Vec::with_capacity(nets.len());
        let mut ends = Vec::with_capacity(nets.len());
        for net in nets {
            let (comment, until) = self.note_of(net);
            items.push(site::item(net, comment));
            ends.push((*net, until));
        }
        let call = lists::add(&account, &list, &items).priority(Priority::Urgent);
        match self.client()?.send(&call).and_then(crate::cloudflare::Answer::read) {
            Ok(Started { operation_id }) => {
                self.chunk = (self.chunk * 2).min(CLOUDFLARE_ITEMS_PER_CALL);
                (self.last_write, self.writes) = (Some(now), self.writes.saturating_add(1));
                self.running =
                    Some(Running { id: operation_id, change: Change::Add(ends), polls: 0 });
                Ok(Next::After(poll_pause(0)))
            }
            Err(error) if error.kind == ErrorKind::NotOnThisPlan => {
                // The account has less room than the config says.
                let held = self.present.as_ref().map_or(0, |present| {
                    present.items.len() + present.foreign.len() + present.elsewhere
                });
                if nets.len() > 1 {
                    self.chunk = nets.len() / 2;
                } else {
                    self.room = held;
                    self.chunk = CLOUDFLARE_ITEMS_PER_CALL;
                }
                self.told = Some(error.to_string());
                Ok(Next::After(Duration::ZERO))
            }
            Err(error) if error.kind == ErrorKind::Refused => {
                self.set_aside(nets, &error);
                Ok(Next::After(Duration::ZERO))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One network that the list doesn't take must not keep the others out: it is found, by what
    /// the reply points at or by halving, and goes another way.
    fn set_aside(&mut self, nets: &[IpNet], error: &ApiError) {
        let pointed = error.pointer.as_deref().and_then(|pointer| {
            let place: usize = pointer.trim_start_matches('/').split('/').next()?.parse().ok()?;
            nets.get(place)
        });
        match (pointed, nets) {
            (Some(net), _) | (None, [net]) => {
                tracing::warn!(network = %net, %error, "Cloudflare does not take a network into a list");
                self.refused.insert(*net, error.to_string());
                self.chunk = CLOUDFLARE_ITEMS_PER_CALL;
            }
            (None, nets) => self.chunk = (nets.len() / 2).max(1),
        }
    }

    pub(super) fn remove(&mut self, nets: &[IpNet], now: Timestamp) -> Result<Next, SiteError> {
        let (account, list) = self.list()?;
        let nets = nets.get(..nets.len().min(CLOUDFLARE_ITEMS_PER_CALL)).unwrap_or(nets);
        let ids = |held: &super::plan::Present| -> Option<Vec<String>> {
            nets.iter().map(|net| held.items.get(net)?.id.clone()).collect()
        };
        let Some(ids) = self.present.as_ref().and_then(ids) else {
            // What was added since the last reading has no ids yet.
            self.look(now)?;
            self.removes_next = true;
            return Ok(Next::After(Duration::ZERO));
        };
        let call = lists::remove(&account, &list, ids.iter().map(String::as_str));
        let call =
            call.priority(if self.lifts_wait() { Priority::Urgent } else { Priority::Ordinary });
        self.start_removal(&call, Change::Remove(nets.to_vec())).map_err(Into::into)
    }

    pub(super) fn remove_orphans(&mut self) -> Result<Next, ApiError> {
        let orphans = self.present.as_ref().map(|present| present.orphans.clone());
        let Some(orphans) = orphans.filter(|orphans| !orphans.is_empty()) else {
            return Ok(Next::Done);
        };
        let (account, list) = self.list()?;
        let call = lists::remove(&account, &list, orphans.iter().map(String::as_str));
        self.start_removal(&call.priority(Priority::Housekeeping), Change::Orphans)
    }

    fn start_removal(
        &mut self,
        call: &crate::cloudflare::Call,
        change: Change,
    ) -> Result<Next, ApiError> {
        match self.client()?.send(call).and_then(crate::cloudflare::Answer::read) {
            Ok(Started { operation_id }) => {
                self.running = Some(Running { id: operation_id, change, polls: 0 });
                Ok(Next::After(poll_pause(0)))
            }
            Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) => {
                // Somebody else removed some of them: look again.
                self.present = None;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn poll(&mut self) -> Result<Next, ApiError> {
        let site = self.site()?;
        let Some(running) = &mut self.running else { return Ok(Next::After(Duration::ZERO)) };
        running.polls += 1;
        let polls = running.polls;
        let call = lists::operation(&site.account, &running.id).priority(Priority::Urgent);
        let operation: Operation = match self.client()?.send(&call) {
            Ok(answer) => answer.read()?,
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.running = None;
                self.present = None;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        match operation.status.as_str() {
            "completed" => {
                if let Some(running) = self.running.take() {
                    self.accept(running.change);
                }
                Ok(Next::After(Duration::ZERO))
            }
            "failed" => {
                self.running = None;
                self.present = None;
                let words = operation.error.unwrap_or_else(|| "it does not say why".to_owned());
                Err(failure(format!("a change of the list failed: {words}")))
            }
            _ if polls >= CLOUDFLARE_POLLS_MAX => {
                self.running = None;
                self.present = None;
                Err(failure("a change of the list does not come to an end".to_owned()))
            }
            _ => Ok(Next::After(poll_pause(polls))),
        }
    }

    /// A change of the list was made.
    fn accept(&mut self, change: Change) {
        let Some(present) = &mut self.present else { return };
        match change {
            Change::Add(nets) => {
                for (net, until) in nets {
                    let note = mark::Note { owner: self.mark.clone(), until };
                    let held = present
                        .items
                        .entry(net)
                        .or_insert_with(|| Held { id: None, note: note.clone() });
                    held.note = note;
                }
            }
            Change::Remove(nets) => {
                for net in nets {
                    present.items.remove(&net);
                }
            }
            Change::Orphans => present.orphans.clear(),
        }
        self.gauge();
    }
}

/// The pause before a change is asked about again.
pub(super) fn poll_pause(polls: u32) -> Duration {
    match polls {
        0 | 1 => Duration::from_secs(1),
        2..=4 => Duration::from_secs(2),
        5..=9 => Duration::from_secs(4),
        _ => Duration::from_secs(8),
    }
}

fn no_place() -> ApiError {
    failure("there is no list yet".to_owned())
}

fn failure(words: String) -> ApiError {
    ApiError::of(crate::cloudflare::Area::Lists, ErrorKind::Server, words)
}
