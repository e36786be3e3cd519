//! `riposte explain` with a daemon's windows: as of its last checkpoint, without touching them.

mod support;

use support::{Place, line};

const RULES: &str = r#"
rule("missing").on("http").when(|e| e.status == 404).by("ip").count(5, "1h")
    .then(|hit| block(hit.ip, "1h"));
"#;

#[test]
fn windows_are_those_of_the_last_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let place = Place::new(root.path(), "one", RULES, "");
    place.append(&line("203.0.113.9", "/a", 404).repeat(3));
    let daemon = place.start_and_wait();
    place.wait_until_read();
    daemon.terminate();
    place.command("rules").args(["shadow", "missing"]).output().unwrap();
    let asked = line("203.0.113.9", "/b", 404);
    let ask = |more: &[&str]| {
        let words: Vec<&str> =
            ["explain", "--json", asked.trim()].iter().chain(more).copied().collect();
        let said: serde_json::Value = serde_json::from_str(&place.ask(&words)).unwrap();
        said
    };
    // Twice, for explaining changes nothing.
    for _ in 0..2 {
        let said = ask(&[]);
        assert_eq!(said["state"]["from"], "checkpoint", "{said}");
        let rule = &said["rules"][0];
        assert_eq!(rule["window"]["before"]["count"], 3, "{said}");
        assert_eq!(rule["window"]["after"]["count"], 4, "{said}");
        assert_eq!(rule["mode"], "shadow");
        assert_eq!(rule["mode_from"], "set by hand");
    }
    let said = ask(&["--fresh"]);
    assert_eq!(said["rules"][0]["window"]["before"]["count"], 0, "{said}");
    let told = place.ask(&["explain", asked.trim()]);
    assert!(told.contains("the windows as of the daemon's checkpoint"), "{told}");
}
