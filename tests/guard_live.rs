//! What people say to a running daemon and to a stopped one, and what the guard makes of many
//! attackers at once and of the first days: on the daemon as it runs, over restarts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use riposte::decisions::{Target, Verdict};
use riposte::store::Entry;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;
use support::trouble::{address, attack, web_file};
use support::{Daemon, Place, line};

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("probe").on("http").when(|e| e.path == "/shell").by("ip")
    .then(|hit| block(hit.ip, "1h"));
"#;

/// A place whose blocks go to a file; `more` is added to the config.
fn place(root: &tempfile::TempDir, rules: &str, more: &str) -> Place {
    let dir = root.path().join("p");
    Place::new(root.path(), "p", rules, &format!("{}{more}", web_file(&dir)))
}

/// Runs a command that must do well; what it said.
fn does(place: &Place, words: &[&str]) -> String {
    let (code, text) = place.code(words);
    assert_eq!(code, 0, "{words:?}: {text}");
    text
}

/// Waits until exactly these are in the web server's file.
fn blocked_are(place: &Place, wanted: &[String]) {
    let mut wanted = wanted.to_vec();
    wanted.sort();
    place.wait(Duration::from_secs(5), &format!("exactly {wanted:?} are blocked"), || {
        let mut blocked = place.blocked();
        blocked.sort();
        blocked == wanted
    });
}

fn restart(place: &Place, daemon: Daemon) -> Daemon {
    daemon.terminate();
    place.start_and_wait()
}

#[test]
fn serial_allow_works_at_once_lifts_and_outlives_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, RULES, "");
    let mut daemon = place.start_and_wait();
    place.append(&(attack(&address(0)) + &*attack(&address(1))));
    blocked_are(&place, &[address(0), address(1)]);
    let text = does(&place, &["allow", &address(0), "--comment", "a friend"]);
    assert!(text.contains("1 decision ended"), "{text}");
    blocked_are(&place, &[address(1)]);
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "it is hit again", || place.hits("three")[&address(0)] == 2);
    daemon.kill();
    let daemon = restart(&place, place.start_and_wait());
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "and again", || place.hits("three")[&address(0)] == 3);
    blocked_are(&place, &[address(1)]);
    assert!(does(&place, &["allow"]).contains(&address(0)), "the list shows it");
    let why = does(&place, &["why", &address(0)]);
    assert!(why.contains("a friend"), "{why}");
    // Off again: the next attack counts.
    does(&place, &["allow", &address(0), "--remove"]);
    place.append(&attack(&address(0)));
    blocked_are(&place, &[address(0), address(1)]);
    // With the daemon dead.
    daemon.terminate();
    let text = does(&place, &["allow", &address(1)]);
    assert!(text.contains("1 decision ended"), "{text}");
    blocked_are(&place, &[address(0)]);
    let daemon = place.start_and_wait();
    place.append(&attack(&address(1)));
    place.wait(Duration::from_secs(5), "a hit", || place.hits("three")[&address(1)] == 2);
    blocked_are(&place, &[address(0)]);
    daemon.terminate();
}

#[test]
fn serial_the_configs_allowlist_wins_over_everything() {
    let root = tempfile::tempdir().unwrap();
    let allow = format!("allow = [\"{}\", \"45.64.0.8/29\"]\n", address(0));
    let place = Place::new(
        root.path(),
        "p",
        RULES,
        &format!("{allow}{}", web_file(&root.path().join("p"))),
    );
    let daemon = place.start_and_wait();
    place.append(&(attack(&address(0)) + &*attack(&address(8)) + &*attack(&address(20))));
    blocked_are(&place, &[address(20)]);
    for target in [address(0), address(8), "45.64.0.0/24".to_owned()] {
        let (code, text) = place.code(&["decisions", "add", &target]);
        assert!(code == 1 && text.contains("allowlist"), "{target}: {code} {text}");
    }
    let (_, text) = place.code(&["allow", &address(0), "--remove"]);
    println!("{text}");
    let daemon = restart(&place, daemon);
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "a hit", || place.hits("three")[&address(0)] == 2);
    blocked_are(&place, &[address(20)]);
    daemon.terminate();
}

#[test]
fn serial_decisions_by_hand_with_and_without_a_daemon() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, RULES, "");
    let daemon = place.start_and_wait();
    does(&place, &["decisions", "add", &address(0), "--for", "2h", "--reason", "by hand"]);
    blocked_are(&place, &[address(0)]);
    let list = does(&place, &["decisions", "list"]);
    assert!(list.contains(&address(0)) && list.contains("by hand"), "{list}");
    daemon.terminate();
    // Without a daemon: the store and the file follow all the same.
    does(&place, &["decisions", "add", &address(1)]);
    blocked_are(&place, &[address(0), address(1)]);
    does(&place, &["decisions", "delete", &address(0)]);
    blocked_are(&place, &[address(1)]);
    let list = does(&place, &["decisions", "list"]);
    assert!(list.contains(&address(1)) && !list.contains(&address(0)), "{list}");
    let daemon = place.start_and_wait();
    blocked_are(&place, &[address(1)]);
    does(&place, &["decisions", "delete", &address(1)]);
    blocked_are(&place, &[]);
    let (code, text) = place.code(&["decisions", "delete", &address(1)]);
    assert!(code == 1 && text.contains("nothing is in force"), "{code} {text}");
    let daemon = restart(&place, daemon);
    blocked_are(&place, &[]);
    let journal = does(&place, &["journal"]);
    assert!(journal.contains(&address(0)) && journal.contains(&address(1)), "{journal}");
    daemon.terminate();
    let (code, text) = place.code(&["status"]);
    assert!(code == 1 && text.contains("does not run"), "{code} {text}");
}

#[test]
fn serial_modes_and_forget_outlive_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, RULES, "");
    let daemon = place.start_and_wait();
    does(&place, &["rules", "shadow", "three"]);
    place.wait(Duration::from_secs(5), "it shadows", || place.status().rules_shadow == 1);
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "it hits", || place.hits("three").len() == 1);
    let daemon = restart(&place, daemon);
    assert_eq!(place.status().rules_shadow, 1, "the mode outlives a restart");
    place.append(&attack(&address(1)));
    place.wait(Duration::from_secs(5), "it hits", || place.hits("three").len() == 2);
    blocked_are(&place, &[]);
    daemon.terminate();
    does(&place, &["rules", "enable", "three"]);
    let daemon = place.start_and_wait();
    place.append(&attack(&address(2)));
    blocked_are(&place, &[address(2)]);
    let (code, text) = place.code(&["rules", "off", "thre"]);
    assert!(code == 1 && text.contains("did you mean `three`?"), "{code} {text}");
    // Forget: what is in force ends, and no word of it stays in the store.
    let why = does(&place, &["why", &address(2)]);
    assert!(why.contains("three"), "{why}");
    does(&place, &["forget", &address(2)]);
    blocked_are(&place, &[]);
    let daemon = restart(&place, daemon);
    assert!(!does(&place, &["journal"]).contains(&address(2)), "it is gone from the journal");
    daemon.terminate();
    does(&place, &["forget", &address(1)]);
    assert!(!does(&place, &["journal"]).contains(&address(1)), "also without a daemon");
    let files = fs::read_dir(place.dir.join("state")).unwrap().flatten();
    for file in files.filter(|entry| entry.path().is_file()) {
        let bytes = fs::read(file.path()).unwrap();
        for gone in [address(1), address(2)] {
            let found = bytes.windows(gone.len()).any(|part| part == gone.as_bytes());
            assert!(!found, "`{gone}` is still in {}", file.path().display());
        }
    }
}

/// A config as `init` would write it: the shipped rules and every default of the guard.
fn first_days(root: &tempfile::TempDir) -> Place {
    let dir = root.path().join("p");
    let config = format!(
        "state_dir = \"state\"\n[[sources]]\nname = \"web\"\npaths = [\"{0}/access.log\"]\nformat = \"nginx\"\n{1}",
        dir.display(),
        web_file(&dir)
    );
    Place::with_config(root.path(), "p", &config)
}

fn guess(client: &str) -> String {
    line(client, "/login", 401).replace("GET", "POST").repeat(25)
}

fn probe(client: &str) -> String {
    line(client, "/.env", 404)
}

#[test]
fn serial_in_the_first_days_only_certain_rules_act_until_armed() {
    let root = tempfile::tempdir().unwrap();
    let place = first_days(&root);
    place.append(&probe(&address(9)));
    let daemon = place.start_and_wait();
    assert!(place.status().first_days_until.is_some());
    place.append(&(guess(&address(0)) + &*probe(&address(1))));
    blocked_are(&place, &[address(1)]);
    let rows = place.journal();
    let of = |client: &str| {
        rows.iter().find_map(|row| match &row.entry {
            Entry::Decision { row, .. } if row.decision.target.to_string() == client => Some(row),
            _ => None,
        })
    };
    let hour = Duration::from_hours(1);
    let certain = of(&address(1)).unwrap();
    assert!(certain.decision.duration().unwrap() <= hour, "at most an hour: {certain:?}");
    let shadowed = of(&address(0)).unwrap();
    let Verdict::Shadow(why) = &shadowed.verdict else { panic!("{shadowed:?}") };
    assert!(why.contains("riposte arm"), "{why}");
    assert!(of(&address(9)).is_none(), "on a new install reading starts at the end");
    // They last over a restart, and end by `arm` for good, also when killed right after.
    let mut daemon = restart(&place, daemon);
    assert!(place.status().first_days_until.is_some());
    let text = does(&place, &["arm"]);
    assert!(text.contains("http-login-guessing"), "it tells what was watched: {text}");
    daemon.kill();
    let daemon = place.start_and_wait();
    assert!(place.status().first_days_until.is_none());
    place.append(&guess(&address(2)));
    blocked_are(&place, &[address(1), address(2)]);
    daemon.terminate();
}

/// The last verdict of each target.
fn verdicts(place: &Place) -> BTreeMap<String, Verdict> {
    let mut verdicts = BTreeMap::new();
    for row in place.journal() {
        if let Entry::Decision { row, .. } = row.entry {
            verdicts.insert(row.decision.target.to_string(), row.verdict);
        }
    }
    verdicts
}

#[test]
fn serial_two_thousand_attackers_at_once_wait_for_the_ceiling_and_none_is_dropped() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, RULES, "");
    let config = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write(
        "riposte.toml",
        &config.replace("blocks_per_minute = 100000", "blocks_per_minute = 60"),
    );
    let mut daemon = place.start_and_wait();
    place.append(&(0..2_000).map(|n| line(&address(n), "/shell", 200)).collect::<String>());
    place.wait(Duration::from_secs(10), "all have hit", || place.hits("probe").len() == 2_000);
    place.wait(Duration::from_secs(5), "60 are blocked", || place.blocked().len() == 60);
    let status = place.status();
    assert_eq!((status.decisions_in_force, status.decisions_queued), (60, 1_940));
    let told =
        status.alarms.iter().any(|alarm| alarm.text.contains("60") && alarm.text.contains("wait"));
    assert!(told, "{:?}", status.alarms);
    let verdicts_now = verdicts(&place);
    let count = |verdict: &Verdict| verdicts_now.values().filter(|one| *one == verdict).count();
    assert_eq!((count(&Verdict::Pass), count(&Verdict::Queued)), (60, 1_940), "none is dropped");
    daemon.kill();
    let daemon = place.start_and_wait();
    let status = place.status();
    assert_eq!((status.decisions_in_force, status.decisions_queued), (60, 1_940), "after a kill");
    // In the next minute the rest is gathered into prefixes.
    let covers = |blocked: &[String], client: &str| {
        let client = Target::try_from(client.to_owned()).unwrap().net().unwrap();
        blocked.iter().any(|entry| {
            let entry = Target::try_from(entry.clone()).ok().and_then(|target| target.net());
            entry.is_some_and(|net| net.contains(&client))
        })
    };
    place.wait(Duration::from_secs(100), "all are blocked, most as prefixes", || {
        let blocked = place.blocked();
        (0..2_000).all(|n| covers(&blocked, &address(n)))
    });
    let status = place.status();
    assert_eq!(status.decisions_queued, 0);
    assert!(place.blocked().len() <= 120, "within the ceiling: {}", place.blocked().len());
    daemon.terminate();
}
