//! Effects that somebody outside of this stage carries out: a plugin's program.
//!
//! In: an action as one JSON object, and a [`Carrier`] that was handed over. Out: what became of
//! it. What the carrier says later of an action that it only accepted is asked for now and then.

use super::effect_worker::{Attempt, Call, Effector};
use super::message::neutralise;
use super::queue::Queue;
use crate::decisions::{ActionId, Carried, Effect};
use crate::limits::CARRIED_PENDING_SECS_MAX;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Carries actions out; implemented over plugins.
///
/// - `carry` makes one attempt on the destination's own thread, blocks no longer than its own limit,
///   and returns soon once `stopping` says so. The same action again has the same `id`.
/// - `later` must not block. It names each action that was `Pending` at most once.
/// - `stop` is called once, at the end of the thread, and must end in about two seconds.
pub trait Carrier: Send {
    /// Makes one attempt.
    fn carry(&mut self, action: &Map<String, Value>, stopping: &dyn Fn() -> bool) -> Carried;

    /// How actions ended that were `Pending`, by their `id`.
    fn later(&mut self) -> Vec<(String, Carried)>;

    /// Ends what runs for it.
    fn stop(&mut self);
}

/// A destination that is handed over with its carrier.
pub struct Guest {
    /// Its name, as channels and outcomes have it: `plugin:NAME`.
    pub name: String,
    /// Who carries its actions out.
    pub carrier: Box<dyn Carrier>,
    /// Actions a minute.
    pub per_minute: u32,
    /// Attempts before it is given up.
    pub attempts: u32,
}

/// A guest at work.
pub(super) struct Guested {
    carrier: Box<dyn Carrier>,
    queue: Arc<Queue>,
    /// Accepted and not yet known, since when.
    pending: BTreeMap<String, (ActionId, Instant)>,
}

impl Guested {
    pub(super) fn new(carrier: Box<dyn Carrier>, queue: Arc<Queue>) -> Self {
        Self { carrier, queue, pending: BTreeMap::new() }
    }
}

/// The action as an object: `do`, `id`, `rule`, `key`, `time`, and what it is about.
fn object(call: &Call<'_>) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    match call.effect {
        Effect::Notify { channel, message } => {
            object.insert("do".to_owned(), Value::from("notify"));
            object.insert("channel".to_owned(), Value::from(channel.as_str()));
            object.insert("message".to_owned(), Value::from(neutralise(message)));
        }
        Effect::Webhook { .. }
        | Effect::Exec { .. }
        | Effect::Log { .. }
        | Effect::Cloudflare(_) => {
            return Err("a plugin carries messages alone".to_owned());
        }
    }
    for (name, value) in [
        ("id", call.id.to_string()),
        ("rule", call.rule.to_string()),
        ("key", call.key.to_owned()),
        ("time", call.time.to_string()),
    ] {
        object.insert(name.to_owned(), Value::from(value));
    }
    Ok(object)
}

fn attempt(carried: Carried) -> Attempt {
    match carried {
        Carried::Applied => Attempt::Done,
        Carried::Unchanged => Attempt::Unchanged,
        Carried::Pending => Attempt::Pending,
        Carried::Failed(reason) => Attempt::Failed(reason),
        Carried::Unconfirmed(reason) => Attempt::Unconfirmed(reason),
        Carried::Retry { reason, after, may_have_arrived } => {
            Attempt::Retry { reason, after, may_have_arrived }
        }
    }
}

impl Effector for Guested {
    fn perform(&mut self, call: &Call<'_>) -> Attempt {
        let object = match object(call) {
            Ok(object) => object,
            Err(reason) => return Attempt::Failed(reason),
        };
        let queue = Arc::clone(&self.queue);
        let carried = self.carrier.carry(&object, &|| queue.stopped());
        if carried == Carried::Pending {
            self.pending.insert(call.id.to_string(), (call.id, Instant::now()));
        }
        attempt(carried)
    }

    fn rehearse(&mut self, call: &Call<'_>) -> Result<String, String> {
        serde_json::to_string(&object(call)?).map_err(|error| error.to_string())
    }

    fn waits(&self) -> bool {
        !self.pending.is_empty()
    }

    fn later(&mut self) -> Vec<(ActionId, Attempt)> {
        let mut ended = Vec::new();
        for (id, carried) in self.carrier.later() {
            // A second answer to the same action says nothing new.
            if carried != Carried::Pending
                && let Some((id, _)) = self.pending.remove(&id)
            {
                ended.push((id, attempt(carried)));
            }
        }
        let longest = Duration::from_secs(CARRIED_PENDING_SECS_MAX);
        let over = self.pending.extract_if(.., |_, (_, since)| since.elapsed() >= longest);
        ended.extend(over.map(|(_, (id, _))| {
            let hours = CARRIED_PENDING_SECS_MAX / 3_600;
            (id, Attempt::Unconfirmed(format!("accepted, and not heard of for {hours} h")))
        }));
        ended
    }

    fn stop(&mut self) {
        self.carrier.stop();
    }
}
