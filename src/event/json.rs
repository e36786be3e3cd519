//! An event as JSON: one flat object, short field names, as `riposte parse --json` prints it.

use super::{Event, Kind};
use serde_json::{Map, Value as Json};

impl Event {
    /// The event as a flat JSON object: `kind`, `time`, then the fields by their short names.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("kind".into(), self.kind.name().into());
        object.insert("time".into(), self.time.to_string().into());
        for (name, value) in self.fields() {
            object.insert(name.to_owned(), value.to_json());
        }
        Json::Object(object)
    }

    /// The event's kind by value; short for `event.kind.clone()`.
    pub fn kind(&self) -> Kind {
        self.kind.clone()
    }
}
