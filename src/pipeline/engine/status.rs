//! How the daemon is, for `riposte status`.

use super::Engine;
use crate::actions::HealthState;
use crate::clock::{self, format_duration};
use crate::decisions::{Guard, Mode};
use crate::pipeline::control::{DestinationStatus, HeldRule, PluginStatus, SourceStatus, Status};
use crate::pipeline::machine;
use crate::plugins::{Health, HealthState as PluginState};
use crate::secret;
use crate::telemetry::{self, names};

impl Engine {
    /// How full the windows are; what they had to drop is told of.
    pub(super) fn measure_windows(&mut self) {
        let stats = self.core.windows().stats();
        telemetry::gauge(names::WINDOW_KEYS).set(stats.keys);
        telemetry::gauge(names::WINDOW_BYTES).set(stats.bytes);
        telemetry::gauge(names::WINDOW_BYTES_MAX).set(stats.bytes_max);
        let fresh = stats.evicted.saturating_sub(self.evicted);
        if fresh > 0 {
            self.evicted = stats.evicted;
            telemetry::counter(names::WINDOW_KEYS_EVICTED).add(fresh);
            let text = "windows are full: the keys that were seen longest ago are forgotten early\nhint: `memory.windows_mib` gives them more room";
            self.alarm("memory", text.to_owned());
        }
    }

    pub(super) fn status(&self) -> Status {
        let rules = self.core.rules();
        let of_mode = |mode| rules.rules().iter().filter(|rule| rule.mode == mode).count();
        // The store is read before the desk is locked: enforcers ask it meanwhile.
        let changes = self.changes_status();
        let desk = self.desk();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.started,
            dry_run: self.dry_run,
            panic: desk.guard.panic(),
            first_days_until: desk.guard.first_days_until(),
            rules_enforce: of_mode(Mode::Enforce),
            rules_shadow: of_mode(Mode::Shadow),
            unapplied: self.unapplied.clone(),
            held: self.held_rules(&desk.guard),
            decisions_in_force: desk.standing.len(),
            decisions_queued: desk.guard.waiting() + self.bots.waiting(),
            alarms: self.alarms.iter().cloned().collect(),
            sources: self.sources(),
            destinations: self.destinations(),
            changes,
            plugins: self.plugins.iter().map(|cell| cell.now()).map(plugin).collect(),
            secrets: secret::keeper().map(|keeper| keeper.report()).unwrap_or_default(),
            feeds: self.feeds.status(),
            geo: self.places.status(),
            metrics: telemetry::snapshot()
                .into_iter()
                .map(|(name, _, value)| (name.to_owned(), value))
                .collect(),
            memory_bytes: machine::resident_bytes(),
        }
    }

    fn held_rules(&self, guard: &Guard) -> Vec<HeldRule> {
        let now = clock::now();
        let rules = self.core.rules().rules().iter().filter(|rule| rule.mode == Mode::Enforce);
        let held = rules.filter_map(|rule| {
            let why = if self.defective.contains(&rule.name) {
                "its code is defective whatever an event holds; mend the file".to_owned()
            } else {
                let until = guard.asks_until(&rule.name, now)?;
                format!(
                    "it hit clients with an authenticated success; armed again in {}",
                    format_duration(until.since(now))
                )
            };
            Some(HeldRule { rule: rule.name.to_string(), why })
        });
        held.collect()
    }

    fn sources(&self) -> Vec<SourceStatus> {
        // All that are configured, also those that have delivered nothing yet.
        let status = |source: &crate::config::SourceConfig| {
            let progress = self.progress.get(source.name.as_str()).copied().unwrap_or_default();
            SourceStatus {
                name: source.name.clone(),
                records: progress.records,
                parsed: progress.parsed,
                newest: progress.newest,
                last_arrival: progress.arrival,
            }
        };
        self.config.sources.iter().map(status).collect()
    }

    fn destinations(&self) -> Vec<DestinationStatus> {
        let Some(executors) = &self.executors else {
            return Vec::new();
        };
        let status = |health: crate::actions::Health| DestinationStatus {
            name: health.destination,
            healthy: matches!(health.state, HealthState::Well | HealthState::Starting),
            detail: health.error.unwrap_or(health.note),
            queued: health.queued,
        };
        executors.health().into_iter().map(status).collect()
    }
}

fn plugin(health: Health) -> PluginStatus {
    PluginStatus {
        healthy: !matches!(health.state, PluginState::Failing | PluginState::Refused),
        state: health.state.word().to_owned(),
        name: health.plugin,
        kind: health.kind.to_owned(),
        detail: health.fault.unwrap_or_default(),
        starts: health.starts,
        faults: health.faults,
    }
}
