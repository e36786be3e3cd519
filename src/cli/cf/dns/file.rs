//! A file of changes, as the API takes it, and what it changes.
//!
//! A field that isn't known here is a fault, never dropped: what was asked for is what is sent.

use super::plan::Change;
use crate::cloudflare::dns::{NewRecord, Patch, Record, whole_name};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default)]
    deletes: Vec<Id>,
    #[serde(default)]
    patches: Vec<FilePatch>,
    #[serde(default)]
    posts: Vec<FileRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePatch {
    id: String,
    content: Option<String>,
    ttl: Option<u64>,
    proxied: Option<bool>,
    comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRecord {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    content: String,
    ttl: Option<f64>,
    proxied: Option<bool>,
    comment: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    settings: Option<Map<String, Value>>,
    priority: Option<f64>,
    data: Option<Value>,
}

impl FilePatch {
    fn patch(&self) -> Patch {
        Patch {
            content: self.content.clone(),
            ttl: self.ttl,
            proxied: self.proxied,
            comment: self.comment.clone(),
        }
    }
}

impl FileRecord {
    fn made(&self, zone: &str) -> NewRecord {
        let new = NewRecord::new(&self.kind, &whole_name(&self.name, zone), &self.content);
        NewRecord {
            ttl: self.ttl.unwrap_or(new.ttl),
            proxied: self.proxied,
            comment: self.comment.clone(),
            tags: self.tags.clone(),
            settings: self.settings.clone(),
            priority: self.priority,
            data: self.data.clone(),
            ..new
        }
    }
}

impl File {
    /// What it changes; ids that the zone doesn't have are a fault before anything is sent.
    pub fn plan(&self, present: &[Record], zone: &str) -> Result<Vec<Change>, String> {
        let find = |id: &str| find(present, id);
        let mut changes = Vec::new();
        for gone in &self.deletes {
            changes.push(Change::Remove(find(&gone.id)?));
        }
        self.plan_patches(present, &mut changes)?;
        changes.extend(self.posts.iter().map(|made| Change::Make(made.made(zone))));
        Ok(changes)
    }

    /// What is left of it, given the records before a reply was lost and those of now: what it
    /// removes is gone, and what it makes is there and was not before.
    pub fn left(
        &self,
        before: &[Record],
        present: &[Record],
        zone: &str,
    ) -> Result<Vec<Change>, String> {
        let mut changes = Vec::new();
        for gone in &self.deletes {
            changes.extend(find(present, &gone.id).ok().map(Change::Remove));
        }
        self.plan_patches(present, &mut changes)?;
        let is_new = |record: &&Record| before.iter().all(|known| known.id != record.id);
        let mut made_since: Vec<&Record> = present.iter().filter(is_new).collect();
        for made in &self.posts {
            let made = made.made(zone);
            match made_since.iter().position(|record| is_it(record, &made)) {
                Some(place) => drop(made_since.remove(place)),
                None => changes.push(Change::Make(made)),
            }
        }
        Ok(changes)
    }

    fn plan_patches(&self, present: &[Record], changes: &mut Vec<Change>) -> Result<(), String> {
        for changed in &self.patches {
            let (record, patch) = (find(present, &changed.id)?, changed.patch());
            if !patch.is_empty_for(&record) {
                changes.push(Change::Alter(record, patch));
            }
        }
        Ok(())
    }
}

fn find(present: &[Record], id: &str) -> Result<Record, String> {
    present.iter().find(|record| record.id == id).cloned().ok_or_else(|| {
        format!(
            "the zone has no record with the id `{}`\nhint: `riposte cf dns list --json` shows them",
            id.escape_debug()
        )
    })
}

/// Whether a record is the one that was to be made. Where `data` says where it leads, the API writes
/// the content.
fn is_it(record: &Record, made: &NewRecord) -> bool {
    record.kind == made.kind
        && record.name.eq_ignore_ascii_case(&made.name)
        && (made.content.is_empty() || record.content == made.content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, content: &str) -> Record {
        let json = serde_json::json!({
            "id": id, "type": "A", "name": "a.example.com", "content": content, "ttl": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_field_that_is_not_known_is_named() {
        for (text, field) in [
            (r#"{"patches":[{"id":"1","proxyed":true}]}"#, "`proxyed`"),
            (r#"{"patches":[{"id":"1","tags":["a"]}]}"#, "`tags`"),
            (r#"{"posts":[{"type":"A","name":"a","content":"b","prio":1}]}"#, "`prio`"),
        ] {
            let fault = serde_json::from_str::<File>(text).unwrap_err().to_string();
            assert!(fault.contains(field), "{fault}");
        }
        let text = r#"{"posts":[{"type":"MX","name":"@","content":"m.example.net","priority":10,"tags":["a:b"]}]}"#;
        let file: File = serde_json::from_str(text).unwrap();
        let made = file.posts[0].made("example.com");
        let made = serde_json::json!(made);
        assert_eq!((&made["priority"], &made["tags"]), (&10.0.into(), &["a:b"].to_vec().into()));
        assert_eq!((&made["name"], &made["ttl"]), (&"example.com".into(), &1.into()));
    }

    #[test]
    fn what_happened_although_the_reply_was_lost_is_not_left() {
        let text = r#"{"deletes":[{"id":"1"}],"patches":[{"id":"2","content":"192.0.2.9"}],"posts":[{"type":"A","name":"a","content":"192.0.2.3"}]}"#;
        let file: File = serde_json::from_str(text).unwrap();
        let before = [record("1", "192.0.2.1"), record("2", "192.0.2.2")];
        assert_eq!(file.plan(&before, "example.com").unwrap().len(), 3);
        assert_eq!(file.left(&before, &before, "example.com").unwrap().len(), 3);
        let after = [record("2", "192.0.2.9"), record("3", "192.0.2.3")];
        assert_eq!(file.left(&before, &after, "example.com"), Ok(Vec::new()));
    }
}
