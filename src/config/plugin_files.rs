//! The plugins that a config names, read: modules' texts for the rules, programs for the stages that
//! they serve.

use super::Config;
use super::load::Fault;
use crate::plugins::{Enabled, PluginKind, discover};
use crate::rules::ModuleFile;
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
        read.faults.push(Fault { message, ..refused.fault.clone() });
        read.unusable.push(config.plugins_dir.join(&refused.plugin));
    }
    read.faults.extend(missing.iter().map(|words| {
        let (message, hint) = words.split_once("\nhint: ").unwrap_or((words, ""));
        Fault::whole(message, hint)
    }));
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
