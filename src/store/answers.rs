//! The rows that come out of the journal, and what can be asked of it. They serialise to JSON as
//! the CLI and the API print them.

use super::rows::{AllowEntry, DecisionRow, HitRow, LiftRow, NoteRow, OffenceCount};
use crate::clock::Timestamp;
use crate::decisions::{Action, ActionId, Decision, HitId, Outcome, Target, Verdict};
use serde::Serialize;

/// What sort of thing a journal row tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A rule fired.
    Hit,
    /// A decision was made, or would have been.
    Decision,
    /// An action was accepted or refused.
    Action,
    /// An action ended somewhere.
    Outcome,
    /// What was in force was ended.
    Lift,
    /// Anything else that people should know.
    Note,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Hit, Self::Decision, Self::Action, Self::Outcome, Self::Lift, Self::Note];

    /// The kind with that name, as in JSON.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Decision => "decision",
            Self::Action => "action",
            Self::Outcome => "outcome",
            Self::Lift => "lift",
            Self::Note => "note",
        }
    }

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Hit => "hits",
            Self::Decision => "decisions",
            Self::Action => "outbox",
            Self::Outcome => "outcomes",
            Self::Lift => "lifts",
            Self::Note => "notes",
        }
    }
}

/// A row of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalRow {
    /// Its number: later rows have greater ones, over all kinds.
    pub n: i64,
    /// When it was written, by the wall clock.
    pub recorded: Timestamp,
    /// What it tells.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a journal row tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "type")]
pub enum Entry {
    /// A rule fired.
    Hit {
        /// The hit, with its evidence where that is still kept.
        #[serde(flatten)]
        hit: HitRow,
        /// How many like it followed in the same minute and are not rows of their own.
        repeats: u64,
    },
    /// A decision, with the guard's word.
    Decision {
        /// The decision and the verdict.
        #[serde(flatten)]
        row: DecisionRow,
        /// It is in force now, as far as the journal knows.
        in_force: bool,
        /// When it was lifted before its end.
        lifted: Option<Timestamp>,
    },
    /// An action.
    Action {
        /// Its name.
        id: ActionId,
        /// The hit that led to it.
        hit: Option<HitId>,
        /// What to do.
        #[serde(flatten)]
        action: Action,
        /// The guard's word.
        guard: Verdict,
        /// `pending`, `done`, `failed` or `refused`.
        state: String,
    },
    /// How an action ended at one destination.
    Outcome {
        /// The action.
        action: ActionId,
        /// Where.
        destination: String,
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
        /// The last try, counted from 1.
        attempt: u32,
        /// Whom it was about.
        target: Option<Target>,
        /// When.
        time: Timestamp,
    },
    /// What was in force was ended.
    Lift {
        /// Whom, why, by whom.
        #[serde(flatten)]
        lift: LiftRow,
        /// How many decisions it ended.
        ended: u64,
    },
    /// Anything else.
    Note {
        /// The note.
        #[serde(flatten)]
        note: NoteRow,
    },
}

/// Which journal rows are wanted. The default is the newest hundred of all.
#[derive(Debug, Clone)]
pub struct JournalQuery {
    /// Kinds; empty for all.
    pub kinds: Vec<EntryKind>,
    /// Only this rule's.
    pub rule: Option<String>,
    /// Only about this target, networks that hold it, and networks within it.
    pub target: Option<Target>,
    /// Event time at or after.
    pub since: Option<Timestamp>,
    /// Event time before.
    pub until: Option<Timestamp>,
    /// Only rows after this number; with it, rows come oldest first (to follow the journal).
    pub after: Option<i64>,
    /// Only rows before this number (to page back).
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Default for JournalQuery {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            rule: None,
            target: None,
            since: None,
            until: None,
            after: None,
            before: None,
            limit: 100,
        }
    }
}

/// What is known of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Who was asked about.
    pub target: Target,
    /// Decisions in force that cover it, the widest first.
    pub in_force: Vec<Decision>,
    /// Allowlist entries that are or hold it (host names are not resolved here).
    pub allowed: Vec<AllowEntry>,
    /// Past offences.
    pub offences: Vec<OffenceCount>,
    /// Everything in the journal about it, newest first.
    pub journal: Vec<JournalRow>,
}

/// What [`super::Store::forget`] removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Hits.
    pub hits: u64,
    /// Texts in other rows (evidence, reasons, messages) that named the target; the mention was
    /// taken out.
    pub redacted: u64,
    /// Decisions.
    pub decisions: u64,
    /// Actions.
    pub actions: u64,
    /// Outcomes.
    pub outcomes: u64,
    /// Lifts.
    pub lifts: u64,
    /// Notes.
    pub notes: u64,
    /// Offences.
    pub offences: u64,
    /// Allowlist entries for it, which stay: without one somebody could be blocked.
    pub allowlist: Vec<String>,
    /// Decisions that were in force: the caller ends them at the enforcers.
    pub were_in_force: Vec<Decision>,
    /// Tables of windows whose keys may name the target: the caller purges them, takes a
    /// checkpoint, and calls [`super::Store::scrub`].
    pub tables: Vec<String>,
    /// Named state that may do so.
    pub blobs: Vec<String>,
    /// Copies of the store, made before migrations, that still hold it all.
    pub backups: Vec<std::path::PathBuf>,
}
