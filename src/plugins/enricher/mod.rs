//! Enricher plugins: a program that adds fields to events, asked by the value of one field.
//!
//! In: the keys of a batch. Out: [`Additions`], what is known of them within a moment: answers are
//! kept for a while, and what does not come in time is missing this time and there the next. A
//! batch's additions are a part of that input, so that a restart sees the same events.
//!
//! → `{"type":"ask","id":7,"key":"203.0.113.9"}`
//! ← `{"type":"answer","id":7,"fields":{"dnsbl_listed":true}}`

mod answers;
mod worker;

use crate::event::{Event, Field, FieldKind, Kind, Value};
use crate::limits::{ENRICHER_KEYS_A_BATCH_MAX, ENRICHER_TEXT_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use worker::Enricher;

/// What an enricher adds, and to which events.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The plugin's name.
    pub name: Arc<str>,
    /// The kinds of events that it adds to.
    pub on: Vec<Kind>,
    /// The field that it is asked by.
    pub key: String,
    /// What it adds.
    pub fields: Vec<(Arc<str>, FieldKind)>,
    /// How long an answer holds.
    pub ttl: Duration,
    /// How long an answer may take.
    pub answer: Duration,
    /// How long a batch waits for answers.
    pub wait: Duration,
}

/// The fields of one answer.
pub type Fields = Arc<[(Arc<str>, Value)]>;

/// What enrichers said of the events of one batch: by enricher, then by key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Additions(BTreeMap<Arc<str>, BTreeMap<String, Fields>>);

impl Additions {
    /// Adds what one enricher said.
    pub fn insert(&mut self, enricher: &Arc<str>, said: BTreeMap<String, Fields>) {
        if !said.is_empty() {
            self.0.insert(Arc::clone(enricher), said);
        }
    }

    /// As bytes that [`Additions::decode`] reads; empty where nothing was said.
    pub fn encode(&self) -> Arc<[u8]> {
        if self.0.is_empty() {
            return Arc::default();
        }
        // Plain data of bounded size: writing it to a Vec can't fail.
        Arc::from(postcard::to_stdvec(self).unwrap_or_default())
    }

    /// Reads what [`Additions::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() { Some(Self::default()) } else { postcard::from_bytes(bytes).ok() }
    }
}

impl Spec {
    /// What it would be asked for this event; `None` where it has nothing to add.
    pub fn key_of(&self, event: &Event) -> Option<String> {
        if !self.on.contains(&event.kind) {
            return None;
        }
        let key = event.get_named(&self.key)?.to_text();
        (!key.is_empty() && key.len() <= ENRICHER_TEXT_BYTES_MAX).then(|| key.into_owned())
    }

    /// Notes what it would be asked for this event, up to a bound.
    pub fn collect(&self, event: &Event, keys: &mut BTreeSet<String>) {
        if keys.len() < ENRICHER_KEYS_A_BATCH_MAX
            && let Some(key) = self.key_of(event)
        {
            keys.insert(key);
        }
    }

    /// Adds what it said to an event. What the record says itself is never replaced.
    pub fn apply(&self, event: &mut Event, additions: &Additions) {
        let Some(said) = additions.0.get(&self.name) else {
            return;
        };
        let Some(fields) = self.key_of(event).and_then(|key| said.get(&key)) else {
            return;
        };
        for (name, value) in fields.iter() {
            if event.get_named(name).is_some() {
                continue;
            }
            match Field::from_name(name) {
                Some(field) => event.set(field, value.clone()),
                None => event.set_extra(name, value.clone()),
            }
        }
    }

    /// An answer's fields with the types that the manifest promises; `Err` says what is wrong.
    /// Fields that are `null` or not there are missing.
    fn typed(&self, said: &serde_json::Map<String, serde_json::Value>) -> Result<Fields, String> {
        let mut fields = Vec::with_capacity(said.len());
        for (name, value) in said {
            let Some((name, added)) = self.fields.iter().find(|(known, _)| **known == **name)
            else {
                return Err("a field that `plugin.toml` does not name".to_owned());
            };
            if value.is_null() {
                continue;
            }
            let value = added
                .value(value)
                .filter(|_| value.as_str().is_none_or(|text| text.len() <= ENRICHER_TEXT_BYTES_MAX))
                .ok_or_else(|| format!("`{name}` is not what `plugin.toml` says"))?;
            fields.push((Arc::clone(name), value));
        }
        Ok(Arc::from(fields))
    }
}

/// Whether an added field may have the name of a well-known one: it must hold the same.
pub fn fits(name: &str, added: FieldKind) -> bool {
    Field::from_name(name).is_none_or(|field| FieldKind::from(field.kind()) == added)
}

/// Asks all enrichers for what a batch needs: `keys` in their order. Waits for each at most as long
/// as it is allowed, all together no longer than the longest of these.
pub fn ask_all(enrichers: &[Enricher], keys: Vec<BTreeSet<String>>) -> Additions {
    let asked_at = std::time::Instant::now();
    let asked: Vec<_> =
        enrichers.iter().zip(keys).map(|(enricher, keys)| (enricher, enricher.ask(keys))).collect();
    let mut additions = Additions::default();
    for (enricher, asked) in asked {
        let said = enricher.answers(asked, asked_at + enricher.spec().wait);
        additions.insert(&enricher.spec().name, said);
    }
    additions
}

#[cfg(test)]
mod tests;
