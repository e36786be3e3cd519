//! What has to change so that a name leads where it should. Pure.

use crate::cloudflare::Call;
use crate::cloudflare::dns::{self, NewRecord, Patch, Record};
use crate::decisions::CloudflareTask;

/// How the comment of a record that a rule made begins; the mark follows. Records of a file
/// (`riposte cf apply`) begin with `riposte/`: neither removes what is the other's.
const OURS: &str = "riposte-rule/";

/// The name that a task is about.
pub(super) fn name(task: &CloudflareTask) -> Option<&str> {
    match task {
        CloudflareTask::DnsSet { name, .. } | CloudflareTask::DnsDelete { name, .. } => Some(name),
        _ => None,
    }
}

/// The call that is needed, given all records of the name; `None` where it is so already.
pub(super) fn call(
    zone: &str,
    task: &CloudflareTask,
    present: &[Record],
    mark: &str,
) -> Result<Option<Call>, String> {
    match task {
        CloudflareTask::DnsSet { name, kind, content, create, ttl, proxied } => {
            let same: Vec<&Record> = present.iter().filter(|record| record.kind == *kind).collect();
            if same.iter().any(|record| dns::same_content(kind, &record.content, content)) {
                return Ok(None);
            }
            match same.as_slice() {
                // Nothing but the content is sent, so all else stays as people have set it.
                [one] => Ok(Some(dns::patch(zone, &one.id, &Patch::content(content)))),
                [] if *create => {
                    let record = made((name, kind, content), *ttl, *proxied, mark);
                    Ok(Some(dns::create(zone, &record)))
                }
                [] => Err(format!(
                    "there is no {kind} record `{name}`\nhint: `#{{ create: true }}` makes it"
                )),
                many => Err(format!(
                    "`{name}` has {} {kind} records, and it isn't clear which one is meant",
                    many.len()
                )),
            }
        }
        CloudflareTask::DnsDelete { name, kind, content } => {
            let meant = |record: &&Record| {
                record.kind == *kind
                    && content
                        .as_ref()
                        .is_none_or(|wanted| dns::same_content(kind, wanted, &record.content))
            };
            let found: Vec<&Record> = present.iter().filter(meant).collect();
            let (ours, others): (Vec<&Record>, Vec<&Record>) =
                found.into_iter().partition(|record| is_ours(record, mark));
            match (ours.as_slice(), others.first()) {
                ([], None) => Ok(None),
                ([], Some(_)) => Err(format!(
                    "the {kind} record `{name}` isn't riposte's, so it stays\nhint: `riposte cf dns delete` removes it"
                )),
                ([one], _) => Ok(Some(dns::delete(zone, &one.id))),
                (many, _) => {
                    let deletes = many.iter().map(|record| record.id.clone()).collect();
                    Ok(Some(dns::batch(zone, &dns::Batch { deletes, ..dns::Batch::default() })))
                }
            }
        }
        _ => Ok(None),
    }
}

/// The calls as far as they can be known without reading: names stand for ids.
pub(super) fn rehearsed(zone: &str, task: &CloudflareTask, mark: &str) -> Vec<Call> {
    match task {
        CloudflareTask::DnsSet { name, kind, content, create, ttl, proxied } => {
            let patch = dns::patch(zone, &format!("{kind}:{name}"), &Patch::content(content));
            let record = made((name, kind, content), *ttl, *proxied, mark);
            std::iter::once(patch).chain(create.then(|| dns::create(zone, &record))).collect()
        }
        CloudflareTask::DnsDelete { name, kind, .. } => {
            vec![dns::delete(zone, &format!("{kind}:{name}"))]
        }
        _ => Vec::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a TTL is a day at most")]
fn made(
    (name, kind, content): (&str, &str, &str),
    ttl: Option<u64>,
    proxied: bool,
    mark: &str,
) -> NewRecord {
    let proxiable = matches!(kind, "A" | "AAAA" | "CNAME");
    NewRecord {
        ttl: ttl.map_or(1.0, |ttl| ttl as f64),
        proxied: proxiable.then_some(proxied),
        comment: Some(format!("{OURS}{mark}")),
        ..NewRecord::new(kind, name, content)
    }
}

fn is_ours(record: &Record, mark: &str) -> bool {
    let comment = record.comment.as_deref().unwrap_or_default();
    comment.strip_prefix(OURS).is_some_and(|rest| rest.split(' ').next() == Some(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(id: &str, kind: &str, content: &str, comment: &str) -> Record {
        serde_json::from_value(json!({
            "id": id, "type": kind, "name": "home.example.com", "content": content,
            "proxied": true, "ttl": 1, "comment": comment,
        }))
        .unwrap()
    }

    fn set(kind: &str, content: &str, create: bool) -> CloudflareTask {
        CloudflareTask::DnsSet {
            name: "home.example.com".to_owned(),
            kind: kind.to_owned(),
            content: content.to_owned(),
            create,
            ttl: None,
            proxied: false,
        }
    }

    fn shown(task: &CloudflareTask, present: &[Record]) -> Result<Option<String>, String> {
        let call = call("z", task, present, "web1");
        call.map(|call| call.map(|call| call.to_string()))
    }

    #[test]
    fn only_the_content_is_sent_and_only_when_it_differs() {
        let present = [
            record("1", "A", "203.0.113.7", "mine"),
            record("2", "AAAA", "2001:db8::7", ""),
            record("3", "TXT", "203.0.113.9", ""),
        ];
        assert_eq!(
            shown(&set("A", "203.0.113.9", true), &present),
            Ok(Some("PATCH /zones/z/dns_records/1\n{\"content\":\"203.0.113.9\"}".to_owned()))
        );
        assert_eq!(shown(&set("A", "203.0.113.7", true), &present), Ok(None));
        assert_eq!(shown(&set("AAAA", "2001:db8:0::7", true), &present), Ok(None));
    }

    #[test]
    fn a_record_is_made_when_that_is_wanted_and_carries_our_mark() {
        assert!(shown(&set("A", "203.0.113.9", false), &[]).is_err());
        let made = shown(&set("A", "203.0.113.9", true), &[]).unwrap().unwrap();
        assert!(
            made.starts_with("POST ") && made.contains("\"comment\":\"riposte-rule/web1\""),
            "{made}"
        );
        let two = [record("1", "A", "203.0.113.7", ""), record("2", "A", "203.0.113.8", "")];
        assert!(shown(&set("A", "203.0.113.9", true), &two).is_err(), "which one?");
    }

    #[test]
    fn only_ours_are_removed() {
        let delete = CloudflareTask::DnsDelete {
            name: "home.example.com".to_owned(),
            kind: "A".to_owned(),
            content: None,
        };
        let mine = record("1", "A", "203.0.113.7", "riposte-rule/web1 until never");
        let of_others = [
            record("2", "A", "203.0.113.8", "riposte-rule/web10"),
            record("3", "A", "203.0.113.9", "riposte/web1"),
        ];
        assert!(shown(&delete, &of_others).is_err());
        let all = [vec![mine], of_others.to_vec()].concat();
        assert_eq!(shown(&delete, &all), Ok(Some("DELETE /zones/z/dns_records/1".to_owned())));
        assert_eq!(shown(&delete, &[]), Ok(None));
    }
}
