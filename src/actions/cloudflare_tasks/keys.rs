//! Values of Workers KV, written and removed. Both can be done twice without harm: what a crash or a
//! lost reply left open is done again.

use super::Account;
use crate::actions::effect_worker::Attempt;
use crate::cloudflare::{Call, kv};
use crate::decisions::CloudflareTask;

/// The call of a task, in a namespace of this id; `None` for other tasks.
pub(super) fn call(account: &str, namespace: &str, task: &CloudflareTask) -> Option<Call> {
    match task {
        CloudflareTask::KvPut { key, value, ttl, .. } => {
            Some(kv::put(account, namespace, key, value.clone().into_bytes(), *ttl))
        }
        CloudflareTask::KvDelete { key, .. } => Some(kv::delete(account, namespace, key)),
        _ => None,
    }
}

/// Writes or removes a value, in the account that has the zone.
pub(super) fn perform(
    account: &mut Account,
    zone: &str,
    task: &CloudflareTask,
) -> Result<(), Attempt> {
    let (CloudflareTask::KvPut { namespace, .. } | CloudflareTask::KvDelete { namespace, .. }) =
        task
    else {
        return Err(Attempt::Failed("it is nothing that is kept by key".to_owned()));
    };
    let (_, owner) = account.place(zone)?;
    let id = namespace_id(account, &owner, namespace)?;
    match call(&owner, &id, task) {
        Some(call) => account.send(&call),
        None => Ok(()),
    }
}

/// The id of a namespace, by its title or its id. None is made: a Worker has to be bound to it.
fn namespace_id(account: &mut Account, owner: &str, name: &str) -> Result<String, Attempt> {
    let place = (owner.to_owned(), name.to_owned());
    if let Some(id) = account.namespaces.get(&place) {
        return Ok(id.clone());
    }
    let all = kv::namespaces(account.client()?, owner).map_err(|error| account.failed(&error))?;
    let found = all.into_iter().find(|space| space.title == name || space.id == name);
    let Some(found) = found else {
        return Err(Attempt::Failed(format!(
            "there is no namespace `{name}`\nhint: `riposte cf kv list` shows them; a Worker has to be bound to one, so none is made"
        )));
    };
    account.namespaces.insert(place, found.id.clone());
    Ok(found.id)
}
