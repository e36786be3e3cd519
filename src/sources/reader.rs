//! The file source's thread: sleeps until something changes, then reads what is there.
//!
//! In: the configuration, the cursors of an earlier run, the kernel's notices, the time. Out: turns
//! given to each [`Follower`], and alarms when files change without a notice.

use super::catchup::{self, Known};
use super::files::{FilesConfig, Start};
use super::follow::{Follower, Turn, owns_path};
use super::identity::Place;
use super::identity::StreamId;
use super::locate::{folder_of, name_of};
use super::marks::Marks;
use super::rotation;
use super::supervise::{Outlet, Signal};
use super::tail::Desk;
use super::watch::{self, Watch};
use crate::limits;
use crate::telemetry::{counter, names};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The reading thread.
pub(super) struct Reader<'c> {
    config: &'c FilesConfig,
    signal: Arc<Signal>,
    desk: Desk,
    watch: Watch,
    marks: Marks,
    followers: Vec<Follower>,
    known: Vec<Known>,
    /// No earlier run has read anything.
    first_run: bool,
    next_check: Instant,
    next_save: Instant,
    /// Bytes or names that no event told of are given until then to be told of.
    suspect: Option<Instant>,
    /// Poll until the kernel tells of changes again.
    fallback: bool,
    told_unreliable: Option<String>,
    too_many: bool,
}

impl<'c> Reader<'c> {
    pub(super) fn new(config: &'c FilesConfig, outlet: &Arc<Outlet>, signal: &Arc<Signal>) -> Self {
        let marks = Marks::open(config.state_dir.as_deref(), &outlet.source);
        let known: Vec<Known> = outlet
            .cursors()
            .into_iter()
            .filter_map(|(origin, offset)| {
                let id = StreamId::parse(&origin.stream)?;
                Some(Known { id, origin, offset })
            })
            .collect();
        Self {
            config,
            signal: Arc::clone(signal),
            desk: Desk::new(Arc::clone(outlet)).joining(config.join),
            watch: Watch::new(Arc::clone(signal)),
            first_run: known.is_empty() && !marks.known,
            marks,
            followers: Vec::new(),
            known,
            next_check: Instant::now(),
            next_save: Instant::now(),
            suspect: None,
            fallback: false,
            told_unreliable: None,
            too_many: false,
        }
    }

    /// Follows until told to stop, or until the engine is gone.
    pub(super) fn run(mut self) {
        // Watches come first: what is written while the files are found must not be missed.
        self.find_files(true);
        self.save();
        while !self.signal.stopping() {
            if !self.read_all() {
                break;
            }
            self.save();
            let timeout = self.timeout();
            self.signal.wait(timeout);
            let noticed = self.watch.noticed.take();
            self.respond(noticed);
        }
        self.next_save = Instant::now();
        self.save();
    }

    /// Reads until nothing is left, a batch of each file in turn; false when the engine is gone.
    fn read_all(&mut self) -> bool {
        if self.suspect.is_some() {
            return true;
        }
        loop {
            let mut more = false;
            for follower in &mut self.followers {
                if self.signal.stopping() {
                    return false;
                }
                match follower.turn(self.config, &mut self.desk) {
                    Ok(Turn::More) => more = true,
                    Ok(Turn::Idle) => {}
                    Err(_) => return false,
                }
            }
            if !more {
                return true;
            }
            // New names are not put off by a file that is written without end.
            if self.watch.noticed.any() {
                let noticed = self.watch.noticed.take();
                self.respond(noticed);
            }
            self.save();
        }
    }

    /// Acts on what was noticed, or on the time that has passed.
    fn respond(&mut self, noticed: u8) {
        if noticed != 0 {
            self.suspect = None;
            self.fallback = false;
        }
        if noticed & watch::OVERFLOW != 0 {
            counter(names::SOURCE_WATCHES_LOST).add(1);
            self.desk.outlet.alarm(
                "the kernel dropped notices of file changes; all files are looked at".to_owned(),
            );
        }
        let now = Instant::now();
        if let Some(until) = self.suspect {
            if now < until {
                return;
            }
            self.suspect = None;
            self.fallback = true;
            counter(names::SOURCE_WATCHES_LOST).add(1);
            counter(names::SOURCE_STALLS).add(1);
            self.desk.outlet.alarm("files have changed and the kernel did not tell; watching is set up again, and files are looked at once a second".to_owned());
            self.watch.rebuild();
            self.find_files(false);
        } else if noticed & (watch::NAMES | watch::OVERFLOW) != 0 || self.polling() {
            self.find_files(false);
        } else if now >= self.next_check {
            let unseen = noticed == 0 && self.followers.iter().any(Follower::has_unseen);
            if unseen && !self.watch.noticed.any() {
                self.suspect = Some(now + Duration::from_millis(limits::NOTICE_MILLIS_MAX));
                return;
            }
            self.find_files(false);
        }
    }

    fn polling(&self) -> bool {
        self.config.poll.is_some() || self.watch.unreliable.is_some() || self.fallback
    }

    /// How long to sleep at most.
    fn timeout(&self) -> Duration {
        let now = Instant::now();
        let mut timeout = self.next_check.saturating_duration_since(now);
        if self.polling() {
            timeout = timeout.min(self.config.poll.unwrap_or(Duration::from_secs(1)));
        }
        if self.followers.iter().any(Follower::lingers) {
            timeout = timeout.min(Duration::from_millis(limits::LINGER_MILLIS));
        }
        if let Some(until) = self.suspect {
            timeout = timeout.min(until.saturating_duration_since(now));
        }
        timeout
    }

    fn save(&mut self) {
        if Instant::now() < self.next_save {
            return;
        }
        self.next_save = Instant::now() + Duration::from_secs(1);
        for follower in &self.followers {
            follower.save_marks(&mut self.marks);
        }
        if let Err(error) = self.marks.save() {
            tracing::warn!(source = &*self.desk.outlet.source, %error, "failed to save stream marks");
        }
    }

    /// Looks at every name and pattern, and sees to it that their folders are watched.
    fn find_files(&mut self, at_start: bool) {
        self.next_check = Instant::now() + self.config.stall / 2;
        self.cover();
        for follower in &mut self.followers {
            follower.look(self.config, &self.desk);
        }
        for path in self.wanted_paths() {
            self.adopt(path, at_start);
        }
        // New followers may lie in folders that no pattern's beginning names.
        self.cover();
    }

    fn cover(&mut self) {
        let mut folders = BTreeSet::new();
        let mut stems = BTreeSet::new();
        let mut all = false;
        for pattern in &self.config.paths {
            all |= is_pattern(pattern);
            folders.extend(folder_of(&fixed_part(pattern)).map(Path::to_owned));
        }
        for follower in &self.followers {
            let target = std::fs::canonicalize(&follower.path).ok();
            for path in [Some(&follower.path), target.as_ref()].into_iter().flatten() {
                folders.extend(folder_of(path).map(Path::to_owned));
                let name = name_of(path).unwrap_or_default();
                let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                all |= stem.is_empty();
                stems.insert(stem.to_owned());
            }
            all |= !follower.path.exists();
        }
        self.watch.interest(if all { BTreeSet::new() } else { stems });
        if self.config.poll.is_some() {
            return;
        }
        for folder in self.watch.cover(&folders) {
            counter(names::SOURCE_WATCHES_LOST).add(1);
            self.desk.outlet.alarm(format!(
                "`{}` was replaced by another folder; it is watched anew",
                folder.display()
            ));
        }
        let why = self.watch.unreliable.clone();
        if why != self.told_unreliable {
            if let Some(why) = &why {
                self.desk.outlet.alarm(format!(
                    "files are looked at once a second: the kernel can't tell of changes: {why}"
                ));
            }
            self.told_unreliable = why;
        }
    }

    /// The paths to follow: those written out, and what the patterns match now.
    fn wanted_paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut matched = BTreeSet::new();
        for pattern in &self.config.paths {
            if is_pattern(pattern) {
                matched.extend(glob::glob(pattern).into_iter().flatten().flatten());
            } else {
                paths.push(PathBuf::from(pattern));
            }
        }
        for path in &matched {
            let name = name_of(path).unwrap_or_default();
            if rotation::is_compressed(name) || !path.is_file() || paths.contains(path) {
                continue;
            }
            let log = |other: &PathBuf| {
                other != path
                    && other.parent() == path.parent()
                    && name_of(other).is_some_and(|other| rotation::form(other, name).is_some())
            };
            let rotated = matched.iter().any(log)
                || paths.iter().any(log)
                || self.followers.iter().any(|follower| log(&follower.path));
            if !rotated {
                paths.push(path.clone());
            }
        }
        paths
    }

    /// Follows a path that is not followed yet.
    fn adopt(&mut self, path: PathBuf, at_start: bool) {
        if self.followers.iter().any(|follower| follower.path == path) {
            return;
        }
        let metadata = std::fs::metadata(&path).ok();
        if let Some(place) = metadata.as_ref().map(Place::of)
            && self.followers.iter().any(|follower| owns_path(follower, place, &path))
        {
            return;
        }
        if self.followers.len() >= limits::FILES_MAX {
            if !self.too_many {
                self.too_many = true;
                self.desk.outlet.alarm(format!(
                    "more than {} files match; the others are not followed",
                    limits::FILES_MAX
                ));
            }
            return;
        }
        let mut follower = Follower::new(path);
        let streams: Vec<Known> =
            self.known.iter().filter(|known| known.id.path == follower.print).cloned().collect();
        let begun = self.marks.begun(follower.print);
        if let (true, Some(begun)) = (streams.is_empty(), begun) {
            catchup::resume_unread(&mut follower, begun, self.config, &mut self.desk);
        } else if streams.is_empty() {
            let new = at_start && self.is_new(metadata.as_ref());
            let at_end = new && self.config.from == Start::End;
            // When the engine is gone, the next turn sees it too.
            let _closed = follower.begin(at_end, &mut self.desk);
        } else {
            let (config, desk) = (self.config, &mut self.desk);
            catchup::resume(&mut follower, streams, &self.marks, config, desk);
            follower.look(config, desk);
        }
        if begun.is_none() {
            let whole = follower.live().filter(|tail| tail.cursor == 0);
            let whole = whole.map_or(0, |tail| tail.place.inode);
            self.marks.begin(follower.print, whole);
        }
        self.followers.push(follower);
    }

    /// Whether the file of a path that was never followed is older than the last run.
    fn is_new(&self, metadata: Option<&std::fs::Metadata>) -> bool {
        if self.first_run {
            return true;
        }
        let created = metadata
            .and_then(|metadata| metadata.created().ok())
            .and_then(|created| created.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_micros()).ok());
        created.is_none_or(|created| !self.marks.known || created < self.marks.written())
    }
}

/// Whether the text is a pattern rather than a path.
fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The beginning of a pattern that has no wildcards, whole parts only, with one name after it, so
/// that its folder is the one to watch.
fn fixed_part(pattern: &str) -> PathBuf {
    let mut fixed = PathBuf::new();
    for part in Path::new(pattern).components() {
        fixed.push(part);
        if is_pattern(&part.as_os_str().to_string_lossy()) {
            break;
        }
    }
    fixed
}
