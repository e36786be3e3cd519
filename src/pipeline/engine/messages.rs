//! What the engine is built from, and what reaches its thread.

use crate::clock::Timestamp;
use crate::config::Config;
use crate::feeds::Loaded;
use crate::pipeline::control::{Reply, Request};
use crate::pipeline::core::Core;
use crate::pipeline::desk::SharedDesk;
use crate::pipeline::feed::SourceBook;
use crate::plugins::HealthCell;
use crate::rules::RuleSet;
use crate::store::Store;
use crossbeam_channel::Sender;
use std::net::IpAddr;
use std::sync::Arc;

/// What reaches the engine's thread beside batches.
pub enum Message {
    /// A source says that something is wrong.
    Alarm {
        /// The source.
        source: String,
        /// What.
        text: String,
    },
    /// A request of the command line.
    Request(Request, Sender<Reply>),
    /// Facts about this machine that were looked up again.
    Facts(Facts),
    /// Config and rules were read again.
    Reloaded(Box<Reloaded>),
    /// Another version of a threat feed.
    Feed(Box<Loaded>),
    /// Whether a client is the crawler that it says it is.
    Bot(crate::bots::Answer),
    /// Another version of a database of places is in force from now on.
    Geo(Box<crate::geo::Loaded>),
    /// What config and rule files say now and is not in force, in sentences.
    Unapplied(Vec<String>),
    /// Save everything and end.
    Stop,
}

/// Facts that the guard needs and only the machine knows.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Addresses of this machine's interfaces.
    pub own: Vec<IpAddr>,
    /// Addresses from which administrators are logged in.
    pub admins: Vec<IpAddr>,
    /// Host names of the allowlist with their addresses.
    pub names: Vec<(String, Vec<IpAddr>)>,
}

/// A config and rule set that were read again, without faults.
pub struct Reloaded {
    /// The config.
    pub config: Config,
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// How plugins are that can't be used.
    pub refused: Vec<Arc<HealthCell>>,
}

/// What the engine is built from.
pub struct Parts {
    /// The config in force.
    pub config: Config,
    /// The store, open for writing.
    pub store: Arc<Store>,
    /// The core, restored.
    pub core: Core,
    /// Guard and what is in force, restored.
    pub desk: SharedDesk,
    /// The sources' parsers, to read ranges again.
    pub book: Arc<SourceBook>,
    /// Where commands read the names to resolve.
    pub names: Arc<arc_swap::ArcSwap<Vec<String>>>,
    /// Nothing is carried out.
    pub dry_run: bool,
    /// When the daemon started.
    pub started: Timestamp,
}
