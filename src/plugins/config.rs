//! What the user says of a plugin in `riposte.toml`: whether it runs, with which settings, and which
//! secrets it gets.

use crate::limits::{ENRICHER_WAIT_MILLIS_MAX, PLUGIN_SECRETS_MAX, PLUGIN_SETTINGS_BYTES_MAX};
use crate::secret::SecretRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A plugin that is used: its folder in `plugins_dir` has the name of this table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginConfig {
    /// Whether it is used. A plugin without a table here is not.
    pub enabled: bool,
    /// The only secrets that it gets, by the names that it asks for, as secret references. They are
    /// handed over on its standard input, never as arguments or in the environment.
    pub secrets: BTreeMap<String, SecretRef>,
    /// Settings, handed to it as they are; its own page says which it knows. Secrets don't belong
    /// here.
    pub settings: BTreeMap<String, toml::Value>,
    /// For enrichers: how many milliseconds a source's batch waits for answers that are not known
    /// yet, at most 1000; the fields are missing then. 20 unless told otherwise.
    pub wait_ms: Option<u64>,
}

impl Default for PluginConfig {
    fn default() -> Self {
        Self { enabled: true, secrets: BTreeMap::new(), settings: BTreeMap::new(), wait_ms: None }
    }
}

impl PluginConfig {
    /// What is wrong with the values, in words, each with its hint on a line of its own.
    pub fn faults(&self, name: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if !super::manifest::is_name(name) {
            faults.push(format!(
                "`{name}` can't be a plugin's name\nhint: {}",
                super::manifest::NAME_HINT
            ));
        }
        if self.wait_ms.is_some_and(|wait| wait > ENRICHER_WAIT_MILLIS_MAX) {
            faults.push(format!(
                "`plugins.{name}.wait_ms` is more than {ENRICHER_WAIT_MILLIS_MAX}\nhint: a log is read no faster than its batches wait"
            ));
        }
        if self.secrets.len() > PLUGIN_SECRETS_MAX {
            faults.push(format!(
                "`plugins.{name}.secrets` has more than {PLUGIN_SECRETS_MAX} entries"
            ));
        }
        if toml::to_string(&self.settings).map_or(0, |text| text.len()) > PLUGIN_SETTINGS_BYTES_MAX
        {
            faults.push(format!(
                "`plugins.{name}.settings` has more than {} KiB\nhint: let the plugin read a file",
                PLUGIN_SETTINGS_BYTES_MAX / 1024
            ));
        }
        faults
    }
}
