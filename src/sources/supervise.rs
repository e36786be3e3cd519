//! Runs a source in its own thread, starts it again when it fails, and says so when it stands
//! still.
//!
//! In: what the source does, as a function that returns when it is told to stop. Out: a
//! [`Handle`]. A failure (an error or a panic) is counted, raised as an alarm, and followed by a
//! new start from the last cursors after a pause that doubles up to half a minute.

use super::{Closed, Sink};
use crate::event::{Batch, Origin};
use crate::limits;
use crate::telemetry::{counter, names};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How a source's thread is told that something happened, and that it must end.
#[derive(Debug)]
pub(super) struct Signal {
    stopping: AtomicBool,
    wake: Sender<()>,
    woken: Receiver<()>,
}

impl Signal {
    pub(super) fn new() -> Arc<Self> {
        // One waiting token says all: look again.
        let (wake, woken) = bounded(1);
        Arc::new(Self { stopping: AtomicBool::new(false), wake, woken })
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The same, for those who look themselves.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.stopping
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the thread; when it is already going to look, nothing is added.
    pub(super) fn wake(&self) {
        // A full channel is a wake-up that is still to be seen.
        let _already_woken = self.wake.try_send(());
    }

    /// Waits until woken or until `timeout`; whether it was woken.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        self.woken.recv_timeout(timeout).is_ok()
    }
}

/// The way from a source's thread to the engine, watched: what was sent, and since when it waits.
pub(super) struct Outlet {
    pub source: Arc<str>,
    pub sink: Arc<dyn Sink>,
    cursors: Mutex<Vec<(Arc<Origin>, u64)>>,
    started: Instant,
    /// Milliseconds from `started` to the beginning of the send that is still waiting, plus one;
    /// 0 when none is.
    waiting_since: AtomicU64,
}

impl Outlet {
    pub(super) fn new(
        source: &str,
        sink: Arc<dyn Sink>,
        resume: impl IntoIterator<Item = (Origin, u64)>,
    ) -> Arc<Self> {
        Arc::new(Self {
            source: Arc::from(source),
            sink,
            cursors: Mutex::new(
                resume.into_iter().map(|(origin, offset)| (Arc::new(origin), offset)).collect(),
            ),
            started: Instant::now(),
            waiting_since: AtomicU64::new(0),
        })
    }

    /// Hands a batch to the engine, waiting while it is behind, and remembers its end.
    pub(super) fn send(&self, batch: Batch) -> Result<(), Closed> {
        let (origin, to) = (Arc::clone(&batch.origin), batch.to);
        let records = batch.records.len() as u64;
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.waiting_since.store(now + 1, Ordering::Relaxed);
        let sent = self.sink.send(batch);
        self.waiting_since.store(0, Ordering::Relaxed);
        sent?;
        counter(names::RECORDS_READ).add(records);
        let mut cursors = lock(&self.cursors);
        let known = cursors
            .iter()
            .rposition(|(known, _)| Arc::ptr_eq(known, &origin))
            .or_else(|| cursors.iter().rposition(|(known, _)| *known == origin));
        if let Some((_, offset)) = known.and_then(|place| cursors.get_mut(place)) {
            *offset = to;
        } else {
            if cursors.len() >= limits::STREAMS_KEPT_MAX {
                cursors.remove(0);
            }
            cursors.push((origin, to));
        }
        Ok(())
    }

    pub(super) fn alarm(&self, text: String) {
        tracing::warn!(source = &*self.source, "{text}");
        self.sink.alarm(&self.source, text);
    }

    /// The last cursor of each stream, in the order of their first batches.
    pub(super) fn cursors(&self) -> Vec<(Arc<Origin>, u64)> {
        lock(&self.cursors).clone()
    }

    fn waiting(&self) -> Option<Duration> {
        let since = self.waiting_since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.started.elapsed().saturating_sub(Duration::from_millis(since)))
    }
}

/// Nothing is left half-changed under these locks, so a panicked holder is no reason to stop.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Release = Box<dyn Fn(&Origin, u64) + Send + Sync>;

/// A running source. Dropping it stops the source too.
pub struct Handle {
    signal: Arc<Signal>,
    outlet: Arc<Outlet>,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
    release: Option<Release>,
    /// A helper of the source that ends by itself, and how long that may take.
    helper: Option<(Receiver<()>, Duration)>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("source", &self.outlet.source).finish_non_exhaustive()
    }
}

impl Handle {
    /// The source's name.
    pub fn source(&self) -> &str {
        &self.outlet.source
    }

    /// Stops the source and waits for its thread, at most half a second: a source that waits in
    /// [`Sink::send`] ends as soon as that returns. No batch is handed over in part, and none
    /// after this has returned true.
    pub fn stop(&mut self) -> bool {
        self.signal.stop();
        let wait = Duration::from_millis(limits::SOURCE_STOP_MILLIS_MAX);
        let ended = !matches!(self.ended.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
        if ended && let Some(thread) = self.thread.take() {
            // Panics were caught and told inside.
            let _told = thread.join();
        }
        let helped = self.helper.take().is_none_or(|(helper, limit)| {
            !matches!(helper.recv_timeout(limit), Err(RecvTimeoutError::Timeout))
        });
        ended && helped
    }

    /// Whether the source has come to its end (stdin closed) or was stopped.
    pub fn finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Tells the source that everything before `offset` in `origin` is done and will never be
    /// asked for again; a spool lets go of it. Files need no telling.
    pub fn release(&self, origin: &Origin, offset: u64) {
        if let Some(release) = &self.release {
            release(origin, offset);
        }
    }

    /// The last cursor handed over, of each stream.
    pub fn cursors(&self) -> Vec<(Origin, u64)> {
        let cursors = self.outlet.cursors();
        cursors.into_iter().map(|(origin, offset)| ((*origin).clone(), offset)).collect()
    }

    pub(super) fn on_release(
        mut self,
        release: impl Fn(&Origin, u64) + Send + Sync + 'static,
    ) -> Self {
        self.release = Some(Box::new(release));
        self
    }
}

impl Handle {
    /// A stop waits for this helper too, which tells its end by closing the channel.
    pub(super) fn wait_also(mut self, helper: Receiver<()>, limit: Duration) -> Self {
        self.helper = Some((helper, limit));
        self
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.signal.stop();
    }
}

/// What a source does: it returns `Ok` when it was told to stop or has come to its end, else why
/// it failed. It is called again after a failure, and must go on from `Outlet::cursors`.
pub(super) type Body = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Starts a source under supervision. A send that waits longer than `stall` raises an alarm.
pub(super) fn supervise(
    outlet: Arc<Outlet>,
    signal: Arc<Signal>,
    stall: Duration,
    body: Body,
) -> std::io::Result<Handle> {
    let (ended_tx, ended) = bounded(1);
    let thread = spawn(&format!("{}-watch", outlet.source), {
        let (outlet, signal) = (Arc::clone(&outlet), Arc::clone(&signal));
        move || {
            watch_over(&outlet, &signal, stall, &body);
            drop(ended_tx);
        }
    })?;
    Ok(Handle { signal, outlet, thread: Some(thread), ended, release: None, helper: None })
}

/// A named thread with a small stack: sources keep their buffers on the heap.
pub(super) fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.chars().take(15).collect()).stack_size(512 * 1024).spawn(body)
}

fn watch_over(outlet: &Arc<Outlet>, signal: &Arc<Signal>, stall: Duration, body: &Body) {
    let mut pause = Duration::from_millis(limits::RESTART_PAUSE_MILLIS_MIN);
    while !signal.stopping() {
        let began = Instant::now();
        let Err(why) = run_once(outlet, stall, body) else {
            return;
        };
        if signal.stopping() {
            return;
        }
        counter(names::SOURCE_RESTARTS).add(1);
        outlet.alarm(format!("source `{}` failed and is started again: {why}", outlet.source));
        if began.elapsed() > Duration::from_mins(1) {
            pause = Duration::from_millis(limits::RESTART_PAUSE_MILLIS_MIN);
        }
        let until = Instant::now() + pause;
        while !signal.stopping() && Instant::now() < until {
            signal.wait(until.saturating_duration_since(Instant::now()));
        }
        pause = (pause * 2).min(Duration::from_millis(limits::RESTART_PAUSE_MILLIS_MAX));
    }
}

/// One life of the source, in a thread of its own, so that this one can watch it.
fn run_once(outlet: &Arc<Outlet>, stall: Duration, body: &Body) -> Result<(), String> {
    let (result_tx, result) = bounded(1);
    let body = Arc::clone(body);
    let thread = spawn(&outlet.source, move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| body()))
            .unwrap_or_else(|cause| Err(format!("panic: {}", panic_text(&*cause))));
        // The receiver lives until it has the result.
        let _received = result_tx.send(outcome);
    });
    let thread = thread.map_err(|error| format!("failed to start a thread: {error}"))?;
    let mut told = false;
    let outcome = loop {
        match result.recv_timeout(stall) {
            Ok(outcome) => break outcome,
            Err(RecvTimeoutError::Disconnected) => break Err("the thread ended".to_owned()),
            Err(RecvTimeoutError::Timeout) => match outlet.waiting() {
                Some(waited) if waited >= stall && !told => {
                    told = true;
                    counter(names::SOURCE_STALLS).add(1);
                    outlet.alarm(format!(
                        "source `{}` has waited {} s for the engine to take a batch",
                        outlet.source,
                        waited.as_secs()
                    ));
                }
                Some(waited) if waited >= stall => {}
                _ => told = false,
            },
        }
    };
    // The result has come; what is left is the end of the thread.
    let _told = thread.join();
    outcome
}

fn panic_text(cause: &(dyn std::any::Any + Send)) -> &str {
    cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
