//! The crawlers that can be verified, from a file that people can read (`shipped.toml`).

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("shipped.toml");

/// A crawler that can be verified.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What it is called as a family of user agents, the main one first.
    pub families: Vec<String>,
    /// The domains that the names of its addresses are in.
    #[serde(default)]
    pub names: Vec<String>,
    /// Shipped feeds that hold its published ranges.
    #[serde(default)]
    pub feeds: Vec<String>,
    /// Where its operator says so.
    pub home: String,
}

#[derive(Deserialize)]
struct File {
    bot: Vec<Definition>,
}

/// The crawler that a family of user agents claims to be; none where it can't be verified.
pub fn of_family(family: &str) -> Option<&'static Definition> {
    // The text is ours; a test holds it to be right.
    static ALL: LazyLock<BTreeMap<String, Definition>> = LazyLock::new(|| {
        let file: Option<File> = toml::from_str(TEXT).ok();
        let bots = file.map(|file| file.bot).unwrap_or_default();
        bots.iter()
            .flat_map(|bot| bot.families.iter().map(|family| (family.clone(), bot.clone())))
            .collect()
    });
    ALL.get(family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bots::names::is_domain;
    use crate::enrich::user_agent::{Kind, agent};

    #[test]
    fn each_is_of_a_family_that_is_known_and_can_be_verified() {
        let file: File = toml::from_str(TEXT).unwrap();
        assert!(file.bot.len() > 20);
        for bot in &file.bot {
            assert!(!bot.names.is_empty() || !bot.feeds.is_empty(), "{bot:?}");
            assert!(bot.names.iter().all(|name| is_domain(name)), "{bot:?}");
            for feed in &bot.feeds {
                assert!(crate::feeds::shipped::all().contains_key(feed), "no feed `{feed}`");
            }
            for family in &bot.families {
                assert_eq!(of_family(family), Some(bot), "`{family}` stands there twice");
                let found = agent(&format!("Mozilla/5.0 (compatible; {family}/1.0)"));
                let by_other_words = ["google-special", "google-fetcher", "slurp"];
                if !by_other_words.contains(&family.as_str()) {
                    assert_eq!((found.family, found.kind), (family.as_str(), Kind::Bot));
                }
            }
        }
        assert_eq!(of_family("chrome"), None);
    }
}
