//! A feed's text, taken apart: pure, bounded, and nothing in it can do more than be a bad line.
//!
//! In: bytes as they came, and how they are to be read. Out: the prefixes, how many lines were no
//! good, the first of these with their places; or why the whole can't be this feed.

mod columns;
mod entry;
mod intel;
mod json;
mod lines;
mod pattern;

use crate::clock::Timestamp;
use crate::decisions::special;
use crate::event::text::escape_cut;
use crate::limits;
use intel::Of;
use ipnet::IpNet;

/// How a feed's text is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// An address, prefix or range first on each line; `#`, `;` and `//` begin comments.
    List,
    /// A URL a line, of which the host counts where it is an address.
    Urls,
    /// Values between separators, quoted or not.
    Columns {
        /// What stands between them.
        separator: u8,
        /// The column of the address or prefix, from 0 on.
        column: usize,
        /// The column of a range's last address, where `column` holds the first.
        last: Option<usize>,
    },
    /// One JSON document.
    Json(Vec<Step>),
    /// A JSON value a line.
    Ndjson(Vec<Step>),
    /// Indicators of STIX 2.1, in one document or in several.
    Stix,
    /// The same, from a TAXII 2.1 collection, page by page.
    Taxii,
    /// Attributes of MISP.
    Misp,
}

/// A step on the way to values in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// The value of every key.
    Any,
    /// Every element of a list.
    Each,
}

/// The steps of a path such as `data[].ip`; `None` where it is none.
pub fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        let lists = (part.len() - name.len()) / 2;
        if name.contains(['[', ']']) || (name.is_empty() && (lists == 0 || !steps.is_empty())) {
            return None;
        }
        if !name.is_empty() {
            steps.push(if name == "*" { Step::Any } else { Step::Key(name.to_owned()) });
        }
        steps.extend(std::iter::repeat_n(Step::Each, lists));
    }
    Some(steps)
}

/// A line, or a value, that is no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The line, from 1 on; the value's number where a document has no lines.
    pub line: u64,
    /// What is wrong, with what stands there.
    pub why: String,
}

/// What a text holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The prefixes, in their order, some perhaps twice.
    pub prefixes: Vec<IpNet>,
    /// Entries that are nobody's on the internet (private, loopback, multicast): left out.
    pub special: u64,
    /// Lines that are no entries.
    pub bad: u64,
    /// The first of them.
    pub shown: Vec<BadLine>,
}

/// The text as a whole can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is no text.
    #[error("this is no text but {0}")]
    NoText(&'static str),
    /// JSON that breaks off or never was any.
    #[error("line {line}, column {column}: {why}")]
    Json {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong.
        why: String,
    },
    /// More entries than a feed may have.
    #[error("it has more than {} entries", limits::FEED_PREFIXES_MAX)]
    TooMany,
}

/// Takes a text apart, as it is without a clock: nothing in it is over.
pub fn read(text: &[u8], layout: &Layout) -> Result<Reading, ReadError> {
    read_at(text, layout, Timestamp::EPOCH)
}

/// Takes a text apart; what was over by `now` is passed over.
pub fn read_at(text: &[u8], layout: &Layout, now: Timestamp) -> Result<Reading, ReadError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.starts_with(&[0x1f, 0x8b]) || text.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Err(ReadError::NoText("a compressed file"));
    }
    if memchr::memchr(0, text).is_some() {
        return Err(ReadError::NoText("a binary file"));
    }
    let mut reading = Reading::default();
    match layout {
        Layout::List => lines::list(text, &mut reading)?,
        Layout::Urls => lines::urls(text, &mut reading)?,
        Layout::Columns { separator, column, last } => {
            columns::columns(text, *separator, (*column, *last), &mut reading)?;
        }
        Layout::Json(steps) => json::document(text, steps, &mut reading)?,
        Layout::Ndjson(steps) => json::each_line(text, steps, &mut reading)?,
        Layout::Stix | Layout::Taxii => intel::documents(text, Of::Stix, now, &mut reading)?,
        Layout::Misp => intel::documents(text, Of::Misp, now, &mut reading)?,
    }
    Ok(reading)
}

impl Reading {
    /// An entry as it stands in the text.
    fn entry(&mut self, line: u64, text: &str) -> Result<(), ReadError> {
        match entry::nets(text) {
            Ok(entry::Nets::One(net)) => self.net(net),
            Ok(entry::Nets::Range(nets)) => nets.into_iter().try_for_each(|net| self.net(net)),
            Err(why) => {
                self.bad(line, || format!("`{}` {why}", escape_cut(text.as_bytes(), 60)));
                Ok(())
            }
        }
    }

    fn net(&mut self, net: IpNet) -> Result<(), ReadError> {
        // From 224 on nothing is anybody's, which lists write as one prefix.
        let beyond = matches!(net, IpNet::V4(net) if net.network().octets().first() >= Some(&224));
        let within = special::touches(net).is_some_and(|(around, _)| around.contains(&net));
        if beyond || within {
            self.special += 1;
            return Ok(());
        }
        if self.prefixes.len() >= limits::FEED_PREFIXES_MAX {
            return Err(ReadError::TooMany);
        }
        self.prefixes.push(net);
        Ok(())
    }

    fn bad(&mut self, line: u64, why: impl FnOnce() -> String) {
        self.bad += 1;
        if self.shown.len() < limits::FEED_BAD_LINES_SHOWN {
            self.shown.push(BadLine { line, why: why() });
        }
    }
}

#[cfg(test)]
mod tests;
