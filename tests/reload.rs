//! Rules that change under a running daemon: one bad file takes down nothing, and a reload under
//! full load loses and doubles nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;
#[path = "reload/hostile.rs"]
mod hostile;
#[path = "reload/modules.rs"]
mod modules;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::trouble::address;
use support::{Place, line};

fn rule(name: &str, status: u16, count: u32) -> String {
    format!(
        "rule(\"{name}\").on(\"http\").when(|e| e.status == {status}).by(\"ip\").count({count}, \"1h\")\n    .then(|hit| block(hit.ip, \"1h\"));\n"
    )
}

/// A place with a folder of two rule files.
fn place(root: &tempfile::TempDir) -> Place {
    let place = Place::new(root.path(), "p", "", "");
    let config = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write("riposte.toml", &config.replace("rules.rhai", "rules"));
    fs::create_dir(place.dir.join("rules")).unwrap();
    place.write("rules/a.rhai", &rule("a", 404, 2));
    place.write("rules/b.rhai", &rule("b", 403, 2));
    place
}

fn reloads(place: &Place) -> usize {
    place.log().matches("config and rules were read again").count()
}

fn hit_by(place: &Place, rule: &str, client: &str) -> bool {
    place.hits(rule).contains_key(client)
}

/// Does something and waits until the rules were read again.
fn reload_after(place: &Place, work: impl FnOnce()) {
    let before = reloads(place);
    work();
    place.wait(Duration::from_secs(10), "rules are read again", || reloads(place) > before);
    // Several notices for one change may lead to several reloads.
    std::thread::sleep(Duration::from_millis(200));
}

#[test]
fn serial_a_bad_file_at_start_takes_nobody_down_and_counts_once_mended() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root);
    place.write("rules/b.rhai", "rule(\"b\").on(\"http\".count(2);");
    let daemon = place.start_and_wait();
    let log = place.log();
    assert!(log.contains("b.rhai") && log.contains("ERROR"), "{log}");
    place.append(&line(&address(0), "/", 404).repeat(2));
    place.wait(Duration::from_secs(5), "the good file works", || hit_by(&place, "a", &address(0)));
    reload_after(&place, || place.write("rules/b.rhai", &rule("b", 403, 2)));
    place.append(&line(&address(1), "/", 403).repeat(2));
    place.wait(Duration::from_secs(5), "the mended too", || hit_by(&place, "b", &address(1)));
    daemon.terminate();
}

#[test]
fn serial_of_a_file_that_turns_bad_the_last_good_version_stays() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root);
    let daemon = place.start_and_wait();
    // One line in b's window before, so that the window must survive as well.
    place.append(&line(&address(0), "/", 403));
    // By the file's change: b turns bad, a changes for the better in the same moment.
    reload_after(&place, || {
        place.write("rules/b.rhai", "rule(\"b\").on(\"http\").cuont(2, \"1h\");");
        place.write("rules/a.rhai", &rule("a", 404, 5));
    });
    let log = place.log();
    assert!(log.contains("cuont"), "the finding is told: {log}");
    assert!(log.contains("the last good version of this rule file stays in force"), "{log}");
    place.append(&line(&address(0), "/", 403));
    place.wait(Duration::from_secs(5), "b still counts", || hit_by(&place, "b", &address(0)));
    place.append(&line(&address(1), "/", 404).repeat(4));
    place.append(&line(&address(2), "/", 403).repeat(2));
    place.wait(Duration::from_secs(5), "b works", || hit_by(&place, "b", &address(2)));
    assert!(!hit_by(&place, "a", &address(1)), "a's new version is in force");
    place.append(&line(&address(1), "/", 404));
    place.wait(Duration::from_secs(5), "a fires at five", || hit_by(&place, "a", &address(1)));
    // By SIGHUP the same.
    reload_after(&place, || daemon.signal(rustix::process::Signal::HUP));
    place.append(&line(&address(3), "/", 403).repeat(2));
    place.wait(Duration::from_secs(5), "b works still", || hit_by(&place, "b", &address(3)));
    // Over a restart too.
    daemon.terminate();
    let daemon = place.start_and_wait();
    place.append(&line(&address(4), "/", 403).repeat(2));
    place.wait(Duration::from_secs(5), "b after a restart", || hit_by(&place, "b", &address(4)));
    // Mended: the new version is taken.
    reload_after(&place, || place.write("rules/b.rhai", &rule("b", 401, 2)));
    place.append(&line(&address(5), "/", 403).repeat(2));
    place.append(&line(&address(6), "/", 401).repeat(2));
    place.wait(Duration::from_secs(5), "the mended b", || hit_by(&place, "b", &address(6)));
    assert!(!hit_by(&place, "b", &address(5)), "the old b is gone");
    // Removed on purpose: its rules end.
    reload_after(&place, || fs::remove_file(place.dir.join("rules/b.rhai")).unwrap());
    place.append(&line(&address(7), "/", 401).repeat(2));
    place.append(&line(&address(8), "/", 404).repeat(5));
    place.wait(Duration::from_secs(5), "a goes on", || hit_by(&place, "a", &address(8)));
    assert!(!hit_by(&place, "b", &address(7)), "a removed file has no rules");
    daemon.terminate();
}

#[test]
fn serial_a_bad_config_at_reload_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root);
    let daemon = place.start_and_wait();
    let good = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write("riposte.toml", &format!("{good}\n[nonsense]\n"));
    place.wait(Duration::from_secs(5), "it is told", || {
        let log = place.log();
        log.contains("the config has faults") && log.contains("nonsense")
    });
    place.append(&line(&address(0), "/", 404).repeat(2));
    place.wait(Duration::from_secs(5), "all as before", || hit_by(&place, "a", &address(0)));
    reload_after(&place, || {
        place.write(
            "riposte.toml",
            &good.replace("[guard]", &format!("[guard]\nallow = [\"{}\"]", address(0))),
        );
    });
    let in_force = place.ask(&["decisions", "list"]);
    assert!(!in_force.contains(&address(0)), "the config's allowlist counts at once: {in_force}");
    daemon.terminate();
}

#[test]
fn serial_twenty_reloads_at_full_speed_lose_and_double_nothing() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root);
    // Each client's lines come once in each round, so every count straddles reloads.
    let (clients, rounds) = (400_usize, 60_usize);
    place.write("rules/a.rhai", &rule("a", 404, u32::try_from(rounds).unwrap()));
    let daemon = place.start_and_wait();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                let lines = (0..clients).map(|n| line(&address(n), &format!("/{round}"), 404));
                place.append(&lines.collect::<String>());
                std::thread::sleep(Duration::from_millis(100));
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut reloads = 0;
        while reloads < 20 || !done.load(Ordering::Relaxed) {
            reloads += 1;
            reload_after(&place, || {
                place.write("rules/b.rhai", &rule("b", 403, 2 + reloads));
            });
        }
        println!("{reloads} reloads");
    });
    place.wait(Duration::from_mins(1), "all fire at n", || place.hits("a").len() == clients);
    let hits = place.hits("a");
    assert!(hits.values().all(|count| *count == 1), "none is doubled: {hits:?}");
    // None was counted twice either: the next round is the first of new windows.
    let lines = (0..clients).map(|n| line(&address(n), "/more", 404));
    place.append(&lines.collect::<String>().repeat(rounds - 1));
    place.wait_until_read();
    assert_eq!(place.hits("a").values().sum::<u64>(), clients as u64, "not one event too many");
    let lines = (0..clients).map(|n| line(&address(n), "/last", 404));
    place.append(&lines.collect::<String>());
    place.wait(Duration::from_mins(1), "all fire again", || {
        place.hits("a").values().sum::<u64>() == 2 * clients as u64
    });
    daemon.terminate();
}
