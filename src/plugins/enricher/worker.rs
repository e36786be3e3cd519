//! The thread of one enricher: it keeps the program running, asks it what sources need, and keeps
//! its answers.
//!
//! Sources never wait for the program itself: they leave questions, look at what is known, and wait
//! for a moment that is bounded. While the program is not well they don't wait at all.

use super::answers::Answers;
use super::{Fields, Spec};
use crate::limits::{ENRICHER_QUESTIONS_MAX, HELPER_THREAD_STACK_BYTES, PLUGIN_UNASKED_MAX};
use crate::plugins::talk::Next;
use crate::plugins::{HealthCell, Keeper, Message, Talk, TalkError};
use crate::telemetry::{self, names};
use crossbeam_channel::{Receiver, Sender, bounded, never};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the thread looks up while nothing happens.
const LOOK_UP: Duration = Duration::from_millis(200);

/// A running enricher. Dropping it ends its program.
#[derive(Debug)]
pub struct Enricher {
    spec: Arc<Spec>,
    shared: Arc<Shared>,
    questions: Option<Sender<String>>,
    health: Arc<HealthCell>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the sources share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    answered: Condvar,
    stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    answers: Answers,
    /// Asked for, and not yet answered or given up.
    asked: HashSet<String>,
    /// The program is ready.
    well: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The questions of one batch.
#[derive(Debug, Default)]
pub(super) struct Asked {
    known: BTreeMap<String, Fields>,
    open: BTreeSet<String>,
}

impl Enricher {
    /// Starts the thread, which starts the program.
    pub fn start(spec: Spec, keeper: Keeper) -> std::io::Result<Self> {
        let (questions, asked) = bounded(ENRICHER_QUESTIONS_MAX);
        let shared = Arc::new(Shared::default());
        let spec = Arc::new(spec);
        let health = Arc::clone(keeper.health());
        let worker = Worker {
            spec: Arc::clone(&spec),
            keeper,
            shared: Arc::clone(&shared),
            questions: asked,
            open: BTreeMap::new(),
            last_id: 0,
            late: 0,
        };
        let thread = std::thread::Builder::new()
            .name(format!("enrich:{}", spec.name).chars().take(15).collect())
            .stack_size(HELPER_THREAD_STACK_BYTES)
            .spawn(move || worker.run())?;
        Ok(Self { spec, shared, questions: Some(questions), health, thread: Some(thread) })
    }

    /// What it adds, and to which events.
    pub const fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// How it is.
    pub const fn health(&self) -> &Arc<HealthCell> {
        &self.health
    }

    /// Looks at what is known and leaves questions for the rest; does not block.
    pub(super) fn ask(&self, keys: BTreeSet<String>) -> Asked {
        let mut asked = Asked::default();
        if keys.is_empty() {
            return asked;
        }
        let now = Instant::now();
        let mut state = self.shared.lock();
        for key in keys {
            if let Some(fields) = state.answers.get(&key, now, self.spec.ttl) {
                asked.known.insert(key, Arc::clone(fields));
            } else if state.asked.contains(&key) || self.leave(&mut state, &key) {
                asked.open.insert(key);
            } else {
                telemetry::counter(names::ENRICHER_UNASKED).add(1);
            }
        }
        asked
    }

    fn leave(&self, state: &mut State, key: &str) -> bool {
        // While the program can't answer, questions would only grow old.
        let left = state.well
            && self.questions.as_ref().is_some_and(|to| to.try_send(key.to_owned()).is_ok());
        if left {
            state.asked.insert(key.to_owned());
            telemetry::counter(names::ENRICHER_QUESTIONS).add(1);
        }
        left
    }

    /// What is known by then, waiting while the program is well and questions are open.
    pub(super) fn answers(&self, mut asked: Asked, until: Instant) -> BTreeMap<String, Fields> {
        if asked.open.is_empty() {
            return asked.known;
        }
        let mut state = self.shared.lock();
        loop {
            let now = Instant::now();
            asked.open.retain(|key| {
                let answer = state.answers.get(key, now, self.spec.ttl);
                if let Some(fields) = answer {
                    asked.known.insert(key.clone(), Arc::clone(fields));
                }
                // What was given up is waited for no longer.
                answer.is_none() && state.asked.contains(key)
            });
            let left = until.saturating_duration_since(now);
            if asked.open.is_empty() || left.is_zero() || !state.well {
                break;
            }
            let waited = self.shared.answered.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        telemetry::counter(names::ENRICHER_LATE).add(asked.open.len() as u64);
        asked.known
    }
}

impl Drop for Enricher {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            // It ends within a start's look-up and the program's polite end, both bounded.
            drop(thread.join());
        }
    }
}

struct Worker {
    spec: Arc<Spec>,
    keeper: Keeper,
    shared: Arc<Shared>,
    questions: Receiver<String>,
    /// Questions to this life of the program: by id, the key and since when.
    open: BTreeMap<u64, (String, Instant)>,
    last_id: u64,
    /// Answers that nobody waited for.
    late: u32,
}

impl Worker {
    fn run(mut self) {
        while !self.stopping() {
            let Some(talk) = self.begin() else {
                continue;
            };
            self.well(true);
            let end = self.live(&talk);
            self.well(false);
            match end {
                Ok(()) => self.keeper.stop(talk),
                Err(error) => {
                    self.keeper.failed(talk, &error);
                }
            }
        }
    }

    fn stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }

    /// The next life of the program, when its time has come.
    fn begin(&mut self) -> Option<Talk> {
        if let Some(left) = self.keeper.wait() {
            std::thread::sleep(left.min(LOOK_UP));
            return None;
        }
        let shared = Arc::clone(&self.shared);
        let stopping = move || shared.stopping.load(Ordering::Relaxed);
        // A failure is noted by the keeper, and waited for.
        self.keeper.start_unless(Map::new(), &stopping).ok()
    }

    /// While the program is not well nothing is open: whoever waits goes on without.
    fn well(&mut self, well: bool) {
        self.open.clear();
        self.late = 0;
        let mut state = self.shared.lock();
        state.well = well;
        while self.questions.try_recv().is_ok() {}
        state.asked.clear();
        drop(state);
        self.shared.answered.notify_all();
    }

    /// One life: questions to it, answers from it, until it fails or everything ends.
    fn live(&mut self, talk: &Talk) -> Result<(), TalkError> {
        let nobody = never();
        loop {
            // It gets its rotated secrets with the greeting of its next life.
            if self.stopping() || (self.open.is_empty() && talk.is_outdated()) {
                return Ok(());
            }
            let full = self.open.len() >= ENRICHER_QUESTIONS_MAX;
            let questions = if full { &nobody } else { &self.questions };
            match talk.receive_or(questions, LOOK_UP)? {
                Next::Said(message) => self.answer(&message)?,
                Next::Other(key) => {
                    self.last_id += 1;
                    let mut question = Map::new();
                    question.insert("type".to_owned(), Value::from("ask"));
                    question.insert("id".to_owned(), Value::from(self.last_id));
                    question.insert("key".to_owned(), Value::from(key.as_str()));
                    talk.send(&question)?;
                    self.open.insert(self.last_id, (key, Instant::now()));
                }
                Next::Closed => return Ok(()),
                Next::Nothing => {}
            }
            // Ids grow, so the first is the oldest.
            if let Some((_, (_, since))) = self.open.first_key_value()
                && since.elapsed() > self.spec.answer
            {
                return Err(TalkError::Silent { millis: self.spec.answer.as_millis() });
            }
        }
    }

    fn answer(&mut self, message: &Message) -> Result<(), TalkError> {
        let nonsense = |words: String| TalkError::Nonsense(words);
        if message.kind != "answer" {
            return Err(nonsense(format!("an enricher does not say `{}`", message.kind)));
        }
        let id = message.body.get("id").and_then(Value::as_u64);
        let Some((key, _)) = id.and_then(|id| self.open.remove(&id)) else {
            self.late += 1;
            return if self.late > PLUGIN_UNASKED_MAX {
                Err(nonsense("it answers what it was not asked".to_owned()))
            } else {
                Ok(())
            };
        };
        let none = Map::new();
        let fields = match message.body.get("fields") {
            None => &none,
            Some(Value::Null) => {
                // It doesn't know: nothing is kept, and it is asked again.
                self.shared.lock().asked.remove(&key);
                self.shared.answered.notify_all();
                return Ok(());
            }
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(nonsense("`fields` of an answer is no object".to_owned())),
        };
        let fields = self.spec.typed(fields).map_err(nonsense)?;
        telemetry::counter(names::ENRICHER_ANSWERS).add(1);
        let mut state = self.shared.lock();
        state.asked.remove(&key);
        state.answers.insert(key, fields, Instant::now());
        drop(state);
        self.shared.answered.notify_all();
        Ok(())
    }
}
