//! Which program a user agent names, and of what kind that is.
//!
//! In: the text of the header. Out: an [`Agent`]. Pure: the same text gives the same answer for ever
//! (of one version of riposte). Anybody can send any text, so this is what a client says it is; whether
//! it is that crawler is another question.

mod table;

use crate::limits;
use aho_corasick::{AhoCorasick, MatchKind};
use std::cell::RefCell;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use table::{BROWSERS, CRAWLS, ROWS, Row};

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person's browser.
    Browser,
    /// A crawler, a preview, a monitor: a service that says so.
    Bot,
    /// A program that a person runs (`curl`).
    Tool,
    /// What programs are written with (`python-requests`).
    Library,
    /// A program that looks for holes (`sqlmap`).
    Scanner,
    /// Nobody that is known.
    Unknown,
}

impl Kind {
    /// As rules say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Bot => "bot",
            Self::Tool => "tool",
            Self::Library => "library",
            Self::Scanner => "scanner",
            Self::Unknown => "unknown",
        }
    }
}

/// What a user agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// The program (`chrome`, `curl`, `googlebot`); `other-bot` for a crawler that has no name here,
    /// `unknown` for anybody else. One of a fixed list, so that nobody can make keys of their own.
    pub family: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// The first number of its version, where it says one.
    pub version: Option<u32>,
}

const UNKNOWN: Agent = Agent { family: "unknown", kind: Kind::Unknown, version: None };

/// A text that was asked for lately, and its answer.
type Remembered = Option<(Box<str>, Agent)>;

thread_local! {
    static SEEN: RefCell<Vec<Remembered>> = const { RefCell::new(Vec::new()) };
}

/// What a user agent says; the last ones of a thread are remembered.
pub fn agent(text: &str) -> Agent {
    if text.len() > limits::USER_AGENT_KEPT_BYTES_MAX {
        return classify(text);
    }
    SEEN.with_borrow_mut(|seen| {
        if seen.is_empty() {
            seen.resize(limits::USER_AGENTS_KEPT, None);
        }
        let hash = foldhash::fast::FixedState::default().hash_one(text);
        // The remainder is smaller than a length in memory.
        let place = usize::try_from(hash % limits::USER_AGENTS_KEPT as u64).unwrap_or(0);
        let Some(slot) = seen.get_mut(place) else { return classify(text) };
        if let Some((known, agent)) = slot
            && **known == *text
        {
            return *agent;
        }
        let agent = classify(text);
        *slot = Some((text.into(), agent));
        agent
    })
}

/// Finds all words at once.
fn words() -> Option<&'static AhoCorasick> {
    static WORDS: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let build = || {
        let rows = ROWS.iter().map(|row| row.0);
        let all = rows.chain(CRAWLS.iter().copied()).chain(BROWSERS.iter().map(|row| row.0));
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard);
        // It is one small automaton, so it can be built.
        builder.build(all).ok()
    };
    WORDS.get_or_init(build).as_ref()
}

/// The same, looked at anew.
pub fn classify(text: &str) -> Agent {
    let bytes = text.as_bytes();
    let head = bytes.get(..limits::USER_AGENT_LOOKED_AT_BYTES_MAX).unwrap_or(bytes);
    let Some(words) = words() else { return UNKNOWN };
    let is_browser = [&b"Mozilla/"[..], b"Opera/"].iter().any(|begin| bytes.starts_with(begin));
    // The smallest number is the most telling word.
    let mut best: Option<(usize, usize)> = None;
    for found in words.find_overlapping_iter(head) {
        let number = found.pattern().as_usize();
        if best.is_none_or(|(known, _)| number < known)
            && counts(number, head, found.start(), found.end(), is_browser)
        {
            best = Some((number, found.end()));
        }
    }
    let Some((number, end)) = best else { return UNKNOWN };
    let row = |row: &Row| Agent { family: row.1, kind: row.2, version: version(head, end) };
    match number.checked_sub(ROWS.len()) {
        None => ROWS.get(number).map_or(UNKNOWN, row),
        Some(number) if number < CRAWLS.len() => {
            Agent { family: "other-bot", kind: Kind::Bot, version: None }
        }
        Some(number) => BROWSERS.get(number - CRAWLS.len()).map_or(UNKNOWN, row),
    }
}

/// Whether a word means at its place what it stands for.
fn counts(number: usize, text: &[u8], start: usize, end: usize, is_browser: bool) -> bool {
    let before = start.checked_sub(1).and_then(|place| text.get(place));
    let follows = text.get(end).is_some_and(u8::is_ascii_alphabetic);
    match number.checked_sub(ROWS.len()) {
        None => !before.is_some_and(u8::is_ascii_alphabetic),
        // `SomeBot`, but neither `bottom` nor the telephones of CUBOT.
        Some(number) if number < CRAWLS.len() => {
            let two = start.checked_sub(2).and_then(|place| text.get(place..start));
            !follows && !two.is_some_and(|two| two.eq_ignore_ascii_case(b"cu"))
                || CRAWLS.get(number).is_some_and(|word| word.starts_with(['+', '@']))
        }
        Some(_) => is_browser && !before.is_some_and(u8::is_ascii_alphabetic),
    }
}

/// The number after a word, which may be behind a slash, a space or a `v`.
fn version(text: &[u8], from: usize) -> Option<u32> {
    let rest = text.get(from..)?;
    let skipped = rest.iter().take(2).take_while(|byte| matches!(byte, b'/' | b' ' | b'v')).count();
    let digits = rest.get(skipped..)?;
    let count = digits.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(digits.get(..count)?).ok()?.parse().ok()
}

#[cfg(test)]
#[path = "user_agent_tests.rs"]
mod tests;
