//! Failover, a name that follows an address, purges: the real daemon and the look-alike. Whatever
//! happens in between, what was there before comes back, and what a person did stays.

use crate::support::{Daemon, Place, line, private_file, transcript};
use riposte::cloudflare::dns::{self, Filter, Patch, Record};
use riposte::cloudflare::{Client, zones};
use riposte::decisions::Outcome;
use riposte::secret::Secret;
use riposte::simulator::{Fault, FaultKind, Options, Simulator};
use riposte::store::Entry;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NAME: &str = "www.example.com";

/// The quiet time stands in the path, so that tests say it.
const RULES: &str = r#"
rule("down").on("http").when(|e| e.status == 503).by("ip")
    .then(|hit| cf::dns_failover("www.example.com", ["192.0.2.7", "origin-b.example.net"],
        #{ back_after: hit.event.path.sub_string(1), turns_per_day: 9 }));
rule("spare-down").on("http").when(|e| e.status == 504).by("ip")
    .then(|hit| cf::target_down("www.example.com", "192.0.2.7", "1h"));
rule("purge").on("http").when(|e| e.status == 201).by("ip")
    .then(|hit| cf::purge("example.com", [`https://example.com${hit.event.path}`]));
rule("origin").on("probe").by("probe").consecutive(|e| !e.ok, 2)
    .then(|hit| cf::dns_failover("www.example.com", "192.0.2.7", #{ back_after: "5s" }));
rule("home").on("address").when(|e| e.ok).by("family")
    .then(|hit| cf::ddns("home.example.com", hit.event.address, #{ create: true }));
rule("lost").on("address").when(|e| !e.ok).by("family")
    .then(|hit| log(`no address: ${hit.event.reason}`));
"#;

/// Long enough for a busy machine.
const LONG: Duration = Duration::from_mins(1);

struct Scene {
    _root: tempfile::TempDir,
    simulator: Simulator,
    place: Place,
}

impl Scene {
    fn new(sources: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let simulator =
            Simulator::start(0, Options::new("simulated"), transcript().as_deref()).unwrap();
        let token = private_file(root.path(), "token", "simulated");
        let more = format!(
            "change_at_least = \"1s\"\n[[actions.cloudflare]]\ntoken = \"file:{}\"\napi = \"{}\"\nmark = \"web1\"\n{sources}",
            token.display(),
            simulator.base()
        );
        let place = Place::new(root.path(), "p", RULES, &more);
        Self { _root: root, simulator, place }
    }

    fn say(&self, client: u8, path: &str, status: u16) {
        self.place.append(&line(&format!("203.0.113.{client}"), path, status));
    }

    fn records(&self, name: &str) -> Vec<String> {
        let all = self.simulator.records("example.com").into_iter();
        let own = all.filter(|(_, known, _)| known == name);
        own.map(|(kind, _, content)| format!("{kind} {content}")).collect()
    }

    fn wait_for(&self, name: &str, record: &str) {
        let what = format!("`{name}` is `{record}`");
        self.place.wait(LONG, &what, || self.records(name) == [record]);
    }

    fn wait_for_rest(&self) {
        self.place.wait(LONG, "the ledger is empty", || {
            self.place.store().changes().is_ok_and(|rows| rows.is_empty())
        });
    }

    fn client(&self) -> (Client, String) {
        let token = Secret::new("simulated".to_owned());
        let client = Client::new(&self.simulator.base(), token, Duration::from_secs(9));
        let zone = zones::find(&client, "example.com").unwrap().unwrap().id;
        (client, zone)
    }

    fn whole(&self) -> Record {
        let (client, zone) = self.client();
        dns::list(&client, &zone, &Filter::name(NAME)).unwrap().remove(0)
    }
}

#[test]
fn a_name_is_turned_and_comes_back_as_it_was() {
    let scene = Scene::new("");
    let before = scene.whole();
    let _daemon = scene.place.start_and_wait();
    scene.say(1, "/2s", 503);
    scene.wait_for(NAME, "A 192.0.2.7");
    let there = scene.whole();
    assert_eq!(there, Record { content: "192.0.2.7".to_owned(), ..before.clone() }, "all else");
    scene.wait_for(NAME, "A 192.0.2.80");
    scene.wait_for_rest();
    assert_eq!(scene.whole(), before, "the same record, with its comment and proxied");
}

#[test]
fn a_target_that_is_down_is_passed_over_and_another_type_goes_in_a_batch() {
    let scene = Scene::new("");
    let _daemon = scene.place.start_and_wait();
    scene.say(1, "/", 504);
    scene.say(2, "/2s", 503);
    scene.wait_for(NAME, "CNAME origin-b.example.net");
    assert_eq!(scene.whole().proxied, Some(true), "it stays proxied");
    scene.wait_for(NAME, "A 192.0.2.80");
    scene.wait_for_rest();
}

#[test]
fn a_crash_in_the_middle_leaves_nothing_behind() {
    let scene = Scene::new("");
    let before = scene.whole();
    let mut daemon = scene.place.start_and_wait();
    // It happens, but its reply never comes; then riposte dies.
    scene.simulator.fault(Fault::new(FaultKind::Lost, 1).only("PATCH", "/dns_records"));
    scene.say(1, "/3s", 503);
    scene.wait_for(NAME, "A 192.0.2.7");
    daemon.kill();
    let _daemon = scene.place.start_and_wait();
    scene.wait_for(NAME, "A 192.0.2.80");
    scene.wait_for_rest();
    assert_eq!(scene.whole(), before);
}

#[test]
fn what_a_person_sets_in_between_stays() {
    let scene = Scene::new("");
    let _daemon = scene.place.start_and_wait();
    scene.say(1, "/4s", 503);
    scene.wait_for(NAME, "A 192.0.2.7");
    let (client, zone) = scene.client();
    let id = scene.whole().id;
    client.send(&dns::patch(&zone, &id, &Patch::content("192.0.2.99"))).unwrap();
    scene.wait_for_rest();
    assert_eq!(scene.records(NAME), ["A 192.0.2.99"]);
    assert!(scene.place.log().contains("somebody changed it"), "{}", scene.place.log());
}

#[test]
fn a_probe_that_fails_turns_the_name_until_the_origin_is_back() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = origin.local_addr().unwrap();
    let scene = Scene::new(&format!(
        "[[sources]]\nname = \"origin-a\"\ntype = \"probe\"\nurl = \"tcp://{address}\"\nevery = \"1s\"\n"
    ));
    let _daemon = scene.place.start_and_wait();
    scene.place.wait(LONG, "it is looked at", || scene.place.records("origin-a") > 0);
    assert_eq!(scene.records(NAME), ["A 192.0.2.80"]);
    drop(origin);
    scene.wait_for(NAME, "A 192.0.2.7");
    let _origin = TcpListener::bind(address).unwrap();
    scene.wait_for(NAME, "A 192.0.2.80");
}

/// A provider that says an address.
fn provider(says: &Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("\"http://{}/\"", listener.local_addr().unwrap());
    let says = Arc::clone(says);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 2_048];
            let count = stream.read(&mut head).unwrap_or(0);
            let body = says.lock().unwrap().clone();
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            if count > 0 {
                // Whoever has gone needs no answer.
                drop(stream.write_all(reply.as_bytes()));
            }
        }
    });
    url
}

#[test]
fn a_name_follows_the_address_that_providers_agree_on() {
    let says = |text: &str| Arc::new(Mutex::new(text.to_owned()));
    let (one, two, liar) = (says("203.0.113.50"), says("203.0.113.50"), says("203.0.113.66"));
    let urls = [&one, &two, &liar].map(provider).join(", ");
    let scene = Scene::new(&format!(
        "[[sources]]\nname = \"home\"\ntype = \"address\"\nproviders = [{urls}]\nevery = \"30s\"\n"
    ));
    let _daemon = scene.place.start_and_wait();
    scene.wait_for("home.example.com", "A 203.0.113.50");
}

#[test]
fn purges_of_one_moment_go_in_one_call() {
    let scene = Scene::new("");
    let _daemon = scene.place.start_and_wait();
    for client in 1..=5 {
        scene.say(client, &format!("/{client}"), 201);
    }
    let urls = || -> Vec<usize> {
        let count = |body: &serde_json::Value| body["files"].as_array().map_or(0, Vec::len);
        scene.simulator.purges("example.com").iter().map(count).collect()
    };
    scene.place.wait(LONG, "all are purged", || urls().iter().sum::<usize>() == 5);
    assert_eq!(urls().len(), 1, "in one call");
}

/// A name that led to an address which one provider alone says would be worse than one that leads
/// to the last.
#[test]
fn an_address_that_providers_dispute_changes_nothing_and_is_told() {
    let says = |text: &str| Arc::new(Mutex::new(text.to_owned()));
    let disputed = [says("203.0.113.50"), says("203.0.113.66"), says("no address at all")];
    let urls = disputed.each_ref().map(provider).join(", ");
    let scene = Scene::new(&format!(
        "[[sources]]\nname = \"home\"\ntype = \"address\"\nproviders = [{urls}]\nevery = \"30s\"\n"
    ));
    let before = scene.simulator.records("example.com");
    let _daemon = scene.place.start_and_wait();
    scene.place.wait(LONG, "it is told", || scene.place.log().contains("no address: "));
    assert_eq!(scene.simulator.records("example.com"), before);
    assert_eq!(scene.records("home.example.com"), [""; 0]);
}

#[test]
fn a_dry_run_shows_where_a_name_would_lead_and_sends_nothing() {
    let scene = Scene::new("");
    let before = scene.simulator.records("example.com");
    let log = fs::File::create(scene.place.dir.join("out.log")).unwrap();
    let child = scene.place.command("run").arg("--dry-run").stderr(log).spawn().unwrap();
    let _daemon = Daemon(child);
    scene.place.wait(LONG, "it runs", || scene.place.log().contains("riposte runs"));
    scene.say(1, "/1h", 503);
    let shown = || {
        let rows = scene.place.journal().into_iter();
        let calls = rows.filter_map(|row| match row.entry {
            Entry::Outcome { outcome: Outcome::DryRun(call), .. } => Some(call),
            _ => None,
        });
        calls.collect::<Vec<_>>()
    };
    scene.place.wait(LONG, "the call is shown", || !shown().is_empty());
    let calls = shown();
    assert!(calls[0].contains("PATCH /zones/") && calls[0].contains("192.0.2.7"), "{calls:?}");
    assert_eq!(scene.simulator.records("example.com"), before);
    assert_eq!(scene.place.store().changes().unwrap(), []);
}
