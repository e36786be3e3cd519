//! A rule's predicates and closures in parts: which `&&`, `||`, `!` and tests they are made of, where
//! each stands in its file, and for a given event what each came to and which values it looked at.
//!
//! Made on demand, for people (`explain`, coverage of tests); the engine never asks. In: a rule of a
//! [`RuleSet`]; then events. Out: [`Part`]s, and a [`Judged`] for each. Each part is asked by itself,
//! as Rhai would: from left to right, no further than needed. What the engine itself makes of the
//! event stays the last word: [`Parts::verdict`].

mod build;
mod judge;
pub(super) mod scan;
mod tree;

use super::evaluate::Evaluator;
use super::rule::PureFn;
use super::set::RuleSet;
use crate::decisions::RuleName;
use crate::event::{Event, text};
use serde_json::Value as Json;
use std::ops::Range;
use std::sync::Arc;

/// What a closure is for in its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The predicate of `.when(…)`.
    When,
    /// A predicate of the window: of `consecutive` and `ratio` the only one, of `sequence` each
    /// step, counted from 0.
    Window(usize),
    /// A closure of the key, by its place in the key, counted from 0.
    Key(usize),
    /// What `distinct` compares or `sum` adds.
    Quantity,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// `a && b && …`
    All,
    /// `a || b || …`
    Any,
    /// `!a`
    Not,
    /// What is asked of the event: true or false.
    Test,
    /// A value that is taken from the event, for a key or a window.
    Value,
}

/// A part of a predicate, or a predicate as a whole.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// The part that it belongs to; none for a predicate as a whole. Parts stand after what they
    /// belong to, in the order of the text.
    pub parent: Option<usize>,
    /// How many parts it lies in.
    pub depth: usize,
    /// Its text on one line, without parentheses around it and comments in it.
    pub text: String,
    /// The line where it begins, counted from 1.
    pub line: usize,
    /// The column where it begins, in characters, counted from 1.
    pub column: usize,
    /// Where it stands in the file, in bytes.
    pub span: Range<usize>,
    run: Option<judge::Leaf>,
}

/// A closure of a rule, taken apart.
#[derive(Clone)]
pub struct Predicate {
    /// What it is for.
    pub role: Role,
    /// Its parts, as places in [`Parts::parts`]; the first is the closure as a whole.
    pub parts: Range<usize>,
    closure: PureFn,
}

/// The closures of one rule, taken apart.
#[derive(Clone)]
pub struct Parts {
    /// The rule.
    pub rule: RuleName,
    /// The file that it stands in, as it was given at load.
    pub file: Arc<str>,
    predicates: Vec<Predicate>,
    all: Vec<Part>,
    evaluator: Arc<Evaluator>,
}

/// What a part came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It is true; of a value: there is one.
    True,
    /// It is false.
    False,
    /// It is false for want of a field that the event lacks; of a value: there is none.
    Absent,
    /// It could not be worked out, and why: the whole predicate counts as false.
    Fault(String),
    /// Nobody asked: what stands before it decided.
    Skipped,
}

impl Truth {
    /// True or false, where it is known.
    pub fn holds(&self) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False | Self::Absent => Some(false),
            Self::Fault(_) | Self::Skipped => None,
        }
    }
}

/// A value that a part looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// What it is called in the text: `e.status`, `wanted`, `e.path.to_lower()`.
    pub name: String,
    /// What it was; none for a field that the event lacks, and for `()`. Long texts are cut as they
    /// are for scripts.
    pub value: Option<Json>,
}

/// Of a list so many items are shown.
const SHOWN_ITEMS_MAX: usize = 3;

/// Values are shown up to this many characters.
const SHOWN_CHARACTERS_MAX: usize = 160;

impl Looked {
    /// `e.status = 404`, in one line that is safe to print.
    pub fn to_text(&self) -> String {
        let name = text::escape(&self.name);
        let Some(value) = &self.value else {
            return format!("{name} is missing");
        };
        let shown = match value {
            Json::String(value) => format!("\"{}\"", text::escape(value)),
            Json::Array(items) if items.len() > SHOWN_ITEMS_MAX => {
                let first: Vec<String> =
                    items.iter().take(SHOWN_ITEMS_MAX).map(ToString::to_string).collect();
                let more = items.len() - first.len();
                format!("[{}, … {more} more]", text::escape(&first.join(", ")))
            }
            other => text::escape(&other.to_string()).into_owned(),
        };
        let mut characters = shown.chars();
        let mut shown: String = characters.by_ref().take(SHOWN_CHARACTERS_MAX).collect();
        if characters.next().is_some() {
            shown.push('…');
        }
        format!("{name} = {shown}")
    }
}

/// What a part came to for one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What it came to.
    pub truth: Truth,
    /// What it looked at, of parts that were asked; parts that hold others look at nothing
    /// themselves.
    pub values: Vec<Looked>,
}

impl RuleSet {
    /// The closures of a rule, taken apart; none when there is no such rule. This parses them again:
    /// ask once a rule, not once an event.
    pub fn parts(&self, rule: u32) -> Option<Parts> {
        let rule = self.rules.get(rule as usize)?;
        Some(build::parts(rule, &self.evaluator))
    }
}

impl Parts {
    /// The closures, the one of `.when(…)` first. A rule without closures has none.
    pub fn predicates(&self) -> &[Predicate] {
        &self.predicates
    }

    /// All parts of all closures.
    pub fn parts(&self) -> &[Part] {
        &self.all
    }

    /// What each part comes to for an event, in the order of [`Self::parts`]. Each closure is asked,
    /// whatever the others came to and whatever kinds the rule listens to.
    pub fn judge(&self, event: &Arc<Event>) -> Vec<Judged> {
        judge::judge(self, event, false)
    }

    /// The same, but every part is asked, also those that the parts before them make unnecessary:
    /// shows how much of a predicate an event lacks.
    pub fn judge_each(&self, event: &Arc<Event>) -> Vec<Judged> {
        judge::judge(self, event, true)
    }

    /// What the engine makes of a predicate: by its native form, or by its script; the error tells
    /// why it has no answer. (Only limits can make parts come to something else: they are for each
    /// part by itself.) Of a closure that gives a value: whether it is true.
    pub fn verdict(&self, predicate: &Predicate, event: &Arc<Event>) -> Result<bool, String> {
        let native = super::lower::lower(&predicate.closure).ok();
        match native.and_then(|native| native.judge(event)) {
            Some(verdict) => Ok(verdict),
            None => {
                self.evaluator.test(&predicate.closure, event).map_err(|fault| fault.to_string())
            }
        }
    }
}
