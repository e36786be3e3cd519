//! Versions of databases of places as numbered inputs, as [`super::feeds`] has those of feeds.

use super::Engine;
use crate::geo::{Copies, GeoStatus, Keeper, Loaded, Places, Role};
use crate::pipeline::places::pin;
use crate::store::InputKind;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The blob that names the versions in force.
pub(super) const PLACES_BLOB: &str = "geo";

/// How such an input begins; no feed can have a name with a colon.
const PREFIX: &str = "geo:";

/// What the engine knows of databases.
pub(super) struct PlacesInForce {
    pub(super) now: Arc<Places>,
    copies: Copies,
    /// What the last checkpoint named.
    saved: BTreeMap<String, u64>,
    /// What older copies than these were removed for.
    forgotten: BTreeMap<String, u64>,
    keeper: Option<Keeper>,
}

impl PlacesInForce {
    pub(super) fn new(state_dir: &Path) -> Self {
        Self {
            now: Arc::default(),
            copies: Copies::new(state_dir),
            saved: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            keeper: None,
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
        let mut places = Places::default();
        for (name, version) in versions {
            let Some(role) = Role::from_name(&name) else { continue };
            match self.copies.load(role, version) {
                Ok(edition) => places = places.with(role, Some(edition)),
                Err(complaint) => complaints.push(complaint),
            }
        }
        self.set(Arc::new(places));
    }

    /// A checkpoint with the versions in force is on disk.
    pub(super) fn saved(&mut self) {
        // Those of the checkpoint before stay: after a power cut that one may be the last.
        let before = std::mem::replace(&mut self.saved, self.now.versions());
        if before != self.forgotten {
            self.copies.forget_before(&before);
            self.forgotten = before;
        }
    }

    fn set(&mut self, places: Arc<Places>) {
        self.now = places;
        pin(&self.now);
    }

    /// Lets this thread ask the versions in force.
    pub(super) fn pin(&self) {
        pin(&self.now);
    }

    /// How databases are.
    pub(super) fn status(&self) -> Vec<GeoStatus> {
        self.keeper.as_ref().map(Keeper::status).unwrap_or_default()
    }
}

impl Engine {
    /// The versions in force.
    pub fn places(&self) -> Arc<Places> {
        Arc::clone(&self.places.now)
    }

    /// Adds the keeper for status.
    pub fn watch_places(&mut self, keeper: Keeper) {
        self.places.keeper = Some(keeper);
    }

    /// Another version of a database is in force from now on.
    pub(in crate::pipeline) fn geo_loaded(&mut self, loaded: &Loaded) {
        self.geo_input(loaded.role, loaded.edition.version, Arc::clone(&loaded.places));
    }

    /// Puts newer copies in force than the store knows of, for a crash may have come between; and
    /// takes away what the config has no more.
    pub fn take_places_at_hand(&mut self) {
        for role in Role::ALL {
            let now = self.places.now.get(role).map(|edition| edition.version);
            if self.config.geo.path(role).is_none() {
                if now.is_some() {
                    let places = Arc::new(self.places.now.with(role, None));
                    self.geo_input(role, 0, places);
                }
                continue;
            }
            let mut complaints = Vec::new();
            let newer = self.places.copies.newer(role, now.unwrap_or(0), &mut complaints);
            for complaint in complaints {
                tracing::warn!(complaint, "a copy of a database of places can't be used");
            }
            if let Some(edition) = newer {
                let version = edition.version;
                let places = Arc::new(self.places.now.with(role, Some(edition)));
                self.geo_input(role, version, places);
            }
        }
    }

    fn geo_input(&mut self, role: Role, version: u64, places: Arc<Places>) {
        self.places.set(places);
        self.number(InputKind::Feed { name: format!("{PREFIX}{}", role.name()), version });
        self.dirty = true;
        self.cover_inputs();
    }

    /// The role that such an input is about; none where it is a feed's.
    pub(super) fn role_of_input(name: &str) -> Option<Role> {
        Role::from_name(name.strip_prefix(PREFIX)?)
    }

    /// A version that was put in force before a crash.
    pub(super) fn geo_again(&mut self, role: Role, version: u64) -> Result<(), String> {
        let edition =
            if version == 0 { None } else { Some(self.places.copies.load(role, version)?) };
        self.places.set(Arc::new(self.places.now.with(role, edition)));
        Ok(())
    }
}
