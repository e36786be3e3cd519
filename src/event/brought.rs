//! Events that a program brings ready-made: which kinds and fields it declared, and what becomes of
//! what it says.
//!
//! In: a JSON object with `kind`, `time` and `fields`, and the [`Schema`]. Out: a [`Brought`], or
//! why it is none. A field that wasn't declared, or holds something else than declared, is left out
//! and named; an event of an undeclared kind, or with a time that is none, is refused whole.

use super::added::Added;
use super::text::nearest;
use super::{Event, Field, FieldKind, Kind, Schema, Value};
use crate::clock::Timestamp;
use crate::limits;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An event as a program brought it.
#[derive(Debug, Clone, PartialEq)]
pub struct Brought {
    /// What it is.
    pub kind: Kind,
    /// When it happened; the arrival where it isn't said.
    pub time: Option<Timestamp>,
    /// Its fields.
    pub fields: Vec<(Arc<str>, Value)>,
}

/// One thing that a source's program says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its own name for the record, which no other record has.
    pub cursor: Option<String>,
    /// What it is.
    pub what: What,
    /// What is wrong with it and was left out, in words.
    pub faults: Vec<String>,
}

/// What a source's program can say.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A line of the source's format, without line breaks.
    Line(String),
    /// A line, of any bytes but line breaks, and what the source knows beside it.
    LineWith(Vec<u8>, Added),
    /// An event.
    Event(Brought),
    /// Something that can't be taken: why, for the record.
    Refused(&'static str),
}

/// An event that is refused: why, in a fixed word for counting, and for people with its hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why, in a fixed text.
    pub why: &'static str,
    /// The same with what was said, and a hint on a line of its own.
    pub words: String,
}

impl Brought {
    /// Takes what a program says. `faults` gets what is wrong with single fields, which are left
    /// out.
    pub fn read(
        body: &Map<String, Json>,
        schema: &Schema,
        faults: &mut Vec<String>,
    ) -> Result<Self, Refused> {
        let Some(name) = body.get("kind").and_then(Json::as_str) else {
            return Err(refused("an event has no `kind`", "write `\"kind\": \"…\"`"));
        };
        if schema.of_kind(name).is_none() {
            let known = schema.kinds().map(|(kind, _)| kind);
            let hint = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it in the plugin's `plugin.toml`".to_owned(),
            };
            let words = format!("the kind `{}` is not declared\nhint: {hint}", shown(name));
            return Err(Refused { why: "an event of a kind that is not declared", words });
        }
        let time = match body.get("time") {
            None | Some(Json::Null) => None,
            Some(time) => match time.as_str().and_then(Timestamp::parse_rfc3339) {
                Some(time) => Some(time),
                None => {
                    return Err(refused(
                        "an event whose `time` is no time",
                        "write it as in `2026-11-26T13:55:36Z`",
                    ));
                }
            },
        };
        let kind = Kind::from_name(name);
        let mut fields = Vec::new();
        match body.get("fields") {
            None | Some(Json::Null) => {}
            Some(Json::Object(said)) => {
                for (name, value) in said {
                    match field(&kind, name, value, schema) {
                        Ok(Some(value)) => fields.push((Arc::from(name.as_str()), value)),
                        Ok(None) => {}
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Some(_) => {
                return Err(refused(
                    "an event whose `fields` are no object",
                    "write `\"fields\": {…}`",
                ));
            }
        }
        Ok(Self { kind, time, fields })
    }

    /// Fills an event that has its record and place already.
    pub fn fill(&self, arrival: Timestamp, event: &mut Event) {
        event.kind = self.kind.clone();
        event.time = self.time.unwrap_or(arrival);
        for (name, value) in &self.fields {
            match Field::from_name(name) {
                Some(field) => event.set(field, value.clone()),
                None => event.set_extra(name, value.clone()),
            }
        }
    }

    /// As JSON, and the names of its own fields that hold addresses: [`Brought::from_json`] reads
    /// both. `arrival` becomes its time where it has none.
    pub fn to_json(&self, arrival: Option<Timestamp>) -> (String, Json) {
        let own = |name: &str| Field::from_name(name).is_none();
        let addresses: Vec<&str> = self
            .fields
            .iter()
            .filter(|(name, value)| matches!(value, Value::Ip(_)) && own(name))
            .map(|(name, _)| &**name)
            .collect();
        let fields: Map<String, Json> =
            self.fields.iter().map(|(name, value)| (name.to_string(), json_of(value))).collect();
        let json = serde_json::json!({
            "kind": self.kind.name(),
            "time": self.time.or(arrival).map(|time| time.to_string()),
            "fields": fields,
        });
        (addresses.join(","), json)
    }

    /// Reads what [`Brought::to_json`] wrote; `None` for anything else.
    pub fn from_json(addresses: &str, json: &Json) -> Option<Self> {
        let kind = Kind::from_name(json.get("kind")?.as_str()?);
        let time = match json.get("time")? {
            Json::Null => None,
            time => Some(Timestamp::parse_rfc3339(time.as_str()?)?),
        };
        let mut fields = Vec::new();
        for (name, value) in json.get("fields")?.as_object()? {
            // A text is what most fields hold.
            let holds = match Field::from_name(name) {
                Some(field) => FieldKind::from(field.kind()),
                None if addresses.split(',').any(|own| own == name) => FieldKind::Address,
                None => match value {
                    Json::Bool(_) => FieldKind::Bool,
                    Json::Number(number) if number.is_i64() => FieldKind::Int,
                    Json::Number(_) => FieldKind::Float,
                    _ => FieldKind::Text,
                },
            };
            fields.push((Arc::from(name.as_str()), holds.value(value)?));
        }
        Some(Self { kind, time, fields })
    }
}

fn json_of(value: &Value) -> Json {
    match value {
        // A program's values are never parts of a record.
        Value::Span { .. } => Json::Null,
        Value::Text(text) => (**text).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Ip(address) => address.to_string().into(),
    }
}

fn field(kind: &Kind, name: &str, value: &Json, schema: &Schema) -> Result<Option<Value>, String> {
    let Some(holds) = schema.field(kind, name) else {
        let own = schema.of_kind(kind.name());
        let known = own.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it in the plugin's `plugin.toml`".to_owned(),
        };
        return Err(format!(
            "the field `{}` of `{kind}` is not declared, it is left out\nhint: {hint}",
            shown(name)
        ));
    };
    if value.is_null() {
        return Ok(None);
    }
    holds.value(value).map(Some).ok_or_else(|| {
        format!(
            "the field `{}` of `{kind}` is declared as {}, but holds {}; it is left out",
            shown(name),
            holds.name(),
            words(value)
        )
    })
}

fn words(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a truth",
        Json::Number(_) => "another number",
        Json::String(_) => "another text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn shown(name: &str) -> String {
    super::text::escape_cut(name.as_bytes(), limits::BROUGHT_NAME_BYTES_MAX)
}

fn refused(why: &'static str, hint: &str) -> Refused {
    Refused { why, words: format!("{why}\nhint: {hint}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        let mut schema = Schema::default();
        for (field, holds) in [
            ("path", FieldKind::Text),
            ("post_id", FieldKind::Int),
            ("weight", FieldKind::Float),
            ("draft", FieldKind::Bool),
            ("editor", FieldKind::Address),
            ("ip", FieldKind::Address),
        ] {
            schema.declare("wordpress.post_changed", field, holds).unwrap();
        }
        schema.declare_kind("http").unwrap();
        schema
    }

    fn read(json: &Json) -> (Result<Brought, Refused>, Vec<String>) {
        let mut faults = Vec::new();
        let body = json.as_object().unwrap().clone();
        (Brought::read(&body, &schema(), &mut faults), faults)
    }

    #[test]
    fn an_event_goes_to_json_and_back_with_its_types() {
        let (brought, faults) = read(&json!({
            "kind": "wordpress.post_changed", "time": "2026-11-26T13:55:36+01:00",
            "fields": {"path": "/a\n", "post_id": 7, "weight": 2, "draft": false,
                       "editor": "::ffff:203.0.113.9", "ip": "2001:db8::1"}
        }));
        assert_eq!(faults, Vec::<String>::new());
        let brought = brought.unwrap();
        let (addresses, json) = brought.to_json(None);
        assert_eq!(addresses, "editor");
        let text = json.to_string();
        assert!(!text.contains('\n'), "one line: {text}");
        let json: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(Brought::from_json(&addresses, &json).unwrap(), brought);
        let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
        brought.fill(Timestamp::EPOCH, &mut event);
        assert_eq!(event.time.to_string(), "2026-11-26T12:55:36Z");
        assert_eq!(
            event.get_named("editor"),
            Some(super::super::ValueRef::Ip([203, 0, 113, 9].into()))
        );
        assert_eq!(event.get_named("weight"), Some(super::super::ValueRef::Float(2.0)));
    }

    #[test]
    fn what_is_not_declared_is_refused_or_left_out_with_a_hint() {
        let why = |json: Json| read(&json).0.unwrap_err().words;
        assert_eq!(
            why(json!({"kind": "wordpress.post_chnged"})),
            "the kind `wordpress.post_chnged` is not declared\nhint: did you mean `wordpress.post_changed`?"
        );
        assert!(why(json!({"kind": "decision"})).contains("not declared"));
        assert!(why(json!({"time": "now"})).contains("no `kind`"));
        assert!(why(json!({"kind": "http", "time": "now"})).contains("no time"));
        assert!(why(json!({"kind": "http", "fields": [1]})).contains("no object"));
        let (brought, faults) = read(&json!({
            "kind": "wordpress.post_changed",
            "fields": {"pth": "/", "post_id": "7", "draft": null, "editor": "me"}
        }));
        assert_eq!(brought.unwrap().fields, Vec::new());
        assert_eq!(faults.len(), 3, "{faults:?}");
        let told = faults.join(" ");
        assert!(told.contains("did you mean `path`?"), "{told}");
        assert!(told.contains("is declared as int, but holds another text"), "{told}");
        let (http, faults) = read(&json!({"kind": "http", "fields": {"status": 404, "zone": "x"}}));
        assert_eq!(http.unwrap().fields.len(), 1, "built-in kinds have their fields");
        assert_eq!(faults.len(), 1);
    }
}
