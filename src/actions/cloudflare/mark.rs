//! What riposte notes with everything that it makes at Cloudflare: that it is its own, until when
//! it stands, and why. Only what carries our mark is ever changed.
//!
//! `riposte/web1 until 2026-11-26T20:00:00Z wp-login-guessing`. The end lets another riposte remove
//! what one that is gone for good has left.

use crate::clock::Timestamp;
use crate::limits::CLOUDFLARE_COMMENT_CHARS_MAX;
use std::time::Duration;

/// How everything of riposte's begins.
pub const OURS: &str = "riposte/";

/// What another riposte left this long after its end is removed by whoever finds it.
const ORPHANED_AFTER: Duration = Duration::from_hours(24);

/// A note, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The mark of the riposte that made it.
    pub owner: String,
    /// Its end; `None` for never.
    pub until: Option<Timestamp>,
}

impl Note {
    /// Whether its owner should have removed it long ago.
    pub(super) fn is_orphan(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.plus(ORPHANED_AFTER) < now)
    }

    /// Whether it ends so much earlier than what it stands for that somebody might take it for an
    /// orphan.
    pub(super) fn is_stale(&self, until: Option<Timestamp>) -> bool {
        match (self.until, until) {
            (Some(noted), Some(until)) => noted.plus(ORPHANED_AFTER / 2) < until,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// The text that is noted.
pub(super) fn write(owner: &str, until: Option<Timestamp>, why: &str) -> String {
    // Whole seconds are enough, and shorter.
    let until = match until {
        Some(until) => format!("until {}", Timestamp::from_secs(until.as_secs())),
        None => "for ever".to_owned(),
    };
    let text = format!("{OURS}{owner} {until} {why}");
    text.chars().filter(|c| !c.is_control()).take(CLOUDFLARE_COMMENT_CHARS_MAX).collect()
}

/// Reads a note; `None` when it isn't one of riposte's.
pub fn read(text: &str) -> Option<Note> {
    let (owner, rest) = text.strip_prefix(OURS)?.split_once(' ')?;
    let until = match rest.split(' ').collect::<Vec<_>>().as_slice() {
        ["until", stamp, ..] => Some(Timestamp::parse_rfc3339(stamp)?),
        ["for", "ever", ..] => None,
        _ => return None,
    };
    Some(Note { owner: owner.to_owned(), until })
}

/// Why something of riposte's was made: what stands behind the end in a note.
pub fn why(text: &str) -> &str {
    let behind = text.strip_prefix(OURS).and_then(|rest| rest.splitn(4, ' ').nth(3));
    behind.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_back_and_others_are_not() {
        let until = Timestamp::parse_rfc3339("2026-11-26T20:00:00Z");
        for until in [until, None] {
            let text = write("web1", until, "wp-login-guessing");
            assert_eq!(why(&text), "wp-login-guessing");
            assert_eq!(read(&text), Some(Note { owner: "web1".to_owned(), until }), "{text}");
        }
        for text in
            ["", "riposte", "riposte/", "riposte/x", "riposte/x until y", "by hand: riposte/"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(write("a", None, "x\ny"), "riposte/a for ever xy");
        assert!(write("a", None, &"y".repeat(999)).len() <= 500);
    }

    #[test]
    fn what_is_left_behind_is_an_orphan_after_a_day() {
        let until = Timestamp::from_secs(1_000_000);
        let note = read(&write("web1", Some(until), "x")).unwrap();
        assert!(!note.is_orphan(until.plus(Duration::from_hours(23))));
        assert!(note.is_orphan(until.plus(Duration::from_hours(25))));
        assert!(note.is_stale(None) && !note.is_stale(Some(until.plus(Duration::from_hours(1)))));
        assert!(!read(&write("web1", None, "x")).unwrap().is_orphan(Timestamp::MAX));
    }
}
