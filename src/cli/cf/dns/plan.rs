//! What a command is to change, worked out from what is there: pure.

use crate::cli::output::Style;
use crate::cloudflare::Call;
use crate::cloudflare::dns::{self, Batch, Content, NewRecord, Patch, Record, same_content};
use crate::cloudflare::settings;
use std::fmt::Write as _;

/// Types that share a name with others of their kind as a matter of course: what is there is not
/// taken for what is to be changed.
const SEVERAL: [&str; 5] = ["TXT", "MX", "NS", "CAA", "SRV"];

/// The priority of a mail server where nobody says another.
const USUAL_PRIORITY: f64 = 10.0;

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A record goes.
    Remove(Record),
    /// A record becomes another.
    Alter(Record, Patch),
    /// A record comes.
    Make(NewRecord),
}

impl Change {
    /// On one line: what goes, what becomes what, what comes.
    pub fn shown(&self) -> String {
        match self {
            Self::Remove(record) => format!("- {}", super::line(record)),
            Self::Make(record) => {
                let mut line = format!("+ {}", super::made_line(record));
                let through = if record.proxied == Some(true) { ", proxied" } else { "" };
                // Writing into a text can't fail.
                write!(line, " (ttl {}{through})", ttl_text(record.ttl)).ok();
                line
            }
            Self::Alter(record, patch) => {
                let mut line = format!("~ {}", super::line(record));
                if let Some(content) = patch.content.as_ref().filter(|new| **new != record.content)
                {
                    write!(line, " -> {content}").ok();
                }
                if let Some(ttl) = patch.ttl.filter(|ttl| !dns::same_ttl(*ttl, record.ttl)) {
                    let ttl = if ttl == 1 { "auto".to_owned() } else { ttl.to_string() };
                    write!(line, ", ttl {} -> {ttl}", ttl_text(record.ttl)).ok();
                }
                if let Some(proxied) = patch.proxied.filter(|new| Some(*new) != record.proxied) {
                    line.push_str(if proxied { ", proxied" } else { ", no longer proxied" });
                }
                if patch
                    .comment
                    .as_deref()
                    .is_some_and(|new| record.comment.as_deref() != Some(new))
                {
                    line.push_str(", comment");
                }
                line
            }
        }
    }

    /// Its colour.
    pub const fn style(&self) -> Style {
        match self {
            Self::Remove(_) => Style::Red,
            Self::Alter(..) => Style::Yellow,
            Self::Make(_) => Style::Green,
        }
    }
}

/// Names that went through Cloudflare and are to lead past it, by a record that is made instead of
/// another: their origin's address is then for everybody to see.
pub fn unproxied(changes: &[Change]) -> Vec<&str> {
    let past = |name: &str| {
        changes.iter().any(|change| {
            matches!(change, Change::Make(new) if new.name == name && proxiable(&new.kind) && new.proxied != Some(true))
        })
    };
    let gone = changes.iter().filter_map(|change| match change {
        Change::Remove(record) if record.proxied == Some(true) => Some(record.name.as_str()),
        _ => None,
    });
    let mut names: Vec<&str> = gone.filter(|name| past(name)).collect();
    names.dedup();
    names
}

/// The one call that carries out all of it; `None` when there is nothing to do.
pub fn call(zone: &str, changes: &[Change]) -> Option<Call> {
    match changes {
        [] => None,
        [Change::Remove(record)] => Some(dns::delete(zone, &record.id)),
        [Change::Alter(record, patch)] => Some(dns::patch(zone, &record.id, patch)),
        [Change::Make(record)] => Some(dns::create(zone, record)),
        many => {
            let mut batch = Batch::default();
            for change in many {
                match change {
                    Change::Remove(record) => batch.deletes.push(record.id.clone()),
                    Change::Alter(record, patch) => {
                        batch.patches.push((record.id.clone(), patch.clone()));
                    }
                    Change::Make(record) => batch.posts.push(record.clone()),
                }
            }
            Some(dns::batch(zone, &batch))
        }
    }
}

/// What `set` was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The whole name.
    pub name: String,
    /// The type.
    pub kind: String,
    /// Where it is to lead.
    pub content: Content,
    /// Seconds; 1 for automatic.
    pub ttl: Option<u64>,
    /// Through Cloudflare or not.
    pub proxied: Option<bool>,
    /// What to note.
    pub comment: Option<String>,
    /// Others of the name and type stay.
    pub beside: bool,
    /// Others of the name that are of this type, or clash with it, go.
    pub replaces: bool,
}

impl Wanted {
    /// What has to change, given the records of the name.
    pub fn plan(&self, present: &[Record]) -> Result<Vec<Change>, String> {
        let (same, others): (Vec<&Record>, Vec<&Record>) =
            present.iter().partition(|record| record.kind == self.kind);
        let clashing: Vec<&Record> =
            others.into_iter().filter(|other| clash(&other.kind, &self.kind)).collect();
        if let Some(record) = same.iter().find(|record| self.leads_where(record)) {
            let rest = same.iter().filter(|other| other.id != record.id && self.replaces);
            let mut changes: Vec<Change> =
                rest.map(|other| Change::Remove((*other).clone())).collect();
            changes.extend(self.altered(record));
            return Ok(changes);
        }
        if let Some(other) = clashing.first().filter(|_| !self.replaces) {
            return Err(format!(
                "`{}` has the record `{}`, which can't stand beside a {}\nhint: `--replace` removes it in the same batch",
                self.name,
                super::line(other),
                self.kind
            ));
        }
        let usually_several = SEVERAL.contains(&self.kind.as_str());
        if !self.beside
            && !self.replaces
            && (same.len() > 1 || (usually_several && !same.is_empty()))
        {
            let count = crate::event::text::count(same.len(), "record");
            return Err(format!(
                "`{}` has {count} of type {} already\nhint: `--add` leaves what is there, `--replace` removes it",
                self.name, self.kind
            ));
        }
        let mut changes: Vec<Change> =
            clashing.iter().map(|other| Change::Remove((*other).clone())).collect();
        if self.beside || same.is_empty() {
            let like = same.first().or(clashing.first()).copied();
            changes.push(Change::Make(self.made(like)));
            return Ok(changes);
        }
        for (place, record) in same.iter().enumerate() {
            if place == 0 {
                changes.extend(self.altered(record));
            } else {
                changes.push(Change::Remove((*record).clone()));
            }
        }
        Ok(changes)
    }

    fn leads_where(&self, record: &Record) -> bool {
        match &self.content.data {
            Some(data) => record.data.as_ref().is_some_and(|known| settings::same(known, data)),
            None => same_content(&self.kind, &self.content.text, &record.content),
        }
    }

    /// What makes a record what is wanted. A patch carries neither parts nor a priority: then the
    /// record is made again, in the same batch.
    fn altered(&self, record: &Record) -> Vec<Change> {
        let priority =
            self.content.priority.map(f64::from).filter(|wanted| {
                record.priority.is_none_or(|present| (present - wanted).abs() > 0.5)
            });
        let leads = self.leads_where(record);
        if priority.is_some() || (self.content.data.is_some() && !leads) {
            let made = self.made(Some(record));
            let like = record.to_new();
            let made = NewRecord {
                comment: made.comment.or(like.comment),
                priority: made.priority.or(like.priority),
                tags: like.tags,
                settings: like.settings,
                ..made
            };
            return vec![Change::Remove(record.clone()), Change::Make(made)];
        }
        let patch = Patch {
            content: (!leads).then(|| self.content.text.clone()),
            ttl: self.ttl.filter(|ttl| !dns::same_ttl(*ttl, record.ttl)),
            proxied: self.proxied.filter(|wanted| record.proxied != Some(*wanted)),
            comment: self.comment.clone().filter(|new| record.comment.as_ref() != Some(new)),
        };
        let change = (patch != Patch::default()).then(|| Change::Alter(record.clone(), patch));
        change.into_iter().collect()
    }

    /// A new record; what was not asked for is taken from the one that it stands for or beside, so
    /// that nothing is unproxied by chance.
    #[expect(clippy::cast_precision_loss, reason = "a TTL is a day at most")]
    fn made(&self, like: Option<&Record>) -> NewRecord {
        let proxied = self.proxied.or_else(|| like?.proxied).filter(|_| proxiable(&self.kind));
        let ttl = self.ttl.map(|ttl| ttl as f64).or_else(|| Some(like?.ttl));
        NewRecord {
            ttl: ttl.unwrap_or(1.0),
            proxied,
            comment: self.comment.clone(),
            priority: (self.kind == "MX")
                .then(|| self.content.priority.map_or(USUAL_PRIORITY, f64::from)),
            data: self.content.data.clone(),
            ..NewRecord::new(&self.kind, &self.name, &self.content.text)
        }
    }
}

fn proxiable(kind: &str) -> bool {
    matches!(kind, "A" | "AAAA" | "CNAME")
}

/// Whether records of two types can't have the same name.
pub fn clash(one: &str, other: &str) -> bool {
    proxiable(one) && proxiable(other) && one != other && (one == "CNAME" || other == "CNAME")
}

/// Seconds, or `auto`.
pub fn parse_ttl(text: &str) -> Result<u64, String> {
    let seconds = if text == "auto" { Some(1) } else { text.parse::<u64>().ok() };
    seconds.filter(|ttl| *ttl == 1 || (30..=86_400).contains(ttl)).ok_or_else(|| {
        format!(
            "`{}` is no TTL\nhint: `auto`, or 60 to 86400 seconds; Enterprise from 30",
            text.escape_debug()
        )
    })
}

/// A TTL for people.
pub fn ttl_text(ttl: f64) -> String {
    if ttl <= 1.0 { "auto".to_owned() } else { ttl.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, kind: &str, content: &str) -> Record {
        let json = serde_json::json!({
            "id": id, "type": kind, "name": "www.example.com", "content": content,
            "proxied": true, "ttl": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    fn wanted(kind: &str, content: &str) -> Wanted {
        Wanted {
            name: "www.example.com".to_owned(),
            kind: kind.to_owned(),
            content: dns::read_content(kind, content).unwrap(),
            ttl: None,
            proxied: None,
            comment: None,
            beside: false,
            replaces: false,
        }
    }

    fn shown(wanted: &Wanted, present: &[Record]) -> Vec<String> {
        match wanted.plan(present) {
            Ok(changes) => changes.iter().map(Change::shown).collect(),
            Err(reason) => vec![format!("! {}", reason.lines().next().unwrap())],
        }
    }

    #[test]
    fn a_name_that_loses_its_proxy_is_told() {
        let gone = Change::Remove(record("1", "A", "192.0.2.1"));
        let mut new = NewRecord::new("A", "www.example.com", "192.0.2.2");
        assert_eq!(unproxied(&[gone.clone(), Change::Make(new.clone())]), ["www.example.com"]);
        new.proxied = Some(true);
        assert_eq!(unproxied(&[gone.clone(), Change::Make(new)]), [""; 0]);
        assert_eq!(unproxied(&[gone]), [""; 0]);
    }

    #[test]
    fn a_single_record_changes_its_content_alone() {
        let present = [record("1", "A", "192.0.2.1"), record("2", "AAAA", "2001:db8::1")];
        let wanted = wanted("A", "192.0.2.2");
        assert_eq!(shown(&wanted, &present), ["~ A www.example.com 192.0.2.1 -> 192.0.2.2"]);
        let call = call("z", &wanted.plan(&present).unwrap()).unwrap();
        assert_eq!(call.to_string(), "PATCH /zones/z/dns_records/1\n{\"content\":\"192.0.2.2\"}");
        assert!(self::wanted("A", "192.0.2.1").plan(&present).unwrap().is_empty());
    }

    #[test]
    fn another_type_takes_a_batch_and_stays_proxied() {
        let present = [record("1", "A", "192.0.2.1")];
        let mut wanted = wanted("CNAME", "b.example.net");
        assert!(shown(&wanted, &present)[0].contains("can't stand beside a CNAME"));
        wanted.replaces = true;
        assert_eq!(
            shown(&wanted, &present),
            [
                "- A www.example.com 192.0.2.1",
                "+ CNAME www.example.com b.example.net (ttl auto, proxied)"
            ]
        );
        let call = call("z", &wanted.plan(&present).unwrap()).unwrap();
        assert_eq!(call.path, "/zones/z/dns_records/batch");
    }

    #[test]
    fn what_may_be_several_is_never_overwritten_by_chance() {
        let present = [record("1", "TXT", "v=spf1 -all")];
        let mut wanted = wanted("TXT", "site=7");
        assert!(shown(&wanted, &present)[0].starts_with("! "));
        wanted.beside = true;
        assert_eq!(shown(&wanted, &present), ["+ TXT www.example.com site=7 (ttl auto)"]);
        let present = [record("1", "A", "192.0.2.1"), record("2", "A", "192.0.2.3")];
        let mut wanted = self::wanted("A", "192.0.2.2");
        assert!(shown(&wanted, &present)[0].starts_with("! "));
        wanted.replaces = true;
        assert_eq!(
            shown(&wanted, &present),
            ["~ A www.example.com 192.0.2.1 -> 192.0.2.2", "- A www.example.com 192.0.2.3"]
        );
    }

    #[test]
    fn a_priority_and_parts_take_a_new_record() {
        let mut mail = record("1", "MX", "mail.example.com");
        mail.priority = Some(10.0);
        let present = [mail];
        assert!(wanted("MX", "10 mail.example.com.").plan(&present).unwrap().is_empty());
        assert_eq!(
            shown(&wanted("MX", "mail.example.com"), &[]),
            ["+ MX www.example.com 10 mail.example.com (ttl auto)"]
        );
        assert_eq!(
            shown(&wanted("MX", "20 mail.example.com"), &present),
            [
                "- MX www.example.com 10 mail.example.com",
                "+ MX www.example.com 20 mail.example.com (ttl auto)"
            ]
        );
        let mut service = record("2", "SRV", "5 443 a.example.com");
        service.data = Some(serde_json::json!({
            "priority": 10, "weight": 5, "port": 443, "target": "a.example.com",
        }));
        let present = [service];
        assert!(wanted("SRV", "10 5 443 a.example.com").plan(&present).unwrap().is_empty());
        let mut other = wanted("SRV", "10 5 443 b.example.com");
        other.replaces = true;
        assert_eq!(other.plan(&present).unwrap().len(), 2);
    }
}
