//! Keeps feeds fresh: a thread that asks for each in its time, and says what is new.
//!
//! In: the feeds of the config, the versions in force, requests of people. Out: versions that were
//! judged and are on disk ([`Loaded`]), one at a time; and how each feed is ([`FeedStatus`]). A feed
//! that can't be had, or is refused, changes nothing: the version in force stays.

use super::config::Feed;
use super::copies::Copies;
use super::fetch::asked;
use super::set::{Feeds, Listed, added};
use crate::clock::{self, Timestamp, format_duration};
use crate::decisions::NeverBlock;
use crate::event::text::count;
use crate::limits;
use crate::telemetry::{self, names};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

mod refresh;
mod status;

pub use refresh::{Refreshed, Trouble, refresh};
pub use status::{FeedState, FeedStatus};

/// A version that is to be in force from now on.
pub struct Loaded {
    /// The feed.
    pub name: Arc<str>,
    /// What it lists.
    pub listed: Listed,
    /// All feeds with it.
    pub feeds: Arc<Feeds>,
    /// What it lists that the version before it didn't.
    pub added: Vec<IpNet>,
}

/// What the keeper needs of those around it.
pub struct Ways {
    /// Whom the guard protects, now.
    pub facts: Box<dyn Fn() -> Arc<NeverBlock> + Send>,
    /// Takes a version; false when nobody takes any more.
    pub deliver: Box<dyn Fn(Loaded) -> bool + Send>,
    /// Tells people, once for each thing.
    pub tell: Tell,
}

/// Tells who, and what.
pub type Tell = Box<dyn Fn(&str, String) + Send>;

/// A person's request, and where the answer goes.
struct Ask {
    feed: String,
    accept: bool,
    answer: Sender<Result<String, String>>,
}

/// How each feed is, for whoever asks.
type Board = Arc<Mutex<BTreeMap<Arc<str>, FeedStatus>>>;

/// The running keeper. It ends when this is dropped, after what it is at.
#[derive(Clone)]
pub struct Keeper {
    asks: Sender<Ask>,
    board: Board,
}

/// One feed, and when it is to be asked for.
struct Kept {
    feed: Feed,
    due: Instant,
    failures: u32,
    /// What people were told last.
    told: Option<String>,
}

impl Keeper {
    /// Starts it; `now` are the versions in force.
    pub fn start(
        feeds: Vec<Feed>,
        copies: Copies,
        now: Arc<Feeds>,
        ways: Ways,
    ) -> std::io::Result<Self> {
        let board: Board = Arc::default();
        let (asks, taken) = bounded(16);
        let mut work = Work { kept: Vec::new(), copies, now, ways, board: Arc::clone(&board) };
        for feed in feeds {
            work.add(feed);
        }
        if !work.kept.is_empty() {
            std::thread::Builder::new()
                .name("feeds".into())
                .stack_size(limits::FEEDS_STACK_BYTES)
                .spawn(move || work.run(&taken))?;
        }
        Ok(Self { asks, board })
    }

    /// How each feed is.
    pub fn status(&self) -> Vec<FeedStatus> {
        lock(&self.board).values().cloned().collect()
    }

    /// Asks for a feed now; with `accept`, a version that was refused for a sudden change is taken.
    /// Waits for what comes of it, within a bound.
    pub fn refresh(&self, feed: &str, accept: bool, wait: Duration) -> Result<String, String> {
        if !lock(&self.board).contains_key(feed) {
            return Err(format!("there is no feed `{feed}`\nhint: riposte feeds list"));
        }
        let (answer, answered) = bounded(1);
        let ask = Ask { feed: feed.to_owned(), accept, answer };
        let sent = self.asks.try_send(ask).is_ok();
        match answered.recv_timeout(wait) {
            Ok(answer) => answer,
            Err(_) if sent => {
                Ok("it is being fetched; `riposte feeds list` says what came of it".into())
            }
            Err(_) => Err("other feeds are being fetched; try again in a minute".into()),
        }
    }
}

fn lock(board: &Board) -> MutexGuard<'_, BTreeMap<Arc<str>, FeedStatus>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's own.
struct Work {
    kept: Vec<Kept>,
    copies: Copies,
    now: Arc<Feeds>,
    ways: Ways,
    board: Board,
}

impl Work {
    fn add(&mut self, feed: Feed) {
        let about = self.copies.about(&feed.name);
        let listed = self.now.get(&feed.name);
        let is_it = about.place == asked(&feed)
            && listed.is_some_and(|listed| listed.version == about.version);
        let checked = about.checked.filter(|_| is_it);
        // What was asked for shortly before a restart isn't asked for again.
        let age = checked.map(|checked| clock::now().since(checked));
        let wait = age.map_or(Duration::ZERO, |age| feed.refresh.saturating_sub(age));
        let status = FeedStatus::new(&feed, listed, checked);
        lock(&self.board).insert(Arc::from(feed.name.as_str()), status);
        self.kept.push(Kept { feed, due: Instant::now() + wait, failures: 0, told: None });
    }

    fn run(mut self, asks: &Receiver<Ask>) {
        self.measure();
        loop {
            let next = self.kept.iter().enumerate().min_by_key(|(_, kept)| kept.due);
            let Some((place, due)) = next.map(|(place, kept)| (place, kept.due)) else { return };
            let going_on = match asks.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(ask) => self.asked(&ask),
                Err(RecvTimeoutError::Timeout) => self.look(place, false).is_some(),
                Err(RecvTimeoutError::Disconnected) => false,
            };
            if !going_on {
                return;
            }
        }
    }

    fn asked(&mut self, ask: &Ask) -> bool {
        let Some(place) = self.kept.iter().position(|kept| kept.feed.name == ask.feed) else {
            return true;
        };
        let Some(answer) = self.look(place, ask.accept) else { return false };
        // Who asked may have gone meanwhile.
        drop(ask.answer.send(answer));
        true
    }

    /// Asks for a feed; what came of it in words. `None` when nobody takes versions any more.
    fn look(&mut self, place: usize, accept: bool) -> Option<Result<String, String>> {
        let kept = self.kept.get_mut(place)?;
        let before = self.now.get(&kept.feed.name);
        let facts = (self.ways.facts)();
        let got = refresh(&kept.feed, &self.copies, before, Some(&facts), accept);
        telemetry::counter(names::FEED_REFRESHES).add(1);
        let refresh = kept.feed.refresh.mul_f64(0.9 + fastrand::f64() * 0.2);
        let name: Arc<str> = Arc::from(kept.feed.name.as_str());
        let now = clock::now();
        // Never held over what may lock it too.
        let note = |board: &Board, with: &dyn Fn(&mut FeedStatus)| {
            with(lock(board).entry(Arc::clone(&name)).or_default());
        };
        let (wait, answer) = match got {
            Ok(Refreshed::Same) => {
                kept.failures = 0;
                kept.told = None;
                note(&self.board, &|status| status.well(now));
                (refresh, Ok("it has not changed".to_owned()))
            }
            Ok(Refreshed::New { listed, bad, special }) => {
                kept.failures = 0;
                kept.told = None;
                let read = (bad, special);
                note(&self.board, &|status| status.new_version(&listed, read, now));
                let news = added(before, &listed);
                let words =
                    format!("{}, {} new", count(listed.prefixes.len() as u64, "entry"), news.len());
                tracing::info!(
                    feed = &*name,
                    entries = listed.prefixes.len(),
                    new = news.len(),
                    bad,
                    "a feed is loaded"
                );
                self.now = Arc::new(self.now.with(&name, Some(listed.clone())));
                let feeds = Arc::clone(&self.now);
                self.measure();
                if !(self.ways.deliver)(Loaded { name, listed, feeds, added: news }) {
                    return None;
                }
                let kept = self.kept.get_mut(place)?;
                kept.due = Instant::now() + refresh;
                self.note_next(place, now.plus(refresh));
                return Some(Ok(words));
            }
            Err(trouble) => {
                let (wait, words, tell) = kept.trouble(&trouble, before.is_some(), refresh);
                note(&self.board, &|status| status.trouble(&trouble));
                let stays = before.map_or_else(
                    || "nothing is in force".to_owned(),
                    |listed| {
                        format!("the version of {} stays in force", version_time(listed.version))
                    },
                );
                let words = format!("{words}; {stays}");
                if tell {
                    (self.ways.tell)(&format!("feed {name}"), words.clone());
                } else {
                    tracing::warn!(feed = &*name, words, "a feed could not be refreshed");
                }
                (wait, Err(words))
            }
        };
        kept.due = Instant::now() + wait;
        self.note_next(place, now.plus(wait));
        Some(answer)
    }

    fn note_next(&self, place: usize, next: Timestamp) {
        let name = self.kept.get(place).map(|kept| kept.feed.name.as_str()).unwrap_or_default();
        if let Some(status) = lock(&self.board).get_mut(name) {
            status.next = Some(next);
        }
    }

    /// How much all feeds hold.
    fn measure(&self) {
        let all = || self.now.iter().map(|(_, listed)| &listed.prefixes);
        telemetry::gauge(names::FEED_ENTRIES).set(all().map(|set| set.len() as u64).sum());
        telemetry::gauge(names::FEED_BYTES).set(all().map(|set| set.bytes() as u64).sum());
    }
}

impl Kept {
    /// How long to wait after a trouble, what it is in words, and whether people are to be told now.
    fn trouble(
        &mut self,
        trouble: &Trouble,
        has_version: bool,
        refresh: Duration,
    ) -> (Duration, String, bool) {
        let (wait, words, tell) = match trouble {
            Trouble::Refused(why) => {
                telemetry::counter(names::FEED_REFUSED).add(1);
                let hint =
                    "`riposte feeds refresh NAME --accept` takes it, if you know it to be right";
                (refresh, format!("a version was refused: {why}\nhint: {hint}"), true)
            }
            Trouble::Failed { why, wait } => {
                telemetry::counter(names::FEED_FAILURES).add(1);
                self.failures = self.failures.saturating_add(1);
                let least = Duration::from_secs(limits::FEED_RETRY_SECS_MIN);
                let pause = least.saturating_mul(1 << self.failures.min(16).saturating_sub(1));
                let pause = pause.max(wait.unwrap_or_default()).min(refresh.max(least));
                // A server that is down for a minute is no news while there is a version.
                let tell = !has_version || self.failures >= 3;
                (pause, format!("it can't be had: {why}"), tell)
            }
        };
        let fresh = self.told.as_ref() != Some(&words);
        if tell {
            self.told = Some(words.clone());
        }
        (wait, words, tell && fresh)
    }
}

/// When a version was read.
pub fn version_time(version: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(version).unwrap_or(i64::MAX))
}

/// How old a version is, in words.
pub fn age(version: u64, now: Timestamp) -> String {
    format_duration(now.since(version_time(version)))
}
