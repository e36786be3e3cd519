//! Looks that riposte itself takes at the outside now and then, as a source: each look has a thread
//! of its own, and what it finds are events.
//!
//! In: looks with how often they are taken. Out: a [`Program`], so that what was found is spooled
//! like everything that can't be read again, and replays from there.

use super::program::{Failed, Program};
use crate::event::{Brought, Said, What};
use crate::limits;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A look that is taken again and again.
pub(super) struct Look {
    /// What its thread is named after.
    pub(super) name: String,
    /// How often.
    pub(super) every: Duration,
    /// Takes it. It blocks no longer than its own limit.
    pub(super) take: Box<dyn FnMut() -> Vec<Brought> + Send>,
}

/// Looks, as a source's program.
pub(super) struct Regular {
    looks: Vec<Look>,
    running: Option<Running>,
}

struct Running {
    found: Receiver<Brought>,
    /// Dropped to end the threads.
    _alive: Sender<()>,
}

impl Regular {
    pub(super) const fn new(looks: Vec<Look>) -> Self {
        Self { looks, running: None }
    }
}

impl Program for Regular {
    fn wait(&self) -> Option<Duration> {
        None
    }

    fn start(&mut self, _cursor: Option<&str>, _stopping: &AtomicBool) -> bool {
        if self.running.is_some() {
            return true;
        }
        let (say, found) = bounded(limits::LOOKS_WAITING_MAX);
        let (alive, stopped) = bounded(0);
        for look in self.looks.drain(..) {
            let (name, say, stopped) = (look.name.clone(), say.clone(), stopped.clone());
            let thread = std::thread::Builder::new()
                .name(name.clone())
                .stack_size(limits::LOOK_STACK_BYTES)
                .spawn(move || repeat(look, &say, &stopped));
            if let Err(error) = thread {
                tracing::error!(name, %error, "failed to start a thread that looks");
            }
        }
        self.running = Some(Running { found, _alive: alive });
        true
    }

    fn next(&mut self, within: Duration) -> Result<Option<Said>, Failed> {
        let running = self.running.as_ref().ok_or(Failed)?;
        match running.found.recv_timeout(within) {
            Ok(event) => {
                Ok(Some(Said { cursor: None, what: What::Event(event), faults: Vec::new() }))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                // No thread could be started, or all have died: it says nothing more.
                std::thread::sleep(within.min(Duration::from_secs(1)));
                Ok(None)
            }
        }
    }

    fn saved(&mut self, _cursor: &str) -> Result<(), Failed> {
        Ok(())
    }

    fn stop(&mut self) {
        // Threads that are in the middle of a look end after it; nobody waits for them.
        self.running = None;
    }
}

/// Takes a look until the source stops. The first is taken soon, but not all at once.
fn repeat(mut look: Look, say: &Sender<Brought>, stopped: &Receiver<()>) {
    let mut pause = look.every.min(Duration::from_secs(1)).mul_f64(fastrand::f64());
    loop {
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        for event in (look.take)() {
            if say.send(event).is_err() {
                return;
            }
        }
        // A tenth more or less, so that looks of many machines don't fall together.
        pause = look.every.mul_f64(0.9 + 0.2 * fastrand::f64());
    }
}
