//! `[geo]`: which databases are asked.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Databases of places and networks, in MaxMind's format; each is read again when its file changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoConfig {
    /// A database of cities (`GeoLite2-City.mmdb`, `dbip-city-lite.mmdb`), which knows countries too;
    /// from the config's folder on.
    pub city: Option<PathBuf>,
    /// A database of countries (`GeoLite2-Country.mmdb`): a tenth of the memory of one of cities.
    pub country: Option<PathBuf>,
    /// A database of autonomous systems (`GeoLite2-ASN.mmdb`, `dbip-asn-lite.mmdb`).
    pub asn: Option<PathBuf>,
}

/// What a database is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Cities and countries.
    City,
    /// Countries.
    Country,
    /// Autonomous systems.
    Asn,
}

impl Role {
    /// All of them, in the order in which they are asked: of what two know, the first one's counts.
    pub const ALL: [Self; 3] = [Self::City, Self::Country, Self::Asn];

    /// Its key in the config, and its folder in the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Country => "country",
            Self::Asn => "asn",
        }
    }

    /// The role with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl GeoConfig {
    /// The file of a role.
    pub fn path(&self, role: Role) -> Option<&Path> {
        match role {
            Role::City => self.city.as_deref(),
            Role::Country => self.country.as_deref(),
            Role::Asn => self.asn.as_deref(),
        }
    }

    /// The roles that have a file.
    pub fn roles(&self) -> impl Iterator<Item = (Role, &Path)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.path(role)?)))
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.roles().next().is_none()
    }

    /// What is wrong with it, in words. Whether the files are there is found out when they are read.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut known: Vec<&Path> = Vec::new();
        for (role, path) in self.roles() {
            let name = role.name();
            if path.as_os_str().is_empty() {
                faults.push(format!(
                    "`geo.{name}` is empty\nhint: leave it out, or name a `.mmdb` file"
                ));
            } else if known.contains(&path) {
                faults.push(format!(
                    "`geo.{name}` names a file that is named before\nhint: a database that knows several things is named once; what it knows counts whatever its key"
                ));
            }
            known.push(path);
        }
        faults
    }

    /// Makes relative paths start at the config's own folder.
    pub fn resolve_paths(&mut self, base: &Path) {
        for path in [&mut self.city, &mut self.country, &mut self.asn].into_iter().flatten() {
            if path.is_relative() && !path.as_os_str().is_empty() {
                *path = base.join(&*path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_once_and_not_empty() {
        let config: GeoConfig =
            toml::from_str("city = \"a.mmdb\"\ncountry = \"a.mmdb\"\nasn = \"\"").unwrap();
        let faults = config.faults();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("`geo.country` names a file that is named before"));
        assert!(faults[1].starts_with("`geo.asn` is empty"));
        assert!(GeoConfig::default().is_empty() && GeoConfig::default().faults().is_empty());
    }

    #[test]
    fn paths_begin_at_the_config_s_folder() {
        let mut config: GeoConfig =
            toml::from_str("country = \"c.mmdb\"\nasn = \"/data/a.mmdb\"").unwrap();
        config.resolve_paths(Path::new("/etc/riposte"));
        let roles: Vec<(Role, &Path)> = config.roles().collect();
        let wanted = [
            (Role::Country, Path::new("/etc/riposte/c.mmdb")),
            (Role::Asn, Path::new("/data/a.mmdb")),
        ];
        assert_eq!(roles, wanted);
        assert!(Role::ALL.into_iter().all(|role| Role::from_name(role.name()) == Some(role)));
    }
}
