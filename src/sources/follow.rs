//! Follows one path through rotations: the file that has the name now, those that had it before
//! and may still be written to, and those that came and went while nobody looked.
//!
//! In: looks at names and files when told to. Out: batches, in the order of the incarnations: an
//! older file is read to its end before a newer one goes on.

use super::Closed;
use super::content::{Content, Place};
use super::files::FilesConfig;
use super::identity::{StreamId, path_fingerprint};
use super::locate::{self, Holds, Sought};
use super::marks::Marks;
use super::rotation::Rotated;
use super::tail::{Desk, Step, Tail};
use crate::event::Origin;
use crate::limits;
use crate::telemetry::{counter, names};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An incarnation that no longer has the name.
pub(super) struct Old {
    pub tail: Tail,
    /// Read until it has been quiet up to this moment; `None`: nobody writes to it any more.
    pub until: Option<Instant>,
}

/// One followed path.
pub(super) struct Follower {
    pub path: PathBuf,
    pub print: u64,
    pub live: Option<Tail>,
    pub old: VecDeque<Old>,
    /// Incarnations read to their end, so that they are not taken for new ones.
    done: VecDeque<(Place, StreamId)>,
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
            live: None,
            old: VecDeque::new(),
            done: VecDeque::new(),
            trouble: None,
        }
    }

    /// Whether a file is one of this follower's incarnations, past or present.
    pub(super) fn owns(&self, place: Place, path: &Path) -> bool {
        let open = |tail: &Tail| tail.place == place;
        if self.live.as_ref().is_some_and(open) || self.old.iter().any(|old| open(&old.tail)) {
            return true;
        }
        // An inode may be used again: a finished one is known by its content too.
        self.done
            .iter()
            .filter(|(known, _)| *known == place)
            .any(|(_, id)| {
                let sought = Sought {
                    id: *id,
                    offset: 0,
                    before: None,
                    mark: None,
                };
                Content::open(path)
                    .and_then(|mut content| locate::holds(&mut content, &sought))
                    .is_ok_and(|holds| holds > Holds::No)
            })
    }

    /// Whether older incarnations are still watched, of which no event may tell.
    pub(super) fn lingers(&self) -> bool {
        !self.old.is_empty() || self.trouble.is_some()
    }

    /// The marks of all that is open.
    pub(super) fn save_marks(&self, marks: &mut Marks) {
        marks.add_path(self.print);
        let old = self.old.iter().map(|old| &old.tail);
        for (id, mark) in old.chain(&self.live).filter_map(Tail::mark) {
            marks.set(&id, mark);
        }
    }

    /// Whether the name leads to bytes that were not seen: a look that reads nothing.
    pub(super) fn has_unseen(&self) -> bool {
        let Ok(metadata) = std::fs::metadata(&self.path) else {
            return false;
        };
        match &self.live {
            Some(tail) => {
                tail.place != Place::of(&metadata)
                    || metadata.len() > tail.seen
                    || metadata.len() < tail.cursor
            }
            None => metadata.is_file() && self.trouble.is_none(),
        }
    }

    /// Begins anew with the file that has the name: at its end, or at its start.
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
        self.live = Some(tail);
        Ok(())
    }

    /// Looks at the name: is it still the file that is being read?
    pub(super) fn look(&mut self, config: &FilesConfig, desk: &mut Desk) {
        let now = match std::fs::metadata(&self.path) {
            Ok(metadata) => Place::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Between the parts of a rotation, or not there yet. An open file is read on.
                self.trouble = None;
                return;
            }
            Err(error) => return self.tell("look at", &error, desk),
        };
        if self.live.as_ref().is_some_and(|tail| tail.place == now) {
            return;
        }
        let Some(mut fresh) = self.open_live(desk) else {
            return;
        };
        let Some(live) = self.live.take() else {
            self.live = Some(fresh);
            return;
        };
        if live.place == fresh.place || take_over(&live, &mut fresh) {
            // An editor or a copy put the same content under the name.
            self.live = Some(if live.place == fresh.place {
                live
            } else {
                fresh
            });
            return;
        }
        counter(names::SOURCE_ROTATIONS).add(1);
        let (anchor, next) = (live.place, fresh.place);
        let until = Some(Instant::now() + config.rotated_wait);
        self.old.push_back(Old { tail: live, until });
        self.add_between(anchor, next, config, desk);
        self.live = Some(fresh);
        while self.old.len() > limits::OLD_FILES_MAX {
            self.old.pop_front();
            counter(names::SOURCE_LOST_STREAMS).add(1);
            desk.outlet.alarm(format!(
                "too many rotated files of `{}` wait to be read",
                self.path.display()
            ));
        }
    }

    /// Queues whole incarnations between the one that was read (`anchor`) and the one that has the
    /// name now.
    fn add_between(&mut self, anchor: Place, next: Place, config: &FilesConfig, desk: &Desk) {
        let rotated = locate::rotated(&self.path, &config.rotated);
        let place = |file: &Rotated| {
            std::fs::metadata(&file.path)
                .ok()
                .map(|data| Place::of(&data))
        };
        let Some(at) = rotated.iter().position(|file| place(file) == Some(anchor)) else {
            return;
        };
        for file in rotated.into_iter().skip(at + 1) {
            self.add_whole(&file.path, next, config, desk);
        }
    }

    /// Queues a rotated file to be read from its start, unless it is known.
    fn add_whole(&mut self, path: &Path, live: Place, config: &FilesConfig, desk: &Desk) {
        let tail = Content::open(path)
            .and_then(|content| Tail::fresh(content, path.to_owned(), self.print));
        match tail {
            Ok(tail) if tail.place == live || self.owns(tail.place, path) => {}
            Ok(tail) => {
                let until = still_written(&tail, config.rotated_wait);
                self.old.push_back(Old { tail, until });
            }
            Err(error) => desk
                .outlet
                .alarm(format!("failed to open `{}`: {error}", path.display())),
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

    /// Reads one batch at most of each incarnation, the older first.
    pub(super) fn turn(&mut self, config: &FilesConfig, desk: &mut Desk) -> Result<Turn, Closed> {
        let mut index = 0;
        while let Some(old) = self.old.get_mut(index) {
            let over = old.until.is_none_or(|until| until <= Instant::now());
            let cursor = old.tail.cursor;
            let step = old.tail.step(desk, over);
            if old.tail.cursor > cursor && !over {
                old.until = Some(Instant::now() + config.rotated_wait);
            }
            match step {
                Step::Closed => return Err(Closed),
                Step::More => return Ok(Turn::More),
                Step::Idle if !over || old.tail.cursor > cursor => index += usize::from(!over),
                Step::Idle | Step::Replaced | Step::Failed(_) => self.finish(index, step, desk),
            }
        }
        let Some(live) = self.live.as_mut() else {
            return Ok(Turn::Idle);
        };
        match live.step(desk, false) {
            Step::Closed => Err(Closed),
            Step::Idle => Ok(Turn::Idle),
            Step::More => Ok(Turn::More),
            Step::Replaced => {
                self.truncated(config, desk);
                Ok(Turn::More)
            }
            Step::Failed(error) => {
                self.tell("read", &error, desk);
                Ok(Turn::Idle)
            }
        }
    }

    fn finish(&mut self, index: usize, step: Step, desk: &Desk) {
        let Some(old) = self.old.remove(index) else {
            return;
        };
        match step {
            Step::Failed(error) => {
                counter(names::SOURCE_LOST_STREAMS).add(1);
                desk.outlet.alarm(format!(
                    "failed to read `{}` to its end: {error}",
                    old.tail.path.display()
                ));
            }
            Step::Replaced => {
                counter(names::SOURCE_LOST_STREAMS).add(1);
                desk.outlet.alarm(format!(
                    "`{}` was changed before it was read to its end",
                    old.tail.path.display()
                ));
            }
            _ => {}
        }
        if self.done.len() >= limits::OLD_FILES_MAX {
            self.done.pop_front();
        }
        if let Some((_, id)) = old.tail.origin {
            self.done.push_back((old.tail.place, id));
        }
    }

    /// The file that is read was cut: what was not read yet is in the copy that the rotation kept.
    fn truncated(&mut self, config: &FilesConfig, desk: &mut Desk) {
        counter(names::SOURCE_TRUNCATIONS).add(1);
        let Some(live) = self.live.as_mut() else {
            return;
        };
        let (origin, cursor, seen) = (live.origin.clone(), live.cursor, live.seen);
        let before = std::mem::take(&mut live.before);
        let place = live.place;
        live.restart();
        let Some((origin, id)) = origin else {
            return;
        };
        let sought = Sought {
            id,
            offset: cursor,
            before: Some(before),
            mark: None,
        };
        for attempt in 0..3 {
            if attempt > 0 {
                // The copy may just be renamed or compressed.
                std::thread::sleep(Duration::from_millis(20));
            }
            if self.queue_copy(&sought, &origin, place, config, desk) {
                return;
            }
        }
        if seen > cursor {
            counter(names::SOURCE_LOST_STREAMS).add(1);
            desk.outlet.alarm(format!(
                "`{}` was truncated with {} bytes unread, and no copy of it was found",
                self.path.display(),
                seen - cursor
            ));
        }
    }

    /// Finds the copy, queues its rest and every whole incarnation after it.
    fn queue_copy(
        &mut self,
        sought: &Sought,
        origin: &Arc<Origin>,
        live: Place,
        config: &FilesConfig,
        desk: &Desk,
    ) -> bool {
        let rotated = locate::rotated(&self.path, &config.rotated);
        for (index, file) in rotated.iter().enumerate().rev() {
            let Ok(mut content) = Content::open(&file.path) else {
                continue;
            };
            let holds = locate::holds(&mut content, sought).unwrap_or(Holds::No);
            if holds == Holds::No {
                continue;
            }
            let tail = Tail::fresh(content, file.path.clone(), self.print).and_then(|mut tail| {
                tail.resume(Arc::clone(origin), sought.id, sought.offset)?;
                Ok(tail)
            });
            match tail {
                Ok(tail) if holds > Holds::Shorter => self.old.push_back(Old { tail, until: None }),
                // What was read beyond the copy's end was never kept: nothing is missing.
                Ok(tail) => self.done.push_back((tail.place, sought.id)),
                Err(_) => continue,
            }
            for later in rotated.iter().skip(index + 1) {
                self.add_whole(&later.path, live, config, desk);
            }
            return true;
        }
        false
    }
}

/// Whether `fresh` continues what `live` has read, by content; then it goes on at its cursor.
fn take_over(live: &Tail, fresh: &mut Tail) -> bool {
    let Some((origin, id)) = live.origin.clone() else {
        return false;
    };
    let sought = Sought {
        id,
        offset: live.cursor,
        before: Some(live.before.clone()),
        mark: None,
    };
    locate::holds(&mut fresh.content, &sought).is_ok_and(|holds| holds == Holds::Surely)
        && fresh.resume(origin, id, live.cursor).is_ok()
}

/// Until when a rotated file may still be written to; `None` for a finished one.
pub(super) fn still_written(tail: &Tail, wait: Duration) -> Option<Instant> {
    if tail.content.is_compressed() {
        return None;
    }
    let modified = tail
        .content
        .metadata()
        .and_then(|data| data.modified())
        .ok()?;
    let rest = wait.checked_sub(modified.elapsed().unwrap_or_default())?;
    Some(Instant::now() + rest)
}
