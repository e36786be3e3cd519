//! Plugins that the config wants and that can't be used: who they are, why, and which source stands
//! still for it. Nothing else does: as of a bad rule file, the rest runs on, and it is told of loudly.
//!
//! In: the config and what was found in its plugins' folder. Out: what is lacking, and how status
//! shows it.

use super::plugins::raise;
use super::programs;
use crate::actions::ChannelTo;
use crate::config::{Config, FORMAT_PLUGIN, PluginFiles, SourceConfig};
use crate::pipeline::engine::Message;
use crate::plugins::{HealthCell, PluginKind};
use crossbeam_channel::Sender;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is said of a plugin that was mended while riposte ran.
const MENDED: &str =
    "it is sound now, and is used from the next start on\nhint: systemctl restart riposte";

/// A plugin that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Its name.
    pub plugin: String,
    /// What the config uses it as: `source`, `parser`, `action`, or only `plugin`.
    pub kind: &'static str,
    /// Why, with its hint on a line of its own.
    pub why: String,
    /// The sources that can't be read without it.
    pub sources: BTreeSet<String>,
}

/// Everything that a config lacks, in the order of the plugins' names.
pub fn lacking(config: &Config, read: &PluginFiles) -> Vec<Lack> {
    let mut lacks: BTreeMap<String, Lack> = BTreeMap::new();
    let mut add = |plugin: &str, kind: &'static str, why: &str, source: Option<&str>| {
        // Why it was refused says more than that it isn't there.
        let why = read.refused.get(plugin).map_or(why, String::as_str).to_owned();
        let new = Lack { plugin: plugin.to_owned(), kind, why, sources: BTreeSet::new() };
        let lack = lacks.entry(plugin.to_owned()).or_insert(new);
        lack.sources.extend(source.map(str::to_owned));
    };
    for source in &config.sources {
        for (kind, why) in programs::faults(source, &read.enabled) {
            add(name_of(source, kind), kind.name(), &why, Some(&source.name));
        }
    }
    for plugin in read.refused.keys() {
        let acts = config
            .actions
            .channels
            .iter()
            .any(|channel| matches!(&channel.to, ChannelTo::Plugin(name) if name == plugin));
        add(plugin, if acts { "action" } else { "plugin" }, "", None);
    }
    lacks.into_values().collect()
}

/// The plugin that a source names for one of its two uses.
pub fn name_of(source: &SourceConfig, kind: PluginKind) -> &str {
    match kind {
        PluginKind::Source => source.plugin.as_deref().unwrap_or_default(),
        _ => source.format.strip_prefix(FORMAT_PLUGIN).unwrap_or(&source.format),
    }
}

/// Tells of them at a start, and gives how they are for status.
pub fn tell(lacks: &[Lack], alarms: &Sender<Message>) -> Vec<Arc<HealthCell>> {
    for lack in lacks {
        let Lack { plugin, why, sources, .. } = lack;
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let sources = sources.join(", ");
        tracing::error!(plugin, why, sources, "a plugin can't be used; these sources stand still");
        raise(alarms, plugin, &words(lack));
    }
    lacks.iter().map(cell).collect()
}

/// How plugins are after a reload: those that are lacking now, and those that were lacking at the
/// start and are sound by now, which are used from the next start on. A module is in force at once.
pub fn after_reload(
    at_start: &[Lack],
    config: &Config,
    read: &PluginFiles,
) -> Vec<Arc<HealthCell>> {
    let mut now = lacking(config, read);
    // What runs does so with what it was started with, until the next start.
    let stands = |source: &String| at_start.iter().any(|lack| lack.sources.contains(source));
    for lack in &mut now {
        lack.sources.retain(stands);
    }
    let is_module = |name: &str| read.modules.iter().any(|module| module.name == name);
    let used = |name: &str| config.plugins.get(name).is_some_and(|plugin| plugin.enabled);
    for lack in at_start {
        let told = now.iter().any(|other| other.plugin == lack.plugin);
        if !told && used(&lack.plugin) && !is_module(&lack.plugin) {
            now.push(Lack { why: MENDED.to_owned(), ..lack.clone() });
        }
    }
    now.iter().map(cell).collect()
}

fn cell(lack: &Lack) -> Arc<HealthCell> {
    Arc::new(HealthCell::refused(&lack.plugin, lack.kind, &words(lack)))
}

fn words(lack: &Lack) -> String {
    let why = lack.why.replace('\n', "; ");
    let quoted: Vec<String> = lack.sources.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => why,
        [one] => format!("{why}; source {one} is not read until then"),
        all => format!("{why}; sources {} are not read until then", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::PluginConfig;

    fn config(dir: &std::path::Path) -> Config {
        let text = "[[sources]]\nname = \"shop\"\ntype = \"plugin\"\nplugin = \"p\"\n[[sources]]\nname = \"web\"\npaths = [\"/x\"]\nformat = \"plugin:p\"\n[plugins.p]\n";
        let mut config = crate::config::parse(text).unwrap();
        config.plugins_dir = dir.to_owned();
        config
    }

    #[test]
    fn a_refused_plugin_stops_its_sources_and_says_why_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("p")).unwrap();
        std::fs::write(dir.path().join("p/plugin.toml"), "name = 1\n").unwrap();
        let config = config(dir.path());
        let lacks = lacking(&config, &crate::config::read_plugins(&config));
        assert_eq!(lacks.len(), 1, "{lacks:?}");
        assert!(lacks[0].why.contains("plugin.toml:1:"), "{lacks:?}");
        assert_eq!(lacks[0].sources.iter().collect::<Vec<_>>(), ["shop", "web"]);
    }

    #[test]
    fn a_plugin_that_is_mended_waits_for_the_next_start_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let at_start = lacking(&config, &crate::config::read_plugins(&config));
        assert!(at_start[0].why.contains("there is no plugin `p`"), "{at_start:?}");
        std::fs::create_dir(dir.path().join("p")).unwrap();
        let manifest = "name = \"p\"\nversion = \"1\"\nprotocol = 1\nkind = \"source\"\ndescription = \"x\"\nrun = [\"true\"]\n";
        std::fs::write(dir.path().join("p/plugin.toml"), manifest).unwrap();
        let mut config = config;
        config.sources.truncate(1);
        let cells = after_reload(&at_start, &config, &crate::config::read_plugins(&config));
        let health = cells[0].now();
        assert!(health.fault.unwrap().starts_with("it is sound now"));
        let unused = PluginConfig { enabled: false, ..PluginConfig::default() };
        config.plugins.insert("p".to_owned(), unused);
        config.sources.clear();
        assert!(after_reload(&at_start, &config, &crate::config::read_plugins(&config)).is_empty());
    }

    #[test]
    fn a_source_that_runs_is_not_said_to_stand_still_when_its_plugin_breaks() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let cells = after_reload(&[], &config, &crate::config::read_plugins(&config));
        let fault = cells[0].now().fault.unwrap();
        assert!(fault.contains("there is no plugin `p`") && !fault.contains("not read"), "{fault}");
    }
}
