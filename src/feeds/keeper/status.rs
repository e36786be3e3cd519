//! How a feed is, for people and scripts.

use super::{Trouble, version_time};
use crate::clock::Timestamp;
use crate::feeds::config::Feed;
use crate::feeds::fetch::place_word;
use crate::feeds::set::Listed;
use serde::{Deserialize, Serialize};

/// Whether a feed is as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// Not yet looked at.
    #[default]
    Waiting,
    /// The last look went well.
    Well,
    /// It can't be had.
    Failing,
    /// What it has now is not believed.
    Refused,
}

/// How a feed is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Its name.
    pub name: String,
    /// Where it comes from, without what may be a key.
    pub place: String,
    /// Whether it is as it should be.
    pub state: FeedState,
    /// What is wrong, where something is.
    pub detail: String,
    /// Entries in force, those within others left out.
    pub entries: u64,
    /// Memory that they take.
    pub bytes: u64,
    /// The version in force: when it was read. Absent where nothing is in force.
    pub version: Option<Timestamp>,
    /// When it was last seen to be that.
    pub checked: Option<Timestamp>,
    /// When it will be looked at next.
    pub next: Option<Timestamp>,
    /// Lines of this version that are no entries.
    pub bad_lines: u64,
    /// Entries of this version that are nobody's on the internet, and left out.
    pub special: u64,
}

impl FeedStatus {
    /// A feed that was not looked at yet in this run.
    pub fn new(feed: &Feed, listed: Option<&Listed>, checked: Option<Timestamp>) -> Self {
        let mut status = Self {
            name: feed.name.clone(),
            place: place_word(&feed.place),
            state: if checked.is_some() { FeedState::Well } else { FeedState::Waiting },
            checked,
            next: checked.map(|checked| checked.plus(feed.refresh)),
            ..Self::default()
        };
        if let Some(listed) = listed {
            status.lists(listed);
        }
        status
    }

    fn lists(&mut self, listed: &Listed) {
        self.entries = listed.prefixes.len() as u64;
        self.bytes = listed.prefixes.bytes() as u64;
        self.version = Some(version_time(listed.version));
    }

    pub(super) fn well(&mut self, now: Timestamp) {
        self.state = FeedState::Well;
        self.detail.clear();
        self.checked = Some(now);
    }

    pub(super) fn new_version(
        &mut self,
        listed: &Listed,
        (bad, special): (u64, u64),
        now: Timestamp,
    ) {
        self.well(now);
        self.lists(listed);
        (self.bad_lines, self.special) = (bad, special);
    }

    pub(super) fn trouble(&mut self, trouble: &Trouble) {
        let (state, detail) = match trouble {
            Trouble::Failed { why, .. } => (FeedState::Failing, why),
            Trouble::Refused(why) => (FeedState::Refused, why),
        };
        self.state = state;
        self.detail.clone_from(detail);
    }

    /// Whether somebody should look at it.
    pub fn is_ill(&self) -> bool {
        matches!(self.state, FeedState::Failing | FeedState::Refused)
    }
}
