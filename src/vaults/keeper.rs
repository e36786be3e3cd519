//! Keeps secrets: what was read is held in memory, read again in time, and stays in use while its
//! place can't be read.
//!
//! In: references, as they are used. Out: values, and how all of them are. In a daemon a thread
//! ([`Watch`]) reads again what is due; without one, whoever asks does. What is on this machine
//! (files, the environment) is read at each use.
//!
//! - Nothing is written anywhere; the store knows nothing of secrets.
//! - Whoever asks for a secret that was had once is never held up, and refused only where its file
//!   was taken away or others can read it.
//! - One that was never had is read by whoever asks first; others wait for that reading. After a
//!   failure it isn't tried again before a pause that grows.

mod entry;

use super::config::VaultsConfig;
use super::{Document, Vaults};
use crate::limits::{SECRET_LOOK_SECS, SECRETS_KEPT_MAX, SECRETS_STACK_BYTES};
use crate::secret::{Keeping, Secret, SecretError, SecretRef, SecretReport};
use crate::telemetry::{self, names};
use entry::{Entry, Next, Told};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Tells what is wrong with a secret: its reference, and the fault.
pub type Tell = Box<dyn Fn(&str, &str) + Send + Sync>;

/// The keeper of a process's secrets.
pub struct Keeper {
    vaults: Vaults,
    reread: Duration,
    entries: Mutex<BTreeMap<String, Arc<Entry>>>,
    /// A thread reads again what is due.
    watched: AtomicBool,
    stopped: AtomicBool,
    /// Something may be due earlier than the thread thinks.
    woken: Mutex<bool>,
    wake: Condvar,
    tell: Mutex<Option<Tell>>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("entries", &self.lock().len()).finish_non_exhaustive()
    }
}

impl Keeper {
    /// A keeper; nothing is read yet.
    pub fn new(config: &VaultsConfig) -> Arc<Self> {
        Arc::new(Self {
            vaults: Vaults::new(config),
            reread: config.reread,
            entries: Mutex::new(BTreeMap::new()),
            watched: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            woken: Mutex::new(false),
            wake: Condvar::new(),
            tell: Mutex::new(None),
        })
    }

    /// Reads these secrets now and all that are kept again in time, on a thread of its own, until
    /// the watch is dropped.
    pub fn watch(self: &Arc<Self>, references: &[SecretRef], tell: Tell) -> std::io::Result<Watch> {
        *self.tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
        for reference in references {
            // One that finds no room is told of when it is used.
            drop(self.entry(reference));
        }
        self.watched.store(true, Ordering::Relaxed);
        self.stopped.store(false, Ordering::Relaxed);
        let keeper = Arc::clone(self);
        std::thread::Builder::new()
            .name("secrets".into())
            .stack_size(SECRETS_STACK_BYTES)
            .spawn(move || keeper.run())?;
        Ok(Watch(Arc::clone(self)))
    }

    fn run(&self) {
        while !self.stopped.load(Ordering::Relaxed) {
            let next = self.turn();
            let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
            let pause = next.saturating_duration_since(Instant::now());
            let waited = self.wake.wait_timeout_while(woken, pause, |woken| !*woken);
            let (mut woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
            *woken = false;
        }
    }

    /// Reads what is due; when something is due next.
    fn turn(&self) -> Instant {
        let mut next = Instant::now() + Duration::from_secs(SECRET_LOOK_SECS);
        let entries: Vec<Arc<Entry>> = self.lock().values().cloned().collect();
        for entry in entries {
            if self.stopped.load(Ordering::Relaxed) {
                return next;
            }
            if entry.is_due(Instant::now()) {
                // What went wrong is told, and kept for the report.
                drop(self.read(&entry, Next::Anew));
            }
            next = next.min(entry.due());
        }
        if let Some(tend) = self.vaults.tend() {
            next = next.min(tend);
        }
        self.gauge();
        // Not in a circle, whatever the vaults say.
        next.max(Instant::now() + Duration::from_millis(200))
    }

    fn awaken(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a reference's document.
    fn entry(&self, reference: &SecretRef) -> Result<Arc<Entry>, SecretError> {
        let mut entries = self.lock();
        let document = reference.document();
        if let Some(entry) = entries.get(&document) {
            return Ok(Arc::clone(entry));
        }
        if entries.len() >= SECRETS_KEPT_MAX {
            return Err(reference.unreadable("too many secrets are kept"));
        }
        let entry = Arc::new(Entry::new(reference));
        entries.insert(document, Arc::clone(&entry));
        drop(entries);
        if self.watched.load(Ordering::Relaxed) {
            self.awaken();
        }
        Ok(entry)
    }

    /// Reads an entry's document, one reader at a time; `Next::Unless` leaves it where another
    /// reader was faster.
    fn read(&self, entry: &Entry, next: Next) -> Result<Arc<Document>, SecretError> {
        let _reading = entry.begin_reading();
        let now = Instant::now();
        if next == Next::UnlessHeld
            && let Some(answer) = entry.answer(now)
        {
            return answer;
        }
        if let Some(lease) = entry.renewable(now)
            && let Ok(lasts) = self.vaults.renew(entry.reference(), &lease)
            // Near the longest life of a lease each renewal gives less than was asked for.
            && lasts >= lease.lasts / 2
        {
            entry.renewed(lasts, self.reread);
            telemetry::counter(names::SECRETS_READ).add(1);
            return entry.answer(now).unwrap_or_else(|| Err(entry.missing()));
        }
        match self.vaults.read(entry.reference()) {
            Ok(document) => {
                telemetry::counter(names::SECRETS_READ).add(1);
                let document = Arc::new(document);
                let told = entry.succeeded(Arc::clone(&document), self.reread);
                self.told(entry, told);
                Ok(document)
            }
            Err(error) => {
                telemetry::counter(names::SECRETS_FAILED).add(1);
                let told = entry.failed(&error);
                self.told(entry, told);
                entry.held().ok_or(error)
            }
        }
    }

    fn told(&self, entry: &Entry, told: Told) {
        let secret = entry.name();
        match told {
            Told::Nothing => {}
            Told::Changed => {
                telemetry::counter(names::SECRETS_ROTATED).add(1);
                tracing::info!(secret, "a secret has changed; the new one is used from now on");
            }
            Told::Recovered => tracing::info!(secret, "a secret can be read again"),
            Told::Fault { fault, kept } => {
                let fault = if kept {
                    format!("{fault} (the value that was read last stays in use)")
                } else {
                    fault
                };
                let tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(tell) = tell.as_ref() {
                    tell(secret, &fault);
                } else {
                    tracing::debug!(secret, fault, "a secret can't be read");
                }
            }
        }
        self.gauge();
    }

    fn gauge(&self) {
        let entries = self.lock();
        let ill = entries.values().filter(|entry| entry.is_ill()).count();
        telemetry::gauge(names::SECRETS_IN_TROUBLE).set(u64::try_from(ill).unwrap_or(u64::MAX));
    }
}

impl Keeping for Keeper {
    fn get(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let entry = self.entry(reference)?;
        let now = Instant::now();
        let at_hand = reference.is_at_hand();
        let document = match entry.answer(now) {
            // Somebody else's reading is soon enough.
            Some(answer)
                if !at_hand && (self.watched.load(Ordering::Relaxed) || !entry.is_due(now)) =>
            {
                answer?
            }
            _ if at_hand => self.read(&entry, Next::Anew)?,
            _ if entry.is_due(now) && entry.held().is_some() => self.read(&entry, Next::Anew)?,
            _ => self.read(&entry, Next::UnlessHeld)?,
        };
        document.pick(reference)
    }

    fn refused(&self, reference: &SecretRef, value: &Secret) {
        let Ok(entry) = self.entry(reference) else { return };
        let current = entry.held().and_then(|document| document.pick(reference).ok());
        // One that was replaced meanwhile says nothing of the one that is there now.
        if current.is_some_and(|current| current == *value) && entry.hurry(Instant::now()) {
            self.awaken();
        }
    }

    fn report(&self) -> Vec<SecretReport> {
        let now = Instant::now();
        self.lock().values().map(|entry| entry.report(now)).collect()
    }
}

/// The thread that reads again; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch(Arc<Keeper>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        self.0.watched.store(false, Ordering::Relaxed);
        // A reading that is under way is not waited for: it ends by its own limit.
        self.0.awaken();
    }
}
