//! Config and rules that were read again, and what of them is not in force.

use super::{Engine, Reloaded};
use crate::plugins::HealthState;
use crate::store::InputKind;

impl Engine {
    /// Puts what was read again in force.
    pub(super) fn reloaded(&mut self, reloaded: Reloaded) {
        self.number(InputKind::Rules { fingerprint: reloaded.rules.fingerprint() });
        self.core.set_rules(reloaded.rules);
        self.defective.clear();
        self.plugins.retain(|cell| cell.now().state != HealthState::Refused);
        self.watch_plugins(reloaded.refused);
        self.core.set_guard_config(reloaded.config.guard.clone());
        self.desk().set_config(reloaded.config.guard.clone());
        self.config = reloaded.config;
        self.listed_proxies();
        self.dirty = true;
        // The config's allowlist may have grown: what is in force against it ends now.
        if let Err(error) = self.settle() {
            self.store_failed(&error);
        }
        // Windows were rebuilt: what is saved must fit the rules in force.
        self.checkpoint();
    }

    /// Notes what the files say and is not in force, in sentences; what is new is an alarm.
    pub(super) fn unapplied(&mut self, sentences: Vec<String>) {
        let new: Vec<String> =
            sentences.iter().filter(|one| !self.unapplied.contains(one)).cloned().collect();
        for sentence in new {
            self.alarm("rules", format!("{sentence}\nhint: riposte check"));
        }
        self.unapplied = sentences;
    }
}
