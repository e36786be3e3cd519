//! The feeds that riposte knows, from a file that people can read (`shipped.toml`). None is used
//! before a config names it.

use super::FeedConfig;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("shipped.toml");

/// A feed that riposte knows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Shipped {
    /// What it lists.
    pub about: String,
    /// Under which terms it may be used.
    pub terms: String,
    /// The operator's page.
    pub home: String,
    /// When all this was looked up.
    pub read: String,
    /// Where it is and how it is laid out.
    #[serde(flatten)]
    pub config: FeedConfig,
}

/// All of them, by name.
pub fn all() -> &'static BTreeMap<String, Shipped> {
    // The text is ours; a test holds it to be right.
    static ALL: LazyLock<BTreeMap<String, Shipped>> =
        LazyLock::new(|| toml::from_str(TEXT).unwrap_or_default());
    &ALL
}
