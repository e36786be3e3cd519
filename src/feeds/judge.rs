//! Whether a version may take the place of the one in force. Pure.
//!
//! A list that others keep can be emptied, replaced or poisoned: what changes it beyond measure, or
//! would make rules act against those whom the guard protects, is refused and told of, and the version
//! in force stays. A person may accept such a version; the guard's own word stands above it anyway.

use super::read::Reading;
use super::set::Listed;
use crate::decisions::NeverBlock;
use crate::enrich::Prefixes;
use crate::event::net::display_net;
use crate::event::text::count;
use crate::limits;
use ipnet::IpNet;

/// Why a version is not taken, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing in it is an entry.
    #[error("it lists nothing")]
    Empty,
    /// Most of it can't be read: it isn't laid out as the config says.
    #[error("most of its lines are no entries ({bad} of {all}); the first: line {line}: {why}")]
    Unreadable {
        /// Lines that are none.
        bad: u64,
        /// All lines that should be some.
        all: u64,
        /// The first bad one.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// An entry is wider than any list of attackers has.
    #[error("it lists `{0}`, which is too much to be true")]
    TooWide(IpNet),
    /// It grew or shrank beyond its factor.
    #[error("it has {}, the version in force has {before}", count(*now as u64, "entry"))]
    Sudden {
        /// Entries in force.
        before: usize,
        /// Entries of the refused version.
        now: usize,
    },
    /// It lists somebody on the allowlist, or this machine.
    #[error("it lists `{entry}`, but {why}")]
    Protected {
        /// The entry.
        entry: String,
        /// Whom it touches.
        why: String,
    },
}

/// The set of a reading, or why it is refused. With `accepted`, a person has said that a sudden
/// change is right and that listed friends are known; emptiness and nonsense stay refused.
pub fn judge(
    reading: &Reading,
    now: Option<&Listed>,
    max_change: f64,
    facts: Option<&NeverBlock>,
    accepted: bool,
) -> Result<Prefixes, Refusal> {
    let good = reading.prefixes.len();
    if reading.bad > good as u64
        && let Some(first) = reading.shown.first()
    {
        let (line, why) = (first.line, first.why.clone());
        return Err(Refusal::Unreadable {
            bad: reading.bad,
            all: reading.bad + good as u64,
            line,
            why,
        });
    }
    if let Some(wide) = reading.prefixes.iter().find(|net| is_too_wide(net)) {
        return Err(Refusal::TooWide(*wide));
    }
    let set = Prefixes::new(reading.prefixes.iter().copied());
    if set.is_empty() && !accepted {
        return Err(Refusal::Empty);
    }
    if accepted {
        return Ok(set);
    }
    if let Some(now) = now {
        let (before, after) = (now.prefixes.len(), set.len());
        let larger = before.max(after);
        let smaller = before.min(after);
        if larger > limits::FEED_SMALL_ENTRIES && larger as f64 > smaller as f64 * max_change {
            return Err(Refusal::Sudden { before, now: after });
        }
    }
    let touched = facts.and_then(|facts| set.iter().find_map(|net| protected(facts, net)));
    touched.map_or(Ok(set), Err)
}

fn is_too_wide(net: &IpNet) -> bool {
    let widest = match net {
        IpNet::V4(_) => limits::FEED_WIDEST_V4_BITS,
        IpNet::V6(_) => limits::FEED_WIDEST_V6_BITS,
    };
    net.prefix_len() < widest
}

/// Only what people said themselves, and this machine: a proxy or a crawler on a list is a reason for
/// the guard to say no to a block, not to do without the list.
fn protected(facts: &NeverBlock, net: IpNet) -> Option<Refusal> {
    let why = facts.friend(net)?;
    Some(Refusal::Protected { entry: display_net(&net), why: format!("this touches {why}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::decisions::{Entry, Guard, GuardConfig, Subject};
    use crate::feeds::read::{Layout, read};
    use std::sync::Arc;

    fn reading(count: u32) -> Reading {
        let address = |n| std::net::Ipv4Addr::from(0xcb00_7100 + n * 2).to_string();
        let text = (0..count).map(address).collect::<Vec<_>>().join("\n");
        read(text.as_bytes(), &Layout::List).unwrap()
    }

    fn listed(count: u32) -> Listed {
        let prefixes = Prefixes::new(reading(count).prefixes);
        Listed { version: 1, prefixes: Arc::new(prefixes) }
    }

    #[test]
    fn a_sudden_change_is_refused_until_somebody_accepts_it() {
        for (before, after, well) in [
            (100, 200, true),
            (100, 201, false),
            (100, 50, true),
            (100, 49, false),
            (3, 40, true),
            (40, 1, true),
            (3, 400, false),
        ] {
            let now = listed(before);
            let judged = judge(&reading(after), Some(&now), 2.0, None, false);
            assert_eq!(judged.is_ok(), well, "{before} to {after}: {judged:?}");
            assert!(judge(&reading(after), Some(&now), 2.0, None, true).is_ok());
        }
        assert!(judge(&reading(9_000), None, 2.0, None, false).is_ok(), "the first is no change");
    }

    #[test]
    fn nonsense_is_refused_whoever_accepts_it() {
        let of = |text: &str| read(text.as_bytes(), &Layout::List).unwrap();
        let page = of("<html>\n<body>\nTry later\n</body>\n192.0.2.1\n");
        for accepted in [false, true] {
            let told = judge(&page, None, 2.0, None, accepted).unwrap_err().to_string();
            assert!(told.starts_with("most of its lines are no entries (4 of 5)"), "{told}");
            let wide = judge(&of("192.0.2.1\n0.0.0.0/0\n"), None, 2.0, None, accepted);
            assert_eq!(
                wide.unwrap_err().to_string(),
                "it lists `0.0.0.0/0`, which is too much to be true"
            );
            assert!(judge(&of("2000::/3\n"), None, 2.0, None, accepted).is_err());
        }
        assert_eq!(judge(&of("# nobody\n"), None, 2.0, None, false), Err(Refusal::Empty));
        assert!(judge(&of("# nobody\n"), None, 2.0, None, true).is_ok());
    }

    #[test]
    fn friends_on_a_list_are_a_reason_to_look_at_it() {
        let mut guard = Guard::new(GuardConfig::default());
        guard.edit_allowlist(|list| {
            let entry = Entry {
                subject: Subject::parse("198.51.100.0/24").unwrap(),
                comment: String::new(),
                added: Timestamp::EPOCH,
                by: "test".into(),
                until: None,
            };
            list.add(entry).unwrap();
        });
        let facts = guard.last_check().facts();
        let of = |text: &str| read(text.as_bytes(), &Layout::List).unwrap();
        for text in ["198.51.100.7\n", "198.51.0.0/16\n"] {
            let told = judge(&of(text), None, 2.0, Some(&facts), false).unwrap_err().to_string();
            assert!(told.contains("allowlist entry"), "{told}");
            assert!(judge(&of(text), None, 2.0, Some(&facts), true).is_ok());
        }
        assert!(judge(&of("198.51.101.1\n"), None, 2.0, Some(&facts), false).is_ok());
    }
}
