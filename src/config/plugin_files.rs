//! The plugins that a config names, read: modules' texts for the rules, programs for the stages that
//! they serve.

use super::Config;
use super::load::Fault;
use crate::plugins::{Enabled, PluginKind, discover};
use crate::rules::ModuleFile;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Plugins with what could not be used.
#[derive(Debug, Default)]
pub struct PluginFiles {
    /// What the config wants and is sound, in the order of names: modules and programs.
    pub enabled: Vec<Enabled>,
    /// The modules among them, as `rules` takes them.
    pub modules: Vec<ModuleFile>,
    /// What was refused of what the config wants, and why.
    pub faults: Vec<Fault>,
    /// The folders of plugins that were refused.
    pub unusable: Vec<PathBuf>,
    /// The same faults by the plugin's name, each with its hint on a line of its own.
    pub refused: BTreeMap<String, String>,
}

/// Reads the plugins of a config. One that its config doesn't name is not looked for faults.
pub fn read_plugins(config: &Config) -> PluginFiles {
    let mut read = PluginFiles::default();
    if config.plugins.values().all(|plugin| !plugin.enabled) {
        return read;
    }
    let found = discover(&config.plugins_dir);
    let (enabled, missing) = found.enabled(&config.plugins);
    let wanted = |name: &str| config.plugins.get(name).is_some_and(|plugin| plugin.enabled);
    for refused in found.faults.iter().filter(|one| one.plugin.is_empty() || wanted(&one.plugin)) {
        let place = match refused.fault.line {
            0 => refused.path.display().to_string(),
            line => format!("{}:{line}:{}", refused.path.display(), refused.fault.column),
        };
        let message = format!("{place}: {}", refused.fault.message);
        read.refuse(&refused.plugin, &message, &refused.fault.hint);
        read.faults.push(Fault { message, ..refused.fault.clone() });
        read.unusable.push(config.plugins_dir.join(&refused.plugin));
    }
    for (name, words) in &missing {
        let (message, hint) = words.split_once("\nhint: ").unwrap_or((words, ""));
        read.refuse(name, message, hint);
        read.faults.push(Fault::whole(message, hint));
    }
    // A folder that is refused as a whole refuses all that was wanted of it.
    let all = found.faults.iter().find(|one| one.plugin.is_empty());
    let used = config.plugins.iter().filter(|(_, plugin)| plugin.enabled).map(|(name, _)| name);
    for name in used.filter(|name| !enabled.iter().any(|one| one.plugin.name() == *name)) {
        if let Some(all) = all {
            let message = format!("{}: {}", all.path.display(), all.fault.message);
            read.refuse(name, &message, &all.fault.hint);
        }
    }
    read.modules = enabled
        .iter()
        .filter(|one| one.plugin.manifest.kind == PluginKind::Module)
        .filter_map(|one| {
            Some(ModuleFile {
                name: one.plugin.name().to_owned(),
                path: one.plugin.module_path().display().to_string(),
                text: one.plugin.module.clone()?,
            })
        })
        .collect();
    read.enabled = enabled;
    read
}

impl PluginFiles {
    /// Notes why a plugin is not used; of several faults the first counts.
    fn refuse(&mut self, name: &str, message: &str, hint: &str) {
        if name.is_empty() {
            return;
        }
        let words =
            if hint.is_empty() { message.to_owned() } else { format!("{message}\nhint: {hint}") };
        self.refused.entry(name.to_owned()).or_insert(words);
    }
}
