//! Reading `riposte.toml`: a file in, a [`Config`] or every fault at once out, each with its line.

use super::Config;
use crate::toml_text;
pub use crate::toml_text::Fault;
use std::path::{Path, PathBuf};

/// A config that can't be used, with all its faults.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.render())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, in the order of the file.
    pub faults: Vec<Fault>,
}

impl ConfigError {
    fn render(&self) -> String {
        let faults: Vec<String> =
            self.faults.iter().map(|fault| fault.render(&self.path)).collect();
        faults.join("\n")
    }
}

/// Reads and checks a config file.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "run `riposte init` to write one for this machine",
            std::io::ErrorKind::PermissionDenied => "run this as root or as the service's user",
            _ => "",
        };
        let message = format!("failed to read the config: {error}");
        ConfigError { path: path.to_owned(), faults: vec![Fault::whole(message, hint)] }
    })?;
    if let Some(fault) = writable_by_others(path) {
        return Err(ConfigError { path: path.to_owned(), faults: vec![fault] });
    }
    parse(&text).map_err(|faults| ConfigError { path: path.to_owned(), faults }).map(
        |mut config| {
            config.resolve_paths(path.parent().unwrap_or(Path::new(".")));
            config
        },
    )
}

/// Reads and checks a config's text.
pub fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    toml_text::read(text, Config::faults)
}

/// Config, rules and plugins that others can write would let them act with our rights.
pub fn writable_by_others(path: &Path) -> Option<Fault> {
    crate::trust::distrust(path).map(|why| Fault::whole(why.message, why.hint))
}
