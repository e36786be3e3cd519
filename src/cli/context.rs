//! What commands share: the config (or the defaults where none is asked for), the rules it names,
//! the guard's standing facts.

use super::Faulty;
use super::output::Output;
use crate::config::{self, Config, RuleFiles, pack, read_rules_from};
use crate::decisions::{Decision, Entry, Guard, Mode, Subject};
use crate::event::text;
use crate::pipeline::core::{Core, CoreConfig, Modes};
use crate::pipeline::live::{distrusted, route_of};
use crate::pipeline::machine;
use crate::pipeline::rule_set::{self, LoadedRules};
use crate::rules::{RuleFile, RuleSet, Severity, render};
use crate::secret;
use crate::vaults::Keeper;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The default path of the config; that it isn't there is no fault for commands that can do
/// without.
pub const DEFAULT_CONFIG: &str = "/etc/riposte/riposte.toml";

/// The config, which must be there. Its vaults can be asked from here on.
pub fn config(path: &Path) -> anyhow::Result<Config> {
    let config = config::load(path)?;
    keep_secrets(&config);
    Ok(config)
}

/// Makes a keeper of the config's secrets that of this process; nothing is read yet.
pub fn keep_secrets(config: &Config) {
    secret::install(Keeper::new(&config.vaults));
}

/// The state folder that a config names, though the config may have faults elsewhere.
pub fn state_dir(path: &Path) -> Option<PathBuf> {
    let table: toml::Table = std::fs::read_to_string(path).ok()?.parse().ok()?;
    let default = Config::default().state_dir;
    let dir = table.get("state_dir").and_then(toml::Value::as_str).map_or(default, PathBuf::from);
    Some(path.parent().unwrap_or(Path::new(".")).join(dir))
}

/// The config; the defaults where the default path holds none.
pub fn config_or_default(path: &Path) -> anyhow::Result<Config> {
    if path == Path::new(DEFAULT_CONFIG) && !path.exists() {
        return Ok(Config::default());
    }
    config(path)
}

/// The rules: of these paths where any are given, else of the config.
pub fn rules(config: &Config, paths: &[PathBuf]) -> LoadedRules {
    rules_as_set(config, paths, &BTreeMap::new(), 0)
}

/// The same with the modes that were set by hand, and an installation's seed.
pub fn rules_as_set(
    config: &Config,
    paths: &[PathBuf],
    modes: &BTreeMap<String, Mode>,
    seed: u64,
) -> LoadedRules {
    if paths.is_empty() {
        return rule_set::load(config, modes, seed);
    }
    rule_set::load_files(config, files_of(paths), modes, seed)
}

fn files_of(paths: &[PathBuf]) -> RuleFiles {
    read_rules_from(paths)
}

/// Adds the rules that test files are about, where nobody has read them yet.
pub fn with_tested(mut files: RuleFiles) -> RuleFiles {
    let mut wanted: Vec<String> = files.tests.iter().flat_map(RuleFile::tested_paths).collect();
    wanted.sort();
    wanted.dedup();
    wanted.retain(|path| !files.files.iter().any(|file| file.path == *path));
    for path in wanted {
        let on_disk = Path::new(&path).exists();
        if on_disk {
            let more = read_rules_from(&[PathBuf::from(&path)]);
            let new = more.files.into_iter();
            let known = |file: &RuleFile| files.files.iter().any(|known| known.path == file.path);
            let new: Vec<RuleFile> = new.filter(|file| !known(file)).collect();
            files.files.extend(new);
            files.faults.extend(more.faults);
        } else if let Some(shipped) = pack::shipped(&path)
            && !files.files.iter().any(|file| file.path == shipped.path)
        {
            files.files.push(shipped);
        }
    }
    files
}

/// The rules for a command that evaluates: faults are told, and what could be loaded is used.
pub fn rules_to_run(
    config: &Config,
    paths: &[PathBuf],
    out: &Output,
) -> anyhow::Result<Arc<RuleSet>> {
    to_run(rules(config, paths), out)
}

/// Faults are told, and what could be loaded is used.
pub fn to_run(rules: LoadedRules, out: &Output) -> anyhow::Result<Arc<RuleSet>> {
    let unreadable = super::check::unreadable_findings(&rules.faults);
    let errors = rules.loaded.findings.iter();
    let errors = errors.filter(|finding| finding.severity == Severity::Error).cloned();
    let errors: Vec<_> = unreadable.into_iter().chain(errors).collect();
    if errors.is_empty() {
        return Ok(Arc::new(rules.loaded.set));
    }
    Err(Faulty(render(&errors, out.colour())).into())
}

/// A core for past events, in which every rule counts as enforced.
pub fn replay_core(config: &Config, rules: Arc<RuleSet>) -> Core {
    core(config, rules, 0, Modes::AllEnforce)
}

/// A core as the daemon has it, with an installation's seed.
pub fn live_core(config: &Config, rules: Arc<RuleSet>, seed: u64) -> Core {
    let mut core = core(config, rules, seed, Modes::AsSet);
    core.distrust(distrusted(config));
    core
}

fn core(config: &Config, rules: Arc<RuleSet>, seed: u64, modes: Modes) -> Core {
    Core::new(
        rules,
        CoreConfig {
            window_bytes_max: config.memory.windows_bytes(machine::memory_bytes()),
            seed,
            guard: config.guard.clone(),
            route_of: route_of(config),
            modes,
        },
    )
}

/// What the guard knows without a daemon: the config's allowlist and this machine's addresses.
pub struct StandingFacts {
    guard: Guard,
}

impl StandingFacts {
    /// From a config.
    pub fn new(config: &Config) -> Self {
        let mut guard = Guard::new(config.guard.clone());
        tell_guard(&mut guard, config);
        Self { guard }
    }

    /// `pass`, or why the guard would refuse it whatever happens.
    pub fn verdict(&self, decision: &Decision) -> String {
        match self.guard.facts().refusal(&decision.target, decision.remedy) {
            None => "pass".to_owned(),
            Some(refusal) => format!("refused: {refusal}"),
        }
    }
}

/// Tells a guard the config's allowlist and this machine's addresses.
pub fn tell_guard(guard: &mut Guard, config: &Config) {
    guard.set_own(&machine::own_addresses());
    guard.edit_allowlist(|list| {
        for text in &config.guard.allow {
            let Some(subject) = Subject::parse(text) else { continue };
            let entry = Entry {
                subject,
                comment: "`guard.allow` of the config".to_owned(),
                added: crate::clock::now(),
                by: "config".to_owned(),
                until: None,
            };
            // A full list is a fault of the config, which `check` tells.
            if list.add(entry).is_err() {
                break;
            }
        }
    });
}

/// That there is no such rule, and which one may be meant.
pub fn no_rule<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let shown = text::escape(name);
    let hint = match text::nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`riposte rules list` shows them all".to_owned(),
    };
    format!("there is no rule `{shown}`\nhint: {hint}")
}
