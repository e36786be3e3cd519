//! The few facts about an installation that outlive everything: when it was installed, whether a
//! panic is on, whether the first days were ended by hand.

use crate::clock::{self, Timestamp};
use crate::store::{Reader, Store, StoreError};
use std::collections::BTreeMap;

const INSTALLED: &str = "installed";
const PANIC: &str = "panic";
const ARMED: &str = "armed";
const SEED: &str = "seed";
const GOOD_RULES: &str = "good_rules";

/// When riposte was installed here: the first start on this store.
pub fn installed(store: &Store) -> Result<Timestamp, StoreError> {
    let now = clock::now();
    let text = store.meta_or_set(INSTALLED, &now.to_string())?;
    Ok(Timestamp::parse_rfc3339(&text).unwrap_or(now))
}

/// Whether a panic is on.
pub fn panic(reader: &Reader) -> Result<bool, StoreError> {
    Ok(reader.meta(PANIC)?.is_some())
}

/// Switches a panic on or off.
pub fn set_panic(store: &Store, on: bool) -> Result<(), StoreError> {
    if on { store.set_meta(PANIC, &clock::now().to_string()) } else { store.remove_meta(PANIC) }
}

/// Whether the first days were ended by hand.
pub fn armed(reader: &Reader) -> Result<bool, StoreError> {
    Ok(reader.meta(ARMED)?.is_some())
}

/// Ends the first days for good.
pub fn set_armed(store: &Store) -> Result<(), StoreError> {
    store.set_meta(ARMED, &clock::now().to_string())
}

/// The seed of this installation's hashes: random, and the same for its whole life, since saved
/// windows hold such hashes.
pub fn seed(store: &Store) -> Result<u64, StoreError> {
    let fresh = fastrand::u64(..).to_string();
    Ok(store.meta_or_set(SEED, &fresh)?.parse().unwrap_or(0))
}

/// The seed, where there is one yet.
pub fn known_seed(reader: &Reader) -> Result<Option<u64>, StoreError> {
    Ok(reader.meta(SEED)?.and_then(|text| text.parse().ok()))
}

/// When riposte was installed here, where it ever ran.
pub fn known_installed(reader: &Reader) -> Result<Option<Timestamp>, StoreError> {
    Ok(reader.meta(INSTALLED)?.and_then(|text| Timestamp::parse_rfc3339(&text)))
}

/// The user's rule files as they were when they were good last: texts by path.
pub fn good_rules(reader: &Reader) -> Result<BTreeMap<String, String>, StoreError> {
    let text = reader.meta(GOOD_RULES)?;
    // What can't be read is written anew at the next load.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Remembers them.
pub fn set_good_rules(store: &Store, files: &BTreeMap<String, String>) -> Result<(), StoreError> {
    // Texts by text always serialise.
    store.set_meta(GOOD_RULES, &serde_json::to_string(files).unwrap_or_default())
}
