//! What a command is to change, worked out from what is there: pure.

use crate::cli::output::Style;
use crate::cloudflare::Call;
use crate::cloudflare::dns::{self, Batch, NewRecord, Patch, Record};
use std::fmt::Write as _;

/// Types that share a name with others of their kind as a matter of course: what is there is not
/// taken for what is to be changed.
const SEVERAL: [&str; 5] = ["TXT", "MX", "NS", "CAA", "SRV"];

/// Types whose content consists of parts, which Cloudflare takes one by one.
const OF_PARTS: [&str; 12] = [
    "SRV", "CAA", "TLSA", "SSHFP", "DS", "DNSKEY", "CERT", "NAPTR", "SMIMEA", "LOC", "HTTPS",
    "SVCB",
];

/// The priority of a new MX record of which none is said.
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
                let mut line = format!("+ {} {} {}", record.kind, record.name, record.content);
                if let Some(priority) = record.priority {
                    // Writing into a text can't fail.
                    write!(line, ", priority {priority}").ok();
                }
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
    pub content: String,
    /// Of an MX record, which goes first.
    pub priority: Option<u16>,
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
        if OF_PARTS.contains(&self.kind.as_str()) {
            return Err(format!(
                "a record of type {} consists of parts\nhint: write it into a file with its `data`: `riposte cf dns batch`",
                self.kind
            ));
        }
        if self.priority.is_some() && self.kind != "MX" {
            return Err("`--priority` goes with MX records".to_owned());
        }
        let (same, others): (Vec<&Record>, Vec<&Record>) =
            present.iter().partition(|record| record.kind == self.kind);
        let clashing: Vec<&Record> =
            others.into_iter().filter(|other| clash(&other.kind, &self.kind)).collect();
        if let Some(record) = same.iter().find(|record| record.content == self.content) {
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
            changes.push(Change::Make(self.made(same.first().or(clashing.first()).copied())));
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

    fn altered(&self, record: &Record) -> Vec<Change> {
        if self.priority.is_some_and(|wanted| Some(f64::from(wanted)) != record.priority) {
            // A patch doesn't carry it: the record is made again, in the same batch.
            let new = self.made(Some(record));
            return vec![Change::Remove(record.clone()), Change::Make(new)];
        }
        let patch = Patch {
            content: (record.content != self.content).then(|| self.content.clone()),
            ttl: self.ttl.filter(|ttl| !dns::same_ttl(*ttl, record.ttl)),
            proxied: self.proxied.filter(|wanted| record.proxied != Some(*wanted)),
            comment: self.comment.clone().filter(|new| record.comment.as_ref() != Some(new)),
        };
        if patch == Patch::default() {
            Vec::new()
        } else {
            vec![Change::Alter(record.clone(), patch)]
        }
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
            priority: (self.kind == "MX").then(|| self.priority.map_or(USUAL_PRIORITY, f64::from)),
            ..NewRecord::new(&self.kind, &self.name, &self.content)
        }
    }
}

fn proxiable(kind: &str) -> bool {
    matches!(kind, "A" | "AAAA" | "CNAME")
}

/// Whether records of two types can't have the same name.
fn clash(one: &str, other: &str) -> bool {
    proxiable(one) && proxiable(other) && one != other && (one == "CNAME" || other == "CNAME")
}

/// A name with its zone.
pub fn whole_name(name: &str, zone: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name == "@" || name.is_empty() || name == zone {
        return zone.to_owned();
    }
    if name.ends_with(&format!(".{zone}")) { name } else { format!("{name}.{zone}") }
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
            content: content.to_owned(),
            priority: None,
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
    fn mail_has_a_priority_and_what_consists_of_parts_is_refused() {
        let mut mail = wanted("MX", "mail.example.com");
        assert_eq!(
            shown(&mail, &[]),
            ["+ MX www.example.com mail.example.com, priority 10 (ttl auto)"]
        );
        mail.priority = Some(20);
        let mut there = record("1", "MX", "mail.example.com");
        there.priority = Some(10.0);
        let [gone, new] = &shown(&mail, &[there.clone()])[..] else { panic!("not made again") };
        assert!(gone.starts_with("- MX") && new.contains("priority 20"), "{gone} {new}");
        there.priority = Some(20.0);
        assert_eq!(shown(&mail, &[there]), [""; 0]);
        assert!(shown(&wanted("CAA", "0 issue \"x\""), &[])[0].contains("consists of parts"));
        mail.kind = "A".to_owned();
        assert!(shown(&mail, &[])[0].contains("MX"));
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
    fn names_are_completed() {
        for (name, whole) in [
            ("www", "www.example.com"),
            ("@", "example.com"),
            ("WWW.example.com.", "www.example.com"),
            ("example.com", "example.com"),
            ("notexample.com", "notexample.com.example.com"),
        ] {
            assert_eq!(whole_name(name, "example.com"), whole);
        }
    }
}
