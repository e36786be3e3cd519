//! One line of a program as a message.

use super::{Mask, TalkError};
use crate::event::text::{escape, escape_cut};
use crate::limits::PLUGIN_SAID_CHARS_MAX;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The longest `type`.
const KIND_BYTES_MAX: usize = 32;

/// One message of a program, with its secrets masked in all texts but those that only name things
/// (`id`, `time`, `outcome`) and the `cursor`, which goes back to its program as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its `type`.
    pub kind: String,
    /// Everything else.
    pub body: Map<String, Value>,
}

impl Message {
    /// Reads a line (without its break).
    pub(super) fn parse(line: &[u8], mask: &Mask) -> Result<Self, TalkError> {
        let nonsense = |why: &str| TalkError::Nonsense(format!("{why}: {}", shown(line, mask)));
        let text = std::str::from_utf8(line).map_err(|_| nonsense("a line is not UTF-8"))?;
        let value: Value =
            serde_json::from_str(text).map_err(|_| nonsense("a line is not JSON"))?;
        let Value::Object(mut body) = value else {
            return Err(nonsense("a line is not an object"));
        };
        let Some(Value::String(kind)) = body.remove("type") else {
            return Err(nonsense("a message has no `type`"));
        };
        if kind.is_empty() || kind.len() > KIND_BYTES_MAX {
            return Err(nonsense("a message's `type` is no word"));
        }
        // It is repeated in faults.
        let kind = escape(&mask.text(&kind)).into_owned();
        mask_body(&mut body, mask);
        let message = Self { kind, body };
        if message.kind == "fault" {
            return Err(TalkError::Fault(message.words()));
        }
        Ok(message)
    }

    /// A text of it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// Its `message`, as people may be shown it: escaped, and cut.
    pub fn words(&self) -> String {
        match self.text("message") {
            Some(words) => escape_cut(words.as_bytes(), PLUGIN_SAID_CHARS_MAX),
            None => String::new(),
        }
    }
}

fn mask_body(body: &mut Map<String, Value>, mask: &Mask) {
    if mask.is_empty() {
        return;
    }
    for (name, value) in body.iter_mut() {
        match name.as_str() {
            "id" | "time" | "outcome" | "cursor" => {}
            // Words for people, perhaps cut by the program.
            "message" => mask_value(value, &|text| mask.text(text)),
            _ => mask_value(value, &|text| mask.data(text)),
        }
    }
}

fn mask_value(value: &mut Value, mask: &dyn for<'t> Fn(&'t str) -> Cow<'t, str>) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(masked) = mask(text) {
                *text = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_value(item, mask)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| mask_value(field, mask));
            // Names are told of where they are wrong.
            if fields.keys().any(|name| matches!(mask(name), Cow::Owned(_))) {
                let named = std::mem::take(fields).into_iter();
                *fields = named.map(|(name, field)| (mask(&name).into_owned(), field)).collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What it said, for a fault.
pub(super) fn shown(line: &[u8], mask: &Mask) -> String {
    escape_cut(&mask.bytes(line, usize::MAX), PLUGIN_SAID_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn data_is_masked_where_it_holds_a_secret_and_nowhere_else() {
        let mask = Mask::new([Secret::new("1000000042".to_owned())]);
        let parse = |line: &str| Message::parse(line.as_bytes(), &mask).unwrap().body;
        let body = parse(
            r#"{"type":"event","cursor":"1000","line":"/news/1000","fields":{"a 1000000042":["1000000042"]}}"#,
        );
        assert_eq!(body["cursor"], "1000", "cursors that differ stay different");
        assert_eq!(body["line"], "/news/1000");
        assert_eq!(body["fields"]["a [secret]"][0], "[secret]");
        let body = parse(r#"{"type":"outcome","message":"died at 10000"}"#);
        assert_eq!(body["message"], "died at [secret]", "words may be cut");
    }
}
