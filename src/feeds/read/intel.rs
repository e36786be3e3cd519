//! Threat intelligence: indicators of STIX 2.1 (as files and as TAXII answers) and attributes of MISP.
//!
//! Objects are looked for wherever they stand in the JSON, so that a bundle, an envelope, an export of
//! one event and one of many are all read. Only what its author calls a sign of an attacker counts:
//! addresses that are merely told of may be the victim's.

use super::{ReadError, Reading, pattern};
use crate::clock::Timestamp;
use crate::limits;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Whose objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// STIX 2.1.
    Stix,
    /// MISP.
    Misp,
}

/// Reads one JSON document after another, to the end of the text.
pub(super) fn documents(
    text: &[u8],
    of: Of,
    now: Timestamp,
    reading: &mut Reading,
) -> Result<(), ReadError> {
    let mut found = Found { of, now, number: 0, reading, full: None };
    let mut documents = serde_json::Deserializer::from_slice(text);
    // Whether the end is reached is a search through the text where it isn't.
    for _ in 0..limits::TAXII_PAGES_MAX {
        let walked = Walk { found: &mut found, as_object: true }.deserialize(&mut documents);
        if let Some(full) = found.full.take() {
            return Err(full);
        }
        let ended = walked.map(|_| documents.end().is_ok());
        match ended {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                return Err(ReadError::Json {
                    line: error.line(),
                    column: error.column(),
                    why: super::json::words(&error),
                });
            }
        }
    }
    Err(ReadError::NoText("more than a thousand JSON documents"))
}

struct Found<'f> {
    of: Of,
    now: Timestamp,
    /// Objects that were looked at: the place of what is told to be bad.
    number: u64,
    reading: &'f mut Reading,
    full: Option<ReadError>,
}

/// What an object says of itself.
#[derive(Default)]
struct Object {
    kind: Option<String>,
    value: Option<String>,
    pattern: Option<String>,
    pattern_type: Option<String>,
    valid_until: Option<String>,
    revoked: bool,
    to_ids: bool,
    deleted: bool,
}

impl Object {
    fn note(&mut self, key: &str, seen: Seen) {
        match (key, seen) {
            ("type", Seen::Text(text)) => self.kind = Some(text),
            ("value", Seen::Text(text)) => self.value = Some(text),
            ("pattern", Seen::Text(text)) => self.pattern = Some(text),
            ("pattern_type", Seen::Text(text)) => self.pattern_type = Some(text),
            ("valid_until", Seen::Text(text)) => self.valid_until = Some(text),
            ("revoked", Seen::Flag(flag)) => self.revoked = flag,
            ("to_ids", Seen::Flag(flag)) => self.to_ids = flag,
            ("deleted", Seen::Flag(flag)) => self.deleted = flag,
            _ => {}
        }
    }
}

impl Found<'_> {
    fn object(&mut self, object: &Object) {
        if self.full.is_some() {
            return;
        }
        let taken = match self.of {
            Of::Stix => self.indicator(object),
            Of::Misp => self.attribute(object),
        };
        self.full = taken.err();
    }

    fn indicator(&mut self, object: &Object) -> Result<(), ReadError> {
        if object.kind.as_deref() != Some("indicator") || object.revoked {
            return Ok(());
        }
        self.number += 1;
        let until = object.valid_until.as_deref().and_then(Timestamp::parse_rfc3339);
        let other = object.pattern_type.as_deref().is_some_and(|kind| kind != "stix");
        let Some(pattern) = &object.pattern else { return Ok(()) };
        if other || until.is_some_and(|until| until <= self.now) {
            return Ok(());
        }
        match pattern::addresses(pattern) {
            Ok(addresses) => {
                addresses.iter().try_for_each(|text| self.reading.entry(self.number, text))
            }
            Err(why) => {
                self.reading.bad(self.number, || format!("an indicator's pattern {why}"));
                Ok(())
            }
        }
    }

    fn attribute(&mut self, object: &Object) -> Result<(), ReadError> {
        let kind = object.kind.as_deref().unwrap_or_default();
        let Some(value) = object.value.as_deref().filter(|_| object.to_ids && !object.deleted)
        else {
            return Ok(());
        };
        let (first, second) = value.split_once('|').unwrap_or((value, ""));
        let address = match kind {
            "ip-src" | "ip-dst" | "ip-src|port" | "ip-dst|port" => first,
            "domain|ip" => second,
            _ => return Ok(()),
        };
        self.number += 1;
        self.reading.entry(self.number, address.trim())
    }
}

/// What stands at a key, as far as it is of use.
enum Seen {
    Text(String),
    Flag(bool),
    Other,
}

/// Any value; objects in it are told of.
struct Walk<'w, 'f> {
    found: &'w mut Found<'f>,
    /// Texts are wanted: they are the values of an object's keys.
    as_object: bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        Ok(if self.as_object { Seen::Text(text.to_owned()) } else { Seen::Other })
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Seen, E> {
        Ok(Seen::Flag(flag))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Seen, E> {
        // MISP writes flags as numbers at times.
        Ok(if number <= 1 { Seen::Flag(number == 1) } else { Seen::Other })
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Seen, A::Error> {
        let found = self.found;
        while seq.next_element_seed(Walk { found: &mut *found, as_object: false })?.is_some() {}
        Ok(Seen::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        const WANTED: [&str; 8] = [
            "type",
            "value",
            "pattern",
            "pattern_type",
            "valid_until",
            "revoked",
            "to_ids",
            "deleted",
        ];
        let found = self.found;
        let mut object = Object::default();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let as_object = WANTED.contains(&&*key);
            let seen = map.next_value_seed(Walk { found: &mut *found, as_object })?;
            object.note(&key, seen);
        }
        found.object(&object);
        Ok(Seen::Other)
    }
}
