//! DNS records of the file against those that are there; and one batch that makes them so, all or
//! nothing. Our mark stands in the comment.
//!
//! A record is found by type and name. Where a name has several of a type, those with the content
//! that is wanted stay, the others are changed or removed.

use super::plan::{Change, What};
use crate::cloudflare::dns::{self, Batch, NewRecord, Patch, Record, same_content, same_ttl};
use crate::cloudflare::plans::Level;
use crate::cloudflare::settings;
use serde::Deserialize;
use serde_json::{Value, json};

/// Types of which a name has one set of answers: another record there is in the way.
const ADDRESSES: [&str; 3] = ["A", "AAAA", "CNAME"];

/// A record in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// `A`, `AAAA`, `CNAME`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The whole name, or the part before the zone's; `@` for the zone itself.
    pub name: String,
    /// Where it leads.
    #[serde(default)]
    pub content: String,
    /// The parts of a type whose content has some (SRV, CAA, …).
    #[serde(default)]
    pub data: Option<Value>,
    /// Of MX and URI records.
    #[serde(default)]
    pub priority: Option<u16>,
    /// Whether clients go through Cloudflare.
    #[serde(default)]
    pub proxied: bool,
    /// Seconds; 1 for automatic.
    #[serde(default = "automatic")]
    pub ttl: u32,
    /// What it is for.
    #[serde(default)]
    pub comment: String,
}

const fn automatic() -> u32 {
    1
}

impl FileRecord {
    /// What is wrong with it.
    pub fn faults(&self) -> Vec<String> {
        let name = format!("dns `{}`", self.name.escape_debug());
        let mut faults = Vec::new();
        if self.kind.is_empty() || !self.kind.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let kind = self.kind.escape_debug();
            faults.push(format!("{name}: `{kind}` is no type\nhint: `A`, `AAAA`, `CNAME`, …"));
        }
        if self.content.is_empty() == self.data.is_none() {
            faults.push(format!("{name}: either `content` or `data` is needed"));
        }
        if self.ttl != 1 && !(30..=86_400).contains(&self.ttl) {
            faults.push(format!(
                "{name}: `ttl` can't be {}\nhint: 1 (automatic), or 60 to 86400 seconds; Enterprise from 30",
                self.ttl
            ));
        }
        if self.proxied && self.ttl != 1 {
            faults
                .push(format!("{name}: a proxied record's `ttl` is automatic\nhint: leave it out"));
        }
        if self.proxied && !ADDRESSES.contains(&self.kind.as_str()) {
            faults.push(format!("{name}: only `A`, `AAAA` and `CNAME` can be proxied"));
        }
        faults
    }

    /// Whether it is the same record, written twice.
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.name.eq_ignore_ascii_case(&other.name)
            && (self.data == other.data && same_content(&self.kind, &self.content, &other.content))
    }

    fn note(&self, mark: &str) -> String {
        let prefix = prefix(mark);
        if self.comment.is_empty() { prefix } else { format!("{prefix} {}", self.comment) }
    }

    fn leads_where(&self, record: &Record) -> bool {
        match &self.data {
            Some(data) => record.data.as_ref().is_some_and(|known| settings::same(known, data)),
            None => same_content(&self.kind, &self.content, &record.content),
        }
    }

    fn does(&self, record: &Record, mark: &str) -> bool {
        let priority = |record: &Record| record.priority.unwrap_or(0.0);
        self.leads_where(record)
            && record.proxied.unwrap_or(false) == self.proxied
            && same_ttl(u64::from(self.ttl), record.ttl)
            && record.comment.as_deref().unwrap_or_default() == self.note(mark)
            && (priority(record) - f64::from(self.priority.unwrap_or(0))).abs() < 0.5
    }

    fn to_new(&self, zone: &str, mark: &str) -> NewRecord {
        NewRecord {
            ttl: f64::from(self.ttl),
            proxied: ADDRESSES.contains(&self.kind.as_str()).then_some(self.proxied),
            comment: Some(self.note(mark)),
            priority: self.priority.map(f64::from),
            data: self.data.clone(),
            ..NewRecord::new(&self.kind, &dns::whole_name(&self.name, zone), &self.content)
        }
    }
}

/// How comments of a file's records begin.
fn prefix(mark: &str) -> String {
    format!("riposte/{mark}")
}

fn is_ours(record: &Record, mark: &str) -> bool {
    let prefix = prefix(mark);
    let comment = record.comment.as_deref().unwrap_or_default();
    comment.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// What would become of a zone's records.
#[derive(Debug, Clone, Default)]
pub struct DnsPlan {
    /// What would change.
    pub changes: Vec<Change>,
    /// What is sent.
    pub batch: Batch,
    /// The records that it is about, as they were read.
    pub seen: Vec<Record>,
    /// What stands in the way.
    pub faults: Vec<String>,
}

/// Compares records with the file's.
pub fn plan(
    zone: &str,
    present: &[Record],
    wanted: &[FileRecord],
    mark: &str,
    adopt: bool,
    level: Option<Level>,
) -> DnsPlan {
    let mut made = DnsPlan::default();
    let mut free: Vec<&Record> = present.iter().collect();
    let mut open: Vec<&FileRecord> = Vec::new();
    let fits = |record: &Record, wanted: &FileRecord| {
        record.kind == wanted.kind
            && record.name.eq_ignore_ascii_case(&dns::whole_name(&wanted.name, zone))
    };
    // Those that lead where they are to lead first, so that they aren't changed for another's sake.
    for wanted in wanted {
        let place = free.iter().position(|record| {
            is_ours(record, mark) && fits(record, wanted) && wanted.leads_where(record)
        });
        match place {
            Some(place) => made.settle(free.remove(place), wanted, (zone, mark), What::Change),
            None => open.push(wanted),
        }
    }
    for wanted in open {
        let ours = |record: &&Record| is_ours(record, mark) && fits(record, wanted);
        let others = |record: &&Record| {
            !is_ours(record, mark)
                && fits(record, wanted)
                && (wanted.leads_where(record) || ADDRESSES.contains(&wanted.kind.as_str()))
        };
        let same_parts = wanted.data.is_none();
        if let Some(place) = free.iter().position(|record| same_parts && ours(record)) {
            made.settle(free.remove(place), wanted, (zone, mark), What::Change);
        } else if let Some(place) = free.iter().position(others) {
            let record = free.remove(place);
            if adopt {
                made.settle(record, wanted, (zone, mark), What::Adopt);
            } else {
                made.seen.push(record.clone());
                made.tell(What::Foreign, wanted, shown(record), to(wanted));
            }
        } else {
            made.batch.posts.push(wanted.to_new(zone, mark));
            made.tell(What::Add, wanted, Value::Null, to(wanted));
        }
    }
    for record in free.into_iter().filter(|record| is_ours(record, mark)) {
        made.seen.push(record.clone());
        made.batch.deletes.push(record.id.clone());
        made.changes.push(Change {
            part: "dns",
            what: What::Remove,
            name: format!("{} {}", record.kind, record.name),
            from: shown(record),
            to: Value::Null,
        });
    }
    let most = dns::batch_max(level);
    if made.batch.len() > most {
        made.faults.push(format!(
            "{} records would change, more than the {most} that go together\nhint: apply a part of the file first",
            made.batch.len()
        ));
    }
    made
}

impl DnsPlan {
    fn tell(&mut self, what: What, wanted: &FileRecord, from: Value, to: Value) {
        let name = format!("{} {}", wanted.kind, wanted.name);
        self.changes.push(Change { part: "dns", what, name, from, to });
    }

    /// A record that is there and is, or becomes, the file's.
    fn settle(
        &mut self,
        record: &Record,
        wanted: &FileRecord,
        (zone, mark): (&str, &str),
        what: What,
    ) {
        self.seen.push(record.clone());
        if wanted.does(record, mark) {
            return;
        }
        let patch = Patch {
            content: wanted.data.is_none().then(|| wanted.content.clone()),
            ttl: Some(u64::from(wanted.ttl)),
            proxied: ADDRESSES.contains(&wanted.kind.as_str()).then_some(wanted.proxied),
            comment: Some(wanted.note(mark)),
        };
        let priority = record.priority.unwrap_or(0.0);
        if (priority - f64::from(wanted.priority.unwrap_or(0))).abs() > 0.5 {
            // A patch doesn't carry it: the record is made again, in the same batch.
            self.batch.deletes.push(record.id.clone());
            self.batch.posts.push(wanted.to_new(zone, mark));
        } else {
            self.batch.patches.push((record.id.clone(), patch));
        }
        self.tell(what, wanted, shown(record), to(wanted));
    }
}

fn shown(record: &Record) -> Value {
    json!({
        "content": record.content, "proxied": record.proxied.unwrap_or(false), "ttl": record.ttl,
        "comment": record.comment.as_deref().unwrap_or_default(), "data": record.data,
    })
}

fn to(wanted: &FileRecord) -> Value {
    json!({
        "content": wanted.content, "proxied": wanted.proxied, "ttl": f64::from(wanted.ttl),
        "comment": wanted.comment, "data": wanted.data,
    })
}
