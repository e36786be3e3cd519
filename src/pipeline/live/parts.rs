//! The parts of a daemon, each from the config and the store.

use super::{Found, StartError};
use crate::actions::{Executors, Health, HealthState};
use crate::config::{Config, SourceConfig, SourceType, read_plugins};
use crate::decisions::{Desk, Proxies, Route};
use crate::enrich::{Listed, RealClient, Whose};
use crate::event::{Event, Field, Kind, Value};
use crate::feeds::Keeper;
use crate::limits;
use crate::parsers::{Around, Fields, Parser};
use crate::pipeline::control::Reply;
use crate::pipeline::core::RouteOf;
use crate::pipeline::engine::{Engine, Inputs, InputsTaken, Message, Release};
use crate::pipeline::feed::SourceBook;
use crate::pipeline::outcomes::StoreOutbox;
use crate::pipeline::programs::{MakeKeeper, Programs, Tell};
use crate::pipeline::rule_keeper::Kept;
use crate::pipeline::threat_feeds::FeedLookups;
use crate::pipeline::{meta, plugins, programs};
use crate::plugins::{Enabled, HealthCell};
use crate::rules::RuleSet;
use crate::sources::Rereader;
use crate::sources::containers::Containers;
use crate::sources::program::Program;
use crate::sources::supervise::Handle;
use crate::store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a client came here: by the log's own word about the peer, and by what kind of server it is.
pub fn route_of(config: &Config) -> RouteOf {
    let proxies = Proxies::new(&config.guard, &[]);
    let listed = listed(config);
    let is_listed =
        move |address: IpAddr| listed.as_ref().is_some_and(|of| (of.0)(address).is_some());
    Arc::new(move |event: &Event| match event.ip(Field::Ip) {
        Some(ip) if event.kind == Kind::SshAuth => proxies.route(Some(ip), ip),
        Some(ip) if is_listed(event.ip(Field::Peer).unwrap_or(ip)) => Route::Proxied,
        Some(ip) => proxies.route(event.ip(Field::Peer), ip),
        None => Route::Unknown,
    })
}

/// The proxies that are trusted, for finding the real client.
pub fn real_client(config: &Config) -> RealClient {
    let shipped = config.guard.cloudflare.then_some(crate::decisions::proxies::CLOUDFLARE_RANGES);
    let cloudflare = shipped.into_iter().flatten().filter_map(|net| net.parse().ok());
    let real_client = RealClient::new(config.guard.proxy_nets(), cloudflare);
    match listed(config) {
        Some(listed) => real_client.listing(listed),
        None => real_client,
    }
}

/// The proxies that feeds list; none where the config trusts no feed so.
fn listed(config: &Config) -> Option<Listed> {
    let whose = |name: &String| {
        let whose = if name.starts_with("cloudflare") { Whose::Cloudflare } else { Whose::Other };
        (name.clone(), whose)
    };
    let names: Vec<(String, Whose)> = config.guard.proxy_feeds.iter().map(whose).collect();
    if names.is_empty() {
        return None;
    }
    let lookups = FeedLookups::of_proxies(config);
    Some(Listed(Arc::new(move |address| {
        let listed = names.iter().find(|(name, _)| lookups.in_feed(address, name));
        listed.map(|(_, whose)| *whose)
    })))
}

/// Lets the engine take inputs from now on.
pub(super) fn on_its_thread(
    engine: Engine,
    inputs: InputsTaken,
) -> Result<JoinHandle<Option<Executors>>, StartError> {
    std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || engine.run(&inputs))
        .map_err(|error| StartError::Io { what: "the engine", error })
}

/// A person's look at a threat feed; it waits for what comes of it, never for long.
pub(super) fn refreshed(keeper: Option<&Keeper>, feed: &str, accept: bool) -> Reply {
    let wait = Duration::from_secs(limits::CONTROL_REPLY_SECS_MAX);
    match keeper.map(|keeper| keeper.refresh(feed, accept, wait)) {
        Some(Ok(message)) => Reply::Done { message, decisions: Vec::new() },
        Some(Err(message)) => Reply::Refused { message },
        None => Reply::Refused { message: "feeds are not kept here".into() },
    }
}

/// Sources whose events anybody may have sent.
pub fn distrusted(config: &Config) -> BTreeSet<Arc<str>> {
    let sources = config.sources.iter().filter(|source| !source.is_trusted());
    sources.map(|source| Arc::from(source.name.as_str())).collect()
}

/// The set, and what there is to tell of it.
pub(super) fn found(kept: Kept) -> (Arc<RuleSet>, Found) {
    let found = Found {
        findings: kept.findings,
        unreadable: kept.unreadable,
        kept: kept.old_versions,
        broken: kept.broken.into_iter().collect(),
        ..Found::default()
    };
    (Arc::new(kept.set), found)
}

/// The tables that a reload does not put in force, where they differ.
pub(super) fn at_next_start(old: &Config, new: &Config) -> Vec<&'static str> {
    let tables = [
        ("state_dir", old.state_dir != new.state_dir),
        ("sources", old.sources != new.sources),
        ("plugins_dir", old.plugins_dir != new.plugins_dir),
        ("plugins", programs_differ(old, new)),
        ("actions", old.actions != new.actions),
        ("vaults", old.vaults != new.vaults),
        ("memory", old.memory != new.memory),
        ("feeds", old.feeds != new.feeds),
        ("geo", old.geo != new.geo),
        ("bots", old.bots != new.bots),
        ("log", old.log != new.log),
    ];
    tables.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// Whether tables of plugins differ that are no modules.
fn programs_differ(old: &Config, new: &Config) -> bool {
    if old.plugins == new.plugins {
        return false;
    }
    let modules: BTreeSet<String> = [old, new]
        .into_iter()
        .flat_map(|config| read_plugins(config).modules)
        .map(|module| module.name)
        .collect();
    let names: BTreeSet<&String> = old.plugins.keys().chain(new.plugins.keys()).collect();
    names
        .iter()
        .any(|name| !modules.contains(*name) && old.plugins.get(*name) != new.plugins.get(*name))
}

/// The parsers of all sources, and the programs among them.
pub(super) fn source_book(
    config: &Config,
    enabled: &[Enabled],
    (keeper, tell): (MakeKeeper<'_>, &Tell),
) -> Result<(SourceBook, Programs), StartError> {
    let mut book = SourceBook::new(real_client(config), plugins::specs(enabled));
    let mut programs = Programs::default();
    for source in &config.sources {
        let parsers = if source.has_plugin_format() {
            programs.parser(config, source, enabled, (keeper, tell))
        } else {
            let built = Parser::build(&source.parser_config());
            let built = built.map(|parser| match containers(source, &config.state_dir) {
                Some(around) => parser.around(around),
                None => parser,
            });
            built.map(|parser| (parser.clone(), parser)).map_err(|error| error.to_string())
        };
        let (asking, known) =
            parsers.map_err(|error| StartError::Source { name: source.name.clone(), error })?;
        if source.kind_of.is_framed() {
            book.add_asking(&source.name, asking.framed(), known.framed());
        } else {
            book.add_asking(&source.name, asking, known);
        }
    }
    Ok((book, programs))
}

/// What is known of the containers that a source reads.
fn containers(source: &SourceConfig, state_dir: &Path) -> Option<Arc<dyn Around>> {
    let (paths, labels) = (source.log_paths(), source.labels.clone());
    let known = Containers::open(source.runtime()?, &source.name, paths, labels, state_dir);
    Some(Arc::new(OfContainers(known)))
}

#[derive(Debug)]
struct OfContainers(Containers);

impl Around for OfContainers {
    fn fields(&self, stream: &str) -> Fields {
        let fields = self.0.fields_of(stream).into_iter();
        fields.map(|(name, value)| (Arc::from(name), Value::text(value))).collect()
    }
}

/// Sources' programs, by the source's name.
pub(super) type SourcePrograms = BTreeMap<String, Box<dyn Program>>;

/// The programs of all sources that are plugins and can be used, and how they are; none is started
/// yet.
pub(super) fn source_programs(
    config: &Config,
    enabled: &[Enabled],
    keeper: MakeKeeper<'_>,
) -> (SourcePrograms, Vec<Arc<HealthCell>>) {
    let mut programs = BTreeMap::new();
    let mut cells = Vec::new();
    for source in config.sources.iter().filter(|source| source.kind_of == SourceType::Plugin) {
        // Why there is none is told by `lacking`.
        if let Ok((program, health)) = programs::source_program(source, enabled, keeper) {
            cells.push(health);
            programs.insert(source.name.clone(), program);
        }
    }
    (programs, cells)
}

/// Where outcomes go; what people should look at reaches the engine as an alarm.
pub(super) fn outcomes_of(store: &Arc<Store>, inputs: &Inputs) -> StoreOutbox {
    let alarms = inputs.control.clone();
    StoreOutbox::new(Arc::clone(store)).telling(Box::new(move |from, text| {
        // Full means that the engine is behind; the log has it all the same.
        drop(alarms.try_send(Message::Alarm { source: from.to_owned(), text }));
    }))
}

/// Tells sources and answers of programs how far they are done.
pub(super) fn releaser(sources: &Arc<Mutex<Vec<Handle>>>, programs: &Arc<Programs>) -> Release {
    let (sources, programs) = (Arc::clone(sources), Arc::clone(programs));
    Box::new(move |cursors| {
        programs.release(cursors);
        let handles = sources.lock().unwrap_or_else(PoisonError::into_inner);
        for (origin, offset) in cursors {
            let of_source = handles.iter().filter(|handle| handle.source() == &*origin.source);
            of_source.for_each(|handle| handle.release(origin, *offset));
        }
    })
}

pub(super) fn rereaders(config: &Config) -> BTreeMap<Arc<str>, Rereader> {
    let rereader = |source: &SourceConfig| {
        let state_dir = Some(config.state_dir.clone());
        let rereader = Rereader::new(source.log_paths(), source.rotated.clone(), state_dir)
            .joining(source.join());
        (Arc::from(source.name.as_str()), rereader)
    };
    config.sources.iter().map(rereader).collect()
}

/// The desk as config and store make it; its saved state comes with the recovery.
pub(super) fn desk(config: &Config, store: &Store) -> Result<Desk, StoreError> {
    let mut desk = Desk::new(config.guard.clone());
    let installed = meta::installed(store)?;
    if !meta::armed(store.read())? {
        desk.guard.begin_first_days(installed);
    }
    Ok(desk)
}

/// Waits, within a bound, until nothing is queued at the destinations that can work; whether nothing
/// is queued at any.
pub(super) fn carried_out(executors: &Executors) -> bool {
    let until = Instant::now() + Duration::from_secs(limits::STOP_SECS_MAX);
    loop {
        let health = executors.health();
        let waits = |place: &Health| place.queued > 0;
        let works =
            |place: &Health| matches!(place.state, HealthState::Starting | HealthState::Well);
        if !health.iter().any(|place| waits(place) && works(place)) || Instant::now() >= until {
            return !health.iter().any(waits);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::PluginConfig;

    #[test]
    fn programs_that_changed_wait_for_the_next_start() {
        let old = Config::default();
        let mut new = Config::default();
        assert_eq!(at_next_start(&old, &new), [""; 0]);
        let table = PluginConfig { enabled: true, ..PluginConfig::default() };
        new.plugins.insert("chat".to_owned(), table);
        assert_eq!(at_next_start(&old, &new), ["plugins"]);
    }

    #[test]
    fn modules_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let plugin = dir.path().join("words");
        std::fs::create_dir(&plugin).unwrap();
        let manifest =
            "name = \"words\"\nversion = \"1\"\nkind = \"module\"\ndescription = \"x\"\n";
        std::fs::write(plugin.join("plugin.toml"), manifest).unwrap();
        std::fs::write(plugin.join("lib.rhai"), "fn one() { 1 }\n").unwrap();
        let old = Config { plugins_dir: dir.path().to_owned(), ..Config::default() };
        let mut new = Config { plugins_dir: dir.path().to_owned(), ..Config::default() };
        let table = PluginConfig { enabled: true, ..PluginConfig::default() };
        new.plugins.insert("words".to_owned(), table);
        assert_eq!(at_next_start(&old, &new), [""; 0]);
    }
}
