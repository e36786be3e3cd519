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
    /// It covers far more of the network than before, in however many entries.
    #[error("it covers {now} {of}, the version in force {before}")]
    Swollen {
        /// Addresses, or networks of IPv6.
        of: &'static str,
        /// In force.
        before: u64,
        /// In the refused version.
        now: u64,
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

/// What is let through without a person's word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The factor by which a list may grow or shrink.
    pub max_change: f64,
    /// Whether it may come to list nothing.
    pub may_be_empty: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_change: 2.0, may_be_empty: false }
    }
}

/// The set of a reading, or why it is refused. With `accepted`, a person has said that a sudden
/// change is right and that listed friends are known; emptiness and nonsense stay refused.
pub fn judge(
    reading: &Reading,
    now: Option<&Listed>,
    bounds: Bounds,
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
    if accepted {
        return Ok(set);
    }
    if set.is_empty() {
        // A document that was read whole and lists nobody means it.
        let meant = bounds.may_be_empty && reading.bad == 0;
        return if meant { Ok(set) } else { Err(Refusal::Empty) };
    }
    if let Some(now) = now {
        let (before, after) = (now.prefixes.len(), set.len());
        let larger = before.max(after);
        let smaller = before.min(after);
        if larger > limits::FEED_SMALL_ENTRIES && larger as f64 > smaller as f64 * bounds.max_change
        {
            return Err(Refusal::Sudden { before, now: after });
        }
        let kinds = ["addresses", "networks of IPv6 (/48)"];
        for ((before, now), of) in cover(&now.prefixes).into_iter().zip(cover(&set)).zip(kinds) {
            if now > limits::FEED_SMALL_COVER && now as f64 > before as f64 * bounds.max_change {
                return Err(Refusal::Swollen { of, before, now });
            }
        }
    }
    let touched = facts.and_then(|facts| set.iter().find_map(|net| protected(facts, net)));
    touched.map_or(Ok(set), Err)
}

/// How many IPv4 addresses a set covers, and how many /48s of IPv6.
fn cover(set: &Prefixes) -> [u64; 2] {
    let mut covered = [0, 0];
    for net in set.iter() {
        let (kind, bits) = match net {
            IpNet::V4(net) => (0, 32 - net.prefix_len()),
            IpNet::V6(net) => (1, 48 - net.prefix_len().min(48)),
        };
        if let Some(covered) = covered.get_mut(kind) {
            // No two entries overlap, so the sum is at most all there is.
            *covered += 1_u64 << bits;
        }
    }
    covered
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
            let judged = judge(&reading(after), Some(&now), Bounds::default(), None, false);
            assert_eq!(judged.is_ok(), well, "{before} to {after}: {judged:?}");
            assert!(judge(&reading(after), Some(&now), Bounds::default(), None, true).is_ok());
        }
        assert!(
            judge(&reading(9_000), None, Bounds::default(), None, false).is_ok(),
            "the first is no change"
        );
    }

    #[test]
    fn a_few_entries_that_cover_a_fifth_of_the_network_are_refused() {
        let of = |text: &str| read(text.as_bytes(), &Layout::List).unwrap();
        let small = "45.64.0.0/24\n45.64.2.0/24\n45.64.4.0/24\n45.64.6.0/24\n".to_owned();
        let now = Prefixes::new(of(&small).prefixes);
        let now = Listed { version: 1, prefixes: Arc::new(now) };
        let wide = "30.0.0.0/8\n32.0.0.0/8\n34.0.0.0/8\n36.0.0.0/8\n";
        let told =
            judge(&of(wide), Some(&now), Bounds::default(), None, false).unwrap_err().to_string();
        assert_eq!(told, "it covers 67108864 addresses, the version in force 1024");
        assert!(judge(&of(wide), Some(&now), Bounds::default(), None, true).is_ok());
        let v6 = of(&(small.clone() + "2a00::/16\n"));
        let told = judge(&v6, Some(&now), Bounds::default(), None, false).unwrap_err().to_string();
        assert!(told.contains("4294967296 networks of IPv6"), "{told}");
        let twice = of(&small.replace("/24", "/23"));
        assert!(judge(&twice, Some(&now), Bounds::default(), None, false).is_ok());
    }

    #[test]
    fn what_may_come_to_nothing_does() {
        let may = Bounds { may_be_empty: true, ..Bounds::default() };
        let (empty, now) = (reading(0), listed(400));
        assert!(judge(&empty, Some(&now), may, None, false).is_ok());
        assert_eq!(judge(&empty, Some(&now), Bounds::default(), None, false), Err(Refusal::Empty));
        let broken = Reading { bad: 1, ..empty };
        assert!(judge(&broken, Some(&now), may, None, false).is_err());
    }

    #[test]
    fn nonsense_is_refused_whoever_accepts_it() {
        let of = |text: &str| read(text.as_bytes(), &Layout::List).unwrap();
        let page = of("<html>\n<body>\nTry later\n</body>\n192.0.2.1\n");
        for accepted in [false, true] {
            let told =
                judge(&page, None, Bounds::default(), None, accepted).unwrap_err().to_string();
            assert!(told.starts_with("most of its lines are no entries (4 of 5)"), "{told}");
            let wide =
                judge(&of("192.0.2.1\n0.0.0.0/0\n"), None, Bounds::default(), None, accepted);
            assert_eq!(
                wide.unwrap_err().to_string(),
                "it lists `0.0.0.0/0`, which is too much to be true"
            );
            assert!(judge(&of("2000::/3\n"), None, Bounds::default(), None, accepted).is_err());
        }
        assert_eq!(
            judge(&of("# nobody\n"), None, Bounds::default(), None, false),
            Err(Refusal::Empty)
        );
        assert!(judge(&of("# nobody\n"), None, Bounds::default(), None, true).is_ok());
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
            let told = judge(&of(text), None, Bounds::default(), Some(&facts), false)
                .unwrap_err()
                .to_string();
            assert!(told.contains("allowlist entry"), "{told}");
            assert!(judge(&of(text), None, Bounds::default(), Some(&facts), true).is_ok());
        }
        assert!(judge(&of("198.51.101.1\n"), None, Bounds::default(), Some(&facts), false).is_ok());
    }
}
