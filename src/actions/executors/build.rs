//! From a config to running threads: one for each enforcer, webhook, program, and the log.

use super::{Destination, Executors, HealthCell, Monitor, Queue, Reach};
use crate::actions::Wanted;
use crate::actions::carrier::{Guest, Guested};
use crate::actions::cloudflare::Cloudflare;
use crate::actions::cloudflare_changes::ChangesWorker;
use crate::actions::cloudflare_tasks::{self, CloudflareTasks};
use crate::actions::config::{ActionsConfig, ChannelTo, GLOBAL_KEY};
use crate::actions::effect_worker::{EffectWorker, Effector};
use crate::actions::enforcer::Enforcer;
use crate::actions::enforcer_worker::{EnforcerWorker, IsLoss, WorkerState};
use crate::actions::exec::Exec;
use crate::actions::log::Log;
use crate::actions::messenger::Messenger;
use crate::actions::nftables::Nftables;
use crate::actions::pace::Pace;
use crate::actions::route::ReachKind;
use crate::actions::web_files::WebFile;
use crate::actions::webhook::Webhook;
use crate::cloudflare::status_page::StatusWatch;
use crate::limits::TASK_ATTEMPTS_MAX;
use std::sync::Arc;
use std::time::Duration;

/// Transactions or files a second for one enforcer; what comes faster goes into one.
const ENFORCER_CALLS_PER_SECOND: u32 = 50;

/// Log lines a second that rules may write.
const LOG_LINES_PER_SECOND: u32 = 1_000;

/// Files are compared with what is wanted this often.
const FILES_RECONCILE_EVERY: Duration = Duration::from_mins(1);

/// TLS needs more than a helper's stack.
const EFFECT_STACK_BYTES: usize = 1024 * 1024;

/// What differs from one effect's destination to the next.
struct EffectSetting {
    name: String,
    effector: Box<dyn Effector>,
    pace: Pace,
    attempts_max: u32,
}

impl Executors {
    pub(super) fn start_enforcers(
        &mut self,
        config: &ActionsConfig,
        wanted: &Arc<dyn Wanted>,
        dry_run: bool,
    ) {
        if let Some(nft) = config.nftables.as_ref().filter(|nft| nft.enabled) {
            let queue = Arc::new(Queue::new(false));
            if nft.monitor && !dry_run {
                let notes = Arc::clone(&queue);
                self.monitor = Some(Monitor::start(&nft.command, &nft.table, move |loss| {
                    notes.lost(loss);
                }));
            }
            self.start_enforcer(
                Nftables::new(nft, dry_run),
                (ReachKind::Kernel, nft.reconcile_every, Nftables::is_loss),
                queue,
                wanted,
                dry_run,
            );
        }
        for file in &config.files {
            self.start_enforcer(
                WebFile::new(file, dry_run),
                (ReachKind::File(file.format), FILES_RECONCILE_EVERY, |_, _, _| false),
                Arc::new(Queue::new(false)),
                wanted,
                dry_run,
            );
        }
        for account in &config.cloudflare {
            if account.email.is_some() {
                let (message, hint) = GLOBAL_KEY;
                tracing::warn!(enforcer = account.name, hint, "{message}");
            }
            let mut enforcer = Cloudflare::new(account, dry_run).with_check(Arc::clone(wanted));
            if let Some(url) = account.status_page().filter(|_| !dry_run) {
                let watch = self
                    .status_pages
                    .entry(url.to_owned())
                    .or_insert_with(|| StatusWatch::start(url));
                enforcer = enforcer.with_status_page(watch.page());
            }
            self.start_enforcer(
                enforcer,
                (ReachKind::Cloudflare, account.reconcile_every, |_, _, _| false),
                Arc::new(Queue::new(false)),
                wanted,
                dry_run,
            );
        }
    }

    fn start_enforcer<E: Enforcer + 'static>(
        &mut self,
        enforcer: E,
        (kind, reconcile_every, is_loss): (ReachKind, Duration, IsLoss<E>),
        queue: Arc<Queue>,
        wanted: &Arc<dyn Wanted>,
        dry_run: bool,
    ) {
        let name = enforcer.name().to_owned();
        let reach = Reach { name: name.clone(), kind };
        let health = Arc::new(HealthCell::new(Some(reach.clone())));
        let worker = EnforcerWorker {
            enforcer,
            is_loss,
            queue: Arc::clone(&queue),
            health: Arc::clone(&health),
            outbox: Arc::clone(&self.outbox),
            wanted: Arc::clone(wanted),
            pace: Pace::per_second(ENFORCER_CALLS_PER_SECOND),
            reconcile_every,
            dry_run,
            state: WorkerState::new(),
        };
        self.reaches.push(reach);
        self.spawn(name, queue, health, move || worker.run());
    }

    pub(super) fn start_effects(&mut self, config: &ActionsConfig, dry_run: bool) {
        let webhooks = config.webhooks.iter().map(|hook| EffectSetting {
            name: format!("webhook:{}", hook.name),
            effector: Box::new(Webhook::new(hook)),
            pace: Pace::per_minute(hook.per_minute),
            attempts_max: hook.attempts,
        });
        let programs = config.programs.iter().map(|program| EffectSetting {
            name: format!("exec:{}", program.name),
            effector: Box::new(Exec::new(program)),
            pace: Pace::per_minute(program.per_minute),
            attempts_max: program.attempts,
        });
        let log = std::iter::once_with(|| EffectSetting {
            name: "log".to_owned(),
            effector: Box::new(Log),
            pace: Pace::per_second(LOG_LINES_PER_SECOND),
            attempts_max: 1,
        });
        let services = config.channels.iter().filter_map(|channel| {
            let ChannelTo::Service(service) = channel.to else { return None };
            Some(EffectSetting {
                name: format!("notify:{}", channel.name),
                effector: Box::new(Messenger::new(channel, service)),
                // What is held costs nothing; what is sent is bounded by the hour.
                pace: Pace::per_second(LOG_LINES_PER_SECOND),
                attempts_max: channel.attempts,
            })
        });
        for setting in webhooks.chain(programs).chain(log).chain(services) {
            self.start_effect(setting, Arc::new(Queue::new(true)), dry_run);
        }
    }

    pub(super) fn start_changes(&mut self, config: &ActionsConfig, dry_run: bool) {
        let Some(ledger) = self.outbox.ledger() else { return };
        for account in &config.cloudflare {
            // Urgent or not: a change must not overtake the one before it.
            let queue = Arc::new(Queue::new(false));
            let health = Arc::new(HealthCell::new(None));
            let worker = ChangesWorker::new(
                account,
                (Arc::clone(&queue), Arc::clone(&health)),
                (Arc::clone(&self.outbox), Arc::clone(&ledger)),
                dry_run,
            );
            let name = ChangesWorker::name(account);
            self.effects.insert(name.clone(), self.destinations.len());
            self.spawn(name, queue, health, move || worker.run());
            for name in cloudflare_tasks::destinations(account) {
                let setting = EffectSetting {
                    name,
                    effector: Box::new(CloudflareTasks::new(account)),
                    pace: Pace::per_second(ENFORCER_CALLS_PER_SECOND),
                    attempts_max: TASK_ATTEMPTS_MAX,
                };
                self.start_effect(setting, Arc::new(Queue::new(false)), dry_run);
            }
        }
    }

    pub(super) fn start_guests(&mut self, guests: Vec<Guest>, dry_run: bool) {
        for guest in guests {
            let queue = Arc::new(Queue::new(true));
            let setting = EffectSetting {
                name: guest.name,
                effector: Box::new(Guested::new(guest.carrier, Arc::clone(&queue))),
                pace: Pace::per_minute(guest.per_minute),
                attempts_max: guest.attempts,
            };
            self.start_effect(setting, queue, dry_run);
        }
    }

    fn start_effect(&mut self, setting: EffectSetting, queue: Arc<Queue>, dry_run: bool) {
        let health = Arc::new(HealthCell::new(None));
        let worker = EffectWorker {
            destination: setting.name.clone(),
            effector: setting.effector,
            queue: Arc::clone(&queue),
            health: Arc::clone(&health),
            outbox: Arc::clone(&self.outbox),
            pace: setting.pace,
            attempts_max: setting.attempts_max,
            pause: Duration::from_secs(1),
            dry_run,
        };
        self.effects.insert(setting.name.clone(), self.destinations.len());
        self.spawn(setting.name, queue, health, move || worker.run());
    }

    fn spawn(
        &mut self,
        name: String,
        queue: Arc<Queue>,
        health: Arc<HealthCell>,
        run: impl FnOnce() + Send + 'static,
    ) {
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .stack_size(EFFECT_STACK_BYTES)
            .spawn(run);
        if let Err(error) = &thread {
            let reason = format!("failed to start a thread: {error}");
            tracing::error!(destination = name, reason, "destination is down");
            health.fault(super::HealthState::Down, &reason);
        }
        self.destinations.push(Destination { name, queue, health, thread: thread.ok() });
    }
}

/// Removes everything of ours at every enforcer of a config (`panic`, `doctor --remove`), also with
/// no riposte running. One result for each enforcer.
pub fn remove_all(config: &ActionsConfig) -> Vec<(String, Result<(), String>)> {
    let mut results = Vec::new();
    let mut remove = |enforcer: &mut dyn Enforcer| {
        let removed = enforcer.remove_all().map_err(|error| error.to_string());
        results.push((enforcer.name().to_owned(), removed));
    };
    // Also when it is switched off now: it may not have been before.
    if let Some(nft) = &config.nftables {
        remove(&mut Nftables::new(nft, false));
    }
    for file in &config.files {
        remove(&mut WebFile::new(file, false));
    }
    for account in &config.cloudflare {
        remove(&mut Cloudflare::new(account, false));
    }
    results
}
