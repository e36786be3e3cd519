//! What the user wrote in `riposte.toml`: every table, its faults, and the rule files it names.
//!
//! In: TOML and the files it points to. Out: plain config types, each stage's own part for each
//! stage. Nothing is opened or started here but what is read.

pub mod environment;
pub mod load;
pub mod pack;
mod plugin_files;
mod rule_files;
mod secrets;
mod source;

pub use load::{ConfigError, Fault, load, parse};
pub use plugin_files::{PluginFiles, read_plugins};
pub use rule_files::{RuleFiles, read_rules, read_rules_from};
pub use secrets::NamedSecret;
pub use source::{FORMAT_PLUGIN, SourceConfig, SourceType};

use crate::actions::{ActionsConfig, ChannelTo};
use crate::bots::BotsConfig;
use crate::decisions::{GuardConfig, Mode};
use crate::event::text::escape;
use crate::feeds::FeedConfig;
use crate::geo::GeoConfig;
use crate::limits;
use crate::plugins::PluginConfig;
use crate::sources::http::IntakeConfig;
use crate::store::RetentionConfig;
use crate::telemetry::LogFormat;
use crate::vaults::VaultsConfig;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The whole of `riposte.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where riposte keeps its store, spools and control socket; made with mode 0700.
    pub state_dir: PathBuf,
    /// Where records come from.
    pub sources: Vec<SourceConfig>,
    /// Where riposte listens for what others push.
    pub intake: IntakeConfig,
    /// Lists of addresses that others keep, for rules to ask.
    pub feeds: Vec<FeedConfig>,
    /// Databases of places and networks (GeoIP, ASN), for rules to ask.
    pub geo: GeoConfig,
    /// Whether crawlers are verified before they are blocked.
    pub bots: BotsConfig,
    /// Which rules, and how they are tuned.
    pub rules: RulesConfig,
    /// What must never be blocked, and how fast blocks may be made.
    pub guard: GuardConfig,
    /// Where decisions are put in force, and what else may be done.
    pub actions: ActionsConfig,
    /// Where plugins lie, a folder each: from the config's folder on.
    pub plugins_dir: PathBuf,
    /// Plugins that are used, by name.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// How vaults are reached, and secrets read again.
    pub vaults: VaultsConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// How much memory the windows of rules may take.
    pub memory: MemoryConfig,
    /// Who is told of riposte's own alarms.
    pub alarms: AlarmsConfig,
    /// What riposte says of itself.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("/var/lib/riposte"),
            sources: Vec::new(),
            intake: IntakeConfig::default(),
            feeds: Vec::new(),
            geo: GeoConfig::default(),
            bots: BotsConfig::default(),
            rules: RulesConfig::default(),
            guard: GuardConfig::default(),
            actions: ActionsConfig::default(),
            plugins_dir: PathBuf::from("plugins"),
            plugins: BTreeMap::new(),
            vaults: VaultsConfig::default(),
            retention: RetentionConfig::default(),
            memory: MemoryConfig::default(),
            alarms: AlarmsConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// Which rules, and how they are tuned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Whether the rules that riposte ships are used.
    pub pack: bool,
    /// Folders (all their `*.rhai`) and files with further rules, from the config's folder on. A
    /// file with the name of a shipped one replaces it.
    pub paths: Vec<PathBuf>,
    /// Modes by rule name: `enforce`, `shadow` or `off`.
    pub modes: BTreeMap<String, Mode>,
    /// Values of `param(…)`, by rule name or by file name without `.rhai`.
    pub params: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { pack: true, paths: Vec::new(), modes: BTreeMap::new(), params: BTreeMap::new() }
    }
}

/// How much memory the windows of rules may take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryConfig {
    /// MiB for all windows together; when they are full, the keys seen longest ago make room.
    /// When absent, an eighth of the machine's memory, at least 8 and at most 128.
    pub windows_mib: Option<u64>,
}

impl MemoryConfig {
    /// The bound in bytes, on a machine with that much memory.
    pub fn windows_bytes(&self, machine_bytes: u64) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self.windows_mib {
            Some(mib) => mib.saturating_mul(MIB),
            None => (machine_bytes / 8).clamp(8 * MIB, 128 * MIB),
        }
    }
}

/// Who is told of riposte's own alarms: a source that stands still, a rule that failed, a feed that
/// can't be had. `riposte status` and the log have them all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmsConfig {
    /// The name of one of `[[actions.channels]]`.
    pub channel: Option<String>,
}

/// What riposte says of itself, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// What is said: `error`, `warn`, `info`, `debug`, or a filter such as
    /// `info,riposte::sources=debug`. The environment variable `RIPOSTE_LOG` wins over it.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Config {
    /// Everything that is wrong with the values, in words, each with its hint on a line of its own.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut names = BTreeSet::new();
        for source in &self.sources {
            if !names.insert(source.name.as_str()) {
                faults.push(format!(
                    "two sources are named `{}`\nhint: every source needs a name of its own",
                    source.name
                ));
            }
            faults.extend(source.faults());
        }
        faults.extend(self.intake.faults());
        faults.extend(self.faults_of_feeds());
        faults.extend(self.geo.faults());
        faults.extend(self.bots.faults());
        faults.extend(self.guard.faults());
        faults.extend(self.actions.check());
        faults.extend(self.plugins.iter().flat_map(|(name, plugin)| plugin.faults(name)));
        faults.extend(self.channels_without_plugin());
        faults.extend(self.vaults.faults());
        faults.extend(self.secrets_out_of_reach());
        if let Some(channel) = &self.alarms.channel
            && !self.actions.channels.iter().any(|known| known.name == *channel)
        {
            faults.push(format!(
                "alarms: there is no channel `{}`\nhint: the name of one of `[[actions.channels]]`",
                escape(channel)
            ));
        }
        if self.memory.windows_mib == Some(0) {
            faults.push("`memory.windows_mib` is 0\nhint: at least 1".to_owned());
        }
        faults
    }

    fn faults_of_feeds(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut names = BTreeSet::new();
        for feed in &self.feeds {
            if !names.insert(feed.name()) {
                faults.push(format!(
                    "two feeds are named `{}`\nhint: every feed needs a name of its own",
                    feed.name()
                ));
            }
            faults.extend(feed.faults());
        }
        for name in self.guard.proxy_feeds.iter().filter(|name| !names.contains(name.as_str())) {
            faults.push(format!(
                "`guard.proxy_feeds` names `{}`, which is no feed of this config\nhint: add `[[feeds]]` with `name = \"{0}\"`, or `shipped = \"{0}\"` where riposte knows it",
                escape(name)
            ));
        }
        if self.feeds.len() > limits::FEEDS_MAX {
            faults.push(format!("there are more than {} feeds", limits::FEEDS_MAX));
        }
        faults
    }

    /// Channels to plugins that this config does not run.
    fn channels_without_plugin(&self) -> impl Iterator<Item = String> + '_ {
        let runs = |name: &str| self.plugins.get(name).is_some_and(|plugin| plugin.enabled);
        self.actions.channels.iter().enumerate().filter_map(move |(index, channel)| {
            let ChannelTo::Plugin(name) = &channel.to else {
                return None;
            };
            let fault = format!(
                "actions.channels[{index}]: plugin `{name}` is not used by this config\nhint: add `[plugins.{name}]`"
            );
            (!runs(name)).then_some(fault)
        })
    }

    /// Makes relative paths start at the config's own folder.
    pub fn resolve_paths(&mut self, base: &Path) {
        for path in &mut self.rules.paths {
            if path.is_relative() {
                *path = base.join(&*path);
            }
        }
        self.feeds.iter_mut().for_each(|feed| feed.resolve_path(base));
        self.geo.resolve_paths(base);
        for path in [&mut self.state_dir, &mut self.plugins_dir] {
            if path.is_relative() {
                *path = base.join(&*path);
            }
        }
    }
}
