//! Taking everything of ours away again (`panic`, `doctor --remove`): first our rules, so that at
//! once nobody is blocked, then what the list holds of us, then the list.

use super::Cloudflare;
use super::site::{self, SiteError};
use super::spill::delete_rules;
use super::steps::poll_pause;
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
        let (present, mut rules) = site::read(&client, &site, &self.mark, now).map_err(failed)?;
        // Where others share the list, the rule is theirs too.
        if present.foreign.is_empty() {
            site::remove_rules(&client, &self.config, &site).map_err(failed)?;
        }
        for net in present.rules {
            delete_rules(&client, &mut rules, &net).map_err(failed)?;
        }
        let until = Instant::now() + WAIT;
        let ids: Vec<String> =
            present.items.into_values().filter_map(|held| held.id).chain(present.orphans).collect();
        if let Some(list) = &site.list {
            for ids in ids.chunks(CLOUDFLARE_ITEMS_PER_CALL) {
                let call = lists::remove(&site.account, list, ids.iter().map(String::as_str));
                let call = call.priority(Priority::Urgent);
                remove(&client, &site.account, &call, until).map_err(failed)?;
            }
        }
        if present.foreign.is_empty() {
            site::remove_list(&client, &site).map_err(failed)?;
        }
        (self.site, self.present) = (None, None);
        self.rules.clear();
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
