//! Syslog from other machines and programs, over UDP, TCP and TLS (RFC 3164, RFC 5424, RFC 6587,
//! RFC 5425).
//!
//! In: datagrams and connections. Out: a [`Program`] that says each message as a line with its sender,
//! so that it is spooled before it counts. A full spool holds connections up; what the kernel drops of
//! datagrams meanwhile is counted. What the messages mean is the parser's business.

mod config;
mod framing;
mod drops;
mod intake;
pub(super) mod tls;
#[cfg(test)]
mod tests;

pub use config::SyslogConfig;
pub(super) use framing::one_line;
pub use framing::{Cut, Framer, Message};

use super::Sink;
use super::program::{Failed, Program};
use super::supervise::lock;
use crate::event::Said;
use crate::limits;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use intake::Shared;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Tells what is wrong around a source, the same not too often.
pub(super) struct Teller {
    source: String,
    sink: Arc<dyn Sink>,
    told: Mutex<BTreeMap<String, Instant>>,
}

impl Teller {
    pub(super) fn new(source: &str, sink: Arc<dyn Sink>) -> Self {
        Self { source: source.to_owned(), sink, told: Mutex::default() }
    }

    pub(super) fn tell(&self, text: &str) {
        let now = Instant::now();
        let again = Duration::from_secs(limits::SOURCE_FAULT_TOLD_SECS);
        let mut told = lock(&self.told);
        told.retain(|_, at| now.duration_since(*at) < again);
        if told.len() < limits::ALARMS_KEPT_MAX && !told.contains_key(text) {
            told.insert(text.to_owned(), now);
            drop(told);
            tracing::warn!(source = self.source, "{text}");
            self.sink.alarm(&self.source, text.to_owned());
        }
    }
}

/// The source's program.
pub fn program(source: &str, config: SyslogConfig, sink: Arc<dyn Sink>) -> Box<dyn Program> {
    let pause = Duration::from_millis(limits::RESTART_PAUSE_MILLIS_MIN);
    let teller = Arc::new(Teller::new(source, sink));
    Box::new(Syslog { config, teller, running: None, again: None, pause })
}

struct Syslog {
    config: SyslogConfig,
    teller: Arc<Teller>,
    running: Option<Running>,
    /// When listening is tried again, and the pause after that.
    again: Option<Instant>,
    pause: Duration,
}

struct Running {
    heard: Receiver<Said>,
    stopping: Arc<AtomicBool>,
    /// At a stop: until when what has come already is taken.
    until: Option<Instant>,
}

impl Syslog {
    fn begin(&self) -> Result<Running, String> {
        let (say, heard) = bounded(limits::INTAKE_WAITING_MAX);
        let stopping = Arc::new(AtomicBool::new(false));
        let shared = Shared::new(&self.config, say, &stopping, &self.teller);
        let begun = intake::listen(&self.config, &Arc::new(shared));
        if begun.is_err() {
            // Those that listen already end again.
            stopping.store(true, Ordering::Release);
        }
        begun.map(|()| Running { heard, stopping, until: None })
    }
}

impl Program for Syslog {
    fn wait(&self) -> Option<Duration> {
        let left = self.again?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn start(&mut self, _cursor: Option<&str>, _stopping: &AtomicBool) -> bool {
        if self.running.is_some() {
            return true;
        }
        match self.begin() {
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
        let running = self.running.as_ref().ok_or(Failed)?;
        match running.heard.recv_timeout(within) {
            Ok(said) => Ok(Some(said)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                // Its threads have died: all is begun anew.
                self.running = None;
                self.again = Some(Instant::now() + self.pause);
                Err(Failed)
            }
        }
    }

    fn saved(&mut self, _cursor: &str) -> Result<(), Failed> {
        Ok(())
    }

    fn rest(&mut self) -> Option<Said> {
        let running = self.running.as_mut()?;
        running.stopping.store(true, Ordering::Release);
        let until = *running.until.get_or_insert_with(|| {
            let looks = Duration::from_millis(limits::INTAKE_LOOK_MILLIS);
            Instant::now() + looks + Duration::from_millis(limits::INTAKE_DRAIN_MILLIS_MAX)
        });
        // Until the last thread has read what had come already, and has ended.
        running.heard.recv_deadline(until).ok()
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stopping.store(true, Ordering::Release);
        }
    }
}
