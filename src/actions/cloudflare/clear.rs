//! Taking everything of ours away again (`panic`, `doctor --remove`): first our rules, so that at
//! once nobody is blocked, then what the lists hold of us, then the lists.

use super::Cloudflare;
use super::measure::Measure;
use super::read;
use super::running::poll_pause;
use super::site::{self, SiteError};
use super::spill::delete_rules;
use crate::actions::enforcer::EnforceError;
use crate::cloudflare::lists::{self, Operation, Started};
use crate::cloudflare::{ApiError, Call, Client, ErrorKind, Priority};
use crate::limits::CLOUDFLARE_ITEMS_PER_CALL;
use std::time::{Duration, Instant};

/// How long the list's emptying is waited for. Nobody is blocked by it any more.
const WAIT: Duration = Duration::from_secs(40);

impl Cloudflare {
    pub(super) fn clear(&mut self) -> Result<(), EnforceError> {
        let failed = |error: ApiError| EnforceError::Failed(error.to_string());
        let client = self.client().map_err(failed)?;
        let site = site::find(&client, &self.config).map_err(|error| match error {
            SiteError::Config(text) => EnforceError::Down(text),
            SiteError::Api(error) => failed(error),
        })?;
        let now = crate::clock::now();
        let mut present = read::read(&client, &site, &self.mark, now).map_err(failed)?;
        // Where others share a list, its rule is theirs too.
        for measure in Measure::ALL {
            let alone = present.lists[measure].foreign.is_empty();
            if alone && (measure == Measure::Block || site.lists[measure].is_some()) {
                site::remove_rules(&client, &self.config, &site, measure).map_err(failed)?;
            }
        }
        for rules in present.rules.values_mut() {
            delete_rules(&client, rules).map_err(failed)?;
        }
        let until = Instant::now() + WAIT;
        for measure in Measure::ALL {
            let there = std::mem::take(&mut present.lists[measure]);
            let ids = there.items.into_values().filter_map(|held| held.id).chain(there.orphans);
            let ids: Vec<String> = ids.collect();
            let Some(list) = &site.lists[measure] else { continue };
            for ids in ids.chunks(CLOUDFLARE_ITEMS_PER_CALL) {
                let call = lists::remove(&site.account, &list.id, ids.iter().map(String::as_str));
                let call = call.priority(Priority::Urgent);
                remove(&client, &site.account, &call, until).map_err(failed)?;
            }
            if there.foreign.is_empty() {
                site::remove_list(&client, &site, measure).map_err(failed)?;
            }
        }
        (self.site, self.present) = (None, None);
        Ok(())
    }
}

/// Starts a removal, as soon as no other change is under way, and waits until it is done.
fn remove(client: &Client, account: &str, call: &Call, until: Instant) -> Result<(), ApiError> {
    let started: Started = loop {
        match client.send(call) {
            Ok(answer) => break answer.read()?,
            Err(error) if error.kind == ErrorKind::Busy && Instant::now() < until => {
                std::thread::sleep(error.wait.unwrap_or(poll_pause(0)).min(WAIT));
            }
            Err(error) => return Err(error),
        }
    };
    let mut polls = 0;
    loop {
        std::thread::sleep(poll_pause(polls));
        polls += 1;
        let call = lists::operation(account, &started.operation_id).priority(Priority::Urgent);
        let operation: Operation = client.send(&call)?.read()?;
        let words = match operation.status.as_str() {
            "completed" => return Ok(()),
            "failed" => operation.error.unwrap_or_default(),
            _ if Instant::now() < until => continue,
            _ => "it takes long; the rule is gone already, so nobody is blocked by it".to_owned(),
        };
        let words = format!("emptying the list is not done: {words}");
        return Err(ApiError::of(call.area, ErrorKind::Server, words));
    }
}
