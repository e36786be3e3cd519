//! What is done once at Cloudflare: records set and removed, caches purged and warmed, values of
//! Workers KV written.
//!
//! In: effects that the guard has passed. Out: calls and outcomes. An account has two destinations:
//! `tasks:NAME`, and `warm:NAME`, since pages may take their time. A record is read before it is
//! changed, and again after a reply that was lost; purges wait for each other and go together; both
//! can be done twice without harm, so what a crash left open is simply done again.

mod keys;
mod purges;
mod records;
mod warming;

use super::cloudflare::rotation::Rotation;
use super::config::CloudflareConfig;
use super::effect_worker::{Attempt, Call as Item, Effector};
use crate::cloudflare::{self, ApiError, Area, Client, ErrorKind, dns, zones};
use crate::decisions::{ActionId, CloudflareAsk, CloudflareTask, CloudflareWhat, Effect};
use crate::process::resolve_secret;
use purges::Purges;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use warming::Warming;

/// The longest that a call waits for the budget; beyond, it is tried again later.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a rotated token has to be read and tried before the next attempt.
const TOKEN_PAUSE: Duration = Duration::from_secs(5);

/// An account's client and what is known of its zones.
struct Account {
    config: CloudflareConfig,
    client: Option<Client>,
    /// Ids of zones by name, and of the account that has each.
    zones: BTreeMap<String, (String, String)>,
    /// Ids of namespaces by account and title.
    namespaces: BTreeMap<(String, String), String>,
    rotation: Rotation,
    /// The token was refused, and nothing has succeeded since.
    refused: bool,
}

impl Account {
    fn client(&mut self) -> Result<&Client, Attempt> {
        if self.client.is_none() {
            // A secret that can't be read now may be there in a moment.
            let token = resolve_secret(&self.config.token)
                .map_err(|error| Attempt::Wait(error.to_string()))?;
            self.client = Some(self.config.client(token, PATIENCE));
        }
        self.client.as_ref().ok_or_else(|| Attempt::Failed("there is no client".to_owned()))
    }

    /// Whether the config's `zones` let something be done in a zone of this name and id. Where there
    /// are some, they are the only ones.
    fn names(&self, name: &str, id: Option<&str>) -> bool {
        let named = |known: &String| known.eq_ignore_ascii_case(name) || Some(known.as_str()) == id;
        self.config.zones.is_empty() || self.config.zones.iter().any(named)
    }

    /// The id of a zone that the config lets be changed.
    fn zone(&mut self, name: &str) -> Result<String, Attempt> {
        self.place(name).map(|(zone, _)| zone)
    }

    /// The same, with the id of the account that has it.
    fn place(&mut self, name: &str) -> Result<(String, String), Attempt> {
        if let Some(known) = self.zones.get(name) {
            return Ok(known.clone());
        }
        let found = zones::find(self.client()?, name).map_err(|error| self.failed(&error))?;
        let Some(zone) = found else {
            return Err(Attempt::Failed(format!(
                "the token sees no zone `{name}`\nhint: `riposte cf zones` lists those that it sees; `zone` names it where it isn't the name's last two parts"
            )));
        };
        if !self.names(&zone.name, Some(&zone.id)) {
            return Err(Attempt::Failed(format!("`zones` of the config does not name `{name}`")));
        }
        let place = (zone.id, zone.account.id);
        self.zones.insert(name.to_owned(), place.clone());
        Ok(place)
    }

    /// Sends a call.
    fn send(&mut self, call: &cloudflare::Call) -> Result<(), Attempt> {
        let sent = self.client()?.send(call).map(drop);
        sent.map_err(|error| self.failed(&error))?;
        self.refused = false;
        Ok(())
    }

    /// What a failed call means for the next attempt.
    fn failed(&mut self, error: &ApiError) -> Attempt {
        if error.kind == ErrorKind::Forbidden
            && let Some(client) = &self.client
        {
            let trial = cloudflare::Call::get(Area::Zones, "/zones").query("per_page", "5");
            let renewed = self.rotation.was_refused(client, &self.config, &trial);
            // Whoever rotates it may be about to write the new one: once it is waited for.
            self.refused = !self.refused;
            if renewed || self.refused || self.rotation.may_come(&self.config) {
                return Attempt::Retry {
                    reason: error.to_string(),
                    after: (!renewed).then_some(TOKEN_PAUSE),
                    may_have_arrived: false,
                };
            }
        }
        if error.may_pass() {
            return Attempt::Retry {
                reason: error.to_string(),
                after: error.wait,
                may_have_arrived: error.may_have_happened(),
            };
        }
        let hint = dns::trouble(error).map(|trouble| format!("\nhint: {}", trouble.hint()));
        Attempt::Failed(format!("{error}{}", hint.unwrap_or_default()))
    }
}

/// The effector of an account's tasks, or of its warming.
pub(super) struct CloudflareTasks {
    account: Account,
    mark: String,
    purges: Purges,
    warming: Warming,
    /// Changes of records that were sent, and may have happened.
    sent: BTreeSet<ActionId>,
}

impl CloudflareTasks {
    /// For an account; nothing is opened yet.
    pub(super) fn new(config: &CloudflareConfig) -> Self {
        let account = Account {
            config: config.clone(),
            client: None,
            zones: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            rotation: Rotation::default(),
            refused: false,
        };
        Self {
            account,
            mark: config.mark(),
            purges: Purges::default(),
            warming: Warming::default(),
            sent: BTreeSet::new(),
        }
    }

    fn record(&mut self, id: ActionId, ask: &CloudflareAsk, task: &CloudflareTask) -> Attempt {
        match self.try_record(ask, task) {
            Ok(changed) => {
                let sent = self.sent.remove(&id);
                if changed || sent { Attempt::Done } else { Attempt::Unchanged }
            }
            Err(attempt) => {
                if matches!(attempt, Attempt::Retry { may_have_arrived: true, .. }) {
                    self.sent.insert(id);
                }
                attempt
            }
        }
    }

    /// Reads, compares, changes what differs; whether something was changed.
    fn try_record(&mut self, ask: &CloudflareAsk, task: &CloudflareTask) -> Result<bool, Attempt> {
        let Some(name) = records::name(task) else { return Ok(false) };
        let zone = self.account.zone(&ask.zone)?;
        let filter = dns::Filter::name(name);
        let present = dns::list(self.account.client()?, &zone, &filter);
        let present = present.map_err(|error| self.account.failed(&error))?;
        match records::call(&zone, task, &present, &self.mark).map_err(Attempt::Failed)? {
            None => Ok(false),
            Some(call) => self.account.send(&call).map(|()| true),
        }
    }
}

/// The task of an effect.
fn task(effect: &Effect) -> Option<(&CloudflareAsk, &CloudflareTask)> {
    match effect {
        Effect::Cloudflare(ask) => match &ask.what {
            CloudflareWhat::Once { task } => Some((ask, task)),
            CloudflareWhat::Change { .. } | CloudflareWhat::End { .. } => None,
        },
        _ => None,
    }
}

impl Effector for CloudflareTasks {
    fn perform(&mut self, item: &Item<'_>) -> Attempt {
        let Some((ask, task)) = task(item.effect) else {
            return Attempt::Failed("it is nothing that is done once at Cloudflare".to_owned());
        };
        match task {
            CloudflareTask::Purge(what) => {
                self.purges.add(item.id, &ask.zone, what, Instant::now());
                Attempt::Pending
            }
            CloudflareTask::Warm { urls } => {
                // Only an id in `zones` takes a look at which zone that is.
                if !self.account.names(&ask.zone, None)
                    && let Err(attempt) = self.account.zone(&ask.zone)
                {
                    return attempt;
                }
                match self.warming.add(item.id, &ask.zone, urls, Instant::now()) {
                    Ok(()) => Attempt::Pending,
                    Err(reason) => Attempt::Failed(reason),
                }
            }
            CloudflareTask::KvPut { .. } | CloudflareTask::KvDelete { .. } => {
                keys::perform(&mut self.account, &ask.zone, task)
                    .map_or_else(|attempt| attempt, |()| Attempt::Done)
            }
            CloudflareTask::DnsSet { .. } | CloudflareTask::DnsDelete { .. } => {
                self.record(item.id, ask, task)
            }
        }
    }

    fn rehearse(&mut self, item: &Item<'_>) -> Result<String, String> {
        let (ask, task) = task(item.effect).ok_or("it is nothing that is done once")?;
        let calls = match task {
            CloudflareTask::Purge(what) => purges::calls(&ask.zone, what),
            CloudflareTask::Warm { urls } => {
                return Ok(format!("GET {}", urls.join("\nGET ")));
            }
            // Names stand for the ids, which only reading would tell.
            CloudflareTask::KvPut { namespace, .. }
            | CloudflareTask::KvDelete { namespace, .. } => {
                keys::call("ACCOUNT", namespace, task).into_iter().collect()
            }
            record => records::rehearsed(&ask.zone, record, &self.mark),
        };
        let texts: Vec<String> = calls.iter().map(ToString::to_string).collect();
        Ok(texts.join("\n"))
    }

    fn waits(&self) -> bool {
        self.purges.waits() || self.warming.waits()
    }

    fn later(&mut self) -> Vec<(ActionId, Attempt)> {
        let mut ended = self.purges.flush(&mut self.account, Instant::now(), false);
        ended.extend(self.warming.step(Instant::now()));
        ended
    }

    fn stop(&mut self) {
        // What is told now finds nobody; the outbox has it still, and a purge twice harms nobody.
        drop(self.purges.flush(&mut self.account, Instant::now(), true));
    }
}

/// The destinations of an account.
pub(super) fn destinations(config: &CloudflareConfig) -> [String; 2] {
    ["tasks", "warm"].map(|kind| format!("{kind}:{}", config.name))
}

/// Where an ask goes, of an account whose changes go to `changes`.
pub(super) fn destination(ask: &CloudflareAsk, changes: String) -> String {
    let kind = match &ask.what {
        CloudflareWhat::Once { task: CloudflareTask::Warm { .. } } => "warm",
        CloudflareWhat::Once { .. } => "tasks",
        CloudflareWhat::Change { .. } | CloudflareWhat::End { .. } => return changes,
    };
    let account = changes.split_once(':').map_or("", |(_, account)| account);
    format!("{kind}:{account}")
}

#[cfg(test)]
mod tests;
