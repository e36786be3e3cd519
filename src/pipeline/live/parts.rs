//! The parts of a daemon, each from the config and the store.

use super::{Found, StartError};
use crate::actions::Outbox;
use crate::clock::{self, Timestamp};
use crate::config::{Config, SourceConfig};
use crate::decisions::{ActionId, Desk, Entry, Mode, Outcome, Proxies, Subject};
use crate::enrich::RealClient;
use crate::event::{Event, Field, Kind};
use crate::parsers::Parser;
use crate::pipeline::core::RouteOf;
use crate::pipeline::engine::Engine;
use crate::pipeline::feed::SourceBook;
use crate::pipeline::{meta, rule_set};
use crate::rules::RuleSet;
use crate::sources::Rereader;
use crate::store::{Mark, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Outcomes go to the store.
pub(super) struct StoreOutbox(pub Arc<Store>);

impl Outbox for StoreOutbox {
    fn record(
        &self,
        id: ActionId,
        destination: &str,
        outcome: &Outcome,
        attempt: u32,
        at: Timestamp,
    ) {
        if let Err(error) = self.0.mark(&Mark { action: id, destination, outcome, attempt, at }) {
            tracing::warn!(%error, destination, "failed to keep an outcome; it is tried again at the next start");
        }
    }
}

/// How a client came here: by the log's own word about the peer, and by what kind of server it is.
pub fn route_of(config: &Config) -> RouteOf {
    let proxies = Proxies::new(&config.guard);
    Arc::new(move |event: &Event| match event.ip(Field::Ip) {
        Some(ip) if event.kind == Kind::SshAuth => proxies.route(Some(ip), ip),
        Some(ip) => proxies.route(event.ip(Field::Peer), ip),
        None => crate::decisions::Route::Unknown,
    })
}

/// The proxies that are trusted, for finding the real client.
pub fn real_client(config: &Config) -> RealClient {
    let shipped = config.guard.cloudflare.then_some(crate::decisions::proxies::CLOUDFLARE_RANGES);
    let shipped = shipped.into_iter().flatten().filter_map(|net| net.parse().ok());
    RealClient::new(config.guard.proxy_nets().into_iter().chain(shipped))
}

pub(super) fn load_rules(
    config: &Config,
    store: &Store,
    seed: u64,
) -> Result<(Arc<RuleSet>, Found), StoreError> {
    let modes: BTreeMap<String, Mode> = store
        .read()
        .rule_modes()?
        .into_iter()
        .map(|row| (row.rule.to_string(), row.mode))
        .collect();
    let rules = rule_set::load(config, &modes, seed);
    let found = Found {
        findings: rules.loaded.findings,
        unreadable: rules.faults.into_iter().map(|fault| fault.message).collect(),
    };
    Ok((Arc::new(rules.loaded.set), found))
}

pub(super) fn source_book(config: &Config) -> Result<SourceBook, StartError> {
    let mut book = SourceBook::new(real_client(config));
    for source in &config.sources {
        let parser = Parser::build(&source.parser_config()).map_err(|error| {
            StartError::Source { name: source.name.clone(), error: error.to_string() }
        })?;
        book.add(&source.name, parser);
    }
    Ok(book)
}

pub(super) fn rereaders(config: &Config) -> BTreeMap<Arc<str>, Rereader> {
    let rereader = |source: &SourceConfig| {
        let state_dir = Some(config.state_dir.clone());
        let rereader = Rereader::new(source.paths.clone(), source.rotated.clone(), state_dir);
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

impl Engine {
    /// After the recovery: the allowlist of config and store, this machine's addresses and a
    /// panic count before the first action leaves.
    pub(super) fn settle(&mut self, config: &Config, store: &Store) -> Result<(), StoreError> {
        let now = clock::now();
        let from_config = config.guard.allow.iter().filter_map(|text| {
            Some(Entry {
                subject: Subject::parse(text)?,
                comment: "`guard.allow` of the config".to_owned(),
                added: now,
                by: "config".to_owned(),
                until: None,
            })
        });
        let (_, rows) = store.read().allowlist()?;
        let from_store = rows.into_iter().filter_map(|row| {
            Some(Entry {
                subject: Subject::parse(&row.entry)?,
                comment: row.note,
                added: row.added,
                by: "command line".to_owned(),
                until: row.until,
            })
        });
        let entries: Vec<Entry> = from_config.chain(from_store).collect();
        self.settle_with(entries, meta::panic(store.read())?);
        Ok(())
    }
}
