//! DNS records of a zone. Changes send only what changes (`PATCH`): a `PUT` would reset every field
//! that it leaves out, `proxied` among them. A record's type can't be changed since 30 June 2026;
//! another type takes a removal and a new record, in one batch.

mod content;

pub use content::{Content, batch_max, read_content, same_content, same_ttl, unquoted, whole_name};

use super::call::{Area, Call, Form, encoded};
use super::client::Client;
use super::error::{ApiError, ErrorKind};
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Records a page.
const PER_PAGE: usize = 100;

/// A record.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// `A`, `AAAA`, `CNAME`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The whole name.
    pub name: String,
    /// Where it leads; absent for some types.
    #[serde(default)]
    pub content: String,
    /// Whether clients go through Cloudflare.
    #[serde(default)]
    pub proxied: Option<bool>,
    /// Seconds; 1 for automatic.
    #[serde(default)]
    pub ttl: f64,
    /// What was noted with it.
    #[serde(default)]
    pub comment: Option<String>,
    /// Its tags; none on the Free plan.
    #[serde(default, deserialize_with = "list_or_null")]
    pub tags: Vec<String>,
    /// Settings of its own (`flatten_cname`, `ipv4_only`, …).
    #[serde(default)]
    pub settings: Value,
    /// Of MX and URI records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// The parts of a type whose content has some (SRV, CAA, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

fn list_or_null<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(from)?.unwrap_or_default())
}

impl Record {
    /// What makes the same record again, but for its id and stamps.
    pub fn to_new(&self) -> NewRecord {
        NewRecord {
            kind: self.kind.clone(),
            name: self.name.clone(),
            content: self.content.clone(),
            ttl: self.ttl,
            proxied: self.proxied,
            comment: self.comment.clone().filter(|text| !text.is_empty()),
            tags: self.tags.clone(),
            settings: self.settings.as_object().filter(|fields| !fields.is_empty()).cloned(),
            priority: self.priority,
            data: self.data.clone(),
        }
    }
}

/// A record to be made.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct NewRecord {
    /// `A`, `AAAA`, `CNAME`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The whole name, or the part before the zone's.
    pub name: String,
    /// Where it leads; empty where `data` says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// Seconds; 1 for automatic.
    #[serde(default = "automatic", serialize_with = "whole_seconds")]
    pub ttl: f64,
    /// Whether clients go through Cloudflare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxied: Option<bool>,
    /// What to note with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Settings of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Map<String, Value>>,
    /// Of MX and URI records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// The parts of a type whose content has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

const fn automatic() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a day at most; a float that is none of these saturates"
)]
fn whole_seconds<S: serde::Serializer>(ttl: &f64, to: S) -> Result<S::Ok, S::Error> {
    // `60`, never `60.0`: the API takes either, people and diffs don't.
    to.serialize_u64(*ttl as u64)
}

impl NewRecord {
    /// A record with an automatic TTL and nothing else.
    pub fn new(kind: &str, name: &str, content: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            content: content.to_owned(),
            ttl: automatic(),
            proxied: None,
            comment: None,
            tags: Vec::new(),
            settings: None,
            priority: None,
            data: None,
        }
    }
}

/// What is to change of a record; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Patch {
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Seconds; 1 for automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Whether clients go through Cloudflare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxied: Option<bool>,
    /// What is noted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Patch {
    /// Another content, and nothing else.
    pub fn content(content: &str) -> Self {
        Self { content: Some(content.to_owned()), ..Self::default() }
    }

    /// Whether it changes nothing of a record.
    pub fn is_empty_for(&self, record: &Record) -> bool {
        let same = |wanted: &Option<String>, present: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == present)
        };
        same(&self.content, &record.content)
            && same(&self.comment, record.comment.as_deref().unwrap_or_default())
            && self.proxied.is_none_or(|wanted| record.proxied == Some(wanted))
            && self.ttl.is_none_or(|wanted| same_ttl(wanted, record.ttl))
    }
}

/// Several changes that happen together or not at all, in this order: removals, patches, new
/// records. How they spread to name servers is not together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Ids of records to remove.
    pub deletes: Vec<String>,
    /// Changes, by the record's id.
    pub patches: Vec<(String, Patch)>,
    /// Records to make.
    pub posts: Vec<NewRecord>,
}

impl Batch {
    /// How many changes.
    pub const fn len(&self) -> usize {
        self.deletes.len() + self.patches.len() + self.posts.len()
    }

    /// Whether it changes nothing.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        if !self.deletes.is_empty() {
            let ids = self.deletes.iter().map(|id| json!({ "id": id })).collect();
            body.insert("deletes".to_owned(), Value::Array(ids));
        }
        if !self.patches.is_empty() {
            let patches = self.patches.iter().map(|(id, patch)| {
                let mut patch = json!(patch);
                if let Some(fields) = patch.as_object_mut() {
                    fields.insert("id".to_owned(), json!(id));
                }
                patch
            });
            body.insert("patches".to_owned(), Value::Array(patches.collect()));
        }
        if !self.posts.is_empty() {
            body.insert("posts".to_owned(), json!(self.posts));
        }
        Value::Object(body)
    }
}

/// How many records a zone has and may have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    /// May have; `None` where the zone's own number says nothing.
    #[serde(default)]
    pub record_quota: Option<u64>,
    /// Has.
    #[serde(default)]
    pub record_usage: u64,
}

/// Which records of a zone; what is `None` doesn't matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The whole name.
    pub name: Option<String>,
    /// `A`, `AAAA`, …
    pub kind: Option<String>,
    /// The whole content.
    pub content: Option<String>,
    /// What the comment contains.
    pub comment: Option<String>,
    /// Only those that clients reach through Cloudflare, or only the others.
    pub proxied: Option<bool>,
}

impl Filter {
    /// All records of a name.
    pub fn name(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// Whether a record is one of them: a filter that the API doesn't know is ignored there, so
    /// what comes back is looked at again.
    pub fn fits(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, present: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(present))
        };
        let comment = record.comment.as_deref().unwrap_or_default().to_ascii_lowercase();
        is(&self.name, &record.name)
            && is(&self.kind, &record.kind)
            && is(&self.content, &record.content)
            && self.comment.as_ref().is_none_or(|part| comment.contains(&part.to_ascii_lowercase()))
            && self.proxied.is_none_or(|wanted| record.proxied == Some(wanted))
    }
}

/// What a refusal in this area means, as far as somebody acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Such a record is there already (81057, 81058).
    Exists,
    /// The name has records of a type that can't stand beside this one: A and AAAA beside CNAME
    /// (81053).
    Clash,
    /// The record isn't there (81044).
    Missing,
    /// The TTL is out of range (9021).
    Ttl,
    /// The record is not valid (1004, 9005 to 9007).
    Invalid,
    /// The plan has no room for more records (81045), or no tags (9300).
    Room,
}

impl Trouble {
    /// What would mend it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Exists => "the record is there already; `riposte cf dns list` shows it",
            Self::Clash => {
                "a name has either one CNAME or A and AAAA records; remove the others in the same batch"
            }
            Self::Missing => "it was removed or made anew; list the records again",
            Self::Ttl => "1 (automatic), or 60 to 86400 seconds; Enterprise from 30",
            Self::Invalid => "does the content fit the type?",
            Self::Room => "`riposte cf dns usage` says how many records the zone may have",
        }
    }
}

/// What a failed call means in this area. The codes were read in November 2026; none of their
/// sources is formal.
pub fn trouble(error: &ApiError) -> Option<Trouble> {
    if error.area != Area::Dns {
        return None;
    }
    Some(match error.code {
        Some(81_057 | 81_058) => Trouble::Exists,
        Some(81_053) => Trouble::Clash,
        Some(81_044) => Trouble::Missing,
        Some(81_045 | 9_300) => Trouble::Room,
        Some(9_021) => Trouble::Ttl,
        Some(1_004 | 9_005..=9_007) => Trouble::Invalid,
        _ if error.kind == ErrorKind::NotFound => Trouble::Missing,
        _ => return None,
    })
}

fn path(zone: &str) -> String {
    format!("/zones/{}/dns_records", encoded(zone))
}

fn path_of(zone: &str, id: &str) -> String {
    format!("{}/{}", path(zone), encoded(id))
}

/// All records of a zone, over all pages.
pub fn all(client: &Client, zone: &str) -> Result<Vec<Record>, ApiError> {
    client.numbered(&Call::get(Area::Dns, path(zone)), PER_PAGE)
}

/// The records that a filter lets pass, over all pages.
pub fn list(client: &Client, zone: &str, filter: &Filter) -> Result<Vec<Record>, ApiError> {
    let mut call = Call::get(Area::Dns, path(zone));
    let pairs = [
        ("name.exact", &filter.name),
        ("type", &filter.kind),
        ("content.exact", &filter.content),
        ("comment.contains", &filter.comment),
    ];
    for (parameter, value) in pairs {
        if let Some(value) = value {
            call = call.query(parameter, value);
        }
    }
    if let Some(proxied) = filter.proxied {
        call = call.query("proxied", if proxied { "true" } else { "false" });
    }
    let mut found: Vec<Record> = client.numbered(&call, PER_PAGE)?;
    found.retain(|record| filter.fits(record));
    Ok(found)
}

/// Asks for a few records, to see whether they may be read.
pub fn some(zone: &str) -> Call {
    Call::get(Area::Dns, path(zone)).query("per_page", "5")
}

/// Makes a record.
pub fn create(zone: &str, record: &NewRecord) -> Call {
    Call::new(Area::Dns, Method::POST, path(zone)).body(json!(record))
}

/// Changes what the patch names, and nothing else.
pub fn patch(zone: &str, id: &str, patch: &Patch) -> Call {
    Call::new(Area::Dns, Method::PATCH, path_of(zone, id)).body(json!(patch))
}

/// Removes a record.
pub fn delete(zone: &str, id: &str) -> Call {
    Call::new(Area::Dns, Method::DELETE, path_of(zone, id))
}

/// Several changes, together or not at all.
pub fn batch(zone: &str, batch: &Batch) -> Call {
    Call::new(Area::Dns, Method::POST, format!("{}/batch", path(zone))).body(batch.body())
}

/// How many records the zone has and may have.
pub fn usage(zone: &str) -> Call {
    Call::get(Area::Dns, format!("{}/usage", path(zone)))
}

/// Asks for the zone as a BIND file, which is the reply itself ([`super::Answer::raw`]).
pub fn export(zone: &str) -> Call {
    Call::get(Area::Dns, format!("{}/export", path(zone))).form(Form::Raw)
}

#[cfg(test)]
mod tests;
