//! Keeps a program running: starts it, waits until it is ready, and starts it again after pauses
//! that grow while it fails.

use super::{Launch, Talk, TalkError};
use crate::limits::{PLUGIN_PAUSE_MILLIS_MAX, PLUGIN_PAUSE_MILLIS_MIN, PLUGIN_PROVEN_SECS};
use crate::plugins::HealthCell;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a start that takes long looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(50);

/// One program and its lives.
#[derive(Debug)]
pub struct Keeper {
    launch: Launch,
    health: Arc<HealthCell>,
    lives: Lives,
}

impl Keeper {
    /// Keeps that program; nothing is started yet.
    pub fn new(launch: Launch, health: Arc<HealthCell>) -> Self {
        Self { launch, health, lives: Lives::default() }
    }

    /// What is run.
    pub const fn launch(&self) -> &Launch {
        &self.launch
    }

    /// How it is.
    pub const fn health(&self) -> &Arc<HealthCell> {
        &self.health
    }

    /// How long it must not be started yet; `None` when it may.
    pub fn wait(&self) -> Option<Duration> {
        self.lives.wait(Instant::now())
    }

    /// Starts the program and waits until it is ready, or until `stopping` is set. A failure is
    /// noted already; it is to be tried again after [`Keeper::wait`].
    pub fn start(
        &mut self,
        extra: Map<String, Value>,
        stopping: &AtomicBool,
    ) -> Result<Talk, TalkError> {
        self.start_unless(extra, &|| stopping.load(Ordering::Relaxed))
    }

    /// The same, until `stopping` says so.
    pub fn start_unless(
        &mut self,
        extra: Map<String, Value>,
        stopping: &dyn Fn() -> bool,
    ) -> Result<Talk, TalkError> {
        self.health.starting();
        let began = Instant::now();
        self.lives.began(began);
        let tried = Talk::start(&self.launch, extra).and_then(|talk| {
            let limit = self.launch.limits.start;
            loop {
                if stopping() {
                    return Err(TalkError::Stopped);
                }
                let left = limit.saturating_sub(began.elapsed());
                if talk.ready(left.min(LOOK_UP))? {
                    return Ok(talk);
                }
                if left.is_zero() {
                    return Err(TalkError::NotReady { millis: limit.as_millis() });
                }
            }
        });
        match tried {
            Ok(talk) => {
                self.health.well();
                Ok(talk)
            }
            Err(TalkError::Stopped) => Err(TalkError::Stopped),
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    /// The talk has failed: the program is killed, and may be started again after the pause that
    /// is returned.
    pub fn failed(&mut self, talk: Talk, error: &TalkError) -> Duration {
        drop(talk);
        self.note(error)
    }

    /// Ends the program in good order.
    pub fn stop(&self, talk: Talk) {
        talk.stop();
        self.health.stopped();
    }

    fn note(&mut self, error: &TalkError) -> Duration {
        let pause = self.lives.failed(Instant::now());
        self.health.failed(&error.to_string());
        pause
    }
}

/// When to start again. Pure: the time is a value.
#[derive(Debug, Default)]
struct Lives {
    failures: u32,
    began: Option<Instant>,
    not_before: Option<Instant>,
}

impl Lives {
    fn wait(&self, now: Instant) -> Option<Duration> {
        let left = self.not_before?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    const fn began(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// The pause doubles with each failure, and a random part of it, up to a half, is left out, so
    /// that many don't start together. Who lived long enough begins again with the first.
    fn failed(&mut self, now: Instant) -> Duration {
        let proven = Duration::from_secs(PLUGIN_PROVEN_SECS);
        if self.began.is_some_and(|began| now.duration_since(began) >= proven) {
            self.failures = 0;
        }
        let doubled = PLUGIN_PAUSE_MILLIS_MIN.saturating_mul(1 << self.failures.min(16));
        let longest = Duration::from_millis(doubled.min(PLUGIN_PAUSE_MILLIS_MAX));
        let pause = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_a_proven_life_begins_again() {
        let mut lives = Lives::default();
        let now = Instant::now();
        assert_eq!(lives.wait(now), None);
        let mut longest = Duration::from_millis(PLUGIN_PAUSE_MILLIS_MIN);
        for _ in 0..20 {
            lives.began(now);
            let pause = lives.failed(now);
            assert!(pause <= longest && pause * 2 >= longest, "{pause:?} of {longest:?}");
            assert_eq!(lives.wait(now), Some(pause));
            assert_eq!(lives.wait(now + pause), None);
            longest = (longest * 2).min(Duration::from_millis(PLUGIN_PAUSE_MILLIS_MAX));
        }
        lives.began(now);
        let later = now + Duration::from_secs(PLUGIN_PROVEN_SECS);
        assert!(lives.failed(later) <= Duration::from_millis(PLUGIN_PAUSE_MILLIS_MIN));
    }
}
