//! What others push over HTTP: webhooks and Cloudflare's Logpush, to `/intake/NAME`.
//!
//! In: requests, by one listener for all such sources ([`Intake`]). Out: a [`Program`] for each that says
//! their records as lines of JSON with the delivery's name as a cursor. A request is answered 2xx only
//! when the disk has all of its records; what comes again is known by the name, and a delivery that a
//! crash has cut goes on where it was cut. What the records mean is the parser's business.
//!
//! One delivery is put into the spool after the other, so that at any moment at most the last one in it
//! may be there in part, or whole and not yet remembered; its last record's cursor tells which.

mod config;
mod preset;
mod proof;
mod body;
mod known;
mod answer;
mod server;
#[cfg(test)]
mod tests;

pub use config::{Algorithm, Encoding, HttpConfig, IntakeConfig, SignatureConfig};
pub use preset::Preset;

use super::Sink;
use super::program::{Failed, Program};
use super::supervise::lock;
use super::syslog::Teller;
use crate::clock;
use crate::event::added::Added;
use crate::event::{Said, What};
use crate::limits;
use crate::telemetry::{counter, names};
use body::Records;
use config::Plan;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use known::{Known, Taken};
use proof::Id;
use server::Server;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The listener that all sources of `type = "http"` share. It listens while there is one.
#[derive(Debug)]
pub struct Intake {
    config: IntakeConfig,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
}

/// What requests need.
#[derive(Debug, Default)]
struct Shared {
    routes: Mutex<BTreeMap<String, Arc<Route>>>,
    /// Bytes of bodies that are being read or wait.
    bodies: AtomicUsize,
}

/// Where deliveries for one source go.
struct Route {
    plan: Plan,
    say: Sender<Delivery>,
    teller: Arc<Teller>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// A request's records on their way to the spool.
#[derive(Debug)]
struct Delivery {
    id: Id,
    records: Records,
    count: u32,
    /// What is known of them beside their bytes.
    added: Added,
    /// Told when the disk has them all; dropped where that comes to nothing.
    saved: oneshot::Sender<()>,
    /// What the body takes of what all may take together.
    _room: answer::Room,
}

impl Intake {
    /// A listener that listens when the first source begins.
    pub fn new(config: IntakeConfig) -> Arc<Self> {
        Arc::new(Self { config, shared: Arc::default(), server: Mutex::default() })
    }

    fn enter(&self, name: &str, route: Arc<Route>) -> Result<(), String> {
        let mut server = lock(&self.server);
        if server.as_ref().is_none_or(Server::has_ended) {
            let teller = Arc::clone(&route.teller);
            *server = Some(Server::start(&self.config, &self.shared, teller)?);
        }
        lock(&self.shared.routes).insert(name.to_owned(), route);
        Ok(())
    }

    fn leave(&self, name: &str) {
        let mut routes = lock(&self.shared.routes);
        routes.remove(name);
        let last = routes.is_empty();
        drop(routes);
        if last {
            // It waits for its connections, a moment at most.
            drop(lock(&self.server).take());
        }
    }
}

/// The source's program; `state_dir` is where its spool lies.
pub fn program(
    source: &str,
    (config, fields): (&HttpConfig, &BTreeMap<String, String>),
    state_dir: &Path,
    intake: &Arc<Intake>,
    sink: Arc<dyn Sink>,
) -> Box<dyn Program> {
    Box::new(Http {
        name: source.to_owned(),
        plan: config.plan(fields),
        folder: super::spool::folder(state_dir, source),
        intake: Arc::clone(intake),
        teller: Arc::new(Teller::new(source, sink)),
        running: None,
        again: None,
        pause: Duration::from_millis(limits::RESTART_PAUSE_MILLIS_MIN),
    })
}

struct Http {
    name: String,
    plan: Plan,
    folder: PathBuf,
    intake: Arc<Intake>,
    teller: Arc<Teller>,
    running: Option<Running>,
    /// When listening is tried again, and the pause after that.
    again: Option<Instant>,
    pause: Duration,
}

struct Running {
    heard: Receiver<Delivery>,
    known: Known,
    /// The one whose records are being said.
    current: Option<(Delivery, u32)>,
    /// The one whose records are all said, and not yet saved.
    finished: Option<Delivery>,
}

impl Http {
    fn begin(&self, cursor: Option<&str>) -> Result<Running, String> {
        let now = clock::now();
        let failed = |error: std::io::Error| format!("failed to open its deliveries: {error}");
        let mut known = Known::open(&self.folder, self.plan.remember, now).map_err(failed)?;
        if let Some((id, taken)) = cursor.and_then(read_cursor)
            && known.look(id, now).is_none_or(|known| known.done < taken.done)
        {
            known.note(id, taken, now).map_err(failed)?;
        }
        let (say, heard) = bounded(limits::HTTP_DELIVERIES_WAITING_MAX);
        let (plan, teller) = (self.plan.clone(), Arc::clone(&self.teller));
        self.intake.enter(&self.name, Arc::new(Route { plan, say, teller }))?;
        Ok(Running { heard, known, current: None, finished: None })
    }
}

impl Running {
    /// The next record of the current delivery.
    fn record(&mut self) -> Option<Said> {
        let (delivery, done) = self.current.as_mut()?;
        let line = if *done < delivery.count { delivery.records.next() } else { None };
        let said = line.map(|line| {
            *done += 1;
            let cursor = cursor(delivery.id, Taken { done: *done, of: delivery.count });
            let what = What::LineWith(line, delivery.added.clone());
            Said { cursor: Some(cursor), what, faults: Vec::new() }
        });
        if *done >= delivery.count || said.is_none() {
            self.finished = self.current.take().map(|(delivery, _)| delivery);
        }
        said
    }

    /// Begins with a delivery; one that is known is answered at once.
    fn take(&mut self, mut delivery: Delivery) {
        let taken = self.known.look(delivery.id, clock::now());
        // Another count means that the config has cut it otherwise: it is another delivery then.
        let done = match taken {
            Some(taken) if taken.of == delivery.count => taken.done,
            Some(taken) if taken.is_whole() => delivery.count,
            _ => 0,
        };
        if done >= delivery.count {
            if taken.is_some() {
                counter(names::SOURCE_DOUBLES).add(1);
            }
            answer(delivery);
            return;
        }
        for _ in 0..done {
            delivery.records.next();
        }
        self.current = Some((delivery, done));
    }
}

/// Tells the request that all is saved; its sender may have gone.
fn answer(delivery: Delivery) {
    counter(names::HTTP_DELIVERIES).add(1);
    let _may_have_gone = delivery.saved.send(());
}

impl Program for Http {
    fn wait(&self) -> Option<Duration> {
        let left = self.again?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn start(&mut self, cursor: Option<&str>, _stopping: &AtomicBool) -> bool {
        // After a failure: whose records may not be on the disk is told to come again.
        self.running = None;
        match self.begin(cursor) {
            Ok(running) => {
                self.running = Some(running);
                self.again = None;
                self.pause = Duration::from_millis(limits::RESTART_PAUSE_MILLIS_MIN);
                true
            }
            Err(why) => {
                self.teller.tell(&why);
                self.again = Some(Instant::now() + self.pause);
                let most = Duration::from_millis(limits::RESTART_PAUSE_MILLIS_MAX);
                self.pause = (self.pause * 2).min(most);
                false
            }
        }
    }

    fn next(&mut self, within: Duration) -> Result<Option<Said>, Failed> {
        let running = self.running.as_mut().ok_or(Failed)?;
        if let Some(said) = running.record() {
            return Ok(Some(said));
        }
        if running.finished.is_some() {
            // It is saved before another one begins.
            return Ok(None);
        }
        match running.heard.recv_timeout(within) {
            Ok(delivery) => {
                running.take(delivery);
                Ok(running.record())
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            // Its place among the routes is taken by itself alone.
            Err(RecvTimeoutError::Disconnected) => Err(Failed),
        }
    }

    fn saved(&mut self, _cursor: &str) -> Result<(), Failed> {
        let running = self.running.as_mut().ok_or(Failed)?;
        if let Some(delivery) = running.finished.take() {
            let taken = Taken { done: delivery.count, of: delivery.count };
            if let Err(error) = running.known.note(delivery.id, taken, clock::now()) {
                // The spool has it; its cursor tells that too while it is the last one.
                self.teller.tell(&format!("failed to note a delivery: {error}"));
            }
            answer(delivery);
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.running = None;
        self.intake.leave(&self.name);
    }
}

/// The cursor of a delivery's record: its name, which record it is, and of how many.
fn cursor(id: Id, taken: Taken) -> String {
    format!("{id:032x}:{}/{}", taken.done, taken.of)
}

fn read_cursor(text: &str) -> Option<(Id, Taken)> {
    let (id, taken) = text.split_once(':')?;
    let (done, of) = taken.split_once('/')?;
    let taken = Taken { done: done.parse().ok()?, of: of.parse().ok()? };
    Some((Id::from_str_radix(id, 16).ok()?, taken))
}
