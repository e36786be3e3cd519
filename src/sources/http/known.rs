//! Deliveries that were taken, so that one that comes again is known.
//!
//! In: names of deliveries, and how many of their records are in the spool. Out: whether, and how much of,
//! one is known. Kept in a file beside the spool, a line each; it is written again without what is too
//! old or too much when it has grown twice as long as it must be.

use super::proof::Id;
use crate::clock::Timestamp;
use crate::limits;
use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much of a delivery is in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub done: u32,
    pub of: u32,
}

impl Taken {
    pub(super) fn is_whole(self) -> bool {
        self.done >= self.of
    }
}

/// What is remembered of deliveries.
#[derive(Debug)]
pub(super) struct Known {
    path: PathBuf,
    file: File,
    remember: Duration,
    by_id: HashMap<Id, (Timestamp, Taken)>,
    /// In the order that they came; an entry whose time is not the one in `by_id` was replaced.
    order: VecDeque<(Timestamp, Id)>,
    lines: usize,
}

impl Known {
    /// Opens or makes the file in the folder of a spool. Lines that a crash has cut are left out.
    pub(super) fn open(folder: &Path, remember: Duration, now: Timestamp) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join("deliveries");
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let file = append(&path)?;
        let mut known = Self {
            path,
            file,
            remember,
            by_id: HashMap::new(),
            order: VecDeque::new(),
            lines: text.lines().count(),
        };
        for (time, id, taken) in text.split_inclusive('\n').filter_map(read_line) {
            known.put(time, id, taken);
        }
        known.forget(now);
        // What a crash has cut must not run into the next line.
        known.write_again()?;
        Ok(known)
    }

    /// How much of a delivery is known.
    pub(super) fn look(&self, id: Id, now: Timestamp) -> Option<Taken> {
        let (time, taken) = self.by_id.get(&id)?;
        (now.since(*time) <= self.remember).then_some(*taken)
    }

    /// Remembers it; on the disk when this returns without an error.
    pub(super) fn note(&mut self, id: Id, taken: Taken, now: Timestamp) -> io::Result<()> {
        self.put(now, id, taken);
        self.forget(now);
        if self.lines > 2 * self.by_id.len() + limits::HTTP_RECORDS_MAX {
            return self.write_again();
        }
        self.file.write_all(line(now, id, taken).as_bytes())?;
        self.lines += 1;
        self.file.sync_data()
    }

    fn put(&mut self, time: Timestamp, id: Id, taken: Taken) {
        self.by_id.insert(id, (time, taken));
        self.order.push_back((time, id));
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((time, id)) = self.order.front().copied() {
            let replaced = self.by_id.get(&id).is_none_or(|(newest, _)| *newest != time);
            let old = now.since(time) > self.remember;
            if !replaced && !old && self.by_id.len() <= limits::HTTP_REMEMBERED_MAX {
                return;
            }
            self.order.pop_front();
            if !replaced {
                self.by_id.remove(&id);
            }
        }
    }

    fn write_again(&mut self) -> io::Result<()> {
        let part = self.path.with_extension("part-new");
        let mut text = String::new();
        let mut lines = 0;
        for (time, id) in &self.order {
            if let Some((newest, taken)) = self.by_id.get(id)
                && newest == time
            {
                text.push_str(&line(*time, *id, *taken));
                lines += 1;
            }
        }
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&part, &self.path)?;
        self.file = append(&self.path)?;
        self.lines = lines;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn line(time: Timestamp, id: Id, taken: Taken) -> String {
    format!("{} {id:032x} {} {}\n", time.as_micros(), taken.done, taken.of)
}

fn read_line(line: &str) -> Option<(Timestamp, Id, Taken)> {
    let mut words = line.strip_suffix('\n')?.split(' ');
    let time = Timestamp::from_micros(words.next()?.parse().ok()?);
    let id = Id::from_str_radix(words.next()?, 16).ok()?;
    let taken = Taken { done: words.next()?.parse().ok()?, of: words.next()?.parse().ok()? };
    words.next().is_none().then_some((time, id, taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_hours(168);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_793_000_000 + secs)
    }

    #[test]
    fn deliveries_are_known_over_a_restart_and_forgotten_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let whole = Taken { done: 2, of: 2 };
        let mut known = Known::open(folder.path(), WEEK, at(0)).unwrap();
        known.note(7, whole, at(0)).unwrap();
        known.note(8, Taken { done: 1, of: 3 }, at(1)).unwrap();
        drop(known);
        // A crash in the middle of a line.
        let mut file = append(&folder.path().join("deliveries")).unwrap();
        file.write_all(b"1793000002000000 00000000000000000000").unwrap();
        let mut known = Known::open(folder.path(), WEEK, at(3)).unwrap();
        assert_eq!(known.look(7, at(3)), Some(whole));
        assert_eq!(known.look(8, at(3)), Some(Taken { done: 1, of: 3 }));
        assert_eq!(known.look(9, at(3)), None);
        known.note(9, whole, at(4)).unwrap();
        known.note(8, Taken { done: 3, of: 3 }, at(5)).unwrap();
        let known = Known::open(folder.path(), WEEK, at(6)).unwrap();
        assert!(known.look(8, at(6)).unwrap().is_whole() && known.look(9, at(6)).is_some());
        let later = 7 * 24 * 3600 + 3;
        assert_eq!(known.look(7, at(later)), None);
        let known = Known::open(folder.path(), WEEK, at(later)).unwrap();
        assert_eq!(known.by_id.len(), 2);
    }

    #[test]
    fn memory_and_file_stay_within_their_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let mut known = Known::open(folder.path(), WEEK, at(0)).unwrap();
        let whole = Taken { done: 1, of: 1 };
        for id in 0..limits::HTTP_REMEMBERED_MAX as u128 + 10 {
            known.put(at(0), id, whole);
            known.forget(at(0));
        }
        assert_eq!(known.by_id.len(), limits::HTTP_REMEMBERED_MAX);
        assert_eq!(known.look(9, at(0)), None, "the oldest make room");
        let mut known = Known::open(folder.path(), Duration::from_secs(1), at(0)).unwrap();
        for second in 0..2_000_u32 {
            known.note(second.into(), whole, at(second.into())).unwrap();
        }
        assert!(known.lines <= limits::HTTP_RECORDS_MAX + 10, "{}", known.lines);
        let text = fs::read_to_string(folder.path().join("deliveries")).unwrap();
        assert_eq!(text.lines().count(), known.lines);
    }
}
