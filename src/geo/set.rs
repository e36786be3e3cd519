//! All databases in force, together: one snapshot, never changed.

use super::config::Role;
use super::database::Database;
use crate::enrich::Geo;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// One database in force.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its version: when it was read, in microseconds, so that a later one is greater.
    pub version: u64,
    /// What is asked.
    pub database: Arc<Database>,
}

/// The databases in force.
#[derive(Debug, Clone, Default)]
pub struct Places {
    placed: BTreeMap<Role, Placed>,
}

impl Places {
    /// What they know of an address, together.
    pub fn find(&self, address: IpAddr) -> Geo {
        let address = address.to_canonical();
        let mut all = Geo::default();
        for placed in self.placed.values() {
            all.merge(placed.database.find(address));
        }
        all
    }

    /// One of them.
    pub fn get(&self, role: Role) -> Option<&Placed> {
        self.placed.get(&role)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// The same databases with one of them as it is now; without it where `placed` is `None`.
    #[must_use]
    pub fn with(&self, role: Role, placed: Option<Placed>) -> Self {
        let mut all = self.placed.clone();
        match placed {
            Some(placed) => all.insert(role, placed),
            None => all.remove(&role),
        };
        Self { placed: all }
    }

    /// The versions in force, by the roles' names.
    pub fn versions(&self) -> BTreeMap<String, u64> {
        let version = |(role, placed): (&Role, &Placed)| (role.name().to_owned(), placed.version);
        self.placed.iter().map(version).collect()
    }

    /// Memory that they take.
    pub fn bytes(&self) -> u64 {
        self.placed.values().map(|placed| placed.database.bytes()).sum()
    }
}
