//! What a database's record says, whoever made it: MaxMind and DB-IP nest names and codes, IPinfo has
//! them side by side. What is unknown is passed over, what is implausible left out.
//!
//! Layouts: dev.maxmind.com/geoip/docs/databases, db-ip.com/db/format, ipinfo.io/developers/database-types
//! (read in November 2026).

use crate::enrich::Geo;
use crate::limits;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A record, as what it says of an address.
#[derive(Debug, Default)]
pub(super) struct Record(pub(super) Geo);

/// A value of a record: a text, a number, or a map with a code and an English name.
#[derive(Debug, Default, Clone, Copy)]
struct Part<'de> {
    text: Option<&'de str>,
    number: Option<u64>,
    code: Option<&'de str>,
    name: Option<&'de str>,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut geo = Geo::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "country" => {
                    let part: Part<'_> = map.next_value()?;
                    geo.country = geo.country.or(country(part.code.or(part.text)));
                }
                "country_code" => geo.country = country(map.next_value::<Part<'_>>()?.text),
                "continent" => {
                    let part: Part<'_> = map.next_value()?;
                    geo.continent = geo.continent.or(code(part.code.or(part.text)));
                }
                "continent_code" => geo.continent = code(map.next_value::<Part<'_>>()?.text),
                "city" => {
                    let part: Part<'_> = map.next_value()?;
                    geo.city = name(part.name.or(part.text));
                }
                "autonomous_system_number" | "asn" => {
                    geo.asn = geo.asn.or(asn(map.next_value()?));
                }
                "autonomous_system_organization" | "as_name" => {
                    let part: Part<'_> = map.next_value()?;
                    geo.organisation = geo.organisation.or(name(part.text));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Record(geo))
    }
}

/// Two capital letters.
fn code(text: Option<&str>) -> Option<String> {
    text.filter(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()))
        .map(str::to_owned)
}

/// As [`code`]; `ZZ` and `XX` are said where nothing is known.
fn country(text: Option<&str>) -> Option<String> {
    code(text).filter(|code| !matches!(code.as_str(), "ZZ" | "XX"))
}

fn name(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    text.get(..text.floor_char_boundary(limits::GEO_NAME_BYTES_MAX)).map(str::to_owned)
}

/// A number, or `AS64500`; 0 is nobody's.
fn asn(part: Part<'_>) -> Option<u32> {
    let number = part.number.or_else(|| part.text?.trim_start_matches("AS").parse().ok())?;
    u32::try_from(number).ok().filter(|number| *number != 0)
}

impl<'de> Deserialize<'de> for Part<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Part<'de>, E> {
        Ok(Part { text: Some(text), ..Part::default() })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Part<'de>, E> {
        Ok(Part { number: Some(number), ..Part::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part<'de>, A::Error> {
        let mut part = Part::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" | "code" => part.code = map.next_value::<Text<'_>>()?.0,
                "names" => part.name = map.next_value::<Names<'_>>()?.0,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(part)
    }

    // What has no place in a record is nothing, not a fault.

    fn visit_str<E: Error>(self, _text: &str) -> Result<Part<'de>, E> {
        Ok(Part::default())
    }

    fn visit_bytes<E: Error>(self, _bytes: &[u8]) -> Result<Part<'de>, E> {
        Ok(Part::default())
    }

    fn visit_bool<E: Error>(self, _flag: bool) -> Result<Part<'de>, E> {
        Ok(Part::default())
    }

    fn visit_i64<E: Error>(self, _number: i64) -> Result<Part<'de>, E> {
        Ok(Part::default())
    }

    fn visit_u128<E: Error>(self, _number: u128) -> Result<Part<'de>, E> {
        Ok(Part::default())
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<Part<'de>, E> {
        Ok(Part::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Part<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Part::default())
    }
}

/// A text, where it is one.
struct Text<'de>(Option<&'de str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part::deserialize(deserializer).map(|part| Self(part.text))
    }
}

/// Names by language: the English one.
struct Names<'de>(Option<&'de str>);

impl<'de> Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names by language")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names<'de>, A::Error> {
        let mut english = None;
        while let Some(key) = map.next_key::<&str>()? {
            if key == "en" {
                english = map.next_value::<Text<'_>>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Names(english))
    }
}
