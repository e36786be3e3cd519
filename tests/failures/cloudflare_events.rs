//! Cloudflare as a source, against the look-alike: what its rules did makes rules of riposte's fire, over
//! outages, kills and answers that are full, each event once; the audit log and incidents as well.

use super::cloudflare::{TOKEN, simulator};
use crate::support::{Place, private_file};
use riposte::clock::{self, Timestamp};
use riposte::simulator::{Fault, FaultKind, Simulator};
use serde_json::{Value, json};
use std::time::Duration;

const RULES: &str = r#"
rule("each").on("cloudflare.firewall").by("ray").cooldown("1s").then(|hit| ());
rule("challenged").on("cloudflare.firewall")
    .when(|e| e.action == "managed_challenge" && e.path == "/wp-login.php")
    .by("ip").count(5, "10m")
    .then(|hit| block(hit.ip, "1h"));
rule("changed").on("cloudflare.audit").when(|e| e.resource.contains("dns_records"))
    .by("user").then(|hit| ());
rule("over").on("cloudflare.status").when(|e| !e.is_open && e.state == "resolved").by("incident")
    .then(|hit| ());
rule("incident").on("cloudflare.status").when(|e| e.is_open).by("incident").then(|hit| ());
"#;

fn place(root: &tempfile::TempDir, simulator: &Simulator, more: &str) -> Place {
    let token = private_file(root.path(), "token", TOKEN);
    let source = |name: &str, of: &str| {
        format!(
            "[[sources]]\nname = \"{name}\"\ntype = \"cloudflare\"\nevery = \"1s\"\n[sources.cloudflare]\n\
             of = \"{of}\"\napi = \"{}\"\npage = \"{}\"\n",
            simulator.base(),
            simulator.status_page(),
        )
    };
    let token = format!("token = \"file:{}\"\n", token.display());
    let more = [
        source("waf", "firewall").as_str(),
        "zone = \"example.com\"\n",
        &token,
        source("audit", "audit").as_str(),
        "account = \"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\"\n",
        &token,
        source("status", "status").as_str(),
        more,
    ]
    .concat();
    Place::new(root.path(), "p", RULES, &more)
}

/// What a rule did to a request, so many seconds ago.
fn met(number: u64, ago: u64, ip: &str) -> Value {
    let time = clock::now().minus(Duration::from_secs(ago));
    json!({
        "datetime": Timestamp::from_secs(time.as_secs()).to_string(), "action": "managed_challenge",
        "clientIP": ip, "clientAsn": "64496", "clientCountryName": "NL",
        "clientRequestHTTPHost": "www.example.com", "clientRequestHTTPMethodName": "POST",
        "clientRequestPath": "/wp-login.php", "clientRequestQuery": "?a=1", "description": "logins",
        "source": "firewallCustom", "userAgent": "curl/8", "rayName": format!("{number:016x}"),
        "ruleId": "a1", "sampleInterval": 1,
    })
}

/// How many events came, and whether each came once.
fn once(place: &Place) -> usize {
    let hits = place.hits("each");
    assert!(hits.values().all(|count| *count == 1), "{hits:?}");
    hits.len()
}

#[test]
fn each_event_comes_once_over_kills_and_outages_and_its_client_is_blocked() {
    let simulator = simulator(Duration::ZERO);
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, &simulator, "");
    let mut daemon = place.start_and_wait();
    let mut sent = 0;
    for round in 0..4 {
        let more = 7 + round;
        simulator
            .meet("example.com", (sent..sent + more).map(|number| met(number, 20, "203.0.113.9")));
        sent += more;
        if round == 1 {
            // Cloudflare is away for a moment, then refuses.
            simulator.fault(Fault::new(FaultKind::Server, 3).only("POST", "/graphql"));
        }
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(300 * (round + 1)));
            daemon.kill();
            daemon = place.start_and_wait();
        }
        let wanted = usize::try_from(sent).unwrap();
        place.wait(Duration::from_mins(1), "all came", || once(&place) >= wanted);
    }
    // Asked for again and again, none of them comes a second time.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(once(&place), usize::try_from(sent).unwrap());
    assert_eq!(place.hits("challenged").keys().collect::<Vec<_>>(), ["203.0.113.9"]);
    daemon.terminate();
    assert!(!place.log().contains(TOKEN), "{}", place.log());
}

#[test]
fn an_answer_that_is_full_is_asked_for_in_halves() {
    let simulator = simulator(Duration::ZERO);
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, &simulator, "");
    // More than an answer holds, over two minutes.
    simulator.meet(
        "example.com",
        (0..12_000).map(|number| met(number, 20 + number / 100, "198.51.100.7")),
    );
    let daemon = place.start_and_wait();
    place.wait(Duration::from_mins(2), "all came", || place.records("waf") == 12_000);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(place.records("waf"), 12_000);
    daemon.terminate();
}

#[test]
fn changes_in_the_account_and_incidents_are_events() {
    let simulator = simulator(Duration::ZERO);
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, &simulator, "");
    let daemon = place.start_and_wait();
    simulator.incident(Some("API errors"));
    let record =
        json!({ "type": "A", "name": "new.example.com", "content": "192.0.2.7", "ttl": 1 });
    riposte::cloudflare::zones::find(
        &riposte::cloudflare::Client::new(
            &simulator.base(),
            riposte::secret::Secret::new(TOKEN.to_owned()),
            Duration::from_secs(5),
        ),
        "example.com",
    )
    .map(|zone| {
        let path = format!("/zones/{}/dns_records", zone.unwrap().id);
        let client = riposte::cloudflare::Client::new(
            &simulator.base(),
            riposte::secret::Secret::new(TOKEN.to_owned()),
            Duration::from_secs(5),
        );
        let area = riposte::cloudflare::Area::Dns;
        let call = riposte::cloudflare::Call::new(area, riposte::http_client::Method::POST, path);
        client.send(&call.body(record)).unwrap()
    })
    .unwrap();
    place.wait(Duration::from_secs(30), "the change is an event", || {
        place.hits("changed").len() == 1
    });
    place.wait(Duration::from_secs(30), "the incident is an event", || {
        place.hits("incident").values().sum::<u64>() == 1
    });
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(place.hits("incident").values().sum::<u64>(), 1, "it goes on, and is no news");
    simulator.incident(None);
    place.wait(Duration::from_secs(30), "its end is an event", || place.hits("over").len() == 1);
    daemon.terminate();
}

#[test]
fn a_token_that_may_not_read_is_told_and_the_rest_goes_on() {
    let simulator = simulator(Duration::ZERO);
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, &simulator, "");
    private_file(root.path(), "token", "cfut_AnotherToken0123456789abcdefghijklmnopq");
    simulator.incident(Some("API errors"));
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(30), "it is told", || {
        place.status().alarms.iter().any(|alarm| alarm.from == "waf")
    });
    let alarms = place.status().alarms;
    let alarm = alarms.iter().find(|alarm| alarm.from == "waf").unwrap();
    assert!(alarm.text.contains("Cloudflare can't be asked"), "{}", alarm.text);
    assert!(!alarm.text.contains("AnotherToken"), "{}", alarm.text);
    place.wait(Duration::from_secs(30), "the page is read", || place.hits("incident").len() == 1);
    // The right token is there: the source goes on by itself.
    private_file(root.path(), "token", TOKEN);
    simulator.meet("example.com", [met(1, 20, "203.0.113.9")]);
    place.wait(Duration::from_secs(90), "events come", || once(&place) == 1);
    daemon.terminate();
}
