//! Cloudflare's events as a source: what its rules did, who changed what, and incidents.
//!
//! In: a [`CloudflareSourceConfig`]. Out: a [`Program`] whose events are spooled with names of their own,
//! so that an end of riposte at any moment loses and doubles none. Time is asked for span by span, each
//! beginning a while before the last one's end, for rows arrive late; what was there before is known by
//! its name. Which spans, is [`spans`]'s.

mod ask;
mod config;
mod rows;
mod spans;

pub use config::{CloudflareSourceConfig, Of};
pub use rows::{AUDIT, FIREWALL, STATUS, schema};

use super::Sink;
use super::program::{Failed, Program};
use super::syslog::Teller;
use crate::clock::{self, Timestamp};
use crate::event::{Said, What};
use crate::limits;
use crate::telemetry::{counter, names};
use ask::{Ask, Trouble};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rows::{Row, time_of};
use spans::{Progress, Span};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The source's program; `every` says how often Cloudflare is asked.
pub fn program(
    source: &str,
    config: CloudflareSourceConfig,
    every: Duration,
    sink: Arc<dyn Sink>,
) -> Box<dyn Program> {
    let teller = Teller::new(source, sink);
    let looker = Looker { every, ask: Ask::new(config), teller, seen: HashMap::new() };
    Box::new(Cloudflare { looker: Some(looker), running: None })
}

struct Cloudflare {
    /// Until it is started.
    looker: Option<Looker>,
    running: Option<Running>,
}

struct Running {
    found: Receiver<Said>,
    /// Dropped to end the thread.
    _alive: Sender<()>,
}

impl Program for Cloudflare {
    fn wait(&self) -> Option<Duration> {
        None
    }

    fn start(&mut self, cursor: Option<&str>, _stopping: &AtomicBool) -> bool {
        let Some(looker) = self.looker.take() else { return true };
        let (say, found) = bounded(limits::LOOKS_WAITING_MAX);
        let (alive, stopped) = bounded(0);
        let from = cursor.and_then(time_of);
        let thread = std::thread::Builder::new()
            .name("cloudflare-events".to_owned())
            .stack_size(limits::LOOK_STACK_BYTES)
            .spawn(move || looker.run(from, &say, &stopped));
        if let Err(error) = thread {
            tracing::error!(%error, "failed to start a thread that asks Cloudflare");
        }
        self.running = Some(Running { found, _alive: alive });
        true
    }

    fn next(&mut self, within: Duration) -> Result<Option<Said>, Failed> {
        let running = self.running.as_ref().ok_or(Failed)?;
        match running.found.recv_timeout(within) {
            Ok(said) => Ok(Some(said)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                // The thread could not be started: it says nothing more.
                std::thread::sleep(within.min(Duration::from_secs(1)));
                Ok(None)
            }
        }
    }

    fn saved(&mut self, _cursor: &str) -> Result<(), Failed> {
        Ok(())
    }

    fn stop(&mut self) {
        // A thread that is in the middle of a call ends after it; nobody waits for it.
        self.running = None;
    }
}

/// The thread that asks.
struct Looker {
    every: Duration,
    ask: Ask,
    teller: Teller,
    /// Rows of the time that is asked for again, by their names.
    seen: HashMap<String, Timestamp>,
}

/// Nobody listens any more.
struct Ended;

impl Looker {
    fn run(mut self, from: Option<Timestamp>, say: &Sender<Said>, stopped: &Receiver<()>) {
        let mut progress = Progress::new(from, clock::now(), self.ask.lag());
        let mut pause = self.every.min(Duration::from_secs(1)).mul_f64(fastrand::f64());
        let mut fails = 0_u32;
        while matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
            let looked = self.look(&mut progress, say);
            // A tenth more or less, so that many machines don't ask at the same moment.
            pause = self.every.mul_f64(0.9 + 0.2 * fastrand::f64());
            match looked {
                Ok(()) => fails = 0,
                Err(Look::Ended) => return,
                Err(Look::Trouble(trouble)) => {
                    fails = fails.saturating_add(1);
                    self.teller.tell(&trouble.words);
                    let longest = Duration::from_secs(limits::CLOUDFLARE_SOURCE_PAUSE_SECS_MAX);
                    let growing = self.every.saturating_mul(1 << fails.min(6)).min(longest);
                    pause = pause.max(trouble.wait.unwrap_or(growing).min(longest));
                }
            }
        }
    }

    /// Asks for all that has come since.
    fn look(&mut self, progress: &mut Progress, say: &Sender<Said>) -> Result<(), Look> {
        let now = clock::now();
        if self.ask.is_whole() {
            let rows = self.ask.now(now)?;
            let longest = Duration::from_hours(24 * 90);
            self.seen.retain(|_, time| now.since(*time) < longest);
            return self.say_all(rows, say);
        }
        let reach = self.ask.reach()?;
        let plan = progress.plan(now, reach);
        if let Some((from, to)) = plan.lost {
            counter(names::SOURCE_LOST_STREAMS).add(1);
            self.teller.tell(&format!(
                "what happened from {from} to {to} is lost: Cloudflare keeps it no longer (riposte did not run, or could not ask)"
            ));
        }
        self.seen.retain(|_, time| *time >= plan.seen_from);
        for span in plan.spans {
            self.span(span, reach.rows, say)?;
            progress.done(span);
        }
        Ok(())
    }

    /// All rows of a span; one that has more than an answer holds is asked for in halves.
    fn span(&mut self, span: Span, most: usize, say: &Sender<Said>) -> Result<(), Look> {
        let mut left = VecDeque::from([span]);
        while let Some(next) = left.pop_front() {
            let rows = self.ask.between(next, most)?;
            if rows.len() >= most {
                if let Some((first, second)) = next.halves() {
                    left.push_front(second);
                    left.push_front(first);
                    continue;
                }
                self.teller.tell(&format!(
                    "more than {most} events in the second from {} on: the rest of them is not seen",
                    next.from
                ));
            }
            self.say_all(rows, say)?;
        }
        Ok(())
    }

    fn say_all(&mut self, mut rows: Vec<Row>, say: &Sender<Said>) -> Result<(), Look> {
        rows.sort_by(|left, right| (left.time, &left.name).cmp(&(right.time, &right.name)));
        for row in rows {
            if self.seen.insert(row.name.clone(), row.time).is_some() {
                continue;
            }
            let said =
                Said { cursor: Some(row.name), what: What::Event(row.event), faults: Vec::new() };
            say.send(said).map_err(|_| Look::Ended)?;
        }
        Ok(())
    }
}

/// Why a look ended early.
enum Look {
    Ended,
    Trouble(Trouble),
}

impl From<Trouble> for Look {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<Ended> for Look {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}
