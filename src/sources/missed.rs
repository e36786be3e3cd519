//! What a running follower has missed: incarnations that came and went between two looks, and the
//! unread rest of a file that was truncated.
//!
//! In: the incarnations that are held and done, and the rotated files that are there now. Out:
//! more incarnations, put into the queue where they belong.

use super::content::Content;
use super::files::FilesConfig;
use super::follow::{Follower, Held, Until};
use super::locate::{self, Holds, Sought};
use super::rotation::Rotated;
use super::tail::{Desk, Tail};
use crate::event::Origin;
use crate::limits;
use crate::telemetry::{counter, names};
use std::sync::Arc;
use std::time::Duration;

impl Follower {
    /// Before an incarnation is read for the first time, puts before it the whole files that lie
    /// between it and the one before; true when it did.
    pub(super) fn fill_before(&mut self, index: usize, config: &FilesConfig, desk: &Desk) -> bool {
        let Some(held) = self.held.get_mut(index) else {
            return false;
        };
        if held.tail.origin.is_some() || held.tail.peeked.is_some() {
            return false;
        }
        let over = held.is_over();
        // A file that can't be read is told of by its next step.
        let Some(beginning) = held.tail.peek(over).ok().flatten() else {
            return false;
        };
        held.tail.peeked = Some(beginning.clone());
        let (place, live) = (held.tail.place, held.until == Until::Live);
        if index == 0 && self.done.is_empty() {
            return false;
        }
        // The picture is taken after the peek: a file that was copied and truncated before it has
        // its copy there.
        let mut rotated = open_rotated(self, config, desk);
        let own = rotated.iter().position(|(file, _)| file.place == place);
        // It may have been compressed while it waited to be read.
        let own = own
            .or_else(|| rotated.iter_mut().rposition(|(_, content)| is_copy(content, &beginning)));
        if own.is_none() && !live {
            return false;
        }
        let Some(after) = self.predecessor(index, &mut rotated) else {
            return false;
        };
        let end = own.unwrap_or(rotated.len());
        let mut at = index;
        for (number, (file, mut content)) in rotated.into_iter().enumerate() {
            if number <= after || number >= end || file.place == place {
                continue;
            }
            // An empty one may be a copy that has just been begun.
            let empty = content.len().is_ok_and(|len| len == 0);
            if empty || is_copy(&mut content, &beginning) || self.owns(file.place, &mut content) {
                continue;
            }
            if let Ok(mut tail) = Tail::fresh(content, file.path, self.print) {
                tail.peeked = Some(Vec::new());
                self.held.insert(at, Held::rotated(tail, config.rotated_wait));
                at += 1;
            }
        }
        at > index
    }

    /// The place among the rotated files of the latest incarnation before `index`: an older one
    /// may still be held while later ones are done.
    fn predecessor(&self, index: usize, rotated: &mut [(Rotated, Content)]) -> Option<usize> {
        let held = self.held.iter().take(index);
        let held = held.map(|held| (held.tail.place, held.tail.sought()));
        let done = self.done.iter().map(|done| (done.place, done.end.clone()));
        let mut latest = None;
        for (place, end) in held.rev().chain(done.rev()).take(limits::STREAMS_SOUGHT_MAX) {
            // An inode may be used again once nobody has it open: the content must agree.
            let found = end.and_then(|end| {
                rotated.iter_mut().rposition(|(_, content)| {
                    locate::holds(content, &end).is_ok_and(|holds| holds > Holds::No)
                })
            });
            // An open file keeps its inode to itself.
            let open = self.held.iter().any(|held| held.tail.place == place);
            let found = found.or_else(|| {
                let by_place = rotated.iter().rposition(|(file, _)| file.place == place);
                by_place.filter(|_| open)
            });
            latest = latest.max(found);
        }
        latest
    }

    /// An incarnation no longer holds what was read of it: it was truncated. What was not read yet
    /// is in the copy that the rotation kept.
    pub(super) fn replaced(&mut self, index: usize, config: &FilesConfig, desk: &Desk) {
        let Some(held) = self.held.get_mut(index) else {
            return;
        };
        let tail = &mut held.tail;
        let (origin, seen, sought) = (tail.origin.clone(), tail.seen, tail.sought());
        tail.restart();
        let (Some((origin, _)), Some(sought)) = (origin, sought) else {
            // Nothing was read of it; what came before it is looked for again.
            return;
        };
        counter(names::SOURCE_TRUNCATIONS).add(1);
        for attempt in 0..3 {
            if attempt > 0 {
                // The copy may just be renamed or compressed.
                std::thread::sleep(Duration::from_millis(limits::COPY_PAUSE_MILLIS));
            }
            if self.queue_copy(index, &sought, &origin, config, desk) {
                return;
            }
        }
        if seen > sought.offset {
            counter(names::SOURCE_LOST_STREAMS).add(1);
            desk.outlet.alarm(format!(
                "`{}` was truncated with {} bytes unread, and no copy of it was found",
                self.path.display(),
                seen - sought.offset
            ));
        }
    }

    /// Finds the copy of a truncated file and puts its rest before the incarnation at `index`.
    fn queue_copy(
        &mut self,
        index: usize,
        sought: &Sought,
        origin: &Arc<Origin>,
        config: &FilesConfig,
        desk: &Desk,
    ) -> bool {
        for (file, mut content) in open_rotated(self, config, desk).into_iter().rev() {
            let holds = locate::holds(&mut content, sought).unwrap_or(Holds::No);
            if holds == Holds::No {
                continue;
            }
            let Ok(mut tail) = Tail::fresh(content, file.path, self.print) else {
                continue;
            };
            if holds == Holds::Shorter {
                // What was read beyond the copy's end was never kept: nothing is missing.
                self.push_done(tail.place, Some(sought.clone()));
                return true;
            }
            if tail.resume(Arc::clone(origin), sought.id, sought.offset).is_err() {
                continue;
            }
            let until = Until::Finished;
            self.held.insert(index, Held { tail, until });
            return true;
        }
        false
    }
}

fn open_rotated(follower: &Follower, config: &FilesConfig, desk: &Desk) -> Vec<(Rotated, Content)> {
    locate::open_rotated(&follower.path, &config.rotated, |path, error| {
        desk.outlet.alarm(format!("failed to open `{}`: {error}", path.display()));
    })
}

/// Whether a file begins as another one does; a copy that is still being written is shorter.
fn is_copy(content: &mut Content, beginning: &[u8]) -> bool {
    let mut start = vec![0; beginning.len()];
    content.read_at(0, &mut start).is_ok_and(|count| {
        start.get(..count).is_some_and(|start| count > 0 && beginning.starts_with(start))
    })
}
