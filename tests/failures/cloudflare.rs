//! The daemon with the look-alike of Cloudflare: ten thousand blocks at once, a crash in the middle,
//! an outage, things of others.

use crate::support::line;
use crate::support::trouble::{address, attack};
use crate::support::{Place, private_file, transcript};
use riposte::cloudflare::lists::{self, List, NewItem};
use riposte::cloudflare::zones::{self, Zone};
use riposte::cloudflare::{Client, access_rules, rulesets};
use riposte::decisions::Outcome;
use riposte::secret::Secret;
use riposte::simulator::{Fault, FaultKind, Options, Simulator};
use riposte::store::Entry;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

pub const TOKEN: &str = "cfut_PlantedToken0123456789abcdefghijklmnopqr";

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("one").on("http").when(|e| e.status == 403).by("ip").count(1, "1h")
    .then(|hit| block(hit.ip, "1h"));
"#;

pub fn simulator(bulk_takes: Duration) -> Simulator {
    let options = Options { bulk_takes, ..Options::new(TOKEN) };
    Simulator::start(0, options, transcript().as_deref()).unwrap()
}

pub fn place(root: &tempfile::TempDir, simulator: &Simulator) -> Place {
    let token = private_file(root.path(), "token", TOKEN);
    let more = format!(
        "[[actions.cloudflare]]\ntoken = \"file:{}\"\napi = \"{}\"\nmark = \"web1\"\n",
        token.display(),
        simulator.base()
    );
    Place::new(root.path(), "p", RULES, &more)
}

pub fn blocked(simulator: &Simulator) -> BTreeSet<String> {
    simulator.blocked("example.com").into_iter().collect()
}

/// Every action at Cloudflare has ended well, and nothing says the token.
pub fn ended_well(place: &Place, actions: usize) {
    let ended = || {
        let well = |entry| match entry {
            Entry::Outcome { action, outcome: Outcome::Applied | Outcome::Unchanged, .. } => {
                Some(action)
            }
            _ => None,
        };
        let journal = place.journal().into_iter();
        journal.filter_map(|row| well(row.entry)).collect::<BTreeSet<_>>().len()
    };
    place.wait(Duration::from_mins(1), "all outcomes are known", || ended() >= actions);
    assert!(!place.log().contains(TOKEN), "{}", place.log());
}

#[test]
fn serial_ten_thousand_blocks_at_once_cost_few_calls() {
    const CLIENTS: usize = 10_000;
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_secs(1));
    let place = place(&root, &simulator);
    let daemon = place.start_and_wait();
    let begun = Instant::now();
    let text: String = (0..CLIENTS).map(|number| line(&address(number), "/x", 403)).collect();
    place.append(&text);
    place.wait(Duration::from_secs(150), "all are blocked", || {
        simulator.list_items("riposte").len() == CLIENTS
    });
    let calls = simulator.calls();
    println!("{CLIENTS} blocks: {calls} calls, all in force after {:?}", begun.elapsed());
    assert!(calls < 30, "{calls} calls");
    let expected: BTreeSet<String> = (0..CLIENTS).map(address).collect();
    assert_eq!(blocked(&simulator), expected, "exactly these");
    ended_well(&place, CLIENTS);
    assert!(simulator.calls() < 30, "{} calls", simulator.calls());
    let status = place.status();
    let to = status.destinations.iter().find(|to| to.name == "cloudflare").unwrap();
    assert!(to.healthy && to.detail.contains("10000 blocked"), "{to:?}");
    daemon.terminate();
    assert_eq!(blocked(&simulator).len(), CLIENTS, "what is in force stays in force");
}

#[test]
fn a_kill_while_cloudflare_works_loses_and_doubles_nothing() {
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_secs(2));
    let place = place(&root, &simulator);
    let mut daemon = place.start_and_wait();
    place.append(&(0..40).map(|number| attack(&address(number))).collect::<String>());
    let started = simulator.calls();
    place
        .wait(Duration::from_secs(20), "a change is under way", || simulator.calls() > started + 1);
    daemon.kill();
    place.append(&(40..80).map(|number| attack(&address(number))).collect::<String>());
    let daemon = place.start_and_wait();
    let expected: BTreeSet<String> = (0..80).map(address).collect();
    place.wait(Duration::from_secs(40), "all are blocked", || blocked(&simulator) == expected);
    assert_eq!(simulator.list_items("riposte").len(), 80, "none is doubled");
    ended_well(&place, 80);
    daemon.terminate();
}

#[test]
fn an_outage_of_the_api_is_told_and_made_up_for() {
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_millis(100));
    let place = place(&root, &simulator);
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(10), "the place is made", || {
        !simulator.custom_rules("example.com").is_empty()
    });
    simulator.fault(Fault::new(FaultKind::Html, 1_000));
    place.append(&attack(&address(1)));
    place.wait(Duration::from_secs(20), "it is told", || {
        place.status().destinations.iter().any(|to| !to.healthy && to.detail.contains("HTTP 503"))
    });
    simulator.clear_faults();
    place.wait(Duration::from_mins(1), "it is made up for", || blocked(&simulator).len() == 1);
    ended_well(&place, 1);
    place.wait(Duration::from_secs(5), "all is well", || {
        place.status().destinations.iter().all(|to| to.healthy)
    });
    daemon.terminate();
}

#[test]
fn things_of_others_are_left_alone_by_blocks_and_by_panic() {
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_millis(50));
    let client =
        Client::new(&simulator.base(), Secret::new(TOKEN.to_owned()), Duration::from_secs(9));
    let zone: Zone = zones::find(&client, "example.com").unwrap().unwrap();
    let account = zone.account.id.as_str();
    let list: List =
        client.send(&lists::create(account, "riposte", "by hand")).unwrap().read().unwrap();
    let item = NewItem { ip: "192.0.2.200".to_owned(), comment: "by hand".to_owned() };
    client.send(&lists::add(account, &list.id, &[item])).unwrap();
    let rule = rulesets::rule("theirs", "block", "(ip.src in $riposte)", "by hand");
    client.send(&rulesets::create_entry_point(&zone.id, rulesets::CUSTOM, &rule)).unwrap();
    let scope = access_rules::Scope::Account(account.to_owned());
    client.send(&access_rules::make(&scope, "block", ("ip", "192.0.2.201"), "by hand")).unwrap();
    let place = place(&root, &simulator);
    let daemon = place.start_and_wait();
    place.append(&attack(&address(1)));
    place.wait(Duration::from_secs(20), "it is blocked", || {
        blocked(&simulator).contains(&address(1))
    });
    assert_eq!(simulator.custom_rules("example.com").len(), 2);
    let told = place.ask(&["panic"]);
    assert!(told.contains("panic"), "{told}");
    place.wait(Duration::from_secs(20), "ours is gone", || {
        !blocked(&simulator).contains(&address(1))
    });
    let theirs = ["192.0.2.200", "192.0.2.201"].map(str::to_owned);
    assert_eq!(blocked(&simulator), BTreeSet::from(theirs));
    let rules = simulator.custom_rules("example.com");
    assert!(rules.iter().any(|(reference, _)| reference == "theirs"), "{rules:?}");
    daemon.terminate();
}

#[test]
fn the_command_line_shows_and_purges_and_keeps_the_token_to_itself() {
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_millis(50));
    let place = place(&root, &simulator);
    let verified = place.ask(&["cf", "verify"]);
    assert!(verified.contains("a user's, active") && !verified.contains("ill "), "{verified}");
    assert!(place.ask(&["cf", "zones"]).contains("example.com  active  free"));
    let records = place.ask(&["cf", "dns", "list", "example.com", "--json"]);
    assert_eq!(records.lines().count(), 3, "{records}");
    assert!(
        place.ask(&["cf", "dns", "list", "example.org"]).contains("sees no zone `example.org`")
    );
    let shown =
        place.ask(&["cf", "purge", "example.com", "--tag", "a", "--host", "b", "--dry-run"]);
    assert_eq!(shown.matches("POST /zones/").count(), 2, "{shown}");
    assert!(place.ask(&["cf", "purge", "example.com", "--everything"]).contains("hint: `--yes`"));
    let purged = place.ask(&["cf", "purge", "example.com", "https://example.com/a", "--trace"]);
    assert!(
        purged.contains("purged example.com (1 call)") && purged.contains("> POST"),
        "{purged}"
    );
    assert!(!purged.contains(TOKEN), "{purged}");
    let doctor = place.ask(&["doctor"]);
    assert!(doctor.contains("cloudflare: `cloudflare`: token: a user's, active"), "{doctor}");
    fs::write(root.path().join("token"), "cfut_wrong").unwrap();
    let verified = place.ask(&["cf", "verify"]);
    assert!(
        verified.contains("Invalid API Token") && !verified.contains("cfut_wrong"),
        "{verified}"
    );
}
