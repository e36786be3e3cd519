//! Records of the file against the look-alike.

use super::*;

const RECORDS: &str = r#"
[[dns]]
type = "A"
name = "new"
content = "192.0.2.10"
proxied = true

[[dns]]
type = "A"
name = "many"
content = "192.0.2.11"

[[dns]]
type = "A"
name = "many"
content = "192.0.2.12"

[[dns]]
type = "TXT"
name = "@"
content = "made-by-a-file"
ttl = 3600
comment = "why it is there"
"#;

/// Type, name and content of the zone's records with our mark, in order.
fn records(stage: &Stage) -> Vec<String> {
    let all = crate::cloudflare::dns::all(&stage.client, &stage.zone.id).unwrap();
    let ours = all.into_iter().filter(|record| {
        record.comment.as_deref().is_some_and(|comment| comment.starts_with("riposte/apply"))
    });
    let mut ours: Vec<String> = ours
        .map(|record| {
            format!("{} {} {}", record.kind, record.name, record.content.trim_matches('"'))
        })
        .collect();
    ours.sort();
    ours
}

#[test]
fn records_become_what_the_file_says_in_one_batch() {
    let stage = Stage::new();
    let file = ZoneFile::parse(RECORDS).unwrap();
    let others = crate::cloudflare::dns::all(&stage.client, &stage.zone.id).unwrap();
    stage.simulator.fault(Fault::new(FaultKind::Lost, 1).only("POST", "/dns_records/batch"));
    let done = stage.apply(&file);
    assert_eq!(done.written, ["4 records"]);
    assert_eq!(
        records(&stage),
        [
            "A many.example.com 192.0.2.11",
            "A many.example.com 192.0.2.12",
            "A new.example.com 192.0.2.10",
            "TXT example.com made-by-a-file",
        ]
    );
    assert!(!stage.plan(&file).differs(), "{:#?}", stage.plan(&file).dns);
    let mut other = file.clone();
    other.dns[0].content = "192.0.2.20".into();
    other.dns.remove(1);
    let made = stage.plan(&other);
    assert_eq!((made.dns.batch.patches.len(), made.dns.batch.deletes.len()), (1, 1));
    stage.apply(&other);
    assert_eq!(
        records(&stage),
        [
            "A many.example.com 192.0.2.12",
            "A new.example.com 192.0.2.20",
            "TXT example.com made-by-a-file"
        ]
    );
    stage.apply(&ZoneFile::default());
    assert_eq!(records(&stage), Vec::<String>::new());
    let now = crate::cloudflare::dns::all(&stage.client, &stage.zone.id).unwrap();
    assert_eq!(now, others, "others' records are as they were");
}

#[test]
fn a_record_of_others_is_taken_over_only_when_asked() {
    let stage = Stage::new();
    let text = "[[dns]]\ntype = \"A\"\nname = \"www\"\ncontent = \"192.0.2.99\"\n";
    let file = ZoneFile::parse(text).unwrap();
    let made = stage.plan(&file);
    assert!(made.is_blocked() && made.dns.batch.is_empty());
    let made = present::plan(&stage.client, &stage.zone, &file, true).unwrap();
    let mut done = Done::default();
    send::all(&stage.client, &stage.zone, &file, &made, true, &mut done).unwrap();
    assert_eq!(records(&stage), ["A www.example.com 192.0.2.99"]);
    assert!(!stage.plan(&file).differs());
}

#[test]
fn a_persons_change_of_a_record_meanwhile_stops_the_batch() {
    let stage = Stage::new();
    let mut file = ZoneFile::parse(RECORDS).unwrap();
    stage.apply(&file);
    file.dns[0].content = "192.0.2.20".into();
    let made = stage.plan(&file);
    let id = made.dns.batch.patches[0].0.clone();
    let by_hand = crate::cloudflare::dns::Patch::content("192.0.2.30");
    let call = crate::cloudflare::dns::patch(&stage.zone.id, &id, &by_hand);
    stage.client.send(&call).unwrap();
    let error = stage.send(&file, &made).0.unwrap_err().to_string();
    assert!(error.contains("records was changed by somebody"), "{error}");
    assert!(records(&stage).contains(&"A new.example.com 192.0.2.30".to_owned()));
}
