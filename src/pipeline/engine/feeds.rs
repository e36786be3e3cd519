//! Versions of threat feeds as numbered inputs: between two batches, like a rule set.
//!
//! A checkpoint names the versions that it was made with; their copies stay on disk until a later one
//! needs them no more. So a restart evaluates what follows with what counted then.

use super::Engine;
use crate::feeds::{Copies, Feeds, Keeper, Listed, Loaded, added};
use crate::pipeline::core::{Core, Firing};
use crate::pipeline::threat_feeds::{added_events, pin};
use crate::store::InputKind;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The blob that names the versions in force.
pub(super) const FEEDS_BLOB: &str = "feeds";

/// What the engine knows of feeds.
pub(super) struct FeedsInForce {
    pub(super) now: Arc<Feeds>,
    copies: Copies,
    /// What the last checkpoint named.
    saved: BTreeMap<String, u64>,
    /// What older copies than these were removed for.
    forgotten: BTreeMap<String, u64>,
    keeper: Option<Keeper>,
    /// Whom the guard was told of as proxies.
    proxies: Vec<IpNet>,
}

impl FeedsInForce {
    pub(super) fn new(state_dir: &Path) -> Self {
        let copies = Copies::new(state_dir);
        Self {
            now: Arc::default(),
            copies,
            saved: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            keeper: None,
            proxies: Vec::new(),
        }
    }

    /// The blob of a checkpoint.
    pub(super) fn save(&self) -> Vec<u8> {
        // A map of texts and numbers: writing it to a Vec can't fail.
        postcard::to_stdvec(&self.now.versions()).unwrap_or_default()
    }

    /// The versions that a checkpoint names, from their copies.
    pub(super) fn load(&mut self, blob: &[u8], complaints: &mut Vec<String>) {
        let versions: BTreeMap<String, u64> = postcard::from_bytes(blob).unwrap_or_default();
        let mut feeds = Feeds::default();
        for (name, version) in versions {
            match self.copies.load(&name, version) {
                Ok(listed) => feeds = feeds.with(&name, Some(listed)),
                Err(complaint) => complaints.push(complaint),
            }
        }
        self.set(Arc::new(feeds));
    }

    /// A checkpoint with the versions in force is on disk.
    pub(super) fn saved(&mut self) {
        let versions = self.now.versions();
        // Those of the checkpoint before stay: after a power cut that one may be the last.
        let before = std::mem::replace(&mut self.saved, versions);
        if before != self.forgotten {
            self.copies.forget_before(&before);
            self.forgotten = before;
        }
    }

    fn set(&mut self, feeds: Arc<Feeds>) {
        self.now = feeds;
        pin(&self.now);
    }

    /// Lets this thread ask the versions in force.
    pub(super) fn pin(&self) {
        pin(&self.now);
    }

    /// How feeds are.
    pub(super) fn status(&self) -> Vec<crate::feeds::FeedStatus> {
        self.keeper.as_ref().map(Keeper::status).unwrap_or_default()
    }
}

impl Engine {
    /// The versions in force.
    pub fn feeds(&self) -> Arc<Feeds> {
        Arc::clone(&self.feeds.now)
    }

    /// Adds the keeper for status.
    pub fn watch_feeds(&mut self, keeper: Keeper) {
        self.feeds.keeper = Some(keeper);
    }

    /// Another version of a feed is in force from now on.
    pub(super) fn feed_loaded(&mut self, loaded: &Loaded) {
        let version = loaded.listed.version;
        self.feed_input(&loaded.name, version, Arc::clone(&loaded.feeds), &loaded.added);
    }

    /// Puts newer copies in force than the store knows of, for a crash may have come between; and
    /// takes away what the config has no more.
    pub fn take_feeds_at_hand(&mut self) {
        self.listed_proxies();
        let wanted: Vec<String> =
            self.config.feeds.iter().map(|feed| feed.name().to_owned()).collect();
        let gone = self.feeds.now.versions().into_keys().filter(|name| !wanted.contains(name));
        for name in gone.collect::<Vec<_>>() {
            let feeds = Arc::new(self.feeds.now.with(&name, None));
            self.feed_input(&name, 0, feeds, &[]);
        }
        for name in wanted {
            let now = self.feeds.now.get(&name).cloned();
            let mut complaints = Vec::new();
            let at_hand = self.feeds.copies.newer(&name, now.as_ref(), &mut complaints);
            for complaint in complaints {
                tracing::warn!(complaint, "a copy of a feed can't be used");
            }
            let Some(listed) = at_hand else { continue };
            let news = added(now.as_ref(), &listed);
            let version = listed.version;
            let feeds = Arc::new(self.feeds.now.with(&name, Some(listed)));
            self.feed_input(&name, version, feeds, &news);
        }
    }

    fn feed_input(&mut self, name: &str, version: u64, feeds: Arc<Feeds>, added: &[IpNet]) {
        self.feeds.set(feeds);
        self.listed_proxies();
        self.number(InputKind::Feed { name: name.to_owned(), version });
        let firings = tell(&mut self.core, name, version, added);
        self.dirty = true;
        self.act(firings);
        self.cover_inputs();
    }

    /// Tells the guard whom feeds list as proxies now; what is in force against them is lifted.
    pub(super) fn listed_proxies(&mut self) {
        let names = &self.config.guard.proxy_feeds;
        let listed = names.iter().filter_map(|name| self.feeds.now.get(name));
        let nets: Vec<IpNet> = listed.flat_map(|listed| listed.prefixes.iter()).collect();
        if nets == self.feeds.proxies {
            return;
        }
        self.feeds.proxies.clone_from(&nets);
        let now = crate::clock::now();
        let steps = self.desk.book(|desk| desk.set_listed_proxies(nets));
        if steps != crate::decisions::Steps::default() {
            let mut commit = self.begin(now);
            self.steps(steps, "feed", now, &mut commit);
            self.finish(commit);
        }
    }

    /// A version that was put in force before a crash.
    pub(super) fn feed_again(
        &mut self,
        name: &str,
        version: u64,
        firings: &mut Vec<Firing>,
    ) -> Result<(), String> {
        let before: Option<Listed> = self.feeds.now.get(name).cloned();
        if version == 0 {
            self.feeds.set(Arc::new(self.feeds.now.with(name, None)));
            return Ok(());
        }
        let listed = self.feeds.copies.load(name, version)?;
        let news = added(before.as_ref(), &listed);
        self.feeds.set(Arc::new(self.feeds.now.with(name, Some(listed))));
        firings.extend(tell(&mut self.core, name, version, &news));
        Ok(())
    }
}

/// Lets rules hear of what is new.
fn tell(core: &mut Core, name: &str, version: u64, added: &[IpNet]) -> Vec<Firing> {
    let mut firings = Vec::new();
    let rules = Arc::clone(core.rules());
    let (mut candidates, mut faults) = (Vec::new(), Vec::new());
    for event in added_events(name, version, added) {
        rules.candidates(&event, &mut candidates, &mut faults);
        if !candidates.is_empty() {
            core.event(&event, &candidates, &mut firings);
        }
    }
    firings
}
