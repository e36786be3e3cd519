//! Follows one path through rotations: the file that has the name now, those that had it before
//! and may still be written to, and those that came and went while nobody looked.
//!
//! In: looks at names and files when told to. Out: batches, in the order of the incarnations: an
//! older file is read to its end before a newer one goes on. What was missed is found by
//! `missed`.

use super::Closed;
use super::content::Content;
use super::files::FilesConfig;
use super::identity::{Place, path_fingerprint};
use super::locate::{self, Holds, Sought};
use super::marks::Marks;
use super::tail::{Desk, Step, Tail};
use crate::limits;
use crate::telemetry::{counter, names};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long an incarnation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// It has the name.
    Live,
    /// It had the name, and may be written to until it has been quiet up to this moment.
    Quiet(Instant),
    /// Nobody writes to it any more: its end is the end.
    Finished,
}

/// One incarnation that is being read.
#[derive(Debug)]
pub(super) struct Held {
    pub tail: Tail,
    pub until: Until,
}

/// An incarnation that was read to its end.
#[derive(Debug)]
pub(super) struct Done {
    pub place: Place,
    pub end: Option<Sought>,
}

/// One followed path.
pub(super) struct Follower {
    pub path: PathBuf,
    pub print: u64,
    /// The oldest first; the one that has the name, if any, is last.
    pub held: VecDeque<Held>,
    /// Incarnations read to their end, the latest last, so that they are not taken for new ones.
    pub done: VecDeque<Done>,
    /// The trouble that was told of and still lasts.
    trouble: Option<String>,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// All is read.
    Idle,
    /// There is more to read.
    More,
}

impl Follower {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            print: path_fingerprint(&path),
            path,
            held: VecDeque::new(),
            done: VecDeque::new(),
            trouble: None,
        }
    }

    /// The incarnation that has the name.
    pub(super) fn live(&self) -> Option<&Tail> {
        let last = self.held.back().filter(|held| held.until == Until::Live)?;
        Some(&last.tail)
    }

    /// Whether a file is one of this follower's incarnations, past or present: by its inode, and
    /// when that is not open any more, by its content too, for an inode may be used again.
    pub(super) fn owns(&self, place: Place, content: &mut Content) -> bool {
        self.held.iter().any(|held| held.tail.place == place)
            || self.done.iter().rev().take(limits::STREAMS_SOUGHT_MAX).any(|done| {
                let Some(end) = &done.end else {
                    return done.place == place;
                };
                // A file that can't be read is told of when it is.
                let holds = locate::holds(content, end).unwrap_or(Holds::No);
                holds == Holds::Surely || (done.place == place && holds > Holds::No)
            })
    }

    /// Whether older incarnations are still watched, of which no event may tell.
    pub(super) fn lingers(&self) -> bool {
        self.trouble.is_some() || self.held.iter().any(|held| held.until != Until::Live)
    }

    /// The marks of all that is open.
    pub(super) fn save_marks(&self, marks: &mut Marks) {
        for (id, mark) in self.held.iter().filter_map(|held| held.tail.mark()) {
            marks.set(&id, mark);
        }
    }

    /// Whether the name leads to bytes that were not seen: a look that reads nothing.
    pub(super) fn has_unseen(&self) -> bool {
        let Ok(metadata) = std::fs::metadata(&self.path) else {
            return false;
        };
        match self.live() {
            Some(tail) => {
                tail.place != Place::of(&metadata)
                    || metadata.len() > tail.seen
                    || metadata.len() < tail.cursor
            }
            None => metadata.is_file() && self.trouble.is_none(),
        }
    }

    /// Begins with the file that has the name, if there is one: at its end, or at its start.
    pub(super) fn begin(&mut self, at_end: bool, desk: &mut Desk) -> Result<(), Closed> {
        let Some(mut tail) = self.open_live(desk) else {
            return Ok(());
        };
        if at_end {
            match tail.start_at_end(desk) {
                Step::Closed => return Err(Closed),
                Step::Failed(error) => self.tell("read", &error, desk),
                _ => {}
            }
        }
        self.hold_live(tail);
        Ok(())
    }

    pub(super) fn hold_live(&mut self, tail: Tail) {
        let until = Until::Live;
        self.held.push_back(Held { tail, until });
    }

    /// Looks at the name: is it still the file that is being read?
    pub(super) fn look(&mut self, config: &FilesConfig, desk: &Desk) {
        let now = match std::fs::metadata(&self.path) {
            Ok(metadata) => Place::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Between the parts of a rotation, or not there yet. An open file is read on.
                self.trouble = None;
                return;
            }
            Err(error) => return self.tell("look at", &error, desk),
        };
        if self.live().is_some_and(|tail| tail.place == now) {
            return;
        }
        let Some(mut fresh) = self.open_live(desk) else {
            return;
        };
        let live = self.held.back_mut().filter(|held| held.until == Until::Live);
        let Some(live) = live else {
            return self.hold_live(fresh);
        };
        if live.tail.place == fresh.place {
            return;
        }
        if take_over(&live.tail, &mut fresh) {
            // An editor or a copy put the same content under the name.
            live.tail = fresh;
            return;
        }
        counter(names::SOURCE_ROTATIONS).add(1);
        live.until = Until::Quiet(Instant::now() + config.rotated_wait);
        self.hold_live(fresh);
        if self.held.len() > limits::OLD_FILES_MAX {
            self.held.pop_front();
            counter(names::SOURCE_LOST_STREAMS).add(1);
            desk.outlet.alarm(format!(
                "too many rotated files of `{}` wait to be read",
                self.path.display()
            ));
        }
    }

    fn open_live(&mut self, desk: &Desk) -> Option<Tail> {
        let opened = Content::open_plain(&self.path)
            .and_then(|content| Tail::fresh(content, self.path.clone(), self.print));
        match opened {
            Ok(tail) => {
                if self.trouble.take().is_some() {
                    tracing::info!(path = %self.path.display(), "readable again");
                }
                Some(tail)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.tell("open", &error, desk);
                None
            }
        }
    }

    /// Raises an alarm, once as long as the same trouble lasts.
    fn tell(&mut self, what: &str, error: &io::Error, desk: &Desk) {
        let text = format!("failed to {what} `{}`: {error}", self.path.display());
        if self.trouble.as_ref() == Some(&text) {
            return;
        }
        counter(names::SOURCE_STALLS).add(1);
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "\nhint: let the user that riposte runs as read it, for example by the group `adm`"
            }
            _ => "",
        };
        desk.outlet.alarm(format!("{text}{hint}"));
        self.trouble = Some(text);
    }

    /// Hands over one batch at most: of the oldest incarnation that has one.
    pub(super) fn turn(&mut self, config: &FilesConfig, desk: &mut Desk) -> Result<Turn, Closed> {
        let mut index = 0;
        while index < self.held.len() {
            if self.fill_before(index, config, desk) {
                continue;
            }
            let Some(held) = self.held.get_mut(index) else {
                break;
            };
            let over = held.is_over();
            let cursor = held.tail.cursor;
            let step = held.tail.step(desk, over);
            let moved = held.tail.cursor > cursor;
            if moved && let Until::Quiet(_) = held.until {
                held.until = Until::Quiet(Instant::now() + config.rotated_wait);
            }
            match step {
                Step::Closed => return Err(Closed),
                Step::More => return Ok(Turn::More),
                Step::Replaced => {
                    self.replaced(index, config, desk);
                    return Ok(Turn::More);
                }
                Step::Failed(error) if held.until == Until::Live => {
                    self.tell("read", &error, desk);
                    index += 1;
                }
                Step::Failed(error) => {
                    counter(names::SOURCE_LOST_STREAMS).add(1);
                    let path = held.tail.path.display();
                    let text = format!("failed to read `{path}` to its end: {error}");
                    desk.outlet.alarm(text);
                    self.finish(index);
                }
                Step::Idle if over && !moved => self.finish(index),
                Step::Idle => index += usize::from(!over),
            }
        }
        Ok(Turn::Idle)
    }

    fn finish(&mut self, index: usize) {
        if let Some(mut held) = self.held.remove(index) {
            self.note_done(&mut held.tail);
        }
    }

    pub(super) fn note_done(&mut self, tail: &mut Tail) {
        let end = tail.sought().or_else(|| locate::beginning(&mut tail.content));
        self.push_done(tail.place, end);
    }

    pub(super) fn push_done(&mut self, place: Place, end: Option<Sought>) {
        if self.done.len() >= limits::OLD_FILES_MAX {
            self.done.pop_front();
        }
        self.done.push_back(Done { place, end });
    }
}

impl Held {
    /// Whether what is there now is all that there will be.
    pub(super) fn is_over(&self) -> bool {
        match self.until {
            Until::Live => false,
            Until::Quiet(until) => until <= Instant::now(),
            Until::Finished => true,
        }
    }

    /// A rotated file, which may have been written to just now.
    pub(super) fn rotated(tail: Tail, wait: Duration) -> Self {
        let until = still_written(&tail, wait).map_or(Until::Finished, Until::Quiet);
        Self { tail, until }
    }
}

/// Whether `fresh` continues what `live` has read, by content; then it goes on at its cursor.
fn take_over(live: &Tail, fresh: &mut Tail) -> bool {
    let (Some(sought), Some((origin, id))) = (live.sought(), live.origin.clone()) else {
        return false;
    };
    locate::holds(&mut fresh.content, &sought).is_ok_and(|holds| holds == Holds::Surely)
        && fresh.resume(origin, id, live.cursor).is_ok()
}

/// Until when a rotated file may still be written to; `None` for a finished one.
fn still_written(tail: &Tail, wait: Duration) -> Option<Instant> {
    if tail.content.is_compressed() {
        return None;
    }
    let modified = tail.content.metadata().and_then(|data| data.modified()).ok()?;
    let rest = wait.checked_sub(modified.elapsed().unwrap_or_default())?;
    Some(Instant::now() + rest)
}

/// Whether the follower knows the file at `path`, for those who look at names.
pub(super) fn owns_path(follower: &Follower, place: Place, path: &Path) -> bool {
    Content::open(path).is_ok_and(|mut content| follower.owns(place, &mut content))
}
