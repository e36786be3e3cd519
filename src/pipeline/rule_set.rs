//! From the config to the rules in force: files, parameters, modes, and what the config knows.

use super::threat_feeds::{ADDED, ADDED_FIELDS, FeedLookups};
use super::trial::{Params, TestLookups};
use super::{plugins, programs};
use crate::actions::CloudflareConfig;
use crate::cloudflare::zones;
use crate::config::{Config, RuleFiles, load::Fault, read_plugins, read_rules};
use crate::decisions::Mode;
use crate::event::Kind;
use crate::feeds::FeedConfig;
use crate::rules::{Known, Loaded, Marks, ModuleFile, RuleFile, RuleSet, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rules with everything that was found on the way.
pub struct LoadedRules {
    /// What the rule files hold.
    pub loaded: Loaded,
    /// Files that could not be read at all.
    pub faults: Vec<Fault>,
}

/// Loads the rules of a config; `modes` (set by the command line) win over the config's.
pub fn load(config: &Config, modes: &BTreeMap<String, Mode>, seed: u64) -> LoadedRules {
    load_files(config, read_rules(&config.rules), modes, seed)
}

/// Loads these rule files with the settings of a config.
pub fn load_files(
    config: &Config,
    files: RuleFiles,
    modes: &BTreeMap<String, Mode>,
    seed: u64,
) -> LoadedRules {
    let mut settings = settings(config, modes, seed);
    if !config.feeds.is_empty() || !config.geo.is_empty() {
        settings.lookups = Some(FeedLookups::at_hand(config));
    }
    load_all(config, &files.files, files.faults, &settings)
}

/// Loads these rule files to tell all that is wrong with them; `text` is the config's own, with its
/// path.
pub fn load_to_check(config: &Config, files: RuleFiles, text: Option<RuleFile>) -> LoadedRules {
    let mut settings = settings(config, &BTreeMap::new(), 0);
    settings.analyse = true;
    settings.config = text;
    settings.known.given = Some(kinds_given(config).unwrap_or_default());
    let all: Vec<RuleFile> = files.files.into_iter().chain(files.tests).collect();
    load_all(config, &all, files.faults, &settings)
}

/// The built-in kinds that the sources of a config give; none where that isn't known: without
/// sources, or where a source finds its format by itself.
pub fn kinds_given(config: &Config) -> Option<BTreeSet<String>> {
    let mut kinds = BTreeSet::new();
    for source in &config.sources {
        let given: &[&str] = match source.format.as_str() {
            "nginx" | "apache" | "combined" | "common" | "caddy" | "traefik" | "haproxy" => {
                &["http"]
            }
            "nginx-error" => &["http.error"],
            "logpush" => &["http", "cloudflare.firewall"],
            "sshd" | "syslog" => &["ssh.auth", "syslog"],
            "json" | "pattern" => &[source.kind.as_deref().unwrap_or("log")],
            _ => return None,
        };
        kinds.extend(given.iter().map(|kind| (*kind).to_owned()));
    }
    (!kinds.is_empty()).then_some(kinds)
}

/// Loads rule files with those that hold tests alone, for a bench: nothing of the machine's state,
/// and look-ups find what a test tells.
pub fn load_with_tests(
    config: &Config,
    files: RuleFiles,
    modes: &BTreeMap<String, Mode>,
) -> LoadedRules {
    let mut settings = settings(config, modes, 0);
    settings.lookups = Some(Arc::new(TestLookups));
    let all: Vec<RuleFile> = files.files.into_iter().chain(files.tests).collect();
    load_all(config, &all, files.faults, &settings)
}

/// Loads these rule files as [`load_with_tests`] does, with a test's own parameters.
pub fn load_with_params(config: &Config, files: &[RuleFile], params: &Params) -> Loaded {
    let mut settings = settings(config, &BTreeMap::new(), 0);
    settings.lookups = Some(Arc::new(TestLookups));
    settings.without_tests = true;
    settings.params.extend(params.clone());
    RuleSet::load(files, &read_plugins(config).modules, &settings)
}

/// Loads rule files whose texts have marks, as [`load_with_tests`] does.
pub fn load_marked(
    config: &Config,
    files: &[RuleFile],
    params: &Params,
    marks: &Arc<Marks>,
) -> Loaded {
    let mut settings = settings(config, &BTreeMap::new(), 0);
    settings.lookups = Some(Arc::new(TestLookups));
    settings.marks = Some(Arc::clone(marks));
    settings.params.extend(params.clone());
    RuleSet::load(files, &read_plugins(config).modules, &settings)
}

/// Loads these texts for a daemon: without their tests, which it never runs.
pub fn load_to_run(
    config: &Config,
    files: &[RuleFile],
    plugins: &[ModuleFile],
    modes: &BTreeMap<String, Mode>,
    seed: u64,
) -> Loaded {
    let mut settings = settings(config, modes, seed);
    settings.without_tests = true;
    settings.lookups = Some(FeedLookups::pinned());
    RuleSet::load(files, plugins, &settings)
}

/// Loads rule files with the modules of the config's plugins.
fn load_all(
    config: &Config,
    files: &[RuleFile],
    mut faults: Vec<Fault>,
    settings: &Settings,
) -> LoadedRules {
    let plugins = read_plugins(config);
    faults.extend(plugins.faults);
    LoadedRules { loaded: RuleSet::load(files, &plugins.modules, settings), faults }
}

/// What the config says to rules.
fn settings(config: &Config, modes: &BTreeMap<String, Mode>, seed: u64) -> Settings {
    let names =
        |list: Vec<&str>| Some(list.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
    let actions = &config.actions;
    let mut declared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let enabled = read_plugins(config).enabled;
    for schema in programs::kinds(config, &enabled) {
        for (kind, fields) in schema.kinds() {
            declared.entry(kind.to_owned()).or_default().extend(fields.keys().cloned());
        }
    }
    if !config.feeds.is_empty() {
        let fields = ADDED_FIELDS.iter().map(|field| (*field).to_owned());
        declared.entry(ADDED.to_owned()).or_default().extend(fields);
    }
    let own = |kind: &&String| matches!(Kind::from_name(kind), Kind::Custom(_));
    let known = Known {
        channels: names(actions.channels.iter().map(|channel| channel.name.as_str()).collect()),
        webhooks: names(actions.webhooks.iter().map(|webhook| webhook.name.as_str()).collect()),
        programs: names(actions.programs.iter().map(|program| program.name.as_str()).collect()),
        enforcers: names(actions.enforcer_names()),
        zones: zones_of(&actions.cloudflare),
        feeds: names(config.feeds.iter().map(FeedConfig::name).collect()),
        places: Some(!config.geo.is_empty()),
        kinds: config
            .sources
            .iter()
            .filter_map(|source| source.kind.clone())
            .chain(declared.keys().filter(own).cloned())
            .collect(),
        declared,
        fields: config
            .sources
            .iter()
            .flat_map(|source| source.fields.keys().cloned())
            .chain(plugins::added_fields(&enabled))
            .collect(),
        given: None,
    };
    let params = config.rules.params.iter().map(|(name, values)| {
        let values = values.iter().map(|(key, value)| (key.clone(), json(value))).collect();
        (name.clone(), values)
    });
    let mut all_modes = config.rules.modes.clone();
    all_modes.extend(modes.iter().map(|(rule, mode)| (rule.clone(), *mode)));
    Settings { params: params.collect(), modes: all_modes, known, seed, ..Settings::default() }
}

/// The zones at Cloudflare, where the config names all of them.
fn zones_of(accounts: &[CloudflareConfig]) -> Option<BTreeSet<String>> {
    let named = |account: &CloudflareConfig| {
        !account.zones.is_empty() && !account.zones.iter().any(|zone| zones::is_id(zone))
    };
    let all = accounts.iter().flat_map(|account| &account.zones);
    accounts.iter().all(named).then(|| all.map(|zone| zone.to_ascii_lowercase()).collect())
}

/// A TOML value as JSON; a date becomes its text.
fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => {
            serde_json::Value::Object(table.iter().map(|(k, v)| (k.clone(), json(v))).collect())
        }
    }
}
