//! Enrichers with real programs, good and bad ones.

use super::*;
use crate::clock::Timestamp;
use crate::plugins::{HealthCell, HealthState, Keeper, Launch, TalkLimits};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

const LOOP: &str = "import json, os, sys, time\n\
def say(**m): print(json.dumps(m), flush=True)\n\
hello = json.loads(sys.stdin.readline())\n\
say(type='ready', protocol=1)\n\
for line in sys.stdin:\n\
\x20   m = json.loads(line)\n\
\x20   if m['type'] == 'stop': break\n\
\x20   i, k = m['id'], m['key']\n\
\x20   open('asked', 'a').write(k + ' ')\n";

fn spec() -> Spec {
    Spec {
        name: Arc::from("sample"),
        on: vec![Kind::Http],
        key: "ip".to_owned(),
        fields: vec![
            (Arc::from("listed"), FieldKind::Bool),
            (Arc::from("asn_name"), FieldKind::Text),
            (Arc::from("score"), FieldKind::Int),
        ],
        ttl: Duration::from_mins(1),
        answer: Duration::from_millis(1_500),
        wait: Duration::from_secs(5),
    }
}

/// An enricher whose loop does this with each key `k` (and id `i`); ready when it is returned.
fn enricher(body: &str, spec: Spec) -> (tempfile::TempDir, Enricher) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let body = format!("    {}\n", body.replace('\n', "\n    "));
    fs::write(&path, format!("#!/usr/bin/python3\n{LOOP}{body}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let launch = Launch {
        name: "sample".to_owned(),
        argv: vec!["./run".to_owned()],
        folder: folder.path().to_owned(),
        settings: serde_json::Map::new(),
        secrets: BTreeMap::new(),
        limits: TalkLimits { start: Duration::from_secs(20), ..TalkLimits::default() },
    };
    let keeper = Keeper::new(launch, Arc::new(HealthCell::new("sample", "enricher", None)));
    let enricher = Enricher::start(spec, keeper).unwrap();
    until("it is ready", || enricher.health().now().state == HealthState::Well);
    // A moment until the thread takes questions.
    std::thread::sleep(Duration::from_millis(50));
    (folder, enricher)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn event(ip: &str) -> Event {
    let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
    event.set(Field::Ip, Value::ip(ip.parse().unwrap()));
    event
}

/// Asks for these addresses, and gives what is added to each one's event.
fn added(enricher: &Enricher, addresses: &[&str]) -> Vec<Vec<String>> {
    let mut keys = BTreeSet::new();
    for address in addresses {
        enricher.spec().collect(&event(address), &mut keys);
    }
    let additions = ask_all(std::slice::from_ref(enricher), vec![keys]);
    let again = Additions::decode(&additions.encode()).unwrap();
    assert_eq!(again, additions, "what is recorded is what was said");
    let fields = |address: &&str| {
        let mut event = event(address);
        enricher.spec().apply(&mut event, &additions);
        let added = event.fields().filter(|(name, _)| *name != "ip");
        added.map(|(name, value)| format!("{name}={}", value.to_text())).collect()
    };
    addresses.iter().map(fields).collect()
}

#[test]
fn answers_become_fields_and_are_asked_for_once() {
    let (folder, enricher) = enricher(
        "if k.endswith('.9'): say(type='answer', id=i, fields={'listed': True, 'score': 7, 'asn_name': None})\n\
         else: say(type='answer', id=i)",
        spec(),
    );
    let want: Vec<Vec<String>> = vec![vec!["listed=true".into(), "score=7".into()], vec![]];
    assert_eq!(added(&enricher, &["192.0.2.9", "192.0.2.1"]), want);
    assert_eq!(added(&enricher, &["192.0.2.9", "192.0.2.1"]), want);
    assert_eq!(fs::read_to_string(folder.path().join("asked")).unwrap(), "192.0.2.1 192.0.2.9 ");
    // Another kind, or none to ask by.
    let mut other = event("192.0.2.9");
    other.kind = Kind::SshAuth;
    assert_eq!(enricher.spec().key_of(&other), None);
    assert_eq!(enricher.spec().key_of(&Event::new(Kind::Http, Timestamp::EPOCH)), None);
}

#[test]
fn what_is_not_known_is_not_kept() {
    let (folder, enricher) = enricher("say(type='answer', id=i, fields=None)", spec());
    assert_eq!(added(&enricher, &["192.0.2.9"]), [Vec::<String>::new()]);
    assert_eq!(added(&enricher, &["192.0.2.9"]), [Vec::<String>::new()]);
    assert_eq!(fs::read_to_string(folder.path().join("asked")).unwrap(), "192.0.2.9 192.0.2.9 ");
}

#[test]
fn an_answer_grows_old_and_what_the_record_says_stays() {
    let spec = Spec {
        ttl: Duration::from_millis(300),
        fields: vec![(Arc::from("status"), FieldKind::Int), (Arc::from("n"), FieldKind::Int)],
        ..spec()
    };
    let (_folder, enricher) = enricher(
        "n = len(open('asked').read().split())\n\
         say(type='answer', id=i, fields={'status': 500, 'n': n})",
        spec,
    );
    assert_eq!(added(&enricher, &["192.0.2.9"]), [["status=500", "n=1"]]);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(added(&enricher, &["192.0.2.9"]), [["status=500", "n=2"]]);
    let mut event = event("192.0.2.9");
    event.set(Field::Status, Value::Int(200));
    let keys = BTreeSet::from(["192.0.2.9".to_owned()]);
    let additions = ask_all(std::slice::from_ref(&enricher), vec![keys]);
    enricher.spec().apply(&mut event, &additions);
    assert_eq!(event.int(Field::Status), Some(200));
    assert!(fits("status", FieldKind::Int) && !fits("status", FieldKind::Text));
}

#[test]
fn a_late_answer_is_there_the_next_time() {
    let spec = Spec { wait: Duration::from_millis(50), ..spec() };
    let (_folder, enricher) =
        enricher("time.sleep(0.4)\nsay(type='answer', id=i, fields={'score': 1})", spec);
    let begun = Instant::now();
    assert_eq!(added(&enricher, &["192.0.2.9"]), [[""; 0]]);
    assert!(begun.elapsed() < Duration::from_millis(350), "{:?}", begun.elapsed());
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(added(&enricher, &["192.0.2.9"]), [["score=1"]]);
}

#[test]
fn a_bad_program_leaves_fields_out_and_is_ended() {
    for (body, words) in [
        ("os._exit(3)", "exit code 3"),
        ("time.sleep(100)", "did not answer within 1500 ms"),
        ("print('nonsense', flush=True)", "not JSON"),
        ("say(type='outcome', id=i)", "an enricher does not say `outcome`"),
        ("for n in range(99): say(type='answer', id=n + 1000)", "what it was not asked"),
        ("say(type='answer', id=i, fields={'score': 'much'})", "`score` is not what"),
        ("say(type='answer', id=i, fields={'asn_name': 'x' * 999})", "`asn_name` is not what"),
        ("say(type='answer', id=i, fields={'other': 1})", "does not name"),
        ("say(type='answer', id=i, fields=[1])", "is no object"),
        ("while True: sys.stderr.write('x' * 4096)", "floods its log"),
        ("while True: sys.stdout.write('x' * 4096)", "a line of more than"),
    ] {
        let (_folder, enricher) = enricher(body, spec());
        assert_eq!(added(&enricher, &["192.0.2.9"]), [[""; 0]], "{body}");
        until("it failed", || enricher.health().now().state == HealthState::Failing);
        let fault = enricher.health().now().fault.unwrap();
        assert!(fault.contains(words), "{body}: {fault}");
        // Nobody waits for a program that is not well.
        let begun = Instant::now();
        added(&enricher, &["192.0.2.10"]);
        assert!(begun.elapsed() < Duration::from_secs(1), "{body}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_program_that_died_is_started_again() {
    let (folder, enricher) = enricher(
        "if len(open('asked').read().split()) == 1: os._exit(1)\n\
         say(type='answer', id=i, fields={'score': 2})",
        spec(),
    );
    assert_eq!(added(&enricher, &["192.0.2.9"]), [[""; 0]]);
    until("it answers", || added(&enricher, &["192.0.2.9"]) == [["score=2"]]);
    assert_eq!(enricher.health().now().starts, 2);
    let begun = Instant::now();
    drop(enricher);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop(folder);
}
