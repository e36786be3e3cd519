//! The look-alike, asked as clients ask it, and held against what Cloudflare publishes.

mod dns;
mod zone_areas;
mod account_areas;

use super::*;
use crate::cloudflare::dns as records;
use crate::cloudflare::lists::{self, List, NewItem, Operation, Started};
use crate::cloudflare::{Client, ErrorKind, access_rules, accounts, purge, ranges, rulesets};
use crate::cloudflare::{tokens, zones};
use crate::secret::Secret;
use serde::de::DeserializeOwned;
use std::time::Duration;

fn client(simulator: &Simulator, token: &str) -> Client {
    Client::new(&simulator.base(), Secret::new(token.to_owned()), Duration::from_secs(5))
}

/// A client with a budget of its own: together the tours are more calls than one has at once.
fn client_of(simulator: &Simulator, user: &str) -> Client {
    client(simulator, "t").with_user(Some(user))
}

fn quick() -> Options {
    Options { bulk_takes: Duration::from_millis(20), ..Options::new("t") }
}

fn read<T: DeserializeOwned>(client: &Client, call: &crate::cloudflare::Call) -> T {
    client.send(call).unwrap().read().unwrap()
}

fn item(ip: &str) -> NewItem {
    NewItem { ip: ip.to_owned(), comment: "c".to_owned() }
}

fn until_done(client: &Client, account: &str, started: &Started) {
    let call = lists::operation(account, &started.operation_id);
    while read::<Operation>(client, &call).status != "completed" {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A change of a list takes long enough to be in the way of another.
fn slow() -> Options {
    Options { bulk_takes: Duration::from_secs(1), ..quick() }
}

/// Asks for everything that there is, once.
fn tour(simulator: &Simulator) {
    let client = client(simulator, "t");
    assert_eq!(tokens::verify(&client, None).unwrap().1.status, "active");
    assert_eq!(accounts::all(&client).unwrap().len(), 1);
    let zone = zones::find(&client, "example.com").unwrap().unwrap();
    let again = zones::find(&client, &zone.id).unwrap().unwrap();
    assert_eq!(zone, again);
    assert_eq!(records::all(&client, &zone.id).unwrap().len(), 3);
    dns::tour(&client_of(simulator, "dns"), &zone.id);
    let ranges: ranges::Ranges = read(&client, &ranges::all());
    assert!(ranges.ipv4_cidrs.len() > 1 && !ranges.ipv6_cidrs.is_empty());
    client.send(&purge::purge(&zone.id, &purge::What::Everything)).unwrap();
    client.send(&purge::purge(&zone.id, &purge::What::Files(vec!["https://e/".into()]))).unwrap();
    account_areas::tour(&client_of(simulator, "account"), &simulator.base(), &zone);
    let account = &zone.account.id;
    let list: List = read(&client, &lists::create(account, "a_list", "for tests"));
    let items: Vec<NewItem> =
        (0..600).map(|n| item(&format!("10.{}.{}.1", n / 250, n % 250))).collect();
    let started: Started = read(&client, &lists::add(account, &list.id, &items));
    let busy = client.send(&lists::add(account, &list.id, &items)).unwrap_err();
    assert_eq!(busy.kind, ErrorKind::Busy, "{busy}");
    until_done(&client, account, &started);
    let held: Vec<lists::Item> = client.by_cursor(&lists::items(account, &list.id), 500).unwrap();
    assert_eq!(held.len(), 600, "over two pages");
    let call = lists::remove(account, &list.id, [held[0].id.as_str()]);
    let started: Started = read(&client, &call);
    until_done(&client, account, &started);
    let all: Vec<List> = read(&client, &lists::all(account));
    let list = all.iter().find(|known| known.id == list.id).unwrap();
    assert!((list.num_items - 599.0).abs() < 0.5);
    let missing = client.send(&rulesets::entry_point(&zone.id, rulesets::CUSTOM)).unwrap_err();
    assert_eq!((missing.kind, missing.code), (ErrorKind::NotFound, Some(10_003)));
    let rule = rulesets::rule("ours", "block", "(ip.src in $a_list)", "d");
    let set: rulesets::Ruleset =
        read(&client, &rulesets::create_entry_point(&zone.id, rulesets::CUSTOM, &rule));
    let refused = client.send(&lists::delete(account, &list.id)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Refused, "a rule refers to it");
    let other = rulesets::rule("other", "managed_challenge", "(ip.src eq 192.0.2.1)", "");
    let set: rulesets::Ruleset = read(&client, &rulesets::add_rule(&zone.id, &set.id, &other));
    assert_eq!(set.rules[0].reference, "other", "it was put first");
    let id = set.rules[1].id.clone();
    client.send(&rulesets::change_rule(&zone.id, &set.id, &id, &rule)).unwrap();
    client.send(&rulesets::delete_rule(&zone.id, &set.id, &id)).unwrap();
    client.send(&lists::delete(account, &list.id)).unwrap();
    zone_areas::tour(&client_of(simulator, "zone"), &zone);
    zone_areas::tour_of_others(&client_of(simulator, "others"), &zone);
    for scope in
        [access_rules::Scope::Account(account.clone()), access_rules::Scope::Zone(zone.id.clone())]
    {
        let call = access_rules::make(&scope, "block", ("ip", "192.0.2.7"), "a note");
        let rule: access_rules::AccessRule = read(&client, &call);
        let twice = client.send(&call).unwrap_err();
        assert_eq!((twice.kind, twice.code), (ErrorKind::Duplicate, Some(10_009)));
        let call = access_rules::noted(&scope, "note");
        let found: Vec<access_rules::AccessRule> = client.numbered(&call, 100).unwrap();
        assert_eq!(found.first(), Some(&rule));
        client.send(&access_rules::delete(&scope, &rule.id)).unwrap();
    }
}

#[test]
fn everything_that_is_there_answers() {
    tour(&Simulator::start(0, slow(), None).unwrap());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where the schema lies, a test has to be told")]
fn requests_and_replies_are_as_the_published_schema_says() {
    let Ok(schema) = std::env::var("RIPOSTE_CLOUDFLARE_SCHEMA") else {
        println!("SKIPPED: $RIPOSTE_CLOUDFLARE_SCHEMA names no schema");
        return;
    };
    let schema = Path::new(&schema);
    let folder = tempfile::tempdir().unwrap();
    let transcript = folder.path().join("transcript.jsonl");
    tour(&Simulator::start(0, slow(), Some(&transcript)).unwrap());
    account_areas::paid(Some(&transcript));
    // It leaves out what is a fault of the schema itself.
    let checked = std::process::Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/official_client/hold.py"))
        .arg(schema)
        .arg(&transcript)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn tokens_open_what_they_are_for() {
    let mut options = quick();
    options.tokens.push(TokenGrant {
        token: "reader".into(),
        of_account: true,
        permissions: Some(vec!["Zone Read".into(), "Account Filter Lists Edit".into()]),
    });
    let simulator = Simulator::start(0, options, None).unwrap();
    let reader = client(&simulator, "reader");
    let zone = zones::all(&reader).unwrap().remove(0);
    let (kind, _) = tokens::verify(&reader, Some(&zone.account.id)).unwrap();
    assert_eq!(kind, tokens::TokenKind::Account);
    reader.send(&lists::all(&zone.account.id)).unwrap();
    let error = records::all(&reader, &zone.id).unwrap_err();
    assert_eq!((error.kind, error.permission), (ErrorKind::Forbidden, Some("DNS Read")));
    let nobody = client(&simulator, "nobody");
    assert_eq!(zones::all(&nobody).unwrap_err().code, Some(9109));
}

#[test]
fn too_many_calls_shut_out_and_the_client_keeps_away() {
    let options = Options { calls_in_five_minutes: 5, shut_for: Duration::from_mins(1), ..quick() };
    let simulator = Simulator::start(0, options, None).unwrap();
    let client = client(&simulator, "t");
    let made = (0..20).filter(|_| zones::all(&client).is_ok()).count();
    assert!(made <= 5, "{made}");
    assert!(simulator.calls() <= 6, "{} calls", simulator.calls());
    let error = zones::all(&client).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Budget, "{error}");
}

#[test]
fn faults_come_when_they_are_asked_for() {
    let simulator = Simulator::start(0, quick(), None).unwrap();
    let client = client(&simulator, "t");
    for kind in [FaultKind::Html, FaultKind::Drop, FaultKind::Cut, FaultKind::Server] {
        simulator.fault(Fault::new(kind, 1));
        assert_eq!(zones::all(&client).unwrap().len(), 1, "a read is tried again: {kind:?}");
    }
    let account = zones::all(&client).unwrap().remove(0).account.id;
    simulator.fault(Fault::new(FaultKind::Lost, 1).only("POST", "/rules/lists"));
    let error = client.send(&lists::create(&account, "a_list", "")).unwrap_err();
    assert!(error.may_have_happened(), "{error}");
    let all: Vec<List> = read(&client, &lists::all(&account));
    assert_eq!(all.len(), 1, "and it has");
}
