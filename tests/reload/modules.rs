//! Plugins that are modules, changed under a running daemon: their rules follow at once, and a bad
//! version takes nothing down.

use super::support::{Place, line};
use super::{hit_by, reload_after};
use crate::support::trouble::address;
use std::fs;
use std::time::Duration;

/// A place with a rule that asks the module `shop` what it counts and how long it blocks.
fn place(root: &tempfile::TempDir) -> Place {
    let rules = r#"
rule("asks").on("http").when(|e| shop::counts(e.status)).by("ip").count(2, "1h")
    .then(|hit| block(hit.ip, shop::how_long()));
rule("plain").on("http").when(|e| e.status == 404).by("ip").count(2, "1h")
    .then(|hit| block(hit.ip, "1h"));
"#;
    let place = Place::new(root.path(), "p", rules, "[plugins.shop]\n");
    fs::create_dir_all(place.dir.join("plugins/shop")).unwrap();
    let manifest = "name = \"shop\"\nversion = \"1\"\nkind = \"module\"\ndescription = \"x\"\n";
    place.write("plugins/shop/plugin.toml", manifest);
    place.write("plugins/shop/lib.rhai", &module(403));
    place
}

fn module(status: u16) -> String {
    format!("fn counts(status) {{ status == {status} }}\nfn how_long() {{ \"1h\" }}\n")
}

/// Two lines of that status, from one client.
fn ask(place: &Place, number: usize, status: u16) {
    place.append(&line(&address(number), "/", status).repeat(2));
}

fn fires(place: &Place, rule: &str, number: usize, what: &str) {
    place.wait(Duration::from_secs(30), what, || hit_by(place, rule, &address(number)));
}

#[test]
fn serial_a_modules_new_version_counts_at_once() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root);
    let daemon = place.start_and_wait();
    ask(&place, 0, 403);
    fires(&place, "asks", 0, "the first version counts");
    reload_after(&place, || place.write("plugins/shop/lib.rhai", &module(401)));
    ask(&place, 1, 403);
    ask(&place, 2, 401);
    fires(&place, "asks", 2, "the second version counts");
    assert!(!hit_by(&place, "asks", &address(1)), "the first is gone");
    assert!(place.status().unapplied.is_empty());
    daemon.terminate();
}

#[test]
fn serial_of_a_module_that_turns_bad_the_last_good_version_stays() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root);
    let mut daemon = place.start_and_wait();
    let mut number = 0;
    for (bad, told) in [
        // It can't be read.
        ("fn counts(status) { status == 401 ".to_owned(), "lib.rhai"),
        // It lacks what a rule calls: sound by itself, but not with the rules.
        ("fn counts(status) { status == 401 }\n".to_owned(), "how_long"),
        // It may not do what it does.
        (format!("{}rule(\"own\").on(\"http\");\n", module(401)), "lib.rhai"),
    ] {
        reload_after(&place, || place.write("plugins/shop/lib.rhai", &bad));
        assert!(place.log().contains(told), "{told}: {}", place.log());
        let unapplied = place.status().unapplied;
        assert!(unapplied.iter().any(|one| one.contains("lib.rhai")), "{bad}: {unapplied:?}");
        let (code, said) = place.code(&["status"]);
        assert!(code == 1 && said.contains("last good version"), "{said}");
        let (_, said) = place.code(&["rules", "list"]);
        assert!(said.contains("asks"), "its rule is in force: {said}");
        ask(&place, number, 403);
        fires(&place, "asks", number, "the good version counts");
        ask(&place, number + 1, 404);
        fires(&place, "plain", number + 1, "others work");
        // Over a crash and a start too.
        daemon.kill();
        daemon = place.start_and_wait();
        ask(&place, number + 2, 403);
        fires(&place, "asks", number + 2, "the good version counts after a start");
        number += 3;
    }
    reload_after(&place, || place.write("plugins/shop/lib.rhai", &module(401)));
    ask(&place, number, 401);
    fires(&place, "asks", number, "the mended one counts");
    assert!(place.status().unapplied.is_empty());
    daemon.terminate();
}

#[test]
fn serial_of_a_rule_file_that_turns_bad_everybody_is_told() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root);
    let daemon = place.start_and_wait();
    let good = fs::read_to_string(place.dir.join("rules.rhai")).unwrap();
    reload_after(&place, || place.write("rules.rhai", &format!("{good}rule(\"x\").cuont(1);\n")));
    let (code, said) = place.code(&["status"]);
    assert!(
        code == 1 && said.contains("rules.rhai") && said.contains("last good version"),
        "{said}"
    );
    assert!(place.status().alarms.iter().any(|alarm| alarm.text.contains("last good version")));
    let (_, said) = place.code(&["rules", "list"]);
    let row = said.lines().find(|row| row.starts_with("plain")).unwrap_or_default();
    assert!(row.ends_with("(its last good version)"), "what is in force is listed: {said}");
    let (_, said) = place.code(&["doctor"]);
    assert!(said.contains("last good version"), "{said}");
    reload_after(&place, || place.write("rules.rhai", &good));
    let (_, said) = place.code(&["status"]);
    assert!(!said.contains("last good version counts (`riposte check`)"), "{said}");
    daemon.terminate();
}
