//! `replay --against` and `--report` as a writer of rules uses them: a week of logs, the
//! shipped rules, and a copy of them with a threshold that is too low.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test helpers; what is skipped is told"
)]

#[path = "support/week.rs"]
#[allow(dead_code, reason = "shared with the tests of the report")]
mod week;

#[path = "reports/mend.rs"]
mod mend;
#[path = "reports/page.rs"]
mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use week::Week;

/// A folder with the logs, and two folders of rules.
struct Place {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Place {
    /// The shipped rules, and the same with `failures` of http-login at five.
    fn new(readers: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let week = Week::whole(7, readers);
        fs::write(root.join("access.log"), week.access_log()).unwrap();
        fs::write(root.join("auth.log"), week.auth_log()).unwrap();
        for folder in ["rules", "tried"] {
            fs::create_dir(root.join(folder)).unwrap();
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
            for entry in fs::read_dir(shipped).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    continue;
                }
                let name = path.file_name().unwrap();
                let mut text = fs::read_to_string(&path).unwrap();
                if folder == "tried" && name == "http-login.rhai" {
                    let changed =
                        text.replace(r#"param("failures", 20)"#, r#"param("failures", 5)"#);
                    assert_ne!(changed, text);
                    text = changed;
                }
                fs::write(root.join(folder).join(name), text).unwrap();
            }
        }
        Self { _dir: dir, root }
    }

    fn replay(&self, words: &[&str]) -> (i32, String, String) {
        let ran = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .args(["replay", "access.log", "auth.log", "--rules", "rules"])
            .args(words)
            .current_dir(&self.root)
            .output()
            .unwrap();
        (
            ran.status.code().unwrap(),
            String::from_utf8(ran.stdout).unwrap(),
            String::from_utf8(ran.stderr).unwrap(),
        )
    }
}

#[test]
fn a_threshold_that_is_too_low_is_seen_in_plain_words() {
    let place = Place::new(60);
    let (code, said, told) = place.replay(&["--against", "tried"]);
    assert_eq!(code, 0, "{told}");
    assert!(
        said.contains("~ http-login-guessing: window `20 within 5m`, now `5 within 5m`"),
        "{said}"
    );
    assert!(said.contains("3 targets not decided about before, 0 no longer"), "{said}");
    let last = "3 of 3 newly stopped clients look like customers. Look at rule";
    assert!(said.contains(last), "{said}");
    for (place, line) in said.lines().enumerate() {
        assert!(line.chars().count() <= 80 || place < 2, "{line}");
        assert!(!line.contains('\x1b'), "{line:?}");
    }
}

#[test]
fn the_same_rules_change_nothing() {
    let place = Place::new(10);
    let (code, said, _) = place.replay(&["--against", "rules"]);
    assert_eq!(code, 0);
    assert!(said.contains("The rules are the same."), "{said}");
    assert!(said.contains("0 added, 0 dropped, 0 moved in time, 0 longer or shorter"), "{said}");
    assert!(said.ends_with("No client is newly stopped.\n"), "{said}");
}

#[test]
fn the_shipped_rules_stop_attackers_alone() {
    let place = Place::new(60);
    let (code, said, _) = place.replay(&["--report"]);
    assert_eq!(code, 0);
    assert!(said.ends_with("None of 7 stopped clients looks like a customer.\n"), "{said}");
}

#[test]
fn scripts_get_lines_of_json_and_the_summary_last() {
    let place = Place::new(10);
    let lines = |words: &[&str]| -> Vec<serde_json::Value> {
        let (code, said, told) = place.replay(words);
        assert_eq!(code, 0, "{told}");
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let of = |lines: &[serde_json::Value], kind: &str| -> Vec<serde_json::Value> {
        lines.iter().filter(|line| line["type"] == kind).cloned().collect()
    };
    let all = lines(&["--against", "tried", "--json"]);
    assert_eq!(all.last().unwrap()["type"], "summary");
    assert_eq!(of(&all, "rule_change")[0]["rule"], "http-login-guessing");
    let change = &of(&all, "change")[0];
    assert_eq!(
        (&change["change"], &change["rule"]),
        (&"added".into(), &"http-login-guessing".into())
    );
    let evidence = &change["after"]["evidence"][0];
    assert_eq!(evidence["source"], "access.log");
    assert!(
        evidence["line"].as_u64().unwrap() > 0
            && evidence["text"].as_str().unwrap().contains("POST")
    );
    let clients = of(&all, "client");
    assert_eq!(clients.len(), 3);
    for client in &clients {
        assert_eq!(
            (&client["verdict"], &client["would_be"]),
            (&"customer".into(), &"stopped".into())
        );
        let parts = client["parts"].as_array().unwrap();
        let sum: i64 = parts.iter().map(|part| part["points"].as_i64().unwrap()).sum();
        assert_eq!(client["score"].as_i64().unwrap(), (50 + sum).clamp(0, 100));
    }
    let report = &of(&all, "report")[0];
    assert_eq!((&report["clients"], &report["customers"]), (&3.into(), &3.into()));

    let all = lines(&["--report", "--json"]);
    let plain = lines(&["--json"]);
    assert_eq!(of(&all, "hit"), of(&plain, "hit"));
    assert_eq!(of(&all, "decision"), of(&plain, "decision"));
    assert_eq!(of(&all, "client").len(), 7);
}

#[test]
fn what_cant_be_read_twice_is_told_of() {
    let place = Place::new(0);
    let ran = |words: &[&str]| {
        let log = fs::File::open(place.root.join("access.log")).unwrap();
        let ran = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .args(["replay", "-", "--rules", "rules"])
            .args(words)
            .current_dir(&place.root)
            .stdin(log)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ran.status.code().unwrap(), text(ran.stdout), text(ran.stderr))
    };
    let (code, _, told) = ran(&["--report"]);
    assert_eq!(code, 2);
    assert!(told.contains("`-` can't be read twice"), "{told}");
    let (code, said, _) = ran(&["--against", "tried"]);
    assert_eq!(code, 0);
    assert!(said.contains("http-login-guessing") && said.contains("can't be read twice"), "{said}");
}

#[test]
fn faults_of_rules_are_told_with_the_report_too() {
    let place = Place::new(0);
    let rule = "rule(\"faulty\").on(\"http\").by(\"ip\").count(5, \"10m\")\n    .then(|hit| { block(hit.ip, \"1h\"); throw \"over\"; });\n";
    fs::remove_dir_all(place.root.join("rules")).unwrap();
    fs::create_dir(place.root.join("rules")).unwrap();
    fs::write(place.root.join("rules/faulty.rhai"), rule).unwrap();
    let (_, said, told) = place.replay(&["--report"]);
    assert!(said.contains("rule `faulty`: "), "{said}{told}");
    assert!(said.contains("faulty.rhai:2:40: over"), "{said}");
    let (_, said, _) = place.replay(&["--report", "--json"]);
    assert!(said.contains(r#"{"type":"fault""#), "{said}");
    let (code, _, told) = place.replay(&["--report", "--rule", "faulty"]);
    assert_eq!(code, 2);
    assert!(told.contains("cannot be used with"), "{told}");
}
