//! One step after the other from what Cloudflare holds to what it should hold: each step is one
//! call, or a few, and says when the next is due.

use super::Cloudflare;
use super::chunk::Halved;
use super::mark;
use super::measure::Measure;
use super::plan::Plan;
use super::read;
use super::running::{Change, Running, poll_pause};
use super::site::{self, Site, SiteError};
use crate::clock::Timestamp;
use crate::cloudflare::lists::{self, Started};
use crate::cloudflare::{ApiError, Call, ErrorKind, Priority};
use crate::limits::CLOUDFLARE_ITEM_CHANGES_FOR_LIFTS;
use ipnet::IpNet;
use std::time::Duration;

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
        self.renew_token();
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
                "networks find no room at Cloudflare and are not in force there"
            );
        }
        self.unfit.clone_from(&plan.unfit);
    }

    /// Finds or makes the place, and reads back what is there.
    pub(super) fn look(&mut self, now: Timestamp) -> Result<(), SiteError> {
        let client = self.client()?;
        match &mut self.site {
            Some(site) => site::find_lists(&client, &self.config, site)?,
            None => self.site = Some(site::find(&client, &self.config)?),
        }
        self.make(Measure::Block)?;
        if !self.standing.challenge.is_empty() {
            self.make(Measure::Challenge)?;
        }
        let Some(site) = &self.site else { return Ok(()) };
        let mut present = read::read(&client, site, &self.mark, now)?;
        for measure in Measure::ALL {
            present.lists[measure].orphans.retain(|id| !self.stuck_orphans.contains(id));
        }
        let known = |(net, scope): &(IpNet, _)| {
            present.rules.get(net).is_some_and(|scopes| scopes.contains_key(scope))
        };
        self.foreign_rules.retain(|place| !known(place));
        self.present = Some(present);
        self.gauge();
        Ok(())
    }

    /// Makes list and rules of a measure, where that was not done since the place was found.
    pub(super) fn make(&mut self, measure: Measure) -> Result<(), SiteError> {
        let client = self.client()?;
        let Some(site) = self.site.as_mut().filter(|site| !site.made[measure]) else {
            return Ok(());
        };
        if let Err(error) = site::make(&client, &self.config, site, measure) {
            site.made[measure] = false;
            return Err(error.into());
        }
        if let Some(why) = &site.missing[measure] {
            tracing::warn!(
                destination = self.config.name,
                remedy = measure.remedy().name(),
                why,
                "there can be no list here: access rules are used, one call each"
            );
        }
        if let Some(present) = &mut self.present {
            present.lists[measure].idle = site.missing[measure].is_some();
        }
        Ok(())
    }

    pub(super) fn site(&self) -> Result<Site, ApiError> {
        self.site.clone().ok_or_else(no_place)
    }

    fn list(&self, measure: Measure) -> Result<(String, String), ApiError> {
        let site = self.site()?;
        let list = site.lists[measure].clone();
        list.map(|list| (site.account, list.id)).ok_or_else(no_place)
    }

    pub(super) fn note_of(&self, measure: Measure, net: &IpNet) -> (String, Option<Timestamp>) {
        let standing = self.standing[measure].get(net);
        let until = standing.and_then(|standing| standing.until);
        let why = standing.map_or("", |standing| &*standing.why);
        (mark::write(&self.mark, until, why), until)
    }

    pub(super) fn add(
        &mut self,
        measure: Measure,
        nets: &[IpNet],
        now: Timestamp,
    ) -> Result<Next, SiteError> {
        let (account, list) = self.list(measure)?;
        // What is beyond the limit of changes goes when there is room again.
        let left = self.client()?.budget().items_left.max(1);
        let first = nets.get(..nets.len().min(self.chunk.size()).min(left)).unwrap_or(nets);
        let nets = self.still_allowed(measure, first);
        if nets.is_empty() {
            return Ok(Next::After(Duration::ZERO));
        }
        let mut items = Vec::with_capacity(nets.len());
        let mut ends = Vec::with_capacity(nets.len());
        for net in &nets {
            let (comment, until) = self.note_of(measure, net);
            items.push(site::item(net, comment));
            ends.push((*net, until));
        }
        let call = lists::add(&account, &list, &items).priority(Priority::Urgent);
        match self.client()?.send(&call).and_then(crate::cloudflare::Answer::read) {
            Ok(Started { operation_id: id }) => {
                (self.last_write, self.writes) = (Some(now), self.writes.saturating_add(1));
                self.last_added = measure;
                self.running = Some(Running { id, measure, change: Change::Add(ends), polls: 0 });
                Ok(Next::After(poll_pause(0)))
            }
            Err(error) if error.kind == ErrorKind::NotOnThisPlan => {
                // The account has less room than the config says.
                if self.chunk.no_room(nets.len()) {
                    let held = self.present.as_ref().map_or(0, |held| held.items() + held.others());
                    self.room = held;
                }
                self.told = Some(error.to_string());
                Ok(Next::After(Duration::ZERO))
            }
            Err(error) if error.kind == ErrorKind::Refused => self.set_aside(&nets, error),
            Err(error) => Err(error.into()),
        }
    }

    /// One network that the list doesn't take must not keep the others out: it is found, by what
    /// the reply points at or by halving, and goes another way.
    fn set_aside(&mut self, nets: &[IpNet], error: ApiError) -> Result<Next, SiteError> {
        let pointed = error.pointer.as_deref().and_then(|pointer| {
            let place: usize = pointer.trim_start_matches('/').split('/').next()?.parse().ok()?;
            nets.get(place)
        });
        let bad = match (pointed, nets) {
            (Some(net), _) => {
                self.chunk.found();
                net
            }
            (None, nets) => match (self.chunk.failed(nets.len()), nets) {
                (Halved::Alone, [net]) => net,
                (Halved::All, _) => return Err(error.into()),
                _ => return Ok(Next::After(Duration::ZERO)),
            },
        };
        tracing::warn!(network = %bad, %error, "Cloudflare does not take a network into a list");
        self.refused.insert(*bad, error.to_string());
        Ok(Next::After(Duration::ZERO))
    }

    pub(super) fn remove(
        &mut self,
        measure: Measure,
        nets: &[IpNet],
        now: Timestamp,
    ) -> Result<Next, SiteError> {
        let (account, list) = self.list(measure)?;
        let client = self.client()?;
        let mut left = client.budget().items_left;
        let lifts = self.lifts_wait();
        let mut nets = nets.to_vec();
        if lifts {
            // Who was lifted goes first, and may use what is kept for that.
            let lifted = self.lifted();
            nets.sort_by_key(|net| !lifted.contains(net));
            left += CLOUDFLARE_ITEM_CHANGES_FOR_LIFTS;
        }
        nets.truncate(self.removal.size().min(left.max(1)));
        let ids = |held: &super::present::Present| -> Option<Vec<String>> {
            nets.iter().map(|net| held.lists[measure].items.get(net)?.id.clone()).collect()
        };
        let Some(ids) = self.present.as_ref().and_then(ids) else {
            // What was added since the last reading has no ids yet.
            self.look(now)?;
            self.removes_next = true;
            return Ok(Next::After(Duration::ZERO));
        };
        let call = lists::remove(&account, &list, ids.iter().map(String::as_str));
        let call = call.priority(if lifts { Priority::Urgent } else { Priority::Ordinary });
        self.start_removal(&call, measure, Change::Remove(nets)).map_err(Into::into)
    }

    pub(super) fn start_removal(
        &mut self,
        call: &Call,
        measure: Measure,
        change: Change,
    ) -> Result<Next, ApiError> {
        match self.client()?.send(call).and_then(crate::cloudflare::Answer::read) {
            Ok(Started { operation_id: id }) => {
                self.running = Some(Running { id, measure, change, polls: 0 });
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
}

fn no_place() -> ApiError {
    failure("there is no list yet".to_owned())
}

pub(super) fn failure(words: String) -> ApiError {
    ApiError::of(crate::cloudflare::Area::Lists, ErrorKind::Server, words)
}
