//! What a program may bring: the kinds of events that it declared, each with its fields and what they
//! hold.
//!
//! In: declarations of a manifest. Out: a [`Schema`], or what is wrong with a declaration. Pure.

use super::field::FieldType;
use super::net::parse_ip;
use super::text::escape;
use super::{Field, Kind, Value};
use crate::limits;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a declared field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A number with a fraction; a whole one will do.
    Float,
    /// `true` or `false`.
    Bool,
    /// An address.
    Address,
}

impl FieldKind {
    /// All of them, by the names that manifests use.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("int", Self::Int),
        ("float", Self::Float),
        ("bool", Self::Bool),
        ("address", Self::Address),
    ];

    /// By its name in manifests.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("text", |(name, _)| name)
    }

    /// The value, where it is of this kind.
    pub fn value(self, json: &Json) -> Option<Value> {
        match (self, json) {
            (Self::Text, Json::String(text)) => Some(Value::text(text)),
            (Self::Int, Json::Number(number)) => number.as_i64().map(Value::Int),
            (Self::Float, Json::Number(number)) => number.as_f64().map(Value::Float),
            (Self::Bool, Json::Bool(flag)) => Some(Value::Bool(*flag)),
            (Self::Address, Json::String(text)) => parse_ip(text.as_bytes()).map(Value::ip),
            _ => None,
        }
    }
}

impl From<FieldType> for FieldKind {
    fn from(kind: FieldType) -> Self {
        match kind {
            FieldType::Text => Self::Text,
            FieldType::Int => Self::Int,
            FieldType::Float => Self::Float,
            FieldType::Address => Self::Address,
        }
    }
}

/// The kinds that a program may bring, each with its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    kinds: BTreeMap<String, BTreeMap<String, FieldKind>>,
}

/// Kinds that only riposte itself makes.
const OUR_KINDS: &[&str] = &["decision", "timer", "absent", "feed.added"];

impl Schema {
    /// Declares a field of a kind; a kind may stand without fields (`""`). What is wrong with it,
    /// in words with a hint on a line of its own.
    pub fn declare(&mut self, kind: &str, field: &str, holds: FieldKind) -> Result<(), String> {
        self.declare_kind(kind)?;
        if !is_name(field, "_") {
            return Err(format!(
                "`{}` can't be the name of a field\nhint: small letters, digits and `_`, at most {} characters, as in `post_id`",
                escape(field),
                limits::BROUGHT_NAME_BYTES_MAX
            ));
        }
        if let Some(known) = Field::from_name(field)
            && FieldKind::from(known.kind()) != holds
        {
            return Err(format!(
                "`{field}` is {} everywhere, it can't be {} here\nhint: name it otherwise",
                FieldKind::from(known.kind()).name(),
                holds.name()
            ));
        }
        let fields = self.kinds.entry(kind.to_owned()).or_default();
        if fields.len() >= limits::EXTRA_FIELDS_MAX {
            return Err(format!("`{kind}` has more than {} fields", limits::EXTRA_FIELDS_MAX));
        }
        fields.insert(field.to_owned(), holds);
        Ok(())
    }

    /// Declares a kind.
    pub fn declare_kind(&mut self, kind: &str) -> Result<(), String> {
        if OUR_KINDS.contains(&kind) {
            return Err(format!(
                "events of the kind `{kind}` are made by riposte alone\nhint: name it `NAME.{kind}`"
            ));
        }
        if !is_name(kind, "._-") {
            return Err(format!(
                "`{}` can't be the name of a kind\nhint: small letters, digits, `.`, `_` and `-`, at most {} characters, as in `wordpress.post_changed`",
                escape(kind),
                limits::BROUGHT_NAME_BYTES_MAX
            ));
        }
        if !self.kinds.contains_key(kind) && self.kinds.len() >= limits::BROUGHT_KINDS_MAX {
            return Err(format!("more than {} kinds", limits::BROUGHT_KINDS_MAX));
        }
        self.kinds.entry(kind.to_owned()).or_default();
        Ok(())
    }

    /// The kinds with their fields.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, FieldKind>)> {
        self.kinds.iter().map(|(kind, fields)| (kind.as_str(), fields))
    }

    /// Whether it declares nothing: then lines alone may come.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The fields that were declared for a kind; `None` where the kind was not.
    pub(super) fn of_kind(&self, kind: &str) -> Option<&BTreeMap<String, FieldKind>> {
        self.kinds.get(kind)
    }

    /// The kind of a field, of those that the kind of event may have.
    pub(super) fn field(&self, kind: &Kind, name: &str) -> Option<FieldKind> {
        let own = self.kinds.get(kind.name()).and_then(|fields| fields.get(name));
        own.copied().or_else(|| {
            let known = Field::from_name(name)?;
            kind.fields()?.contains(&known).then(|| known.kind().into())
        })
    }
}

fn is_name(name: &str, marks: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || marks.contains(c);
    first && name.len() <= limits::BROUGHT_NAME_BYTES_MAX && name.chars().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_that_can_not_be_are_told() {
        let mut schema = Schema::default();
        for (kind, field, holds) in [
            ("decision", "x", FieldKind::Text),
            ("Word Press", "x", FieldKind::Text),
            ("w", "X", FieldKind::Text),
            ("w", "status", FieldKind::Text),
            ("", "x", FieldKind::Text),
        ] {
            assert!(schema.declare(kind, field, holds).is_err(), "{kind} {field}");
        }
    }
}
