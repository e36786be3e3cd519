//! Where a name leads, as a value that can be compared and written back: its A, AAAA and CNAME
//! records. Other records of the name are never looked at.
//!
//! A record set's value is a list of records without ids and stamps, in one order and one way of
//! writing, so that what Cloudflare writes otherwise isn't taken for a person's change. What a claim
//! wants is `{"target": "addresses or one name", "ttl": seconds}`; without a target it is about the
//! TTL alone.

use crate::cloudflare::dns::{self, Batch, NewRecord, Patch, Record};
use crate::cloudflare::{ApiError, Area, Call, Client, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::net::IpAddr;

/// The types that say where a name leads.
const LEADING: [&str; 3] = ["A", "AAAA", "CNAME"];

/// A record of the set, in its one way of writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    content: String,
    proxied: bool,
    ttl: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    settings: Map<String, Json>,
}

impl Entry {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds of a day at most; a float that is none of these saturates"
    )]
    fn of(record: &Record) -> Self {
        let proxied = record.proxied == Some(true);
        let mut tags = record.tags.clone();
        tags.sort();
        let settings = record.settings.as_object().cloned().unwrap_or_default();
        let is_set = |value: &Json| !matches!(value, Json::Null | Json::Bool(false));
        Self {
            kind: record.kind.clone(),
            content: plain(&record.content),
            proxied,
            // What goes through Cloudflare has its TTL, whatever is said.
            ttl: if proxied { 1 } else { record.ttl as u64 },
            comment: record.comment.clone().unwrap_or_default(),
            tags,
            settings: settings.into_iter().filter(|(_, value)| is_set(value)).collect(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a TTL is a day at most")]
    fn to_new(&self, name: &str) -> NewRecord {
        NewRecord {
            ttl: self.ttl as f64,
            proxied: Some(self.proxied),
            comment: (!self.comment.is_empty()).then(|| self.comment.clone()),
            tags: self.tags.clone(),
            settings: (!self.settings.is_empty()).then(|| self.settings.clone()),
            ..NewRecord::new(&self.kind, name, &self.content)
        }
    }

    /// What makes this record of another; `None` where a patch can't.
    fn patch(&self, from: &Self) -> Option<Patch> {
        let can =
            self.kind == from.kind && self.tags == from.tags && self.settings == from.settings;
        can.then(|| Patch {
            content: (self.content != from.content).then(|| self.content.clone()),
            ttl: (self.ttl != from.ttl).then_some(self.ttl),
            proxied: (self.proxied != from.proxied).then_some(self.proxied),
            comment: (self.comment != from.comment).then(|| self.comment.clone()),
        })
    }
}

/// An address or a name in its one way of writing.
fn plain(content: &str) -> String {
    match content.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => content.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// What a claim wants.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    /// Addresses with spaces between them, or one name.
    target: String,
    ttl: Option<u64>,
}

fn value(entries: Vec<Entry>) -> Json {
    let mut entries = entries;
    entries.sort_by(|one, other| (&one.kind, &one.content).cmp(&(&other.kind, &other.content)));
    json!(entries)
}

fn entries(value: &Json) -> Vec<Entry> {
    Vec::<Entry>::deserialize(value).unwrap_or_default()
}

/// The name's records that say where it leads.
fn listed(client: &Client, zone: &str, name: &str) -> Result<Vec<Record>, ApiError> {
    let mut found = dns::list(client, zone, &dns::Filter::name(name))?;
    found.retain(|record| LEADING.contains(&record.kind.as_str()));
    Ok(found)
}

/// The value of what is there.
pub(super) fn read(client: &Client, zone: &str, name: &str) -> Result<Json, ApiError> {
    let found = listed(client, zone, name)?;
    Ok(value(found.iter().map(Entry::of).collect()))
}

/// The value that a claim comes to: what was there before, leading to the targets. It stays proxied
/// where it was, whatever a rule says; and keeps comments, tags and settings.
pub(super) fn target(before: &Json, wanted: &Json) -> Json {
    let wanted = Wanted::deserialize(wanted).unwrap_or_default();
    let before = entries(before);
    let proxied = before.iter().any(|entry| entry.proxied);
    let with_ttl = |mut entry: Entry| {
        if let Some(ttl) = wanted.ttl.filter(|_| !entry.proxied) {
            entry.ttl = ttl;
        }
        entry
    };
    if wanted.target.is_empty() {
        return value(before.into_iter().map(with_ttl).collect());
    }
    let mut found = Vec::new();
    for content in wanted.target.split_whitespace() {
        let kind = match content.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => "A",
            Ok(IpAddr::V6(_)) => "AAAA",
            Err(_) => "CNAME",
        };
        let like = before.iter().find(|entry| entry.kind == kind).or(before.first());
        let same_kind = like.is_some_and(|like| like.kind == kind);
        let entry = Entry {
            kind: kind.to_owned(),
            content: plain(content),
            proxied,
            ttl: if proxied { 1 } else { like.map_or(1, |like| like.ttl) },
            comment: like.map(|like| like.comment.clone()).unwrap_or_default(),
            tags: like.map(|like| like.tags.clone()).unwrap_or_default(),
            // Settings are about a type (`flatten_cname`, `ipv4_only`).
            settings: like
                .filter(|_| same_kind)
                .map(|like| like.settings.clone())
                .unwrap_or_default(),
        };
        found.push(with_ttl(entry));
    }
    value(found)
}

/// The smallest change from records to a value.
fn batch(present: &[Record], wanted: &Json, name: &str) -> Batch {
    let mut wanted = entries(wanted);
    let mut left: Vec<(&Record, Entry)> =
        present.iter().map(|record| (record, Entry::of(record))).collect();
    // What is right stays untouched.
    left.retain(|(_, entry)| match wanted.iter().position(|other| other == entry) {
        Some(place) => {
            wanted.remove(place);
            false
        }
        None => true,
    });
    let mut batch = Batch::default();
    for (record, entry) in left {
        let patch = wanted
            .iter()
            .enumerate()
            .find_map(|(place, other)| other.patch(&entry).map(|patch| (place, patch)));
        match patch {
            Some((place, patch)) => {
                wanted.remove(place);
                batch.patches.push((record.id.clone(), patch));
            }
            None => batch.deletes.push(record.id.clone()),
        }
    }
    batch.posts = wanted.iter().map(|entry| entry.to_new(name)).collect();
    batch
}

/// The call that carries out a batch.
fn call_of(zone: &str, batch: &Batch) -> Call {
    match (batch.deletes.as_slice(), batch.patches.as_slice(), batch.posts.as_slice()) {
        ([], [(id, patch)], []) => dns::patch(zone, id, patch),
        _ => dns::batch(zone, batch),
    }
}

/// Writes a value over what is there, which must still be `present`; gives what is there then.
pub(super) fn write(
    client: &Client,
    zone: &str,
    name: &str,
    (present, wanted): (&Json, &Json),
) -> Result<Option<Json>, ApiError> {
    let records = listed(client, zone, name)?;
    if value(records.iter().map(Entry::of).collect()) != *present {
        // Nothing was changed; the next look sees what is there now.
        return Err(ApiError::of(Area::Dns, ErrorKind::Busy, "the records changed meanwhile"));
    }
    let batch = batch(&records, wanted, name);
    if batch.is_empty() {
        return Ok(Some(wanted.clone()));
    }
    client.send(&call_of(zone, &batch))?;
    // It is done: where this look fails, the next one says how it is.
    let after = listed(client, zone, name).ok();
    Ok(after.map(|after| value(after.iter().map(Entry::of).collect())))
}

/// The call that would write a value; ids, which only reading tells, are `TYPE:CONTENT`.
pub(super) fn call(zone: &str, name: &str, present: &Json, wanted: &Json) -> Call {
    let stands_for = |entry: &Entry| {
        serde_json::from_value::<Record>(json!({
            "id": format!("{}:{}", entry.kind, entry.content), "type": entry.kind, "name": name,
            "content": entry.content, "proxied": entry.proxied, "ttl": entry.ttl,
            "comment": entry.comment, "tags": entry.tags, "settings": entry.settings,
        }))
        .ok()
    };
    let records: Vec<Record> = entries(present).iter().filter_map(stands_for).collect();
    call_of(zone, &batch(&records, wanted, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(id: &str, kind: &str, content: &str, proxied: bool, ttl: u32) -> Record {
        serde_json::from_value(json!({
            "id": id, "type": kind, "name": "www.example.com", "content": content,
            "proxied": proxied, "ttl": ttl, "comment": "web", "tags": ["b", "a"],
            "settings": { "ipv4_only": false },
        }))
        .unwrap()
    }

    fn set(records: &[Record]) -> Json {
        value(records.iter().map(Entry::of).collect())
    }

    fn lead(before: &[Record], targets: &[&str], ttl: Option<u64>) -> Json {
        target(&set(before), &json!({ "target": targets.join(" "), "ttl": ttl }))
    }

    #[test]
    fn it_stays_proxied_and_keeps_what_people_gave_it() {
        let before = [record("1", "A", "192.0.2.1", true, 1)];
        let after = lead(&before, &["192.0.2.7", "2001:DB8::7"], Some(60));
        assert_eq!(
            after,
            json!([
                { "type": "A", "content": "192.0.2.7", "proxied": true, "ttl": 1, "comment": "web", "tags": ["a", "b"] },
                { "type": "AAAA", "content": "2001:db8::7", "proxied": true, "ttl": 1, "comment": "web", "tags": ["a", "b"] },
            ])
        );
        let batch = batch(&before, &after, "www.example.com");
        assert_eq!((batch.deletes.len(), batch.patches.len(), batch.posts.len()), (0, 1, 1));
    }

    #[test]
    fn the_same_type_is_one_patch_and_another_type_one_batch() {
        let before = [record("1", "A", "192.0.2.1", false, 3_600)];
        let same = lead(&before, &["192.0.2.7"], Some(60));
        let call = call_of("z", &batch(&before, &same, "www.example.com"));
        assert_eq!(
            call.to_string(),
            "PATCH /zones/z/dns_records/1\n{\"content\":\"192.0.2.7\",\"ttl\":60}"
        );
        let other = lead(&before, &["B.example.net."], None);
        let swap = batch(&before, &other, "www.example.com");
        assert_eq!((swap.deletes.len(), swap.posts.len()), (1, 1));
        assert_eq!(swap.posts[0].content, "b.example.net");
        let shown = super::call("z", "www.example.com", &set(&before), &other).to_string();
        assert!(shown.contains("A:192.0.2.1") && shown.contains("/batch"), "{shown}");
    }

    #[test]
    fn a_claim_on_the_ttl_changes_nothing_else() {
        let before =
            [record("1", "A", "192.0.2.1", false, 3_600), record("2", "AAAA", "::1:2", true, 1)];
        let after = target(&set(&before), &json!({ "ttl": 60 }));
        let batch = batch(&before, &after, "www.example.com");
        assert_eq!(batch.patches, [("1".to_owned(), Patch { ttl: Some(60), ..Patch::default() })]);
        assert_eq!(batch.len(), 1, "what is proxied has no TTL of its own");
    }

    #[test]
    fn two_ways_of_writing_are_the_same_value() {
        let one = record("1", "AAAA", "2001:0DB8::0007", false, 300);
        let mut other = record("9", "AAAA", "2001:db8::7", false, 300);
        other.tags = vec!["a".to_owned(), "b".to_owned()];
        other.settings = Json::Null;
        assert_eq!(set(&[one]), set(&[other]));
    }

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let addresses = proptest::collection::btree_set(0..6_u8, 1..4);
        let a = (addresses, any::<bool>(), 60..90_u32).prop_map(|(last, proxied, ttl)| {
            let record = |n: &u8| {
                let (kind, content) = match n % 2 {
                    0 => ("A", format!("192.0.2.{n}")),
                    _ => ("AAAA", format!("2001:db8::{n}")),
                };
                record(&format!("id{n}"), kind, &content, proxied, ttl)
            };
            last.iter().map(record).collect::<Vec<_>>()
        });
        let cname = any::<bool>().prop_map(|p| vec![record("c", "CNAME", "x.example.net", p, 300)]);
        prop_oneof![a, cname]
    }

    fn carried_out(present: &[Record], batch: &Batch) -> Vec<Record> {
        let mut after: Vec<Record> = present.to_vec();
        after.retain(|record| !batch.deletes.contains(&record.id));
        for (id, patch) in &batch.patches {
            let record = after.iter_mut().find(|record| record.id == *id).unwrap();
            if let Some(content) = &patch.content {
                record.content.clone_from(content);
            }
            if let Some(ttl) = patch.ttl {
                record.ttl = f64::from(u32::try_from(ttl).unwrap());
            }
            record.proxied = patch.proxied.or(record.proxied);
            record.comment = patch.comment.clone().or_else(|| record.comment.clone());
        }
        for (n, post) in batch.posts.iter().enumerate() {
            let mut json = json!(post);
            json["id"] = json!(format!("new{n}"));
            after.push(serde_json::from_value(json).unwrap());
        }
        after
    }

    proptest! {
        /// There and back again: whatever was there is there afterwards, and on the way nothing is
        /// unproxied and no CNAME stands beside an address.
        #[test]
        fn there_and_back_again(before in records(), to in prop_oneof![
            Just(vec!["192.0.2.99"]), Just(vec!["2001:db8::99", "192.0.2.2"]), Just(vec!["b.example.net"]),
        ], ttl in proptest::option::of(60..120_u64)) {
            let name = "www.example.com";
            let was = set(&before);
            let wanted = lead(&before, &to, ttl);
            let there = carried_out(&before, &batch(&before, &wanted, name));
            prop_assert_eq!(&set(&there), &wanted);
            prop_assert_eq!(there.len(), to.len());
            let proxied = before.iter().any(|record| record.proxied == Some(true));
            prop_assert!(there.iter().all(|record| record.proxied == Some(proxied)));
            let back = carried_out(&there, &batch(&there, &was, name));
            prop_assert_eq!(set(&back), was);
        }
    }
}
