//! All feeds in force, together: one snapshot, never changed.

use crate::enrich::Prefixes;
use crate::limits;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// One feed in force.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its version: when it was read, in microseconds, so that a later one is greater.
    pub version: u64,
    /// What it lists.
    pub prefixes: Arc<Prefixes>,
}

/// The feeds in force, by name.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    feeds: BTreeMap<Arc<str>, Listed>,
}

impl Feeds {
    /// Whether the feed lists the address; a feed that isn't there lists nothing.
    pub fn contains(&self, address: IpAddr, feed: &str) -> bool {
        self.feeds.get(feed).is_some_and(|listed| listed.prefixes.contains(address.to_canonical()))
    }

    /// One feed.
    pub fn get(&self, feed: &str) -> Option<&Listed> {
        self.feeds.get(feed)
    }

    /// The same feeds with one of them as it is now; without it where `listed` is `None`.
    #[must_use]
    pub fn with(&self, feed: &str, listed: Option<Listed>) -> Self {
        let mut feeds = self.feeds.clone();
        match listed {
            Some(listed) => feeds.insert(Arc::from(feed), listed),
            None => feeds.remove(feed),
        };
        Self { feeds }
    }

    /// The versions in force.
    pub fn versions(&self) -> BTreeMap<String, u64> {
        self.feeds.iter().map(|(name, listed)| (name.to_string(), listed.version)).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Listed)> {
        self.feeds.iter()
    }
}

/// What `new` lists and `old` does not, in order and within a bound; nothing where a feed is there
/// for the first time.
pub fn added(old: Option<&Listed>, new: &Listed) -> Vec<IpNet> {
    let Some(old) = old else { return Vec::new() };
    let news = new.prefixes.iter().filter(|net| {
        let around = old.prefixes.entry(net.network());
        around.is_none_or(|around| !around.contains(net))
    });
    news.take(limits::FEED_EVENTS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::net::parse_net;

    fn listed(version: u64, nets: &[&str]) -> Listed {
        let prefixes = nets.iter().map(|net| parse_net(net).unwrap());
        Listed { version, prefixes: Arc::new(Prefixes::new(prefixes)) }
    }

    #[test]
    fn what_is_new_is_what_no_entry_held_before() {
        let old = listed(1, &["192.0.2.0/24", "198.51.100.7"]);
        let new = listed(2, &["192.0.2.9", "198.51.100.0/24", "203.0.113.1", "2001:db8::/64"]);
        let words: Vec<String> = added(Some(&old), &new).iter().map(ToString::to_string).collect();
        assert_eq!(words, ["198.51.100.0/24", "203.0.113.1/32", "2001:db8::/64"]);
        assert!(added(None, &new).is_empty(), "the first version is no news");
    }

    #[test]
    fn a_feed_is_asked_by_name_and_mapped_addresses_are_v4() {
        let feeds = Feeds::default().with("a", Some(listed(1, &["192.0.2.0/24"])));
        for (address, feed, wanted) in [
            ("192.0.2.1", "a", true),
            ("::ffff:192.0.2.1", "a", true),
            ("192.0.3.1", "a", false),
            ("192.0.2.1", "b", false),
        ] {
            assert_eq!(feeds.contains(address.parse().unwrap(), feed), wanted, "{address} {feed}");
        }
        assert!(!feeds.with("a", None).contains("192.0.2.1".parse().unwrap(), "a"));
    }
}
