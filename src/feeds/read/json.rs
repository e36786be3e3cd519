//! Feeds in JSON: the values at a path, taken as they come by; nothing else is kept.

use super::lines::each;
use super::{ReadError, Reading, Step};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The entries of one document.
pub(super) fn document(
    text: &[u8],
    steps: &[Step],
    reading: &mut Reading,
) -> Result<(), ReadError> {
    let mut found = Found { reading, number: 0, by_line: false, full: None };
    let walked = walk(text, steps, &mut found);
    match (found.full, walked) {
        (Some(full), _) => Err(full),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => {
            Err(ReadError::Json { line: error.line(), column: error.column(), why: words(&error) })
        }
    }
}

/// The entries of a value a line. A line that has nothing at the path (a remark about the list
/// itself) is passed over.
pub(super) fn each_line(
    text: &[u8],
    steps: &[Step],
    reading: &mut Reading,
) -> Result<(), ReadError> {
    each(text, reading, |line, number, reading| {
        if line.is_empty() {
            return Ok(());
        }
        let mut found = Found { reading, number, by_line: true, full: None };
        let walked = walk(line.as_bytes(), steps, &mut found);
        if let Some(full) = found.full {
            return Err(full);
        }
        if let Err(error) = walked {
            reading.bad(number, || words(&error));
        }
        Ok(())
    })
}

fn walk(text: &[u8], steps: &[Step], found: &mut Found<'_>) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_slice(text);
    Walk { steps, found }.deserialize(&mut json)?;
    json.end()
}

/// What is wrong, without the place, which is told apart.
pub(super) fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Where values go.
struct Found<'f> {
    reading: &'f mut Reading,
    /// The line, or the last value's number.
    number: u64,
    by_line: bool,
    /// Why nothing more is taken.
    full: Option<ReadError>,
}

impl Found<'_> {
    fn value(&mut self, text: &str) {
        if !self.by_line {
            self.number += 1;
        }
        if self.full.is_none() {
            self.full = self.reading.entry(self.number, text.trim()).err();
        }
    }
}

/// A value, and the rest of the way from it.
struct Walk<'w, 'f> {
    steps: &'w [Step],
    found: &'w mut Found<'f>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.steps.is_empty() {
            self.found.value(text);
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Each, rest)) = self.steps.split_first() else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while seq.next_element_seed(Walk { steps: rest, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let wanted = match self.steps.split_first() {
            Some((Step::Key(key), rest)) => Some((Some(key), rest)),
            Some((Step::Any, rest)) => Some((None, rest)),
            _ => None,
        };
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match wanted {
                Some((name, rest)) if name.is_none_or(|name| *name == key) => {
                    map.next_value_seed(Walk { steps: rest, found: &mut *self.found })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
