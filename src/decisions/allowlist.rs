//! Whom nothing may ever be done to: addresses, prefixes, and host names with the addresses they
//! resolve to.
//!
//! In: entries, and resolved addresses (`pipeline` resolves; here is no network). Out: which entry
//! an address or prefix meets, looked up both ways: an entry that covers the prefix, and an entry
//! that lies within it. The allowlist wins always; the guard and every executor ask it.

use super::prefix_set::{PrefixMap, canonical};
use crate::clock::Timestamp;
use crate::event::net;
use crate::limits::{ALLOWLIST_ENTRIES_MAX, ALLOWLIST_NAME_ADDRESSES_MAX};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// What an entry names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// An address or a prefix.
    Net(IpNet),
    /// A host name, lower case, resolved again and again.
    Name(String),
}

impl Subject {
    /// Reads an address, a prefix or a host name (letters, digits, `-`, `_` and dots, at most 253
    /// characters: RFC 1035 §2.3.4).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(net) = net::parse_net(text) {
            return Some(Self::Net(net));
        }
        let name = text.trim_end_matches('.');
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        // The last label of a name is never a number (RFC 3696 §2), a mistyped address's is.
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_name = name.len() <= 253
            && name.split('.').all(label)
            && !last.bytes().all(|byte| byte.is_ascii_digit());
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => f.write_str(&net::display_net(net)),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| {
            format!("`{text}` is no address, no prefix and no host name\nhint: write `198.51.100.7`, `198.51.100.0/24` or `office.example.com`")
        })
    }
}

/// One entry of the allowlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whom it is about.
    pub subject: Subject,
    /// Why, for people; may be empty.
    pub comment: String,
    /// When it was added.
    pub added: Timestamp,
    /// By whom (`config`, a user's name).
    pub by: String,
    /// Until when it holds; `None` for ever.
    pub until: Option<Timestamp>,
}

impl Entry {
    /// The entry in words, as a refusal names it: `` `198.51.100.0/24` (office) ``.
    pub fn words(&self) -> String {
        if self.comment.is_empty() {
            format!("`{}`", self.subject)
        } else {
            format!("`{}` ({})", self.subject, self.comment)
        }
    }
}

/// The allowlist could not take an entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the allowlist holds {ALLOWLIST_ENTRIES_MAX} entries, its most\nhint: allow prefixes instead of single addresses"
)]
pub struct Full;

/// What [`Allowlist::resolved`] made of the addresses it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The addresses of the name are others than before.
    pub changed: bool,
    /// So many addresses were over `limits::ALLOWLIST_NAME_ADDRESSES_MAX` and do not count.
    pub ignored: usize,
}

/// The entries, and what they come to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Allowlist {
    entries: BTreeMap<Subject, Entry>,
    resolved: BTreeMap<String, Vec<IpAddr>>,
    version: u64,
    nets: PrefixMap<Subject>,
}

/// The allowlist as the checkpoint keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    entries: Vec<Entry>,
    resolved: Vec<(String, Vec<IpAddr>)>,
    version: u64,
}

impl From<Saved> for Allowlist {
    fn from(saved: Saved) -> Self {
        let mut list = Self {
            entries: saved
                .entries
                .into_iter()
                .map(|entry| (entry.subject.clone(), entry))
                .collect(),
            resolved: saved.resolved.into_iter().collect(),
            version: saved.version,
            nets: PrefixMap::default(),
        };
        list.index();
        list
    }
}

impl From<Allowlist> for Saved {
    fn from(list: Allowlist) -> Self {
        Self {
            entries: list.entries.into_values().collect(),
            resolved: list.resolved.into_iter().collect(),
            version: list.version,
        }
    }
}

impl Allowlist {
    /// Adds an entry; one for the same subject is replaced.
    pub fn add(&mut self, entry: Entry) -> Result<(), Full> {
        if self.entries.len() >= ALLOWLIST_ENTRIES_MAX && !self.entries.contains_key(&entry.subject)
        {
            return Err(Full);
        }
        self.entries.insert(entry.subject.clone(), entry);
        self.changed();
        Ok(())
    }

    /// Takes an entry away; `None` where there was none.
    pub fn remove(&mut self, subject: &Subject) -> Option<Entry> {
        let entry = self.entries.remove(subject)?;
        if let Subject::Name(name) = subject {
            self.resolved.remove(name);
        }
        self.changed();
        Some(entry)
    }

    /// Takes away the entries whose time is up, and returns them.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Entry> {
        let over: Vec<Subject> = self
            .entries
            .values()
            .filter(|entry| entry.until.is_some_and(|until| until <= now))
            .map(|entry| entry.subject.clone())
            .collect();
        over.iter().filter_map(|subject| self.remove(subject)).collect()
    }

    /// The addresses that a name of the list resolves to now. The lowest
    /// `limits::ALLOWLIST_NAME_ADDRESSES_MAX` count, so that a name can't open the door to the
    /// world, and the order of an answer changes nothing. No address at all means that resolving
    /// failed: what was known before stays.
    pub fn resolved(&mut self, name: &str, addresses: &[IpAddr]) -> Resolved {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut known: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
        known.sort_unstable();
        known.dedup();
        let ignored = known.len().saturating_sub(ALLOWLIST_NAME_ADDRESSES_MAX);
        known.truncate(ALLOWLIST_NAME_ADDRESSES_MAX);
        let is_entry = self.entries.contains_key(&Subject::Name(name.clone()));
        if known.is_empty() || !is_entry || self.resolved.get(&name) == Some(&known) {
            return Resolved { changed: false, ignored };
        }
        self.resolved.insert(name, known);
        self.changed();
        Resolved { changed: true, ignored }
    }

    /// The names that are to be resolved.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().filter_map(|subject| match subject {
            Subject::Name(name) => Some(name.as_str()),
            Subject::Net(_) => None,
        })
    }

    /// The entries, in the order of their subjects.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Every network that is allowed, with the entry that it comes from.
    pub fn nets(&self) -> impl Iterator<Item = (IpNet, &Entry)> {
        self.entries.values().flat_map(|entry| {
            let nets: Vec<IpNet> = match &entry.subject {
                Subject::Net(net) => vec![canonical(*net)],
                Subject::Name(name) => self
                    .resolved
                    .get(name)
                    .into_iter()
                    .flatten()
                    .map(|address| IpNet::from(*address))
                    .collect(),
            };
            nets.into_iter().map(move |net| (net, entry))
        })
    }

    /// The entry that has an address in common with `net`: it covers `net`, or lies within it.
    pub fn covers(&self, net: IpNet) -> Option<&Entry> {
        let (_, subject) = self.nets.overlapping(net)?;
        self.entries.get(subject)
    }

    /// Counts the edits; the same version means the same answers.
    pub fn version(&self) -> u64 {
        self.version
    }

    fn changed(&mut self) {
        self.version += 1;
        self.index();
    }

    fn index(&mut self) {
        self.nets = self.nets().map(|(net, entry)| (net, entry.subject.clone())).collect();
    }
}

#[cfg(test)]
#[path = "allowlist_tests.rs"]
mod tests;
