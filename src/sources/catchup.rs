//! After a start: finds each known stream of a path again, and puts what is missing in order.
//!
//! In: the engine's cursors, and the files that are there now. Out: a follower whose old
//! incarnations are queued, the oldest first, each at its cursor; files that came after the last
//! known one are queued whole; the file that has the name now is last.

use super::content::Content;
use super::files::FilesConfig;
use super::follow::{Follower, Held};
use super::identity::{Place, StreamId};
use super::locate::{self, Holds, Sought};
use super::marks::{Begun, Marks};
use super::tail::{Desk, Tail};
use crate::event::Origin;
use crate::limits;
use crate::telemetry::{counter, names};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// A stream that was read, and how far.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub id: StreamId,
    pub origin: Arc<Origin>,
    pub offset: u64,
}

/// A file that is there now.
struct Candidate {
    tail: Tail,
    live: bool,
    modified: i128,
    /// The known streams that it may hold, how far, and how sure that is.
    holds: Vec<(usize, Holds, u32)>,
}

impl Candidate {
    /// Whether it ends before the place that the stream was read up to.
    fn is_short_of(&self, stream: usize) -> bool {
        let mut all = self.holds.iter();
        all.any(|(index, holds, _)| *index == stream && *holds == Holds::Shorter)
    }
}

/// Puts the follower where the known streams of its path ended.
pub(super) fn resume(
    follower: &mut Follower,
    mut known: Vec<Known>,
    marks: &Marks,
    config: &FilesConfig,
    desk: &mut Desk,
) {
    known.sort_by_key(|stream| stream.id.birth);
    let excess = known.len().saturating_sub(limits::STREAMS_SOUGHT_MAX);
    known.drain(..excess);
    for stream in &known {
        desk.after(stream.id.birth);
    }
    let (mut candidates, mut chosen) = picture(follower, &known, marks, config, desk);
    for _ in 0..3 {
        if chosen.last().is_none_or(Option::is_some) {
            break;
        }
        // A rotation may be under way: what is not here now was moved meanwhile.
        std::thread::sleep(Duration::from_millis(limits::COPY_PAUSE_MILLIS));
        (candidates, chosen) = picture(follower, &known, marks, config, desk);
    }
    let last = candidates.iter().rposition(|candidate| !candidate.holds.is_empty());
    let newest = known.last().cloned();
    if chosen.last().is_some_and(Option::is_none) {
        tell_lost(follower, newest.as_ref(), last.is_some(), desk);
    }
    // A file last written before the newest known stream began can't come after it.
    let since = newest.map_or(0, |stream| i128::from(stream.id.birth) * 1_000);
    for (index, mut candidate) in candidates.into_iter().enumerate() {
        let stream = chosen.iter().position(|place| *place == Some(index));
        // What was read beyond the end of a copy was never kept: nothing of it is missing.
        let short = stream.is_some_and(|stream| candidate.is_short_of(stream));
        let wanted = match stream.and_then(|stream| known.get(stream)) {
            _ if short => false,
            Some(stream) => {
                let origin = Arc::clone(&stream.origin);
                let tail = &mut candidate.tail;
                tail.resume(origin, stream.id, stream.offset).is_ok()
            }
            None if candidate.live => true,
            None => last.map_or(candidate.modified >= since, |last| index > last),
        };
        if candidate.live {
            follower.hold_live(candidate.tail);
        } else if wanted {
            let held = Held::rotated(candidate.tail, config.rotated_wait);
            follower.held.push_back(held);
        } else if short || Some(index) == last {
            // A copy, of which nothing is to be read: what comes next comes after it.
            let held = candidate.holds.first().map(|(stream, ..)| *stream);
            let stream = stream.or(held).and_then(|stream| known.get(stream));
            let end = stream.map(|stream| Sought {
                id: stream.id,
                offset: stream.offset,
                before: None,
                mark: None,
            });
            follower.push_done(candidate.tail.place, end);
        }
    }
}

/// The files that are there, and which of them is chosen for each known stream.
fn picture(
    follower: &Follower,
    known: &[Known],
    marks: &Marks,
    config: &FilesConfig,
    desk: &Desk,
) -> (Vec<Candidate>, Vec<Option<usize>>) {
    let mut candidates = candidates(follower, config, desk);
    for candidate in &mut candidates {
        candidate.holds = matches(candidate, known, marks);
    }
    let chosen = choose(&candidates, known.len());
    (candidates, chosen)
}

/// For a path that was followed, and of which nothing was committed: reads what was written since.
///
/// That is every file that was made since then, and the one that was read from its beginning.
pub(super) fn resume_unread(
    follower: &mut Follower,
    begun: Begun,
    config: &FilesConfig,
    desk: &mut Desk,
) {
    // File systems stamp with a clock that lags by a tick.
    let since = begun.since - 50_000;
    for mut candidate in candidates(follower, config, desk) {
        let created = candidate.tail.content.metadata().and_then(|data| data.created());
        let created = created.ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let created = created.and_then(|at| i64::try_from(at.as_micros()).ok());
        let fresh =
            created.is_some_and(|at| at >= since) || candidate.tail.place.inode == begun.whole;
        if candidate.live {
            follower.hold_live(candidate.tail);
        } else if fresh && candidate.modified >= i128::from(since) * 1_000 {
            let held = Held::rotated(candidate.tail, config.rotated_wait);
            follower.held.push_back(held);
        } else {
            follower.note_done(&mut candidate.tail);
        }
    }
}

fn tell_lost(follower: &Follower, newest: Option<&Known>, some: bool, desk: &Desk) {
    counter(names::SOURCE_LOST_STREAMS).add(1);
    let place = newest.map_or(0, |stream| stream.offset);
    let then = if some { "newer files are read" } else { "what came after it is read" };
    desk.outlet.alarm(format!(
        "the file of `{}` that was read up to byte {place} is gone; {then}",
        follower.path.display()
    ));
}

/// The files that are there now, the one that has the name last.
fn candidates(follower: &Follower, config: &FilesConfig, desk: &Desk) -> Vec<Candidate> {
    for _ in 0..limits::PICTURE_ATTEMPTS_MAX {
        let found = candidates_once(follower, config, desk);
        let live = found.last().filter(|candidate| candidate.live);
        let live = live.map(|candidate| candidate.tail.place);
        let now = std::fs::metadata(&follower.path).ok();
        if live == now.as_ref().map(Place::of) || now.is_some_and(|data| !data.is_file()) {
            return found;
        }
    }
    candidates_once(follower, config, desk)
}

fn candidates_once(follower: &Follower, config: &FilesConfig, desk: &Desk) -> Vec<Candidate> {
    let mut found = Vec::new();
    // Opened before the others are looked for, so that no rotation can come between unseen.
    let live = Content::open_plain(&follower.path)
        .and_then(|content| Tail::fresh(content, follower.path.clone(), follower.print));
    let failed = |path: &Path, error: &io::Error| {
        desk.outlet.alarm(format!("failed to open `{}`: {error}", path.display()));
    };
    let rotated = locate::open_rotated(&follower.path, &config.rotated, failed);
    for (file, content) in rotated {
        if let Ok(tail) = Tail::fresh(content, file.path, follower.print) {
            found.push(Candidate { tail, live: false, modified: file.modified, holds: Vec::new() });
        }
    }
    // A name that leads nowhere, or that can't be opened, is looked at again and told of there.
    if let Ok(tail) = live {
        found.retain(|candidate| candidate.tail.place != tail.place);
        found.push(Candidate { tail, live: true, modified: i128::MAX, holds: Vec::new() });
    }
    found
}

/// The known streams that a file may hold, each with a score.
fn matches(candidate: &mut Candidate, known: &[Known], marks: &Marks) -> Vec<(usize, Holds, u32)> {
    let mut found = Vec::new();
    for (index, stream) in known.iter().enumerate() {
        let sought = Sought {
            id: stream.id,
            offset: stream.offset,
            before: None,
            mark: marks.get(&stream.id),
        };
        // A file that can't be read (a gzip that is cut short) holds nothing.
        let holds = locate::holds(&mut candidate.tail.content, &sought).unwrap_or(Holds::No);
        let content = match holds {
            Holds::No => continue,
            // The live file, shorter than what was read, was truncated: it is another stream.
            Holds::Shorter if candidate.live => continue,
            Holds::Shorter => 1,
            Holds::Likely => 4,
            Holds::Surely => 16,
        };
        let inode = if candidate.tail.place.inode == stream.id.inode { 4 } else { 0 };
        let live = match (candidate.live, holds) {
            (true, Holds::Surely) => 5,
            (true, _) => 2,
            (false, _) => 0,
        };
        found.push((index, holds, content + inode + live));
    }
    found
}

/// For each known stream the candidate that holds it best; each candidate serves one stream.
fn choose(candidates: &[Candidate], known: usize) -> Vec<Option<usize>> {
    let mut offers: Vec<(u32, usize, usize)> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        for (stream, _, score) in &candidate.holds {
            offers.push((*score, index, *stream));
        }
    }
    // The best offer first; among equals the newer file for the newer stream.
    offers.sort_by(|a, b| b.cmp(a));
    let mut chosen = vec![None; known];
    let mut taken = vec![false; candidates.len()];
    for (_, index, stream) in offers {
        let (Some(place), Some(used)) = (chosen.get_mut(stream), taken.get_mut(index)) else {
            continue;
        };
        if place.is_none() && !*used {
            *place = Some(index);
            *used = true;
        }
    }
    chosen
}
