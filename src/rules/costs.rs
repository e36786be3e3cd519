//! What a rule costs: how its predicate is found and asked, which share of events goes on to its
//! window, what its window and body do.
//!
//! In: a rule set. Out: a [`Cost`] a rule. Worked out when asked; figures are for people.

use super::lower::lower;
use super::rule::Rule;
use super::set::RuleSet;
use crate::decisions::Mode;
use crate::event::{Event, Field, Kind, Value, field::FieldType};
use crate::matching::found_by;
use serde::Serialize;
use std::sync::Arc;

/// How a predicate is asked, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostClass {
    /// It is off: nothing is asked.
    Off,
    /// Native, and found by the index: events that can't meet it cost it nothing.
    Indexed,
    /// Native, but asked for each event of its kinds: some ten nanoseconds.
    Native,
    /// There is no predicate: each event of its kinds goes to the window.
    EachEvent,
    /// A script, run for each event of its kinds: half a microsecond and more.
    Script,
}

impl CostClass {
    /// Its words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Indexed => "indexed",
            Self::Native => "native",
            Self::EachEvent => "each event",
            Self::Script => "script",
        }
    }
}

/// What a rule costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// The rule.
    pub rule: Arc<str>,
    /// Its file.
    pub file: Arc<str>,
    /// The line of its `rule(…)`.
    pub line: usize,
    /// How its predicate is asked.
    pub class: CostClass,
    /// Why that class: the fields that the index looks at, or what keeps it from being native.
    pub why: String,
    /// Which share of the events of its kinds goes to its window, as far as can be told before:
    /// `few`, `some`, `most`, `all`, `unknown`.
    pub candidates: &'static str,
    /// Its window in words.
    pub window: String,
    /// Closures of the window or key that are scripts, run for each candidate.
    pub scripts: usize,
    /// Whether a body runs when it fires.
    pub body: bool,
}

impl RuleSet {
    /// What each rule costs, in the order of the rules.
    pub fn costs(&self) -> Vec<Cost> {
        self.rules.iter().map(cost).collect()
    }

    /// Asks the script of a rule's predicate, whatever its native form says: for measuring. False
    /// where there is none.
    pub fn ask_script(&self, rule: u32, event: &Arc<Event>) -> bool {
        let rule = self.rules.get(rule as usize);
        let when = rule.and_then(|rule| rule.when.as_ref());
        when.is_some_and(|when| self.evaluator.test(when, event).unwrap_or(false))
    }
}

impl Rule {
    /// An event of the first of its kinds with every well-known field of that kind filled, so that
    /// its predicate finds something to look at.
    pub fn sample_event(&self) -> Event {
        let kind = self.kinds.first().cloned().unwrap_or(Kind::Http);
        let fields = kind.fields().unwrap_or(Field::ALL);
        let mut event = Event::new(kind, crate::clock::Timestamp::from_secs(1_000));
        for field in fields {
            event.set(
                *field,
                match field.kind() {
                    FieldType::Text => Value::text(format!("/some/{}.php?a=b", field.name())),
                    FieldType::Int => Value::Int(404),
                    FieldType::Float => Value::Float(0.25),
                    FieldType::Address => Value::ip(std::net::Ipv4Addr::new(192, 0, 2, 7).into()),
                },
            );
        }
        event
    }
}

fn cost(rule: &Rule) -> Cost {
    let (class, why, candidates) = match (&rule.when, rule.mode) {
        (_, Mode::Off) => (CostClass::Off, "its mode is `off`".to_owned(), "none"),
        (None, _) => (CostClass::EachEvent, "it has no predicate".to_owned(), "all"),
        (Some(when), _) => match lower(when) {
            Err(why) => (CostClass::Script, why, "unknown"),
            Ok(native) => found(&native),
        },
    };
    Cost {
        rule: Arc::clone(&rule.name),
        file: Arc::clone(&rule.file),
        line: rule.line,
        class,
        why,
        candidates,
        window: rule.window_words(),
        scripts: rule.scripts(),
        body: rule.has_body(),
    }
}

/// How the index finds a predicate, in words.
fn found(native: &crate::matching::Expr) -> (CostClass, String, &'static str) {
    let Some(found) = found_by(native) else {
        let why = "nothing in it that an index could look up".to_owned();
        return (CostClass::Native, why, "unknown");
    };
    let share = match found.worth {
        0..=3 => "most",
        4..=19 => "some",
        _ => "few",
    };
    let (fields, count) = (found.fields.join("`, `"), found.conditions);
    let why = match count {
        0 => "nothing meets it".to_owned(),
        1 => format!("by `{fields}`"),
        _ => format!("by `{fields}`, {count} values"),
    };
    (CostClass::Indexed, why, share)
}
