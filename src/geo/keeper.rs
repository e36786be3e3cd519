//! Keeps databases fresh: a thread that looks at each file now and then, and says what is new.
//!
//! In: the files of the config, the versions in force. Out: versions that were verified and are on disk
//! ([`Loaded`]), one at a time; and how each database is ([`GeoStatus`]). A file that is gone, broken, or
//! another kind of database changes nothing: the version in force stays.

use super::config::{GeoConfig, Role};
use super::copies::Copies;
use super::set::{Edition, Places};
use crate::clock;
use crate::limits;
use crate::telemetry::{self, names};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

mod refresh;
mod status;

pub use refresh::{Refreshed, Trouble, read, refresh};
pub use status::{GeoState, GeoStatus};

use refresh::{Seen, seen};

/// A version that is to be in force from now on.
pub struct Loaded {
    /// What it is there for.
    pub role: Role,
    /// The database.
    pub edition: Edition,
    /// All databases with it.
    pub places: Arc<Places>,
}

/// What the keeper needs of those around it.
pub struct Ways {
    /// Takes a version; false when nobody takes any more.
    pub deliver: Box<dyn Fn(Loaded) -> bool + Send>,
    /// Tells people who, and what, once for each thing.
    pub tell: Tell,
}

/// Tells who, and what.
pub type Tell = Box<dyn Fn(&str, String) + Send>;

/// How each database is, for whoever asks.
type Board = Arc<Mutex<BTreeMap<Role, GeoStatus>>>;

/// The running keeper. It ends when this is dropped, at its next look.
#[derive(Clone)]
pub struct Keeper {
    board: Board,
}

impl Keeper {
    /// Looks at each file once, so that what is there counts from the first record on; then starts the
    /// thread. `now` are the versions in force.
    pub fn start(
        config: &GeoConfig,
        copies: Copies,
        now: Arc<Places>,
        ways: Ways,
    ) -> std::io::Result<Self> {
        let board: Board = Arc::default();
        let watch = |(role, path): (Role, &Path)| {
            let status = GeoStatus::new(role, path, now.get(role));
            lock(&board).insert(role, status);
            Watched { role, path: path.to_owned(), seen: Seen::Never, told: None }
        };
        let watched: Vec<Watched> = config.roles().map(watch).collect();
        let board_of_thread = Arc::downgrade(&board);
        let mut work = Work { watched, copies, now, ways, board: board_of_thread };
        if work.watched.is_empty() {
            return Ok(Self { board });
        }
        // On the thread too, for its stack is known.
        let (ready, looked) = crossbeam_channel::bounded(1);
        std::thread::Builder::new().name("geo".into()).stack_size(limits::GEO_STACK_BYTES).spawn(
            move || {
                let goes_on = work.look_at_all();
                // Whoever waits for it may have gone.
                ready.send(()).ok();
                if goes_on {
                    work.run();
                }
            },
        )?;
        // A thread that died has nothing to be waited for.
        looked.recv().ok();
        Ok(Self { board })
    }

    /// How each database is.
    pub fn status(&self) -> Vec<GeoStatus> {
        lock(&self.board).values().cloned().collect()
    }
}

fn lock(board: &Mutex<BTreeMap<Role, GeoStatus>>) -> MutexGuard<'_, BTreeMap<Role, GeoStatus>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One file.
struct Watched {
    role: Role,
    path: PathBuf,
    /// How it was when it was read last.
    seen: Seen,
    /// What people were told last.
    told: Option<String>,
}

/// The thread's own.
struct Work {
    watched: Vec<Watched>,
    copies: Copies,
    now: Arc<Places>,
    ways: Ways,
    board: Weak<Mutex<BTreeMap<Role, GeoStatus>>>,
}

impl Work {
    fn run(mut self) {
        loop {
            std::thread::sleep(Duration::from_secs(limits::GEO_LOOK_SECS));
            if self.board.strong_count() == 0 || !self.look_at_all() {
                return;
            }
        }
    }

    /// Looks at each file; false when nobody takes versions any more.
    fn look_at_all(&mut self) -> bool {
        let goes_on = (0..self.watched.len()).all(|place| self.look(place));
        telemetry::gauge(names::GEO_BYTES).set(self.now.bytes());
        goes_on
    }

    fn look(&mut self, place: usize) -> bool {
        let (Some(watched), Some(board)) = (self.watched.get_mut(place), self.board.upgrade())
        else {
            return true;
        };
        let is = seen(&watched.path);
        if is == watched.seen {
            return true;
        }
        // What is written just now is looked at when it is at rest; at a start it is all there is.
        if is.is_fresh() && watched.seen != Seen::Never {
            return true;
        }
        watched.seen = is;
        let role = watched.role;
        let before = self.now.get(role);
        let got = refresh(role, &watched.path, &self.copies, before);
        telemetry::counter(names::GEO_READS).add(1);
        let note = |with: &dyn Fn(&mut GeoStatus)| {
            if let Some(status) = lock(&board).get_mut(&role) {
                with(status);
            }
        };
        match got {
            Ok(Refreshed::Same) => {
                watched.told = None;
                note(&|status| status.well());
                true
            }
            Ok(Refreshed::New(edition)) => {
                watched.told = None;
                let database = &edition.database;
                tracing::info!(
                    database = role.name(),
                    kind = %crate::event::text::escape_cut(database.kind().as_bytes(), 80),
                    built = %database.built(),
                    bytes = database.bytes(),
                    "a database of places is loaded"
                );
                note(&|status| status.new_version(&edition));
                self.now = Arc::new(self.now.with(role, Some(edition.clone())));
                let places = Arc::clone(&self.now);
                (self.ways.deliver)(Loaded { role, edition, places })
            }
            Err(Trouble::Changing) => {
                watched.seen = Seen::Moving;
                true
            }
            Err(Trouble::Bad(why)) => {
                telemetry::counter(names::GEO_REFUSED).add(1);
                note(&|status| status.trouble(&why));
                let stays = before.map_or_else(
                    || "nothing is in force".to_owned(),
                    |edition| format!("the one of {} stays in force", edition.database.built()),
                );
                let words = format!("{why}; {stays}");
                if watched.told.as_ref() != Some(&words) {
                    watched.told = Some(words.clone());
                    (self.ways.tell)(&format!("geo {}", role.name()), words);
                }
                true
            }
        }
    }
}

/// A later version than any before.
fn next_version(before: Option<&Edition>) -> u64 {
    let now = u64::try_from(clock::now().as_micros()).unwrap_or(0);
    now.max(before.map_or(0, |before| before.version + 1))
}
