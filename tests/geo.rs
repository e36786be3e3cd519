//! Databases of places on the running daemon: asked by rules, read again when their files change, kept
//! over restarts and crashes, refused when they are broken.
#![expect(clippy::unwrap_used, reason = "test helpers")]

mod support;

#[path = "support/mmdb.rs"]
mod mmdb;

use mmdb::{asn, city, country, database};
use riposte::geo::GeoStatus;
use riposte::geo::keeper::GeoState;
use std::fs;
use std::path::Path;
use std::time::Duration;
use support::{Place, line};

const RULES: &str = r#"
rule("from-nl").on("http").when(|e| e.country == "NL").by("ip").then(|hit| block(hit.ip, "1h"));
rule("of-64500").on("http").when(|e| geo(e.ip).organisation == "Example").by("asn").count(3, "1h")
    .then(|hit| log(`AS${hit.key}: ${hit.event.country}, ${geo(hit.event.ip).city}`));
"#;

/// Now, and a day that is long past.
fn built(days_ago: u64) -> u64 {
    u64::try_from(riposte::clock::now().as_micros() / 1_000_000).unwrap() - days_ago * 86_400
}

/// Puts a file in place as updaters do: written beside, then renamed.
fn put(dir: &Path, name: &str, bytes: &[u8]) {
    let beside = dir.join("beside");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, dir.join(name)).unwrap();
}

const CONFIG: &str = "[geo]\ncity = \"city.mmdb\"\nasn = \"asn.mmdb\"\n";

fn place(root: &Path, rules: &str) -> Place {
    let place = Place::new(root, "p", rules, CONFIG);
    put(&place.dir, "city.mmdb", &cities("NL"));
    let systems = [("203.0.113.0/24", asn(64_500, "Example")), ("192.0.2.0/24", asn(64_501, "B"))];
    put(&place.dir, "asn.mmdb", &database("Test-ASN", built(1), &systems));
    place
}

/// Where 203.0.113.0/24 is in that country.
fn cities(code: &str) -> Vec<u8> {
    let networks = [("203.0.113.0/24", city(code, "Utrecht")), ("192.0.2.0/24", city("DE", "Ulm"))];
    database("Test-City", built(1), &networks)
}

fn status(place: &Place, name: &str) -> GeoStatus {
    place.status().geo.into_iter().find(|status| status.database == name).unwrap()
}

fn wait_for_hit(place: &Place, rule: &str, key: &str) {
    let what = format!("`{rule}` hits {key}");
    place.wait(Duration::from_secs(20), &what, || place.hits(rule).contains_key(key));
}

#[test]
fn serial_rules_ask_databases_and_a_changed_file_counts() {
    let root = tempfile::tempdir().unwrap();
    let place = place(root.path(), RULES);
    // The first record is there before the daemon: the databases must be in force for it too.
    place.append(&line("203.0.113.9", "/", 200));
    let mut daemon = place.start_and_wait();
    wait_for_hit(&place, "from-nl", "203.0.113.9");
    for client in ["203.0.113.1", "203.0.113.2"] {
        place.append(&line(client, "/", 200));
    }
    wait_for_hit(&place, "of-64500", "64500");
    assert!(place.log().contains("AS64500: NL, Utrecht"), "{}", place.log());
    let before = status(&place, "city");
    assert_eq!((before.state, before.kind.as_str()), (GeoState::Well, "Test-City"));
    assert!(!before.is_old() && before.bytes > 100);

    put(&place.dir, "city.mmdb", &cities("BE"));
    place.wait(Duration::from_secs(20), "the new file counts", || {
        status(&place, "city").version > before.version
    });
    place.append(&line("203.0.113.77", "/", 200));
    place.wait_until_read();
    assert!(!place.hits("from-nl").contains_key("203.0.113.77"));

    // A broken file, half of one, and another database change nothing and are told.
    let good = status(&place, "city");
    for (bytes, word) in [
        (b"nonsense".to_vec(), "no database"),
        (cities("NL")[..200].to_vec(), "no database"),
        (database("Test-Country", built(1), &[("203.0.113.0/24", country("NL"))]), "a city"),
    ] {
        put(&place.dir, "city.mmdb", &bytes);
        place.wait(Duration::from_secs(20), "the bad file is told", || {
            let status = status(&place, "city");
            status.state == GeoState::Refused && status.detail.contains(word)
        });
        assert_eq!(status(&place, "city").version, good.version);
    }
    let (code, words) = place.code(&["status"]);
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("geo city  not used, Test-City, 1d"), "{words}");
    place.append(&line("203.0.113.78", "/", 200));
    place.wait_until_read();
    assert!(!place.hits("from-nl").contains_key("203.0.113.78"), "the last good one counts");
    daemon.kill();

    // Without its file the daemon starts with the copy.
    fs::remove_file(place.dir.join("city.mmdb")).unwrap();
    let _daemon = place.start_and_wait();
    assert_eq!(status(&place, "city").version, good.version);
    let (code, words) = place.code(&["doctor"]);
    assert!(words.contains("`city`: failed to read"), "{code} {words}");
}

#[test]
fn serial_after_a_crash_the_databases_of_then_count() {
    let root = tempfile::tempdir().unwrap();
    // A hit's name is made from its key, so an event that had another country when it was evaluated
    // again would be in the journal twice.
    let rules = "rule(\"each\").on(\"http\").by([\"country\", \"ip\"]).count(1, \"1h\").then(|hit| log(\"x\"));";
    let place = place(root.path(), rules);
    let mut daemon = place.start_and_wait();
    let before = status(&place, "city").version;
    put(&place.dir, "city.mmdb", &cities("BE"));
    let mut sent = 0;
    let mut next_client = || {
        sent += 1;
        place.append(&line(&format!("203.0.113.{sent}"), "/", 200));
        let what = format!("client {sent} is hit");
        place.wait(Duration::from_secs(20), &what, || place.hits("each").len() == sent);
    };
    // Clients come until the other database is in force, and a little after.
    while status(&place, "city").version == before {
        next_client();
        assert!(place.hits("each").len() < 200, "the new file never counts");
        std::thread::sleep(Duration::from_millis(80));
    }
    next_client();
    next_client();
    daemon.kill();
    let hits = place.hits("each");
    let of = |code: &str| hits.keys().filter(|key| key.starts_with(code)).count();
    assert!(of("NL") > 3 && of("BE") >= 2, "{hits:?}");
    let _daemon = place.start_and_wait();
    place.append(&line("203.0.113.250", "/", 200));
    let last = "BE|203.0.113.250";
    place
        .wait(Duration::from_secs(20), "the next is hit", || place.hits("each").contains_key(last));
    let mut again = place.hits("each");
    again.remove(last);
    assert_eq!(again, hits);
}

#[test]
fn commands_that_look_once_ask_the_config_s_databases() {
    let root = tempfile::tempdir().unwrap();
    let place = place(root.path(), RULES);
    place.append(&line("203.0.113.9", "/", 200));
    place.append(&line("192.0.2.9", "/", 200));
    let config = place.dir.join("riposte.toml");
    let log = place.dir.join("access.log");
    let log = log.to_str().unwrap();
    let replayed = place.ask(&["replay", log, "--json"]);
    assert!(
        replayed.contains("\"rule\":\"from-nl\"") && replayed.contains("203.0.113.9"),
        "{replayed}"
    );
    assert!(!replayed.contains("192.0.2.9"), "{replayed}");
    let parsed = place.ask(&["parse", log, "--json"]);
    assert!(parsed.contains("\"country\":\"NL\"") && parsed.contains("\"asn\":64501"), "{parsed}");
    let explained = place.ask(&["explain", &format!("{log}:1")]);
    assert!(explained.contains("from-nl"), "{explained}");
    let (_, words) = place.code(&["check"]);
    assert!(!words.contains("not-configured"), "{words}");
    fs::write(&config, fs::read_to_string(&config).unwrap().replace(CONFIG, "")).unwrap();
    let (_, words) = place.code(&["check"]);
    assert!(words.contains("the config has no database of places"), "{words}");
}

#[test]
fn the_doctor_warns_of_old_and_missing_databases_and_refuses_what_others_can_write() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let place = place(root.path(), RULES);
    let old = database("Test-ASN", built(90), &[("203.0.113.0/24", asn(64_500, "Example"))]);
    put(&place.dir, "asn.mmdb", &old);
    let (_, words) = place.code(&["doctor"]);
    assert!(words.contains("`asn`: `Test-ASN` of") && words.contains("90d old"), "{words}");
    assert!(words.contains("`city`: `Test-City` of"), "{words}");
    fs::set_permissions(place.dir.join("asn.mmdb"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::remove_file(place.dir.join("city.mmdb")).unwrap();
    let (_, words) = place.code(&["doctor"]);
    assert!(words.contains("can be written by everybody, so it is not used"), "{words}");
    assert!(words.contains("`city`: failed to read"), "{words}");
}
