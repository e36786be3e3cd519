//! All databases in force, together: one snapshot, never changed.

use super::config::Role;
use super::database::Database;
use crate::enrich::Geo;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// One database in force.
#[derive(Debug, Clone)]
pub struct Edition {
    /// Its version: when it was read, in microseconds, so that a later one is greater.
    pub version: u64,
    /// What is asked.
    pub database: Arc<Database>,
}

/// The databases in force.
#[derive(Debug, Clone, Default)]
pub struct Places {
    edition: BTreeMap<Role, Edition>,
}

impl Places {
    /// What they know of an address, together.
    pub fn find(&self, address: IpAddr) -> Geo {
        let address = address.to_canonical();
        let mut all = Geo::default();
        for edition in self.edition.values() {
            all.merge(edition.database.find(address));
        }
        all
    }

    /// One of them.
    pub fn get(&self, role: Role) -> Option<&Edition> {
        self.edition.get(&role)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.edition.is_empty()
    }

    /// The same databases with one of them as it is now; without it where `edition` is `None`.
    #[must_use]
    pub fn with(&self, role: Role, edition: Option<Edition>) -> Self {
        let mut all = self.edition.clone();
        match edition {
            Some(edition) => all.insert(role, edition),
            None => all.remove(&role),
        };
        Self { edition: all }
    }

    /// The versions in force, by the roles' names.
    pub fn versions(&self) -> BTreeMap<String, u64> {
        let version =
            |(role, edition): (&Role, &Edition)| (role.name().to_owned(), edition.version);
        self.edition.iter().map(version).collect()
    }

    /// Memory that they take.
    pub fn bytes(&self) -> u64 {
        self.edition.values().map(|edition| edition.database.bytes()).sum()
    }
}
