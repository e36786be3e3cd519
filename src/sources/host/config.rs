//! What of this machine is looked at.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// For sources of the type `host`: what is looked at beside load, memory and connections, which each
/// look tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// Mount points (`/`, `/var`) whose file systems are looked at.
    pub disks: Vec<PathBuf>,
    /// Programs by name, as `ps -e` shows it (`nginx`, `php-fpm8.2`), that are looked for.
    pub processes: Vec<String>,
    /// Units of systemd (`nginx.service`) whose state is asked for.
    pub units: Vec<String>,
    /// Files whose content, mode and owner are watched.
    pub files: Vec<PathBuf>,
    /// Networks (an IPv4 /24, an IPv6 /48) with at least so many open connections to this machine are
    /// told of, those with most first.
    pub prefix_connections: u64,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            disks: vec![PathBuf::from("/")],
            processes: Vec::new(),
            units: Vec::new(),
            files: Vec::new(),
            prefix_connections: 100,
        }
    }
}

impl HostConfig {
    /// What is wrong with it, each in words with its hint.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for path in self.disks.iter().chain(&self.files) {
            if !path.is_absolute() {
                faults.push(format!(
                    "`{}` in `[sources.host]` is not absolute\nhint: paths begin with `/`",
                    path.display()
                ));
            }
        }
        let is_unit = |unit: &str| {
            let mut bytes = unit.bytes();
            !unit.starts_with('-')
                && unit.contains('.')
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte))
        };
        for unit in self.units.iter().filter(|unit| !is_unit(unit)) {
            faults.push(format!(
                "`{}` is no unit's name\nhint: with its type, as in `nginx.service`",
                crate::event::text::escape(unit)
            ));
        }
        if self.prefix_connections == 0 {
            faults.push("`prefix_connections` is 0\nhint: at least 1".to_owned());
        }
        faults
    }
}
