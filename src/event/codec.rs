//! An event as compact bytes, so that evidence survives a restart, and back.

use super::{Event, Field, Kind, Origin, Value};
use crate::clock::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is written; the field index is made again from the field numbers.
#[derive(Serialize, Deserialize)]
struct Image {
    kind: String,
    time: Timestamp,
    origin: Origin,
    offset: u64,
    line: u64,
    record: Vec<u8>,
    known: Vec<(String, Value)>,
    extra: Vec<(Arc<str>, Value)>,
}

impl Event {
    /// The event as bytes that [`Event::decode`] reads; fields go by name, so that a later
    /// version with more fields reads them too.
    pub fn encode(&self) -> Vec<u8> {
        let known = Field::ALL
            .iter()
            .filter_map(|field| Some((field.name().to_owned(), self.slots.value(*field)?)))
            .collect();
        let image = Image {
            kind: self.kind.name().to_owned(),
            time: self.time,
            origin: (*self.origin).clone(),
            offset: self.offset,
            line: self.line,
            record: self.record().to_vec(),
            known,
            extra: self.extra.clone(),
        };
        // Plain data of bounded size: writing it to a Vec can't fail.
        postcard::to_stdvec(&image).unwrap_or_default()
    }

    /// Reads what [`Event::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let image: Image = postcard::from_bytes(bytes).ok()?;
        let mut event = Event::new(Kind::from_name(&image.kind), image.time);
        event.origin = Arc::new(image.origin);
        event.offset = image.offset;
        event.line = image.line;
        event.len = image.record.len();
        event.block = Bytes::from(image.record);
        for (name, value) in image.known {
            if let Some(field) = Field::from_name(&name) {
                event.set(field, value);
            }
        }
        event.extra = image.extra;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_the_way_to_bytes_and_back() {
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        event.reset(Bytes::from_static(b"GET /a"));
        event.kind = Kind::Custom("mine".into());
        event.time = Timestamp::from_secs(5);
        event.set(Field::Path, Value::Span { start: 4, len: 2 });
        event.set(Field::Ip, Value::Ip("2001:db8::1".parse().unwrap()));
        event.set_extra(&Arc::from("tenant"), Value::Float(0.5));
        let back = Event::decode(&event.encode()).unwrap();
        assert_eq!(back.to_json(), event.to_json());
        assert_eq!(back.record(), event.record());
        assert!(Event::decode(b"\xff\xff").is_none());
    }
}
