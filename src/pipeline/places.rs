//! Databases of places on the way of events: which versions a thread asks, and what it remembers of
//! their answers.
//!
//! As with threat feeds, a batch is evaluated against one version of each, pinned to the thread that
//! evaluates; a batch that was matched with others is matched again by the engine.

use super::engine::{Engine, Inputs, Message};
use super::live::StartError;
use crate::config::Config;
use crate::enrich::Geo;
use crate::geo::keeper::Ways;
use crate::geo::{Copies, Keeper, Loaded, Places};
use crate::limits;
use arc_swap::ArcSwap;
use std::cell::RefCell;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// What a thread asks, and what it was answered.
struct Asked {
    places: Arc<Places>,
    /// By a hash of the address, one each; made when the first is asked for.
    answers: Vec<Option<(IpAddr, Arc<Geo>)>>,
    hasher: foldhash::fast::RandomState,
    nothing: Arc<Geo>,
}

thread_local! {
    static PINNED: RefCell<Option<Asked>> = const { RefCell::new(None) };
    static OTHERWISE: RefCell<Option<Asked>> = const { RefCell::new(None) };
}

impl Asked {
    fn new(places: &Arc<Places>) -> Self {
        Self {
            places: Arc::clone(places),
            answers: Vec::new(),
            hasher: foldhash::fast::RandomState::default(),
            nothing: Arc::default(),
        }
    }

    fn find(&mut self, address: IpAddr) -> Option<Arc<Geo>> {
        if self.places.is_empty() {
            return None;
        }
        if self.answers.is_empty() {
            self.answers.resize(limits::GEO_CACHE_PLACES, None);
        }
        let hash = self.hasher.hash_one(address);
        // The remainder is smaller than a length in memory.
        let place = usize::try_from(hash % limits::GEO_CACHE_PLACES as u64).unwrap_or(0);
        let slot = self.answers.get_mut(place)?;
        if let Some((known, geo)) = slot
            && *known == address
        {
            return Some(Arc::clone(geo));
        }
        let geo = self.places.find(address);
        let geo = if geo.is_empty() { Arc::clone(&self.nothing) } else { Arc::new(geo) };
        *slot = Some((address, Arc::clone(&geo)));
        Some(geo)
    }
}

/// From now on, rules on this thread ask these versions.
pub fn pin(places: &Arc<Places>) {
    PINNED.with_borrow_mut(|pinned| {
        if pinned.as_ref().is_none_or(|asked| !Arc::ptr_eq(&asked.places, places)) {
            *pinned = Some(Asked::new(places));
        }
    });
}

/// Where an address is: by the versions that are pinned to this thread, else by these.
pub(super) fn find(address: IpAddr, otherwise: &Arc<Places>) -> Option<Arc<Geo>> {
    let pinned = PINNED.with_borrow_mut(|pinned| Some(pinned.as_mut()?.find(address)));
    pinned.unwrap_or_else(|| {
        OTHERWISE.with_borrow_mut(|asked| {
            let same = asked.as_ref().is_some_and(|asked| Arc::ptr_eq(&asked.places, otherwise));
            if !same {
                *asked = Some(Asked::new(otherwise));
            }
            asked.as_mut()?.find(address)
        })
    })
}

/// Whether there is any database to ask on this thread.
pub(super) fn are_there(otherwise: &Arc<Places>) -> bool {
    PINNED
        .with_borrow(|pinned| !pinned.as_ref().map_or(otherwise, |asked| &asked.places).is_empty())
}

/// The databases of a config, for commands that look at events once: each file as it is now, else the
/// newest copy that the daemon keeps. What can't be used is warned of.
pub fn at_hand(config: &Config) -> Places {
    let copies = Copies::new(&config.state_dir);
    let mut all = Places::default();
    for (role, path) in config.geo.roles() {
        let mut complaints = Vec::new();
        let edition = crate::geo::keeper::read(path).or_else(|why| {
            complaints.push(why);
            copies.newest(role, &mut complaints).ok_or(())
        });
        for complaint in complaints {
            tracing::warn!(database = role.name(), complaint, "a database of places can't be used");
        }
        if let Ok(edition) = edition {
            all = all.with(role, Some(edition));
        }
    }
    all
}

/// Puts the copies at hand in force, then the files where they are newer, and starts keeping them fresh.
/// What sources ask is given back.
pub(super) fn begin(
    config: &Config,
    engine: &mut Engine,
    inputs: &Inputs,
    looks: bool,
) -> Result<Arc<ArcSwap<Places>>, StartError> {
    engine.take_places_at_hand();
    let now = Arc::new(ArcSwap::new(engine.places()));
    if !looks || config.geo.is_empty() {
        return Ok(now);
    }
    // What the first look finds counts before the first record, so it waits for no message.
    let first = Arc::new(Mutex::new(Some(Vec::new())));
    let found = Arc::clone(&first);
    let (control, alarms, asked) =
        (inputs.control.clone(), inputs.control.clone(), Arc::clone(&now));
    let ways = Ways {
        deliver: Box::new(move |loaded: Loaded| {
            let mut first = found.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(list) = first.as_mut() {
                list.push(loaded);
                return true;
            }
            let places = Arc::clone(&loaded.places);
            let sent = control.send(Message::Geo(Box::new(loaded))).is_ok();
            asked.store(places);
            sent
        }),
        tell: Box::new(move |from, text| {
            // Full means that the engine is behind; the status of databases has it all the same.
            drop(alarms.try_send(Message::Alarm { source: from.to_owned(), text }));
        }),
    };
    let keeper = Keeper::start(&config.geo, Copies::new(&config.state_dir), engine.places(), ways)
        .map_err(|error| StartError::Io { what: "the keeper of databases of places", error })?;
    let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
    for loaded in first.into_iter().flatten() {
        engine.geo_loaded(&loaded);
    }
    now.store(engine.places());
    engine.watch_places(keeper);
    Ok(now)
}
