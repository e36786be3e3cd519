//! The daemon put together: store, rules, engine, executors, sources, control socket; and taken
//! apart again in the order in which nothing is lost.

use super::control::{ControlSocket, Handler, Reply, Request};
use super::engine::{Facts, Inputs, Message, Reloaded};
use super::feed::{AskedNow, Feed, SourceBook};
use super::lacking::{self, Lack};
use super::outcomes::StoreOutbox;
use super::programs::Programs;
use super::{machine, meta, plugins, programs, rule_keeper, secrets, threat_feeds};
use crate::actions::{Executors, Wanted};
use crate::config::{Config, SourceType, read_plugins};
use crate::feeds::Keeper;
use crate::limits;
use crate::plugins::Enabled;
use crate::plugins::Enricher;
use crate::rules::RuleSet;
use crate::sources::http::Intake;
use crate::sources::program;
use crate::sources::supervise::Handle;
use crate::sources::{Files, Sink, Stdin};
use crate::store::{Store, StoreError};
use crate::vaults::Watch;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

mod found;
mod parts;
mod restored;

pub use found::Found;
pub use parts::{distrusted, real_client, route_of};

use parts::{
    SourcePrograms, at_next_start, carried_out, found, on_its_thread, outcomes_of, refreshed,
    releaser, source_book, source_programs,
};
use restored::restored;

/// Why a daemon can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A source can't be built or started.
    #[error("source `{name}`: {error}")]
    Source {
        /// Its name.
        name: String,
        /// Why.
        error: String,
    },
    /// A thread or socket could not be made.
    #[error("failed to start {what}: {error}")]
    Io {
        /// What.
        what: &'static str,
        /// Why.
        error: std::io::Error,
    },
}

/// A running daemon.
pub struct Live {
    engine: JoinHandle<Option<Executors>>,
    inputs: Inputs,
    outcomes: Arc<StoreOutbox>,
    sources: Arc<Mutex<Vec<Handle>>>,
    programs: Arc<Programs>,
    rules: Arc<ArcSwap<RuleSet>>,
    asked: AskedNow,
    feed_keeper: Option<Keeper>,
    store: Arc<Store>,
    socket: Option<ControlSocket>,
    seed: u64,
    /// Plugins that could not be used at the start.
    lacks: Vec<Lack>,
    /// Reads secrets again in time.
    _secrets: Option<Watch>,
    /// As it was at the start: what a reload can't change is compared with it.
    config: Box<Config>,
}

impl Live {
    /// Starts everything: rules, what the store remembers, enforcers, then sources.
    pub fn start(config: &Config, dry_run: bool) -> Result<(Self, Found), StartError> {
        Self::start_with(config, dry_run, true)
    }

    /// Answers one request where no daemon runs: all but the sources is started for it, and
    /// stopped when the executors are done with what it led to.
    pub fn answer_once(config: &Config, request: Request) -> Result<Reply, StartError> {
        let (live, _) = Self::start_with(config, false, false)?;
        let (answer, answered) = crossbeam_channel::bounded(1);
        // The engine lives until it is told to stop, below.
        let _taken = live.inputs.control.send(Message::Request(request, answer));
        let wait = Duration::from_secs(limits::CONTROL_REPLY_SECS_MAX);
        let reply = answered.recv_timeout(wait);
        let in_time = live.end(true);
        Ok(match reply {
            Ok(Reply::Done { message, decisions }) if !in_time => Reply::Done {
                message: format!(
                    "{message} (not everything could be carried out yet; the next start goes on)"
                ),
                decisions,
            },
            Ok(reply) => reply,
            Err(_) => Reply::Refused { message: "the engine did not answer".into() },
        })
    }

    fn start_with(
        config: &Config,
        dry_run: bool,
        with_sources: bool,
    ) -> Result<(Self, Found), StartError> {
        let store = Arc::new(Store::open(&config.state_dir)?);
        crate::cloudflare::keep_stops_in(&config.state_dir);
        let seed = meta::seed(&store)?;
        let kept = rule_keeper::load(config, &store, seed)?;
        rule_keeper::keep(&store, &kept);
        let (set, found) = found(kept);
        let rules = Arc::new(ArcSwap::new(Arc::clone(&set)));
        let (inputs, taken) = Inputs::new();
        let read = read_plugins(config);
        let (lacks, enabled) = (lacking::lacking(config, &read), read.enabled);
        let secrets = secrets::keep(config, &inputs.control, with_sources)?;
        let keepers = |plugin: &Enabled| plugins::keeper(plugin, &inputs.control);
        let tell = programs::tell(&inputs.control);
        let (book, programs) = source_book(config, &enabled, (&keepers, &tell))?;
        let (book, programs) = (Arc::new(book), Arc::new(programs));
        let names = Arc::new(ArcSwap::from_pointee(Vec::new()));
        let (mut engine, desk) =
            restored(config, &store, set, (seed, dry_run, with_sources), &book, &names)?;
        let outcomes = Arc::new(outcomes_of(&store, &inputs));
        let friends = desk.lock().guard.last_check();
        let wanted: Arc<dyn Wanted> = Arc::new(desk);
        let (guests, cells) = plugins::guests(&enabled, &inputs.control);
        engine.watch_plugins(cells);
        let executors =
            Executors::start(&config.actions, outcomes.clone(), &wanted, guests, dry_run);
        engine.connect(executors);
        let (asked, feed_keeper) =
            threat_feeds::begin(config, &mut engine, &inputs, friends, with_sources)?;
        let resume = config.sources.iter().map(|source| source.name.clone());
        let resume = resume.map(|name| (name.clone(), engine.cursors_of(&name))).collect();
        let enrichers = if with_sources {
            plugins::enrichers(&enabled, &inputs.control)
                .map_err(|error| StartError::Io { what: "an enricher", error })?
        } else {
            Vec::new()
        };
        engine.watch_plugins(enrichers.iter().map(|enricher| Arc::clone(enricher.health())));
        let sources = Arc::new(Mutex::new(Vec::<Handle>::new()));
        engine.on_release(releaser(&sources, &programs));
        engine.watch_plugins(programs.health());
        engine.watch_plugins(lacking::tell(&lacks, &inputs.control));
        let mut started = BTreeMap::new();
        if with_sources {
            let (programs, cells) = source_programs(config, &enabled, &keepers);
            engine.watch_plugins(cells);
            started = programs;
        }
        let engine = on_its_thread(engine, taken)?;
        let live = Self {
            engine,
            inputs,
            outcomes,
            sources,
            programs,
            rules,
            asked,
            feed_keeper,
            store,
            socket: None,
            seed,
            lacks,
            _secrets: secrets,
            config: Box::new(config.clone()),
        };
        live.unapplied(found.unapplied());
        if with_sources {
            live.start_facts(names)?;
            live.start_sources(config, &book, started, &Arc::from(enrichers), resume)?;
        }
        Ok((live, found))
    }

    fn start_sources(
        &self,
        config: &Config,
        book: &Arc<SourceBook>,
        mut made: SourcePrograms,
        enrichers: &Arc<[Enricher]>,
        mut resume: BTreeMap<String, Vec<(crate::event::Origin, u64)>>,
    ) -> Result<(), StartError> {
        let intake = Intake::new(config.intake.clone());
        let stands = |name: &str| self.lacks.iter().any(|lack| lack.sources.contains(name));
        for source in config.sources.iter().filter(|source| !stands(&source.name)) {
            let feed: Arc<dyn Sink> = Arc::new(Feed::new(
                &source.name,
                Arc::clone(book),
                (Arc::clone(&self.rules), self.asked.clone()),
                Arc::clone(enrichers),
                self.inputs.clone(),
            ));
            let cursors = resume.remove(&source.name).unwrap_or_default();
            let started = match source.kind_of {
                kind_of if kind_of.is_files() => Files::start(
                    &source.name,
                    source.files_config(&config.state_dir),
                    cursors,
                    feed,
                ),
                SourceType::Stdin => Stdin::start(
                    &source.name,
                    &source.stdin_config(),
                    &config.state_dir,
                    cursors,
                    feed,
                ),
                _ => {
                    // Plugins' were made above, for each of them that can be used.
                    let program = programs::own(config, source, &intake, &feed)
                        .or_else(|| made.remove(&source.name));
                    let Some(program) = program else { continue };
                    program::start(
                        &source.name,
                        source.program_config(),
                        program,
                        &config.state_dir,
                        cursors,
                        feed,
                    )
                }
            };
            let handle = started.map_err(|error| StartError::Source {
                name: source.name.clone(),
                error: error.to_string(),
            })?;
            self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        }
        Ok(())
    }

    /// Facts about this machine are looked up now and then, off the engine's thread: names may
    /// take long to resolve.
    fn start_facts(&self, names: Arc<ArcSwap<Vec<String>>>) -> Result<(), StartError> {
        let inputs = self.inputs.control.clone();
        let outcomes = Arc::clone(&self.outcomes);
        let work = move || {
            let mut known: Vec<String> = Vec::new();
            let mut age = u64::MAX;
            loop {
                let wanted = names.load_full();
                let mut facts = Facts {
                    own: machine::own_addresses(),
                    admins: machine::login_addresses(),
                    names: Vec::new(),
                };
                if *wanted != known || age >= limits::NAMES_RESOLVED_SECS {
                    age = 0;
                    known.clone_from(&wanted);
                    let resolve = |name: &String| (name.clone(), machine::resolve(name));
                    facts.names = wanted.iter().map(resolve).collect();
                    // A resolver that answers nothing must not take a name off the list.
                    facts.names.retain(|(_, addresses)| !addresses.is_empty());
                }
                if inputs.send(Message::Facts(facts)).is_err() {
                    return;
                }
                outcomes.try_waiting();
                std::thread::sleep(Duration::from_secs(limits::FACTS_SECS));
                age = age.saturating_add(limits::FACTS_SECS);
            }
        };
        std::thread::Builder::new()
            .name("facts".into())
            .stack_size(limits::HELPER_THREAD_STACK_BYTES)
            .spawn(work)
            .map(|_| ())
            .map_err(|error| StartError::Io { what: "the look-up of facts", error })
    }

    /// Opens the control socket; `reload` is called for `Request::Reload`.
    pub fn listen(
        &mut self,
        config: &Config,
        reload: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<(), StartError> {
        let inputs = self.inputs.control.clone();
        let feeds = self.feed_keeper.clone();
        let handler: Handler = Arc::new(move |request| {
            if let Request::RefreshFeed { feed, accept } = &request {
                return refreshed(feeds.as_ref(), feed, *accept);
            }
            if matches!(request, Request::Reload) {
                reload();
                return Reply::Done { message: "reloading".into(), decisions: Vec::new() };
            }
            let changes_modes =
                matches!(request, Request::SetMode { .. } | Request::ResetMode { .. });
            let (answer, answered) = crossbeam_channel::bounded(1);
            let wait = Duration::from_secs(limits::CONTROL_REPLY_SECS_MAX);
            let asked = inputs.send_timeout(Message::Request(request, answer), wait);
            let reply = asked.ok().and_then(|()| answered.recv_timeout(wait).ok());
            if changes_modes {
                reload();
            }
            reply.unwrap_or_else(|| Reply::Refused {
                message: "the engine did not answer in time; if it runs, it will still do this"
                    .into(),
            })
        });
        let socket = ControlSocket::start(&config.state_dir, handler)
            .map_err(|error| StartError::Io { what: "the control socket", error })?;
        self.socket = Some(socket);
        Ok(())
    }

    /// Puts the rules of a config that was read again in force. Of a file that is bad now, its
    /// last good version stays; the others' changes count. Where that doesn't fit together, all
    /// rules stay as they were.
    pub fn reload(&self, config: Config) -> Result<Found, StoreError> {
        let kept = rule_keeper::load(&config, &self.store, self.seed)?;
        let loses = kept.loses(&self.rules.load());
        if !loses {
            rule_keeper::keep(&self.store, &kept);
        }
        let (set, mut found) = found(kept);
        found.all_kept = loses;
        found.at_next_start = at_next_start(&self.config, &config);
        if !loses {
            let read = read_plugins(&config);
            let refused = lacking::after_reload(&self.lacks, &config, &read);
            let reloaded = Box::new(Reloaded { config, rules: Arc::clone(&set), refused });
            // Batches that were matched by other rules than the engine's are matched again there.
            if self.inputs.control.send(Message::Reloaded(reloaded)).is_ok() {
                self.rules.store(set);
            }
        }
        self.unapplied(found.unapplied());
        Ok(found)
    }

    /// Notes for status what the files say and is not in force, in sentences.
    pub fn unapplied(&self, sentences: Vec<String>) {
        // An engine that has ended has nobody to tell.
        let _taken = self.inputs.control.send(Message::Unapplied(sentences));
    }

    /// Stops in order: the engine, which saves everything, then sources and executors. What
    /// sources have read meanwhile is read again at the next start.
    pub fn stop(self) -> bool {
        self.end(false)
    }

    /// Stops; with `finish`, executors that can work first carry out what they have.
    fn end(mut self, finish: bool) -> bool {
        drop(self.socket.take());
        // A dead engine has nothing left to stop.
        let _stopping = self.inputs.control.send(Message::Stop);
        self.programs.begin_stop();
        let executors = self.engine.join().ok().flatten();
        let mut in_time = true;
        for handle in self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            in_time &= handle.stop();
        }
        self.programs.stop();
        if let Some(executors) = executors {
            if finish {
                in_time &= carried_out(&executors);
            }
            in_time &= executors.stop(Duration::from_secs(limits::STOP_SECS_MAX));
        }
        self.outcomes.try_waiting();
        in_time
    }
}
