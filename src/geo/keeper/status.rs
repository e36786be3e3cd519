//! How a database is, for people and scripts.

use crate::clock::{self, Timestamp};
use crate::event::text::escape_cut;
use crate::geo::config::Role;
use crate::geo::set::Edition;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// Whether a database is as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GeoState {
    /// Not yet looked at.
    #[default]
    Waiting,
    /// The last look went well.
    Well,
    /// The file can't be read, or is not believed.
    Refused,
}

/// How a database is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoStatus {
    /// Its key in the config: `city`, `country` or `asn`.
    pub database: String,
    /// The file.
    pub path: String,
    /// Whether it is as it should be.
    pub state: GeoState,
    /// What is wrong, where something is.
    pub detail: String,
    /// What its maker calls the one in force (`GeoLite2-City`); empty where nothing is in force.
    pub kind: String,
    /// When its maker made it.
    pub built: Option<Timestamp>,
    /// The version in force: when it was read.
    pub version: Option<Timestamp>,
    /// Memory that it takes.
    pub bytes: u64,
}

impl GeoStatus {
    /// A file that was not looked at yet in this run.
    pub fn new(role: Role, path: &Path, edition: Option<&Edition>) -> Self {
        let mut status = Self {
            database: role.name().to_owned(),
            path: path.to_string_lossy().into_owned(),
            ..Self::default()
        };
        if let Some(edition) = edition {
            status.places(edition);
        }
        status
    }

    fn places(&mut self, edition: &Edition) {
        self.kind = escape_cut(edition.database.kind().as_bytes(), 80);
        self.built = Some(edition.database.built());
        let version = i64::try_from(edition.version).unwrap_or(i64::MAX);
        self.version = Some(Timestamp::from_micros(version));
        self.bytes = edition.database.bytes();
    }

    pub(super) fn well(&mut self) {
        self.state = GeoState::Well;
        self.detail.clear();
    }

    pub(super) fn new_version(&mut self, edition: &Edition) {
        self.well();
        self.places(edition);
    }

    pub(super) fn trouble(&mut self, why: &str) {
        self.state = GeoState::Refused;
        why.clone_into(&mut self.detail);
    }

    /// Whether somebody should look at it.
    pub fn is_ill(&self) -> bool {
        self.state == GeoState::Refused
    }

    /// How old it is, by its maker's word; none where nothing is in force.
    pub fn age(&self) -> Option<Duration> {
        Some(clock::now().since(self.built?))
    }

    /// Whether it is so old that much of it is wrong.
    pub fn is_old(&self) -> bool {
        self.age().is_some_and(|age| age > Duration::from_hours(limits::GEO_OLD_DAYS * 24))
    }
}
