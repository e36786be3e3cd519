//! Looking through the plugins' folder: who is there, who is refused and why, and who may run by the
//! config.
//!
//! In: the folder, the config's tables. Out: plugins in the order of their names, and faults with
//! file and line. One bad plugin keeps no other from its work. Nothing is started here.

use super::PluginConfig;
use super::manifest::{self, Manifest, PluginKind};
use super::talk::{Launch, TalkLimits};
use crate::event::text::{escape, nearest};
use crate::limits::{
    PLUGIN_FILES_MAX, PLUGIN_MANIFEST_BYTES_MAX, PLUGIN_MODULE_BYTES_MAX, PLUGIN_NESTING_MAX,
    PLUGINS_MAX,
};
use crate::process::CLEAN_PATH;
use crate::toml_text::Fault;
use crate::trust::{distrust, distrust_chain};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A plugin that is there and sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its folder, absolute where the plugins' folder is.
    pub folder: PathBuf,
    /// For programs: the file to run, found.
    pub program: Option<PathBuf>,
    /// For modules: the text of `lib.rhai`.
    pub module: Option<String>,
}

impl Plugin {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// For modules: where `lib.rhai` lies.
    pub fn module_path(&self) -> PathBuf {
        self.folder.join("lib.rhai")
    }
}

/// Why a plugin is not used.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginFault {
    /// The name of the plugin's folder; empty where the fault is of no plugin.
    pub plugin: String,
    /// The file or folder that the fault is of.
    pub path: PathBuf,
    /// What is wrong, where, and how to mend it.
    pub fault: Fault,
}

impl PluginFault {
    /// The fault as it is told.
    pub fn render(&self) -> String {
        self.fault.render(&self.path)
    }
}

/// What was found in the folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Sound plugins, in the order of their names. Names are unique, since each is its folder's.
    pub plugins: Vec<Plugin>,
    /// Everything that was refused.
    pub faults: Vec<PluginFault>,
}

/// A plugin that the config wants to run, with its part of the config.
#[derive(Debug, Clone, PartialEq)]
pub struct Enabled {
    /// The plugin.
    pub plugin: Plugin,
    /// What the user says of it.
    pub config: PluginConfig,
}

impl Enabled {
    /// How its program is started.
    pub fn launch(&self) -> Launch {
        let manifest = &self.plugin.manifest;
        // The program starts in its folder, from where a relative path leads elsewhere.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut argv = manifest.run.clone();
        if let (Some(first), Some(program)) = (argv.first_mut(), &self.plugin.program) {
            *first = absolute(program).display().to_string();
        }
        let settings = self.config.settings.iter();
        let usual = TalkLimits::default();
        Launch {
            name: manifest.name.clone(),
            argv,
            folder: absolute(&self.plugin.folder),
            settings: settings.map(|(key, value)| (key.clone(), json(value))).collect(),
            secrets: self.config.secrets.clone(),
            limits: TalkLimits {
                start: Duration::from_secs(manifest.limits.start_secs),
                line_bytes_max: manifest.limits.line_bytes_max,
                // A program that works on a line need not take the next one meanwhile.
                write: usual.write.max(Duration::from_millis(manifest.limits.answer_ms)),
                // Sources say as much as is taken; parsers say what they are asked for.
                lines_a_second_max: match manifest.kind {
                    PluginKind::Source | PluginKind::Parser => None,
                    _ => usual.lines_a_second_max,
                },
                ..usual
            },
        }
    }
}

/// A setting as JSON; a date becomes its text.
fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

/// Looks through the folder. A folder that isn't there has no plugins.
pub fn discover(dir: &Path) -> Found {
    let mut found = Found::default();
    if !dir.exists() {
        return found;
    }
    if let Some(fault) = distrusted_chain(dir) {
        found.faults.push(PluginFault { plugin: String::new(), path: dir.to_owned(), fault });
        return found;
    }
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            let fault = Fault::whole(format!("failed to read the folder: {error}"), "");
            found.faults.push(PluginFault { plugin: String::new(), path: dir.to_owned(), fault });
            return found;
        }
    };
    // A folder without a manifest is no plugin: notes and shared files may lie beside plugins.
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("plugin.toml").symlink_metadata().is_ok())
        .collect();
    folders.sort();
    if folders.len() > PLUGINS_MAX {
        let message = format!("there are more than {PLUGINS_MAX} plugins; the rest is not used");
        let fault = Fault::whole(message, "move those that you don't need elsewhere");
        found.faults.push(PluginFault { plugin: String::new(), path: dir.to_owned(), fault });
        folders.truncate(PLUGINS_MAX);
    }
    for folder in folders {
        match read_plugin(&folder) {
            Ok(plugin) => found.plugins.push(plugin),
            Err(faults) => found.faults.extend(faults),
        }
    }
    found
}

/// Reads one plugin's folder.
pub fn read_plugin(folder: &Path) -> Result<Plugin, Vec<PluginFault>> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let shown = escape(&name).into_owned();
    let at = |path: &Path, fault: Fault| PluginFault {
        plugin: shown.clone(),
        path: path.to_owned(),
        fault,
    };
    distrusted_tree(folder).map_or(Ok(()), |fault| Err(vec![at(folder, fault)]))?;
    let path = folder.join("plugin.toml");
    let text =
        read_text(&path, PLUGIN_MANIFEST_BYTES_MAX).map_err(|fault| vec![at(&path, fault)])?;
    let manifest = manifest::read(&text, &name)
        .map_err(|faults| faults.into_iter().map(|fault| at(&path, fault)).collect::<Vec<_>>())?;
    let mut plugin = Plugin { manifest, folder: folder.to_owned(), program: None, module: None };
    if plugin.manifest.kind == PluginKind::Module {
        let path = plugin.module_path();
        let text =
            read_text(&path, PLUGIN_MODULE_BYTES_MAX).map_err(|fault| vec![at(&path, fault)])?;
        plugin.module = Some(text);
    } else {
        let first = plugin.manifest.run.first().map_or("", String::as_str);
        let refused = |(message, hint): (String, String)| {
            let place = crate::toml_text::of_words(&text, &message);
            vec![at(&path, Fault { message, hint, ..place })]
        };
        plugin.program = Some(find_program(folder, first).map_err(refused)?);
        // What an interpreter is to run is a program too.
        let arguments = plugin.manifest.run.iter().skip(1).map(Path::new);
        for script in arguments.filter(|path| path.is_absolute() && path.is_file()) {
            distrusted_chain(script)
                .map_or(Ok(()), |fault| Err(refused((fault.message, fault.hint))))?;
        }
    }
    Ok(plugin)
}

impl Found {
    /// The plugins that the config wants, and the names of its tables that no plugin has, each with
    /// words and hint. Names that were refused are no faults again.
    pub fn enabled(
        &self,
        tables: &BTreeMap<String, PluginConfig>,
    ) -> (Vec<Enabled>, Vec<(String, String)>) {
        let mut enabled = Vec::new();
        let mut missing = Vec::new();
        for (name, config) in tables.iter().filter(|(_, config)| config.enabled) {
            let plugin = self.plugins.iter().find(|plugin| plugin.name() == name);
            if let Some(plugin) = plugin {
                enabled.push(Enabled { plugin: plugin.clone(), config: config.clone() });
            } else if !self.faults.iter().any(|fault| &fault.plugin == name) {
                let known = self.plugins.iter().map(Plugin::name);
                let hint = match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "see `riposte plugin list`".to_owned(),
                };
                let words = format!("there is no plugin `{name}` in `plugins_dir`\nhint: {hint}");
                missing.push((name.clone(), words));
            }
        }
        (enabled, missing)
    }
}

/// A text file of a plugin, up to so many bytes.
fn read_text(path: &Path, bytes_max: u64) -> Result<String, Fault> {
    let failed = |error: std::io::Error| Fault::whole(format!("failed to read it: {error}"), "");
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Fault::whole("it is no regular file", ""));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Fault::whole(format!("it has more than {} KiB", bytes_max / 1024), ""));
    }
    String::from_utf8(bytes).map_err(|_| Fault::whole("it is not UTF-8", "save it as UTF-8"))
}

/// A folder or program, and all folders above it: who can write one of these can put another in
/// place. In a sticky folder (`/tmp`) what is ours can't be replaced.
fn distrusted_chain(dir: &Path) -> Option<Fault> {
    distrust_chain(dir).map(|why| Fault::whole(why.message, why.hint))
}

/// A plugin's folder with everything in it. Links are followed to what they lead to, but folders
/// behind links are not gone through.
fn distrusted_tree(folder: &Path) -> Option<Fault> {
    let mut waiting = vec![(folder.to_owned(), 0)];
    let mut seen = 0_usize;
    while let Some((path, depth)) = waiting.pop() {
        seen += 1;
        if seen > PLUGIN_FILES_MAX || depth > PLUGIN_NESTING_MAX {
            return Some(Fault::whole(
                format!(
                    "it has more than {PLUGIN_FILES_MAX} files, or folders more than {PLUGIN_NESTING_MAX} deep"
                ),
                "keep libraries and data outside of the plugin's folder",
            ));
        }
        if let Some(why) = distrust(&path) {
            return Some(Fault::whole(why.message, why.hint));
        }
        let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if is_folder || depth == 0 {
            let inside = match std::fs::read_dir(&path) {
                Ok(inside) => inside,
                Err(error) => {
                    let message = format!("failed to read `{}`: {error}", path.display());
                    return Some(Fault::whole(message, ""));
                }
            };
            waiting.extend(
                inside.take(PLUGIN_FILES_MAX + 1).flatten().map(|entry| (entry.path(), depth + 1)),
            );
        }
    }
    None
}

/// The file that `run` means; the fault has its words and its hint.
fn find_program(folder: &Path, first: &str) -> Result<PathBuf, (String, String)> {
    let path = Path::new(first);
    if path.is_absolute() {
        return sound_program(path, first);
    }
    if !first.contains('/') {
        let beside = folder.join(first).is_file();
        return CLEAN_PATH
            .split(':')
            .map(|part| Path::new(part).join(first))
            .find(|candidate| candidate.is_file())
            .map_or_else(
                || {
                    let hint = if beside {
                        format!("write `./{first}` for the file in the folder")
                    } else {
                        format!("install it; it is looked for in {CLEAN_PATH}")
                    };
                    Err((format!("`run` names `{first}`, which is not installed"), hint))
                },
                |found| sound_program(&found, first),
            );
    }
    if path.components().any(|part| part == std::path::Component::ParentDir) {
        let hint = "it must lie in the plugin's folder, or have an absolute path".to_owned();
        return Err((format!("`run` begins with `{first}`, which leads out of the folder"), hint));
    }
    sound_program(&folder.join(path).components().collect::<PathBuf>(), first)
}

fn sound_program(path: &Path, first: &str) -> Result<PathBuf, (String, String)> {
    let metadata = std::fs::metadata(path).map_err(|error| {
        (format!("`run` begins with `{first}`, which can't be used: {error}"), String::new())
    })?;
    if !metadata.is_file() {
        let message = format!("`run` begins with `{first}`, which is no regular file");
        return Err((message, String::new()));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        let hint = format!("chmod +x {}", path.display());
        return Err((format!("`run` begins with `{first}`, which is not executable"), hint));
    }
    match distrusted_chain(path) {
        Some(fault) => Err((fault.message, fault.hint)),
        None => Ok(path.to_owned()),
    }
}

#[cfg(test)]
#[path = "discover_tests.rs"]
mod tests;
