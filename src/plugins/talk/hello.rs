//! The first line that a program gets: who it is, its settings, its secrets.

use super::{Launch, PROTOCOL, TalkError};
use crate::secret::Secret;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Hello<'l> {
    r#type: &'static str,
    protocol: u32,
    plugin: &'l str,
    riposte: &'static str,
    settings: &'l Map<String, Value>,
    secrets: Revealed<'l>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// The secrets' values, for the one who may have them.
struct Revealed<'s>(&'s BTreeMap<String, Secret>);

impl Serialize for Revealed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, secret) in self.0 {
            map.serialize_entry(name, secret.reveal())?;
        }
        map.end()
    }
}

/// The line, with its break.
pub(super) fn line(
    launch: &Launch,
    secrets: &BTreeMap<String, Secret>,
    extra: Map<String, Value>,
) -> Result<Vec<u8>, TalkError> {
    let hello = Hello {
        r#type: "hello",
        protocol: PROTOCOL,
        plugin: &launch.name,
        riposte: env!("CARGO_PKG_VERSION"),
        settings: &launch.settings,
        secrets: Revealed(secrets),
        extra,
    };
    let mut line = serde_json::to_vec(&hello)
        .map_err(|error| TalkError::Start(format!("its settings can't be written: {error}")))?;
    line.push(b'\n');
    Ok(line)
}
