//! What feeds and geo databases say in a test: what the test itself told.
//!
//! Rules keep their look-ups for life, tests come and go: so what a test told is kept by the thread
//! that it runs on, from the bench's beginning to its end.

use crate::enrich::Geo;
use crate::limits;
use crate::rules::Lookups;
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What one test told.
#[derive(Debug, Default)]
struct Told {
    feeds: BTreeMap<String, Vec<IpNet>>,
    places: Vec<(IpNet, Arc<Geo>)>,
}

impl Told {
    fn room(&self, more: usize) -> Result<(), String> {
        let held = self.feeds.values().map(Vec::len).sum::<usize>() + self.places.len();
        if held + more > limits::TEST_PREFIXES_MAX {
            return Err(format!(
                "a test tells of at most `{}` prefixes",
                limits::TEST_PREFIXES_MAX
            ));
        }
        Ok(())
    }
}

thread_local! {
    static TOLD: RefCell<Told> = RefCell::new(Told::default());
}

/// Finds what the test on this thread told; nothing elsewhere.
#[derive(Debug, Default)]
pub struct TestLookups;

impl Lookups for TestLookups {
    fn in_feed(&self, address: IpAddr, feed: &str) -> bool {
        TOLD.with_borrow(|told| {
            told.feeds.get(feed).is_some_and(|nets| nets.iter().any(|net| net.contains(&address)))
        })
    }

    fn geo(&self, address: IpAddr) -> Option<Arc<Geo>> {
        TOLD.with_borrow(|told| {
            let around = told.places.iter().filter(|(net, _)| net.contains(&address));
            around.max_by_key(|(net, _)| net.prefix_len()).map(|(_, place)| Arc::clone(place))
        })
    }

    fn knows_places(&self) -> bool {
        TOLD.with_borrow(|told| !told.places.is_empty())
    }
}

/// A new test begins on this thread.
pub(super) fn begin() {
    TOLD.set(Told::default());
}

pub(super) fn feed(name: &str, nets: Vec<IpNet>) -> Result<(), String> {
    TOLD.with_borrow_mut(|told| {
        told.room(nets.len())?;
        told.feeds.insert(name.to_owned(), nets);
        Ok(())
    })
}

pub(super) fn geo(net: IpNet, place: Geo) -> Result<(), String> {
    TOLD.with_borrow_mut(|told| {
        told.room(1)?;
        told.places.retain(|(known, _)| *known != net);
        told.places.push((net, Arc::new(place)));
        Ok(())
    })
}
