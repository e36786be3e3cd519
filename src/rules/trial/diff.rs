//! What was expected beside what was got: things in named parts, compared part by part, so that a
//! difference shows just where it lies.

use crate::decisions::Target;
use crate::event::text::escape_cut;
use std::borrow::Cow;

/// Values are shown up to this many characters.
const SHOWN_CHARACTERS_MAX: usize = 160;

/// A piece of a line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Word {
    /// Its text, escaped.
    pub text: String,
    /// Whether it is what differs.
    pub differs: bool,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// `-` for what was expected, `+` for what was got.
    pub sign: char,
    /// The line, in pieces with a space between them.
    pub words: Vec<Word>,
}

impl Difference {
    /// The line as text, without its sign.
    pub fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Something that was got: a hit, a decision, what was asked for, an event.
#[derive(Debug, Clone, Default)]
pub(super) struct Item(Vec<(Cow<'static, str>, String)>);

impl Item {
    pub(super) fn with(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.0.push((key.into(), value.into()));
        self
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All of it on one line.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(key, value)| shown(key, value)).collect::<Vec<_>>().join(" ")
    }
}

/// What a part should be.
#[derive(Debug, Clone)]
pub(super) enum Want {
    /// Just this text.
    Is(String),
    /// One of these texts, which mean the same.
    Either(String, String),
    /// This number, however it is written.
    Number(f64, String),
    /// A text that holds this one.
    Holds(String),
    /// This target or a prefix around it.
    Covers(Target),
    /// A refusal of the guard that holds this text.
    Refused(String),
}

impl Want {
    fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return false };
        match self {
            Self::Is(wanted) => wanted == value,
            Self::Either(one, other) => one == value || other == value,
            Self::Number(number, wanted) => {
                wanted == value
                    || value.parse::<f64>().is_ok_and(|got| (got - number).abs() < f64::EPSILON)
            }
            Self::Holds(part) => value.contains(part.as_str()),
            Self::Covers(wanted) => covers(wanted, value),
            Self::Refused(part) => {
                value.strip_prefix("refused").is_some_and(|why| why.contains(part.as_str()))
            }
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Is(text) | Self::Either(text, _) | Self::Number(_, text) => text.clone(),
            Self::Holds(part) => format!("…{part}…"),
            Self::Covers(target) => target.to_string(),
            Self::Refused(part) if part.is_empty() => "refused".to_owned(),
            Self::Refused(part) => format!("refused: …{part}…"),
        }
    }
}

/// Whether a target in words is about the wanted one: it, or a prefix around it.
fn covers(wanted: &Target, got: &str) -> bool {
    let Some(got) = Target::parse(got) else { return false };
    match (got.net(), wanted.net()) {
        (Some(got), Some(wanted)) => got.contains(&wanted),
        _ => got == *wanted,
    }
}

/// What was expected: the parts that count.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern(Vec<(Cow<'static, str>, Want)>);

impl Pattern {
    pub(super) fn with(mut self, key: impl Into<Cow<'static, str>>, want: Want) -> Self {
        self.0.push((key.into(), want));
        self
    }

    pub(super) fn is(self, key: &'static str, value: impl Into<String>) -> Self {
        self.with(key, Want::Is(value.into()))
    }

    pub(super) fn matches(&self, item: &Item) -> bool {
        self.0.iter().all(|(key, want)| want.holds(item.get(key)))
    }

    /// The text of a part that has to be just so (the rule's name, say).
    pub(super) fn named(&self, key: &str) -> Option<&str> {
        self.0.iter().find_map(|(name, want)| match want {
            Want::Is(text) if name == key => Some(text.as_str()),
            _ => None,
        })
    }

    pub(super) fn text(&self) -> String {
        let parts = self.0.iter().map(|(key, want)| shown(key, &want.text()));
        parts.collect::<Vec<_>>().join(" ")
    }

    /// How far an item is away: parts that don't fit, then how unlike those are.
    fn distance(&self, item: &Item) -> (usize, usize) {
        let mut wrong = (0, 0);
        for (key, want) in &self.0 {
            let got = item.get(key);
            if !want.holds(got) {
                wrong.0 += 1;
                wrong.1 += unlike(&want.text(), got.unwrap_or_default());
            }
        }
        wrong
    }

    /// Puts the nearest first.
    pub(super) fn sort(&self, items: &mut [Item]) {
        items.sort_by_cached_key(|item| self.distance(item));
    }

    /// The expectation above the nearest thing that was got.
    pub(super) fn difference(&self, nearest: Option<&Item>) -> Vec<Difference> {
        let words = |got: bool| {
            let parts = self.0.iter().filter_map(|(key, want)| {
                let value = nearest.and_then(|item| item.get(key));
                let differs = !want.holds(value);
                let text = if got { value?.to_owned() } else { want.text() };
                Some(Word { text: shown(key, &text), differs })
            });
            parts.collect::<Vec<_>>()
        };
        let mut lines = vec![Difference { sign: '-', words: words(false) }];
        if let Some(item) = nearest {
            let mut got = words(true);
            let rest = item.0.iter().filter(|(key, _)| !self.0.iter().any(|(own, _)| own == key));
            got.extend(rest.map(|(key, value)| Word { text: shown(key, value), differs: false }));
            lines.push(Difference { sign: '+', words: got });
        }
        lines
    }
}

/// How unlike two texts are: what is left without their common beginning and end.
fn unlike(one: &str, other: &str) -> usize {
    let head = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let tail = one.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).count();
    let longest = one.chars().count().max(other.chars().count());
    longest.saturating_sub(head + tail)
}

/// A part with the word that belongs to it.
fn shown(key: &str, value: &str) -> String {
    let value = escape_cut(value.as_bytes(), SHOWN_CHARACTERS_MAX);
    match key {
        "hit" | "remedy" | "target" | "what" | "name" | "number" => value,
        "duration" | "key" => format!("for {value}"),
        "ends" => format!("until {value}"),
        "reason" => format!("because `{value}`"),
        "rule" => format!("by {value}"),
        "count" => format!("count {value}"),
        "time" => format!("at {value}"),
        "guard" => format!("guard: {value}"),
        "via" => format!("via {value}"),
        "says" => format!("`{value}`"),
        other => format!("{} = {value}", escape_cut(other.as_bytes(), SHOWN_CHARACTERS_MAX)),
    }
}
