//! All destinations of a config: a queue and a thread for each, actions handed to the right ones,
//! their health, and their end in order.
//!
//! In: actions that passed the guard. Out: threads that carry them out. How, is the workers'.

mod build;
mod health;
mod inspect;

pub use build::remove_all;
pub(super) use health::HealthCell;
pub use health::{Health, HealthState};
pub use inspect::{Compared, inspect};

use super::carrier::Guest;
use super::cloudflare_changes::ChangesRoute;
use super::config::{ActionsConfig, ChannelTo};
use super::nft_monitor::Monitor;
use super::queue::Queue;
use super::route::{self, Reach};
use super::{Item, Outbox, Wanted};
use crate::clock;
use crate::cloudflare::status_page::StatusWatch;
use crate::decisions::{Action, ActionId, Effect, Outcome};
use crate::telemetry::{self, names};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// All destinations of a config, each with its queue and thread.
pub struct Executors {
    outbox: Arc<dyn Outbox>,
    /// Enforcers come first, in the order of `reaches`.
    destinations: Vec<Destination>,
    reaches: Vec<Reach>,
    /// `webhook:NAME`, `exec:NAME`, `plugin:NAME`, `notify:NAME` and `log`, to their place in `destinations`.
    effects: BTreeMap<String, usize>,
    channels: BTreeMap<String, String>,
    changes: ChangesRoute,
    monitor: Option<Monitor>,
    /// The status pages that are asked, by their addresses.
    status_pages: BTreeMap<String, StatusWatch>,
}

/// One destination, as its thread's other side.
struct Destination {
    name: String,
    queue: Arc<Queue>,
    health: Arc<HealthCell>,
    thread: Option<JoinHandle<()>>,
}

impl Executors {
    /// Starts a thread for each destination of a config without faults. Enforcers adopt what is
    /// present at once, on their own threads; what goes wrong there is in [`Executors::health`].
    /// `guests` are destinations beside those of the config.
    /// In a dry run nothing reaches the outside: outcomes hold the exact calls.
    pub fn start(
        config: &ActionsConfig,
        outbox: Arc<dyn Outbox>,
        wanted: &Arc<dyn Wanted>,
        guests: Vec<Guest>,
        dry_run: bool,
    ) -> Self {
        let mut executors = Self {
            outbox,
            destinations: Vec::new(),
            reaches: Vec::new(),
            effects: BTreeMap::new(),
            channels: BTreeMap::new(),
            changes: ChangesRoute::new(&config.cloudflare),
            monitor: None,
            status_pages: BTreeMap::new(),
        };
        executors.start_enforcers(config, wanted, dry_run);
        executors.start_effects(config, dry_run);
        executors.start_changes(config, dry_run);
        executors.start_guests(guests, dry_run);
        for channel in &config.channels {
            let carrier = match &channel.to {
                ChannelTo::Log => "log".to_owned(),
                ChannelTo::Webhook(name) => format!("webhook:{name}"),
                ChannelTo::Exec(name) => format!("exec:{name}"),
                ChannelTo::Plugin(name) => format!("plugin:{name}"),
                ChannelTo::Service(_) => format!("notify:{}", channel.name),
            };
            executors.channels.insert(channel.name.clone(), carrier);
        }
        executors
    }

    /// Takes actions over. What comes back did not fit into a destination's queue: it stays in the
    /// outbox and is to be handed in again later (where it was taken before, that is harmless).
    #[must_use = "what comes back has to be handed in again"]
    pub fn submit(&self, items: Vec<Item>) -> Vec<Item> {
        let mut back = Vec::new();
        for item in items {
            match self.places(&item.action) {
                Ok(places) => {
                    let mut refused = false;
                    for place in places {
                        refused |= !place.queue.push(item.clone());
                    }
                    if refused {
                        back.push(item);
                    }
                }
                Err((destination, outcome)) => {
                    self.record_here(item.id, &destination, &outcome, item.attempt);
                }
            }
        }
        back
    }

    /// The destinations that an action goes to, or how it ends here.
    fn places(&self, action: &Action) -> Result<Vec<&Destination>, (String, Outcome)> {
        let nowhere = |outcome| Err(("none".to_owned(), outcome));
        match action {
            Action::Enforce { decision } => {
                if decision.remedy == crate::decisions::Remedy::Allow {
                    // The guard lets it through from now on; there is nothing to put in force.
                    return nowhere(Outcome::Unchanged);
                }
                match route::choose(decision, &self.reaches) {
                    Ok(chosen) => Ok(chosen
                        .into_iter()
                        .filter_map(|index| self.destinations.get(index))
                        .collect()),
                    Err(reason) => nowhere(Outcome::Failed(reason)),
                }
            }
            Action::Lift { .. } if self.reaches.is_empty() => nowhere(Outcome::Unchanged),
            Action::Lift { .. } => Ok(self.destinations.iter().take(self.reaches.len()).collect()),
            Action::Perform { effect, .. } => {
                let name = match effect {
                    Effect::Notify { channel, .. } => {
                        self.channels.get(channel).cloned().ok_or_else(|| {
                            let reason = format!("there is no channel `{channel}` in the config");
                            (format!("notify:{channel}"), Outcome::Failed(reason))
                        })?
                    }
                    Effect::Webhook { name, .. } => format!("webhook:{name}"),
                    Effect::Exec { name, .. } => format!("exec:{name}"),
                    Effect::Log { .. } => "log".to_owned(),
                    Effect::Cloudflare(ask) => {
                        super::cloudflare_tasks::destination(ask, self.changes.choose(ask)?)
                    }
                };
                let place = self.effects.get(&name).and_then(|index| self.destinations.get(*index));
                place.map(|place| vec![place]).ok_or_else(|| {
                    let reason = format!("there is no `{name}` in the config");
                    (name, Outcome::Failed(reason))
                })
            }
        }
    }

    fn record_here(&self, id: ActionId, destination: &str, outcome: &Outcome, attempt: u32) {
        count(outcome);
        if let Outcome::Failed(reason) = outcome {
            tracing::warn!(destination, reason, "an action has nowhere to go");
        }
        self.outbox.record(id, destination, outcome, attempt, clock::now());
    }

    /// Compares present and wanted at every enforcer now, on their threads.
    pub fn reconcile_now(&self) {
        for enforcer in self.destinations.iter().take(self.reaches.len()) {
            enforcer.queue.reconcile();
        }
    }

    /// Every destination's state.
    pub fn health(&self) -> Vec<Health> {
        self.destinations
            .iter()
            .map(|place| place.health.read(&place.name, place.queue.len()))
            .collect()
    }

    /// Whether nothing waits at any destination.
    pub fn is_idle(&self) -> bool {
        self.destinations.iter().all(|place| place.queue.len() == 0)
    }

    /// Stops in order: nothing new is begun, what is under way ends or is left at the deadline.
    /// What is still queued stays in the outbox. What is in force stays in force. `true` when all
    /// threads ended in time.
    pub fn stop(mut self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        drop(self.monitor.take());
        self.status_pages.clear();
        for place in &self.destinations {
            place.queue.stop();
        }
        let mut all = true;
        for place in &mut self.destinations {
            let Some(thread) = place.thread.take() else {
                continue;
            };
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
            if thread.is_finished() {
                all &= thread.join().is_ok();
            } else {
                tracing::warn!(destination = place.name, "left behind at the end");
                all = false;
            }
        }
        all
    }
}

/// A thread that is left when the executors are dropped without `stop` ends by itself.
impl Drop for Executors {
    fn drop(&mut self) {
        for place in &self.destinations {
            place.queue.stop();
        }
    }
}

/// Counts an outcome.
pub(super) fn count(outcome: &Outcome) {
    let name = match outcome {
        Outcome::Unchanged | Outcome::DryRun(_) => names::ACTIONS_UNCHANGED,
        Outcome::Applied => names::ACTIONS_APPLIED,
        Outcome::Pending => return,
        Outcome::Unconfirmed(_) => names::ACTIONS_UNCONFIRMED,
        Outcome::Failed(_) => names::ACTIONS_FAILED,
    };
    telemetry::counter(name).add(1);
}

#[cfg(test)]
mod tests;
