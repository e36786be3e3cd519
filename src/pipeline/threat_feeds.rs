//! Threat feeds on the way of events: which versions a thread asks, and the events of what is new.
//!
//! A batch is evaluated against one version of each feed. So the versions are pinned to the thread
//! that evaluates, and handed on with what it found; the engine's own are what counts, and a batch that
//! was matched with others is matched again there (`engine::feeds`).

use super::engine::{Engine, Inputs, Message};
use super::feed::AskedNow;
use super::live::StartError;
use super::places;
use crate::config::Config;
use crate::decisions::LastCheck;
use crate::enrich::Geo;
use crate::event::net::display_net;
use crate::event::{Event, Field, Kind, Origin, Value};
use crate::feeds::keeper::{Ways, version_time};
use crate::feeds::{Copies, Feeds, Keeper, Loaded};
use crate::geo::Places;
use crate::rules::{FeedAsked, Lookups};
use arc_swap::ArcSwap;
use ipnet::IpNet;
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

/// The kind of the events that tell what is new in a feed.
pub const ADDED: &str = "feed.added";

/// The fields of such an event.
pub const ADDED_FIELDS: [&str; 3] = ["feed", "prefix", "ip"];

/// The source of such events.
const SOURCE: &str = "feeds";

thread_local! {
    /// The versions that rules on this thread ask.
    static PINNED: RefCell<Option<Arc<Feeds>>> = const { RefCell::new(None) };
}

/// From now on, rules on this thread ask these versions.
pub fn pin(feeds: &Arc<Feeds>) {
    PINNED.set(Some(Arc::clone(feeds)));
}

/// What rules ask, of feeds and of databases of places: the versions that are pinned to their thread, else those at hand when they were
/// loaded.
#[derive(Debug, Default)]
pub struct FeedLookups {
    otherwise: Arc<Feeds>,
    /// The feeds of the config, where `otherwise` is what counts.
    names: Vec<String>,
    places: Arc<Places>,
}

impl FeedLookups {
    /// For a daemon, whose threads have their versions pinned.
    pub fn pinned() -> Arc<dyn Lookups> {
        Arc::new(Self::default())
    }

    /// For proxies that feeds list: the pinned versions, else the copies at hand of those feeds.
    pub fn of_proxies(config: &Config) -> Arc<dyn Lookups> {
        let mut config = config.clone();
        config.feeds.retain(|feed| config.guard.proxy_feeds.iter().any(|name| name == feed.name()));
        Arc::new(Self { otherwise: Arc::new(at_hand(&config)), ..Self::default() })
    }

    /// For commands that look at events without rules: databases of places alone.
    pub fn of_places(config: &Config) -> Arc<dyn Lookups> {
        let places = Arc::new(places::at_hand(config));
        Arc::new(Self { places, ..Self::default() })
    }

    /// For commands that look at events once, with the copies that the daemon keeps.
    pub fn at_hand(config: &Config) -> Arc<dyn Lookups> {
        let names = config.feeds.iter().map(|feed| feed.name().to_owned()).collect();
        let places = Arc::new(places::at_hand(config));
        Arc::new(Self { otherwise: Arc::new(at_hand(config)), names, places })
    }
}

impl Lookups for FeedLookups {
    fn in_feed(&self, address: IpAddr, feed: &str) -> bool {
        PINNED.with_borrow(|pinned| {
            pinned.as_ref().unwrap_or(&self.otherwise).contains(address, feed)
        })
    }

    fn geo(&self, address: IpAddr) -> Option<Arc<Geo>> {
        places::find(address, &self.places)
    }

    fn knows_places(&self) -> bool {
        places::are_there(&self.places)
    }

    fn feeds(&self) -> Vec<FeedAsked> {
        let asked = |name: &String| {
            let listed = self.otherwise.get(name);
            FeedAsked {
                name: name.clone(),
                version: listed.map(|listed| version_time(listed.version)),
                entries: listed.map_or(0, |listed| listed.prefixes.len() as u64),
            }
        };
        self.names.iter().map(asked).collect()
    }
}

/// The newest good copy of each feed of a config.
pub fn at_hand(config: &Config) -> Feeds {
    let mut complaints = Vec::new();
    let names = config.feeds.iter().map(crate::feeds::FeedConfig::name);
    let feeds = Copies::new(&config.state_dir).at_hand(names, &mut complaints);
    for complaint in complaints {
        tracing::warn!(complaint, "a copy of a feed can't be used");
    }
    feeds
}

/// The events of what a version lists that the one before it didn't.
pub fn added_events(feed: &str, version: u64, added: &[IpNet]) -> Vec<Arc<Event>> {
    let time = version_time(version);
    let stream = format!("{feed}@{version}").into();
    let origin = Arc::new(Origin { source: SOURCE.into(), stream });
    let (feed_key, prefix_key): (Arc<str>, Arc<str>) = ("feed".into(), "prefix".into());
    let event = |(place, net): (u64, &IpNet)| {
        let mut event = Event::new(Kind::Custom(ADDED.into()), time);
        event.origin = Arc::clone(&origin);
        event.offset = place;
        event.set_extra(&feed_key, Value::text(feed));
        event.set_extra(&prefix_key, Value::text(display_net(net)));
        if net.prefix_len() == net.max_prefix_len() {
            event.set(Field::Ip, Value::ip(net.addr()));
        }
        Arc::new(event)
    };
    (0..).zip(added).map(event).collect()
}

/// Puts the copies at hand in force, databases of places too, lets crawlers be looked up, and starts keeping them fresh. What sources ask is given back;
/// `None` for the keeper where nothing is to be fetched.
pub(super) fn begin(
    config: &Config,
    engine: &mut Engine,
    inputs: &Inputs,
    friends: LastCheck,
    fetches: bool,
) -> Result<(AskedNow, Option<Keeper>), StartError> {
    let places = places::begin(config, engine, inputs, fetches)?;
    engine.verify_bots(&config.bots, inputs.control.clone(), fetches)?;
    engine.take_feeds_at_hand();
    let now = Arc::new(ArcSwap::new(engine.feeds()));
    if !fetches {
        return Ok((AskedNow { feeds: now, places }, None));
    }
    let (control, alarms, asked) =
        (inputs.control.clone(), inputs.control.clone(), Arc::clone(&now));
    let ways = Ways {
        facts: Box::new(move || friends.facts()),
        deliver: Box::new(move |loaded: Loaded| {
            let feeds = Arc::clone(&loaded.feeds);
            let sent = control.send(Message::Feed(Box::new(loaded))).is_ok();
            asked.store(feeds);
            sent
        }),
        tell: Box::new(move |from, text| {
            // Full means that the engine is behind; the status of feeds has it all the same.
            drop(alarms.try_send(Message::Alarm { source: from.to_owned(), text }));
        }),
    };
    // A feed that can't be built is a fault of the config, which was told when it was read.
    let feeds = config.feeds.iter().filter_map(|feed| feed.build().ok()).collect();
    let keeper = Keeper::start(feeds, Copies::new(&config.state_dir), engine.feeds(), ways)
        .map_err(|error| StartError::Io { what: "the keeper of feeds", error })?;
    engine.watch_feeds(keeper.clone());
    Ok((AskedNow { feeds: now, places }, Some(keeper)))
}
